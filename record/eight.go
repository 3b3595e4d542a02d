package record

import "encoding/binary"

// Text is looked at eight bytes at a time here, as one number: most of a record is digits and plain strings.

// bare is how many bytes at the front of text stand for themselves in a JSON string: ASCII without quotes, backslashes
// and control characters.
func bare(text []byte) int {
	n := 0
	for ; len(text)-n >= 8; n += 8 {
		v := binary.LittleEndian.Uint64(text[n:])
		if (below(v, ' ')|below(v^ones*'"', 1)|below(v^ones*'\\', 1)|v)&(ones<<7) != 0 {
			break
		}
	}
	for n < len(text) && classes[text[n]] != special {
		n++
	}
	return n
}

// ones has a 1 in each of its eight bytes.
const ones = 0x0101010101010101

// below sets the top bit of each byte of v that is less than n, and perhaps that of others behind one that is.
func below(v, n uint64) uint64 { return (v - ones*n) &^ v }

// digits is how many digits text starts with.
func digits(text []byte) int {
	n := 0
	for ; len(text)-n >= 8; n += 8 {
		if !eightDigits(binary.LittleEndian.Uint64(text[n:])) {
			break
		}
	}
	for n < len(text) && text[n]-'0' <= 9 {
		n++
	}
	return n
}

// eightDigits reports whether the eight bytes of v are digits.
func eightDigits(v uint64) bool {
	return v&(ones*0xf0)|(v+ones*6)&(ones*0xf0)>>4 == ones*0x33
}

// numberOf is the number that eight digits are, the first one in the lowest byte: pairs of digits first, then pairs of
// those, then the two halves.
func numberOf(v uint64) int64 {
	v = (v & (ones * 0x0f)) * (10<<8 + 1) >> 8
	v = (v & 0x00ff00ff00ff00ff) * (100<<16 + 1) >> 16
	return int64((v & 0x0000ffff0000ffff) * (10000<<32 + 1) >> 32)
}
