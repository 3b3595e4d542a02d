// Package number is Snowflake's arithmetic of decimals where DuckDB would compute in floats: division with its scale,
// cutting digits off, and an order of numbers as texts.
//
// It is pure: numbers come and go as texts, with up to 38 digits and more.
package number

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// ErrZero is a division by zero, in Snowflake's words.
//
//lint:ignore ST1005 the text reaches the user as it is
var ErrZero = errors.New("Division by zero")

// Divide is a / b. Of two decimals the scale is that of a and six digits more, up to 12 but never less than a's own,
// rounded half away from zero. With float it is what a DOUBLE gives.
func Divide(a, b string, float bool) (string, error) {
	if float {
		x, errX := strconv.ParseFloat(a, 64)
		y, errY := strconv.ParseFloat(b, 64)
		if err := errors.Join(errX, errY); err != nil {
			return "", fmt.Errorf("divide: %w", err)
		}
		if y == 0 {
			return "", ErrZero
		}
		return strconv.FormatFloat(x/y, 'g', -1, 64), nil
	}
	x, scale, okX := decimal(a)
	y, scaleB, okY := decimal(b)
	if !okX || !okY {
		return "", fmt.Errorf("divide %.60s by %.60s: not decimals", a, b)
	}
	if y.Sign() == 0 {
		return "", ErrZero
	}
	goal := max(scale, min(scale+6, 12))
	x.Mul(x, power(goal-scale+scaleB))
	return pointed(rounded(x, y), goal), nil
}

// rounded is x / y, rounded half away from zero.
func rounded(x, y *big.Int) *big.Int {
	quotient, rest := new(big.Int).QuoRem(x, y, new(big.Int))
	if rest.Abs(rest).Lsh(rest, 1).CmpAbs(y) >= 0 {
		quotient.Add(quotient, big.NewInt(int64(x.Sign()*y.Sign())))
	}
	return quotient
}

// Trunc cuts x after n digits behind the point, or before it where n is negative. Of a DOUBLE's text it keeps the digits
// that the text has, so that 4.35 stays 4.35.
func Trunc(x string, n int) (string, error) {
	if exponent := strings.ContainsAny(x, "eE"); exponent {
		f, _, err := big.ParseFloat(x, 10, 2000, big.ToZero)
		if err != nil {
			return "", fmt.Errorf("truncate: %w", err)
		}
		x = f.Text('f', 340)
	}
	unscaled, scale, ok := decimal(x)
	switch {
	case !ok && (strings.EqualFold(x, "nan") || strings.Contains(strings.ToLower(x), "inf")):
		return x, nil
	case !ok:
		return "", fmt.Errorf("truncate %.60s: not a number", x)
	case n >= scale:
		return x, nil
	case n < -400:
		return "0", nil
	}
	unscaled.Quo(unscaled, power(scale-n))
	if n < 0 {
		unscaled.Mul(unscaled, power(-n))
		n = 0
	}
	return pointed(unscaled, n), nil
}

// Key is a text whose order by bytes is that of numbers, whatever their form: 1, 1.0 and 1e0 have the same. ok is false for
// what is no finite number.
func Key(x string) (key string, ok bool) {
	mantissa, exponent := x, 0
	if at := strings.IndexAny(x, "eE"); at >= 0 {
		n, err := strconv.Atoi(x[at+1:])
		if err != nil || n > 20000 || n < -20000 {
			return "", false
		}
		mantissa, exponent = x[:at], n
	}
	negative := strings.HasPrefix(mantissa, "-")
	mantissa = strings.TrimLeft(mantissa, "+-")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := whole + fraction
	if digits == "" || len(digits) > 20000 || strings.Trim(digits, "0123456789") != "" {
		return "", false
	}
	exponent += len(whole)
	trimmed := strings.TrimLeft(digits, "0")
	exponent -= len(digits) - len(trimmed)
	trimmed = strings.TrimRight(trimmed, "0")
	if trimmed == "" {
		return "1", true
	}
	body := fmt.Sprintf("%05d", exponent+50000) + trimmed
	if !negative {
		return "2" + body, true
	}
	turned := make([]byte, len(body))
	for i := range len(body) {
		turned[i] = '9' - (body[i] - '0')
	}
	return "0" + string(turned) + "~", true
}

// decimal reads a decimal without exponent: its digits as one number, and how many of them stand behind the point.
func decimal(text string) (unscaled *big.Int, scale int, ok bool) {
	text = strings.TrimSpace(text)
	whole, fraction, _ := strings.Cut(text, ".")
	if len(whole)+len(fraction) > 4000 || strings.Trim(strings.TrimLeft(whole, "+-")+fraction, "0123456789") != "" {
		return nil, 0, false
	}
	unscaled, ok = new(big.Int).SetString(whole+fraction, 10)
	return unscaled, len(fraction), ok
}

func power(n int) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(n, 0))), nil)
}

// pointed is unscaled with a point before its last scale digits.
func pointed(unscaled *big.Int, scale int) string {
	digits := new(big.Int).Abs(unscaled).String()
	if scale > 0 {
		if len(digits) <= scale {
			digits = strings.Repeat("0", scale+1-len(digits)) + digits
		}
		digits = digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
	}
	if unscaled.Sign() < 0 {
		return "-" + digits
	}
	return digits
}

// Real is a DOUBLE's text as the service casts it: without a point where there is nothing behind it.
func Real(text string) string {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		return text
	}
	return strings.TrimSuffix(text, ".0")
}
