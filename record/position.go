package record

import (
	"cmp"
	"strings"
)

// Position is a record's place in its stream: its identity, which no other record ever has.
type Position struct {
	// Shard is the shard's id, such as shardId-000000000000.
	Shard string
	// Sequence is Kinesis' sequence number: a decimal string of up to 128 digits, without leading zeros.
	Sequence string
	// Subsequence counts the user records inside one aggregated record from 0; it is 0 for all others.
	Subsequence int64
}

// Compare orders two positions of one shard: by sequence number, then by sub-sequence.
func (p Position) Compare(q Position) int {
	if c := CompareSequence(p.Sequence, q.Sequence); c != 0 {
		return c
	}
	return cmp.Compare(p.Subsequence, q.Subsequence)
}

// CompareSequence orders two sequence numbers by value. They are too long for any integer type, and as plain text
// "10" would stand before "9": so the shorter one is the smaller one, and only equal lengths compare as text. The
// empty string stands before every sequence number.
func CompareSequence(a, b string) int {
	if c := cmp.Compare(len(a), len(b)); c != 0 {
		return c
	}
	return strings.Compare(a, b)
}
