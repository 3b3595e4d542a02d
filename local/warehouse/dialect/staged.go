package dialect

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// StagedRows stands in the text of a Staged for what its rows are read from: anything with columns c0, c1 and so on, all
// VARCHAR. It stands there once.
const StagedRows = "\x01rows\x01"

// Staged is a MERGE that only inserts, over rows that are read from StagedRows, in place of MERGE over FLATTEN(PARSE_JSON(?)) where
// each element is an array that is asked for its elements' texts and for nothing else. It does the same and costs a
// fraction: the text of all rows is read once, and not once more for each value.
type Staged struct {
	// SQL and Binds are as in Query, without the bind that holds the rows.
	SQL   string
	Binds []int
	// Rows is the number of the bind that holds the rows, Width how many columns of StagedRows the text uses.
	Rows, Width int

	marked string // SQL before its binds became parameters
}

// Text is SQL over the rows of source, with those of values, which are in the order of Binds, that are whole numbers written
// in; rest are the others, for its parameters. DuckDB plans a text with parameters twice.
func (s *Staged) Text(source string, values []any) (text string, rest []any) {
	parameters := map[int]int{}
	var out strings.Builder
	for i, part := range strings.Split(strings.Replace(s.marked, StagedRows, source, 1), bindMark) {
		if i%2 == 0 {
			out.WriteString(part)
			continue
		}
		number, _ := strconv.Atoi(part)
		place := slices.Index(s.Binds, number)
		if n, whole := values[place].(int64); whole {
			fmt.Fprintf(&out, "(%d)", n)
			continue
		}
		if parameters[place] == 0 {
			rest = append(rest, values[place])
			parameters[place] = len(rest)
		}
		fmt.Fprintf(&out, "$%d", parameters[place])
	}
	return out.String(), rest
}

// staged finds the one form of source that it knows in the unfinished text of a MERGE; nil where there is none. A name
// that it has overlooked makes the text one that DuckDB cannot prepare, which whoever runs it must expect.
func staged(sql string) *Staged {
	before, after, found := strings.Cut(flattenSQL("snowflake.parse_json(CAST("+bindMark+" AS VARCHAR))", "''", "", ""), bindMark)
	if !found {
		return nil
	}
	source := regexp.MustCompile(`LATERAL \(` + regexp.QuoteMeta(before) + bindMark + `(\d+)` + bindMark + regexp.QuoteMeta(after) + `\) AS ("[A-Za-z0-9_]+")`)
	all := source.FindAllStringSubmatchIndex(sql, -1)
	if len(all) != 1 {
		return nil
	}
	at := all[0]
	s := &Staged{}
	s.Rows, _ = strconv.Atoi(sql[at[2]:at[3]])
	alias := sql[at[4]:at[5]]
	sql = sql[:at[0]] + StagedRows + " AS " + alias + sql[at[1]:]
	text := regexp.MustCompile(`snowflake\.get_text\(` + regexp.QuoteMeta(alias) + `\."VALUE", '\$\[(\d{1,4})\]'\)`)
	sql = text.ReplaceAllStringFunc(sql, func(call string) string {
		number := text.FindStringSubmatch(call)[1]
		n, _ := strconv.Atoi(number)
		s.Width = max(s.Width, n+1)
		return alias + ".c" + number
	})
	// What is a column's name now can be written more than once.
	variables := regexp.MustCompile(`list_transform\(\[(` + regexp.QuoteMeta(alias) + `\.c\d+)\], lambda ` + variable + `: (.*?)\)\[1\]`)
	sql = variables.ReplaceAllStringFunc(sql, func(let string) string {
		parts := variables.FindStringSubmatch(let)
		return strings.ReplaceAll(parts[2], variable, parts[1])
	})
	if s.Width == 0 || strings.Contains(sql, alias+`."`) {
		return nil
	}
	s.marked = distinct(sql)
	s.SQL, s.Binds = finish(s.marked)
	if slices.Contains(s.Binds, s.Rows) {
		return nil
	}
	return s
}

// distinct writes QUALIFY ROW_NUMBER() OVER (PARTITION BY columns ORDER BY 1) = 1 at the end of the source, which keeps
// any one row of each group, as DISTINCT ON: half the price of the window.
func distinct(sql string) string {
	const name = `"[^"]+"`
	qualify := regexp.MustCompile(`(?s)^(MERGE INTO \S+ AS ` + name + ` USING \()(SELECT .*) QUALIFY row_number\(\) OVER \(PARTITION BY (` +
		name + `(?:, ` + name + `)*) ORDER BY 1 NULLS LAST\) = 1(\) AS .*)$`)
	m := qualify.FindStringSubmatch(sql)
	if m == nil {
		return sql
	}
	return m[1] + "SELECT DISTINCT ON (" + m[3] + ") * FROM (" + m[2] + ")" + m[4]
}
