package audit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/landing/snowflake"
	"github.com/snowstream/snowstream/record/rawzone"
)

// Statements changes tables; see landing/snowflake.
type Statements interface {
	Exec(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// Pipe is Snowpipe; see landing/microbatch.
type Pipe interface {
	// State says what the pipe may still do by itself.
	State(ctx context.Context) (PipeState, error)
	// Refresh queues these objects, as far as the pipe has never dealt with them. It touches no others.
	Refresh(ctx context.Context, keys []string) error
	// Known tells with which objects a pipe of the table has dealt, and when.
	Known(ctx context.Context, keys []string) (map[string]time.Time, error)
}

// PipeState is what a pipe may still do by itself.
type PipeState struct {
	// State is RUNNING, or why the pipe loads nothing. One that stands still keeps its notices for 14 days.
	State string
	// Pending counts files and notices that it has not dealt with.
	Pending int64
	// Created is when it was made: it knows nothing of what an earlier pipe has loaded.
	Created time.Time
}

// running says that the pipe works off its notices.
func (p PipeState) running() bool { return p.State == "RUNNING" }

// Tools are what a repair works with.
type Tools struct {
	// Transaction runs f in one transaction.
	Transaction func(ctx context.Context, f func(Statements) error) error
	// Upsert hands an object with so many rows to the streaming table, but for withheld ones, and returns when they are there.
	// ErrRefused means that all are but some that the table does not take.
	Upsert func(ctx context.Context, object string, rows int) error
	// Settle returns when no channel may still commit rows of an object to the streaming table: only then others may be put there.
	Settle func(ctx context.Context, object string) error
	Pipe   Pipe
	// Wait bounds how long the pipe is waited for.
	Wait time.Duration
	// Append lands those of a shard's records, from one sequence number to another, that have no place, at the shard's end,
	// and says how many these were; see processing/replay. Without it they are named and left.
	Append func(ctx context.Context, shard, first, last string) (int64, error)
	// Delete lets rows be deleted that nothing replaces. Without it they are named and left.
	Delete bool
	// By names the program and its version, in what is kept of deleted and overwritten rows.
	By string
}

// Repaired is what a repair has done.
type Repaired struct {
	// Objects were written again from the stream.
	Objects int64 `json:"objects_restored"`
	// HandedOver objects went to the streaming table once more; Loaded ones were brought in by the pipe.
	HandedOver int64 `json:"objects_handed_over"`
	Loaded     int64 `json:"objects_loaded"`
	// Quarantined objects were written again from the stream, Appended records landed from it.
	Quarantined int64 `json:"quarantine_objects_restored"`
	Appended    int64 `json:"records_appended"`
	// Replaced rows had the raw zone's put in their place; Inserted were missing.
	Replaced int64 `json:"rows_replaced"`
	Inserted int64 `json:"rows_inserted"`
	// Deleted rows were foreign. Deletable ones would have been deleted, with leave to do so.
	Deleted   int64 `json:"rows_deleted"`
	Deletable int64 `json:"rows_deletable"`
	// Kept are the objects that hold what was deleted and overwritten; see Auditor.Undo.
	Kept []string `json:"kept"`
	// Left says what could not be repaired, and why.
	Left []string `json:"left"`
}

// changes tells whether anything was done.
func (r Repaired) changes() int64 {
	return r.Objects + r.Quarantined + r.Appended + r.HandedOver + r.Loaded + r.Replaced + r.Inserted + r.Deleted
}

// maxPasses bounds how often a repair looks again: what lay under another fault shows only once that is mended.
const maxPasses = 4

// Repair audits, mends what is wrong from the raw zone and the stream, and audits again, until nothing changes any more.
// It returns the proofs before and after. What it does may be repeated and cut off anywhere: rows are merged on their
// identity or replaced inside a transaction, and objects are written as they were.
//
// It takes away a row only if the raw zone holds its record: another row of the same record, or a row where the record does
// not belong. A row of unknown origin may be the only one of its kind; it is named and left. What is taken away or
// overwritten lies in the raw zone first, from where Undo brings it back.
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
		done.Left, done.Deletable = nil, 0
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
	// failed counts hand-overs, and waits for a channel, that came to nothing.
	failed int
}

// mend takes the raw zone first, because the tables are mended from it; where objects were restored, the tables have
// to wait for the next pass.
func (m *mender) mend(ctx context.Context) error {
	before := m.done.changes()
	restored := map[string]bool{}
	for _, f := range m.found {
		if f.Place != RawZone && f.Place != Quarantine {
			continue
		}
		switch reason, err := m.zone(ctx, f, restored); {
		case err != nil && ctx.Err() != nil:
			return err
		case err != nil:
			reason = err.Error()
			fallthrough
		case reason != "":
			m.blocked = append(m.blocked, f)
			m.leave(f, reason)
		}
	}
	if m.done.changes() > before {
		return nil
	}
	for _, f := range m.found {
		if f.Place == Stream {
			m.leave(f, "no place has them: put them into the stream again, if their producer still can")
			continue
		}
		if f.Place == RawZone || f.Place == Quarantine || f.Kind == Pending || m.isBlocked(f) {
			continue
		}
		err := m.amend(ctx, f)
		if reason, fault := snowflake.RowFault(err); fault {
			m.leave(f, fmt.Sprintf("the table refuses it with error %06d, %s", reason.Number, reason.Message))
			continue
		}
		if err != nil {
			return fmt.Errorf("repair shard %s, ordinals %d to %d: %w", f.Shard, f.First, f.Last, err)
		}
	}
	return m.load(ctx)
}

// zone mends one finding in the raw zone, and returns the reason where that cannot be done.
func (m *mender) zone(ctx context.Context, f Finding, restored map[string]bool) (reason string, err error) {
	switch {
	case f.Kind == Unreadable:
		return "object " + f.Object + " cannot be read: " + f.Note, nil
	case f.Place == Quarantine:
		return m.requarantine(ctx, f)
	case f.Note == alikeNote:
		return "if it was not the schema, delete the object: the next repair writes it again from the stream, and the tables from it", nil
	case f.Note == skipped:
		return m.appendSkipped(ctx, f)
	}
	return m.restore(ctx, f, restored)
}

// appendSkipped lands records that the stream has and nobody else.
func (m *mender) appendSkipped(ctx context.Context, f Finding) (reason string, err error) {
	if m.tools.Append == nil {
		return "it is not in the raw zone: only the stream has it", nil
	}
	n, err := m.tools.Append(ctx, f.Shard, f.FirstSequence, f.LastSequence)
	m.done.Appended += n
	if err == nil && n == 0 {
		reason = "the stream no longer has them, or they have a place by now"
	}
	return reason, err
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
	case s == nil || f.Note == unknownShard:
		m.leave(f, "where the rows come from is not known; they may be the only ones of their kind")
		return nil
	case f.Kind == Foreign && (f.First < s.first() || f.First > s.Ledger.Ordinal):
		return m.replace(ctx, s, f, f.First, f.Last)
	case f.Kind == Missing:
		return m.eachObject(ctx, s, f, func(o object, rows int) error { return m.bring(ctx, f.Place, o, rows) })
	case f.Note == repeatedNote:
		m.leave(f, "the raw zone itself has the record under several ordinals")
		return nil
	}
	for from := f.First; from <= f.Last; from += leaf {
		if err := m.replace(ctx, s, f, from, min(f.Last, from+leaf-1)); err != nil {
			return err
		}
	}
	return nil
}

// merge inserts rows that a table does not have.
func (m *mender) merge(ctx context.Context, tx Statements, place Place, rows []rawRow) (inserted int64, err error) {
	names := m.c.Names
	if place == Microbatch {
		names.Streaming = names.Microbatch
	}
	for batch := range inBinds(rows) {
		lowest, highest := batch[0].ordinal, batch[0].ordinal
		for _, r := range batch {
			lowest, highest = min(lowest, r.ordinal), max(highest, r.ordinal)
		}
		result, err := tx.Exec(ctx, schema.Merge(names, m.c.Schema), bindOf(batch), lowest, highest)
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
		if r.Replayed && !r.Withheld && first <= r.Ordinal && r.Ordinal <= last && !seen[r.Key] {
			seen[r.Key] = true
			objects = append(objects, a.replays[rawzone.ReplayPrefix(r.Key)]...)
		}
	}
	return objects
}

// eachObject calls yield with each object that holds rows of a run, and how many it has.
func (m *mender) eachObject(ctx context.Context, s *shard, f Finding, yield func(o object, rows int) error) error {
	objects, held := m.holding(s, f.First, f.Last), false
	for _, o := range objects {
		m.cost.Reads++
		metadata, err := m.c.Lake.Metadata(ctx, o.key)
		if err != nil {
			if err := m.tolerate(ctx, s, o.key, err); err != nil {
				return err
			}
			m.leave(f, "object "+o.key+" cannot be read: "+m.broken[o.key].Note)
			continue
		}
		rows, err := strconv.Atoi(metadata["rows"])
		if err != nil {
			m.leave(f, "object "+o.key+" does not say how many rows it has")
			continue
		}
		if last, err := strconv.ParseInt(metadata["last-ordinal"], 10, 64); rows == 0 || err == nil && last < f.First {
			continue
		}
		held = true
		if err := yield(o, rows); err != nil {
			return err
		}
	}
	if !held && f.First <= s.gone {
		m.leave(f, sealedGone)
	}
	return nil
}

const sealedGone = "they are sealed, and their objects have expired or were deleted since: no place but the other table may have the rows"

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
	err := m.tools.Upsert(ctx, o.key, rows)
	if err == nil {
		m.done.HandedOver++
		return nil
	}
	if errors.Is(err, ErrRefused) {
		m.done.HandedOver++
		m.done.Left = append(m.done.Left, err.Error())
		return nil
	}
	return m.setBack(ctx, fmt.Sprintf("object %s could not be handed over: %v", o.key, err), err)
}

// setBack says what was left after an error of Upsert, and goes on; after too many of them it does not.
func (m *mender) setBack(ctx context.Context, left string, err error) error {
	if m.failed++; ctx.Err() != nil || m.failed > maxTrouble {
		return err
	}
	m.done.Left = append(m.done.Left, left)
	return nil
}
