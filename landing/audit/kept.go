package audit

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/record/rawzone"
)

// errInexact says that the texts of rows would not bring the same rows back.
var errInexact = errors.New("rows cannot be kept exactly, so they are left")

// errChanged says that rows are not any more what was kept of them.
var errChanged = errors.New("the rows have changed since they were looked at: repeat it")

// keep writes rows of a table into the raw zone and returns the object's key once it is durable.
func (m *mender) keep(ctx context.Context, s *shard, f Finding, rows []row) (key string, err error) {
	return m.keepRows(ctx, m.tools.By, s.id, f.Place, string(f.Kind)+" in "+string(f.Place), rows)
}

func (a *Auditor) keepRows(ctx context.Context, by, shard string, place Place, reason string, rows []row) (key string, err error) {
	k := rawzone.Kept{Stream: a.c.Stream, Shard: shard, Table: string(place), Reason: reason, At: time.Now().UTC(), By: by}
	for _, c := range a.c.Schema.TableColumns() {
		k.Columns = append(k.Columns, c.Name)
	}
	if k.Rows, err = a.texts(ctx, place, shard, rows); err != nil {
		return "", err
	}
	if len(k.Rows) != len(rows) {
		return "", errChanged
	}
	if _, again, err := a.keptRows(ctx, k); err != nil {
		return "", err
	} else if want := slices.SortedFunc(slices.Values(rows), row.compare); !slices.Equal(again, want) {
		return "", errInexact
	}
	text, err := k.Encode()
	if err != nil {
		return "", err
	}
	key = rawzone.KeptRowsKey(a.c.Stream, k.At, rand.Text())
	created, err := a.c.Lake.Create(ctx, key, text, nil)
	if err == nil && !created {
		err = fmt.Errorf("object %s is there already", key)
	}
	return key, err
}

// keepObject copies an object of the raw zone, before it is written again.
func (m *mender) keepObject(ctx context.Context, from, reason string) error {
	now := time.Now().UTC()
	to := rawzone.KeptObjectKey(m.c.Stream, now, rand.Text())
	err := m.c.Lake.Copy(ctx, from, to, map[string]string{
		rawzone.KeptFrom: rawzone.Escape(from), rawzone.KeptReason: rawzone.Escape(reason), rawzone.KeptBy: rawzone.Escape(m.tools.By),
		rawzone.KeptAt: now.Format(time.RFC3339Nano),
	})
	if err == nil {
		m.done.Kept = append(m.done.Kept, to)
	}
	return err
}

// keysOfRows names rows of a shard by their identities and values, for a bind.
func keysOfRows(rows []row) (bind string, lowest, highest int64, err error) {
	keys := make([]string, len(rows))
	for i, r := range rows {
		keys[i] = fmt.Sprintf("%d/%s/%d/%s", r.ordinal, r.sequence, r.subsequence, r.print)
	}
	slices.Sort(keys)
	text, err := json.Marshal(slices.Compact(keys))
	lowest, highest = rows[0].ordinal, rows[0].ordinal
	for _, r := range rows {
		lowest, highest = min(lowest, r.ordinal), max(highest, r.ordinal)
	}
	return string(text), lowest, highest, err
}

// these is the SQL that finds the rows of keysOfRows; its binds are the shard, the two ends of the ordinals and the keys.
func (a *Auditor) these() string {
	return `t."_SHARD" = ? AND t."_ORDINAL" BETWEEN ? AND ? AND t."_ORDINAL" || '/' || t."_SEQUENCE" || '/' || t."_SUBSEQUENCE" || '/' || ` +
		Fingerprint(a.c.Schema, "t") + ` IN (SELECT f.value::STRING FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?))) AS f) AND ` + a.numbered("t")
}

// texts reads rows with all of their values, as texts that the warehouse takes back.
func (a *Auditor) texts(ctx context.Context, place Place, shard string, rows []row) (out []rawzone.KeptRow, err error) {
	bind, lowest, highest, err := keysOfRows(rows)
	if err != nil {
		return nil, err
	}
	columns := len(a.c.Schema.TableColumns())
	err = a.query(ctx, func(scan func(...any) error) error {
		r := rawzone.KeptRow{Values: make([]*string, columns)}
		into := []any{&r.Ordinal, &r.Sequence, &r.Subsequence}
		for i := range r.Values {
			into = append(into, &r.Values[i])
		}
		err := scan(into...)
		out = append(out, r)
		return err
	}, `SELECT t."_ORDINAL", t."_SEQUENCE", t."_SUBSEQUENCE", `+strings.Join(schema.Texts(a.c.Schema, "t"), ", ")+` FROM `+a.from(place)+` AS t
WHERE `+a.these()+` ORDER BY 1, 2, 3`, shard, lowest, highest, bind)
	if err != nil {
		return nil, fmt.Errorf("read rows of %s before they are taken away: %w", a.table(place), err)
	}
	return out, nil
}

// take deletes exactly these rows, or none.
func (a *Auditor) take(ctx context.Context, tx Statements, place Place, shard string, rows []row) error {
	bind, lowest, highest, err := keysOfRows(rows)
	if err != nil {
		return err
	}
	result, err := tx.Exec(ctx, `DELETE FROM `+a.table(place)+` AS t WHERE `+a.these(), shard, lowest, highest, bind)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n != int64(len(rows)) {
		return errors.Join(err, errChanged)
	}
	return nil
}
