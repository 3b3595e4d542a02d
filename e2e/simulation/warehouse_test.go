package simulation

import (
	"cmp"
	"context"
	"crypto/md5"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/snowstream/snowstream/landing/audit"
	"github.com/snowstream/snowstream/landing/snowflake"
)

// queries answers what the audit asks of the warehouse, and changes the tables as it says. Its texts are read as far as they
// decide anything: which table, which rows, what is deleted.
type queries struct{ w *world }

var (
	_ audit.Session    = queries{}
	_ audit.Statements = queries{}
)

// print is a row's fingerprint. It is another one than in SQL, which shows nowhere.
func (r row) print() string {
	h := md5.New()
	for _, name := range slices.Sorted(maps.Keys(r)) {
		if name != "_SHARD" {
			_, _ = fmt.Fprintf(h, "%s=%q %v\n", name, r[name].text, r[name].null)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// part is an MD5's part of a total.
func part(digest string) *big.Int {
	text := strings.NewReplacer("a", "0", "b", "1", "c", "2", "d", "3", "e", "4", "f", "5").Replace(digest[:18])
	n, _ := new(big.Int).SetString(text, 10)
	return n
}

func (q queries) table(query string) *table {
	if strings.Contains(query, "KINESIS_SENSORS_MICROBATCH") {
		return q.w.pipe.table
	}
	return q.w.streaming
}

// generations is the condition that leaves other generations out.
var generations = regexp.MustCompile(`COALESCE\((?:\w\.)?"_GENERATION", ''\) IN \(([^)]*)\)`)

// of is the table as a statement reads it: without the generations that it leaves out.
func (t *table) of(query string) *table {
	m := generations.FindStringSubmatch(query)
	if m == nil {
		return t
	}
	some := newTable()
	for _, r := range t.rows {
		if slices.Contains(strings.Split(m[1], ", "), "'"+r["_GENERATION"].text+"'") {
			some.insert(r)
		}
	}
	return some
}

// between are the rows of a shard from one ordinal to another, in order.
func (t *table) between(shard string, first, last int64) (out []row) {
	for _, r := range t.rows {
		if r["_SHARD"].text == shard && first <= r.ordinal() && r.ordinal() <= last {
			out = append(out, r)
		}
	}
	slices.SortStableFunc(out, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.ordinal(), b.ordinal()), cmp.Compare(a["_SEQUENCE"].text, b["_SEQUENCE"].text),
			cmp.Compare(a["_SUBSEQUENCE"].text, b["_SUBSEQUENCE"].text), cmp.Compare(a.print(), b.print()))
	})
	return out
}

// sums are the columns of an aggregate.
func sums(rows []row) []any {
	ordinals, identities := map[int64]bool{}, map[string]bool{}
	sum, prints := new(big.Int), new(big.Int)
	lowest, highest := rows[0].ordinal(), rows[0].ordinal()
	for _, r := range rows {
		n := r.ordinal()
		ordinals[n], identities[r.id()] = true, true
		lowest, highest = min(lowest, n), max(highest, n)
		sum.Add(sum, big.NewInt(n))
		prints.Add(prints, part(r.print()))
	}
	return []any{int64(len(rows)), int64(len(ordinals)), int64(len(identities)), lowest, highest, sum.String(), prints.String()}
}

// Query implements audit.Session.
func (q queries) Query(_ context.Context, each func(scan func(into ...any) error) error, query string, args ...any) error {
	q.w.mu.Lock()
	lines, err := q.answer(query, args)
	q.w.mu.Unlock()
	if err != nil {
		return err
	}
	for _, line := range lines {
		if err := each(func(into ...any) error { return scan(line, into) }); err != nil {
			return err
		}
	}
	return nil
}

func scan(line []any, into []any) error {
	if len(line) != len(into) {
		return fmt.Errorf("%d columns for %d", len(line), len(into))
	}
	for i, v := range line {
		switch to := into[i].(type) {
		case *int64:
			*to, _ = v.(int64)
		case *string:
			*to, _ = v.(string)
		case *bool:
			*to, _ = v.(bool)
		case *sql.NullString:
			*to, _ = v.(sql.NullString)
		case **string:
			*to, _ = v.(*string)
		default:
			return fmt.Errorf("a column of type %T", to)
		}
	}
	return nil
}

var (
	bucketed = regexp.MustCompile(`^SELECT t\."_ORDINAL" - MOD\(t\."_ORDINAL" - (\d+), (\d+)\)`)
	aliased  = regexp.MustCompile(`(?m)^ +(.*)f\.value\[(\d+)\]::STRING(.*) AS "(\w+)",?$`)
)

// answer are the rows of a query. mu is held.
func (q queries) answer(query string, args []any) ([][]any, error) {
	t := q.table(query).of(query)
	switch {
	case strings.Contains(query, `AS "LANDED"`):
		return q.table(query).whole(query, args)
	case strings.HasPrefix(query, `SELECT l."N", COUNT(*), `):
		return t.sealed(query, args)
	case bucketed.MatchString(query):
		return t.buckets(bucketed.FindStringSubmatch(query), args), nil
	case strings.HasPrefix(query, `SELECT COALESCE(MIN("_ORDINAL"), 0)`):
		return t.ordinalOf(args), nil
	case strings.HasPrefix(query, `SELECT "_SEQUENCE", MIN("_ORDINAL")`):
		return t.repeated(args), nil
	case strings.HasPrefix(query, `SELECT "_ORDINAL", "_SEQUENCE", "_SUBSEQUENCE" FROM`):
		return t.known(args)
	case strings.HasPrefix(query, "SELECT COUNT(*), "):
		return t.identities(query, args), nil
	case strings.HasPrefix(query, "SELECT COALESCE(SUM("):
		rows, err := bound(query, args[0].(string))
		if err != nil {
			return nil, err
		}
		all := sums(rows)
		return [][]any{all[len(all)-1:]}, nil
	case strings.Contains(query, "PARSE_JSON(?)") && strings.Contains(query, "f.value[0]"):
		return prints(query, args)
	case strings.Contains(query, `AND t."_ORDINAL" || '/'`):
		return t.texts(args)
	case strings.HasPrefix(query, `SELECT t."_ORDINAL", t."_SEQUENCE", t."_SUBSEQUENCE", MD5(`):
		var out [][]any
		for _, r := range t.between(args[0].(string), args[1].(int64), args[2].(int64)) {
			out = append(out, printed(r))
		}
		return out, nil
	}
	return nil, fmt.Errorf("the simulation does not know this query: %s", query)
}

func printed(r row) []any {
	sub, _ := strconv.ParseInt(r["_SUBSEQUENCE"].text, 10, 64)
	return []any{r.ordinal(), r["_SEQUENCE"].text, sub, r.print()}
}

// sealed are the sums of runs that a bind names: of their ordinals, or of their fingerprints.
func (t *table) sealed(query string, args []any) (out [][]any, err error) {
	var runs [][4]any
	d := json.NewDecoder(strings.NewReader(args[0].(string)))
	d.UseNumber()
	if err := d.Decode(&runs); err != nil {
		return nil, err
	}
	for _, run := range runs {
		n, _ := run[0].(json.Number).Int64()
		first, _ := run[1].(json.Number).Int64()
		last, _ := run[2].(json.Number).Int64()
		all := sums(t.between(run[3].(string), first, last))
		sum := all[len(all)-1]
		if strings.HasPrefix(query, `SELECT l."N", COUNT(*), SUM(t."_ORDINAL")`) {
			sum = all[len(all)-2]
		}
		if all[0].(int64) > 0 {
			out = append(out, []any{n, all[0], sum})
		}
	}
	return out, nil
}

// whole is the aggregate of a table by shard, what is sealed left out and rows of other generations apart.
func (t *table) whole(query string, args []any) ([][]any, error) {
	var ledgers [][4]any
	d := json.NewDecoder(strings.NewReader(args[0].(string)))
	d.UseNumber()
	if err := d.Decode(&ledgers); err != nil {
		return nil, err
	}
	covers := map[string][3]int64{}
	for _, l := range ledgers {
		first, _ := l[1].(json.Number).Int64()
		last, _ := l[2].(json.Number).Int64()
		sealed, _ := l[3].(json.Number).Int64()
		covers[l[0].(string)] = [3]int64{first, last, sealed}
	}
	now := generations.FindStringSubmatch(query)
	groups := map[string][]row{}
	for _, r := range t.rows {
		c, known := covers[r["_SHARD"].text]
		outside := !known || r.ordinal() < c[0] || r.ordinal() > c[1]
		key := fmt.Sprint(outside, " ", r["_SHARD"].text)
		switch g := r["_GENERATION"].text; {
		case now != nil && !strings.Contains(now[1], "'"+g+"'"):
			key += " " + g
		case known && c[0] <= r.ordinal() && r.ordinal() <= c[2]:
			continue
		}
		groups[key] = append(groups[key], r)
	}
	var out [][]any
	for _, key := range slices.Sorted(maps.Keys(groups)) {
		parts := strings.Split(key, " ")
		other := sql.NullString{Valid: len(parts) > 2}
		if other.Valid {
			other.String = parts[2]
		}
		out = append(out, append([]any{parts[1], parts[0] == "true", other}, sums(groups[key])...))
	}
	return out, nil
}

func (t *table) buckets(match []string, args []any) (out [][]any) {
	from, _ := strconv.ParseInt(match[1], 10, 64)
	width, _ := strconv.ParseInt(match[2], 10, 64)
	groups := map[int64][]row{}
	for _, r := range t.between(args[0].(string), args[1].(int64), args[2].(int64)) {
		at := r.ordinal() - (r.ordinal()-from)%width
		groups[at] = append(groups[at], r)
	}
	for _, at := range slices.Sorted(maps.Keys(groups)) {
		out = append(out, append([]any{at}, sums(groups[at])...))
	}
	return out
}

func (t *table) ordinalOf(args []any) [][]any {
	lowest := int64(0)
	for _, r := range t.rows {
		if r["_SHARD"].text == args[0] && r["_SEQUENCE"].text == args[1] && r["_SUBSEQUENCE"].text == fmt.Sprint(args[2]) && (lowest == 0 || r.ordinal() < lowest) {
			lowest = r.ordinal()
		}
	}
	return [][]any{{lowest}}
}

func (t *table) repeated(args []any) (out [][]any) {
	at := map[string]map[int64]bool{}
	for _, r := range t.between(args[0].(string), args[1].(int64), args[2].(int64)) {
		if at[r.id()] == nil {
			at[r.id()] = map[int64]bool{}
		}
		at[r.id()][r.ordinal()] = true
	}
	for _, id := range slices.Sorted(maps.Keys(at)) {
		if ordinals := slices.Sorted(maps.Keys(at[id])); len(ordinals) > 1 {
			out = append(out, []any{strings.Split(id, "/")[1], ordinals[0], ordinals[len(ordinals)-1], int64(len(ordinals) - 1)})
		}
	}
	return out
}

func (t *table) known(args []any) (out [][]any, err error) {
	var sequences []string
	err = json.Unmarshal([]byte(args[3].(string)), &sequences)
	for _, r := range t.between(args[0].(string), args[1].(int64), args[2].(int64)) {
		if slices.Contains(sequences, r["_SEQUENCE"].text) {
			out = append(out, printed(r)[:3])
		}
	}
	return out, err
}

// identities are the totals by which a run is compared with the stream.
func (t *table) identities(_ string, args []any) [][]any {
	sum, prints := new(big.Int), new(big.Int)
	rows := t.between(args[0].(string), args[1].(int64), args[2].(int64))
	for _, r := range rows {
		prints.Add(prints, part(r.print()))
		digest := md5.Sum([]byte(r["_SEQUENCE"].text + "/" + r["_SUBSEQUENCE"].text + "/" + r["_ORDINAL"].text))
		sum.Add(sum, part(hex.EncodeToString(digest[:])))
	}
	return [][]any{{int64(len(rows)), sum.String(), prints.String()}}
}

// bound are the rows of a bind, as the source in a query selects them.
func bound(query, bind string) ([]row, error) {
	var s statement
	for _, m := range aliased.FindAllStringSubmatch(query, -1) {
		s.columns, s.casts = append(s.columns, m[4]), append(s.casts, m[1]+m[3])
	}
	if strings.Contains(query, "QUALIFY ROW_NUMBER()") {
		s.distinct = "_GENERATION _SHARD _ORDINAL"
	}
	return s.source(bind)
}

func prints(query string, args []any) (out [][]any, err error) {
	rows, err := bound(query, args[0].(string))
	for _, r := range rows {
		out = append(out, printed(r))
	}
	return out, err
}

// named are the rows that a list of identities and fingerprints names.
func (t *table) named(args []any) (out []row, err error) {
	var keys []string
	err = json.Unmarshal([]byte(args[3].(string)), &keys)
	for _, r := range t.between(args[0].(string), args[1].(int64), args[2].(int64)) {
		if slices.Contains(keys, fmt.Sprintf("%d/%s/%s/%s", r.ordinal(), r["_SEQUENCE"].text, r["_SUBSEQUENCE"].text, r.print())) {
			out = append(out, r)
		}
	}
	return out, err
}

func (t *table) texts(args []any) (out [][]any, err error) {
	rows, err := t.named(args)
	for _, r := range rows {
		line := printed(r)[:3]
		for _, c := range narrow().TableColumns() {
			if v := r[c.Name]; v.null {
				line = append(line, (*string)(nil))
			} else {
				line = append(line, new(v.text))
			}
		}
		out = append(out, line)
	}
	return out, err
}

// Exec implements audit.Statements. A transaction is one moment: see transaction.
func (q queries) Exec(_ context.Context, query string, args ...any) (sql.Result, error) {
	t := q.table(query)
	switch {
	case strings.HasPrefix(query, "DELETE FROM "):
		rows, err := t.of(query).named(args)
		for _, r := range rows {
			t.remove(r)
		}
		q.w.step("delete %d rows", len(rows))
		return affected(len(rows)), err
	case strings.HasPrefix(query, "INSERT INTO "):
		rows, err := bound(query, args[0].(string))
		if slices.ContainsFunc(rows, t.refuses) {
			return nil, &snowflake.Error{Number: 100078, SQLState: "22000"}
		}
		t.insert(rows...)
		q.w.step("insert %d rows", len(rows))
		return affected(len(rows)), err
	case strings.HasPrefix(query, "MERGE INTO "):
		n, err := t.run(query, args[0].(string), args[1].(int64), args[2].(int64))
		q.w.step("merge %d rows", n)
		return affected(n), err
	}
	return nil, errors.New("the simulation does not know this statement: " + query)
}

// remove takes one row out; of equal ones, one.
func (t *table) remove(r row) {
	at := slices.IndexFunc(t.rows, func(o row) bool { return maps.Equal(o, r) })
	t.rows = slices.Delete(t.rows, at, at+1)
	t.index = map[string]map[string][]row{}
}

// transaction runs statements at one moment, all or none.
func (q queries) transaction(_ context.Context, f func(audit.Statements) error) error {
	q.w.mu.Lock()
	defer q.w.mu.Unlock()
	streaming, microbatch := slices.Clone(q.w.streaming.rows), slices.Clone(q.w.pipe.table.rows)
	err := f(q)
	if err != nil {
		q.w.streaming.rows, q.w.pipe.table.rows = streaming, microbatch
		q.w.streaming.index, q.w.pipe.table.index = map[string]map[string][]row{}, map[string]map[string][]row{}
	}
	return err
}
