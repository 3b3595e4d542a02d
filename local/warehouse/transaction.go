package warehouse

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/snowstream/snowstream/local/warehouse/dialect"
)

const (
	// maxReplay and maxReplayBytes bound what a transaction remembers in order to survive a failed statement.
	maxReplay      = 1000
	maxReplayBytes = 64 << 20
	// transactionIdle is how long an open transaction may stand without a statement: the service's four hours.
	transactionIdle = 4 * time.Hour
	// maxTransactions bounds open transactions, so that connections are left for everybody else.
	maxTransactions = maxConnections * 3 / 4
)

// transaction is an open explicit transaction: a connection of its own and the table locks taken so far.
//
// In Snowflake a failed statement leaves the transaction open; DuckDB aborts it and has no savepoints. So a transaction
// remembers its changes and, after such a failure, rolls back and repeats them. What it wrote is protected by its
// table locks meanwhile. A transaction too large to be remembered is over after a failure, and says so.
type transaction struct {
	engine *engine
	conn   *sql.Conn
	owner  lockOwner
	done   []work
	bytes  int
	lost   bool // too much was done to be repeated, and a statement has failed
	used   time.Time
}

func (e *engine) begin(ctx context.Context) (*transaction, error) {
	if e.open.Add(1) > maxTransactions {
		e.open.Add(-1)
		return nil, refuse(604, "57014", "More than %d transactions are open: commit or roll back some of them.", maxTransactions)
	}
	t, err := e.beginOn(ctx)
	if err != nil {
		e.open.Add(-1)
	}
	return t, err
}

func (e *engine) beginOn(ctx context.Context) (*transaction, error) {
	conn, err := e.db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	if _, err := conn.ExecContext(ctx, "BEGIN TRANSACTION"); err != nil {
		conn.Close()
		return nil, err
	}
	return &transaction{engine: e, conn: conn, used: time.Now()}, nil
}

// commit makes the transaction durable and frees its locks, also when it fails.
func (t *transaction) commit() error {
	if t == nil {
		return nil
	}
	if t.lost {
		t.abandon()
		return refuse(90232, "25000", "The transaction could not be kept after a failed statement and was rolled back: repeat it.")
	}
	_, err := t.conn.ExecContext(context.Background(), "COMMIT")
	t.abandon()
	return err
}

// abandon rolls back what is not committed and frees connection and locks.
func (t *transaction) abandon() {
	if t == nil {
		return
	}
	rollback(t.conn)
	t.conn.Close()
	t.engine.open.Add(-1)
	t.engine.locks.release(&t.owner)
}

// run does w inside the transaction. size is how many bytes w holds on to.
func (t *transaction) run(ctx context.Context, w work, size int, changes bool) error {
	t.used = time.Now()
	if t.lost {
		return refuse(90232, "25000", "The transaction could not be kept after a failed statement: roll back and repeat it.")
	}
	err := w(ctx, t.conn)
	if err != nil && (endsTransaction(err) || ctx.Err() != nil || changes) {
		if replayed := t.replay(context.WithoutCancel(ctx)); replayed != nil {
			return replayed
		}
		if isConflict(err) {
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
func (t *transaction) replay(ctx context.Context) error {
	rollback(t.conn)
	if len(t.done) > maxReplay || t.bytes > maxReplayBytes {
		t.lost = true
		return refuse(90232, "25000", "The statement failed and the transaction is too large to be kept: roll back and repeat it.")
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

// changeAlone runs w as a transaction of its own.
func (e *engine) changeAlone(ctx context.Context, table dialect.Name, exclusive bool, limit time.Duration, w work) error {
	var owner lockOwner
	defer e.locks.release(&owner)
	if exclusive {
		if err := e.locks.acquire(ctx, &owner, table, limit); err != nil {
			return err
		}
	}
	return e.autocommit(ctx, w)
}
