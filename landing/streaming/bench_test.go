package streaming

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strings"
	"testing"

	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/record"
)

// nowhere takes every statement and does nothing.
type nowhere struct{}

func (nowhere) Exec(context.Context, string, ...any) (sql.Result, error) {
	return driver.RowsAffected(1), nil
}

func (nowhere) Query(context.Context, func(scan func(...any) error) error, string, ...any) error {
	return nil
}

// BenchmarkMerge is what Upsert does to a batch before a driver gets it: from CSV to the text of a bind.
func BenchmarkMerge(b *testing.B) {
	table := New(nowhere{}, schema.Defaults(), record.Sensor())
	for _, rows := range []int{100, 10_000} {
		b.Run(fmt.Sprint(rows), func(b *testing.B) {
			var csv strings.Builder
			csv.WriteString("SENSORID,CURRENTTEMPERATURE,STATUS,_SHARD,_SEQUENCE,_SUBSEQUENCE,_ORDINAL,_ARRIVED_AT,_GENERATION\n")
			for i := range rows {
				fmt.Fprintf(&csv, "%d,64,OK,shardId-000000000000,49545115243490985018280067714973144582180062%012d,0,%d,2026-01-02 03:04:05.678\n", i%50, i, i+1)
			}
			text := []byte(csv.String())
			b.ReportAllocs()
			for b.Loop() {
				reader, err := record.NewCSVReader(text)
				if err != nil {
					b.Fatal(err)
				}
				if m, err := table.Merge(b.Context(), reader); err != nil || m.Read != rows {
					b.Fatal(m, err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*rows), "ns/row")
		})
	}
}
