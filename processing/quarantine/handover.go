package quarantine

import (
	"context"

	"github.com/snowstream/snowstream/processing/handoff"
)

// HandOver brings the rows of an object of rows into the streaming table, but for those without, and comes again without what the
// table refuses until all others are there. It returns the ordinals of the refused rows.
func HandOver(ctx context.Context, to Upserter, object string, rows int, without []int64) (refused []int64, err error) {
	m := handoff.Message{Object: object, Rows: rows, Without: without}
	for {
		answer, err := to.Upsert(ctx, m)
		if err == nil {
			err = answer.Complete(m)
		}
		if err != nil {
			return nil, err
		}
		for _, r := range answer.Refused {
			m.Without, refused = append(m.Without, r.Ordinal), append(refused, r.Ordinal)
		}
		if !answer.More {
			return refused, nil
		}
	}
}

// Settle hands over none of an object's rows, and returns when no channel may still commit any of them.
func Settle(ctx context.Context, to Upserter, object string) error {
	m := handoff.Message{Object: object, Only: []int64{0}} // no row has it
	answer, err := to.Upsert(ctx, m)
	if err == nil {
		err = answer.Complete(m)
	}
	return err
}
