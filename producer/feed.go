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
	// ctx ends with the run's duration, parent with the run.
	ctx, parent context.Context
	began       time.Time
	failed      <-chan struct{}
	jobs        chan<- job
	next, left  int64
}

func (p *Producer) newFeed(ctx, parent context.Context, began time.Time, failed <-chan struct{}, jobs chan<- job) *feed {
	f := &feed{Producer: p, ctx: ctx, parent: parent, began: began, failed: failed, jobs: jobs, left: p.config.Records}
	if f.left == 0 {
		f.left = math.MaxInt64
	}
	return f
}

// run feeds until the run's number is reached, its source has no more, ctx ends or a worker has failed.
func (f *feed) run() error {
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
				return f.end(err)
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
			return f.end(err)
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
	due, _ := p.due(end)
	return f.end(f.give(due))
}

// end drops the error of a feed that was stopped.
func (f *feed) end(err error) error {
	if errors.Is(err, errStopped) {
		return nil
	}
	return err
}

// give hands out that many records, in jobs of at most one batch. It fails with io.EOF if a replay has no more.
func (f *feed) give(due int64) error {
	for due = min(due, f.left); due > 0; {
		j := job{count: int(min(due, int64(f.config.Batch)))}
		if f.config.Replay != nil {
			lines, err := f.config.Replay.read(j.count)
			if len(lines) == 0 {
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

// hand gives one job to a worker. It does not mind the end of the run's duration: what was due before it goes out.
func (f *feed) hand(j job) error {
	j.first = f.next
	select {
	case f.jobs <- j:
	case <-f.failed:
		return errStopped
	case <-f.parent.Done():
		return errStopped
	}
	f.next += int64(j.count)
	f.left -= int64(j.count)
	return nil
}
