package board

import (
	"context"
	"fmt"
	"time"

	"github.com/snowstream/snowstream/cmd/internal/stack"
	"github.com/snowstream/snowstream/listener"
)

const (
	// listEvery is how often the shards are listed.
	listEvery = 10 * time.Second
	// lagsPerLook bounds how many shards' lags one look measures, in turn: each costs a read of its shard, of which
	// Kinesis allows five a second for all readers together.
	lagsPerLook = 4
)

// outside counts with the stream's API and the ledgers. What no ledger covers is counted as far as one read reaches,
// so the number of accepted records is a lower bound while more than a thousand wait in a shard.
type outside struct {
	place  stack.Settings
	reader *listener.Reader
	shards []listener.Shard
	listed time.Time
	lags   map[string]listener.Lag
	next   int
	looks  int
}

func newOutside(place stack.Settings) *outside {
	return &outside{place: place, reader: place.Reader(), lags: map[string]listener.Lag{}}
}

func (o *outside) count(ctx context.Context, l *ledgers) (out counted, err error) {
	if time.Since(o.listed) > listEvery {
		if o.shards, err = o.reader.Shards(ctx); err != nil {
			return out, err
		}
		o.listed = time.Now()
	}
	o.looks++
	if err := o.measure(ctx, l); err != nil {
		return out, err
	}
	for i, s := range o.shards {
		lag := o.lags[s.ID]
		out.shards = append(out.shards, shard{id: s.ID, open: s.Open, records: -1, waiting: int64(lag.Waiting), lag: lag.Behind, version: o.version(i)})
		known := l.of(s.ID)
		out.objects += known.Objects
	}
	// Each object was one batch, and was handed to Upsert before its ledger moved on.
	out.orchestrator.Batches, out.upsert.Batches = out.objects, out.objects
	return out, nil
}

// version of a shard's ledger: any may have moved, so that of as many shards changes as one look may read, in turn.
func (o *outside) version(i int) string {
	return fmt.Sprint((o.looks*ledgersPerLook + i) / max(ledgersPerLook, len(o.shards)))
}

// measure measures the lag of the next few shards; nothing can come to a retired one.
func (o *outside) measure(ctx context.Context, l *ledgers) error {
	left := lagsPerLook
	for range o.shards {
		if left == 0 {
			return nil
		}
		s := o.shards[o.next%len(o.shards)]
		if o.next++; l.retired(s.ID) {
			continue
		}
		left--
		lag, err := o.reader.Lag(ctx, s.ID, l.of(s.ID).Sequence)
		if err != nil {
			return err
		}
		o.lags[s.ID] = lag
	}
	return nil
}
