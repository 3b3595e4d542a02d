package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/snowstream/snowstream/internal/long"
)

// The matrix: what people and services do to a deployment, each with load before, during and after. Each line ends exact, or is
// refused before the first record; a repair runs twice in every line, and never makes an independent count worse. Other lines
// have tests of their own: see matrix_service_test.go, matrix_folder_test.go, generation_test.go, expired_test.go, gone_test.go,
// refused_test.go, chaos_test.go, memory_linux_test.go, audit_test.go and failed_test.go.

// batchOf are n good records from one number on.
func batchOf(from, n int) (payloads []string) {
	for i := range n {
		payloads = append(payloads, plain(from+i))
	}
	return payloads
}

// exact waits until both tables have n rows, each once.
func (o outside) exact(t *testing.T, n int64) {
	t.Helper()
	for _, table := range both {
		o.until(t, n, "SELECT COUNT(*) FROM "+table)
		o.until(t, n, `SELECT COUNT(DISTINCT "_SEQUENCE") FROM `+table)
		o.until(t, n, `SELECT COUNT(DISTINCT "_ORDINAL") FROM `+table)
	}
}

// repairTwice repairs and demands that the second time nothing is left to do.
func repairTwice(t *testing.T, dir string, args ...string) {
	t.Helper()
	for n := range 2 {
		var r repaired
		if code := audit(t, dir, &r, append([]string{"--repair", "--yes"}, args...)...); code != 0 || !r.OK || n > 0 && !r.Before.OK {
			t.Errorf("repair %d: exit %d, %+v", n, code, r)
		}
	}
}

// logged waits until some log below the data folder has a text.
func logged(t *testing.T, dir, text string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		found := false
		err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.Contains(d.Name(), ".log") || strings.Contains(name, filepath.Join(dir, "kinesis")) {
				return nil // files may go while they are looked at
			}
			got, err := os.ReadFile(name)
			found = found || err == nil && strings.Contains(string(got), text)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if found {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after a minute no log says %q", text)
		}
	}
}

// sixty starts a stack of one shard that has landed sixty records.
func sixty(t *testing.T, args ...string) (dir string, l *local, o outside) {
	t.Helper()
	dir = t.TempDir()
	l, o = quiet(t, dir, args...)
	o.put(t, batchOf(0, 60))
	o.exact(t, 60)
	return dir, l, o
}

// takePlaces copies rows of the streaming table to ordinals that come next.
func (o outside) takePlaces(t *testing.T) {
	t.Helper()
	o.exec(t, fmt.Sprintf(`INSERT INTO %[1]s SELECT sensorid, currenttemperature, status, "_SHARD", "_SEQUENCE", "_SUBSEQUENCE", "_ORDINAL" + 10, "_ARRIVED_AT", "_GENERATION" FROM %[1]s WHERE "_ORDINAL" BETWEEN 55 AND 60`, both[0]))
}

// TestPlacesTaken: somebody copies rows of the streaming table to ordinals that come next. The shard waits and says why, nothing
// is dropped, and once the strange rows are gone it goes on.
func TestPlacesTaken(t *testing.T) {
	dir, l, o := sixty(t, "--row-path", "merge") // a channel does not look: see TestPlacesTakenByChannel
	o.takePlaces(t)
	o.put(t, batchOf(60, 40))
	logged(t, dir, "under ordinal 65")
	if n := o.number(t, "SELECT COUNT(*) FROM "+both[0]+` WHERE "_ORDINAL" > 80`); n != 0 {
		t.Errorf("the shard went on past the rows that stand in its way: %d rows", n)
	}
	o.exec(t, `DELETE FROM `+both[0]+` WHERE "_ORDINAL" BETWEEN 65 AND 70 AND currenttemperature < 60`)
	o.exact(t, 100)
	repairTwice(t, dir)
	o.exact(t, 100)
	l.stop(t).complete(t)
}

// TestPlacesTakenByChannel: the same where rows go by Snowpipe Streaming, which looks at nothing. No row of the stream is lost for
// it: both stand there, the audit names each, and a repair leaves the one that belongs there.
func TestPlacesTakenByChannel(t *testing.T) {
	long.Test(t)
	dir, l, o := sixty(t)
	o.takePlaces(t)
	o.put(t, batchOf(60, 40))
	o.until(t, 106, "SELECT COUNT(*) FROM "+both[0])
	o.until(t, 100, "SELECT COUNT(*) FROM "+both[1])
	var p proof
	if code := audit(t, dir, &p); code != 1 {
		t.Errorf("exit %d: %+v", code, p)
	}
	p.found(t, "doubled streaming 00 65-70: 6", "altered streaming 00 65-70: 6")
	repairTwice(t, dir)
	o.exact(t, 100)
	l.stop(t).complete(t)
}

// TestTablesReplaced: the streaming table is emptied, put back to a copy of itself from before, dropped and made again, and
// changed for its clone, with load before, during and after. Nothing comes twice meanwhile, and a repair brings back what is missing.
func TestTablesReplaced(t *testing.T) {
	long.Test(t)
	dir := t.TempDir()
	l, o := quiet(t, dir)
	n := 0
	load := func(more int) {
		o.put(t, batchOf(n, more))
		n += more
		o.until(t, int64(n), "SELECT COUNT(*) FROM "+both[1])
	}
	load(60)
	o.exact(t, int64(n))
	o.exec(t, "CREATE TABLE kept AS SELECT * FROM "+both[0])
	for _, done := range [][]string{
		{"TRUNCATE TABLE " + both[0]},
		{"CREATE TABLE emptied LIKE " + both[0], "DROP TABLE " + both[0], "ALTER TABLE emptied RENAME TO " + both[0]},
		{"DELETE FROM " + both[0], "INSERT INTO " + both[0] + " SELECT * FROM kept"},
		{"CREATE TABLE twin CLONE " + both[0], "ALTER TABLE " + both[0] + " RENAME TO former", "ALTER TABLE twin RENAME TO " + both[0]},
	} {
		o.put(t, batchOf(n, 40))
		n += 40
		for _, text := range done {
			o.exec(t, text)
		}
		load(30)
		repairTwice(t, dir)
		o.exact(t, int64(n))
		load(10)
		o.exact(t, int64(n))
	}
	l.stop(t).complete(t)
}

// TestNoContiguousStart: batches that are no continuation of what has landed reach the function: those of a mapping that began at
// LATEST and of one at TRIM_HORIZON, and ten at once out of one shard, as with a ParallelizationFactor of 10.
func TestNoContiguousStart(t *testing.T) {
	long.Test(t)
	dir := t.TempDir()
	l, o := quiet(t, dir)
	mappings, err := o.lambda.ListEventSourceMappings(t.Context(), &lambda.ListEventSourceMappingsInput{})
	if err != nil || len(mappings.EventSourceMappings) != 1 {
		t.Fatalf("%d mappings, %v", len(mappings.EventSourceMappings), err)
	}
	o.put(t, batchOf(0, 40))
	o.exact(t, 40)
	enable := func(on bool, state string) {
		t.Helper()
		uuid := mappings.EventSourceMappings[0].UUID
		if _, err := o.lambda.UpdateEventSourceMapping(t.Context(), &lambda.UpdateEventSourceMappingInput{UUID: uuid, Enabled: &on}); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
			m, err := o.lambda.GetEventSourceMapping(t.Context(), &lambda.GetEventSourceMappingInput{UUID: uuid})
			if err == nil && *m.State == state {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("the mapping is not %s after a minute: %v", state, err)
			}
		}
	}
	enable(false, "Disabled")
	o.put(t, batchOf(40, 200))
	shard, all := "", []types.Record(nil)
	for id, records := range o.readStream(t).shards {
		shard, all = id, records
	}
	deliver := func(records []types.Record) {
		t.Helper()
		for try := 0; ; try++ { // one that another overtook is tried again, as the mapping would
			err := o.deliver(t.Context(), shard, records)
			if err == nil {
				return
			}
			if try == 30 {
				t.Errorf("%d records: %v", len(records), err)
				return
			}
		}
	}
	deliver(all[220:240]) // LATEST
	var lanes sync.WaitGroup
	for lane := range 10 {
		lanes.Go(func() {
			var own []types.Record
			for i := 40 + lane; i < 220; i += 10 {
				own = append(own, all[i])
			}
			deliver(own[:9])
			deliver(own[9:])
		})
	}
	lanes.Wait()
	o.exact(t, 240)
	enable(true, "Enabled") // it goes on where it was: all of them come again
	o.put(t, batchOf(240, 20))
	o.exact(t, 260)
	deliver(all) // TRIM_HORIZON
	repairTwice(t, dir)
	o.exact(t, 260)
	l.stop(t).complete(t)
}
