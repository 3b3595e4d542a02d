// Package latency measures how long a record takes from its arrival in Kinesis until a query sees its row, by asking
// the tables again and again: the only clock that counts what a reader of the table would notice.
package latency

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/snowstream/snowstream/landing/schema"
)

// Session runs queries; see landing/snowflake.
type Session interface {
	Query(ctx context.Context, row func(scan func(into ...any) error) error, query string, args ...any) error
}

// Table watches one table. It is used by one goroutine.
type Table struct {
	session Session
	name    string
	rows    int64
	shards  map[string]*shard
	// Latency of the rows that became visible since the first Look.
	Latency Histogram
}

// shard remembers which rows have been seen: all up to low, and those in above.
type shard struct {
	low   int64
	above map[int64]struct{}
}

// maxHoles bounds above: a quarantined record leaves a hole in the ordinals that no row will ever fill.
const maxHoles = 5000

// Watch starts from what the table holds now: rows that are there count as seen.
func Watch(ctx context.Context, session Session, table string) (*Table, error) {
	t := &Table{session: session, name: table, shards: map[string]*shard{}}
	err := session.Query(ctx, func(scan func(...any) error) error {
		var id string
		var rows, highest int64
		if err := scan(&id, &rows, &highest); err != nil {
			return err
		}
		t.rows += rows
		t.shards[id] = &shard{low: highest, above: map[int64]struct{}{}}
		return nil
	}, `SELECT "_SHARD", COUNT(*), MAX("_ORDINAL") FROM `+table+` GROUP BY "_SHARD"`)
	if err != nil {
		return nil, fmt.Errorf("watch table %s: %w", table, err)
	}
	return t, nil
}

// Rows is how many rows the last Look has counted.
func (t *Table) Rows() int64 { return t.rows }

// Look counts the rows, and measures those that were not there at the last Look. A row counts as visible when the
// query that found it has answered, so the interval between two Looks is part of the figure.
func (t *Table) Look(ctx context.Context) error {
	var rows int64
	err := t.session.Query(ctx, func(scan func(...any) error) error { return scan(&rows) }, `SELECT COUNT(*) FROM `+t.name)
	if err == nil && rows != t.rows {
		err = t.measure(ctx)
	}
	if err != nil {
		return fmt.Errorf("look at table %s: %w", t.name, err)
	}
	t.rows = rows
	return nil
}

func (t *Table) measure(ctx context.Context) error {
	type arrival struct {
		shard   string
		ordinal int64
		at      time.Time
	}
	var found []arrival
	err := t.session.Query(ctx, func(scan func(...any) error) error {
		var a arrival
		if err := scan(&a.shard, &a.ordinal, &a.at); err != nil {
			return err
		}
		found = append(found, a)
		return nil
	}, `SELECT "_SHARD", "_ORDINAL", "_ARRIVED_AT" FROM `+t.name+` WHERE `+t.unseen())
	now := time.Now()
	for _, a := range found {
		if t.see(a.shard, a.ordinal) {
			t.Latency.Add(now.Sub(a.at))
		}
	}
	return err
}

// unseen selects the rows that may be new.
func (t *Table) unseen() string {
	var known, newer []string
	for id, s := range t.shards {
		known = append(known, schema.Literal(id))
		newer = append(newer, fmt.Sprintf(`"_SHARD" = %s AND "_ORDINAL" > %d`, schema.Literal(id), s.low))
	}
	if len(known) == 0 {
		return "TRUE"
	}
	return strings.Join(newer, " OR ") + ` OR "_SHARD" NOT IN (` + strings.Join(known, ", ") + `)`
}

// see reports whether the row is new, and remembers it.
func (t *Table) see(id string, ordinal int64) bool {
	s := t.shards[id]
	if s == nil {
		s = &shard{above: map[int64]struct{}{}}
		t.shards[id] = s
	}
	if _, seen := s.above[ordinal]; seen || ordinal <= s.low {
		return false
	}
	s.above[ordinal] = struct{}{}
	if len(s.above) > maxHoles {
		s.low = math.MaxInt64
		for o := range s.above {
			s.low = min(s.low, o-1)
		}
	}
	for {
		if _, ok := s.above[s.low+1]; !ok {
			return true
		}
		s.low++
		delete(s.above, s.low)
	}
}

// Histogram holds durations in buckets that grow by 1 %: any number of them in constant memory.
type Histogram struct {
	counts [buckets]int64
	total  int64
}

const (
	buckets = 2048 // the last one begins at about 8 days
	growth  = 1.01
)

// Add counts a duration; clocks that disagree can make it negative, which counts as none.
func (h *Histogram) Add(d time.Duration) {
	ms := max(float64(d)/float64(time.Millisecond), 0)
	h.counts[min(int(math.Log1p(ms)/math.Log(growth)), buckets-1)]++
	h.total++
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
