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
// merged on their identity: into the streaming table by Upsert, which knows by which way they go; into the micro-batch
// table from here, but for those that the pipe may still load, which are left to it and waited for. A dry run stops in
// front of that.
//
// progress gets how many of a table's objects are done.
func (a *Auditor) Replay(ctx context.Context, sel Selection, t Tools, dry bool, progress func(table Place, done, of int)) (Replayed, error) {
	if err := a.know(ctx); err != nil {
		return Replayed{}, err
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
	m := &mender{Auditor: a, tools: t, done: &Repaired{}, handed: map[string]bool{}}
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

// know learns the shards and all of their objects, without a look at the tables.
func (a *Auditor) know(ctx context.Context) error {
	a.cost, a.strange, a.seals = Cost{}, nil, rawzone.Seals{}
	for range 2 { // once more if the raw zone has shards that nothing else knows
		if err := a.begin(ctx); err != nil {
			return err
		}
		if err := a.list(ctx, [2]map[group]aggregate{}); err != nil { // after the ledgers: each object that they cover is there
			return err
		}
		if len(a.strange) == 0 {
			break
		}
	}
	return nil
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
	found, objects, err := m.lackingObjects(ctx, place, runs)
	if err != nil {
		return f, err
	}
	f.Lacking, f.Objects = rowsOf(found), int64(len(objects))
	f.Still = f.Lacking
	n := 0
	did := func() { n++; progress(n, len(objects)) }
	if place == Streaming {
		if dry || f.Lacking == 0 {
			return f, nil
		}
		err = m.handOver(ctx, found, did)
	} else {
		f.Pipe, err = m.refillMicrobatch(ctx, objects, dry || f.Lacking == 0, did)
	}
	if err != nil || dry || f.Lacking == 0 {
		return f, err
	}
	found, _, err = m.lackingObjects(ctx, place, runs)
	f.Still = rowsOf(found)
	f.Brought = f.Lacking - f.Still
	return f, err
}

// handOver has Upsert bring what the streaming table lacks. Nothing is merged from here: what a shard's channel may still commit
// would be there twice, and only Upsert knows whether there is one, and how far it is.
func (m *mender) handOver(ctx context.Context, found []Finding, did func()) error {
	for _, f := range found {
		err := m.eachObject(ctx, m.shards[f.Shard], f, func(o object, rows int) error {
			if m.handed[o.key] {
				return nil
			}
			did()
			return m.bring(ctx, Streaming, o, rows)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// refillMicrobatch brings objects into the micro-batch table: some by the pipe, and says how many, the others by MERGE.
func (m *mender) refillMicrobatch(ctx context.Context, objects []object, dry bool, did func()) (pipe int64, err error) {
	waiting, insert, err := m.split(ctx, objects)
	if pipe = int64(len(waiting)); err != nil || dry {
		return pipe, err
	}
	if len(waiting) > 0 { // first, so that the pipe works while rows are merged
		if err := m.tools.Pipe.Refresh(ctx, waiting); err != nil {
			return pipe, err
		}
	}
	if _, err := m.fill(ctx, insert, did); err != nil || len(waiting) == 0 {
		return pipe, err
	}
	err = m.await(ctx, waiting)
	return pipe, err
}

// lackingObjects are the runs of which a table lacks rows, and the objects that hold these.
func (m *mender) lackingObjects(ctx context.Context, place Place, runs []run) (all []Finding, objects []object, err error) {
	seen := map[string]bool{}
	for _, r := range runs {
		found, err := m.lacking(ctx, place, r.shard, r.first, r.last, nil)
		if err != nil {
			return nil, nil, err
		}
		for _, f := range found {
			for _, o := range m.holding(r.shard, f.First, f.Last) {
				if !seen[o.key] {
					seen[o.key] = true
					objects = append(objects, o)
				}
			}
		}
		all = append(all, found...)
	}
	return all, objects, nil
}

// rowsOf counts the rows of findings.
func rowsOf(found []Finding) (rows int64) {
	for _, f := range found {
		rows += f.Count
	}
	return rows
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
