package main

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/schemafile/infer"
)

// TestSQLType: what check says is what the tables are created with.
func TestSQLType(t *testing.T) {
	s := record.Schema{}
	for _, kind := range record.Types() {
		s.Columns = append(s.Columns, record.Column{Path: []string{kind.String()}, Name: kind.String(), Type: kind, Precision: 7, Scale: 3})
	}
	ddl := strings.Join(schema.Tables(schema.Defaults(), s), "\n")
	for _, c := range s.Columns {
		if line := "\n  " + schema.Quote(c.Name) + " " + schema.Type(c) + ",\n"; strings.Count(ddl, line) != 2 {
			t.Errorf("the tables do not have the line %q", line)
		}
	}
}

// TestLines: lines keep their numbers, whatever is in them and however long they are.
func TestLines(t *testing.T) {
	long := `{"a":"` + strings.Repeat("x", record.MaxPayload) + `"}`
	sample := "{\"a\":1}\r\n\n  \n" + long + "\n{\"a\":2}\nx\n{\"a\":3}"
	seen := infer.New()
	if err := observe(strings.NewReader(sample), seen, newTicker(io.Discard)); err != nil {
		t.Fatal(err)
	}
	text, err := seen.Propose()
	if err != nil || seen.Records() != 3 || !bytes.Contains(text, []byte("(line 4 too_large, line 6 not_json)")) {
		t.Errorf("%d records, %v\n%s", seen.Records(), err, text)
	}
}

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		args string
		want int
	}{
		{"schema", exitOK}, {"schema sql", exitOK}, {"schema check", exitUsage}, {"schema check a b", exitUsage}, {"schema infer", exitUsage},
		{"schema chek", exitUsage}, {"schema check nowhere.yaml", exitFailed}, {"schema sql nowhere.yaml", exitFailed}, {"schema infer nowhere", exitFailed},
	} {
		if got := run(t.Context(), strings.Fields(c.args), io.Discard, io.Discard); got != c.want {
			t.Errorf("snowstream %s: exit code %d, want %d", c.args, got, c.want)
		}
	}
}
