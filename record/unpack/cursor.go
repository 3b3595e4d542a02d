package unpack

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/aggregate"
)

// Cursor goes through the records inside Kinesis records, one at a time: one payload lies unpacked in memory, however many
// there are. It is used by one goroutine. Of several cursors of an unpacker the one that was made last must be done with before
// another one goes on.
type Cursor struct {
	unpacker *Unpacker
	// records were not begun. Of the first one, payloads may unpack to most bytes, and the records from the sub-sequence number
	// from on are wanted.
	records []record.Record
	most    int
	from    int64
	// begun says that no record is the first one any more.
	begun bool
	// outer is the record that was begun, users are those inside it that were not, rest is what stands behind the payload that
	// was, and next is the number of the next record in it.
	outer record.Record
	users []aggregate.UserRecord
	rest  []byte
	next  int64
	// pull gives what is inside the payload that was begun, stop ends it.
	pull func() (record.Record, bool)
	stop func()
	// here is what Peek returns, nil if that has to be found; own is the place of one that does not lie in records.
	here *record.Record
	own  record.Record
}

// Cursor returns a cursor over records, which are not changed.
func (u *Unpacker) Cursor(records []record.Record) *Cursor {
	u.spare = [2][]byte{} // another cursor may stand at what lies there
	return &Cursor{unpacker: u, records: records, most: u.most}
}

// Peek is the next record, nil behind the last one. Its data is valid until Peek is called behind Next.
func (c *Cursor) Peek() *record.Record {
	for c.here == nil {
		switch {
		case c.pull != nil:
			var ok bool
			if c.own, ok = c.pull(); !ok {
				c.Close()
				continue
			}
			c.next, c.here = c.own.Subsequence+1, &c.own
		case len(c.rest) > 0:
			c.payload(c.rest)
		case len(c.users) > 0:
			c.user()
		case len(c.records) > 0:
			c.begin()
		default:
			return nil
		}
		if c.here != nil && c.here.Subsequence < c.from {
			c.here = nil
		}
	}
	return c.here
}

// begin begins the next Kinesis record.
func (c *Cursor) begin() {
	r := &c.records[0]
	if c.records = c.records[1:]; c.begun {
		c.most, c.from = c.unpacker.most, 0
	}
	if c.begun = true; !c.unpacker.packed(r.Data) {
		c.here = r
		return
	}
	if c.outer, c.next = *r, r.Subsequence; !aggregate.Is(r.Data) {
		c.payload(r.Data)
		return
	}
	users, err := aggregate.Decode(r.Data)
	if err != nil {
		c.give(r.Data, record.BadAggregate)
		return
	}
	c.users, c.next = users, 0
}

// user begins the next record of an aggregated one.
func (c *Cursor) user() {
	user := c.users[0]
	c.users, c.outer.PartitionKey = c.users[1:], user.PartitionKey
	if c.unpacker.packed(user.Data) {
		c.payload(user.Data)
	} else {
		c.give(user.Data, record.OK)
	}
}

// payload begins a payload that may be more than a record.
func (c *Cursor) payload(data []byte) {
	r, most := c.outer, c.most
	r.Data, r.Subsequence, c.rest = data, c.next, nil
	if c.unpacker.wraps {
		c.pull, c.stop = iter.Pull(func(yield func(record.Record) bool) { c.unpacker.payload(r, most, yield) })
		return
	}
	data, rest, code := c.unpacker.open(r, most)
	c.rest = rest
	c.give(data, code)
}

// give makes the next record of the one that was begun.
func (c *Cursor) give(data []byte, code record.Code) {
	c.own = c.outer
	c.own.Data, c.own.Refused, c.own.Subsequence, c.here = data, code, c.next, &c.own
	c.next++
}

// Next leaves the record behind that Peek has returned.
func (c *Cursor) Next() { c.here = nil }

// Close lets go of the payload that was begun.
func (c *Cursor) Close() {
	if c.stop != nil {
		c.stop()
	}
	c.pull, c.stop = nil, nil
}

// Numbering is how the records inside the Kinesis record that was begun get their numbers, as text. Where a record lands in
// parts, the next part must be numbered like the first one.
func (c *Cursor) Numbering() string { return c.unpacker.numbering(c.most) }

func (u *Unpacker) numbering(most int) string {
	text := fmt.Sprintf("%s %d", u.schema.Payload, most)
	if u.schema.Base64 {
		text += " base64"
	}
	if u.explode != nil {
		sum := sha256.Sum256(fmt.Appendf(nil, "%q", u.explode))
		text += " explode " + hex.EncodeToString(sum[:4])
	}
	return text
}

// ErrNumbering means that the rest of a record cannot be numbered as its beginning was.
var ErrNumbering = errors.New("the schema unpacks payloads in another way than when the record's beginning landed: take the payload, explode and base64 " +
	"settings back until the rest has landed")

// Rest returns a cursor over records of which the first one has landed in part, with this numbering, up to a sub-sequence
// number.
func (u *Unpacker) Rest(records []record.Record, landed int64, numbering string) (*Cursor, error) {
	c := u.Cursor(records)
	c.from = landed + 1
	_, most, _ := strings.Cut(numbering, " ")
	if n, _ := fmt.Sscan(most, &c.most); n != 1 || u.numbering(c.most) != numbering {
		return nil, ErrNumbering
	}
	return c, nil
}
