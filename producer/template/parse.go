package template

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// emit appends one result of a method as text.
type emit func(dst []byte, r *source) []byte

// prepare prepares a method for the argument that its tag gives, or says why the argument cannot work.
type prepare func(arg value) (emit, error)

// invalidModule is how the KDG starts its most frequent error.
const invalidModule = "Invalid module: "

// tag is one {{module.method(argument)}} of a text.
type tag struct {
	// start and end enclose the tag, braces included.
	start, end int
	// name is module.method as written, without the argument.
	name string
	// raw is the argument's text, "" if there is none.
	raw   string
	arg   value
	value emit
}

// nextTag finds the first tag at or after from. A text without {{ or without }} after it has no tag.
//
// The KDG's own reading comes first: whatever it understands means that. Only where it would fail, the reading of
// lenient counts. After an error the tag says where it starts.
//
// A strict language fails, as the KDG does, on a }} that stands before the tag.
func (l *language) nextTag(text string, from int) (t tag, found bool, err error) {
	open := strings.Index(text[from:], "{{")
	if open < 0 {
		return tag{}, false, nil
	}
	start := from + open
	if l.strict && strings.Contains(text[from:start], "}}") {
		return tag{start: start}, false, fmt.Errorf("%s; the KDG fails on }} before a tag", invalidModule)
	}
	t, ok := strict(text, start)
	if !ok {
		return tag{}, false, nil
	}
	method, err := l.lookUp(t.name)
	if err != nil && !l.strict {
		if other, ok := lenient(text, start); ok {
			t = other
			method, err = l.lookUp(t.name)
		}
	}
	if err != nil {
		if strings.HasPrefix(text[start:], "{{{") {
			err = fmt.Errorf("%w; a brace that belongs to the record needs a space before the tag: { {{", err)
		}
		return t, false, err
	}
	t.arg, _ = parseArgument(t.raw)
	id := t.name + "\x00" + t.raw
	if known, ok := l.compiled[id]; ok {
		t.value = known
		return t, true, nil
	}
	if t.value, err = method(t.arg); err != nil {
		return t, false, fmt.Errorf("%s: %w", t.name, err)
	}
	if !l.sealed {
		l.compiled[id] = t.value
	}
	return t, true, nil
}

// strict reads the tag as the KDG does: it ends at the first }}, its argument is whatever stands between the first
// parenthesis and the next closing one, JSON or not, and what remains is the name, of which two parts count.
func strict(text string, start int) (tag, bool) {
	length := strings.Index(text[start+2:], "}}")
	if length < 0 {
		return tag{}, false
	}
	token := text[start+2 : start+2+length]
	name, raw := cutArgument(strings.Replace(token, "{{", "", 1))
	module, method, _ := strings.Cut(name, ".")
	if i := strings.IndexByte(method, '.'); i >= 0 {
		name = module + "." + method[:i]
	}
	return tag{start: start, end: start + length + 4, name: name, raw: raw}, true
}

// cutArgument takes the first non-empty pair of parentheses out of a token.
func cutArgument(token string) (name, raw string) {
	for i := 0; i < len(token); i++ {
		if token[i] != '(' {
			continue
		}
		length := strings.IndexByte(token[i+1:], ')')
		if length < 0 {
			break
		}
		if length > 0 {
			end := i + 1 + length
			return token[:i] + token[end+1:], token[i+1 : end]
		}
	}
	return token, ""
}

// lenient reads the tag with JSON in mind: spaces around the parts, an empty pair of parentheses, and a JSON
// argument with any text inside.
func lenient(text string, start int) (tag, bool) {
	i := skipSpaces(text, start+2)
	end := i
	for end < len(text) && isNameByte(text[end]) {
		end++
	}
	t := tag{start: start, name: text[i:end]}
	i = skipSpaces(text, end)
	if i < len(text) && text[i] == '(' {
		length, ok := argumentLength(text[i+1:])
		if !ok {
			return tag{}, false
		}
		t.raw = strings.TrimFunc(text[i+1:i+1+length], isSpace)
		i = skipSpaces(text, i+length+2)
	}
	if !strings.HasPrefix(text[i:], "}}") {
		return tag{}, false
	}
	t.end = i + 2
	return t, true
}

// argumentLength is the number of bytes before the parenthesis that ends the argument: after one JSON value, or the
// first one if the argument is none.
func argumentLength(text string) (int, bool) {
	d := json.NewDecoder(strings.NewReader(text))
	var skipped json.RawMessage
	if d.Decode(&skipped) == nil {
		if i := skipSpaces(text, int(d.InputOffset())); i < len(text) && text[i] == ')' {
			return i, true
		}
	}
	i := strings.IndexByte(text, ')')
	return i, i >= 0
}

func skipSpaces(text string, i int) int {
	for i < len(text) && (text[i] == ' ' || text[i] == '\t' || text[i] == '\r') {
		i++
	}
	return i
}

func isNameByte(b byte) bool {
	return b == '.' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9'
}

// lookUp finds a method by its name. The first words of its errors are the KDG's.
func (l *language) lookUp(name string) (prepare, error) {
	if m, ok := l.methods[name]; ok {
		return m, nil
	}
	module, method, dotted := strings.Cut(name, ".")
	known := l.names()
	if len(known[module]) == 0 {
		return nil, errors.New(invalidModule + shorten(module) + meant(module, moduleNames(known)))
	}
	if !dotted {
		method = "undefined"
	}
	return nil, errors.New("Invalid method: " + module + "." + shorten(method) + meant(method, known[module]))
}
