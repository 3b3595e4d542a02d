package snowpipe

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

// sent is one request as the stub has received it, its body unpacked.
type sent struct {
	method, path string
	query        [][2]string
	header       http.Header
	body, wire   []byte
}

func (s sent) value(name string) string {
	for _, q := range s.query {
		if q[0] == name {
			return q[1]
		}
	}
	return ""
}

// reply is what the stub answers.
type reply struct {
	status int
	header map[string]string
	body   string
	// hold keeps the answer back until the client has gone.
	hold bool
}

// service is a stub: it answers what the script says, and else as if all went well.
type service struct {
	*httptest.Server
	mu    sync.Mutex
	calls []sent
	// script holds the replies to come for a path that ends so.
	script    map[string][]reply
	committed string
	tokens    int
	life      time.Duration
}

func serve(t *testing.T) *service {
	t.Helper()
	s := &service{script: map[string][]reply{}, life: time.Hour}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

// on adds replies to calls whose path ends so.
func (s *service) on(suffix string, replies ...reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script[suffix] = append(s.script[suffix], replies...)
}

// of returns the calls so far whose path ends so.
func (s *service) of(suffix string) (out []sent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.calls {
		if strings.HasSuffix(c.path, suffix) {
			out = append(out, c)
		}
	}
	return out
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	wire, err := io.ReadAll(r.Body)
	body := wire
	switch {
	case err != nil:
	case r.Header.Get("Content-Encoding") == "zstd":
		var d *zstd.Decoder
		if d, err = zstd.NewReader(nil); err == nil {
			body, err = d.DecodeAll(wire, nil)
			d.Close()
		}
	case r.Header.Get("Content-Encoding") == "gzip":
		var d *gzip.Reader
		if d, err = gzip.NewReader(bytes.NewReader(wire)); err == nil {
			body, err = io.ReadAll(d)
		}
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	out := s.answer(sent{r.Method, r.URL.EscapedPath(), pairs(r.URL.RawQuery), r.Header, body, wire})
	if out.hold {
		<-r.Context().Done()
		return
	}
	for k, v := range out.header {
		w.Header().Set(k, v)
	}
	w.WriteHeader(out.status)
	_, _ = io.WriteString(w, out.body)
}

func pairs(query string) (out [][2]string) {
	for part := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(part, "=")
		value, _ = url.QueryUnescape(value)
		out = append(out, [2]string{name, value})
	}
	return out
}

func (s *service) answer(c sent) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, c)
	for suffix, replies := range s.script {
		if strings.HasSuffix(c.path, suffix) && len(replies) > 0 {
			s.script[suffix] = replies[1:]
			if replies[0].status != 0 || replies[0].hold {
				return replies[0]
			}
			break // a zero reply: this one goes well
		}
	}
	return s.well(c)
}

func (s *service) well(c sent) reply {
	ok := func(v any) reply {
		text, _ := json.Marshal(v)
		return reply{status: 200, body: string(text)}
	}
	s.tokens++
	token := fmt.Sprintf("token %d", s.tokens)
	switch {
	case strings.HasSuffix(c.path, "/hostname"):
		return reply{status: 200, body: "127.0.0.1\n"}
	case strings.HasSuffix(c.path, "/oauth/token"):
		return reply{status: 200, body: jwtText(time.Now().Add(s.life), s.tokens)}
	case strings.HasSuffix(c.path, ":bulk-channel-status"):
		var in struct {
			Names []string `json:"channel_names"`
		}
		_ = json.Unmarshal(c.body, &in)
		all := map[string]any{}
		for _, n := range in.Names {
			if n != "missing" {
				all[n] = s.status(n)
			}
		}
		return ok(map[string]any{"channel_statuses": all})
	case strings.HasSuffix(c.path, "/rows"):
		s.committed = c.value("endOffsetToken")
		out := ok(map[string]any{"next_continuation_token": token, "message": "OK"})
		out.header = map[string]string{"X-Snowflake-Session": "c2Vzcw=="}
		return out
	case c.method == http.MethodPut:
		return ok(map[string]any{"next_continuation_token": token, "channel_status": s.status("C")})
	}
	return ok(map[string]any{})
}

func (s *service) status(name string) map[string]any {
	out := map[string]any{
		"database_name": "DB", "schema_name": "S", "pipe_name": "T-STREAMING", "channel_name": name, "channel_status_code": "SUCCESS",
		"created_on_ms": 1, "rows_inserted": 3, "rows_parsed": 4, "rows_error_count": 1, "last_error_message": "too long",
	}
	if s.committed != "" {
		out["last_committed_offset_token"] = s.committed
	}
	return out
}

// jwtText is a token that ends then. Nobody checks its signature.
func jwtText(end time.Time, n int) string {
	part := func(v any) string {
		text, _ := json.Marshal(v)
		return base64.RawURLEncoding.EncodeToString(text)
	}
	return part(map[string]string{"alg": "HS256"}) + "." + part(map[string]any{"exp": end.Unix(), "n": n}) + ".c2VjcmV0"
}
