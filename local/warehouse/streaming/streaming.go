// Package streaming is Snowpipe Streaming on one machine: the REST API of the high-performance architecture, as the official
// SDKs speak it, in front of the tables of a warehouse.
//
// A client opens a channel of a pipe, appends rows to it as NDJSON, and asks how far the channel is committed. Appended rows
// are held in memory; each tick makes one transaction of everything that was appended to the pipes of a table: the rows,
// and each channel's offset token and counters (commit.go). So a commit that was reported is durable, and after a kill a
// channel is at its last commit: what was appended behind it is gone, and its client must open the channel again.
//
// What a client meets as observed on the service (channel.go): a continuation token that was used before is answered with
// the present one and its rows are dropped; one from before a reopening is refused; opening a channel again drops what is not
// committed; the offset token moves past rows that are rejected, and only the counters tell.
//
// Values become what the default pipe makes of them (value.go). A row that does not fit its table is counted, its message is kept,
// and where the table has ERROR_LOGGING the row lies in its error table.
package streaming

import (
	"context"
	"crypto/rand"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/snowstream/snowstream/local/warehouse/dialect"
)

// Account is what the server needs of the warehouse around it. All of it may be called concurrently.
type Account interface {
	// KeyUser is the user that a key-pair login's JWT belongs to, and AccessTokenUser that of a programmatic access token;
	// "" if it belongs to none, or has expired. Times of the JWT may be in seconds or milliseconds.
	KeyUser(jwt string) string
	AccessTokenUser(token string) string
	// Pipe finds a pipe over a streaming source. The default pipe of a table is there when the table is. The error is
	// ErrNoPipe when neither is there.
	Pipe(name dialect.Name) (*Pipe, error)
	// Transaction runs work in a transaction of its own, durable when it returns nil. It may run work more than once.
	Transaction(ctx context.Context, work func(ctx context.Context, conn *sql.Conn) error) error
	// Sink feeds a query on a transaction's connection, see duckdb.NewQueryAppender.
	Sink(conn driver.Conn, query, table string, types Types, names []string) (Sink, error)
}

// Types are those of a sink's cells.
type Types = []duckdb.TypeInfo

// Sink is an appender.
type Sink interface {
	AppendRow(cells ...driver.Value) error
	Clear() error
	Close() error
	CloseWithCancel(ctx context.Context) error
}

// ErrNoPipe means that neither the pipe nor, for a default pipe, its table exists.
var ErrNoPipe = errors.New("the pipe does not exist")

// Pipe is where the rows of a channel go.
type Pipe struct {
	// ID is never used again: a pipe, or for a default pipe a table, that was replaced has another one.
	ID   int64
	Name dialect.Name
	// Table is the target, with its columns as they are now. Its ID tells it from its replacement.
	Table   dialect.Name
	TableID int64
	Columns []dialect.Column
	// MatchCase wants the members of rows spelled as the columns are.
	MatchCase bool
	// Select transforms the rows; nil matches members with columns by name.
	Select *dialect.CopySelect
	// ErrorLogging keeps rejected rows.
	ErrorLogging bool
	// Paused takes no appends.
	Paused bool
}

// What is taken when a Config says nothing.
const (
	DefaultTick          = time.Second
	defaultTokenValidity = time.Hour
	defaultIdleExpiry    = 30 * 24 * time.Hour
)

// Config says what the server works with.
type Config struct {
	Account Account
	// Tick is the time from one commit to the next; 0 means DefaultTick. The service takes about 5 seconds.
	Tick time.Duration
	// TokenValidity is how long a scoped token is good for; 0 means an hour.
	TokenValidity time.Duration
	// IdleExpiry is after what time without an append a channel vanishes, with its offset token; 0 means 30 days.
	IdleExpiry time.Duration
	// Log receives names and counts, never rows or tokens; nil discards.
	Log *slog.Logger
	// Timed is told how long each commit took; nil is for nobody.
	Timed func(took time.Duration)
}

// Server is Snowpipe Streaming of one account. It is safe for concurrent use.
type Server struct {
	cfg    Config
	log    *slog.Logger
	mux    *http.ServeMux
	secret []byte // signs scoped tokens; those of a former process are refused, and clients get new ones
	Faults Faults

	// committing is held by whoever changes what is durable: a commit, an open, a drop. It comes before mu.
	committing sync.Mutex

	mu       sync.Mutex // covers the fields below, and all channels
	channels map[channelKey]*channel
	opening  map[channelKey]bool
	buffered int
	commits  int64
	closed   bool
	wake     chan struct{} // full when a commit should not wait for the tick

	stop    context.CancelFunc
	running sync.WaitGroup
}

// Open finds the channels that are there and starts committing.
func Open(ctx context.Context, cfg Config) (*Server, error) {
	if cfg.Account == nil {
		return nil, errors.New("open Snowpipe Streaming: Account must be set")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Timed == nil {
		cfg.Timed = func(time.Duration) {}
	}
	for _, d := range []struct {
		value    *time.Duration
		fallback time.Duration
	}{{&cfg.Tick, DefaultTick}, {&cfg.TokenValidity, defaultTokenValidity}, {&cfg.IdleExpiry, defaultIdleExpiry}} {
		if *d.value <= 0 {
			*d.value = d.fallback
		}
	}
	s := &Server{
		cfg: cfg, log: cfg.Log, secret: make([]byte, 32), channels: map[channelKey]*channel{}, opening: map[channelKey]bool{}, wake: make(chan struct{}, 1),
	}
	if _, err := rand.Read(s.secret); err != nil {
		return nil, fmt.Errorf("open Snowpipe Streaming: %w", err)
	}
	if err := s.load(ctx); err != nil {
		return nil, fmt.Errorf("open Snowpipe Streaming: %w", err)
	}
	s.routes()
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	s.running.Go(func() { s.commitRegularly(life) })
	return s, nil
}

// Close refuses further appends, commits what was appended and ends. It may be called more than once.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.stop()
	s.running.Wait()
	return nil
}

// Flush commits what was appended so far, without waiting for the tick.
func (s *Server) Flush(ctx context.Context) error { return s.commit(ctx) }

// Pipe finds a pipe of the account.
func (s *Server) Pipe(name dialect.Name) (*Pipe, error) { return s.cfg.Account.Pipe(name) }

// Commits moves with every commit.
func (s *Server) Commits() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.commits
}

// ServeHTTP answers the REST API.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }
