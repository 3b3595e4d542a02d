package stack

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/snowstream/snowstream/landing/audit"
	"github.com/snowstream/snowstream/listener"
	"github.com/snowstream/snowstream/processing/quarantine"
	"github.com/snowstream/snowstream/record/rawzone"
)

// AtOnce is how many shards are asked at once, of S3 and of the stream.
const AtOnce = 16

// Origin is what is known of a shard before its ledger is read.
type Origin struct {
	// Listed says that the stream has it, Closed that the stream has it closed, or has it no more.
	Listed, Closed bool
	// Written is when its ledgers were, by chain.
	Written map[rawzone.Chain]time.Time
}

// Retired is what the seal says of a shard that has ended: its ledger need not be asked, unless it was written again since.
func (o Origin) Retired(sealed rawzone.Seals) (seal rawzone.Seal, ok bool) {
	for c, at := range o.Written {
		if seal, ok = sealed.Of(c); ok && o.Closed && len(o.Written) == 1 && seal.Retired && seal.LedgerAt.Equal(at) {
			return seal, true
		}
	}
	return seal, false
}

// Origins are the shards that the stream or a ledger knows, by id: a request for 1,000 of them each.
func (s Settings) Origins(ctx context.Context) (map[string]Origin, error) {
	shards, err := s.Reader().Shards(ctx)
	if err != nil {
		return nil, err
	}
	known := map[string]Origin{}
	for _, shard := range shards {
		known[shard.ID] = Origin{Listed: true, Closed: !shard.Open}
	}
	err = s.Lake().Entries(ctx, rawzone.Ledgers+rawzone.Escape(s.Stream)+"/", func(key string, written time.Time) error {
		c, ok := rawzone.ChainOf(key, s.Stream)
		if !ok {
			return nil
		}
		o, there := known[c.Shard]
		o.Closed = o.Closed || !there
		if key == c.LedgerKey() {
			if o.Written == nil {
				o.Written = map[rawzone.Chain]time.Time{}
			}
			o.Written[c] = written
		}
		known[c.Shard] = o
		return nil
	})
	return known, err
}

// Landed is how far each of the stream's shards has come, less what was replayed from quarantine since: what the
// tables should hold. Of retired shards their seals say it.
func (s Settings) Landed(ctx context.Context) (map[string]audit.Expected, error) {
	known, err := s.Origins(ctx)
	if err != nil {
		return nil, err
	}
	lake := s.Lake()
	replayed, err := quarantine.Replayed(ctx, lake, s.Stream)
	if err != nil {
		return nil, err
	}
	registry, err := lake.Registry(ctx, s.Stream)
	if err != nil {
		return nil, err
	}
	sealed, _, _ := lake.Seals(ctx, s.Stream) // damaged ones are for an audit to name: without them all ledgers are asked
	out := map[string]audit.Expected{}
	var mu sync.Mutex
	group, inside := errgroup.WithContext(ctx)
	group.SetLimit(AtOnce)
	for id, o := range known {
		if !o.Listed {
			continue
		}
		group.Go(func() error {
			e := audit.Expected{Replayed: replayed[id], Stream: -1}
			if seal, retired := o.Retired(sealed); retired {
				e.Ledger, e.Retired = seal.Ledger(s.Stream), true
			} else if head, err := lake.LedgerIn(inside, registry, id); err != nil {
				return err
			} else {
				e.Ledger = head.Ledger
			}
			mu.Lock()
			defer mu.Unlock()
			out[id] = e
			return nil
		})
	}
	return out, group.Wait()
}

// Lags measures how far each shard's ledger is behind the stream. Nothing can come to a retired one.
func (s Settings) Lags(ctx context.Context, expected map[string]audit.Expected) (map[string]listener.Lag, error) {
	reader, out := s.Reader(), map[string]listener.Lag{}
	var mu sync.Mutex
	group, inside := errgroup.WithContext(ctx)
	group.SetLimit(AtOnce)
	for id, e := range expected {
		if e.Retired {
			continue
		}
		group.Go(func() error {
			lag, err := reader.Lag(inside, id, e.Ledger.Sequence)
			mu.Lock()
			defer mu.Unlock()
			out[id] = lag
			return err
		})
	}
	return out, group.Wait()
}
