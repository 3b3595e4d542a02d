package producer

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// subBits makes the buckets of a histogram at most 1/16 wider than their lower end.
const subBits = 4

// histogram counts durations in microseconds, for any number of goroutines at once. Its memory is fixed.
type histogram struct {
	buckets [(64 - subBits + 1) << subBits]atomic.Int64
}

func (h *histogram) add(d time.Duration) { h.buckets[bucket(uint64(max(0, d.Microseconds())))].Add(1) }

// bucket is the index for a number: its leading bit and the subBits after it.
func bucket(n uint64) int {
	if n < 1<<subBits {
		return int(n)
	}
	shift := bits.Len64(n) - subBits - 1
	return shift<<subBits + int(n>>shift)
}

// floor is the least number of a bucket.
func floor(i int) uint64 {
	if i < 2<<subBits {
		return uint64(i)
	}
	shift := i>>subBits - 1
	return uint64(i-shift<<subBits) << shift
}

// quantiles are the durations below which those shares of all lie, exact to one bucket; 0 if there are none.
func (h *histogram) quantiles(shares ...float64) []time.Duration {
	var counts [len(h.buckets)]int64
	total := int64(0)
	for i := range h.buckets {
		counts[i] = h.buckets[i].Load()
		total += counts[i]
	}
	found := make([]time.Duration, len(shares))
	for k, share := range shares {
		left := int64(share * float64(total))
		for i, n := range counts {
			if left -= n; left < 0 {
				found[k] = time.Duration(floor(i+1)) * time.Microsecond
				break
			}
		}
	}
	return found
}
