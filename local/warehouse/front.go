package warehouse

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// frontConfig is what the wire works with.
type frontConfig struct {
	account  *account
	catalog  *catalog
	sessions *sessions
	runner   *runner
	log      *slog.Logger
	// resultDir is where the runner keeps the chunks of answers.
	resultDir string
	// answerWait is how long a request waits for its statement before it is told to poll; 0 means the service's time.
	answerWait time.Duration
	// start runs f in the background until ctx, which lasts as long as the server, ends. It says false when it has ended.
	start func(f func()) bool
	ctx   context.Context
}

// front is the account's front door: it speaks the protocol of the drivers. It is safe for concurrent use.
type front struct {
	frontConfig
	mux     *http.ServeMux
	queries *queries
}

func newFront(cfg frontConfig) *front {
	if cfg.answerWait == 0 {
		cfg.answerWait = answerWait
	}
	s := &front{frontConfig: cfg, queries: newQueries(cfg.resultDir)}
	s.routes()
	return s
}

// evict forgets answers that nobody fetches any more.
func (s *front) evict(now time.Time) { s.queries.evict(now) }

func (s *front) routes() {
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
func (s *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mux.ServeHTTP(w, r)
}

func (s *front) handleRenew(w http.ResponseWriter, r *http.Request) {
	session, refused := s.sessions.renew(bearer(r))
	if refused != nil {
		writeJSON(w, failed(refused, ""))
		return
	}
	data := granted(session)
	writeJSON(w, success(map[string]any{"sessionToken": data.Token, "validityInSecondsST": data.Validity, "masterToken": data.MasterToken,
		"validityInSecondsMT": data.MasterValidity, "sessionId": data.SessionID}))
}

func (s *front) handleHeartbeat(w http.ResponseWriter, r *http.Request) {
	if _, refused := s.sessions.find(bearer(r)); refused != nil {
		writeJSON(w, failed(refused, ""))
		return
	}
	writeJSON(w, success(nil))
}

// handleSession ends a session; statements that still run in it are cancelled.
func (s *front) handleSession(w http.ResponseWriter, r *http.Request) {
	session, refused := s.sessions.find(bearer(r))
	if refused != nil {
		writeJSON(w, failed(refused, ""))
		return
	}
	if strings.EqualFold(r.URL.Query().Get("delete"), "true") {
		s.queries.abort(session, "")
		s.sessions.close(session)
		if err := s.catalog.dropTemporary(s.ctx, session.id); err != nil {
			// What cannot be dropped now is dropped at the next start.
			s.log.Warn("temporary objects of a session are still there", "session", session.id, "number", translate(err).Number)
		}
	}
	writeJSON(w, success(nil))
}
