package streaming

import (
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth is how deep the values of a row may be nested.
const maxDepth = 1000

// badJSON says that a row is no JSON. It does not quote the row.
func badJSON() error { return reject(100069, "Error parsing JSON") }

// scanner goes once through the JSON text of one row, and keeps nothing of it. It takes exactly what RFC 8259 takes.
type scanner struct {
	in []byte
	at int
}

// object calls visit for each member of the object that text is. Keys are decoded, values are as they were written.
func (s *scanner) object(text []byte, visit func(key, value []byte) error) error {
	s.in, s.at = text, 0
	s.space()
	if !s.take('{') {
		return reject(100069, "The row is not a JSON object")
	}
	for s.space(); !s.take('}'); s.space() {
		key, err := s.text()
		if err != nil {
			return err
		}
		if s.space(); !s.take(':') {
			return badJSON()
		}
		s.space()
		start := s.at
		if err := s.value(1); err != nil {
			return err
		}
		if err := visit(key, s.in[start:s.at]); err != nil {
			return err
		}
		if s.space(); !s.take(',') {
			if s.take('}') {
				break
			}
			return badJSON()
		}
		if s.space(); s.at < len(s.in) && s.in[s.at] == '}' {
			return badJSON()
		}
	}
	if s.space(); s.at < len(s.in) {
		return badJSON()
	}
	return nil
}

func (s *scanner) space() {
	for s.at < len(s.in) && (s.in[s.at] == ' ' || s.in[s.at] == '\t' || s.in[s.at] == '\r' || s.in[s.at] == '\n') {
		s.at++
	}
}

func (s *scanner) take(c byte) bool {
	if s.at < len(s.in) && s.in[s.at] == c {
		s.at++
		return true
	}
	return false
}

// value passes over one value.
func (s *scanner) value(depth int) error {
	if s.at == len(s.in) || depth > maxDepth {
		return badJSON()
	}
	switch c := s.in[s.at]; {
	case c == '"':
		return s.quoted()
	case c == '{' || c == '[':
		return s.nested(depth)
	case c == '-' || c >= '0' && c <= '9':
		return s.number()
	}
	for _, word := range []string{"null", "true", "false"} {
		if end := s.at + len(word); end <= len(s.in) && string(s.in[s.at:end]) == word {
			s.at = end
			return nil
		}
	}
	return badJSON()
}

// nested passes over an object or an array.
func (s *scanner) nested(depth int) error {
	isObject := s.in[s.at] == '{'
	end := byte(']')
	if isObject {
		end = '}'
	}
	s.at++
	if s.space(); s.take(end) {
		return nil
	}
	for {
		s.space()
		if isObject {
			if err := s.quoted(); err != nil {
				return err
			}
			if s.space(); !s.take(':') {
				return badJSON()
			}
			s.space()
		}
		if err := s.value(depth + 1); err != nil {
			return err
		}
		s.space()
		if s.take(end) {
			return nil
		}
		if !s.take(',') {
			return badJSON()
		}
	}
}

func (s *scanner) number() error {
	s.take('-')
	if !s.take('0') && s.digits() == 0 {
		return badJSON()
	}
	if s.take('.') && s.digits() == 0 {
		return badJSON()
	}
	if s.take('e') || s.take('E') {
		if !s.take('+') {
			s.take('-')
		}
		if s.digits() == 0 {
			return badJSON()
		}
	}
	return nil
}

func (s *scanner) digits() int {
	start := s.at
	for s.at < len(s.in) && s.in[s.at] >= '0' && s.in[s.at] <= '9' {
		s.at++
	}
	return s.at - start
}

// quoted passes over a text in quotes; what its escapes say is looked at when it is decoded.
func (s *scanner) quoted() error {
	if !s.take('"') {
		return badJSON()
	}
	for ; s.at < len(s.in); s.at++ {
		switch c := s.in[s.at]; {
		case c == '"':
			s.at++
			return nil
		case c == '\\':
			s.at++
		case c < ' ':
			return badJSON()
		}
	}
	return badJSON()
}

// text reads a text in quotes.
func (s *scanner) text() ([]byte, error) {
	start := s.at
	if err := s.quoted(); err != nil {
		return nil, err
	}
	return decodeText(s.in[start:s.at])
}

// decodeText is what a JSON text in quotes says. It shares memory with quoted where nothing is escaped.
func decodeText(quoted []byte) ([]byte, error) {
	inner := quoted[1 : len(quoted)-1]
	plain := true
	for _, c := range inner {
		if c == '\\' || c >= utf8.RuneSelf {
			plain = false
			break
		}
	}
	if plain {
		return inner, nil
	}
	if !utf8.Valid(inner) {
		return nil, badJSON()
	}
	out := make([]byte, 0, len(inner))
	for at := 0; at < len(inner); {
		if inner[at] != '\\' {
			out = append(out, inner[at])
			at++
			continue
		}
		r, size := decodeEscape(inner[at:])
		if size == 0 {
			return nil, badJSON()
		}
		out = utf8.AppendRune(out, r)
		at += size
	}
	return out, nil
}

// decodeEscape is the character of an escape and how many bytes it takes, 0 where it is none. Half of a surrogate pair is none.
func decodeEscape(in []byte) (rune, int) {
	if len(in) < 2 {
		return 0, 0
	}
	switch c := in[1]; c {
	case '"', '\\', '/':
		return rune(c), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	}
	r, ok := hexRune(in)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	low, ok := hexRune(in[6:])
	if both := utf16.DecodeRune(r, low); ok && both != utf8.RuneError {
		return both, 12
	}
	return 0, 0
}

// hexRune reads \uXXXX.
func hexRune(in []byte) (r rune, ok bool) {
	if len(in) < 6 || in[0] != '\\' || in[1] != 'u' {
		return 0, false
	}
	for _, c := range in[2:6] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
