package main

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/snowstream/snowstream/landing/snowflake"
)

func TestSplitStatements(t *testing.T) {
	for _, tt := range []struct {
		text string
		want []string
	}{
		{"", nil},
		{" \n;; -- nothing\n;/* nothing */", nil},
		{"SELECT 1", []string{"SELECT 1"}},
		{"SELECT 1;\nSELECT 2;\n", []string{"SELECT 1", "SELECT 2"}},
		{"SELECT ';' ; SELECT 'it''s;' ; SELECT 'a\\';b'", []string{"SELECT ';'", "SELECT 'it''s;'", "SELECT 'a\\';b'"}},
		{`SELECT "a;b" ; SELECT "a"";b"`, []string{`SELECT "a;b"`, `SELECT "a"";b"`}},
		{"-- a; b\nSELECT 1 // c;\n; SELECT /* ; */ 2", []string{"-- a; b\nSELECT 1 // c;", "SELECT /* ; */ 2"}},
		{"SELECT $$a;b$$;SELECT 2", []string{"SELECT $$a;b$$", "SELECT 2"}},
		{"SELECT 'open;", []string{"SELECT 'open;"}},
		{"SELECT 5 / 2; SELECT 3 - 1", []string{"SELECT 5 / 2", "SELECT 3 - 1"}},
	} {
		if got := splitStatements(tt.text); !slices.Equal(got, tt.want) {
			t.Errorf("%q was cut into %q, not %q", tt.text, got, tt.want)
		}
	}
}

// TestSplitLosesNothing: cutting loses nothing but what stands between statements, and cutting a piece again changes nothing,
// for random texts of the characters that matter.
func TestSplitLosesNothing(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	parts := []string{"a", "'", "\"", "$$", ";", "--", "\n", "/*", "*/", "\\", "//", " ", "é", "\x00"}
	for range 20_000 {
		var text string
		for range random.IntN(12) {
			text += parts[random.IntN(len(parts))]
		}
		at := 0
		for _, piece := range splitStatements(text) {
			i := strings.Index(text[at:], piece)
			if piece == "" || i < 0 {
				t.Fatalf("%q has a piece %q that is not in it, in order", text, piece)
			}
			at += i + len(piece)
			if again := splitStatements(piece); len(again) != 1 || again[0] != piece {
				t.Fatalf("the piece %q is cut again into %q", piece, again)
			}
		}
	}
}

func cell(text string) sql.NullString { return sql.NullString{String: text, Valid: true} }

func TestQueryRows(t *testing.T) {
	columns := []snowflake.Column{{Name: "N", Type: "FIXED"}, {Name: `a"b`, Type: "TEXT"}, {Name: "OK", Type: "BOOLEAN"}, {Name: "V", Type: "VARIANT"}, {Name: "F", Type: "REAL"}}
	rows := [][]sql.NullString{
		{cell("12345678901234567890123456789012345678"), cell("it, \"is\"\n\x1b[31m"), cell("true"), cell("{\n \"a\": 1.50\n}"), cell("NaN")},
		{{}, cell(""), {}, cell("no json"), cell("1.5")},
	}
	for name, want := range map[string]string{
		"json": `{"N":12345678901234567890123456789012345678,"a\"b":"it, \"is\"\n\u001b[31m","OK":true,"V":{"a":1.50},"F":"NaN"}
{"N":null,"a\"b":"","OK":null,"V":"no json","F":1.5}
`,
		"csv": "N,\"a\"\"b\",OK,V,F\r\n12345678901234567890123456789012345678,\"it, \"\"is\"\"\n\x1b[31m\",true,\"{\n \"\"a\"\": 1.50\n}\",NaN\r\n,\"\",,no json,1.5\r\n",
		"table": `                                     N  a"b                 OK    V                   F
──────────────────────────────────────  ──────────────────  ────  ────────────────  ───
12345678901234567890123456789012345678  it, "is"\n\x1b[31m  true  {\n "a": 1.50\n}  NaN
                                  NULL                      NULL  no json           1.5
2 rows

`,
	} {
		var out strings.Builder
		w := queryOptions{json: name == "json", csv: name == "csv"}.writer(&out)
		if err := w.head(columns); err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			if err := w.row(r); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.end(); err != nil {
			t.Fatal(err)
		}
		if out.String() != want {
			t.Errorf("%s:\n%s\nnot\n%s\n%q", name, out.String(), want, out.String())
		}
	}
}

// TestTableHeadsOnce: around the number of rows that widths are taken from, a table has one head and all of its rows.
func TestTableHeadsOnce(t *testing.T) {
	for _, n := range []int{0, 1, measured - 1, measured, measured + 1, 2*measured + 1} {
		var out strings.Builder
		w := &tableRows{out: &out}
		_ = w.head([]snowflake.Column{{Name: "NAME", Type: "TEXT"}})
		for i := range n {
			_ = w.row([]sql.NullString{cell(fmt.Sprintf("value %d", i))})
		}
		_ = w.end()
		if got := strings.Count(out.String(), "value "); got != n || strings.Count(out.String(), "NAME") != 1 {
			t.Errorf("of %d rows %d are printed, with %d heads", n, got, strings.Count(out.String(), "NAME"))
		}
	}
}
