package orchestrator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/snowstream/snowstream/processing/datalake"
	"github.com/snowstream/snowstream/processing/handoff"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
	"github.com/snowstream/snowstream/record/unpack"
)

// delivery is an object on its way to the streaming table.
type delivery struct {
	object rawzone.Object
	// csv are its rows, if they are at hand.
	csv []byte
	// without are the rows that were put aside, counted how many of them the ledger is to count, next is the number of the name
	// for more of them.
	without       []int64
	counted, next int
	// vacant are ordinals of the object without a row, where the table has to be asked whether it has one.
	vacant []int64
	// inserted counts the rows that were new to the table.
	inserted int64
}

// again is an object that somebody may have put rows of aside before. named is what the ledger says of it.
func (o *Orchestrator) again(ctx context.Context, stream, named string, object rawzone.Object) (d delivery, err error) {
	d.object = object
	d.without, d.counted, d.next, err = o.lake.Withheld(ctx, stream, named, object)
	return d, err
}

// deliver does step 6: it hands the object's rows over, puts those into quarantine that the table refuses by their own
// fault, and returns once all others are there. Any other error leaves things as they are.
func (o *Orchestrator) deliver(ctx context.Context, head *datalake.Head, d *delivery) error {
	if d.object.Rows == 0 && len(d.vacant) == 0 {
		return nil
	}
	m := handoff.Message{Object: d.object.Key, Rows: d.object.Rows, Vacant: d.vacant}
	if m.Rows > 0 && len(d.csv) <= handoff.MaxInline {
		m.CSV = string(d.csv)
	}
	for {
		m.Without, m.Place = d.without, place(*head, d.object, d.csv != nil)
		answer, err := o.upsert.Upsert(ctx, m)
		m.Vacant = nil // asked once
		if err == nil && answer.Note {
			if err = o.note(ctx, head, answer.Channel); err == nil {
				continue
			}
		}
		if err == nil {
			err = answer.Complete(m)
		}
		if err == nil && answer.Channel != nil {
			head.Channel = answer.Channel // written with the next swap
		}
		if d.inserted += answer.Inserted; err != nil || len(answer.Refused) == 0 {
			return err
		}
		if err := o.withhold(ctx, head, d, answer.Refused); err != nil {
			return err
		}
		if !answer.More {
			return nil
		}
	}
}

// note writes down that a shard's rows go by its channel from now on, or are merged from now on, before any does: a process that goes
// the other way later, and finds the ledger as another one has left it that was killed in between, locks the channel, or asks the
// table how far the rows came.
func (o *Orchestrator) note(ctx context.Context, head *datalake.Head, channel *rawzone.Channel) error {
	noted := head.Ledger
	noted.Channel, noted.UpdatedAt = channel, time.Now().UTC()
	next, err := o.lake.Advance(ctx, *head, noted)
	if err == nil {
		*head = next
	}
	return err
}

// withhold puts rows of an object aside, as many at once as fit: the ledger names their quarantine object, and then it is
// written. The swap is what makes it safe: whoever has handed the object over in the meantime has moved the ledger on, and this
// writer stops.
func (o *Orchestrator) withhold(ctx context.Context, head *datalake.Head, d *delivery, refused []record.Refusal) error {
	reasons := make(map[int64]record.Reason, len(refused))
	for _, r := range refused {
		reasons[r.Ordinal] = r.Reason
	}
	for len(reasons) > 0 {
		rejected, err := o.rejected(ctx, d, reasons)
		if err != nil {
			return err
		}
		text, err := rawzone.EncodeQuarantine(head.Stream, rejected)
		if err != nil {
			return err
		}
		key := rawzone.WithheldKey(head.Stream, d.object, d.next)
		next, err := o.lake.Advance(ctx, *head, head.Withholding(d.object, key, time.Now()))
		if err != nil {
			return err
		}
		if err := o.lake.Withhold(ctx, key, d.object, len(rejected), text); err != nil {
			return err
		}
		*head = next
		d.next++
		d.counted += len(rejected)
		for _, r := range rejected {
			d.without = append(d.without, r.Ordinal)
			delete(reasons, r.Ordinal)
		}
		o.log.Warn("rows withheld", "stream", head.Stream, "shard", head.Shard, "object", d.object.Key, "quarantine", key, "quarantined", len(rejected))
	}
	return nil
}

// rejected are the first of the refused rows as quarantine holds them: with the payload as it came, if the batch at hand has
// it, and otherwise with the row itself.
func (o *Orchestrator) rejected(ctx context.Context, d *delivery, reasons map[int64]record.Reason) (out []record.Rejected, err error) {
	rows, err := o.rows(ctx, d)
	if err != nil {
		return nil, err
	}
	lineage := slices.Index(rows.Header(), record.Lineage()[0].Name)
	find := finder{o: o}
	defer find.close()
	for taken := 0; taken < o.room && len(out) < len(reasons); {
		row, err := rows.Next()
		if err == io.EOF {
			return nil, fmt.Errorf("upsert refused %d rows of %s, which has %d of them", len(reasons), d.object.Key, len(out))
		}
		if err != nil {
			return nil, fmt.Errorf("object %s: %w", d.object.Key, err)
		}
		r, err := rawzone.Identify(row[lineage:])
		if err != nil {
			return nil, fmt.Errorf("object %s: %w", d.object.Key, err)
		}
		reason, is := reasons[r.Ordinal]
		if !is {
			continue
		}
		r.Reason, r.Generation = reason, d.object.Generation
		if known, ok := find.payload(r.Position); ok {
			r.Record = known
		} else {
			r.Row = rows.Line()
		}
		out, taken = append(out, r), taken+len(r.Data)+len(r.Row)
	}
	return out, nil
}

// rows are the rows of an object, from memory if they are at hand.
func (o *Orchestrator) rows(ctx context.Context, d *delivery) (rows *record.CSVReader, err error) {
	if d.csv == nil {
		return o.lake.Rows(ctx, d.object.Key)
	}
	if rows, err = record.NewCSVReader(d.csv); err != nil {
		err = fmt.Errorf("object %s: %w", d.object.Key, err)
	}
	return rows, err
}

// finder finds records among those at hand. The positions that it is asked for ascend.
type finder struct {
	o        *Orchestrator
	sequence string
	cursor   *unpack.Cursor
}

// payload returns the record at a position.
func (f *finder) payload(p record.Position) (record.Record, bool) {
	if f.cursor == nil || f.sequence != p.Sequence {
		i, found := slices.BinarySearchFunc(f.o.atHand, p.Sequence, func(r record.Record, sequence string) int { return record.CompareSequence(r.Sequence, sequence) })
		if !found || f.o.atHand[i].Shard != p.Shard {
			return record.Record{}, false
		}
		f.close()
		f.sequence, f.cursor = p.Sequence, f.o.unpack.Cursor(f.o.atHand[i:i+1])
	}
	for r := f.cursor.Peek(); r != nil && r.Subsequence <= p.Subsequence; r = f.cursor.Peek() {
		f.cursor.Next()
		if r.Subsequence == p.Subsequence {
			found := *r
			found.Data = bytes.Clone(r.Data)
			return found, true
		}
	}
	return record.Record{}, false
}

func (f *finder) close() {
	if f.cursor != nil {
		f.cursor.Close()
	}
}

// ErrNotOpen means that no object of the shard waits for its hand-over.
var ErrNotOpen = errors.New("no object is waiting to be handed over")

// Withhold puts rows of the shard's open object into quarantine, as a person says: that of an object whose hand-over fails
// for ever with what is not known to be the row's fault. It may be repeated. The next batch, or Settle, hands over the rest.
func (o *Orchestrator) Withhold(ctx context.Context, stream, shard string, ordinals []int64) error {
	r, err := o.enroll(ctx, stream, o.arn)
	if err != nil {
		return err
	}
	head, err := o.lake.Claim(ctx, r, shard)
	if err != nil {
		return err
	}
	if head.Open == "" {
		return fmt.Errorf("withhold rows of %s/%s: %w", stream, shard, ErrNotOpen)
	}
	object, err := o.lake.Resolve(ctx, head.Open, o.decoder.Header())
	if errors.Is(err, rawzone.ErrVoid) {
		err = ErrNotOpen
	}
	if err != nil {
		return fmt.Errorf("withhold rows of %s/%s: %w", stream, shard, err)
	}
	o.atHand = nil
	d, err := o.again(ctx, stream, head.Withheld, object)
	if err != nil {
		return err
	}
	var refused []record.Refusal
	for _, n := range slices.Compact(slices.Sorted(slices.Values(ordinals))) {
		if !slices.Contains(d.without, n) {
			refused = append(refused, record.Refusal{Ordinal: n, Reason: record.Reason{Code: record.WithheldByHand}})
		}
	}
	if len(refused) == 0 {
		return nil
	}
	return o.withhold(ctx, &head, &d, refused)
}
