package record

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// The CSV of the raw zone, for people and for Snowflake's file format alike:
//
//   - UTF-8, a header line with the column names, comma between fields, LF after each line;
//   - NULL is nothing at all between two commas; the empty string is "";
//   - a field is put in double quotes, and quotes in it doubled, unless it consists of characters that no reader
//     takes for anything else. So \N, CR, LF, CRLF, =cmd and blanks at both ends come back byte for byte;
//   - a backslash is a backslash (the file format must say ESCAPE = NONE and ESCAPE_UNENCLOSED_FIELD = NONE).
//
// encoding/csv is not used: its writer leaves \N and NULL alike, and its reader turns CRLF inside quotes into LF.

// AppendCSVHeader appends the header line of a table with these columns.
func AppendCSVHeader(dst []byte, columns []Column) []byte {
	for i, c := range columns {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendField(dst, Value{Text: []byte(c.Name)})
	}
	return append(dst, '\n')
}

// appendField appends one field.
func appendField(dst []byte, v Value) []byte {
	switch {
	case v.Null:
		return dst
	case plain(v.Text):
		return append(dst, v.Text...)
	}
	dst = append(dst, '"')
	rest := v.Text
	for {
		i := bytes.IndexByte(rest, '"')
		if i < 0 {
			break
		}
		dst = append(append(dst, rest[:i+1]...), '"')
		rest = rest[i+1:]
	}
	return append(append(dst, rest...), '"')
}

// plain reports whether text may stand without quotes.
func plain(text []byte) bool {
	for _, c := range text {
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '_', c == '-', c == '.', c == ':':
		case c == ' ':
			if text[0] == ' ' || text[len(text)-1] == ' ' {
				return false
			}
		default:
			return false
		}
	}
	return len(text) > 0
}

// class is what a byte of a JSON string means for its CSV.
type class uint8

const (
	special  class = iota // ends the string, starts an escape, or is no ASCII character
	quoted                // stands for itself, in a field with quotes
	blank                 // the same at the ends of a field, and needs no quotes inside
	harmless              // stands for itself, and needs no quotes
)

// classes follows from plain and from JSON's grammar.
var classes = func() (t [256]class) {
	for c := byte(' '); c < 0x7f; c++ {
		switch {
		case c == '"' || c == '\\':
		case c == ' ':
			t[c] = blank
		case plain([]byte{c}):
			t[c] = harmless
		default:
			t[c] = quoted
		}
	}
	t[0x7f] = quoted
	return t
}()

// CSVReader reads the CSV that this package writes. Anything else is an error: it is a format between our own
// parts, and a reader that guesses would hide a damaged object.
type CSVReader struct {
	data   []byte
	at     int
	line   int
	header []string
	row    []Value
	// head is the header line, from the start of the last row.
	head []byte
	from int
	skip func(row []Value) bool
	// source gives what comes behind data, nil if nothing does; why makes its errors.
	source io.Reader
	why    func(error) error
	// gone is how many bytes were read before data.
	gone int
}

// maxLine is the longest row that is read from a source, in bytes: a payload at its longest, with each character doubled, and
// what else belongs to its row.
const maxLine = 3 * MaxPayload

// ReadCSV is NewCSVReader for a text that is read row by row. why makes the error of a read that fails.
func ReadCSV(source io.Reader, why func(error) error) (*CSVReader, error) {
	return newCSVReader(&CSVReader{source: source, why: why})
}

// NewCSVReader reads the header line; io.ErrUnexpectedEOF means that it is not complete.
func NewCSVReader(data []byte) (*CSVReader, error) {
	return newCSVReader(&CSVReader{data: data})
}

func newCSVReader(r *CSVReader) (*CSVReader, error) {
	row, err := r.read()
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, fmt.Errorf("CSV header: %w", err)
	}
	for _, v := range row {
		r.header = append(r.header, string(v.Text))
	}
	r.head = r.data[:r.at]
	if r.source != nil {
		r.head = bytes.Clone(r.head)
	}
	return r, nil
}

// fill has a whole row lie at r.at, or all that is left: a row ends with the first line feed outside of quotes.
func (r *CSVReader) fill() error {
	quoted, at := false, r.at
	for r.source != nil {
		for at < len(r.data) {
			n := bytes.IndexByte(r.data[at:], '\n')
			piece := r.data[at:]
			if n >= 0 {
				piece = piece[:n]
			}
			quoted = quoted != (bytes.Count(piece, []byte{'"'})%2 == 1)
			if at += len(piece); n >= 0 {
				if at++; !quoted {
					return nil
				}
			}
		}
		if at -= r.at; r.at > 0 {
			r.gone += r.at
			r.data, r.at = r.data[:copy(r.data, r.data[r.at:])], 0
		}
		if len(r.data) == cap(r.data) {
			if len(r.data) >= maxLine {
				return r.why(fmt.Errorf("line %d has more than %d bytes", r.line+1, maxLine))
			}
			r.data = slices.Grow(r.data, 64<<10) // by a quarter at a time
		}
		n, err := r.source.Read(r.data[len(r.data):cap(r.data)])
		r.data = r.data[:len(r.data)+n]
		switch {
		case err == io.EOF:
			r.source = nil
		case err != nil:
			return r.why(err)
		}
	}
	return nil
}

// Skip has Next leave out the rows for which it returns true.
func (r *CSVReader) Skip(skip func(row []Value) bool) { r.skip = skip }

// Line is the last row as it stands in the CSV, behind the header line.
func (r *CSVReader) Line() []byte { return slices.Concat(r.head, r.data[r.from:r.at]) }

// Size is how many bytes were read so far, the header included.
func (r *CSVReader) Size() int { return r.gone + r.at }

// Header are the column names.
func (r *CSVReader) Header() []string { return r.header }

// Next returns the next row, as many values as the header has names, or io.EOF after the last. The row is valid
// until the next call.
func (r *CSVReader) Next() ([]Value, error) {
	row, err := r.next()
	for err == nil && r.skip != nil && r.skip(row) {
		row, err = r.next()
	}
	return row, err
}

func (r *CSVReader) next() ([]Value, error) {
	row, err := r.read()
	if err == io.EOF {
		return nil, io.EOF
	}
	if err == nil && len(row) != len(r.header) {
		err = fmt.Errorf("%d fields where the header has %d", len(row), len(r.header))
	}
	if err != nil {
		return nil, fmt.Errorf("CSV line %d: %w", r.line, err)
	}
	return row, nil
}

func (r *CSVReader) read() ([]Value, error) {
	if r.source != nil {
		if err := r.fill(); err != nil {
			return nil, err
		}
	}
	if r.from = r.at; r.at == len(r.data) {
		return nil, io.EOF
	}
	r.line++
	r.row = r.row[:0]
	for {
		v, err := r.field()
		if err != nil {
			return nil, err
		}
		r.row = append(r.row, v)
		if r.at == len(r.data) {
			return nil, io.ErrUnexpectedEOF
		}
		c := r.data[r.at]
		r.at++
		switch c {
		case ',':
		case '\n':
			return r.row, nil
		default:
			return nil, fmt.Errorf("byte %d: text after a closing quote", r.at)
		}
	}
}

// field reads one field up to the comma or line feed after it.
func (r *CSVReader) field() (Value, error) {
	if r.at < len(r.data) && r.data[r.at] == '"' {
		return r.quoted()
	}
	start := r.at
	for r.at < len(r.data) && classes[r.data[r.at]] >= blank {
		r.at++
	}
	text := r.data[start:r.at]
	edged := len(text) > 0 && (text[0] == ' ' || text[len(text)-1] == ' ')
	if r.at < len(r.data) && (r.data[r.at] == ',' || r.data[r.at] == '\n') && !edged {
		return Value{Text: text, Null: len(text) == 0}, nil
	}
	if !bytes.ContainsAny(r.data[r.at:], ",\n") {
		return Value{}, io.ErrUnexpectedEOF
	}
	return Value{}, fmt.Errorf("byte %d: a field that needs quotes has none", start)
}

func (r *CSVReader) quoted() (Value, error) {
	r.at++
	start := r.at
	var text []byte
	for {
		n := bytes.IndexByte(r.data[r.at:], '"')
		if n < 0 {
			return Value{}, io.ErrUnexpectedEOF
		}
		end := r.at + n
		r.at = end + 1
		if r.at == len(r.data) || r.data[r.at] != '"' {
			if text == nil {
				return Value{Text: r.data[start:end]}, nil
			}
			return Value{Text: append(text, r.data[start:end]...)}, nil
		}
		text = append(text, r.data[start:r.at]...)
		r.at++
		start = r.at
	}
}

// Ordinals reads the rows that are left, and returns their ordinals.
func (r *CSVReader) Ordinals() (out []int64, err error) {
	at := slices.Index(r.Header(), "_ORDINAL")
	for {
		row, err := r.Next()
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		if at < 0 {
			return nil, fmt.Errorf("it has no column _ORDINAL")
		}
		n, err := strconv.ParseInt(string(row[at].Text), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("its column _ORDINAL holds no number")
		}
		out = append(out, n)
	}
}
