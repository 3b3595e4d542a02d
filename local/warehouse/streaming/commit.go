package streaming

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/snowstream/snowstream/local/warehouse/dialect"
	"github.com/snowstream/snowstream/local/warehouse/fault"
)

// expireEvery is how often idle channels are looked for.
const expireEvery = time.Hour

// commitRegularly commits at each tick, and once more at the end.
func (s *Server) commitRegularly(ctx context.Context) {
	tick := time.NewTicker(s.cfg.Tick)
	defer tick.Stop()
	looked := time.Time{}
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
		case <-s.wake:
		}
		if !s.Faults.hold(ctx) {
			continue
		}
		if err := s.commit(context.WithoutCancel(ctx)); err != nil {
			s.log.Warn("a commit of streamed rows failed and is tried again", "number", fault.Translate(err).Number) // its text may quote a value
		}
		if s.Faults.expired() {
			looked = time.Time{}
		}
		if time.Since(looked) > expireEvery {
			looked = time.Now()
			if err := s.tidy(ctx); err != nil && ctx.Err() == nil {
				s.log.Warn("idle channels are still there", "number", fault.Translate(err).Number)
			}
		}
	}
}

// tidy ends the channels that are idle, and those whose pipe or table is gone.
func (s *Server) tidy(ctx context.Context) error {
	limit := s.cfg.IdleExpiry
	if s.Faults.takeExpiry() {
		limit = 0
	}
	err := s.expire(ctx, time.Now().Add(-limit))
	s.committing.Lock()
	defer s.committing.Unlock()
	s.mu.Lock()
	all := make([]state, 0, len(s.channels))
	for _, c := range s.channels {
		all = append(all, c.state)
	}
	s.mu.Unlock()
	var orphans []int64
	for i := range all {
		if _, gone := s.pipeOf(&all[i]); gone {
			orphans = append(orphans, all[i].ID)
		}
	}
	return errors.Join(err, s.remove(ctx, orphans))
}

// pipeOf is the pipe of a channel, as it is now; gone when it or its table is another one or none.
func (s *Server) pipeOf(st *state) (pipe *Pipe, gone bool) {
	pipe, err := s.cfg.Account.Pipe(st.Pipe)
	if errors.Is(err, ErrNoPipe) {
		return nil, true
	}
	return pipe, err == nil && (pipe.ID != st.PipeID || pipe.TableID != st.TableID)
}

// pending is what one channel has to commit.
type pending struct {
	channel *channel
	before  state
	appends []batch
	after   state // set by a load that has run
}

// commit makes durable what has been appended so far: one transaction for each pipe.
func (s *Server) commit(ctx context.Context) error {
	s.committing.Lock()
	defer s.committing.Unlock()
	s.mu.Lock()
	byPipe := map[int64][]*pending{}
	for _, c := range s.channels {
		if len(c.appends) > 0 {
			byPipe[c.PipeID] = append(byPipe[c.PipeID], &pending{channel: c, before: c.state, appends: c.appends})
		}
	}
	s.mu.Unlock()
	var errs []error
	for _, channels := range byPipe {
		if err := s.commitPipe(ctx, channels); !errors.Is(err, errGone) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// errGone means that a pipe or its table was dropped, and its channels with it.
var errGone = errors.New("the pipe is gone")

// commitPipe makes one transaction of what the channels of a pipe have to commit. The caller holds committing.
func (s *Server) commitPipe(ctx context.Context, channels []*pending) error {
	pipe, gone := s.pipeOf(&channels[0].before)
	if gone {
		var ids []int64
		for _, p := range channels {
			ids = append(ids, p.before.ID)
		}
		return cmp.Or(s.remove(ctx, ids), errGone)
	}
	if pipe == nil {
		return fmt.Errorf("find the pipe of a channel: %s", channels[0].before.Pipe)
	}
	began := time.Now()
	l := &load{account: s.cfg.Account, pipe: pipe, channels: channels, spoil: s.Faults.rejecting()}
	err := s.cfg.Account.Transaction(ctx, l.run)
	if rowFault(err) {
		// Some row cannot be stored though it looked well. Find it, and reject it as the service would.
		if err = l.searchAll(ctx, s.cfg.Account); err == nil {
			err = s.cfg.Account.Transaction(ctx, l.run)
		}
	}
	if err != nil {
		return fmt.Errorf("commit the rows of pipe %s: %w", pipe.Name, err)
	}
	s.cfg.Timed(time.Since(began))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.commits++
	for _, p := range channels {
		for _, b := range p.appends {
			s.buffered -= len(b.body)
		}
		p.channel.appends = slices.Clone(p.channel.appends[len(p.appends):])
		p.channel.state = p.after
	}
	return nil
}

// load brings the rows of a pipe's channels into its table. It may run more than once, each time from the beginning.
type load struct {
	account  Account
	pipe     *Pipe
	channels []*pending
	// spoil rejects rows that are good, for tests of what clients do then.
	spoil bool
	// refused are rows that the database did not take, by their place among all rows of the load.
	refused map[int]*rejection

	rejected []errorRow
}

// errorRow is a row for the error table.
type errorRow struct {
	pending *pending
	token   *string
	why     *rejection
	row     []byte
}

// run does all of a commit in the transaction of conn.
func (l *load) run(ctx context.Context, conn *sql.Conn) error {
	l.rejected = nil
	if err := l.rows(ctx, conn, 0, -1); err != nil {
		return err
	}
	if err := l.keepRejected(ctx, conn); err != nil {
		return err
	}
	for _, p := range l.channels {
		if err := p.after.write(ctx, conn); err != nil {
			return err
		}
	}
	return nil
}

// rows appends the rows from the first up to and without end, of all rows, to the table, and counts them. end -1 is all.
func (l *load) rows(ctx context.Context, conn *sql.Conn, first, end int) error {
	return conn.Raw(func(raw any) error {
		t, err := newTarget(l.account, raw.(driver.Conn), l.pipe)
		if err != nil {
			return err
		}
		at := 0
		for _, p := range l.channels {
			p.after = p.before
			for i := range p.appends {
				b := &p.appends[i]
				err := lines(b.body, func(row []byte) error {
					at++
					if at <= first || end >= 0 && at > end {
						return nil
					}
					return l.row(t, p, b, row, at-1)
				})
				if err != nil {
					return errors.Join(err, t.sink.Clear(), t.sink.Close())
				}
				p.after.passed(b)
			}
		}
		return t.sink.CloseWithCancel(ctx)
	})
}

// spoiled is every which row Spoil rejects.
const spoiled = 10

// row appends one row, or rejects it.
func (l *load) row(t *target, p *pending, b *batch, row []byte, at int) error {
	why := l.refused[at]
	p.after.Parsed++
	if l.spoil && at%spoiled == 0 {
		why = &rejection{number: 100071, message: "The row is rejected on purpose"}
	}
	if why == nil {
		var cells []driver.Value
		if cells, why = t.read(row); why == nil {
			p.after.Inserted++
			return t.sink.AppendRow(cells...)
		}
	}
	p.after.failed(b, why)
	if l.pipe.ErrorLogging {
		l.rejected = append(l.rejected, errorRow{p, b.end, why, row})
	}
	return nil
}

// passed moves a state past an append.
func (st *state) passed(b *batch) {
	if st.Row++; b.end != nil {
		st.Token = b.end
	}
	st.Used = time.Now()
	st.Latency += (time.Since(b.arrived).Milliseconds() - st.Latency) / 4
}

// failed counts a rejected row.
func (st *state) failed(b *batch, why *rejection) {
	message, now := why.Error(), time.Now()
	st.Errors++
	st.ErrorToken, st.ErrorMessage, st.ErrorTime = b.end, &message, &now
}

// keepRejected writes the rejected rows to the error table.
func (l *load) keepRejected(ctx context.Context, conn *sql.Conn) error {
	if len(l.rejected) == 0 {
		return nil
	}
	return conn.Raw(func(raw any) error {
		sink, err := duckdb.NewAppender(raw.(driver.Conn), "", "warehouse", "error_rows")
		if err != nil {
			return err
		}
		now := time.Now()
		for _, r := range l.rejected {
			var token, column driver.Value
			if r.token != nil {
				token = *r.token
			}
			if r.why.column != "" {
				column = r.why.column
			}
			if err := sink.AppendRow(l.pipe.TableID, now, int64(r.why.number), r.why.message, column, l.pipe.Name.String(),
				r.pending.before.Name, token, strings.ToValidUTF8(string(r.row), "\uFFFD")); err != nil {
				return errors.Join(err, sink.Clear(), sink.Close())
			}
		}
		return sink.CloseWithCancel(ctx)
	})
}

// rowFault says of an error of the database that a value does not fit, and not that this machine or the table is in trouble.
func rowFault(err error) bool {
	var e *duckdb.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Type {
	case duckdb.ErrorTypeConversion, duckdb.ErrorTypeConstraint, duckdb.ErrorTypeOutOfRange, duckdb.ErrorTypeInvalidInput, duckdb.ErrorTypeMismatchType:
		return true
	}
	// What an appender reports has lost its type.
	text, fromAppender := strings.CutPrefix(e.Msg, "Failed to append: ")
	return fromAppender && valueTrouble.MatchString(text)
}

// valueTrouble is how DuckDB begins to say that a value does not fit.
var valueTrouble = regexp.MustCompile(`(?i)^((conversion|constraint|out of range|invalid input|mismatch type) error: )?(could not (convert|cast)|failed to cast|casting |malformed |not null constraint|type .* with value|overflow|value .* out of range|invalid )`)

// errProbed rolls a trial back.
var errProbed = errors.New("tried")

// searchAll finds the rows that the database does not take, by halves.
func (l *load) searchAll(ctx context.Context, account Account) error {
	n := 0
	for _, p := range l.channels {
		for i := range p.appends {
			_ = lines(p.appends[i].body, func([]byte) error { n++; return nil }) // visit never fails
		}
	}
	if l.refused == nil {
		l.refused = map[int]*rejection{}
	}
	return l.search(ctx, account, 0, n)
}

func (l *load) search(ctx context.Context, account Account, first, end int) error {
	if first == end {
		return nil
	}
	l.rejected = nil
	err := account.Transaction(ctx, func(ctx context.Context, conn *sql.Conn) error {
		if err := l.rows(ctx, conn, first, end); err != nil {
			return err
		}
		return errProbed
	})
	switch {
	case errors.Is(err, errProbed):
		return nil
	case !rowFault(err):
		return err
	case end-first == 1:
		l.refused[first] = &rejection{number: 100071, message: "The row cannot be stored in table " + l.pipe.Table.String()}
		return nil
	}
	middle := (first + end) / 2
	if err := l.search(ctx, account, first, middle); err != nil {
		return err
	}
	return l.search(ctx, account, middle, end)
}

// target appends rows to a table.
type target struct {
	sink   Sink
	reader *rowReader // nil where the pipe has a SELECT, whose expressions read the row
	scan   scanner
	// defaults are the columns with a default; each has a further cell that says whether it is wanted.
	defaults []int
	cells    []driver.Value
}

const stagedRows = "streamed_rows"

func newTarget(account Account, conn driver.Conn, pipe *Pipe) (*target, error) {
	t := &target{}
	names, types, query, err := t.insert(pipe)
	if err != nil {
		return nil, fmt.Errorf("prepare table %s for streamed rows: %w", pipe.Table, err)
	}
	t.sink, err = account.Sink(conn, query, stagedRows, types, names)
	if err != nil {
		return nil, fmt.Errorf("prepare table %s for streamed rows: %w", pipe.Table, err)
	}
	t.cells = make([]driver.Value, len(names))
	return t, nil
}

// insert is the statement that an appender feeds, with the names and types of its cells.
func (t *target) insert(pipe *Pipe) (names []string, types []duckdb.TypeInfo, query string, err error) {
	if pipe.Select != nil {
		text, err := duckdb.NewTypeInfo(duckdb.TYPE_VARCHAR)
		return []string{"$1"}, []duckdb.TypeInfo{text}, selectInsert(pipe), err
	}
	t.reader = newRowReader(pipe.Columns, pipe.MatchCase)
	flag, err := duckdb.NewTypeInfo(duckdb.TYPE_BOOLEAN)
	if err != nil {
		return nil, nil, "", err
	}
	var columns, items, flags []string
	for i := range pipe.Columns {
		c := &pipe.Columns[i]
		name := "c" + strconv.Itoa(i)
		info, item, err := staging(c, name)
		if err != nil {
			return nil, nil, "", err
		}
		if c.DefaultSQL != "" {
			t.defaults = append(t.defaults, i)
			flags = append(flags, "d"+strconv.Itoa(i))
			item = "CASE WHEN " + flags[len(flags)-1] + " THEN " + c.DefaultSQL + " ELSE " + item + " END"
		}
		names, types = append(names, name), append(types, info)
		columns, items = append(columns, dialect.Quote(c.Name)), append(items, item)
	}
	for range flags {
		types = append(types, flag)
	}
	return append(names, flags...), types, "INSERT INTO " + pipe.Table.DuckDB() + " (" + strings.Join(columns, ", ") + ") SELECT " +
		strings.Join(items, ", ") + " FROM " + stagedRows, nil
}

// selectInsert has the row as $1, as the pipe's SELECT reads it.
func selectInsert(pipe *Pipe) string {
	var columns []string
	for _, c := range pipe.Columns {
		columns = append(columns, dialect.Quote(c.Name))
	}
	query := "INSERT INTO " + pipe.Table.DuckDB() + " (" + strings.Join(columns, ", ") + ") SELECT " + pipe.Select.Items +
		` FROM (SELECT CAST("$1" AS JSON) AS "$1" FROM ` + stagedRows + `) AS "$FILE"`
	if pipe.Select.Where != "" {
		query += " WHERE " + pipe.Select.Where
	}
	return query
}

// read makes the cells of a row, or says why there are none.
func (t *target) read(row []byte) ([]driver.Value, *rejection) {
	if t.reader == nil {
		if err := t.scan.object(row, func(_, _ []byte) error { return nil }); err != nil {
			return nil, asRejection(err)
		}
		text, err := canonical(row, &dialect.Column{Type: dialect.Type{Name: "VARIANT"}})
		if err != nil {
			return nil, asRejection(err)
		}
		t.cells[0] = text
		return t.cells, nil
	}
	cells, why := t.reader.read(row)
	if why != nil || len(t.defaults) == 0 {
		return cells, why
	}
	n := copy(t.cells, cells)
	for i, column := range t.defaults {
		t.cells[n+i] = !t.reader.given(column)
	}
	return t.cells, nil
}
