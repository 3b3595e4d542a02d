package replay

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/snowstream/snowstream/processing/datalake"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
)

// landed tells which Kinesis records have a place already: in an object of rows, or in the quarantine that one names.
type landed struct {
	lake   *datalake.Lake
	stream string
	// shards are those that were looked at.
	shards map[string]looked
	// seals say up to where all that the stream had has landed: its objects may be gone.
	seals rawzone.Seals
}

// looked is what was found of one shard.
type looked struct {
	// head is how far the ledger had come.
	head datalake.Head
	// objects landed in their turn, in the order of the stream, from the last one on that begins in front of the record first. They
	// were listed when the ledger had passed what head says, so no more of them will come for records up to there.
	objects []object
	first   string
}

// object is an object of rows by its name.
type object struct {
	key   string
	first record.Position
}

// look reads the ledgers of the shards of documents, and finds their objects from the first document's first record on: some requests
// for each folder, however much lies in front of it.
func (l *landed) look(ctx context.Context, documents ...document) (err error) {
	if l.seals, _, err = l.lake.Seals(ctx, l.stream); err != nil {
		return err
	}
	first := map[string]string{}
	for _, d := range documents {
		if known, ok := first[d.Batch.Shard]; !ok || record.CompareSequence(d.Batch.First, known) < 0 {
			first[d.Batch.Shard] = d.Batch.First
		}
	}
	for _, id := range slices.Sorted(maps.Keys(first)) {
		head, err := l.lake.Ledger(ctx, l.stream, id)
		if err != nil {
			return err
		}
		found := looked{head: head, first: first[id]}
		keys, err := l.lake.Since(ctx, head.Chain(), head.Base(), found.first)
		if err != nil {
			return err
		}
		for _, key := range keys {
			n, _ := head.Chain().Name(key)
			found.objects = append(found.objects, object{key, n.First})
		}
		slices.SortStableFunc(found.objects, func(a, b object) int { return a.first.Compare(b.first) })
		l.shards[id] = found
	}
	return nil
}

// sealed reports whether a Kinesis record of a shard lies under a seal.
func (l *landed) sealed(shard, sequence string) bool {
	seal, found := l.seals.Of(l.shards[shard].head.Chain())
	return found && record.CompareSequence(sequence, seal.Sequence) <= 0
}

// between are the records of a document's range that have a place; of those in the hand, also the ones under a seal.
func (l *landed) between(ctx context.Context, d document, hand []record.Record) (datalake.There, error) {
	known, ok := l.shards[d.Batch.Shard]
	if !ok || !known.head.Passed(d.Batch.Last) || record.CompareSequence(d.Batch.First, known.first) < 0 {
		if err := l.look(ctx, d); err != nil {
			return nil, err
		}
	}
	out := datalake.There{}
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
			out[r.Sequence] = datalake.Place{}
		}
	}
	return out, l.certain(ctx, d.Batch.Shard, hand, out)
}

// certain looks for records that no object has once more, along the chain: where objects are gone that may have had them, that is an
// error, because their rows may be in the tables.
func (l *landed) certain(ctx context.Context, shard string, hand []record.Record, there datalake.There) error {
	var nowhere []string
	head := l.shards[shard].head
	for _, r := range hand {
		if !there.Has(r.Sequence) && head.Passed(r.Sequence) {
			nowhere = append(nowhere, r.Sequence)
		}
	}
	if len(nowhere) == 0 {
		return nil
	}
	_, err := l.lake.Places().Find(ctx, head, nowhere, there)
	return err
}

// regular reads the objects that open in the range, and the nearest in front of it.
func (l *landed) regular(ctx context.Context, d document, into datalake.There) error {
	for _, o := range slices.Backward(l.shards[d.Batch.Shard].objects) {
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
func (l *landed) recovered(ctx context.Context, d document, into datalake.There) error {
	var keys []string
	chain := l.shards[d.Batch.Shard].head.Chain()
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
func (l *landed) read(ctx context.Context, key, from string, into datalake.There) error {
	described, err := l.lake.Object(ctx, key)
	if err != nil || record.CompareSequence(described.Last.Sequence, from) < 0 {
		return err
	}
	return l.lake.Sequences(ctx, described, into)
}
