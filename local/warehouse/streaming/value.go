package streaming

import (
	"bytes"
	"database/sql/driver"
	"encoding/base64"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/snowstream/snowstream/local/warehouse/dialect"
	"github.com/snowstream/snowstream/local/warehouse/variant"
)

// rejection says why a row does not become one. It names the column and never the value.
type rejection struct {
	number  int
	message string
	column  string
}

func (r *rejection) Error() string {
	if r.column == "" {
		return fmt.Sprintf("%s (%06d)", r.message, r.number)
	}
	return fmt.Sprintf("%s (%06d), column %s", r.message, r.number, r.column)
}

func reject(number int, format string, args ...any) error {
	return &rejection{number: number, message: fmt.Sprintf(format, args...)}
}

// failedCast is how the service says that a value does not fit its column, without the value.
func failedCast(c *dialect.Column) error {
	return reject(100071, "Failed to cast value to %s", c.Type.Name)
}

// convert makes the value of a column out of a JSON value, as it was written: what the default pipe takes. A null becomes
// NULL, but for a VARIANT, which holds it as a JSON null.
//
// The driver takes an int64 for a NUMBER as its unscaled value, and TIMESTAMP_NTZ(9) goes as nanoseconds since 1970.
func convert(raw []byte, c *dialect.Column) (driver.Value, error) {
	switch c.Type.Base {
	case "VARIANT":
		return canonical(raw, c)
	case "OBJECT", "ARRAY":
		return structured(raw, c)
	}
	switch raw[0] {
	case 'n':
		return nil, nil
	case '"':
		text, err := decodeText(raw)
		if err != nil {
			return nil, err
		}
		return convertText(text, c)
	case '{', '[':
		if c.Type.Base != "VARCHAR" {
			return nil, failedCast(c)
		}
		text, err := variant.Canonical(string(raw))
		if err != nil {
			return nil, badJSON()
		}
		return fit([]byte(text), c)
	case 't', 'f':
		switch c.Type.Base {
		case "BOOLEAN":
			return raw[0] == 't', nil
		case "VARCHAR":
			return fit(raw, c)
		}
		return nil, failedCast(c)
	}
	return convertNumber(raw, c)
}

// convertText makes the value of a column out of a JSON text.
func convertText(text []byte, c *dialect.Column) (driver.Value, error) {
	switch c.Type.Base {
	case "VARCHAR":
		return fit(text, c)
	case "NUMBER":
		return decimal(bytes.TrimSpace(text), c)
	case "FLOAT":
		return float(string(bytes.TrimSpace(text)), c)
	case "BOOLEAN":
		switch string(bytes.ToLower(bytes.TrimSpace(text))) {
		case "true", "yes", "on":
			return true, nil
		case "false", "no", "off":
			return false, nil
		}
		return nil, failedCast(c)
	case "BINARY":
		out, err := base64.StdEncoding.DecodeString(string(text))
		if err != nil || len(out) > c.Type.Length {
			return nil, failedCast(c)
		}
		return out, nil
	}
	t, ok := parseTime(string(bytes.TrimSpace(text)), c.Type.Base)
	if !ok {
		return nil, reject(100035, "The text is not recognized as a %s", c.Type.Base)
	}
	return stamp(t, c)
}

// convertNumber makes the value of a column out of a JSON number.
func convertNumber(raw []byte, c *dialect.Column) (driver.Value, error) {
	switch c.Type.Base {
	case "NUMBER":
		return decimal(raw, c)
	case "FLOAT":
		return float(string(raw), c)
	case "VARCHAR":
		return fit(raw, c)
	case "TIMESTAMP_NTZ", "TIMESTAMP_LTZ", "TIMESTAMP_TZ", "DATE":
		if t, ok := epoch(string(raw)); ok {
			return stamp(t, c)
		}
	}
	return nil, failedCast(c)
}

// fit checks a text for its column.
func fit(text []byte, c *dialect.Column) (driver.Value, error) {
	if len(text) > c.Type.Length && utf8.RuneCount(text) > c.Type.Length {
		return nil, reject(100078, "String is too long: %s", c.Type.Name)
	}
	return text, nil
}

// canonical is the stored form of a VARIANT.
func canonical(raw []byte, c *dialect.Column) (driver.Value, error) {
	text, err := variant.Canonical(string(raw))
	if err != nil || text == "" {
		return nil, badJSON()
	}
	if len(text) > maxVariant {
		return nil, reject(100082, "The value is too large for %s", c.Type.Name)
	}
	return text, nil
}

// maxVariant is how many bytes a VARIANT holds, the service's 128 MB at most.
const maxVariant = 128 << 20

// structured makes an OBJECT or ARRAY: the value itself, its JSON text for an OBJECT, and around any text an ARRAY of one element.
func structured(raw []byte, c *dialect.Column) (driver.Value, error) {
	isObject := c.Type.Base == "OBJECT"
	switch {
	case raw[0] == 'n':
		return nil, nil
	case raw[0] == '{' && isObject, raw[0] == '[' && !isObject:
		return canonical(raw, c)
	case raw[0] == '"' && isObject:
		text, err := decodeText(raw)
		if err != nil {
			return nil, err
		}
		if text = bytes.TrimSpace(text); len(text) == 0 || text[0] != '{' {
			return nil, failedCast(c)
		}
		return canonical(text, c)
	case raw[0] == '"':
		return canonical(append(append([]byte{'['}, raw...), ']'), c)
	}
	return nil, failedCast(c)
}

// float takes a number, and the three values that JSON has no number for.
func float(text string, c *dialect.Column) (driver.Value, error) {
	switch text {
	case "NaN":
		return math.NaN(), nil
	case "Infinity", "inf":
		return math.Inf(1), nil
	case "-Infinity", "-inf":
		return math.Inf(-1), nil
	}
	if _, ok := splitNumber([]byte(text)); !ok {
		return nil, failedCast(c)
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil, failedCast(c)
	}
	return f, nil
}

// number is a decimal number taken apart: digits × 10^exponent.
type number struct {
	negative bool
	digits   []byte
	exponent int
}

// splitNumber reads digits with an optional sign, point and exponent.
func splitNumber(text []byte) (n number, ok bool) {
	if len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		n.negative, text = text[0] == '-', text[1:]
	}
	if at := bytes.IndexAny(text, "eE"); at >= 0 {
		e, err := strconv.Atoi(string(text[at+1:]))
		if err != nil || e > 1000 || e < -1000 {
			return n, false
		}
		n.exponent, text = e, text[:at]
	}
	whole, fraction, hasPoint := bytes.Cut(text, []byte{'.'})
	n.digits = whole
	if hasPoint {
		n.digits = append(append(make([]byte, 0, len(text)), whole...), fraction...)
		n.exponent -= len(fraction)
	}
	if len(n.digits) == 0 || len(n.digits) > 1000 {
		return n, false
	}
	for _, c := range n.digits {
		if c < '0' || c > '9' {
			return n, false
		}
	}
	return n, true
}

// shortDigits is how many digits surely fit an int64.
const shortDigits = 18

// decimal is a NUMBER's unscaled value: an int64 where it fits, and exact in any case. Digits behind the scale are rounded
// half away from zero.
func decimal(text []byte, c *dialect.Column) (driver.Value, error) {
	n, ok := splitNumber(text)
	if !ok {
		return nil, failedCast(c)
	}
	shift := n.exponent + c.Type.Scale
	if len(n.digits) <= shortDigits && shift >= 0 && len(n.digits)+shift <= min(shortDigits, c.Type.Precision) {
		var value int64
		for _, d := range n.digits {
			value = value*10 + int64(d-'0')
		}
		for range shift {
			value *= 10
		}
		if n.negative {
			value = -value
		}
		return value, nil
	}
	return longDecimal(n, shift, c)
}

func longDecimal(n number, shift int, c *dialect.Column) (driver.Value, error) {
	value, _ := new(big.Int).SetString(string(n.digits), 10)
	if shift >= 0 {
		value.Mul(value, pow10(shift))
	} else {
		divisor := pow10(-shift)
		value.Add(value, new(big.Int).Rsh(divisor, 1)).Div(value, divisor)
	}
	if value.Cmp(pow10(c.Type.Precision)) >= 0 {
		return nil, reject(100071, "Number out of representable range: %s", c.Type.Name)
	}
	if n.negative {
		value.Neg(value)
	}
	return duckdb.Decimal{Width: uint8(c.Type.Precision), Scale: uint8(c.Type.Scale), Value: value}, nil
}

func pow10(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

// stamp makes a time the value of its column.
func stamp(t time.Time, c *dialect.Column) (driver.Value, error) {
	switch {
	case c.Type.Base == "TIME":
		return t, nil
	case c.Type.DuckDB == "TIMESTAMP_NS":
		if year := t.Year(); year < 1678 || year > 2261 {
			return nil, reject(100035, "The time is outside of 1678 and 2261, which is what %s holds here", c.Type.Name)
		}
		return t.UnixNano(), nil
	case t.Year() < 1 || t.Year() > 9999:
		return nil, reject(100035, "The time is outside of the years 1 to 9999")
	}
	return t, nil
}

// parseTime reads ISO 8601. A zone is kept for zoned types, dropped for TIMESTAMP_NTZ and refused for a TIME.
func parseTime(text, base string) (time.Time, bool) {
	if t, ok := parseUsual(text); ok && base != "DATE" && base != "TIME" {
		return t, true
	}
	var layouts []string
	switch base {
	case "DATE":
		if len(text) > len(time.DateOnly) && (text[len(time.DateOnly)] == 'T' || text[len(time.DateOnly)] == ' ') {
			text = text[:len(time.DateOnly)]
		}
		layouts = []string{time.DateOnly}
	case "TIME":
		layouts = []string{"15:04:05.999999999", "15:04"}
	default:
		layouts = []string{
			"2006-01-02T15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999",
			"2006-01-02 15:04:05.999999999 -0700", "2006-01-02 15:04:05.999999999 -07:00", "2006-01-02T15:04:05.999999999-0700", "2006-01-02T15:04", "2006-01-02 15:04", time.DateOnly,
		}
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return epochOf(n), true
		}
	}
	for _, layout := range layouts {
		t, err := time.Parse(layout, text)
		if err != nil {
			continue
		}
		if base == "TIMESTAMP_NTZ" {
			t = time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
		}
		return t, true
	}
	return time.Time{}, false
}

// usual is the form that most timestamps have: a date and a time without a zone, in UTC or none, with up to nine digits of a second.
const usual = "2006-01-02T15:04:05"

// parseUsual reads that form, in a tenth of the time that layouts take.
func parseUsual(text string) (time.Time, bool) {
	text = strings.TrimSuffix(text, "Z")
	if len(text) < len(usual) || len(text) > len(usual)+10 || text[10] != 'T' && text[10] != ' ' {
		return time.Time{}, false
	}
	for i, c := range []byte(text[:len(usual)]) {
		if d := usual[i]; i != 10 && c != d && (d < '0' || d > '9' || c < '0' || c > '9') {
			return time.Time{}, false
		}
	}
	two := func(at int) int { return int(text[at]-'0')*10 + int(text[at+1]-'0') }
	nanoseconds := 0
	if rest := text[len(usual):]; rest != "" {
		if rest[0] != '.' || len(rest) == 1 {
			return time.Time{}, false
		}
		for i := range 9 {
			nanoseconds *= 10
			if i+1 < len(rest) {
				if rest[i+1] < '0' || rest[i+1] > '9' {
					return time.Time{}, false
				}
				nanoseconds += int(rest[i+1] - '0')
			}
		}
	}
	year, month, day, hour, minute, second := two(0)*100+two(2), two(5), two(8), two(11), two(14), two(17)
	t := time.Date(year, time.Month(month), day, hour, minute, second, nanoseconds, time.UTC)
	// A date that does not exist comes out as another one.
	return t, hour < 24 && minute < 60 && second < 60 && t.Month() == time.Month(month) && t.Day() == day && month > 0
}

// epoch reads a whole number as a time.
func epoch(text string) (time.Time, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return epochOf(n), err == nil
}

// epochOf takes seconds, milliseconds, microseconds or nanoseconds since 1970 by their size, as the service does.
func epochOf(n int64) time.Time {
	size := max(n, -n)
	switch {
	case size < 31_536_000_000:
		return time.Unix(n, 0).UTC()
	case size < 31_536_000_000_000:
		return time.UnixMilli(n).UTC()
	case size < 31_536_000_000_000_000:
		return time.UnixMicro(n).UTC()
	}
	return time.Unix(0, n).UTC()
}

// staging is the type in which convert's values go to DuckDB, and the expression that makes the column's value of it.
func staging(c *dialect.Column, name string) (info duckdb.TypeInfo, expression string, err error) {
	cast := "CAST(" + name + " AS " + c.Type.DuckDB + ")"
	switch c.Type.Base {
	case "NUMBER":
		info, err = duckdb.NewDecimalInfo(uint8(c.Type.Precision), uint8(c.Type.Scale))
		return info, name, err
	case "TIMESTAMP_NTZ":
		if c.Type.DuckDB == "TIMESTAMP_NS" {
			info, err = duckdb.NewTypeInfo(duckdb.TYPE_BIGINT)
			return info, "make_timestamp_ns(" + name + ")", err
		}
	}
	kinds := map[string]duckdb.Type{
		"FLOAT": duckdb.TYPE_DOUBLE, "BOOLEAN": duckdb.TYPE_BOOLEAN, "DATE": duckdb.TYPE_DATE, "TIME": duckdb.TYPE_TIME, "TIMESTAMP_NTZ": duckdb.TYPE_TIMESTAMP,
		"TIMESTAMP_LTZ": duckdb.TYPE_TIMESTAMP_TZ, "TIMESTAMP_TZ": duckdb.TYPE_TIMESTAMP_TZ, "BINARY": duckdb.TYPE_BLOB,
	}
	kind, ok := kinds[c.Type.Base]
	if !ok {
		kind = duckdb.TYPE_VARCHAR
	}
	info, err = duckdb.NewTypeInfo(kind)
	return info, cast, err
}
