"""What a user of the original has in Python: boto3 to put and to invoke, the Snowflake connector to look."""
import json, sys
from datetime import date, datetime, time
from decimal import Decimal
from time import sleep
import boto3, snowflake.connector

def frames(c):
    """What people do with the rows next: a data frame of them, an empty one, one in several chunks, and each type."""
    table = c.cursor().execute("SELECT sensorid, status FROM KINESIS_SENSORS_STREAMING WHERE sensorid > 900 ORDER BY 1").fetch_pandas_all()
    assert list(table["SENSORID"]) == [901, 902] and list(table["STATUS"]) == ["OK", "WARN"], table
    empty = c.cursor().execute("SELECT sensorid FROM KINESIS_SENSORS_STREAMING WHERE FALSE").fetch_pandas_all()
    assert len(empty) == 0 and list(empty.columns) == ["SENSORID"], empty
    assert c.cursor().execute("SELECT sensorid FROM KINESIS_SENSORS_STREAMING WHERE FALSE").fetchall() == []
    many = c.cursor().execute("SELECT SEQ4() AS n, 'a rather long text ' || n AS t FROM TABLE(GENERATOR(ROWCOUNT => 100000))").fetch_pandas_all()
    assert sorted(many["N"]) == list(range(100000)), many
    got = c.cursor().execute("""SELECT TRUE, FALSE, NULL::BOOLEAN, 1.50, 12345678901234567890123, 1.5::FLOAT, 'x', '1969-12-31'::DATE,
        '1969-12-31 23:59:59.5'::TIMESTAMP_NTZ, '12:34:56.789'::TIME, TO_BINARY('00ff')""").fetchone()
    want = (True, False, None, Decimal("1.50"), 12345678901234567890123, 1.5, "x", date(1969, 12, 31), datetime(1969, 12, 31, 23, 59, 59, 500000),
            time(12, 34, 56, 789000), b"\x00\xff")
    assert got == want, got


s = json.load(open(sys.argv[1]))
aws = dict(region_name=s["region"], aws_access_key_id="x", aws_secret_access_key="y")
kinesis = boto3.client("kinesis", endpoint_url=s["kinesis"], **aws)
reading = {"sensorId": 901, "currentTemperature": 64, "status": "OK"}
kinesis.put_record(StreamName=s["stream"], Data=json.dumps(reading), PartitionKey="p")
s3 = boto3.client("s3", endpoint_url=s["s3"], **aws)
s3.put_object(Bucket=s["bucket"], Key="mine/a.csv", Body=b"x\n1\n")
assert s3.get_object(Bucket=s["bucket"], Key="mine/a.csv")["Body"].read() == b"x\n1\n"
upsert = boto3.client("lambda", endpoint_url=s["lambda"], **aws)
payload = json.dumps({"content": [{"sensorId": 902, "currentTemperature": 65, "status": "WARN"}]})
assert upsert.invoke(FunctionName="SnowflakeUpsert", InvocationType="Event", Payload=payload)["StatusCode"] == 202
host, port = s["snowflake"].removeprefix("http://").split(":")
with snowflake.connector.connect(account=s["account"], user=s["user"], password=s["password"], host=host, port=int(port),
                                 protocol="http", database=s["database"], schema=s["schema"]) as c:
    query = "SELECT sensorid, status FROM KINESIS_SENSORS_STREAMING WHERE sensorid > %s ORDER BY 1"
    for _ in range(300):
        rows = c.cursor().execute(query, (900,)).fetchall()
        if rows == [(901, "OK"), (902, "WARN")]:
            frames(c)
            print("python ok")
            sys.exit(0)
        sleep(0.1)
    sys.exit(f"the tables have {rows}")
