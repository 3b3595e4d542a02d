package rawzone

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// sealed is a seal up to an ordinal, made in steps that end at slices.
func sealed(t testing.TB, shard string, last int64) Seal {
	t.Helper()
	s := Seal{Shard: shard, Generation: "g0000000abcdefgh", First: 1, At: time.Unix(1000, 0).UTC(), By: "test"}
	for s.Ordinal < last {
		_, _, end := s.Slice(s.Ordinal + 1)
		end = min(end, last)
		var err error
		if s, err = s.Add(end, end-s.Ordinal, "10", "7"); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestSealAdd(t *testing.T) {
	s := sealed(t, "shardId-000000000000", SliceWidth+5)
	want := []Slice{{SliceWidth, "7"}, {5, "7"}}
	if s.Rows != SliceWidth+5 || s.Sum != "20" || !slices.Equal(s.Slices, want) {
		t.Errorf("%+v", s)
	}
	more, err := s.Add(SliceWidth+7, 1, "3", "4")
	if err != nil || more.Slices[1] != (Slice{6, "11"}) || more.Sum != "23" || s.Slices[1] != want[1] {
		t.Errorf("%+v of %+v, %v", more, s, err)
	}
	for name, add := range map[string]func() (Seal, error){
		"backwards":          func() (Seal, error) { return s.Add(SliceWidth, 1, "1", "1") },
		"over a slice's end": func() (Seal, error) { return s.Add(3*SliceWidth, 1, "1", "1") },
		"no number":          func() (Seal, error) { return s.Add(SliceWidth+7, 1, "x", "1") },
	} {
		if out, err := add(); err == nil {
			t.Errorf("%s: %+v", name, out)
		}
	}
}

func TestSeals(t *testing.T) {
	s := Seals{Stream: "kdEntry"}
	for _, shard := range []string{"b", "a", "c", "a"} {
		s = s.With(sealed(t, shard, 9))
	}
	if len(s.Chains) != 3 || s.Chains[0].Shard != "a" {
		t.Fatalf("%+v", s.Chains)
	}
	again, err := DecodeSeals(s.Encode(), "kdEntry")
	if err != nil {
		t.Fatal(err)
	}
	again.Check = ""
	if diff := cmp.Diff(s, again); diff != "" {
		t.Error(diff)
	}
	if _, ok := again.Of(Chain{"kdEntry", "g0000000abcdefgh", "b"}); !ok {
		t.Error("a seal is not found")
	}
	if _, ok := again.Of(Chain{"kdEntry", "", "b"}); ok {
		t.Error("a seal is that of another generation")
	}
	text := string(s.Encode())
	for name, bad := range map[string]string{
		"one digit":   strings.Replace(text, `"ordinal": 9`, `"ordinal": 8`, 1),
		"cut":         text[:len(text)/2],
		"other field": strings.Replace(text, `"stream"`, `"streams"`, 1),
	} {
		if _, err := DecodeSeals([]byte(bad), "kdEntry"); err == nil {
			t.Errorf("%s: it is believed", name)
		}
	}
	if _, err := DecodeSeals([]byte(text), "other"); err == nil {
		t.Error("the seals of another stream are believed")
	}
}

func FuzzDecodeSeals(f *testing.F) {
	f.Add(Seals{Stream: "s"}.With(sealed(f, "a", 9)).Encode())
	f.Add([]byte(`{"stream":"s","chains":[{"shard":"a","first":1,"ordinal":9223372036854775807}],"check":""}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := DecodeSeals(text, "s")
		if err != nil {
			return
		}
		again, err := DecodeSeals(s.Encode(), "s")
		if diff := cmp.Diff(s, again); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
	})
}
