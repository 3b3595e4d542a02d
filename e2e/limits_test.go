package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/snowstream/snowstream/internal/long"
)

// TestLimits lands rows at the documented limits by either row path, and has all that works on rows work on these: the audit that
// compares them with the stream, a repair of what was altered and deleted, a refill of truncated tables, and the count at the end.
func TestLimits(t *testing.T) { times().limits(t, "snowpipe") }

// TestLimitsByMerge is TestLimits by the other row path.
func TestLimitsByMerge(t *testing.T) {
	long.Test(t)
	times().limits(t, "merge")
}

// TestLimitsOfColumns is TestLimits with 600 columns of all types.
func TestLimitsOfColumns(t *testing.T) {
	long.Test(t)
	wide(600).limits(t, "merge")
}

// extreme is a schema with rows at its limits: each the payload, and what a column named X holds then, as text.
type extreme struct {
	schema   string
	payloads []string
	show     string
	want     []string
}

// times are those of the years 1 to 9999, with all decimal places.
func times() extreme {
	e := extreme{
		schema: "columns:\n  - {field: n, type: integer, required: true}\n  - {field: x, type: timestamp(6)}\n  - {field: d, type: date}\n  - {field: c, type: time}\n",
		show:   `COALESCE(TO_VARCHAR(x, 'YYYY-MM-DD HH24:MI:SS.FF6') || ' ' || TO_VARCHAR(d, 'YYYY-MM-DD') || ' ' || TO_VARCHAR(c, 'HH24:MI:SS.FF6'), 'NULL')`,
	}
	for i, at := range []string{
		"0001-01-01 00:00:00.000000", "0001-01-01 00:00:00.000001", "0999-12-31 23:59:59.999999", "1582-10-10 12:00:00.500000", "1677-09-21 00:12:43.145224",
		"1969-12-31 23:59:59.500000", "1970-01-01 00:00:00.500000", "2262-04-11 23:47:16.854775", "2262-04-11 23:47:16.854776", "2500-01-01 00:00:00.000000", "9999-12-31 23:59:59.999999",
	} {
		e.payloads = append(e.payloads, fmt.Sprintf(`{"n":%d,"x":"%sZ","d":"%s","c":"%s"}`, i, strings.Replace(at, " ", "T", 1), at[:10], at[11:]))
		e.want = append(e.want, at+" "+strings.Replace(at, " ", " ", 1))
	}
	e.payloads, e.want = append(e.payloads, fmt.Sprintf(`{"n":%d}`, len(e.want))), append(e.want, "NULL")
	return e
}

// wide has so many columns, of all types in turn.
func wide(columns int) extreme {
	kinds := []struct{ kind, a, b string }{
		{"integer", "99999999999999999999999999999999999999", "-1"}, {"number(20,4)", "0.0001", "-9999999999999999.9999"}, {"string", `"a"`, `"\u0000"`}, {"boolean", "true", "false"},
		{"timestamp", `"2024-01-31T10:20:30.123456789Z"`, `"1969-12-31T23:59:59.999999999Z"`}, {"timestamp(6)", `"0001-01-01T00:00:00Z"`, `"9999-12-31T23:59:59.999999Z"`},
		{"variant", `{"a":[1,null]}`, "null"}, {"date", `"0001-01-01"`, `"9999-12-31"`}, {"time", `"00:00:00"`, `"23:59:59.999999"`}, {"float", "0.1", "5e-324"},
	}
	var schema strings.Builder
	var a, b strings.Builder
	schema.WriteString("columns:\n  - {field: n, type: integer, required: true}\n  - {field: x, type: string}\n")
	for i := range columns - 2 {
		kind := kinds[i%len(kinds)]
		fmt.Fprintf(&schema, "  - {field: f%d, type: %q}\n", i, kind.kind)
		fmt.Fprintf(&a, `,"f%d":%s`, i, kind.a)
		fmt.Fprintf(&b, `,"f%d":%s`, i, kind.b)
	}
	e := extreme{schema: schema.String(), show: "COALESCE(x, 'NULL')"}
	for i, cells := range []string{a.String(), b.String(), a.String(), b.String(), a.String(), b.String(), "", a.String(), b.String()} {
		e.payloads = append(e.payloads, fmt.Sprintf(`{"n":%d,"x":"row %d"%s}`, i, i, cells))
		e.want = append(e.want, fmt.Sprintf("row %d", i))
	}
	return e
}

// limits lands the rows, and a bad one, and puts them through everything.
func (e extreme) limits(t *testing.T, path string) {
	schema, dir := filepath.Join(t.TempDir(), "schema.yaml"), t.TempDir()
	if err := os.WriteFile(schema, []byte(e.schema), 0o600); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	step := func(what string) {
		t.Logf("%6.1f s: %s", time.Since(began).Seconds(), what)
		began = time.Now()
	}
	l := start(t, dir, "--rate", "0.001", "--batch-window", "1s", "--schema", schema, "--row-path", path)
	o := join(t, l.ready(t, dir))
	step("started")
	o.put(t, append([]string{`{"n":1.5}`}, e.payloads...))
	rows := int64(len(e.want))
	whole := func(when string) {
		t.Helper()
		for _, table := range both {
			o.until(t, rows, "SELECT COUNT(*) FROM "+table)
			for i, want := range e.want {
				if n := o.number(t, fmt.Sprintf("SELECT COUNT(*) FROM %s WHERE n = %d AND %s = '%s'", table, i, e.show, want)); n != 1 {
					t.Errorf("%s, %s: %d rows of %d as %s", when, table, n, i, want)
				}
			}
		}
		step(when)
	}
	whole("landed")
	before := sound(t, dir)
	step("audited with the stream")

	o.exec(t, "UPDATE "+both[0]+" SET n = 1000 WHERE n = 2")
	o.exec(t, "DELETE FROM "+both[0]+" WHERE n IN (3, 4)")
	o.exec(t, "DELETE FROM "+both[1]+" WHERE n IN (4, 8)")
	var p proof
	if code := audit(t, dir, &p, "--deep"); code != 1 || len(p.Findings) != 4 {
		t.Errorf("audit of the damage: exit %d, %v", code, p.Findings)
	}
	step("damaged and audited")
	var r repaired
	if code := audit(t, dir, &r, "--repair"); code != 0 {
		t.Errorf("repair: exit %d, %+v", code, r)
	}
	step("repaired")
	whole("looked at")

	for _, table := range both {
		o.exec(t, "TRUNCATE TABLE "+table)
	}
	var f refilled
	if code := replay(t, dir, &f, "table", "--table", "both"); code != 0 {
		t.Errorf("replay table: exit %d, %+v", code, f)
	}
	step("refilled")
	whole("looked at")
	if after := sound(t, dir); after != before {
		t.Errorf("audit %s, before the damage %s", after, before)
	}
	step("audited with the stream")
	end := l.stop(t)
	end.complete(t)
	if end.Quarantined != 1 {
		t.Errorf("%+v", end)
	}
	step("stopped and compared")
}
