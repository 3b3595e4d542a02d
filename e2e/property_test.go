package e2e

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/snowstream/snowstream/internal/long"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/schemafile"
)

// hostile are the pieces that texts are put together from: what a parser, a CSV reader, SQL or a terminal might take for
// something else.
var hostile = []string{"", ",", `"`, `""`, "'", "\r", "\n", "\r\n", `\N`, `\`, " ", "\t", "=cmd|' /C calc'!A0", "NULL", "\x00", "é", "😀", "\u2028", "\ufeff",
	"null", "0", "a", "--", ";", "$$", "?", ":1", "%", "{", "}", "[", "'); DROP TABLE t; --", "\x7f"}

// column is a generator of values for one column: the JSON that a producer writes, and what the table must show.
type column struct {
	record.Column
	make func(r *rand.Rand) (json, want string)
	// show is the SQL that turns the column into the text that make gives.
	show string
}

func text(r *rand.Rand) (string, string) {
	var b strings.Builder
	for range r.IntN(5) {
		b.WriteString(hostile[r.IntN(len(hostile))])
	}
	quoted, err := json.Marshal(b.String())
	if err != nil {
		panic(err) // valid UTF-8, always encodable
	}
	return string(quoted), b.String()
}

// digits is a number of up to n digits, often one at the edge.
func digits(r *rand.Rand, n int) string {
	switch r.IntN(4) {
	case 0:
		return strings.Repeat("9", n)
	case 1:
		return []string{"0", "1", "9007199254740993", "9223372036854775808", "18446744073709551616"}[r.IntN(min(5, max(1, n/4)))]
	}
	s := fmt.Sprint(1 + r.IntN(9))
	for range r.IntN(n) {
		s += fmt.Sprint(r.IntN(10))
	}
	return s
}

func minus(r *rand.Rand, s string) string {
	if r.IntN(3) == 0 && strings.Trim(s, "0.") != "" {
		return "-" + s
	}
	return s
}

// generators makes the columns of a random schema.
func generators(r *rand.Rand) []column {
	all := []column{
		{record.Column{Type: record.Integer}, func(r *rand.Rand) (string, string) {
			n := minus(r, digits(r, 38))
			return n, n
		}, "TO_VARCHAR(%s)"},
		{record.Column{Type: record.Number, Precision: 38, Scale: 10}, func(r *rand.Rand) (string, string) {
			n := minus(r, digits(r, 28)+fmt.Sprintf(".%010d", r.Int64N(1e10)))
			return n, n
		}, "TO_VARCHAR(%s)"},
		{record.Column{Type: record.String}, text, "%s"},
		{record.Column{Type: record.Boolean}, func(r *rand.Rand) (string, string) {
			b := fmt.Sprint(r.IntN(2) == 0)
			return b, b
		}, "TO_VARCHAR(%s)"},
		{record.Column{Type: record.Timestamp}, func(r *rand.Rand) (string, string) {
			at := time.Unix(r.Int64N(4e9)-1e9, r.Int64N(1e9)).UTC()
			return `"` + at.In(time.FixedZone("", 3600*(r.IntN(20)-10))).Format(time.RFC3339Nano) + `"`, at.Format("2006-01-02 15:04:05.000000000")
		}, "TO_VARCHAR(%s, 'YYYY-MM-DD HH24:MI:SS.FF9')"},
		{record.Column{Type: record.Timestamp, Zone: "America/New_York", Micros: true, Forms: []record.Form{record.ISO8601, record.Microseconds}}, func(r *rand.Rand) (string, string) {
			at := time.Unix(r.Int64N(200e9)-60e9, 1000*r.Int64N(1e6)).UTC()
			return []string{fmt.Sprint(at.UnixMicro()), `"` + at.Format("2006-01-02 15:04:05.999999+00") + `"`}[r.IntN(2)], at.Format("2006-01-02 15:04:05.000000")
		}, "TO_VARCHAR(%s, 'YYYY-MM-DD HH24:MI:SS.FF6')"},
		{record.Column{Type: record.Date}, func(r *rand.Rand) (string, string) {
			day := time.Unix(r.Int64N(300e9)-60e9, 0).UTC().Format(time.DateOnly)
			return `"` + day + `"`, day
		}, "TO_VARCHAR(%s, 'YYYY-MM-DD')"},
		{record.Column{Type: record.Time}, func(r *rand.Rand) (string, string) {
			at := time.Unix(0, 1000*r.Int64N(86400e6)).UTC()
			return `"` + at.Format("15:04:05.999999") + `"`, at.Format("15:04:05.000000")
		}, "TO_VARCHAR(%s, 'HH24:MI:SS.FF6')"},
		{record.Column{Type: record.Float, NonFinite: record.KeepNonFinite}, func(r *rand.Rand) (string, string) {
			value := math.Float64frombits(r.Uint64())
			if math.IsNaN(value) || math.IsInf(value, 0) {
				value = 0.1
			}
			return strconv.FormatFloat(value, 'e', 16, 64), strconv.FormatFloat(value, 'g', -1, 64)
		}, "%s"},
		{record.Column{Type: record.Variant}, func(r *rand.Rand) (string, string) {
			key, _ := text(r)
			value, _ := text(r)
			j := fmt.Sprintf(`{%s:[%s,%s,true,null,{}]}`, key, value, digits(r, 38))
			return j, canonical(j)
		}, "TO_JSON(%s)"},
	}
	var out []column
	for i := range 3 + r.IntN(6) {
		c := all[r.IntN(len(all))]
		c.Name = []string{"PLAIN", "lower", "with space", `qu"ote`, "dot.ted", "ÜMLAUT", "SELECT", "x;y"}[i%8] + fmt.Sprint(i)
		c.Path = [][]string{{"a" + fmt.Sprint(i)}, {"o", "b" + fmt.Sprint(i)}, {"o", `q".` + fmt.Sprint(i)}}[r.IntN(3)]
		out = append(out, c)
	}
	return out
}

// canonical is JSON with its numbers as they are and nothing else to choose.
func canonical(text string) string {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return "not JSON: " + text
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return "not JSON: " + text
	}
	return strings.TrimSpace(out.String())
}

// payload is a record with a random value for each column; want is what its row must show, NULL as <NULL>.
func payloadOf(r *rand.Rand, columns []column) (payload string, want []string) {
	nested, flat := []string{}, []string{}
	for _, c := range columns {
		value, shown := c.make(r)
		switch r.IntN(8) {
		case 0:
			value, shown = "null", "<NULL>"
		case 1:
			want = append(want, "<NULL>")
			continue // left out
		}
		want = append(want, shown)
		name, _ := json.Marshal(c.Path[len(c.Path)-1])
		member := string(name) + ":" + value
		if len(c.Path) == 1 {
			flat = append(flat, member)
		} else {
			nested = append(nested, member)
		}
	}
	flat = append(flat, `"o":{`+strings.Join(nested, ",")+"}")
	r.Shuffle(len(flat), func(i, j int) { flat[i], flat[j] = flat[j], flat[i] })
	return "{" + strings.Join(flat, ", ") + "}", want
}

// TestAnySchemaExactly: for random schemas and hostile values, both tables hold exactly what the payload said.
func TestAnySchemaExactly(t *testing.T) {
	long.Test(t)
	seed := uint64(time.Now().UnixNano())
	for round := range uint64(3) {
		t.Logf("seed %d, round %d", seed, round)
		exactly(t, rand.New(rand.NewPCG(seed, round)))
	}
}

func exactly(t *testing.T, r *rand.Rand) {
	columns := generators(r)
	var schema record.Schema
	for _, c := range columns {
		schema.Columns = append(schema.Columns, c.Column)
	}
	if err := schema.Check(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "schema.yaml")
	if err := os.WriteFile(file, schemafile.Format(schema), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	l := start(t, dir, "--rate", "0.001", "--batch-window", "1s", "--schema", file)
	o := join(t, l.ready(t, dir))
	var payloads []string
	var want [][]string
	for range 400 {
		p, w := payloadOf(r, columns)
		payloads, want = append(payloads, p), append(want, w)
	}
	sequences := o.put(t, payloads)
	bySequence := map[string]int{}
	for i, s := range sequences {
		bySequence[s] = i
	}
	for _, table := range []string{"KINESIS_SENSORS_STREAMING", "KINESIS_SENSORS_MICROBATCH"} {
		o.until(t, 400, "SELECT COUNT(*) FROM "+table)
		o.compare(t, table, columns, bySequence, payloads, want)
	}
	l.stop(t).complete(t)
}

// compare reads a table back and compares each value with what its payload said.
func (o outside) compare(t *testing.T, table string, columns []column, bySequence map[string]int, payloads []string, want [][]string) {
	t.Helper()
	var shown []string
	for _, c := range columns {
		shown = append(shown, fmt.Sprintf(c.show, `"`+strings.ReplaceAll(c.Name, `"`, `""`)+`"`))
	}
	rows, err := o.db.QueryContext(t.Context(), `SELECT "_SEQUENCE", `+strings.Join(shown, ", ")+" FROM "+table)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	wrong := 0
	for rows.Next() {
		cells := make([]sql.NullString, 1+len(columns))
		into := make([]any, len(cells))
		for i := range cells {
			into[i] = &cells[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		i := bySequence[cells[0].String]
		for k, c := range columns {
			got := "<NULL>"
			if cells[k+1].Valid {
				if got = cells[k+1].String; c.Type == record.Variant {
					got = canonical(got)
				}
			}
			if got != want[i][k] && wrong < 5 {
				wrong++
				t.Errorf("%s, %s column %q: %q, want %q\npayload %q", table, c.Type, c.Name, got, want[i][k], payloads[i])
			}
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}
