package audit

import (
	"cmp"
	"slices"

	"github.com/snowstream/snowstream/record"
)

// Kind says what is wrong at a position.
type Kind string

// The kinds.
const (
	// Missing: a record that was accepted is not there.
	Missing Kind = "missing"
	// Doubled: the same record is there once more.
	Doubled Kind = "doubled"
	// Altered: the record is there with other values, or under another identity.
	Altered Kind = "altered"
	// Foreign: a row that no accepted record accounts for: of a shard that nothing knows, behind the ledger without an
	// object, in front of the shard's first ordinal, or of a record that lies in quarantine.
	Foreign Kind = "foreign"
	// Unreadable: an object that is there and cannot be read, so that what it holds was compared with nothing.
	Unreadable Kind = "unreadable"
	// Pending: not in a table, but its object is so young that the pipe may still load it, or that its hand-over to the
	// streaming table may be under way. This is
	// not a fault.
	Pending Kind = "pending"
)

// Place is where it is wrong.
type Place string

// The places.
const (
	Streaming  Place = "streaming"
	Microbatch Place = "microbatch"
	RawZone    Place = "raw_zone"
	Quarantine Place = "quarantine"
	// Stream: what the stream had, and nobody has any more.
	Stream Place = "stream"
)

// Finding is a run of consecutive ordinals of one shard that are wrong in the same way.
type Finding struct {
	Kind  Kind   `json:"kind"`
	Place Place  `json:"place"`
	Shard string `json:"shard"`
	// First and Last are the ends of the run; 0 where a record never got an ordinal.
	First int64 `json:"first_ordinal"`
	Last  int64 `json:"last_ordinal"`
	// Count is how many records or rows of the run are concerned; quarantined ones in between are not. 0 where nobody
	// knows.
	Count int64 `json:"count"`
	// FirstSequence and LastSequence are the sequence numbers at the ends, empty where nothing tells them.
	FirstSequence string `json:"first_sequence,omitempty"`
	LastSequence  string `json:"last_sequence,omitempty"`
	// Object is the object of the raw zone, where one is concerned.
	Object string `json:"object,omitempty"`
	// Note says what the numbers do not.
	Note string `json:"note,omitempty"`
}

// row is a row of a table as the audit sees it: its identity, and an MD5 in place of its values.
type row struct {
	ordinal     int64
	sequence    string
	subsequence int64
	print       string
}

// compare orders rows by ordinal, identity and values.
func (r row) compare(o row) int {
	return cmp.Or(cmp.Compare(r.ordinal, o.ordinal), cmp.Compare(r.sequence, o.sequence), cmp.Compare(r.subsequence, o.subsequence), cmp.Compare(r.print, o.print))
}

func (r row) position(shard string) record.Position {
	return record.Position{Shard: shard, Sequence: r.sequence, Subsequence: r.subsequence}
}

// mark is one ordinal at which something is wrong. differs is set where both tables have the row, with other values:
// which of them is right is for the raw zone to say.
type mark struct {
	kind    Kind
	place   Place
	ordinal int64
	count   int64
	// sequence is what the tables say of the ordinal, empty if neither has it.
	sequence string
	differs  bool
}

// compare looks at each ordinal from first to last. absent tells the ordinals that have no row because their records
// are in quarantine; both lists of rows are in the order of their ordinals.
func compare(first, last int64, absent func(int64) bool, streaming, microbatch []row) (out []mark) {
	for n := first; n <= last; n++ {
		var s, m []row
		s, streaming = cut(streaming, n)
		m, microbatch = cut(microbatch, n)
		sequence := ""
		if all := append(slices.Clone(s), m...); len(all) > 0 {
			sequence = all[0].sequence
		}
		for _, table := range []struct {
			place Place
			rows  []row
		}{{Streaming, s}, {Microbatch, m}} {
			at := mark{place: table.place, ordinal: n, count: 1, sequence: sequence}
			switch {
			case absent(n) && len(table.rows) > 0:
				at.kind, at.count = Foreign, int64(len(table.rows))
			case absent(n):
				continue
			case len(table.rows) == 0:
				at.kind = Missing
			case len(table.rows) > 1:
				at.kind, at.count = Doubled, int64(len(table.rows)-1)
			default:
				continue
			}
			out = append(out, at)
		}
		if !absent(n) && len(s) > 0 && len(m) > 0 && !samePrints(s, m) {
			out = append(out, mark{ordinal: n, count: 1, sequence: sequence, differs: true})
		}
	}
	return out
}

// cut takes the rows of one ordinal off the front.
func cut(rows []row, ordinal int64) (of, rest []row) {
	n := 0
	for n < len(rows) && rows[n].ordinal == ordinal {
		n++
	}
	return rows[:n], rows[n:]
}

// samePrints reports whether all rows have the same values.
func samePrints(s, m []row) bool {
	for _, r := range slices.Concat(s, m) {
		if r.print != s[0].print {
			return false
		}
	}
	return true
}

// join makes findings of marks: those of one kind and place become runs of consecutive ordinals. skip tells the
// ordinals that do not end a run because they are not expected to be there.
func join(shard string, marks []mark, skip func(int64) bool) (out []Finding) {
	slices.SortStableFunc(marks, func(a, b mark) int {
		return cmp.Or(cmp.Compare(a.place, b.place), cmp.Compare(a.kind, b.kind), cmp.Compare(a.ordinal, b.ordinal))
	})
	for _, m := range marks {
		if n := len(out); n > 0 && out[n-1].Kind == m.kind && out[n-1].Place == m.place && adjacent(out[n-1].Last, m.ordinal, skip) {
			f := &out[n-1]
			f.Last, f.LastSequence, f.Count = m.ordinal, m.sequence, f.Count+m.count
			continue
		}
		out = append(out, Finding{
			Kind: m.kind, Place: m.place, Shard: shard, First: m.ordinal, Last: m.ordinal, Count: m.count,
			FirstSequence: m.sequence, LastSequence: m.sequence,
		})
	}
	return out
}

func adjacent(last, next int64, skip func(int64) bool) bool {
	for last++; last < next; last++ {
		if !skip(last) {
			return false
		}
	}
	return true
}
