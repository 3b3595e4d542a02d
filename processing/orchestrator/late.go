package orchestrator

import (
	"context"
	"fmt"

	"github.com/snowstream/snowstream/processing/datalake"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
)

// late is the source of objects with records that came behind the ledger.
const late = "behind-the-ledger"

// behind lands those of a batch's records that the ledger has passed without them, and reports whether there were any. That
// cannot happen where one mapping delivers a shard in its order; there all of them have landed, and come again because a
// batch is tried again. But a mapping that was made again may have begun at LATEST before, a second one may be faster, and
// one with a ParallelizationFactor above 1 delivers a shard's records beside each other. So each is looked up, by its
// sequence number. What has no place gets one at the shard's end, by the same steps as any object, before the batch's other
// records; where that cannot be told, the batch fails with the reason. None is ever left out unseen.
//
// What is looked up stays true: the ledger has passed these records, so nobody can land them in their turn any more, and
// whoever appends them at the same time is refused by the swap.
func (o *Orchestrator) behind(ctx context.Context, head datalake.Head, b shardBatch) (datalake.Head, bool, error) {
	var passed []string
	for _, r := range b.records {
		if record.CompareSequence(r.Sequence, head.Sequence) >= 0 {
			break
		}
		passed = append(passed, r.Sequence)
	}
	if len(passed) == 0 {
		return head, false, nil
	}
	there, err := o.placed(ctx, head, b, passed)
	if err != nil {
		return head, false, err
	}
	appended := 0
	for rest := b.records[:len(passed)]; len(rest) > 0; {
		if there.Whole(rest[0].Sequence) {
			rest = rest[1:]
			continue
		}
		n := 1
		for n < len(rest) && !there.Has(rest[n].Sequence) {
			n++
		}
		if head, err = o.appendRun(ctx, head, rest[:n], there[rest[0].Sequence]); err != nil {
			return head, false, err
		}
		rest, appended = rest[n:], appended+n
	}
	if appended > 0 {
		o.log.Warn("records came that the ledger had passed without them: they were appended; does the mapping have a ParallelizationFactor above 1, was it made again, or are there two?",
			"stream", head.Stream, "shard", head.Shard, "records", appended)
	}
	return head, appended > 0, nil
}

// appendRun lands records that have no place, or the first one of them in part, as one or more objects.
func (o *Orchestrator) appendRun(ctx context.Context, head datalake.Head, run []record.Record, landed datalake.Place) (datalake.Head, error) {
	records := o.unpack.Cursor(run)
	if landed.Inside != "" {
		var err error
		if records, err = o.rest(head.Chain(), run, landed.UpTo, landed.Inside); err != nil {
			return head, err
		}
	}
	defer records.Close()
	for records.Peek() != nil {
		batch := o.cut(records, head.Ledger)
		turn, err := o.lake.RecoveredTurn(ctx, head.Chain(), batch.First)
		if err != nil {
			return head, err
		}
		object := rawzone.Recovered(batch.Batch, late, head.Ledger, turn).Compressed(o.pack)
		if head, object, err = o.object(ctx, head, object, batch, false); err != nil {
			return head, err
		}
		if object.Last != batch.Last {
			return head, fmt.Errorf("object %s has other records than those that it was written for: %w", object.Key, datalake.ErrFenced)
		}
	}
	return head, nil
}

// placed are those of the sequence numbers that have a place, in the shard's chain or in an earlier one.
func (o *Orchestrator) placed(ctx context.Context, head datalake.Head, b shardBatch, passed []string) (datalake.There, error) {
	there := datalake.There{}
	earlier, err := o.places(head.Chain()).Find(ctx, head, passed, there)
	if err != nil || !earlier {
		return there, err
	}
	r, err := o.enroll(ctx, b.stream, b.arn)
	if err != nil {
		return nil, err
	}
	for _, c := range append(r.Ended(b.shard), r.Chains(b.shard)...) {
		if c == head.Chain() {
			continue
		}
		old, err := o.lake.LedgerOf(ctx, c)
		if err != nil {
			return nil, err
		}
		var reached []string
		for _, s := range passed {
			if record.CompareSequence(s, old.Sequence) <= 0 {
				reached = append(reached, s)
			}
		}
		if _, err := o.places(c).Find(ctx, old, reached, there); err != nil {
			return nil, err
		}
	}
	return there, nil
}

func (o *Orchestrator) places(c rawzone.Chain) *datalake.Places {
	if o.found[c] == nil {
		o.found[c] = o.lake.Places()
	}
	return o.found[c]
}
