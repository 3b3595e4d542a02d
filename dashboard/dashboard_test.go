package dashboard

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a stream whose numbers the test sets.
type fake struct {
	mu    sync.Mutex
	look  Look
	err   error
	looks int
}

func (f *fake) Look(context.Context) (Look, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looks++
	return f.look, f.err
}

func (f *fake) set(change func(*fake)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

func (f *fake) Payload(_ context.Context, id string) ([]byte, error) {
	switch id {
	case "text":
		return []byte("{\"a\":\"<script>\"}"), nil
	case "bytes":
		return []byte{0xff, 0xfe}, nil
	}
	return nil, ErrUnknown
}

// generator is a producer that remembers what it was told.
type generator struct {
	mu     sync.Mutex
	status ProducerStatus
}

func (g *generator) Status() ProducerStatus {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.status
}

func (g *generator) change(f func(*ProducerStatus)) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	f(&g.status)
	return nil
}

func (g *generator) SetRate(r float64) error {
	if r < 0 {
		return errors.New("a rate is not negative")
	}
	return g.change(func(s *ProducerStatus) { s.Target = r })
}

func (g *generator) Pause(p bool) error { return g.change(func(s *ProducerStatus) { s.Paused = p }) }
func (g *generator) SetShape(text string) error {
	return g.change(func(s *ProducerStatus) { s.Shape = text })
}
func (g *generator) SetTemplate(text string) error {
	return g.change(func(s *ProducerStatus) { s.Template = text })
}

// open serves a dashboard on a free port.
func open(t *testing.T, c Config) *httptest.Server {
	t.Helper()
	if c.Every == 0 {
		c.Every = 20 * time.Millisecond
	}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	t.Cleanup(func() {
		server.CloseClientConnections()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		server.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return server
}

// do makes one request; change may alter it first.
func do(t *testing.T, method, url, body string, change func(*http.Request)) (int, http.Header, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(r)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, answer.Header, string(text)
}

func control(r *http.Request) { r.Header.Set("X-Snowstream-Control", "1") }

func snapshot(t *testing.T, url string) (s Snapshot) {
	t.Helper()
	status, _, text := do(t, "GET", url+"/api/snapshot", "", nil)
	if err := json.Unmarshal([]byte(text), &s); status != 200 || err != nil {
		t.Fatalf("%d, %v: %s", status, err, text)
	}
	return s
}

// eventually polls until a snapshot is as wanted.
func eventually(t *testing.T, url string, ok func(Snapshot) bool) Snapshot {
	t.Helper()
	var s Snapshot
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if s = snapshot(t, url); ok(s) {
			return s
		}
	}
	t.Fatalf("no such snapshot within 10 s; the last one: %s", encode(s))
	return s
}

func half() *float64 { h := 0.5; return &h }

func flowing() Look {
	return Look{
		Accepted: 1000, Landed: 900, Quarantined: 10, Objects: 9,
		Orchestrator: Function{Batches: 9}, Upsert: Function{Batches: 9},
		Streaming: Table{Rows: 890, P50: half(), P99: half()}, Microbatch: Table{Rows: 800},
		Shards: []Shard{{ID: "shardId-000000000000", Waiting: 100, Lag: 2.5, Accepted: 1000, State: "open"}},
		Pipe:   Pipe{State: "RUNNING", Pending: 1},
		Files:  []File{{Name: "a.csv", Rows: 100}}, Rejects: []Reject{{ID: "text", Shard: "shardId-000000000000", Reason: "syntax"}},
	}
}

func TestSnapshot(t *testing.T) {
	source := &fake{look: flowing()}
	server := open(t, Config{Source: source, Mode: "local", Names: Names{Stream: "kdEntry"}})
	s := eventually(t, server.URL, func(s Snapshot) bool { return s.Shards.Total == 1 })
	if len(s.Boxes) != 7 || len(s.Arrows) != 6 || s.Boxes[1].Count != 1000 || s.Shards.Waiting != 100 || s.Quarantine.Count != 10 ||
		s.Producer != nil || s.Audit != nil || s.Breaks == nil || len(s.History) == 0 || s.Problem != "" {
		t.Errorf("%s", encode(s))
	}
	source.set(func(f *fake) { f.look.Accepted, f.look.Streaming.Rows = 3000, 1200 })
	s = eventually(t, server.URL, func(s Snapshot) bool { return s.Boxes[1].Count == 3000 })
	if s.Boxes[5].Count != 1200 || s.Arrows[4].Lag == nil || *s.Arrows[4].Lag < 0 {
		t.Errorf("%s", encode(s))
	}
	rate := 0.0
	for _, p := range s.History {
		rate = max(rate, p.Accepted)
	}
	if rate <= 0 {
		t.Errorf("2000 records more and no rate: %+v", s.History)
	}
	source.set(func(f *fake) { f.err = errors.New("no answer") })
	s = eventually(t, server.URL, func(s Snapshot) bool { return s.Problem != "" })
	if s.Boxes[1].Count != 3000 {
		t.Errorf("the old numbers are gone: %s", encode(s))
	}
}

func TestHealth(t *testing.T) {
	source := &fake{look: flowing()}
	server := open(t, Config{Source: source})
	snapshot(t, server.URL)
	if status, _, text := do(t, "GET", server.URL+"/healthz", "", nil); status != 200 || text != `{"status":"ok"}` {
		t.Errorf("%d %s", status, text)
	}
	source.set(func(f *fake) { f.err = errors.New("no answer") })
	eventually(t, server.URL, func(s Snapshot) bool { return s.Problem != "" })
	if status, _, text := do(t, "GET", server.URL+"/healthz", "", nil); status != 503 || !strings.Contains(text, "no answer") {
		t.Errorf("%d %s", status, text)
	}
}

// TestGuard: what other sites could make a browser send has no effect and no answer.
func TestGuard(t *testing.T) {
	p := &generator{}
	server := open(t, Config{Source: &fake{look: flowing()}, Producer: p, Hosts: []string{"board.example"}})
	rate := server.URL + "/api/producer/rate"
	header := func(pairs ...string) func(*http.Request) {
		return func(r *http.Request) {
			for i := 0; i < len(pairs); i += 2 {
				if pairs[i] == "Host" {
					r.Host = pairs[i+1]
				} else {
					r.Header.Set(pairs[i], pairs[i+1])
				}
			}
		}
	}
	for _, c := range []struct {
		name, method, url string
		change            func(*http.Request)
		want              int
	}{
		{"rebinding", "GET", server.URL + "/api/snapshot", header("Host", "evil.example"), 403},
		{"rebinding with a port", "GET", server.URL + "/", header("Host", "evil.example:7405"), 403},
		{"like loopback", "GET", server.URL + "/", header("Host", "127.0.0.1.evil.example"), 403},
		{"no host", "GET", server.URL + "/", header("Host", ":80"), 403},
		{"localhost", "GET", server.URL + "/", header("Host", "localhost:7405"), 200},
		{"IPv6", "GET", server.URL + "/", header("Host", "[::1]:7405"), 200},
		{"configured", "GET", server.URL + "/", header("Host", "Board.Example"), 200},
		{"cross-site", "POST", rate, header("X-Snowstream-Control", "1", "Sec-Fetch-Site", "cross-site"), 403},
		{"same-site", "POST", rate, header("X-Snowstream-Control", "1", "Sec-Fetch-Site", "same-site"), 403},
		{"other origin", "POST", rate, header("X-Snowstream-Control", "1", "Origin", "https://evil.example"), 403},
		{"without the header", "POST", rate, nil, 403},
		{"by GET", "GET", rate + "?rate=5", control, 405},
		{"by PUT", "PUT", rate, control, 405},
		{"a break that is not there", "POST", server.URL + "/api/break/s3-errors", control, 404},
	} {
		if status, _, text := do(t, c.method, c.url, `{"rate":5}`, c.change); status != c.want {
			t.Errorf("%s: %d, want %d: %s", c.name, status, c.want, text)
		}
	}
	if got := p.Status().Target; got != 0 {
		t.Fatalf("a refused request has changed the rate to %g", got)
	}
	if status, _, text := do(t, "POST", rate, `{"rate":5}`, header("X-Snowstream-Control", "1", "Sec-Fetch-Site", "same-origin", "Origin", server.URL)); status != 204 || p.Status().Target != 5 {
		t.Errorf("the page's own request: %d %s, rate %g", status, text, p.Status().Target)
	}
	_, h, _ := do(t, "GET", server.URL+"/", "", nil)
	for name, part := range map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'self'", "X-Content-Type-Options": "nosniff",
		"Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
	} {
		if !strings.Contains(h.Get(name), part) {
			t.Errorf("%s: %q", name, h.Get(name))
		}
	}
}

func TestToken(t *testing.T) {
	server := open(t, Config{Source: &fake{look: flowing()}, Token: "opensesame"})
	for _, path := range []string{"/", "/api/snapshot", "/api/events", "/healthz", "/?token=wrong", "/api/snapshot?token=opensesame"} {
		if status, _, text := do(t, "GET", server.URL+path, "", nil); status != 401 || strings.Contains(text, "opensesame") {
			t.Errorf("%s without the token: %d %s", path, status, text)
		}
	}
	for _, wrong := range []string{"Bearer opensesamE", "Bearer ", "opensesame", "Basic opensesame"} {
		if status, _, _ := do(t, "GET", server.URL+"/", "", func(r *http.Request) { r.Header.Set("Authorization", wrong) }); status != 401 {
			t.Errorf("%q: %d", wrong, status)
		}
	}
	if status, _, _ := do(t, "GET", server.URL+"/", "", func(r *http.Request) { r.Header.Set("Authorization", "Bearer opensesame") }); status != 200 {
		t.Errorf("bearer: %d", status)
	}
	status, h, _ := do(t, "GET", server.URL+"/?token=opensesame", "", nil)
	set := h.Get("Set-Cookie")
	if status != 303 || h.Get("Location") != "/" || !strings.Contains(set, "HttpOnly") || !strings.Contains(set, "SameSite=Strict") {
		t.Fatalf("the link: %d, %v", status, h)
	}
	if status, _, _ := do(t, "GET", server.URL+"/api/snapshot", "", func(r *http.Request) {
		r.Header.Set("Cookie", strings.SplitN(set, ";", 2)[0])
	}); status != 200 {
		t.Errorf("cookie: %d", status)
	}
}

func TestControls(t *testing.T) {
	p := &generator{}
	server := open(t, Config{
		Source: &fake{look: flowing()}, Producer: p,
		Check: func(text string) Check {
			return Check{OK: text == "good", Errors: []Finding{}, Lints: []Finding{}, Samples: []string{text}}
		},
	})
	for _, c := range []struct {
		path, body string
		want       int
	}{
		{"producer/rate", `{"rate":7}`, 204},
		{"producer/rate", `{"rate":-1}`, 400},
		{"producer/rate", `{}`, 400},
		{"producer/rate", `{"rate":1,"more":2}`, 400},
		{"producer/rate", `{"rate":1} x`, 400},
		{"producer/rate", `rate=1`, 400},
		{"producer/pause", `{"paused":true}`, 204},
		{"producer/pause", `{}`, 400},
		{"producer/shape", `{"shape":"sine"}`, 204},
		{"producer/shape", `{"template":"x"}`, 400},
		{"producer/template", `{"template":"t"}`, 204},
		{"producer/template", `{"template":"` + strings.Repeat("x", maxBody) + `"}`, 413},
		{"template/check", `{"template":"good"}`, 200},
		{"audit", `{}`, 404},
	} {
		if status, _, text := do(t, "POST", server.URL+"/api/"+c.path, c.body, control); status != c.want {
			t.Errorf("%s %.40s: %d, want %d: %s", c.path, c.body, status, c.want, text)
		}
	}
	s := eventually(t, server.URL, func(s Snapshot) bool { return s.Producer.Template == "t" })
	if got := s.Producer; got.Target != 7 || !got.Paused || got.Shape != "sine" {
		t.Errorf("%+v", got)
	}
}

func TestPayload(t *testing.T) {
	server := open(t, Config{Source: &fake{look: flowing()}})
	for id, want := range map[string]string{
		"text":  `{"bytes":16,"base64":"eyJhIjoiPHNjcmlwdD4ifQ==","text":"{\"a\":\"\u003cscript\u003e\"}"}`,
		"bytes": `{"bytes":2,"base64":"//4=","text":null}`,
	} {
		status, h, text := do(t, "GET", server.URL+"/api/quarantine/payload?id="+id, "", nil)
		if status != 200 || text != want || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %s", id, status, text)
		}
	}
	if status, _, _ := do(t, "GET", server.URL+"/api/quarantine/payload?id=../../etc", "", nil); status != 404 {
		t.Errorf("an unknown id: %d", status)
	}
	if _, _, text := do(t, "GET", server.URL+"/api/snapshot", "", nil); strings.Contains(text, "script") {
		t.Errorf("a payload is in the snapshot: %s", text)
	}
}

func TestStatic(t *testing.T) {
	server := open(t, Config{Source: &fake{look: flowing()}})
	_, h, text := do(t, "GET", server.URL+"/", "", func(r *http.Request) { r.Header.Set("Accept-Encoding", "identity") })
	if !strings.Contains(text, "<html") || h.Get("ETag") == "" || h.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("%v %s", h, text)
	}
	if status, _, text := do(t, "GET", server.URL+"/", "", func(r *http.Request) {
		r.Header.Set("Accept-Encoding", "identity")
		r.Header.Set("If-None-Match", h.Get("ETag"))
	}); status != 304 || text != "" {
		t.Errorf("known: %d %s", status, text)
	}
	if status, _, _ := do(t, "GET", server.URL+"/static/../dashboard.go", "", nil); status == 200 {
		t.Error("a file outside of the page")
	}
}

// TestEvents: the first event has the history, the next ones only the last point.
func TestEvents(t *testing.T) {
	source := &fake{look: flowing()}
	server := open(t, Config{Source: source})
	answer, err := http.Get(server.URL + "/api/events")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	lines := bufio.NewReader(answer.Body)
	if first, err := lines.ReadString('\n'); err != nil || first != "retry: 1000\n" {
		t.Fatalf("%q %v", first, err)
	}
	first, second := nextEvent(t, lines), nextEvent(t, lines)
	if len(first.History) == 0 || len(second.History) != 0 || second.Point.T == 0 {
		t.Errorf("%d and %d points", len(first.History), len(second.History))
	}
}

// TestRestart: a client that comes back to another run of the server has all that it needs to go on.
func TestRestart(t *testing.T) {
	first := open(t, Config{Source: &fake{look: flowing()}})
	before := snapshot(t, first.URL)
	second := open(t, Config{Source: &fake{look: flowing()}})
	r, err := http.NewRequestWithContext(t.Context(), "GET", second.URL+"/api/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Last-Event-ID", "what the first server said")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	after := nextEvent(t, bufio.NewReader(answer.Body))
	if after.Started <= before.Started || len(after.History) == 0 || len(after.Boxes) != 7 {
		t.Errorf("%s", encode(after))
	}
}

func nextEvent(t *testing.T, lines *bufio.Reader) (s Snapshot) {
	t.Helper()
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			if err := json.Unmarshal([]byte(data), &s); err != nil {
				t.Fatal(err)
			}
			return s
		}
	}
}

// TestSlowClient: a client that does not read is dropped, and others go on.
func TestSlowClient(t *testing.T) {
	look := flowing()
	for i := range 400 {
		look.Shards = append(look.Shards, Shard{ID: fmt.Sprintf("shardId-%012d%s", i, strings.Repeat("x", 2000))})
	}
	s, err := New(Config{Source: &fake{look: look}, Every: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	defer server.Close()
	defer s.Close()
	slow, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	if _, err := io.WriteString(slow, "GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	clients := func() int { s.mu.Lock(); defer s.mu.Unlock(); return len(s.clients) }
	wait := func(n int) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); clients() != n; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%d clients, want %d", clients(), n)
			}
		}
	}
	wait(1)
	wait(0)
}

func TestManyClients(t *testing.T) {
	server := open(t, Config{Source: &fake{look: flowing()}})
	for range maxClients {
		answer, err := http.Get(server.URL + "/api/events")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { answer.Body.Close() })
		if answer.StatusCode != 200 {
			t.Fatal(answer.Status)
		}
	}
	if status, h, _ := do(t, "GET", server.URL+"/api/events", "", nil); status != 503 || h.Get("Retry-After") == "" {
		t.Errorf("one more: %d %v", status, h)
	}
}

// TestIdle: without anybody who looks, the collector hardly looks.
func TestIdle(t *testing.T) {
	source := &fake{look: flowing()}
	s, err := New(Config{Source: source, Every: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if p := s.pause(); p != 250*time.Millisecond {
		t.Errorf("pause %s", p)
	}
	s.used.Store(time.Now().UnixNano())
	if p := s.pause(); p != 50*time.Millisecond {
		t.Errorf("pause %s while somebody looks", p)
	}
}

func TestBreaks(t *testing.T) {
	var ran, mended atomicList
	server := open(t, Config{Source: &fake{look: flowing()}, Breaks: []Break{
		{ID: "short", Name: "Short", Box: "rawzone", Run: func(ctx context.Context, d time.Duration) error {
			ran.add(d.String())
			select {
			case <-time.After(d):
			case <-ctx.Done():
			}
			mended.add("short")
			return nil
		}},
		{ID: "long", Name: "Long", Run: func(ctx context.Context, _ time.Duration) error {
			<-ctx.Done()
			mended.add("long")
			return nil
		}},
	}})
	post := func(id, body string, want int) {
		t.Helper()
		if status, _, text := do(t, "POST", server.URL+"/api/break/"+id, body, control); status != want {
			t.Errorf("%s: %d, want %d: %s", id, status, want, text)
		}
	}
	post("short", `{"seconds":0.3}`, 204)
	post("short", `{"seconds":0.3}`, 409)
	s := eventually(t, server.URL, func(s Snapshot) bool { return s.Breaks[0].Active })
	if s.Breaks[0].Until == nil || s.Boxes[4].State != "error" {
		t.Errorf("%s", encode(s))
	}
	eventually(t, server.URL, func(s Snapshot) bool { return !s.Breaks[0].Active && s.Boxes[4].State != "error" })
	post("short", `{"seconds":1000}`, 400)
	post("short", `{"seconds":-1}`, 400)
	post("other", `{}`, 404)
	post("long", `{}`, 204)
	if got := ran.all(); len(got) != 1 || got[0] != "300ms" {
		t.Errorf("ran %v", got)
	}
}

// TestCloseMends: Close ends a fault early and waits until it has mended what it broke.
func TestCloseMends(t *testing.T) {
	var mended atomicList
	s, err := New(Config{Source: &fake{}, Breaks: []Break{{ID: "x", Run: func(ctx context.Context, _ time.Duration) error {
		<-ctx.Done()
		mended.add("x")
		return nil
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.breakIt("x", 100); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	if len(mended.all()) != 1 {
		t.Error("Close did not wait for the fault's end")
	}
	if err := s.breakIt("x", 1); !errors.Is(err, errClosing) {
		t.Errorf("after Close: %v", err)
	}
}

type atomicList struct {
	mu   sync.Mutex
	list []string
}

func (a *atomicList) add(s string) { a.mu.Lock(); a.list = append(a.list, s); a.mu.Unlock() }
func (a *atomicList) all() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]string(nil), a.list...)
}

func TestAudit(t *testing.T) {
	var mu sync.Mutex
	verdict, failure := Audit{OK: true, Accepted: 5}, error(nil)
	server := open(t, Config{Source: &fake{look: flowing()}, AuditEvery: -1, Audit: func(context.Context) (Audit, error) {
		mu.Lock()
		defer mu.Unlock()
		return verdict, failure
	}})
	if s := snapshot(t, server.URL); s.Audit != nil {
		t.Errorf("a verdict before the first audit: %+v", s.Audit)
	}
	do(t, "POST", server.URL+"/api/audit", `{}`, control)
	s := eventually(t, server.URL, func(s Snapshot) bool { return s.Audit != nil && !s.Audit.Running })
	if !s.Audit.OK || s.Audit.At == 0 || s.Audit.Accepted != 5 {
		t.Errorf("%+v", s.Audit)
	}
	mu.Lock()
	failure = errors.New("no answer")
	mu.Unlock()
	do(t, "POST", server.URL+"/api/audit", `{}`, control)
	eventually(t, server.URL, func(s Snapshot) bool { return strings.Contains(s.Audit.Note, "no answer") && s.Audit.At > 0 })
}

// TestThousandShards: the snapshot stays small, and all shards count.
func TestThousandShards(t *testing.T) {
	look := flowing()
	look.Shards = nil
	for i := range 1000 {
		look.Shards = append(look.Shards, Shard{ID: fmt.Sprintf("shardId-%012d", i), Waiting: int64(i), Lag: float64(i), State: "open"})
	}
	look.Retired = 7
	source := &fake{look: look}
	server := open(t, Config{Source: source})
	s := eventually(t, server.URL, func(s Snapshot) bool { return s.Shards.Total == 1000 })
	if len(s.Shards.Top) != topShards || s.Shards.Top[0].Waiting != 999 || s.Shards.Waiting != 499500 || s.Shards.Lag != 999 || s.Shards.Retired != 7 {
		t.Errorf("%s", encode(s.Shards))
	}
	s.History = nil
	if size := len(encode(s)); size > 16<<10 {
		t.Errorf("a snapshot of %d bytes", size)
	}
}

func TestTrail(t *testing.T) {
	at := time.Unix(1000, 0)
	var tr trail
	for i := range 2 * keep {
		tr = tr.add(mark{at: at.Add(time.Duration(i) * time.Second), accepted: int64(i) * 10})
	}
	now := at.Add(2 * keep * time.Second)
	of := func(m mark) int64 { return m.accepted }
	for _, c := range []struct {
		rows int64
		want float64
	}{{20*keep - 10, 0}, {20*keep - 20, 1}, {20*keep - 110, 10}} {
		if got := tr.lag(c.rows, of, now); *got != c.want {
			t.Errorf("%d rows: %g s behind, want %g", c.rows, *got, c.want)
		}
	}
	// Files of which the pipe was not told wait as well, once they do for more than a moment.
	files := trail{}.add(mark{at, 100, 100, 1}).add(mark{at.Add(time.Second), 200, 200, 2}).add(mark{at.Add(9 * time.Second), 500, 500, 5})
	for _, c := range []struct{ rows, want int64 }{{500, 0}, {200, 0}, {100, 4}, {0, 4}} {
		if got := files.unloaded(c.rows, 5, at.Add(10*time.Second)); got != c.want {
			t.Errorf("with %d of 500 rows, %d files wait, want %d", c.rows, got, c.want)
		}
	}
	// A shard that stands still hides behind the counts of the others.
	if got := tr.table(20*keep-20, 566, now); *got != 566 {
		t.Errorf("with a shard that is 566 s behind, the table is said to be %g s behind", *got)
	}
	if len(tr) > keep {
		t.Errorf("%d marks", len(tr))
	}
}
