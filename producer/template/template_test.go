package template

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"
	"time"
)

func TestSensor(t *testing.T) {
	tpl, err := Compile(Sensor)
	if err != nil {
		t.Fatal(err)
	}
	if w := tpl.Warnings(); len(w) > 0 {
		t.Errorf("warnings: %v", w)
	}
	if a, b := appendOne(t, tpl, 7), appendOne(t, tpl, 7); a != b {
		t.Errorf("one seed made %q and %q", a, b)
	}
	buffer := make([]byte, 0, 200)
	g := tpl.Generator(1)
	if n := testing.AllocsPerRun(100, func() { buffer, _ = g.Append(buffer[:0], 2) }); n != 0 {
		t.Errorf("%g allocations a record", n)
	}
}

// Each text has one possible result.
func TestResults(t *testing.T) {
	for _, c := range []struct{ name, template, want string }{
		{"empty", " \n\t\uFEFF", "string parameter is required!"},
		{"expansion turns out empty", "{{helpers.mustache}}", "string parameter is required!"},
		{"carriage returns inside stay", "a\r\nb", "a\rb"},
		{"closed object before a tag", `{"a":{"b":1}},{{random.number(0)}}`, `{"a":{"b":1}},0`},
		{"single quotes are part of the text", `{{helpers.slugify('a b')}}`, "a-b"},
		{"two arguments are one raw text", `{{helpers.slugify("a","b")}}`, "ab"},
		{"the KDG's reading wins where it has one", `{{helpers.slugify("a).b")}}`, "a"},
		{"third part of the name is ignored", `{{random.number.x(0)}}`, "0"},
		{"shortest numbers", `{{random.arrayElement([1e21])}} {{random.arrayElement([1e-7])}} {{random.arrayElement([-0])}} {{random.arrayElement([1E2])}}`, "1e+21 1e-7 0 100"},
		{"beyond float64", `{{random.arrayElement([1e999])}}`, "Infinity"},
		{"nested null prints as nothing", `{{random.arrayElement([[null,1]])}}`, ",1"},
		{"null", `{{random.arrayElement([null])}}`, "null"},
		{"object", `{{random.arrayElement([{"a":1}])}}`, "[object Object]"},
		{"a number has no elements", `{{random.arrayElement(5)}}`, "undefined"},
		{"a false value is no array", `{{random.objectElement({"a":7,"a":8})}}`, "8"},
		{"empty string means no argument", `{{helpers.slugify("")}}x`, "x"},
		{"text as a maximum", `{{random.number("5")}}`, "NaN"},
		{"text in a field joins", `{{random.number({"min":"0","max":"x"})}}`, "NaN"},
		{"precision", `{{random.number({"min":11.15,"max":11.05,"precision":0.1})}}`, "11.100000000000001"},
		{"result is expanded again", `{{random.arrayElement(["\u007b\u007brandom.number(0)\u007d\u007d"])}}`, "0"},
		{"dollar signs", `a{{random.arrayElement(["$$1"])}}b`, "a$1b"},
		{"text before and after", "a{{random.arrayElement([\"<$`|$'>\"])}}b", "a<a|b>b"},
		{"lonely dollar", `{{random.arrayElement(["5 $"])}}`, "5 $"},
		{"the first pair of inner braces goes", "a{{{{random.number(0)}}", "a0"},
		{"second timestamp is literal without its braces", "{{current.timestamp", "{{current.timestamp"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tpl, err := Compile(c.template)
			if err != nil {
				t.Fatal(err)
			}
			for seed := range uint64(20) {
				if got := appendOne(t, tpl, seed); got != c.want {
					t.Fatalf("made %q, want %q", got, c.want)
				}
			}
		})
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		template     string
		line, column int
		reason       string
	}{
		{"{{random.numbr}}", 1, 1, "Invalid method: random.numbr (did you mean number?)"},
		{"ab\n é{{Random.number}}", 2, 3, "Invalid module: Random (did you mean random?)"},
		{"{{current.timestamp}}\n{{zzz.q}}", 2, 1, "Invalid module: zzz"},
		{"{{{random.number}}}", 1, 1, "Invalid module: {random (did you mean random?); a brace that belongs to the record needs a space before the tag: { {{"},
		{"{{finance.account(1e9)}}", 1, 1, "finance.account: the argument asks for 1e+09 of something: the limit is 1048576"},
		{"{{random.weightedArrayElement({})}}", 1, 1, `random.weightedArrayElement: the argument must be an object such as {"weights":[0.3,0.7],"data":["a","b"]}`},
		{"{{" + strings.Repeat("q", 100) + "}}", 1, 1, "Invalid module: " + strings.Repeat("q", 40) + "…"},
	} {
		_, err := Compile(c.template)
		var at *Error
		if !errors.As(err, &at) {
			t.Errorf("%.40q: error is %v", c.template, err)
			continue
		}
		if at.Line != c.line || at.Column != c.column || at.Reason != c.reason {
			t.Errorf("%.40q: %v\nwant line %d, column %d: %s", c.template, err, c.line, c.column, c.reason)
		}
	}
	if _, err := Compile(strings.Repeat("x", MaxText+1)); err == nil {
		t.Error("a template over the limit was taken")
	}
}

func TestEndlessAndTooLong(t *testing.T) {
	for _, text := range []string{
		`{{random.arrayElement(["$&"])}}`,
		`{{random.arrayElement(["$&$&$&$&"])}}`,
		"{{random.arrayElement([\"x$'x$`x$&\"])}}" + strings.Repeat("y", 1000),
		`{{random.arrayElement(["\u007b\u007bnope\u007d\u007d"])}}`,
		strings.Repeat("{{internet.password(1e6)}}", 20),
		"{{lorem.paragraphs(1e6)}}",
	} {
		tpl, err := Compile(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := tpl.Generator(1).Append([]byte("kept"), 1); err == nil || string(got) != "kept" {
			t.Errorf("%.40q made %d bytes, error %v", text, len(got), err)
		}
	}
}

func TestWarnings(t *testing.T) {
	tpl, err := Compile("{{date.now(YYYY)}}\n {{random.number(max:5)}}")
	if err != nil {
		t.Fatal(err)
	}
	w := tpl.Warnings()
	if many, err := Compile(strings.Repeat("{{random.number(x)}}", 50)); err != nil || len(many.Warnings()) != 20 {
		t.Error("warnings without end")
	}
	if len(w) != 2 || w[0].Line != 2 || w[0].Column != 2 || !strings.Contains(w[0].Text, "not JSON") || !strings.Contains(w[1].Text, "NaN") {
		t.Errorf("warnings are %v", w)
	}
}

func TestNumberBounds(t *testing.T) {
	for _, c := range []struct {
		argument  string
		low, high float64
	}{
		{"3", 0, 3}, {"-3", -3, -1}, {`{"min":-5,"max":-3}`, -5, -4}, {`{"min":5,"max":5}`, 5, 5}, {`{"max":1,"precision":0.25}`, 0, 1},
	} {
		tpl, err := Compile("{{random.number(" + c.argument + ")}}")
		if err != nil {
			t.Fatal(err)
		}
		low, high := math.Inf(1), math.Inf(-1)
		g := tpl.Generator(3)
		for i := range int64(5000) {
			record, _ := g.Append(nil, i)
			v, _ := parseArgument(string(record))
			low, high = min(low, v.toNumber()), max(high, v.toNumber())
		}
		if low != c.low || high != c.high {
			t.Errorf("random.number(%s) went from %g to %g, want %g to %g", c.argument, low, high, c.low, c.high)
		}
	}
}

func TestMoment(t *testing.T) {
	at := time.Date(2021, 1, 3, 0, 5, 9, 45e6, time.FixedZone("", -5*3600))
	for layout, want := range map[string]string{
		"LLLL|l|LTS":              "Sunday, January 3, 2021 12:05 AM|1/3/2021|12:05:09 AM",
		"w ww wo W WW Wo gggg GG": "2 02 2nd 53 53 53rd 2021 20",
		"e E d do dd Qo Mo DDDo":  "0 7 0 0th Su 1st 1st 3rd",
		"H h k hmm Hmmss kk":      "0 12 24 1205 00509 24",
		"SSS S SSSSSS x X":        "045 0 045000 1609650309045 1609650309",
		"z|zz|ZZ [a]] \\Y [b] Y":  "||-0500 a] Y b 2021",
		"YYYYYY YYYYY":            "+002021 02021",
	} {
		var got []byte
		for _, p := range momentParts(layout) {
			got = p.append(got, at, false)
		}
		if string(got) != want {
			t.Errorf("%q prints %q, want %q", layout, got, want)
		}
	}
}

// The KDG has 142 methods in 14 modules.
func TestMethodNames(t *testing.T) {
	modules := map[string]bool{}
	for name := range methods(true) {
		module, _, _ := strings.Cut(name, ".")
		modules[module] = true
	}
	if n := len(methods(true)); n != 142 || len(modules) != 14 {
		t.Errorf("%d methods in %d modules", n, len(modules))
	}
}

func FuzzCompile(f *testing.F) {
	for _, seed := range []string{Sensor, "{{date.now(\"[a]LLLL\")}}", `{{random.arrayElement(["$&","\u007b\u007b"])}}`, "}}{{{{random.number}}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		tpl, err := Compile(text)
		if _, strictErr := (Options{Strict: true}).Compile(text); err != nil && strictErr == nil {
			t.Errorf("strict took what the lenient reading refused: %v", err)
		}
		var at *Error
		if err != nil {
			if errors.As(err, &at) && (at.Line < 1 || at.Column < 1 || len(at.Reason) > 400) {
				t.Errorf("bad error %q", err)
			}
			return
		}
		record, err := tpl.Generator(1).Append(nil, 2)
		if strict, strictErr := (Options{Strict: true, Now: time.Unix(1, 0)}).Compile(text); strictErr == nil {
			same, _ := Options{Now: time.Unix(1, 0)}.Compile(text)
			a, aErr := strict.Generator(1).Append(nil, 2)
			b, bErr := same.Generator(1).Append(nil, 2)
			if aErr == nil && (bErr != nil || !bytes.Equal(a, b)) {
				t.Errorf("the KDG makes %q, the lenient reading %q (%v)", a, b, bErr)
			}
		}
		if err == nil && (len(record) == 0 || len(record) > MaxRecord) {
			t.Errorf("a record of %d bytes", len(record))
		}
	})
}

func BenchmarkAppendSensor(b *testing.B) {
	tpl, err := Compile(Sensor)
	if err != nil {
		b.Fatal(err)
	}
	g := tpl.Generator(1)
	buffer := make([]byte, 0, 256)
	b.ReportAllocs()
	for i := int64(0); b.Loop(); i++ {
		if buffer, err = g.Append(buffer[:0], i); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

func FuzzMoment(f *testing.F) {
	f.Add("[a] LLLL \\Y DDDo")
	at := time.Date(2024, 2, 29, 13, 7, 9, 0, time.UTC)
	f.Fuzz(func(t *testing.T, layout string) {
		var got []byte
		for _, p := range momentParts(layout) {
			got = p.append(got, at, true)
		}
		if len(got) > 30*len(layout) {
			t.Errorf("%q prints %d bytes", layout, len(got))
		}
	})
}

// No method fills the memory before Append can refuse the record.
func TestNoMethodGrowsWithoutBound(t *testing.T) {
	g := (&Template{}).Generator(1)
	for name, method := range methods(true) {
		e, err := method(value{kind: kindNumber, num: maxCount})
		if err != nil {
			continue
		}
		if n := len(e(nil, &g.source)); n > MaxRecord+10_000 {
			t.Errorf("%s made %d bytes", name, n)
		}
	}
}
