package main

import "strings"

// splitStatements cuts SQL text at its semicolons, where these are not in a string, a quoted name, a comment or a
// $$ body. Pieces that hold nothing but space and comments are left out.
func splitStatements(text string) (out []string) {
	begin, empty := 0, true
	for i := 0; i < len(text); {
		n, kind := token(text[i:])
		switch kind {
		case semicolon:
			if !empty {
				out = append(out, strings.TrimSpace(text[begin:i]))
			}
			begin, empty = i+n, true
		case code:
			empty = false
		}
		i += n
	}
	if !empty {
		out = append(out, strings.TrimSpace(text[begin:]))
	}
	return out
}

// The kinds of a token, as far as cutting needs them.
const (
	code = iota
	space
	semicolon
)

// token is the length, at least 1, and the kind of what a text begins with.
func token(text string) (n, kind int) {
	switch c := text[0]; {
	case c == ';':
		return 1, semicolon
	case c == '\'':
		return quoted(text, '\'', true), code
	case c == '"':
		return quoted(text, '"', false), code
	case strings.HasPrefix(text, "$$"):
		return until(text, 2, "$$"), code
	case strings.HasPrefix(text, "--"), strings.HasPrefix(text, "//"):
		return until(text, 2, "\n"), space
	case strings.HasPrefix(text, "/*"):
		return until(text, 2, "*/"), space
	case c == ' ' || c == '\t' || c == '\n' || c == '\r':
		return 1, space
	}
	return 1, code
}

// quoted is the length of what stands in quotes; a doubled quote begins it again, which for cutting is the same.
func quoted(text string, quote byte, escapes bool) int {
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\' && escapes:
			i++
		case text[i] == quote:
			return i + 1
		}
	}
	return len(text)
}

// until is the length up to and with an end, or all of the text if it has none.
func until(text string, from int, end string) int {
	if i := strings.Index(text[from:], end); i >= 0 {
		return from + i + len(end)
	}
	return len(text)
}
