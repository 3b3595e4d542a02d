package orchestrator

import (
	"context"
	"errors"
	"fmt"
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

// Append lands records that the shard's ledger has passed without them, such as those of a batch that the event source
// mapping gave up, as one more object at the shard's present end. They get the next ordinals, and the ledger's position
// stays where it is.
//
// The records are Kinesis records of one shard, in order; the caller knows that none of them lies in the raw zone, and looks
// after the ledger has passed them, because from then on nobody else can land them. Source says where they come from, in
// short, and stands in the object's metadata.
//
// It is safe beside the live writer, at the price of a retry of the one that comes second, and may be repeated: the name of
// the object is fixed by the first record, and a second call finds it and changes nothing. Records that overlap with what
// was appended before under another first record are an error, and nothing is written.
func (o *Orchestrator) Append(ctx context.Context, stream, shard, source string, records []record.Record) (rawzone.Object, error) {
	for i, r := range records {
		if r.Shard != shard || i > 0 && records[i-1].Compare(r.Position) >= 0 {
			return rawzone.Object{}, fmt.Errorf("append to %s/%s: the records are not the shard's, in order", stream, shard)
		}
	}
	if len(records) == 0 || source == "" {
		return rawzone.Object{}, fmt.Errorf("append to %s/%s: no records, or no source", stream, shard)
	}
	for try := 1; ; try++ {
		object, err := o.appendOnce(ctx, stream, shard, source, records)
		if !errors.Is(err, datalake.ErrFenced) || try == appendTries {
			return object, err
		}
		if err := wait(ctx, time.Duration(try)*appendPause); err != nil {
			return object, err
		}
	}
}

// appendOnce looks for the object under the same head that it then swaps: a second writer of the same records is refused.
func (o *Orchestrator) appendOnce(ctx context.Context, stream, shard, source string, records []record.Record) (rawzone.Object, error) {
	if err := o.yield(ctx, stream, shard); err != nil {
		return rawzone.Object{}, err
	}
	o.atHand = records
	head, _, err := o.head(ctx, stream, shard, o.arn)
	if err != nil {
		return rawzone.Object{}, err
	}
	first, last := records[0].Position, records[len(records)-1].Position
	if record.CompareSequence(last.Sequence, head.Sequence) > 0 {
		return rawzone.Object{}, fmt.Errorf("append to %s/%s up to %s: %w", stream, shard, last.Sequence, ErrAhead)
	}
	object, n, err := o.lake.Recovered(ctx, head, first, last)
	if err != nil || object.Key != "" {
		return object, err
	}
	var unpacked []record.Record
	for _, r := range records {
		unpacked = o.unpack.Append(unpacked, r)
	}
	batch := o.cut(unpacked, head.Ledger)
	object = rawzone.Recovered(batch.Batch, source, head.Ledger, n).Compressed(o.pack)
	if head, err = o.object(ctx, head, object, batch); err != nil {
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
