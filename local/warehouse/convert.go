package warehouse

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/snowstream/snowstream/local/warehouse/dialect"
)

// badValue is a field that does not fit its column.
type badValue struct {
	number  int
	message string
}

func (b *badValue) Error() string { return b.message }

// convert turns the text of a field into a text that DuckDB casts to the column's type exactly: whole digits for
// numbers, ISO 8601 for times, hexadecimal for binary. Nothing goes through a float but FLOAT itself.
func (f *fileFormat) convert(text string, c *dialect.Column) (string, error) {
	switch c.Type.Base {
	case "NUMBER":
		return convertNumber(text, c.Type.Precision, c.Type.Scale)
	case "VARCHAR":
		if n := utf8.RuneCountInString(text); c.Type.Length > 0 && n > c.Type.Length {
			return "", &badValue{100078, fmt.Sprintf("User character length limit (%d) exceeded by string of length %d", c.Type.Length, n)}
		}
		return text, nil
	case "FLOAT":
		return convertFloat(text)
	case "BOOLEAN":
		return convertBoolean(text)
	case "DATE":
		t, err := parseTime(text, f.date, "DATE")
		return t.Format("2006-01-02"), err
	case "TIME":
		t, err := parseTime(text, f.time, "TIME")
		return t.Format("15:04:05.999999999"), err
	case "TIMESTAMP_NTZ":
		t, err := parseTime(text, f.timestamp, "TIMESTAMP_NTZ")
		return t.Format("2006-01-02 15:04:05.999999999"), err
	case "TIMESTAMP_LTZ", "TIMESTAMP_TZ":
		t, err := parseTime(text, f.timestamp, c.Type.Base)
		return t.UTC().Format("2006-01-02 15:04:05.999999999") + "+00", err
	case "VARIANT", "OBJECT", "ARRAY":
		if !json.Valid([]byte(text)) {
			return "", &badValue{100069, "Error parsing JSON"}
		}
		return text, nil
	case "BINARY":
		return f.convertBinary(text)
	}
	return "", &badValue{100071, "Failed to cast to type " + c.Type.Name + ", which files cannot hold here"}
}

// convertNumber reads a decimal with optional exponent and rounds half away from zero to scale digits.
func convertNumber(text string, precision, scale int) (string, error) {
	trimmed := strings.TrimSpace(text)
	if n, err := strconv.ParseInt(trimmed, 10, 64); err == nil && scale == 0 && len(trimmed) <= min(precision, 18) {
		return strconv.FormatInt(n, 10), nil
	}
	bad := &badValue{100038, fmt.Sprintf("Numeric value '%s' is not recognized", text)}
	mantissa, exponent := trimmed, 0
	if at := strings.IndexAny(trimmed, "eE"); at >= 0 {
		n, err := strconv.Atoi(trimmed[at+1:])
		if err != nil || n > 1000 || n < -1000 {
			return "", bad
		}
		mantissa, exponent = trimmed[:at], n
	}
	sign, digits := "", mantissa
	if digits != "" && (digits[0] == '-' || digits[0] == '+') {
		sign, digits = strings.TrimPrefix(digits[:1], "+"), digits[1:]
	}
	whole, fraction, _ := strings.Cut(digits, ".")
	if whole+fraction == "" || len(digits) > 1000 || strings.Trim(whole+fraction, "0123456789") != "" {
		return "", bad
	}
	unscaled, _ := new(big.Int).SetString(whole+fraction, 10)
	shift := exponent - len(fraction) + scale
	unscaled = shiftDecimal(unscaled, shift)
	if unscaled.Cmp(pow10(precision)) >= 0 {
		return "", &badValue{100039, fmt.Sprintf("Numeric value '%s' is out of range", text)}
	}
	if unscaled.Sign() == 0 {
		sign = ""
	}
	return sign + decimalText(unscaled, scale), nil
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

func convertFloat(text string) (string, error) {
	f, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || strings.ContainsAny(text, "xX_pP") {
		return "", &badValue{100038, fmt.Sprintf("Numeric value '%s' is not recognized", text)}
	}
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return strconv.FormatFloat(f, 'g', -1, 64), nil
	}
	return strconv.FormatFloat(f, 'e', -1, 64), nil
}

func convertBoolean(text string) (string, error) {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "true", "t", "yes", "y", "on", "1":
		return "true", nil
	case "false", "f", "no", "n", "off", "0":
		return "false", nil
	}
	return "", &badValue{100037, fmt.Sprintf("Boolean value '%s' is not recognized", text)}
}

func (f *fileFormat) convertBinary(text string) (string, error) {
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
		return "", &badValue{100115, "The value is not legal for BINARY_FORMAT " + f.binary}
	}
	return hex.EncodeToString(raw), nil
}

// The forms that AUTO recognises, most frequent first.
func timeLayouts(kind string) []string {
	switch kind {
	case "DATE":
		return []string{"2006-01-02", "02-Jan-2006", "01/02/2006"}
	case "TIME":
		return []string{"15:04:05.999999999", "15:04", "03:04:05.999999999 PM", "03:04 PM"}
	}
	var layouts []string
	for _, between := range []string{" ", "T"} {
		for _, clock := range []string{"15:04:05.999999999", "15:04", "15"} {
			for _, zone := range []string{"", "Z07:00", " -07:00", "-0700", " -0700", "Z07"} {
				layouts = append(layouts, "2006-01-02"+between+clock+zone)
			}
		}
	}
	return append(layouts, "2006-01-02", "Mon, 02 Jan 2006 15:04:05 -0700", "Mon Jan 02 15:04:05 -0700 2006", "01/02/2006 15:04:05")
}

// parseTime reads a date, time or timestamp in the given format. A timestamp of digits alone is an epoch, in seconds,
// milliseconds, microseconds or nanoseconds by its size. A zone is kept for zoned types and dropped for the others.
func parseTime(text, format, kind string) (time.Time, error) {
	trimmed := strings.TrimSpace(text)
	layouts := timeLayouts(kind)
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
		word = title(kind)
	}
	return time.Time{}, &badValue{100035, fmt.Sprintf("%s '%s' is not recognized", word, text)}
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
