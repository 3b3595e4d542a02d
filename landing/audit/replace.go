package audit

import (
	"context"
	"fmt"

	"github.com/snowstream/snowstream/record"
)

// exchange is what a repair does to some ordinals of a table: these rows go, and those of the raw zone come.
type exchange struct {
	gone []row
	come []rawRow
	// unknown counts rows whose records the raw zone does not hold, held those whose record lies in quarantine under this
	// very ordinal, lacking the ordinals of which the raw zone has no row. All of these are left alone.
	unknown, held, lacking int64
}

// replace mends the rows of a run: of each ordinal the raw zone's row stays, or comes, and other rows of known records
// go. What goes is kept first.
func (m *mender) replace(ctx context.Context, s *shard, f Finding, first, last int64) error {
	if f.Kind != Foreign { // of foreign rows none is put in the place
		if err := m.settle(ctx, m.tools, f.Place, s, last); err != nil {
			return m.setBack(ctx, fmt.Sprintf("%s %s in %s, ordinals %d to %d: rows may still be on their way, and others would stand beside them: %v", f.Shard, f.Kind, f.Place, first, last, err), err)
		}
	}
	there, err := m.rows(ctx, f.Place, s.id, first, last)
	if err != nil || len(there) == 0 {
		return err
	}
	x, err := m.exchange(ctx, s, f, there)
	if err != nil {
		return err
	}
	lacking := "the raw zone lacks the rows of %d of these ordinals"
	if f.First <= s.gone {
		lacking += ": " + sealedGone
	}
	for text, n := range map[string]int64{
		"where %d of these rows come from is not known: they may be the only ones of their kind":                             x.unknown,
		"an object or quarantine holds the records of %d rows under these very ordinals: see `snowstream quarantine replay`": x.held,
		lacking: x.lacking,
	} {
		if n > 0 {
			m.leave(f, fmt.Sprintf(text, n))
		}
	}
	if len(x.gone) == 0 {
		return nil
	}
	if f.Kind == Foreign && !m.tools.Delete {
		m.done.Deletable += int64(len(x.gone))
		m.leave(f, fmt.Sprintf("%d rows would be deleted, whose records have their rows elsewhere: --yes deletes them", len(x.gone)))
		return nil
	}
	return m.swap(ctx, s, f, x)
}

// settle returns when no channel may still commit rows up to an ordinal: its row would stand beside one that is put there.
func (a *Auditor) settle(ctx context.Context, t Tools, place Place, s *shard, last int64) error {
	if s == nil || place != Streaming {
		return nil
	}
	at, _ := s.covering(last)
	if at < 0 {
		return nil
	}
	return t.Settle(ctx, s.objects[at].key)
}

// exchange decides about the rows that stand in a run, which are in the order of their ordinals.
func (m *mender) exchange(ctx context.Context, s *shard, f Finding, there []row) (x exchange, err error) {
	var positions []record.Position
	var ordinals []int64
	for _, r := range there {
		positions = append(positions, r.position(s.id))
		if n := len(ordinals); n == 0 || ordinals[n-1] != r.ordinal {
			ordinals = append(ordinals, r.ordinal)
		}
	}
	raw, right := map[int64]rawRow{}, map[int64]row{}
	if f.Kind != Foreign {
		if raw, err = m.raw(ctx, s, ordinals); err != nil {
			return x, err
		}
		var list []rawRow
		for _, n := range ordinals {
			if r, ok := raw[n]; ok {
				list = append(list, r)
			}
		}
		if right, err = m.prints(ctx, list); err != nil {
			return x, err
		}
	}
	held, err := m.held(ctx, s, positions)
	if err != nil {
		return x, err
	}
	for len(there) > 0 {
		var rows []row
		rows, there = cut(there, there[0].ordinal)
		n := rows[0].ordinal
		want, ok := right[n]
		switch {
		case f.Kind == Foreign && !s.isForeign(n):
		case f.Kind != Foreign && s.isAbsent(n):
		case f.Kind != Foreign && !ok:
			x.lacking++
		default:
			x.decide(s, rows, want, raw[n], held)
		}
	}
	return x, nil
}

// isForeign reports whether an ordinal must have no row.
func (s *shard) isForeign(ordinal int64) bool {
	return ordinal < s.first() || ordinal > s.Ledger.Ordinal || s.isAbsent(ordinal)
}

// decide takes one ordinal's rows. want is the row that must stand there, the zero row if none must.
func (x *exchange) decide(s *shard, rows []row, want row, raw rawRow, held map[record.Position]int64) {
	var unknown, quarantined int64
	right := 0
	for _, r := range rows {
		at, known := held[r.position(s.id)]
		switch {
		case r == want:
			right++
		case r.sequence == want.sequence && r.subsequence == want.subsequence:
		case !known:
			unknown++
		case at == r.ordinal:
			quarantined++
		}
	}
	x.unknown, x.held = x.unknown+unknown, x.held+quarantined
	if unknown+quarantined > 0 || right == 1 && len(rows) == 1 {
		return // beside a row that has to stay no other one may come
	}
	x.gone = append(x.gone, rows...) // equal rows cannot be told apart, so all of them go and one comes
	if want.sequence != "" {
		x.come = append(x.come, raw)
	}
}

// swap keeps the rows that go, and exchanges them in one transaction.
func (m *mender) swap(ctx context.Context, s *shard, f Finding, x exchange) error {
	key, err := m.keep(ctx, s, f, x.gone)
	if err != nil {
		return err
	}
	err = m.tools.Transaction(ctx, func(tx Statements) error {
		if err := m.take(ctx, tx, f.Place, s.id, x.gone); err != nil {
			return err
		}
		_, err := m.merge(ctx, tx, f.Place, x.come)
		return err
	})
	if err != nil {
		return err
	}
	m.done.Kept = append(m.done.Kept, key)
	if f.Kind == Foreign {
		m.done.Deleted += int64(len(x.gone))
	} else {
		m.done.Replaced += int64(len(x.gone))
	}
	return nil
}
