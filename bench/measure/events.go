package main

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
)

// seed makes the data the same in each run.
const seed = 20261101

// kinesisEvent is an event as Lambda hands it to a function: records of the sensor example, with the fields and their
// order as AWS documents them, about 620 bytes each.
func kinesisEvent(records int) []byte { return kinesisEventFrom(0, records) }

// kinesisEventFrom is an event whose records come after the first ones of the shard, up to a hundred million of them.
func kinesisEventFrom(first, records int) []byte {
	random := rand.New(rand.NewPCG(seed+uint64(first), uint64(records)))
	status := []string{"OK", "FAIL", "WARN"}
	arrived := int64(1767323045678)
	var b strings.Builder
	b.WriteString(`{"Records":[`)
	for i := range records {
		if i > 0 {
			b.WriteByte(',')
		}
		arrived += random.Int64N(4)
		data := fmt.Sprintf(`{"sensorId": %d,"currentTemperature": %d,"status": "%s"}`, random.IntN(50), 10+random.IntN(140), status[random.IntN(3)])
		sequence := fmt.Sprintf("49545115243490985018280067714973144582180062%012d", 593244200961+int64(first+i)*1000+random.Int64N(1000))
		fmt.Fprintf(&b, `{"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":"%d","sequenceNumber":"%s","data":"%s",`+
			`"approximateArrivalTimestamp":%d.%03d},"eventSource":"aws:kinesis","eventVersion":"1.0","eventID":"shardId-000000000006:%s",`+
			`"eventName":"aws:kinesis:record","invokeIdentityArn":"arn:aws:iam::123456789012:role/lambda-role","awsRegion":"us-east-2",`+
			`"eventSourceARN":"arn:aws:kinesis:us-east-2:123456789012:stream/kdEntry"}`,
			random.Int64N(1e12), sequence, base64.StdEncoding.EncodeToString([]byte(data)), arrived/1000, arrived%1000, sequence)
	}
	b.WriteString("]}")
	return []byte(b.String())
}
