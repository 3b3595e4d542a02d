package engine

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/snowstream/snowstream/internal/long"
)

// fill brings rows with a long text each into table t, in one load.
func fill(ctx context.Context, newSink func(conn driver.Conn, query, table string, types []duckdb.TypeInfo, names []string) (*Sink, error), conn *sql.Conn, first, rows, size int) error {
	number, _ := duckdb.NewTypeInfo(duckdb.TYPE_BIGINT)
	text, _ := duckdb.NewTypeInfo(duckdb.TYPE_VARCHAR)
	return conn.Raw(func(raw any) error {
		sink, err := newSink(raw.(driver.Conn), "INSERT INTO t SELECT * FROM file_rows", "file_rows", []duckdb.TypeInfo{number, text}, []string{"c0", "c1"})
		if err != nil {
			return err
		}
		for i := range rows {
			if err := sink.AppendRow(int64(first+i), strings.Repeat(string(rune('a'+i%26)), size)); err != nil {
				return err
			}
		}
		return sink.CloseWithCancel(ctx)
	})
}

// check opens the database and looks at its rows.
func check(t *testing.T, dir string, rows, size int) {
	t.Helper()
	e, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	var n, wrong int
	err = e.DB.QueryRow("SELECT COUNT(DISTINCT i), COUNT(*) FILTER (LENGTH(s) <> ? OR s <> REPEAT(LEFT(s, 1), ?)) FROM t", size, size).Scan(&n, &wrong)
	if err != nil || n != rows || wrong != 0 {
		t.Errorf("%d of %d rows, %d of them wrong: %v", n, rows, wrong, err)
	}
	if _, err := e.DB.Exec("CHECKPOINT"); err != nil {
		t.Error(err)
	}
}

// TestLongTexts: 400 texts of 1 MiB are loaded, checkpointed and read again.
func TestLongTexts(t *testing.T) {
	dir := t.TempDir()
	e, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.DB.Exec("CREATE TABLE t(i BIGINT, s VARCHAR)"); err != nil {
		t.Fatal(err)
	}
	if e.large.Load() {
		t.Error("an empty database has long texts")
	}
	for k := range 4 {
		err := e.Autocommit(t.Context(), func(ctx context.Context, conn *sql.Conn) error { return fill(ctx, e.NewSink, conn, 100*k, 100, 1<<20) })
		if err != nil {
			t.Fatal(err)
		}
	}
	if !e.large.Load() {
		t.Error("400 MiB of long texts came in unseen")
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	check(t, dir, 400, 1<<20)
}

// TestBrokenFolder: a database that an older release has closed for good, because a checkpoint did not fit into its 256 MB, opens.
func TestBrokenFolder(t *testing.T) {
	long.Test(t)
	for _, load := range []int{100, 200} {
		dir := t.TempDir()
		connector, err := connect(filepath.Join(dir, DatabaseFile), false)
		if err != nil {
			t.Fatal(err)
		}
		old := &Engine{DB: sql.OpenDB(connector)}
		old.large.Store(true) // nothing is enlarged
		if _, err := old.DB.Exec("CREATE TABLE t(i BIGINT, s VARCHAR)"); err != nil {
			t.Fatal(err)
		}
		newSink := func(conn driver.Conn, query, table string, types []duckdb.TypeInfo, names []string) (*Sink, error) {
			a, err := duckdb.NewQueryAppender(conn, query, table, types, names)
			return &Sink{Appender: a, engine: old, held: -1 << 40}, err
		}
		rows := 0
		for ; err == nil && rows < 800; rows += load {
			err = old.Autocommit(t.Context(), func(ctx context.Context, conn *sql.Conn) error { return fill(ctx, newSink, conn, rows, load, 1<<20) })
		}
		if err == nil {
			t.Fatalf("loads of %d MiB fit into %s: the test makes no broken folder", load, usualLimit)
		}
		if !strings.Contains(err.Error(), "succeeded and is durable") {
			rows -= load
		}
		_ = old.DB.Close()
		if _, err := os.Stat(filepath.Join(dir, longFile)); err == nil {
			t.Fatal("the folder is not an older one")
		}
		t.Logf("%d rows, then: %.150v", rows, err)
		check(t, dir, rows, 1<<20)
		check(t, dir, rows, 1<<20)
	}
}

// TestGiven: a function of ours may give long texts, and too many of them fail the statement and not the process.
func TestGiven(t *testing.T) {
	e, err := Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	const query = `SELECT SUM(LENGTH(variant_json('"' || REPEAT('x', 1048576) || i || '"'))) FROM range(%d) AS r(i)`
	var n int64
	if err := e.DB.QueryRow(fmt.Sprintf(query, 20)).Scan(&n); err != nil || n < 20<<20 {
		t.Errorf("%d characters: %v", n, err)
	}
	if err := e.DB.QueryRow(fmt.Sprintf(query, 1100)).Scan(&n); err == nil || !strings.Contains(err.Error(), "out of memory") {
		t.Errorf("1,100 results of 1 MiB: %v", err)
	}
	if err := e.DB.QueryRow("SELECT 1").Scan(&n); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}
