package snowflake

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Tx is an open transaction. Only the function that it was given to may use it.
type Tx struct {
	tx *sql.Tx
}

// Exec runs a statement that changes something.
func (t *Tx) Exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	result, err := t.tx.ExecContext(ctx, query, args...)
	return result, safe(err, harmless(query, args))
}

// Transaction runs f in one transaction: all of its statements take effect together once it has returned nil, and
// none of them otherwise. Where the answer to the commit is lost, the outcome is unknown; whoever calls must be able to
// look, or to repeat.
func (db *DB) Transaction(ctx context.Context, f func(*Tx) error) error {
	return db.do(ctx, false, func(c *sql.Conn) error {
		tx, err := c.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		if err := f(&Tx{tx}); err != nil {
			return errors.Join(err, tx.Rollback())
		}
		if err := tx.Commit(); err != nil {
			return fmt.Errorf("commit: %w", err)
		}
		return nil
	})
}
