// Package statement does one statement: it has it read by package dialect and calls the rooms that it needs, in the
// session's transaction or around it.
//
// It may change everything below it, and knows nothing of HTTP.
package statement

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/snowstream/snowstream/local/warehouse/answer"
	"github.com/snowstream/snowstream/local/warehouse/catalog"
	"github.com/snowstream/snowstream/local/warehouse/dialect"
	"github.com/snowstream/snowstream/local/warehouse/engine"
	"github.com/snowstream/snowstream/local/warehouse/fault"
	"github.com/snowstream/snowstream/local/warehouse/pipe"
	"github.com/snowstream/snowstream/local/warehouse/session"
	"github.com/snowstream/snowstream/local/warehouse/show"
	"github.com/snowstream/snowstream/local/warehouse/stage"
)

// Runner does statements.
type Runner struct {
	Config
	written atomic.Int64 // statements that changed rows
}

// Config is what statements work with.
type Config struct {
	Account *catalog.Account
	Engine  *engine.Engine
	Catalog *catalog.Catalog
	Files   *stage.Files
	Pipes   *pipe.Pipes
	// resultDir is where answers that are too large for memory are kept.
	ResultDir string
	// timed is told how long each MERGE took.
	Timed func(what string, took time.Duration)
	// Invalidate makes a channel of Snowpipe Streaming refuse appends until it is opened again.
	Invalidate func(ctx context.Context, pipe dialect.Name, channel string) error
}

func New(cfg Config) *Runner { return &Runner{Config: cfg} }

// Changes counts the statements that may have changed rows.
func (r *Runner) Changes() int64 { return r.written.Load() }

// Request is one statement of a session.
type Request struct {
	Session *session.Session
	Text    string
	Binds   *engine.Binds
	// bindsBefore is how many binds earlier statements of the same request use.
	BindsBefore  int
	QueryID      string
	DescribeOnly bool
	// Internal says that the client's library asks for itself, as for the files of a data frame.
	Internal bool
	Earlier  Earlier
}

// Earlier finds what the statements before this one have answered: Last the id of the session's last one, Answer an answer by
// its id, which is to be left as it is.
type Earlier struct {
	Last   func() string
	Answer func(id string) (*answer.Result, error)
}

// Run does a statement and says how many binds it has used. The answer's chunks are the caller's to discard.
func (r *Runner) Run(ctx context.Context, q Request) (res *answer.Result, used int, err error) {
	x := &execution{runner: r, Request: q, ctx: ctx}
	res, err = x.execute()
	return res, x.bindsUsed, err
}

// desk answers what the session asks about objects.
func (x *execution) desk() *show.Desk {
	return &show.Desk{Ctx: x.ctx, Account: x.runner.Account, Engine: x.runner.Engine, Catalog: x.runner.Catalog, Session: x.Session, Channel: x.runner.Pipes.QueueARN()}
}

// execution is one statement on its way.
type execution struct {
	Request
	runner    *Runner
	ctx       context.Context
	bindsUsed int
	arrow     bool // the answer goes to the client, who may read Arrow
}

// execute reads the statement and does it.
func (x *execution) execute() (*answer.Result, error) {
	env := x.Session.Env()
	env.Temporary = x.runner.Catalog.Temporary(x.Session.ID)
	if len(x.Binds.Rows) == 1 && namesMayBeBound(x.Text) {
		env.Binds = x.Binds.Texts(x.BindsBefore)
	}
	if len(x.Text) < shortText && strings.Contains(strings.ToUpper(x.Text), "LAST_QUERY_ID") {
		env.LastQuery = x.Earlier.Last()
	}
	parsed, err := x.Session.Parse(x.Text, env)
	if err != nil {
		return nil, err
	}
	if x.DescribeOnly {
		return x.describeAnswer(parsed)
	}
	switch st := parsed.(type) {
	case *dialect.Query:
		x.arrow = true
		return x.query(st)
	case *dialect.SystemFunction:
		return x.systemFunction(st)
	case *dialect.Insert, *dialect.Update, *dialect.Delete, *dialect.Truncate, *dialect.Merge:
		return x.write(st)
	case *dialect.Begin, *dialect.Commit, *dialect.Rollback:
		if err := x.Session.Control(x.ctx, st); err != nil {
			return nil, err
		}
		return answer.Message(answer.TypeBegin, "Statement executed successfully."), nil
	case *dialect.Copy:
		return x.runner.Pipes.CopyInto(x.ctx, st, func(ctx context.Context, table dialect.Name, exclusive bool, w engine.Work) error {
			return x.Session.Change(ctx, table, exclusive, len(x.Text)+x.Binds.Size(), w)
		})
	case *dialect.List:
		return x.listStage(st)
	case *dialect.Show:
		return x.desk().Show(st)
	case *dialect.Describe:
		return x.desk().Describe(st)
	case *dialect.Use, *dialect.Set, *dialect.Unset, *dialect.AlterSession:
		return x.configure(st)
	case *dialect.Remove:
		return x.removeFiles(st)
	case *dialect.Transfer:
		return x.transfer(st)
	}
	if err := x.Session.CommitFirst(x.ctx); err != nil {
		return nil, err
	}
	return x.defineObject(parsed)
}

// shortText is how long, in bytes, a statement that asks for the one before it may be.
const shortText = 16 << 10

// namesMayBeBound says whether a bind of a statement may stand for a name or an option. Those that write rows are many and
// large, and have no other place for one than IDENTIFIER(?).
func namesMayBeBound(text string) bool {
	text = strings.ToLower(text)
	word, _, _ := strings.Cut(strings.TrimSpace(text), " ")
	return !slices.Contains([]string{"merge", "insert", "update", "delete"}, word) || strings.Contains(text, "identifier")
}

// uses shifts bind numbers when statements before this one in the same request have binds.
func (x *execution) uses(numbers []int) []int {
	shifted := make([]int, len(numbers))
	for i, n := range numbers {
		shifted[i] = n + x.BindsBefore
		x.bindsUsed = max(x.bindsUsed, n)
	}
	return shifted
}

// known fails for the first name that is neither a table nor a view.
func (x *execution) known(names ...dialect.Name) error {
	for _, name := range names {
		if x.runner.Catalog.Relation(name) == nil {
			return fault.New(2003, "42S02", "SQL compilation error:\nObject '%s' does not exist or not authorized.", name.Plain())
		}
	}
	return nil
}

func (x *execution) query(q *dialect.Query) (*answer.Result, error) {
	if err := x.known(q.Reads...); err != nil {
		return nil, err
	}
	args, err := x.Binds.Args(0, x.uses(q.Binds))
	if err != nil {
		return nil, err
	}
	if q.Result != "" {
		return x.again(q.Result)
	}
	var res *answer.Result
	err = x.Session.Read(x.ctx, func(ctx context.Context, conn *sql.Conn) error {
		if res != nil {
			res.Discard(x.runner.ResultDir)
		}
		res = &answer.Result{Kind: answer.TypeSelect, Binds: len(q.Binds)}
		sink := &answer.Spool{Dir: x.runner.ResultDir, Key: session.NewToken(), Result: res, Arrow: x.arrow && x.Session.ReadsArrow(), RoundDown: x.Session.Client == "Go"}
		release, err := x.gather(ctx, conn, q.Sources)
		if err != nil {
			return err
		}
		defer release()
		if err := engine.QueryRows(ctx, conn, q.SQL, args, x.semiStructured(q.Reads), sink); err != nil {
			return err
		}
		return sink.Flush()
	})
	if err != nil && res != nil {
		res.Discard(x.runner.ResultDir)
	}
	return res, err
}

// semiStructured says whether a relation has a column that an answer may have to cast.
func (x *execution) semiStructured(names []dialect.Name) bool {
	for _, name := range names {
		o := x.runner.Catalog.Relation(name)
		if o == nil || slices.ContainsFunc(o.Body.Columns, func(c dialect.Column) bool { return c.Type.DuckDB == "JSON" }) {
			return true
		}
	}
	return false
}

// describeAnswer tells the columns of an answer without doing anything. Binds that were not sent count as NULL.
func (x *execution) describeAnswer(parsed dialect.Statement) (*answer.Result, error) {
	switch st := parsed.(type) {
	case *dialect.Query:
		return x.describeQuery(st)
	case *dialect.Insert:
		return &answer.Result{Kind: answer.TypeInsert, Columns: []answer.Column{answer.Fixed(rowsInserted, 19, 0)}, Binds: len(st.Binds)}, nil
	case *dialect.Update:
		return &answer.Result{Kind: answer.TypeUpdate, Columns: []answer.Column{answer.Fixed(rowsUpdated, 19, 0), answer.Fixed(rowsJoined, 19, 0)}, Binds: len(st.Binds)}, nil
	case *dialect.Delete:
		return &answer.Result{Kind: answer.TypeDelete, Columns: []answer.Column{answer.Fixed(rowsDeleted, 19, 0)}, Binds: len(st.Binds)}, nil
	case *dialect.Merge:
		names, _ := mergeCounts(st, 0, 0, 0)
		res := &answer.Result{Kind: answer.TypeMerge, Binds: len(st.Binds)}
		for _, name := range names {
			res.Columns = append(res.Columns, answer.Fixed(name, 19, 0))
		}
		return res, nil
	}
	return &answer.Result{Kind: answer.TypeDDL, Columns: []answer.Column{answer.Text("status")}}, nil
}

func (x *execution) describeQuery(q *dialect.Query) (*answer.Result, error) {
	if err := x.known(q.Reads...); err != nil {
		return nil, err
	}
	res := &answer.Result{Kind: answer.TypeSelect, Binds: len(q.Binds)}
	err := x.Session.Read(x.ctx, func(ctx context.Context, conn *sql.Conn) error {
		release, err := x.gather(ctx, conn, q.Sources)
		if err != nil {
			return err
		}
		defer release()
		columns, _, err := engine.DescribeQuery(ctx, conn, q.SQL, make([]any, len(q.Binds)))
		res.Columns = columns
		return err
	})
	return res, err
}
