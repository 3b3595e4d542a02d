package variant

import (
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/duckdb/duckdb-go/v2"
)

// Staging holds the rows of texts that statements under way read through the table function variant_rows(id), with
// columns c0, c1 and so on. It is safe for concurrent use.
type Staging struct {
	// Expect is told of each text that is staged, before DuckDB gets it. Nil tells nobody.
	Expect func(bytes int) error

	mu   sync.Mutex
	last int64
	rows map[int64]*rows
}

// rows is a table of texts; a cell without one is NULL.
type rows struct {
	width int
	cells []string
	null  []bool
}

// Stage reads a JSON array of arrays of texts and nulls and holds the first width elements of each inner array, NULL for
// what is missing, until release. ok is false where the text is anything else, whatever is wrong with it.
func (s *Staging) Stage(text string, width int) (id int64, release func(), ok bool) {
	r := &rows{width: width}
	w := writer{in: text}
	if !w.list(func() bool { return r.read(&w) }) {
		return 0, nil, false
	}
	if w.space(); w.at < len(text) {
		return 0, nil, false
	}
	if s.Expect != nil {
		for _, cell := range r.cells {
			if s.Expect(len(cell)) != nil {
				return 0, nil, false
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rows == nil {
		s.rows = map[int64]*rows{}
	}
	s.last++
	id = s.last
	s.rows[id] = r
	return id, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.rows, id)
	}, true
}

// read reads one inner array.
func (r *rows) read(w *writer) bool {
	n := 0
	ok := w.list(func() bool {
		text, null, ok := w.cell()
		if n++; n <= r.width {
			r.cells, r.null = append(r.cells, text), append(r.null, null)
		}
		return ok
	})
	for ; n < r.width; n++ {
		r.cells, r.null = append(r.cells, ""), append(r.null, true)
	}
	return ok
}

// list reads an array, element by element.
func (w *writer) list(element func() bool) bool {
	w.space()
	if !w.take('[') {
		return false
	}
	w.space()
	for n := 0; !w.take(']'); n++ {
		if n > 0 && !w.take(',') {
			return false
		}
		w.space()
		if !element() {
			return false
		}
		w.space()
	}
	return true
}

func (w *writer) take(c byte) bool {
	if w.next() != c {
		return false
	}
	w.at++
	return true
}

// cell reads a text or null.
func (w *writer) cell() (text string, null, ok bool) {
	if strings.HasPrefix(w.in[w.at:], "null") {
		w.at += len("null")
		return "", true, true
	}
	if w.next() != '"' {
		return "", false, false
	}
	text, err := w.text()
	return text, false, err == nil && !strings.Contains(text, "\x00")
}

var errNotStaged = errors.New("no rows are staged under this id")

// Register makes variant_rows known to the database behind conn, for all its connections.
func (s *Staging) Register(conn *sql.Conn) error {
	id, err := duckdb.NewTypeInfo(duckdb.TYPE_BIGINT)
	if err != nil {
		return fmt.Errorf("register variant_rows: %w", err)
	}
	text, err := duckdb.NewTypeInfo(duckdb.TYPE_VARCHAR)
	if err != nil {
		return fmt.Errorf("register variant_rows: %w", err)
	}
	err = duckdb.RegisterTableUDF(conn, "variant_rows", duckdb.ChunkTableFunction{
		Config: duckdb.TableFunctionConfig{Arguments: []duckdb.TypeInfo{id}},
		BindArguments: func(_ map[string]any, args ...any) (duckdb.ChunkTableSource, error) {
			id, _ := args[0].(int64)
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.rows[id] == nil {
				return nil, errNotStaged
			}
			return &source{rows: s.rows[id], text: text}, nil
		},
	})
	if err != nil {
		return fmt.Errorf("register variant_rows: %w", err)
	}
	return nil
}

// source hands rows to DuckDB, once.
type source struct {
	rows *rows
	text duckdb.TypeInfo
	at   int // next cell
}

var _ duckdb.ChunkTableSource = (*source)(nil)

// ColumnInfos names the columns.
func (s *source) ColumnInfos() []duckdb.ColumnInfo {
	columns := make([]duckdb.ColumnInfo, s.rows.width)
	for i := range columns {
		columns[i] = duckdb.ColumnInfo{Name: "c" + strconv.Itoa(i), T: s.text}
	}
	return columns
}

// Cardinality is the number of rows.
func (s *source) Cardinality() *duckdb.CardinalityInfo {
	return &duckdb.CardinalityInfo{Cardinality: uint(len(s.rows.cells) / s.rows.width), Exact: true}
}

// Init begins the scan.
func (s *source) Init() { s.at = 0 }

// maxChunk is how many bytes of texts are handed over at once, but for a row that has more.
const maxChunk = 8 << 20

// FillChunk gives the next rows.
func (s *source) FillChunk(chunk duckdb.DataChunk) error {
	n := min(duckdb.GetDataChunkCapacity(), (len(s.rows.cells)-s.at)/s.rows.width)
	for row, size := 0, 0; row < n; row++ {
		for _, text := range s.rows.cells[s.at : s.at+s.rows.width] {
			size += len(text)
		}
		if row > 0 && size > maxChunk {
			n = row
			break
		}
		for column := range s.rows.width {
			var err error
			if s.rows.null[s.at] {
				err = chunk.SetValue(column, row, nil)
			} else {
				err = duckdb.SetChunkValue(chunk, column, row, s.rows.cells[s.at])
			}
			if err != nil {
				return fmt.Errorf("hand over staged rows: %w", err)
			}
			s.at++
		}
	}
	return chunk.SetSize(n)
}
