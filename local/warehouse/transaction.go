package warehouse

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
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

// lockTimeout is the session's LOCK_TIMEOUT.
func (s *session) lockTimeout() time.Duration {
	seconds, err := strconv.Atoi(s.setting("LOCK_TIMEOUT"))
	if err != nil || seconds < 0 {
		seconds = 43200
	}
	return time.Duration(seconds) * time.Second
}

// change runs w as a statement that changes table: in the open transaction, or in one of its own. exclusive takes the
// table's lock, which inserts do not need.
func (x *execution) change(table dialect.Name, exclusive bool, w work) error {
	s := x.session
	s.statement.Lock()
	if s.tx == nil && s.setting("AUTOCOMMIT") == "FALSE" {
		tx, err := x.server.engine.begin(x.ctx)
		if err != nil {
			s.statement.Unlock()
			return err
		}
		s.tx = tx
	}
	if tx := s.tx; tx != nil {
		defer s.statement.Unlock()
		if exclusive {
			if err := x.server.engine.locks.acquire(x.ctx, &tx.owner, table, s.lockTimeout()); err != nil {
				return err
			}
		}
		return tx.run(x.ctx, w, len(x.text)+x.binds.size(), true)
	}
	s.statement.Unlock()
	return x.server.engine.changeAlone(x.ctx, table, exclusive, s.lockTimeout(), w)
}

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

// read runs w as a statement that changes nothing.
func (x *execution) read(w work) error {
	s := x.session
	s.statement.Lock()
	if s.tx != nil {
		defer s.statement.Unlock()
		return s.tx.run(x.ctx, w, 0, false)
	}
	s.statement.Unlock()
	conn, err := x.server.engine.db.Conn(x.ctx)
	if err != nil {
		return fmt.Errorf("connect to the database: %w", err)
	}
	defer conn.Close()
	return w(x.ctx, conn)
}

// control runs BEGIN, COMMIT and ROLLBACK. Like the service it accepts a COMMIT without a transaction.
func (x *execution) control(statement dialect.Statement) error {
	s := x.session
	s.statement.Lock()
	defer s.statement.Unlock()
	tx := s.tx
	switch statement.(type) {
	case *dialect.Begin:
		if tx != nil {
			return nil
		}
		opened, err := x.server.engine.begin(x.ctx)
		s.tx = opened
		return err
	case *dialect.Commit:
		s.tx = nil
		return tx.commit()
	}
	s.tx = nil
	tx.abandon()
	return nil
}

// commitFirst ends an open transaction, as DDL does.
func (x *execution) commitFirst() error {
	return x.control(&dialect.Commit{})
}
