package simulation

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/landing/snowflake"
)

// value is what a table holds in one column; NULL and the empty string differ.
type value struct {
	text string
	null bool
}

// row maps columns to values.
type row map[string]value

func (r row) id() string {
	return r["_SHARD"].text + "/" + r["_SEQUENCE"].text + "/" + r["_SUBSEQUENCE"].text
}

// table is a table of the warehouse: its rows in the order in which they were committed.
type table struct {
	rows []row
	// index finds rows by the columns that statements match on.
	index map[string]map[string][]row
	// refuses says that a row does not fit a column, as it is now.
	refuses func(row) bool
}

func newTable() *table {
	return &table{index: map[string]map[string][]row{}, refuses: func(row) bool { return false }}
}

func (t *table) insert(rows ...row) {
	for _, r := range rows {
		t.rows = append(t.rows, r)
		for columns, at := range t.index {
			key := r.key(columns)
			at[key] = append(at[key], r)
		}
	}
}

// find returns the rows that have these values in the columns, which are separated by spaces.
func (t *table) find(columns, key string) []row {
	if t.index[columns] == nil {
		at := map[string][]row{}
		for _, r := range t.rows {
			at[r.key(columns)] = append(at[r.key(columns)], r)
		}
		t.index[columns] = at
	}
	return t.index[columns][key]
}

func (r row) ordinal() int64 {
	n, _ := strconv.ParseInt(r["_ORDINAL"].text, 10, 64)
	return n
}

func (r row) key(columns string) string {
	var b strings.Builder
	for name := range strings.FieldsSeq(columns) {
		fmt.Fprintf(&b, "%q %v,", r[name].text, r[name].null)
	}
	return b.String()
}

// sum is a checksum over the rows as a set.
func (t *table) sum() uint64 {
	var total uint64
	for _, r := range t.rows {
		h := fnv.New64a()
		for _, name := range slices.Sorted(maps.Keys(r)) {
			_, _ = fmt.Fprintf(h, "%s=%q %v\n", name, r[name].text, r[name].null)
		}
		total += h.Sum64()
	}
	return total
}

// statement is what the text of a MERGE asks for. Its text is read, not assumed: a statement that says something
// else does something else.
type statement struct {
	// columns are the source's, by their place in the bound array; casts what each is cast to.
	columns, casts []string
	// on are the columns that decide whether a row is there; distinct those by which the source is deduplicated.
	on, distinct string
	// strict are those of on that no NULL is equal in.
	strict []string
	// pruned says that only rows from the second bind's ordinal on are looked at.
	pruned bool
	insert bool
}

func parseStatement(text string) (statement, error) {
	var s statement
	if s.insert = strings.HasPrefix(text, "INSERT INTO"); !s.insert && !strings.HasPrefix(text, "MERGE INTO") {
		return s, errors.New("not a MERGE and not an INSERT")
	}
	for i, m := range regexp.MustCompile(`(?m)^ +(.*)f\.value\[(\d+)\]::STRING(.*) AS "(\w+)",?$`).FindAllStringSubmatch(text, -1) {
		if m[2] != strconv.Itoa(i) {
			return s, errors.New("the source's columns are not in their order")
		}
		s.columns, s.casts = append(s.columns, m[4]), append(s.casts, m[1]+m[3])
	}
	inserted := regexp.MustCompile(`INSERT \((.*)\)\n? +VALUES \((.*)\)`).FindStringSubmatch(text)
	if len(s.columns) == 0 || inserted == nil || strings.ReplaceAll(inserted[2], "s.", "") != inserted[1] ||
		inserted[1] != `"`+strings.Join(s.columns, `", "`)+`"` {
		return s, errors.New("the inserted columns are not the source's")
	}
	if m := regexp.MustCompile(`QUALIFY ROW_NUMBER\(\) OVER \(PARTITION BY (.*) ORDER BY 1\) = 1`).FindStringSubmatch(text); m != nil {
		s.distinct = strings.NewReplacer(`"`, "", ",", "").Replace(m[1])
	}
	for _, m := range regexp.MustCompile(`t\."(\w+)" (=|IS NOT DISTINCT FROM) s\."(\w+)"`).FindAllStringSubmatch(text, -1) {
		if m[1] != m[3] {
			return s, errors.New("ON compares two different columns")
		}
		s.on = strings.TrimSpace(s.on + " " + m[1])
		if m[2] == "=" {
			s.strict = append(s.strict, m[1])
		}
	}
	s.pruned = strings.Contains(text, `t."_ORDINAL" BETWEEN ? AND ?`)
	return s, nil
}

// source are the bound rows as the statement selects them.
func (s statement) source(bind string) ([]row, error) {
	var lines [][]*string
	if err := json.Unmarshal([]byte(bind), &lines); err != nil {
		return nil, err
	}
	var out []row
	seen := map[string]bool{}
	for _, line := range lines {
		if len(line) != len(s.columns) {
			return nil, fmt.Errorf("%d values for %d columns", len(line), len(s.columns))
		}
		r := row{}
		for i, text := range line {
			if text == nil {
				r[s.columns[i]] = value{null: true}
				continue
			}
			r[s.columns[i]] = value{text: cast(s.casts[i], *text)}
		}
		if key := r.key(s.distinct); s.distinct != "" && seen[key] {
			continue
		} else {
			seen[key] = true
		}
		out = append(out, r)
	}
	return out, nil
}

// cast is what becomes of a text. Only a cast over a float loses something.
func cast(to, text string) string {
	if f, err := strconv.ParseFloat(text, 64); err == nil && strings.Contains(to, "::FLOAT") {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return text
}

// run carries the statement out at one moment and returns how many rows it added.
func (t *table) run(text, bind string, lowest, highest int64) (int64, error) {
	s, err := parseStatement(text)
	if err != nil {
		return 0, fmt.Errorf("SQL compilation error: %w", err)
	}
	rows, err := s.source(bind)
	if err != nil {
		return 0, err
	}
	var fresh []row
	for _, r := range rows {
		there := slices.ContainsFunc(t.find(s.on, r.key(s.on)), func(old row) bool {
			n, err := strconv.ParseInt(old["_ORDINAL"].text, 10, 64)
			return err == nil && (!s.pruned || lowest <= n && n <= highest)
		}) && !slices.ContainsFunc(s.strict, func(column string) bool { return r[column].null })
		if s.insert || !there {
			fresh = append(fresh, r)
		}
	}
	for _, r := range fresh {
		if t.refuses(r) {
			return 0, &snowflake.Error{Number: 100078, SQLState: "22000"}
		}
	}
	t.insert(fresh...)
	return int64(len(fresh)), nil
}

// standing answers what Standing, Occupied and Highest of landing/schema ask for; the text is read, as that of a MERGE is.
func (t *table) standing(text string, args []any) (found [][4]any, err error) {
	bind := args[0].(string)
	if text == schema.Highest(schema.Defaults()) {
		highest := int64(0)
		for _, r := range t.rows {
			if r["_SHARD"].text == bind && r["_GENERATION"].text == args[1] {
				highest = max(highest, r.ordinal())
			}
		}
		return [][4]any{{highest}}, nil
	}
	if strings.HasPrefix(text, `SELECT "_ORDINAL"`) {
		if !strings.Contains(text, `WHERE "_SHARD" = ? AND COALESCE("_GENERATION", '') = ? AND "_ORDINAL" IN (`) {
			return nil, errors.New("SQL compilation error: not the question that is expected")
		}
		var ordinals []int64
		if err := json.Unmarshal([]byte(args[2].(string)), &ordinals); err != nil {
			return nil, err
		}
		for _, r := range t.rows {
			if r["_SHARD"].text == bind && r["_GENERATION"].text == args[1] && slices.Contains(ordinals, r.ordinal()) {
				found = append(found, [4]any{r.ordinal(), r["_SEQUENCE"].text, r["_SUBSEQUENCE"].text, ""})
			}
		}
		slices.SortFunc(found, func(a, b [4]any) int { return cmp.Compare(a[0].(int64), b[0].(int64)) })
		return found[:min(len(found), 1)], nil
	}
	on := regexp.MustCompile(`\) AS s LEFT JOIN .* AS t ON (.*)\nWHERE t\."_ORDINAL" IS NULL OR t\."_SEQUENCE" <> s\."_SEQUENCE" OR t\."_SUBSEQUENCE" <> s\."_SUBSEQUENCE" OR (.*)\nORDER BY 4 DESC, 1 LIMIT 100`).FindStringSubmatch(text)
	if on == nil {
		return nil, errors.New("SQL compilation error: not a question that is known")
	}
	// The source and the keys are a MERGE's.
	source := text[strings.Index(text, "FROM (\n")+len("FROM (\n") : strings.Index(text, ") AS s LEFT JOIN")]
	columns := regexp.MustCompile(`AS "(\w+)",?\n`).FindAllStringSubmatch(source, -1)
	var names []string
	for _, c := range columns {
		names = append(names, `"`+c[1]+`"`)
	}
	s, err := parseStatement("MERGE INTO t USING (\n" + source + ") AS s ON " + on[1] + "\nWHEN NOT MATCHED THEN INSERT (" +
		strings.Join(names, ", ") + ")\n  VALUES (s." + strings.Join(names, ", s.") + ")")
	if err != nil {
		return nil, fmt.Errorf("SQL compilation error: %w", err)
	}
	rows, err := s.source(bind)
	if err != nil {
		return nil, err
	}
	values := regexp.MustCompile(`t\."(\w+)" IS DISTINCT FROM s\."(\w+)"`).FindAllStringSubmatch(on[2], -1)
	for _, r := range rows {
		there := t.find(s.on, r.key(s.on))
		if len(there) == 0 {
			found = append(found, [4]any{r.ordinal(), nil, nil, "none"})
		}
		for _, old := range there {
			if old.id() != r.id() {
				found = append(found, [4]any{r.ordinal(), old["_SEQUENCE"].text, old["_SUBSEQUENCE"].text, "other"})
			} else if slices.ContainsFunc(values, func(v []string) bool { return old[v[1]] != r[v[2]] }) {
				found = append(found, [4]any{r.ordinal(), old["_SEQUENCE"].text, old["_SUBSEQUENCE"].text, "changed"})
			}
		}
	}
	slices.SortFunc(found, func(a, b [4]any) int {
		return cmp.Or(cmp.Compare(b[3].(string), a[3].(string)), cmp.Compare(a[0].(int64), b[0].(int64)))
	})
	return found[:min(len(found), 100)], nil
}

// session is a process's connection to the warehouse.
type session struct{ *process }

type affected int64

func (a affected) RowsAffected() (int64, error) { return int64(a), nil }
func (a affected) LastInsertId() (int64, error) { return 0, errors.New("not supported") }

// Exec runs a statement: all of it or nothing, and its answer may be lost.
func (s session) Exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	w := s.w
	w.mu.Lock()
	defer w.mu.Unlock()
	if s.dead || s.ctx.Err() != nil {
		return nil, context.Canceled
	}
	wait := w.between(5*time.Millisecond, 300*time.Millisecond)
	if w.hit(sqlSlow) {
		wait = w.between(10*time.Second, 4*time.Minute)
	}
	if err := w.pause(ctx, wait); err != nil {
		return nil, err
	}
	if w.hit(sqlRefused) {
		return nil, errors.New("000625 (57014): too many waiters")
	}
	if w.hit(sqlAmbiguous) {
		all := []snowflake.Error{{Number: 603, SQLState: "40000"}, {Number: 604, SQLState: "57014"}, {Number: 90073, SQLState: "22000"}, {Number: 100132, SQLState: "P0000"}}
		return nil, &all[w.random.IntN(len(all))]
	}
	bind, isText := args[0].(string)
	lowest, isNumber := args[1].(int64)
	highest, also := args[len(args)-1].(int64)
	if len(args) != 3 || !isText || !isNumber || !also {
		return nil, errors.New("the statement's binds are not rows and two ordinals")
	}
	n, err := w.streaming.run(query, bind, lowest, highest)
	w.step("merge from ordinal %d on: %d new, %v", lowest, n, err)
	if w.hit(sqlAnswerLost) {
		return nil, errReset
	}
	return affected(n), err
}

// Query asks the table what it has.
func (s session) Query(ctx context.Context, each func(scan func(...any) error) error, query string, args ...any) error {
	w := s.w
	w.mu.Lock()
	if s.dead || s.ctx.Err() != nil {
		w.mu.Unlock()
		return context.Canceled
	}
	err := w.pause(ctx, w.between(5*time.Millisecond, 300*time.Millisecond))
	if err == nil && w.hit(sqlRefused) {
		err = errors.New("000625 (57014): too many waiters")
	}
	var found [][4]any
	if err == nil {
		found, err = w.streaming.standing(query, args)
	}
	w.mu.Unlock()
	for _, f := range found {
		if err == nil {
			err = each(func(into ...any) error { return scanInto(into, f[:len(into)]) })
		}
	}
	return err
}

// scanInto is what database/sql does with a row.
func scanInto(into, row []any) error {
	for i, v := range row {
		switch to := into[i].(type) {
		case *int64:
			if text, isText := v.(string); isText {
				v, _ = strconv.ParseInt(text, 10, 64)
			}
			*to = v.(int64)
		case *string:
			*to = v.(string)
		case sql.Scanner:
			if err := to.Scan(v); err != nil {
				return err
			}
		default:
			return fmt.Errorf("a column cannot be scanned into %T", to)
		}
	}
	return nil
}
