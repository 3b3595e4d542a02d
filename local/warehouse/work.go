package warehouse

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/snowstream/snowstream/local/warehouse/dialect"
)

// lockTimeout is the session's LOCK_TIMEOUT.
func (s *session) lockTimeout() time.Duration {
	seconds, err := strconv.Atoi(s.setting("LOCK_TIMEOUT"))
	if err != nil || seconds < 0 {
		seconds = 43200
	}
	return time.Duration(seconds) * time.Second
}

// change runs w as a statement that changes table: in the open transaction, or in one of its own. exclusive takes the
// table's lock, which inserts do not need; size is how many bytes w holds on to.
func (s *session) change(ctx context.Context, table dialect.Name, exclusive bool, size int, w work) error {
	s.statement.Lock()
	if s.tx == nil && s.setting("AUTOCOMMIT") == "FALSE" {
		tx, err := s.engine.begin(ctx)
		if err != nil {
			s.statement.Unlock()
			return err
		}
		s.tx = tx
	}
	if tx := s.tx; tx != nil {
		defer s.statement.Unlock()
		if exclusive {
			if err := s.engine.locks.acquire(ctx, &tx.owner, table, s.lockTimeout()); err != nil {
				return err
			}
		}
		return tx.run(ctx, w, size, true)
	}
	s.statement.Unlock()
	return s.engine.changeAlone(ctx, table, exclusive, s.lockTimeout(), w)
}

// read runs w as a statement that changes nothing.
func (s *session) read(ctx context.Context, w work) error {
	s.statement.Lock()
	if s.tx != nil {
		defer s.statement.Unlock()
		return s.tx.run(ctx, w, 0, false)
	}
	s.statement.Unlock()
	conn, err := s.engine.db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect to the database: %w", err)
	}
	defer conn.Close()
	return w(ctx, conn)
}

// control runs BEGIN, COMMIT and ROLLBACK. Like the service it accepts a COMMIT without a transaction.
func (s *session) control(ctx context.Context, statement dialect.Statement) error {
	s.statement.Lock()
	defer s.statement.Unlock()
	tx := s.tx
	switch statement.(type) {
	case *dialect.Begin:
		if tx != nil {
			return nil
		}
		opened, err := s.engine.begin(ctx)
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
func (s *session) commitFirst(ctx context.Context) error {
	return s.control(ctx, &dialect.Commit{})
}

// openSince says when the session's open transaction was used last, if there is one.
func (s *session) openSince() (used time.Time, open bool) {
	s.statement.Lock()
	defer s.statement.Unlock()
	if s.tx == nil {
		return time.Time{}, false
	}
	return s.tx.used, true
}
