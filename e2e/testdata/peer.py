"""What a user of the original has in Python: boto3 to put and to invoke, the Snowflake connector to look."""
import json, sys, time
import boto3, snowflake.connector

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
            print("python ok")
            sys.exit(0)
        time.sleep(0.1)
    sys.exit(f"the tables have {rows}")
