package kinesis

import (
	"math/bits"
	"time"
)

// A sequence number is a 186-bit number written in decimal, which always has 56 digits:
//
//	bits 184-185  2, as the service's own numbers have
//	bits 136-183  epoch of the shard: when it was made, later than its parents
//	bits  72-135  index of the record in its shard, counted from 1; 0 is the start of the shard, and the index after
//	              the last record is the end of a closed one
//	bits   0-71   number of the shard
//
// So numbers rise within a shard, a child's are above its parents', and no two records of a stream share one, even if
// it was deleted and made again.
type sequence struct {
	epoch uint64
	index uint64
	low   lowBits
}

// lowBits are the lowest 72 bits; only foreign numbers have anything in the upper 8.
type lowBits struct{ hi, lo uint64 }

func (b lowBits) less(other lowBits) bool {
	return b.hi < other.hi || (b.hi == other.hi && b.lo < other.lo)
}

const (
	sequenceDigits = 56
	sequenceTop    = 2 << 56 // the 2, in the highest limb
	tenTo19        = 1e19
)

// epochOf turns a moment into an epoch. Whole seconds come first, as in the service's numbers, which makes ours look
// like them; there is room for later epochs within the same millisecond.
func epochOf(t time.Time) uint64 {
	return uint64(t.Unix())<<12 | uint64(t.Nanosecond()/1e6)
}

// appendTo appends the decimal digits.
func (s sequence) appendTo(buf []byte) []byte {
	limbs := [3]uint64{sequenceTop | s.epoch<<8 | s.index>>56, s.index<<8 | s.low.hi&0xff, s.low.lo}
	var parts [3]uint64
	for i := 2; i > 0; i-- {
		limbs, parts[i] = divide(limbs)
	}
	parts[0] = limbs[2]
	start := len(buf)
	buf = append(buf, make([]byte, sequenceDigits)...)
	digits := buf[start:]
	at := sequenceDigits
	for i := 2; i >= 0; i-- {
		for range min(19, at) {
			at--
			digits[at] = '0' + byte(parts[i]%10)
			parts[i] /= 10
		}
	}
	return buf
}

// divide divides a number of three limbs, highest first, by 10^19.
func divide(n [3]uint64) (quotient [3]uint64, rest uint64) {
	for i, limb := range n {
		quotient[i], rest = bits.Div64(rest, limb, tenTo19)
	}
	return quotient, rest
}

func (s sequence) String() string { return string(s.appendTo(nil)) }

// decimalNumber says whether text is a decimal number of at most 128 digits without leading zeros, which is all that
// the service's model asks of a sequence number.
func decimalNumber(text string) bool {
	if text == "" || len(text) > 128 || (text[0] == '0' && len(text) > 1) {
		return false
	}
	for _, c := range []byte(text) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// parseSequence reads a sequence number; ok is false if it is none of ours.
func parseSequence(text string) (s sequence, ok bool) {
	if len(text) != sequenceDigits || !decimalNumber(text) {
		return s, false
	}
	var n [3]uint64
	for _, c := range []byte(text) {
		carry := uint64(c - '0')
		for i := 2; i >= 0; i-- {
			hi, lo := bits.Mul64(n[i], 10)
			var over uint64
			n[i], over = bits.Add64(lo, carry, 0)
			carry = hi + over
		}
	}
	s.epoch = n[0] & (sequenceTop/2 - 1) >> 8
	s.index = n[0]<<56 | n[1]>>8
	s.low = lowBits{n[1] & 0xff, n[2]}
	return s, n[0]>>56 == 2
}
