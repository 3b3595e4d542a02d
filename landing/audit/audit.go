// Package audit proves that both tables are complete: per shard, every ordinal from the first to the ledger's last one is a
// row in each table or a record in quarantine, exactly once, with the values that the raw zone has. Where that is not
// so, it names the positions, and it can repair them. A shard's ordinals start behind its record.Base.
//
//   - [Run] only counts: two aggregations and a comparison of the tables as sets, for a look while records flow.
//   - [Auditor.Audit] finds the positions (prove.go). It aggregates first; only in shards that are off it cuts the
//     ordinals into ever smaller runs (examine.go), and only of the last ones it fetches rows, as fingerprints
//     (fingerprint.go). It looks for objects that were deleted or changed (rawzone.go, inspect.go), for rows that
//     nothing accounts for (foreign.go), and for records that the stream has and nobody else (stream.go).
//   - [Auditor.Repair] mends the tables from the raw zone (repair.go, load.go) and the raw zone from the stream
//     (restore.go), and audits again.
//
// The raw zone is the log: where the tables differ, it says who is right. Ordinals are dense, which makes a count a
// proof: a shard with n records, q of them in quarantine, has n - q different ordinals in each table, as many rows, and
// as many different identities. Values never leave the warehouse for an audit, so no report holds any.
package audit

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/record/rawzone"
)

// Session runs queries, several at once; see landing/snowflake.
type Session interface {
	Query(ctx context.Context, row func(scan func(into ...any) error) error, query string, args ...any) error
}

// Counts are one table's rows of one shard.
type Counts struct {
	// Rows is COUNT(*), Ordinals and Identities how many different ones there are among them.
	Rows, Ordinals, Identities int64
	// Lowest and Highest are the ends of the ordinals, 0 if there are none.
	Lowest, Highest int64
}

// Shard is what was found of one shard.
type Shard struct {
	// Accepted is how many records the shard has had: the ledger's, or the stream's own count where that is known and
	// larger.
	Accepted int64
	// Quarantined is how many of them lie in quarantine.
	Quarantined           int64
	Streaming, Microbatch Counts
}

// Missing counts the shard's records that lack a row in at least one table; where both tables lack rows, the worse
// one counts.
func (s Shard) Missing() int64 {
	want := s.Accepted - s.Quarantined
	return max(0, want-s.Streaming.distinct(), want-s.Microbatch.distinct())
}

// Doubled counts the rows of both tables that should not be there: the same record once more, or a row that no
// accepted record accounts for.
func (s Shard) Doubled() int64 {
	want := s.Accepted - s.Quarantined
	return s.Streaming.surplus(want) + s.Microbatch.surplus(want)
}

// distinct is how many different records the rows stand for: of two that share an ordinal or an identity, one.
func (c Counts) distinct() int64 { return min(c.Ordinals, c.Identities) }

func (c Counts) surplus(want int64) int64 { return c.Rows - min(c.distinct(), max(want, 0)) }

// Report is the audit's result.
type Report struct {
	// Shards by their id.
	Shards map[string]Shard
	// Different counts rows that stand in one table and not in the other, equal in every column.
	Different int64
	// Earlier counts the streaming table's rows of other generations than those of the ledgers: they are in no other number.
	Earlier int64
}

// OK reports whether nothing is missing, doubled or different.
func (r Report) OK() bool { return r.Missing() == 0 && r.Doubled() == 0 && r.Different == 0 }

// Accepted is how many records the stream has accepted.
func (r Report) Accepted() int64 { return r.sum(func(s Shard) int64 { return s.Accepted }) }

// Quarantined is how many of them are in quarantine.
func (r Report) Quarantined() int64 { return r.sum(func(s Shard) int64 { return s.Quarantined }) }

// Streaming is how many rows the streaming table has of the stream.
func (r Report) Streaming() int64 { return r.sum(func(s Shard) int64 { return s.Streaming.Rows }) }

// Microbatch is how many rows the micro-batch table has of the stream.
func (r Report) Microbatch() int64 { return r.sum(func(s Shard) int64 { return s.Microbatch.Rows }) }

// Missing is the sum over all shards.
func (r Report) Missing() int64 { return r.sum(Shard.Missing) }

// Doubled is the sum over all shards.
func (r Report) Doubled() int64 { return r.sum(Shard.Doubled) }

func (r Report) sum(of func(Shard) int64) (total int64) {
	for _, s := range r.Shards {
		total += of(s)
	}
	return total
}

// Expected is what a shard should hold.
type Expected struct {
	Ledger rawzone.Ledger
	// Replayed is how many of the quarantined records have become rows since.
	Replayed int64
	// Stream is how many Kinesis records the stream itself says it has accepted, -1 if it cannot say: then the
	// ledger's word is all there is.
	Stream int64
	// Retired says that its shard is closed, and sealed to its end.
	Retired bool
}

// Count counts both tables and compares the counts with what each shard should hold: one aggregation a table.
func Count(ctx context.Context, session Session, names schema.Names, shards map[string]Expected) (Report, error) {
	r := Report{Shards: map[string]Shard{}}
	now := map[string]bool{}
	for id, e := range shards {
		now[e.Ledger.Generation] = true
		r.Shards[id] = Shard{Accepted: e.accepted(), Quarantined: e.Ledger.Quarantined - e.Replayed}
	}
	var streaming, microbatch map[string]Counts
	var earlier int64
	var group errgroup.Group
	group.Go(func() (err error) {
		streaming, earlier, err = count(ctx, session, names.In(names.Streaming), now)
		return err
	})
	group.Go(func() (err error) {
		microbatch, _, err = count(ctx, session, names.In(names.Microbatch), now)
		return err
	})
	if err := group.Wait(); err != nil {
		return r, err
	}
	r.Earlier = earlier
	ids := slices.Collect(maps.Keys(streaming))
	for _, id := range slices.AppendSeq(ids, maps.Keys(microbatch)) {
		s := r.Shards[id]
		s.Streaming, s.Microbatch = streaming[id], microbatch[id]
		r.Shards[id] = s
	}
	return r, nil
}

// accepted counts user records: the ledger's, and one each for the Kinesis records that the ledger has not reached.
func (e Expected) accepted() int64 {
	return e.Ledger.Count() + max(0, e.Stream-e.Ledger.Records)
}

// ofStream tells the stream's rows from those that came through Upsert's plain form: every shard id of Kinesis
// starts like this.
const ofStream = ` STARTSWITH("_SHARD", 'shardId-')`

// count counts a table's rows by shard, those of the generations that are numbered now; earlier is how many others there are.
func count(ctx context.Context, session Session, table string, now map[string]bool) (out map[string]Counts, earlier int64, err error) {
	out = map[string]Counts{}
	err = session.Query(ctx, func(scan func(...any) error) error {
		var id, generation string
		var c Counts
		err := scan(&id, &generation, &c.Rows, &c.Ordinals, &c.Identities, &c.Lowest, &c.Highest)
		if len(now) > 0 && !now[generation] {
			earlier += c.Rows
			return err
		}
		out[id] = out[id].with(c)
		return err
	}, `SELECT "_SHARD", `+schema.Generation+`, COUNT(*), COUNT(DISTINCT "_ORDINAL"), COUNT(DISTINCT "_SEQUENCE" || '/' || "_SUBSEQUENCE"), MIN("_ORDINAL"), MAX("_ORDINAL")
FROM `+table+` WHERE`+ofStream+` GROUP BY 1, 2`)
	if err != nil {
		return nil, 0, fmt.Errorf("count the rows of %s: %w", table, err)
	}
	return out, earlier, nil
}

// with adds the counts of another generation of the same shard.
func (c Counts) with(other Counts) Counts {
	if c.Rows == 0 {
		return other
	}
	return Counts{
		Rows: c.Rows + other.Rows, Ordinals: c.Ordinals + other.Ordinals, Identities: c.Identities + other.Identities,
		Lowest: min(c.Lowest, other.Lowest), Highest: max(c.Highest, other.Highest),
	}
}
