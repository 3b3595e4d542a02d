package dialect_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/snowstream/snowstream/local/warehouse/dialect"
)

var update = flag.Bool("update", false, "write the golden file")

// described is a statement as its type and its fields that are not zero.
func described(s dialect.Statement) string {
	text, err := json.Marshal(s)
	if err != nil {
		return err.Error()
	}
	var fields any
	if err := json.Unmarshal(text, &fields); err != nil {
		return err.Error()
	}
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(thinned(fields)); err != nil {
		return err.Error()
	}
	return reflect.TypeOf(s).Elem().Name() + " " + out.String()
}

// thinned leaves out what is zero.
func thinned(v any) any {
	switch v := v.(type) {
	case map[string]any:
		result := map[string]any{}
		for key, field := range v {
			if f := thinned(field); f != nil {
				result[key] = f
			}
		}
		return result
	case []any:
		result := make([]any, len(v))
		for i := range v {
			result[i] = thinned(v[i])
		}
		return result
	case string:
		if v == "" {
			return nil
		}
	case float64:
		if v == 0 {
			return nil
		}
	case bool:
		if !v {
			return nil
		}
	}
	return v
}

func TestStatementsGolden(t *testing.T) {
	text, err := os.ReadFile("testdata/statements.sql")
	if err != nil {
		t.Fatal(err)
	}
	list, err := dialect.Split(string(text))
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, one := range list {
		s, err := dialect.Parse(one, session)
		if err != nil {
			t.Errorf("%s\n%v", one, err)
			continue
		}
		fmt.Fprintf(&got, "%s\n%s\n", one, described(s))
	}
	const golden = "testdata/statements.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("run with -update if this is meant (-want +got):\n%s", diff)
	}
}

func TestSplit(t *testing.T) {
	for text, want := range map[string][]string{
		"":                        nil,
		" ; ;":                    nil,
		"a; b;":                   {"a", "b"},
		"a -- x; y\n b; c":        {"a -- x; y\n b", "c"},
		"a // x; y\n; /* ; */ b":  {"a", "b"},
		`a ';' "x;""y" $$;$$; b`:  {`a ';' "x;""y" $$;$$`, "b"},
		`a 'it''s;' '\';' ;b`:     {`a 'it''s;' '\';'`, "b"},
		"LIST @s//x/*y; b":        {"LIST @s//x/*y", "b"},
		"put file:///a/b.csv @~;": {"put 'file:///a/b.csv' @~"},
		"/* c */ PUT file://a*.csv @\"a b\"/x PARALLEL=4; b": {"PUT 'file://a*.csv' @\"a b\"/x PARALLEL=4", "b"},
		"GET @s/x file:///tmp/":                              {"GET @s/x 'file:///tmp/'"},
		"get 'put @x' file://c:\\d":                          {`get 'put @x' 'file://c:\\d'`},
		"PUT 'file:///a b.csv' @s":                           {"PUT 'file:///a b.csv' @s"},
		"select 1 // put file://x":                           {"select 1"},
	} {
		got, err := dialect.Split(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
	for _, text := range []string{"'", `"`, "$$", "/*", "a ! b", "\xff"} {
		if _, err := dialect.Split(text); err == nil {
			t.Errorf("%q is split", text)
		}
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		text   string
		number int
		says   string
	}{
		{"foo", 1003, "syntax error line 1 at position 0 unexpected 'foo'"},
		{"SELECT foo bar baz", 1003, "syntax error line 1 at position 15 unexpected 'baz'"},
		{"SELECT\n  1 +", 1003, "syntax error line 2 at position 5 unexpected '<EOF>'"},
		{"SELECT * FROM", 1003, "unexpected '<EOF>'"},
		{"SELECT (1", 1003, "unexpected '<EOF>'"},
		{"SELECT 1; SELECT 2", 1003, "unexpected 'SELECT'"},
		{"SELECT foo(1)", 2140, "Unknown function FOO"},
		{"SELECT read_text('/etc/passwd')", 2140, "Unknown function READ_TEXT"},
		{"SELECT * FROM read_csv('/etc/passwd')", 2, "Unsupported feature 'table function READ_CSV"},
		{"SELECT * FROM TABLE(read_csv('x'))", 2, "READ_CSV"},
		{"SELECT * FROM LATERAL glob('*')", 2, "GLOB"},
		{"SELECT * FROM '/etc/passwd'", 1003, "unexpected"},
		{`SELECT * FROM "/etc/passwd.csv"`, 2, "in the name of an object"},
		{`SELECT * FROM db."a.b".c`, 2, "in the name of an object"},
		{"SELECT getenv('HOME')", 2140, "GETENV"},
		{"SELECT db.s.f(1)", 2, "function of a schema"},
		{"COPY t TO 'x.csv'", 1003, "unexpected 't'"},
		{"COPY INTO @st FROM t", 2, "COPY INTO a stage"},
		{"COPY INTO t FROM 's3://bucket/x'", 2, "no stage"},
		{"ATTACH 'x.db'", 1003, "unexpected 'ATTACH'"},
		{"INSTALL httpfs", 1003, "unexpected 'INSTALL'"},
		{"PRAGMA version", 1003, "unexpected 'PRAGMA'"},
		{"EXPLAIN SELECT 1", 2, "EXPLAIN"},
		{"CREATE MACRO x() AS 1", 2, "CREATE MACRO"},
		{"CREATE SECRET x", 2, "CREATE SECRET"},
		{"CREATE STREAM s ON TABLE t", 2, "CREATE STREAM"},
		{"SHOW CONNECTIONS", 2, "SHOW CONNECTIONS"},
		{"SELECT * FROM t AT (OFFSET => -60)", 2, "AT"},
		{"SELECT * FROM t PIVOT (SUM(x) FOR y IN (1))", 2, "PIVOT"},
		{"CREATE VIEW v AS SELECT $1 FROM @st", 2, "Unsupported"},
		{"SELECT HASH_AGG(*) FROM t", 1003, ""},
		{"SELECT HASH_AGG(1) FROM t", 2, "HASH_AGG"},
		{"SELECT $nope", 1, "Session variable '$NOPE' does not exist"},
		{"SELECT UPPER()", 938, "not enough arguments for function [UPPER]"},
		{"SELECT UPPER(1, 2)", 939, "too many arguments for function [UPPER]"},
		{"SELECT DATEADD(fortnight, 1, x)", 1, "not a valid date/time component"},
		{"SELECT TO_CHAR(1, '999')", 2, "format"},
		{"SELECT 1::MONEY", 2, "Unsupported data type 'MONEY'"},
		{"SELECT 1::NUMBER(39)", 1003, "Precision is 1 to 38"},
		{"SELECT * FROM information_schema.secrets", 2, "INFORMATION_SCHEMA.SECRETS"},
		{"CREATE TABLE t (a INT AUTOINCREMENT)", 2, "AUTOINCREMENT"},
		{"CREATE TABLE t (a INT) FOO = 1", 1420, "invalid property 'FOO' for 'TABLE'"},
		{"CREATE FILE FORMAT f TYPE = CSV FOO = 1", 1420, "invalid property 'FOO'"},
		{"CREATE PIPE p AS COPY INTO t FROM @s FORCE = TRUE", 2, "FORCE in the COPY of a pipe"},
		{"COPY INTO t FROM @s ON_ERROR = MAYBE", 1, "invalid value [MAYBE]"},
		{"INSERT INTO t (a) VALUES (1, 2)", 2057, "differ in length"},
		{"MERGE INTO t USING s ON 1 = 1", 1003, "<EOF>"},
		{"CREATE VIEW v AS SELECT ?", 2, "bind in this place"},
		{"SELECT 'a\\0b'", 2, "NUL character"},
		{"SELECT " + strings.Repeat("(", 5000), 2, "nesting"},
		{"SELECT " + strings.Repeat("- ", 5000) + "1", 2, "nesting"},
		{"SELECT 1" + strings.Repeat(" + 1", 5000), 2, "operators in a row"},
		{"SELECT 1" + strings.Repeat(" AND 1", 5000), 2, "operators in a row"},
		{"SELECT x" + strings.Repeat(" LIKE ANY ('a', 'b')", 90), 2, "over 2 MB"},
		{"SELECT x" + strings.Repeat("::INT", 5000), 2, "operators in a row"},
	} {
		_, err := dialect.Parse(c.text, session)
		var refused *dialect.Error
		if !errors.As(err, &refused) {
			t.Errorf("%.80s: error %v", c.text, err)
			continue
		}
		if refused.Number != c.number || !strings.Contains(refused.Message, c.says) || len(refused.SQLState) != 5 {
			t.Errorf("%.80s: %v, want %d with %q", c.text, refused, c.number, c.says)
		}
	}
	_, err := dialect.Parse("SELECT * FROM t", dialect.Env{})
	var refused *dialect.Error
	if !errors.As(err, &refused) || refused.Number != 90105 {
		t.Errorf("without a database: %v", err)
	}
}
