package infer

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/schemafile"
	"github.com/snowstream/snowstream/record/unpack"
)

var update = flag.Bool("update", false, "write the golden files")

// propose infers from the lines and checks the promise: what was seen fits.
func propose(t interface {
	Helper()
	Fatalf(string, ...any)
}, lines ...string) ([]byte, record.Schema) {
	t.Helper()
	o := New()
	for i, line := range lines {
		o.Add(int64(i+1), []byte(line))
	}
	text, err := o.Propose()
	if err != nil {
		if len(o.root.children) > 0 {
			t.Fatalf("%v", err)
		}
		return nil, record.Schema{}
	}
	s, err := schemafile.Parse(text)
	if err != nil {
		t.Fatalf("the proposal is no schema file: %v\n%s", err, text)
	}
	d := record.NewDecoder(s)
	u, err := unpack.New(s)
	if err != nil {
		t.Fatalf("%v", err)
	}
	var landed int64
	for _, line := range lines {
		for _, r := range u.Append(nil, record.Record{Data: []byte(line)}) {
			if _, reason := d.AppendRow(nil, &r, "", 1); reason == nil {
				landed++
			}
		}
	}
	if landed < o.Records() {
		t.Fatalf("the proposal takes %d of %d records of %q\n%s", landed, o.Records(), lines, text)
	}
	return text, s
}

func TestGolden(t *testing.T) {
	sample, err := os.ReadFile("testdata/mixed.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	text, _ := propose(t, strings.Split(strings.TrimSuffix(string(sample), "\n"), "\n")...)
	if *update {
		if err := os.WriteFile("testdata/mixed.yaml", text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile("testdata/mixed.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(golden), string(text)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestTypes(t *testing.T) {
	for _, c := range []struct {
		name, values, want string
	}{
		{"v", "1 22 -333", "integer"},
		{"v", "1e2 64.0e1", "integer"},
		{"v", "64.0", "number(38,1)"},
		{"v", "1.25 1000", "number(38,2)"},
		{"v", "1e-37", "float"},
		{"v", "1e37", "integer"},
		{"v", "12345678901234567890123456789012345678 0.5", "variant"},
		{"v", "1" + strings.Repeat("0", 37) + ".0", "integer"},
		{"v", "0 -0.0 0e5", "number(38,1)"},
		{"v", "true false", "boolean"},
		{"v", "true 1", "variant"},
		{"v", "null", "variant"},
		{"v", `"a" null`, "string"},
		{"v", `""`, "string"},
		{"v", `"2026-01-02T03:04:05Z"`, "timestamp"},
		{"v", `"2026-01-02T03:04:05Z" ""`, "string"},
		{"v", `"2026-01-02"`, "date"},
		{"v", `"2026-01-02" "2026-01-02T00:00:00Z"`, "string"},
		{"v", `"2026-01-02T03:04:05+0100"`, "timestamp(iso8601)"},
		{"v", `"2026-01-02T03:04:05.678"`, "timestamp(iso8601) UTC"},
		{"v", `"2026-01-02T03:04:05" "2026-01-02T03:04:05Z"`, "timestamp(iso8601) UTC"},
		{"v", `"03:04:05" "23:00"`, "time"},
		{"v", `"01/02/2026" "11/12/2026"`, "string"},
		{"v", `"01/02/2026" "13/12/2026"`, "date DD/MM/YYYY"},
		{"v", `"01/02/2026" "12/13/2026"`, "date MM/DD/YYYY"},
		{"v", `"64" "6.5"`, "string"},
		{"v", `"true" "False"`, "string"},
		{"ts", "1767322800000000", "timestamp(microseconds)"},
		{"ts", "1767322800000000000", "timestamp(nanoseconds)"},
		{"v", "0.12345678901234566 1e-5", "float"},
		{"v", "0.12345678901234567890123 1", "number(38,23)"},
		{"v", `"2026-01-02T03:04:05.1234567891Z"`, "string"},
		{"v", "1767322800", "integer"},
		{"createdAt", "1767322800 1767322900.125", "timestamp(seconds)"},
		{"created_at", "1767322800000", "timestamp(milliseconds)"},
		{"TS", "1767322800000", "timestamp(milliseconds)"},
		{"format", "1767322800000", "integer"},
		{"ts", "1767322800000 5", "integer"},
		{"v", "[1] []", "variant"},
		{"v", "{}", "variant"},
		{"v", `{"x":1} 1`, "variant"},
	} {
		var lines []string
		for _, value := range strings.Fields(c.values) {
			lines = append(lines, fmt.Sprintf(`{%q:%s}`, c.name, value))
		}
		_, s := propose(t, lines...)
		got := schemafile.TypeText(s.Columns[0])
		if zone := s.Columns[0].Zone; zone != "" {
			got += " " + zone
		}
		if !strings.Contains(got, "(") {
			for _, f := range s.Columns[0].Forms {
				got += " " + string(f)
			}
		}
		if len(s.Columns) != 1 || got != c.want {
			t.Errorf("%s in %s: %s, want %s", c.name, c.values, got, c.want)
		}
	}
}

func TestRequired(t *testing.T) {
	_, s := propose(t, `{"always":1,"null":null,"some":1,"in":{"both":1,"one":1},"gone":{"x":1}}`, `{"always":1,"null":1,"in":{"both":1},"gone":null}`)
	got := map[string]bool{}
	for _, c := range s.Columns {
		got[c.Field()] = c.Required
	}
	want := map[string]bool{"always": true, "null": false, "some": false, "in.both": true, "in.one": false, "gone.x": false}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestBounds: what is too wide or too deep becomes one column, and nothing grows with the sample.
func TestBounds(t *testing.T) {
	wide := func(n int, prefix string) string {
		fields := make([]string, n)
		for i := range fields {
			fields[i] = fmt.Sprintf(`"%s%d":1`, prefix, i)
		}
		return "{" + strings.Join(fields, ",") + "}"
	}
	_, s := propose(t, `{"id":1,"map":`+wide(maxWidth, "a")+"}")
	if len(s.Columns) != maxWidth+1 {
		t.Errorf("a wide object: %d columns", len(s.Columns))
	}
	_, s = propose(t, `{"id":1,"map":`+wide(maxWidth, "a")+"}", `{"id":1,"map":`+wide(1, "b")+"}")
	if len(s.Columns) != 2 || s.Columns[1].Type != record.Variant || !s.Columns[1].Required {
		t.Errorf("too wide an object: %+v", s.Columns)
	}
	text, s := propose(t, wide(maxWidth+1, "a"))
	if len(s.Columns) != maxWidth || !strings.Contains(string(text), "So are fields that it had") {
		t.Errorf("too wide a record: %d columns", len(s.Columns))
	}
	_, s = propose(t, strings.Repeat(`{"a":`, 20)+"1"+strings.Repeat("}", 20))
	if len(s.Columns) != 1 || len(s.Columns[0].Path) != maxLevels || s.Columns[0].Type != record.Variant {
		t.Errorf("a deep record: %+v", s.Columns)
	}
	for _, length := range []int{250, 251, 300, maxName} {
		name := strings.Repeat("x", length-1)
		_, s = propose(t, fmt.Sprintf(`{%q:1,%q:"a"}`, name+"1", name+"2"))
		if len(s.Columns) != 2 {
			t.Errorf("names of %d bytes: %d columns", length, len(s.Columns))
		}
	}
	if o := New(); true {
		o.Add(1, []byte(`{"`+strings.Repeat("x", maxName+1)+`":1}`))
		if _, err := o.Propose(); err == nil || !strings.Contains(err.Error(), "names of more than") {
			t.Errorf("a name that is too long: %v", err)
		}
	}
	var long []string
	for i := range 100 {
		long = append(long, fmt.Sprintf(`{"%s%d":1}`, strings.Repeat("é", maxName/2-10), i))
	}
	if _, s = propose(t, long...); len(s.Columns) == 0 || len(s.Columns) > maxNames/maxName+1 {
		t.Errorf("many long names: %d columns", len(s.Columns))
	}
	_, s = propose(t, `{"m":{"`+strings.Repeat("x", maxName+1)+`":1}}`)
	if len(s.Columns) != 1 || s.Columns[0].Type != record.Variant {
		t.Errorf("a long name: %+v", s.Columns)
	}
	o := New()
	for i := range 100 {
		o.Add(int64(i), []byte(fmt.Sprintf(`{"m%d":%s}`, i, wide(maxWidth, "a"))))
	}
	if o.fields > maxFields {
		t.Errorf("%d fields are kept", o.fields)
	}
}

// TestWrapping: what stands around the records is proposed with them.
func TestWrapping(t *testing.T) {
	const cloudwatch = `{"messageType":"DATA_MESSAGE","logGroup":"g","logEvents":[{"id":"a","timestamp":1767323045678},{"id":"b","timestamp":1767323045679}]}`
	for _, c := range []struct {
		lines    []string
		payload  record.Payload
		envelope record.Envelope
		fields   string
	}{
		{[]string{`{"a":1}`, `{"a":2}`}, record.Document, record.NoEnvelope, "a"},
		{[]string{`[{"a":1},{"a":2}]`, `[{"b":3}]`}, record.Array, record.NoEnvelope, "a b"},
		{[]string{`{"a":1}{"a":2}`, `{"b":3}`}, record.Concatenated, record.NoEnvelope, "a b"},
		{[]string{`{"a":1}{"a":2}`, `[{"b":3}]`}, record.Auto, record.NoEnvelope, "a b"},
		{[]string{cloudwatch, strings.Replace(cloudwatch, "DATA", "CONTROL", 1)}, record.Document, record.CloudWatch, "messageType logGroup logEvents.id logEvents.timestamp"},
		{[]string{`{"data":{"id":1},"metadata":{"record-type":"data","operation":"load"}}`, `{"metadata":{"record-type":"control","operation":"x"}}`}, record.Document, record.DMS, "data.id metadata.record-type metadata.operation"},
		{[]string{`{"schema":{},"payload":{"before":null,"after":{"id":1},"source":{"table":"t"},"op":"c"}}`, `{"ts_ms":5}`}, record.Document, record.Debezium, "before after.id source.table op"},
		{[]string{`{"eventName":"INSERT","dynamodb":{"Keys":{"id":{"N":"1.50"}}}}`}, record.Document, record.DynamoDB, "eventName dynamodb.Keys.id"},
		{[]string{`{"source":"s","detail-type":"t","detail":{"x":1}}`}, record.Document, record.EventBridge, "source detail-type detail.x"},
		{[]string{`{"requestId":"r","records":[{"data":"eyJhIjoxfQ=="},{"data":"eyJhIjoyfQ=="}]}`}, record.Document, record.Firehose, "requestId records.data.a"},
	} {
		text, s := propose(t, c.lines...)
		var fields []string
		for _, column := range s.Columns {
			fields = append(fields, column.Field())
		}
		if s.Payload != c.payload || s.Envelope != c.envelope || strings.Join(fields, " ") != c.fields {
			t.Errorf("%q: %s, %s, %q\n%s", c.lines, s.Payload, s.Envelope, fields, text)
		}
	}
	text, _ := propose(t, `{"id":1,"items":[{"n":1},{"n":2}]}`, `{"id":2,"items":[]}`)
	if !strings.Contains(string(text), "arrays, in 1 records of up to 2 objects: `explode:`") {
		t.Errorf("no word of exploding:\n%s", text)
	}
}

func TestNothing(t *testing.T) {
	o := New()
	o.Add(1, []byte("x"))
	o.Add(2, []byte("{}"))
	o.Add(3, []byte(`{"a":[1e38]}`))
	want := "there is no schema to propose: none of the 3 lines is a JSON object with a field (line 1 not_json, line 3 out_of_range)"
	if _, err := o.Propose(); err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

// genValue makes any JSON value from few names, so that kinds meet in one field.
func genValue(depth int) *rapid.Generator[any] {
	leaf := []*rapid.Generator[any]{
		rapid.Just[any](nil), rapid.Bool().AsAny(), rapid.Int64().AsAny(), rapid.Float64().AsAny(), rapid.String().AsAny(),
		rapid.SampledFrom([]any{json.Number("1767322800"), json.Number("1.50"), json.Number("-0.0"), json.Number("1e40"), "2026-01-02T03:04:05+01:00"}),
	}
	if depth > 0 {
		leaf = append(leaf,
			rapid.SliceOfN(rapid.Deferred(func() *rapid.Generator[any] { return genValue(depth - 1) }), 0, 2).AsAny(),
			genObject(depth-1).AsAny(), genObject(depth-1).AsAny())
	}
	return rapid.OneOf(leaf...)
}

func genObject(depth int) *rapid.Generator[map[string]any] {
	names := rapid.SampledFrom([]string{"a", "b", "A", "a.b", "", "_shard", "at", "_rest", "b\n# c: d", "\u0085\u2028", "é", "a_b"})
	return rapid.MapOfN(names, rapid.Deferred(func() *rapid.Generator[any] { return genValue(depth) }), 0, 4)
}

// TestFits: whatever records there are, the proposal takes them.
func TestFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var lines []string
		for _, object := range rapid.SliceOfN(genObject(3), 1, 6).Draw(t, "records") {
			var b bytes.Buffer
			if err := json.NewEncoder(&b).Encode(object); err != nil {
				t.Fatal(err)
			}
			lines = append(lines, b.String())
		}
		propose(t, lines...)
	})
}

func FuzzFits(f *testing.F) {
	f.Add(`{"a":{"b":1}}`, `{"a":{"b":"x","c":[1]}}`)
	f.Add(`{"a":{"`, `0{"b":1}`)
	f.Add(`{"a":1.5e10,"t":"2026-01-02T03:04:05Z"}`, `{"a":null,"t":"2026-01-02T03:04:05,5Z"}`)
	f.Add(`{"`+"\u2028"+`":1}`, "{\"\":\"\"}")
	f.Fuzz(func(t *testing.T, one, two string) { propose(t, one, two) })
}
