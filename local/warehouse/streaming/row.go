package streaming

import (
	"bytes"
	"database/sql/driver"
	"errors"
	"strings"

	"github.com/snowstream/snowstream/local/warehouse/dialect"
)

// lines calls visit for each row of an NDJSON body. Blank lines are no rows, and a line may end in CR LF.
func lines(body []byte, visit func(row []byte) error) error {
	for len(body) > 0 {
		var line []byte
		if at := bytes.IndexByte(body, '\n'); at >= 0 {
			line, body = body[:at], body[at+1:]
		} else {
			line, body = body, nil
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if err := visit(line); err != nil {
			return err
		}
	}
	return nil
}

// rowReader makes the cells of a table's row out of a row's JSON: the members of the object by the names of the columns.
type rowReader struct {
	columns []dialect.Column
	// places are the columns by name; where case does not matter, by their folded names.
	places  map[string]int
	folding bool
	// cells and seen are reused from row to row. seen holds the row that has filled the cell last, counted from 1.
	cells []driver.Value
	seen  []int64
	row   int64
	scan  scanner
}

func newRowReader(columns []dialect.Column, matchCase bool) *rowReader {
	r := &rowReader{columns: columns, places: map[string]int{}, folding: !matchCase, cells: make([]driver.Value, len(columns)), seen: make([]int64, len(columns))}
	for i, c := range columns {
		r.places[r.fold(c.Name)] = i
	}
	return r
}

func (r *rowReader) fold(name string) string {
	if r.folding {
		return strings.ToUpper(name)
	}
	return name
}

// place is the column that a member belongs to, -1 if there is none.
func (r *rowReader) place(key []byte) int {
	if i, ok := r.places[string(key)]; ok {
		return i
	}
	if r.folding {
		if i, ok := r.places[strings.ToUpper(string(key))]; ok {
			return i
		}
	}
	return -1
}

// read returns the cells of a row, which are good until the next one, or why there are none. A member without a column is
// passed over.
func (r *rowReader) read(row []byte) ([]driver.Value, *rejection) {
	r.row++
	err := r.scan.object(row, func(key, value []byte) error {
		i := r.place(key)
		if i < 0 {
			return nil
		}
		c := &r.columns[i]
		if r.seen[i] == r.row {
			return &rejection{100069, "Error parsing JSON: duplicate object attribute", c.Name}
		}
		cell, err := convert(value, c)
		if err != nil {
			return inColumn(err, c)
		}
		r.cells[i], r.seen[i] = cell, r.row
		return nil
	})
	if err != nil {
		return nil, asRejection(err)
	}
	for i := range r.columns {
		c := &r.columns[i]
		missing := r.seen[i] != r.row
		if missing {
			r.cells[i] = nil
		}
		if r.cells[i] == nil && c.NotNull && (!missing || c.DefaultSQL == "") {
			return nil, &rejection{100072, "NULL result in a non-nullable column", c.Name}
		}
	}
	return r.cells, nil
}

// given says whether the row that was read last has a value for a column, so that the default is not wanted.
func (r *rowReader) given(column int) bool { return r.seen[column] == r.row }

func inColumn(err error, c *dialect.Column) error {
	if r := asRejection(err); r.column == "" {
		r.column = c.Name
		return r
	}
	return err
}

func asRejection(err error) *rejection {
	var r *rejection
	if errors.As(err, &r) {
		return r
	}
	return &rejection{number: 100069, message: err.Error()}
}
