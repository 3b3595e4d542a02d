package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/snowstream/snowstream/cmd/internal/stack"
	"github.com/snowstream/snowstream/landing/audit"
	"github.com/snowstream/snowstream/landing/microbatch"
	"github.com/snowstream/snowstream/landing/snowflake"
	"github.com/snowstream/snowstream/listener"
	"github.com/snowstream/snowstream/processing/datalake"
	"github.com/snowstream/snowstream/processing/quarantine"
	"github.com/snowstream/snowstream/processing/replay"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
)

// landed reads how far each shard has come: those that the stream has, those that it had and whose ledgers or quarantine are
// there still, and those that the audit has found elsewhere.
type landed struct{ stack.Settings }

func (l landed) read(ctx context.Context, these []string, sealed rawzone.Seals) (map[string]audit.Landed, error) {
	lake := l.Lake()
	known, err := l.shards(ctx)
	if err != nil {
		return nil, err
	}
	for _, id := range these {
		if _, there := known[id]; !there {
			known[id] = stack.Origin{}
		}
	}
	registry, err := lake.Registry(ctx, l.Stream)
	if err != nil {
		return nil, err
	}
	out := map[string]audit.Landed{}
	var mu sync.Mutex
	group, inside := errgroup.WithContext(ctx)
	group.SetLimit(stack.AtOnce)
	for id, from := range known {
		if seal, retired := from.Retired(sealed); retired {
			mu.Lock()
			out[id] = audit.Landed{Ledger: seal.Ledger(l.Stream), Closed: true, LedgerAt: seal.LedgerAt}
			mu.Unlock()
			continue
		}
		group.Go(func() error {
			one, err := l.ledger(inside, registry, id)
			one.Closed, one.LedgerAt = from.Closed, from.Written[one.Ledger.Chain()]
			mu.Lock()
			defer mu.Unlock()
			out[id] = one
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	pending, err := l.Pending(ctx)
	if err != nil {
		return nil, err
	}
	for id, p := range pending {
		if shard := out[id]; p.Last > p.Committed && (shard.Since == 0 || p.Committed < shard.Since) {
			shard.Since = p.Committed + 1
			out[id] = shard
		}
	}
	if err := l.rejected(ctx, out, sealed); err != nil {
		return nil, err
	}
	losses, err := replay.Losses(ctx, lake, l.Stream)
	for _, loss := range losses {
		shard, known := out[loss.Shard]
		if !known {
			shard.Ledger = rawzone.Start(rawzone.Chain{Stream: l.Stream, Shard: loss.Shard})
		}
		shard.Lost = append(shard.Lost, audit.Lost{First: loss.First, Last: loss.Last, Count: loss.Count})
		out[loss.Shard] = shard
	}
	return out, err
}

// shards are those that the stream, a ledger or quarantine knows, by id.
func (l landed) shards(ctx context.Context) (map[string]stack.Origin, error) {
	known, err := l.Origins(ctx)
	if err != nil {
		return nil, err
	}
	chains, err := l.Lake().Quarantined(ctx, l.Stream)
	for _, c := range chains {
		if _, there := known[c.Shard]; !there {
			known[c.Shard] = stack.Origin{}
		}
	}
	return known, err
}

// ledger is how far one shard has come. Where its ledger cannot be read the objects say so, as if it were lost.
func (l landed) ledger(ctx context.Context, registry datalake.Registry, id string) (audit.Landed, error) {
	lake := l.Lake()
	head, broken := lake.LedgerIn(ctx, registry, id)
	if broken == nil {
		return audit.Landed{Ledger: head.Ledger, Since: head.Since}, nil
	}
	chain, err := lake.Locate(ctx, l.Stream, id)
	if err != nil {
		return audit.Landed{}, broken
	}
	out := audit.Landed{Ledger: rawzone.Start(chain), Broken: []audit.Broken{{Key: chain.LedgerKey(), Err: broken}}}
	o, _, err := lake.Newest(ctx, datalake.Head{Ledger: out.Ledger}, "")
	if err != nil {
		return out, broken // it may be the bucket that is out of reach
	}
	if o.Key != "" {
		out.Ledger, out.Since = out.Ledger.After(o, time.Now()), o.FirstOrdinal
	}
	return out, nil
}

// rejected adds what lies in quarantine behind the seals, in the order of ordinals.
func (l landed) rejected(ctx context.Context, into map[string]audit.Landed, sealed rawzone.Seals) error {
	chains, err := l.Lake().Quarantined(ctx, l.Stream)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	group, inside := errgroup.WithContext(ctx)
	group.SetLimit(stack.AtOnce)
	for _, c := range chains {
		mu.Lock()
		shard := into[c.Shard]
		mu.Unlock()
		seal, covered := sealed.Of(c)
		if shard.Ledger.Chain() != c || covered && seal.Ordinal == shard.Ledger.Ordinal {
			continue
		}
		group.Go(func() error {
			var rejected []audit.Rejected
			var broken []audit.Broken
			err := quarantine.ListBehind(inside, l.Lake(), c, seal.Ordinal, func(e quarantine.Entry) error {
				if e.Generation == shard.Ledger.Generation {
					rejected = append(rejected, audit.Rejected{
						Position: e.Position, Ordinal: e.Ordinal, Key: e.Key, Replayed: e.Replayed, Withheld: e.Withheld(), Digest: digest(e), Packed: e.Reason.Code == record.OverMemory,
					})
				}
				return nil
			}, func(key string, err error) error {
				broken = append(broken, audit.Broken{Key: key, Err: err})
				return nil
			})
			mu.Lock()
			defer mu.Unlock()
			one := into[c.Shard]
			one.Rejected, one.Broken = append(one.Rejected, rejected...), append(one.Broken, broken...)
			slices.SortFunc(one.Rejected, func(a, b audit.Rejected) int { return cmp.Compare(a.Ordinal, b.Ordinal) })
			into[c.Shard] = one
			return err
		})
	}
	return group.Wait()
}

// digest is that of an entry's payload, if quarantine has that: of some rows that were put aside it has only the row.
func digest(e quarantine.Entry) string {
	if e.Row != nil {
		return ""
	}
	return audit.Digest(e.Data)
}

// retained reads what the stream still has; of a shard that it has no more, nothing.
type retained struct{ *listener.Reader }

// Read reads a shard; see listener.Reader.
func (r retained) Read(ctx context.Context, shard, after string, yield func([]record.Record) error) error {
	shards, err := r.Shards(ctx)
	if err != nil || !slices.ContainsFunc(shards, func(s listener.Shard) bool { return s.ID == shard }) {
		return err
	}
	return r.Reader.Read(ctx, shard, after, yield)
}

var _ audit.Reader = retained{}

// handOver gives objects to SnowflakeUpsert, as the orchestrator does.
type handOver struct{ stack.Settings }

func (h handOver) upsert(ctx context.Context, object string, rows int) error {
	without, err := quarantine.Withheld(ctx, h.Lake(), h.Stream, object)
	if err != nil {
		return err
	}
	refused, err := quarantine.HandOver(ctx, h.Upserter(), object, rows, without)
	if len(refused) > 0 {
		return fmt.Errorf("object %s: %w: %d, from ordinal %d on; the raw zone has them: widen the table and repeat",
			object, audit.ErrRefused, len(refused), slices.Min(refused))
	}
	return err
}

// pipe is Snowpipe, as the audit asks about it.
type pipe struct{ *microbatch.Pipe }

func pipeOf(s stack.Settings, db *snowflake.DB) audit.Pipe {
	return pipe{microbatch.New(db, s.Names())}
}

// State says what the pipe may still do by itself.
func (p pipe) State(ctx context.Context) (audit.PipeState, error) {
	status, err := p.Status(ctx)
	if err != nil {
		return audit.PipeState{}, err
	}
	created, err := p.Created(ctx)
	return audit.PipeState{State: status.State, Pending: status.Pending + status.Outstanding, Created: created}, err
}

// refreshAll is from how many objects on one REFRESH takes the place of one for each.
const refreshAll = 200

// Refresh queues objects that the pipe has never heard of. A pipe that is older than a REFRESH looks back remembers all that
// it would find; of a younger one only these objects may be asked for.
func (p pipe) Refresh(ctx context.Context, keys []string) error {
	created, err := p.Created(ctx)
	if err != nil {
		return err
	}
	if len(keys) > refreshAll && time.Since(created) > 7*24*time.Hour {
		return p.Pipe.Refresh(ctx)
	}
	for _, key := range keys {
		if err := p.RefreshObject(ctx, key); err != nil {
			return err
		}
	}
	return nil
}
