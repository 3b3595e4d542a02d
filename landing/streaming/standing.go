package streaming

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/record"
)

// look finds out why a MERGE inserted fewer rows than it was given. Mostly they are there: they were merged before. A row of
// another record under one's ordinal is reported, because this one will never come in beside it. One that is not there at all
// is an error. Other values under the same identity are counted: the row has its place, and somebody has changed it since.
func (t *Table) look(ctx context.Context, rows string, lowest, highest int64, m *record.Merged) error {
	var missing error
	err := t.session.Query(ctx, func(scan func(...any) error) error {
		var ordinal int64
		var sequence sql.NullString
		var subsequence sql.NullInt64
		var found string
		if err := scan(&ordinal, &sequence, &subsequence, &found); err != nil {
			return err
		}
		switch {
		case found == schema.FoundOther && (m.Taken == nil || ordinal < m.Taken.Ordinal):
			m.Taken = &record.Taken{Ordinal: ordinal, Sequence: sequence.String, Subsequence: subsequence.Int64}
		case found == schema.FoundNone && missing == nil:
			missing = fmt.Errorf("the table has no row under ordinal %d, and the MERGE did not insert it: was it deleted at this moment, or is it hidden by a policy from the function's role?", ordinal)
		case found == schema.FoundChanged:
			m.Changed++
		}
		return nil
	}, t.standing, rows, lowest, highest)
	if err != nil {
		return fmt.Errorf("look at what the table has from ordinal %d on: %w", lowest, err)
	}
	if m.Taken != nil {
		return nil
	}
	return missing
}

// Occupied looks for a row under ordinals that must have none: those of records that were put into quarantine. It returns nil
// if there is none. generation is empty for rows from before there were any.
func (t *Table) Occupied(ctx context.Context, shard, generation string, ordinals []int64) (taken *record.Taken, err error) {
	list, err := json.Marshal(ordinals)
	if err != nil {
		return nil, err
	}
	err = t.session.Query(ctx, func(scan func(...any) error) error {
		taken = &record.Taken{}
		return scan(&taken.Ordinal, &taken.Sequence, &taken.Subsequence)
	}, t.occupied, shard, generation, string(list))
	if err != nil {
		return nil, fmt.Errorf("look whether the table has rows under ordinals of %s: %w", shard, err)
	}
	return taken, nil
}
