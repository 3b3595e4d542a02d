package warehouse

import (
	"context"
	"database/sql"
	"slices"
	"sync/atomic"
	"time"

	"github.com/snowstream/snowstream/local/warehouse/dialect"
)

// runner does statements.
type runner struct {
	runnerConfig
	written atomic.Int64 // statements that changed rows
}

// runnerConfig is what statements work with.
type runnerConfig struct {
	account *account
	engine  *engine
	catalog *catalog
	buckets *buckets
	pipes   *pipes
	// resultDir is where answers that are too large for memory are kept.
	resultDir string
	// timed is told how long each MERGE took.
	timed func(what string, took time.Duration)
}

func newRunner(cfg runnerConfig) *runner { return &runner{runnerConfig: cfg} }

// changes counts the statements that may have changed rows.
func (r *runner) changes() int64 { return r.written.Load() }

// request is one statement of a session.
type request struct {
	session *session
	text    string
	binds   *binds
	// bindsBefore is how many binds earlier statements of the same request use.
	bindsBefore  int
	queryID      string
	describeOnly bool
}

// run does a statement and says how many binds it has used. The answer's chunks are the caller's to discard.
func (r *runner) run(ctx context.Context, q request) (res *result, used int, err error) {
	x := &execution{runner: r, request: q, ctx: ctx}
	res, err = x.execute()
	return res, x.bindsUsed, err
}

// desk answers what the session asks about objects.
func (x *execution) desk() *desk {
	return &desk{ctx: x.ctx, account: x.runner.account, engine: x.runner.engine, catalog: x.runner.catalog, session: x.session, channel: x.runner.pipes.queueARN()}
}

// execution is one statement on its way.
type execution struct {
	request
	runner    *runner
	ctx       context.Context
	bindsUsed int
}

// execute reads the statement and does it.
func (x *execution) execute() (*result, error) {
	parsed, err := x.session.parse(x.text, x.session.env())
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
		if err := x.session.control(x.ctx, st); err != nil {
			return nil, err
		}
		return message(typeBegin, "Statement executed successfully."), nil
	case *dialect.Copy:
		return x.runner.pipes.copyInto(x.ctx, st, func(ctx context.Context, table dialect.Name, exclusive bool, w work) error {
			return x.session.change(ctx, table, exclusive, len(x.text)+x.binds.size(), w)
		})
	case *dialect.List:
		return x.listStage(st)
	case *dialect.Show:
		return x.desk().show(st)
	case *dialect.Describe:
		return x.desk().describe(st)
	case *dialect.Use, *dialect.Set, *dialect.Unset, *dialect.AlterSession:
		return x.configure(st)
	case *dialect.Remove:
		return nil, unsupported("REMOVE")
	}
	if err := x.session.commitFirst(x.ctx); err != nil {
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
		if x.runner.catalog.relation(name) == nil {
			return refuse(2003, "42S02", "SQL compilation error:\nObject '%s' does not exist or not authorized.", name.Plain())
		}
	}
	return nil
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
	err = x.session.read(x.ctx, func(ctx context.Context, conn *sql.Conn) error {
		if res != nil {
			res.discard(x.runner.resultDir)
		}
		res = &result{kind: typeSelect, binds: len(q.Binds)}
		sink := &spool{dir: x.runner.resultDir, key: newToken(), result: res}
		if err := queryRows(ctx, conn, q.SQL, args, x.semiStructured(q.Reads), sink); err != nil {
			return err
		}
		return sink.flush()
	})
	if err != nil && res != nil {
		res.discard(x.runner.resultDir)
	}
	return res, err
}

// semiStructured says whether a relation has a column that an answer may have to cast.
func (x *execution) semiStructured(names []dialect.Name) bool {
	for _, name := range names {
		o := x.runner.catalog.relation(name)
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
	err := x.session.read(x.ctx, func(ctx context.Context, conn *sql.Conn) error {
		columns, _, err := describeQuery(ctx, conn, q.SQL, make([]any, len(q.Binds)))
		res.columns = columns
		return err
	})
	return res, err
}
