package dialect_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/snowstream/snowstream/local/warehouse/dialect"
)

// seeds are the texts that the other tests read.
func seeds(f *testing.F) {
	text, err := os.ReadFile("testdata/statements.sql")
	if err != nil {
		f.Fatal(err)
	}
	list, err := dialect.Split(string(text))
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range list {
		f.Add(s)
	}
	for _, c := range queries {
		f.Add(c.text)
	}
	f.Add(upsert)
	f.Add(`SELECT read_text('/etc/passwd') FROM "x.csv", read_csv('a'), 'b.parquet'; COPY t TO 'x'`)
}

func FuzzSplit(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, text string) {
		list, err := dialect.Split(text)
		if err != nil {
			return
		}
		// What is split once has no end of a statement left in it.
		for _, s := range list {
			again, err := dialect.Split(s)
			if err != nil || len(again) != 1 || again[0] != s {
				t.Errorf("%q splits into %q, error %v", s, again, err)
			}
		}
	})
}

// quotedText matches what stands in quotes in DuckDB's text.
var quotedText = regexp.MustCompile(`'(?:[^']|'')*'|"(?:[^"]|"")*"`)

// forbidden are the words with which DuckDB would reach files, settings or other databases.
var forbidden = regexp.MustCompile(`(?i)\b(read_\w+|\w+_scan|sniff_\w+|glob|getenv|copy|attach|detach|install|load|pragma|export|import|set_config|current_setting|query|query_table|duckdb_\w+|which_secret|call)\b`)

func FuzzParse(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := dialect.Parse(text, session)
		if err != nil {
			if _, ok := err.(*dialect.Error); !ok || s != nil {
				t.Errorf("%q: error %T with statement %v", text, err, s)
			}
			return
		}
		for _, out := range outputs(s) {
			if !utf8.ValidString(out) || strings.ContainsRune(out, 0) {
				t.Errorf("%q gives text that DuckDB cannot read: %q", text, out)
			}
			bare := quotedText.ReplaceAllString(out, " q ")
			if strings.ContainsAny(bare, `'"`) || strings.Contains(bare, "--") || strings.Contains(bare, "/*") || strings.Contains(bare, ";") {
				t.Errorf("%q gives text whose quotes are open: %q", text, out)
			}
			if word := forbidden.FindString(bare); word != "" {
				t.Errorf("%q lets %s through: %q", text, word, out)
			}
		}
	})
}

// outputs are all the DuckDB texts of a statement.
func outputs(s dialect.Statement) []string {
	var list []string
	add := func(q *dialect.Query) {
		if q != nil {
			list = append(list, q.SQL)
		}
	}
	switch s := s.(type) {
	case *dialect.Query:
		add(s)
	case *dialect.Set:
		add(s.Query)
	case *dialect.Insert:
		list = append(list, s.SQL)
	case *dialect.Update:
		list = append(list, s.SQL)
		add(s.DuplicateCheck)
	case *dialect.Delete:
		list = append(list, s.SQL)
	case *dialect.Truncate:
		list = append(list, s.SQL)
	case *dialect.Merge:
		list = append(list, s.SQL)
		add(s.DuplicateCheck)
	case *dialect.CreateTable:
		list = append(list, s.SQL)
		add(s.As)
	case *dialect.CreateView:
		list = append(list, s.SQL)
	case *dialect.AlterTable:
		list = append(list, s.SQL...)
	case *dialect.Copy:
		if s.Select != nil {
			list = append(list, s.Select.Items, s.Select.Where)
		}
	case *dialect.CreatePipe:
		return outputs(s.Copy)
	}
	return list
}
