package rawzone

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/snowstream/snowstream/record"
)

// ErrVoid says that an object has no rows and never will: the writer that had its name was given up.
var ErrVoid = errors.New("its name was made void")

// Void is the metadata of such an object; it has the header line alone.
func Void() map[string]string { return map[string]string{"void": "true"} }

// Object is an object of rows: its name, and the range of records that it decides, which lies in its metadata.
type Object struct {
	Key string
	// Generation is what numbers its rows; see Chain.
	Generation string
	// First and Last are the ends of the range, rejected records included.
	First, Last               record.Position
	FirstOrdinal, LastOrdinal int64
	// Inside says that the Kinesis record of Last goes on in a later object; see Ledger.Inside.
	Inside string
	// Passed is the position of the ledger once the object has landed: Last, and for recovered records, which the
	// ledger has passed long ago, where the ledger stands.
	Passed record.Position
	// PassedInside is the ledger's Inside there, of recovered records.
	PassedInside string
	// Source says where recovered records came from; empty for all others.
	Source string
	// Previous is the key of the object in front of it in the chain, empty for the first one and in objects from before
	// this was noted.
	Previous string
	// Rows counts the lines behind the header; Quarantined the records of the range without one.
	Rows, Quarantined int
	// Quarantine is the key of the object that holds them, empty if there are none.
	Quarantine string
	// The totals of the shard once this object has landed, so that a lost ledger can be rebuilt from its last object
	// instead of from all.
	TotalRecords, TotalQuarantined, TotalObjects int64
}

// Of is the object that a batch becomes, on top of what the ledger covers.
func Of(b record.Batch, folder record.Folder, l Ledger) Object {
	o := Object{
		Generation: l.Generation,

		Key:   RowsKey(folder, b.Folder, l.Chain(), b.First, b.FirstOrdinal, l.Turn),
		First: b.First, Last: b.Last, Inside: b.Inside, Passed: b.Last, FirstOrdinal: b.FirstOrdinal, LastOrdinal: b.LastOrdinal, Previous: l.Object,
		Rows: b.Rows, Quarantined: len(b.Rejected),
		TotalRecords:     l.Records + int64(b.Records),
		TotalQuarantined: l.Quarantined + int64(len(b.Rejected)),
		TotalObjects:     l.Objects + 1,
	}
	if len(b.Rejected) > 0 {
		o.Quarantine = QuarantineKey(l.Chain(), b.First, b.Last, b.FirstOrdinal, l.Turn)
	}
	return o
}

// Recovered is the object that a batch of recovered records becomes, under the n-th name for them.
func Recovered(b record.Batch, source string, l Ledger, n int) Object {
	o := Of(b, record.Folder{}, l)
	o.Key, o.Source, o.Passed, o.PassedInside = RecoveredKey(l.Chain(), b.First, n), source, l.Last(), l.Inside
	return o
}

// Compressed is the plain object under the name that it has with a compression. The name is fixed before the object is
// written, in the ledger; a writer with another setting voids or covers that name and does not compute its own.
func (o Object) Compressed(c Compression) Object {
	o.Key += c.Extension()
	return o
}

// Metadata is the range as user metadata of the object: 0.5 to 1 KB, where S3 allows 2.
func (o Object) Metadata() map[string]string {
	m := map[string]string{
		"shard":            o.First.Shard,
		"first-sequence":   o.First.Sequence,
		"first-sub":        strconv.FormatInt(o.First.Subsequence, 10),
		"last-sequence":    o.Last.Sequence,
		"last-sub":         strconv.FormatInt(o.Last.Subsequence, 10),
		"first-ordinal":    strconv.FormatInt(o.FirstOrdinal, 10),
		"last-ordinal":     strconv.FormatInt(o.LastOrdinal, 10),
		"rows":             strconv.Itoa(o.Rows),
		"quarantined":      strconv.Itoa(o.Quarantined),
		"quarantine":       o.Quarantine,
		"total-records":    strconv.FormatInt(o.TotalRecords, 10),
		"total-quarantine": strconv.FormatInt(o.TotalQuarantined, 10),
		"total-objects":    strconv.FormatInt(o.TotalObjects, 10),
	}
	if o.Generation != "" {
		m["generation"] = o.Generation
	}
	if o.Previous != "" {
		m["previous"] = o.Previous
	}
	if o.Inside != "" {
		m["inside"] = Escape(o.Inside)
	}
	if o.PassedInside != "" {
		m["passed-inside"] = Escape(o.PassedInside)
	}
	if o.Source != "" {
		m["source"] = Escape(o.Source)
		m["passed-sequence"], m["passed-sub"] = o.Passed.Sequence, strconv.FormatInt(o.Passed.Subsequence, 10)
	}
	return m
}

// ParseObject reads the range from an object's metadata and refuses one that contradicts itself. Of an object without
// rows it returns ErrVoid.
func ParseObject(key string, metadata map[string]string) (Object, error) {
	if metadata["void"] != "" {
		return Object{}, fmt.Errorf("object %s: %w", key, ErrVoid)
	}
	var err error
	number := func(name string) int64 {
		n, e := strconv.ParseInt(metadata[name], 10, 64)
		if e != nil && err == nil {
			err = fmt.Errorf("object %s: metadata %q is not a number", key, name)
		}
		return n
	}
	shard := metadata["shard"]
	o := Object{
		Key:              key,
		Generation:       metadata["generation"],
		First:            record.Position{Shard: shard, Sequence: metadata["first-sequence"], Subsequence: number("first-sub")},
		Last:             record.Position{Shard: shard, Sequence: metadata["last-sequence"], Subsequence: number("last-sub")},
		FirstOrdinal:     number("first-ordinal"),
		LastOrdinal:      number("last-ordinal"),
		Rows:             int(number("rows")),
		Quarantined:      int(number("quarantined")),
		Quarantine:       metadata["quarantine"],
		TotalRecords:     number("total-records"),
		TotalQuarantined: number("total-quarantine"),
		TotalObjects:     number("total-objects"),
		Source:           metadata["source"],
		Previous:         metadata["previous"],
		Inside:           Unescape(metadata["inside"]),
		PassedInside:     Unescape(metadata["passed-inside"]),
	}
	if o.Passed = o.Last; o.Source != "" {
		o.Passed = record.Position{Shard: shard, Sequence: metadata["passed-sequence"], Subsequence: number("passed-sub")}
	}
	switch {
	case err != nil:
		return Object{}, err
	case shard == "" || o.First.Sequence == "" || o.First.Compare(o.Last) > 0,
		o.FirstOrdinal < 1 || o.LastOrdinal-o.FirstOrdinal+1 != int64(o.Rows+o.Quarantined),
		(o.Quarantined > 0) != (o.Quarantine != ""):
		return Object{}, fmt.Errorf("object %s: its metadata contradicts itself: it was not written by snowstream, or was changed since", key)
	}
	return o, nil
}
