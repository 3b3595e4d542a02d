// Package variant holds the values of VARIANT columns: JSON text in one canonical form, with every digit of its numbers.
//
// DuckDB's own JSON functions read numbers with a fraction through floats, so that 0.1234567890123456789 comes back
// shorter than it went in. Here a number is the text that it was written as, and nothing else. Canonical gives the form
// in which a value is stored whatever way it came: no white space, members in the order of their names' bytes, no escape
// that need not be. Two texts that say the same therefore are the same text, which is what makes EXCEPT, = and GROUP BY
// work. Only 1.0 and 1 stay different, as do 1e2 and 100: the service, as far as known, drops the zeros of the first
// and turns the second into a float; keeping the text loses nothing.
//
// Refused as the service does: a member that comes twice, NaN, anything behind the value. Refused where the service
// is not known: half of a surrogate pair, and values nested deeper than MaxDepth.
//
// Get, Elements and Keys take a value apart without touching what is inside. Register makes them functions of DuckDB.
package variant

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// MaxDepth is how deep arrays and objects may stand in one another.
const MaxDepth = 1000

// Error says why a text is no JSON value, in the service's words, and at which byte. It never quotes the text.
type Error struct {
	Message string
	// Position is the offset in bytes, from 0.
	Position int
}

func (e *Error) Error() string {
	return fmt.Sprintf("Error parsing JSON: %s, pos %d", e.Message, e.Position)
}

// Canonical is the stored form of a JSON text, "" for a text of white space alone, which PARSE_JSON takes for NULL.
func Canonical(text string) (string, error) {
	w := writer{in: text, out: make([]byte, 0, len(text))}
	w.space()
	if w.at == len(text) {
		return "", nil
	}
	if err := w.value(0); err != nil {
		return "", err
	}
	w.space()
	if w.at < len(text) {
		return "", w.fail("unexpected text behind the value")
	}
	return string(w.out), nil
}

// writer reads in and appends its canonical form to out.
type writer struct {
	in  string
	at  int
	out []byte
}

func (w *writer) fail(message string) error { return &Error{message, w.at} }

func (w *writer) space() {
	for w.at < len(w.in) && (w.in[w.at] == ' ' || w.in[w.at] == '\n' || w.in[w.at] == '\t' || w.in[w.at] == '\r') {
		w.at++
	}
}

// next is the byte at hand, 0 at the end; a NUL outside of strings is wrong anyway.
func (w *writer) next() byte {
	if w.at < len(w.in) {
		return w.in[w.at]
	}
	return 0
}

func (w *writer) value(depth int) error {
	if depth > MaxDepth {
		return w.fail("nested too deeply")
	}
	switch c := w.next(); {
	case c == '{':
		return w.object(depth)
	case c == '[':
		return w.array(depth)
	case c == '"':
		text, err := w.text()
		w.out = appendText(w.out, text)
		return err
	case c == '-' || '0' <= c && c <= '9':
		return w.number()
	}
	for _, word := range []string{"null", "true", "false"} {
		if strings.HasPrefix(w.in[w.at:], word) {
			w.out, w.at = append(w.out, word...), w.at+len(word)
			return nil
		}
	}
	if w.at == len(w.in) {
		return w.fail("incomplete value")
	}
	return w.fail("unexpected character")
}

func (w *writer) array(depth int) error {
	w.out, w.at = append(w.out, '['), w.at+1
	w.space()
	for first := true; w.next() != ']' || !first; first = false {
		w.space()
		if err := w.value(depth + 1); err != nil {
			return err
		}
		w.space()
		switch w.next() {
		case ',':
			w.out, w.at = append(w.out, ','), w.at+1
			continue
		case ']':
		default:
			return w.fail("missing comma or bracket")
		}
		break
	}
	w.out, w.at = append(w.out, ']'), w.at+1
	return nil
}

// member is one name of an object and where its text, name and value, stands in out.
type member struct {
	name       string
	start, end int
}

func (w *writer) object(depth int) error {
	start := len(w.out)
	w.at++
	w.space()
	if w.next() == '}' {
		w.out, w.at = append(w.out, "{}"...), w.at+1
		return nil
	}
	var members []member
	for {
		w.space()
		m := member{start: len(w.out)}
		if err := w.member(&m, depth); err != nil {
			return err
		}
		m.end = len(w.out)
		members = append(members, m)
		w.space()
		c := w.next()
		if c != ',' && c != '}' {
			return w.fail("missing comma or brace")
		}
		w.at++
		if c == '}' {
			return w.arrange(start, members)
		}
	}
}

func (w *writer) member(m *member, depth int) error {
	if w.next() != '"' {
		return w.fail("missing name of a member")
	}
	name, err := w.text()
	if err != nil {
		return err
	}
	m.name = name
	w.out = append(appendText(w.out, name), ':')
	w.space()
	if w.next() != ':' {
		return w.fail("missing colon")
	}
	w.at++
	w.space()
	return w.value(depth + 1)
}

// arrange puts the members, which stand in out from start on without anything between them, into their order.
func (w *writer) arrange(start int, members []member) error {
	slices.SortStableFunc(members, func(a, b member) int { return strings.Compare(a.name, b.name) })
	unsorted := slices.Clone(w.out[start:])
	w.out = w.out[:start]
	for i, m := range members {
		if i > 0 && members[i-1].name == m.name {
			return w.fail("duplicate object attribute")
		}
		w.out = append(w.out, "{,"[min(i, 1)])
		w.out = append(w.out, unsorted[m.start-start:m.end-start]...)
	}
	w.out = append(w.out, '}')
	return nil
}

// number copies a number as it is written, once its form is checked.
func (w *writer) number() error {
	start := w.at
	if w.next() == '-' {
		w.at++
	}
	switch {
	case w.next() == '0':
		w.at++
	case w.digits() == 0:
		return w.fail("incomplete number")
	}
	if w.next() == '.' {
		w.at++
		if w.digits() == 0 {
			return w.fail("incomplete number")
		}
	}
	if c := w.next(); c == 'e' || c == 'E' {
		w.at++
		if c := w.next(); c == '+' || c == '-' {
			w.at++
		}
		if w.digits() == 0 {
			return w.fail("incomplete number")
		}
	}
	w.out = append(w.out, w.in[start:w.at]...)
	return nil
}

func (w *writer) digits() int {
	start := w.at
	for w.at < len(w.in) && '0' <= w.in[w.at] && w.in[w.at] <= '9' {
		w.at++
	}
	return w.at - start
}

// text reads a string and gives what it says.
func (w *writer) text() (string, error) {
	w.at++
	start := w.at
	for w.at < len(w.in) && w.in[w.at] != '"' && w.in[w.at] != '\\' && w.in[w.at] >= ' ' {
		w.at++
	}
	plain := w.in[start:w.at]
	if w.next() == '"' {
		w.at++
		if !utf8.ValidString(plain) {
			return "", w.fail("text that is not UTF-8")
		}
		return plain, nil
	}
	return w.escaped([]byte(plain))
}

// Unquote is the text that a JSON string stands for; ok is false for anything else, and for texts that are not UTF-8.
func Unquote(json string) (text string, ok bool) {
	w := writer{in: json}
	if w.next() != '"' {
		return "", false
	}
	w.at++
	text, err := w.escaped(make([]byte, 0, len(json)))
	return text, err == nil && w.at == len(json)
}

// escaped goes on with a string in which something is escaped.
func (w *writer) escaped(text []byte) (string, error) {
	for {
		switch c := w.next(); {
		case c == '"':
			w.at++
			if !utf8.Valid(text) {
				return "", w.fail("text that is not UTF-8")
			}
			return string(text), nil
		case c == '\\':
			r, err := w.escape()
			if err != nil {
				return "", err
			}
			text = utf8.AppendRune(text, r)
		case w.at == len(w.in):
			return "", w.fail("unfinished string")
		case c < ' ':
			return "", w.fail("control character in a string")
		default:
			start := w.at
			for w.at < len(w.in) && w.in[w.at] != '"' && w.in[w.at] != '\\' && w.in[w.at] >= ' ' {
				w.at++
			}
			text = append(text, w.in[start:w.at]...)
		}
	}
}

func (w *writer) escape() (rune, error) {
	w.at++
	c := w.next()
	if c == 'u' {
		r, ok := w.unit()
		if ok && utf16.IsSurrogate(r) {
			ok = strings.HasPrefix(w.in[w.at:], `\u`)
			if ok {
				w.at++
				var low rune
				low, ok = w.unit()
				r = utf16.DecodeRune(r, low)
				ok = ok && r != utf8.RuneError
			}
		}
		if !ok {
			return 0, w.fail("invalid \\u escape")
		}
		return r, nil
	}
	at := strings.IndexByte(`"\/bfnrt`, c)
	if at < 0 || c == 0 {
		return 0, w.fail("invalid escape")
	}
	w.at++
	return rune("\"\\/\b\f\n\r\t"[at]), nil
}

// unit reads u and four hexadecimal digits.
func (w *writer) unit() (rune, bool) {
	if len(w.in)-w.at < 5 {
		return 0, false
	}
	var r rune
	for _, c := range []byte(w.in[w.at+1 : w.at+5]) {
		digit := strings.IndexByte("0123456789abcdefABCDEF", c)
		if digit < 0 {
			return 0, false
		}
		if digit > 15 {
			digit -= 6
		}
		r = r<<4 | rune(digit)
	}
	w.at += 5
	return r, true
}

// appendText writes a string with no more escapes than JSON asks for.
func appendText(out []byte, text string) []byte {
	out = append(out, '"')
	start := 0
	for i := range len(text) {
		c := text[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		out = append(out, text[start:i]...)
		start = i + 1
		if at := strings.IndexByte("\"\\\b\f\n\r\t", c); at >= 0 {
			out = append(out, '\\', `"\bfnrt`[at])
			continue
		}
		out = append(out, `\u00`...)
		out = append(out, "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15])
	}
	return append(append(out, text[start:]...), '"')
}
