// Package streaming writes the streaming table: rows of CSV, merged on their identity.
package streaming

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"

	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/jsontext"
)

// maxBind bounds the text of one MERGE. Snowflake takes 16 MB in a bind; smaller statements keep memory flat.
const maxBind = 8 << 20

// Session runs statements on a connection that is known to be alive; see landing/snowflake.
type Session interface {
	Exec(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// Table is the streaming table of a schema.
type Table struct {
	session Session
	columns []record.Column
	merge   string
}

// New returns the table.
func New(session Session, names schema.Names, s record.Schema) *Table {
	return &Table{session: session, columns: s.TableColumns(), merge: schema.Merge(names, s)}
}

// Merge reads all rows and returns once they are committed: how many it read, and how many of them were new. Columns
// are found by the header's names; a column of the table that the header does not have is NULL, and one that the
// table does not have is an error, because dropping it would lose values.
func (t *Table) Merge(ctx context.Context, rows *record.CSVReader) (read int, inserted int64, err error) {
	order, err := t.order(rows.Header())
	if err != nil {
		return 0, 0, err
	}
	var bind bindText
	for {
		row, err := rows.Next()
		if err == io.EOF {
			n, err := t.send(ctx, &bind)
			return read, inserted + n, err
		}
		if err != nil {
			return read, inserted, err
		}
		if err := bind.add(row, order, len(t.columns)); err != nil {
			return read, inserted, err
		}
		read++
		if bind.text.Len() >= maxBind {
			n, err := t.send(ctx, &bind)
			if inserted += n; err != nil {
				return read, inserted, err
			}
		}
	}
}

// order maps each table column to its place in the header, -1 where it has none.
func (t *Table) order(header []string) ([]int, error) {
	place := make(map[string]int, len(header))
	for i, name := range header {
		place[name] = i
	}
	order := make([]int, len(t.columns))
	for i, c := range t.columns {
		at, ok := place[c.Name]
		if !ok {
			at = -1
		}
		if !ok && c.Required {
			return nil, fmt.Errorf("the rows have no column %s, which the table requires", c.Name)
		}
		order[i] = at
		delete(place, c.Name)
	}
	for name := range place {
		return nil, fmt.Errorf("the rows have a column %s that the schema of this function does not have: update the function", name)
	}
	return order, nil
}

func (t *Table) send(ctx context.Context, b *bindText) (int64, error) {
	if b.rows == 0 {
		return 0, nil
	}
	b.text.WriteByte(']')
	result, err := t.session.Exec(ctx, t.merge, b.text.String(), b.lowest)
	if err != nil {
		return 0, fmt.Errorf("merge %d rows from ordinal %d on: %w", b.rows, b.lowest, err)
	}
	*b = bindText{}
	return result.RowsAffected()
}

// ordinalFromEnd is how far _ORDINAL stands from the end of the table's columns.
const ordinalFromEnd = 3

// bindText collects rows as a JSON array of arrays of strings and nulls.
type bindText struct {
	text   bytes.Buffer
	rows   int
	lowest int64
}

func (b *bindText) add(row []record.Value, order []int, columns int) error {
	ordinal := row[order[columns-ordinalFromEnd]]
	n, err := strconv.ParseInt(string(ordinal.Text), 10, 64)
	if err != nil {
		return errors.New("a row has no number in its column _ORDINAL")
	}
	if b.rows == 0 || n < b.lowest {
		b.lowest = n
	}
	b.text.WriteByte("[,"[min(b.rows, 1)])
	for i, at := range order {
		b.text.WriteByte("[,"[min(i, 1)])
		if at < 0 || row[at].Null {
			b.text.WriteString("null")
			continue
		}
		if !utf8.Valid(row[at].Text) {
			return errors.New("a row has a value that is not UTF-8")
		}
		b.text.Write(jsontext.Append(b.text.AvailableBuffer(), row[at].Text))
	}
	b.text.WriteByte(']')
	b.rows++
	return nil
}
