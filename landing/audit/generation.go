package audit

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/snowstream/snowstream/landing/schema"
)

// Earlier is what the tables hold of another generation than those that the ledgers number now: of the stream's life before it
// was made again, or of another bucket. Its ordinals begin at the same number, so an audit compares none of it with the
// ledgers, and a repair never touches it.
type Earlier struct {
	Generation string `json:"generation"`
	Streaming  int64  `json:"streaming"`
	Microbatch int64  `json:"microbatch"`
}

// generationOf is a row's generation; rows from before there were any have the empty one.
const generationOf = `COALESCE("_GENERATION", '')`

// apart finds the generations that the ledgers do not number, and leaves them out of what the audit reads.
func (a *Auditor) apart(ctx context.Context) error {
	a.earlier, a.only = nil, ""
	now := map[string]bool{}
	for _, s := range a.shards {
		now[s.Ledger.Generation] = true
	}
	if len(now) == 0 {
		return nil
	}
	other := map[string]*Earlier{}
	for _, place := range tables() {
		err := a.query(ctx, func(scan func(...any) error) error {
			var generation string
			var rows int64
			if err := scan(&generation, &rows); err != nil || now[generation] {
				return err
			}
			e := other[generation]
			if e == nil {
				e = &Earlier{Generation: generation}
				other[generation] = e
			}
			if place == Streaming {
				e.Streaming += rows
			} else {
				e.Microbatch += rows
			}
			return nil
		}, `SELECT `+generationOf+`, COUNT(*) FROM `+a.table(place)+` WHERE`+ofStream+` GROUP BY 1 ORDER BY 1`)
		if err != nil {
			return fmt.Errorf("look which generations %s holds: %w", a.table(place), err)
		}
	}
	if len(other) == 0 {
		return nil
	}
	for _, generation := range slices.Sorted(maps.Keys(other)) {
		a.earlier = append(a.earlier, *other[generation])
	}
	var literals []string
	for _, generation := range slices.Sorted(maps.Keys(now)) {
		literals = append(literals, schema.Literal(generation))
	}
	a.only = generationOf + ` IN (` + strings.Join(literals, ", ") + `)`
	return nil
}

// from is a table as the audit reads it: where it holds rows of other generations, without them. Rows that came through
// Upsert's plain form have no generation, and stay out of every audit by their shard.
func (a *Auditor) from(place Place) string {
	if a.only == "" {
		return a.table(place)
	}
	return `(SELECT * FROM ` + a.table(place) + ` WHERE ` + a.only + `)`
}
