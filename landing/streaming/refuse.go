package streaming

import (
	"context"
	"time"

	"github.com/snowstream/snowstream/landing/snowflake"
	"github.com/snowstream/snowstream/record"
)

const (
	// refusals is how often rows are sent and refused, each time by their own fault, before they are taken apart.
	refusals = 3
	// refusalPause is in front of the second time; it doubles.
	refusalPause = 500 * time.Millisecond
	// maxRefused bounds how many rows one Merge takes out. Whoever calls puts them aside and comes again, so that what was
	// found is kept however long it takes to find all.
	maxRefused = 64
	// reserve is how much of the caller's time must be left to go on looking: the answer has to get back.
	reserve = 15 * time.Second
)

// send merges what was collected. Rows that are refused by their own fault are sent again, and then halved until each of
// them is alone. The halves that the table takes are committed: a later MERGE finds them there.
func (t *Table) send(ctx context.Context, b *bindText, m *record.Merged) error {
	if b.rows() == 0 {
		return nil
	}
	defer b.reset()
	for try, pause := 1, refusalPause; ; try, pause = try+1, 2*pause {
		err := t.exec(ctx, b, 0, b.rows(), m)
		reason, fault := snowflake.RowFault(err)
		switch {
		case !fault:
			return err
		case try == refusals:
			return t.takeApart(ctx, b, 0, b.rows(), reason, m)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return err
		}
	}
}

// takeApart merges a run that was refused, all but the rows that are refused alone. An error that is not the row's fault
// ends it: what was committed is there, and the next call finds the rest again.
func (t *Table) takeApart(ctx context.Context, b *bindText, from, to int, reason record.Reason, m *record.Merged) error {
	if to-from == 1 {
		m.Refused = append(m.Refused, record.Refusal{Ordinal: b.ordinals[from], Reason: reason})
		return nil
	}
	middle := (from + to) / 2
	for _, half := range [][2]int{{from, middle}, {middle, to}} {
		if m.More = m.More || enough(ctx, len(m.Refused)); m.More {
			return nil
		}
		err := t.exec(ctx, b, half[0], half[1], m)
		why, fault := snowflake.RowFault(err)
		if fault {
			err = t.takeApart(ctx, b, half[0], half[1], why, m)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// enough reports whether what was found should be answered before more is looked for.
func enough(ctx context.Context, found int) bool {
	deadline, bounded := ctx.Deadline()
	return found >= maxRefused || found > 0 && bounded && time.Until(deadline) < reserve
}
