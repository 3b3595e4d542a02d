package record

import (
	"bytes"
	"time"
)

// Value is one field of a row: the text that stands for it in the CSV and in the tables, or NULL. The empty string
// and NULL are different values.
type Value struct {
	Text []byte
	Null bool
}

// Decoder turns payloads into rows of one schema. It is made once and used for many records, by one goroutine.
type Decoder struct {
	schema Schema
	fields map[string]int
	scan   scanner
	row    []Value
	found  []bool
	text   []byte
}

// NewDecoder returns a decoder for a schema that has passed Check.
func NewDecoder(schema Schema) *Decoder {
	d := &Decoder{
		schema: schema,
		fields: make(map[string]int, len(schema.Columns)),
		row:    make([]Value, len(schema.Columns)),
		found:  make([]bool, len(schema.Columns)),
	}
	for i, c := range schema.Columns {
		d.fields[c.Field] = i
	}
	return d
}

// Decode reads one payload in a single pass and returns its row in schema order, or the reason why it has none. The
// row and what it points to are valid until the next call. The rules, the same for both tables:
//
//   - the payload is one JSON object in UTF-8, white space around it allowed, nothing after it;
//   - a number fits an integer or number column if its exact value does, however it is written (64.0 and 1e2 are
//     integers, 64.7 is not); a string never becomes a number, nor a number a string;
//   - a missing field and null are NULL, or refuse the record where the field is required; "" is the empty string;
//   - fields that the schema does not name are checked as JSON and otherwise left out.
func (d *Decoder) Decode(payload []byte) ([]Value, *Reason) {
	d.scan.data, d.scan.at, d.scan.text, d.text = payload, 0, d.scan.text[:0], d.text[:0]
	clear(d.row)
	clear(d.found)
	d.scan.space()
	if d.scan.at == len(payload) {
		return nil, d.reason(Empty, nil)
	}
	if payload[d.scan.at] != '{' {
		return nil, d.notObject()
	}
	var at *Column
	code := d.scan.object(0, func(name []byte) Code {
		i, known := d.fields[string(name)]
		value, code := d.scan.value(1)
		if code != OK || !known {
			return code
		}
		at, d.found[i] = &d.schema.Columns[i], true
		d.row[i], code = d.convert(*at, value)
		if code == OK {
			at = nil
		}
		return code
	})
	if code != OK {
		return nil, d.reason(code, at)
	}
	if d.scan.space(); d.scan.at != len(payload) {
		return nil, d.reason(NotJSON, nil)
	}
	return d.complete()
}

// complete fills in NULL for the fields that were not there.
func (d *Decoder) complete() ([]Value, *Reason) {
	for i := range d.row {
		if d.found[i] {
			continue
		}
		if d.schema.Columns[i].Required {
			return nil, d.reason(MissingField, &d.schema.Columns[i])
		}
		d.row[i].Null = true
	}
	return d.row, nil
}

// notObject tells a document of another kind from one that is broken.
func (d *Decoder) notObject() *Reason {
	_, code := d.scan.value(0)
	if code == OK {
		code = NotObject
		if d.scan.space(); d.scan.at != len(d.scan.data) {
			code = NotJSON
		}
	}
	return d.reason(code, nil)
}

func (d *Decoder) reason(code Code, column *Column) *Reason {
	r := &Reason{Code: code, Offset: d.scan.at}
	if column != nil {
		r.Field, r.Expected = column.Field, column.expected()
	}
	return r
}

// convert turns a checked JSON value into the column's text.
func (d *Decoder) convert(c Column, t token) (Value, Code) {
	if t.kind == kindNull {
		if c.Required {
			return Value{}, NullField
		}
		return Value{Null: true}, OK
	}
	if c.Type == Variant {
		return Value{Text: t.raw}, OK
	}
	if t.kind != c.Type.kind() {
		return Value{}, WrongType
	}
	from := len(d.text)
	code := OK
	switch c.Type {
	case Integer:
		d.text, code = decimal(d.text, t.raw, MaxDigits, 0)
	case Number:
		d.text, code = decimal(d.text, t.raw, c.Precision, c.Scale)
	case Timestamp:
		d.text, code = timestamp(d.text, t.text)
	case String:
		return Value{Text: t.text}, OK
	default:
		return Value{Text: t.raw}, OK
	}
	return Value{Text: d.text[from:len(d.text):len(d.text)]}, code
}

// kind is the JSON kind that a type is written in.
func (t Type) kind() kind {
	switch t {
	case Integer, Number:
		return kindNumber
	case Boolean:
		return kindBool
	}
	return kindString
}

// TimestampLayout is how points in time are written in the CSV and bound in SQL: UTC, which Snowflake reads as
// TIMESTAMP_NTZ without a format.
const TimestampLayout = "2006-01-02 15:04:05.999999999"

func timestamp(dst, text []byte) ([]byte, Code) {
	t, err := time.Parse(time.RFC3339Nano, string(text))
	if err != nil || bytes.IndexByte(text, ',') >= 0 {
		return dst, WrongType
	}
	// time.Parse cuts what stands behind the nanoseconds.
	if point := bytes.IndexByte(text, '.'); point >= 0 && bytes.IndexAny(text[point:], "Zz+-") > len(".999999999") {
		return dst, NotExact
	}
	t = t.UTC()
	if t.Year() < 1 || t.Year() > 9999 {
		return dst, OutOfRange
	}
	return t.AppendFormat(dst, TimestampLayout), OK
}

// FolderValue is the text of a payload's top-level field for naming the object that the record opens, or false
// where there is none. It does not look at the schema's types, so the name stays the same when a batch is retried
// after the schema was changed: the name is what keeps a retry from landing twice.
func FolderValue(payload []byte, field string) (string, bool) {
	s := scanner{data: payload}
	s.space()
	if s.at == len(payload) || payload[s.at] != '{' {
		return "", false
	}
	var found *token
	code := s.object(0, func(name []byte) Code {
		t, code := s.value(1)
		if code == OK && string(name) == field {
			found = &t
		}
		return code
	})
	if code != OK || found == nil {
		return "", false
	}
	switch found.kind {
	case kindString:
		return string(found.text), true
	case kindNumber, kindBool:
		return string(found.raw), true
	}
	return "", false
}
