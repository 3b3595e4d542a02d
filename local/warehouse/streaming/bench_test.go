package streaming

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

// BenchmarkCommit is what an append costs from its unpacked rows to the commit: reading the JSON, converting, DuckDB, the
// log on the disk. It runs on one core as often as not, because a table has one transaction at a time.
func BenchmarkCommit(b *testing.B) {
	const batches, perBatch = 20, 1000
	r := newRigOn(b, openAccount(b, b.TempDir()), Config{Tick: time.Hour})
	p := r.account.table(b, "T", "SENSOR_ID NUMBER, CURRENT_TEMPERATURE NUMBER, STATUS VARCHAR, READING FLOAT, _SHARD VARCHAR NOT NULL, _ORDINAL NUMBER(38,0) NOT NULL, "+
		"_SEQUENCE_NUMBER VARCHAR, _ARRIVED_AT TIMESTAMP_NTZ, _PARTITION_KEY VARCHAR")
	var bodies []string
	for i := range batches {
		var body strings.Builder
		for j := range perBatch {
			n := i*perBatch + j
			fmt.Fprintf(&body, `{"SENSOR_ID":%d,"CURRENT_TEMPERATURE":%d,"STATUS":"OK","READING":%d.25,"_SHARD":"shardId-000000000000","_ORDINAL":%d,"_SEQUENCE_NUMBER":"%056d",`+
				`"_ARRIVED_AT":"2026-11-30 10:11:12.%03d","_PARTITION_KEY":"key-%d"}`+"\n", n%100, n%200, n, n, n, n%1000, n%50)
		}
		bodies = append(bodies, body.String())
	}
	next, _ := r.mustOpen("T", "C")
	t, err := parseToken(next)
	if err != nil {
		b.Fatal(err)
	}
	before := cpu(b)
	for b.Loop() {
		for i, body := range bodies {
			end := fmt.Sprint(i)
			if t, err = r.server.append(p, "C", t, batch{body: []byte(body), end: &end, arrived: time.Now()}); err != nil {
				b.Fatal(err)
			}
		}
		if err := r.server.commit(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*batches*perBatch)/(cpu(b)-before).Seconds(), "rows/cpu-s")
}

// cpu is the time that this process has computed.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
