package audit

import (
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

// number remembers the generations that the ledgers number.
func (a *Auditor) number() {
	now := map[string]bool{}
	for _, s := range a.shards {
		now[schema.Literal(s.Ledger.Generation)] = true
	}
	a.now = strings.Join(slices.Sorted(maps.Keys(now)), ", ")
}

// numbered is the condition for the rows that the ledgers number; rows of no shard of Kinesis have no generation.
func (a *Auditor) numbered(table string) string {
	if a.now == "" {
		return "TRUE"
	}
	return `(NOT STARTSWITH(` + table + `."_SHARD", 'shardId-') OR COALESCE(` + table + `."_GENERATION", '') IN (` + a.now + `))`
}

// apart leaves the rows of other generations, as they were counted in each table, out of all that the audit reads from here on.
func (a *Auditor) apart(counted [2]map[string]int64) {
	a.earlier = nil
	other := maps.Clone(counted[0])
	maps.Copy(other, counted[1])
	for _, generation := range slices.Sorted(maps.Keys(other)) {
		a.earlier = append(a.earlier, Earlier{Generation: generation, Streaming: counted[0][generation], Microbatch: counted[1][generation]})
	}
}

// from is a table as the audit reads it: where it holds rows of other generations, without them. Rows that came through
// Upsert's plain form have no generation, and stay out of every audit by their shard.
func (a *Auditor) from(place Place) string {
	if len(a.earlier) == 0 {
		return a.table(place)
	}
	return `(SELECT g.* FROM ` + a.table(place) + ` AS g WHERE ` + a.numbered("g") + `)`
}
