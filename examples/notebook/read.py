"""Compares the two tables of a running local stack; the argument is its data folder."""

import json
import pathlib
import sys
import urllib.parse

import snowflake.connector

settings = json.loads((pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".snowstream") / "settings.json").read_text())
address = urllib.parse.urlparse(settings["snowflake"])
connection = snowflake.connector.connect(
    protocol=address.scheme,
    host=address.hostname,
    port=address.port,
    account=settings["account"],
    user=settings["user"],
    password=settings["password"],
    database=settings["database"],
    schema=settings["schema"],
)
query = """
SELECT 'streaming' AS WAY, COUNT(*) AS N FROM KINESIS_SENSORS_STREAMING
UNION ALL
SELECT 'micro-batch', COUNT(*) FROM KINESIS_SENSORS_MICROBATCH
ORDER BY 1
"""
for way, rows in connection.cursor().execute(query):
    print(f"{way:<12} {rows:>10}")
connection.close()
