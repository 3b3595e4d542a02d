// Package wire is the protocol of Snowflake's drivers: login, sessions' tokens, requests, the answers that are remembered
// so that a repeated request does nothing twice, and the chunks of large ones.
//
// It turns bodies into statements for package statement and answers into JSON. It may read users and end temporary
// objects in the catalog; to the database it has no way.
package wire

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/snowstream/snowstream/local/warehouse/catalog"
	"github.com/snowstream/snowstream/local/warehouse/fault"
	"github.com/snowstream/snowstream/local/warehouse/session"
	"github.com/snowstream/snowstream/local/warehouse/statement"
)

// Config is what the wire works with.
type Config struct {
	Account  *catalog.Account
	Catalog  *catalog.Catalog
	Sessions *session.Registry
	Runner   *statement.Runner
	Log      *slog.Logger
	// resultDir is where the runner keeps the chunks of answers.
	ResultDir string
	// answerWait is how long a request waits for its statement before it is told to poll; 0 means the service's time.
	AnswerWait time.Duration
	// start runs f in the background until ctx, which lasts as long as the server, ends. It says false when it has ended.
	Start func(f func()) bool
	Ctx   context.Context
}

// Front is the account's front door: it speaks the protocol of the drivers. It is safe for concurrent use.
type Front struct {
	Config
	mux     *http.ServeMux
	queries *queries
}

func New(cfg Config) *Front {
	if cfg.AnswerWait == 0 {
		cfg.AnswerWait = answerWait
	}
	s := &Front{Config: cfg, queries: newQueries(cfg.ResultDir)}
	s.routes()
	return s
}

// Evict forgets answers that nobody fetches any more.
func (s *Front) Evict(now time.Time) { s.queries.evict(now) }

func (s *Front) routes() {
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
}

// ServeHTTP answers the protocol of Snowflake's drivers.
func (s *Front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mux.ServeHTTP(w, r)
}

func (s *Front) handleRenew(w http.ResponseWriter, r *http.Request) {
	session, refused := s.Sessions.Renew(bearer(r))
	if refused != nil {
		writeJSON(w, failed(refused, ""))
		return
	}
	data := granted(session)
	writeJSON(w, success(map[string]any{"sessionToken": data.Token, "validityInSecondsST": data.Validity, "masterToken": data.MasterToken,
		"validityInSecondsMT": data.MasterValidity, "sessionId": data.SessionID}))
}

func (s *Front) handleHeartbeat(w http.ResponseWriter, r *http.Request) {
	if _, refused := s.Sessions.Find(bearer(r)); refused != nil {
		writeJSON(w, failed(refused, ""))
		return
	}
	writeJSON(w, success(nil))
}

// handleSession ends a session; statements that still run in it are cancelled.
func (s *Front) handleSession(w http.ResponseWriter, r *http.Request) {
	session, refused := s.Sessions.Find(bearer(r))
	if refused != nil {
		writeJSON(w, failed(refused, ""))
		return
	}
	if strings.EqualFold(r.URL.Query().Get("delete"), "true") {
		s.queries.abort(session, "")
		s.Sessions.Close(session)
		if err := s.Catalog.DropTemporary(s.Ctx, session.ID); err != nil {
			// What cannot be dropped now is dropped at the next start.
			s.Log.Warn("temporary objects of a session are still there", "session", session.ID, "number", fault.Translate(err).Number)
		}
	}
	writeJSON(w, success(nil))
}
