package snowpipe

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestValues(t *testing.T) {
	null := "\x00NULL"
	for _, c := range []struct {
		column     Column
		text, want string // want "" is a refusal
	}{
		{Column{Type: Number}, "99999999999999999999999999999999999999", `{"C":99999999999999999999999999999999999999}`},
		{Column{Type: Number}, "-0.50", `{"C":-0.50}`}, {Column{Type: Number}, "1e3", `{"C":1e3}`}, {Column{Type: Number}, null, `{"C":null}`},
		{Column{Type: Number}, "01", ""}, {Column{Type: Number}, "+1", ""}, {Column{Type: Number}, "", ""}, {Column{Type: Number}, ".5", ""}, {Column{Type: Number}, "1.", ""},
		{Column{Type: Number}, "1e", ""}, {Column{Type: Number}, "NaN", ""}, {Column{Type: Number}, "1,\"D\":2", ""}, {Column{Type: Number}, "1 ", ""},
		{Column{Type: Float}, "NaN", `{"C":"NaN"}`}, {Column{Type: Float}, "-Infinity", `{"C":"-Infinity"}`}, {Column{Type: Float}, "1.5e-3", `{"C":1.5e-3}`}, {Column{Type: Float}, "inf", ""},
		{Column{Type: Text}, "a\"\\\n\r\t\x01é ", "{\"C\":\"a\\\"\\\\\\n\\r\\t\\u0001é \"}"}, {Column{Type: Text}, "", `{"C":""}`}, {Column{Type: Text}, "\xff", ""}, {Column{Type: Text}, null, `{"C":null}`},
		{Column{Type: Boolean}, "true", `{"C":true}`}, {Column{Type: Boolean}, "false", `{"C":false}`}, {Column{Type: Boolean}, "1", ""}, {Column{Type: Boolean}, "TRUE", ""},
		{Column{Type: Binary}, "\x00\xff", ""}, {Column{Type: Binary, Binary: Base64}, "\x00\xff", `{"C":"AP8="}`}, {Column{Type: Binary, Binary: Hex}, "\x00\xff", `{"C":"00ff"}`},
		{Column{Type: Binary, Binary: UTF8}, "é", `{"C":"é"}`}, {Column{Type: Binary, Binary: UTF8}, "\xff", ""},
		{Column{Type: Date}, "2026-01-02", `{"C":"2026-01-02"}`}, {Column{Type: Date}, "20260102", ""}, {Column{Type: Date}, "2026-01-02T", ""},
		{Column{Type: Time}, "15:04:05", `{"C":"15:04:05"}`}, {Column{Type: Time}, "15:04:05.123456789", `{"C":"15:04:05.123456789"}`}, {Column{Type: Time}, "15:04:05Z", ""}, {Column{Type: Time}, "15:04:05.", ""},
		{Column{Type: Timestamp}, "2026-01-02 15:04:05.123456789", `{"C":"2026-01-02 15:04:05.123456789"}`}, {Column{Type: Timestamp}, "2026-01-02T15:04:05+01:00", `{"C":"2026-01-02T15:04:05+01:00"}`},
		{Column{Type: Timestamp}, "1767366245", ""}, {Column{Type: Timestamp}, "2026-01-02 15h", ""},
		{Column{Type: Variant}, null, `{}`}, {Column{Type: Variant}, "null", `{"C":null}`}, {Column{Type: Variant}, "{\"a\":\r\n [1,\"x\\n\"]}", `{"C":{"a":[1,"x\n"]}}`}, {Column{Type: Variant}, ` "x" `, `{"C":"x"}`},
		{Column{Type: Variant}, "{", ""}, {Column{Type: Variant}, "", ""}, {Column{Type: Variant}, "\"\xff\"", ""}, {Column{Type: Variant}, "1\n2", ""},
		{Column{Type: Object}, "{}", `{"C":{}}`}, {Column{Type: Object}, "[]", ""}, {Column{Type: Array}, "[]", `{"C":[]}`}, {Column{Type: Array}, `"x"`, ""}, {Column{Type: Array}, null, `{}`},
	} {
		c.column.Name = "C"
		e, err := NewEncoder(c.column)
		if err != nil {
			t.Fatal(err)
		}
		got, err := e.AppendRow(nil, []Value{{Text: []byte(c.text), Null: c.text == null}})
		if string(got) != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%v %q: %s, %v; want %s", c.column.Type, c.text, got, err, c.want)
		}
		if err != nil && len(c.text) > 5 && strings.Contains(err.Error(), c.text) {
			t.Errorf("the error has the value: %v", err)
		}
	}
}

func TestEncoder(t *testing.T) {
	e, err := NewEncoder(Column{Name: "V", Type: Variant}, Column{Name: `a"b`, Type: Text}, Column{Name: "N"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := e.AppendRow([]byte("x"), []Value{{Null: true}, {Text: []byte("t")}, {Text: []byte("1")}})
	if string(got) != `x{"a\"b":"t","N":1}` || err != nil {
		t.Errorf("%s, %v", got, err)
	}
	if got, err := e.AppendRow([]byte("x"), []Value{{Null: true}, {}, {Text: []byte("?")}}); string(got) != "x" || err == nil {
		t.Errorf("a refused row leaves %q, %v", got, err)
	}
	if _, err := e.AppendRow(nil, nil); err == nil {
		t.Error("a row without values is taken")
	}
	for _, bad := range [][]Column{{{}}, {{Name: "A"}, {Name: "A"}}, {{Name: "A", Type: 99}}, {{Name: "\xff"}}} {
		if _, err := NewEncoder(bad...); err == nil {
			t.Errorf("%v is taken", bad)
		}
	}
}

// FuzzRow has every row be one JSON object on one line that reads back as what went in.
func FuzzRow(f *testing.F) {
	f.Add("text\n", "12.50", `{"a":[1,null]}`, "2026-01-02 03:04:05", []byte{0, 1})
	f.Add("\u2028\x7f", "-1e9", "\"\\ud800\"", "2026-01-02", []byte("é"))
	e, err := NewEncoder(Column{Name: "T", Type: Text}, Column{Name: "N"}, Column{Name: "V", Type: Variant}, Column{Name: "M", Type: Timestamp}, Column{Name: "B", Type: Binary, Binary: Base64})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text, number, variant, moment string, binary []byte) {
		values := []Value{{Text: []byte(text)}, {Text: []byte(number)}, {Text: []byte(variant)}, {Text: []byte(moment)}, {Text: binary}}
		row, err := e.AppendRow(nil, values)
		if err != nil {
			return
		}
		if bytes.ContainsAny(row, "\r\n") || !utf8.Valid(row) {
			t.Fatalf("not one line of UTF-8: %q", row)
		}
		d := json.NewDecoder(bytes.NewReader(row))
		d.UseNumber()
		var back struct {
			T, M string
			N    json.Number
			V    json.RawMessage
			B    []byte
		}
		if err := d.Decode(&back); err != nil {
			t.Fatalf("%q: %v", row, err)
		}
		var want bytes.Buffer
		_ = json.Compact(&want, []byte(variant))
		var got bytes.Buffer
		_ = json.Compact(&got, back.V)
		if back.T != text || back.M != moment || back.N.String() != number || got.String() != want.String() || !bytes.Equal(back.B, binary) {
			t.Fatalf("%+v became %q", values, row)
		}
		if err := new(Batch).Add(row, ""); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzAnswers has no answer make the client panic, and no text of a failure be a secret's size.
func FuzzAnswers(f *testing.F) {
	for _, seed := range []string{
		`{"code":"X","message":"m"}`, `"ERR"`, `{"error_code":5}`, `host_name.x:443`, `{"hostname":"a.b"}`, `[::1]:5`, `a.eyJleHAiOjF9.b`, `{"token":"x"}`,
		`{"channel_statuses":{"C":{"channel_status_code":"SUCCESS","created_on_ms":1}}}`, `{"next_continuation_token":"t","channel_status":{"channel_status_code":"S"}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		code, message := parseError(body)
		if len(code) > maxCode || len(message) > maxMessage+4 || !utf8.ValidString(message) || strings.ContainsAny(code+message, "\r\n") {
			t.Fatalf("%q: code %q, message %q", body, code, message)
		}
		_ = judge(400, code).String()
		if host, err := parseHost(body, "443"); err == nil && (host == "" || strings.ContainsAny(host, "/@?#% \n_")) {
			t.Fatalf("%q is the host %q", body, host)
		}
		now := time.Now()
		if token, err := parseScoped(body, now); err == nil && (token.text == "" || strings.ContainsAny(token.text, " \r\n")) {
			t.Fatalf("%q is the token %q", body, token.text)
		}
		if _, s, err := parseOpened(body); err == nil {
			_ = s.Err()
		}
		_, _ = parseAppended(body)
		if all, err := parseStatuses(body); err == nil {
			for name, s := range all {
				if s.Channel != name {
					t.Fatalf("%q is called %q", name, s.Channel)
				}
			}
		}
	})
}
