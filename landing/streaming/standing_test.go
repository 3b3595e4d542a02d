package streaming

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/record"
)

// occupied is a table that inserts some rows, and answers what stands in the places of the others.
type occupied struct {
	inserted int64
	found    [][4]any
	err      error
	asked    []string
}

func (o *occupied) Exec(context.Context, string, ...any) (sql.Result, error) {
	return driver.RowsAffected(o.inserted), nil
}

func (o *occupied) Query(_ context.Context, row func(scan func(...any) error) error, query string, _ ...any) error {
	o.asked = append(o.asked, query)
	for _, f := range o.found {
		err := row(func(into ...any) error {
			*into[0].(*int64) = int64(f[0].(int))
			if f[1] != nil {
				*into[1].(*sql.NullString) = sql.NullString{String: f[1].(string), Valid: true}
				*into[2].(*sql.NullInt64) = sql.NullInt64{Int64: int64(f[2].(int)), Valid: true}
			}
			*into[3].(*string) = f[3].(string)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return o.err
}

// TestFewerThanItShould: a MERGE that inserts fewer rows than it was given is looked into: rows that stand there as they are, or
// as somebody has changed them, are in their place, another record's row is reported, and a row that is not there is an error.
func TestFewerThanItShould(t *testing.T) {
	lost := errors.New("connection reset")
	for _, c := range []struct {
		name    string
		table   occupied
		taken   *record.Taken
		changed int64
		err     string
		looks   int
	}{
		{"all are new", occupied{inserted: 3}, nil, 0, "", 0},
		{"all are there", occupied{}, nil, 0, "", 1},
		{"one has another value", occupied{inserted: 2, found: [][4]any{{1001, "1", 0, "changed"}}}, nil, 1, "", 1},
		{"others stand there", occupied{inserted: 1, found: [][4]any{{1002, "7", 0, "other"}, {1001, "8", 3, "other"}, {1000, nil, nil, "none"}}},
			&record.Taken{Ordinal: 1001, Sequence: "8", Subsequence: 3}, 0, "", 1},
		{"one is nowhere", occupied{inserted: 2, found: [][4]any{{1001, nil, nil, "none"}}}, nil, 0, "no row under ordinal 1001", 1},
		{"the look fails", occupied{inserted: 2, err: lost}, nil, 0, "connection reset", 1},
	} {
		m, err := New(&c.table, schema.Defaults(), record.Sensor()).Merge(t.Context(), rowsOf(t, []string{"a", "b", "c"}))
		if len(c.table.asked) != c.looks {
			t.Errorf("%s: asked %d times, want %d", c.name, len(c.table.asked), c.looks)
		}
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if err != nil || fmt.Sprint(m.Taken) != fmt.Sprint(c.taken) || m.Changed != c.changed || m.Inserted != c.table.inserted || m.Read != 3 {
			t.Errorf("%s: %+v, %v", c.name, m, err)
		}
	}
}
