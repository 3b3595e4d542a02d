package audit

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/record/rawzone"
)

// Statements changes tables; see landing/snowflake.
type Statements interface {
	Exec(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// Pipe is Snowpipe; see landing/microbatch.
type Pipe interface {
	// Refresh queues the files that were never loaded.
	Refresh(ctx context.Context) error
	// Known tells with which objects the pipe has dealt, so that it will not load them again.
	Known(ctx context.Context, keys []string) (map[string]bool, error)
}

// Tools are what a repair works with.
type Tools struct {
	// Transaction runs f in one transaction.
	Transaction func(ctx context.Context, f func(Statements) error) error
	// Upsert hands an object with so many rows to the streaming table and returns when they are there.
	Upsert func(ctx context.Context, object string, rows int) error
	Pipe   Pipe
	// Wait bounds how long the pipe is waited for.
	Wait time.Duration
}

// Repaired is what a repair has done.
type Repaired struct {
	// Objects were written again from the stream.
	Objects int64 `json:"objects_restored"`
	// HandedOver objects went to the streaming table once more; Loaded ones were brought in by the pipe.
	HandedOver int64 `json:"objects_handed_over"`
	Loaded     int64 `json:"objects_loaded"`
	// Replaced rows were deleted and, where the raw zone has them, inserted again; Inserted were missing.
	Replaced int64 `json:"rows_replaced"`
	Inserted int64 `json:"rows_inserted"`
	// Deleted rows were foreign.
	Deleted int64 `json:"rows_deleted"`
	// Left says what could not be repaired, and why.
	Left []string `json:"left"`
}

// changes tells whether anything was done.
func (r Repaired) changes() int64 {
	return r.Objects + r.HandedOver + r.Loaded + r.Replaced + r.Inserted + r.Deleted
}

// maxPasses bounds how often a repair looks again: what lay under another fault shows only once that is mended.
const maxPasses = 4

// Repair audits, mends what is wrong from the raw zone, and audits again, until nothing changes any more. It returns
// the proofs before and after. What it does may be repeated and cut off anywhere: rows are merged on their identity or
// replaced inside a transaction, and objects are written as they were.
func (a *Auditor) Repair(ctx context.Context, t Tools) (before, after Proof, done Repaired, err error) {
	if before, err = a.Audit(ctx); err != nil {
		return before, after, done, err
	}
	after = before
	for range maxPasses {
		if after.OK {
			break
		}
		m := &mender{Auditor: a, tools: t, done: &done, handed: map[string]bool{}, toLoad: map[string]time.Time{}}
		changes := done.changes()
		done.Left = nil
		if err := m.mend(ctx); err != nil {
			return before, after, done, err
		}
		if done.changes() == changes {
			break
		}
		if after, err = a.Audit(ctx); err != nil {
			return before, after, done, err
		}
	}
	return before, after, done, nil
}

// mender does one pass of a repair, on what the last audit has found.
type mender struct {
	*Auditor
	tools Tools
	done  *Repaired
	// blocked are runs whose objects are not what they should be: nothing is taken from them.
	blocked []Finding
	// handed are the objects that this pass has given to the streaming table.
	handed map[string]bool
	// toLoad are those that the micro-batch table lacks rows of, with the time of their last write.
	toLoad map[string]time.Time
}

// mend takes the raw zone first, because the tables are mended from it; where objects were restored, the tables have
// to wait for the next pass.
func (m *mender) mend(ctx context.Context) error {
	restored := map[string]bool{}
	for _, f := range m.found {
		if f.Place != RawZone {
			continue
		}
		switch reason, err := m.restore(ctx, f, restored); {
		case err != nil:
			return err
		case reason != "":
			m.blocked = append(m.blocked, f)
			m.leave(f, reason)
		}
	}
	if len(restored) > 0 {
		return nil
	}
	for _, f := range m.found {
		if f.Place == Stream {
			m.leave(f, "no place has them: put them into the stream again, if their producer still can")
			continue
		}
		if f.Place == RawZone || f.Kind == Pending || m.isBlocked(f) {
			continue
		}
		if err := m.amend(ctx, f); err != nil {
			return fmt.Errorf("repair shard %s, ordinals %d to %d: %w", f.Shard, f.First, f.Last, err)
		}
	}
	return m.load(ctx)
}

func (m *mender) leave(f Finding, reason string) {
	const most = 100
	where := fmt.Sprintf("ordinals %d to %d", f.First, f.Last)
	if f.First < 1 {
		where = fmt.Sprintf("sequences %s to %s", f.FirstSequence, f.LastSequence)
	}
	if len(m.done.Left) < most {
		m.done.Left = append(m.done.Left, fmt.Sprintf("%s %s in %s, %s: %s", f.Shard, f.Kind, f.Place, where, reason))
	}
}

func (m *mender) isBlocked(f Finding) bool {
	return slices.ContainsFunc(m.blocked, func(b Finding) bool { return b.Shard == f.Shard && b.First <= f.Last && f.First <= b.Last })
}

// amend mends one run of one table.
func (m *mender) amend(ctx context.Context, f Finding) error {
	s := m.shards[f.Shard]
	switch {
	case f.Kind == Foreign && (s == nil || f.First < s.first() || f.First > s.Ledger.Ordinal):
		return m.remove(ctx, f)
	case f.Kind == Missing:
		return m.eachObject(ctx, s, f, func(o object, rows int) error { return m.bring(ctx, f.Place, o, rows) })
	case f.Note == repeatedNote:
		m.leave(f, "the raw zone itself has the record under several ordinals")
		return nil
	}
	for from := f.First; from <= f.Last; from += leaf {
		var ordinals []int64
		for n := from; n <= min(f.Last, from+leaf-1); n++ {
			if s.isAbsent(n) == (f.Kind == Foreign) {
				ordinals = append(ordinals, n)
			}
		}
		if err := m.replace(ctx, s, f, ordinals); err != nil {
			return err
		}
	}
	return nil
}

// remove deletes rows that nothing accounts for.
func (m *mender) remove(ctx context.Context, f Finding) error {
	return m.tools.Transaction(ctx, func(tx Statements) error {
		result, err := tx.Exec(ctx, `DELETE FROM `+m.table(f.Place)+` WHERE "_SHARD" = ? AND "_ORDINAL" BETWEEN ? AND ?`, f.Shard, f.First, f.Last)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		m.done.Deleted += n
		return err
	})
}

// replace deletes all rows of the ordinals and inserts those of the raw zone, in one transaction. Ordinals of which the
// raw zone has no row are left alone, unless they must not have one.
func (m *mender) replace(ctx context.Context, s *shard, f Finding, ordinals []int64) error {
	var rows []rawRow
	if f.Kind != Foreign {
		raw, err := m.raw(ctx, s, ordinals)
		if err != nil {
			return err
		}
		if len(raw) < len(ordinals) {
			m.leave(f, fmt.Sprintf("the raw zone has %d of these %d rows", len(raw), len(ordinals)))
		}
		ordinals = slices.DeleteFunc(ordinals, func(n int64) bool { _, ok := raw[n]; return !ok })
		for _, n := range ordinals {
			rows = append(rows, raw[n])
		}
	}
	if len(ordinals) == 0 {
		return nil
	}
	bind, err := json.Marshal(ordinals)
	if err != nil {
		return err
	}
	return m.tools.Transaction(ctx, func(tx Statements) error {
		result, err := tx.Exec(ctx, `DELETE FROM `+m.table(f.Place)+` WHERE "_SHARD" = ? AND "_ORDINAL" IN (
  SELECT f.value::NUMBER(38,0) FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?))) AS f)`, s.id, string(bind))
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		if err != nil {
			return err
		}
		m.done.Replaced += n
		_, err = m.merge(ctx, tx, f.Place, rows)
		return err
	})
}

// merge inserts rows that a table does not have.
func (m *mender) merge(ctx context.Context, tx Statements, place Place, rows []rawRow) (inserted int64, err error) {
	names := m.c.Names
	if place == Microbatch {
		names.Streaming = names.Microbatch
	}
	for batch := range inBinds(rows) {
		lowest := batch[0].ordinal
		for _, r := range batch {
			lowest = min(lowest, r.ordinal)
		}
		result, err := tx.Exec(ctx, schema.Merge(names, m.c.Schema), bindOf(batch), lowest)
		if err != nil {
			return inserted, err
		}
		n, err := result.RowsAffected()
		if inserted += n; err != nil {
			return inserted, err
		}
	}
	return inserted, nil
}

// holding are the objects that hold rows of a run, replayed ones included.
func (a *Auditor) holding(s *shard, first, last int64) (objects []object) {
	at, _ := s.covering(first)
	for at = max(at, 0); at < len(s.objects) && s.objects[at].ordinal <= last; at++ {
		objects = append(objects, s.objects[at])
	}
	seen := map[string]bool{}
	for _, r := range s.Rejected {
		if r.Replayed && first <= r.Ordinal && r.Ordinal <= last && !seen[r.Key] {
			seen[r.Key] = true
			objects = append(objects, a.replays[rawzone.ReplayPrefix(r.Key)]...)
		}
	}
	return objects
}

// eachObject calls yield with each object that holds rows of a run, and how many it has.
func (m *mender) eachObject(ctx context.Context, s *shard, f Finding, yield func(o object, rows int) error) error {
	objects := m.holding(s, f.First, f.Last)
	for _, o := range objects {
		m.cost.Reads++
		metadata, err := m.c.Lake.Metadata(ctx, o.key)
		if err != nil {
			return err
		}
		rows, err := strconv.Atoi(metadata["rows"])
		if err != nil {
			m.leave(f, "object "+o.key+" does not say how many rows it has")
			continue
		}
		if rows == 0 {
			continue
		}
		if err := yield(o, rows); err != nil {
			return err
		}
	}
	return nil
}

// bring gives an object to the table that lacks rows of it: Upsert merges it into the streaming table; for the
// micro-batch table it is remembered for load.
func (m *mender) bring(ctx context.Context, place Place, o object, rows int) error {
	if place == Microbatch {
		m.toLoad[o.key] = o.modified
		return nil
	}
	if m.handed[o.key] {
		return nil
	}
	m.handed[o.key] = true
	m.done.HandedOver++
	return m.tools.Upsert(ctx, o.key, rows)
}
