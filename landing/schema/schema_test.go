package schema

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/snowstream/snowstream/record"
)

var update = flag.Bool("update", false, "write the golden files again")

// all has a column of each type, and names that need their quotes.
func all() record.Schema {
	return record.Schema{
		Columns: []record.Column{
			{Path: []string{"i"}, Name: "I", Type: record.Integer, Required: true},
			{Path: []string{"n"}, Name: `price "net"`, Type: record.Number, Precision: 10, Scale: 2},
			{Path: []string{"s"}, Name: "lower", Type: record.String},
			{Path: []string{"b"}, Name: "B", Type: record.Boolean},
			{Path: []string{"t"}, Name: "T", Type: record.Timestamp},
			{Path: []string{"u"}, Name: "U", Type: record.Timestamp, Micros: true},
			{Path: []string{"v"}, Name: "V", Type: record.Variant},
		},
		Unknown: record.Keep, Rest: "REST",
	}
}

// golden compares a text with testdata/<name>.sql.
func golden(t *testing.T, name, text string) {
	t.Helper()
	file := "testdata/" + name + ".sql"
	if *update {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		t.Errorf("%s (run with -update if this is meant):\n%s", file, diff)
	}
}

// TestGolden holds the SQL that people can read before they trust it.
func TestGolden(t *testing.T) {
	for name, s := range map[string]record.Schema{"sensor": record.Sensor(), "all": all()} {
		n := Defaults()
		text := strings.Join(append(Tables(n, s), Integration(n, "my-bucket", "arn:aws:iam::123456789012:role/it's"), Stage(n, "my-bucket"), Pipe(n), Merge(n, s)), ";\n\n") + ";\n"
		golden(t, name, text)
	}
}

// changes is a change log in Debezium's form: a deleted row has its key in before.
func changes() record.Schema {
	return record.Schema{
		Columns: []record.Column{
			{Path: []string{"after", "id"}, Name: "AFTER_ID", Type: record.Integer},
			{Path: []string{"before", "id"}, Name: "BEFORE_ID", Type: record.Integer},
			{Path: []string{"source", "table"}, Name: `the "table"`, Type: record.String},
			{Path: []string{"ts_ms"}, Name: "TS_MS", Type: record.Integer},
			{Path: []string{"op"}, Name: "OP", Type: record.String},
			{Path: []string{"hard"}, Name: "HARD", Type: record.Boolean},
		},
		State: record.State{
			Keys: [][]string{{`the "table"`}, {"AFTER_ID", "BEFORE_ID"}}, Order: []string{"TS_MS"},
			Deleted: []record.Match{{Column: "OP", Values: []string{"d", `it's \N`}}, {Column: "HARD", Values: []string{"true"}}},
		},
	}
}

// TestCurrentGolden holds the statements for current rows, as a view and as a dynamic table.
func TestCurrentGolden(t *testing.T) {
	n, undeleted := Defaults(), changes()
	undeleted.State = record.State{Keys: [][]string{{"AFTER_ID"}}}
	l := Landing{Names: n, Schema: changes(), Mark: MarkOf("main", "arn:aws:kinesis:eu-west-1:123456789012:stream/s", "my-bucket")}
	view, ok := l.CurrentView()
	if !ok {
		t.Fatal("no view")
	}
	golden(t, "current", strings.Join([]string{view.SQL, Current(n, undeleted), CurrentTable(n, undeleted, "WH", "5 minutes"), view.Undo}, ";\n\n")+";\n")
	if text := Current(n, record.Sensor()); text != "" {
		t.Errorf("a schema without keys has the view %s", text)
	}
	if _, ok := (Landing{Names: n, Schema: record.Sensor()}).CurrentView(); ok {
		t.Error("a schema without keys has a view")
	}
}

// TestStale: a view of the same definition stays, one of another is replaced, and one of somebody else is left alone.
func TestStale(t *testing.T) {
	l := Landing{Names: Defaults(), Schema: changes(), Mark: MarkOf("main", "s", "b")}
	view, _ := l.CurrentView()
	_, comment, _ := strings.Cut(view.SQL, "COMMENT = '")
	comment, _, _ = strings.Cut(comment, "'")
	later := l
	later.Schema.State.Order = nil
	for _, c := range []struct {
		l       Landing
		comment string
		stale   bool
		refused bool
	}{{l, comment, false, false}, {later, comment, true, false}, {l, "", false, true}, {l, "my own", false, true}} {
		stale, err := c.l.Stale(view, []map[string]string{{"name": "ANOTHER_CURRENT"}, {"name": view.Name, "comment": c.comment}})
		if stale != c.stale || (err != nil) != c.refused {
			t.Errorf("%q: stale %v, %v", c.comment, stale, err)
		}
	}
	if stale, err := l.Stale(view, nil); !stale || err != nil {
		t.Errorf("no view: stale %v, %v", stale, err)
	}
}

func TestNoReplace(t *testing.T) {
	n := Defaults()
	for _, statement := range append(Tables(n, all()), Integration(n, "b", "r"), Stage(n, "b"), Pipe(n)) {
		if strings.Contains(statement, "REPLACE") || !strings.Contains(statement, "IF NOT EXISTS") {
			t.Errorf("may not be run twice: %s", statement)
		}
	}
}

func TestQuoting(t *testing.T) {
	if got := Quote(`a"b`); got != `"a""b"` {
		t.Error(got)
	}
	if got := Literal(`it's \N`); got != `'it''s \\N'` {
		t.Error(got)
	}
}

func TestEvolve(t *testing.T) {
	have := func(change func(map[string]Have)) (out []Have) {
		m := map[string]Have{}
		for _, c := range record.Sensor().TableColumns() {
			m[c.Name] = Have{c.Name, Type(c), !c.Required}
		}
		change(m)
		for _, h := range m {
			out = append(out, h)
		}
		return out
	}
	same := func(map[string]Have) {}
	more := record.Sensor()
	more.Columns = append(more.Columns, record.Column{Path: []string{"room"}, Name: "room", Type: record.String})
	required := record.Sensor()
	required.Columns = append(required.Columns, record.Column{Path: []string{"room"}, Name: "ROOM", Type: record.String, Required: true})
	loose := record.Sensor()
	loose.Columns[2].Required = false
	other := record.Sensor()
	other.Columns[0].Type = record.String
	less := record.Sensor()
	less.Columns = less.Columns[:2]
	for _, tt := range []struct {
		name   string
		schema record.Schema
		have   []Have
		want   []string
		err    string
	}{
		{"same", record.Sensor(), have(same), nil, ""},
		{"length is not a type", record.Sensor(), have(func(m map[string]Have) { m["STATUS"] = Have{"STATUS", "VARCHAR(16777216)", false} }), nil, ""},
		{"new optional column", more, have(same), []string{`ALTER TABLE T ADD COLUMN IF NOT EXISTS "room" VARCHAR`}, ""},
		{"no longer required", loose, have(same), []string{`ALTER TABLE T ALTER COLUMN "STATUS" DROP NOT NULL`}, ""},
		{"new required column", required, have(same), nil, "ROOM is new and required"},
		{"other type", other, have(same), nil, "SENSORID is NUMBER(38,0) in the table and VARCHAR"},
		{"required column gone", less, have(same), nil, "STATUS of the table is NOT NULL"},
		{"optional column gone", less, have(func(m map[string]Have) { m["STATUS"] = Have{"STATUS", "VARCHAR", true} }), nil, ""},
	} {
		got, err := Evolve("T", tt.schema, tt.have)
		if diff := cmp.Diff(tt.want, got); diff != "" || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: %v\n%s", tt.name, err, diff)
		}
	}
}
