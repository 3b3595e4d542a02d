package unpack

import (
	"bytes"
	"iter"
)

const blank = " \t\r\n"

// lines are the lines of data that are not blank.
func lines(data []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for line := range bytes.Lines(data) {
			if line = bytes.TrimRight(line, blank); len(line) > 0 && !yield(line) {
				return
			}
		}
	}
}

// documents are the JSON objects and arrays that stand one behind the other in data. What stands between them is a piece of
// its own, as is an end that never closes: nothing is left out, and the decoder says what is wrong with it.
func documents(data []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for data = bytes.TrimLeft(data, blank); len(data) > 0; data = bytes.TrimLeft(data, blank) {
			n := len(data)
			if data[0] == '{' || data[0] == '[' {
				if end := closing(data); end > 0 {
					n = end
				}
			} else if next := bytes.IndexAny(data, "{["); next > 0 {
				n = next
			}
			if !yield(bytes.TrimRight(data[:n], blank)) {
				return
			}
			data = data[n:]
		}
	}
}

// closing is the length of the object or array that data begins with, 0 if it never ends. It looks at brackets and strings
// alone: what else is wrong in there is found by the decoder, in that record and in no other.
func closing(data []byte) int {
	depth := 0
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		case '"':
			if i = endOfString(data, i); i < 0 {
				return 0
			}
		}
	}
	return 0
}

// endOfString is where the string that begins at i has its closing quote, -1 if it has none.
func endOfString(data []byte, i int) int {
	for i++; i < len(data); i++ {
		switch data[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}

// elements are the elements of the array that data is; ok is false if data is none, with nothing but white space around it.
// An element that stands empty between two commas is one, since something was meant there.
func elements(data []byte) (each iter.Seq[[]byte], ok bool) {
	data = bytes.Trim(data, blank)
	if len(data) == 0 || data[0] != '[' || closing(data) != len(data) || data[len(data)-1] != ']' {
		return nil, false
	}
	inside := data[1 : len(data)-1]
	return func(yield func([]byte) bool) {
		if len(bytes.Trim(inside, blank)) == 0 {
			return
		}
		rest := inside
		for {
			n := comma(rest)
			if n < 0 {
				yield(bytes.Trim(rest, blank))
				return
			}
			if !yield(bytes.Trim(rest[:n], blank)) {
				return
			}
			rest = rest[n+1:]
		}
	}, true
}

// comma is the place of the first comma outside of brackets and strings, -1 if there is none.
func comma(data []byte) int {
	depth := 0
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case '"':
			if i = endOfString(data, i); i < 0 {
				return -1
			}
		case ',':
			if depth == 0 {
				return i
			}
		}
	}
	return -1
}

// isLines reports whether data is one record a line: its first line closes what it opens, and more lines follow.
func isLines(data []byte) bool {
	data = bytes.Trim(data, blank)
	n := bytes.IndexByte(data, '\n')
	if n < 0 {
		return false
	}
	first := bytes.TrimRight(data[:n], blank)
	rest := first
	for len(rest) > 0 && rest[0] == '{' {
		end := closing(rest)
		if end == 0 {
			return false
		}
		rest = bytes.TrimLeft(rest[end:], blank)
	}
	return len(rest) == 0
}
