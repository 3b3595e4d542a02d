"""What a user of the original has in Python: boto3 to put and to invoke, the Snowflake connector to look."""
import json, os, sys
from datetime import date, datetime, time
from decimal import Decimal
from time import sleep
import tempfile, boto3, pandas, snowflake.connector
from pathlib import Path
from snowflake.connector.pandas_tools import write_pandas

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


def files(c):
    """Files go to a stage and come back, and a data frame becomes rows of a table."""
    run = lambda text: c.cursor().execute(text).fetchall()
    with tempfile.TemporaryDirectory() as folder:
        for name, text in {"one.csv": "1,a\n", "two.csv": "2,b\n"}.items():
            Path(folder, name).write_text(text)
        run("CREATE TEMPORARY STAGE files")
        put = run(f"PUT file://{folder}/one.csv @files")
        assert put[0][1] == "one.csv.gz" and put[0][6] == "UPLOADED", put
        put = run(f"PUT 'file://{folder}/*.csv' @files/plain AUTO_COMPRESS = FALSE OVERWRITE = TRUE")
        assert [(p[1], p[6]) for p in put] == [("one.csv", "UPLOADED"), ("two.csv", "UPLOADED")], put
        assert [f[0] for f in run("LIST @files")] == ["files/one.csv.gz", "files/plain/one.csv", "files/plain/two.csv"]
        back = Path(folder, "back")
        back.mkdir()
        run(f"GET @files file://{back}")
        assert sorted(os.listdir(back)) == ["one.csv", "one.csv.gz", "two.csv"] and Path(back, "two.csv").read_text() == "2,b\n"
        run("CREATE TEMPORARY TABLE loaded (n INT, s STRING)")
        run("COPY INTO loaded FROM @files/plain FILE_FORMAT = (TYPE = CSV) PURGE = TRUE")
        assert run("SELECT * FROM loaded ORDER BY n") == [(1, "a"), (2, "b")] and len(run("LIST @files")) == 1
    frame = pandas.DataFrame({"N": [1, 2, 3], "S": ["a", None, "ü"], "F": [0.1, None, 1.5], "D": [date(2024, 2, 29)] * 3,
                              "T": pandas.to_datetime(["2024-01-02 03:04:05.123456"] * 3)})
    run("CREATE TABLE IF NOT EXISTS written (n INT, s STRING, f FLOAT, d DATE, t TIMESTAMP_NTZ)")
    run("TRUNCATE TABLE written")
    assert write_pandas(c, frame, "WRITTEN")[0] and write_pandas(c, frame, "WRITTEN", chunk_size=2, bulk_upload_chunks=True)[0]
    at = datetime(2024, 1, 2, 3, 4, 5, 123456)
    want = [(1, "a", 0.1, date(2024, 2, 29), at), (2, None, None, date(2024, 2, 29), at), (3, "ü", 1.5, date(2024, 2, 29), at)]
    assert write_pandas(c, frame, "MADE", auto_create_table=True, overwrite=True)[0] and run("SELECT n, s, f, d, t FROM made ORDER BY n") == want
    assert run("SELECT DISTINCT * FROM written ORDER BY n") == want and run("SELECT COUNT(*) FROM written") == [(6,)]


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
            files(c)
            print("python ok")
            sys.exit(0)
        sleep(0.1)
    sys.exit(f"the tables have {rows}")
