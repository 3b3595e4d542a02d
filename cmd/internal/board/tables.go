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
	sample  [2]sample
	// refreshed is when the window was last moved on.
	refreshed time.Time

	mu    sync.Mutex // covers what follows
	seen  [2]dashboard.Table
	whole [2]latency.Histogram
}

// refresh is how often the window of a table moves on that does not change.
const refresh = time.Second

// Watch starts from what the tables hold now. Where changed is given, a table is only asked when its number has moved,
// and not each time.
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

// Look counts the rows and measures a sample of the new ones.
func (t *Tables) Look(ctx context.Context) error { return t.look(ctx, false) }

// Count is a Look that counts the rows in any case.
func (t *Tables) Count(ctx context.Context) error { return t.look(ctx, true) }

func (t *Tables) look(ctx context.Context, count bool) error {
	began := time.Now()
	var at [2]int64
	if t.changed != nil {
		at = t.changed()
	}
	due := began.Sub(t.refreshed) >= refresh
	for i, table := range t.table {
		ask, measure := t.sample[i].due(at[i], began)
		if t.changed == nil {
			ask, measure = true, true
		}
		if ask = ask || count; !ask && !due {
			continue
		}
		if ask {
			now := time.Now()
			if err := table.Look(ctx, measure); err != nil {
				return err
			}
			t.sample[i].looked(at[i], measure, now, time.Since(now))
		}
		recent := t.window[i].Recent(&table.Latency, began)
		p50, p99 := recent.Quantile(0.5), recent.Quantile(0.99)
		t.mu.Lock()
		t.seen[i] = dashboard.Table{Rows: table.Rows(), P50: p50, P99: p99}
		t.whole[i] = table.Latency
		t.mu.Unlock()
	}
	if due {
		t.refreshed = began
	}
	return nil
}

const (
	// restShare is how much longer than a look a table rests after one that measured, so that watching takes a hundredth of
	// a core at most; longestRest is for tables that answer slowly.
	restShare   = 200
	longestRest = time.Second
)

// sample decides which changes of a table are measured: all where they are rare, and otherwise one after each rest. A
// change can be measured if the table was looked at since the change before, for only then the rows that are new came with
// it; so after a rest the first look at a change only remembers its rows, and the next change is measured.
type sample struct {
	at   int64     // the change up to which the rows are known
	rest time.Time // until when no change is looked at
	gap  bool      // a change was passed over
}

// due tells whether the table is to be looked at, and whether what is new then can be measured.
func (s *sample) due(at int64, now time.Time) (ask, measure bool) {
	if at == s.at {
		return false, false
	}
	if now.Before(s.rest) {
		s.gap = true
		return false, false
	}
	return true, !s.gap
}

// looked notes that the rows are known up to a change.
func (s *sample) looked(at int64, measured bool, now time.Time, took time.Duration) {
	s.at, s.gap = at, false
	if measured {
		s.rest = now.Add(min(restShare*took, longestRest))
	}
}

// Rows are those of the streaming and of the micro-batch table at the last Look.
func (t *Tables) Rows() (streaming, microbatch int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.seen[0].Rows, t.seen[1].Rows
}

// Latency is that of the rows that have become visible since Watch: of all, or of a sample where they come too fast.
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
