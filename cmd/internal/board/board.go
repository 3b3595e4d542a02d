// Package board is what the dashboard sees of a stack: it looks at the stream, the ledgers, quarantine, the tables and
// the pipe, and judges whether anything is missing.
//
// A look costs about the same however much has landed. Rows are counted by the tables' watcher, which measures only what
// is new. A shard's ledger is read when it may have moved, and at most [ledgersPerLook] of them at a time. The load
// history is read from the last file on, quarantine from the last object on. Only the audit reads more, and how often it
// runs is the dashboard's business.
//
// Inside the process that runs the stack, the services tell their own counts (inside.go). From outside, which is how a
// deployment is seen, the ledgers and the stream's API have to do (outside.go).
package board

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/snowstream/snowstream/cmd/internal/stack"
	"github.com/snowstream/snowstream/dashboard"
	"github.com/snowstream/snowstream/landing/microbatch"
	"github.com/snowstream/snowstream/landing/snowflake"
	"github.com/snowstream/snowstream/processing/datalake"
)

// bucketPatience is how long one look waits for the bucket: with S3 in trouble the rest is still shown.
const bucketPatience = time.Second

// Source looks at one stack. Look and Audit may run at the same time, each of them once.
type Source struct {
	place    stack.Settings
	db       *snowflake.DB
	lake     *datalake.Lake
	counter  counter
	tables   *Tables
	foreign  bool // somebody else looks at the tables
	ledgers  *ledgers
	rejects  *rejects
	pipe     *pipe
	rowPath  *rowPath
	replayed replayed
}

var _ dashboard.Source = (*Source)(nil)

// counter counts what lies in the stream.
type counter interface {
	count(ctx context.Context, l *ledgers) (counted, error)
}

// counted is what a counter has found.
type counted struct {
	orchestrator, upsert dashboard.Function
	objects              int64
	shards               []shard
	// problem is what is wrong with where the counts come from, empty if nothing is.
	problem string
}

// shard is one shard of the stream.
type shard struct {
	id   string
	open bool
	// records is how many Kinesis records it has had, -1 if the stream cannot say; then waiting is how many were seen
	// behind the ledger.
	records, waiting int64
	lag              time.Duration
	// version differs where the ledger may have moved on.
	version string
}

// Outside looks at a stack through its settings alone, with sessions of its own. Close it after the dashboard.
func Outside(ctx context.Context, place stack.Settings) (*Source, error) {
	db, err := place.Session()
	if err != nil {
		return nil, err
	}
	tables, err := Watch(ctx, db, place.Names(), nil)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	s := newSource(place, db, tables)
	s.counter = newOutside(place)
	return s, nil
}

func newSource(place stack.Settings, db *snowflake.DB, tables *Tables) *Source {
	lake := place.Lake()
	return &Source{
		place: place, db: db, lake: lake, tables: tables, ledgers: newLedgers(lake, place.Stream),
		rejects: newRejects(lake, place.Stream), rowPath: &rowPath{place: place}, pipe: &pipe{api: microbatch.New(db, place.Names()), since: time.Now().Add(-time.Hour)},
	}
}

// Close ends the sessions.
func (s *Source) Close() error { return s.db.Close() }

// Names are what the boxes are called.
func (s *Source) Names() dashboard.Names {
	n := s.place.Names()
	orchestrator, upsert := s.place.Functions()
	return dashboard.Names{
		Stream: s.place.Stream, Bucket: s.place.Bucket, Orchestrator: orchestrator, Upsert: upsert,
		Streaming: n.Streaming, Microbatch: n.Microbatch,
	}
}

// Look is what is there now. Where the bucket does not answer, what it said last is shown with the reason.
func (s *Source) Look(ctx context.Context) (dashboard.Look, error) {
	var look dashboard.Look
	bucket, cancel := context.WithTimeout(ctx, bucketPatience)
	defer cancel()
	problem := s.ledgers.retire(bucket, s.place)
	found, err := s.counter.count(ctx, s.ledgers)
	if err != nil {
		return look, err
	}
	if problem == nil {
		problem = s.ledgers.read(bucket, found.shards)
	}
	if problem == nil {
		problem = s.rejects.read(bucket, s.ledgers)
	}
	if look.Problem = found.problem; look.Problem == "" && problem != nil {
		look.Problem = problem.Error()
	}
	look.Orchestrator, look.Upsert, look.Objects = found.orchestrator, found.upsert, found.objects
	look.Rejects = s.rejects.last()
	s.sum(&look, found.shards)
	if !s.foreign {
		if err := s.tables.Look(ctx); err != nil {
			return look, err
		}
	}
	look.Streaming, look.Microbatch = s.tables.Seen()
	look.RowPath = s.rowPath.look(ctx)
	look.Pipe, look.Files, err = s.pipe.look(ctx, look.Microbatch.Rows)
	return look, err
}

// sum adds the shards up. Of retired ones there is no more to say than that they are in the sums.
func (s *Source) sum(look *dashboard.Look, shards []shard) {
	for _, sh := range shards {
		l := s.ledgers.of(sh.id)
		out := dashboard.Shard{ID: sh.id, Waiting: sh.waiting, Lag: sh.lag.Seconds(), State: "closed"}
		if sh.open {
			out.State = "open"
		}
		if sh.records >= 0 {
			out.Waiting = max(0, sh.records-l.Records)
		}
		if out.Waiting == 0 {
			out.Lag = 0
		}
		out.Accepted = l.Count() + out.Waiting
		look.Accepted += out.Accepted
		look.Landed += l.Count()
		look.Rejected += l.Quarantined
		if s.ledgers.retired(sh.id) {
			look.Retired++
			continue
		}
		look.Shards = append(look.Shards, out)
	}
	look.Quarantined = look.Rejected - s.replayed.get()
}

// Payload is the content of one of the last quarantined records.
func (s *Source) Payload(ctx context.Context, id string) ([]byte, error) {
	data, err := s.rejects.payload(ctx, id)
	if err != nil && !errors.Is(err, dashboard.ErrUnknown) {
		err = fmt.Errorf("read the payload: %w", err)
	}
	return data, err
}
