package record

import "strconv"

// maxExponent bounds the exponents that are read: whatever lies beyond has more digits than any column or is zero.
const maxExponent = 1 << 20

// decimal appends the JSON number raw to dst as plain digits with exactly scale places behind the point, or says
// why it cannot be done without changing its value. No float is involved: 9007199254740993 stays itself, and 1e2
// is 100.
func decimal(dst, raw []byte, precision, scale int) ([]byte, Code) {
	if scale == 0 && len(raw) <= precision && allDigits(raw) {
		return append(dst, raw...), OK
	}
	negative, digits, point := significant(raw)
	switch {
	case len(digits)-point > scale:
		return dst, NotExact
	case point > precision-scale:
		return dst, OutOfRange
	}
	if negative {
		dst = append(dst, '-')
	}
	if point <= 0 {
		dst = append(dst, '0')
	}
	for i := range point {
		dst = append(dst, digitAt(digits, i))
	}
	if scale > 0 {
		dst = append(dst, '.')
		for i := range scale {
			dst = append(dst, digitAt(digits, point+i))
		}
	}
	return dst, OK
}

// exactNumbers reports whether all numbers in a JSON value, which has been checked, are kept exactly in a VARIANT: as
// fixed-point numbers of 38 digits. Others would become floating-point numbers there, or be refused by Snowflake when
// the whole batch is loaded.
func exactNumbers(raw []byte) Code {
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case c == '"':
			for i++; raw[i] != '"'; i++ {
				if raw[i] == '\\' {
					i++
				}
			}
		case c == '-' || c >= '0' && c <= '9':
			s := scanner{data: raw, at: i}
			s.number()
			if code := fixedPoint(raw[i:s.at]); code != OK {
				return code
			}
			i = s.at - 1
		}
	}
	return OK
}

// fixedPoint reports whether a number fits 38 digits, at most 37 of them behind the point.
func fixedPoint(raw []byte) Code {
	if len(raw) <= MaxDigits && allDigits(raw) {
		return OK
	}
	_, digits, point := significant(raw)
	switch whole, places := max(point, 0), max(len(digits)-point, 0); {
	case places >= MaxDigits:
		return NotExact
	case whole+places > MaxDigits:
		return OutOfRange
	}
	return OK
}

// significant is split without the zeros at both ends; zero has no digits.
func significant(raw []byte) (negative bool, digits []byte, point int) {
	negative, digits, point = split(raw)
	for len(digits) > 0 && digits[0] == '0' {
		digits, point = digits[1:], point-1
	}
	for len(digits) > 0 && digits[len(digits)-1] == '0' {
		digits = digits[:len(digits)-1]
	}
	if len(digits) == 0 {
		return false, nil, 0
	}
	return negative, digits, point
}

func allDigits(raw []byte) bool {
	for _, c := range raw {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// digitAt is the i-th significant digit; on both sides of them stand zeros.
func digitAt(digits []byte, i int) byte {
	if i < 0 || i >= len(digits) {
		return '0'
	}
	return digits[i]
}

// split takes a JSON number apart: its sign, its digits without the point, and how many of them stand before it
// once its exponent is applied, which may be none or more than there are.
func split(raw []byte) (negative bool, digits []byte, point int) {
	if raw[0] == '-' {
		negative, raw = true, raw[1:]
	}
	var buf [64]byte
	digits = buf[:0]
	point = -1
	exponent := 0
	for i, c := range raw {
		switch {
		case c == '.':
			point = len(digits)
		case c == 'e' || c == 'E':
			exponent = clampedInt(raw[i+1:])
			if point < 0 {
				point = len(digits)
			}
			return negative, digits, point + exponent
		default:
			digits = append(digits, c)
		}
	}
	if point < 0 {
		point = len(digits)
	}
	return negative, digits, point
}

func clampedInt(text []byte) int {
	n, err := strconv.Atoi(string(text))
	switch {
	case err == nil:
		return min(max(n, -maxExponent), maxExponent)
	case text[0] == '-':
		return -maxExponent
	}
	return maxExponent
}
