"""Puts 100 sensor records; AWS_ENDPOINT_URL_KINESIS points at a local stack."""

import json
import random

import boto3

kinesis = boto3.client("kinesis")
records = [
    {
        "Data": json.dumps(
            {"sensorId": sensor, "currentTemperature": random.randint(10, 150), "status": random.choice(["OK", "WARN", "FAIL"])}
        ).encode(),
        "PartitionKey": str(sensor),
    }
    for sensor in (random.randrange(50) for _ in range(100))
]
while records:
    answer = kinesis.put_records(StreamName="kdEntry", Records=records)
    # An answer is per record: only those with an error code are sent again.
    records = [r for r, result in zip(records, answer["Records"]) if result.get("ErrorCode")]
print("100 records put")
