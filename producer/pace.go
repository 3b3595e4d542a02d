package producer

import (
	"math"
	"time"

	"github.com/snowstream/snowstream/producer/shape"
)

// Tick is the interval at which the producer makes what is due.
const Tick = 50 * time.Millisecond

// owedAtMost is how much of a stall is made good afterwards; what is older is missed.
const owedAtMost = time.Second

// load is what the run should do from a moment on. It never changes: another one takes its place.
type load struct {
	shape shape.Shape
	scale float64
	// since is the start of the shape, from when the load holds.
	since, from time.Time
	// unlimited loads have no rate: the sink sets the pace. Paused ones make nothing.
	unlimited, paused bool
}

// rate is in records per second.
func (l *load) rate(at time.Time) float64 {
	if l.unlimited || l.paused {
		return 0
	}
	return min(l.scale*l.shape(at.Sub(l.since)), MaxRate)
}

// pace says how many records are due at a moment. It adds up the rate over time and keeps the fractions, so that
// rounding never adds up.
type pace struct {
	load *load
	// grain is the longest time over which the rate counts as constant.
	grain time.Duration
	// last is the moment up to which owed is known.
	last time.Time
	owed float64
	// before is the rate that the load had when it was changed last.
	before float64
}

func newPace(l *load, now time.Time, grain time.Duration) *pace {
	return &pace{load: l, last: now, grain: grain}
}

// advance adds what the time up to now brings.
func (p *pace) advance(now time.Time) {
	for p.last.Before(now) {
		step := min(p.grain, now.Sub(p.last))
		p.owed += p.load.rate(p.last.Add(step/2)) * step.Seconds()
		p.last = p.last.Add(step)
	}
}

// change goes on with another load from when it holds. Time without a limit owes nothing.
func (p *pace) change(l *load) {
	p.advance(l.from)
	p.before, p.load = p.load.rate(l.from), l
}

// take is the number of whole records that are due. A hair's breadth counts as whole: sums of binary fractions stop
// short of it.
func (p *pace) take() int64 { return int64(p.owed + 1e-6) }

// due is the number of records to make now and the number that will never be made. After a stall it gives at most
// twice what one tick asks for.
func (p *pace) due(now time.Time) (count, missed int64) {
	p.advance(now)
	// A load that has just fallen is owed for at the rate that it had.
	rate := max(p.load.rate(now), p.load.rate(now.Add(-owedAtMost)))
	if now.Sub(p.load.from) < owedAtMost {
		rate = max(rate, p.before)
	}
	owed := p.take()
	count = min(owed, int64(math.Ceil(2*rate*Tick.Seconds())))
	missed = max(0, owed-count-int64(math.Ceil(rate*owedAtMost.Seconds())))
	p.owed -= float64(count + missed)
	return count, missed
}

// forgo is the number of records that are owed at the end; they will never be made.
func (p *pace) forgo(end time.Time) int64 {
	p.advance(end)
	n := p.take()
	p.owed -= float64(n)
	return n
}
