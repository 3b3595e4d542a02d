package producer

import (
	"context"
	"errors"
	"io"
	"math"
	"time"
)

// job is a number of records to make, by the number of the first.
type job struct {
	first int64
	count int
	// lines are the records of a replay, times the simulated time of each record of a backfill.
	lines [][]byte
	times []time.Time
}

// feed gives the workers their jobs. It is the run's one clock.
type feed struct {
	*Producer
	// ctx ends with the run's duration, late [grace] after it, and parent with the run.
	ctx, late, parent context.Context
	began             time.Time
	failed            <-chan struct{}
	jobs              chan<- job
	next, left        int64
}

// grace is how long the feed waits after the run's duration for workers that take what was due before.
const grace = time.Second

func (p *Producer) newFeed(ctx, parent context.Context, began time.Time, failed <-chan struct{}, jobs chan<- job) *feed {
	f := &feed{Producer: p, ctx: ctx, parent: parent, began: began, failed: failed, jobs: jobs, left: p.config.Records}
	if f.left == 0 {
		f.left = math.MaxInt64
	}
	return f
}

// run feeds until the run's number is reached, its source has no more, ctx ends or a worker has failed.
func (f *feed) run() error {
	f.late = f.parent
	if f.config.Duration > 0 {
		late, stop := context.WithDeadline(f.parent, f.began.Add(f.config.Duration+grace))
		defer stop()
		f.late = late
	}
	var err error
	switch {
	case f.config.Backfill != nil:
		err = f.backfill()
	case f.config.Replay != nil && f.config.Replay.timed():
		err = f.replayTimes()
	default:
		err = f.paced()
	}
	if errors.Is(err, io.EOF) {
		f.counts.complete.Store(true)
		return nil
	}
	return err
}

// errStopped ends a feed whose workers or context have ended.
var errStopped = errors.New("stopped")

// paced feeds at the rate of the load, which may change at any time.
func (f *feed) paced() error {
	ticker := time.NewTicker(Tick)
	defer ticker.Stop()
	p := newPace(f.load.Load(), f.began, Tick)
	for f.left > 0 {
		f.follow(p)
		if p.load.unlimited && !p.load.paused {
			if f.ctx.Err() != nil {
				return nil
			}
			if err := f.give(int64(f.config.Batch)); err != nil {
				return f.leave(p, err)
			}
			continue
		}
		select {
		case <-ticker.C:
		case <-f.failed:
			return nil
		case <-f.ctx.Done():
			return f.last(p)
		}
		f.follow(p)
		now := time.Now()
		if end, ok := f.ctx.Deadline(); ok && !now.Before(end) {
			return f.last(p)
		}
		due, missed := p.due(now)
		f.counts.missed.Add(missed)
		if err := f.give(due); err != nil {
			return f.leave(p, err)
		}
	}
	return nil
}

// follow takes over the load that somebody has changed.
func (f *feed) follow(p *pace) {
	if l := f.load.Load(); l != p.load {
		p.change(l)
	}
}

// last gives what is due at the very end of the run's duration: the ticks need not meet it.
func (f *feed) last(p *pace) error {
	end, ok := f.ctx.Deadline()
	if !ok || f.parent.Err() != nil {
		return nil
	}
	due, missed := p.due(end)
	f.counts.missed.Add(missed)
	return f.leave(p, f.give(due))
}

// end drops the error of a feed that was stopped.
func (f *feed) end(err error) error {
	if errors.Is(err, errStopped) {
		return nil
	}
	return err
}

// leave is end for a pace: what it owes at the end of the run's duration is missed.
func (f *feed) leave(p *pace, err error) error {
	if end, ok := f.ctx.Deadline(); ok && f.ctx.Err() != nil && f.parent.Err() == nil {
		f.counts.missed.Add(p.forgo(end))
	}
	return f.end(err)
}

// give hands out that many records, in jobs of at most one batch. It fails with io.EOF if a replay has no more. What no
// worker took within [owedAtMost], or before the end, is missed: a tick of a high rate is many jobs.
func (f *feed) give(due int64) error {
	due = min(due, f.left)
	if !f.load.Load().unlimited {
		defer func() { f.counts.missed.Add(due) }()
	}
	for began := time.Now(); due > 0 && time.Since(began) <= owedAtMost; {
		j := job{count: int(min(due, int64(f.config.Batch)))}
		if f.config.Replay != nil {
			lines, err := f.config.Replay.read(j.count)
			if len(lines) == 0 {
				due = 0
				return err
			}
			j.lines, j.count = lines, len(lines)
		}
		if err := f.hand(j); err != nil {
			return err
		}
		due -= int64(j.count)
	}
	return nil
}

// hand gives one job to a worker, also a little after the run's duration: what was due before it goes out.
func (f *feed) hand(j job) error {
	j.first = f.next
	select {
	case f.jobs <- j:
	case <-f.failed:
		return errStopped
	case <-f.late.Done():
		return errStopped
	}
	f.next += int64(j.count)
	f.left -= int64(j.count)
	return nil
}
