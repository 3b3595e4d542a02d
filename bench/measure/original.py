"""The original's way, as a child process: a handler that makes a DataFrame of a Kinesis event and a CSV of that.

Commands come in as lines, answers go out as lines: "load <bytes>" and that many bytes take an event, "run <n>" handles
it n times and answers with nanoseconds of CPU time, "csv" answers with the CSV's length and the CSV.
"""
import base64
import json
import sys
import time

import pandas as pd


def handler(event):
    rows = [json.loads(base64.b64decode(r["kinesis"]["data"]).decode("utf-8")) for r in event["Records"]]
    return pd.DataFrame(rows).to_csv(index=False)


def main():
    commands, answers = sys.stdin.buffer, sys.stdout.buffer
    answers.write(("pandas %s, Python %s\n" % (pd.__version__, sys.version.split()[0])).encode())
    answers.flush()
    event, csv = b"", ""
    for command in iter(commands.readline, b""):
        verb, _, argument = command.decode().strip().partition(" ")
        if verb == "load":
            event = commands.read(int(argument))
            continue
        if verb == "run":
            before = time.process_time_ns()
            for _ in range(int(argument)):
                csv = handler(json.loads(event))
            answers.write(b"%d\n" % (time.process_time_ns() - before))
        if verb == "csv":
            answers.write(b"%d\n" % len(csv.encode()) + csv.encode())
        answers.flush()


main()
