package snowpipe

import (
	"bytes"
	"errors"
	"fmt"
)

const (
	// MaxWire is how many bytes one append may have on the wire. A batch with more is cut.
	MaxWire = 4 << 20
	// maxCut bounds what is compressed at once, so that memory stays flat whatever the rows compress to.
	maxCut = 16 << 20
)

// Batch collects rows for an append. The zero value is empty; Reset makes it empty again and keeps its memory. It is for one
// goroutine.
type Batch struct {
	text   []byte
	tokens []byte
	rows   []row
	cover  string
}

// row says where a row and its token end.
type row struct{ text, token int }

// Add takes a row, a JSON object on one line, and its offset token, which may be empty. It copies both. The row's content is not
// looked at: the service judges it; see Encoder for rows that fit.
func (b *Batch) Add(json []byte, token string) error {
	json = bytes.TrimSpace(json)
	switch {
	case len(json) < 2 || json[0] != '{' || json[len(json)-1] != '}':
		return fmt.Errorf("row %d of the batch is no JSON object", len(b.rows)+1)
	case bytes.ContainsAny(json, "\r\n"):
		return fmt.Errorf("row %d of the batch is not on one line", len(b.rows)+1)
	case token == "" && b.cover != "":
		return errors.New("rows behind Cover need a token")
	}
	b.text = append(append(b.text, json...), '\n')
	b.tokens = append(b.tokens, token...)
	b.rows = append(b.rows, row{len(b.text), len(b.tokens)})
	b.cover = ""
	return nil
}

// Cover gives the last append of the batch a later end token than its last row's: for positions that have no row.
func (b *Batch) Cover(token string) { b.cover = token }

// Len is how many rows there are, Size how many bytes they have as text.
func (b *Batch) Len() int { return len(b.rows) }

// Size is how many bytes the rows have as text.
func (b *Batch) Size() int { return len(b.text) }

// Reset makes the batch empty.
func (b *Batch) Reset() { b.text, b.tokens, b.rows, b.cover = b.text[:0], b.tokens[:0], b.rows[:0], "" }

// starts is where a row begins, in the text and in the tokens.
func (b *Batch) starts(i int) row {
	if i == 0 {
		return row{}
	}
	return b.rows[i-1]
}

// token is a row's.
func (b *Batch) token(i int) string { return string(b.tokens[b.starts(i).token:b.rows[i].token]) }

// cut is the part of a batch that one append carries.
type cut struct {
	// end is the row behind it.
	end         int
	first, last string
	packed      []byte
	size        int
}

// cut compresses as many rows from one on as fit. ratio is the share of its size that the cut before was compressed to, which
// saves trials; 0 is unknown. A row that does not fit alone is refused before anything of it is sent.
func (b *Batch) cut(from int, p packer, dst []byte, ratio float64) (cut, error) {
	room := maxCut
	if ratio > 0 {
		room = min(room, int(MaxWire*0.9/ratio))
	}
	for {
		end := b.fit(from, room)
		text := b.text[b.starts(from).text:b.rows[end-1].text]
		packed, err := p.pack(dst[:0], text)
		if err != nil {
			return cut{}, err
		}
		if len(packed) <= MaxWire {
			c := cut{end: end, first: b.token(from), last: b.token(end - 1), packed: packed, size: len(text)}
			if end == len(b.rows) && b.cover != "" {
				c.last = b.cover
			}
			return c, nil
		}
		if end == from+1 {
			return cut{}, fmt.Errorf("row %d of the batch has %d bytes, compressed %d: the service takes %d", from+1, len(text), len(packed), MaxWire)
		}
		room = int(float64(len(text)) * MaxWire / float64(len(packed)) * 0.9)
		dst = packed
	}
}

// fit is the row behind the last one that ends within room bytes from a row on; at least one row fits.
func (b *Batch) fit(from, room int) int {
	low, high := from+1, len(b.rows) // rows before low fit
	start := b.starts(from).text
	for low < high {
		middle := (low + high + 1) / 2
		if b.rows[middle-1].text-start <= room {
			low = middle
		} else {
			high = middle - 1
		}
	}
	return low
}
