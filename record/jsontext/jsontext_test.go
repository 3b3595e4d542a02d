package jsontext

import (
	"encoding/json"
	"testing"
	"unicode/utf8"
)

// FuzzCut: what Append writes, encoding/json and Cut read; what Cut reads, encoding/json reads alike.
func FuzzCut(f *testing.F) {
	for _, text := range []string{"", "6,64,OK\n", `a "b" \n`, "\x00\x1f\x7f", "é😀\u2028", "\xff", `\u0041`, `\ud800`, `\u00e9`, `\u+041`, `\t`, `\`, `\u00`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if utf8.Valid(data) {
			written := append(Append(nil, data), "tail"...)
			var plain string
			text, rest, ok := Cut(written)
			err := json.Unmarshal(written[:len(written)-len(rest)], &plain)
			if !ok || err != nil || string(text) != string(data) || plain != string(data) || string(rest) != "tail" {
				t.Fatalf("%q written as %q: %q, %q, %v, %v", data, written, text, rest, ok, err)
			}
		}
		quoted := append(append([]byte{'"'}, data...), '"')
		var plain string
		if text, rest, ok := Cut(quoted); ok {
			if err := json.Unmarshal(quoted[:len(quoted)-len(rest)], &plain); err != nil || plain != string(text) {
				t.Fatalf("%q read as %q, and by encoding/json as %q, %v", quoted, text, plain, err)
			}
		}
	})
}
