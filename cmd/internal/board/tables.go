package board

import (
	"context"
	"sync"
	"time"

	"github.com/snowstream/snowstream/dashboard"
	"github.com/snowstream/snowstream/landing/latency"
	"github.com/snowstream/snowstream/landing/schema"
)

// lately is the time over which latencies are shown.
const lately = 30 * time.Second

// Tables watches both tables. One goroutine looks, any may ask what it saw.
type Tables struct {
	table  [2]*latency.Table
	window [2]latency.Window
	// changed tells by numbers that move whether a table may have changed; nil means that nobody knows.
	changed func() [2]int64
	// at is what changed said at the last look, refreshed when the window was last moved on.
	at        [2]int64
	refreshed time.Time

	mu    sync.Mutex // covers what follows
	seen  [2]dashboard.Table
	whole [2]latency.Histogram
}

// refresh is how often the window of a table moves on that does not change.
const refresh = time.Second

// Watch starts from what the tables hold now. Where changed is given, a table is only asked when its number has moved.
func Watch(ctx context.Context, session latency.Session, n schema.Names, changed func() [2]int64) (*Tables, error) {
	t := &Tables{changed: changed}
	for i, name := range []string{n.In(n.Streaming), n.In(n.Microbatch)} {
		var err error
		if t.table[i], err = latency.Watch(ctx, session, name); err != nil {
			return nil, err
		}
		t.window[i].Span = lately
		t.seen[i].Rows = t.table[i].Rows()
	}
	return t, nil
}

// Look counts the rows and measures the new ones.
func (t *Tables) Look(ctx context.Context) error {
	at, now := t.at, time.Now()
	if t.changed != nil {
		at = t.changed()
	}
	due := now.Sub(t.refreshed) >= refresh
	for i, table := range t.table {
		ask := t.changed == nil || at[i] != t.at[i]
		if !ask && !due {
			continue
		}
		if ask {
			if err := table.Look(ctx); err != nil {
				return err
			}
		}
		recent := t.window[i].Recent(&table.Latency, now)
		p50, p99 := recent.Quantile(0.5), recent.Quantile(0.99)
		t.mu.Lock()
		t.seen[i] = dashboard.Table{Rows: table.Rows(), P50: p50, P99: p99}
		t.whole[i] = table.Latency
		t.mu.Unlock()
		t.at[i] = at[i]
	}
	if due {
		t.refreshed = now
	}
	return nil
}

// Rows are those of the streaming and of the micro-batch table at the last Look.
func (t *Tables) Rows() (streaming, microbatch int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.seen[0].Rows, t.seen[1].Rows
}

// Latency is that of all rows that have become visible since Watch.
func (t *Tables) Latency() (streaming, microbatch *latency.Histogram) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s, m := t.whole[0], t.whole[1]
	return &s, &m
}

// Seen is what the last Look saw.
func (t *Tables) Seen() (streaming, microbatch dashboard.Table) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.seen {
		t.seen[i].Latency = distribution(&t.whole[i])
	}
	return t.seen[0], t.seen[1]
}

// distribution has a bucket for each doubling of the time, from 10 ms to about 22 min.
func distribution(h *latency.Histogram) dashboard.Distribution {
	d := dashboard.Distribution{Below: map[float64]uint64{}, Count: uint64(h.Count()), Sum: h.Sum().Seconds()}
	for bound := 10 * time.Millisecond; bound < 25*time.Minute; bound *= 2 {
		d.Below[bound.Seconds()] = uint64(h.Below(bound))
	}
	return d
}
