package warehouse

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"github.com/snowstream/snowstream/local/warehouse/dialect"
)

// execution is one statement on its way.
type execution struct {
	server       *Server
	session      *session
	ctx          context.Context
	text         string
	binds        *binds
	bindsBefore  int // binds that earlier statements of the same request use
	bindsUsed    int
	queryID      string
	describeOnly bool
}

// execute reads the statement and does it.
func (x *execution) execute() (*result, error) {
	parsed, err := x.session.parse(x.text, x.session.env(x.server.cfg.Account, x.server.cfg.Region))
	if err != nil {
		return nil, err
	}
	if x.describeOnly {
		return x.describeAnswer(parsed)
	}
	switch st := parsed.(type) {
	case *dialect.Query:
		return x.query(st)
	case *dialect.SystemFunction:
		return x.systemFunction(st)
	case *dialect.Insert, *dialect.Update, *dialect.Delete, *dialect.Truncate, *dialect.Merge:
		return x.write(st)
	case *dialect.Begin, *dialect.Commit, *dialect.Rollback:
		if err := x.control(st); err != nil {
			return nil, err
		}
		return message(typeBegin, "Statement executed successfully."), nil
	case *dialect.Copy:
		return x.copyInto(st)
	case *dialect.List:
		return x.listStage(st)
	case *dialect.Show:
		return x.show(st)
	case *dialect.Describe:
		return x.describe(st)
	case *dialect.Use, *dialect.Set, *dialect.Unset, *dialect.AlterSession:
		return x.configure(st)
	case *dialect.Remove:
		return nil, unsupported("REMOVE")
	}
	if err := x.commitFirst(); err != nil {
		return nil, err
	}
	return x.defineObject(parsed)
}

// uses shifts bind numbers when statements before this one in the same request have binds.
func (x *execution) uses(numbers []int) []int {
	shifted := make([]int, len(numbers))
	for i, n := range numbers {
		shifted[i] = n + x.bindsBefore
		x.bindsUsed = max(x.bindsUsed, n)
	}
	return shifted
}

// known fails for the first name that is neither a table nor a view.
func (x *execution) known(names ...dialect.Name) error {
	for _, name := range names {
		if x.server.engine.catalog.relation(name) == nil {
			return refuse(2003, "42S02", "SQL compilation error:\nObject '%s' does not exist or not authorized.", plainName(name))
		}
	}
	return nil
}

// plainName is a name as messages write it, without quotes.
func plainName(n dialect.Name) string {
	return strings.ReplaceAll(n.String(), `"`, "")
}

func (x *execution) query(q *dialect.Query) (*result, error) {
	if err := x.known(q.Reads...); err != nil {
		return nil, err
	}
	args, err := x.binds.args(0, x.uses(q.Binds))
	if err != nil {
		return nil, err
	}
	var res *result
	err = x.read(func(ctx context.Context, conn *sql.Conn) error {
		if res != nil {
			res.discard(x.server.resultDir)
		}
		res = &result{kind: typeSelect, binds: len(q.Binds)}
		sink := &spool{dir: x.server.resultDir, key: newToken(), result: res}
		if err := queryRows(ctx, conn, q.SQL, args, x.semiStructured(q.Reads), sink); err != nil {
			return err
		}
		return sink.flush()
	})
	if err != nil && res != nil {
		res.discard(x.server.resultDir)
	}
	return res, err
}

// semiStructured says whether a relation has a column that an answer may have to cast.
func (x *execution) semiStructured(names []dialect.Name) bool {
	for _, name := range names {
		o := x.server.engine.catalog.relation(name)
		if o == nil || slices.ContainsFunc(o.Body.Columns, func(c dialect.Column) bool { return c.Type.DuckDB == "JSON" }) {
			return true
		}
	}
	return false
}

// describeAnswer tells the columns of an answer without doing anything. Binds that were not sent count as NULL.
func (x *execution) describeAnswer(parsed dialect.Statement) (*result, error) {
	switch st := parsed.(type) {
	case *dialect.Query:
		return x.describeQuery(st)
	case *dialect.Insert:
		return &result{kind: typeInsert, columns: []column{fixedColumn(rowsInserted, 19, 0)}, binds: len(st.Binds)}, nil
	case *dialect.Update:
		return &result{kind: typeUpdate, columns: []column{fixedColumn(rowsUpdated, 19, 0), fixedColumn(rowsJoined, 19, 0)}, binds: len(st.Binds)}, nil
	case *dialect.Delete:
		return &result{kind: typeDelete, columns: []column{fixedColumn(rowsDeleted, 19, 0)}, binds: len(st.Binds)}, nil
	case *dialect.Merge:
		names, _ := mergeCounts(st, 0, 0, 0)
		res := &result{kind: typeMerge, binds: len(st.Binds)}
		for _, name := range names {
			res.columns = append(res.columns, fixedColumn(name, 19, 0))
		}
		return res, nil
	}
	return &result{kind: typeDDL, columns: []column{textColumn("status")}}, nil
}

func (x *execution) describeQuery(q *dialect.Query) (*result, error) {
	if err := x.known(q.Reads...); err != nil {
		return nil, err
	}
	res := &result{kind: typeSelect, binds: len(q.Binds)}
	err := x.read(func(ctx context.Context, conn *sql.Conn) error {
		columns, _, err := describeQuery(ctx, conn, q.SQL, make([]any, len(q.Binds)))
		res.columns = columns
		return err
	})
	return res, err
}
