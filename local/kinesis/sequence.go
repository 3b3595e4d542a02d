package kinesis

import (
	"encoding/binary"
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

// A counter is a sequence number as text that moves on to that of the next record. The answer to a put holds hundreds of
// consecutive numbers, and adding to one costs a tenth of dividing the next.
type counter struct {
	parts [3]uint64 // the number in base 10^19, highest first
	text  [sequenceDigits]byte
}

// The next record's number is higher by 2^72, which is 472 times 10^19 and a rest.
const (
	stepMiddle = 472
	stepLow    = 1<<72 - stepMiddle*tenTo19
)

// set begins at a number.
func (c *counter) set(s sequence) {
	limbs := [3]uint64{sequenceTop | s.epoch<<8 | s.index>>56, s.index<<8 | s.low.hi&0xff, s.low.lo}
	limbs, c.parts[2] = divide(limbs)
	limbs, c.parts[1] = divide(limbs)
	c.parts[0] = limbs[2]
	c.print()
}

// next moves on by one record.
func (c *counter) next() {
	high := c.parts[0]
	c.parts[2] += stepLow
	c.parts[1] += stepMiddle + carry(&c.parts[2])
	c.parts[0] += carry(&c.parts[1])
	if c.parts[0] != high {
		c.print()
		return
	}
	putDigits(c.text[37:], c.parts[2])
	putDigits(c.text[18:37], c.parts[1])
}

// carry keeps a part below 10^19 and returns what goes to the one above it: 0 or 1.
func carry(part *uint64) uint64 {
	if *part < tenTo19 {
		return 0
	}
	*part -= tenTo19
	return 1
}

func (c *counter) print() {
	putDigits(c.text[:18], c.parts[0])
	putDigits(c.text[18:37], c.parts[1])
	putDigits(c.text[37:], c.parts[2])
}

// putDigits fills dst with the last digits of n.
func putDigits(dst []byte, n uint64) {
	for len(dst) >= 8 {
		at := len(dst) - 8
		binary.LittleEndian.PutUint64(dst[at:], eightDigits(n%1e8))
		dst, n = dst[:at], n/1e8
	}
	for i := len(dst) - 1; i >= 0; i-- {
		dst[i] = '0' + byte(n%10)
		n /= 10
	}
}

// eightDigits returns the text of a number below 10^8, its first digit in the lowest byte. It splits all groups of digits
// at once; the factors are 2^20/100 and 2^10/10, rounded up, and exact for numbers of four and of two digits.
func eightDigits(n uint64) uint64 {
	n = n/1e4 | n%1e4<<32
	hundreds := n * 10486 >> 20 & 0x0000007f0000007f
	n = hundreds | (n-hundreds*100)<<16
	tens := n * 103 >> 10 & 0x000f000f000f000f
	return (tens | (n-tens*10)<<8) + 0x3030303030303030
}

// appendTo appends the decimal digits.
func (s sequence) appendTo(buf []byte) []byte {
	var c counter
	c.set(s)
	return append(buf, c.text[:]...)
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
