package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The matrix: what people and services do to a deployment, each with load before, during and after. Each line ends exact, or is
// refused before the first record; a repair runs twice in every line, and never makes an independent count worse. Lines that
// have tests of their own are named in docs/reliability.md.

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

// TestPlacesTaken: somebody copies rows of the streaming table to ordinals that come next. The shard waits and says why, nothing
// is dropped, and once the strange rows are gone it goes on.
func TestPlacesTaken(t *testing.T) {
	dir := t.TempDir()
	l, o := quiet(t, dir)
	o.put(t, batchOf(0, 60))
	o.exact(t, 60)
	o.exec(t, fmt.Sprintf(`INSERT INTO %[1]s SELECT sensorid, currenttemperature, status, "_SHARD", "_SEQUENCE", "_SUBSEQUENCE", "_ORDINAL" + 10, "_ARRIVED_AT", "_GENERATION" FROM %[1]s WHERE "_ORDINAL" BETWEEN 55 AND 60`, both[0]))
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
