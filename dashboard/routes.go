package dashboard

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
	"unicode/utf8"
)

const (
	// maxBody is room for the longest template, written as JSON.
	maxBody = 4 << 20
	// maxPayload is how much of a payload is given out.
	maxPayload = 256 << 10
	// readWithin is how long a request body may take.
	readWithin = 10 * time.Second
)

// routes are all that there is; what is not configured does not exist.
func (s *Server) routes(pages map[string]*page) http.Handler {
	mux := http.NewServeMux()
	for path, p := range pages {
		mux.Handle("GET "+path, p)
	}
	mux.HandleFunc("GET /api/snapshot", s.handleSnapshot)
	mux.HandleFunc("GET /api/events", s.handleEvents)
	mux.HandleFunc("GET /api/quarantine/payload", s.handlePayload)
	mux.HandleFunc("GET /healthz", s.handleHealth)
	mux.Handle("GET /metrics", s.metrics())
	s.routeNewest(mux)
	if s.config.Producer != nil {
		s.routeProducer(mux)
	}
	if s.config.Check != nil {
		mux.Handle("POST /api/template/check", s.answer(func(r *http.Request) (any, error) {
			var body struct{ Template string }
			if err := read(r, &body); err != nil {
				return nil, err
			}
			return s.config.Check(body.Template), nil
		}))
	}
	if s.config.Audit != nil {
		mux.Handle("POST /api/audit", s.answer(func(r *http.Request) (any, error) {
			if err := read(r, &struct{}{}); err != nil {
				return nil, err
			}
			select {
			case s.audit <- struct{}{}:
			default: // one has been asked for
			}
			return nil, nil
		}))
	}
	if len(s.breaks) > 0 {
		mux.Handle("POST /api/break/{id}", s.answer(func(r *http.Request) (any, error) {
			var body struct{ Seconds float64 }
			if err := read(r, &body); err != nil {
				return nil, err
			}
			return nil, s.breakIt(r.PathValue("id"), body.Seconds)
		}))
	}
	return mux
}

func (s *Server) routeProducer(mux *http.ServeMux) {
	p := s.config.Producer
	mux.Handle("POST /api/producer/rate", s.answer(func(r *http.Request) (any, error) {
		var body struct{ Rate *float64 }
		if err := read(r, &body); err != nil {
			return nil, err
		}
		if body.Rate == nil {
			return nil, errors.New(`the body needs a "rate"`)
		}
		return nil, p.SetRate(*body.Rate)
	}))
	mux.Handle("POST /api/producer/pause", s.answer(func(r *http.Request) (any, error) {
		var body struct{ Paused *bool }
		if err := read(r, &body); err != nil {
			return nil, err
		}
		if body.Paused == nil {
			return nil, errors.New(`the body needs "paused"`)
		}
		return nil, p.Pause(*body.Paused)
	}))
	for path, set := range map[string]func(string) error{"shape": p.SetShape, "template": p.SetTemplate} {
		mux.Handle("POST /api/producer/"+path, s.answer(func(r *http.Request) (any, error) {
			var body map[string]string
			if err := read(r, &body); err != nil {
				return nil, err
			}
			text, there := body[path]
			if !there || len(body) != 1 {
				return nil, fmt.Errorf("the body needs a %q and nothing else", path)
			}
			return nil, set(text)
		}))
	}
}

// answer makes a handler of a control: its answer as JSON, 204 without one, 400 with the reason if it refuses.
func (s *Server) answer(f func(*http.Request) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(readWithin)) // where there is one
		answer, err := f(r)
		s.changes() // before the answer: whoever has it sees the change
		var large *http.MaxBytesError
		switch {
		case err == nil && answer == nil:
			w.WriteHeader(http.StatusNoContent)
		case err == nil:
			writeJSON(w, http.StatusOK, answer)
		case errors.As(err, &large):
			fail(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("a body has at most %d bytes", maxBody))
		case errors.Is(err, ErrUnknown):
			fail(w, http.StatusNotFound, err.Error())
		case errors.Is(err, errActive):
			fail(w, http.StatusConflict, err.Error())
		default:
			fail(w, http.StatusBadRequest, err.Error())
		}
	})
}

// read takes one JSON value with known names only.
func read(r *http.Request, into any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("the body is not the JSON that belongs here: %w", err)
	}
	if d.More() {
		return errors.New("there is something behind the JSON in the body")
	}
	return nil
}

func (s *Server) handleSnapshot(w http.ResponseWriter, r *http.Request) {
	last := s.fresh(r.Context())
	writeJSON(w, http.StatusOK, last.whole())
}

// payload is a record's content: text only if it is valid UTF-8, both of its first part if it is long.
type payload struct {
	Bytes  int     `json:"bytes"`
	Base64 string  `json:"base64"`
	Text   *string `json:"text"`
}

func (s *Server) handlePayload(w http.ResponseWriter, r *http.Request) {
	data, err := s.config.Source.Payload(r.Context(), r.URL.Query().Get("id"))
	if errors.Is(err, ErrUnknown) {
		fail(w, http.StatusNotFound, "it is not among the last quarantined records any more: see `snowstream quarantine show`")
		return
	}
	if err != nil {
		fail(w, http.StatusBadGateway, err.Error())
		return
	}
	part := data[:min(len(data), maxPayload)]
	p := payload{Bytes: len(data), Base64: base64.StdEncoding.EncodeToString(part)}
	if utf8.Valid(data) {
		text := string(part)
		p.Text = &text
	}
	writeJSON(w, http.StatusOK, p)
}

func (s *Server) handleHealth(w http.ResponseWriter, _ *http.Request) {
	if reason := s.health(); reason != "" {
		writeJSON(w, http.StatusServiceUnavailable, map[string]string{"status": "unavailable", "reason": reason})
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

func fail(w http.ResponseWriter, status int, reason string) {
	writeJSON(w, status, map[string]string{"error": reason})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(encode(v)) // a client that has gone needs no answer
}
