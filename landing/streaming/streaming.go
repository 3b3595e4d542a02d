// Package streaming writes the streaming table: rows of CSV, merged on their identity.
package streaming

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/jsontext"
)

const (
	// fullBind is where a MERGE has enough rows: smaller statements keep memory flat.
	fullBind = 8 << 20
	// maxBind is the most bytes that Snowflake takes in a bind, as in any text. A row that is more by itself is refused.
	maxBind = 16 << 20
	// maxKept is the largest buffer of a row that is kept for the next one.
	maxKept = 2 << 20
)

// Session runs statements on a connection that is known to be alive; see landing/snowflake.
type Session interface {
	Exec(ctx context.Context, query string, args ...any) (sql.Result, error)
	Querier
}

// Table is the streaming table of a schema.
type Table struct {
	session Session
	columns []record.Column
	// merge brings rows, standing asks what is there, occupied whether anything is.
	merge, standing, occupied string
}

// New returns the table.
func New(session Session, names schema.Names, s record.Schema) *Table {
	return &Table{session: session, columns: s.TableColumns(), merge: schema.Merge(names, s), standing: schema.Standing(names, s), occupied: schema.Occupied(names)}
}

// Merge reads all rows and returns once they are committed. Columns are found by the header's names; a column of the
// table that the header does not have is NULL, and one that the table does not have is an error, because dropping it
// would lose values.
//
// A row that the table does not take is refused, and all others are committed; see refuse.go. Whatever is not the row's
// fault is an error. Where rows were there already, what stands there is looked at; see standing.go.
func (t *Table) Merge(ctx context.Context, rows *record.CSVReader) (m record.Merged, err error) {
	order, err := t.order(rows.Header())
	if err != nil {
		return m, err
	}
	var bind bindText
	for !m.More {
		row, err := rows.Next()
		if err == io.EOF {
			return m, t.send(ctx, &bind, &m)
		}
		if err != nil {
			return m, err
		}
		ordinal, err := bind.put(row, order)
		if err != nil {
			return m, err
		}
		m.Read++
		if len(bind.row)+len("[]") > maxBind {
			m.Refused = append(m.Refused, record.Refusal{Ordinal: ordinal, Reason: record.Reason{Code: record.RefusedByDestination, Message: tooLarge}})
			continue
		}
		if bind.rows() > 0 && bind.size(len(bind.row)) > fullBind {
			if err := t.send(ctx, &bind, &m); err != nil {
				return m, err
			}
		}
		bind.add(ordinal)
	}
	return m, nil
}

const tooLarge = "the row takes more than 16 MiB on its way to the table"

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

// exec merges the rows from one place in a bind to another, and looks at what stands there if not all were new.
func (t *Table) exec(ctx context.Context, b *bindText, from, to int, m *record.Merged) error {
	lowest, highest, rows := slices.Min(b.ordinals[from:to]), slices.Max(b.ordinals[from:to]), b.json(from, to)
	result, err := t.session.Exec(ctx, t.merge, rows, lowest, highest)
	if err != nil {
		return fmt.Errorf("merge %d rows from ordinal %d on: %w", to-from, lowest, err)
	}
	n, err := result.RowsAffected()
	m.Inserted += n
	if err != nil || n == int64(to-from) {
		return err
	}
	return t.look(ctx, rows, lowest, highest, m)
}

// ordinalFromEnd is how far _ORDINAL stands from the end of the table's columns.
const ordinalFromEnd = 3

// bindText collects rows, each a JSON array of strings and nulls.
type bindText struct {
	// text are the rows with commas between them; ends is where each ends.
	text     []byte
	ends     []int
	ordinals []int64
	// row is the last that was put, and not added yet.
	row []byte
}

func (b *bindText) rows() int { return len(b.ends) }

// size is how long the bind would be with one more row of that size.
func (b *bindText) size(row int) int { return len(b.text) + row + len("[,]") }

// json is a run of the rows as one array.
func (b *bindText) json(from, to int) string {
	start := 0
	if from > 0 {
		start = b.ends[from-1] + len(",")
	}
	var out strings.Builder
	out.Grow(b.ends[to-1] - start + len("[]"))
	out.WriteByte('[')
	out.Write(b.text[start:b.ends[to-1]])
	out.WriteByte(']')
	return out.String()
}

func (b *bindText) reset() {
	*b = bindText{text: kept(b.text), ends: b.ends[:0], ordinals: b.ordinals[:0], row: b.row}
}

// kept is a buffer for the next rows, unless a long row has made it large.
func kept(buffer []byte) []byte {
	if cap(buffer) > maxKept {
		return nil
	}
	return buffer[:0]
}

// put makes a row's text and returns its ordinal.
func (b *bindText) put(row []record.Value, order []int) (int64, error) {
	ordinal, err := strconv.ParseInt(string(row[order[len(order)-ordinalFromEnd]].Text), 10, 64)
	if err != nil {
		return 0, errors.New("a row has no number in its column _ORDINAL")
	}
	out := b.row[:0]
	for i, at := range order {
		out = append(out, "[,"[min(i, 1)])
		if at < 0 || row[at].Null {
			out = append(out, "null"...)
			continue
		}
		if !utf8.Valid(row[at].Text) {
			return 0, errors.New("a row has a value that is not UTF-8")
		}
		out = jsontext.Append(out, row[at].Text)
	}
	b.row = append(out, ']')
	return ordinal, nil
}

// add adds the row that was put.
func (b *bindText) add(ordinal int64) {
	if b.rows() > 0 {
		b.text = append(b.text, ',')
	}
	b.text, b.row = append(b.text, b.row...), kept(b.row)
	b.ends, b.ordinals = append(b.ends, len(b.text)), append(b.ordinals, ordinal)
}
