package variant_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	_ "github.com/duckdb/duckdb-go/v2"

	"github.com/snowstream/snowstream/local/warehouse/variant"
)

func TestCanonical(t *testing.T) {
	tests := []struct{ text, want, wrong string }{
		{" \n", "", ""},
		{` { "b" : [ 1 , 2.50 ] ,"a":{}, "é": null } `, `{"a":{},"b":[1,2.50],"é":null}`, ""},
		{"0.1234567890123456789012345678901234567", "0.1234567890123456789012345678901234567", ""},
		{"-99999999999999999999999999999999999999", "-99999999999999999999999999999999999999", ""},
		{"[-0,1e400,1E-7,0.0]", "[-0,1e400,1E-7,0.0]", ""},
		{`"\u0041\/\u00e9\ud83d\ude00\u0000\u001F\n\"\\\ufeff"`, `"A/é😀\u0000\u001f\n\"\\` + "\ufeff" + `"`, ""},
		{"[]", "[]", ""}, {"[ ]", "[]", ""}, {"{ }", "{}", ""}, {"true", "true", ""}, {"null", "null", ""},
		{`{"a":1,"\u0061":2}`, "", "duplicate object attribute"},
		{"[1,]", "", "unexpected character"}, {"[", "", "incomplete value"}, {"[1", "", "missing comma or bracket"}, {"{1:2}", "", "missing name"},
		{"01", "", "behind the value"}, {"1.", "", "incomplete number"}, {"-", "", "incomplete number"}, {"1e", "", "incomplete number"}, {"+1", "", "unexpected"},
		{"NaN", "", "unexpected"}, {"nul", "", "unexpected"}, {`"\ud800"`, "", `\u escape`}, {`"\ud800\u0041"`, "", `\u escape`}, {`"\udc00"`, "", `\u escape`},
		{`"\x"`, "", "invalid escape"}, {"\"a\nb\"", "", "control character"}, {"\"\xff\"", "", "UTF-8"}, {"\"\\n\xff\"", "", "UTF-8"}, {`"a`, "", "unfinished"},
		{strings.Repeat("[", 100000), "", "nested too deeply"}, {`{"a" 1}`, "", "colon"}, {`{"a":1 "b":2}`, "", "comma or brace"}, {`{"a":1,}`, "", "missing name"},
	}
	for _, test := range tests {
		got, err := variant.Canonical(test.text)
		if test.wrong != "" {
			if err == nil || !strings.Contains(err.Error(), test.wrong) {
				t.Errorf("%.40q: %q, %v, want the error %q", test.text, got, err, test.wrong)
			}
			continue
		}
		if err != nil || got != test.want {
			t.Errorf("%q: %q, %v, want %q", test.text, got, err, test.want)
		}
	}
}

func TestTakenApart(t *testing.T) {
	value, err := variant.Canonical(`{"a": {"b.c": [10, {"x\"\\y": 1.12345678901234567890}, "t\n"]}, "n": null, "e": {}, "f": []}`)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		`$`: value, `$."a"."b.c"[0]`: "10", `$."a"."b.c"[1]."x\"\\y"`: "1.12345678901234567890", `$."a"."b.c"[2]`: `"t\n"`, `$."n"`: "null", `$."e"`: "{}",
		`$."A"`: "", `$."a"[0]`: "", `$[0]`: "", `$."a"."b.c"[3]`: "", `$."f"[0]`: "", `$."a`: "", `$."a"."b.c"[x]`: "", `a`: "",
	} {
		if got, ok := variant.Get(value, path); got != want && ok || ok != (want != "") {
			t.Errorf("%s: %q, %v, want %q", path, got, ok, want)
		}
	}
	if got := variant.Keys(value); !reflect.DeepEqual(got, []string{"a", "e", "f", "n"}) {
		t.Errorf("keys %q", got)
	}
	if got := variant.Elements(`[1,[2,3],"a,]\"",{}]`); !reflect.DeepEqual(got, []string{"1", "[2,3]", `"a,]\""`, "{}"}) {
		t.Errorf("elements %q", got)
	}
	for value, want := range map[string]string{`"a\u0000b"`: "a\x00b", `"plain"`: "plain", "1.50": "1.50", `{"a":1}`: `{"a":1}`} {
		if got, ok := variant.Text(value); got != want || !ok {
			t.Errorf("%s as text: %q", value, got)
		}
	}
}

func TestRegister(t *testing.T) {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	conn, err := db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if err := variant.Register(conn, func() func(int) error { return func(int) error { return nil } }); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	for text, want := range map[string]string{
		`variant_json('{"b":1, "a":2}')`: `{"a":2,"b":1}`, `variant_json(' ')`: "", `variant_json(NULL)`: "", `variant_try_json('{')`: "",
		`variant_get('[1,2.50]', '$[1]')`: "2.50", `variant_text('["x"]', '$[0]')`: "x", `variant_text('[null]', '$[0]')`: "",
		`array_to_string(variant_elements('[1,"a\u0000",[]]'), '|')`: `1|"a\u0000"|[]`, `array_to_string(variant_keys('{"a":1,"b":2}'), '|')`: "a|b",
		`len(variant_elements('1'))`: "0",
	} {
		var got sql.NullString
		if err := db.QueryRow("SELECT " + text).Scan(&got); err != nil || got.String != want {
			t.Errorf("%s: %q, %v, want %q", text, got.String, err, want)
		}
	}
	if err := db.QueryRow("SELECT variant_json('[1')").Scan(new(any)); err == nil || !strings.Contains(err.Error(), "Error parsing JSON: missing comma or bracket, pos 2") {
		t.Errorf("error %v", err)
	}
}

// What encoding/json takes for valid and names once, Canonical takes too, and says the same; a second time changes nothing.
func FuzzCanonical(f *testing.F) {
	for _, seed := range []string{`{"b":[1.10,null],"a":"\u0000\ud83d\ude00"}`, `[1e400]`, `{"a":1,"a":2}`, `"\ud800"`, " 1 2 ", "\"\xff\""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := variant.Canonical(text)
		if err != nil || got == "" {
			return
		}
		if !json.Valid([]byte(text)) {
			t.Fatalf("%q taken for JSON", text)
		}
		if again, err := variant.Canonical(got); again != got || err != nil {
			t.Fatalf("%q: %q, then %q, %v", text, got, again, err)
		}
		if a, b := tree(t, text), tree(t, got); !reflect.DeepEqual(a, b) {
			t.Fatalf("%q became %q", text, got)
		}
		for i, element := range variant.Elements(got) {
			if !json.Valid([]byte(element)) {
				t.Fatalf("%q: element %d is %q", got, i, element)
			}
		}
	})
}

func tree(t *testing.T, text string) (v any) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}
