package latency

import (
	"math"
	"testing"
	"time"
)

func TestQuantile(t *testing.T) {
	var h Histogram
	if h.Quantile(0.5) != nil {
		t.Error("an empty histogram has no median")
	}
	for i := range 1000 {
		h.Add(time.Duration(i+1) * 10 * time.Millisecond)
	}
	for q, want := range map[float64]float64{0.5: 5, 0.99: 9.9, 1: 10} {
		if got := *h.Quantile(q); math.Abs(got-want) > 0.02*want {
			t.Errorf("quantile %g: %g s, want about %g s", q, got, want)
		}
	}
	h.Add(-time.Second)
	h.Add(1000 * time.Hour)
	if got := *h.Quantile(1); got < 8*24*3600 {
		t.Errorf("the longest is %g s", got)
	}
}

func TestSee(t *testing.T) {
	table := &Table{shards: map[string]*shard{}}
	for _, step := range []struct {
		ordinal int64
		fresh   bool
		low     int64
	}{{1, true, 1}, {3, true, 1}, {3, false, 1}, {2, true, 3}, {1, false, 3}, {5, true, 3}} {
		if got := table.see("s", step.ordinal); got != step.fresh || table.shards["s"].low != step.low {
			t.Errorf("ordinal %d: new %v, low %d", step.ordinal, got, table.shards["s"].low)
		}
	}
	for o := int64(6); o < 6+3*maxHoles; o++ {
		if !table.see("s", o) {
			t.Fatalf("ordinal %d was seen before", o)
		}
	}
	if n := len(table.shards["s"].above); n > maxHoles {
		t.Errorf("a hole keeps %d ordinals in memory", n)
	}
}
