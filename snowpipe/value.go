package snowpipe

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Type is what a column holds, as far as its values are written differently.
type Type uint8

// The types. GEOGRAPHY and GEOMETRY are not among them: the service takes no value for them.
const (
	Number    Type = iota // NUMBER, DECIMAL, INTEGER: digits, with sign, point and exponent as in JSON; none is lost
	Float                 // FLOAT, DOUBLE: a JSON number, NaN, Infinity or -Infinity
	Text                  // VARCHAR: valid UTF-8
	Boolean               // BOOLEAN: true or false
	Binary                // BINARY: the bytes themselves; see Column.Binary
	Date                  // DATE: 2006-01-02
	Time                  // TIME: 15:04:05.999999999, without zone
	Timestamp             // TIMESTAMP_NTZ, _LTZ, _TZ: ISO text; a number is refused
	Variant               // VARIANT: a JSON value
	Object                // OBJECT: a JSON object
	Array                 // ARRAY: a JSON array
)

var typeNames = [...]string{"NUMBER", "FLOAT", "VARCHAR", "BOOLEAN", "BINARY", "DATE", "TIME", "TIMESTAMP", "VARIANT", "OBJECT", "ARRAY"}

// String is the type's name.
func (t Type) String() string { return typeNames[t] }

// BinaryFormat is how the pipe reads text as BINARY. The service cannot tell: hex digits under the base64 flag become garbage,
// without an error.
type BinaryFormat uint8

// The formats. Base64 is what a pipe has that says nothing else.
const (
	BinaryRefused BinaryFormat = iota
	Base64
	Hex
	UTF8
)

// Column is a column of the table.
type Column struct {
	// Name as Snowflake stores it, mostly in upper case.
	Name string
	Type Type
	// Binary is the pipe's flag, for columns of type Binary; without one their values are refused.
	Binary BinaryFormat
}

// Value is a column's value as text, or NULL. Text of a NULL is not looked at.
type Value struct {
	Text []byte
	Null bool
}

// Encoder writes rows so that the service puts exactly their values into the columns, or refuses them. It has no state that
// changes and is safe for concurrent use.
type Encoder struct {
	columns []Column
	keys    [][]byte
}

// NewEncoder returns an encoder for columns with different names.
func NewEncoder(columns ...Column) (*Encoder, error) {
	e := &Encoder{columns: columns}
	seen := map[string]bool{}
	for _, c := range columns {
		switch {
		case c.Name == "" || !utf8.ValidString(c.Name):
			return nil, fmt.Errorf("column %q has no usable name", c.Name)
		case seen[c.Name]:
			return nil, fmt.Errorf("column %q is there twice", c.Name)
		case int(c.Type) >= len(typeNames) || c.Binary > UTF8:
			return nil, fmt.Errorf("column %q has no known type", c.Name)
		}
		seen[c.Name] = true
		e.keys = append(e.keys, append(quote(nil, []byte(c.Name)), ':'))
	}
	return e, nil
}

// AppendRow appends a row as JSON on one line, without a line feed. There must be a value for each column. NULL in a VARIANT,
// OBJECT or ARRAY is written by leaving the key out, because null would be a JSON null in there; the other types get null,
// because a key that is missing means the column's DEFAULT. The error names the column and the reason, never the value.
func (e *Encoder) AppendRow(dst []byte, values []Value) ([]byte, error) {
	if len(values) != len(e.columns) {
		return dst, fmt.Errorf("%d values for %d columns", len(values), len(e.columns))
	}
	start, first := len(dst), true
	dst = append(dst, '{')
	for i, v := range values {
		c := &e.columns[i]
		if v.Null && c.Type >= Variant {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(dst, e.keys[i]...)
		if v.Null {
			dst = append(dst, "null"...)
			continue
		}
		var err error
		if dst, err = c.append(dst, v.Text); err != nil {
			return dst[:start], fmt.Errorf("column %s, %s: %w", c.Name, c.Type, err)
		}
	}
	return append(dst, '}'), nil
}

func (c *Column) append(dst, text []byte) ([]byte, error) {
	switch c.Type {
	case Number:
		if !isNumber(text) {
			return dst, errors.New("the value is no number in JSON's form")
		}
		return append(dst, text...), nil
	case Float:
		switch string(text) {
		case "NaN", "Infinity", "-Infinity":
			return quote(dst, text), nil
		}
		if !isNumber(text) {
			return dst, errors.New("the value is no number in JSON's form")
		}
		return append(dst, text...), nil
	case Text:
		if !utf8.Valid(text) {
			return dst, errors.New("the value is not UTF-8")
		}
		return quote(dst, text), nil
	case Boolean:
		if s := string(text); s == "true" || s == "false" {
			return append(dst, text...), nil
		}
		return dst, errors.New("the value is neither true nor false; numbers are not taken")
	case Binary:
		return c.binary(dst, text)
	case Date, Time, Timestamp:
		return moment(dst, text, c.Type)
	}
	return c.document(dst, text)
}

func (c *Column) binary(dst, bytes []byte) ([]byte, error) {
	switch c.Binary {
	case Base64:
		return append(base64.StdEncoding.AppendEncode(append(dst, '"'), bytes), '"'), nil
	case Hex:
		return append(hex.AppendEncode(append(dst, '"'), bytes), '"'), nil
	case UTF8:
		if !utf8.Valid(bytes) {
			return dst, errors.New("the value is not UTF-8, and the pipe reads BINARY as UTF-8")
		}
		return quote(dst, bytes), nil
	}
	return dst, errors.New("the column does not say how the pipe reads BINARY: base64, hex or UTF-8")
}

// moment takes a date or time in its form. It is not a calendar: it keeps out what the service would read as something else.
func moment(dst, text []byte, t Type) ([]byte, error) {
	s := string(text)
	switch {
	case t == Date && shaped(s, "0000-00-00"),
		t == Time && shaped(s, "00:00:00"):
		return quote(dst, text), nil
	case t == Time && len(s) > 9 && s[8] == '.' && shaped(s[:8], "00:00:00") && len(s) <= 18 && digitsOnly(s[9:]):
		return quote(dst, text), nil
	case t == Timestamp && len(s) >= 10 && len(s) <= 45 && shaped(s[:10], "0000-00-00") && !strings.ContainsFunc(s[10:], func(r rune) bool {
		return !strings.ContainsRune("0123456789:.+-TZ ", r)
	}):
		return quote(dst, text), nil
	}
	return dst, fmt.Errorf("the value is no %s in ISO form", strings.ToLower(t.String()))
}

// shaped reports whether a text has digits where the shape has 0, and the shape's characters elsewhere.
func shaped(text, shape string) bool {
	if len(text) != len(shape) {
		return false
	}
	for i := range len(text) {
		digit := text[i] >= '0' && text[i] <= '9'
		if (shape[i] == '0') != digit || !digit && text[i] != shape[i] {
			return false
		}
	}
	return true
}

func digitsOnly(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

// document writes a JSON value on one line.
func (c *Column) document(dst, text []byte) ([]byte, error) {
	if !json.Valid(text) || !utf8.Valid(text) {
		return dst, errors.New("the value is no JSON")
	}
	if bytes.ContainsAny(text, "\r\n") {
		var line bytes.Buffer
		if err := json.Compact(&line, text); err != nil {
			return dst, errors.New("the value is no JSON")
		}
		text = line.Bytes()
	}
	text = bytes.TrimSpace(text)
	switch {
	case c.Type == Object && text[0] != '{':
		return dst, errors.New("the value is no JSON object")
	case c.Type == Array && text[0] != '[':
		return dst, errors.New("the value is no JSON array: the service would make one of it")
	}
	return append(dst, text...), nil
}

// isNumber reports whether a text is a number in JSON's form.
func isNumber(text []byte) bool {
	s := bytes.TrimPrefix(text, []byte("-"))
	whole := digits(s)
	if whole == 0 || whole > 1 && s[0] == '0' {
		return false
	}
	if s = s[whole:]; len(s) > 0 && s[0] == '.' {
		places := digits(s[1:])
		if places == 0 {
			return false
		}
		s = s[1+places:]
	}
	if len(s) > 0 && (s[0] == 'e' || s[0] == 'E') {
		if s = s[1:]; len(s) > 0 && (s[0] == '+' || s[0] == '-') {
			s = s[1:]
		}
		n := digits(s)
		return n > 0 && n == len(s)
	}
	return len(s) == 0
}

func digits(s []byte) (n int) {
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

const hexDigits = "0123456789abcdef"

// quote appends valid UTF-8 as a JSON string, on one line.
func quote(dst, text []byte) []byte {
	dst = append(dst, '"')
	from := 0
	for i, c := range text {
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, text[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return append(append(dst, text[from:]...), '"')
}
