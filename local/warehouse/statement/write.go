package statement

import (
	"context"
	"database/sql"
	"time"

	"github.com/snowstream/snowstream/local/warehouse/answer"
	"github.com/snowstream/snowstream/local/warehouse/dialect"
	"github.com/snowstream/snowstream/local/warehouse/fault"
)

// The columns in which the service reports changed rows.
const (
	rowsInserted = "number of rows inserted"
	rowsUpdated  = "number of rows updated"
	rowsJoined   = "number of multi-joined rows updated"
	rowsDeleted  = "number of rows deleted"
)

// write does a statement that changes rows.
func (x *execution) write(parsed dialect.Statement) (*answer.Result, error) {
	defer x.runner.written.Add(1)
	switch st := parsed.(type) {
	case *dialect.Insert:
		n, _, err := x.changeRows(&st.Change, st.Overwrite, st.Overwrite, nil)
		return answer.Counts(answer.TypeInsert, []string{rowsInserted}, n), err
	case *dialect.Update:
		n, joined, err := x.changeRows(&st.Change, true, false, st.DuplicateCheck)
		return answer.Counts(answer.TypeUpdate, []string{rowsUpdated, rowsJoined}, n, joined), err
	case *dialect.Delete:
		n, _, err := x.changeRows(&st.Change, true, false, nil)
		return answer.Counts(answer.TypeDelete, []string{rowsDeleted}, n), err
	case *dialect.Truncate:
		return x.truncate(st)
	case *dialect.Merge:
		began := time.Now()
		res, err := x.merge(st)
		x.runner.Timed("MERGE", time.Since(began))
		return res, err
	}
	return nil, fault.Unsupported("this statement")
}

// target is the table that a statement changes.
func (x *execution) target(c *dialect.Change) error {
	if err := x.known(append([]dialect.Name{c.Target}, c.Reads...)...); err != nil {
		return err
	}
	if x.runner.Catalog.Get("TABLE", c.Target) == nil {
		return fault.New(1003, "42000", "SQL compilation error:\nView '%s' cannot be changed.", c.Target.Plain())
	}
	return nil
}

// changeRows runs a change once for each row of binds and says how many rows it changed in all, and how many of them several
// rows of its source would have changed, which check finds out; DuckDB counts those once for each.
func (x *execution) changeRows(c *dialect.Change, exclusive, overwrite bool, check *dialect.Query) (changed, joined int64, err error) {
	if err := x.target(c); err != nil {
		return 0, 0, err
	}
	uses := x.uses(c.Binds)
	err = x.Session.Change(x.ctx, c.Target, exclusive, len(x.Text)+x.Binds.Size(), func(ctx context.Context, conn *sql.Conn) error {
		changed, joined = 0, 0
		if overwrite {
			if _, err := conn.ExecContext(ctx, "DELETE FROM "+c.Target.DuckDB()); err != nil {
				return err
			}
		}
		release, err := x.gather(ctx, conn, c.Sources)
		if err != nil {
			return err
		}
		defer release()
		statement, err := conn.PrepareContext(ctx, c.SQL)
		if err != nil {
			return err
		}
		defer statement.Close()
		for row := range x.Binds.Times(uses) {
			args, err := x.Binds.Args(row, uses)
			if err != nil {
				return err
			}
			several, again, err := x.countJoined(ctx, conn, check, row)
			if err != nil {
				return err
			}
			done, err := statement.ExecContext(ctx, args...)
			if err != nil {
				return err
			}
			n, err := done.RowsAffected()
			if err != nil {
				return err
			}
			changed, joined = changed+n-again, joined+several
		}
		return nil
	})
	return changed, joined, err
}

// countJoined runs the check of an UPDATE with FROM: how many target rows several source rows match, and how often again.
func (x *execution) countJoined(ctx context.Context, conn *sql.Conn, check *dialect.Query, row int) (several, again int64, err error) {
	if check == nil {
		return 0, 0, nil
	}
	args, err := x.Binds.Args(row, x.uses(check.Binds))
	if err != nil {
		return 0, 0, err
	}
	err = conn.QueryRowContext(ctx, check.SQL, args...).Scan(&several, &again)
	return several, again, err
}

func (x *execution) truncate(st *dialect.Truncate) (*answer.Result, error) {
	if st.IfExists && x.runner.Catalog.Relation(st.Target) == nil {
		return answer.Message(answer.TypeDDL, "Statement executed successfully."), nil
	}
	if err := x.target(&st.Change); err != nil {
		return nil, err
	}
	table := x.runner.Catalog.Get("TABLE", st.Target)
	err := x.Session.Change(x.ctx, st.Target, true, len(x.Text)+x.Binds.Size(), func(ctx context.Context, conn *sql.Conn) error {
		if _, err := conn.ExecContext(ctx, st.SQL); err != nil {
			return err
		}
		// COPY may load the same files again; pipes keep their own memory.
		_, err := conn.ExecContext(ctx, `UPDATE "warehouse"."history" SET table_id = 0 WHERE pipe_id = 0 AND table_id = $1`, table.ID)
		return err
	})
	return answer.Message(answer.TypeDDL, "Statement executed successfully."), err
}

func (x *execution) merge(st *dialect.Merge) (*answer.Result, error) {
	if err := x.target(&st.Change); err != nil {
		return nil, err
	}
	uses := x.uses(st.Binds)
	// The rows are read before the table is locked, for others wait for the lock.
	early, err := x.stage(st.Staged, 0)
	if err != nil {
		return nil, err
	}
	var inserted, updated, deleted int64
	err = x.Session.Change(x.ctx, st.Target, true, len(x.Text)+x.Binds.Size(), func(ctx context.Context, conn *sql.Conn) error {
		inserted, updated, deleted = 0, 0, 0
		for row := range x.Binds.Times(uses) {
			args, err := x.Binds.Args(row, uses)
			if err != nil {
				return err
			}
			rows := early
			if row > 0 {
				rows = nil
			}
			if n, done, err := x.stagedMerge(ctx, conn, st.Staged, row, rows); err != nil {
				return err
			} else if done {
				inserted += n
				continue
			}
			if err := x.refuseDuplicates(ctx, conn, st.DuplicateCheck, row); err != nil {
				return err
			}
			err = countActions(ctx, conn, st.SQL, args, map[string]*int64{"INSERT": &inserted, "UPDATE": &updated, "DELETE": &deleted})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if early != nil {
		early.release()
		early = nil
	}
	if err != nil {
		return nil, err
	}
	names, numbers := mergeCounts(st, inserted, updated, deleted)
	return answer.Counts(answer.TypeMerge, names, numbers...), nil
}

func mergeCounts(st *dialect.Merge, inserted, updated, deleted int64) (names []string, numbers []int64) {
	if st.Inserts {
		names, numbers = append(names, rowsInserted), append(numbers, inserted)
	}
	if st.Updates {
		names, numbers = append(names, rowsUpdated), append(numbers, updated)
	}
	if st.Deletes {
		names, numbers = append(names, rowsDeleted), append(numbers, deleted)
	}
	return names, numbers
}

// refuseDuplicates fails as the service does when several source rows would change one target row, which DuckDB
// would apply in any order without a word.
func (x *execution) refuseDuplicates(ctx context.Context, conn *sql.Conn, check *dialect.Query, row int) error {
	if check == nil {
		return nil
	}
	args, err := x.Binds.Args(row, x.uses(check.Binds))
	if err != nil {
		return err
	}
	var duplicates int64
	if err := conn.QueryRowContext(ctx, check.SQL, args...).Scan(&duplicates); err != nil {
		return err
	}
	if duplicates > 0 {
		return fault.New(100090, "42P18", "Duplicate row detected during DML action: %d rows of the target match several source rows.", duplicates)
	}
	return nil
}

func countActions(ctx context.Context, conn *sql.Conn, text string, args []any, into map[string]*int64) error {
	rows, err := conn.QueryContext(ctx, text, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var action string
		if err := rows.Scan(&action); err != nil {
			return err
		}
		if n := into[action]; n != nil {
			*n++
		}
	}
	return rows.Err()
}
