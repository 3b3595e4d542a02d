"""Functions of a user's own, deployed by boto3 as to AWS: one in Python as the original's, one in Go."""
import io, json, sys, time, zipfile
import boto3
from botocore.exceptions import ClientError

# What the original does with its events: decode the records, and put them as an object of CSV.
SOURCE = '''
import base64, csv, io, json, os, boto3
s3 = boto3.client("s3")

def lambda_handler(event, context):
    text = io.StringIO()
    rows = csv.writer(text)
    for record in event["Records"]:
        reading = json.loads(base64.b64decode(record["kinesis"]["data"]))
        rows.writerow([reading["sensorId"], reading["currentTemperature"], reading["status"]])
    s3.put_object(Bucket=os.environ["BUCKET"], Key=f"pilot/{context.aws_request_id}.csv", Body=text.getvalue())
    print("put", len(event["Records"]), "records")
    return {"statusCode": 200}
'''


def zipped(name, content, mode=0o644):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        info = zipfile.ZipInfo(name)
        info.external_attr, info.compress_type = mode << 16, zipfile.ZIP_DEFLATED
        z.writestr(info, content)
    return out.getvalue()


def refused(words, call, **arguments):
    try:
        call(**arguments)
    except ClientError as e:
        assert words in str(e), e
    else:
        raise AssertionError(f"not refused: {arguments}")


s = json.load(open(sys.argv[1]))
client = lambda service: boto3.client(service, endpoint_url=s[service], region_name=s["region"], aws_access_key_id="x", aws_secret_access_key="y")
kinesis, s3, functions = client("kinesis"), client("s3"), client("lambda")
role = "arn:aws:iam::000000000000:role/pilot"

made = functions.create_function(
    FunctionName="PilotOrchestrator", Runtime="python3.12", Role=role, Handler="lambda_function.lambda_handler", Timeout=30,
    Code={"ZipFile": zipped("lambda_function.py", SOURCE)}, Environment={"Variables": {"BUCKET": s["bucket"]}},
)
functions.get_waiter("function_active_v2").wait(FunctionName="PilotOrchestrator")
kinesis.create_stream(StreamName="pilot", ShardCount=2)
stream = kinesis.describe_stream(StreamName="pilot")["StreamDescription"]["StreamARN"]
functions.create_event_source_mapping(EventSourceArn=stream, FunctionName=made["FunctionArn"], StartingPosition="TRIM_HORIZON", BatchSize=30)
want = [f"{i},{60 + i % 9},OK" for i in range(100)]
put = kinesis.put_records(StreamName="pilot", Records=[
    {"PartitionKey": str(i), "Data": json.dumps({"sensorId": i, "currentTemperature": 60 + i % 9, "status": "OK"})} for i in range(100)])
assert put["FailedRecordCount"] == 0, put
got, deadline = [], time.time() + 60
while sorted(got) != sorted(want):
    assert time.time() < deadline, f"{len(got)} of {len(want)} rows have come"
    time.sleep(0.2)
    objects = s3.list_objects_v2(Bucket=s["bucket"], Prefix="pilot/").get("Contents", [])
    got = [row for o in objects for row in s3.get_object(Bucket=s["bucket"], Key=o["Key"])["Body"].read().decode().split()]

# The program in Go comes from S3, and takes the place of another in the same function.
go = open(sys.argv[2], "rb").read()
s3.put_object(Bucket=s["bucket"], Key="code/mine.zip", Body=zipped("bootstrap", go, 0o755))
functions.create_function(FunctionName="mine", Runtime="provided.al2023", Role=role, Handler="bootstrap",
                          Code={"ZipFile": zipped("bootstrap", "#!/bin/sh\nexit 1\n", 0o755)}, Environment={"Variables": {"GREETING": "hello"}})
assert functions.invoke(FunctionName="mine", Payload=b"{}").get("FunctionError") == "Unhandled"
functions.update_function_code(FunctionName="mine", S3Bucket=s["bucket"], S3Key="code/mine.zip")
functions.get_waiter("function_updated_v2").wait(FunctionName="mine")
answer = functions.invoke(FunctionName="mine", Payload=b'{"N": 21}')
assert json.load(answer["Payload"]) == {"twice": 42, "greeting": "hello"} and "FunctionError" not in answer, answer

for name in "SnowflakeOrchestrator", "SnowflakeUpsert":
    refused("DeleteFunction of " + name, functions.delete_function, FunctionName=name)
    refused("UpdateFunctionCode of " + name, functions.update_function_code, FunctionName=name, ZipFile=zipped("bootstrap", go, 0o755))
    refused("already exist", functions.create_function, FunctionName=name, Runtime="provided.al2023", Role=role, Handler="bootstrap",
            Code={"ZipFile": zipped("bootstrap", go, 0o755)})
functions.delete_function(FunctionName="mine")
assert sorted(f["FunctionName"] for f in functions.list_functions()["Functions"]) == ["PilotOrchestrator", "SnowflakeOrchestrator", "SnowflakeUpsert"]
print("functions ok")
