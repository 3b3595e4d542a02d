package audit

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
)

// foreign finds rows that no accepted record accounts for. A row behind the ledger is none if an object has it: its
// batch is under way.
func (a *Auditor) foreign(ctx context.Context, counted [2]map[group]aggregate) (all []Finding, err error) {
	for i, place := range tables() {
		groups := slices.SortedFunc(maps.Keys(counted[i]), func(a, b group) int { return cmp.Compare(a.shard, b.shard) })
		for _, g := range groups {
			sum := counted[i][g]
			s := a.shards[g.shard]
			switch {
			case s == nil:
				found := Finding{
					Kind: Foreign, Place: place, Shard: g.shard, First: sum.lowest, Last: sum.highest, Count: sum.rows,
					Note: unknownShard,
				}
				rows, err := a.rows(ctx, place, g.shard, sum.lowest, sum.highest)
				if err != nil {
					return nil, err
				}
				if n := int64(len(rows)); n == sum.rows && n > 0 {
					found.FirstSequence, found.LastSequence = rows[0].sequence, rows[n-1].sequence
				}
				all = append(all, found)
			case g.outside:
				found, err := a.beyond(ctx, place, s, sum)
				if err != nil {
					return nil, err
				}
				all = append(all, found...)
			}
		}
	}
	return all, nil
}

const (
	unknownShard = "no stream, ledger or object has such a shard: where the rows come from is not known"
	noOrdinals   = "the shard has no such ordinals"
)

// beyond finds the rows of a shard that lie outside of what its objects number.
func (a *Auditor) beyond(ctx context.Context, place Place, s *shard, sum aggregate) ([]Finding, error) {
	end := s.Ledger.Ordinal
	if n := len(s.objects); n > 0 && s.objects[n-1].ordinal > end {
		switch o, err := a.described(ctx, s.objects[n-1].key); {
		case err == nil:
			end = o.LastOrdinal
		default: // which rows it has nobody can say, so none behind its start is called foreign
			if err := a.tolerate(ctx, s, s.objects[n-1].key, err); err != nil {
				return nil, err
			}
			end = math.MaxInt64 - 1
		}
	}
	var rows []row
	for _, run := range [][2]int64{{math.MinInt64, s.first() - 1}, {end + 1, math.MaxInt64}} {
		if sum.lowest > run[1] || sum.highest < run[0] {
			continue
		}
		more, err := a.rows(ctx, place, s.id, run[0], run[1])
		if err != nil {
			return nil, err
		}
		rows = append(rows, more...)
	}
	var marks []mark
	for _, r := range rows {
		marks = append(marks, mark{kind: Foreign, place: place, ordinal: r.ordinal, count: 1, sequence: r.sequence})
	}
	found := join(s.id, marks, func(int64) bool { return false })
	for i := range found {
		found[i].Note = noOrdinals
	}
	return found, nil
}
