"""The official SDK of Snowpipe Streaming, unmodified: its whole life against the local warehouse.

Usage: snowpipe_sdk.py SETTINGS https|http first|second. The first process leaves rows uncommitted; the second one comes after
the server was killed, and goes on behind the committed token.
"""
import json, os, sys
from snowflake.ingest.streaming import StreamingIngestClient

settings, scheme, phase = json.load(open(sys.argv[1])), sys.argv[2], sys.argv[3]
LAST = 9999
profile = settings["snowpipe_profile_file"]
properties = json.load(open(profile))
if scheme == "http":
    properties["url"] = settings["snowpipe_http_url"]


def client():
    where = dict(client_name="SDK", db_name=settings["database"], schema_name=settings["schema"], pipe_name="SDK_ROWS-STREAMING")
    return StreamingIngestClient(**where, profile_json=profile) if scheme == "https" else StreamingIngestClient(**where, properties=properties)


def row(i):
    return {"id": i, "name": "name %d" % i, "v": {"list": [i, None, "é\n"], "half": i + 0.5}}


def append(channel, first, last):
    for i in range(first, last + 1):
        channel.append_row(row(i), offset_token=str(i))


def wait(channel, last):
    channel.wait_for_commit(lambda token: token is not None and int(token) >= last, timeout_seconds=120)


def expect(what, got, want):
    if got != want:
        sys.exit("%s: %r, not %r" % (what, got, want))


c = client()
channel, status = c.open_channel("C1")
if phase == "first":
    expect("token of a new channel", status.latest_committed_offset_token, None)
    append(channel, 0, LAST)
    wait(channel, LAST)
    expect("rows inserted", channel.get_channel_status().rows_inserted_count, LAST + 1)
    channel.close()
    channel, status = c.open_channel("C1")
    expect("token after reopening", status.latest_committed_offset_token, str(LAST))
    append(channel, LAST + 1, LAST + 500)
    channel.append_row({"id": "no number"}, offset_token=str(LAST + 501))
    print("sdk ok", flush=True)
    os._exit(0)  # without a close: what is not sent yet goes with the process

committed = status.latest_committed_offset_token
if not LAST <= int(committed) <= LAST + 501:
    sys.exit("after the kill the channel has committed %s" % committed)
append(channel, int(committed) + 1, LAST + 1000)
wait(channel, LAST + 1000)
status = channel.get_channel_status()
expect("status", status.status_code, "SUCCESS")
if status.rows_error_count > 1:
    sys.exit("%d rows are rejected: %s" % (status.rows_error_count, status.last_error_message))
channel.close()
c.drop_channel("C1")
channel, status = c.open_channel("C1")
expect("token of a channel that was dropped", status.latest_committed_offset_token, None)
channel.close()
c.close()
print("sdk ok")
