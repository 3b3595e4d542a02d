package board

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/snowstream/snowstream/dashboard"
	"github.com/snowstream/snowstream/landing/audit"
)

// grace is how long after its landing a row may lack in a table without being missing.
const grace = 2 * time.Minute

// replayed is how many quarantined records have become rows, as the last audit found.
type replayed struct{ n atomic.Int64 }

func (r *replayed) get() int64 { return r.n.Load() }

// Audit counts both tables by shard, and compares their values once nothing is on its way. What the ledgers cover must
// be in both tables within the grace time; of the streaming table that goes for its end alone, because rows come to it in their
// order. Records behind the ledgers are on their way and no fault. The ledgers are read before the tables, so no row can be missing only because it was late.
func (s *Source) Audit(ctx context.Context) (dashboard.Audit, error) {
	expected, err := s.place.Landed(ctx)
	if err != nil {
		return dashboard.Audit{}, err
	}
	waiting, err := s.waiting(ctx, expected)
	if err != nil {
		return dashboard.Audit{}, err
	}
	var again int64
	for _, e := range expected {
		again += e.Replayed
	}
	s.replayed.n.Store(again)
	began := time.Now()
	report, err := audit.Count(ctx, s.db, s.place.Names(), expected)
	if err != nil {
		return dashboard.Audit{}, err
	}
	a := judge(report, expected, waiting, time.Now())
	if a.Note == "" && a.OK {
		a, err = s.compare(ctx, a, expected)
	}
	a.Cost = time.Since(began)
	return a, err
}

// compare looks at all values of both tables. A record that comes meanwhile would look like a difference.
func (s *Source) compare(ctx context.Context, a dashboard.Audit, expected map[string]audit.Expected) (dashboard.Audit, error) {
	report, err := audit.Run(ctx, s.db, s.place.Names(), expected)
	if err != nil {
		return a, err
	}
	if report.Streaming() != a.Streaming || report.Microbatch() != a.Microbatch {
		a.Note = "records came in meanwhile: only counts were compared"
		return a, nil
	}
	a.Different = report.Different
	a.OK = a.OK && a.Different == 0
	return a, nil
}

// waiting is how many records the stream holds behind the ledgers.
func (s *Source) waiting(ctx context.Context, expected map[string]audit.Expected) (n int64, err error) {
	if in, ok := s.counter.(interface {
		accepted() (map[string]int64, error)
	}); ok {
		accepted, err := in.accepted()
		if err != nil {
			return 0, err
		}
		for id, e := range expected {
			n += max(0, accepted[id]-e.Ledger.Records)
		}
		return n, nil
	}
	lags, err := s.place.Lags(ctx, expected)
	for _, lag := range lags {
		n += int64(lag.Waiting)
	}
	return n, err
}

// judge makes a verdict of counts.
func judge(report audit.Report, expected map[string]audit.Expected, waiting int64, now time.Time) dashboard.Audit {
	a := dashboard.Audit{
		Streaming: report.Streaming(), Microbatch: report.Microbatch(), Quarantined: report.Quarantined(),
	}
	pending := int64(0)
	for id, shard := range report.Shards {
		e := expected[id]
		want := e.Ledger.Count() - e.Ledger.Quarantined + e.Replayed
		a.Accepted += e.Ledger.Count()
		lacks := max(0, want-min(shard.Streaming.Ordinals, shard.Streaming.Identities))
		late := max(0, want-min(shard.Microbatch.Ordinals, shard.Microbatch.Identities))
		if now.Sub(e.Ledger.UpdatedAt) < grace {
			tail := min(lacks, max(0, e.Ledger.Ordinal-shard.Streaming.Highest)) // appended, and not committed yet
			pending += max(late, tail)
			lacks, late = lacks-tail, 0
		}
		a.Missing += max(lacks, late)
		a.Doubled += doubled(shard.Streaming, want, e.Ledger.Ordinal) + doubled(shard.Microbatch, want, e.Ledger.Ordinal)
	}
	a.Accepted += waiting
	a.OK = a.Missing == 0 && a.Doubled == 0
	if way := waiting + pending; way > 0 {
		a.Note = fmt.Sprintf("%d records are on their way to a table: only counts were compared", way)
	}
	return a
}

// doubled counts rows that should not be there. Rows behind the ledger have been handed over already, and count once.
func doubled(c audit.Counts, want, ordinal int64) int64 {
	again := c.Rows - min(c.Ordinals, c.Identities)
	if c.Highest <= ordinal {
		again = max(again, c.Rows-max(want, 0))
	}
	return again
}
