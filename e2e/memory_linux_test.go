package e2e

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/snowstream/snowstream/internal/long"
	"github.com/snowstream/snowstream/record/aggregate"
)

// functionMemory is what the functions have here and where they are deployed, in MB.
const functionMemory = 256

// peaks are the most memory that each living function process below the stack has ever had resident, in MB, by its function's
// name.
func (l *local) peaks(t *testing.T) map[string]int {
	t.Helper()
	out := map[string]int{}
	all, err := filepath.Glob("/proc/[0-9]*/status")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range all {
		status, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(status), fmt.Sprintf("\nPPid:\t%d\n", l.Process.Pid)) {
			continue
		}
		environment, err := os.ReadFile(filepath.Join(filepath.Dir(path), "environ"))
		if err != nil {
			continue
		}
		_, name, _ := strings.Cut(string(environment), "AWS_LAMBDA_FUNCTION_NAME=")
		name, _, _ = strings.Cut(name, "\x00")
		if found := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status); found != nil && name != "" {
			kilobytes, _ := strconv.Atoi(string(found[1]))
			out[name] = max(out[name], kilobytes>>10)
		}
	}
	return out
}

// untilAll polls for as long as much data may take until both tables have so many rows, and notes the functions' peaks.
func (o outside) untilAll(t *testing.T, l *local, want int64, condition string) map[string]int {
	t.Helper()
	highest := map[string]int{}
	deadline := time.Now().Add(8 * time.Minute)
	for _, table := range both {
		for {
			for name, peak := range l.peaks(t) {
				highest[name] = max(highest[name], peak)
			}
			got := o.number(t, "SELECT COUNT(*) FROM "+table+" WHERE "+condition)
			if got == want {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s has %d rows of %d; peaks %v\n%s", table, got, want, highest, l.stderr.String())
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
	return highest
}

// again stops the stack, starts it on the same folder, and audits it.
func again(t *testing.T, l *local, dir string) {
	t.Helper()
	l.stop(t).complete(t)
	l, _ = quiet(t, dir, "--no-limits") // a shard gives 2 MB/s, and the audit reads all of it
	var p proof
	if code := audit(t, dir, &p); code != 0 {
		t.Errorf("audit after a second start: exit %d, %+v", code, p)
	}
	l.stop(t).complete(t)
}

func packed(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestFunctionMemory: one aggregated record under 1 MiB whose 30 payloads unpack to 15.9 MB each lands in functions of 256 MB,
// in several objects, and every row is right.
func TestFunctionMemory(t *testing.T) {
	long.Test(t)
	for _, path := range rowPaths[:2] { // how long a commit is waited for changes no memory
		t.Run(path, func(t *testing.T) {
			dir := t.TempDir()
			l, o := quiet(t, dir, append(by(path), "--no-limits")...)
			const users, size = 30, 15_900_000
			var e aggregate.Encoder
			for i := range users {
				e.Add(aggregate.UserRecord{PartitionKey: fmt.Sprint(i), Data: packed(t, fmt.Sprintf(`{"sensorId":%d,"currentTemperature":%d,"status":"%s"}`, i, i, strings.Repeat(string(rune('a'+i%26)), size)))})
			}
			data := string(e.Append(nil))
			if len(data) >= 1<<20 {
				t.Fatalf("the aggregate has %d bytes", len(data))
			}
			o.put(t, []string{data, `{"sensorId":100,"currentTemperature":100,"status":"behind"}`})
			peaks := o.untilAll(t, l, users+1, "true")
			t.Logf("peaks: %v MB", peaks)
			if len(peaks) != 2 {
				t.Errorf("not both functions were seen: %v", peaks)
			}
			for name, peak := range peaks {
				if peak >= functionMemory {
					t.Errorf("%s took %d MB of %d", name, peak, functionMemory)
				}
			}
			for _, table := range both {
				if n := o.number(t, fmt.Sprintf(`SELECT COUNT(*) FROM %s WHERE "_SUBSEQUENCE" = sensorid AND sensorid = currenttemperature AND LENGTH(status) = %d
					AND status = REPEAT(LEFT(status, 1), %d) AND LEFT(status, 1) = CHR(97 + MOD(sensorid, 26))`, table, size, size)); n != users {
					t.Errorf("%s: %d of %d rows are right", table, n, users)
				}
			}
			again(t, l, dir)
		})
	}
}

// TestLongRecords: 400 records with a text of 1 MB each go through the whole stack, which starts again on its folder.
func TestLongRecords(t *testing.T) {
	long.Test(t)
	dir := t.TempDir()
	l, o := quiet(t, dir, "--no-limits")
	const records, size = 400, 1_000_000
	for i := range records {
		o.put(t, []string{fmt.Sprintf(`{"sensorId":%d,"currentTemperature":1,"status":"%s"}`, i, strings.Repeat(string(rune('a'+i%26)), size))})
	}
	t.Logf("peaks: %v MB", o.untilAll(t, l, records, fmt.Sprintf("LENGTH(status) = %d", size)))
	again(t, l, dir)
}

// TestLargeVariant: a record of 12 KB that unpacks to an array of 12 MiB of empty objects neither ends the stack nor holds up its
// shard: it becomes a row, or goes to quarantine, and the others land.
func TestLargeVariant(t *testing.T) {
	dir := t.TempDir()
	schema := filepath.Join(t.TempDir(), "schema.yaml")
	text := "columns:\n  - {field: id, column: ID, type: integer, required: true}\n  - {field: v, column: V, type: variant}\n"
	if err := os.WriteFile(schema, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	l, o := quiet(t, dir, "--schema", schema)
	records := []string{`{"id":1,"v":{"a":1}}`, string(packed(t, `{"id":2,"v":[`+strings.Repeat("{},", 4<<20-1)+`{}]}`))}
	for i := range 10 {
		records = append(records, fmt.Sprintf(`{"id":%d,"v":{"b":[%d]}}`, 3+i, i))
	}
	o.put(t, records)
	o.untilAll(t, l, 11, "id <> 2")
	deadline := time.Now().Add(3 * time.Minute)
	for len(quarantineOf(t, dir)) == 0 && o.number(t, "SELECT COUNT(*) FROM "+both[0]+" WHERE id = 2") == 0 {
		if time.Now().After(deadline) {
			t.Fatal("the large record is nowhere")
		}
		time.Sleep(200 * time.Millisecond)
	}
	t.Logf("%d in quarantine", len(quarantineOf(t, dir)))
	r := l.stop(t)
	r.complete(t)
}
