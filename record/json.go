package record

import (
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth is how deep arrays and objects may nest in a payload. Recursion follows the input, so it must end.
const maxDepth = 64

// kind is what a JSON value is.
type kind uint8

const (
	kindNull kind = iota
	kindBool
	kindNumber
	kindString
	kindArray
	kindObject
)

// scanner walks a payload once, from left to right, and checks all of it: RFC 8259 to the letter, and beyond it no
// text that is not Unicode. encoding/json is not used because it changes values without an error: it rounds large
// numbers, replaces bad UTF-8 and lone surrogates, and lets duplicate names pass.
type scanner struct {
	data []byte
	at   int
	// text receives strings that have escapes; values point into it or into data.
	text []byte
	// twice lets names come twice in an object.
	twice bool
}

// token is a value as it stands in the payload.
type token struct {
	kind kind
	// raw is the value's own bytes, quotes included.
	raw []byte
	// text is a string's content, escapes undone.
	text []byte
}

func (s *scanner) space() {
	for s.at < len(s.data) {
		switch s.data[s.at] {
		case ' ', '\t', '\r', '\n':
			s.at++
		default:
			return
		}
	}
}

// take steps over the byte c, after white space, if it is next.
func (s *scanner) take(c byte) bool {
	s.space()
	if s.at < len(s.data) && s.data[s.at] == c {
		s.at++
		return true
	}
	return false
}

// value reads one value of any kind and checks everything inside it.
func (s *scanner) value(depth int) (token, Code) {
	s.space()
	if s.at >= len(s.data) {
		return token{}, NotJSON
	}
	start := s.at
	var t token
	var code Code
	switch c := s.data[s.at]; {
	case c == '"':
		t.kind = kindString
		t.text, code = s.str()
	case c == '{':
		t.kind = kindObject
		code = s.object(depth)
	case c == '[':
		t.kind = kindArray
		code = s.array(depth)
	case c == '-' || c >= '0' && c <= '9':
		t.kind = kindNumber
		code = s.number()
	case c == 't':
		t.kind = kindBool
		code = s.literal("true")
	case c == 'f':
		t.kind = kindBool
		code = s.literal("false")
	case c == 'n':
		code = s.literal("null")
	default:
		code = NotJSON
	}
	t.raw = s.data[start:s.at]
	return t, code
}

func (s *scanner) literal(word string) Code {
	if len(s.data)-s.at < len(word) || string(s.data[s.at:s.at+len(word)]) != word {
		return NotJSON
	}
	s.at += len(word)
	return OK
}

func (s *scanner) array(depth int) Code {
	if depth >= maxDepth {
		return TooDeep
	}
	s.at++
	if s.take(']') {
		return OK
	}
	for {
		if _, code := s.value(depth + 1); code != OK {
			return code
		}
		if s.take(']') {
			return OK
		}
		if !s.take(',') {
			return NotJSON
		}
	}
}

// object checks an object that nothing inside is wanted of.
func (s *scanner) object(depth int) Code {
	var m members
	for {
		if _, more, code := s.member(&m, depth); code != OK || !more {
			return code
		}
		if _, code := s.value(depth + 1); code != OK {
			return code
		}
	}
}

// members is the state of walking through one object.
type members struct {
	seen    names
	started bool
	// raw is the last name's own text, quotes included, from where it starts.
	raw  []byte
	from int
}

// member reads the next name of the object that the scanner stands before (at first) or in, and leaves the scanner
// before the name's value. A name that comes twice makes the value ambiguous (readers disagree on which one counts),
// so it is refused.
func (s *scanner) member(m *members, depth int) (name []byte, more bool, code Code) {
	switch {
	case !m.started:
		if depth >= maxDepth {
			return nil, false, TooDeep
		}
		s.at++
		m.started = true
		if s.take('}') {
			return nil, false, OK
		}
	case s.take('}'):
		return nil, false, OK
	case !s.take(','):
		return nil, false, NotJSON
	}
	s.space()
	if s.at >= len(s.data) || s.data[s.at] != '"' {
		return nil, false, NotJSON
	}
	start := s.at
	if name, code = s.str(); code != OK {
		return nil, false, code
	}
	m.raw, m.from = s.data[start:s.at], start
	if !m.seen.add(name) && !s.twice {
		return nil, false, DuplicateField
	}
	if !s.take(':') {
		return nil, false, NotJSON
	}
	return name, true, OK
}

// names remembers an object's names: a short list, then a set, so that small objects allocate nothing and large
// ones stay linear.
type names struct {
	few  [16][]byte
	n    int
	many map[string]struct{}
}

func (n *names) add(name []byte) bool {
	if n.many != nil {
		if _, ok := n.many[string(name)]; ok {
			return false
		}
		n.many[string(name)] = struct{}{}
		return true
	}
	for _, known := range n.few[:n.n] {
		if string(known) == string(name) {
			return false
		}
	}
	if n.n < len(n.few) {
		n.few[n.n] = name
		n.n++
		return true
	}
	n.many = make(map[string]struct{}, 4*len(n.few))
	for _, known := range n.few {
		n.many[string(known)] = struct{}{}
	}
	n.many[string(name)] = struct{}{}
	return true
}

// number reads a number by RFC 8259's grammar, which knows no NaN, no Infinity, no plus sign and no leading zero.
func (s *scanner) number() Code {
	if s.data[s.at] == '-' {
		s.at++
	}
	if s.at < len(s.data) && s.data[s.at] == '0' {
		s.at++
	} else if s.digits() == 0 {
		return NotJSON
	}
	if s.at < len(s.data) && s.data[s.at] == '.' {
		s.at++
		if s.digits() == 0 {
			return NotJSON
		}
	}
	if s.at < len(s.data) && (s.data[s.at] == 'e' || s.data[s.at] == 'E') {
		s.at++
		if s.at < len(s.data) && (s.data[s.at] == '+' || s.data[s.at] == '-') {
			s.at++
		}
		if s.digits() == 0 {
			return NotJSON
		}
	}
	return OK
}

func (s *scanner) digits() int {
	start := s.at
	for s.at < len(s.data) && s.data[s.at] >= '0' && s.data[s.at] <= '9' {
		s.at++
	}
	return s.at - start
}

// str reads a string and returns its content: a piece of the payload where nothing is escaped, else of s.text.
func (s *scanner) str() ([]byte, Code) {
	s.at++
	start := s.at
	ascii := true
	for s.at < len(s.data) {
		switch c := s.data[s.at]; {
		case c == '"':
			text := s.data[start:s.at]
			s.at++
			if !ascii && !utf8.Valid(text) {
				return nil, NotUTF8
			}
			return text, OK
		case c == '\\':
			return s.escaped(start)
		case c < 0x20:
			return nil, NotJSON
		case c >= utf8.RuneSelf:
			ascii = false
		}
		s.at++
	}
	return nil, NotJSON
}

// escaped goes on where str met the first backslash.
func (s *scanner) escaped(start int) ([]byte, Code) {
	from := len(s.text)
	s.text = append(s.text, s.data[start:s.at]...)
	for s.at < len(s.data) {
		c := s.data[s.at]
		switch {
		case c == '"':
			s.at++
			text := s.text[from:len(s.text):len(s.text)]
			if !utf8.Valid(text) {
				return nil, NotUTF8
			}
			return text, OK
		case c == '\\':
			if code := s.escape(); code != OK {
				return nil, code
			}
		case c < 0x20:
			return nil, NotJSON
		default:
			s.text = append(s.text, c)
			s.at++
		}
	}
	return nil, NotJSON
}

// escape undoes one escape sequence. Half of a surrogate pair is no character: RFC 8259 lets it pass, but no UTF-8
// text can hold it, so it is refused.
func (s *scanner) escape() Code {
	if s.at+1 >= len(s.data) {
		return NotJSON
	}
	c := s.data[s.at+1]
	s.at += 2
	switch c {
	case '"', '\\', '/':
		s.text = append(s.text, c)
	case 'b':
		s.text = append(s.text, '\b')
	case 'f':
		s.text = append(s.text, '\f')
	case 'n':
		s.text = append(s.text, '\n')
	case 'r':
		s.text = append(s.text, '\r')
	case 't':
		s.text = append(s.text, '\t')
	case 'u':
		return s.unicode()
	default:
		return NotJSON
	}
	return OK
}

func (s *scanner) unicode() Code {
	r, ok := s.hex4()
	if !ok {
		return NotJSON
	}
	if utf16.IsSurrogate(r) {
		if s.at+1 >= len(s.data) || s.data[s.at] != '\\' || s.data[s.at+1] != 'u' {
			return LoneSurrogate
		}
		s.at += 2
		low, ok := s.hex4()
		if !ok {
			return NotJSON
		}
		if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
			return LoneSurrogate
		}
	}
	s.text = utf8.AppendRune(s.text, r)
	return OK
}

func (s *scanner) hex4() (rune, bool) {
	if s.at+4 > len(s.data) {
		return 0, false
	}
	var r rune
	for _, c := range s.data[s.at : s.at+4] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	s.at += 4
	return r, true
}
