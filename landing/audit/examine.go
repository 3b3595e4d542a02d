package audit

import (
	"context"
	"slices"
	"time"
)

const (
	// fan is into how many pieces a run that is off is cut.
	fan = 256
	// leaf is the length from which on a run's rows are fetched.
	leaf = 4096
	// maxLeaves bounds how many runs are fetched.
	maxLeaves = 256
)

// examine finds what is wrong from one ordinal to another, of which both tables' aggregates are known.
func (a *Auditor) examine(ctx context.Context, s *shard, first, last int64, streaming, microbatch aggregate) ([]Finding, error) {
	okStreaming, okMicrobatch := s.complete(first, last, streaming), s.complete(first, last, microbatch)
	want, _ := s.want(first, last)
	fetched := max(streaming.rows, microbatch.rows)
	nothing := want > 0 && (streaming.rows == 0 || okStreaming) && (microbatch.rows == 0 || okMicrobatch)
	switch {
	case last < first, okStreaming && okMicrobatch && streaming.print == microbatch.print:
		return nil, nil
	case nothing && !(okStreaming && okMicrobatch):
		return a.nothing(s, first, last, want, okStreaming, okMicrobatch), nil
	case a.leaves >= maxLeaves, first == last && fetched > maxRows:
		return summary(s, first, last, want, streaming, microbatch), nil
	case last-first < leaf && fetched <= maxRows:
		a.leaves++
		return a.fetch(ctx, s, first, last)
	}
	width := max((last-first)/fan+1, 1)
	var pieces [2]map[int64]aggregate
	for i, place := range tables() {
		var err error
		if pieces[i], err = a.buckets(ctx, place, s.id, first, last, width); err != nil {
			return nil, err
		}
	}
	var all []Finding
	for from := first; from <= last; from += width {
		found, err := a.examine(ctx, s, from, min(last, from+width-1), pieces[0][from], pieces[1][from])
		if err != nil {
			return nil, err
		}
		all = extend(all, found)
	}
	return all, nil
}

// nothing is a run that a table, or both, lacks whole.
func (a *Auditor) nothing(s *shard, first, last, want int64, okStreaming, okMicrobatch bool) (all []Finding) {
	f := Finding{Kind: Missing, Place: Streaming, Shard: s.id, First: first, Last: last, Count: want}
	if !okStreaming {
		all = append(all, a.late(s, f)...)
	}
	if f.Place = Microbatch; !okMicrobatch {
		all = append(all, a.late(s, f)...)
	}
	return all
}

// summary counts what is wrong with a run that is not looked at any further.
func summary(s *shard, first, last, want int64, streaming, microbatch aggregate) (all []Finding) {
	add := func(kind Kind, place Place, count int64) {
		if count > 0 {
			all = append(all, Finding{
				Kind: kind, Place: place, Shard: s.id, First: first, Last: last, Count: count,
				Note: "somewhere in this run, at least: too much is wrong to look at each row",
			})
		}
	}
	for i, g := range []aggregate{streaming, microbatch} {
		add(Missing, tables()[i], want-g.ordinals)
		add(Doubled, tables()[i], g.rows-g.ordinals)
	}
	if len(all) == 0 {
		add(Altered, Microbatch, 1)
	}
	return all
}

// extend appends findings, and lengthens the last one of a place where the next one continues it.
func extend(all, more []Finding) []Finding {
	for _, f := range more {
		i := slices.IndexFunc(all, func(o Finding) bool {
			return o.Kind == f.Kind && o.Place == f.Place && o.Note == f.Note && o.Last+1 == f.First
		})
		if i < 0 {
			all = append(all, f)
			continue
		}
		all[i].Last, all[i].LastSequence, all[i].Count = f.Last, f.LastSequence, all[i].Count+f.Count
	}
	return all
}

// fetch compares the rows of a run.
func (a *Auditor) fetch(ctx context.Context, s *shard, first, last int64) ([]Finding, error) {
	var rows [2][]row
	for i, place := range tables() {
		var err error
		if rows[i], err = a.rows(ctx, place, s.id, first, last); err != nil {
			return nil, err
		}
	}
	marks, err := a.judge(ctx, s, rows, compare(first, last, s.isAbsent, rows[0], rows[1]))
	var all []Finding
	for _, f := range join(s.id, marks, s.isAbsent) {
		if f.Kind == Missing {
			all = append(all, a.late(s, f)...)
		} else {
			all = append(all, f)
		}
	}
	return all, err
}

// judge asks the raw zone which table is right where they differ. Where it has no answer, both are suspected.
func (a *Auditor) judge(ctx context.Context, s *shard, tables [2][]row, marks []mark) (out []mark, err error) {
	var ordinals []int64
	for _, m := range marks {
		if m.differs {
			ordinals = append(ordinals, m.ordinal)
		}
	}
	if len(ordinals) == 0 {
		return marks, nil
	}
	raw, err := a.raw(ctx, s, ordinals)
	if err != nil {
		return nil, err
	}
	var list []rawRow
	for _, n := range ordinals {
		if r, ok := raw[n]; ok {
			list = append(list, r)
		}
	}
	right, err := a.prints(ctx, list)
	if err != nil && !unreadable(err) {
		return nil, err
	}
	for _, m := range marks {
		if !m.differs {
			out = append(out, m)
			continue
		}
		_, known := right[m.ordinal]
		for i, place := range []Place{Streaming, Microbatch} {
			if !known && s.sealSays(m.ordinal, i) { // its object is gone, and the other table is not what was sealed
				continue
			}
			if wrong(tables[i], m.ordinal, right[m.ordinal]) {
				out = append(out, mark{kind: Altered, place: place, ordinal: m.ordinal, count: 1, sequence: m.sequence})
			}
		}
	}
	return out, nil
}

// wrong reports whether a row of the ordinal is not the right one.
func wrong(rows []row, ordinal int64, right row) bool {
	return slices.ContainsFunc(rows, func(r row) bool { return r.ordinal == ordinal && r != right })
}

// late splits a run that a table lacks into what is missing and what may still come: to the micro-batch table what is
// young, to the streaming table that only of the last object, of which nobody has noted yet that it was handed over.
func (a *Auditor) late(s *shard, f Finding) (all []Finding) {
	switch {
	case f.Place == Microbatch:
		return a.age(s, f)
	case s.Since == 0 || f.Last < s.Since:
		return []Finding{f}
	case f.First >= s.Since:
		return a.age(s, f)
	}
	before, since := f, f
	before.Last, before.LastSequence, since.First, since.FirstSequence = s.Since-1, "", s.Since, ""
	before.Count, _ = s.want(before.First, before.Last)
	return append([]Finding{before}, a.age(s, since)...)
}

// age splits a run into what is missing and what is so young that it may still come.
func (a *Auditor) age(s *shard, f Finding) (all []Finding) {
	young := time.Now().Add(-a.c.Grace)
	at, _ := s.covering(f.First)
	for from := f.First; from <= f.Last; at++ {
		part := f
		part.First, part.FirstSequence, part.LastSequence = from, "", ""
		if from == f.First {
			part.FirstSequence = f.FirstSequence
		}
		if at+1 < len(s.objects) {
			part.Last = min(f.Last, s.objects[at+1].ordinal-1)
		}
		if part.Last == f.Last {
			part.LastSequence = f.LastSequence
		}
		if at >= 0 && at < len(s.objects) && a.c.Grace > 0 && s.objects[at].modified.After(young) {
			part.Kind = Pending
		}
		part.Count, _ = s.want(part.First, part.Last)
		if part.Count > 0 {
			all = extend(all, []Finding{part})
		}
		from = part.Last + 1
	}
	return all
}
