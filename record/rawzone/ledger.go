package rawzone

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/snowstream/snowstream/record"
)

// Ledger says how far a shard has landed: every record up to Last lies in the raw zone or in quarantine, and its row
// has been handed to the streaming table; and which object comes next. It is written before that object, so an object
// that no ledger has named does not exist, and of two writers one is stopped before it has written anything.
type Ledger struct {
	Stream string `json:"stream"`
	Shard  string `json:"shard"`
	// Generation is what numbers the rows; see Chain.
	Generation string `json:"generation,omitempty"`
	// Sequence and Subsequence are the position of the last record that landed. It never moves back.
	Sequence    string `json:"sequence"`
	Subsequence int64  `json:"subsequence"`
	// Inside says that the Kinesis record of that position holds more records, which have not landed, and how all in it are
	// numbered; see unpack.Numbering. Empty means that it has landed as a whole.
	Inside string `json:"inside,omitempty"`
	// Ordinal is the last one given; see Count.
	Ordinal int64 `json:"ordinal"`
	// Records counts Kinesis records; it is smaller than Count where records were aggregated.
	Records int64 `json:"records"`
	// Quarantined counts the ordinals that have no row.
	Quarantined int64 `json:"quarantined"`
	// Objects counts the objects of rows, Object is the key of the last one.
	Objects int64  `json:"objects"`
	Object  string `json:"object"`
	// Open is the key of the object behind all this, empty if there is none. If it exists, its records have landed too
	// and its rows may be on their way to the streaming table. If not, it may come to exist at any moment, until its
	// name is made void.
	Open string `json:"open,omitempty"`
	// Withheld is the key of a quarantine object that may come to exist: that of rows of the open object which the table does
	// not take. Empty if there is none.
	Withheld string `json:"withheld,omitempty"`
	// Turn counts the names for the next ordinal that were made void.
	Turn int `json:"turn,omitempty"`
	// Stopped says why nobody may write until a person has looked; empty means go on.
	Stopped string `json:"stopped,omitempty"`
	// Ended says that the shard goes on in a later generation: nobody may write here any more.
	Ended bool `json:"ended,omitempty"`
	// Channel is what was known of the shard's channel when this was written, if rows go by Snowpipe Streaming.
	Channel *Channel `json:"channel,omitempty"`
	// New says that the chain was claimed with this ledger: nothing has landed before.
	New bool `json:"new,omitempty"`
	// UpdatedAt is when this was written, by its writer's clock.
	UpdatedAt time.Time `json:"updated_at"`
	// Check is a checksum over all the above: a ledger that was edited or cut is refused, never believed.
	Check string `json:"check"`
}

// Channel is how far a channel was known to have committed, and what it had rejected by then.
type Channel struct {
	// Committed is the ordinal up to which all rows are in the streaming table, or were rejected.
	Committed int64 `json:"committed"`
	// Rejected counts the rows that the service has not taken, in the life of the channel that was made at Created, in Unix
	// milliseconds.
	Rejected int64 `json:"rejected"`
	Created  int64 `json:"created"`
	// Merged says that the last rows were merged, behind the channel's back.
	Merged bool `json:"merged,omitempty"`
}

// Known is what a channel's next opener may go by: nothing, where c only says that rows begin to go by the channel behind Committed.
// Where the ledger was lost before, rows in front of that may be missing.
func (c Channel) Known() Channel {
	if c.Created == 0 && !c.Merged {
		return Channel{}
	}
	return c
}

// Of reports whether what is known goes for the channel that was made at a moment: how far another one was does not, because the table
// may have been dropped or emptied with it. Merged rows have no channel.
func (c Channel) Of(created int64) bool { return c.Merged || c.Created == created }

// Start is the ledger of a chain before its first record.
func Start(c Chain) Ledger {
	return Ledger{Stream: c.Stream, Shard: c.Shard, Generation: c.Generation, Ordinal: record.Base(c.Shard)}
}

// Chain is what the ledger counts.
func (l Ledger) Chain() Chain { return Chain{l.Stream, l.Generation, l.Shard} }

// Empty reports whether the ledger says nothing: the shard is new, or its ledger was lost.
func (l Ledger) Empty() bool { return l.Object == "" && l.Open == "" }

// Base is the ordinal in front of the shard's first one. Ledgers from before ordinals had a base stay at 0.
func (l Ledger) Base() int64 {
	if base := record.Base(l.Shard); l.Ordinal >= base {
		return base
	}
	return 0
}

// Count is how many records the shard has had.
func (l Ledger) Count() int64 { return l.Ordinal - l.Base() }

// Last is the position up to which the shard has landed.
func (l Ledger) Last() record.Position {
	return record.Position{Shard: l.Shard, Sequence: l.Sequence, Subsequence: l.Subsequence}
}

// Passed reports whether the Kinesis record of a sequence number has landed as a whole, or was passed over.
func (l Ledger) Passed(sequence string) bool {
	c := record.CompareSequence(sequence, l.Sequence)
	return c < 0 || c == 0 && l.Inside == ""
}

// Before is the ledger that is written before the object is.
func (l Ledger) Before(o Object, now time.Time) Ledger {
	l.Open, l.Withheld, l.New, l.UpdatedAt = o.Key, "", false, now.UTC()
	return l
}

// After is the ledger once the object has landed and was handed over.
func (l Ledger) After(o Object, now time.Time) Ledger {
	l.Sequence, l.Subsequence = o.Passed.Sequence, o.Passed.Subsequence
	if l.Inside = o.Inside; o.Source != "" {
		l.Inside = o.PassedInside
	}
	l.Ordinal, l.Records, l.Quarantined = o.LastOrdinal, o.TotalRecords, o.TotalQuarantined
	l.Objects, l.Object, l.UpdatedAt = o.TotalObjects, o.Key, now.UTC()
	l.Open, l.Withheld, l.Turn = "", "", 0
	return l
}

// Withholding is the ledger that is written before rows of the open object are put aside.
func (l Ledger) Withholding(o Object, key string, now time.Time) Ledger {
	l = l.Before(o, now)
	l.Withheld = key
	return l
}

// AfterAll is After for an object of which so many rows were put aside: like rejected records they have no row.
func (l Ledger) AfterAll(o Object, withheld int64, now time.Time) Ledger {
	l = l.After(o, now)
	l.Quarantined += withheld
	return l
}

// Without is the ledger once the name of the open object is void.
func (l Ledger) Without() Ledger {
	l.Open, l.Withheld, l.Turn = "", "", l.Turn+1
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

// DecodeLedger reads a ledger and refuses one that is damaged or another chain's.
func DecodeLedger(text []byte, c Chain) (Ledger, error) {
	var l Ledger
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		return Ledger{}, fmt.Errorf("ledger %s is not readable: %w", c.LedgerKey(), err)
	}
	switch {
	case l.Chain() != c:
		return Ledger{}, fmt.Errorf("ledger %s belongs to %s", c.LedgerKey(), strings.TrimSuffix(l.Chain().place(), "/"))
	case l.Check != l.sum():
		return Ledger{}, fmt.Errorf("ledger %s has a wrong checksum: it was edited or damaged", c.LedgerKey())
	}
	return l, nil
}

func (l Ledger) sum() string {
	text := fmt.Sprintf("%q %q %q %d %d %d %d %d %q %s", l.Stream, l.Shard, l.Sequence, l.Subsequence, l.Ordinal,
		l.Records, l.Quarantined, l.Objects, l.Object, l.UpdatedAt.UTC().Format(time.RFC3339Nano))
	if l.Open != "" || l.Turn != 0 || l.Stopped != "" { // ledgers from before these fields keep their checksums
		text += fmt.Sprintf(" %q %d %q", l.Open, l.Turn, l.Stopped)
	}
	if l.Generation != "" || l.Ended || l.New {
		text += fmt.Sprintf(" generation %q %t %t", l.Generation, l.Ended, l.New)
	}
	if l.Channel != nil {
		text += fmt.Sprintf(" channel %d %d %d", l.Channel.Committed, l.Channel.Rejected, l.Channel.Created)
	}
	if l.Channel != nil && l.Channel.Merged {
		text += " merged"
	}
	if l.Withheld != "" {
		text += fmt.Sprintf(" withheld %q", l.Withheld)
	}
	if l.Inside != "" {
		text += fmt.Sprintf(" inside %q", l.Inside)
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}
