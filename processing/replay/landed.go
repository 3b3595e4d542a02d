package replay

import (
	"cmp"
	"context"
	"errors"
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

// sealed reports whether a Kinesis record of a shard lies under a seal.
func (l *landed) sealed(shard, sequence string) bool {
	seal, found := l.seals.Of(l.chains[shard])
	return found && record.CompareSequence(sequence, seal.Sequence) <= 0
}

// between are the records of a document's range that have a place; of those in the hand, also the ones under a seal.
func (l *landed) between(ctx context.Context, d document, hand []record.Record) (datalake.There, error) {
	if passed, ok := l.passed[d.Batch.Shard]; !ok || !passed.Passed(d.Batch.Last) {
		if err := l.look(ctx, d.Batch.Shard); err != nil {
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
	return out, nil
}

// regular reads the objects that open in the range, and the nearest in front of it.
func (l *landed) regular(ctx context.Context, d document, into datalake.There) error {
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
func (l *landed) recovered(ctx context.Context, d document, into datalake.There) error {
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
func (l *landed) read(ctx context.Context, key, from string, into datalake.There) error {
	described, err := l.lake.Object(ctx, key)
	if err != nil || record.CompareSequence(described.Last.Sequence, from) < 0 {
		return err
	}
	return l.lake.Sequences(ctx, described, into)
}
