// Package rowpath brings the rows of a shard into the streaming table by a channel of Snowpipe Streaming, each exactly once.
//
// The chain of the shard's objects in the raw zone is the log, and the channel applies it: it commits rows together with the
// ordinal up to which they go. Whoever applies obeys one rule: open the channel, read the committed ordinal c, append only what
// follows c in the chain, in order. Opening locks out whoever had the channel before, and drops what was not committed. So a
// crash, a lost answer, a process that stood still and two processes at once all end in the same place: c, and the chain behind
// it. docs/exactly-once.md has the argument.
package rowpath

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/snowstream/snowstream/processing/datalake"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
)

// Lake is the raw zone.
type Lake interface {
	// Ledger is how far a shard has landed, the open object included if it exists.
	Ledger(ctx context.Context, stream, shard string) (datalake.Head, error)
	Object(ctx context.Context, key string) (rawzone.Object, error)
	// Previous is the object in front of one; the zero Object if it is gone and a seal says that its rows are in the table.
	Previous(ctx context.Context, stream string, o rawzone.Object) (rawzone.Object, error)
	// Rows reads an object's rows without holding them all.
	Rows(ctx context.Context, key string) (*record.CSVReader, error)
	// Behind finds a shard's objects that end behind an ordinal, by listing; for chains from before objects named each other.
	Behind(ctx context.Context, head datalake.Head, ordinal int64) ([]rawzone.Object, error)
	// Aside are the ordinals of an object's rows that were put aside.
	Aside(ctx context.Context, stream string, o rawzone.Object) ([]int64, error)
	// Heads is how far all shards of a stream have landed that have a ledger.
	Heads(ctx context.Context, stream string) ([]datalake.Head, error)
}

// Service is Snowpipe Streaming, in front of the streaming table. It is safe for concurrent use.
type Service interface {
	// Open opens a chain's channel. All earlier openers are locked out, and rows of theirs that were not committed are dropped.
	Open(ctx context.Context, c rawzone.Chain) (Channel, error)
	// States asks for channels. One that does not exist has no entry.
	States(ctx context.Context, chains []rawzone.Chain) (map[rawzone.Chain]State, error)
	// Highest is the highest ordinal of a chain in the table, 0 if it has none.
	Highest(ctx context.Context, c rawzone.Chain) (int64, error)
}

// Channel is an open channel. After an error it is void.
type Channel interface {
	Opened() State
	// Append appends rows with ordinals above after, in pieces if need be. The last piece has the ordinal last, the others
	// those of their last rows. It returns once the service has received them; they are not durable.
	Append(ctx context.Context, rows *record.CSVReader, skip func(ordinal int64) bool, last int64) (sent int, err error)
}

// State is what the service says of a channel.
type State struct {
	// Committed is the ordinal up to which rows are in the table or were rejected. Known is false for a channel that has
	// committed nothing, or has forgotten it.
	Committed int64
	Known     bool
	// Rejected counts the rows that the table did not take, in the channel's life, which began at Created, in Unix
	// milliseconds. Message is the last one's reason, which may quote it.
	Rejected, Created int64
	Message           string
	// Err says why the channel does not work.
	Err error
}

// ErrReopen is a channel that is void: it has to be opened again, by whoever still owns the shard.
var ErrReopen = errors.New("the channel is void")

// ErrEmptied is a table without any row of a shard that had some, and a channel that does not know how far it was.
var ErrEmptied = errors.New("the table has no row of the shard")

// Commit says when rows count as handed over.
type Commit string

// The two ways.
const (
	// Deferred is when the service has received them. A sweep finds those that do not become visible.
	Deferred Commit = "deferred"
	// Wait is when they are in the table.
	Wait Commit = "wait"
)

const (
	// maxPending and maxAge are how much may be appended and not committed before the next append waits.
	maxPending = 64 << 20
	maxAge     = time.Minute
	// large is what an object counts for that was not handed over with its rows.
	large = 16 << 20
	// pollEvery is how often a commit is asked for.
	pollEvery = time.Second
	// opens is how often a channel that becomes void is opened again before the batch fails.
	opens = 3
)

// Applier applies chains of one stream. It is for one goroutine.
type Applier struct {
	lake    Lake
	service Service
	commit  Commit
	log     *slog.Logger
	chains  map[rawzone.Chain]*position
}

// position is how far this process has come in a shard with its channel.
type position struct {
	channel Channel
	// end is the ordinal up to which the chain was appended, target that of the last append: objects without rows move the
	// one and not the other.
	end, target int64
	// began is where the channel stood when it was opened.
	began int64
	state State
	// pending are appends that were not committed when the service was last asked.
	pending []pending
}

type pending struct {
	last int64
	size int
	at   time.Time
}

// New returns an applier.
func New(lake Lake, service Service, commit Commit, log *slog.Logger) *Applier {
	return &Applier{lake: lake, service: service, commit: commit, log: log, chains: map[rawzone.Chain]*position{}}
}

// Rows is an object that is handed over.
type Rows struct {
	Stream string
	Object rawzone.Object
	// CSV are its rows; nil means that they are to be read.
	CSV []byte
	// Without are ordinals whose rows were put aside.
	Without []int64
	// Fresh says that nobody can have handed the object over before. Known is what the ledger knows of the channel.
	Fresh bool
	Known rawzone.Channel
}

// Chain is what the object belongs to.
func (r Rows) Chain() rawzone.Chain {
	return rawzone.Chain{Stream: r.Stream, Generation: r.Object.Generation, Shard: r.Object.First.Shard}
}

// Apply has the channel hold an object and all in front of it, and with Wait returns once they are in the table. It returns
// how many rows it appended of the object, and the channel's state as it is known.
func (a *Applier) Apply(ctx context.Context, r Rows) (sent int, state State, err error) {
	for try := 1; ; try++ {
		if sent, state, err = a.apply(ctx, r); err == nil {
			return sent, state, nil
		}
		delete(a.chains, r.Chain()) // a part of an object may have been received: only opening tells
		if !errors.Is(err, ErrReopen) {
			return sent, state, err
		}
		if try == opens || ctx.Err() != nil {
			return sent, state, fmt.Errorf("append object %s: %w", r.Object.Key, err)
		}
	}
}

func (a *Applier) apply(ctx context.Context, r Rows) (sent int, state State, err error) {
	p := a.chains[r.Chain()]
	if p == nil {
		head, err := a.lake.Ledger(ctx, r.Stream, r.Object.First.Shard)
		if err != nil {
			return 0, state, err
		}
		if head.Ordinal > r.Object.LastOrdinal {
			if state, passed, err := a.passed(ctx, r); passed || err != nil {
				return 0, state, err
			}
		}
		if p, err = a.open(ctx, r, head); err != nil {
			return 0, state, err
		}
		a.chains[r.Chain()] = p
	}
	if p.end < r.Object.LastOrdinal {
		chain, err := a.chain(ctx, r, p.end)
		if err != nil {
			return 0, p.state, err
		}
		for _, o := range chain {
			if sent, err = a.append(ctx, p, r, o); err != nil {
				return sent, p.state, err
			}
		}
	}
	if a.commit == Wait {
		err = a.await(ctx, r.Chain(), p, p.target)
	}
	return sent, p.state, err
}

// Fence locks out whoever has a chain's channel: what that has not committed will not come any more.
func (a *Applier) Fence(ctx context.Context, c rawzone.Chain) (State, error) {
	delete(a.chains, c)
	channel, err := a.service.Open(ctx, c)
	if err != nil {
		return State{}, err
	}
	return channel.Opened(), nil
}

// passed reports whether an object needs nothing from this process any more, because the shard stands beyond it: then it is
// another one's, which appends all up to its own object, and opening the channel would only make it begin again.
func (a *Applier) passed(ctx context.Context, r Rows) (State, bool, error) {
	states, err := a.service.States(ctx, []rawzone.Chain{r.Chain()})
	if err != nil {
		return State{}, false, err
	}
	s := states[r.Chain()]
	if !s.Known {
		s = State{Committed: r.Known.Committed, Rejected: r.Known.Rejected, Created: r.Known.Created}
	}
	return s, a.commit == Deferred || s.Committed >= r.Object.LastOrdinal, nil
}

// open opens a shard's channel and finds out where it stands.
func (a *Applier) open(ctx context.Context, r Rows, head datalake.Head) (*position, error) {
	o := r.Object
	channel, err := a.service.Open(ctx, r.Chain())
	if err != nil {
		return nil, err
	}
	state, asked := channel.Opened(), int64(0) // asked is the table's highest ordinal, if it was asked
	if state.Known {
		// Rows behind the token may have been merged.
		if r.Known.Of(state.Created) {
			state.Committed = max(state.Committed, r.Known.Committed)
		}
	} else if state.Committed, asked, err = a.forgotten(ctx, r, head); err != nil {
		return nil, err
	}
	if last := max(head.Ordinal, o.LastOrdinal); asked > last {
		return nil, fmt.Errorf("the table has a row of %s under ordinal %d, and the raw zone ends at %d: somebody has put rows there, or objects or the ledger are gone; "+
			"`snowstream audit` names them; take the rows away, or restore what is gone", o.First.Shard, asked, last)
	} else if state.Committed > last {
		return nil, fmt.Errorf("the channel of %s has committed ordinal %d, and the raw zone ends at %d: objects or the ledger are gone; restore them, or drop the channel and have the table loaded again",
			o.First.Shard, state.Committed, last)
	}
	a.log.Info("channel opened", "stream", r.Stream, "shard", o.First.Shard, "committed_ordinal", state.Committed, "known", state.Known, "rejected_rows", state.Rejected)
	return &position{channel: channel, end: state.Committed, target: state.Committed, state: state, began: state.Committed}, nil
}

// Began is the ordinal behind which a chain's channel began, if this process has opened it and it had no token.
func (a *Applier) Began(c rawzone.Chain) (ordinal int64, known bool) {
	p := a.chains[c]
	if p == nil || p.channel.Opened().Known {
		return 0, false
	}
	return p.began, true
}

// forgotten is where a channel stands that has committed nothing or has forgotten it. It was opened already: what was on its way
// when it was, cannot come any more. Where nobody can have appended anything behind what the ledger knows, the table need not
// be asked; asked is its answer.
func (a *Applier) forgotten(ctx context.Context, r Rows, head datalake.Head) (stands, asked int64, err error) {
	o, base := r.Object, head.Base()
	known := max(r.Known.Committed, base)
	if r.Fresh && known >= o.FirstOrdinal-1 {
		return o.FirstOrdinal - 1, 0, nil
	}
	highest, err := a.service.Highest(ctx, r.Chain())
	if err != nil {
		return 0, 0, fmt.Errorf("the channel of %s has no committed token, so the table is asked how far it goes: %w", o.First.Shard, err)
	}
	if highest == 0 && known > base {
		return 0, 0, fmt.Errorf("the channel of %s is gone, and %w, though rows up to ordinal %d were committed: was it dropped or emptied? "+
			"Put it back, or have the raw zone loaded again with `snowstream audit --repair`", o.First.Shard, ErrEmptied, known)
	}
	return max(highest, base), highest, nil
}

// chain are the objects that end behind an ordinal, up to the one that is handed over, in order.
func (a *Applier) chain(ctx context.Context, r Rows, after int64) ([]rawzone.Object, error) {
	chain := []rawzone.Object{r.Object}
	for first := r.Object; first.FirstOrdinal > after+1; first = chain[len(chain)-1] {
		if first.FirstOrdinal == 1 || first.FirstOrdinal-1 == record.Base(first.First.Shard) {
			break // the chain's first
		}
		if first.Previous == "" {
			return a.listed(ctx, r, after)
		}
		o, err := a.lake.Previous(ctx, r.Stream, first)
		if err != nil {
			return nil, fmt.Errorf("go back in the chain from object %s: %w", first.Key, err)
		}
		if o.Key == "" {
			break // what was in front of it is in the table
		}
		if o.LastOrdinal != first.FirstOrdinal-1 {
			return nil, fmt.Errorf("object %s begins at ordinal %d, and the one before it, %s, ends at %d: an object is missing; `snowstream audit` says which",
				first.Key, first.FirstOrdinal, o.Key, o.LastOrdinal)
		}
		chain = append(chain, o)
	}
	for i, j := 0, len(chain)-1; i < j; i, j = i+1, j-1 {
		chain[i], chain[j] = chain[j], chain[i]
	}
	return chain, nil
}

// Between are the objects with rows that end behind one ordinal and at most at another, and whether there is none that only
// begins there.
func (a *Applier) Between(ctx context.Context, r Rows, after, to int64) (objects []rawzone.Object, whole bool, err error) {
	chain, err := a.chain(ctx, r, after)
	if err != nil {
		return nil, false, err
	}
	whole = true
	for _, o := range chain {
		switch {
		case o.LastOrdinal > after && o.LastOrdinal <= to && o.Rows > 0:
			objects = append(objects, o)
		case o.FirstOrdinal <= to && o.LastOrdinal > to:
			whole = false
		}
	}
	return objects, whole, nil
}

// listed is chain where objects do not name each other.
func (a *Applier) listed(ctx context.Context, r Rows, after int64) ([]rawzone.Object, error) {
	head, err := a.lake.Ledger(ctx, r.Stream, r.Object.First.Shard)
	if err != nil {
		return nil, err
	}
	objects, err := a.lake.Behind(ctx, head, after)
	if err != nil {
		return nil, err
	}
	var chain []rawzone.Object
	next := max(after, head.Base()) + 1
	for _, o := range objects {
		if o.LastOrdinal > r.Object.LastOrdinal {
			break
		}
		if o.FirstOrdinal > next {
			return nil, fmt.Errorf("no object of %s has ordinal %d: `snowstream audit` says what is missing", r.Object.First.Shard, next)
		}
		chain, next = append(chain, o), o.LastOrdinal+1
	}
	if next != r.Object.LastOrdinal+1 {
		return nil, fmt.Errorf("no object of %s has ordinal %d: `snowstream audit` says what is missing", r.Object.First.Shard, next)
	}
	return chain, nil
}

// append appends what an object has behind the position.
func (a *Applier) append(ctx context.Context, p *position, r Rows, o rawzone.Object) (sent int, err error) {
	if o.Rows == 0 || o.LastOrdinal <= p.end {
		p.end = max(p.end, o.LastOrdinal)
		return 0, nil
	}
	csv, without := r.CSV, r.Without
	if o.Key != r.Object.Key {
		csv = nil
		if without, err = a.lake.Aside(ctx, r.Stream, o); err != nil {
			return 0, err
		}
	}
	size := len(csv)
	if csv == nil {
		size = large
	}
	if err := a.room(ctx, r.Chain(), p, size); err != nil {
		return 0, err
	}
	var rows *record.CSVReader
	if csv == nil {
		if rows, err = a.lake.Rows(ctx, o.Key); err != nil {
			return 0, err
		}
	} else if rows, err = record.NewCSVReader(csv); err != nil {
		return 0, fmt.Errorf("object %s: %w", o.Key, err)
	}
	after := p.end
	sent, err = p.channel.Append(ctx, rows, func(ordinal int64) bool {
		if ordinal <= after {
			return true
		}
		return slices.Contains(without, ordinal)
	}, o.LastOrdinal)
	if err != nil {
		return sent, fmt.Errorf("object %s: %w", o.Key, err)
	}
	p.end = o.LastOrdinal
	if sent > 0 {
		p.target = o.LastOrdinal
		p.pending = append(p.pending, pending{o.LastOrdinal, rows.Size(), time.Now().Round(0)})
	}
	return sent, nil
}

// room waits while too much is appended and not committed. more is the size of what comes, 0 if nobody knows it yet.
func (a *Applier) room(ctx context.Context, c rawzone.Chain, p *position, more int) error {
	for {
		size := more
		for _, w := range p.pending {
			size += w.size
		}
		if len(p.pending) == 0 || size <= maxPending && time.Since(p.pending[0].at) < maxAge {
			return nil
		}
		if err := a.await(ctx, c, p, p.pending[0].last); err != nil {
			return fmt.Errorf("%d bytes of rows are appended and not committed, the oldest for %v: %w", size-more, time.Since(p.pending[0].at).Round(time.Second), err)
		}
	}
}

// await asks until a channel has committed an ordinal. One that makes no progress for maxAge is void.
func (a *Applier) await(ctx context.Context, c rawzone.Chain, p *position, ordinal int64) error {
	progress := time.Now()
	for p.state.Committed < ordinal {
		states, err := a.service.States(ctx, []rawzone.Chain{c})
		if err != nil {
			return err
		}
		s, ok := states[c]
		switch {
		case !ok:
			return fmt.Errorf("there is no channel of %s any more: %w", c.Shard, ErrReopen)
		case s.Known && s.Committed > p.state.Committed:
			progress = time.Now()
			p.committed(s)
			continue
		case s.Err != nil:
			return fmt.Errorf("%w: %w", ErrReopen, s.Err)
		case time.Since(progress) > maxAge:
			return fmt.Errorf("the channel stands at ordinal %d for %v, and %d was appended: %w", p.state.Committed, maxAge, ordinal, ErrReopen)
		}
		select {
		case <-time.After(pollEvery):
		case <-ctx.Done():
			return fmt.Errorf("wait until ordinal %d is committed: %w", ordinal, context.Cause(ctx))
		}
	}
	return nil
}

// committed notes what the service said.
func (p *position) committed(s State) {
	p.state = s
	for len(p.pending) > 0 && p.pending[0].last <= s.Committed {
		p.pending = p.pending[1:]
	}
}
