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

// TestGolden holds the SQL that people can read before they trust it.
func TestGolden(t *testing.T) {
	for name, s := range map[string]record.Schema{"sensor": record.Sensor(), "all": all()} {
		n := Defaults()
		text := strings.Join(append(Tables(n, s), Integration(n, "my-bucket", "arn:aws:iam::123456789012:role/it's"), Stage(n, "my-bucket"), Pipe(n), Merge(n, s)), ";\n\n") + ";\n"
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
