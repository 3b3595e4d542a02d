package audit

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/snowstream/snowstream/record/rawzone"
)

// Selection says what of the raw zone a replay brings in again.
type Selection struct {
	// Shard is a shard's id; empty takes all.
	Shard string
	// First and Last are the ends of the ordinals; 0 is open.
	First, Last int64
	// From and To bound when an object was written, To excluded; zero is open.
	From, To time.Time
	// Tables are those to fill; none means both.
	Tables []Place
}

// Replayed is what a replay has found and done.
type Replayed struct {
	OK bool `json:"ok"`
	// Objects of the raw zone were selected, which decide so many Records.
	Objects int64    `json:"objects"`
	Records int64    `json:"records"`
	Tables  []Filled `json:"tables"`
	// Left says what could not be done, and why.
	Left []string `json:"left"`
}

// Filled is what a replay has done to one table.
type Filled struct {
	Table Place `json:"table"`
	// Lacking rows of the selection were not in the table before; so many objects hold them.
	Lacking int64 `json:"rows_lacking"`
	Objects int64 `json:"objects"`
	// Pipe is how many of these objects are the pipe's to load; the rows of the others are merged.
	Pipe int64 `json:"objects_for_pipe"`
	// Brought rows are there now, Still lacking ones are not.
	Brought int64 `json:"rows_brought"`
	Still   int64 `json:"rows_still_lacking"`
}

// Replay brings the rows of the selected objects into the tables that lack them, replayed ones included. It looks at
// what each table has first, so that running it again changes nothing and costs one query a shard and table. Rows are
// merged on their identity; of the micro-batch table's, those that the pipe may still load are left to it, and waited
// for. A dry run stops in front of that.
//
// progress gets how many of a table's objects are done.
func (a *Auditor) Replay(ctx context.Context, sel Selection, t Tools, dry bool, progress func(table Place, done, of int)) (Replayed, error) {
	a.cost, a.strange, a.seals = Cost{}, nil, rawzone.Seals{}
	for range 2 { // once more if the raw zone has shards that nothing else knows
		if err := a.begin(ctx); err != nil {
			return Replayed{}, err
		}
		if err := a.list(ctx, [2]map[group]aggregate{}); err != nil { // after the ledgers: each object that they cover is there
			return Replayed{}, err
		}
		if len(a.strange) == 0 {
			break
		}
	}
	runs, err := a.selected(sel)
	if err != nil {
		return Replayed{}, err
	}
	out := Replayed{OK: true, Tables: []Filled{}, Left: []string{}}
	for _, r := range runs {
		out.Objects += int64(len(r.objects))
		out.Records += r.last - r.first + 1
	}
	if len(sel.Tables) == 0 {
		sel.Tables = tables()
	}
	m := &mender{Auditor: a, tools: t, done: &Repaired{}}
	for _, place := range sel.Tables {
		filled, err := m.refill(ctx, place, runs, dry, func(done, of int) { progress(place, done, of) })
		if err != nil {
			return out, fmt.Errorf("replay into the %s table: %w", place, err)
		}
		out.Tables = append(out.Tables, filled)
		out.OK = out.OK && (dry || filled.Still == 0)
	}
	out.Left = append(out.Left, m.done.Left...)
	return out, nil
}

// run is a run of a shard's ordinals, and the objects in it.
type run struct {
	shard       *shard
	first, last int64
	objects     []object
}

// selected are the runs that a selection means, as far as the ledgers go.
func (a *Auditor) selected(sel Selection) (out []run, err error) {
	if sel.Shard != "" && a.shards[sel.Shard] == nil {
		return nil, fmt.Errorf("the stream %s has no shard %s: it has %v", a.c.Stream, sel.Shard, slices.Sorted(maps.Keys(a.shards)))
	}
	for _, id := range slices.Sorted(maps.Keys(a.shards)) {
		if sel.Shard == "" || sel.Shard == id {
			out = append(out, a.shards[id].runs(sel)...)
		}
	}
	return out, nil
}

// runs are the shard's part of a selection. Neighbouring objects become one run.
func (s *shard) runs(sel Selection) (out []run) {
	for i, o := range s.objects {
		r := run{s, o.ordinal, s.Ledger.Ordinal, []object{o}}
		if i+1 < len(s.objects) {
			r.last = min(r.last, s.objects[i+1].ordinal-1)
		}
		early := !sel.From.IsZero() && o.modified.Before(sel.From)
		late := !sel.To.IsZero() && !o.modified.Before(sel.To)
		if r.first = max(r.first, sel.First); sel.Last > 0 {
			r.last = min(r.last, sel.Last)
		}
		if early || late || r.first > r.last {
			continue
		}
		if n := len(out); n > 0 && out[n-1].last+1 == r.first {
			out[n-1].last, out[n-1].objects = r.last, append(out[n-1].objects, o)
		} else {
			out = append(out, r)
		}
	}
	return out
}

// refill brings what a table lacks of the runs.
func (m *mender) refill(ctx context.Context, place Place, runs []run, dry bool, progress func(done, of int)) (f Filled, err error) {
	f.Table = place
	var objects []object
	if f.Lacking, objects, err = m.lackingObjects(ctx, place, runs); err != nil {
		return f, err
	}
	f.Objects, f.Still = int64(len(objects)), f.Lacking
	insert, waiting := objects, []string(nil)
	if place == Microbatch {
		if waiting, insert, err = m.split(ctx, objects); err != nil {
			return f, err
		}
	}
	f.Pipe = int64(len(waiting))
	if dry || f.Lacking == 0 {
		return f, nil
	}
	if len(waiting) > 0 { // first, so that the pipe works while rows are merged
		if err := m.tools.Pipe.Refresh(ctx, waiting); err != nil {
			return f, err
		}
	}
	n := 0
	if _, err := m.fill(ctx, place, insert, func() { n++; progress(n, len(objects)) }); err != nil {
		return f, err
	}
	if len(waiting) > 0 {
		if err := m.await(ctx, waiting); err != nil {
			return f, err
		}
		progress(len(objects), len(objects))
	}
	f.Still, _, err = m.lackingObjects(ctx, place, runs)
	f.Brought = f.Lacking - f.Still
	return f, err
}

// lackingObjects counts the rows that a table lacks of the runs, and finds the objects that hold them.
func (m *mender) lackingObjects(ctx context.Context, place Place, runs []run) (rows int64, objects []object, err error) {
	seen := map[string]bool{}
	for _, r := range runs {
		found, err := m.lacking(ctx, place, r.shard, r.first, r.last, nil)
		if err != nil {
			return 0, nil, err
		}
		for _, f := range found {
			rows += f.Count
			for _, o := range m.holding(r.shard, f.First, f.Last) {
				if !seen[o.key] {
					seen[o.key] = true
					objects = append(objects, o)
				}
			}
		}
	}
	return rows, objects, nil
}

// lacking finds the runs of ordinals that a table lacks from one to another: it aggregates, cuts what is not complete
// into pieces, and looks at the rows of the last ones. sum is the run's aggregate where it is known.
func (a *Auditor) lacking(ctx context.Context, place Place, s *shard, first, last int64, sum *aggregate) ([]Finding, error) {
	if sum == nil {
		whole, err := a.buckets(ctx, place, s.id, first, last, last-first+1)
		if err != nil {
			return nil, err
		}
		sum = new(whole[first])
	}
	want, _ := s.want(first, last)
	switch {
	case want == 0 || s.complete(first, last, *sum) || first == last && sum.rows > 0:
		return nil, nil
	case sum.rows == 0:
		return []Finding{{Kind: Missing, Place: place, Shard: s.id, First: first, Last: last, Count: want}}, nil
	case last-first < leaf && sum.rows <= maxRows:
		rows, err := a.rows(ctx, place, s.id, first, last)
		if err != nil {
			return nil, err
		}
		marks := slices.DeleteFunc(compare(first, last, s.isAbsent, rows, rows), func(m mark) bool {
			return m.kind != Missing || m.place != Streaming // both lists are the same table
		})
		return join(s.id, marks, s.isAbsent), nil
	}
	width := max((last-first)/fan+1, 1)
	pieces, err := a.buckets(ctx, place, s.id, first, last, width)
	if err != nil {
		return nil, err
	}
	var all []Finding
	for from := first; from <= last; from += width {
		found, err := a.lacking(ctx, place, s, from, min(last, from+width-1), new(pieces[from]))
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}
