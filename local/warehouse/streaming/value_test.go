package streaming

import (
	"database/sql/driver"
	"fmt"
	"testing"
	"time"

	"github.com/snowstream/snowstream/local/warehouse/dialect"
)

// column is a column of a type as SQL writes it.
func column(t *testing.T, text string) *dialect.Column {
	t.Helper()
	parsed, err := dialect.Parse("CREATE TABLE T (C "+text+")", dialect.Env{Database: "DB", Schema: "S"})
	if err != nil {
		t.Fatal(err)
	}
	return &parsed.(*dialect.CreateTable).Columns[0]
}

const rejected = "rejected"

func shown(value driver.Value, err error) string {
	switch v := value.(type) {
	case nil:
		if err != nil {
			return rejected
		}
		return "NULL"
	case []byte:
		return string(v)
	case time.Time:
		return v.Format(time.RFC3339Nano)
	case interface{ String() string }:
		return v.String()
	}
	return fmt.Sprint(value)
}

// TestConversions is the table of what the service takes, as it was seen there.
func TestConversions(t *testing.T) {
	for _, c := range []struct{ column, value, want string }{
		{"NUMBER", `1`, "1"}, {"NUMBER", `"-12"`, "-12"}, {"NUMBER", `9007199254740993`, "9007199254740993"}, {"NUMBER(5,2)", `1.005`, "1.01"},
		{"NUMBER(5,2)", `-1.5`, "-150"}, {"NUMBER(3,0)", `1000`, rejected}, {"NUMBER(3,0)", `999.5`, rejected}, {"NUMBER(3,0)", `1e2`, "100"}, {"NUMBER", `true`, rejected},
		{"NUMBER", `"x"`, rejected}, {"NUMBER", `""`, rejected}, {"NUMBER", `null`, "NULL"}, {"NUMBER", `1e2000`, rejected},
		{"FLOAT", `0.5`, "0.5"}, {"FLOAT", `"NaN"`, "NaN"}, {"FLOAT", `"Infinity"`, "+Inf"}, {"FLOAT", `"-Infinity"`, "-Inf"}, {"FLOAT", `"0x1"`, rejected}, {"FLOAT", `{}`, rejected},
		{"VARCHAR(3)", `"abc"`, "abc"}, {"VARCHAR(3)", `"éàü"`, "éàü"}, {"VARCHAR(3)", `"abcd"`, rejected}, {"VARCHAR", `{"b": 1,"a":[2]}`, `{"a":[2],"b":1}`}, {"VARCHAR", `12.50`, "12.50"},
		{"VARCHAR", `"\u00e9\ud83d\ude00\n"`, "é😀\n"}, {"VARCHAR", `"\ud83d"`, rejected}, {"VARCHAR", `"\x"`, rejected}, {"VARCHAR", `true`, "true"},
		{"BOOLEAN", `true`, "true"}, {"BOOLEAN", `"off"`, "false"}, {"BOOLEAN", `"Yes"`, "true"}, {"BOOLEAN", `0`, rejected}, {"BOOLEAN", `1`, rejected}, {"BOOLEAN", `"1"`, rejected},
		{"BINARY", `"YWJj"`, "abc"}, {"BINARY", `"a"`, rejected}, {"BINARY(2)", `"YWJj"`, rejected},
		{"DATE", `"2026-02-28"`, "2026-02-28T00:00:00Z"}, {"DATE", `"2026-02-30"`, rejected}, {"TIME", `"01:02:03.5"`, "0000-01-01T01:02:03.5Z"}, {"TIME", `"01:02:03Z"`, rejected},
		{"TIMESTAMP_NTZ(6)", `"2026-01-02 03:04:05.25"`, "2026-01-02T03:04:05.25Z"}, {"TIMESTAMP_NTZ(6)", `"2026-01-02T03:04:05+02:00"`, "2026-01-02T03:04:05Z"},
		{"TIMESTAMP_NTZ(6)", `"2026-13-02T03:04:05"`, rejected}, {"TIMESTAMP_NTZ(6)", `"2026-02-30T03:04:05"`, rejected}, {"TIMESTAMP_NTZ(6)", `"2026-01-02T24:04:05"`, rejected},
		{"TIMESTAMP_NTZ(6)", `"2026-01-02T03:04:05."`, rejected}, {"TIMESTAMP_NTZ(6)", `"2026-01-02T03:04:0x"`, rejected}, {"TIMESTAMP_NTZ(6)", `"0000-01-02T03:04:05"`, rejected},
		{"TIMESTAMP_TZ", `"2026-01-02T03:04:05+02:00"`, "2026-01-02T03:04:05+02:00"}, {"TIMESTAMP_LTZ", `1767323045`, "2026-01-02T03:04:05Z"}, {"TIMESTAMP_NTZ", `"1970-01-01 00:00:01"`, "1000000000"},
		{"TIMESTAMP_NTZ", `"1600-01-01"`, rejected}, {"TIMESTAMP_NTZ(6)", `"soon"`, rejected},
		{"VARIANT", `null`, "null"}, {"VARIANT", `"{\"a\":1}"`, `"{\"a\":1}"`}, {"VARIANT", `{"b":1.10,"a":null}`, `{"a":null,"b":1.10}`}, {"VARIANT", `{"a":1,"a":2}`, rejected},
		{"OBJECT", `{"a":1}`, `{"a":1}`}, {"OBJECT", `"{\"a\":1}"`, `{"a":1}`}, {"OBJECT", `[1]`, rejected}, {"OBJECT", `"x"`, rejected}, {"OBJECT", `null`, "NULL"},
		{"ARRAY", `[1, 2]`, `[1,2]`}, {"ARRAY", `"[1]"`, `["[1]"]`}, {"ARRAY", `{"a":1}`, rejected},
	} {
		value, err := convert([]byte(c.value), column(t, c.column))
		got := shown(value, err)
		if err != nil {
			got = rejected
		}
		if d, ok := value.(interface{ Float64() float64 }); ok && err == nil {
			got = fmt.Sprint(d.Float64())
		}
		if got != c.want {
			t.Errorf("%s into %s: %s, want %s", c.value, c.column, got, c.want)
		}
	}
}

// TestUsualTimesAreReadAsByLayouts: the quick way and the slow one agree.
func TestUsualTimesAreReadAsByLayouts(t *testing.T) {
	for _, text := range []string{"2026-11-30T10:11:12", "2026-11-30 10:11:12.1", "2024-02-29T23:59:59.123456789Z", "1969-12-31T00:00:00.000000001"} {
		quick, ok := parseUsual(text)
		var slow time.Time
		for _, layout := range []string{"2006-01-02T15:04:05.999999999Z07:00", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999"} {
			if parsed, err := time.Parse(layout, text); err == nil {
				slow = parsed
			}
		}
		if !ok || !quick.Equal(slow) {
			t.Errorf("%s: %v %v, not %v", text, quick, ok, slow)
		}
	}
}

// FuzzRow: no row is taken that is no JSON object, and nothing panics.
func FuzzRow(f *testing.F) {
	for _, seed := range []string{`{}`, `{"A":1}`, `{"a":"\u00e9","V":[1,{"x":null}]}`, `[1]`, `{"A":1,}`, `{"A":tru}`, `{"A":"2026-01-02T03:04:05"}`} {
		f.Add([]byte(seed))
	}
	columns := []dialect.Column{
		{Name: "A", Type: dialect.Type{Base: "NUMBER", Precision: 38, Name: "NUMBER(38,0)"}}, {Name: "V", Type: dialect.Type{Base: "VARIANT", Name: "VARIANT"}},
		{Name: "T", Type: dialect.Type{Base: "TIMESTAMP_NTZ", DuckDB: "TIMESTAMP_NS", Name: "TIMESTAMP_NTZ(9)"}}, {Name: "S", Type: dialect.Type{Base: "VARCHAR", Length: 10, Name: "VARCHAR(10)"}},
	}
	r := newRowReader(columns, false)
	f.Fuzz(func(t *testing.T, row []byte) {
		_ = lines(row, func(line []byte) error {
			if cells, why := r.read(line); why == nil && (len(cells) != len(columns) || line[0] != '{' || line[len(line)-1] != '}') {
				t.Errorf("%q was taken", line)
			}
			return nil
		})
	})
}
