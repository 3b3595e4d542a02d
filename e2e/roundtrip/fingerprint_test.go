package roundtrip

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/snowstream/snowstream/internal/long"
	"github.com/snowstream/snowstream/landing/audit"
	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/record"
)

// every is a schema with a column of each type.
func every() record.Schema {
	return record.Schema{Columns: []record.Column{
		{Path: []string{"i"}, Name: "I", Type: record.Integer},
		{Path: []string{"n"}, Name: "N", Type: record.Number, Precision: 20, Scale: 4},
		{Path: []string{"s"}, Name: "S", Type: record.String},
		{Path: []string{"b"}, Name: "B", Type: record.Boolean},
		{Path: []string{"t"}, Name: "T", Type: record.Timestamp},
		{Path: []string{"u"}, Name: "U", Type: record.Timestamp, Micros: true},
		{Path: []string{"v"}, Name: "V", Type: record.Variant},
		{Path: []string{"d"}, Name: "D", Type: record.Date},
		{Path: []string{"c"}, Name: "C", Type: record.Time},
		{Path: []string{"f"}, Name: "F", Type: record.Float},
	}}
}

// around are different values of a column on both sides of each boundary, as the CSV writes them.
func around(c record.Column, random *rand.Rand) (out []string) {
	moments := func(layout string, step time.Duration, lowest, highest time.Time) {
		for _, at := range []time.Time{
			lowest, highest, time.Unix(0, 0), time.Date(1582, 10, 15, 0, 0, 0, 0, time.UTC), time.Date(1678, 1, 1, 0, 0, 0, 0, time.UTC),
			time.Date(2000, 2, 29, 0, 0, 0, 0, time.UTC), time.Date(2038, 1, 19, 3, 14, 8, 0, time.UTC), time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC),
			time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(random.IntN(9998), random.IntN(12), random.IntN(28)),
		} {
			for _, off := range []time.Duration{0, step, 2 * step, -step, -2 * step, 500 * time.Millisecond, -500 * time.Millisecond, time.Second, -time.Second, 24 * time.Hour, -24 * time.Hour} {
				if moved := at.Add(off); !moved.Before(lowest) && !moved.After(highest) {
					out = append(out, moved.UTC().Format(layout))
				}
			}
		}
	}
	day := func(year, month, day int) time.Time {
		return time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	}
	switch c.Name {
	case "I":
		out = []string{"0", "1", "-1", "9", "10", "100", "9007199254740992", "9007199254740993", "9223372036854775807", "9223372036854775808",
			"99999999999999999999999999999999999999", "99999999999999999999999999999999999998", "-99999999999999999999999999999999999999"}
	case "N":
		out = []string{"0.0000", "0.0001", "-0.0001", "0.0010", "0.0100", "1.0000", "-1.0000", "10.0000", "9999999999999999.9999", "9999999999999999.9998", "-9999999999999999.9999"}
	case "S":
		out = []string{"", "-", " ", "a", "A", "a ", " a", "\x00", "a\x00", ",", ",,", "\\N", "NULL", "null", "'", "\"", "ü", "u\u0308", "\r\n", "\n", "😀"}
	case "B":
		out = []string{"true", "false"}
	case "T":
		moments("2006-01-02 15:04:05.999999999", time.Nanosecond, day(1678, 1, 1), day(2262, 1, 1).Add(-1))
	case "U":
		moments("2006-01-02 15:04:05.999999", time.Microsecond, day(1, 1, 1), day(10000, 1, 1).Add(-time.Microsecond))
	case "V":
		out = []string{"null", "0", "1", "-1", `""`, `"null"`, `"0"`, "true", "false", "[]", "{}", "[[]]", "[{}]", `{"a":1}`, `{"a":"1"}`, `{"a":null}`, `{"A":1}`, `[1,2]`, `[2,1]`,
			"9007199254740992", "9007199254740993", "99999999999999999999999999999999999999"}
	case "D":
		moments("2006-01-02", 24*time.Hour, day(1, 1, 1), day(9999, 12, 31))
	case "C":
		out = []string{"00:00:00.000000", "00:00:00.000001", "00:00:01.000000", "00:01:00.000000", "01:00:00.000000", "12:00:00.000000", "23:59:59.999999", "23:59:59.999998"}
	case "F":
		out = []string{"0", "1", "-1", "5e-324", "1e-323", "0.1", "0.10000000000000002", "0.30000000000000004", "0.3", "1.7976931348623157e+308", "1.7976931348623155e+308",
			"9007199254740992", "9007199254740994", "NaN", "inf", "-inf"}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// TestFingerprints: rows that differ in one value have different fingerprints, whatever the type and on both sides of each
// boundary, and a value has one fingerprint.
func TestFingerprints(t *testing.T) {
	l := newLanding(t)
	random := rand.New(rand.NewPCG(1, 2))
	columns := every().TableColumns()
	for i, c := range every().Columns {
		values := around(c, random)
		var rows [][]*string
		add := func(value *string) {
			row := make([]*string, len(columns))
			for k, name := range map[int]string{0: "shardId-000000000000", 1: "1", 2: "0", 3: "1", 4: "2026-01-02 03:04:05"} {
				row[len(every().Columns)+k] = new(name)
			}
			row[i] = value
			rows = append(rows, row)
		}
		add(nil)
		for _, v := range values {
			add(new(v))
			add(new(v))
		}
		bind, err := json.Marshal(rows)
		if err != nil {
			t.Fatal(err)
		}
		var n, different int
		err = l.db.Query(t.Context(), func(scan func(...any) error) error { return scan(&n, &different) },
			fmt.Sprintf("SELECT COUNT(*), COUNT(DISTINCT %s) FROM (\n%s\n) AS t", audit.Fingerprint(every(), "t"), schema.Cells(every())), string(bind))
		if err != nil || n != len(rows) || different != len(values)+1 {
			t.Errorf("%s: %d different fingerprints of %d values and NULL, %d rows, %v", c.Name, different, len(values), n, err)
		}
	}
}

// TestFingerprintsStay: seals hold sums of fingerprints, so those of a value never change.
func TestFingerprintsStay(t *testing.T) {
	l := newLanding(t)
	random := rand.New(rand.NewPCG(1, 2))
	columns := every().TableColumns()
	var rows [][]*string
	for i, c := range every().Columns {
		for _, v := range append(around(c, random), "") {
			row := make([]*string, len(columns))
			for k, name := range map[int]string{0: "shardId-000000000000", 1: "1", 2: "0", 3: "1", 4: "2026-01-02 03:04:05"} {
				row[len(every().Columns)+k] = new(name)
			}
			if v != "" {
				row[i] = new(v)
			}
			rows = append(rows, row)
		}
	}
	bind, err := json.Marshal(rows)
	if err != nil {
		t.Fatal(err)
	}
	var all string
	err = l.db.Query(t.Context(), func(scan func(...any) error) error { return scan(&all) },
		fmt.Sprintf("SELECT MD5(LISTAGG(%[1]s, ',') WITHIN GROUP (ORDER BY %[1]s)) FROM (\n%[2]s\n) AS t", audit.Fingerprint(every(), "t"), schema.Cells(every())), string(bind))
	const want = "5968f471e4bd99af78fc5a6c9df111b6"
	if err != nil || all != want {
		t.Errorf("the MD5 of the fingerprints of %d rows is %s, it was %s, %v", len(rows), all, want, err)
	}
}

// TestFingerprintsOfWideRows: every column counts, in a schema of any width and of all types, and the cost grows with the columns alone.
func TestFingerprintsOfWideRows(t *testing.T) {
	l := newLanding(t)
	random := rand.New(rand.NewPCG(1, 2))
	types := every().Columns
	widths := []int{32, 33, 600}
	if long.Wanted() {
		widths = append(widths, 2000)
	}
	for _, n := range widths {
		s := record.Schema{}
		for i := range n {
			c := types[i%len(types)]
			c.Path, c.Name = []string{fmt.Sprint("f", i)}, fmt.Sprintf("COLUMN_%d", i)
			s.Columns = append(s.Columns, c)
		}
		var rows [][]*string
		for changed := -1; changed < n; changed++ {
			if at := changed % (n / 2); changed > len(types) && at > len(types) && changed < n-len(types) {
				continue // a column of each type at the start, in the middle and at the end is enough
			}
			row := make([]*string, n+len(record.Lineage()))
			for k, name := range map[int]string{0: "shardId-000000000000", 1: "1", 2: "0", 3: "1", 4: "2026-01-02 03:04:05"} {
				row[n+k] = new(name)
			}
			if changed >= 0 {
				row[changed] = new(around(types[changed%len(types)], random)[0])
			}
			rows = append(rows, row)
		}
		bind, err := json.Marshal(rows)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		var different int
		err = l.db.Query(t.Context(), func(scan func(...any) error) error { return scan(&different) },
			fmt.Sprintf("SELECT COUNT(DISTINCT %s) FROM (\n%s\n) AS t", audit.Fingerprint(s, "t"), schema.Cells(s)), string(bind))
		if err != nil || different != len(rows) {
			t.Errorf("%d columns: %d different fingerprints of %d rows, %v", n, different, len(rows), err)
		}
		t.Logf("%d columns: %.2f s", n, time.Since(began).Seconds())
	}
}
