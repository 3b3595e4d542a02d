package upsert

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/snowstream/snowstream/processing/handoff"
	"github.com/snowstream/snowstream/processing/rowpath"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
)

// Path is the row path by Snowpipe Streaming.
type Path struct {
	applier *rowpath.Applier
	sweeper *rowpath.Sweeper
	lake    rowpath.Lake
	stream  string
	// mended is what was rejected in each chain's channel and is in the table since, where no ledger says so yet.
	mended map[rawzone.Chain]rawzone.Channel
}

// NewPath returns the row path of a stream.
func NewPath(a *rowpath.Applier, lake rowpath.Lake, stream string) *Path {
	return &Path{applier: a, sweeper: rowpath.NewSweeper(a), lake: lake, stream: stream, mended: map[rawzone.Chain]rawzone.Channel{}}
}

// By has the rows of objects appended by a path instead of merged. Plain content, which has no place in a shard, and what a
// repair hands over are merged as ever.
func (u *Upsert) By(p *Path) *Upsert {
	u.path = p
	return u
}

// appended brings an object into the table by its shard's channel.
func (u *Upsert) appended(ctx context.Context, m handoff.Message) ([]byte, error) {
	began := time.Now()
	r := rowpath.Rows{Stream: m.Place.Stream, Fresh: m.Place.Fresh, Object: rawzone.Object{
		Key: m.Object, Generation: m.Place.Generation, First: record.Position{Shard: m.Place.Shard}, Rows: m.Rows,
		FirstOrdinal: m.Place.First, LastOrdinal: m.Place.Last, Previous: m.Place.Previous,
	}}
	if m.Place.Channel != nil {
		r.Known = *m.Place.Channel
	}
	if m.CSV != "" {
		r.CSV = []byte(m.CSV)
	}
	sent, state, err := u.path.applier.Apply(ctx, r)
	if err != nil {
		return nil, err
	}
	channel, err := u.mend(ctx, r, state)
	if err != nil {
		return nil, err
	}
	u.log.Info("appended", "object", m.Object, "rows", m.Rows, "sent", sent, "committed_ordinal", channel.Committed, "rejected_rows", state.Rejected,
		"append_ms", time.Since(began).Milliseconds())
	return json.Marshal(handoff.Answer{Rows: m.Rows, Inserted: int64(sent), Channel: &channel})
}

// mend merges what the service has rejected since the ledger was written. The token moves over rejected rows, so they are
// somewhere between what was known to be committed and what is now: all objects that end there are merged, which changes nothing
// for rows that are there. What the channel has not committed is left alone: it may still come. It returns what may be
// remembered: a rejection counts as seen once its row is in the table.
func (u *Upsert) mend(ctx context.Context, r rowpath.Rows, state rowpath.State) (rawzone.Channel, error) {
	chain := rawzone.Chain{Stream: r.Stream, Generation: r.Object.Generation, Shard: r.Object.First.Shard}
	if m := u.path.mended[chain]; m.Created == state.Created && m.Rejected > r.Known.Rejected {
		r.Known = m
	}
	now := rawzone.Channel{Committed: max(state.Committed, r.Known.Committed), Rejected: state.Rejected, Created: state.Created}
	from, suspect := suspicion(r, state)
	if !suspect || state.Committed <= from {
		return now, nil
	}
	objects, whole, err := u.path.applier.Between(ctx, r, from, state.Committed)
	if err != nil {
		return now, fmt.Errorf("find the rows of %s that the service has rejected: %w", r.Object.First.Shard, err)
	}
	for _, o := range objects {
		rows, err := u.lake.Rows(ctx, o.Key)
		if err != nil {
			return now, err
		}
		answer, err := u.merge(ctx, rows, nil, nil)
		if err == nil && len(answer.Refused) > 0 {
			err = fmt.Errorf("the table refuses %d rows of it by their own fault, from ordinal %d on: put them aside with `snowstream quarantine withhold`",
				len(answer.Refused), answer.Refused[0].Ordinal)
		}
		if err != nil {
			return now, fmt.Errorf("the service has rejected rows of %s; merge object %s, which may have some: %w", r.Object.First.Shard, o.Key, err)
		}
		u.log.Warn("an object with rows that the service may have rejected was merged", "object", o.Key, "inserted", answer.Inserted, "rejected_rows", state.Rejected)
	}
	if !whole {
		return r.Known, nil // an object is committed in part: once more when all of it is
	}
	u.path.mended[chain] = now
	return now, nil
}

// suspicion is the ordinal behind which rows may have been rejected without being seen. The count of rejections is the channel's:
// where another channel was known, what it has counted at last is gone, and where none was, whoever handed the object over before
// may have had one.
func suspicion(r rowpath.Rows, state rowpath.State) (from int64, suspect bool) {
	switch known := r.Known; {
	case known.Created == state.Created:
		return known.Committed, state.Rejected > known.Rejected
	case known.Created != 0 || state.Rejected > 0:
		return known.Committed, true
	}
	return r.Object.FirstOrdinal - 1, !r.Fresh
}

// sweep looks after what was appended and has not become visible.
func (u *Upsert) sweep(ctx context.Context) (handoff.Answer, error) {
	if u.path == nil {
		return handoff.Answer{}, nil
	}
	all, err := u.path.sweeper.Sweep(ctx, u.path.stream)
	if err != nil {
		return handoff.Answer{}, err
	}
	var answer handoff.Answer
	var errs []error
	for _, p := range all {
		if p.Err == nil && p.State.Created != 0 && p.Rows.Object.Key != "" {
			_, p.Err = u.mend(ctx, p.Rows, p.State)
		}
		pending := handoff.Pending{Shard: p.Shard, Committed: p.Committed, Last: p.Last, Rejected: p.State.Rejected, Again: p.Again}
		if p.Err != nil {
			pending.Error, errs = p.Err.Error(), append(errs, p.Err)
		}
		answer.Pending = append(answer.Pending, pending)
	}
	u.swept(answer.Pending)
	return answer, errors.Join(errs...)
}

// swept reports how far the shards are: what stands still is what an alarm has to ring for.
func (u *Upsert) swept(all []handoff.Pending) {
	standing, uncommitted, rejected := 0, int64(0), int64(0)
	for _, p := range all {
		if p.Again || p.Error != "" {
			standing++
		}
		uncommitted += p.Last - p.Committed
		rejected += p.Rejected
	}
	u.log.Info("swept", "stream", u.path.stream, "shards", len(all), "standing_shards", standing, "uncommitted_records", uncommitted, "rejected_rows", rejected)
}

// settle waits until an object's rows are committed, if its shard has a channel: what the channel holds may not be merged.
func (u *Upsert) settle(ctx context.Context, key string) error {
	if u.path == nil || strings.HasPrefix(key, rawzone.Replayed) {
		return nil // replayed rows have ordinals that no object of the chain has a row for: the channel holds none of them
	}
	o, err := u.path.lake.Object(ctx, key)
	if err != nil {
		return err
	}
	return u.path.sweeper.Settle(ctx, u.path.stream, o.First.Shard, o.LastOrdinal)
}
