package record

import (
	"math"
	"strconv"
)

// NonFinite says what becomes of the texts NaN, Infinity and -Infinity in a float column. As numbers JSON has none.
type NonFinite uint8

// The policies.
const (
	RefuseNonFinite NonFinite = iota // wrong_type
	NullNonFinite                    // NULL; in a required column null_field
	KeepNonFinite                    // the value
)

var nonFiniteNames = [...]string{"quarantine", "null", "keep"}

// String is the policy's name in a schema file.
func (n NonFinite) String() string { return nonFiniteNames[n] }

// maxFloatDigits are the most digits that are compared; the longest exact decimal of a binary64 has fewer.
const maxFloatDigits = 800

// appendFloat appends the shortest text of the binary64 that a JSON number means. It is exact in this sense: the double,
// printed with as many digits as the number was written with, is the number again. So 0.1 and whatever another program
// printed of a double fit, and 9007199254740993 does not.
func appendFloat(dst, raw []byte) ([]byte, Code) {
	value, err := strconv.ParseFloat(string(raw), 64)
	if err != nil {
		return dst, OutOfRange
	}
	_, digits, point := significant(raw)
	switch {
	case len(digits) == 0:
		return append(dst, '0'), OK
	case value == 0:
		return dst, OutOfRange
	case len(digits) > maxFloatDigits:
		return dst, NotExact
	}
	var buf [64]byte
	printed := strconv.AppendFloat(buf[:0], value, 'e', len(digits)-1, 64)
	if _, back, at := significant(printed); string(back) != string(digits) || at != point {
		return dst, NotExact
	}
	return strconv.AppendFloat(dst, value, 'g', -1, 64), OK
}

// nonFinite reads the texts of the values that no number is.
func nonFinite(text []byte) (float64, bool) {
	switch string(text) {
	case "NaN":
		return math.NaN(), true
	case "Infinity", "+Infinity", "Inf", "+Inf", "inf":
		return math.Inf(1), true
	case "-Infinity", "-Inf", "-inf":
		return math.Inf(-1), true
	}
	return 0, false
}

// nonFiniteTexts are how Snowflake reads them.
func nonFiniteText(value float64) []byte {
	switch {
	case math.IsNaN(value):
		return []byte("NaN")
	case value > 0:
		return []byte("inf")
	}
	return []byte("-inf")
}
