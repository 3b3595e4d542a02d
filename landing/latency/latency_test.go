package latency

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

func TestQuantile(t *testing.T) {
	var h Histogram
	if h.Quantile(0.5) != nil {
		t.Error("an empty histogram has no median")
	}
	for i := range 1000 {
		h.Add(time.Duration(i+1)*10*time.Millisecond, 1)
	}
	for q, want := range map[float64]float64{0.5: 5, 0.99: 9.9, 1: 10} {
		if got := *h.Quantile(q); math.Abs(got-want) > 0.02*want {
			t.Errorf("quantile %g: %g s, want about %g s", q, got, want)
		}
	}
	h.Add(-time.Second, 1)
	h.Add(1000*time.Hour, 1)
	if got := *h.Quantile(1); got < 8*24*3600 {
		t.Errorf("the longest is %g s", got)
	}
}

func TestSee(t *testing.T) {
	table := &Table{shards: map[life]*shard{}}
	for _, step := range []struct {
		rows        ordinals
		before, low int64
	}{
		{ordinals{1, 10}, 0, 10}, {ordinals{21, 30}, 0, 10}, {ordinals{21, 30}, 10, 10}, {ordinals{25, 40}, 6, 10},
		{ordinals{5, 12}, 6, 12}, {ordinals{13, 20}, 0, 40}, {ordinals{1, 40}, 40, 40}, {ordinals{42, 42}, 0, 40},
	} {
		if before := table.see(life{shard: "s"}, step.rows, time.Time{}); before != step.before || table.shards[life{shard: "s"}].low != step.low {
			t.Errorf("%v: %d seen before, low %d; want %d, %d", step.rows, before, table.shards[life{shard: "s"}].low, step.before, step.low)
		}
	}
	for o := int64(44); o < 44+3*maxBehind; o += 2 { // every second record is in quarantine
		if table.see(life{shard: "s"}, ordinals{o, o}, time.Time{}) != 0 {
			t.Fatalf("ordinal %d was seen before", o)
		}
		if s := table.shards[life{shard: "s"}]; o-s.low > maxBehind || len(s.above) > maxRanges {
			t.Fatalf("holes keep %d ordinals in memory", o-s.low)
		}
	}
}

func TestBelow(t *testing.T) {
	var h Histogram
	for i := range 1000 {
		h.Add(time.Duration(i+1)*10*time.Millisecond, 1)
	}
	for d, want := range map[time.Duration]float64{0: 0, time.Second: 100, 5 * time.Second: 500, time.Hour: 1000} {
		if got := float64(h.Below(d)); math.Abs(got-want) > 0.02*want {
			t.Errorf("%g up to %s, want about %g", got, d, want)
		}
	}
	if h.Count() != 1000 || h.Sum() != 5005*time.Second {
		t.Errorf("%d, %s", h.Count(), h.Sum())
	}
}

func TestWindow(t *testing.T) {
	var h Histogram
	w := Window{Span: 30 * time.Second}
	at := time.Unix(1000, 0)
	h.Add(time.Hour, 1) // before the first look
	for i := range 120 {
		recent := w.Recent(&h, at.Add(time.Duration(i)*time.Second))
		if n := recent.Count(); n > 36 || i > 40 && n < 30 {
			t.Fatalf("after %d s the window has %d durations, want those of about 30 s", i, n)
		}
		if q := recent.Quantile(1); q != nil && *q > 1.1*float64(i) {
			t.Fatalf("after %d s the longest is %g s: it is older than the window", i, *q)
		}
		h.Add(time.Duration(i)*time.Second, 1)
	}
	if len(w.kept) > 8 {
		t.Errorf("%d copies", len(w.kept))
	}
	if q := w.Recent(&h, at.Add(time.Hour)).Quantile(0.5); q != nil && len(w.kept) == 1 {
		t.Errorf("an hour later: %g", *q)
	}
}

// TestForget: closed shards are forgotten, and of very many a sample is measured.
func TestForget(t *testing.T) {
	at := time.Unix(100000, 0)
	table := &Table{shards: map[life]*shard{}}
	table.see(life{shard: "closed"}, ordinals{1, 1}, at)
	table.see(life{shard: "open"}, ordinals{1, 1}, at.Add(window+time.Second))
	table.forget()
	if len(table.shards) != 1 || table.shards[life{shard: "open"}] == nil {
		t.Errorf("%v", table.shards)
	}
	for i := range 1000 {
		table.see(life{shard: fmt.Sprint(i)}, ordinals{1, 1}, at.Add(window))
	}
	table.forget()
	if n := len(table.shards); n != maxShards || len(table.unseen(window)) > 100*maxShards {
		t.Errorf("%d shards, a query of %d bytes", n, len(table.unseen(window)))
	}
}

// rows answers a Look from a list; a row that arrived before the query's bound is not in the answer.
type rows struct {
	all     []group
	queries int
}

func (r *rows) Query(_ context.Context, row func(func(...any) error) error, query string, _ ...any) error {
	r.queries++
	var bound time.Time
	if _, after, ok := strings.Cut(query, `"_ARRIVED_AT" >= '`); ok {
		bound, _ = time.Parse("2006-01-02 15:04:05.000", after[:len("2006-01-02 15:04:05.000")])
	}
	give := func(g group) error {
		return row(func(into ...any) error {
			*into[0].(*string), *into[1].(*string), *into[2].(*time.Time) = g.generation, g.shard, g.at
			*into[3].(*int64), *into[4].(*int64), *into[5].(*int64) = g.rows, g.first, g.last
			return nil
		})
	}
	total := group{}
	for _, g := range r.all {
		total.rows += g.rows
	}
	if err := give(total); err != nil {
		return err
	}
	for _, g := range r.all {
		if g.at.Before(bound) {
			continue
		}
		if err := give(g); err != nil {
			return err
		}
	}
	return nil
}

// TestLook: every row is counted and measured once, one that is late costs a second query, and one that is only looked at
// is never measured.
func TestLook(t *testing.T) {
	r := &rows{}
	table := &Table{session: r, shards: map[life]*shard{}}
	now := time.Now()
	a := life{shard: "a"}
	for _, step := range []struct {
		rows            group
		measure         bool
		count, measured int64
		queries         int
	}{
		{group{a, now, 10, ordinals{1, 10}}, true, 10, 10, 1},
		{group{a, now.Add(time.Second), 10, ordinals{11, 20}}, true, 20, 20, 1},
		{group{life{shard: "b"}, now.Add(-time.Minute), 5, ordinals{1, 5}}, true, 25, 25, 2},
		{group{life{shard: "b"}, now.Add(time.Second), 5, ordinals{6, 10}}, false, 30, 25, 1},
		{group{a, now.Add(2 * time.Second), 1, ordinals{21, 21}}, true, 31, 26, 1},
		{group{a, now.Add(-2 * window), 3, ordinals{25, 27}}, true, 34, 26, 2},
		{group{a, now.Add(2 * time.Second), 1, ordinals{22, 22}}, true, 35, 27, 1},
		{group{life{"again", "a"}, now.Add(2 * time.Second), 4, ordinals{1, 4}}, true, 39, 31, 1}, // numbered anew
	} {
		r.all, r.queries = append(r.all, step.rows), 0
		if err := table.Look(t.Context(), step.measure); err != nil {
			t.Fatal(err)
		}
		if table.Rows() != step.count || table.Latency.Count() != step.measured || r.queries != step.queries {
			t.Errorf("after %v: %d rows, %d measured, %d queries; want %d, %d, %d", step.rows, table.Rows(), table.Latency.Count(), r.queries, step.count, step.measured, step.queries)
		}
	}
}
