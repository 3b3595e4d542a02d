package cost

import (
	"fmt"
	"math"
	"strconv"
)

// Near is the part of a limit beyond which a load is warned of: what is left has to make up for outages.
const Near = 0.7

// Limit is something that a load uses up by more than Near. From 1 on it cannot work.
type Limit struct {
	What string  `json:"what"`
	Used float64 `json:"used"`
	// Batch is the batch size with which it would be Near; 0 if none is.
	Batch int `json:"batch_size,omitempty"`
}

// String says it to people.
func (l Limit) String() string {
	text := fmt.Sprintf("%s is used up by %.0f %%", l.What, l.Used*100)
	switch {
	case l.Batch > 0:
		return text + fmt.Sprintf(": batches of %d would do", l.Batch)
	case l.Used >= 1:
		return text + ": no batch size would do; take more shards, or the row path " + Snowpipe + " with deferred commits"
	}
	return text
}

// limits are what is used up by more than Near. A shard passes one batch at a time, and a table one MERGE.
func (l Load) limits() (out []Limit) {
	each := l.rowsPerBatch()
	check := func(what string, rate, seconds float64) {
		used := rate / each * seconds
		if used <= Near {
			return
		}
		limit := Limit{What: what, Used: used, Batch: int(math.Ceil(rate*seconds/Near - 1e-9))}
		bigger := l
		bigger.BatchSize = limit.Batch
		if limit.Batch > LargestBatch || bigger.rowsPerBatch() < float64(limit.Batch) {
			limit.Batch = 0
		}
		out = append(out, limit)
	}
	check("the one batch at a time of each shard", l.Rate/float64(l.shards()), l.Times.Own+l.wait())
	if l.RowPath == Merge {
		check("the one MERGE at a time of the table", l.Rate, l.Times.Merge)
	}
	return out
}

// rowsPerBatch is how many records a batch can have: by number, or by the bytes of an invocation.
func (l Load) rowsPerBatch() float64 {
	carried := invocationBytes / (4*float64(l.RecordBytes)/3 + envelopeBytes)
	return max(1, min(float64(l.BatchSize), carried))
}

// Impossible is the error of a load that cannot work; nil if it can.
func (b Bill) Impossible() error {
	for _, l := range b.Limits {
		if l.Used >= 1 {
			return fmt.Errorf("%s records/s cannot work: %s", strconv.FormatFloat(b.Load.Rate, 'f', -1, 64), l)
		}
	}
	return nil
}
