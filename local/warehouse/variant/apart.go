package variant

import (
	"slices"
	"strconv"
	"strings"
)

// Get is the value that path leads to, as it is written in text, which must be canonical; ok is false when there is
// none. A path is $ and then steps: ."name", in which \" and \\ stand for " and \, and [index] from 0 on.
func Get(text, path string) (value string, ok bool) {
	path, ok = strings.CutPrefix(path, "$")
	for ok && path != "" {
		if path[0] == '.' {
			var name string
			if name, path, ok = cutName(path); ok {
				text, ok = find(text, name)
			}
			continue
		}
		digits, rest, closed := strings.Cut(strings.TrimPrefix(path, "["), "]")
		n, err := strconv.Atoi(digits)
		if path = rest; !closed || err != nil {
			return "", false
		}
		text, ok = nth(text, n)
	}
	return text, ok
}

// cutName takes ."name" off a path.
func cutName(path string) (name, rest string, ok bool) {
	if !strings.HasPrefix(path, `."`) {
		return "", "", false
	}
	var b strings.Builder
	for i := 2; i < len(path); i++ {
		switch path[i] {
		case '"':
			return b.String(), path[i+1:], true
		case '\\':
			if i++; i == len(path) {
				return "", "", false
			}
		}
		b.WriteByte(path[i])
	}
	return "", "", false
}

// parts calls visit for each member or element, its name as it is written, until visit says no.
func parts(text string, visit func(name, value string) bool) {
	if len(text) < 3 || text[0] != '{' && text[0] != '[' {
		return
	}
	for at := 1; at < len(text); at++ {
		name := ""
		if text[0] == '{' {
			end := skip(text, at)
			name, at = text[at:end], end+1
		}
		end := skip(text, at)
		if !visit(name, text[at:end]) {
			return
		}
		at = end
	}
}

// skip is where the value that starts at at ends.
func skip(text string, at int) int {
	for depth := 0; at < len(text); at++ {
		switch text[at] {
		case '"':
			at = skipText(text, at)
		case '[', '{':
			depth++
		case ']', '}':
			if depth == 0 {
				return at
			}
			depth--
		case ',', ':':
			if depth == 0 {
				return at
			}
		}
	}
	return len(text)
}

// skipText is where the string that starts at at has its closing quote.
func skipText(text string, at int) int {
	for at++; at < len(text) && text[at] != '"'; at++ {
		if text[at] == '\\' {
			at++
		}
	}
	return at
}

func find(text, name string) (value string, ok bool) {
	if !strings.HasPrefix(text, "{") {
		return "", false
	}
	quoted := string(appendText(nil, name))
	parts(text, func(n, v string) bool {
		if n == quoted {
			value, ok = v, true
		}
		return !ok
	})
	return value, ok
}

func nth(text string, n int) (value string, ok bool) {
	if !strings.HasPrefix(text, "[") {
		return "", false
	}
	parts(text, func(_, v string) bool {
		if n == 0 {
			value, ok = v, true
		}
		n--
		return !ok
	})
	return value, ok
}

// Text is what a canonical value is as a text: a string without its quotes, anything else as written; ok is false
// for null.
func Text(value string) (text string, ok bool) {
	if value == "null" || value == "" {
		return "", false
	}
	if value[0] != '"' {
		return value, true
	}
	if plain := value[1 : len(value)-1]; !strings.Contains(plain, `\`) {
		return plain, true
	}
	w := writer{in: value}
	text, err := w.text()
	return text, err == nil
}

// Elements are the values inside an array or object, in order; nothing for any other value.
func Elements(text string) []string {
	var list []string
	parts(text, func(_, v string) bool {
		list = append(list, v)
		return true
	})
	return slices.Clip(list)
}

// Keys are the names in an object, in order; nothing for any other value.
func Keys(text string) []string {
	var list []string
	if strings.HasPrefix(text, "{") {
		parts(text, func(name, _ string) bool {
			plain, _ := Text(name)
			list = append(list, plain)
			return true
		})
	}
	return slices.Clip(list)
}
