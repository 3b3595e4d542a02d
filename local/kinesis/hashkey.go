package kinesis

import (
	"crypto/md5"
	"encoding/binary"
	"errors"
	"math/big"
	"math/bits"
)

// hashKey is a point on the ring of 2^128 hash keys.
type hashKey struct{ hi, lo uint64 }

// lastHashKey is 2^128-1.
func lastHashKey() hashKey { return hashKey{^uint64(0), ^uint64(0)} }

// hashOf maps a partition key to the ring: its MD5 as a big-endian number.
func hashOf(partitionKey []byte) hashKey {
	sum := md5.Sum(partitionKey)
	return hashKey{binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:])}
}

// parseHashKey reads a decimal number from 0 to 2^128-1 without leading zeros.
func parseHashKey(text []byte) (hashKey, bool) {
	if len(text) == 0 || len(text) > 39 || (text[0] == '0' && len(text) > 1) {
		return hashKey{}, false
	}
	var k hashKey
	for _, c := range text {
		if c < '0' || c > '9' {
			return hashKey{}, false
		}
		over, hi := bits.Mul64(k.hi, 10)
		carry, lo := bits.Mul64(k.lo, 10)
		lo, c1 := bits.Add64(lo, uint64(c-'0'), 0)
		hi, c2 := bits.Add64(hi, carry, c1)
		if over != 0 || c2 != 0 {
			return hashKey{}, false
		}
		k = hashKey{hi, lo}
	}
	return k, true
}

// hashKeyDigits tells whether text looks like a hash key, whatever its size.
func hashKeyDigits(text []byte) bool {
	return len(text) <= 39 && decimalNumber(string(text))
}

func (k hashKey) less(other hashKey) bool {
	return k.hi < other.hi || (k.hi == other.hi && k.lo < other.lo)
}

// next is k+1, which is 0 after the last.
func (k hashKey) next() hashKey {
	lo, carry := bits.Add64(k.lo, 1, 0)
	return hashKey{k.hi + carry, lo}
}

// before is k-1; k must not be 0.
func (k hashKey) before() hashKey {
	lo, borrow := bits.Sub64(k.lo, 1, 0)
	return hashKey{k.hi - borrow, lo}
}

func (k hashKey) String() string {
	n := new(big.Int).SetUint64(k.hi)
	return n.Lsh(n, 64).Or(n, new(big.Int).SetUint64(k.lo)).String()
}

// MarshalText and UnmarshalText make hash keys decimal in stream.json.
func (k hashKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

func (k *hashKey) UnmarshalText(text []byte) error {
	parsed, ok := parseHashKey(text)
	if !ok {
		return errors.New("hash key is not a decimal number below 2^128")
	}
	*k = parsed
	return nil
}

// evenStart is where the i-th of n equal ranges of the ring begins; i < n.
func evenStart(i, n int) hashKey {
	point := new(big.Int).Lsh(big.NewInt(int64(i)), 128)
	var b [16]byte
	point.Div(point, big.NewInt(int64(n))).FillBytes(b[:])
	return hashKey{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}
