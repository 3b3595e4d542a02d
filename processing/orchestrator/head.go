package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/snowstream/snowstream/processing/datalake"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
)

// head does step 1: it reads the shard's ledger and returns it with nothing left open, and how many batches this process
// has landed with nobody in between.
func (o *Orchestrator) head(ctx context.Context, stream, shard, arn string) (datalake.Head, int, error) {
	r, err := o.enroll(ctx, stream, arn)
	if err != nil {
		return datalake.Head{}, 0, err
	}
	head, err := o.lake.Claim(ctx, r, shard)
	if errors.Is(err, datalake.ErrEnded) { // another process has seen a new life of the stream begin
		delete(o.enrolled, stream)
		if r, err = o.enroll(ctx, stream, arn); err == nil {
			head, err = o.lake.Claim(ctx, r, shard)
		}
	}
	if err == nil && head.Empty() {
		var last rawzone.Ledger
		last, err = o.end(ctx, r, shard)
		head.Sequence, head.Subsequence, head.Inside = last.Sequence, last.Subsequence, last.Inside
	}
	if err != nil {
		return head, 0, err
	}
	mine := o.left[head.Chain()]
	switch {
	case head.Version() == mine.version:
		if head.Ledger = mine.ledger; !head.Doubtful {
			return head, mine.row, nil
		}
	case head.Open != "":
		if err := o.resolve(ctx, &head); err != nil {
			return head, 0, err
		}
	}
	if head.Doubtful || head.Ordinal < mine.ledger.Ordinal {
		if err := o.rebuild(ctx, &head); err != nil {
			return head, 0, err
		}
	}
	if head.Ordinal < mine.ledger.Ordinal {
		return head, 0, fmt.Errorf("ledger of %s/%s ends at ordinal %d, and this process has landed up to %d: an older copy was put back, and objects are gone; restore them, delete %s, and it is rebuilt from them",
			stream, shard, head.Ordinal, mine.ledger.Ordinal, head.Chain().LedgerKey())
	}
	o.keep(head, 0)
	return head, 0, nil
}

// keep remembers how this process leaves a shard.
func (o *Orchestrator) keep(head datalake.Head, row int) {
	o.left[head.Chain()] = left{head.Version(), head.Ledger, row}
}

// resolve finds out what became of the open object: it is covered once its rows are handed over, or its name is void.
func (o *Orchestrator) resolve(ctx context.Context, head *datalake.Head) error {
	object, err := o.lake.Resolve(ctx, head.Open, o.decoder.Header())
	if errors.Is(err, rawzone.ErrVoid) {
		head.Ledger = head.Without()
		return nil
	}
	if err != nil || head.Doubtful {
		return err // of a doubtful head rebuild covers the newest object, which is this one or one behind it
	}
	return o.cover(ctx, head, object, head.Withheld != "" || head.Channel != nil)
}

// rebuild believes the objects more than a ledger that is empty, or older than they are, and writes it anew.
func (o *Orchestrator) rebuild(ctx context.Context, head *datalake.Head) error {
	newest, turn, err := o.lake.Newest(ctx, *head, "")
	if err != nil {
		return err
	}
	if newest.LastOrdinal <= head.Ordinal {
		head.Turn = max(head.Turn, turn)
		return nil
	}
	if err := o.cover(ctx, head, newest, true); err != nil {
		return err
	}
	head.Turn = turn
	*head, err = o.lake.Advance(ctx, *head, head.Ledger)
	return err
}

// cover hands an object over and counts it as covered. aside says that rows of it may have been put aside before.
func (o *Orchestrator) cover(ctx context.Context, head *datalake.Head, object rawzone.Object, aside bool) (err error) {
	d := delivery{object: object}
	if aside {
		named := ""
		if object.Key == head.Open {
			named = head.Withheld
		}
		if d, err = o.again(ctx, head.Stream, named, object); err != nil {
			return err
		}
	}
	if err := o.deliverAgain(ctx, head, &d); err != nil {
		return err
	}
	head.Ledger = head.AfterAll(object, int64(d.counted), time.Now())
	return nil
}

// deliverAgain is deliver for an object that somebody may have failed with because a row stood in the place of a record that is in
// quarantine. Such a row is in its place if it is that record's: it was replayed since.
func (o *Orchestrator) deliverAgain(ctx context.Context, head *datalake.Head, d *delivery) error {
	rejected, err := o.setAside(ctx, d.object.Quarantine)
	if err != nil {
		return err
	}
	for {
		d.vacant = d.vacant[:0]
		for _, r := range rejected {
			d.vacant = append(d.vacant, r.Ordinal)
		}
		err := o.deliver(ctx, head, d)
		var taken *record.Taken
		if !errors.As(err, &taken) {
			return err
		}
		replayed := func(r record.Rejected) bool {
			return r.Ordinal == taken.Ordinal && r.Sequence == taken.Sequence && r.Subsequence == taken.Subsequence
		}
		if left := slices.DeleteFunc(rejected, replayed); len(left) < len(rejected) {
			rejected = left
			continue
		}
		return err
	}
}

// unique looks, once a MERGE found rows of a fresh object there already, or others in their places, whether another object has
// its ordinals. Mostly none has: an answer was lost, and the MERGE carried out twice. If one has, the ledger was put back to
// an older copy in a way that could not be seen, and the shard is stopped.
func (o *Orchestrator) unique(ctx context.Context, head datalake.Head, object rawzone.Object) error {
	other, _, err := o.lake.Newest(ctx, head, object.Key)
	if err != nil || other.LastOrdinal < object.FirstOrdinal {
		return err
	}
	return o.stop(ctx, head, object, other.Key)
}

// setAside are the records in a quarantine object, none if there is no such object: that one was deleted is for an audit to say.
func (o *Orchestrator) setAside(ctx context.Context, key string) ([]record.Rejected, error) {
	if key == "" {
		return nil, nil
	}
	if there, err := o.lake.There(ctx, key); !there || err != nil {
		return nil, err
	}
	return o.lake.Rejected(ctx, key)
}

// unnumbered looks, before the first object of a shard that a process makes, whether quarantine has records under its ordinals:
// no MERGE would meet these. Where the object itself is there already, these are the same records again: it is adopted.
func (o *Orchestrator) unnumbered(ctx context.Context, head datalake.Head, object rawzone.Object) error {
	other, err := o.lake.QuarantinedFrom(ctx, head.Chain(), object.FirstOrdinal, object.Quarantine)
	if err != nil || other == "" {
		return err
	}
	if there, err := o.lake.There(ctx, object.Key); there || err != nil {
		return err
	}
	return o.stop(ctx, head, object, other)
}

// stop lets nobody write to the shard until a person has looked.
func (o *Orchestrator) stop(ctx context.Context, head datalake.Head, object rawzone.Object, other string) error {
	stopped := head.Ledger
	stopped.Stopped = fmt.Sprintf("%s and %s number the same records, from %d on: an older copy of the ledger was put back. "+
		"Stop the event source mapping, delete %s to have it rebuilt from the raw zone, start the mapping, and run `snowstream audit`",
		object.Key, other, object.FirstOrdinal, head.Chain().LedgerKey())
	if _, err := o.lake.Advance(ctx, head, stopped); err != nil {
		return err
	}
	return fmt.Errorf("ledger of %s/%s: %s", head.Stream, head.Shard, stopped.Stopped)
}
