package upsert

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/snowstream/snowstream/processing/datalake"
	"github.com/snowstream/snowstream/processing/handoff"
	"github.com/snowstream/snowstream/processing/rowpath"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
)

// Path is the row path by Snowpipe Streaming.
type Path struct {
	applier *rowpath.Applier
	sweeper *rowpath.Sweeper
	lake    Chains
	stream  string
	// idle says that rows are merged now: the channels are only finished.
	idle bool
}

// Chains are the objects of the raw zone, and what became of rows that the service has rejected.
type Chains interface {
	rowpath.Lake
	// Rejections is what is known. ClaimRejections takes them over before anything is merged, WithholdLate puts rows aside,
	// SeeRejections notes that all was dealt with. ErrFenced means that another one has taken them over.
	Rejections(ctx context.Context, c rawzone.Chain) (datalake.Rejections, error)
	ClaimRejections(ctx context.Context, r datalake.Rejections) (datalake.Rejections, error)
	WithholdLate(ctx context.Context, r datalake.Rejections, o rawzone.Object, rows int, ndjson []byte) (datalake.Rejections, error)
	SeeRejections(ctx context.Context, r datalake.Rejections, seen rawzone.Channel) (datalake.Rejections, error)
}

// NewPath returns the row path of a stream.
func NewPath(a *rowpath.Applier, lake Chains, stream string) *Path {
	return &Path{applier: a, sweeper: rowpath.NewSweeper(a), lake: lake, stream: stream}
}

// Idle returns the path for a function that merges. A shard whose rows have gone by it is finished first.
func (p *Path) Idle() *Path {
	p.idle = true
	return p
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
	r := rowpath.Rows{Stream: m.Place.Stream, Fresh: m.Place.Fresh, Without: m.Without, Object: rawzone.Object{
		Key: m.Object, Generation: m.Place.Generation, First: record.Position{Shard: m.Place.Shard}, Rows: m.Rows,
		FirstOrdinal: m.Place.First, LastOrdinal: m.Place.Last, Previous: m.Place.Previous,
	}}
	if m.Place.Channel != nil {
		r.Known = m.Place.Channel.Known()
	}
	if m.CSV != "" {
		r.CSV = []byte(m.CSV)
	}
	if known := m.Place.Channel; known == nil || known.Merged { // all in front of it was merged, or this is the first
		noted := rawzone.Channel{Committed: r.Object.FirstOrdinal - 1}
		if known != nil {
			state, err := u.path.applier.Fence(ctx, m.Place.Chain())
			if err != nil {
				return nil, fmt.Errorf("rows of %s were merged so far; open its channel: %w", m.Place.Shard, err)
			}
			noted.Rejected, noted.Created = state.Rejected, state.Created
		}
		return json.Marshal(handoff.Answer{Channel: &noted, Note: true})
	}
	sent, state, err := u.path.applier.Apply(ctx, r)
	if err != nil {
		return nil, err
	}
	channel, err := u.known(ctx, r, state)
	if err != nil {
		return nil, err
	}
	u.log.Info("appended", "object", m.Object, "rows", m.Rows, "sent", sent, "committed_ordinal", state.Committed, "rejected_rows", state.Rejected,
		"append_ms", time.Since(began).Milliseconds())
	return json.Marshal(handoff.Answer{Rows: m.Rows, Inserted: int64(sent), Channel: channel})
}

// mayBeMerged reports whether a process that merges may have had an object in hand, and may have left it in the middle, with rows
// that the table refuses between those that are there.
func mayBeMerged(p *handoff.Place) bool { return p.Channel != nil && p.Channel.Merged && !p.Fresh }

// leave merges the last object that may have been merged, and what is in front of it, with the channel locked. From the next one on rows
// go by the channel.
func (u *Upsert) leave(ctx context.Context, m handoff.Message) (handoff.Answer, error) {
	state, err := u.path.applier.Fence(ctx, m.Place.Chain())
	if err != nil {
		return handoff.Answer{}, fmt.Errorf("rows of %s were merged last; lock its channel before they are completed: %w", m.Place.Shard, err)
	}
	answer, err := u.object(ctx, m)
	if err == nil && answer.Channel != nil {
		answer.Channel = &rawzone.Channel{Committed: m.Place.Last, Rejected: state.Rejected, Created: state.Created}
	}
	return answer, err
}

// known is what the ledger may remember of a channel: what it has rejected counts as seen once it was dealt with, which is the
// sweep's part and needs a warehouse. Until then the ledger keeps what it has; nil says so.
func (u *Upsert) known(ctx context.Context, r rowpath.Rows, state rowpath.State) (*rawzone.Channel, error) {
	now := channelOf(r.Known, state)
	began, isNew := u.path.applier.Began(r.Chain())
	from, suspect := suspicion(r, state, began, isNew)
	if !suspect {
		return &now, nil
	}
	seen, err := u.path.lake.Rejections(ctx, r.Chain())
	if err != nil {
		return nil, err
	}
	if seen.Seen.Created == state.Created && seen.Seen.Rejected >= state.Rejected {
		return &now, nil
	}
	if r.Known.Created == 0 && state.Rejected == 0 { // a former channel may have rejected rows, and nothing else will tell
		return &rawzone.Channel{Committed: from, Created: formerChannel}, nil
	}
	return nil, nil
}

// formerChannel stands for a channel that is gone, and of which nothing is known.
const formerChannel = -1

// channelOf is what the ledger may remember. How far another channel was goes for this one only where the rows behind it were merged.
func channelOf(known rawzone.Channel, state rowpath.State) rawzone.Channel {
	if known.Of(state.Created) {
		state.Committed = max(state.Committed, known.Committed)
	}
	return rawzone.Channel{Committed: state.Committed, Rejected: state.Rejected, Created: state.Created}
}

// suspicion is the ordinal behind which rows may have been rejected without having been dealt with. The count of rejections is
// the channel's: where another channel was known, what it has counted at last is gone, unless the new one began where that one
// was known to stand: began says where it did, if isNew.
func suspicion(r rowpath.Rows, state rowpath.State, began int64, isNew bool) (from int64, suspect bool) {
	known := r.Known
	switch {
	case known.Created == state.Created:
		return known.Committed, state.Rejected > known.Rejected
	case known.Created == 0 && isNew && began >= r.Object.FirstOrdinal: // the table has rows, and the channel knows of none
		return r.Object.FirstOrdinal - 1, true
	case known.Created == 0 || isNew && began <= known.Committed:
		return known.Committed, state.Rejected > 0
	}
	return known.Committed, true
}

// mend deals with rows that the service has rejected. The token moves over them, so they are somewhere between what was known to
// be committed and what is now: all objects that end there are merged, which changes nothing for rows that are there, brings in
// what only the service did not take, and names what the table refuses for good. That is put aside. What the channel has not
// committed is left alone: it may still come.
func (u *Upsert) mend(ctx context.Context, r rowpath.Rows, state rowpath.State) error {
	seen, err := u.path.lake.Rejections(ctx, r.Chain())
	if err != nil {
		return err
	}
	if s := seen.Seen; s.Created == state.Created && (r.Known.Created != state.Created || s.Rejected > r.Known.Rejected) {
		r.Known = s
	}
	from, suspect := suspicion(r, state, 0, false)
	if !suspect || state.Committed <= from || state.Committed > r.Object.LastOrdinal {
		return nil // or the ledger that was read is older than the state: the next sweep has both
	}
	objects, whole, err := u.path.applier.Between(ctx, r, from, state.Committed)
	if err != nil {
		return fmt.Errorf("find the rows of %s that the service has rejected: %w", r.Object.First.Shard, err)
	}
	if seen, err = u.path.lake.ClaimRejections(ctx, seen); err != nil {
		return err
	}
	for _, o := range objects {
		if seen, err = u.mendObject(ctx, seen, o, state.Rejected); err != nil {
			return fmt.Errorf("the service has rejected rows of %s; merge object %s, which may have some: %w", r.Object.First.Shard, o.Key, err)
		}
	}
	if !whole {
		return nil // an object is committed in part: once more when all of it is
	}
	_, err = u.path.lake.SeeRejections(ctx, seen, channelOf(r.Known, state))
	return err
}

// mendObject merges an object that the channel has passed, and puts aside what the table refuses.
func (u *Upsert) mendObject(ctx context.Context, seen datalake.Rejections, o rawzone.Object, rejected int64) (datalake.Rejections, error) {
	for more := true; more; {
		without, err := u.path.lake.Aside(ctx, seen.Stream, o)
		if err != nil {
			return seen, err
		}
		rows, err := u.lake.Rows(ctx, o.Key)
		if err != nil {
			return seen, err
		}
		answer, err := u.merge(ctx, rows, without, nil)
		if err == nil && answer.Taken != nil {
			err = answer.Taken
		}
		if err != nil {
			return seen, err
		}
		u.log.Warn("an object with rows that the service may have rejected was merged", "object", o.Key, "inserted", answer.Inserted, "rejected_rows", rejected,
			"quarantined", len(answer.Refused))
		if more = answer.More; len(answer.Refused) == 0 {
			continue
		}
		if rows, err = u.lake.Rows(ctx, o.Key); err != nil {
			return seen, err
		}
		refused, err := rawzone.Refused(rows, o.Generation, answer.Refused)
		if err != nil {
			return seen, err
		}
		text, err := rawzone.EncodeQuarantine(seen.Stream, refused)
		if err != nil {
			return seen, err
		}
		if seen, err = u.path.lake.WithholdLate(ctx, seen, o, len(refused), text); err != nil {
			return seen, err
		}
	}
	return seen, nil
}

// noted is what the ledger has to hold before the first row of a shard is merged whose rows went by its channel so far, nil if it does.
// The channel is locked first: what was appended by it and not committed does not come any more. A shard of which the ledger knows
// no channel never had one, because that is noted, too, before the first row goes by it.
func (u *Upsert) noted(ctx context.Context, p *handoff.Place) (*rawzone.Channel, error) {
	known := *p.Channel
	if known.Merged || u.path == nil && behind(known, p) {
		return nil, nil // finish refuses to go on without a key pair
	}
	if u.path != nil {
		if _, err := u.path.applier.Fence(ctx, p.Chain()); err != nil {
			return nil, fmt.Errorf("rows of %s went by Snowpipe Streaming; lock its channel before others are merged: %w", p.Shard, err)
		}
	}
	known.Merged = true // and as far as it was: behind that rows may have been rejected
	return &known, nil
}

// behind reports whether rows in front of a place are not known to be in the table.
func behind(known rawzone.Channel, p *handoff.Place) bool {
	return known.Committed < p.First-1 && p.Previous != ""
}

// finish has all in the table that went by a shard's channel, before an object behind it is merged: the channel is locked, so that
// nothing more comes by it, and what is not known to be committed is merged. It returns what the ledger may remember once the
// object is merged, too.
func (u *Upsert) finish(ctx context.Context, p *handoff.Place) (*rawzone.Channel, error) {
	known := *p.Channel
	if behind(known, p) {
		if u.path == nil {
			return nil, fmt.Errorf("rows of %s went by Snowpipe Streaming, and beyond ordinal %d nobody knows whether they are in the table: "+
				"give the function its key pair and its stream's name, or let it go on by Snowpipe Streaming", p.Shard, known.Committed)
		}
		state, err := u.finishBehind(ctx, p, known.Committed)
		if err != nil {
			return nil, fmt.Errorf("rows of %s went by Snowpipe Streaming; finish that before others are merged: %w", p.Shard, err)
		}
		known.Rejected, known.Created = state.Rejected, state.Created
	}
	known.Committed, known.Merged = max(known.Committed, p.Last), true
	return &known, nil
}

// finishBehind merges what lies between an ordinal and a place.
func (u *Upsert) finishBehind(ctx context.Context, p *handoff.Place, after int64) (rowpath.State, error) {
	chain := p.Chain()
	state, err := u.path.applier.Fence(ctx, chain)
	if err != nil {
		return state, err
	}
	previous, err := u.path.lake.Object(ctx, p.Previous)
	if err != nil {
		return state, err
	}
	objects, _, err := u.path.applier.Between(ctx, rowpath.Rows{Stream: p.Stream, Object: previous}, after, previous.LastOrdinal)
	if err != nil {
		return state, err
	}
	seen, err := u.path.lake.Rejections(ctx, chain)
	if err == nil {
		seen, err = u.path.lake.ClaimRejections(ctx, seen)
	}
	for _, o := range objects {
		if err == nil {
			seen, err = u.mendObject(ctx, seen, o, state.Rejected)
		}
	}
	if err == nil {
		_, err = u.path.lake.SeeRejections(ctx, seen, rawzone.Channel{Committed: previous.LastOrdinal, Rejected: state.Rejected, Created: state.Created})
	}
	return state, err
}

// sweep looks after what was appended and has not become visible, and after what the service has rejected. What a shard fails
// with is that shard's, and stands in the answer. With look it only says how far they are.
func (u *Upsert) sweep(ctx context.Context, look bool) (handoff.Answer, error) {
	if u.path == nil || u.path.idle {
		return handoff.Answer{}, nil
	}
	all, err := u.path.sweeper.Sweep(ctx, u.path.stream, look)
	if err != nil {
		return handoff.Answer{}, err
	}
	var answer handoff.Answer
	for _, p := range all {
		if !look && p.Err == nil && p.State.Created != 0 && p.Rows.Object.Key != "" {
			p.Err = u.mend(ctx, p.Rows, p.State)
		}
		pending := handoff.Pending{Shard: p.Shard, Committed: p.Committed, Last: p.Last, Rejected: p.State.Rejected, Again: p.Again}
		if p.State.Rejected > 0 {
			pending.Message = p.State.Message
		}
		if p.Err != nil {
			u.log.Error("a shard's rows could not be looked after", "shard", p.Shard, "error", p.Err.Error())
			pending.Error = p.Err.Error()
		}
		answer.Pending = append(answer.Pending, pending)
	}
	if !look {
		u.swept(answer.Pending)
	}
	return answer, nil
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
	if u.path == nil || u.path.idle || strings.HasPrefix(key, rawzone.Replayed) {
		return nil // replayed rows have ordinals that no object of the chain has a row for: the channel holds none of them
	}
	o, err := u.path.lake.Object(ctx, key)
	if err != nil {
		return err
	}
	err = u.path.sweeper.Settle(ctx, u.path.stream, o.First.Shard, o.LastOrdinal)
	if errors.Is(err, rowpath.ErrEmptied) {
		if first, failed := u.path.sweeper.First(ctx, u.path.stream, o); first || failed != nil {
			return failed // nobody appends to a table that was emptied before the first rows are there
		}
	}
	return err
}
