package number

import (
	"errors"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestDivide(t *testing.T) {
	for _, test := range []struct{ a, b, want string }{
		{"1", "3", "0.333333"}, {"2", "3", "0.666667"}, {"-2", "3", "-0.666667"}, {"6", "2", "3.000000"}, {"7", "4", "1.750000"}, {"0.333333", "1", "0.333333000000"},
		{"1.50", "4", "0.37500000"}, {"1.00000000", "3", "0.333333333333"}, {"1.00000000000000", "3", "0.33333333333333"}, {"1", "0.0000005", "2000000.000000"},
		{"99999999999999999999999999999999999999", "2", "49999999999999999999999999999999999999.500000"}, {"-1", "2000000", "-0.000001"}, {"1", "-3000000", "0.000000"},
	} {
		if got, err := Divide(test.a, test.b, false); got != test.want || err != nil {
			t.Errorf("%s / %s = %s, %v, want %s", test.a, test.b, got, err, test.want)
		}
	}
	if got, err := Divide("1", "4", true); got != "0.25" || err != nil {
		t.Errorf("as floats %s, %v", got, err)
	}
	for _, float := range []bool{false, true} {
		if _, err := Divide("1", "0", float); !errors.Is(err, ErrZero) {
			t.Errorf("error %v", err)
		}
	}
}

func TestTrunc(t *testing.T) {
	for _, test := range []struct {
		x    string
		n    int
		want string
	}{{"0.29", 2, "0.29"}, {"4.35", 2, "4.35"}, {"1.159", 2, "1.15"}, {"-1.159", 2, "-1.15"}, {"199", -2, "100"}, {"-5", 3, "-5"}, {"1e3", -2, "1000"}, {"1.999", 0, "1"}, {"9", -500, "0"}} {
		got, err := Trunc(test.x, test.n)
		if err != nil || strings.TrimSuffix(got, ".0") != test.want {
			t.Errorf("trunc(%s, %d) = %s, %v, want %s", test.x, test.n, got, err, test.want)
		}
	}
}

// TestKey: keys stand in the order of the numbers, and equal numbers have equal keys.
func TestKey(t *testing.T) {
	decimals := rapid.StringMatching(`-?[0-9]{1,25}(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := decimals.Draw(t, "a"), decimals.Draw(t, "b")
		x, _ := new(big.Rat).SetString(a)
		y, _ := new(big.Rat).SetString(b)
		keyA, okA := Key(a)
		keyB, okB := Key(b)
		if !okA || !okB || x.Cmp(y) != strings.Compare(keyA, keyB) {
			t.Fatalf("%s has %q, %s has %q", a, keyA, b, keyB)
		}
	})
	for _, text := range []string{"", "abc", "NaN", "1e99999", "-", "1.2.3"} {
		if key, ok := Key(text); ok {
			t.Errorf("%q has the key %q", text, key)
		}
	}
}

func FuzzNumbers(f *testing.F) {
	f.Add("1.5", "3", 2)
	f.Fuzz(func(t *testing.T, a, b string, n int) {
		_, _ = Divide(a, b, false)
		_, _ = Divide(a, b, true)
		_, _ = Trunc(a, n%100)
		_, _ = Key(a)
	})
}
