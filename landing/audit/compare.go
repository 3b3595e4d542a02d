package audit

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/snowstream/snowstream/landing/schema"
)

const (
	// sliceRows is about how many rows of each table one query compares: so many fit into the memory of a small warehouse,
	// and beyond it the comparison takes several times as long. mostSlices bounds the queries over large tables.
	sliceRows  = 500_000
	mostSlices = 64
	// atOnce is how many of these queries run side by side.
	atOnce = 2
)

// Run counts, and compares the tables as sets: all of their values, which costs a scan of each.
func Run(ctx context.Context, session Session, names schema.Names, shards map[string]Expected) (Report, error) {
	r, err := Count(ctx, session, names, shards)
	if err != nil {
		return r, err
	}
	r.Different, err = different(ctx, session, names, r)
	return r, err
}

// slice is a run of a shard's ordinals.
type slice struct {
	shard       string
	first, last int64
}

// slices cuts what both tables hold.
func (r Report) slices() (out []slice) {
	width := max(sliceRows, (r.Streaming()+r.Microbatch())/2/mostSlices)
	for id, s := range r.Shards {
		first, last := s.Streaming.Lowest, max(s.Streaming.Highest, s.Microbatch.Highest)
		if s.Streaming.Rows == 0 || s.Microbatch.Rows > 0 && s.Microbatch.Lowest < first {
			first = s.Microbatch.Lowest
		}
		if s.Streaming.Rows+s.Microbatch.Rows == 0 {
			continue
		}
		// Where a table has rows far outside of the run, the last slice takes them all.
		for n := 0; first+width <= last && n < mostSlices; n++ {
			out = append(out, slice{id, first, first + width - 1})
			first += width
		}
		out = append(out, slice{id, first, last})
	}
	return out
}

// different counts the rows that stand in one table only, slice by slice. Where no table has an ordinal twice, the rows of
// either are a set, so the rows of one that the other lacks tell, with both numbers of rows, how many the other has alone.
func different(ctx context.Context, session Session, names schema.Names, r Report) (int64, error) {
	streaming, microbatch := names.In(names.Streaming), names.In(names.Microbatch)
	var sets = true
	for _, s := range r.Shards {
		sets = sets && s.Streaming.Rows == s.Streaming.Ordinals && s.Microbatch.Rows == s.Microbatch.Ordinals
	}
	all := r.slices()
	alone := make([][2]int64, len(all))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, part := range all {
		group.Go(func() (err error) {
			if alone[i][0], err = part.only(ctx, session, streaming, microbatch); err != nil || sets {
				return err
			}
			alone[i][1], err = part.only(ctx, session, microbatch, streaming)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return 0, err
	}
	var left, right int64
	for _, n := range alone {
		left, right = left+n[0], right+n[1]
	}
	if sets {
		right = r.Microbatch() - r.Streaming() + left
	}
	return left + right, nil
}

// only counts the different rows of a slice that stand in one table and not in the other.
func (p slice) only(ctx context.Context, session Session, in, other string) (n int64, err error) {
	side := func(table string) string {
		return fmt.Sprintf(`SELECT * FROM %s WHERE "_SHARD" = %s AND "_ORDINAL" BETWEEN %d AND %d`, table, schema.Literal(p.shard), p.first, p.last)
	}
	err = session.Query(ctx, func(scan func(...any) error) error { return scan(&n) },
		`SELECT COUNT(*) FROM (`+side(in)+` EXCEPT `+side(other)+`)`)
	if err != nil {
		return 0, fmt.Errorf("compare the tables in shard %s: %w", p.shard, err)
	}
	return n, nil
}
