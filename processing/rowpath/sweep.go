package rowpath

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/snowstream/snowstream/processing/datalake"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
)

// Pending is how far a shard's rows have become visible.
type Pending struct {
	Shard string
	// Committed is the ordinal up to which they are, Last that of the last row that was handed over.
	Committed, Last int64
	// Rows are the last object and what is known of the channel, State what the service says of it.
	Rows  Rows
	State State
	// Again says that they did not become visible, and were appended again; Err why a shard could not be looked at.
	Again bool
	Err   error
}

// Sweeper looks after what was appended: the service may lose it until it is committed. It is called once a minute, by a process
// that lives on or by a new one.
type Sweeper struct {
	applier *Applier
	seen    map[rawzone.Chain]int64
	// asked is how far the table goes for channels that have forgotten it, until they commit something, tables for shards whose last
	// rows were merged.
	asked  map[rawzone.Chain]State
	tables map[rawzone.Chain]int64
}

// NewSweeper returns a sweeper.
func NewSweeper(a *Applier) *Sweeper {
	return &Sweeper{a, map[rawzone.Chain]int64{}, map[rawzone.Chain]State{}, map[rawzone.Chain]int64{}}
}

// Sweep asks how far all shards are committed, with one request for 100 of them. One whose rows have been appended for a minute
// without its token moving is applied again, from the raw zone, whatever its status says. An error of one shard is that shard's.
// With look it only asks.
func (s *Sweeper) Sweep(ctx context.Context, stream string, look bool) ([]Pending, error) {
	heads, err := s.applier.lake.Heads(ctx, stream)
	if err != nil {
		return nil, err
	}
	chains := make([]rawzone.Chain, len(heads))
	for i, head := range heads {
		chains[i] = head.Chain()
	}
	states, err := s.applier.service.States(ctx, chains)
	if err != nil {
		return nil, err
	}
	var out []Pending
	for _, head := range heads {
		p, err := s.shard(ctx, head, states[head.Chain()], look)
		p.Err = err
		if !look && (p.Last > p.Committed || err != nil) {
			s.applier.log.Warn("rows are not visible yet", "stream", stream, "shard", head.Shard, "committed_ordinal", p.Committed, "last_ordinal", p.Last, "again", p.Again, "failed", err != nil)
		}
		out = append(out, p)
	}
	return out, nil
}

// shard looks after one shard.
func (s *Sweeper) shard(ctx context.Context, head datalake.Head, state State, look bool) (Pending, error) {
	asked, ok := s.remembered(head, state)
	if ok {
		state.Committed = asked.Committed
	}
	p := Pending{Shard: head.Shard, Committed: state.Committed, State: state}
	if state.Committed == 0 {
		p.Committed = head.Base()
	}
	if head.Channel != nil && !ok && (!state.Known || head.Channel.Of(state.Created)) { // rows behind the token may have been merged
		p.Committed = max(p.Committed, head.Channel.Known().Committed)
	}
	o, last, err := s.last(ctx, head, p.Committed)
	p.Rows = Rows{Stream: head.Stream, Object: o}
	if head.Channel != nil {
		p.Rows.Known = head.Channel.Known()
	}
	if err != nil || last <= p.Committed {
		delete(s.seen, head.Chain())
		p.Last = p.Committed
		return p, err
	}
	if p.Last = last; look {
		return p, nil
	}
	if head.Channel != nil && head.Channel.Merged { // its last rows are not the channel's
		p.Committed, err = s.merged(ctx, head, last)
		return p, err
	}
	before, again := s.seen[head.Chain()]
	s.seen[head.Chain()] = p.Committed
	if time.Since(head.UpdatedAt) < maxAge || again && before < p.Committed {
		return p, nil // it is young, or moves
	}
	p.Again = true
	after, err := s.again(ctx, head, &p.Rows)
	if err != nil {
		return p, fmt.Errorf("append again what did not become visible of %s: %w", head.Shard, err)
	}
	p.Committed, p.State = max(p.Committed, after.Committed), after
	return p, nil
}

// merged is how far the table goes of a shard whose last rows were merged. The next batch completes what is not there, and nothing
// is appended beside it; without one an audit does. The table is asked once for each object.
func (s *Sweeper) merged(ctx context.Context, head datalake.Head, last int64) (int64, error) {
	n, ok := s.tables[head.Chain()]
	if ok && n >= last {
		return last, nil
	}
	n, err := s.applier.service.Highest(ctx, head.Chain())
	if err != nil {
		return head.Channel.Committed, err
	}
	n = max(n, head.Channel.Committed)
	if _, end, err := s.last(ctx, head, n); err != nil || end > n {
		return n, err
	}
	s.tables[head.Chain()] = last // what is behind the highest has no row
	return last, nil
}

// remembered is what the table has answered for a channel that has no token since.
func (s *Sweeper) remembered(head datalake.Head, state State) (State, bool) {
	asked, ok := s.asked[head.Chain()]
	return asked, ok && !state.Known && asked.Created == state.Created
}

// again opens a shard's channel anew and appends rows as far as it has not committed them, but for those that were put aside.
func (s *Sweeper) again(ctx context.Context, head datalake.Head, r *Rows) (after State, err error) {
	if r.Without, err = s.applier.lake.Aside(ctx, head.Stream, r.Object); err != nil {
		return after, err
	}
	delete(s.applier.chains, head.Chain())
	if _, after, err = s.applier.Apply(ctx, *r); err == nil && !after.Known {
		s.asked[head.Chain()] = after
	}
	return after, err
}

// last is a shard's last object, and the end of the last one that has rows for the table behind what is committed.
func (s *Sweeper) last(ctx context.Context, head datalake.Head, committed int64) (last rawzone.Object, end int64, err error) {
	if head.Object == "" {
		return last, committed, nil
	}
	if last, err = s.applier.lake.Object(ctx, head.Object); err != nil {
		return last, 0, err
	}
	for o := last; o.Key != ""; {
		if o.LastOrdinal <= committed {
			return last, committed, nil
		}
		if wanted, err := s.wanted(ctx, head.Stream, o, committed); wanted || err != nil {
			return last, o.LastOrdinal, err
		}
		if o.Previous == "" {
			break
		}
		if o, err = s.applier.lake.Previous(ctx, head.Stream, o); err != nil {
			return last, 0, err
		}
	}
	return last, committed, nil
}

// wanted reports whether an object has rows for the table behind an ordinal: others were put aside, and where the ordinal is what the
// table was asked for, the object's last records may have none.
func (s *Sweeper) wanted(ctx context.Context, stream string, o rawzone.Object, after int64) (bool, error) {
	if o.Rows == 0 {
		return false, nil
	}
	aside, err := s.applier.lake.Aside(ctx, stream, o)
	if err != nil || len(aside) == 0 && after < o.FirstOrdinal {
		return err == nil, err
	}
	rows, err := s.applier.lake.Rows(ctx, o.Key)
	if err != nil {
		return false, err
	}
	ordinals, err := rows.Ordinals()
	if err != nil {
		return false, fmt.Errorf("object %s: %w", o.Key, err)
	}
	return slices.ContainsFunc(ordinals, func(n int64) bool { return n > after && !slices.Contains(aside, n) }), nil
}

// forgotten reports whether a channel has no token though the ledger knows that it had one: where the table was dropped or emptied,
// what the ledger knows of it is nothing to go by.
func (s *Sweeper) forgotten(head datalake.Head, state State) bool {
	_, ok := s.remembered(head, state)
	return !state.Known && !ok && head.Channel != nil && !head.Channel.Merged && head.Channel.Known().Committed > head.Base()
}

// applyLast opens a channel that has forgotten its place, which finds that out from the table, and appends what follows.
func (s *Sweeper) applyLast(ctx context.Context, head datalake.Head) error {
	o, err := s.applier.lake.Object(ctx, head.Object)
	if err != nil {
		return err
	}
	_, err = s.again(ctx, head, &Rows{Stream: head.Stream, Object: o, Known: head.Channel.Known()})
	return err
}

// First reports whether no object in front of one has rows for the table: of a table that was emptied only such an object may be
// merged. What follows it then comes by the channel, and two who merge it do the same.
func (s *Sweeper) First(ctx context.Context, stream string, o rawzone.Object) (bool, error) {
	base := record.Base(o.First.Shard)
	for o.FirstOrdinal != 1 && o.FirstOrdinal-1 != base && o.Previous != "" {
		var err error
		if o, err = s.applier.lake.Object(ctx, o.Previous); err != nil {
			return false, err
		}
		if wanted, err := s.wanted(ctx, stream, o, 0); wanted || err != nil {
			return false, err
		}
	}
	return true, nil
}

// Settle returns once a shard's rows up to an ordinal are committed: only these may be merged, because the channel may still
// commit the others. What does not become visible is appended again.
func (s *Sweeper) Settle(ctx context.Context, stream, shard string, ordinal int64) error {
	for {
		head, err := s.applier.lake.Ledger(ctx, stream, shard)
		if err != nil {
			return err
		}
		if head.Channel != nil && head.Channel.Merged {
			return nil // the channel was locked before the ledger said so, and holds nothing
		}
		states, err := s.applier.service.States(ctx, []rawzone.Chain{head.Chain()})
		if err != nil {
			return err
		}
		if state := states[head.Chain()]; s.forgotten(head, state) {
			if err := s.applyLast(ctx, head); err != nil {
				return err
			}
			if asked, ok := s.asked[head.Chain()]; ok && asked.Committed >= ordinal {
				return nil
			}
		} else if p, err := s.shard(ctx, head, state, false); err != nil || p.Committed >= min(ordinal, p.Last) {
			return err
		}
		select {
		case <-time.After(pollEvery):
		case <-ctx.Done():
			return fmt.Errorf("wait until ordinal %d of %s is committed: %w", ordinal, shard, context.Cause(ctx))
		}
	}
}
