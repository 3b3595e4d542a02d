package spoil

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"
)

func TestShares(t *testing.T) {
	p, err := Parse("malformed=1%,missing=0.02,wrong-type=0.03,late=0.04,out-of-order=0.05,duplicate=0.06,oversize=0.07")
	if err != nil {
		t.Fatal(err)
	}
	var seen [Kinds]int
	const n = 100_000
	for i := range int64(n) {
		seen[p.Kind(7, i)]++
	}
	for k := None; k < Kinds; k++ {
		want := float64(k) / 100
		if k == None {
			want = 0.72
		}
		if got := float64(seen[k]) / n; math.Abs(got-want) > 0.005 {
			t.Errorf("%v has a share of %g, want %g", k, got, want)
		}
	}
	if !p.Any(Late) || (&Plan{}).Any(Late) || (&Plan{}).Kind(1, 1) != None {
		t.Error("wrong about what is planned")
	}
	for _, text := range []string{"", "malformed", "bad=1", "late=2", "late=x", "late=-1", "late=0.6,missing=0.6", "=1", "late=NaN"} {
		if _, err := Parse(text); err == nil {
			t.Errorf("taken: %q", text)
		}
	}
}

// Changing places loses and doubles nothing, and a duplicate has its predecessor's content.
func TestPlaces(t *testing.T) {
	p, _ := Parse("out-of-order=0.3")
	seen := map[int64]int{}
	moved := 0
	for i := range int64(10_000) {
		n := p.Number(1, i)
		seen[n]++
		if n != i {
			moved++
		}
	}
	for i := range int64(9_999) {
		if seen[i] != 1 {
			t.Fatalf("number %d is used %d times", i, seen[i])
		}
	}
	if moved < 3_000 {
		t.Errorf("only %d records lost their place", moved)
	}
	p, _ = Parse("duplicate=0.5")
	for i := int64(1); i < 1000; i++ {
		if p.Kind(1, i) == Duplicate && p.Original(1, i) != p.Original(1, i-1) || p.Kind(1, p.Original(1, i)) == Duplicate {
			t.Fatalf("%d is no duplicate of its predecessor", i)
		}
	}
	p, _ = Parse("duplicate=1")
	if n := p.Original(1, 5_000); n != 5_000 || p.Original(1, 50) != 0 {
		t.Errorf("a chain led to %d", n)
	}
}

func TestRecords(t *testing.T) {
	const good = `{ "a" : 1, "b":"x,\"}" ,"c": {"d":[1,2]} }`
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		if got := Malformed.Record([]byte("head"+good), 4, r)[4:]; json.Valid(got) || len(got) == 0 {
			t.Fatalf("malformed: %s", got)
		}
		var v map[string]any
		got := Missing.Record([]byte("head"+good), 4, r)
		if err := json.Unmarshal(got[4:], &v); err != nil || len(v) != 2 || string(got[:4]) != "head" {
			t.Fatalf("missing: %s (%v)", got, err)
		}
		var w map[string]any
		got = WrongType.Record([]byte(good), 0, r)
		if err := json.Unmarshal(got, &w); err != nil || len(w) != 3 {
			t.Fatalf("wrong type: %s (%v)", got, err)
		}
		_, number := w["a"].(float64)
		_, text := w["b"].(string)
		object, _ := w["c"].(map[string]any)
		if number && text && object != nil && object["d"] != nil {
			t.Fatalf("nothing is wrong with %s", got)
		}
	}
	if got := Missing.Record([]byte(`{"a":1}`), 0, r); string(got) != "{}" {
		t.Errorf("the only field is missing in %s", got)
	}
	for _, text := range []string{"no JSON", "[1]", "{", "{}", `{"a"`, ""} {
		if got := WrongType.Record([]byte(text), 0, r); string(got) == text {
			t.Errorf("%q stayed good", text)
		}
	}
	if got := Oversize.Record([]byte(good), 0, r); len(got) != OversizeBytes || !json.Valid(got) {
		t.Errorf("oversize has %d bytes", len(got))
	}
	if Late.Record([]byte(good), 0, r); Late.Ends() != "tables" || Missing.Ends() != "quarantine" || Oversize.Ends() != "refused" || Missing.Key(7) != "bad-missing-7" {
		t.Error("wrong about where things end")
	}
}

func FuzzRecord(f *testing.F) {
	f.Add([]byte(`{"a":1,"b":[2]}`), uint64(3))
	f.Fuzz(func(t *testing.T, text []byte, seed uint64) {
		for k := Malformed; k < Oversize; k++ {
			data := append([]byte("head"), text...)
			if got := k.Record(data, 4, rand.New(rand.NewPCG(seed, 1))); string(got[:4]) != "head" {
				t.Errorf("%v changed what stands before", k)
			}
		}
	})
}
