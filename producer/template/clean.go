package template

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// timestamp is an old name of {{date.now}}; the KDG renames its first use only.
	timestamp = "{{current.timestamp}}"
	dateNow   = "{{date.now}}"
)

// cleaned is a template's text as the KDG expands it, which still knows where each byte stood.
type cleaned struct {
	source string
	text   string
	// from[i] is the offset in source of byte i of text; one more entry stands for the end.
	from []int
}

// clean trims the text as JavaScript does, deletes its line feeds and renames the first {{current.timestamp}}.
func clean(source string) cleaned {
	trimmed := strings.TrimLeftFunc(source, isSpace)
	offset := len(source) - len(trimmed)
	trimmed = strings.TrimRightFunc(trimmed, isSpace)
	text := make([]byte, 0, len(trimmed))
	from := make([]int, 0, len(trimmed)+1)
	for i := range len(trimmed) {
		if trimmed[i] != '\n' {
			text = append(text, trimmed[i])
			from = append(from, offset+i)
		}
	}
	from = append(from, offset+len(trimmed))
	c := cleaned{source: source, text: string(text), from: from}
	if i := strings.Index(c.text, timestamp); i >= 0 {
		c.text = c.text[:i] + dateNow + c.text[i+len(timestamp):]
		c.from = append(c.from[:i+len(dateNow)], c.from[i+len(timestamp):]...)
	}
	return c
}

// position is the line and column in the source of a byte of the cleaned text.
func (c cleaned) position(i int) (line, column int) {
	before := c.source[:c.from[i]]
	line = 1 + strings.Count(before, "\n")
	return line, 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
}

// isSpace is JavaScript's notion of white space: unlike Go's, it has the byte order mark and lacks U+0085.
func isSpace(r rune) bool {
	return r == '\uFEFF' || r != '\u0085' && unicode.IsSpace(r)
}
