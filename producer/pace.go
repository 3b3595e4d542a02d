package producer

import (
	"math"
	"time"
)

// Tick is the interval at which the producer makes what is due.
const Tick = 25 * time.Millisecond

// owedAtMost is how much of a stall is made good afterwards; what is older is missed.
const owedAtMost = time.Second

// pace says how many records are due at a moment. It counts in whole records against the time since the start, so
// that rounding never adds up.
type pace struct {
	rate  float64
	start time.Time
	// settled is what was made or missed so far.
	settled int64
}

func newPace(rate float64, start time.Time) *pace { return &pace{rate: rate, start: start} }

// due is the number of records to make now and the number that will never be made. After a stall it gives at most
// twice what one tick asks for.
func (p *pace) due(now time.Time) (count, missed int64) {
	owed := int64(p.rate*now.Sub(p.start).Seconds()) - p.settled
	count = min(owed, int64(math.Ceil(2*p.rate*Tick.Seconds())))
	missed = max(0, owed-count-int64(math.Ceil(p.rate*owedAtMost.Seconds())))
	p.settled += count + missed
	return count, missed
}
