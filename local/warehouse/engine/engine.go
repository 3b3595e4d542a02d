// Package engine is the DuckDB database behind the account: one file, its transactions, the locks that Snowflake has on
// tables, and the values that go in (binds) and come out (cells).
//
// It runs SQL of DuckDB and knows no object of Snowflake; the tables called "warehouse" are their owners'. What must be
// durable together is one Work given to Autocommit, which may run it again, each time on a clean transaction. The
// database is reached through here alone: rooms above get its connections inside a Work.
package engine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/snowstream/snowstream/local/warehouse/dialect"
	"github.com/snowstream/snowstream/local/warehouse/variant"
)

const (
	DatabaseFile = "account.duckdb"
	// threads is per database. With more of them the thread of a statement spins while another one works for it; one is
	// enough, as statements run side by side.
	threads = "1"
	// checkpointAfter is how much of the log makes a checkpoint. Each one writes the youngest rows of all tables again; after
	// a kill this much is read at most.
	checkpointAfter = "64MB"
	// conflictTries bounds how often an autocommit statement is repeated when DuckDB's optimistic check fails.
	conflictTries = 20
)

// Engine is the DuckDB database: one file, to which a commit is durable when it returns. After a kill DuckDB replays
// its own log on opening. After a write or fsync that failed DuckDB refuses every later statement, so nothing is
// acknowledged that may be lost.
type Engine struct {
	DB      *sql.DB
	Staging variant.Staging
	Locks   *Locks
	open    atomic.Int64 // transactions of sessions
	dir     string
	// long counts bytes of long texts, large says that the database has memory for them. See memory.go.
	long      atomic.Int64
	large     atomic.Bool
	enlarging sync.Mutex
}

// Open opens or creates the database in dir. SQL text can reach no other file: external access is off and the
// configuration is locked before the first statement of a client.
func Open(ctx context.Context, dir string) (*Engine, error) {
	spill := filepath.Join(dir, "spill")
	if err := os.MkdirAll(spill, 0o700); err != nil {
		return nil, fmt.Errorf("open warehouse: %w", err)
	}
	path := filepath.Join(dir, DatabaseFile)
	long, err := hasLong(dir)
	if err != nil {
		return nil, fmt.Errorf("open warehouse: %w", err)
	}
	connector, err := connect(path, long)
	if err != nil && !long { // reading the log may take more than writing it did
		if connector, err = connect(path, true); err == nil {
			long, err = true, writeLong(dir, true)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open warehouse database %s: %w: another process may have it open, or the file is damaged; "+
			"stop the other process, or move the file away to start empty", path, err)
	}
	e := &Engine{DB: sql.OpenDB(connector), Locks: newLocks(), dir: dir}
	e.large.Store(long)
	e.Staging.Expect = e.Expect
	e.DB.SetMaxOpenConns(maxConnections)
	e.DB.SetMaxIdleConns(8)
	if err := e.prepare(ctx, spill); err != nil {
		return nil, errors.Join(fmt.Errorf("open warehouse database %s: %w", path, err), e.Close())
	}
	return e, nil
}

// connect opens the database file, with the usual limit of memory or with memory for long texts.
func connect(path string, long bool) (*duckdb.Connector, error) {
	limit := "&memory_limit=" + usualLimit
	if long {
		limit = ""
	}
	return duckdb.NewConnector(path+"?threads="+threads+limit+
		"&storage_compatibility_version=v1.5.0&autoinstall_known_extensions=false&autoload_known_extensions=false", nil)
}

// maxConnections bounds DuckDB connections: one a running statement, one an open transaction.
const maxConnections = 128

func (e *Engine) prepare(ctx context.Context, spill string) error {
	settings := []string{
		"SET GLOBAL TimeZone = 'UTC'", "SET GLOBAL checkpoint_threshold = '" + checkpointAfter + "'", "SET GLOBAL temp_directory = " + dialect.Literal(spill),
		"SET GLOBAL enable_external_access = false", "SET GLOBAL allowed_configs = ['memory_limit']", "SET GLOBAL lock_configuration = true",
	}
	conn, err := e.DB.Conn(ctx)
	if err != nil {
		return err
	}
	if err := errors.Join(variant.Register(conn, e.given), e.Staging.Register(conn), conn.Close()); err != nil {
		return err
	}
	return e.Install(ctx, append(settings, dialect.Prelude()...))
}

// Install runs statements that make what is not there yet, each by itself.
func (e *Engine) Install(ctx context.Context, statements []string) error {
	for _, statement := range statements {
		if _, err := e.DB.ExecContext(ctx, statement); err != nil && !isInUse(err) {
			return err
		}
	}
	return nil
}

func (e *Engine) Close() error {
	if err := e.DB.Close(); err != nil {
		return fmt.Errorf("close warehouse database: %w", err)
	}
	return nil
}

// Work is what runs inside one transaction. It may run more than once, each time on a clean transaction.
type Work func(ctx context.Context, conn *sql.Conn) error

// Autocommit runs w in a transaction of its own, again when it loses against a concurrent one.
func (e *Engine) Autocommit(ctx context.Context, w Work) error {
	conn, err := e.DB.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect to the database: %w", err)
	}
	defer conn.Close()
	for try := 1; ; try++ {
		err := inTransaction(ctx, conn, w)
		if outOfMemory(err) && !e.large.Load() && try < conflictTries {
			if err := e.enlarge(); err != nil {
				return err
			}
			continue
		}
		if !IsConflict(err) || try == conflictTries {
			return err
		}
		if !Pause(ctx, time.Duration(try)*5*time.Millisecond) {
			return ctx.Err()
		}
	}
}

func inTransaction(ctx context.Context, conn *sql.Conn, w Work) error {
	if _, err := conn.ExecContext(ctx, "BEGIN TRANSACTION"); err != nil {
		return err
	}
	err := w(ctx, conn)
	if err == nil {
		// A commit that has begun is not interrupted: its outcome must be known.
		_, err = conn.ExecContext(context.WithoutCancel(ctx), "COMMIT")
	}
	if err != nil {
		rollback(conn)
	}
	return err
}

// rollback ends whatever transaction conn has. It has nothing to report: without a transaction it does nothing.
func rollback(conn *sql.Conn) {
	_, _ = conn.ExecContext(context.Background(), "ROLLBACK")
}

// Pause waits for d and says whether ctx still lives.
func Pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
