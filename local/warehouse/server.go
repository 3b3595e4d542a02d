// Package warehouse is a Snowflake account on one machine: the wire protocol of the official drivers over DuckDB.
//
// A client logs in with a password or a key pair, opens sessions and sends statements (login.go, session.go, query.go).
// Package dialect reads a statement and rewrites it for DuckDB; this package runs it, with Snowflake's transactions
// and table locks (transaction.go, lock.go), and encodes the answer (result.go, spool.go). What DuckDB does not know
// is kept in a catalog that commits together with the data: databases, stages, file formats, integrations, pipes
// (catalog.go, ddl.go, show.go). COPY and pipes read files from S3 with the official SDK (stage.go, load.go, rows.go,
// copy.go, pipe.go), and bucket notifications arrive over the SQS protocol (queue.go).
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
// have microseconds; a transaction sees the state at its first statement rather than at each one; internal stages, PUT
// and GET do not exist. What is not known is refused by name.
package warehouse

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/snowstream/snowstream/local/warehouse/dialect"
)

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
	// Timed is told how long each MERGE took ("MERGE"), and each transaction of a pipe ("pipe"), waiting for locks and
	// the commit included. It must be quick, and is called concurrently; nil is for nobody.
	Timed func(what string, took time.Duration)

	// Tests shorten these: the validity of sessions, and how long a request waits for its statement.
	tokenValidity, masterValidity, answerWait time.Duration
}

// Server is a running warehouse. It is safe for concurrent use.
type Server struct {
	cfg         Config
	log         *slog.Logger
	mux         *http.ServeMux
	engine      *engine
	sessions    *sessions
	queries     *queries
	pipes       *pipes
	queue       *queue
	s3          *s3.Client
	resultDir   string
	lastMessage atomic.Int64 // Unix milliseconds of the last notification
	written     atomic.Int64 // statements that changed rows
	loaded      atomic.Int64 // transactions of pipes

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
	if cfg.tokenValidity == 0 {
		cfg.tokenValidity, cfg.masterValidity = tokenValidity, masterValidity
	}
	if cfg.answerWait == 0 {
		cfg.answerWait = answerWait
	}
	s := &Server{cfg: cfg, log: cfg.Log, s3: newS3(&cfg), resultDir: filepath.Join(cfg.Dir, "results")}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if err := s.start(); err != nil {
		s.cancel()
		return nil, err
	}
	return s, nil
}

func (s *Server) start() error {
	if err := checkKeys(s.cfg.Users); err != nil {
		return err
	}
	// Result chunks of a former process belong to nobody.
	if err := os.RemoveAll(s.resultDir); err != nil {
		return fmt.Errorf("open warehouse: %w", err)
	}
	if err := os.MkdirAll(s.resultDir, 0o700); err != nil {
		return fmt.Errorf("open warehouse: %w", err)
	}
	opened, err := openEngine(s.ctx, s.cfg.Dir)
	if err != nil {
		return err
	}
	s.engine = opened
	s.sessions = newSessions(s.cfg.tokenValidity, s.cfg.masterValidity)
	s.queries = newQueries(s.resultDir)
	s.pipes = newPipes(s)
	if s.queue, err = openQueue(s.ctx, s); err == nil {
		err = s.furnish()
	}
	if err != nil {
		return errors.Join(err, opened.close())
	}
	s.routes()
	s.goRun(s.tidy)
	s.pipes.wake()
	return nil
}

func checkKeys(users []User) error {
	for _, u := range users {
		if u.PublicKey == nil {
			continue
		}
		if _, err := x509.MarshalPKIXPublicKey(u.PublicKey); err != nil {
			return fmt.Errorf("open warehouse: public key of user %s: %w", u.Name, err)
		}
	}
	return nil
}

// furnish makes what users' defaults name, and drops what ended with the sessions of a former process.
func (s *Server) furnish() error {
	return s.engine.define(s.ctx, func(d *draft) error {
		for _, kind := range []string{"TABLE", "STAGE"} {
			for _, o := range d.cat.list(kind, func(o *object) bool { return o.Body.Session != 0 }) {
				if err := d.drop(o); err != nil {
					return err
				}
			}
		}
		made := map[objectKey]bool{}
		add := func(kind string, name dialect.Name) error {
			key := objectKey{kind, name}
			if objectName(name) == "" || made[key] || d.cat.get(kind, name) != nil {
				return nil
			}
			made[key] = true
			if kind == "SCHEMA" {
				return d.putSchema(name, "", "")
			}
			return d.put(&object{Kind: kind, Name: name})
		}
		for _, u := range s.cfg.Users {
			database := foldName(u.Database, "")
			wanted := []objectKey{{"ROLE", dialect.Name{Object: foldName(u.DefaultRole, "")}}, {"WAREHOUSE", dialect.Name{Object: foldName(u.DefaultWarehouse, "")}}}
			if database != "" {
				wanted = append(wanted, objectKey{"DATABASE", dialect.Name{Database: database}},
					objectKey{"SCHEMA", dialect.Name{Database: database, Schema: "PUBLIC"}}, objectKey{"SCHEMA", dialect.Name{Database: database, Schema: foldName(u.Schema, "PUBLIC")}})
			}
			for _, w := range wanted {
				if err := add(w.kind, w.name); err != nil {
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
	for minute := 0; pause(s.ctx, time.Minute); minute++ {
		now := time.Now()
		s.sessions.expire(now, transactionIdle)
		s.queries.evict(now)
		if minute%60 == 0 {
			if err := s.engine.forgetHistory(s.ctx, now); err != nil && s.ctx.Err() == nil {
				s.log.Warn("old load histories are still there", "number", translate(err).Number)
			}
		}
	}
}

// Changes counts what was committed since Open: statements that may have changed rows, and transactions of pipes. Whoever
// watches a table need not ask it again before they have moved.
func (s *Server) Changes() (statements, loads int64) { return s.written.Load(), s.loaded.Load() }

// Idle returns when every notification received so far has been worked off by the pipes that are not paused, or when
// ctx ends. Pipes whose table or stage is missing count as idle.
func (s *Server) Idle(ctx context.Context) error {
	s.pipes.wake()
	if err := s.pipes.wait(ctx); err != nil {
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
		s.sessions.closeAll()
		s.closed = s.engine.close()
	}
	return s.closed
}

func (s *Server) routes() {
	s.mux = http.NewServeMux()
	s.mux.HandleFunc("POST /session/v1/login-request", s.login)
	s.mux.HandleFunc("POST /session/token-request", s.handleRenew)
	s.mux.HandleFunc("POST /session/heartbeat", s.handleHeartbeat)
	s.mux.HandleFunc("POST /session", s.handleSession)
	s.mux.HandleFunc("POST /queries/v1/query-request", s.handleQuery)
	s.mux.HandleFunc("POST /queries/v1/abort-request", s.handleAbort)
	s.mux.HandleFunc("GET /queries/{id}/result", s.handleResult)
	s.mux.HandleFunc("GET /monitoring/queries/{id}", s.handleMonitoring)
	s.mux.HandleFunc("POST /telemetry/send", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, success(nil)) })
	s.mux.HandleFunc("GET "+chunkPath+"{name}", s.serveChunk)
	s.mux.HandleFunc("POST /{$}", s.handleSQS)
}

// ServeHTTP answers the protocols of Snowflake's drivers and of SQS.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mux.ServeHTTP(w, r)
}

func (s *Server) handleRenew(w http.ResponseWriter, r *http.Request) {
	session, refused := s.sessions.renew(r)
	if refused != nil {
		writeJSON(w, failed(refused, ""))
		return
	}
	data := session.loginData()
	writeJSON(w, success(map[string]any{"sessionToken": data.Token, "validityInSecondsST": data.Validity, "masterToken": data.MasterToken,
		"validityInSecondsMT": data.MasterValidity, "sessionId": data.SessionID}))
}

func (s *Server) handleHeartbeat(w http.ResponseWriter, r *http.Request) {
	if _, refused := s.sessions.find(r); refused != nil {
		writeJSON(w, failed(refused, ""))
		return
	}
	writeJSON(w, success(nil))
}

// handleSession ends a session; statements that still run in it are cancelled.
func (s *Server) handleSession(w http.ResponseWriter, r *http.Request) {
	session, refused := s.sessions.find(r)
	if refused != nil {
		writeJSON(w, failed(refused, ""))
		return
	}
	if strings.EqualFold(r.URL.Query().Get("delete"), "true") {
		s.queries.abort(session, "")
		s.sessions.close(session)
		s.dropTemporary(session)
	}
	writeJSON(w, success(nil))
}

// dropTemporary ends the session's temporary objects. What cannot be dropped now is dropped at the next Open.
func (s *Server) dropTemporary(session *session) {
	mine := func(o *object) bool { return o.Body.Session == session.id }
	if len(s.engine.catalog.list("TABLE", mine))+len(s.engine.catalog.list("STAGE", mine)) == 0 {
		return
	}
	err := s.engine.define(s.ctx, func(d *draft) error {
		for _, kind := range []string{"TABLE", "STAGE"} {
			for _, o := range d.cat.list(kind, mine) {
				if err := d.drop(o); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		s.log.Warn("temporary objects of a session are still there", "session", session.id, "number", translate(err).Number)
	}
}
