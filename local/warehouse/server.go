// Package warehouse is a Snowflake account on one machine: the wire protocol of the official drivers over DuckDB.
//
// Its rooms lie along what happens to a statement and to a file, and use one another in one direction only:
//
//	wire       HTTP: login, requests, answers, chunks
//	statement  does one statement, read by dialect
//	show       SHOW and DESCRIBE
//	pipe       files into tables: COPY, pipes, notices, history
//	stage      files: buckets, formats, fields to values
//	session    tokens, settings, the open transaction
//	catalog    what exists, committed together with the data
//	engine     DuckDB: transactions, locks, values in and out
//	answer     columns, rows, chunks on disk
//	streaming  Snowpipe Streaming: channels, rows over HTTP into tables
//	fault      errors in Snowflake's words
//	dialect    SQL of Snowflake read and rewritten for DuckDB; variant and number are the values that DuckDB has not
//
// This package joins them, over one folder.
//
// All state is one DuckDB file in Config.Dir. A statement that was answered is durable; after a kill at any moment Open
// finds the last commit. Sessions, running statements and remembered answers end with the process.
//
// A value is stored exactly or refused, and by MERGE and by COPY alike. Numbers have up to 38 digits and never pass
// through a float; texts keep every byte; package variant says what a VARIANT is. TIMESTAMP_NTZ(9), which is what
// TIMESTAMP_NTZ means, has nanoseconds from 1677-09-22 to 2262-04-11 and refuses other times (error 100035);
// TIMESTAMP_NTZ(6) has microseconds and the years 1 to 9999. DuckDB has no type for both.
//
// COPY reads a CSV field for a VARIANT column as JSON, as the service does: users report its "Error parsing JSON" for
// fields that are none, and pipelines rely on it. An empty field is NULL, as PARSE_JSON(”) is. With MATCH_BY_COLUMN_NAME
// a column that the file lacks is NULL and one that the table lacks is passed over, but only where the file format says
// ERROR_ON_COLUMN_COUNT_MISMATCH = FALSE: the service asks for that where tables gain columns, and its error without
// it is the same that this server gives. That the service counts a header's names in other cases too is likely, not documented.
//
// What differs from the service: rights are recorded and never checked; columns whose names differ only in the case of
// A to Z cannot be in one table; TIMESTAMP_TZ keeps the instant and forgets the zone, and other times than TIMESTAMP_NTZ
// have microseconds; a transaction sees the state at its first statement rather than at each one; the files of internal
// stages lie below Config.Dir as they came, neither encrypted nor compressed by the server. What is not known is refused by name.
package warehouse

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/snowstream/snowstream/local/warehouse/catalog"
	"github.com/snowstream/snowstream/local/warehouse/dialect"
	"github.com/snowstream/snowstream/local/warehouse/engine"
	"github.com/snowstream/snowstream/local/warehouse/fault"
	"github.com/snowstream/snowstream/local/warehouse/pipe"
	"github.com/snowstream/snowstream/local/warehouse/session"
	"github.com/snowstream/snowstream/local/warehouse/stage"
	"github.com/snowstream/snowstream/local/warehouse/statement"
	"github.com/snowstream/snowstream/local/warehouse/streaming"
	"github.com/snowstream/snowstream/local/warehouse/wire"
)

// User is someone who may log in.
type User = catalog.User

// Config says what the warehouse is and where it keeps its data.
type Config struct {
	// Dir holds the database and everything else that lasts. One server at a time may use it.
	Dir string
	// Account is the account's name, which key-pair logins carry.
	Account string
	// Users may log in. Their databases, schemas, warehouses and roles are made when they do not exist.
	Users []User
	// S3Endpoint is where the buckets of external stages are, in path style; empty means AWS itself.
	S3Endpoint string
	// Region is the region of the buckets and of the notification channel.
	Region string
	// AccessKeyID and SecretAccessKey sign requests to S3; notifications must be signed with the same key id.
	AccessKeyID, SecretAccessKey string
	// AccountID is the AWS account id in the made-up ARNs of the notification channel and the IAM user, 12 digits.
	AccountID string
	// Log receives ids and counts, never SQL or values; nil discards.
	Log *slog.Logger
	// Timed is told how long each MERGE took ("MERGE"), each transaction of a pipe ("pipe") and each commit of streamed
	// rows ("stream"), waiting for locks and the commit included. It must be quick, and is called concurrently; nil is for nobody.
	Timed func(what string, took time.Duration)
	// StreamTick is the time from one commit of streamed rows to the next; 0 means streaming.DefaultTick.
	StreamTick time.Duration

	// Tests shorten these: the validity of sessions, and how long a request waits for its statement.
	tokenValidity, masterValidity, answerWait time.Duration
}

// Server is a running warehouse. It is safe for concurrent use.
type Server struct {
	cfg      Config
	log      *slog.Logger
	mux      *http.ServeMux
	engine   *engine.Engine
	catalog  *catalog.Catalog
	files    *stage.Files
	sessions *session.Registry
	pipes    *pipe.Pipes
	runner   *statement.Runner
	front    *wire.Front
	streams  *streaming.Server

	ctx    context.Context
	cancel context.CancelFunc

	mu      sync.Mutex // covers the fields below
	closing bool
	running sync.WaitGroup
	closed  error
}

// Open recovers the warehouse in cfg.Dir, or makes one, and starts loading what its pipes had not loaded yet.
func Open(cfg Config) (*Server, error) {
	if cfg.Dir == "" || cfg.Account == "" {
		return nil, errors.New("open warehouse: Dir and Account must be set")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Timed == nil {
		cfg.Timed = func(string, time.Duration) {}
	}
	s := &Server{cfg: cfg, log: cfg.Log}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if err := s.start(); err != nil {
		s.cancel()
		return nil, err
	}
	return s, nil
}

func (s *Server) start() error {
	who := &catalog.Account{Name: s.cfg.Account, ID: s.cfg.AccountID, Region: s.cfg.Region, Users: s.cfg.Users}
	if err := who.Check(); err != nil {
		return fmt.Errorf("open warehouse: %w", err)
	}
	// Result chunks of a former process belong to nobody.
	results := filepath.Join(s.cfg.Dir, "results")
	if err := errors.Join(os.RemoveAll(results), os.MkdirAll(results, 0o700)); err != nil {
		return fmt.Errorf("open warehouse: %w", err)
	}
	opened, err := engine.Open(s.ctx, s.cfg.Dir)
	if err != nil {
		return err
	}
	s.engine = opened
	if err := s.join(who, results); err != nil {
		return errors.Join(err, opened.Close())
	}
	s.goRun(s.tidy)
	s.pipes.Wake()
	return nil
}

// join builds the rooms over the open database, each over those that it may use.
func (s *Server) join(who *catalog.Account, results string) (err error) {
	if s.catalog, err = catalog.Open(s.ctx, s.engine); err != nil {
		return err
	}
	s.files, err = stage.Open(stage.Config{Endpoint: s.cfg.S3Endpoint, Region: s.cfg.Region, AccessKeyID: s.cfg.AccessKeyID, SecretAccessKey: s.cfg.SecretAccessKey,
		Dir: filepath.Join(s.cfg.Dir, "stages")})
	if err != nil {
		return err
	}
	s.pipes, err = pipe.Open(pipe.Config{Account: who, Engine: s.engine, Catalog: s.catalog, Files: s.files, Log: s.log, Timed: s.cfg.Timed, Start: s.goRun, Ctx: s.ctx})
	if err != nil {
		return err
	}
	if err := s.furnish(); err != nil {
		return err
	}
	s.sessions = session.NewRegistry(who, s.engine, s.cfg.tokenValidity, s.cfg.masterValidity)
	s.runner = statement.New(statement.Config{Account: who, Engine: s.engine, Catalog: s.catalog, Files: s.files, Pipes: s.pipes, ResultDir: results, Timed: s.cfg.Timed,
		Invalidate: s.invalidate})
	s.front = wire.New(wire.Config{Account: who, Catalog: s.catalog, Sessions: s.sessions, Runner: s.runner, Log: s.log, ResultDir: results,
		AnswerWait: s.cfg.answerWait, Start: s.goRun, Ctx: s.ctx})
	s.streams, err = streaming.Open(s.ctx, streaming.Config{Account: streams{who, s.engine, s.catalog, s.front}, Tick: s.cfg.StreamTick, Log: s.log,
		Timed: func(took time.Duration) { s.cfg.Timed("stream", took) }})
	if err != nil {
		return err
	}
	s.mux = http.NewServeMux()
	s.mux.Handle("/", s.front)
	s.mux.Handle(stage.TransferPath, s.files)
	s.mux.HandleFunc("POST /{$}", s.pipes.HandleSQS)
	for _, path := range streaming.Paths() {
		s.mux.Handle(path, s.streams)
	}
	return nil
}

// furnish makes what users' defaults name, and drops what ended with the sessions of a former process.
func (s *Server) furnish() error {
	if err := s.catalog.DropTemporary(s.ctx, 0); err != nil {
		return err
	}
	return s.catalog.Define(s.ctx, func(d *catalog.Draft) error {
		made := map[catalog.ObjectKey]bool{}
		add := func(kind string, name dialect.Name) error {
			key := catalog.ObjectKey{Kind: kind, Name: name}
			if name.Last() == "" || made[key] || d.Cat.Get(kind, name) != nil {
				return nil
			}
			made[key] = true
			if kind == "SCHEMA" {
				return d.PutSchema(name, "", "")
			}
			return d.Put(&catalog.Object{Kind: kind, Name: name})
		}
		for _, u := range s.cfg.Users {
			database := dialect.Fold(u.Database, "")
			wanted := []catalog.ObjectKey{{Kind: "ROLE", Name: dialect.Name{Object: dialect.Fold(u.DefaultRole, "")}}, {Kind: "WAREHOUSE", Name: dialect.Name{Object: dialect.Fold(u.DefaultWarehouse, "")}}}
			if database != "" {
				wanted = append(wanted, catalog.ObjectKey{Kind: "DATABASE", Name: dialect.Name{Database: database}},
					catalog.ObjectKey{Kind: "SCHEMA", Name: dialect.Name{Database: database, Schema: "PUBLIC"}}, catalog.ObjectKey{Kind: "SCHEMA", Name: dialect.Name{Database: database, Schema: dialect.Fold(u.Schema, "PUBLIC")}})
			}
			for _, w := range wanted {
				if err := add(w.Kind, w.Name); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// goRun starts f as background work that Close waits for. It says false when the server is closing.
func (s *Server) goRun(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	s.running.Go(f)
	return true
}

// tidy ends what has outlived its time: sessions, idle transactions, remembered answers, load histories.
func (s *Server) tidy() {
	for minute := 0; engine.Pause(s.ctx, time.Minute); minute++ {
		now := time.Now()
		s.sessions.Expire(now, engine.TransactionIdle)
		s.front.Evict(now)
		if err := s.files.Sweep(s.catalog); err != nil {
			s.log.Warn("files of stages that are gone are still there", "error", err)
		}
		if minute%60 == 0 {
			if err := s.pipes.ForgetHistory(s.ctx, now); err != nil && s.ctx.Err() == nil {
				s.log.Warn("old load histories are still there", "number", fault.Translate(err).Number)
			}
		}
	}
}

// Changes counts what was committed since Open: statements that may have changed rows, and transactions of pipes. Whoever
// watches a table need not ask it again before they have moved. Commits of streamed rows count as statements.
func (s *Server) Changes() (statements, loads int64) {
	return s.runner.Changes() + s.streams.Commits(), s.pipes.Loads()
}

// Streaming is the account's Snowpipe Streaming, for who breaks it on purpose.
func (s *Server) Streaming() *streaming.Server { return s.streams }

// Idle returns when every notification received so far has been worked off by the pipes that are not paused, and what was
// streamed so far is committed, or when ctx ends. Pipes whose table or stage is missing count as idle.
func (s *Server) Idle(ctx context.Context) error {
	if err := s.streams.Flush(ctx); err != nil {
		return err
	}
	s.pipes.Wake()
	if err := s.pipes.Wait(ctx); err != nil {
		return fmt.Errorf("wait for the pipes: %w", err)
	}
	return nil
}

// Close stops loading, cancels running statements, rolls open transactions back and closes the database. It may be
// called more than once.
func (s *Server) Close() error {
	s.mu.Lock()
	first := !s.closing
	s.closing = true
	s.mu.Unlock()
	s.cancel()
	s.running.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if first {
		s.sessions.CloseAll()
		s.closed = errors.Join(s.streams.Close(), s.engine.Close())
	}
	return s.closed
}

// ServeHTTP answers the protocols of Snowflake's drivers and of SQS.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mux.ServeHTTP(w, r)
}
