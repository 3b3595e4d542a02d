package variant

import (
	"encoding/json"
	"testing"
)

// FuzzStage compares with encoding/json: what is staged, it reads alike.
func FuzzStage(f *testing.F) {
	for _, text := range []string{`[["6","OK",null],["7","",null]]`, `[]`, ` [ [ ] , ["a"] ] `, `[["\u0041\n\"\\\/\ud83d\ude00"]]`, `[["a",1]]`, `[["a"],]`, `[["a"]]x`, `[["\u0000"]]`,
		`[[nullx]]`, `[["\ud800"]]`, "[[\"\xff\"]]", `[[`, `{"a":[]}`, `[["a""b"]]`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		const width = 2
		var s Staging
		id, release, ok := s.Stage(text, width)
		var want [][]*string
		err := json.Unmarshal([]byte(text), &want)
		if !ok {
			return
		}
		if err != nil {
			t.Fatalf("%q is staged: %v", text, err)
		}
		got := s.rows[id]
		if len(got.cells) != width*len(want) || len(got.null) != len(got.cells) {
			t.Fatalf("%q: %d cells of %d rows", text, len(got.cells), len(want))
		}
		for i, cell := range got.cells {
			var wanted *string
			if row := want[i/width]; i%width < len(row) {
				wanted = row[i%width]
			}
			if got.null[i] != (wanted == nil) || wanted != nil && cell != *wanted {
				t.Fatalf("%q: cell %d is %q, null %v", text, i, cell, got.null[i])
			}
		}
		if release(); len(s.rows) != 0 {
			t.Fatal("rows are kept")
		}
	})
}
