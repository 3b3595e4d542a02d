package record

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// everything has one column of each type, all optional.
func everything() Schema {
	return Schema{Columns: []Column{
		{Path: []string{"i"}, Name: "I", Type: Integer},
		{Path: []string{"n"}, Name: "N", Type: Number, Precision: 10, Scale: 2},
		{Path: []string{"s"}, Name: "S", Type: String},
		{Path: []string{"b"}, Name: "B", Type: Boolean},
		{Path: []string{"t"}, Name: "T", Type: Timestamp},
		{Path: []string{"v"}, Name: "V", Type: Variant},
	}}
}

// show writes a row so that a table can state it: NULL and "" differ.
func show(row []Value) string {
	var parts []string
	for _, v := range row {
		if v.Null {
			parts = append(parts, "NULL")
		} else {
			parts = append(parts, "<"+string(v.Text)+">")
		}
	}
	return strings.Join(parts, " ")
}

// decoded is a payload with the row it becomes, or the reason why it becomes none.
type decoded struct{ payload, row, code string }

func decodes(t *testing.T, schema Schema, tests []decoded) {
	t.Helper()
	d := NewDecoder(schema)
	for _, tt := range tests {
		row, reason := d.Decode([]byte(tt.payload))
		var code string
		if reason != nil {
			code = string(reason.Code)
		}
		if got := show(row); got != tt.row || code != tt.code {
			t.Errorf("%.90q:\n got %s %q\nwant %s %q", tt.payload, got, code, tt.row, tt.code)
		}
	}
}

func TestDecodeSensor(t *testing.T) {
	tests := []decoded{
		{`{"sensorId": 6, "currentTemperature": 64, "status": "OK"}`, "<6> <64> <OK>", ""},
		{` {"status":"WARN","currentTemperature":-0,"sensorId":5e1,"more":[1,{"a":null}]} ` + "\n", "<50> <0> <WARN>", ""},
		{`{"sensorId":64.0,"currentTemperature":1e37,"status":""}`, "<64> <1" + strings.Repeat("0", 37) + "> <>", ""},
		{`{"sensorId":64.7,"currentTemperature":1,"status":"OK"}`, "", "not_exact"},
		{`{"sensorId":1e38,"currentTemperature":1,"status":"OK"}`, "", "out_of_range"},
		{`{"sensorId":9223372036854775808,"currentTemperature":9007199254740993,"status":"OK"}`, "<9223372036854775808> <9007199254740993> <OK>", ""},
		{`{"sensorId":` + strings.Repeat("9", 38) + `,"currentTemperature":1,"status":"OK"}`, "<" + strings.Repeat("9", 38) + "> <1> <OK>", ""},
		{`{"sensorId":` + strings.Repeat("9", 39) + `,"currentTemperature":1,"status":"OK"}`, "", "out_of_range"},
		{`{"sensorId":"6","currentTemperature":1,"status":"OK"}`, "", "wrong_type"},
		{`{"sensorId":6,"currentTemperature":1,"status":7}`, "", "wrong_type"},
		{`{"sensorId":6,"currentTemperature":1}`, "", "missing_field"},
		{`{"sensorId":6,"currentTemperature":null,"status":"OK"}`, "", "null_field"},
		{`{"sensorid":6,"currentTemperature":1,"status":"OK"}`, "", "missing_field"},
		{`{"sensorId":6,"sensorId":7,"currentTemperature":1,"status":"OK"}`, "", "duplicate_field"},
		{`{"sensorId":6,"x":{"a":1,"\u0061":2},"currentTemperature":1,"status":"OK"}`, "", "duplicate_field"},
		{`{"sensorId":6,"currentTemperature":1,"status":"\ud83d\ude00\u0000\/"}`, "<6> <1> <😀\x00/>", ""},
		{`{"sensorId":6,"currentTemperature":1,"status":"\ud83d"}`, "", "lone_surrogate"},
		{`{"sensorId":6,"currentTemperature":1,"status":"\ud83dx"}`, "", "lone_surrogate"},
		{`{"sensorId":6,"currentTemperature":1,"status":"\ude00\ud83d"}`, "", "lone_surrogate"},
		{"{\"sensorId\":6,\"currentTemperature\":1,\"status\":\"a\xffb\"}", "", "not_utf8"},
		{"{\"sensorId\":6,\"currentTemperature\":1,\"status\":\"\\n\xff\"}", "", "not_utf8"},
		{"{\"sensorId\":6,\"currentTemperature\":1,\"status\":\"a\nb\"}", "", "not_json"},
		{`{"sensorId":NaN,"currentTemperature":1,"status":"OK"}`, "", "not_json"},
		{`{"sensorId":Infinity,"currentTemperature":1,"status":"OK"}`, "", "not_json"},
		{`{"sensorId":06,"currentTemperature":1,"status":"OK"}`, "", "not_json"},
		{`{"sensorId":+6,"currentTemperature":1,"status":"OK"}`, "", "not_json"},
		{`{"sensorId":6.,"currentTemperature":1,"status":"OK"}`, "", "not_json"},
		{`{'sensorId':6}`, "", "not_json"},
		{`{"sensorId":6,"currentTemperature":1,"status":"OK"} {}`, "", "not_json"},
		{`{"sensorId":6,"currentTemperature":1,"status":"OK",}`, "", "not_json"},
		{`{"sensorId":6,"currentTemperature":1,"status":"OK"`, "", "not_json"},
		{"\x1f\x8b\x08\x00", "", "not_json"},
		{"", "", "empty"},
		{" \r\n\t", "", "empty"},
		{"[1]", "", "not_object"},
		{`"text"`, "", "not_object"},
		{"null", "", "not_object"},
		{"null null", "", "not_json"},
		{`{"x":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + `,"sensorId":6,"currentTemperature":1,"status":"OK"}`, "<6> <1> <OK>", ""},
		{`{"x":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`, "", "too_deep"},
		{strings.Repeat("[", 1e6), "", "too_deep"},
	}
	decodes(t, Sensor(), tests)
}

func TestDecodeTypes(t *testing.T) {
	tests := []decoded{
		{`{}`, "NULL NULL NULL NULL NULL NULL", ""},
		{`{"i":null,"n":null,"s":null,"b":null,"t":null,"v":null}`, "NULL NULL NULL NULL NULL NULL", ""},
		{`{"n":0}`, "NULL <0.00> NULL NULL NULL NULL", ""},
		{`{"n":-0.05}`, "NULL <-0.05> NULL NULL NULL NULL", ""},
		{`{"n":1.5e1}`, "NULL <15.00> NULL NULL NULL NULL", ""},
		{`{"n":99999999.99}`, "NULL <99999999.99> NULL NULL NULL NULL", ""},
		{`{"n":100000000}`, "", "out_of_range"},
		{`{"n":0.001}`, "", "not_exact"},
		{`{"n":0.0010e1}`, "NULL <0.01> NULL NULL NULL NULL", ""},
		{`{"n":0e99999999999999999999}`, "NULL <0.00> NULL NULL NULL NULL", ""},
		{`{"n":1e-99999999999999999999}`, "", "not_exact"},
		{`{"n":1e99999999999999999999}`, "", "out_of_range"},
		{`{"b":true}`, "NULL NULL NULL <true> NULL NULL", ""},
		{`{"b":"true"}`, "", "wrong_type"},
		{`{"t":"2026-01-02T03:04:05.678+01:00"}`, "NULL NULL NULL NULL <2026-01-02 02:04:05.678> NULL", ""},
		{`{"t":"2026-01-02T03:04:05.1234567891Z"}`, "", "not_exact"},
		{`{"t":"2026-01-02T03:04:05,5Z"}`, "", "wrong_type"},
		{`{"t":"1677-12-31T23:59:59Z"}`, "", "out_of_range"},
		{`{"t":"9999-12-31T00:00:00Z"}`, "", "out_of_range"},
		{`{"t":"2026-01-02T03:04:05.1000000000Z"}`, "NULL NULL NULL NULL <2026-01-02 03:04:05.1> NULL", ""},
		{`{"t":"yesterday"}`, "", "wrong_type"},
		{`{"t":"2026-01-02T03:04:05+23:59"}`, "NULL NULL NULL NULL <2026-01-01 03:05:05> NULL", ""},
		{`{"t":"2026-01-02T03:04:05.5-23:59"}`, "NULL NULL NULL NULL <2026-01-03 03:03:05.5> NULL", ""},
		{`{"t":"2026-01-02T03:04:05-00:00"}`, "NULL NULL NULL NULL <2026-01-02 03:04:05> NULL", ""},
		{`{"v": {"a": [1, 2.50, "x"]} }`, `NULL NULL NULL NULL NULL <{"a": [1, 2.50, "x"]}>`, ""},
		{`{"v":[99999999999999999999999999999999999999,1.2345678901234567890123456789012345678,"1e999\"",1e37,-0.1]}`, `NULL NULL NULL NULL NULL <[99999999999999999999999999999999999999,1.2345678901234567890123456789012345678,"1e999\"",1e37,-0.1]>`, ""},
		{`{"v":{"a":1e38}}`, "", "out_of_range"},
		{`{"v":999999999999999999999999999999999999999}`, "", "out_of_range"},
		{`{"v":[1e-38]}`, "", "not_exact"},
		{`{"v":12.3456789012345678901234567890123456789}`, "", "out_of_range"},
		{`{"v":""}`, `NULL NULL NULL NULL NULL <"">`, ""},
	}
	decodes(t, everything(), tests)
}

func TestDecodeMoments(t *testing.T) {
	moments := Schema{Columns: []Column{
		{Path: []string{"s"}, Name: "S", Type: Timestamp, Forms: []Form{Seconds}},
		{Path: []string{"m"}, Name: "M", Type: Timestamp, Forms: []Form{Milliseconds}},
		{Path: []string{"us"}, Name: "US", Type: Timestamp, Micros: true},
		{Path: []string{"um"}, Name: "UM", Type: Timestamp, Forms: []Form{Milliseconds}, Micros: true},
	}}
	tests := []decoded{
		{`{"s":0,"m":0}`, "<1970-01-01 00:00:00> <1970-01-01 00:00:00> NULL NULL", ""},
		{`{"s":1767323045.678,"m":1767323045678}`, "<2026-01-02 03:04:05.678> <2026-01-02 03:04:05.678> NULL NULL", ""},
		{`{"s":1767323045.123456789,"m":1767323045123.456789}`, "<2026-01-02 03:04:05.123456789> <2026-01-02 03:04:05.123456789> NULL NULL", ""},
		{`{"s":-0.5,"m":-1}`, "<1969-12-31 23:59:59.5> <1969-12-31 23:59:59.999> NULL NULL", ""},
		{`{"s":-1.5e0}`, "<1969-12-31 23:59:58.5> NULL NULL NULL", ""},
		{`{"s":9214646399,"m":-9214560000000}`, "<2261-12-31 23:59:59> <1678-01-01 00:00:00> NULL NULL", ""},
		{`{"s":9214646400}`, "", "out_of_range"},
		{`{"m":-9214560000001}`, "", "out_of_range"},
		{`{"m":1e15}`, "", "out_of_range"},
		{`{"s":0.0000000001}`, "", "not_exact"},
		{`{"s":"0"}`, "", "wrong_type"},
		{`{"us":"9999-12-31T23:59:59.999999Z","um":253402300799999.999}`, "NULL NULL <9999-12-31 23:59:59.999999> <9999-12-31 23:59:59.999999>", ""},
		{`{"us":"0001-01-01T00:00:00.1234560000Z","um":-62135596800000}`, "NULL NULL <0001-01-01 00:00:00.123456> <0001-01-01 00:00:00>", ""},
		{`{"us":"2026-01-02T03:04:05.1234567Z"}`, "", "not_exact"},
		{`{"um":0.0001}`, "", "not_exact"},
		{`{"us":"9999-12-31T23:59:59-01:00"}`, "", "out_of_range"},
	}
	decodes(t, moments, tests)
}

// TestOffsets takes each offset of two hours' and two minutes' digits: RFC 3339 has those up to 23:59. Go's parser takes
// +24:00, +23:60 and their like for other instants.
func TestOffsets(t *testing.T) {
	d := NewDecoder(Schema{Columns: []Column{{Path: []string{"t"}, Name: "T", Type: Timestamp}}})
	for hours := range 100 {
		for minutes := range 100 {
			for _, sign := range []string{"+", "-"} {
				for _, fraction := range []string{"", ".5"} {
					text := fmt.Sprintf("2026-01-02T03:04:05%s%s%02d:%02d", fraction, sign, hours, minutes)
					_, reason := d.Decode([]byte(`{"t":"` + text + `"}`))
					if good := hours < 24 && minutes < 60; good != (reason == nil) || reason != nil && reason.Code != WrongType {
						t.Fatalf("%s: %+v", text, reason)
					}
				}
			}
		}
	}
	for _, text := range []string{"2026-01-02T24:00:00Z", "2026-01-02T03:60:00Z", "2026-01-02T03:04:60Z", "2026-02-29T03:04:05Z", "2026-13-02T03:04:05Z", "2026-00-02T03:04:05Z", "2026-01-00T03:04:05Z"} {
		if _, reason := d.Decode([]byte(`{"t":"` + text + `"}`)); reason == nil || reason.Code != WrongType {
			t.Errorf("%s: %+v", text, reason)
		}
	}
}

// TestDecodePaths covers nested fields and the policies for unknown ones.
func TestDecodePaths(t *testing.T) {
	schema := Schema{Rest: "REST", Columns: []Column{
		{Path: []string{"device", "id"}, Name: "ID", Type: Integer, Required: true},
		{Path: []string{"device", "place", "room"}, Name: "ROOM", Type: String},
		{Path: []string{"v"}, Name: "V", Type: Variant},
	}}
	tests := []struct{ payload, ignore, keep, refuse string }{
		{`{"device":{"id":1}}`, "<1> NULL NULL", "<1> NULL NULL NULL", "<1> NULL NULL"},
		{`{"device":{"id":1,"place":{"room":"a"}},"v":{"x":1}}`, `<1> <a> <{"x":1}>`, `<1> <a> <{"x":1}> NULL`, `<1> <a> <{"x":1}>`},
		{`{"device":{"id":1,"place":null},"v":null}`, "<1> NULL NULL", "<1> NULL NULL NULL", "<1> NULL NULL"},
		{`{"device":null}`, "missing_field device.id", "missing_field device.id", "missing_field device.id"},
		{`{}`, "missing_field device.id", "missing_field device.id", "missing_field device.id"},
		{`{"device":[]}`, "wrong_type device.id", "wrong_type device.id", "wrong_type device.id"},
		{`{"device":{"id":1,"place":"home"}}`, "wrong_type device.place.room", "wrong_type device.place.room", "wrong_type device.place.room"},
		{`{"a":1,"device":{"x":[2],"id":1,"place":{"y":"\u0041","room":"a"},"z":null},"b":{}}`, "<1> <a> NULL",
			`<1> <a> NULL <{"a":1,"device":{"x":[2],"place":{"y":"\u0041"},"z":null},"b":{}}>`, "unknown_field "},
		{`{"device":{"place":{},"id":1}}`, "<1> NULL NULL", "<1> NULL NULL NULL", "<1> NULL NULL"},
		{`{"device":{"id":1,"id":2}}`, "duplicate_field ", "duplicate_field ", "duplicate_field "},
	}
	for _, tt := range tests {
		for policy, want := range map[Policy]string{Ignore: tt.ignore, Keep: tt.keep, Refuse: tt.refuse} {
			schema.Unknown = policy
			if err := schema.Check(); err != nil {
				t.Fatal(err)
			}
			row, reason := NewDecoder(schema).Decode([]byte(tt.payload))
			got := show(row)
			if reason != nil {
				got = string(reason.Code) + " " + reason.Field
			}
			if got != want {
				t.Errorf("%s, %s:\n got %s\nwant %s", tt.payload, policy, got, want)
			}
		}
	}
}

func TestSchemaCheck(t *testing.T) {
	column := func(name string, path ...string) Column { return Column{Path: path, Name: name, Type: String} }
	for name, s := range map[string]Schema{
		"no columns":     {},
		"no path":        {Columns: []Column{column("A")}},
		"no name":        {Columns: []Column{column("", "a")}},
		"NUL in name":    {Columns: []Column{column("A\x00", "a")}},
		"long name":      {Columns: []Column{column(strings.Repeat("x", 256), "a")}},
		"same name":      {Columns: []Column{column("A", "a"), column("A", "b")}},
		"only case":      {Columns: []Column{column("Hotel_region", "a"), column("HOTEL_REGION", "b")}},
		"case of É":      {Columns: []Column{column("É", "a"), column("é", "b")}},
		"lineage case":   {Columns: []Column{column("_shard", "a")}},
		"rest case":      {Columns: []Column{column("A", "a")}, Unknown: Keep, Rest: "a"},
		"lineage name":   {Columns: []Column{column("_SHARD", "a")}},
		"rest name":      {Columns: []Column{column("A", "a")}, Unknown: Keep, Rest: "A"},
		"no rest name":   {Columns: []Column{column("A", "a")}, Unknown: Keep},
		"same field":     {Columns: []Column{column("A", "a"), column("B", "a")}},
		"field in field": {Columns: []Column{column("A", "a", "b"), column("B", "a")}},
		"precision":      {Columns: []Column{{Path: []string{"a"}, Name: "A", Type: Number, Precision: 39}}},
		"scale":          {Columns: []Column{{Path: []string{"a"}, Name: "A", Type: Number, Precision: 38, Scale: 38}}},
	} {
		if s.Check() == nil {
			t.Errorf("%s: the schema was taken", name)
		}
	}
	if err := Sensor().Check(); err != nil {
		t.Error(err)
	}
}

// TestReasonHoldsNoPayload plants a secret at each place of a payload that can go wrong.
func TestReasonHoldsNoPayload(t *testing.T) {
	d := NewDecoder(Sensor())
	for _, payload := range []string{
		`{"sensorId":"SECRET"}`, `{"SECRET":1,"SECRET":2}`, `SECRET`, `{"sensorId":SECRET}`, `{"sensorId":1} SECRET`,
	} {
		_, reason := d.Decode([]byte(payload))
		text, err := json.Marshal(reason)
		if err != nil || reason == nil || bytes.Contains(text, []byte("SECRET")) {
			t.Errorf("%s: %s, %v", payload, text, err)
		}
	}
}

// TestDecimalIsExact compares with arbitrary-precision arithmetic over numbers in all spellings.
func TestDecimalIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.StringMatching(`-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,12})?([eE][+-]?[0-9]{1,2})?`).Draw(t, "number")
		precision := rapid.IntRange(1, MaxDigits).Draw(t, "precision")
		scale := rapid.IntRange(0, precision).Draw(t, "scale")
		value, ok := new(big.Rat).SetString(raw)
		if !ok {
			t.Fatalf("big.Rat does not read %s", raw)
		}
		unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)
		scaled := new(big.Rat).Mul(value, new(big.Rat).SetInt(unit))
		limit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(precision)), nil)
		want := OK
		switch {
		case !scaled.IsInt():
			want = NotExact
		case new(big.Int).Abs(scaled.Num()).Cmp(limit) >= 0:
			want = OutOfRange
		}
		got, code := decimal(nil, []byte(raw), precision, scale)
		if code != want {
			t.Fatalf("%s as (%d,%d): %q, want %q", raw, precision, scale, code, want)
		}
		if code == OK && string(got) != value.FloatString(scale) && string(got) != strings.TrimPrefix(value.FloatString(scale), "-") {
			t.Fatalf("%s as (%d,%d): %s, want %s", raw, precision, scale, got, value.FloatString(scale))
		}
	})
}

func TestFolderValue(t *testing.T) {
	for payload, want := range map[string]string{
		`{"sensorId": 6}`: "6", `{"sensorId":"a/b"}`: "a/b", `{"sensorId":true}`: "true", `{"sensorId":6.50}`: "6.50",
		`{"sensorId":null}`: "", `{"sensorId":[1]}`: "", `{"x":1}`: "", `[]`: "", ``: "", `{"sensorId":1`: "",
	} {
		if got, ok := FolderValue([]byte(payload), "sensorId"); got != want || ok != (want != "") {
			t.Errorf("%s: %q %v, want %q", payload, got, ok, want)
		}
	}
}

// FuzzDecode checks that nothing panics, that a row is only given for what encoding/json takes as well, and that the
// values of a row are what encoding/json reads.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{`{"i":1,"n":2.5,"s":"x\u0000","b":true,"t":"2026-01-02T03:04:05Z","v":[{}]}`, `{"s":"\ud83d\ude00"}`, "", "[", `{"a":{"a":1}}`} {
		f.Add([]byte(seed))
	}
	d := NewDecoder(everything())
	f.Fuzz(func(t *testing.T, payload []byte) {
		row, reason := d.Decode(payload)
		if reason != nil {
			return
		}
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(payload, &fields); err != nil {
			t.Fatalf("row %s from what encoding/json refuses: %v", show(row), err)
		}
		var text *string
		if err := json.Unmarshal(fields["s"], &text); fields["s"] != nil && err != nil {
			t.Fatal(err)
		}
		if got := row[2]; got.Null != (text == nil) || text != nil && string(got.Text) != *text {
			t.Fatalf("string %s, encoding/json has %v", show(row[2:3]), text)
		}
	})
}
