package statement

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/snowstream/snowstream/local/warehouse/dialect"
)

// stage reads the rows of a MERGE that the database can take as they are; nil where st or the bind is of another form.
// The caller releases them.
func (x *execution) stage(st *dialect.Staged, row int) (*stagedRows, error) {
	if st == nil {
		return nil, nil
	}
	values, err := x.Binds.Args(row, x.uses(append([]int{st.Rows}, st.Binds...)))
	if err != nil {
		return nil, err
	}
	text, isText := values[0].(string)
	if !isText {
		return nil, nil
	}
	id, release, ok := x.runner.Engine.Staging.Stage(text, st.Width)
	if !ok {
		return nil, x.runner.Engine.Expect(len(text))
	}
	return &stagedRows{id: id, args: values[1:], release: release}, nil
}

// stagedRows are rows that wait for their MERGE, and its other binds.
type stagedRows struct {
	id      int64
	args    []any
	release func()
}

// mergeStaged does a MERGE over staged rows, and says how many it has inserted. done is false, and nothing has changed,
// where the database does not take the statement: its general text then does it, or says what is wrong.
func (x *execution) mergeStaged(ctx context.Context, conn *sql.Conn, st *dialect.Staged, rows *stagedRows) (inserted int64, done bool, err error) {
	text, args := st.Text(fmt.Sprintf("variant_rows(%d)", rows.id), rows.args)
	statement, err := conn.PrepareContext(ctx, text)
	if err != nil {
		return 0, false, nil
	}
	defer statement.Close()
	result, err := statement.ExecContext(ctx, args...)
	if err != nil {
		return 0, false, err
	}
	inserted, err = result.RowsAffected()
	return inserted, true, err
}

// stagedMerge is mergeStaged for one row of binds. early are its rows where they are staged already; a statement that is
// repeated later, when they are released, stages them again.
func (x *execution) stagedMerge(ctx context.Context, conn *sql.Conn, st *dialect.Staged, row int, early *stagedRows) (inserted int64, done bool, err error) {
	if early == nil {
		if early, err = x.stage(st, row); early == nil {
			return 0, false, err
		}
		defer early.release()
	}
	return x.mergeStaged(ctx, conn, st, early)
}
