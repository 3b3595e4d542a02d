package session

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/snowstream/snowstream/local/warehouse/dialect"
	"github.com/snowstream/snowstream/local/warehouse/engine"
)

// LockTimeout is the session's LOCK_TIMEOUT.
func (s *Session) LockTimeout() time.Duration {
	seconds, err := strconv.Atoi(s.Setting("LOCK_TIMEOUT"))
	if err != nil || seconds < 0 {
		seconds = 43200
	}
	return time.Duration(seconds) * time.Second
}

// Change runs w as a statement that changes table: in the open transaction, or in one of its own. exclusive takes the
// table's lock, which inserts do not need; size is how many bytes w holds on to.
func (s *Session) Change(ctx context.Context, table dialect.Name, exclusive bool, size int, w engine.Work) error {
	s.statement.Lock()
	if s.tx == nil && s.Setting("AUTOCOMMIT") == "FALSE" {
		tx, err := s.engine.Begin(ctx)
		if err != nil {
			s.statement.Unlock()
			return err
		}
		s.tx = tx
	}
	if tx := s.tx; tx != nil {
		defer s.statement.Unlock()
		if exclusive {
			if err := s.engine.Locks.Acquire(ctx, &tx.Owner, table, s.LockTimeout()); err != nil {
				return err
			}
		}
		return tx.Run(ctx, w, size, true)
	}
	s.statement.Unlock()
	return s.engine.ChangeAlone(ctx, table, exclusive, s.LockTimeout(), w)
}

// Read runs w as a statement that changes nothing.
func (s *Session) Read(ctx context.Context, w engine.Work) error {
	s.statement.Lock()
	if s.tx != nil {
		defer s.statement.Unlock()
		return s.tx.Run(ctx, w, 0, false)
	}
	s.statement.Unlock()
	conn, err := s.engine.DB.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect to the database: %w", err)
	}
	defer conn.Close()
	return w(ctx, conn)
}

// Control runs BEGIN, COMMIT and ROLLBACK. Like the service it accepts a COMMIT without a transaction.
func (s *Session) Control(ctx context.Context, statement dialect.Statement) error {
	s.statement.Lock()
	defer s.statement.Unlock()
	tx := s.tx
	switch statement.(type) {
	case *dialect.Begin:
		if tx != nil {
			return nil
		}
		opened, err := s.engine.Begin(ctx)
		s.tx = opened
		return err
	case *dialect.Commit:
		s.tx = nil
		return tx.Commit()
	}
	s.tx = nil
	tx.Abandon()
	return nil
}

// CommitFirst ends an open transaction, as DDL does.
func (s *Session) CommitFirst(ctx context.Context) error {
	return s.Control(ctx, &dialect.Commit{})
}

// OpenSince says when the session's open transaction was used last, if there is one.
func (s *Session) OpenSince() (used time.Time, open bool) {
	s.statement.Lock()
	defer s.statement.Unlock()
	if s.tx == nil {
		return time.Time{}, false
	}
	return s.tx.Used, true
}
