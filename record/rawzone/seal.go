package rawzone

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"time"
)

// Sealed is the prefix of what audits have proved; see Seals.
const Sealed = "sealed/"

// SealsKey is the name of the object with the seals of a stream.
func SealsKey(stream string) string { return Sealed + Escape(stream) + ".json" }

// SealTag is the tag of objects of rows that may expire: they lie under a seal, and nothing but a repair of what the seal covers
// asks for them any more. A lifecycle rule goes by it.
const (
	SealTag      = "snowstream"
	SealTagValue = "sealed"
)

// Seals are what audits have proved of a stream's chains, so that no later audit has to prove it again. There is one object a
// stream; of two audits that seal, a swap lets one through.
type Seals struct {
	Stream string `json:"stream"`
	// Chains are in their order, with one seal each.
	Chains []Seal `json:"chains"`
	// Check is a checksum over all the above.
	Check string `json:"check"`
}

// Seal says that a run of ordinals of one chain, from its first one, was whole: each of its records was a row in both tables, once
// and with the same values, or in quarantine, and each of its objects was there.
type Seal struct {
	Generation string `json:"generation,omitempty"`
	Shard      string `json:"shard"`
	// First and Ordinal are the ends of the run. It ends where an object ends: at the one that begins with the ordinal Begin.
	First   int64 `json:"first"`
	Ordinal int64 `json:"ordinal"`
	Begin   int64 `json:"begin"`
	// Object is the key of that object, LandedAt when it was written, by the clock of S3.
	Object   string    `json:"object"`
	LandedAt time.Time `json:"landed_at"`
	// Sequence and Subsequence are how far the ledger had come with the last record of the run.
	Sequence    string `json:"sequence"`
	Subsequence int64  `json:"subsequence"`
	// Objects, Records and Rejected count the objects, Kinesis records, and the records that ever went to quarantine, up to here.
	Objects  int64 `json:"objects"`
	Records  int64 `json:"records"`
	Rejected int64 `json:"rejected"`
	// Rows counts the rows of either table, Sum is that of their ordinals.
	Rows int64  `json:"rows"`
	Sum  string `json:"sum"`
	// Slices are the rows and the fingerprints of each SliceWidth ordinals, so that values can be compared piece by piece.
	Slices []Slice `json:"slices"`
	// Tagged is the ordinal up to which objects have their SealTag, as far as they may expire.
	Tagged int64 `json:"tagged,omitempty"`
	// Retired says that the stream's shard was closed and nothing of it was left to come. LedgerAt is when its ledger was
	// written, by the clock of S3: one that is younger has moved on all the same.
	Retired  bool      `json:"retired,omitempty"`
	LedgerAt time.Time `json:"ledger_at,omitzero"`
	// At is when the audit that has proved it began, By the version of the program.
	At time.Time `json:"at"`
	By string    `json:"by"`
}

// SliceWidth is how many ordinals a slice has.
const SliceWidth = 1 << 25

// Slice is what was proved of the rows of some ordinals.
type Slice struct {
	Rows  int64  `json:"rows"`
	Print string `json:"print"`
}

// Chain is what the seal's ordinals count in.
func (s Seal) Chain(stream string) Chain { return Chain{stream, s.Generation, s.Shard} }

// Slice is the number of the slice in which an ordinal lies, and its ends as far as the seal goes.
func (s Seal) Slice(ordinal int64) (n int, first, last int64) {
	n = int((ordinal - s.First) / SliceWidth)
	first = s.First + int64(n)*SliceWidth
	return n, first, first + SliceWidth - 1
}

// Ledger is that of the chain as it was when it had come to the end of the run.
func (s Seal) Ledger(stream string) Ledger {
	return Ledger{
		Stream: stream, Shard: s.Shard, Generation: s.Generation, Sequence: s.Sequence, Subsequence: s.Subsequence, Ordinal: s.Ordinal,
		Records: s.Records, Quarantined: s.Rejected, Objects: s.Objects, Object: s.Object, UpdatedAt: s.LandedAt,
	}
}

// Absent counts the records of the run that have no row.
func (s Seal) Absent() int64 { return s.Ordinal - s.First + 1 - s.Rows }

// Add lengthens the seal by a proved run that follows it and lies in one slice.
func (s Seal) Add(last, rows int64, sum, print string) (Seal, error) {
	n, first, end := s.Slice(s.Ordinal + 1)
	if last <= s.Ordinal || last > end || first > last || n > len(s.Slices) {
		return s, fmt.Errorf("a seal up to ordinal %d cannot go on to %d", s.Ordinal, last)
	}
	s.Slices = slices.Clone(s.Slices)
	if n == len(s.Slices) {
		s.Slices = append(s.Slices, Slice{Print: "0"})
	}
	var err error
	if s.Sum, err = plus(cmp.Or(s.Sum, "0"), sum); err == nil {
		s.Slices[n].Print, err = plus(s.Slices[n].Print, print)
	}
	s.Slices[n].Rows += rows
	s.Rows, s.Ordinal = s.Rows+rows, last
	return s, err
}

func plus(a, b string) (string, error) {
	x, ok := new(big.Int).SetString(a, 10)
	y, also := new(big.Int).SetString(b, 10)
	if !ok || !also {
		return "", fmt.Errorf("%q or %q is not a sum", a, b)
	}
	return x.Add(x, y).String(), nil
}

// Of is the seal of a chain.
func (s Seals) Of(c Chain) (Seal, bool) {
	i, found := s.find(c)
	if !found || c.Stream != s.Stream {
		return Seal{}, false
	}
	return s.Chains[i], true
}

func (s Seals) find(c Chain) (int, bool) {
	return slices.BinarySearchFunc(s.Chains, c, func(seal Seal, c Chain) int { return seal.Chain(c.Stream).Compare(c) })
}

// With are the seals with one in the place of its chain's.
func (s Seals) With(seal Seal) Seals {
	i, found := s.find(seal.Chain(s.Stream))
	if s.Chains = slices.Clone(s.Chains); found {
		s.Chains[i] = seal
	} else {
		s.Chains = slices.Insert(s.Chains, i, seal)
	}
	return s
}

// Without are the seals but for those of some shards.
func (s Seals) Without(opened func(shard string) bool) Seals {
	s.Chains = slices.DeleteFunc(slices.Clone(s.Chains), func(seal Seal) bool { return opened(seal.Shard) })
	return s
}

// Encode is the seals as they lie in the bucket: indented JSON, to be read by people too.
func (s Seals) Encode() []byte {
	s.Check = s.sum()
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		panic(err) // strings, integers and times: always encodable
	}
	return append(text, '\n')
}

// DecodeSeals reads seals and refuses those that are damaged or another stream's.
func DecodeSeals(text []byte, stream string) (Seals, error) {
	var s Seals
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return Seals{}, fmt.Errorf("the seals of stream %s are not readable: %w", stream, err)
	}
	switch {
	case s.Stream != stream:
		return Seals{}, fmt.Errorf("the seals of stream %s belong to %s", stream, s.Stream)
	case s.Check != s.sum() || !s.whole():
		return Seals{}, fmt.Errorf("the seals of stream %s have a wrong checksum: they were edited or damaged", stream)
	}
	return s, nil
}

// whole reports whether the seals can be what Add and With have made.
func (s Seals) whole() bool {
	for i, seal := range s.Chains {
		n, _, _ := seal.Slice(seal.Ordinal)
		if seal.Shard == "" || seal.First < 1 || seal.Ordinal < seal.First || len(seal.Slices) != n+1 ||
			i > 0 && s.Chains[i-1].Chain(s.Stream).Compare(seal.Chain(s.Stream)) >= 0 {
			return false
		}
	}
	return true
}

func (s Seals) sum() string {
	s.Check = ""
	text, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}
