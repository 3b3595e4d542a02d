package audit

import (
	"math/big"
	"slices"
	"time"

	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
)

// Landed is how far a shard has come: what its ledger says, and what lies in quarantine.
type Landed struct {
	Ledger rawzone.Ledger
	// Since is the first ordinal whose rows may still be on their way to the streaming table, 0 if there is none; see
	// datalake.Head.
	Since int64
	// Rejected are the records that are or were in quarantine, in order of their ordinals.
	Rejected []Rejected
	// Lost are records that are known to be gone.
	Lost []Lost
	// Closed says that the stream's shard takes no more records; LedgerAt is when its ledger was written, by the clock of S3.
	Closed   bool
	LedgerAt time.Time
	// Broken are the ledger and the quarantine objects of the shard that cannot be read, with the reason.
	Broken []Broken
}

// Broken is an object that cannot be read.
type Broken struct {
	Key string
	Err error
}

// Rejected is a record that went to quarantine.
type Rejected struct {
	record.Position
	Ordinal int64
	// Key is the quarantine object that holds it.
	Key string
	// Replayed says that it has become a row since.
	Replayed bool
	// Digest is that of its payload, empty where nobody has computed it; see Digest.
	Digest string
	// Withheld says that it is a row of its object, which the table did not take. It must be in neither table until it is
	// Replayed, and then it is a row like any other.
	Withheld bool
	// Packed says that its payload was not unpacked, for want of memory.
	Packed bool
}

// shard is what an audit knows of a shard.
type shard struct {
	Landed
	id string
	// absent are the ordinals that must have no row, in order.
	absent []int64
	// objects of rows in order of their first ordinals; void ones are left out.
	objects []object
	// turns are the turns of the names that are not void, by ordinal, where void ones are in front of them.
	turns map[int64]int
	// hidden are the ranges of objects whose rejected records nobody can read.
	hidden [][2]record.Position
	// clashes are objects that number what another one numbers.
	clashes []Finding
	tally   *Tally
	// seal is what an earlier audit has proved and this one believes, nil if there is none.
	seal *rawzone.Seal
	// gone is the ordinal up to which objects may be gone, because a seal covers them, whether this audit believes it or not.
	gone, goneObjects int64
	// off are the tables, in the order of tables, that are not what the seal says.
	off [2]bool
}

// object is an object of rows as a listing tells it.
type object struct {
	key      string
	ordinal  int64
	first    record.Position
	turn     int
	modified time.Time
	// recovered objects stand where they were appended, not where their positions are.
	recovered bool
}

func newShard(id string, l Landed) *shard {
	s := &shard{id: id, Landed: l, turns: map[int64]int{}}
	quarantined := int64(0)
	for _, r := range l.Rejected {
		if !r.Replayed && r.Ordinal <= l.Ledger.Ordinal {
			s.absent = append(s.absent, r.Ordinal)
			quarantined++
		}
	}
	slices.Sort(s.absent)
	s.tally = &Tally{Shard: id, Accepted: l.Ledger.Count(), Landed: l.Ledger.Count(), Quarantined: quarantined}
	return s
}

// isAbsent reports whether an ordinal must have no row.
func (s *shard) isAbsent(ordinal int64) bool {
	_, found := slices.BinarySearch(s.absent, ordinal)
	return found
}

// without are the ordinals from first to last that must have no row.
func (s *shard) without(first, last int64) []int64 {
	from, _ := slices.BinarySearch(s.absent, first)
	to, _ := slices.BinarySearch(s.absent, last+1)
	return s.absent[from:max(from, to)]
}

// want is how many rows a table must have from first to last, and the sum of their ordinals.
func (s *shard) want(first, last int64) (rows int64, sum string) {
	if last < first {
		return 0, "0"
	}
	n := big.NewInt(last - first + 1)
	ordinals := new(big.Int).Add(big.NewInt(first), big.NewInt(last))
	ordinals.Mul(ordinals, n).Rsh(ordinals, 1)
	absent := s.without(first, last)
	for _, ordinal := range absent {
		ordinals.Sub(ordinals, big.NewInt(ordinal))
	}
	return last - first + 1 - int64(len(absent)), ordinals.String()
}

// covering is the object whose name says that it may hold the ordinal.
func (s *shard) covering(ordinal int64) (at int, ok bool) {
	at, exact := slices.BinarySearchFunc(s.objects, ordinal, func(o object, n int64) int { return int(max(-1, min(1, o.ordinal-n))) })
	if !exact {
		at--
	}
	return at, at >= 0
}

// aggregate is what one query says of a run of ordinals in one table.
type aggregate struct {
	rows, ordinals, identities, lowest, highest int64
	// sum is that of the ordinals, print that of the rows' fingerprints.
	sum, print string
}

// isHidden reports whether a record may lie in a quarantine object that cannot be read.
func (s *shard) isHidden(p record.Position) bool {
	return slices.ContainsFunc(s.hidden, func(r [2]record.Position) bool { return r[0].Compare(p) <= 0 && p.Compare(r[1]) <= 0 })
}

// first is the shard's first ordinal.
func (s *shard) first() int64 { return s.Ledger.Base() + 1 }

// from is the first ordinal that no seal covers.
func (s *shard) from() int64 {
	if s.seal != nil {
		return s.seal.Ordinal + 1
	}
	return s.first()
}

// complete reports whether exactly the expected ordinals are there, each once.
func (s *shard) complete(first, last int64, a aggregate) bool {
	rows, sum := s.want(first, last)
	return a.rows == rows && a.ordinals == rows && a.identities == rows && a.sum == sum
}
