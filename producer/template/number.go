package template

import (
	"fmt"
	"math"
	"strconv"
)

// maxCount is the most that a method makes of anything in one result.
const maxCount = 1 << 20

// appendNumber appends a number as JavaScript prints it: the shortest text that reads back as the same number, with
// an exponent only from 1e21 up and below 1e-6.
func appendNumber(dst []byte, f float64) []byte {
	size := math.Abs(f)
	switch {
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	case size < 1<<53 && f == math.Trunc(f):
		return strconv.AppendInt(dst, int64(f), 10) // -0 prints as 0
	case size >= 1e-6 && size < 1e21:
		return strconv.AppendFloat(dst, f, 'f', -1, 64)
	}
	dst = strconv.AppendFloat(dst, f, 'e', -1, 64)
	// Go writes at least two digits of exponent, JavaScript as many as it takes.
	if n := len(dst); dst[n-2] == '0' && (dst[n-3] == '-' || dst[n-3] == '+') {
		dst[n-2] = dst[n-1]
		dst = dst[:n-1]
	}
	return dst
}

// numberMethod is random.number. The greatest value is included only if max is not negative, and a precision such as
// 0.1 shows the noise of binary fractions: both are the KDG's ways.
func numberMethod(arg value) (emit, error) {
	if (arg.kind == kindText || arg.kind == kindBoolean) && arg.truthy() {
		return literal("NaN"), nil // JavaScript gives such an argument no fields
	}
	if arg.kind == kindNumber {
		arg = value{kind: kindObject, keys: []string{"max"}, items: []value{arg}}
	}
	low := arg.field("min").orElse(0)
	high := arg.field("max").orElse(99999)
	precision := arg.field("precision").orElse(1)
	if high.toNumber() >= 0 {
		high = high.plus(precision)
	}
	step := precision.toNumber()
	return numbers(low.toNumber()/step, high.toNumber()/step, step), nil
}

// numbers gives step times a whole number from low up to, but not with, high.
func numbers(low, high, step float64) emit {
	span := high - low
	const exact = 1 << 53
	if step == 1 && math.Abs(low) < exact && math.Abs(high) < exact {
		return func(dst []byte, r *source) []byte {
			return strconv.AppendInt(dst, int64(math.Floor(r.Float64()*span+low)), 10)
		}
	}
	return func(dst []byte, r *source) []byte {
		return appendNumber(dst, step*math.Floor(r.Float64()*span+low))
	}
}

// count is an argument that says how many, with a default for none. It is what a JavaScript loop up to the argument
// would do: fractions round up, and what is no number means none.
func count(arg value, otherwise int) (int, error) {
	n := arg.orElse(float64(otherwise)).toNumber()
	switch {
	case n > maxCount:
		return 0, fmt.Errorf("the argument asks for %g of something: the limit is %d", n, maxCount)
	case n > 0:
		return int(math.Ceil(n)), nil
	default:
		return 0, nil
	}
}

// countOr is count with a default for nothing, 0 and false.
func countOr(arg value, otherwise int) (int, error) {
	if !arg.truthy() {
		return otherwise, nil
	}
	return count(arg, otherwise)
}

// between is a random whole number from low to high, both included.
func between(r *source, low, high int) int { return low + r.IntN(high-low+1) }
