package unpack

import (
	"fmt"
	"testing"

	"github.com/snowstream/snowstream/record"
)

// BenchmarkUnpack is a batch of 100 Kinesis records of each kind.
func BenchmarkUnpack(b *testing.B) {
	const payload = `{"sensorId": 6,"currentTemperature": 64,"status": "OK"}`
	u, err := New(record.Sensor())
	if err != nil {
		b.Fatal(err)
	}
	ten := make([]string, 10)
	for i := range ten {
		ten[i] = payload
	}
	for _, c := range []struct {
		kind, data string
		want       int
	}{{"plain", payload, 100}, {"gzip", gzipped(b, payload), 100}, {"zstd", zstded(b, payload), 100}, {"aggregates of 10", aggregated(b, ten...), 1000}} {
		b.Run(c.kind, func(b *testing.B) {
			records := make([]record.Record, 100)
			for i := range records {
				records[i].Position = record.Position{Shard: "shardId-000000000000", Sequence: fmt.Sprint(1000 + i)}
				records[i].Data = []byte(c.data)
			}
			b.ReportAllocs()
			for b.Loop() {
				n := 0
				for cursor := u.Cursor(records); ; n++ {
					r := cursor.Peek()
					if r == nil {
						break
					}
					if r.Refused != record.OK {
						b.Fatal(r.Refused)
					}
					cursor.Next()
				}
				if n != c.want {
					b.Fatal(n)
				}
			}
		})
	}
}
