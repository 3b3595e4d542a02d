package engine

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/snowstream/snowstream/local/warehouse/dialect"
	"github.com/snowstream/snowstream/local/warehouse/fault"
)

const (
	// maxReplay and maxReplayBytes bound what a transaction remembers in order to survive a failed statement.
	maxReplay      = 1000
	maxReplayBytes = 64 << 20
	// TransactionIdle is how long an open transaction may stand without a statement: the service's four hours.
	TransactionIdle = 4 * time.Hour
	// maxTransactions bounds open transactions, so that connections are left for everybody else.
	maxTransactions = maxConnections * 3 / 4
)

// Transaction is an open explicit transaction: a connection of its own and the table locks taken so far.
//
// In Snowflake a failed statement leaves the transaction open; DuckDB aborts it and has no savepoints. So a transaction
// remembers its changes and, after such a failure, rolls back and repeats them. What it wrote is protected by its
// table locks meanwhile. A transaction too large to be remembered is over after a failure, and says so.
type Transaction struct {
	engine *Engine
	conn   *sql.Conn
	Owner  Owner
	done   []Work
	bytes  int
	lost   bool // too much was done to be repeated, and a statement has failed
	Used   time.Time
}

func (e *Engine) Begin(ctx context.Context) (*Transaction, error) {
	if e.open.Add(1) > maxTransactions {
		e.open.Add(-1)
		return nil, fault.New(604, "57014", "More than %d transactions are open: commit or roll back some of them.", maxTransactions)
	}
	t, err := e.beginOn(ctx)
	if err != nil {
		e.open.Add(-1)
	}
	return t, err
}

func (e *Engine) beginOn(ctx context.Context) (*Transaction, error) {
	conn, err := e.DB.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	if _, err := conn.ExecContext(ctx, "BEGIN TRANSACTION"); err != nil {
		conn.Close()
		return nil, err
	}
	return &Transaction{engine: e, conn: conn, Used: time.Now()}, nil
}

// Commit makes the transaction durable and frees its locks, also when it fails.
func (t *Transaction) Commit() error {
	if t == nil {
		return nil
	}
	if t.lost {
		t.Abandon()
		return fault.New(90232, "25000", "The transaction could not be kept after a failed statement and was rolled back: repeat it.")
	}
	_, err := t.conn.ExecContext(context.Background(), "COMMIT")
	t.Abandon()
	return err
}

// Abandon rolls back what is not committed and frees connection and locks.
func (t *Transaction) Abandon() {
	if t == nil {
		return
	}
	rollback(t.conn)
	t.conn.Close()
	t.engine.open.Add(-1)
	t.engine.Locks.Release(&t.Owner)
}

// Run does w inside the transaction. size is how many bytes w holds on to.
func (t *Transaction) Run(ctx context.Context, w Work, size int, changes bool) error {
	t.Used = time.Now()
	if t.lost {
		return fault.New(90232, "25000", "The transaction could not be kept after a failed statement: roll back and repeat it.")
	}
	err := w(ctx, t.conn)
	if err != nil && (endsTransaction(err) || ctx.Err() != nil || changes) {
		if replayed := t.replay(context.WithoutCancel(ctx)); replayed != nil {
			return replayed
		}
		if IsConflict(err) {
			err = w(ctx, t.conn)
		}
	}
	if err == nil && changes {
		t.done, t.bytes = append(t.done, w), t.bytes+size
	}
	return err
}

// replay starts over and repeats the changes so far. It also gives the transaction a fresh view of other tables,
// which is what read committed means.
func (t *Transaction) replay(ctx context.Context) error {
	rollback(t.conn)
	if len(t.done) > maxReplay || t.bytes > maxReplayBytes {
		t.lost = true
		return fault.New(90232, "25000", "The statement failed and the transaction is too large to be kept: roll back and repeat it.")
	}
	if _, err := t.conn.ExecContext(ctx, "BEGIN TRANSACTION"); err != nil {
		t.lost = true
		return err
	}
	for _, w := range t.done {
		if err := w(ctx, t.conn); err != nil {
			t.lost = true
			return fmt.Errorf("repeat the transaction after a failed statement: %w", err)
		}
	}
	return nil
}

// ChangeAlone runs w as a transaction of its own.
func (e *Engine) ChangeAlone(ctx context.Context, table dialect.Name, exclusive bool, limit time.Duration, w Work) error {
	var owner Owner
	defer e.Locks.Release(&owner)
	if exclusive {
		if err := e.Locks.Acquire(ctx, &owner, table, limit); err != nil {
			return err
		}
	}
	return e.Autocommit(ctx, w)
}
