package record

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// timedColumn is a schema of one column, x.
func timedColumn(t Type, zone string, forms ...Form) Schema {
	return Schema{Columns: []Column{{Path: []string{"x"}, Name: "X", Type: t, Zone: zone, Forms: forms}}}
}

func TestForms(t *testing.T) {
	const layoutAll = `MON DD, YYYY HH12:MI:SS AM`
	for _, tt := range []struct {
		kind  Type
		zone  string
		forms []Form
		value string
		want  string
	}{
		{Timestamp, "", []Form{ISO8601}, `"2026-01-02T03:04:05.678+0100"`, "<2026-01-02 02:04:05.678>"},
		{Timestamp, "", []Form{ISO8601}, `"2026-01-02 03:04:05+01"`, "<2026-01-02 02:04:05>"},
		{Timestamp, "", []Form{ISO8601}, `"2026-01-02 03:04:05 +01:00"`, "<2026-01-02 02:04:05>"},
		{Timestamp, "", []Form{ISO8601}, `"2026-01-02t03:04:05z"`, "<2026-01-02 03:04:05>"},
		{Timestamp, "", []Form{ISO8601}, `"2026-01-02T03:04Z"`, "<2026-01-02 03:04:00>"},
		{Timestamp, "", []Form{ISO8601}, `"2026-01-02T03:04:05"`, "wrong_type"},
		{Timestamp, "", []Form{ISO8601}, `"2026-01-02T03:04:05 "`, "wrong_type"},
		{Timestamp, "", []Form{ISO8601}, `"2026-01-02T03:04:05+24:00"`, "wrong_type"},
		{Timestamp, "", []Form{ISO8601}, `"2026-01-02T03:04:05+2360"`, "wrong_type"},
		{Timestamp, "", []Form{ISO8601}, `"2026-01-02T03:04:05+24"`, "wrong_type"},
		{Timestamp, "", []Form{ISO8601}, `"2026-01-02T24:00:00Z"`, "wrong_type"},
		{Timestamp, "", []Form{ISO8601}, `"2026-01-02T03:04:05.Z"`, "wrong_type"},
		{Timestamp, "UTC", []Form{ISO8601}, `"2026-01-02 03:04:05.123456789"`, "<2026-01-02 03:04:05.123456789>"},
		{Timestamp, "UTC", []Form{ISO8601}, `"2026-01-02 03:04:05.1234567891"`, "not_exact"},
		{Timestamp, "+05:30", []Form{ISO8601}, `"2026-01-02 03:04:05"`, "<2026-01-01 21:34:05>"},
		{Timestamp, "-00:30", []Form{ISO8601}, `"2026-01-02 03:04:05"`, "<2026-01-02 03:34:05>"},
		{Timestamp, "Europe/Berlin", []Form{ISO8601}, `"2026-07-02T03:04:05"`, "<2026-07-02 01:04:05>"},
		{Timestamp, "Europe/Berlin", []Form{ISO8601}, `"2026-07-02T03:04:05Z"`, "<2026-07-02 03:04:05>"},
		{Timestamp, "Europe/Berlin", []Form{ISO8601}, `"2026-03-29T02:30:00"`, "ambiguous_time"}, // left out
		{Timestamp, "Europe/Berlin", []Form{ISO8601}, `"2026-03-29T01:59:59"`, "<2026-03-29 00:59:59>"},
		{Timestamp, "Europe/Berlin", []Form{ISO8601}, `"2026-03-29T03:00:00"`, "<2026-03-29 01:00:00>"},
		{Timestamp, "Europe/Berlin", []Form{ISO8601}, `"2026-10-25T02:00:00"`, "ambiguous_time"}, // there twice
		{Timestamp, "Europe/Berlin", []Form{ISO8601}, `"2026-10-25T02:59:59"`, "ambiguous_time"},
		{Timestamp, "Europe/Berlin", []Form{ISO8601}, `"2026-10-25T03:00:00"`, "<2026-10-25 02:00:00>"},
		{Timestamp, "Europe/Berlin", []Form{ISO8601}, `"2026-10-25T02:30:00+02:00"`, "<2026-10-25 00:30:00>"},
		{Timestamp, "Pacific/Apia", []Form{ISO8601}, `"2011-12-30T12:00:00"`, "ambiguous_time"}, // a day that was left out
		{Timestamp, "", []Form{Microseconds}, `1767323045678901`, "<2026-01-02 03:04:05.678901>"},
		{Timestamp, "", []Form{Microseconds}, `-1.5`, "<1969-12-31 23:59:59.9999985>"},
		{Timestamp, "", []Form{Nanoseconds}, `1767323045678901234`, "<2026-01-02 03:04:05.678901234>"},
		{Timestamp, "", []Form{Nanoseconds}, `-1`, "<1969-12-31 23:59:59.999999999>"},
		{Timestamp, "", []Form{Nanoseconds}, `0.5`, "not_exact"},
		{Timestamp, "", []Form{Nanoseconds}, `99999999999999999999`, "out_of_range"},
		{Timestamp, "", []Form{Seconds}, `"1767323045"`, "wrong_type"},
		{Timestamp, "", []Form{ISO8601, Milliseconds}, `1767323045678`, "<2026-01-02 03:04:05.678>"},
		{Timestamp, "", []Form{ISO8601, Milliseconds}, `"2026-01-02T03:04:05Z"`, "<2026-01-02 03:04:05>"},
		{Timestamp, "UTC", []Form{layoutAll}, `"Jan 02, 2026 12:04:05 am"`, "<2026-01-02 00:04:05>"},
		{Timestamp, "UTC", []Form{layoutAll}, `"jan 02, 2026 12:04:05 PM"`, "<2026-01-02 12:04:05>"},
		{Timestamp, "UTC", []Form{layoutAll}, `"Jan 02, 2026 13:04:05 PM"`, "wrong_type"},
		{Timestamp, "", []Form{"DD/MON/YYYY:HH24:MI:SS TZHTZM"}, `"10/Oct/2000:13:55:36 -0730"`, "<2000-10-10 21:25:36>"},
		{Timestamp, "", []Form{"DY, DD MON YYYY HH24:MI:SS \"GMT\"", ISO8601}, "", "schema: no zone"},
		{Timestamp, "UTC", []Form{"DY, DD MON YYYY HH24:MI:SS \"GMT\""}, `"Fri, 02 Jan 2026 03:04:05 GMT"`, "<2026-01-02 03:04:05>"},
		{Timestamp, "UTC", []Form{"DY, DD MON YYYY HH24:MI:SS \"GMT\""}, `"Thu, 02 Jan 2026 03:04:05 GMT"`, "wrong_type"},
		{Timestamp, "UTC", []Form{"MMMM DD YYYY"}, `"May 05 2026"`, "<2026-05-05 00:00:00>"},
		{Timestamp, "UTC", []Form{"YYYYMMDDHH24MISSFF3"}, `"20260102030405678"`, "<2026-01-02 03:04:05.678>"},
		{Timestamp, "UTC", []Form{"DD/MM/YYYY"}, `"31/12/2026"`, "<2026-12-31 00:00:00>"},
		{Timestamp, "UTC", []Form{"DD/MM/YYYY"}, `"12/31/2026"`, "wrong_type"},
		{Date, "", nil, `"2024-02-29"`, "<2024-02-29>"},
		{Date, "", nil, `"2026-02-29"`, "wrong_type"},
		{Date, "", nil, `"2026-02-28T00:00:00Z"`, "wrong_type"},
		{Date, "", nil, `"0000-01-01"`, "out_of_range"},
		{Date, "", nil, `"0001-01-01"`, "<0001-01-01>"},
		{Date, "", nil, `"9999-12-31"`, "<9999-12-31>"},
		{Date, "", []Form{Days}, `20455`, "<2026-01-02>"},
		{Date, "", []Form{Days}, `-1`, "<1969-12-31>"},
		{Date, "", []Form{Days}, `0.5`, "not_exact"},
		{Date, "", []Form{Days}, `2932897`, "out_of_range"},
		{Date, "", []Form{Days}, `1e20`, "out_of_range"},
		{Date, "", []Form{"DD.MM.YYYY"}, `"02.01.2026"`, "<2026-01-02>"},
		{Time, "", nil, `"03:04:05.123456"`, "<03:04:05.123456>"},
		{Time, "", nil, `"03:04"`, "<03:04:00>"},
		{Time, "", nil, `"03:04:05.1234567"`, "not_exact"},
		{Time, "", nil, `"24:00:00"`, "wrong_type"},
		{Time, "", nil, `"23:59:60"`, "wrong_type"},
		{Time, "", []Form{Microseconds}, `86399999999`, "<23:59:59.999999>"},
		{Time, "", []Form{Microseconds}, `86400000000`, "out_of_range"},
		{Time, "", []Form{Milliseconds}, `-1`, "out_of_range"},
		{Time, "", []Form{"HH12:MI PM"}, `"12:30 am"`, "<00:30:00>"},
		{Date, "UTC", nil, "", "schema: has no zone"},
		{String, "", []Form{ISO8601}, "", "schema: belong to"},
		{Timestamp, "Mars/Olympus", nil, "", "schema: there is no zone"},
		{Timestamp, "Local", nil, "", "schema: there is no zone"},
		{Timestamp, "../etc", nil, "", "schema: there is no zone"},
		{Timestamp, "+24:00", nil, "", "schema: there is no zone"},
		{Timestamp, "Z", nil, "", "schema: there is no zone"},
		{Timestamp, "", []Form{Seconds, Milliseconds}, "", "schema: two forms of numbers"},
		{Timestamp, "UTC", []Form{"DD/MM/YYYY", "MM/DD/YYYY"}, "", `schema: both take "11/11/1111"`},
		{Timestamp, "UTC", []Form{ISO8601, RFC3339}, "", "schema: both take"},
		{Timestamp, "UTC", []Form{ISO8601, `YYYY-MM-DD HH24:MI:SS`}, "", "schema: both take"},
		{Timestamp, "UTC", []Form{ISO8601, ISO8601}, "", "schema: twice"},
		{Timestamp, "UTC", []Form{"DD/MM/YY"}, "", "schema: century"},
		{Timestamp, "UTC", []Form{"DD/MM/YYYY HH:MI"}, "", "schema: HH24"},
		{Timestamp, "UTC", []Form{"DD/MM/YYYY HH12:MI"}, "", "schema: HH12 and AM"},
		{Timestamp, "UTC", []Form{"MM/YYYY"}, "", "schema: must have"},
		{Timestamp, "UTC", []Form{"%Y-%m-%d"}, "", "schema: strftime"},
		{Timestamp, "UTC", []Form{"yesterday"}, "", "schema: Snowflake's letters"},
		{Timestamp, "UTC", []Form{`YYYY-MM-DD "at`}, "", "schema: not closed"},
		{Timestamp, "UTC", []Form{"YYYY-MM-DD MI"}, "", "schema: smaller unit"},
		{Timestamp, "UTC", []Form{""}, "", "schema: must have"},
		{Date, "", []Form{"DD.MM.YYYY HH24"}, "", "schema: no such elements"},
		{Date, "", []Form{Seconds}, "", "schema: Snowflake's letters"},
	} {
		name := fmt.Sprintf("%s %q in %q: %s", tt.kind, tt.forms, tt.zone, tt.value)
		s := timedColumn(tt.kind, tt.zone, tt.forms...)
		if want, refused := strings.CutPrefix(tt.want, "schema: "); refused {
			if err := s.Check(); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", name, err, want)
			}
			continue
		}
		if err := s.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		row, reason := NewDecoder(s).Decode([]byte(`{"x":` + tt.value + `}`))
		got := show(row)
		if reason != nil {
			got = string(reason.Code)
		}
		if got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

func TestAccept(t *testing.T) {
	for _, tt := range []struct {
		column Column
		value  string
		want   string
	}{
		{Column{Type: Integer, Accept: NumericText}, `"64"`, "<64>"},
		{Column{Type: Integer, Accept: NumericText}, `"64.0"`, "<64>"},
		{Column{Type: Integer, Accept: NumericText | IntegralFloat}, `64.0`, "<64>"},
		{Column{Type: Integer, Accept: NumericText}, `"64.5"`, "not_exact"},
		{Column{Type: Integer, Accept: NumericText}, `" 64"`, "wrong_type"},
		{Column{Type: Integer, Accept: NumericText}, `"064"`, "wrong_type"},
		{Column{Type: Integer, Accept: NumericText}, `""`, "wrong_type"},
		{Column{Type: Integer, Accept: NumericText}, `"-"`, "wrong_type"},
		{Column{Type: Integer, Accept: NumericText}, `true`, "wrong_type"},
		{Column{Type: Integer}, `"64"`, "wrong_type"},
		{Column{Type: Number, Precision: 5, Scale: 2, Accept: NumericText}, `"1.5e1"`, "<15.00>"},
		{Column{Type: Float, Accept: NumericText}, `"0.1"`, "<0.1>"},
		{Column{Type: Boolean, Accept: BooleanText}, `"TRUE"`, "<true>"},
		{Column{Type: Boolean, Accept: BooleanText}, `"False"`, "<false>"},
		{Column{Type: Boolean, Accept: BooleanText}, `"yes"`, "wrong_type"},
		{Column{Type: Boolean, Accept: BooleanText}, `1`, "wrong_type"},
		{Column{Type: Timestamp, Forms: []Form{Milliseconds}, Accept: NumericText}, `"1767323045678"`, "<2026-01-02 03:04:05.678>"},
		{Column{Type: Timestamp, Forms: []Form{Seconds, ISO8601}, Accept: NumericText}, `"1767323045.5"`, "<2026-01-02 03:04:05.5>"},
		{Column{Type: Timestamp, Accept: NumericText}, "", "schema"},
		{Column{Type: Timestamp, Zone: "UTC", Forms: []Form{Seconds, "YYYYMMDD"}, Accept: NumericText}, "", "schema"},
		{Column{Type: String, Accept: NumericText}, "", "schema"},
		{Column{Type: Integer, Accept: BooleanText}, "", "schema"},
		{Column{Type: Float, Accept: IntegralFloat}, "", "schema"},
		{Column{Type: Integer, NonFinite: KeepNonFinite}, "", "schema"},
		{Column{Type: Float}, `"NaN"`, "wrong_type"},
		{Column{Type: Float, NonFinite: NullNonFinite}, `"NaN"`, "NULL"},
		{Column{Type: Float, NonFinite: NullNonFinite, Required: true}, `"NaN"`, "null_field"},
		{Column{Type: Float, NonFinite: KeepNonFinite}, `"NaN"`, "<NaN>"},
		{Column{Type: Float, NonFinite: KeepNonFinite}, `"-Infinity"`, "<-inf>"},
		{Column{Type: Float, NonFinite: KeepNonFinite}, `"Infinity"`, "<inf>"},
		{Column{Type: Float, NonFinite: KeepNonFinite}, `"infinite"`, "wrong_type"},
		{Column{Type: Float, NonFinite: KeepNonFinite}, `NaN`, "not_json"},
		{Column{Type: Float}, `0.1`, "<0.1>"},
		{Column{Type: Float}, `-0.0`, "<0>"},
		{Column{Type: Float}, `1e21`, "<1e+21>"},
		{Column{Type: Float}, `0.10000000000000001`, "<0.1>"},
		{Column{Type: Float}, `0.1000000000000000055511151231257827021181583404541015625`, "<0.1>"},
		{Column{Type: Float}, `0.100000000000000005`, "not_exact"},
		{Column{Type: Float}, `9007199254740993`, "not_exact"},
		{Column{Type: Float}, `9007199254740992`, "<9.007199254740992e+15>"},
		{Column{Type: Float}, `1.7976931348623157e308`, "<1.7976931348623157e+308>"},
		{Column{Type: Float}, `1e309`, "out_of_range"},
		{Column{Type: Float}, `5e-324`, "<5e-324>"},
		{Column{Type: Float}, `1e-400`, "out_of_range"},
	} {
		tt.column.Path, tt.column.Name = []string{"x"}, "X"
		s := Schema{Columns: []Column{tt.column}}
		err := s.Check()
		if tt.want == "schema" || err != nil {
			if err == nil || tt.want != "schema" {
				t.Errorf("%+v: %v", tt.column, err)
			}
			continue
		}
		row, reason := NewDecoder(s).Decode([]byte(`{"x":` + tt.value + `}`))
		got := show(row)
		if reason != nil {
			got = string(reason.Code)
		}
		if got != tt.want {
			t.Errorf("%s %v %v: %s: %s, want %s", tt.column.Type, tt.column.Accept.Words(), tt.column.NonFinite, tt.value, got, tt.want)
		}
	}
}

// TestFloatRoundTrip: each double, printed in any way that does not lose it, is the same double again; each number that is
// taken differs from the double by less than its last digit says.
func TestFloatRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := math.Float64frombits(rapid.Uint64().Draw(t, "bits"))
		if math.IsNaN(value) || math.IsInf(value, 0) {
			return
		}
		for _, printed := range []string{
			strconv.FormatFloat(value, 'e', -1, 64), strconv.FormatFloat(value, 'e', 16, 64), strconv.FormatFloat(value, 'e', rapid.IntRange(16, 60).Draw(t, "digits"), 64),
			new(big.Float).SetFloat64(value).Text('e', 780),
		} {
			text, code := appendFloat(nil, []byte(printed))
			if back, err := strconv.ParseFloat(string(text), 64); code != OK || err != nil || back != value {
				t.Fatalf("%s: %q %s", printed, code, text)
			}
		}
	})
}

// plainForms are independent ways to write and read the forms.
var plainForms = map[Form]string{
	RFC3339: "2006-01-02T15:04:05.999999999Z07:00", ISO8601: "2006-01-02 15:04:05.999999999 -0700",
	"DD/MM/YYYY HH24:MI:SS": "02/01/2006 15:04:05", "MON DD, YYYY HH12:MI:SS AM TZHTZM": "Jan 02, 2006 03:04:05 PM -0700",
	"DY MMMM DD YYYY HH24MISS.FF6 TZH:TZM": "Mon January 02 2006 150405.000000 -07:00", `YYYYMMDD"T"HH24MISS`: "20060102T150405",
}

// TestFormsRoundTrip writes instants with Go's time package in each form and zone, and reads them back.
func TestFormsRoundTrip(t *testing.T) {
	forms := []Form{RFC3339, ISO8601, "DD/MM/YYYY HH24:MI:SS", "MON DD, YYYY HH12:MI:SS AM TZHTZM", "DY MMMM DD YYYY HH24MISS.FF6 TZH:TZM", `YYYYMMDD"T"HH24MISS`}
	zones := []string{"UTC", "Europe/Berlin", "Asia/Kolkata", "America/St_Johns", "-03:00"}
	rapid.Check(t, func(t *rapid.T) {
		form := rapid.SampledFrom(forms).Draw(t, "form")
		name := rapid.SampledFrom(zones).Draw(t, "zone")
		s := timedColumn(Timestamp, name, form)
		zone, err := s.Columns[0].location()
		if err != nil || s.Check() != nil {
			t.Fatal(err, s.Check())
		}
		at := time.Unix(rapid.Int64Range(-9214560000+86400, 9214646399-86400).Draw(t, "seconds"), 0)
		if strings.Contains(plainForms[form], ".") {
			at = at.Add(time.Duration(rapid.IntRange(0, 999999).Draw(t, "micros")) * time.Microsecond)
		}
		if _, offset := at.In(zone).Zone(); offset%60 != 0 {
			return // a zone from before zones, which no offset writes
		}
		text := at.In(zone).Format(plainForms[form])
		row, reason := NewDecoder(s).Decode([]byte(`{"x":"` + text + `"}`))
		if reason != nil && reason.Code == AmbiguousTime {
			before, after := at.Add(-3*time.Hour).In(zone), at.Add(3*time.Hour).In(zone)
			_, a := before.Zone()
			_, b := after.Zone()
			if a == b {
				t.Fatalf("%s in %s is ambiguous", text, name)
			}
			return
		}
		if reason != nil || string(row[0].Text) != at.UTC().Format(TimestampLayout) {
			t.Fatalf("%s in %s: %+v %s, want %s", text, name, reason, show(row), at.UTC().Format(TimestampLayout))
		}
	})
}

// TestOverlapIsSound: where two forms of the same column are taken by the check, no text is of both.
func TestOverlapIsSound(t *testing.T) {
	pieces := []string{"YYYY", "MM", "DD", "MON", "MMMM", "-", "/", " ", "HH24", ":", "MI", "SS", ".FF", ".FF3", "T", `"x"`, "9", "TZH", "DY"}
	rapid.Check(t, func(t *rapid.T) {
		one := Form(strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 1, 9).Draw(t, "one"), ""))
		two := Form(strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 1, 9).Draw(t, "two"), ""))
		a, err1 := readFormat(one)
		b, err2 := readFormat(two)
		if err1 != nil || err2 != nil {
			return
		}
		shape := rapid.SampledFrom(a.shapes).Draw(t, "shape")
		text := []byte(strings.NewReplacer("9", "1", "AAAAAAA", "January", "AAA", "May", "A", "T").Replace(shape))
		if _, ok := a.match(text, Timestamp); !ok {
			return
		}
		if _, ok := b.match(text, Timestamp); ok {
			if _, both := overlap(a.shapes, b.shapes); !both {
				t.Fatalf("%q is of %q and of %q", text, one, two)
			}
		}
	})
}

// FuzzForms: no format and no text panics, and what is read is a time that the column can have.
func FuzzForms(f *testing.F) {
	f.Add("YYYY-MM-DD HH24:MI:SS.FF3 TZH:TZM", "2026-01-02 03:04:05.678 +01:00", "UTC")
	f.Add("iso8601", "2026-01-02T03:04:05Z", "Europe/Berlin")
	f.Add("MON DD, YYYY HH12:MI AM", "Jan 02, 2026 11:00 PM", "-03:30")
	f.Fuzz(func(t *testing.T, form, text, zone string) {
		for _, kind := range []Type{Timestamp, Date, Time} {
			s := timedColumn(kind, zone, Form(form))
			if s.Check() != nil {
				continue
			}
			quoted := strconv.Quote(text)
			row, reason := NewDecoder(s).Decode([]byte(`{"x":` + quoted + `}`))
			layout := map[Type]string{Timestamp: TimestampLayout, Date: DateLayout, Time: TimeLayout}[kind]
			if reason == nil && !row[0].Null {
				if _, err := time.Parse(layout, string(row[0].Text)); err != nil {
					t.Fatalf("%q as %q in %q: %s", text, form, zone, row[0].Text)
				}
			}
		}
	})
}

// TestTypes: no type is without its name, its expectation and its forms.
func TestTypes(t *testing.T) {
	for _, kind := range Types() {
		c := Column{Path: []string{"x"}, Name: "X", Type: kind, Precision: 5, Scale: 2}
		if text := c.expected(); kind.String() == "" || text == kind.String()+" or null" {
			t.Errorf("%s: %q", kind, text)
		}
		if timed := slices.Contains([]Type{Timestamp, Date, Time}, kind); timed != (FormWords(kind) != nil) {
			t.Errorf("%s has the forms %v", kind, FormWords(kind))
		}
	}
}
