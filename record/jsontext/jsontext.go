// Package jsontext writes and reads JSON strings that hold whole batches of rows: one pass, eight bytes at a time, because
// almost none of their characters is escaped.
package jsontext

import (
	"fmt"
	"strconv"
	"unicode/utf8"
)

// Append appends text, which is valid UTF-8, as a JSON string.
func Append[T string | []byte](dst []byte, text T) []byte {
	dst = append(dst, '"')
	for {
		n := bare(text)
		dst = append(dst, text[:n]...)
		if n == len(text) {
			return append(dst, '"')
		}
		switch c := text[n]; c {
		case '\n':
			dst = append(dst, '\\', 'n')
		case '"', '\\':
			dst = append(dst, '\\', c)
		default:
			dst = fmt.Appendf(dst, `\u%04x`, c)
		}
		text = text[n+1:]
	}
}

// Cut reads the JSON string that data starts with, and returns its text and what follows it. ok is false where data starts
// with none, and where the string is one that Append does not write though JSON allows it, such as a surrogate.
func Cut(data []byte) (text, rest []byte, ok bool) {
	if len(data) == 0 || data[0] != '"' {
		return nil, nil, false
	}
	data = data[1:]
	text = make([]byte, 0, len(data))
	for {
		n := bare(data)
		text = append(text, data[:n]...)
		data = data[n:]
		switch {
		case len(data) > 0 && data[0] == '"':
			return text, data[1:], utf8.Valid(text)
		case len(data) < 2 || data[0] != '\\':
			return nil, nil, false
		}
		c, size := unescape(data[1:])
		if size == 0 {
			return nil, nil, false
		}
		text, data = append(text, c), data[1+size:]
	}
}

// unescape reads what follows a backslash: the character, and how many bytes it takes, 0 for one that Append does not write.
func unescape(data []byte) (c byte, size int) {
	switch data[0] {
	case 'n':
		return '\n', 1
	case '"', '\\':
		return data[0], 1
	case 'u':
		if len(data) < 5 {
			return 0, 0
		}
		n, err := strconv.ParseUint(string(data[1:5]), 16, 7)
		if err != nil {
			return 0, 0
		}
		return byte(n), 5
	}
	return 0, 0
}

// bare is how many bytes at the front of text stand for themselves in a JSON string; it looks at eight of them at a time.
func bare[T string | []byte](text T) int {
	const ones = 0x0101010101010101
	n := 0
	for ; len(text)-n >= 8; n += 8 {
		t := text[n : n+8]
		v := uint64(t[0]) | uint64(t[1])<<8 | uint64(t[2])<<16 | uint64(t[3])<<24 | uint64(t[4])<<32 | uint64(t[5])<<40 | uint64(t[6])<<48 | uint64(t[7])<<56
		quote, slash := v^ones*'"', v^ones*'\\'
		if ((v-ones*' ')&^v|(quote-ones)&^quote|(slash-ones)&^slash)&(ones<<7) != 0 {
			break // a byte that is less than a space, or that became 0; now and then only its neighbour
		}
	}
	for n < len(text) && text[n] >= ' ' && text[n] != '"' && text[n] != '\\' {
		n++
	}
	return n
}
