// Puts 100 sensor records; AWS_ENDPOINT_URL_KINESIS points at a local stack.
import { KinesisClient, PutRecordsCommand } from "@aws-sdk/client-kinesis";

const kinesis = new KinesisClient({});
const whole = (below) => Math.floor(Math.random() * below);
let records = Array.from({ length: 100 }, () => {
  const sensorId = whole(50);
  const record = { sensorId, currentTemperature: 10 + whole(141), status: ["OK", "WARN", "FAIL"][whole(3)] };
  return { Data: new TextEncoder().encode(JSON.stringify(record)), PartitionKey: String(sensorId) };
});
while (records.length > 0) {
  const answer = await kinesis.send(new PutRecordsCommand({ StreamName: "kdEntry", Records: records }));
  // An answer is per record: only those with an error code are sent again.
  records = records.filter((_, i) => answer.Records[i].ErrorCode);
}
console.log("100 records put");
