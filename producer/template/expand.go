package template

import (
	"fmt"
	"strings"
)

const (
	// maxSteps bounds the expansions of one record, maxExpanded its length in between, in bytes. Results such as $&,
	// which put their own tag back, would go on for ever.
	maxSteps    = 2000
	maxExpanded = 1 << 20
)

// expand makes a record exactly as the KDG does: it replaces the first tag, and starts over with the new text, until
// there is no tag left.
func (t *Template) expand(s *source) (string, error) {
	record := t.text
	for step := 0; ; step++ {
		if record == "" {
			return emptyRecord, nil
		}
		if step == maxSteps || len(record) > maxExpanded {
			return "", fmt.Errorf("make a record: a result brings new tags without end (stopped after %d steps at %d bytes); "+
				"look for {{ or $ inside an argument", step, len(record))
		}
		tag, found, err := t.language.nextTag(record, 0)
		if err != nil {
			return "", fmt.Errorf("make a record: a result brings a tag that fails: %w", err)
		}
		if !found {
			return record, nil
		}
		record = replace(record, tag.start, tag.end, string(tag.value(nil, s)))
	}
}

// replace puts a result in the place of a tag as JavaScript's string replace does, for which $$, $&, $` and $' stand
// for a dollar sign, the tag, the text before and the text after it. The result grows at most to a few times
// maxExpanded before it stops.
func replace(record string, start, end int, result string) string {
	var b strings.Builder
	b.WriteString(record[:start])
	for b.Len() <= maxExpanded {
		i := strings.IndexByte(result, '$')
		if i < 0 || i+1 == len(result) {
			break
		}
		b.WriteString(result[:i])
		switch result[i+1] {
		case '$':
			b.WriteByte('$')
		case '&':
			b.WriteString(record[start:end])
		case '`':
			b.WriteString(record[:start])
		case '\'':
			b.WriteString(record[end:])
		default:
			b.WriteString(result[i : i+1])
			result = result[i+1:]
			continue
		}
		result = result[i+2:]
	}
	b.WriteString(result)
	b.WriteString(record[end:])
	return b.String()
}
