// Package latency measures how long a record takes from its arrival in Kinesis until a query sees its row, by asking
// the tables again and again: the only clock that counts what a reader of the table would notice.
package latency

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/record"
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
	shards  map[life]*shard
	// newest is the latest arrival of all rows that were seen.
	newest time.Time
	// sampled is set once there were more than maxShards: then a shard that appears may be one that was dropped.
	sampled bool
	// Latency of the rows that became visible since the first Look.
	Latency Histogram
}

// life is one numbering of a shard: where a stream is made again under its name, or a bucket is replaced, the ordinals begin
// anew, under another generation.
type life struct{ generation, shard string }

// shard remembers which rows have been seen: all up to low, and those in above.
type shard struct {
	low    int64
	above  []ordinals // in order, apart from one another
	newest time.Time
}

// ordinals are those from first to last.
type ordinals struct{ first, last int64 }

const (
	// A quarantined record leaves a hole that no row will ever fill: maxBehind bounds how far above low rows may lie, and
	// maxRanges how many holes there may be.
	maxBehind = 20_000
	maxRanges = 500
	// window is how much older than the newest row a row may be to be measured. It keeps a Look from reading the whole
	// table, which lies in the order of arrival, and lets closed shards be forgotten. Nearly all rows arrived shortly before
	// the newest: only where the table's count tells of more does a Look go back farther.
	window  = 10 * time.Minute
	shortly = 5 * time.Second
	// maxShards are measured; of a stream with more of them they are a sample.
	maxShards = 64
)

// Watch starts from what the table holds now: rows that are there count as seen.
func Watch(ctx context.Context, session Session, table string) (*Table, error) {
	t := &Table{session: session, name: table, shards: map[life]*shard{}}
	err := session.Query(ctx, func(scan func(...any) error) error {
		var id life
		var rows, highest int64
		var newest time.Time
		if err := scan(&id.generation, &id.shard, &rows, &highest, &newest); err != nil {
			return err
		}
		t.rows += rows
		t.shards[id] = &shard{low: highest, newest: newest}
		if newest.After(t.newest) {
			t.newest = newest
		}
		return nil
	}, `SELECT `+schema.Generation+`, "_SHARD", COUNT(*), MAX("_ORDINAL"), MAX("_ARRIVED_AT") FROM `+table+` GROUP BY 1, 2`)
	if err != nil {
		return nil, fmt.Errorf("watch table %s: %w", table, err)
	}
	t.forget()
	return t, nil
}

// forget drops the shards that have had no row for long, and those beyond the sample.
func (t *Table) forget() {
	for id, s := range t.shards {
		t.sampled = t.sampled || len(t.shards) > maxShards
		if s.newest.Before(t.newest.Add(-window)) || len(t.shards) > maxShards {
			delete(t.shards, id)
		}
	}
}

// Rows is how many rows the last Look has counted.
func (t *Table) Rows() int64 { return t.rows }

func (l life) compare(other life) int {
	return cmp.Or(cmp.Compare(l.shard, other.shard), cmp.Compare(l.generation, other.generation))
}

// group are rows of a shard that arrived in the same millisecond.
type group struct {
	life
	at   time.Time
	rows int64
	ordinals
}

// Look counts the rows, and measures those that were not there at the last Look, or only remembers them. A row counts as
// visible when the query that found it has answered, so the time since it appeared is part of the figure: measure soon
// after a change, and only where the Look before came after the change before. Rows that arrived in the same millisecond
// come as one, so the answer stays small.
func (t *Table) Look(ctx context.Context, measure bool) error {
	found, total, err := t.find(ctx, shortly)
	if err == nil && total != t.rows+t.fresh(found) {
		found, total, err = t.find(ctx, window)
	}
	if err != nil {
		return fmt.Errorf("look at table %s: %w", t.name, err)
	}
	t.rows = total
	t.take(found, measure, time.Now())
	return nil
}

// find counts all rows, and groups those that may be new and arrived not long before the newest one that was seen.
func (t *Table) find(ctx context.Context, before time.Duration) (found []group, total int64, err error) {
	err = t.session.Query(ctx, func(scan func(...any) error) error {
		var g group
		if err := scan(&g.generation, &g.shard, &g.at, &g.rows, &g.first, &g.last); err != nil {
			return err
		}
		if g.shard == "" {
			total = g.rows
			return nil
		}
		found = append(found, g)
		return nil
	}, `SELECT '', '' AS "_SHARD", CURRENT_TIMESTAMP()::TIMESTAMP_NTZ AS "_ARRIVED_AT", COUNT(*), 0, 0 FROM `+t.name+
		` UNION ALL SELECT `+schema.Generation+`, "_SHARD", "_ARRIVED_AT", COUNT(*), MIN("_ORDINAL"), MAX("_ORDINAL") FROM `+t.name+` WHERE `+t.unseen(before)+` GROUP BY 1, 2, 3`)
	return found, total, err
}

// fresh is how many of the rows were not seen before.
func (t *Table) fresh(found []group) (n int64) {
	for _, g := range found {
		n += g.rows
		if s := t.shards[g.life]; s != nil {
			n -= s.seen(g.ordinals)
		}
	}
	return n
}

// take takes what was seen at a time.
func (t *Table) take(found []group, measure bool, now time.Time) {
	joined := map[life]bool{}
	for _, g := range found {
		joined[g.life] = joined[g.life] || t.sampled && t.shards[g.life] == nil
		if fresh := g.rows - t.see(g.life, g.ordinals, g.at); measure && fresh > 0 && !joined[g.life] {
			t.Latency.Add(now.Sub(g.at), fresh)
		}
	}
	t.forget()
}

// unseen selects the rows that may be new, and arrived no longer than that before the newest one that was seen.
func (t *Table) unseen(before time.Duration) string {
	var known, newer []string
	for _, id := range slices.SortedFunc(maps.Keys(t.shards), life.compare) {
		generation, shard := schema.Literal(id.generation), schema.Literal(id.shard)
		known = append(known, schema.Literal(id.shard+"/"+id.generation))
		newer = append(newer, fmt.Sprintf(`"_SHARD" = %s AND `+schema.Generation+` = %s AND "_ORDINAL" > %d`, shard, generation, t.shards[id].low))
	}
	if len(known) == 0 {
		return "TRUE"
	}
	if len(known) < maxShards {
		newer = append(newer, `"_SHARD" || '/' || `+schema.Generation+` NOT IN (`+strings.Join(known, ", ")+`)`)
	}
	return `"_ARRIVED_AT" >= ` + schema.Literal(t.newest.Add(-before).UTC().Format("2006-01-02 15:04:05.000")) + `::TIMESTAMP_NTZ AND (` + strings.Join(newer, " OR ") + `)`
}

// see remembers rows and says how many of them had been seen before.
func (t *Table) see(id life, rows ordinals, arrived time.Time) (before int64) {
	s := t.shards[id]
	if s == nil {
		s = &shard{low: record.Base(id.shard)}
		t.shards[id] = s
	}
	if arrived.After(s.newest) {
		s.newest = arrived
	}
	if arrived.After(t.newest) {
		t.newest = arrived
	}
	before = s.seen(rows)
	var above []ordinals
	for _, r := range s.above {
		if r.last < rows.first-1 || r.first > rows.last+1 {
			above = append(above, r)
			continue
		}
		rows = ordinals{min(rows.first, r.first), max(rows.last, r.last)}
	}
	s.above = append(above, rows)
	slices.SortFunc(s.above, func(a, b ordinals) int { return cmp.Compare(a.first, b.first) })
	s.settle()
	return before
}

// seen is how many of the rows were seen.
func (s *shard) seen(rows ordinals) int64 {
	n := max(min(rows.last, s.low)-rows.first+1, 0)
	for _, r := range s.above {
		n += max(min(rows.last, r.last)-max(rows.first, r.first)+1, 0)
	}
	return n
}

// settle moves low up, over holes too where rows lie too far above it.
func (s *shard) settle() {
	for len(s.above) > 0 {
		if s.above[0].first > s.low+1 && s.above[len(s.above)-1].last-s.low <= maxBehind && len(s.above) <= maxRanges {
			return
		}
		s.low = max(s.low, s.above[0].last)
		s.above = s.above[1:]
	}
}
