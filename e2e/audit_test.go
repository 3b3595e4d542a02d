package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/snowstream/snowstream/internal/child"
	"github.com/snowstream/snowstream/internal/long"
	landingaudit "github.com/snowstream/snowstream/landing/audit"
	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/landing/snowflake"
	"github.com/snowstream/snowstream/listener"
	"github.com/snowstream/snowstream/processing/datalake"
	"github.com/snowstream/snowstream/processing/quarantine"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
)

// finding is one position that `audit --json` names.
type finding struct {
	Kind, Place, Shard, Object, Note string
	First                            int64  `json:"first_ordinal"`
	Last                             int64  `json:"last_ordinal"`
	Count                            int64  `json:"count"`
	FirstSequence                    string `json:"first_sequence"`
	LastSequence                     string `json:"last_sequence"`
}

// String is what a test expects of it.
func (f finding) String() string {
	return fmt.Sprintf("%s %s %s %d-%d: %d", f.Kind, f.Place, f.Shard[len(f.Shard)-2:], f.First, f.Last, f.Count)
}

// proof is what `audit --json` prints.
type proof struct {
	OK     bool
	Shards []struct {
		Shard                                                                                             string
		Accepted, Landed, Streaming, Microbatch, Quarantined, Missing, Doubled, Altered, Foreign, Pending int64
	}
	Findings []finding
	More     int `json:"more_findings"`
	Cost     struct {
		Queries, Rows int64
		Objects       int64 `json:"objects_listed"`
		Reads         int64 `json:"object_reads"`
	}
	Sealed *struct {
		Shards, Records int64
		Compared        int64 `json:"rows_compared"`
		Retired         int64 `json:"retired_shards"`
		Opened          []string
	}
	Sealing *struct {
		Shards []struct {
			Shard   string
			Last    int64 `json:"last_ordinal"`
			New     int64 `json:"new_records"`
			Retired bool
		}
		Left   []string
		Tagged int64 `json:"objects_tagged"`
	}
}

// repaired is what `audit --repair --json` prints.
type repaired struct {
	OK            bool
	Before, After proof
	Repaired      struct {
		Restored   int64 `json:"objects_restored"`
		HandedOver int64 `json:"objects_handed_over"`
		Loaded     int64 `json:"objects_loaded"`
		Replaced   int64 `json:"rows_replaced"`
		Inserted   int64 `json:"rows_inserted"`
		Deleted    int64 `json:"rows_deleted"`
		Deletable  int64 `json:"rows_deletable"`
		Kept, Left []string
	}
}

// audit runs `snowstream audit --json` with more arguments, decodes what it prints, and returns the exit code.
func audit(t *testing.T, dir string, into any, args ...string) (code int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := child.Bind(exec.CommandContext(t.Context(), program, append([]string{"audit", "--json", "--grace", "0s", "--wait", "30s", "--data", dir}, args...)...))
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(stdout.Bytes(), into); err != nil {
		t.Fatalf("snowstream audit: exit %d, %v\n%s%s", code, err, stdout.String(), stderr.String())
	}
	return code
}

// found checks that an audit names exactly these positions.
func (p proof) found(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for _, f := range p.Findings {
		got = append(got, f.String())
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("found\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// exec runs a statement as the user would.
func (o outside) exec(t *testing.T, query string, args ...any) {
	t.Helper()
	if _, err := o.db.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// ranges are the keys of all objects of rows, by first ordinal in order.
func (o outside) ranges(t *testing.T) (first []int64, keys map[int64]string) {
	t.Helper()
	keys = map[int64]string{}
	pages := awss3.NewListObjectsV2Paginator(o.s3, &awss3.ListObjectsV2Input{Bucket: &o.Bucket, Prefix: aws.String("kinesiscsv/sensor-")})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range page.Contents {
			ordinal, err := strconv.ParseInt(path.Base(*c.Key)[:12], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			first, keys[ordinal] = append(first, ordinal), *c.Key
		}
	}
	slices.Sort(first)
	return first, keys
}

// change rewrites an object with other bytes and the same metadata, as a careless script would.
func (o outside) change(t *testing.T, key, from, to string) {
	t.Helper()
	out, err := o.s3.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: &o.Bucket, Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Body.Close()
	text, err := io.ReadAll(out.Body)
	if err != nil || !bytes.Contains(text, []byte(from)) {
		t.Fatalf("%s has no %q to change, %v", key, from, err)
	}
	_, err = o.s3.PutObject(t.Context(), &awss3.PutObjectInput{
		Bucket: &o.Bucket, Key: &key, Body: bytes.NewReader(bytes.Replace(text, []byte(from), []byte(to), 1)), Metadata: out.Metadata,
	})
	if err != nil {
		t.Fatal(err)
	}
}

// deaf puts records while the bucket tells nobody of new objects.
func (o outside) deaf(t *testing.T, put func()) {
	t.Helper()
	before, err := o.s3.GetBucketNotificationConfiguration(t.Context(), &awss3.GetBucketNotificationConfigurationInput{Bucket: &o.Bucket})
	if err != nil {
		t.Fatal(err)
	}
	set := func(c *types.NotificationConfiguration) {
		t.Helper()
		if _, err := o.s3.PutBucketNotificationConfiguration(t.Context(), &awss3.PutBucketNotificationConfigurationInput{Bucket: &o.Bucket, NotificationConfiguration: c}); err != nil {
			t.Fatal(err)
		}
	}
	set(&types.NotificationConfiguration{})
	put()
	set(&types.NotificationConfiguration{QueueConfigurations: before.QueueConfigurations})
}

// plain is a good record whose temperature tells its number.
func plain(i int) string {
	return fmt.Sprintf(`{"sensorId": %d, "currentTemperature": %d, "status": "OK"}`, i%51, i)
}

// filled starts a stack on one shard and puts n good records and a bad one, until all are where they belong. It returns
// the bad one's ordinal.
func filled(t *testing.T, dir string, n int) (l *local, o outside, quarantined int64) {
	t.Helper()
	l = start(t, dir, "--rate", "0.0001", "--batch-window", "1s")
	o = join(t, l.ready(t, dir))
	var payloads []string
	for i := range n {
		payloads = append(payloads, plain(i))
	}
	o.put(t, slices.Insert(payloads, 50, `{"sensorId": oops`))
	for _, table := range both {
		o.until(t, int64(n), "SELECT COUNT(*) FROM "+table+" WHERE status = 'OK' AND sensorid = MOD(currenttemperature, 51)")
	}
	return l, o, quarantineOf(t, dir)[0].Ordinal
}

var both = []string{"KINESIS_SENSORS_STREAMING", "KINESIS_SENSORS_MICROBATCH"}

// TestAudit plants every kind of damage that a person, a script or a lost message can do, at once. The audit names each
// and nothing else, the repair mends each, and a second repair finds nothing to do.
func TestAudit(t *testing.T) {
	dir := t.TempDir()
	l, o, bad := filled(t, dir, 1400)
	var p proof
	if code := audit(t, dir, &p); code != 0 || !p.OK || p.Cost.Queries > 5 || p.Cost.Rows > 5 || p.Cost.Reads != 0 {
		t.Errorf("before any damage: exit %d, %+v", code, p)
	}
	f, keys := o.ranges(t)
	if len(f) < 12 {
		t.Fatalf("objects start at %d: not enough of them", f)
	}
	const shard = "shardId-000000000000"
	streaming, microbatch := both[0], both[1]
	at := func(n int64) string { return fmt.Sprintf(`"_SHARD" = '%s' AND "_ORDINAL" = %d`, shard, n) }
	copyOf := func(table string, n int64, newShard, newOrdinal string) {
		o.exec(t, fmt.Sprintf(`INSERT INTO %[1]s SELECT sensorid, currenttemperature, status, %[2]s, "_SEQUENCE", "_SUBSEQUENCE", %[3]s, "_ARRIVED_AT", "_GENERATION" FROM %[1]s WHERE %[4]s`,
			table, newShard, newOrdinal, at(n)))
	}
	lost, dropped, doubled, altered, gap := f[1]+3, f[2]+1, f[3]+3, f[4]+4, f[5]+10
	o.exec(t, "DELETE FROM "+streaming+" WHERE "+at(lost))
	o.exec(t, "DELETE FROM "+microbatch+" WHERE "+at(dropped))
	copyOf(microbatch, doubled, `"_SHARD"`, `"_ORDINAL"`)
	o.exec(t, "UPDATE "+streaming+" SET status = 'it''s hot' WHERE "+at(altered))
	for _, table := range both {
		o.exec(t, fmt.Sprintf(`DELETE FROM %s WHERE "_ORDINAL" BETWEEN %d AND %d`, table, gap, gap+2))
	}
	copyOf(streaming, 1, "'shardId-000000000077'", `"_ORDINAL"`)
	copyOf(streaming, 2, `"_SHARD"`, "999999")
	copyOf(microbatch, 3, `"_SHARD"`, fmt.Sprint(bad))
	if _, err := o.s3.DeleteObject(t.Context(), &awss3.DeleteObjectInput{Bucket: &o.Bucket, Key: aws.String(keys[f[7]])}); err != nil {
		t.Fatal(err)
	}
	o.change(t, keys[f[9]], ",OK,", ",KO,")
	end := o.number(t, `SELECT MAX("_ORDINAL") FROM `+microbatch)
	o.deaf(t, func() {
		o.put(t, []string{plain(5000), plain(5001)})
		o.until(t, 2, "SELECT COUNT(*) FROM "+streaming+" WHERE currenttemperature >= 5000 AND currenttemperature < 6000")
		untilLedger(t, dir, end+2)
	})

	if code := audit(t, dir, &p); code != 1 || p.OK {
		t.Errorf("exit %d, ok %v with everything damaged", code, p.OK)
	}
	want := []string{
		fmt.Sprintf("missing streaming 00 %d-%d: 1", lost, lost),
		fmt.Sprintf("missing microbatch 00 %d-%d: 1", dropped, dropped),
		fmt.Sprintf("doubled microbatch 00 %d-%d: 1", doubled, doubled),
		fmt.Sprintf("altered streaming 00 %d-%d: 1", altered, altered),
		fmt.Sprintf("missing streaming 00 %d-%d: 3", gap, gap+2),
		fmt.Sprintf("missing microbatch 00 %d-%d: 3", gap, gap+2),
		"foreign streaming 77 1-1: 1",
		"foreign streaming 00 999999-999999: 1",
		fmt.Sprintf("foreign microbatch 00 %d-%d: 1", bad, bad),
		fmt.Sprintf("missing raw_zone 00 %d-%d: %d", f[7], f[8]-1, f[8]-f[7]),
		fmt.Sprintf("altered raw_zone 00 %d-%d: 1", f[9], f[9]),
		fmt.Sprintf("missing microbatch 00 %d-%d: 2", end+1, end+2),
	}
	p.found(t, want...)
	for _, found := range p.Findings {
		if found.FirstSequence == "" && found.Place != "raw_zone" {
			t.Errorf("%s: without a sequence number", found)
		}
	}
	t.Logf("%d findings: %+v", len(p.Findings), p.Cost)

	began := time.Now()
	var r repaired
	const unknown, behind = "foreign streaming 77 1-1: 1", "foreign streaming 00 999999-999999: 1"
	rejected := fmt.Sprintf("foreign microbatch 00 %d-%d: 1", bad, bad)
	if code := audit(t, dir, &r, "--repair"); code != 1 || len(r.Repaired.Left) != 3 || r.Repaired.Deleted != 0 || r.Repaired.Deletable != 2 {
		t.Errorf("repair: exit %d, %+v", code, r.Repaired)
	}
	r.Before.found(t, want...)
	r.After.found(t, unknown, behind, rejected)
	t.Logf("repaired in %.1f s: %+v", time.Since(began).Seconds(), r.Repaired)
	kept := r.Repaired.Kept
	r = repaired{}
	if code := audit(t, dir, &r, "--repair", "--yes"); code != 1 || r.Repaired.Deleted != 2 || len(r.Repaired.Left) != 1 {
		t.Errorf("repair --yes: exit %d, %+v", code, r.Repaired)
	}
	r.After.found(t, unknown)
	kept = append(kept, r.Repaired.Kept...)
	o.bringBack(t, dir, kept, fmt.Sprintf("doubled microbatch 00 %d-%d: 1", doubled, doubled), fmt.Sprintf("altered streaming 00 %d-%d: 1", altered, altered),
		fmt.Sprintf("altered raw_zone 00 %d-%d: 1", f[9], f[9]), unknown, behind, rejected)
	audit(t, dir, &r, "--repair", "--yes")
	r.After.found(t, unknown)
	o.exec(t, "DELETE FROM "+streaming+` WHERE "_SHARD" = 'shardId-000000000077'`) // nobody knows of it: only a person can decide
	if code := audit(t, dir, &p, "--deep"); code != 0 || !p.OK {
		t.Errorf("after the repair: exit %d, %+v", code, p)
	}
	r = repaired{}
	audit(t, dir, &r, "--repair", "--yes")
	if done := r.Repaired; !r.OK || done.Restored+done.HandedOver+done.Loaded+done.Replaced+done.Inserted+done.Deleted != 0 {
		t.Errorf("the second repair did %+v", done)
	}
	l.stop(t).complete(t)
}

// bringBack undoes repairs, twice, and wants the audit to find again what they had mended.
func (o outside) bringBack(t *testing.T, dir string, kept []string, want ...string) {
	t.Helper()
	listed := strings.Fields(command(t, "audit", "restore", "--data", dir))
	for _, key := range kept {
		if !slices.Contains(listed, key) {
			t.Errorf("%s is not listed", key)
		}
	}
	for range 2 {
		command(t, append([]string{"audit", "restore", "--data", dir}, kept...)...)
	}
	var p proof
	audit(t, dir, &p)
	p.found(t, want...)
}

// untilLedger polls until the shard has landed so many records.
func untilLedger(t *testing.T, dir string, ordinal int64) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	var p proof
	for audit(t, dir, &p, "--stream=false"); p.Shards[0].Landed < ordinal; audit(t, dir, &p, "--stream=false") {
		if time.Now().After(deadline) {
			t.Fatalf("landed %d records in a minute, want %d", p.Shards[0].Landed, ordinal)
		}
	}
}

// million puts n rows into both tables and into the raw zone at once, without the pipeline: what it would have left.
func (o outside) million(t *testing.T, n, perObject int64) {
	t.Helper()
	const shard = "shardId-000000000000"
	sequence := func(i int64) string { return fmt.Sprintf("495903382714902566085596925383615%023d", i) }
	arrived := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	ledger := rawzone.Ledger{Stream: o.Stream, Shard: shard}
	put := func(key string, body []byte, metadata map[string]string) {
		_, err := o.s3.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: &o.Bucket, Key: &key, Body: bytes.NewReader(body), Metadata: metadata})
		if err != nil {
			t.Fatal(err)
		}
	}
	decoder := record.NewDecoder(record.Sensor())
	for first := int64(1); first <= n; first += perObject {
		var records []record.Record
		for i := first; i < first+perObject; i++ {
			records = append(records, record.Record{
				Position:  record.Position{Shard: shard, Sequence: sequence(i)},
				ArrivedAt: arrived, Data: fmt.Appendf(nil, `{"sensorId": %d, "currentTemperature": %d, "status": "OK"}`, i%51, i),
			})
		}
		batch := decoder.Cut(records, "", first)
		object := rawzone.Of(batch, record.Sensor().Folder, ledger)
		put(object.Key, batch.CSV, object.Metadata())
		ledger = ledger.After(object, time.Now())
	}
	put(ledger.Chain().LedgerKey(), ledger.Encode(), nil)
	for _, table := range both {
		o.exec(t, fmt.Sprintf(`INSERT INTO %s SELECT MOD(SEQ8() + 1, 51), SEQ8() + 1, 'OK', '%s', '495903382714902566085596925383615' || LPAD((SEQ8() + 1)::VARCHAR, 23, '0'),
0, SEQ8() + 1, '2026-01-02 03:04:05.678'::TIMESTAMP_NTZ, NULL FROM TABLE(GENERATOR(ROWCOUNT => %d))`, table, shard, n))
	}
}

// TestAuditMillion plants one loss, one double and one altered value among a million rows. Each is found and named, with
// few queries, and with few rows fetched.
func TestAuditMillion(t *testing.T) {
	long.Test(t)
	dir := t.TempDir()
	l := start(t, dir, "--rate", "0.0001")
	o := join(t, l.ready(t, dir))
	const n = 1_000_000
	o.deaf(t, func() { o.million(t, n, 10_000) })
	var p proof
	began := time.Now()
	if code := audit(t, dir, &p); code != 0 || !p.OK || p.Cost.Queries != 2 || p.Cost.Rows != 2 {
		t.Errorf("whole: exit %d, %+v", code, p)
	}
	t.Logf("whole: %.1f s, %+v", time.Since(began).Seconds(), p.Cost)
	o.exec(t, `DELETE FROM `+both[0]+` WHERE "_ORDINAL" = 123457`)
	o.exec(t, `INSERT INTO `+both[1]+` SELECT * FROM `+both[1]+` WHERE "_ORDINAL" = 654321`)
	o.exec(t, `UPDATE `+both[1]+` SET currenttemperature = currenttemperature + 1 WHERE "_ORDINAL" = 777777`)
	began = time.Now()
	if code := audit(t, dir, &p); code != 1 {
		t.Errorf("damaged: exit %d", code)
	}
	p.found(t, "missing streaming 00 123457-123457: 1", "doubled microbatch 00 654321-654321: 1", "altered microbatch 00 777777-777777: 1")
	if p.Cost.Queries > 12 || p.Cost.Rows > 30_000 || p.Cost.Reads > 3 {
		t.Errorf("that took %+v", p.Cost)
	}
	t.Logf("damaged: %.1f s, %+v", time.Since(began).Seconds(), p.Cost)
}

// forgetful is a stream with one record more than the pipeline ever saw, and optionally only its newer records.
type forgetful struct {
	*listener.Reader
	behind, insert string
	trim           bool
}

func (f forgetful) Read(ctx context.Context, shard, after string, yield func([]record.Record) error) error {
	return f.Reader.Read(ctx, shard, after, func(all []record.Record) error {
		if f.trim {
			all = all[len(all)/2:]
		}
		at := slices.IndexFunc(all, func(r record.Record) bool { return r.Sequence == f.behind })
		if at >= 0 {
			more := all[at]
			more.Sequence = f.insert
			all = slices.Insert(slices.Clone(all), at+1, more)
		}
		return yield(all)
	})
}

// TestAuditStream: a record that the stream has accepted and nobody landed is named, whole or trimmed as the stream may be.
func TestAuditStream(t *testing.T) {
	long.Test(t)
	dir := t.TempDir()
	l, o, _ := filled(t, dir, 600)
	db, err := snowflake.Open(snowflake.Config{
		Account: o.Account, User: o.User, Password: o.Password, Endpoint: o.Snowflake, Database: o.Database, Schema: o.Schema,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	lake := datalake.New(o.s3, o.Bucket)
	untilLedger(t, dir, 601)
	var sequence string
	if err := o.db.QueryRowContext(t.Context(), `SELECT "_SEQUENCE" FROM KINESIS_SENSORS_STREAMING WHERE "_ORDINAL" = 450`).Scan(&sequence); err != nil {
		t.Fatal(err)
	}
	between := sequence[:len(sequence)-1] + "1" // sequence numbers are sparse and end in an even digit here
	for _, tt := range []struct {
		name string
		f    forgetful
		want string
	}{
		{"whole", forgetful{}, ""},
		{"trimmed", forgetful{trim: true}, ""},
		{"one skipped", forgetful{behind: sequence, insert: between}, between},
		{"one skipped of a trimmed stream", forgetful{trim: true, behind: sequence, insert: between}, between},
	} {
		tt.f.Reader = listener.NewReader(o.kinesis, o.Stream, listener.ReaderConfig{})
		p, err := landingaudit.New(landingaudit.Config{
			Session: db, Names: schema.Defaults(), Schema: record.Sensor(), Lake: lake, Stream: o.Stream, Reader: tt.f,
			Landed: func(ctx context.Context, _ []string, _ rawzone.Seals) (map[string]landingaudit.Landed, error) {
				head, err := lake.Ledger(ctx, o.Stream, "shardId-000000000000")
				out := landingaudit.Landed{Ledger: head.Ledger}
				if err == nil {
					err = quarantine.List(ctx, lake, o.Stream, func(e quarantine.Entry) error {
						out.Rejected = append(out.Rejected, landingaudit.Rejected{Position: e.Position, Ordinal: e.Ordinal, Key: e.Key})
						return nil
					})
				}
				return map[string]landingaudit.Landed{"shardId-000000000000": out}, err
			},
		}).Audit(t.Context())
		got := ""
		for _, f := range p.Findings {
			got += f.FirstSequence
		}
		if err != nil || got != tt.want || p.OK != (tt.want == "") || len(p.Findings) > 1 {
			t.Errorf("%s: %+v, %v", tt.name, p.Findings, err)
		}
	}
	l.stop(t).complete(t)
}

// TestAuditReplayed: a record that was replayed from quarantine is missed like any other, and comes back from its own
// object.
func TestAuditReplayed(t *testing.T) {
	long.Test(t)
	dir := t.TempDir()
	l := start(t, dir, "--rate", "0.0001", "--batch-window", "1s")
	o := join(t, l.ready(t, dir))
	o.put(t, []string{plain(1), `{"sensorId": 2, "currentTemperature": 20}`, plain(3)})
	o.until(t, 2, "SELECT COUNT(*) FROM "+both[1]+" WHERE currenttemperature IN (1, 3)")
	l.stop(t).complete(t)
	schema := filepath.Join(t.TempDir(), "schema.yaml")
	text := `columns:
  - {field: sensorId, type: integer, required: true}
  - {field: currentTemperature, type: integer, required: true}
  - {field: status, type: string}
folder: {label: sensor, field: sensorId}
`
	if err := os.WriteFile(schema, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	l = start(t, dir, "--rate", "0.0001", "--batch-window", "1s", "--schema", schema)
	o = join(t, l.ready(t, dir))
	command(t, "quarantine", "replay", "--data", dir)
	for _, table := range both {
		o.until(t, 1, "SELECT COUNT(*) FROM "+table+" WHERE currenttemperature = 20 AND status IS NULL")
	}
	n := quarantineOf(t, dir)[0].Ordinal
	var p proof
	if code := audit(t, dir, &p, "--deep"); code != 0 || !p.OK || p.Shards[0].Quarantined != 0 {
		t.Errorf("after the replay: exit %d, %+v", code, p)
	}
	for _, table := range both {
		o.exec(t, fmt.Sprintf(`DELETE FROM %s WHERE "_ORDINAL" = %d`, table, n))
	}
	var r repaired
	if code := audit(t, dir, &r, "--repair"); code != 0 || !r.OK {
		t.Errorf("repair: exit %d, %+v", code, r)
	}
	r.Before.found(t, fmt.Sprintf("missing streaming 00 %d-%d: 1", n, n), fmt.Sprintf("missing microbatch 00 %d-%d: 1", n, n))
	l.stop(t).complete(t)
}

// TestAuditInPlainSQL runs what docs/audit.md gives to people without the tool.
func TestAuditInPlainSQL(t *testing.T) {
	text, err := os.ReadFile("../docs/audit.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	l, o, bad := filled(t, dir, 300)
	var queries []string
	for _, part := range strings.Split(string(text), "```sql\n")[1:] {
		if query, _, _ := strings.Cut(part, "```"); !strings.HasPrefix(query, "ALTER ") {
			queries = append(queries, query)
		}
	}
	o.exec(t, "DELETE FROM "+both[0]+` WHERE "_ORDINAL" IN (201, 202)`)
	o.exec(t, "INSERT INTO "+both[0]+" SELECT * FROM "+both[0]+` WHERE "_ORDINAL" = 250`)
	o.exec(t, "UPDATE "+both[0]+` SET status = 'x' WHERE "_ORDINAL" = 260`)
	const shard = "shardId-000000000000"
	for i, want := range []string{
		shard + " 299 301 3 1",
		fmt.Sprintf("%s %d %d; %s 201 202", shard, bad, bad, shard),
		shard + " 250 2",
		"1 row",
		"1 row",
	} {
		got := o.lines(t, queries[i])
		if strings.HasSuffix(want, "row") {
			got = fmt.Sprintf("%d row", strings.Count(got, ";")+1)
		}
		if got != want {
			t.Errorf("%s\ngives %s, want %s", queries[i], got, want)
		}
	}
	var r repaired
	if code := audit(t, dir, &r, "--repair"); code != 0 {
		t.Errorf("repair: %+v", r)
	}
	l.stop(t).complete(t)
}

// lines runs a query and returns its rows, with blanks between values and semicolons between rows.
func (o outside) lines(t *testing.T, query string) string {
	t.Helper()
	rows, err := o.db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for rows.Next() {
		values, into := make([]string, len(names)), make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		out = append(out, strings.Join(values, " "))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(out, "; ")
}
