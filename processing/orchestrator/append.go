package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/snowstream/snowstream/processing/datalake"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
)

const (
	// appendTries bounds how often Append starts again because the shard's live writer was faster.
	appendTries = 20
	// courtesy is how long Append leaves the live writer alone that has a name and not yet its object.
	courtesy = time.Minute
	// appendPause is between two looks.
	appendPause = 500 * time.Millisecond
)

// ErrAhead means that the shard's ledger has not passed all of the records: they land with the next batch, or by
// Handle.
var ErrAhead = errors.New("the shard's ledger has not passed these records yet")

// Settle does step 1 alone: what the shard has open is handed over, or its name is made void. The last batch of a shard needs
// that if it was given up, since no other comes that would do it.
func (o *Orchestrator) Settle(ctx context.Context, stream, shard string) error {
	if err := o.yield(ctx, stream, shard); err != nil {
		return err
	}
	o.atHand = nil
	_, _, err := o.head(ctx, stream, shard, o.arn)
	return err
}

// Batch are Kinesis records of one shard, in order, that are appended.
type Batch struct {
	Stream, Shard string
	// Source says where they come from, in short, and stands in the objects' metadata.
	Source  string
	Records []record.Record
	// Landed is the sub-sequence number up to which the first record has landed, where Inside is not empty; see Ledger.Inside.
	Landed int64
	Inside string
}

// first is the position of the first record to land.
func (b Batch) first() record.Position {
	p := b.Records[0].Position
	if b.Inside != "" {
		p.Subsequence = b.Landed + 1
	}
	return p
}

// behind is what is left of a batch once an object of it has landed.
func (b Batch) behind(o rawzone.Object) Batch {
	b.Landed, b.Inside = o.Last.Subsequence, o.Inside
	for len(b.Records) > 0 {
		if c := record.CompareSequence(b.Records[0].Sequence, o.Last.Sequence); c > 0 || c == 0 && o.Inside != "" {
			break
		}
		b.Records = b.Records[1:]
	}
	return b
}

// Append lands records that the shard's ledger has passed without them, such as those of a batch that the event source
// mapping gave up, as more objects at the shard's present end. They get the next ordinals, and the ledger's position
// stays where it is.
//
// The caller knows that none of them lies in the raw zone, and looks after the ledger has passed them, because from then on
// nobody else can land them.
//
// It is safe beside the live writer, at the price of a retry of the one that comes second, and may be repeated: the name of
// each object is fixed by its first record, and a second call finds it and changes nothing. Records that overlap with what
// was appended before under another first record are an error, and nothing of them is written. It returns the last object.
func (o *Orchestrator) Append(ctx context.Context, b Batch) (object rawzone.Object, err error) {
	for i, r := range b.Records {
		if r.Shard != b.Shard || i > 0 && b.Records[i-1].Compare(r.Position) >= 0 {
			return object, fmt.Errorf("append to %s/%s: the records are not the shard's, in order", b.Stream, b.Shard)
		}
	}
	if len(b.Records) == 0 || b.Source == "" {
		return object, fmt.Errorf("append to %s/%s: no records, or no source", b.Stream, b.Shard)
	}
	for try := 1; len(b.Records) > 0; try++ {
		if object, err = o.appendOnce(ctx, b); err == nil {
			b, try = b.behind(object), 0
			continue
		}
		if !errors.Is(err, datalake.ErrFenced) || try == appendTries {
			return object, err
		}
		if err := wait(ctx, time.Duration(try)*appendPause); err != nil {
			return object, err
		}
	}
	return object, nil
}

// appendOnce lands the first object of a batch. It looks for the object under the same head that it then swaps: a second
// writer of the same records is refused.
func (o *Orchestrator) appendOnce(ctx context.Context, b Batch) (rawzone.Object, error) {
	if err := o.yield(ctx, b.Stream, b.Shard); err != nil {
		return rawzone.Object{}, err
	}
	o.atHand = b.Records
	head, _, err := o.head(ctx, b.Stream, b.Shard, o.arn)
	if err != nil {
		return rawzone.Object{}, err
	}
	last := b.Records[len(b.Records)-1].Position
	if !head.Passed(last.Sequence) {
		return rawzone.Object{}, fmt.Errorf("append to %s/%s up to %s: %w", b.Stream, b.Shard, last.Sequence, ErrAhead)
	}
	last.Subsequence = math.MaxInt64
	object, n, err := o.lake.Recovered(ctx, head, b.first(), last)
	if err != nil || object.Key != "" {
		return object, err
	}
	records := o.unpack.Cursor(b.Records)
	if b.Inside != "" {
		if records, err = o.rest(head.Chain(), b.Records, b.Landed, b.Inside); err != nil {
			return object, err
		}
	}
	defer records.Close()
	if records.Peek() == nil {
		return object, fmt.Errorf("append to %s/%s: record %s has nothing behind sub-sequence %d", b.Stream, b.Shard, b.Records[0].Sequence, b.Landed)
	}
	batch := o.cut(records, head.Ledger)
	object = rawzone.Recovered(batch.Batch, b.Source, head.Ledger, n).Compressed(o.pack)
	if head, object, err = o.object(ctx, head, object, batch, false); err != nil {
		return object, err
	}
	_, err = o.lake.Advance(ctx, head, head.Ledger)
	return object, err
}

// yield waits while somebody has named an object and may be just about to write it. This is a courtesy: a writer whose name
// is made void has to begin again.
func (o *Orchestrator) yield(ctx context.Context, stream, shard string) error {
	for {
		busy, err := o.lake.Busy(ctx, stream, shard, courtesy)
		if err != nil || !busy {
			return err
		}
		if err := wait(ctx, appendPause); err != nil {
			return err
		}
	}
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
