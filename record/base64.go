package record

import (
	"encoding/binary"
	"slices"
)

// sextets holds the six bits of each base64 character, at each of the four places that it can have in a group; notBase64
// stands for all other characters. Four look-ups make a group, where the standard library needs a step for each
// character.
var sextets = func() (t [4][256]uint32) {
	for place := range t {
		for c := range t[place] {
			t[place][c] = notBase64
		}
		for bits, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/" {
			t[place][c] = uint32(bits) << (18 - 6*place)
		}
	}
	return t
}()

const notBase64 = 1 << 31

// appendBase64 appends what text is the base64 of, in the standard alphabet with padding. It reports false for anything
// else, line ends included, which the standard library lets pass.
func appendBase64(dst, text []byte) ([]byte, bool) {
	if len(text)%4 != 0 {
		return dst, false
	}
	dst = slices.Grow(dst, len(text)/4*3+2) // a step writes up to two bytes more than it decodes
	at := len(dst)
	out, rest := dst[:cap(dst)], text
	for len(rest) > 8 {
		high := sextets[0][rest[0]] | sextets[1][rest[1]] | sextets[2][rest[2]] | sextets[3][rest[3]]
		low := sextets[0][rest[4]] | sextets[1][rest[5]] | sextets[2][rest[6]] | sextets[3][rest[7]]
		if (high|low)&notBase64 != 0 {
			return dst, false
		}
		binary.BigEndian.PutUint64(out[at:], uint64(high)<<40|uint64(low)<<16)
		at += 6
		rest = rest[8:]
	}
	if len(rest) == 8 {
		group := sextets[0][rest[0]] | sextets[1][rest[1]] | sextets[2][rest[2]] | sextets[3][rest[3]]
		if group&notBase64 != 0 {
			return dst, false
		}
		binary.BigEndian.PutUint32(out[at:], group<<8)
		at += 3
		rest = rest[4:]
	}
	if len(rest) == 4 {
		n := lastGroup(out[at:], rest)
		if n == 0 {
			return dst, false
		}
		at += n
	}
	return out[:at], true
}

// lastGroup decodes the last four characters, of which up to two are padding, and returns how many bytes they are, or 0.
func lastGroup(out, text []byte) int {
	n, third, fourth := 3, sextets[2][text[2]], sextets[3][text[3]]
	if text[3] == '=' {
		n, fourth = 2, 0
		if text[2] == '=' {
			n, third = 1, 0
		}
	}
	group := sextets[0][text[0]] | sextets[1][text[1]] | third | fourth
	if group&notBase64 != 0 {
		return 0
	}
	binary.BigEndian.PutUint32(out, group<<8)
	return n
}
