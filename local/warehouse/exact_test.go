package warehouse

import (
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/snowstream/snowstream/local/warehouse/variant"
)

// exactColumn is a column of the two tables of TestBothWaysGiveTheSame: how the MERGE casts its text, hostile texts for
// it, and what must come back for one of them.
type exactColumn struct {
	name, kind, cast string
	texts            *rapid.Generator[string]
	want             func(text string) any
}

func exactColumns() []exactColumn {
	return []exactColumn{
		{`i`, "NUMBER(38,0)", "%s::NUMBER(38,0)", numbers(38, 0), decimal(0)},
		{`a "quoted", dotted.name/with\path {é}`, "NUMBER(38,37)", "%s::NUMBER(38,37)", numbers(38, 37), decimal(37)},
		{strings.Repeat("ü", 255), "NUMBER(12,4)", "%s::NUMBER(12,4)", numbers(12, 4), decimal(4)},
		{`lower case`, "VARCHAR", "%s", hostile(), func(text string) any { return text }},
		{`SELECT`, "BOOLEAN", "%s::BOOLEAN", rapid.SampledFrom([]string{"true", "false"}), func(text string) any { return map[string]string{"true": "1", "false": "0"}[text] }},
		{`t`, "TIMESTAMP_NTZ(9)", "%s::TIMESTAMP_NTZ", moments(1678, 2261, 1), moment},
		{`u`, "TIMESTAMP_NTZ(6)", "%s::TIMESTAMP_NTZ(6)", moments(1, 9999, 1000), moment},
		{`v`, "VARIANT", "PARSE_JSON(%s)", documents(), func(text string) any { canonical, _ := variant.Canonical(text); return canonical }},
	}
}

// hostile texts are made of what has broken readers and writers before.
func hostile() *rapid.Generator[string] {
	piece := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "\x00", "\ufeff", "\r", "\n", "\r\n", `\N`, `\`, `"`, `""`, "'", ",", " ", "\t", "=cmd", "NULL", "null",
		`\u0000`, "\u2028", "😀", "e\u0301", "\ufffd", "\x7f", "\U0010ffff", "$1", "?", ":1", "--", "/*", "{}", strings.Repeat("x", 70000)}))
	return rapid.Map(rapid.SliceOfN(piece, 0, 4), func(pieces []string) string { return strings.Join(pieces, "") })
}

// numbers are all that a NUMBER holds, with its edges, in more than one spelling.
func numbers(precision, scale int) *rapid.Generator[string] {
	edge, _ := new(big.Int).SetString(strings.Repeat("9", precision), 10)
	return rapid.Custom(func(t *rapid.T) string {
		n := new(big.Int)
		switch rapid.IntRange(0, 3).Draw(t, "size") {
		case 0:
			n.Set(edge)
		case 1:
			n.SetString(strings.Repeat("9", rapid.IntRange(1, precision).Draw(t, "nines")), 10)
		default:
			n.SetString(rapid.StringMatching(fmt.Sprintf("[0-9]{1,%d}", precision)).Draw(t, "digits"), 10)
		}
		if rapid.Bool().Draw(t, "negative") {
			return "-" + pointed(n, scale) // also -0
		}
		return pointed(n, scale)
	})
}

// pointed is n with a point before its last scale digits.
func pointed(n *big.Int, scale int) string {
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)
	return new(big.Rat).SetFrac(n, unit).FloatString(scale)
}

func decimal(scale int) func(string) any {
	return func(text string) any {
		n, _ := new(big.Rat).SetString(text)
		return n.FloatString(scale)
	}
}

// moments have a fraction of any length that is a multiple of unit nanoseconds.
func moments(first, last int, unit int64) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		year := rapid.OneOf(rapid.IntRange(first, last), rapid.SampledFrom([]int{first, 1969, 1970, last})).Draw(t, "year")
		at := time.Date(year, 1, rapid.IntRange(1, 365).Draw(t, "day"), 0, 0, rapid.IntRange(0, 86399).Draw(t, "second"), 0, time.UTC)
		fraction := rapid.OneOf(rapid.Int64Range(0, 999999999/unit), rapid.SampledFrom([]int64{0, 1, 999999999 / unit})).Draw(t, "fraction") * unit
		return at.Add(time.Duration(fraction)).Format("2006-01-02 15:04:05.999999999")
	})
}

func moment(text string) any {
	at, _ := time.Parse("2006-01-02 15:04:05.999999999", text)
	return at
}

// documents are JSON texts with white space, names out of order and numbers that no float holds.
func documents() *rapid.Generator[string] {
	number := rapid.StringMatching(`-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?`)
	text := rapid.Map(hostile(), func(s string) string {
		quoted, _ := json.Marshal(s)
		return string(quoted)
	})
	leaf := rapid.OneOf(number, text, rapid.SampledFrom([]string{"null", "true", "false", "[]", "{}", "-0", "1.0", `"\u0041\/"`}))
	return rapid.Custom(func(t *rapid.T) string {
		items := rapid.SliceOfN(leaf, 0, 4).Draw(t, "items")
		switch rapid.IntRange(0, 2).Draw(t, "form") {
		case 0:
			return leaf.Draw(t, "leaf")
		case 1:
			return " [ " + strings.Join(items, " ,\n") + "\t]"
		}
		for i := range items {
			items[i] = fmt.Sprintf(`"%c.%d" : [%s]`, 'z'-i, i, items[i])
		}
		return "{" + strings.Join(items, ", ") + "}\r\n"
	})
}

// The two ways into Snowflake: a MERGE of a bound JSON text, and a COPY of a CSV file. Whatever the values, both tables
// hold the same, and what comes back is what went in.
func TestBothWaysGiveTheSame(t *testing.T) {
	st := newStack(t)
	db := st.connect()
	columns := exactColumns()
	var definitions, names, source []string
	for i, c := range columns {
		name := `"` + strings.ReplaceAll(c.name, `"`, `""`) + `"`
		names = append(names, name)
		definitions = append(definitions, name+" "+c.kind)
		source = append(source, fmt.Sprintf(c.cast, fmt.Sprintf("f.value[%d]::STRING", i))+" AS "+name)
	}
	list := strings.Join(names, ", ")
	for _, table := range []string{"merged", "copied"} {
		exec(t, db, "CREATE TABLE "+table+" (n INT NOT NULL, "+strings.Join(definitions, ", ")+")")
	}
	exec(t, db, "CREATE STAGE st URL = 's3://raw/' FILE_FORMAT = (TYPE = CSV PARSE_HEADER = TRUE FIELD_OPTIONALLY_ENCLOSED_BY = '\"' ESCAPE = NONE ESCAPE_UNENCLOSED_FIELD = NONE NULL_IF = () EMPTY_FIELD_AS_NULL = TRUE)")
	merge := "MERGE INTO merged t USING (SELECT f.value[" + fmt.Sprint(len(columns)) + "]::STRING::INT AS n, " + strings.Join(source, ", ") +
		" FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?))) f) s ON t.n = s.n WHEN NOT MATCHED THEN INSERT (n, " + list + ") VALUES (s.n, s." + strings.Join(names, ", s.") + ")"
	count, files := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		rows := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) []*string { return exactRow(rt, columns) }), 1, 10).Draw(rt, "rows")
		first := count
		var file strings.Builder
		file.WriteString(csvLine(append(namesOf(columns), "N")))
		var bind [][]*string
		for _, row := range rows {
			n := fmt.Sprint(count)
			count++
			bind = append(bind, append(slices.Clone(row), &n))
			file.WriteString(csvRecord(append(slices.Clone(row), &n)))
		}
		payload, err := json.Marshal(bind)
		if err != nil {
			rt.Fatal(err)
		}
		files++
		key := fmt.Sprintf("exact/%d.csv", files)
		st.bucket.put(key, file.String())
		exec(t, db, merge, string(payload))
		exec(t, db, "COPY INTO copied FROM @st/"+key+" MATCH_BY_COLUMN_NAME = CASE_SENSITIVE ON_ERROR = ABORT_STATEMENT")
		for _, order := range [][2]string{{"merged", "copied"}, {"copied", "merged"}} {
			wantLines(t, db, fmt.Sprintf("SELECT COUNT(*) FROM (SELECT * FROM %s WHERE n >= %d EXCEPT SELECT * FROM %s)", order[0], first, order[1]), "0")
		}
		for _, table := range []string{"merged", "copied"} {
			checkRows(rt, columns, rows, readRows(t, db, "SELECT "+strings.Replace(list, `"v"`, `TO_JSON("v")`, 1)+" FROM "+table+" WHERE n >= "+fmt.Sprint(first)+" ORDER BY n", len(columns)))
		}
	})
}

func exactRow(rt *rapid.T, columns []exactColumn) []*string {
	row := make([]*string, len(columns))
	for i, c := range columns {
		if text := c.texts.Draw(rt, c.name); utf8.ValidString(text) && rapid.IntRange(0, 9).Draw(rt, "null") > 0 {
			row[i] = &text
		}
	}
	return row
}

func namesOf(columns []exactColumn) []string {
	var names []string
	for _, c := range columns {
		names = append(names, c.name)
	}
	return names
}

func csvLine(fields []string) string {
	var all []*string
	for i := range fields {
		all = append(all, &fields[i])
	}
	return csvRecord(all)
}

// csvRecord encloses every value, and writes nothing for NULL.
func csvRecord(fields []*string) string {
	var cells []string
	for _, f := range fields {
		cell := ""
		if f != nil {
			cell = `"` + strings.ReplaceAll(*f, `"`, `""`) + `"`
		}
		cells = append(cells, cell)
	}
	return strings.Join(cells, ",") + "\n"
}

func readRows(t testing.TB, db execer, text string, width int) [][]any {
	t.Helper()
	rows, err := db.QueryContext(ctx(t), text)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all [][]any
	for rows.Next() {
		cells, into := make([]any, width), make([]any, width)
		for i := range cells {
			into[i] = &cells[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		all = append(all, cells)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func checkRows(rt *rapid.T, columns []exactColumn, rows [][]*string, got [][]any) {
	rt.Helper()
	want := make([][]any, len(rows))
	for i, row := range rows {
		for j, c := range columns {
			var value any
			if row[j] != nil {
				value = c.want(*row[j])
			}
			want[i] = append(want[i], value)
		}
	}
	for i := range got {
		for j := range got[i] {
			switch v := got[i][j].(type) {
			case int64:
				got[i][j] = fmt.Sprint(v)
			case time.Time:
				got[i][j] = v.UTC()
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		rt.Fatalf("rows (-written +read):\n%.2000s", diff)
	}
}

// Texts as long as a VARCHAR may be go both ways.
func TestLongTexts(t *testing.T) {
	st := newStack(t)
	db := st.connect()
	exec(t, db, "CREATE TABLE merged (s VARCHAR)")
	exec(t, db, "CREATE TABLE copied (s VARCHAR)")
	exec(t, db, "CREATE STAGE st URL = 's3://raw/' FILE_FORMAT = (TYPE = CSV FIELD_OPTIONALLY_ENCLOSED_BY = '\"' ESCAPE_UNENCLOSED_FIELD = NONE)")
	for i, text := range []string{strings.Repeat("a\r\n\"", 300<<10), strings.Repeat("é", 8<<20)} {
		payload, err := json.Marshal([]string{text})
		if err != nil {
			t.Fatal(err)
		}
		exec(t, db, "INSERT INTO merged SELECT f.value::STRING FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?))) f", string(payload))
		st.bucket.put(fmt.Sprint("long", i), csvRecord([]*string{&text}))
		exec(t, db, "COPY INTO copied FROM @st/")
		for _, table := range []string{"merged", "copied"} {
			got := readRows(t, db, "SELECT s FROM "+table+" ORDER BY LENGTH(s) DESC LIMIT 1", 1)
			if got[0][0] != text {
				t.Errorf("%s: a text of %d bytes came back with %d", table, len(text), len(fmt.Sprint(got[0][0])))
			}
		}
	}
	wantLines(t, db, "SELECT COUNT(*) FROM (SELECT s FROM merged EXCEPT SELECT s FROM copied)", "0")
}

func TestByteOrderMark(t *testing.T) {
	st := newStack(t)
	db := st.connect()
	exec(t, db, "CREATE TABLE t (s VARCHAR)")
	st.bucket.put("mark", "\ufeffa\n\ufeffb\n\"\ufeffc\"\n")
	exec(t, db, "CREATE STAGE st URL = 's3://raw/'")
	exec(t, db, "COPY INTO t FROM @st/mark FILE_FORMAT = (TYPE = CSV FIELD_OPTIONALLY_ENCLOSED_BY = '\"')")
	wantLines(t, db, "SELECT s FROM t", "a", "\ufeffb", "\ufeffc")
	exec(t, db, "TRUNCATE TABLE t")
	exec(t, db, "COPY INTO t FROM @st/mark FILE_FORMAT = (TYPE = CSV SKIP_BYTE_ORDER_MARK = FALSE FIELD_OPTIONALLY_ENCLOSED_BY = '\"')")
	wantLines(t, db, "SELECT s FROM t", "\ufeffa", "\ufeffb", "\ufeffc")
}

func TestOutOfRange(t *testing.T) {
	st := newStack(t)
	db := st.connect()
	exec(t, db, "CREATE TABLE t (n TIMESTAMP_NTZ(9), u TIMESTAMP_NTZ(6))")
	wantError(t, db, 100035, "INSERT INTO t (n) VALUES ('9999-12-31')")
	wantError(t, db, 100035, "INSERT INTO t (n) SELECT PARSE_JSON('[\"0001-01-01 00:00:00\"]')[0]::STRING::TIMESTAMP_NTZ")
	wantError(t, db, 100035, "INSERT INTO t (n) VALUES (?)", time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC))
	exec(t, db, "INSERT INTO t (u) VALUES (?)", time.Date(2300, 1, 1, 0, 0, 0, 123456000, time.UTC))
	exec(t, db, "INSERT INTO t VALUES (?, '9999-12-31')", time.Date(2200, 1, 1, 0, 0, 0, 123456789, time.UTC))
	wantLines(t, db, "SELECT * FROM t ORDER BY u", "<nil>|2300-01-01T00:00:00.123456Z", "2200-01-01T00:00:00.123456789Z|9999-12-31T00:00:00Z")
	st.bucket.put("far", "9999-12-31,9999-12-31\n1677-09-22,0001-01-01\n")
	exec(t, db, "CREATE STAGE st URL = 's3://raw/'")
	wantError(t, db, 100035, "COPY INTO t FROM @st/far")
	exec(t, db, "COPY INTO t FROM @st/far ON_ERROR = CONTINUE")
	wantLines(t, db, "SELECT * FROM t WHERE u < '1000-01-01'", "1677-09-22T00:00:00Z|0001-01-01T00:00:00Z")
}

func TestColumnNames(t *testing.T) {
	st := newStack(t)
	db := st.connect()
	for _, text := range []string{`CREATE TABLE t ("a" INT, "A" INT)`, `CREATE TABLE t (a INT, "a" INT)`} {
		if err := wantError(t, db, 2, text); err != nil && !strings.Contains(err.Error(), `"A"`) {
			t.Errorf("%s: %v does not name the column", text, err)
		}
	}
	wantError(t, db, 2025, `CREATE TABLE t (a INT, a INT)`)
	wantError(t, db, 3003, `CREATE TABLE t ("`+strings.Repeat("x", 256)+`" INT)`)
	exec(t, db, `CREATE TABLE t ("a" INT, "é" INT, "É" INT, "x.y""z/.." INT)`)
	wantError(t, db, 2, `ALTER TABLE t ADD COLUMN A INT`)
	exec(t, db, `ALTER TABLE t RENAME COLUMN "x.y""z/.." TO "x y"`)
	exec(t, db, `INSERT INTO t ("a", "é", "É", "x y") VALUES (1, 2, 3, 4)`)
	wantLines(t, db, `SELECT "É", t."x y", DB.S.t."a" FROM t`, "3|4|1")
}
