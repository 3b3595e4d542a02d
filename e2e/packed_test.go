package e2e

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/snowstream/snowstream/record/aggregate"
)

// TestPackedRecords sends one KPL aggregate, one of them compressed, and one record that is too large for an
// invocation's payload, through the whole drawing.
func TestPackedRecords(t *testing.T) {
	dir := t.TempDir()
	l := start(t, dir, "--rate", "0.001", "--batch-window", "1s")
	o := join(t, l.ready(t, dir))
	reading := func(i int) string {
		return fmt.Sprintf(`{"sensorId": 900, "currentTemperature": %d, "status": "packed"}`, i)
	}
	var pack aggregate.Encoder
	for i := range 100 {
		data := []byte(reading(i))
		if i%2 == 1 {
			var b bytes.Buffer
			w := gzip.NewWriter(&b)
			if _, err := w.Write(data); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			data = b.Bytes()
		}
		pack.Add(aggregate.UserRecord{PartitionKey: fmt.Sprint(i), Data: data})
	}
	o.put(t, []string{string(pack.Append(nil)), reading(100)})
	for _, table := range []string{"KINESIS_SENSORS_STREAMING", "KINESIS_SENSORS_MICROBATCH"} {
		o.until(t, 101, "SELECT COUNT(DISTINCT currenttemperature) FROM "+table+" WHERE status = 'packed'")
		if n := o.number(t, `SELECT COUNT(*) FROM `+table+` WHERE "_SUBSEQUENCE" = currenttemperature AND currenttemperature < 100 AND status = 'packed'`); n != 100 {
			t.Errorf("%s: %d of 100 rows have the sub-sequence number of their place", table, n)
		}
	}
	o.large(t)
	l.stop(t).complete(t)
}

// large puts a record of 4 MiB, full of characters that grow in CSV and JSON, so that the hand-over has to point to
// the object.
func (o outside) large(t *testing.T) {
	t.Helper()
	_, err := o.kinesis.UpdateMaxRecordSize(t.Context(), &kinesis.UpdateMaxRecordSizeInput{
		StreamARN: aws.String("arn:aws:kinesis:us-east-1:000000000000:stream/" + o.Stream), MaxRecordSizeInKiB: aws.Int32(10240),
	})
	if err != nil {
		t.Fatal(err)
	}
	status := strings.Repeat(`\"\\`, 1<<20)
	o.put(t, []string{`{"sensorId": 901, "currentTemperature": 1, "status": "` + status + `"}`})
	for _, table := range []string{"KINESIS_SENSORS_STREAMING", "KINESIS_SENSORS_MICROBATCH"} {
		o.until(t, 1, "SELECT COUNT(*) FROM "+table+" WHERE sensorid = 901 AND LENGTH(status) = 2097152")
	}
}
