package template

import (
	"errors"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func made(t *testing.T, text string, seed uint64, n int64) []string {
	t.Helper()
	tpl, err := Compile(text)
	if err != nil {
		t.Fatal(err)
	}
	g := tpl.Generator(seed)
	out := make([]string, n)
	for i := range n {
		record, err := g.Append(nil, i)
		if err != nil {
			t.Fatal(err)
		}
		out[i] = string(record)
	}
	return out
}

func TestBeyondShapes(t *testing.T) {
	for text, want := range map[string]string{
		`{{sequence.number}}`:                               `^([1-9]|10)$`,
		`{{sequence.number({"start":-5,"step":-2})}}`:       `^-(5|7|9|1[1-9]|2[13])$`,
		`{{key.uniform}}`:                                   `^\d{1,2}$`,
		`{{key.uniform({"count":3,"prefix":"k-"})}}`:        `^k-[012]$`,
		`{{key.zipf({"data":["a","b"],"skew":0})}}`:         `^[ab]$`,
		`{{key.uniform(3)}}`:                                `^[012]$`,
		`{{float.uniform}}`:                                 `^0\.\d\d$|^1\.00$`,
		`{{float.uniform({"min":5,"max":6,"decimals":0})}}`: `^[56]$`,
		`{{float.normal({"mean":20,"deviation":500,"min":19,"max":21,"decimals":1})}}`:    `^(19|20|21)\.\d$`,
		`{{float.exponential({"mean":3})}}`:                                               `^\d+\.\d\d$`,
		`{{float.lognormal({"median":100,"deviation":0})}}`:                               `^100\.00$`,
		`{{same.value("a")}}{{same.value({"name":"a","of":"random.boolean"})}}`:           `^(truetrue|falsefalse)$`,
		`{{entity.id({"count":4,"prefix":"d"})}} {{entity.id}}`:                           `^(d0 d0|d1 d1|d2 d2|d3 d3)$`,
		`{{entity.drift({"min":10,"max":12,"decimals":1})}}{{entity.id}}`:                 `^1[012]\.\d\d$`,
		`{{date.sequence({"start":"2024-01-01T00:00:00Z","step":"1m","format":"mm"})}}`:   `^0\d$`,
		`{{date.sequence({"start":"2024-01-01T00:00:00+01:00"})}}`:                        `^2024-01-01T00:00:0\d\.000\+01:00$`,
		`{{same.value({"name":"x","of":"random.arrayElement","with":["$$","{"]})}}`:       `^[{$]$`,
		`{{same.value({"name":"x","of":"sequence.number","with":{"start":7,"step":0}})}}`: `^7$`,
	} {
		pattern := regexp.MustCompile(want)
		for _, got := range made(t, text, 1, 10) {
			if !pattern.MatchString(got) {
				t.Errorf("%s made %q, want %s", text, got, want)
			}
		}
		var strict *Error
		if _, err := (Options{Strict: true}).Compile(text); !errors.As(err, &strict) {
			t.Errorf("%s: the KDG does not know this, but strict took it", text)
		}
	}
}

func TestBeyondErrors(t *testing.T) {
	for text, want := range map[string]string{
		`{{same.value("a")}}`:                              "no tag makes the value",
		`{{same.value}}`:                                   "must be a name",
		`{{same.value({"name":""})}}`:                      "must be a name",
		`{{same.value({"name":"a","of":"random.nmber"})}}`: "did you mean number",
		`{{same.value({"name":"a","of":"random.uuid"})}}{{same.value({"name":"a","of":"random.boolean"})}}`: "by another tag already",
		`{{entity.drift}}`: "need a tag entity.id",
		`{{entity.id({"count":2})}}{{entity.id({"count":3})}}`:           "already how many",
		`{{entity.pick}}{{entity.id}}`:                                   "must be an array",
		`{{entity.drift({"min":3,"max":2})}}{{entity.id}}`:               "min must not be above max",
		`{{key.uniform(0)}}`:                                             "1 to 1000000 things",
		`{{key.uniform(1e9)}}`:                                           "1 to 1000000 things",
		`{{key.zipf({"skew":-1})}}`:                                      "skew must be",
		`{{float.uniform({"decimals":99})}}`:                             "decimals must be",
		`{{float.normal({"mean":"x"})}}`:                                 "mean must be a number",
		`{{float.normal({"min":2,"max":1})}}`:                            "min must not be above max",
		`{{sequence.number({"start":0.5})}}`:                             "whole numbers",
		`{{date.sequence}}`:                                              "must have a start",
		`{{date.sequence({"start":"2024-01-01T00:00:00Z","step":"x"})}}`: "step must be a duration",
		`{{sequenc.number}}`:                                             "did you mean sequence",
	} {
		if _, err := Compile(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %s", text, err, want)
		}
	}
	tpl, err := Compile(`{{random.arrayElement(["\u007b\u007bentity.id\u007d\u007d"])}}`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tpl.Generator(1).Append(nil, 1); err == nil || !strings.Contains(err.Error(), "must stand in the template") {
		t.Errorf("error is %v", err)
	}
}

func TestKeyDistributions(t *testing.T) {
	const n = 40_000
	for text, share := range map[string]func(i int) float64{
		`{{key.uniform(4)}}`:                  func(int) float64 { return 0.25 },
		`{{key.zipf(4)}}`:                     func(i int) float64 { return 1 / float64(i+1) / (25.0 / 12) },
		`{{entity.id({"count":4,"skew":2})}}`: func(i int) float64 { return math.Pow(float64(i+1), -2) / (205.0 / 144) },
	} {
		seen := map[string]int{}
		for _, k := range made(t, text, 1, n) {
			seen[k]++
		}
		for i := range 4 {
			if got, want := float64(seen[strconv.Itoa(i)])/n, share(i); math.Abs(got-want) > 0.01 {
				t.Errorf("%s: key %d has a share of %.3f, want %.3f", text, i, got, want)
			}
		}
	}
}

// A device's temperature moves little from reading to reading, over its whole range in time, and on its own.
func TestDriftIsSlow(t *testing.T) {
	const text = `{{entity.id({"count":3})}} {{entity.pick(["A","B","C","D","E","F","G","H"])}} {{entity.drift({"min":0,"max":100,"period":500})}}`
	records := made(t, text, 8, 30_000)
	last, low, high, picked := map[string]float64{}, 100.0, 0.0, map[string]string{}
	same := 0
	for _, record := range records {
		f := strings.Fields(record)
		v, err := strconv.ParseFloat(f[2], 64)
		if err != nil {
			t.Fatal(err)
		}
		if before, ok := last[f[0]]; ok && math.Abs(before-v) > 15 {
			t.Fatalf("device %s jumped from %g to %g", f[0], before, v)
		}
		last[f[0]] = v
		low, high = min(low, v), max(high, v)
		if p, ok := picked[f[0]]; ok && p != f[1] {
			t.Fatalf("device %s is a %s and a %s", f[0], p, f[1])
		}
		picked[f[0]] = f[1]
		if last["0"] == last["1"] {
			same++
		}
	}
	if low < 0 || high > 100 || low > 25 || high < 75 || same > 1000 {
		t.Errorf("went from %g to %g, two devices agreed %d times", low, high, same)
	}
	// Record i is the same whoever makes it, and when.
	tpl, _ := Compile(text)
	g := tpl.Generator(8)
	for _, i := range []int64{29_999, 7, 12_345} {
		if record, _ := g.Append(nil, i); string(record) != records[i] {
			t.Errorf("record %d is %q alone, and %q in a row", i, record, records[i])
		}
	}
}

func TestMoments(t *testing.T) {
	floats := func(text string) (mean, deviation float64) {
		var all []float64
		for _, r := range made(t, text, 2, 20_000) {
			v, _ := strconv.ParseFloat(r, 64)
			all = append(all, v)
			mean += v / 20_000
		}
		for _, v := range all {
			deviation += (v - mean) * (v - mean) / 20_000
		}
		return mean, math.Sqrt(deviation)
	}
	if m, d := floats(`{{float.normal({"mean":20,"deviation":5})}}`); math.Abs(m-20) > 0.2 || math.Abs(d-5) > 0.2 {
		t.Errorf("normal has mean %g, deviation %g", m, d)
	}
	if m, d := floats(`{{float.exponential({"mean":4})}}`); math.Abs(m-4) > 0.15 || math.Abs(d-4) > 0.2 {
		t.Errorf("exponential has mean %g, deviation %g", m, d)
	}
}

// The results of the other template's tags are at hand for the key, and neither spoils the other.
func TestSharedScope(t *testing.T) {
	tpl, err := Compile(`{{same.value({"name":"id","of":"random.uuid"})}}`)
	if err != nil {
		t.Fatal(err)
	}
	key, err := Options{With: tpl}.Compile(`{{same.value("id")}}`)
	if err != nil {
		t.Fatal(err)
	}
	g := tpl.Generator(1)
	for i := range int64(50) {
		record, _ := g.Append(nil, i)
		got, err := g.AppendWith(nil, key)
		if err != nil || !slices.Equal(got, record) {
			t.Fatalf("key %q of %q (%v)", got, record, err)
		}
	}
	if _, err := (Options{With: tpl}).Compile(`{{same.value("other")}}`); err == nil {
		t.Error("took a name that nobody makes")
	}
}

func TestClock(t *testing.T) {
	at := time.Date(2024, 2, 29, 13, 7, 9, 45e6, time.UTC)
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		options    Options
		text, want string
	}{
		{Options{Now: at, Zone: berlin}, `{{date.now}} {{date.utc("HH")}}`, "2024-02-29T14:07:09+01:00 13"},
		{Options{Now: at, Zone: berlin, Simulated: true}, `{{date.simTime("YYYY")}}`, "1999"},
		{Options{Now: at, Zone: berlin}, `{{date.recent(1e-12)}}`, "Thu Feb 29 2024 14:07:08 GMT+0100 (Central European Standard Time)"},
	} {
		tpl, err := c.options.Compile(c.text)
		if err != nil {
			t.Fatal(err)
		}
		g := tpl.Generator(1)
		g.SetTime(time.Date(1999, 5, 5, 0, 0, 0, 0, time.UTC))
		if got, err := g.Append(nil, 1); err != nil || string(got) != c.want {
			t.Errorf("%s made %q, want %q (%v)", c.text, got, c.want, err)
		}
	}
	if _, err := Compile("{{date.simTime}}"); err == nil || !strings.Contains(err.Error(), "backfill") {
		t.Errorf("error is %v", err)
	}
	tpl, _ := Options{Now: at, Zone: time.UTC}.Compile("{{date.utc}}")
	g := tpl.Generator(1)
	g.SetBehind(time.Hour)
	if got, _ := g.Append(nil, 1); string(got) != "2024-02-29T12:07:09Z" {
		t.Errorf("an hour ago it was %s", got)
	}
}

// What the KDG makes of arguments of the wrong type, from running it.
func TestOddArguments(t *testing.T) {
	for text, want := range map[string]string{
		`{{finance.mask([])}}`: `^\d{4}$`, `{{finance.account("3")}}`: `^\d{3}$`, `{{finance.account(0)}}`: `^\d{8}$`, `{{finance.amount(abc)}}`: `^NaN$`,
		`{{commerce.price(-1)}}`: `^0$`, `{{company.companyName("0")}}`: `^[A-Z]`, `{{company.companyName(9)}}`: `^string parameter is required!$`,
		`{{internet.color}}`: `^#([0-7][0-9a-f]|80){3}$`, `{{internet.color(NaNa)}}`: `^#NaN([0-7][0-9a-f]|80){2}$`, `{{internet.userName(5)}}`: `^(\d{1,3}|5[._][A-Z][a-z]+\d{0,2})$`,
		`{{internet.email("A b'c")}}`: `^Abc([._][A-Z][a-z]+)?\d{0,2}@(gmail|yahoo|hotmail)\.com$`, `{{internet.password(2.5)}}`: `^\w{3}$`,
		`{{name.findName("X")}}`: `^([A-Z][a-z]+\.? )?X [A-Z]`, `{{address.streetAddress(true)}}`: `(Apt\.|Suite) \d{3}$`, `{{address.streetPrefix}}`: `^[abc]$`,
		`{{address.zipCode(5)}}x`: `^x$`, `{{phone.phoneNumberFormat(8)}}`: `^\d{3}-\d{3}-\d{4} x\d{3}$`, `{{phone.phoneNumberFormat("19")}}`: `^\d{3}\.\d{3}\.\d{4} x\d{5}$`, `{{phone.phoneNumberFormat(20)}}x`: `^x$`,
		`{{lorem.paragraph("3")}}`: `^([A-Z][a-z ]+\. ?){30,33}$`, `{{lorem.sentence(0)}}`: `^\.$`, `{{helpers.shuffle}}`: `^[abc],[abc],[abc]$`, `{{helpers.shuffle(5)}}`: `^5$`,
		`{{helpers.mustache(ab)}}`: `^ab$`, `{{image.image(5)}}`: `^http://lorempixel\.com/5/480/[a-z]+$`, `{{image.imageUrl(0)}}`: `^http://lorempixel\.com/640/480$`,
		`{{image.avatar}}`: `^https://s3\.amazonaws\.com/uifaces/faces/twitter/[a-z]+/128\.jpg$`, `{{date.month({"abbr":true})}}`: `^[A-Z][a-z]{2}$`,
		`{{date.future(-1)}}`: `^[A-Z][a-z]{2} `, `{{date.past(abc)}}`: `^Invalid Date$`, `{{system.commonFileName("A-b c")}}`: `^[a-z_]+\.a_b_c$`, `{{random.alphaNumeric(9)}}`: `^[0-9a-z]$`,
		`{{internet.userAgent}}`: `^(Mozilla/5\.0 \(|Opera/)[\w ;:.,()/-]+$`,
	} {
		pattern := regexp.MustCompile(want)
		for _, got := range made(t, text, 4, 200) {
			if !pattern.MatchString(got) {
				t.Fatalf("%s made %q, want %s", text, got, want)
			}
		}
	}
	for _, text := range []string{`{{helpers.slugify(5)}}`, `{{helpers.replaceSymbols([1])}}`, `{{internet.password(abc)}}`, `{{helpers.shuffle([])}}`, `{{date.now(5)}}`} {
		if _, err := Compile(text); err == nil {
			t.Errorf("%s was taken", text)
		}
	}
}

// What only the KDG refuses.
func TestStrict(t *testing.T) {
	for text, lenient := range map[string]string{
		`{"a":{"b":1}} {{random.number(0)}}`:           `{"a":{"b":1}} 0`,
		`}} {{`:                                        `}} {{`,
		`{{ random.number(0) }}`:                       `0`,
		`{{helpers.slugify("a (b)")}}`:                 `a-b`,
		`{{random.number(0)}} }} {{random.number(0)}}`: `0 }} 0`,
	} {
		var at *Error
		if _, err := (Options{Strict: true}).Compile(text); !errors.As(err, &at) || !strings.HasPrefix(at.Reason, "Invalid m") {
			t.Errorf("%s: error %v", text, err)
		}
		if got := made(t, text, 1, 1)[0]; got != lenient {
			t.Errorf("%s made %q, want %q", text, got, lenient)
		}
	}
}

func TestLints(t *testing.T) {
	for text, want := range map[string]string{
		`{{random.arrayElement(['a','b'])}}`:                                      "single quotes",
		`{{random.number(1,5)}}`:                                                  "one piece of raw text",
		`{{random.weightedArrayElement({"weights":[0.001,1],"data":["a","b"]})}}`: "below 0.005",
		`{{random.weightedArrayElement({"weights":[1],"data":["a","b"]})}}`:       "not as many weights",
		`{{lorem.lines}}`:                       "line feeds",
		`{{random.arrayElement(["a\u000ab"])}}`: "line feed",
		`{{finance.amount(5)}}`:                 "least amount",
		`{{date.between("2020-01-01")}}`:        "Invalid Date",
		`{{system.filePath}}`:                   "undefined",
		`{{helpers.userCard}}`:                  "[object Object]",
	} {
		tpl, err := Compile(text)
		if err != nil {
			t.Fatal(err)
		}
		w := tpl.Warnings()
		if len(w) == 0 || !strings.Contains(w[0].Text, want) {
			t.Errorf("%s: warnings %v, want %s", text, w, want)
		}
	}
	for _, text := range []string{Sensor, `{{date.now(YYYY-MM-DD, HH:mm)}}`, `{{random.weightedArrayElement}}`, `{{random.weightedArrayElement({"weights":[0.3,0.7],"data":[1,2]})}}`} {
		tpl, err := Compile(text)
		if err != nil || len(tpl.Warnings()) > 0 {
			t.Errorf("%s: warnings %v, error %v", text, tpl.Warnings(), err)
		}
	}
}
