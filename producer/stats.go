package producer

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/snowstream/snowstream/producer/spoil"
)

// Stats are the counts of a run, so far or at its end. In flight is Attempted - Accepted - Failed.
type Stats struct {
	// Attempted records were handed to the sink.
	Attempted int64 `json:"attempted"`
	// Accepted records are in the stream, Bytes is the size of their data.
	Accepted int64 `json:"accepted"`
	Bytes    int64 `json:"bytes"`
	// Throttled counts the answers that refused a record for its rate, Retried the times a record was sent again.
	Throttled int64 `json:"throttled"`
	Retried   int64 `json:"retried"`
	// Failed records were given up by the sink; Failure says why the first of them was.
	Failed  int64 `json:"failed"`
	Failure error `json:"-"`
	// Missed records were never made: the rate asked for them while the sink was too slow.
	Missed int64 `json:"missed"`
	// Bad counts the records that were spoiled on purpose, by kind.
	Bad map[string]int64 `json:"bad,omitempty"`
	// PutP50 and PutP99 are quantiles of the time from handing a batch over until the fate of each of its records is
	// known, retries included; exact to 1/16.
	PutP50 time.Duration `json:"put_p50_ns"`
	PutP99 time.Duration `json:"put_p99_ns"`
	// Elapsed is the time since the start, until the end if there was one.
	Elapsed time.Duration `json:"elapsed_ns"`
}

// Rate is the achieved rate: accepted records per second.
func (s Stats) Rate() float64 {
	if s.Elapsed <= 0 {
		return 0
	}
	return float64(s.Accepted) / s.Elapsed.Seconds()
}

// Stats may be called at any time, also while the producer runs. Each number is exact on its own; only after the run
// do they belong to one moment.
func (p *Producer) Stats() Stats {
	c := &p.counts
	s := Stats{
		Accepted:  c.accepted.Load(),
		Bytes:     c.bytes.Load(),
		Throttled: c.throttled.Load(),
		Retried:   c.retried.Load(),
		Failed:    c.failed.Load(),
		Missed:    c.missed.Load(),
		// Read last, so that what is in flight never comes out negative.
		Attempted: c.attempted.Load(),
	}
	for kind := range c.bad {
		if n := c.bad[kind].Load(); n > 0 {
			if s.Bad == nil {
				s.Bad = map[string]int64{}
			}
			s.Bad[spoil.Kind(kind).String()] = n
		}
	}
	q := c.puts.quantiles(0.5, 0.99)
	s.PutP50, s.PutP99 = q[0], q[1]
	c.mu.Lock()
	defer c.mu.Unlock()
	s.Failure = c.failure
	switch {
	case c.started.IsZero():
	case c.ended.IsZero():
		s.Elapsed = time.Since(c.started)
	default:
		s.Elapsed = c.ended.Sub(c.started)
	}
	return s
}

// counts are written by the workers and read by anyone.
type counts struct {
	attempted, accepted, bytes, throttled, retried, failed, missed atomic.Int64

	bad  [spoil.Kinds]atomic.Int64
	puts histogram
	// complete is set when the source had no more records.
	complete atomic.Bool

	mu             sync.Mutex
	failure        error
	started, ended time.Time
}

func (c *counts) start(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.started = now
}

func (c *counts) stop(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = now
}

// add counts one Put. It tells whether it brought the run's first failure.
func (c *counts) add(r Result) (first bool) {
	c.accepted.Add(int64(r.Accepted))
	c.bytes.Add(r.Bytes)
	c.throttled.Add(int64(r.Throttled))
	c.retried.Add(int64(r.Retried))
	c.failed.Add(int64(r.Failed))
	if r.Failed == 0 {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failure != nil {
		return false
	}
	c.failure = r.Reason
	return true
}
