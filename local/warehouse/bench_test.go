package warehouse

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// BenchmarkMerge is one batch of new rows by the pipeline's statement.
func BenchmarkMerge(b *testing.B) {
	for _, size := range []int{100, 10000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			st := newStack(b)
			db := st.connect()
			exec(b, db, `CREATE TABLE streaming (sensorid int, status string, _shard string, _ordinal int, _arrived_at timestamp_ntz)`)
			next := 0
			for b.Loop() {
				rows := make([][]any, size)
				first := next
				for i := range rows {
					next++
					rows[i] = []any{"64", "OK", "shardId-000000000000", fmt.Sprint(next), "2026-01-02 03:04:05.678"}
				}
				payload, err := json.Marshal(rows)
				if err != nil {
					b.Fatal(err)
				}
				exec(b, db, upsertText, string(payload), first)
			}
		})
	}
}

// BenchmarkCopy is one file with the columns of the sensor example.
func BenchmarkCopy(b *testing.B) {
	for _, size := range []int{100, 1_000_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			st := newStack(b)
			db := st.connect()
			exec(b, db, `CREATE TABLE micro (sensorid int, currenttemperature int, status string, _shard string, _ordinal int, _arrived_at timestamp_ntz)`)
			exec(b, db, `CREATE STAGE st URL = 's3://raw/' FILE_FORMAT = (TYPE = CSV PARSE_HEADER = TRUE FIELD_OPTIONALLY_ENCLOSED_BY = '"' ESCAPE_UNENCLOSED_FIELD = NONE NULL_IF = ())`)
			var file strings.Builder
			file.WriteString("SENSORID,CURRENTTEMPERATURE,STATUS,_SHARD,_ORDINAL,_ARRIVED_AT\n")
			for i := range size {
				fmt.Fprintf(&file, "\"%d\",\"64\",\"OK\",\"shardId-000000000000\",\"%d\",\"2026-01-02 03:04:05.678\"\n", i%51, i)
			}
			st.bucket.put("file", file.String())
			for b.Loop() {
				exec(b, db, "COPY INTO micro FROM @st/file MATCH_BY_COLUMN_NAME = CASE_SENSITIVE FORCE = TRUE")
			}
		})
	}
}
