package kinesis

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// FuzzDecodePut holds the scanner against encoding/json: it reads nothing that the other refuses, and the same values.
func FuzzDecodePut(f *testing.F) {
	for _, seed := range []string{
		`{"StreamName":"s","Records":[{"Data":"YWJj","PartitionKey":"k"},{"PartitionKey":"\u00e9\n","Data":"","ExplicitHashKey":"12"}]}`,
		` { "StreamARN" : "a" , "Data" : null , "PartitionKey" : "\ud83d\ude00" , "DryRun" : false , "X" : [ 1.5e3 , {"y":[]} , true, null ] } `,
		`{"Records":[],"Records":[{"Data":"YQ==","Data":"Yg=="}]}`, `{"PartitionKey":"\ud800"}`, `{"Data":"a\/b="}`, `{} x`, `{"a":}`, `[`,
		`{"Other":01}`, `{"Other":[1.,-]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		type entry struct {
			Data                          *[]byte
			PartitionKey, ExplicitHashKey *string
		}
		var want struct {
			entry
			StreamName, StreamARN, SequenceNumberForOrdering string
			DryRun                                           bool
			Records                                          []entry
		}
		c := call{body: bytes.Clone(body)}
		if c.decodePut() != nil {
			return
		}
		if !utf8.Valid(body) || bytes.ContainsFunc(body, func(r rune) bool { return r < ' ' }) || bytes.Contains(body, []byte("null")) ||
			strings.Count(string(body), `"`) != 2*distinctKeys(body) {
			return // the scanner is laxer about control characters, both differ in null and in repeated or differently spelt keys
		}
		for _, e := range c.entries {
			if e.dataBad {
				return
			}
		}
		if err := json.Unmarshal(body, &want); err != nil {
			t.Fatalf("read %q, which is not JSON: %v", body, err)
		}
		if !c.listed {
			want.Records = []entry{want.entry}
		}
		if c.target.StreamName != want.StreamName || c.target.StreamARN != want.StreamARN || c.dryRun != want.DryRun {
			t.Fatalf("%q: target %+v", body, c.target)
		}
		if len(want.Records) <= maxRecordsCall && len(want.Records) != len(c.entries) {
			t.Fatalf("%q: %d entries, want %d", body, len(c.entries), len(want.Records))
		}
		for i, e := range c.entries[:min(len(c.entries), maxRecordsCall)] {
			w := want.Records[i]
			if (w.Data != nil && !bytes.Equal(e.data, *w.Data)) || (w.PartitionKey != nil && string(e.key) != *w.PartitionKey) {
				t.Fatalf("%q: entry %d is %q under %q", body, i, e.data, e.key)
			}
		}
	})
}

// distinctKeys counts the strings of a flat document whose keys are those of the API, each at most once per object; any
// other document gives a number that matches no count of quotes.
func distinctKeys(body []byte) int {
	var generic any
	if json.Unmarshal(body, &generic) != nil {
		return strings.Count(string(body), `"`) / 2 // let the comparison find it
	}
	return countStrings(generic)
}

func countStrings(v any) (n int) {
	switch v := v.(type) {
	case string:
		return 1
	case []any:
		for _, e := range v {
			n += countStrings(e)
		}
	case map[string]any:
		for key, e := range v {
			switch key {
			case "StreamName", "StreamARN", "SequenceNumberForOrdering", "DryRun", "Records", "Data", "PartitionKey", "ExplicitHashKey":
				n += 1 + countStrings(e)
			}
		}
	}
	return n
}

func FuzzToken(f *testing.F) {
	s := &Server{secret: []byte("secret")}
	good, err := s.seal(token{Kind: tokenIterator, Stream: "s", Index: 7})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add("AAAA")
	f.Fuzz(func(t *testing.T, text string) {
		if got, ok := s.unseal(text, tokenIterator); ok && (text != good || got.Index != 7) {
			t.Fatalf("accepted %q as %+v", text, got)
		}
		if _, ok := s.unseal(text, tokenShards); ok {
			t.Fatalf("accepted %q as another kind", text)
		}
	})
}

func FuzzSequence(f *testing.F) {
	f.Add("49668899999999999999999999999999999999999999999999999999")
	f.Fuzz(func(t *testing.T, text string) {
		if s, ok := parseSequence(text); ok && s.String() != text {
			t.Fatalf("%s became %s", text, s)
		}
	})
}

// Sequence numbers are the documented 186 bits, have 56 digits and rise with epoch, index and shard.
func TestSequence(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	last := ""
	for range 1000 {
		s := sequence{epoch: epochOf(time.Unix(rnd.Int64N(1<<35), rnd.Int64N(1e9))), index: rnd.Uint64() >> rnd.IntN(64), low: lowBits{lo: uint64(rnd.Uint32())}}
		want := new(big.Int).Lsh(big.NewInt(2), 184)
		for _, part := range []struct {
			value uint64
			shift uint
		}{{s.epoch, 136}, {s.index, 72}, {s.low.lo, 0}} {
			want.Or(want, new(big.Int).Lsh(new(big.Int).SetUint64(part.value), part.shift))
		}
		text := s.String()
		if text != want.String() || len(text) != sequenceDigits {
			t.Fatalf("%+v is %s, want %s", s, text, want)
		}
		if back, ok := parseSequence(text); !ok || back != s {
			t.Fatalf("%s read as %+v, want %+v", text, back, s)
		}
		next := s
		next.index++
		if next.index != 0 && next.String() <= text {
			t.Fatalf("%s after %s", next, text)
		}
		last = text
	}
	if _, ok := parseSequence(last[1:]); ok {
		t.Error("read a number with 55 digits")
	}
}

// A counter moves on as if each number were printed by itself, through every carry.
func TestCounter(t *testing.T) {
	rnd := rand.New(rand.NewPCG(2, 2))
	carries := [3]int{}
	for range 300 {
		s := sequence{epoch: epochOf(time.Unix(rnd.Int64N(1<<35), 0)), index: rnd.Uint64() >> (1 + rnd.IntN(63)), low: lowBits{lo: uint64(rnd.Uint32())}}
		var c counter
		c.set(s)
		// Bring the middle part close to its carry, which is 2e16 records away from anywhere.
		if n := new(big.Int); rnd.IntN(2) == 0 {
			n.SetString(s.String(), 10)
			left := new(big.Int).Sub(new(big.Int).Exp(big.NewInt(10), big.NewInt(38), nil), n.Mod(n, new(big.Int).Exp(big.NewInt(10), big.NewInt(38), nil)))
			s.index += left.Rsh(left, 72).Uint64() - 50
			c.set(s)
		}
		for range 100 {
			if got := string(c.text[:]); got != s.String() {
				t.Fatalf("%+v counted to %s, want %s", s, got, s)
			}
			before := c.parts
			c.next()
			s.index++
			for i := range before {
				if c.parts[i] < before[i] {
					carries[i]++
				}
			}
		}
	}
	if carries[1] == 0 || carries[2] == 0 {
		t.Fatalf("carries seen: %v", carries)
	}
}

func TestHashKeys(t *testing.T) {
	for text, ok := range map[string]bool{
		"0": true, "340282366920938463463374607431768211455": true, "340282366920938463463374607431768211456": false,
		"999999999999999999999999999999999999999": false, "": false, "01": false, "-1": false, "1e3": false, "1234567890123456789012345678901234567890": false,
	} {
		k, got := parseHashKey([]byte(text))
		if got != ok || (ok && k.String() != text) {
			t.Errorf("%q: %v, %v", text, k, got)
		}
	}
	// MD5("a") as documented in RFC 1321.
	if got := hashOf([]byte("a")); fmt.Sprintf("%016x%016x", got.hi, got.lo) != "0cc175b9c0f1b6a831c399e269772661" {
		t.Errorf("hash of a: %+v", got)
	}
	for n := 1; n < 50; n++ {
		for i := 1; i < n; i++ {
			if k := evenStart(i, n); !evenStart(i-1, n).less(k) || k.before().next() != k {
				t.Errorf("range %d of %d starts at %s", i, n, k)
			}
		}
	}
}
