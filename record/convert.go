package record

import (
	"bytes"
	"strconv"
	"time"
)

// convert turns a checked JSON value into the column's text.
func (d *Decoder) convert(c *Column, t token) (Value, Code) {
	if t.kind == kindNull {
		if c.Required {
			return Value{}, NullField
		}
		return Value{Null: true}, OK
	}
	if c.Type == Variant {
		return Value{Text: t.raw}, exactNumbers(t.raw)
	}
	if t.kind != c.kind() {
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
		d.text, code = timestamp(d.text, t, c)
	case String:
		return Value{Text: t.text}, OK
	default:
		return Value{Text: t.raw}, OK
	}
	return Value{Text: d.text[from:len(d.text):len(d.text)]}, code
}

// kind is the JSON kind that the column's values are written in.
func (c Column) kind() kind {
	switch {
	case c.Type == Integer, c.Type == Number, c.Type == Timestamp && c.Moment != RFC3339:
		return kindNumber
	case c.Type == Boolean:
		return kindBool
	}
	return kindString
}

// TimestampLayout is how points in time are written in the CSV and bound in SQL: UTC, which Snowflake reads as
// TIMESTAMP_NTZ without a format.
const TimestampLayout = "2006-01-02 15:04:05.999999999"

func timestamp(dst []byte, t token, c *Column) ([]byte, Code) {
	at, code := rfc3339(t.text, c.places())
	if c.Moment != RFC3339 {
		at, code = epoch(t.raw, c)
	}
	if first, last := c.years(); code == OK && (at.Year() < first || at.Year() > last) {
		code = OutOfRange
	}
	if code != OK {
		return dst, code
	}
	return at.AppendFormat(dst, TimestampLayout), OK
}

func rfc3339(text []byte, places int) (time.Time, Code) {
	t, err := time.Parse(time.RFC3339Nano, string(text))
	if err != nil || bytes.IndexByte(text, ',') >= 0 || !isOffset(text) {
		return t, WrongType
	}
	// time.Parse cuts what stands behind the nanoseconds.
	if point := bytes.IndexByte(text, '.'); point >= 0 {
		fraction := text[point+1:]
		fraction = bytes.TrimRight(fraction[:bytes.IndexAny(fraction, "Zz+-")], "0")
		if len(fraction) > places {
			return t, NotExact
		}
	}
	return t.UTC(), OK
}

// isOffset reports whether a text that time.Parse takes ends in an offset that RFC 3339 has: its hours end at 23, its
// minutes at 59, where time.Parse goes on to 24 and 60.
func isOffset(text []byte) bool {
	if len(text) < len("+00:00") || text[len(text)-1] == 'Z' {
		return true
	}
	offset := text[len(text)-len("00:00"):]
	return string(offset[:2]) < "24" && offset[3] < '6'
}

// epochDigits is enough for milliseconds in the year 9999.
const epochDigits = 15

// nanoDigits is how many decimal places a second has in nanoseconds.
const nanoDigits = 9

// epoch reads seconds or milliseconds since 1970, exactly: as a decimal number of nanoseconds' precision.
func epoch(raw []byte, c *Column) (time.Time, Code) {
	scale, unit := nanoDigits, int64(1)
	if c.Moment == Milliseconds {
		scale, unit = nanoDigits-3, 1000
	}
	var buf [2 + epochDigits + 1 + nanoDigits]byte
	text, code := decimal(buf[:0], raw, epochDigits+scale, scale)
	if code != OK {
		return time.Time{}, code
	}
	if cut := nanoDigits - c.places(); len(bytes.Trim(text[len(text)-cut:], "0")) > 0 {
		return time.Time{}, NotExact
	}
	point := len(text) - 1 - scale
	whole, err := strconv.ParseInt(string(text[:point]), 10, 64)
	if err != nil {
		return time.Time{}, OutOfRange
	}
	fraction, err := strconv.ParseInt(string(text[point+1:]), 10, 64)
	if err != nil {
		return time.Time{}, OutOfRange
	}
	if text[0] == '-' {
		fraction = -fraction
	}
	return time.Unix(whole/unit, whole%unit*(int64(time.Second)/unit)+fraction).UTC(), OK
}
