package board

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/snowstream/snowstream/dashboard"
	"github.com/snowstream/snowstream/landing/snowflake"
)

const (
	// newestRows is how many rows are shown, newestChars how much of a value.
	newestRows  = 10
	newestChars = 500
)

// Newest are the rows that arrived last in the streaming or in the micro-batch table. It reads the table, so it is for
// people who ask.
func (s *Source) Newest(ctx context.Context, streaming bool) (out dashboard.Newest, err error) {
	n := s.place.Names()
	table := n.Microbatch
	if streaming {
		table = n.Streaming
	}
	err = s.db.Read(ctx, snowflake.Answer{
		Head: func(columns []snowflake.Column) error {
			for _, c := range columns {
				out.Columns = append(out.Columns, c.Name)
			}
			return nil
		},
		Row: func(cells []sql.NullString) error {
			row := make([]*string, len(cells))
			for i, c := range cells {
				if c.Valid {
					row[i] = new(short(c.String))
				}
			}
			out.Rows = append(out.Rows, row)
			return nil
		},
	}, fmt.Sprintf(`SELECT * FROM %s ORDER BY "_ARRIVED_AT" DESC, "_ORDINAL" DESC LIMIT %d`, n.In(table), newestRows))
	return out, err
}

// short keeps a value short, and its last character whole.
func short(text string) string {
	if len(text) <= newestChars {
		return text
	}
	return strings.ToValidUTF8(text[:newestChars], "") + "…"
}
