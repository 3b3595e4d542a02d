package replay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/snowstream/snowstream/processing/datalake"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
)

// landed tells which Kinesis records have a place already: in an object of rows, or in the quarantine that one names.
type landed struct {
	lake   *datalake.Lake
	stream string
	// objects that landed in their turn, by the shard's folder, in the order of the stream. They were listed when the
	// ledger of each shard had passed what passed says, so no more of them will come for records up to there.
	objects map[string][]object
	passed  map[string]rawzone.Ledger
	// chains are those that the shards' ledgers count.
	chains map[string]rawzone.Chain
	// seals say up to where all that the stream had has landed: its objects may be gone.
	seals rawzone.Seals
}

// object is an object of rows by its name.
type object struct {
	key   string
	first record.Position
}

// look reads the ledgers of shards, and lists the raw zone: one request for 1,000 objects of all shards.
func (l *landed) look(ctx context.Context, shards ...string) error {
	l.objects, l.passed, l.chains = map[string][]object{}, map[string]rawzone.Ledger{}, map[string]rawzone.Chain{}
	for _, id := range shards {
		head, err := l.lake.Ledger(ctx, l.stream, id)
		if err != nil {
			return err
		}
		l.chains[id], l.passed[id] = head.Chain(), head.Ledger
	}
	var err error
	if l.seals, _, err = l.lake.Seals(ctx, l.stream); err != nil {
		return err
	}
	err = l.lake.List(ctx, rawzone.Rows, func(key string) error {
		chain, ok := rawzone.ChainOf(key, l.stream)
		if !ok || l.chains[chain.Shard] != chain {
			return nil
		}
		if n, ok := chain.Name(key); ok {
			l.objects[chain.Shard] = append(l.objects[chain.Shard], object{key, n.First})
		}
		return nil
	})
	for _, all := range l.objects {
		slices.SortFunc(all, func(a, b object) int { return cmp.Or(a.first.Compare(b.first), cmp.Compare(a.key, b.key)) })
	}
	return err
}

// place is how much of a Kinesis record has one: all of it, or, where inside is not empty, the records in it up to a
// sub-sequence number, numbered as inside says. Parts land in order.
type place struct {
	upTo   int64
	inside string
}

// there are the Kinesis records that have a place, by sequence number.
type there map[string]place

// whole reports whether all of a Kinesis record has a place.
func (t there) whole(sequence string) bool {
	p, ok := t[sequence]
	return ok && p.inside == ""
}

// has reports whether anything of a Kinesis record has a place.
func (t there) has(sequence string) bool {
	_, ok := t[sequence]
	return ok
}

// count is how many have one as a whole.
func (t there) count() (n int64) {
	for _, p := range t {
		if p.inside == "" {
			n++
		}
	}
	return n
}

// add notes a record of an object: all of it is there, unless it is the last one and goes on in another object.
func (t there) add(sequence string, o rawzone.Object) {
	now := place{}
	if sequence == o.Last.Sequence {
		now = place{o.Last.Subsequence, o.Inside}
	}
	before, ok := t[sequence]
	if !ok || before.inside != "" && (now.inside == "" || now.upTo > before.upTo) {
		t[sequence] = now
	}
}

// sealed reports whether a Kinesis record of a shard lies under a seal.
func (l *landed) sealed(shard, sequence string) bool {
	seal, found := l.seals.Of(l.chains[shard])
	return found && record.CompareSequence(sequence, seal.Sequence) <= 0
}

// between are the records of a document's range that have a place; of those in the hand, also the ones under a seal.
func (l *landed) between(ctx context.Context, d document, hand []record.Record) (there, error) {
	if passed, ok := l.passed[d.Batch.Shard]; !ok || !passed.Passed(d.Batch.Last) {
		if err := l.look(ctx, d.Batch.Shard); err != nil {
			return nil, err
		}
	}
	out := there{}
	if err := l.regular(ctx, d, out); err != nil {
		return nil, err
	}
	if err := l.recovered(ctx, d, out); err != nil {
		return nil, err
	}
	for sequence := range out {
		if record.CompareSequence(sequence, d.Batch.First) < 0 || record.CompareSequence(sequence, d.Batch.Last) > 0 {
			delete(out, sequence)
		}
	}
	for _, r := range hand {
		if l.sealed(d.Batch.Shard, r.Sequence) {
			out[r.Sequence] = place{}
		}
	}
	return out, nil
}

// regular reads the objects that open in the range, and the nearest in front of it.
func (l *landed) regular(ctx context.Context, d document, into there) error {
	for _, o := range slices.Backward(l.objects[d.Batch.Shard]) {
		if record.CompareSequence(o.first.Sequence, d.Batch.Last) > 0 {
			continue
		}
		err := l.read(ctx, o.key, d.Batch.First, into)
		if err != nil && !errors.Is(err, rawzone.ErrVoid) {
			return err
		}
		if err == nil && record.CompareSequence(o.first.Sequence, d.Batch.First) < 0 {
			return nil
		}
	}
	return nil
}

// recovered reads the objects of records that were brought later. They have no order, so each is asked for its range.
func (l *landed) recovered(ctx context.Context, d document, into there) error {
	var keys []string
	chain := l.chains[d.Batch.Shard]
	err := l.lake.List(ctx, chain.RecoveredPrefix(), func(key string) error {
		first, ok := chain.RecoveredFirst(key)
		if ok && record.CompareSequence(first.Sequence, d.Batch.Last) <= 0 {
			keys = append(keys, key)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, key := range keys {
		if err := l.read(ctx, key, d.Batch.First, into); err != nil && !errors.Is(err, rawzone.ErrVoid) {
			return err
		}
	}
	return nil
}

// read adds the sequence numbers of an object's records, quarantined ones included, if it reaches as far as from.
func (l *landed) read(ctx context.Context, key, from string, into there) error {
	described, err := l.lake.Object(ctx, key)
	if err != nil || record.CompareSequence(described.Last.Sequence, from) < 0 {
		return err
	}
	rows, err := l.lake.Rows(ctx, key)
	if err != nil {
		return err
	}
	if err := sequences(rows, described, into); err != nil {
		return fmt.Errorf("object %s: %w", key, err)
	}
	if described.Quarantine == "" {
		return nil
	}
	text, err := l.lake.Read(ctx, described.Quarantine)
	if err != nil {
		return err
	}
	rejected, err := rawzone.DecodeQuarantine(text)
	if err != nil {
		return fmt.Errorf("object %s: %w", described.Quarantine, err)
	}
	for _, r := range rejected {
		into.add(r.Sequence, described)
	}
	return nil
}

func sequences(r *record.CSVReader, o rawzone.Object, into there) error {
	at := slices.Index(r.Header(), "_SEQUENCE")
	if at < 0 {
		return errors.New("it has no column _SEQUENCE")
	}
	last := ""
	for {
		row, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if string(row[at].Text) != last {
			last = string(row[at].Text)
			into.add(last, o)
		}
	}
}
