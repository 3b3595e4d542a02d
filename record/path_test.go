package record_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/unpack"
)

// sensorEvent is an event of n records of the sensor example, as Lambda writes it.
func sensorEvent(n int) []byte {
	var records []string
	for i := range n {
		data := fmt.Sprintf(`{"sensorId": %d,"currentTemperature": %d,"status": "%s"}`, i*7%50, 10+i*13%140, []string{"OK", "FAIL", "WARN"}[i%3])
		sequence := fmt.Sprintf("49545115243490985018280067714973144582180062%012d", 593244200961+i*997)
		records = append(records, fmt.Sprintf(`{"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":"%d","sequenceNumber":"%s","data":"%s",`+
			`"approximateArrivalTimestamp":%d.%03d},"eventSource":"aws:kinesis","eventVersion":"1.0","eventID":"shardId-000000000006:%s",`+
			`"eventName":"aws:kinesis:record","invokeIdentityArn":"arn:aws:iam::123456789012:role/lambda-role","awsRegion":"us-east-2",`+
			`"eventSourceARN":"arn:aws:kinesis:us-east-2:123456789012:stream/kdEntry"}`,
			i*104729, sequence, base64.StdEncoding.EncodeToString([]byte(data)), 1767323045+i/300, i*3%1000, sequence))
	}
	return []byte(`{"Records":[` + strings.Join(records, ",") + `]}`)
}

// BenchmarkPath is the whole way from an event to its CSV.
func BenchmarkPath(b *testing.B) {
	for _, n := range []int{100, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			event, reader, decoder := sensorEvent(n), new(record.EventReader), record.NewDecoder(record.Sensor())
			u, err := unpack.New(record.Sensor())
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				runs, err := reader.Read(event)
				if err != nil {
					b.Fatal(err)
				}
				if batch := decoder.Take(all(u.Cursor(runs[0].Records)), "", 1); batch.Rows != n {
					b.Fatal(batch.Rows)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/record")
		})
	}
}

// all gives the records of a cursor.
func all(c *unpack.Cursor) func(int) *record.Record {
	return func(int) *record.Record {
		r := c.Peek()
		c.Next()
		return r
	}
}
