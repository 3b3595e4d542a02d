//go:build cgo

package board

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/snowstream/snowstream/cmd/internal/stack"
	"github.com/snowstream/snowstream/dashboard"
)

// inside counts with the services' own counters.
type inside struct {
	stack *stack.Stack
	// open tells which shards are, as of listed.
	open   map[string]bool
	listed time.Time
	shards int
}

// Inside looks at the stack of this process. Whoever runs it looks at the tables, too.
func Inside(s *stack.Stack, tables *Tables) *Source {
	source := newSource(s.Settings, s.Admin, tables)
	source.counter, source.foreign = &inside{stack: s}, true
	return source
}

func (i *inside) count(ctx context.Context, _ *ledgers) (counted, error) {
	counts, err := i.stack.Counts()
	if err != nil {
		return counted{}, err
	}
	progress, err := i.stack.Progress()
	if err != nil {
		return counted{}, err
	}
	if len(progress) != i.shards || time.Since(i.listed) > listEvery {
		if i.open, err = openShards(ctx, i.stack.Settings); err != nil {
			return counted{}, err
		}
		i.shards, i.listed = len(progress), time.Now()
	}
	out := counted{
		orchestrator: dashboard.Function{Batches: counts.Orchestrator, Errors: counts.OrchestratorErrors},
		upsert:       dashboard.Function{Batches: counts.Upsert, Errors: counts.UpsertErrors},
		objects:      counts.Objects,
		problem:      i.stack.FullDisk(),
	}
	for _, p := range progress {
		out.shards = append(out.shards, shard{id: p.Shard, open: i.open[p.Shard], records: p.Accepted, lag: p.Behind, version: "at " + p.Checkpoint})
	}
	slices.SortFunc(out.shards, func(a, b shard) int { return cmp.Compare(a.id, b.id) })
	return out, nil
}

// openShards asks the stream which shards are open.
func openShards(ctx context.Context, place stack.Settings) (map[string]bool, error) {
	shards, err := place.Reader().Shards(ctx)
	if err != nil {
		return nil, err
	}
	open := map[string]bool{}
	for _, s := range shards {
		open[s.ID] = s.Open
	}
	return open, nil
}

// accepted counts each shard's Kinesis records.
func (i *inside) accepted() (map[string]int64, error) {
	progress, err := i.stack.Progress()
	if err != nil {
		return nil, err
	}
	out := make(map[string]int64, len(progress))
	for _, p := range progress {
		out[p.Shard] = p.Accepted
	}
	return out, nil
}
