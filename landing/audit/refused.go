package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/snowstream/snowstream/landing/snowflake"
)

// ErrRefused means that the table does not take rows of an object, by their own fault; all others are there.
var ErrRefused = errors.New("the table refuses rows of it")

// wanted are the rows of an object that a table may have: those that were withheld stay out of it.
func (a *Auditor) wanted(rows []rawRow) []rawRow {
	return slices.DeleteFunc(rows, func(r rawRow) bool {
		s := a.shards[r.Shard]
		return s != nil && s.isAbsent(r.ordinal)
	})
}

// insertEach is insert, but a row that the table refuses by its own fault is left and said, and the others go in.
func (m *mender) insertEach(ctx context.Context, rows []rawRow) (inserted int64, err error) {
	n, err := m.insert(ctx, rows)
	reason, fault := snowflake.RowFault(err)
	switch {
	case !fault:
		return n, err
	case len(rows) == 1:
		m.done.Left = append(m.done.Left, fmt.Sprintf("%s ordinal %d: %s refuses it with error %06d, %s: the raw zone has it; widen the table and repeat",
			rows[0].Shard, rows[0].ordinal, m.table(Microbatch), reason.Number, reason.Message))
		return 0, nil
	}
	for _, half := range [][]rawRow{rows[:len(rows)/2], rows[len(rows)/2:]} {
		n, err := m.insertEach(ctx, half)
		if inserted += n; err != nil {
			return inserted, err
		}
	}
	return inserted, nil
}
