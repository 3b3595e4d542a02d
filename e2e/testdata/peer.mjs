// The AWS SDK for JavaScript v3 on its defaults: it speaks HTTP/2 by prior knowledge to Kinesis.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const settings = JSON.parse(readFileSync(process.argv[2]));
const require = createRequire(process.argv[3] + "/");
const { KinesisClient, ...kinesis } = require("@aws-sdk/client-kinesis");
const { S3Client, ...s3 } = require("@aws-sdk/client-s3");
const { LambdaClient, ...lambda } = require("@aws-sdk/client-lambda");

const check = (ok, what) => { if (!ok) throw new Error(what); };
const credentials = { accessKeyId: "local", secretAccessKey: "local" };
const options = (endpoint) => ({ region: settings.region, endpoint, credentials });

async function streams(endpoint, records) {
  const client = new KinesisClient(options(endpoint));
  const StreamName = settings.stream;
  const out = await client.send(new kinesis.PutRecordsCommand({
    StreamName,
    Records: Array.from({ length: records }, (_, i) => ({
      PartitionKey: `node-${i}`,
      Data: Buffer.from(JSON.stringify({ sensorId: 7000 + i, currentTemperature: 20, status: "OK" })),
    })),
  }));
  check(out.FailedRecordCount === 0 && out.Records.length === records, "records were refused");
  const { Shards } = await client.send(new kinesis.ListShardsCommand({ StreamName }));
  const { ShardIterator } = await client.send(new kinesis.GetShardIteratorCommand({
    StreamName, ShardId: Shards[0].ShardId, ShardIteratorType: "TRIM_HORIZON",
  }));
  const read = await client.send(new kinesis.GetRecordsCommand({ ShardIterator }));
  check(read.Records.length >= records && read.Records[0].ApproximateArrivalTimestamp > new Date("2020-01-01"), "records were not read");

  const { StreamDescriptionSummary: stream } = await client.send(new kinesis.DescribeStreamSummaryCommand({ StreamName }));
  const { Consumer } = await client.send(new kinesis.RegisterStreamConsumerCommand({ StreamARN: stream.StreamARN, ConsumerName: `node-${records}` }));
  const { EventStream } = await client.send(new kinesis.SubscribeToShardCommand({
    ConsumerARN: Consumer.ConsumerARN, ShardId: Shards[0].ShardId, StartingPosition: { Type: "TRIM_HORIZON" },
  }));
  let pushed = 0;
  for await (const event of EventStream) {
    pushed += event.SubscribeToShardEvent.Records.length;
    if (pushed >= records) break;
  }
  await client.send(new kinesis.DeregisterStreamConsumerCommand({ ConsumerARN: Consumer.ConsumerARN }));
  let refusal;
  await client.send(new kinesis.DescribeStreamSummaryCommand({ StreamName: "nobody" })).catch((e) => { refusal = e; });
  check(refusal?.name === "ResourceNotFoundException" && refusal.message.includes("nobody"), `refused with ${refusal}`);
  client.destroy();
}

async function objects(endpoint) {
  const client = new S3Client({ ...options(endpoint), forcePathStyle: true });
  await client.send(new s3.PutObjectCommand({ Bucket: settings.bucket, Key: "elsewhere/node", Body: "from node" }));
  const got = await client.send(new s3.GetObjectCommand({ Bucket: settings.bucket, Key: "elsewhere/node" }));
  check(await got.Body.transformToString() === "from node", "another object came back");
  client.destroy();
}

async function functions(endpoint) {
  const client = new LambdaClient(options(endpoint));
  const { Functions } = await client.send(new lambda.ListFunctionsCommand({}));
  check(Functions.some((f) => f.FunctionName === "SnowflakeOrchestrator"), "the orchestrator is not listed");
  client.destroy();
}

await streams(settings.kinesis, 20);
await objects(settings.s3);
await functions(settings.lambda);
await streams(settings.kinesis_https, 10);
await objects(settings.s3_https);
await functions(settings.lambda_https);
console.log("node ok");
