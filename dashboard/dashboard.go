// Package dashboard serves the drawing, alive: a page on which people watch their stream land, the same numbers for
// Prometheus, and a state of health.
//
// One collector asks the [Source] once a second (collect.go), makes rates of counts (drawing.go) and hands one encoded
// snapshot to all who listen (events.go). While nobody listens it asks five times less often. What a look costs is the
// source's business; nothing here grows with the tables, and of the shards only the most loaded fifty are shown.
//
// The page changes nothing unless the [Config] gives it something to change: a producer, a check of templates, things to
// break. A fault that is broken in on purpose runs as a function here (breaks.go), which mends what it broke before it
// returns; Close ends it early and waits for that.
//
// Who may call (guard.go): requests whose Host is this machine or a name that was configured, with the token if there is
// one. A GET never changes anything. All else needs a header that no other site's page can make a browser send.
// Payloads are in no snapshot, metric or log line: a single one is given out when it is asked for by its id.
package dashboard

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Defaults of a [Config].
const (
	DefaultEvery      = time.Second
	DefaultAuditEvery = 10 * time.Second
)

// Config says what the page shows and what it may change. Source is required.
type Config struct {
	Source Source
	// Names of the boxes, as the page shows them.
	Names Names
	// Mode is "local" or "cloud".
	Mode string
	// Producer is the data generator, if it runs in this process; Check says what is wrong with a template.
	Producer Producer
	Check    func(template string) Check
	// Audit counts and compares; nil has no verdict. It is run by itself every AuditEvery, but its Cost is kept below a
	// fiftieth of the time; with a negative AuditEvery only when asked for. 0 is DefaultAuditEvery.
	Audit      func(context.Context) (Audit, error)
	AuditEvery time.Duration
	// Breaks can be broken in on purpose.
	Breaks []Break
	// Newest reads the last rows of the streaming or of the micro-batch table, for who asks; nil shows none.
	Newest func(ctx context.Context, streaming bool) (Newest, error)
	// Connection says how other programs join, to be copied. It may hold a password, and is given out when asked for; empty
	// has none.
	Connection string
	// Every is the time between two looks; 0 is DefaultEvery.
	Every time.Duration
	// Hosts are names of this server besides localhost and the loopback addresses, without ports.
	Hosts []string
	// Token must come with each request, as a bearer or in a cookie, unless it is empty.
	Token string
	// Version of the program, for the page and the metrics.
	Version string
	// Log gets ids, counts and reasons; nil discards them.
	Log *slog.Logger
}

// Names are what the boxes are called.
type Names struct {
	Stream, Bucket        string
	Orchestrator, Upsert  string
	Streaming, Microbatch string
}

// Server is the page with its collector. It is safe for concurrent use.
type Server struct {
	config  Config
	handler http.Handler
	breaks  []*breakage
	started time.Time

	life  context.Context
	end   context.CancelFunc
	group sync.WaitGroup
	// wake asks the collector for a look now, audit asks for an audit.
	wake, audit chan struct{}
	// used is when somebody asked for a snapshot last, in Unix nanoseconds; it decides how often to look.
	used atomic.Int64
	// changed is when somebody changed something last, as used: an older look does not show it.
	changed atomic.Int64

	mu sync.Mutex // covers everything below
	// last is what the last look came to; looked is closed and replaced with each one.
	last    state
	looked  chan struct{}
	verdict *Audit
	clients map[*client]struct{}
	closed  bool
}

// New starts the collector. The caller owns the listener and closes the server after it.
func New(c Config) (*Server, error) {
	if c.Source == nil {
		return nil, errors.New("configure the dashboard: it needs a source")
	}
	c.Every, c.AuditEvery = cmp.Or(c.Every, DefaultEvery), cmp.Or(c.AuditEvery, DefaultAuditEvery)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	pages, err := readPages()
	if err != nil {
		return nil, err
	}
	s := &Server{
		config: c, wake: make(chan struct{}, 1), audit: make(chan struct{}, 1),
		looked: make(chan struct{}), clients: map[*client]struct{}{}, started: time.Now(),
	}
	for _, b := range c.Breaks {
		s.breaks = append(s.breaks, &breakage{Break: b})
	}
	s.life, s.end = context.WithCancel(context.Background())
	s.handler = s.guard(s.routes(pages))
	s.group.Go(s.collect)
	if c.Audit != nil {
		s.group.Go(s.auditRegularly)
	}
	return s, nil
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Close ends the collector and all streams of events, mends what was broken on purpose, and waits for all of it. It may
// be called again.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.end()
	s.group.Wait()
	return nil
}

// start runs f as part of the server, unless it is closing.
func (s *Server) start(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.group.Go(f)
	return true
}
