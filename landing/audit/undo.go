package audit

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
)

// Undone is what an undo has found and done.
type Undone struct {
	Key string `json:"key"`
	// Rows came back, in the place of Taken others of the same records; an object came back where Object is set.
	Rows   int64  `json:"rows"`
	Taken  int64  `json:"rows_taken_out"`
	Object string `json:"object,omitempty"`
	// Kept is what is kept of what was taken out.
	Kept []string `json:"kept"`
}

// Undo brings back what a repair has taken away, by the key under which it is kept. Rows that stand there now for the same
// records are kept in turn and taken out, in the same transaction, so that an undo can be undone. Where all of it is
// there already it changes nothing.
func (a *Auditor) Undo(ctx context.Context, key string, t Tools) (Undone, error) {
	m := &mender{Auditor: a, tools: t, done: &Repaired{}}
	out := Undone{Key: key, Kept: []string{}}
	var err error
	switch {
	case rawzone.KeptObject(key):
		out.Object, err = m.undoObject(ctx, key)
	case rawzone.KeptRows(key):
		err = m.undoRows(ctx, key, &out)
	default:
		err = errors.New("it is not the key of what a repair has kept")
	}
	out.Kept = append(out.Kept, m.done.Kept...)
	if err != nil {
		err = fmt.Errorf("bring %s back: %w", key, err)
	}
	return out, err
}

func (m *mender) undoObject(ctx context.Context, key string) (object string, err error) {
	metadata, err := m.c.Lake.Metadata(ctx, key)
	if err != nil {
		return "", err
	}
	object = rawzone.Unescape(metadata[rawzone.KeptFrom])
	if object == "" {
		return "", errors.New("it does not say which object it was")
	}
	if _, err := m.c.Lake.Metadata(ctx, object); err == nil {
		if err := m.keepObject(ctx, object, "undo of "+key); err != nil {
			return "", err
		}
	}
	return object, m.c.Lake.Copy(ctx, key, object, nil)
}

func (m *mender) undoRows(ctx context.Context, key string, out *Undone) error {
	text, err := m.c.Lake.Read(ctx, key)
	if err != nil {
		return err
	}
	k, err := rawzone.DecodeKept(text)
	if err != nil {
		return err
	}
	place := Place(k.Table)
	rows, want, err := m.keptRows(ctx, k)
	if err != nil {
		return err
	}
	if err := m.settleKept(ctx, place, k); err != nil {
		return err
	}
	there, err := m.present(ctx, place, k)
	if err != nil || slices.Equal(there, want) {
		return err
	}
	if len(there) > 0 {
		kept, err := m.keepRows(ctx, m.tools.By, k.Shard, place, "undo of "+key, there)
		if err != nil {
			return err
		}
		m.done.Kept = append(m.done.Kept, kept)
	}
	err = m.tools.Transaction(ctx, func(tx Statements) error {
		if len(there) > 0 {
			if err := m.take(ctx, tx, place, k.Shard, there); err != nil {
				return err
			}
		}
		for batch := range inBinds(rows) {
			_, err := tx.Exec(ctx, "INSERT INTO "+m.table(place)+" ("+schema.ColumnList(m.c.Schema)+")\n"+schema.Cells(m.c.Schema), bindOf(batch))
			if err != nil {
				return err
			}
		}
		return nil
	})
	out.Rows, out.Taken = int64(len(rows)), int64(len(there))
	return err
}

// settleKept returns when no channel may still commit what stood in the places of the kept rows.
func (m *mender) settleKept(ctx context.Context, place Place, k rawzone.Kept) error {
	if place != Streaming || len(k.Rows) == 0 {
		return nil
	}
	if err := m.know(ctx); err != nil {
		return err
	}
	last := slices.MaxFunc(k.Rows, func(a, b rawzone.KeptRow) int { return cmp.Compare(a.Ordinal, b.Ordinal) }).Ordinal
	return m.settle(ctx, m.tools, place, m.shards[k.Shard], last)
}

// keptRows are the rows with their values in the order of today's columns, and as the audit would see them in a table.
func (a *Auditor) keptRows(ctx context.Context, k rawzone.Kept) (rows []rawRow, want []row, err error) {
	columns := a.c.Schema.TableColumns()
	for _, name := range k.Columns {
		if !slices.ContainsFunc(columns, func(c record.Column) bool { return c.Name == name }) {
			return nil, nil, fmt.Errorf("the tables had a column %s, which they have no more", name)
		}
	}
	for _, r := range k.Rows {
		values := make([]*string, len(columns))
		for i, c := range columns {
			if at := slices.Index(k.Columns, c.Name); at >= 0 {
				values[i] = r.Values[at]
			}
		}
		cells, err := json.Marshal(values)
		if err != nil {
			return nil, nil, err
		}
		one := rawRow{ordinal: r.Ordinal, cells: cells, size: len(cells)}
		one.Shard, one.Sequence, one.Subsequence = k.Shard, r.Sequence, r.Subsequence
		rows = append(rows, one)
	}
	for batch := range inBinds(rows) {
		some, err := a.printed(ctx, schema.Cells(a.c.Schema), batch)
		if err != nil {
			return nil, nil, err
		}
		want = append(want, some...)
	}
	slices.SortFunc(want, row.compare)
	return rows, want, nil
}

// present are the rows that stand in the table for the records of the kept ones, under their ordinals.
func (m *mender) present(ctx context.Context, place Place, k rawzone.Kept) (out []row, err error) {
	mine := map[row]bool{}
	var ordinals []int64
	for _, r := range k.Rows {
		mine[row{ordinal: r.Ordinal, sequence: r.Sequence, subsequence: r.Subsequence}] = true
		ordinals = append(ordinals, r.Ordinal)
	}
	slices.Sort(ordinals)
	for from := 0; from < len(ordinals); {
		to := from
		for to+1 < len(ordinals) && ordinals[to+1]-ordinals[from] < leaf {
			to++
		}
		rows, err := m.rows(ctx, place, k.Shard, ordinals[from], ordinals[to])
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			if mine[row{ordinal: r.ordinal, sequence: r.sequence, subsequence: r.subsequence}] {
				out = append(out, r)
			}
		}
		from = to + 1
	}
	slices.SortFunc(out, row.compare)
	return out, nil
}
