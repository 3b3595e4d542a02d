package streaming

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"

	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/record"
)

// pieces is a session that counts statements and refuses one of them.
type pieces struct{ n, refused int }

type changed int64

func (c changed) RowsAffected() (int64, error) { return int64(c), nil }
func (c changed) LastInsertId() (int64, error) { return 0, nil }

var errRefused = errors.New("refused")

func (p *pieces) Exec(context.Context, string, ...any) (sql.Result, error) {
	if p.n++; p.n == p.refused {
		return nil, errRefused
	}
	return changed(1), nil
}

// Query finds all rows as they are.
func (*pieces) Query(context.Context, func(scan func(...any) error) error, string, ...any) error {
	return nil
}

// TestEveryPieceCounts: rows that take several statements are only there once each of them is, and whichever fails, the
// merge has failed.
func TestEveryPieceCounts(t *testing.T) {
	s := record.Sensor()
	d := record.NewDecoder(s)
	csv := d.Header()
	const rows = 5
	for i := range rows {
		r := record.Record{
			Position: record.Position{Shard: "shardId-000000000000", Sequence: "1"},
			Data:     []byte(`{"sensorId":1,"currentTemperature":2,"status":"` + strings.Repeat("x", 5<<20) + `"}`),
		}
		csv, _ = d.AppendRow(csv, &r, "", int64(i+1))
	}
	for refused := range 4 {
		in, err := record.NewCSVReader(csv)
		if err != nil {
			t.Fatal(err)
		}
		p := &pieces{refused: refused}
		m, err := New(p, schema.Defaults(), s).Merge(t.Context(), in)
		switch {
		case refused == 0 && (err != nil || m.Read != rows || m.Inserted != int64(p.n) || p.n < 3):
			t.Errorf("all pieces: %d read, %d statements, %v", m.Read, p.n, err)
		case refused > 0 && !errors.Is(err, errRefused):
			t.Errorf("piece %d is refused, and the merge says %v", refused, err)
		}
	}
}
