package latency

import (
	"math"
	"slices"
	"time"
)

// Histogram holds durations in buckets that grow by 1 %: any number of them in constant memory.
type Histogram struct {
	counts [buckets]int64
	total  int64
	sum    time.Duration
}

const (
	buckets = 2048 // the last one begins at about 8 days
	growth  = 1.01
)

// Add counts a duration n times; clocks that disagree can make it negative, which counts as none.
func (h *Histogram) Add(d time.Duration, n int64) {
	d = max(d, 0)
	ms := float64(d) / float64(time.Millisecond)
	h.counts[min(int(math.Log1p(ms)/math.Log(growth)), buckets-1)] += n
	h.total += n
	h.sum += d * time.Duration(n)
}

// Count is how many durations there are, Sum their sum.
func (h *Histogram) Count() int64       { return h.total }
func (h *Histogram) Sum() time.Duration { return h.sum }

// Mean is the average in seconds; nil if there are none.
func (h *Histogram) Mean() *float64 {
	if h.total == 0 {
		return nil
	}
	mean := h.sum.Seconds() / float64(h.total)
	return &mean
}

// Below counts the durations up to d, to 1 %.
func (h *Histogram) Below(d time.Duration) (n int64) {
	last := int(math.Log1p(float64(d)/float64(time.Millisecond)) / math.Log(growth))
	for _, c := range h.counts[:min(last+1, buckets)] {
		n += c
	}
	return n
}

// Since is what was added after h was as earlier is.
func (h *Histogram) Since(earlier *Histogram) *Histogram {
	out := *h
	for i, n := range earlier.counts {
		out.counts[i] -= n
	}
	out.total -= earlier.total
	out.sum -= earlier.sum
	return &out
}

// Window tells the quantiles of the last while. It keeps a few copies of a histogram, however many durations are added.
type Window struct {
	// Span is how far back it looks; the copies are a sixth of it apart, so it is exact to that.
	Span time.Duration
	kept []copied
}

type copied struct {
	at time.Time
	h  Histogram
}

// Recent is what was added to h in the last while. h must be the same, and now later, each time.
func (w *Window) Recent(h *Histogram, now time.Time) *Histogram {
	if n := len(w.kept); n == 0 || now.Sub(w.kept[n-1].at) >= w.Span/6 {
		w.kept = append(w.kept, copied{now, *h})
	}
	for len(w.kept) > 1 && now.Sub(w.kept[1].at) >= w.Span {
		w.kept = slices.Delete(w.kept, 0, 1)
	}
	return h.Since(&w.kept[0].h)
}

// Quantile is the duration in seconds below which the share q of all lies, to 1 %; nil if there are none.
func (h *Histogram) Quantile(q float64) *float64 {
	if h.total == 0 {
		return nil
	}
	rank := int64(math.Ceil(q * float64(h.total)))
	for i, n := range h.counts {
		if rank -= n; rank <= 0 {
			seconds := math.Expm1(float64(i+1)*math.Log(growth)) / 1000
			return &seconds
		}
	}
	return nil
}
