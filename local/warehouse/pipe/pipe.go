// Package pipe loads files into tables: COPY, pipes with their workers, the queue of notices that feeds them, and the
// history of what was loaded.
//
// Rows, history and the removal of notices are one transaction, so that a file is loaded once. It may write the tables of
// users, its own queue and history, and read what package stage reads. It knows no session: COPY is given the way into one.
package pipe

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/snowstream/snowstream/local/warehouse/answer"
	"github.com/snowstream/snowstream/local/warehouse/catalog"
	"github.com/snowstream/snowstream/local/warehouse/dialect"
	"github.com/snowstream/snowstream/local/warehouse/engine"
	"github.com/snowstream/snowstream/local/warehouse/fault"
	"github.com/snowstream/snowstream/local/warehouse/stage"
)

const (
	// pipeBatch and pipeBatchBytes bound the files that one transaction of a pipe loads.
	pipeBatch      = 200
	pipeBatchBytes = 64 << 20
	// pipePause is the least time from one load of a pipe to the next, so that files that come singly are loaded together:
	// a load costs about the same for one as for ten. The service takes far longer.
	pipePause = 500 * time.Millisecond
	// retryFirst and retryLast bound the wait after S3 or the database has failed.
	retryFirst = 100 * time.Millisecond
	retryLast  = 30 * time.Second
)

// Pipes runs one worker for each pipe that has files waiting. Workers end when their queue is empty; wake starts them.
type Pipes struct {
	Config
	queue       *queue
	lastMessage atomic.Int64 // Unix milliseconds of the last notification
	loaded      atomic.Int64 // transactions of pipes

	mu      sync.Mutex
	workers map[int64]bool // by pipe: true when there may be more to do
	idle    chan struct{}  // closed when a worker ends; replaced each time
}

// Config is what pipes work with.
type Config struct {
	Account *catalog.Account
	Engine  *engine.Engine
	Catalog *catalog.Catalog
	Files   *stage.Files
	Log     *slog.Logger
	// timed is told how long each transaction of a pipe took.
	Timed func(what string, took time.Duration)
	// start runs f in the background until ctx, which lasts as long as the server, ends. It says false when it has ended.
	Start func(f func()) bool
	Ctx   context.Context
}

// Open finds the notices that wait. Nothing is loaded before wake is called.
func Open(cfg Config) (*Pipes, error) {
	p := &Pipes{Config: cfg, workers: map[int64]bool{}, idle: make(chan struct{})}
	var err error
	p.queue, err = openQueue(cfg.Ctx, cfg.Engine)
	return p, err
}

// Loads counts the transactions of pipes since openPipes.
func (p *Pipes) Loads() int64 { return p.loaded.Load() }

// Wake lets every pipe that is not paused look at its queue.
func (p *Pipes) Wake() {
	open := p.Catalog.List("PIPE", func(o *catalog.Object) bool { return !o.Body.Paused && !o.Body.Copy.Streaming })
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, o := range open {
		if _, running := p.workers[o.ID]; running {
			p.workers[o.ID] = true
			continue
		}
		p.workers[o.ID] = false
		id := o.ID
		if !p.Start(func() { p.work(id) }) {
			delete(p.workers, o.ID)
		}
	}
}

// work empties the queue of one pipe. What fails for reasons outside the file is tried again.
func (p *Pipes) work(id int64) {
	ctx := p.Ctx
	wait := retryFirst
	for {
		began := time.Now()
		n, err := p.loadQueued(ctx, id)
		if ctx.Err() != nil {
			err = nil
			n = 0
		}
		if err != nil {
			p.Log.Warn("pipe waits before it tries again", "pipe", id, "wait", wait, "number", fault.Translate(err).Number)
			engine.Pause(ctx, wait)
			wait = min(2*wait, retryLast)
			continue
		}
		wait = retryFirst
		if n == 0 && p.finished(id) {
			return
		}
		if n > 0 && n < pipeBatch {
			engine.Pause(ctx, pipePause-time.Since(began))
		}
	}
}

// finished ends a worker, unless it was woken meanwhile.
func (p *Pipes) finished(id int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.workers[id] && p.Ctx.Err() == nil {
		p.workers[id] = false
		return false
	}
	delete(p.workers, id)
	close(p.idle)
	p.idle = make(chan struct{})
	return true
}

// Wait returns when no worker runs.
func (p *Pipes) Wait(ctx context.Context) error {
	for {
		p.mu.Lock()
		busy, idle := len(p.workers), p.idle
		p.mu.Unlock()
		if busy == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-idle:
		}
	}
}

// loadQueued loads the next files of a pipe and says how many notices it has worked off. The rows, the history and the
// removal of the notices are one transaction: a file is loaded once, whatever happens.
func (p *Pipes) loadQueued(ctx context.Context, id int64) (int, error) {
	pipe := p.Catalog.ByID("PIPE", id)
	if pipe == nil || pipe.Body.Paused {
		return 0, nil
	}
	began := time.Now()
	l, err := p.pipeLoader(pipe)
	if err != nil {
		// The table, stage or format is missing: the queue waits until a definition wakes the pipe.
		p.Log.Warn("pipe is stopped", "pipe", pipe.Name.String(), "number", fault.Translate(err).Number)
		return 0, nil
	}
	loads, err := p.takeQueue(ctx, l, pipe)
	if err != nil || len(loads) == 0 {
		return 0, err
	}
	// Only now the table's columns count: one that was added before a file was announced must be filled from it.
	if l, err = p.pipeLoader(pipe); err != nil {
		return 0, err
	}
	done := 0
	for start := 0; start < len(loads); {
		end, err := p.checkSome(ctx, l, loads, start)
		if err != nil {
			return done, err
		}
		if err := p.storeSome(ctx, l, pipe, loads[start:end]); err != nil {
			return done, err
		}
		for _, f := range loads[start:end] {
			f.rows = nil
			done += len(f.queued)
		}
		p.loaded.Add(1)
		p.Timed("pipe", time.Since(began))
		began = time.Now()
		start = end
	}
	p.Log.Debug("pipe has loaded", "pipe", pipe.Name.String(), "files", len(loads))
	return done, nil
}

func (p *Pipes) pipeLoader(pipe *catalog.Object) (*loader, error) {
	l, err := p.newLoader(pipe.Body.Copy)
	if err != nil {
		return nil, err
	}
	l.policy, err = pipePolicy(pipe.Body.Copy)
	return l, err
}

// pipePolicy is ON_ERROR of a pipe, where SKIP_FILE is the default.
func pipePolicy(copying *dialect.Copy) (errorPolicy, error) {
	if copying.OnError == "" {
		return readPolicy("SKIP_FILE")
	}
	policy, err := readPolicy(copying.OnError)
	if err == nil && policy.abort {
		err = fault.New(2, "0A000", "SQL compilation error:\nON_ERROR = ABORT_STATEMENT is not allowed in a pipe.")
	}
	return policy, err
}

// takeQueue reads the oldest notices of a pipe, one load for each name, repeats joined. Names that the pipe remembers
// get a load without a file, which only removes the notices.
func (p *Pipes) takeQueue(ctx context.Context, l *loader, pipe *catalog.Object) ([]*fileLoad, error) {
	conn, err := p.Engine.DB.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	rows, err := conn.QueryContext(ctx, `SELECT id, file, received FROM "warehouse"."queue" WHERE pipe_id = $1 ORDER BY id LIMIT $2`, pipe.ID, pipeBatch)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	byName := map[string]*fileLoad{}
	var loads []*fileLoad
	var names []string
	for rows.Next() {
		var notice int64
		var key string
		var received time.Time
		if err := rows.Scan(&notice, &key, &received); err != nil {
			return nil, err
		}
		load := byName[key]
		if load == nil {
			load = &fileLoad{file: stage.File{Key: key}, name: l.nameOf(key), received: received}
			byName[key] = load
			loads, names = append(loads, load), append(names, load.name)
		}
		load.queued = append(load.queued, notice)
	}
	if err := rows.Err(); err != nil || len(loads) == 0 {
		return nil, err
	}
	known, err := remembered(ctx, conn, pipe, names)
	if err != nil {
		return nil, err
	}
	for _, load := range loads {
		load.known = known[load.name]
	}
	return loads, nil
}

// checkSome reads files from start on until they fill a transaction, and says where it stopped.
func (p *Pipes) checkSome(ctx context.Context, l *loader, loads []*fileLoad, start int) (end int, err error) {
	size := int64(0)
	for end = start; end < len(loads); end++ {
		f := loads[end]
		if f.known {
			continue
		}
		if size > pipeBatchBytes {
			return end, nil
		}
		if err := l.check(ctx, f); err != nil {
			return end, err
		}
		size += max(f.file.Size, 1)
		if !f.buffered {
			return end + 1, nil
		}
	}
	return end, nil
}

// storeSome commits checked files. When they cannot be stored together for what they hold, each one is tried alone, and
// one that cannot be stored even then has failed. Trouble of this machine, such as a full disk, fails no file: the
// notices stay, and the pipe tries again.
func (p *Pipes) storeSome(ctx context.Context, l *loader, pipe *catalog.Object, loads []*fileLoad) error {
	err := p.storeTogether(ctx, l, pipe, loads)
	if err == nil || ctx.Err() != nil || errors.Is(err, stage.ErrFileGone) || mayPass(err) {
		return err
	}
	for _, f := range loads {
		if err := p.storeTogether(ctx, l, pipe, []*fileLoad{f}); err == nil || f.known {
			continue
		} else if ctx.Err() != nil || mayPass(err) {
			return err
		} else {
			wrong := fault.Translate(err)
			f.fail(&loadError{number: wrong.Number, message: wrong.Message})
		}
		if err := p.storeTogether(ctx, l, pipe, []*fileLoad{f}); err != nil {
			return err
		}
	}
	return nil
}

func (p *Pipes) storeTogether(ctx context.Context, l *loader, pipe *catalog.Object, loads []*fileLoad) error {
	return p.Engine.Autocommit(ctx, func(ctx context.Context, conn *sql.Conn) error {
		now := time.Now()
		var notices []int64
		var fresh []*fileLoad
		for _, f := range loads {
			notices = append(notices, f.queued...)
			if !f.known {
				fresh = append(fresh, f)
			}
		}
		if err := l.store(ctx, conn, fresh); err != nil {
			return err
		}
		if err := writeHistory(conn, l, pipe, fresh, now); err != nil {
			return err
		}
		_, err := conn.ExecContext(ctx, `DELETE FROM "warehouse"."queue" WHERE id IN (SELECT unnest($1::BIGINT[]))`, notices)
		return err
	})
}

// Alter does ALTER PIPE.
func (p *Pipes) Alter(ctx context.Context, st *dialect.AlterPipe) (*answer.Result, error) {
	pipe := p.Catalog.Get("PIPE", st.Name)
	done := answer.Message(answer.TypeDDL, "Statement executed successfully.")
	switch {
	case pipe == nil && st.IfExists:
		return done, nil
	case pipe == nil:
		return nil, fault.NotExist("PIPE", st.Name.Plain())
	case st.Refresh != nil && pipe.Body.Copy.Streaming:
		return nil, fault.Unsupported("REFRESH of a pipe over a streaming source")
	case st.Refresh != nil:
		return p.refresh(ctx, pipe, st.Refresh)
	}
	err := p.Change(ctx, st.Name, func(b *catalog.Object) {
		if st.Paused != nil {
			b.Body.Paused = *st.Paused
		}
		if st.Comment != nil {
			b.Comment = *st.Comment
		}
	})
	return done, err
}

// Change changes the definition of a pipe, and wakes it.
func (p *Pipes) Change(ctx context.Context, name dialect.Name, change func(*catalog.Object)) error {
	err := p.Catalog.Define(ctx, func(d *catalog.Draft) error {
		old := d.Cat.Get("PIPE", name)
		if old == nil {
			return fault.NotExist("PIPE", name.Plain())
		}
		changed := *old
		change(&changed)
		return d.Put(&changed)
	})
	if err == nil {
		p.Wake()
	}
	return err
}

// Check is the object that CREATE PIPE makes, or why it makes none.
func (p *Pipes) Check(st *dialect.CreatePipe) (*catalog.Object, error) {
	for _, refused := range []struct {
		name string
		set  bool
	}{{"FORCE", st.Copy.Force}, {"PURGE", st.Copy.Purge}, {"FILES", len(st.Copy.Files) > 0}, {"SIZE_LIMIT", st.Copy.SizeLimit > 0},
		{"VALIDATION_MODE", st.Copy.ValidationMode != ""}} {
		if refused.set {
			return nil, fault.New(2, "0A000", "SQL compilation error:\nCopy option %s is not allowed in a pipe.", refused.name)
		}
	}
	if _, err := pipePolicy(st.Copy); err != nil {
		return nil, err
	}
	if st.Copy.Streaming {
		return p.checkStreaming(st)
	}
	copying := *st.Copy
	if copying.OnError == "" {
		copying.OnError = "SKIP_FILE"
	}
	if _, err := p.newLoader(&copying); err != nil {
		return nil, err
	}
	return &catalog.Object{Kind: "PIPE", Name: st.Name, Comment: st.Comment, Body: catalog.Body{AutoIngest: st.AutoIngest, Copy: &copying, Text: st.Definition, Options: st.Options}}, nil
}

// checkStreaming is the object of a pipe over a streaming source.
func (p *Pipes) checkStreaming(st *dialect.CreatePipe) (*catalog.Object, error) {
	c := st.Copy
	table := p.Catalog.Get("TABLE", c.Target)
	switch {
	case table == nil:
		return nil, fault.New(2003, "42S02", "SQL compilation error:\nTable '%s' does not exist or not authorized.", c.Target.Plain())
	case c.OnError != "" && c.OnError != "CONTINUE":
		return nil, fault.New(2, "0A000", "SQL compilation error:\nA pipe over a streaming source has ON_ERROR = CONTINUE.")
	case st.AutoIngest, len(c.Format) > 0, c.Pattern != "", len(c.IncludeMetadata) > 0:
		return nil, fault.Unsupported("AUTO_INGEST, FILE_FORMAT, PATTERN or INCLUDE_METADATA of a pipe over a streaming source")
	case c.Select == nil && c.MatchByColumnName == "":
		return nil, fault.New(1003, "42000", "SQL compilation error:\nA pipe over a streaming source needs a SELECT or MATCH_BY_COLUMN_NAME.")
	case c.Select == nil && len(c.Columns) > 0:
		return nil, fault.Unsupported("a list of columns together with MATCH_BY_COLUMN_NAME")
	case c.Select != nil && (c.Select.Fields > 1 || len(c.Select.Metadata) > 0):
		return nil, fault.New(904, "42000", "SQL compilation error:\nA row of a streaming source is $1.")
	}
	wanted := len(c.Columns)
	for _, name := range c.Columns {
		if columnNamed(table.Body.Columns, name) == nil {
			return nil, fault.New(904, "42000", "SQL compilation error: error line 1\ninvalid identifier '%s'", name)
		}
	}
	if wanted == 0 {
		wanted = len(table.Body.Columns)
	}
	if c.Select != nil && c.Select.Count != wanted {
		return nil, fault.New(2020, "21S01", "SQL compilation error:\nInsert value list does not match column list expecting %d but got %d.", wanted, c.Select.Count)
	}
	return &catalog.Object{Kind: "PIPE", Name: st.Name, Comment: st.Comment, Body: catalog.Body{Copy: c, Text: st.Definition, Options: st.Options}}, nil
}

// refresh queues files that are there already: of the last 7 days or since MODIFIED_AFTER, without those that the pipe
// remembers or that COPY has loaded into the same table.
func (p *Pipes) refresh(ctx context.Context, pipe *catalog.Object, st *dialect.Refresh) (*answer.Result, error) {
	since := time.Now().Add(-refreshReach)
	if st.ModifiedAfter != "" {
		after, err := stage.ParseTime(st.ModifiedAfter, "AUTO", "TIMESTAMP_TZ")
		if err != nil {
			return nil, fault.New(1008, "22023", "SQL compilation error:\ninvalid value [%s] for parameter 'MODIFIED_AFTER'", st.ModifiedAfter)
		}
		if after.After(since) {
			since = after
		}
	}
	l, err := p.newLoader(pipe.Body.Copy)
	if err != nil {
		return nil, err
	}
	listed, err := p.Files.ListFiles(ctx, l.place.At(l.place.Prefix+st.Prefix), l.copy.Pattern)
	if err != nil {
		return nil, err
	}
	t := answer.NewTable(answer.TypeDDL, "File", "Status")
	err = p.Engine.Autocommit(ctx, func(ctx context.Context, conn *sql.Conn) error {
		t = answer.NewTable(answer.TypeDDL, "File", "Status")
		keys, err := unknownKeys(ctx, conn, l, pipe, listed, since)
		if err != nil {
			return err
		}
		for _, key := range keys {
			t.Add(l.nameOf(key), "SENT")
		}
		return p.queue.insert(ctx, conn, pipe.ID, keys, time.Now())
	})
	p.Wake()
	return t.Res, err
}

func unknownKeys(ctx context.Context, conn *sql.Conn, l *loader, pipe *catalog.Object, listed []stage.File, since time.Time) ([]string, error) {
	var names []string
	for _, f := range listed {
		names = append(names, l.nameOf(f.Key))
	}
	known, err := remembered(ctx, conn, pipe, names)
	if err != nil {
		return nil, err
	}
	loaded, err := copied(ctx, conn, l, listed)
	if err != nil {
		return nil, err
	}
	waiting, err := nameSet(conn.QueryContext(ctx, `SELECT DISTINCT file FROM "warehouse"."queue" WHERE pipe_id = $1`, pipe.ID))
	if err != nil {
		return nil, err
	}
	var keys []string
	for _, f := range listed {
		name := l.nameOf(f.Key)
		if !known[name] && !loaded[name] && !waiting[f.Key] && !f.Modified.Before(since) {
			keys = append(keys, f.Key)
		}
	}
	return keys, nil
}

// mayPass says whether an error is of this machine or of the moment, and not of the rows: it is no reason to give a file
// up.
func mayPass(err error) bool {
	var own *duckdb.Error
	if !errors.As(err, &own) {
		var said *fault.Error
		var bad *stage.BadFile
		return !errors.As(err, &said) && !errors.As(err, &bad)
	}
	switch own.Type {
	case duckdb.ErrorTypeIO, duckdb.ErrorTypeFatal, duckdb.ErrorTypeInternal, duckdb.ErrorTypeTransaction, duckdb.ErrorTypeConnection,
		duckdb.ErrorTypeOutOfMemory, duckdb.ErrorTypeInterrupt:
		return true
	}
	return engine.IsConflict(err)
}
