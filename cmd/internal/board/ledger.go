package board

import (
	"context"
	"sync"

	"github.com/snowstream/snowstream/processing/datalake"
	"github.com/snowstream/snowstream/record/rawzone"
)

// ledgersPerLook bounds how many ledgers one look reads: the shards take turns.
const ledgersPerLook = 16

// ledgers remembers how far each shard has landed.
type ledgers struct {
	lake   *datalake.Lake
	stream string
	// next is where the next look's turn begins.
	next int

	mu    sync.Mutex // covers known
	known map[string]ledger
}

type ledger struct {
	rawzone.Ledger
	// version is that of the shard when this was read.
	version string
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

// read reads the ledgers that may have moved on, as many as one look may.
func (l *ledgers) read(ctx context.Context, shards []shard) error {
	left := ledgersPerLook
	for i := range shards {
		s := shards[(l.next+i)%len(shards)]
		l.mu.Lock()
		before, known := l.known[s.id]
		l.mu.Unlock()
		if known && before.version == s.version {
			continue
		}
		if left == 0 {
			l.next = (l.next + i) % len(shards)
			return nil
		}
		left--
		head, err := l.lake.Ledger(ctx, l.stream, s.id)
		if err != nil {
			return err
		}
		l.mu.Lock()
		l.known[s.id] = ledger{head.Ledger, s.version}
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
