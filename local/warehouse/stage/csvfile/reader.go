package csvfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Reader yields a file's records in order. It is not safe for concurrent use.
type Reader struct {
	format   Format
	in       *bufio.Reader
	record   []Field
	text     []byte // the field being read, unescaped
	raw      []byte // the same field as written, for NullIf
	size     int    // bytes of the record so far
	line     int
	char     int
	started  bool
	afterEnd bool // the last byte read ended a record
	// plainStop and enclosedStop are the bytes that may mean something in a field, besides themselves.
	plainStop, enclosedStop [256]bool
}

// NewReader reads in by the rules of format.
func NewReader(in io.Reader, format Format) *Reader {
	r := &Reader{format: format, in: bufio.NewReaderSize(in, 64<<10), line: 1}
	for c := range 256 {
		c := byte(c)
		r.plainStop[c] = r.mayEnd(c) || c == '\n' || c == r.plainEscape() && c != 0
		r.enclosedStop[c] = c == format.Enclosure || c == '\n' || c == format.Escape && c != 0
	}
	return r
}

// Line is the line, from 1, at which the next record starts.
func (r *Reader) Line() int { return r.line }

// Next returns the next record, or io.EOF. The slice is valid until the following call. After an *Error call Skip to go on.
func (r *Reader) Next() ([]Field, error) {
	if !r.started {
		r.started = true
		if mark, _ := r.in.Peek(3); string(mark) == "\xef\xbb\xbf" && !r.format.KeepMark {
			_, _ = r.in.Discard(3)
		}
	}
	for {
		if _, err := r.in.Peek(1); err != nil {
			return nil, err
		}
		r.record, r.size, r.afterEnd = r.record[:0], 0, false
		if err := r.readRecord(); err != nil {
			return nil, err
		}
		blank := len(r.record) == 1 && !r.record[0].Enclosed && len(r.raw) == 0
		if !blank || !r.format.SkipBlankLines {
			return r.record, nil
		}
	}
}

// Skip passes over the rest of a record that could not be read, up to the next record delimiter.
func (r *Reader) Skip() error {
	for !r.afterEnd {
		r.size = 0
		end, err := r.takeRecordEnd()
		if err != nil {
			return ignoreEOF(err)
		}
		if end {
			r.afterEnd = true
			return nil
		}
		if _, err := r.take(); err != nil {
			return ignoreEOF(err)
		}
	}
	return nil
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (r *Reader) readRecord() error {
	for {
		more, err := r.readField()
		if errors.Is(err, errTooLong) {
			return r.fail(100082, fmt.Sprintf("Max record size (%d) exceeded", MaxRecord))
		}
		if err != nil || !more {
			return err
		}
	}
}

// readField appends one field to the record and says whether another one follows.
func (r *Reader) readField() (more bool, err error) {
	r.text, r.raw = r.text[:0], r.raw[:0]
	if r.format.TrimSpace {
		if err := r.skipSpace(); err != nil {
			return false, err
		}
	}
	if r.format.Enclosure != 0 {
		if next, _ := r.in.Peek(1); len(next) == 1 && next[0] == r.format.Enclosure {
			return r.readEnclosed()
		}
	}
	return r.readPlain()
}

// plainEscape is the escape character of fields that are not enclosed, 0 for none.
func (r *Reader) plainEscape() byte {
	if r.format.Escape != 0 {
		return r.format.Escape
	}
	return r.format.EscapeUnenclosed
}

// run takes the bytes that are at hand up to the next one of stop: the quick way past nearly all of a file.
func (r *Reader) run(stop *[256]bool) []byte {
	next, _ := r.in.Peek(r.in.Buffered())
	n := 0
	for n < len(next) && !stop[next[n]] {
		n++
	}
	if r.size+n > MaxRecord {
		return nil
	}
	_, _ = r.in.Discard(n)
	r.char += n
	r.size += n
	return next[:n]
}

func (r *Reader) readPlain() (more bool, err error) {
	escape := r.plainEscape()
	for {
		plain := r.run(&r.plainStop)
		r.raw, r.text = append(r.raw, plain...), append(r.text, plain...)
		if next, _ := r.in.Peek(1); len(next) == 0 || r.mayEnd(next[0]) {
			more, done, err := r.takeFieldEnd()
			if err != nil {
				return false, err
			}
			if done {
				return more, r.addPlain()
			}
		}
		c, err := r.take()
		if err != nil {
			return false, err
		}
		r.raw = append(r.raw, c)
		if escape == 0 || c != escape {
			r.text = append(r.text, c)
			continue
		}
		c, err = r.take()
		if errors.Is(err, io.EOF) {
			r.text = append(r.text, escape)
			continue
		}
		if err != nil {
			return false, err
		}
		r.raw = append(r.raw, c)
		r.text = append(r.text, unescape(escape, c))
	}
}

// mayEnd says whether a delimiter can start with c: the quick way past all other bytes.
func (r *Reader) mayEnd(c byte) bool {
	f := &r.format
	return c == '\r' || f.FieldDelimiter != "" && c == f.FieldDelimiter[0] || f.RecordDelimiter != "" && c == f.RecordDelimiter[0]
}

func (r *Reader) addPlain() error {
	raw := string(r.raw)
	text := raw
	if len(r.text) < len(r.raw) {
		text = string(r.text)
	}
	if r.format.TrimSpace {
		text, raw = strings.TrimRight(text, " \t"), strings.TrimRight(raw, " \t")
	}
	null := raw == "" && r.format.EmptyAsNull
	return r.add(text, raw, null, false)
}

// readEnclosed reads a field that starts with the enclosure. A doubled enclosure inside stands for itself.
func (r *Reader) readEnclosed() (more bool, err error) {
	quote := r.format.Enclosure
	if _, err := r.take(); err != nil {
		return false, err
	}
	for {
		r.text = append(r.text, r.run(&r.enclosedStop)...)
		c, err := r.take()
		if errors.Is(err, io.EOF) {
			return false, r.fail(100068, "End of file reached inside an enclosed field")
		}
		if err != nil {
			return false, err
		}
		if r.format.Escape != 0 && r.format.Escape != quote && c == r.format.Escape {
			if c, err = r.take(); err != nil {
				return false, r.fail(100068, "End of file reached inside an enclosed field")
			}
			r.text = append(r.text, unescape(r.format.Escape, c))
			continue
		}
		if c != quote {
			r.text = append(r.text, c)
			continue
		}
		if next, _ := r.in.Peek(1); len(next) == 1 && next[0] == quote {
			if _, err := r.take(); err != nil {
				return false, err
			}
			r.text = append(r.text, quote)
			continue
		}
		return r.endEnclosed()
	}
}

func (r *Reader) endEnclosed() (more bool, err error) {
	if r.format.TrimSpace {
		if err := r.skipSpace(); err != nil {
			return false, err
		}
	}
	more, done, err := r.takeFieldEnd()
	if err != nil {
		return false, err
	}
	if !done {
		next, _ := r.in.Peek(1)
		return false, r.fail(100016, fmt.Sprintf("Found character '%s' instead of field delimiter '%s'",
			strings.ToValidUTF8(string(next), "\uFFFD"), r.format.FieldDelimiter))
	}
	text := string(r.text)
	return more, r.add(text, text, false, true)
}

// add appends the field. NullIf is compared with the text as written, so that \N works although the backslash is
// the default escape character.
func (r *Reader) add(text, raw string, null, enclosed bool) error {
	for _, word := range r.format.NullIf {
		null = null || raw == word
	}
	field := Field{Null: null, Enclosed: enclosed}
	if !null {
		if !utf8.ValidString(text) {
			if !r.format.ReplaceInvalid {
				return r.fail(100144, "Invalid UTF8 detected in a string")
			}
			text = strings.ToValidUTF8(text, "\uFFFD")
		}
		field.Text = text
	}
	r.record = append(r.record, field)
	return nil
}

// takeFieldEnd consumes what ends a field, if that is next: a field delimiter (more), a record delimiter or the end of the file.
func (r *Reader) takeFieldEnd() (more, done bool, err error) {
	if r.takeText(r.format.FieldDelimiter) {
		return true, true, nil
	}
	end, err := r.takeRecordEnd()
	if errors.Is(err, io.EOF) {
		return false, true, nil
	}
	r.afterEnd = end
	return false, end, err
}

func (r *Reader) takeRecordEnd() (bool, error) {
	if _, err := r.in.Peek(1); err != nil {
		return false, err
	}
	delimiter := r.format.RecordDelimiter
	if delimiter == "\n" && r.takeText("\r\n") {
		r.nextLine()
		return true, nil
	}
	if !r.takeText(delimiter) {
		return false, nil
	}
	r.nextLine()
	return true, nil
}

func (r *Reader) nextLine() {
	if !strings.Contains(r.format.RecordDelimiter, "\n") {
		r.line++
	}
	r.char = 0
}

// takeText consumes text if it is next.
func (r *Reader) takeText(text string) bool {
	if text == "" {
		return false
	}
	next, _ := r.in.Peek(len(text))
	if string(next) != text {
		return false
	}
	for range len(text) {
		_, _ = r.take()
	}
	return true
}

func (r *Reader) skipSpace() error {
	for {
		next, _ := r.in.Peek(1)
		if len(next) == 0 || next[0] != ' ' && next[0] != '\t' || string(next) == r.format.FieldDelimiter {
			return nil
		}
		if _, err := r.take(); err != nil {
			return err
		}
	}
}

func (r *Reader) take() (byte, error) {
	c, err := r.in.ReadByte()
	if err != nil {
		return 0, err
	}
	r.char++
	r.size++
	if c == '\n' {
		r.line++
		r.char = 0
	}
	if r.size > MaxRecord {
		return 0, errTooLong
	}
	return c, nil
}

func (r *Reader) fail(number int, message string) error {
	return &Error{Line: r.line, Character: r.char + 1, Field: len(r.record), Number: number, Message: message}
}

// unescape is the meaning of c behind the escape character. Only the backslash knows letters.
func unescape(escape, c byte) byte {
	if escape != '\\' {
		return c
	}
	switch c {
	case 'n':
		return '\n'
	case 't':
		return '\t'
	case 'r':
		return '\r'
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case '0':
		return 0
	}
	return c
}
