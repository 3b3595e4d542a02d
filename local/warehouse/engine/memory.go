package engine

import (
	"context"

	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/snowstream/snowstream/local/warehouse/dialect"
)

// DuckDB holds 2,048 values of a column at once, however long they are, when it scans, loads and checkpoints. With long texts
// that is far more than the 256 MB which all else here needs, and at its limit DuckDB does not only fail statements: a checkpoint
// that fails closes the database for good, and an exception in a function that is called through its C interface ends the
// process. So a database that gets long texts is given what DuckDB would take by itself, 80 % of the machine's memory, before it
// has them, and keeps it: the rows stay where checkpoints read them.

const (
	// usualLimit is the limit of a database that has never had long texts. DuckDB fills it with pages of its tables.
	usualLimit = "256MB"
	// longText is from how many bytes on a text counts, and manyLong how many bytes of them a database may get under the usual
	// limit.
	longText = 4 << 10
	manyLong = 8 << 20
	// longFile says whether the database has got many long texts, "yes" or "no". A folder from before it was written has none: yes.
	longFile = "long-texts"
	// maxVector is the most bytes that a function may give at once: one result for each of 2,048 rows.
	maxVector = 1 << 30
)

// hasLong reads whether the database in dir has long texts, or may have.
func hasLong(dir string) (bool, error) {
	path := filepath.Join(dir, longFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		if _, err = os.Stat(filepath.Join(dir, DatabaseFile)); errors.Is(err, os.ErrNotExist) {
			return false, writeLong(dir, false)
		}
	}
	return string(text) != "no\n", err
}

// writeLong writes it. It is durable when it returns.
func writeLong(dir string, long bool) error {
	text := map[bool]string{false: "no\n", true: "yes\n"}[long]
	f, err := os.OpenFile(filepath.Join(dir, longFile), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Sync(), f.Close())
}

// Expect says that a text of so many bytes is about to come into the database, or through it.
func (e *Engine) Expect(text int) error {
	if text < longText || e.large.Load() || e.long.Add(int64(text)) < manyLong {
		return nil
	}
	return e.enlarge()
}

// enlarge gives the database all the memory that it may have.
func (e *Engine) enlarge() error {
	e.enlarging.Lock()
	defer e.enlarging.Unlock()
	if e.large.Load() {
		return nil
	}
	err := writeLong(e.dir, true)
	if err == nil {
		err = e.unlimit(context.Background())
	}
	if err != nil {
		return fmt.Errorf("give the warehouse database memory for long texts: %w", err)
	}
	e.large.Store(true)
	return nil
}

// unlimit sets DuckDB's own limit. A reset alone changes the setting and not what is obeyed.
func (e *Engine) unlimit(ctx context.Context) error {
	conn, err := e.DB.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, "RESET GLOBAL memory_limit"); err != nil {
		return err
	}
	var limit string
	if err := conn.QueryRowContext(ctx, "SELECT current_setting('memory_limit')").Scan(&limit); err != nil {
		return err
	}
	_, err = conn.ExecContext(ctx, "SET GLOBAL memory_limit = "+dialect.Literal(limit))
	return err
}

// outOfMemory reports whether a statement needed more memory than the database has.
func outOfMemory(err error) bool {
	var engine *duckdb.Error
	return errors.As(err, &engine) && engine.Type == duckdb.ErrorTypeOutOfMemory
}

// Given bounds what a function of ours gives for one vector. It returns a counter, for each vector a new one.
func (e *Engine) given() func(bytes int) error {
	total := 0
	return func(bytes int) error {
		if total += bytes; total > maxVector {
			return fmt.Errorf("out of memory: a function gives more than %d bytes for 2,048 rows", maxVector)
		}
		return e.Expect(bytes)
	}
}

// maxHeld is how many bytes of rows a Sink holds.
const maxHeld = 8 << 20

// Sink is an appender that holds a bounded number of bytes, not of rows.
type Sink struct {
	*duckdb.Appender
	engine *Engine
	held   int
}

// NewSink returns a sink that feeds a query, see duckdb.NewQueryAppender, on a connection of the engine.
func (e *Engine) NewSink(conn driver.Conn, query, table string, types []duckdb.TypeInfo, names []string) (*Sink, error) {
	a, err := duckdb.NewQueryAppender(conn, query, table, types, names)
	if err != nil {
		return nil, err
	}
	return &Sink{Appender: a, engine: e}, nil
}

// AppendRow appends a row. An error may be that of a row before it.
func (s *Sink) AppendRow(cells ...driver.Value) error {
	size := 0
	for _, cell := range cells {
		n := 0
		switch v := cell.(type) {
		case string:
			n = len(v)
		case []byte:
			n = len(v)
		}
		if err := s.engine.Expect(n); err != nil {
			return err
		}
		size += n
	}
	if s.held > 0 && s.held+size > maxHeld {
		s.held = 0
		if err := s.Flush(); err != nil {
			return err
		}
	}
	s.held += size
	return s.Appender.AppendRow(cells...)
}
