package stage

import (
	"database/sql/driver"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/snowstream/snowstream/local/warehouse/dialect"
	"github.com/snowstream/snowstream/local/warehouse/engine"
	"github.com/snowstream/snowstream/local/warehouse/fault"
	"github.com/snowstream/snowstream/local/warehouse/variant"
)

// BadValue is a field that does not fit its column.
type BadValue struct {
	Number  int
	Message string
}

func (b *BadValue) Error() string { return b.Message }

// Convert turns the text of a field into the value that the loader hands to DuckDB for the column; see cellType. Nothing
// goes through a float but FLOAT itself.
func (f *Format) Convert(text string, c *dialect.Column) (driver.Value, error) {
	switch c.Type.Base {
	case "NUMBER":
		return convertNumber(text, c.Type.Precision, c.Type.Scale)
	case "VARCHAR":
		if n := utf8.RuneCountInString(text); c.Type.Length > 0 && n > c.Type.Length {
			return nil, &BadValue{100078, fmt.Sprintf("User character length limit (%d) exceeded by string of length %d", c.Type.Length, n)}
		}
		return text, nil
	case "FLOAT":
		return convertFloat(text)
	case "BOOLEAN":
		return convertBoolean(text)
	case "DATE":
		return ParseTime(text, f.date, "DATE")
	case "TIME":
		return ParseTime(text, f.time, "TIME")
	case "TIMESTAMP_NTZ":
		t, err := ParseTime(text, f.timestamp, "TIMESTAMP_NTZ")
		if err == nil && c.Type.DuckDB == "TIMESTAMP_NS" && !engine.HoldsNanoseconds(t) {
			err = &BadValue{100035, fmt.Sprintf("Timestamp '%s' is not within 1677-09-22 and 2262-04-11, which is what TIMESTAMP_NTZ(9) holds here; TIMESTAMP_NTZ(6) holds all years", text)}
		}
		if c.Type.DuckDB == "TIMESTAMP_NS" {
			return t.Format("2006-01-02 15:04:05.999999999"), err
		}
		return t, err
	case "TIMESTAMP_LTZ", "TIMESTAMP_TZ":
		return ParseTime(text, f.timestamp, c.Type.Base)
	case "VARIANT", "OBJECT", "ARRAY":
		canonical, err := variant.Canonical(text)
		if err != nil {
			return nil, &BadValue{100069, err.Error()}
		}
		return canonical, nil
	case "BINARY":
		return f.convertBinary(text)
	}
	return nil, &BadValue{100071, "Failed to cast to type " + c.Type.Name + ", which files cannot hold here"}
}

// CellType is the type in which the values of convert go to DuckDB. A text would do for all of them, but casting texts
// there takes ten times as long as all the rest of loading. Nanoseconds do go as text, which is cheap: the driver refuses
// the first and the last months of their range.
func CellType(c *dialect.Column) (duckdb.TypeInfo, error) {
	switch c.Type.Base {
	case "NUMBER":
		return duckdb.NewDecimalInfo(uint8(c.Type.Precision), uint8(c.Type.Scale))
	case "FLOAT":
		return duckdb.NewTypeInfo(duckdb.TYPE_DOUBLE)
	case "BOOLEAN":
		return duckdb.NewTypeInfo(duckdb.TYPE_BOOLEAN)
	case "DATE":
		return duckdb.NewTypeInfo(duckdb.TYPE_DATE)
	case "TIME":
		return duckdb.NewTypeInfo(duckdb.TYPE_TIME)
	case "TIMESTAMP_NTZ":
		if c.Type.DuckDB != "TIMESTAMP_NS" {
			return duckdb.NewTypeInfo(duckdb.TYPE_TIMESTAMP)
		}
	case "TIMESTAMP_LTZ", "TIMESTAMP_TZ":
		return duckdb.NewTypeInfo(duckdb.TYPE_TIMESTAMP_TZ)
	case "BINARY":
		return duckdb.NewTypeInfo(duckdb.TYPE_BLOB)
	}
	return duckdb.NewTypeInfo(duckdb.TYPE_VARCHAR)
}

// convertNumber reads a decimal with optional exponent and rounds half away from zero to scale digits.
func convertNumber(text string, precision, scale int) (driver.Value, error) {
	value := func(n *big.Int) driver.Value {
		return duckdb.Decimal{Width: uint8(precision), Scale: uint8(scale), Value: n}
	}
	trimmed := strings.TrimSpace(text)
	if n, err := strconv.ParseInt(trimmed, 10, 64); err == nil && scale == 0 && len(trimmed) <= min(precision, 18) {
		return value(big.NewInt(n)), nil
	}
	bad := &BadValue{100038, fmt.Sprintf("Numeric value '%s' is not recognized", text)}
	mantissa, exponent := trimmed, 0
	if at := strings.IndexAny(trimmed, "eE"); at >= 0 {
		n, err := strconv.Atoi(trimmed[at+1:])
		if err != nil || n > 1000 || n < -1000 {
			return nil, bad
		}
		mantissa, exponent = trimmed[:at], n
	}
	negative, digits := strings.HasPrefix(mantissa, "-"), mantissa
	if digits != "" && (digits[0] == '-' || digits[0] == '+') {
		digits = digits[1:]
	}
	whole, fraction, _ := strings.Cut(digits, ".")
	if whole+fraction == "" || len(digits) > 1000 || strings.Trim(whole+fraction, "0123456789") != "" {
		return nil, bad
	}
	unscaled, _ := new(big.Int).SetString(whole+fraction, 10)
	shift := exponent - len(fraction) + scale
	unscaled = shiftDecimal(unscaled, shift)
	if unscaled.Cmp(pow10(precision)) >= 0 {
		return nil, &BadValue{100039, fmt.Sprintf("Numeric value '%s' is out of range", text)}
	}
	if negative {
		unscaled.Neg(unscaled)
	}
	return value(unscaled), nil
}

// shiftDecimal is n times 10^by, rounded half up: n is not negative.
func shiftDecimal(n *big.Int, by int) *big.Int {
	if by >= 0 {
		return new(big.Int).Mul(n, pow10(by))
	}
	divisor := pow10(-by)
	half := new(big.Int).Rsh(divisor, 1)
	return new(big.Int).Div(new(big.Int).Add(n, half), divisor)
}

func pow10(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

func convertFloat(text string) (driver.Value, error) {
	f, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || strings.ContainsAny(text, "xX_pP") {
		return nil, &BadValue{100038, fmt.Sprintf("Numeric value '%s' is not recognized", text)}
	}
	return f, nil
}

func convertBoolean(text string) (driver.Value, error) {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "true", "t", "yes", "y", "on", "1":
		return true, nil
	case "false", "f", "no", "n", "off", "0":
		return false, nil
	}
	return nil, &BadValue{100037, fmt.Sprintf("Boolean value '%s' is not recognized", text)}
}

func (f *Format) convertBinary(text string) (driver.Value, error) {
	var raw []byte
	var err error
	switch f.binary {
	case "HEX":
		raw, err = hex.DecodeString(text)
	case "BASE64":
		raw, err = base64.StdEncoding.DecodeString(text)
	default:
		raw = []byte(text)
	}
	if err != nil {
		return nil, &BadValue{100115, "The value is not legal for BINARY_FORMAT " + f.binary}
	}
	return raw, nil
}

// timeLayouts are the forms that AUTO recognises for each kind, most frequent first. They are made once: a file asks
// for them at every field.
var timeLayouts = sync.OnceValue(func() map[string][]string {
	var stamps []string
	for _, between := range []string{" ", "T"} {
		for _, clock := range []string{"15:04:05.999999999", "15:04", "15"} {
			for _, zone := range []string{"", "Z07:00", " -07:00", "-0700", " -0700", "Z07"} {
				stamps = append(stamps, "2006-01-02"+between+clock+zone)
			}
		}
	}
	stamps = append(stamps, "2006-01-02", "Mon, 02 Jan 2006 15:04:05 -0700", "Mon Jan 02 15:04:05 -0700 2006", "01/02/2006 15:04:05")
	return map[string][]string{
		"DATE": {"2006-01-02", "02-Jan-2006", "01/02/2006"}, "TIME": {"15:04:05.999999999", "15:04", "03:04:05.999999999 PM", "03:04 PM"},
		"TIMESTAMP_NTZ": stamps, "TIMESTAMP_LTZ": stamps, "TIMESTAMP_TZ": stamps,
	}
})

// ParseTime reads a date, time or timestamp in the given format. A timestamp of digits alone is an epoch, in seconds,
// milliseconds, microseconds or nanoseconds by its size. A zone is kept for zoned types and dropped for the others.
func ParseTime(text, format, kind string) (time.Time, error) {
	trimmed := strings.TrimSpace(text)
	layouts := timeLayouts()[kind]
	if !strings.EqualFold(format, "AUTO") && format != "" {
		layouts = []string{goLayout(format)}
	} else if n, err := strconv.ParseInt(trimmed, 10, 64); err == nil && kind != "TIME" {
		return epoch(n), nil
	}
	for _, layout := range layouts {
		t, err := time.Parse(layout, trimmed)
		if err == nil {
			if kind == "TIMESTAMP_NTZ" {
				t = time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
			}
			return t, nil
		}
	}
	word := "Timestamp"
	if kind == "DATE" || kind == "TIME" {
		word = fault.Title(kind)
	}
	return time.Time{}, &BadValue{100035, fmt.Sprintf("%s '%s' is not recognized", word, text)}
}

func epoch(n int64) time.Time {
	size := n
	if size < 0 {
		size = -size
	}
	switch {
	case size < 31536000000:
		return time.Unix(n, 0).UTC()
	case size < 31536000000000:
		return time.UnixMilli(n).UTC()
	case size < 31536000000000000:
		return time.UnixMicro(n).UTC()
	}
	return time.Unix(0, n).UTC()
}

// goLayout is Go's form of a format such as YYYY-MM-DD HH24:MI:SS.FF3 TZH:TZM.
func goLayout(format string) string {
	return strings.NewReplacer("YYYY", "2006", "yyyy", "2006", "YY", "06", "MMMM", "January", "MON", "Jan", "MM", "01", "mm", "01", "DD", "02", "dd", "02",
		"DY", "Mon", "HH24", "15", "hh24", "15", "HH12", "03", "hh12", "03", "AM", "PM", "MI", "04", "mi", "04", "SS", "05", "ss", "05",
		".FF9", ".999999999", ".FF6", ".999999", ".FF3", ".999", ".FF0", "", ".FF", ".999999999", ".ff3", ".999", ".ff", ".999999999",
		"TZH:TZM", "-07:00", "TZHTZM", "-0700", "TZH", "-07", `"T"`, "T", `"`, "").Replace(format)
}
