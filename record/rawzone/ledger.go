package rawzone

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/snowstream/snowstream/record"
)

// Ledger says how far a shard has landed: every record up to Last lies in the raw zone or in quarantine, and its row
// has been handed to the streaming table. The zero Ledger, with stream and shard, is a shard before its first record.
type Ledger struct {
	Stream string `json:"stream"`
	Shard  string `json:"shard"`
	// Sequence and Subsequence are the position of the last record that landed.
	Sequence    string `json:"sequence"`
	Subsequence int64  `json:"subsequence"`
	// Ordinal is the last one given, which is also how many records the shard has had.
	Ordinal int64 `json:"ordinal"`
	// Records counts Kinesis records; it is smaller than Ordinal where records were aggregated.
	Records int64 `json:"records"`
	// Quarantined counts the ordinals that have no row.
	Quarantined int64 `json:"quarantined"`
	// Objects counts the objects of rows, Object is the key of the last one.
	Objects int64  `json:"objects"`
	Object  string `json:"object"`
	// UpdatedAt is for people.
	UpdatedAt time.Time `json:"updated_at"`
	// Check is a checksum over all the above: a ledger that was edited or cut is refused, never believed.
	Check string `json:"check"`
}

// Last is the position up to which the shard has landed.
func (l Ledger) Last() record.Position {
	return record.Position{Shard: l.Shard, Sequence: l.Sequence, Subsequence: l.Subsequence}
}

// After is the ledger once the object has landed and was handed over.
func (l Ledger) After(o Object, now time.Time) Ledger {
	l.Sequence, l.Subsequence = o.Last.Sequence, o.Last.Subsequence
	l.Ordinal, l.Records, l.Quarantined = o.LastOrdinal, o.TotalRecords, o.TotalQuarantined
	l.Objects, l.Object, l.UpdatedAt = o.TotalObjects, o.Key, now.UTC()
	return l
}

// Encode is the ledger as it lies in the bucket: indented JSON, to be read by people too.
func (l Ledger) Encode() []byte {
	l.Check = l.sum()
	text, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		panic(err) // strings, integers and a time: always encodable
	}
	return append(text, '\n')
}

// DecodeLedger reads a ledger and refuses one that is damaged or another shard's.
func DecodeLedger(text []byte, stream, shard string) (Ledger, error) {
	var l Ledger
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		return Ledger{}, fmt.Errorf("ledger of %s/%s is not readable: %w", stream, shard, err)
	}
	switch {
	case l.Stream != stream || l.Shard != shard:
		return Ledger{}, fmt.Errorf("ledger of %s/%s belongs to %s/%s", stream, shard, l.Stream, l.Shard)
	case l.Check != l.sum():
		return Ledger{}, fmt.Errorf("ledger of %s/%s has a wrong checksum: it was edited or damaged", stream, shard)
	}
	return l, nil
}

func (l Ledger) sum() string {
	text := fmt.Sprintf("%q %q %q %d %d %d %d %d %q %s", l.Stream, l.Shard, l.Sequence, l.Subsequence, l.Ordinal,
		l.Records, l.Quarantined, l.Objects, l.Object, l.UpdatedAt.UTC().Format(time.RFC3339Nano))
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}
