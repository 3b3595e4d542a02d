package board

import (
	"context"
	"sync"
	"time"

	"github.com/snowstream/snowstream/cmd/internal/stack"
	"github.com/snowstream/snowstream/processing/datalake"
	"github.com/snowstream/snowstream/record/rawzone"
)

const (
	// ledgersPerLook bounds how many ledgers one look reads: the shards take turns.
	ledgersPerLook = 16
	// retireEvery is how often it is asked which shards are retired.
	retireEvery = time.Minute
)

// ledgers remembers how far each shard has landed.
type ledgers struct {
	lake   *datalake.Lake
	stream string
	// next is where the next look's turn begins.
	next int
	// asked is when it was asked last which shards are retired.
	asked time.Time

	mu    sync.Mutex // covers known
	known map[string]ledger
}

type ledger struct {
	rawzone.Ledger
	// version is that of the shard when this was read.
	version string
	// retired says that a seal covers the shard to its end, and that it is this ledger.
	retired bool
}

func newLedgers(lake *datalake.Lake, stream string) *ledgers {
	return &ledgers{lake: lake, stream: stream, known: map[string]ledger{}}
}

// of is a shard's ledger as it was read last; a shard that was never read has landed nothing.
func (l *ledgers) of(shard string) rawzone.Ledger {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.known[shard].Ledger
}

// retired reports whether a shard is closed and sealed to its end: nothing about it can change.
func (l *ledgers) retired(shard string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.known[shard].retired
}

// retire asks once in a while which shards are retired: three requests, and one for each 1,000 shards.
func (l *ledgers) retire(ctx context.Context, place stack.Settings) error {
	if time.Since(l.asked) < retireEvery {
		return nil
	}
	origins, err := place.Origins(ctx)
	if err != nil {
		return err
	}
	l.asked = time.Now()
	sealed, _, _ := l.lake.Seals(ctx, l.stream) // damaged ones are for an audit to name: without them all ledgers are read
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, o := range origins {
		if seal, ok := o.Retired(sealed); ok {
			l.known[id] = ledger{Ledger: seal.Ledger(l.stream), retired: true}
		} else if l.known[id].retired {
			delete(l.known, id)
		}
	}
	return nil
}

// read reads the ledgers that may have moved on, as many as one look may.
func (l *ledgers) read(ctx context.Context, shards []shard) error {
	var registry *datalake.Registry
	left := ledgersPerLook
	for i := range shards {
		s := shards[(l.next+i)%len(shards)]
		l.mu.Lock()
		before, known := l.known[s.id]
		l.mu.Unlock()
		if known && (before.retired || before.version == s.version) {
			continue
		}
		if left == 0 {
			l.next = (l.next + i) % len(shards)
			return nil
		}
		left--
		if registry == nil {
			r, err := l.lake.Registry(ctx, l.stream)
			if err != nil {
				return err
			}
			registry = &r
		}
		head, err := l.lake.LedgerIn(ctx, *registry, s.id)
		if err != nil {
			return err
		}
		l.mu.Lock()
		l.known[s.id] = ledger{Ledger: head.Ledger, version: s.version}
		l.mu.Unlock()
	}
	return nil
}

// all is a copy of what is known.
func (l *ledgers) all() map[string]rawzone.Ledger {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make(map[string]rawzone.Ledger, len(l.known))
	for id, known := range l.known {
		out[id] = known.Ledger
	}
	return out
}
