package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/snowstream/snowstream/record"
)

// Lost is a run of records that somebody knows to be gone: a failure document named them, and the stream has them no more.
type Lost struct {
	First, Last string
	Count       int64
}

// Retention is how long the stream keeps records. The zero Retention leaves expired records out.
type Retention struct {
	// Period is the stream's, as it is set now.
	Period time.Duration
	// Created is when the stream was made: nothing can have expired before a period has passed.
	Created time.Time
}

const (
	lostNote    = "the function failed on them, and the stream no longer has them"
	expiredNote = "between these two: when the second one landed, it was as old as the stream's retention, so what lay in front of it may have expired unread"
	waitingNote = "between these two: nobody has read the second one yet, and it is as old as the stream's retention, so what lay in front of it may have expired"
)

// expired names the records that retention took before anything read them. Nobody has them, so nothing can be compared;
// but where they were, the next record that landed was as old as the retention, because its reader stood where the
// stream begins. A reader falls behind by at most a second a second, so it is enough to look at objects that lie a
// quarter of the period apart, and at all between two where that is not clear. Restored and recovered objects, which
// landed when they did for other reasons, tell nothing.
func (a *Auditor) expired(ctx context.Context, s *shard) (all []Finding, err error) {
	for _, l := range s.Lost {
		all = append(all, Finding{
			Kind: Missing, Place: Stream, Shard: s.id, Count: l.Count, FirstSequence: l.First, LastSequence: l.Last, Note: lostNote,
		})
	}
	period := a.c.Retention.Period
	if period == 0 || time.Since(a.c.Retention.Created) < period {
		return all, nil
	}
	objects := s.regular()
	if s.seal != nil { // what lies right behind the seal is compared with its last object
		objects = slices.Insert(objects, 0, object{ordinal: s.seal.Begin, modified: s.seal.LandedAt})
	}
	sample := sampled(objects, period/4)
	delays, err := a.delays(ctx, s, sample)
	if err != nil {
		return nil, err
	}
	for i := 1; i < len(sample); i++ {
		if max(delays[sample[i-1].key].of(sample[i-1]), delays[sample[i].key].of(sample[i])) < period/2 {
			continue
		}
		from, _ := slices.BinarySearchFunc(objects, sample[i-1].ordinal, func(o object, n int64) int { return int(o.ordinal - n) })
		to, _ := slices.BinarySearchFunc(objects, sample[i].ordinal, func(o object, n int64) int { return int(o.ordinal - n) })
		found, err := a.behind(ctx, s, objects[from:to+1])
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// regular are the objects that landed in their turn.
func (s *shard) regular() (out []object) {
	suspects := s.suspects()
	for i, o := range s.objects {
		if _, restored := slices.BinarySearch(suspects, i); !restored && !o.recovered && o.ordinal <= s.Ledger.Ordinal {
			out = append(out, o)
		}
	}
	return out
}

// sampled are the first and the last object, and between them as many that two neighbours were written no more than a
// step apart, or have nothing between them.
func sampled(objects []object, step time.Duration) (out []object) {
	for i, o := range objects {
		last := i == len(objects)-1
		if len(out) == 0 || last || objects[i+1].modified.Sub(out[len(out)-1].modified) > step {
			out = append(out, o)
		}
	}
	return out
}

// arrivals are those of the first and the last record of an object, zero where it has no row.
type arrivals struct{ first, last time.Time }

// of is how old an object's first record was when it was written.
func (a arrivals) of(o object) time.Duration {
	if a.first.IsZero() {
		return 0
	}
	return o.modified.Sub(a.first)
}

// delays asks the streaming table when the records of objects arrived.
func (a *Auditor) delays(ctx context.Context, s *shard, objects []object) (map[string]arrivals, error) {
	out := map[string]arrivals{}
	for part := range slices.Chunk(objects, leaf) {
		var ranges [][2]int64
		for _, o := range part {
			ranges = append(ranges, [2]int64{o.ordinal, s.endOf(o)})
		}
		bind, err := json.Marshal(ranges)
		if err != nil {
			return nil, err
		}
		at := 0
		err = a.query(ctx, func(scan func(...any) error) error {
			var n, first, last int64
			err := scan(&n, &first, &last)
			for at < len(part) && part[at].ordinal < n {
				at++
			}
			if err == nil && at < len(part) && part[at].ordinal == n {
				out[part[at].key] = arrivals{time.Unix(first, 0), time.Unix(last, 0)}
			}
			return err
		}, `SELECT q."FIRST", MIN(DATE_PART(epoch_second, t."_ARRIVED_AT")), MAX(DATE_PART(epoch_second, t."_ARRIVED_AT"))
FROM `+a.from(Streaming)+` AS t JOIN (
  SELECT f.value[0]::NUMBER(38,0) AS "FIRST", f.value[1]::NUMBER(38,0) AS "LAST" FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?))) AS f
) AS q ON t."_ORDINAL" BETWEEN q."FIRST" AND q."LAST" WHERE t."_SHARD" = ? GROUP BY 1 ORDER BY 1`, string(bind), s.id)
		if err != nil {
			return nil, fmt.Errorf("look when records of %s arrived: %w", s.id, err)
		}
	}
	return out, nil
}

// endOf is the last ordinal that an object can have.
func (s *shard) endOf(o object) int64 {
	at, _ := s.covering(o.ordinal)
	if at+1 < len(s.objects) {
		return s.objects[at+1].ordinal - 1
	}
	return s.Ledger.Ordinal
}

// behind looks at neighbours: each whose first record was about as old as the retention when it landed is named.
func (a *Auditor) behind(ctx context.Context, s *shard, objects []object) (all []Finding, err error) {
	delays, err := a.delays(ctx, s, objects)
	if err != nil {
		return nil, err
	}
	limit := a.c.Retention.Period - a.c.Retention.Period/20
	for i := 1; i < len(objects); i++ {
		before, o := delays[objects[i-1].key], objects[i]
		if delays[o.key].of(o) < limit || o.modified.Sub(before.last) < limit {
			continue
		}
		last := ""
		if key := objects[i-1].key; key == "" {
			last = s.seal.Sequence
		} else if described, err := a.described(ctx, key); err == nil {
			last = described.Last.Sequence
		} else if err := a.tolerate(ctx, s, key, err); err != nil {
			return nil, err
		} else {
			continue
		}
		all = append(all, Finding{
			Kind: Missing, Place: Stream, Shard: s.id, FirstSequence: last, LastSequence: o.first.Sequence, Note: expiredNote,
		})
	}
	return all, nil
}

// trimmed names what may expire now: the oldest record that the stream has is behind the ledger, and about to go.
func (a *Auditor) trimmed(s *shard, oldest record.Record) []Finding {
	period := a.c.Retention.Period
	if period == 0 || s.Ledger.Sequence == "" || record.CompareSequence(oldest.Sequence, s.Ledger.Sequence) <= 0 ||
		time.Since(oldest.ArrivedAt) < period-period/20 {
		return nil
	}
	return []Finding{{
		Kind: Missing, Place: Stream, Shard: s.id, FirstSequence: s.Ledger.Sequence, LastSequence: oldest.Sequence, Note: waitingNote,
	}}
}
