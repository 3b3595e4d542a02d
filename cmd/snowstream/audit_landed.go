package main

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/snowstream/snowstream/cmd/internal/stack"
	"github.com/snowstream/snowstream/landing/audit"
	"github.com/snowstream/snowstream/landing/microbatch"
	"github.com/snowstream/snowstream/landing/snowflake"
	"github.com/snowstream/snowstream/listener"
	"github.com/snowstream/snowstream/processing/handoff"
	"github.com/snowstream/snowstream/processing/quarantine"
	"github.com/snowstream/snowstream/processing/replay"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
)

// landed reads how far each shard has come: those that the stream has, and those that it had and whose ledgers are
// there still.
type landed struct{ stack.Settings }

func (l landed) read(ctx context.Context) (map[string]audit.Landed, error) {
	lake := l.Lake()
	shards, err := l.Reader().Shards(ctx)
	if err != nil {
		return nil, err
	}
	ids := map[string]bool{}
	for _, shard := range shards {
		ids[shard.ID] = true
	}
	err = lake.List(ctx, rawzone.Ledgers+rawzone.Escape(l.Stream)+"/", func(key string) error {
		ids[strings.TrimSuffix(path.Base(key), ".json")] = true
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := map[string]audit.Landed{}
	for id := range ids {
		head, err := lake.Ledger(ctx, l.Stream, id)
		if err != nil {
			return nil, err
		}
		out[id] = audit.Landed{Ledger: head.Ledger, Since: head.Since}
	}
	err = quarantine.List(ctx, lake, l.Stream, func(e quarantine.Entry) error {
		shard := out[e.Shard]
		shard.Rejected = append(shard.Rejected, audit.Rejected{Position: e.Position, Ordinal: e.Ordinal, Key: e.Key, Replayed: e.Replayed})
		out[e.Shard] = shard
		return nil
	})
	if err != nil {
		return nil, err
	}
	losses, err := replay.Losses(ctx, lake, l.Stream)
	for _, loss := range losses {
		shard := out[loss.Shard]
		shard.Lost = append(shard.Lost, audit.Lost{First: loss.First, Last: loss.Last, Count: loss.Count})
		out[loss.Shard] = shard
	}
	for _, shard := range out {
		slices.SortFunc(shard.Rejected, func(a, b audit.Rejected) int { return int(max(-1, min(1, a.Ordinal-b.Ordinal))) })
	}
	return out, err
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

// handOver gives objects to SnowflakeUpsert, as the orchestrator does.
type handOver struct{ stack.Settings }

func (h handOver) upsert(ctx context.Context, object string, rows int) error {
	answer, err := h.Upserter().Upsert(ctx, handoff.Message{Object: object, Rows: rows})
	if err == nil && answer.Rows != rows {
		err = fmt.Errorf("upsert of %s looked at %d of %d rows", object, answer.Rows, rows)
	}
	return err
}

func pipeOf(s stack.Settings, db *snowflake.DB) audit.Pipe { return microbatch.New(db, s.Names()) }
