package schemafile

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/snowstream/snowstream/record"
)

func TestSensor(t *testing.T) {
	golden, err := os.ReadFile("testdata/sensor.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s, err := Parse(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(record.Sensor(), s); diff != "" {
		t.Errorf("the file is not the built-in schema (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(string(golden), string(Format(record.Sensor()))); diff != "" {
		t.Errorf("Format (-want +got):\n%s", diff)
	}
}

// full has every part of the format.
var full = record.Schema{
	Columns: []record.Column{
		{Path: []string{"id"}, Name: "ID", Type: record.Integer, Required: true},
		{Path: []string{"device", "firmware.version"}, Name: "DEVICE_FIRMWARE_VERSION", Type: record.String},
		{Path: []string{"device", "größe"}, Name: "size of device", Type: record.Number, Precision: 10, Scale: 2},
		{Path: []string{"on"}, Name: "ON", Type: record.Boolean},
		{Path: []string{"at"}, Name: "AT", Type: record.Timestamp},
		{Path: []string{"seen"}, Name: "SEEN", Type: record.Timestamp, Forms: []record.Form{record.Seconds}},
		{Path: []string{"1st"}, Name: "_1ST", Type: record.Timestamp, Forms: []record.Form{record.Milliseconds}},
		{Path: []string{"tags"}, Name: "TAGS", Type: record.Variant},
		{Path: []string{""}, Name: "_", Type: record.Variant},
	},
	Unknown: record.Keep, Rest: "EXTRA", Payload: record.Lines, Folder: record.Folder{Label: "device", Field: "device id"},
	LastOne: true, Origin: record.PartitionKeyOrigin | record.StreamOrigin,
	State: record.State{Keys: [][]string{{"ID"}, {"size of device"}}, Order: []string{"AT", "SEEN"}, Deleted: []record.Match{{Column: "ON", Values: []string{"false"}}}},
}

func TestParse(t *testing.T) {
	yaml := `
# A comment.
columns:
  - {field: id, type: integer, required: true}
  - field: [device, firmware.version]
    type: string
    required: false
  - field: device.größe
    column: size of device
    type: number(10, 2)
  - {field: on, type: boolean}
  - {type: timestamp, field: at}
  - {field: seen, type: timestamp(seconds)}
  - {field: 1st, type: timestamp(milliseconds)}
  - {field: tags, type: variant}
  - {field: [""], type: variant}
unknown: {variant: EXTRA}
payload: lines
duplicates: last
lineage: [stream, partition-key]
folder:
  label: device
  field: device id
keys: [id, size of device]
order by:
  - at
  - SEEN
delete when: {on: false}
`
	json := `{"keys": ["ID", {"first": ["device.größe"]}], "order by": ["at", "seen"], "delete when": {"ON": [false]}, "folder": {"label": "device", "field": "device id"}, "unknown": {"variant": "EXTRA"}, "payload":"lines", "duplicates":"last", "lineage":["partition-key","stream"], "columns": [
	{"field":"id","type":"integer","required":true},
	{"field":["device","firmware.version"],"type":"string"},
	{"field":"device.gr\u00f6\u00dfe","column":"size of device","type":"number(10,2)"},
	{"field":"on","type":"boolean"},
	{"field":"at","type":"timestamp(rfc3339)","required":false},
	{"field":"seen","type":"timestamp(seconds)"},
	{"field":"1st","type":"timestamp(milliseconds)"},
	{"field":"tags","type":"variant"},
	{"field":[""],"type":"variant"}]}`
	for name, text := range map[string]string{"yaml": yaml, "crlf": strings.ReplaceAll(yaml, "\n", "\r\n"), "byte order mark": "\ufeff" + yaml, "json": json} {
		s, err := Parse([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(full, s); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestJSONEscapes: JSON may write a name in ways that YAML does not have.
func TestJSONEscapes(t *testing.T) {
	s, err := Parse([]byte(`{"columns":[{"field":"a\/b\ud83d\ude00","column":"x","type":"string"}]}`))
	if err != nil || s.Columns[0].Path[0] != "a/b😀" {
		t.Errorf("%+v, %v", s, err)
	}
}

// TestScalars: names are text as written, whatever YAML would make of them.
func TestScalars(t *testing.T) {
	for _, name := range []string{"007", "0x10", "1e3", "true", "no", "2026-01-02", "<<", "=", "-1", ".inf"} {
		field := "[" + name + "]"
		s, err := Parse([]byte("columns: [{field: " + field + ", column: x, type: string}]"))
		if err != nil || s.Columns[0].Path[0] != name {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
}

func TestProblems(t *testing.T) {
	column := func(rest string) string { return "columns:\n  - field: a\n    type: " + rest + "\n" }
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "1:1: the file is empty: a schema begins with `columns:`"},
		{"only comments", "# hello\n", "1:1: the file is empty: a schema begins with `columns:`"},
		{"null", "~", "1:1: the file is empty: a schema begins with `columns:`"},
		{"scalar", "hello", `1:1: a schema is a mapping with the keys columns, unknown, duplicates, lineage, payload, encoding, explode, envelope, control, folder, keys, order by, delete when, not "hello"`},
		{"list", "- a", `1:1: a schema is a mapping with the keys columns, unknown, duplicates, lineage, payload, encoding, explode, envelope, control, folder, keys, order by, delete when, not a list`},
		{"lineage", column("string") + "lineage: [partition_key, stream, stream]", "4:11: lineage is partition-key or stream, not \"partition_key\": did you mean partition-key?\n4:34: lineage names stream twice"},
		{"lineage in the way", "columns: [{field: _stream, type: string}]\nlineage: stream", "1:19: column _STREAM is here twice, first in line 2: give one of them another name with `column:`"},
		{"lineage for the rest", column("string") + "unknown: {variant: _stream}\nlineage: [stream]", "4:10: column _stream differs only in case from _STREAM in line 5: not every part on the way to the tables keeps them apart; give one of them another name with `column:`"},
		{"duplicates", column("string") + "duplicates: first", "4:13: duplicates is quarantine or last, not \"first\": it may be quarantine or last"},
		{"not UTF-8", "columns:\n  - field: a\xff", "2:13: this byte is not text: a schema file is UTF-8 without control characters"},
		{"NUL", "columns:\x00", "1:9: this byte is not text: a schema file is UTF-8 without control characters"},
		{"no columns", "unknown: ignore", "1:1: the schema has no columns: name at least one field under `columns:`"},
		{"empty list", "columns: []", "1:10: columns is a list with a `- field: ...` for each column, not an empty list"},
		{"mapping", "columns:\n  a: integer", "2:3: columns is a list with a `- field: ...` for each column, not a mapping"},
		{"nothing", "columns:", "1:9: columns is a list with a `- field: ...` for each column, not nothing"},
		{"column that is no mapping", "columns:\n- a", `2:3: a column is a mapping with the keys field, column, type, required, forms, zone, accept, nonfinite, not "a"`},
		{"unknown key", "colums: []\n" + column("string"), `1:1: a schema has no key "colums": did you mean columns?`},
		{"far-off key", column("string") + "whatever: 1", `4:1: a schema has no key "whatever": it may be columns, unknown, duplicates, lineage, payload, encoding, explode, envelope, control, folder, keys, order by or delete when`},
		{"key that is a list", column("string") + "[a]: 1", `4:1: a schema has no key a list: it may be columns, unknown, duplicates, lineage, payload, encoding, explode, envelope, control, folder, keys, order by or delete when`},
		{"duplicate key", column("string") + "payload: lines\npayload: lines", `5:1: payload is here twice, first in line 4`},
		{"no type", "columns:\n  - field: a", "2:5: the column has no type: integer, number(p,s), string, boolean, timestamp, variant, date, time or float"},
		{"no field", "columns:\n  - type: string", "2:5: the column has no field: say which JSON field goes into it"},
		{"type", column("integr"), `3:11: there is no type "integr": did you mean integer?`},
		{"type in capitals", column("INTEGER"), `3:11: there is no type "INTEGER": did you mean integer?`},
		{"type of others", column("varchar(20)"), `3:11: there is no type "varchar(20)": did you mean string?`},
		{"type that is nothing", column("zzzzzz"), `3:11: there is no type "zzzzzz": it may be integer, number, string, boolean, timestamp, variant, date, time or float`},
		{"bare number", column("number"), "3:11: number needs its digits: number(p,s) has at most p digits, s of them behind the point; for whole numbers there is integer"},
		{"number(10)", column("number(10)"), "3:11: number(10) is not number(p,s) with two whole numbers, such as number(10,2)"},
		{"number(39,2)", column("number(39,2)"), "3:11: number(39,2) is not a Snowflake number: p is 1 to 38, s is 0 to p and at most 37"},
		{"number(38,38)", column("number(38,38)"), "3:11: number(38,38) is not a Snowflake number: p is 1 to 38, s is 0 to p and at most 37"},
		{"open bracket", column("number(1"), `3:11: type "number(1" has no closing bracket`},
		{"timestamp", column("timestamp(ms)"), "3:11: a timestamp is not written in \"ms\": it may be rfc3339, iso8601, seconds, milliseconds, microseconds or nanoseconds; a format goes under `forms:`"},
		{"timestamp, nearly", column("timestamp(second)"), "3:11: a timestamp is not written in \"second\": did you mean seconds?; a format goes under `forms:`"},
		{"string(5)", column("string(5)"), "3:11: string takes nothing in brackets"},
		{"required", column("string") + "    required: yes", `4:15: required is true or false, not "yes": it may be true or false`},
		{"empty field", "columns:\n- {field: '', type: string}", `2:11: field "" has an empty name in it: if that is meant, write it as a list of names`},
		{"a..b", "columns:\n- {field: a..b, type: string}", `2:11: field "a..b" has an empty name in it: if that is meant, write it as a list of names`},
		{"empty path", "columns:\n- {field: [], type: string}", `2:11: field is an empty list: it needs a name for each level`},
		{"null field", "columns:\n- {field: null, type: string}", `2:11: field is a name, not nothing: a name that looks like something else needs quotes`},
		{"null in path", "columns:\n- {field: [a, ~], type: string}", `2:15: an item of field is a name, not nothing: a name that looks like something else needs quotes`},
		{"same column", "columns:\n- {field: a-b, type: string}\n- {field: a_b, type: string}", "3:11: column A_B is here twice, first in line 2: give one of them another name with `column:`"},
		{"explode", column("string") + "explode: $.items[*]", "4:10: explode is the path to one array, such as $.logEvents, not \"$.items[*]\": names with such characters are a list of names"},
		{"two arrays", column("string") + "envelope: firehose\nexplode: $.items", "5:10: explode: the elements of records become rows already, and only one array can"},
		{"no such envelope", column("string") + "envelope: dynamo", "4:11: envelope is none, dms, debezium, dynamodb, eventbridge, cloudwatch-logs, firehose or iot, not \"dynamo\": did you mean dynamodb?"},
		{"control of nothing", column("string") + "control: rows", "4:10: control: there are no control records without an envelope whose system sends some (dms, debezium, cloudwatch-logs, iot)"},
		{"two envelopes", column("string") + "payload: cloudwatch-logs\nenvelope: dms", "5:11: the payload is that of CloudWatch Logs, and the envelope that of dms"},
		{"encoding", column("string") + "encoding: hex", "4:11: encoding is none or base64, not \"hex\": it may be none or base64"},
		{"forms", "columns:\n- {field: a, type: timestamp, forms: [iso8601, rfc3339]}", "2:38: column for \"a\": forms \"iso8601\" and \"rfc3339\" both take \"1111+11+11a11:11:11.1a\": leave one of them out"},
		{"days and months", "columns:\n- {field: a, type: timestamp, zone: UTC, forms: [DD/MM/YYYY, MM/DD/YYYY]}", "2:49: column for \"a\": forms \"DD/MM/YYYY\" and \"MM/DD/YYYY\" both take \"11/11/1111\": leave one of them out"},
		{"form in two places", "columns:\n- {field: a, type: timestamp(seconds), forms: [seconds]}", "2:47: the type names a form in its brackets already: list all of them here"},
		{"no zone", "columns:\n- {field: a, type: timestamp, forms: DD/MM/YYYY}", "2:38: column for \"a\": form \"DD/MM/YYYY\": it has no zone (TZH:TZM): say with `zone:` which one is meant, such as UTC or Europe/Berlin"},
		{"zone", "columns:\n- {field: a, type: timestamp, zone: Berlin}", "2:37: column for \"a\": there is no zone \"Berlin\": it is a name such as Europe/Berlin or UTC, or an offset such as +01:00"},
		{"zone of a date", "columns:\n- {field: a, type: date, zone: UTC}", "2:32: column for \"a\": a date has no zone"},
		{"accept", "columns:\n- {field: a, type: integer, accept: [number-text]}", "2:38: accept is numeric-text, boolean-text or integral-float, not \"number-text\": did you mean numeric-text?"},
		{"accept nothing", "columns:\n- {field: a, type: integer, accept: []}", "2:37: accept is a list, not an empty list"},
		{"accept in vain", "columns:\n- {field: a, type: string, accept: numeric-text}", "2:36: column for \"a\": numeric-text: a string written like this takes no numbers, so none as text"},
		{"nonfinite", "columns:\n- {field: a, type: float, nonfinite: zero}", "2:38: nonfinite is quarantine, null or keep, not \"zero\": it may be quarantine, null or keep"},
		{"nonfinite integer", "columns:\n- {field: a, type: integer, nonfinite: keep}", "2:40: column for \"a\": nonfinite belongs to float, not to integer"},
		{"places of a time", "columns:\n- {field: a, type: 'time(seconds,6)'}", "2:20: a timestamp has 9 decimal places of a second and the years 1678 to 2261, or 6 and the years 1 to 9999, not \"6\""},
		{"lineage", "columns:\n- {field: _shard, type: string}", "2:11: column _SHARD would collide with the column _SHARD that every table has: give it another name with `column:`"},
		{"rest", "columns:\n- {field: _rest, type: string}\nunknown: variant", "3:10: column _REST is here twice, first in line 2: give one of them another name with `column:`"},
		{"empty column", "columns:\n- {field: a, column: '', type: string}", "2:22: \"\" is not a column name: give it one of 1 to 255 characters with `column:`"},
		{"same field", "columns:\n- {field: a, type: string}\n- {field: a, column: B, type: string}", `3:11: field "a" overlaps with the one in line 2: a value goes into one column`},
		{"field inside", "columns:\n- {field: a, type: string}\n- {field: a.b, type: string}", `3:11: field "a.b" overlaps with the one in line 2: a value goes into one column`},
		{"field around", "columns:\n- {field: a.b, type: string}\n- {field: a, type: string}", `3:11: field "a" overlaps with the one in line 2: a value goes into one column`},
		{"too deep", "columns:\n- {field: a" + strings.Repeat(".a", 63) + ", column: A, type: string}", `2:11: the field is 64 levels deep: at most 63 are read`},
		{"policy", column("string") + "unknown: refuse", `4:10: unknown is ignore, variant or quarantine, not "refuse": it may be ignore, variant or quarantine`},
		{"policy mapping", column("string") + "unknown: {varient: X}", "4:10: unknown as a mapping is {variant: COLUMN}\n4:11: unknown has no key \"varient\": did you mean variant?"},
		{"payload", column("string") + "payload: ndjson", `4:10: payload is document, lines, concatenated, array, cloudwatch-logs or auto, not "ndjson": it may be document, lines, concatenated, array, cloudwatch-logs or auto`},
		{"folder", column("string") + "folder: {label: ''}", "4:9: folder has no field: it needs both, as in {label: sensor, field: sensorId}\n4:17: label is empty"},
		{"anchor", "columns: &a\n  - {field: a, type: string}", "1:10: anchors (&a) are not part of this format"},
		{"alias", "columns:\n  - &x {field: a, type: string}\n  - *x", "2:5: anchors (&x) are not part of this format\n3:5: aliases (*x) are not part of this format: write the value again"},
		{"merge", "columns:\n  - {<<: {field: a}, type: string}", "2:5: the column has no field: say which JSON field goes into it\n2:6: a column has no key \"<<\": it may be field, column, type, required, forms, zone, accept or nonfinite"},
		{"tag", "columns:\n  - {field: !!str a, type: string}", "2:13: tags (!!str) are not part of this format"},
		{"two documents", column("string") + "---\n" + column("string"), "4:1: a second document begins here: a schema file has one"},
		{"several", "columns:\n  - {feild: a, type: int}\n  - {field: b, type: strng, requird: true}\nunknown: 1", `2:5: the column has no field: say which JSON field goes into it
2:6: a column has no key "feild": did you mean field?
2:22: there is no type "int": did you mean integer?
3:22: there is no type "strng": did you mean string?
3:29: a column has no key "requird": did you mean required?
4:10: unknown is ignore, variant or quarantine, not "1": it may be ignore, variant or quarantine`},
		{"json position", "{\n\t\"columns\": [\n\t\t{\"field\": \"é\", \"type\": \"int\"}\n\t]\n}", `3:26: there is no type "int": did you mean integer?`},
		// What is not YAML at all. The text is the library's, the place is ours.
		{"indentation", "columns:\n  - field: a\n    type: integer\n   required: true\n", "4:4: this is not YAML: did not find expected '-' indicator"},
		{"less indentation", "columns:\n    - field: a\n  - field: b\n", "3:3: this is not YAML: did not find expected key"},
		{"tab", "columns:\n  - field: a\n\ttype: integer\n", "3:2: this is not YAML: found a tab character that violates indentation"},
		{"no colon", column("string") + "unknown ignore\npayload: document\n", "4:1: this is not YAML: could not find expected ':'"},
		{"open quote", "columns:\n  - field: \"a\n    type: integer\n", "2:3: this is not YAML: found unexpected end of stream"},
		{"open bracket", "columns:\n  - field: [a, b\n    type: integer\n", "2:3: this is not YAML: did not find expected ',' or ']'"},
		{"open brace", "columns:\n  - {field: a, type: integer\n  - {field: b, type: string}\n", "2:3: this is not YAML: did not find expected ',' or '}'"},
		{"at sign", "columns:\n  - field: @a\n    type: x\n", "2:3: this is not YAML: found character that cannot start any token"},
		{"unknown alias", "columns:\n  - field: *a\n    type: x\n", "2:3: this is not YAML: unknown anchor 'a' referenced"},
		{"closing bracket", "a: ]\nb: c\nd: e", "1:1: this is not YAML: did not find expected node content"},
		{"broken JSON", "{\"columns\": [\n  {\"field\": \"a\" \"type\": 1}\n]}", "2:17: this is not JSON: invalid character '\"' after object key:value pair"},
		{"cut JSON", "{\"columns\": [", "1:13: this is not JSON: unexpected end of JSON input"},
		{"state: no such column", column("string") + "keys: [b, A]", "4:8: a key: no column has the name or the field \"b\": it may be A"},
		{"state: no keys", column("string") + "order by: a", "4:11: order by and delete when say which row of a key is current: name the columns of the key under keys"},
		{"state: a variant as a key", column("variant") + "keys: [a]", `4:7: keys: column "A" is a variant, whose values are not surely the same when they look the same`},
		{"state: a mapping", column("string") + "keys: {a: 1}", "4:7: keys is a list, not a mapping"},
		{"state: a key of several", column("string") + "keys: [{frist: [a]}]", `4:9: a key of several columns has no key "frist": did you mean first?`},
		{"state: twice in a key", column("string") + "keys: [{first: [a, A]}]", `4:7: keys: column "A" is twice in one key`},
		{"state: order by a boolean", column("boolean") + "keys: [a]\norder by: [a]", `5:11: order by: column "A" is a boolean, which says nothing of newer and older`},
		{"state: a list of conditions", column("string") + "keys: [a]\ndelete when: [a]", "5:14: delete when is columns with the values that tell a deletion, such as {op: [d]}, not a list"},
		{"state: no values", column("string") + "keys: [a]\ndelete when: {a: []}", "5:18: the values that tell a deletion is a list, not an empty list"},
		{"state: another type's value", column("integer") + "keys: [a]\ndelete when: {a: [1, x]}", `5:14: delete when: column "A", of type integer, is never "x"`},
	} {
		_, err := Parse([]byte(c.text))
		var problems Problems
		if !errors.As(err, &problems) {
			t.Errorf("%s: error is %v", c.name, err)
			continue
		}
		if diff := cmp.Diff(c.want, err.Error()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestLimits(t *testing.T) {
	_, err := Parse([]byte(strings.Repeat("#", MaxSize+1)))
	if err == nil || !strings.Contains(err.Error(), "1048577 bytes") {
		t.Errorf("a large file: %v", err)
	}
	_, err = Parse([]byte("columns:\n" + strings.Repeat("- {field: a, type: string}\n", MaxColumns+1)))
	if want := "2002:3: this is column 2001: a schema has at most 2000"; err == nil || err.Error() != want {
		t.Errorf("many columns: %v", err)
	}
	_, err = Parse([]byte("columns:\n" + strings.Repeat("- {}\n", MaxColumns)))
	var problems Problems
	if !errors.As(err, &problems) || len(problems) != maxProblems {
		t.Errorf("many problems: %d", len(problems))
	}
	if s, err := Parse([]byte("columns:\n- {field: a" + strings.Repeat(".a", maxLevels-1) + ", column: A, type: string}")); err != nil || len(s.Columns[0].Path) != maxLevels {
		t.Errorf("the deepest field: %v", err)
	}
	if s, err := Parse([]byte("columns:\n- {field: a, column: " + strings.Repeat("é", maxName) + ", type: string}")); err != nil {
		t.Errorf("the longest column: %v, %v", s, err)
	}
	for name, text := range map[string]string{
		"nesting":   strings.Repeat("[", MaxSize),
		"indents":   strings.Repeat("- ", MaxSize/2),
		"mappings":  strings.Repeat("{a: ", MaxSize/4),
		"JSON":      `{"a":` + strings.Repeat("[", MaxSize/4) + strings.Repeat("]", MaxSize/4) + "}",
		"bomb":      "a: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c]",
		"late":      strings.Repeat("- a\n", MaxSize/5) + "}",
		"quote":     strings.Repeat("a\n", MaxSize/4) + `"`,
		"long line": strings.Repeat("a ", MaxSize/4) + ": \x00",
	} {
		if _, err := Parse([]byte(text)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestColumnName(t *testing.T) {
	for _, c := range []struct {
		path []string
		want string
	}{
		{[]string{"sensorId"}, "SENSORID"}, {[]string{"device", "id"}, "DEVICE_ID"}, {[]string{"a.b", "c-d"}, "A_B_C_D"},
		{[]string{"größe"}, "GR__E"}, {[]string{"1st"}, "_1ST"}, {[]string{""}, "_"}, {[]string{"", ""}, "_"}, {[]string{"$x"}, "_X"},
	} {
		if got := ColumnName(c.path); got != c.want {
			t.Errorf("ColumnName(%q) = %q, want %q", c.path, got, c.want)
		}
	}
}

// hostile are the pieces of names that writers and readers of YAML get wrong.
var hostile = []string{
	"a", "B", "9", "_", "", ".", "..", "true", "null", "~", "no", "0x1", "1e3", "<<", "- ", "? ", ": ", " #", "#", "'", `"`, `\`, "\n", "\r\n", "\t", " ",
	"{", "}", "[", "]", ",", "&a", "*a", "!", "|", ">", "%", "@", "`", "\u0085", "\u2028", "\ufeff", "\ufffe", "\ufffd", "é", "😀", "\U0010ffff", "\x01", "\x7f", "---", "...", "=",
}

func genName(t *rapid.T, label string) string {
	return strings.Join(rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom(hostile), rapid.String()), 0, 4).Draw(t, label), "")
}

func genSchema(t *rapid.T) record.Schema {
	s := record.Schema{
		Unknown: record.Policy(rapid.IntRange(0, 2).Draw(t, "unknown")),
		Payload: rapid.SampledFrom(record.Payloads()).Draw(t, "payload"),
		Base64:  rapid.Bool().Draw(t, "base64"),
		Folder:  record.Folder{Label: genName(t, "label"), Field: genName(t, "folder field")},
	}
	if rapid.Bool().Draw(t, "explodes") {
		s.Explode = rapid.SampledFrom([][]string{{"items"}, {"detail", "items"}, {"a.b"}, {"$", "*"}, {""}}).Draw(t, "explode")
	}
	s.Envelope = rapid.SampledFrom(record.Envelopes()).Draw(t, "envelope")
	s.Control = rapid.SampledFrom([]record.Control{record.Aside, record.Rows}).Draw(t, "control")
	if s.CheckWrapping() != nil {
		s.Explode, s.Envelope, s.Control = nil, record.NoEnvelope, record.Aside
	}
	if s.Folder.Label == "" || s.Folder.Field == "" {
		s.Folder = record.Folder{}
	}
	if s.Unknown == record.Keep {
		s.Rest = rapid.SampledFrom([]string{Rest, "rest", "a b\n"}).Draw(t, "rest")
	}
	for range rapid.IntRange(1, 6).Draw(t, "columns") {
		c := record.Column{Type: record.Type(rapid.IntRange(0, len(record.Types())-1).Draw(t, "type")), Required: rapid.Bool().Draw(t, "required")}
		for range rapid.IntRange(1, 3).Draw(t, "levels") {
			c.Path = append(c.Path, genName(t, "name"))
		}
		if c.Name = ColumnName(c.Path); rapid.Bool().Draw(t, "named") {
			c.Name = genName(t, "column")
		}
		switch c.Type {
		case record.Number:
			c.Precision = rapid.IntRange(1, 38).Draw(t, "precision")
			c.Scale = rapid.IntRange(0, min(c.Precision, 37)).Draw(t, "scale")
		case record.Timestamp:
			c.Micros = rapid.Bool().Draw(t, "micros")
			c.Zone = rapid.SampledFrom([]string{"", "UTC", "Europe/Berlin", "+01:00"}).Draw(t, "zone")
		case record.Float:
			c.NonFinite = record.NonFinite(rapid.IntRange(0, 2).Draw(t, "nonfinite"))
		}
		if words := record.FormWords(c.Type); words != nil {
			words = append(words, "DD/MM/YYYY HH24:MI:SS", `"T"HH24:MI`, "YYYYMMDD TZHTZM", "DD.MM.YYYY")
			c.Forms = rapid.SliceOfN(rapid.SampledFrom(words), 0, 3).Draw(t, "forms")
			if len(c.Forms) == 0 || len(c.Forms) == 1 && c.Forms[0] == words[0] {
				c.Forms = nil // what is written is the default
			}
		}
		for _, word := range record.AcceptWords() {
			if rapid.Bool().Draw(t, word) {
				if c.Accept |= record.AcceptOf(word); c.CheckReading() != nil {
					c.Accept &^= record.AcceptOf(word)
				}
			}
		}
		s.Columns = append(s.Columns, c)
		if s.Check() != nil {
			s.Columns = s.Columns[:len(s.Columns)-1]
		}
	}
	if s.Check() != nil {
		s = record.Sensor()
	}
	var names []string
	for _, c := range s.DataColumns() {
		names = append(names, c.Name)
	}
	plain := s
	s.State.Keys = rapid.SliceOfN(rapid.SliceOfN(rapid.SampledFrom(names), 1, 2), 0, 2).Draw(t, "keys")
	s.State.Order = rapid.SliceOfN(rapid.SampledFrom(names), 0, 2).Draw(t, "order by")
	for _, name := range rapid.SliceOfN(rapid.SampledFrom(names), 0, 2).Draw(t, "delete when") {
		values := rapid.SampledFrom([][]string{{"true"}, {"1", "-20"}, {"d", "", "null", "it's: [x]", "false"}})
		s.State.Deleted = append(s.State.Deleted, record.Match{Column: name, Values: values.Draw(t, "values")})
	}
	if s.State.IsZero() || s.Check() != nil {
		return plain
	}
	s.State.Order = append([]string(nil), s.State.Order...) // none is nil
	return s
}

// roundTrip is what Format promises.
func roundTrip(t interface{ Fatalf(string, ...any) }, s record.Schema, notes Notes) {
	text := FormatWith(s, notes)
	again, err := Parse(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if diff := cmp.Diff(s, again); diff != "" {
		t.Fatalf("changed (-want +got):\n%s\n%s", diff, text)
	}
}

func TestRoundTrip(t *testing.T) {
	roundTrip(t, full, Notes{})
	rapid.Check(t, func(t *rapid.T) {
		notes := rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom(hostile), rapid.String()), 0, 3)
		roundTrip(t, genSchema(t), Notes{
			Head: notes.Draw(t, "head"), Columns: [][]string{notes.Draw(t, "first")}, Foot: notes.Draw(t, "foot"),
		})
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("columns:\n- {field: a.b, type: 'number(10,2)', required: true}\nunknown: {variant: X}\npayload: lines\nfolder: {label: a, field: b}\n"))
	f.Add([]byte(`{"columns":[{"field":["a","b.c"],"column":"\ud83d\ude00","type":"timestamp(seconds)"}],"unknown":"quarantine"}`))
	f.Add(Format(full))
	f.Add([]byte("columns:\n- {field: a.b, type: string}\n- {field: c, type: boolean}\nkeys: [{first: [A_B]}, c]\norder by: a.b\ndelete when: {c: true, A_B: [x, '']}\n"))
	f.Add([]byte("columns: &a [*a]\n--- \n? {a: b}\n: |\n # x\n  y\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := Parse(text)
		if err == nil {
			if err := s.Check(); err != nil {
				t.Fatalf("Check refuses what Parse gave: %v", err)
			}
			roundTrip(t, s, Notes{})
			return
		}
		lines := strings.Count(string(text), "\n") + strings.Count(string(text), "\r") + strings.Count(string(text), "\u0085") +
			strings.Count(string(text), "\u2028") + strings.Count(string(text), "\u2029") + 1
		var problems Problems
		if !errors.As(err, &problems) || len(problems) == 0 {
			t.Fatalf("the error has no problems: %v", err)
		}
		for _, p := range problems {
			if p.Line < 1 || p.Line > lines+1 || p.Column < 1 {
				t.Fatalf("%v is not in the file", p)
			}
		}
	})
}

// TestDocumentation: the example in the manual is a schema file that uses every key.
func TestDocumentation(t *testing.T) {
	manual, err := os.ReadFile("../../docs/schema.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(manual), "```yaml\n")
	example, _, _ = strings.Cut(example, "```")
	s, err := Parse([]byte(example))
	if err != nil {
		t.Fatal(err)
	}
	want := record.Schema{
		Columns: []record.Column{
			{Path: []string{"orderId"}, Name: "ORDERID", Type: record.String, Required: true},
			{Path: []string{"customer", "address", "zip"}, Name: "CUSTOMER_ADDRESS_ZIP", Type: record.String},
			{Path: []string{"customer", "v1.id"}, Name: "CUSTOMER_ID", Type: record.Integer},
			{Path: []string{"total"}, Name: "TOTAL", Type: record.Number, Precision: 12, Scale: 2},
			{Path: []string{"express"}, Name: "EXPRESS", Type: record.Boolean},
			{Path: []string{"placedAt"}, Name: "PLACEDAT", Type: record.Timestamp, Forms: []record.Form{record.Milliseconds}},
			{Path: []string{"items"}, Name: "ITEMS", Type: record.Variant},
		},
		Unknown: record.Keep, Rest: "OTHER_FIELDS", Folder: record.Folder{Label: "order", Field: "orderId"},
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestQuote: other readers of YAML must not take a name for anything else either.
func TestQuote(t *testing.T) {
	for name, want := range map[string]string{
		"sensorId": "sensorId", "a.b_1": "a.b_1", "no": `"no"`, "On": `"On"`, "null": `"null"`, "": `""`, "1": `"1"`, ".a": `".a"`, "a b": `"a b"`,
		`"\`: `"\"\\"`, "\n": `"\u000A"`, "\u0085": `"\u0085"`, "\U000e0001": `"\U000E0001"`, "ö": `"ö"`, "a-b": `"a-b"`, "2026-01-02": `"2026-01-02"`,
	} {
		if got := quote(name); got != want {
			t.Errorf("quote(%q) = %s, want %s", name, got, want)
		}
	}
}
