package audit

import (
	"context"
	"slices"

	"github.com/snowstream/snowstream/record/rawzone"
)

// objects compares the objects that look changed with the tables, or all of them. Neighbours are compared together, up
// to leaf rows at once.
func (a *Auditor) objects(ctx context.Context, s *shard) ([]Finding, error) {
	suspects := s.suspects()
	i := &inspection{Auditor: a, shard: s}
	for at, o := range s.objects {
		_, suspect := slices.BinarySearch(suspects, at)
		if o.ordinal > s.Ledger.Ordinal || !suspect && !a.c.Deep {
			continue
		}
		if err := i.add(ctx, at, suspect); err != nil {
			return nil, err
		}
	}
	return i.found, i.flush(ctx)
}

// inspection compares objects of a shard with both tables.
type inspection struct {
	*Auditor
	shard *shard
	found []Finding
	// waiting are adjacent objects that were read and not compared yet, with so many rows.
	waiting []opened
	rows    int
}

// opened is an object that could be read.
type opened struct {
	rawzone.Object
	rows    []rawRow
	suspect bool
}

// add reads an object. One that cannot be read as what was written is a finding by itself.
func (i *inspection) add(ctx context.Context, at int, suspect bool) error {
	s, key := i.shard, i.shard.objects[at].key
	last := s.Ledger.Ordinal
	if at+1 < len(s.objects) {
		last = min(last, s.objects[at+1].ordinal-1)
	}
	described, err := i.described(ctx, key)
	if err != nil && isService(err) {
		return i.tolerate(ctx, s, key, err)
	}
	if err != nil {
		i.damaged(key, s.objects[at].ordinal, last, "its metadata is not what was written")
		return ctx.Err()
	}
	rows, err := i.read(ctx, key, nil)
	if err != nil && !unreadable(err) {
		return i.tolerate(ctx, s, key, err)
	}
	if err != nil || len(rows) != described.Rows {
		i.damaged(key, described.FirstOrdinal, described.LastOrdinal, changed)
		return nil
	}
	if n := len(i.waiting); n > 0 && (i.rows+len(rows) > leaf || i.waiting[n-1].LastOrdinal+1 != described.FirstOrdinal) {
		if err := i.flush(ctx); err != nil {
			return err
		}
	}
	i.waiting, i.rows = append(i.waiting, opened{described, rows, suspect}), i.rows+len(rows)
	return nil
}

const changed = "its content is not what was written"

func (i *inspection) damaged(key string, first, last int64, note string) {
	want, _ := i.shard.want(first, last)
	i.found = append(i.found, Finding{
		Kind: Altered, Place: RawZone, Shard: i.shard.id, First: first, Last: last, Count: max(want, 1), Object: key, Note: note,
	})
}

// flush compares what waits.
func (i *inspection) flush(ctx context.Context) error {
	waiting := i.waiting
	i.waiting, i.rows = nil, 0
	if len(waiting) == 0 {
		return nil
	}
	var all []rawRow
	for _, o := range waiting {
		all = append(all, o.rows...)
	}
	prints, err := i.prints(ctx, all)
	switch {
	case err == nil:
		return i.compare(ctx, waiting, prints)
	case !unreadable(err):
		return err
	case len(waiting) == 1:
		i.damaged(waiting[0].Key, waiting[0].FirstOrdinal, waiting[0].LastOrdinal, changed)
		return nil
	}
	for _, o := range waiting { // one of them holds what no column takes
		i.waiting = []opened{o}
		if err := i.flush(ctx); err != nil {
			return err
		}
	}
	return nil
}

// compare looks for rows on which both tables agree and the object does not. The object was changed if it is suspect,
// and both tables were if it is not. Where the tables differ from each other, that has been found already.
func (i *inspection) compare(ctx context.Context, objects []opened, prints map[int64]row) error {
	first, last := objects[0].FirstOrdinal, objects[len(objects)-1].LastOrdinal
	for from := first; from <= last; from += leaf {
		to := min(last, from+leaf-1)
		agreed, err := i.agreed(ctx, from, to)
		if err != nil {
			return err
		}
		for _, o := range objects {
			var marks []mark
			for n := max(from, o.FirstOrdinal); n <= min(to, o.LastOrdinal); n++ {
				r, ok := agreed[n]
				if !ok || r == prints[n] || i.shard.isRejected(n) {
					continue
				}
				m := mark{kind: Altered, place: RawZone, ordinal: n, count: 1, sequence: r.sequence}
				if o.suspect {
					marks = append(marks, m)
					continue
				}
				for _, m.place = range tables() {
					marks = append(marks, m)
				}
			}
			found := join(i.shard.id, marks, i.shard.isAbsent)
			for k := range found {
				found[k].Object = o.Key
			}
			i.found = append(i.found, found...)
		}
	}
	return nil
}

// agreed are the rows that both tables have alike.
func (i *inspection) agreed(ctx context.Context, first, last int64) (map[int64]row, error) {
	streaming, err := i.Auditor.rows(ctx, Streaming, i.shard.id, first, last)
	if err != nil {
		return nil, err
	}
	microbatch, err := i.Auditor.rows(ctx, Microbatch, i.shard.id, first, last)
	if err != nil {
		return nil, err
	}
	there := make(map[row]bool, len(microbatch))
	for _, r := range microbatch {
		there[r] = true
	}
	out := make(map[int64]row, len(streaming))
	for _, r := range streaming {
		if there[r] {
			out[r.ordinal] = r
		}
	}
	return out, nil
}
