package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awskinesis "github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/snowstream/snowstream/internal/long"
)

// changelog is how a system tells of changes, and the schema that finds the current rows in it.
type changelog struct {
	schema string
	// change is a record: the version of a key, with its value or its deletion.
	change func(c change) string
}

// change is one of those of a key. Versions count up, each a millisecond after the one before.
type change struct {
	key, version int
	deleted      bool
}

func (c change) at() time.Time { return time.UnixMilli(1767323045000 + int64(c.version)).UTC() }

func (c change) value() string { return fmt.Sprintf("%d's version %d", c.key, c.version) }

func changelogs() map[string]changelog {
	return map[string]changelog{
		"dms": {
			schema: `columns:
  - {field: data.id, type: integer, required: true, column: ID}
  - {field: data.value, type: string, column: VALUE}
  - {field: metadata.operation, type: string, column: OP}
  - {field: metadata.timestamp, type: timestamp, column: AT}
envelope: dms
keys: [data.id]
order by: [metadata.timestamp]
delete when: {metadata.operation: delete}
`,
			change: func(c change) string {
				op := map[bool]string{true: "delete", false: "update"}[c.deleted]
				return fmt.Sprintf(`{"data":{"id":%d,"value":%q},"metadata":{"record-type":"data","operation":%q,"timestamp":%q}}`, c.key, c.value(), op, c.at().Format(time.RFC3339Nano))
			},
		},
		"debezium": {
			schema: `columns:
  - {field: after.id, type: integer}
  - {field: before.id, type: integer}
  - {field: after.value, type: string, column: VALUE}
  - {field: op, type: string, required: true}
  - {field: source.ts_ms, type: timestamp(milliseconds), column: AT}
envelope: debezium
keys: [{first: [after.id, before.id]}]
order by: [AT]
delete when: {op: [d]}
`,
			change: func(c change) string {
				if c.deleted {
					return fmt.Sprintf(`{"before":{"id":%d},"after":null,"op":"d","source":{"ts_ms":%d}}`, c.key, c.at().UnixMilli())
				}
				return fmt.Sprintf(`{"before":{"id":%[1]d},"after":{"id":%[1]d,"value":%[2]q},"op":"u","source":{"ts_ms":%[3]d}}`, c.key, c.value(), c.at().UnixMilli())
			},
		},
		"dynamodb": {
			schema: `columns:
  - {field: dynamodb.Keys.id, type: integer, required: true, column: ID}
  - {field: dynamodb.NewImage.value, type: string, column: VALUE}
  - {field: eventName, type: string, required: true}
  - {field: dynamodb.ApproximateCreationDateTime, type: timestamp(milliseconds), column: AT}
envelope: dynamodb
keys: [ID]
order by: [AT]
delete when: {eventName: REMOVE}
`,
			change: func(c change) string {
				name, image := "MODIFY", fmt.Sprintf(`,"NewImage":{"id":{"N":"%d"},"value":{"S":%q}}`, c.key, c.value())
				if c.deleted {
					name, image = "REMOVE", ""
				}
				return fmt.Sprintf(`{"eventName":%q,"tableName":"t","dynamodb":{"ApproximateCreationDateTime":%d,"Keys":{"id":{"N":"%d"}}%s}}`, name, c.at().UnixMilli(), c.key, image)
			},
		},
	}
}

// changesOf makes changes of keys in an order in which some come late and some twice.
func changesOf(random *rand.Rand, keys, n int) []change {
	var out []change
	versions := make([]int, keys)
	for len(out) < n {
		key := random.IntN(keys)
		versions[key]++
		c := change{key, versions[key], random.IntN(8) == 0}
		out = append(out, c)
		if random.IntN(10) == 0 {
			out = append(out, c)
		}
	}
	for range n / 10 { // late ones
		i := random.IntN(len(out) - 40)
		j := i + random.IntN(40)
		out[i], out[j] = out[j], out[i]
	}
	return out
}

// newest is the plain computation of what the view must say: the value of each key that is not gone, by the order of newer.
func newest(changes []change, newer func(a, b change) bool) map[int]string {
	last, out := map[int]change{}, map[int]string{}
	for _, c := range changes {
		if before, seen := last[c.key]; !seen || !newer(before, c) {
			last[c.key] = c
		}
	}
	for key, c := range last {
		if !c.deleted {
			out[key] = c.value()
		}
	}
	return out
}

// TestCurrent: the view of current rows says what a plain computation over all changes says, though changes come late, twice and
// from two shards; and after the schema has changed, what the new one says.
func TestCurrent(t *testing.T) {
	changelogs()["debezium"].follow(t, changesOf(chance(t), 50, 1000))
}

// TestCurrentForms is TestCurrent for each form, with 10,000 changes of 500 keys.
func TestCurrentForms(t *testing.T) {
	long.Test(t)
	for name, form := range changelogs() {
		t.Run(name, func(t *testing.T) { form.follow(t, changesOf(chance(t), 500, 10_000)) })
	}
}

func (f changelog) follow(t *testing.T, changes []change) {
	dir, file := t.TempDir(), filepath.Join(t.TempDir(), "schema.yaml")
	run := func(schema string) (*local, outside) {
		if err := os.WriteFile(file, []byte(schema), 0o600); err != nil {
			t.Fatal(err)
		}
		l := start(t, dir, "--rate", "0.001", "--batch-size", "250", "--batch-window", "1s", "--shards", "2", "--schema", file)
		return l, join(t, l.ready(t, dir))
	}
	l, o := run(f.schema)
	o.putByKey(t, changes, f.change)
	o.until(t, int64(len(changes)), "SELECT COUNT(*) FROM KINESIS_SENSORS_STREAMING")
	o.current(t, newest(changes, func(a, b change) bool { return a.version > b.version }))
	l.stop(t)

	_, rest, _ := strings.Cut(f.schema, "order by:")
	_, rest, _ = strings.Cut(rest, "\n")
	before, _, _ := strings.Cut(f.schema, "order by:")
	l, o = run(before + rest) // as they came
	o.current(t, newest(changes, func(a, b change) bool { return false }))
	var verdict proof
	if code := audit(t, dir, &verdict); code != 0 || !verdict.OK {
		t.Errorf("the audit: exit %d, %+v", code, verdict)
	}
	l.stop(t).complete(t)
}

// current compares the view with what it must say.
func (o outside) current(t *testing.T, want map[int]string) {
	t.Helper()
	rows, err := o.db.QueryContext(t.Context(), "SELECT VALUE FROM KINESIS_SENSORS_CURRENT")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	left := map[string]bool{}
	for _, value := range want {
		left[value] = true
	}
	count := 0
	for ; rows.Next(); count++ {
		var value string
		if err := rows.Scan(&value); err != nil {
			t.Fatal(err)
		}
		if !left[value] {
			t.Errorf("the view has %q, which is not current", value)
		}
		delete(left, value)
	}
	if err := rows.Err(); err != nil || len(left) > 0 || count == 0 {
		t.Errorf("%d rows, and %d current values are missing: %v, %v", count, len(left), left, err)
	}
}

// putByKey sends changes with the partition key that makes those of one key follow each other.
func (o outside) putByKey(t *testing.T, changes []change, text func(change) string) {
	t.Helper()
	for i := 0; i < len(changes); i += 500 {
		if i > 0 {
			time.Sleep(400 * time.Millisecond) // below what a second allows a shard: what is refused would come late
		}
		var entries []types.PutRecordsRequestEntry
		for _, c := range changes[i:min(i+500, len(changes))] {
			entries = append(entries, types.PutRecordsRequestEntry{PartitionKey: aws.String(fmt.Sprint(c.key)), Data: []byte(text(c))})
		}
		out, err := o.kinesis.PutRecords(t.Context(), &awskinesis.PutRecordsInput{StreamName: &o.Stream, Records: entries})
		if err != nil || aws.ToInt32(out.FailedRecordCount) > 0 { // sent again, it would not be in order
			t.Fatalf("%+v, %v", out, err)
		}
	}
}
