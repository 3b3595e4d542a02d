package dashboard_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/snowstream/snowstream/dashboard"
)

// still is a source in which nothing happens.
type still struct{}

func (still) Look(context.Context) (dashboard.Look, error)    { return dashboard.Look{}, nil }
func (still) Payload(context.Context, string) ([]byte, error) { return nil, dashboard.ErrUnknown }

// object is a piece of a snapshot, or of a request.
type object = map[string]any

// stub serves the page as the dashboard does, and whatever snapshot a test wants; it keeps what the page posts.
type stub struct {
	*httptest.Server
	t     *testing.T
	pages *dashboard.Server

	mu       sync.Mutex
	snapshot object
	history  []object
	changed  chan struct{}
	posts    []posted
	refuse   string // if not empty, the error that posts get
	payloads int    // how many were asked for
	busy     int    // how many more requests for events are turned away
	streams  int    // how many are open
}

type posted struct {
	path, header string
	body         object
}

func newStub(t *testing.T, snapshot object, history []object) *stub {
	t.Helper()
	pages, err := dashboard.New(dashboard.Config{Source: still{}})
	if err != nil {
		t.Fatal(err)
	}
	s := &stub{t: t, pages: pages, snapshot: snapshot, history: history, changed: make(chan struct{})}
	s.Server = httptest.NewServer(s)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
		if err := pages.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// restart stops the server for as long as the test needs and starts it on the same address.
func (s *stub) restart(down func()) {
	s.t.Helper()
	address := s.Listener.Addr().String()
	s.Listener.Close()
	s.CloseClientConnections()
	down()
	l, err := net.Listen("tcp", address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.Server = &httptest.Server{Listener: l, Config: &http.Server{Handler: s}}
	s.Start()
}

// update changes the snapshot and sends it to all who listen.
func (s *stub) update(change func(object)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s.snapshot)
	close(s.changed)
	s.changed = make(chan struct{})
}

// set changes the stub itself.
func (s *stub) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// await takes the next thing that the page posts to a path.
func (s *stub) await(path string) posted {
	s.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		s.mu.Lock()
		i := slices.IndexFunc(s.posts, func(p posted) bool { return p.path == path })
		if i >= 0 {
			found := s.posts[i]
			s.posts = slices.Delete(s.posts, i, i+1)
			s.mu.Unlock()
			return found
		}
		s.mu.Unlock()
	}
	s.t.Fatalf("the page posts nothing to %s", path)
	return posted{}
}

// get reads a number of the stub: of payloads that were fetched, or of open streams.
func (s *stub) get(n *int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *n
}

func (s *stub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodPost:
		s.post(w, r)
	case r.URL.Path == "/api/events":
		s.events(w, r)
	case r.URL.Path == "/api/rows":
		s.mu.Lock()
		s.payloads++
		s.mu.Unlock()
		json.NewEncoder(w).Encode(object{"columns": []string{"SENSORID", hostile, "_ORDINAL"}, "rows": [][]any{{r.FormValue("table"), hostile, "7"}, {nil, "", "6"}}})
	case r.URL.Path == "/api/connection":
		json.NewEncoder(w).Encode(object{"text": "export AWS_ENDPOINT_URL_KINESIS=http://127.0.0.1:7401\n"})
	case r.URL.Path == "/api/quarantine/payload":
		s.mu.Lock()
		s.payloads++
		s.mu.Unlock()
		json.NewEncoder(w).Encode(object{"bytes": len(hostile), "base64": "", "text": hostile + " payload " + r.FormValue("id")})
	default:
		s.pages.ServeHTTP(w, r)
	}
}

func (s *stub) events(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.busy--
	busy := s.busy >= 0
	s.streams++
	s.mu.Unlock()
	defer s.set(func() { s.streams-- })
	if busy {
		http.Error(w, "starting", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	fmt.Fprint(w, "retry: 1000\n\n")
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for first := true; ; first = false {
		s.mu.Lock()
		snapshot, changed := maps.Clone(s.snapshot), s.changed
		if first {
			snapshot["history"] = s.history
		}
		text, err := json.Marshal(snapshot)
		s.mu.Unlock()
		if err != nil {
			s.t.Error(err)
			return
		}
		fmt.Fprintf(w, "event: snapshot\ndata: %s\n\n", text)
		w.(http.Flusher).Flush()
		select {
		case <-r.Context().Done():
			return
		case <-changed:
		case <-ticker.C:
		}
	}
}

func (s *stub) post(w http.ResponseWriter, r *http.Request) {
	var body object
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		s.t.Errorf("%s: the page's body is not JSON: %v", r.URL.Path, err)
	}
	s.mu.Lock()
	s.posts = append(s.posts, posted{r.URL.Path, r.Header.Get("X-Snowstream-Control"), body})
	refuse := s.refuse
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch {
	case refuse != "":
		w.WriteHeader(http.StatusBadRequest)
		json.NewEncoder(w).Encode(object{"error": refuse})
	case r.URL.Path == "/api/template/check":
		json.NewEncoder(w).Encode(check(body["template"].(string)))
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

// check stands in for the template language: "broken" is the one word that it does not take.
func check(text string) object {
	if before, _, found := strings.Cut(text, "broken"); found {
		line := strings.Count(before, "\n") + 1
		return object{"ok": false, "errors": []object{{"line": line, "column": len(before) - strings.LastIndex(before, "\n"), "message": "unknown method random.broken"}}, "lints": []object{}, "samples": []string{}}
	}
	var samples []string
	for i := range 5 {
		samples = append(samples, fmt.Sprintf(`{"sensorId": %d, "currentTemperature": %d, "status": "OK"}`, 7*i+3, 41+13*i))
	}
	return object{"ok": true, "errors": []object{}, "lints": []object{}, "samples": samples}
}

// live is when a page shows numbers of now.
const live = `document.documentElement.dataset.connection === 'live'`

const hostile = `<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>`

const sensor = `{
    "sensorId": {{random.number(50)}},
    "currentTemperature": {{random.number(
        {
            "min":10,
            "max":150
        }
    )}},
    "status": "{{random.arrayElement(
        ["OK","FAIL","WARN"]
    )}}"
}`

// sample is a stream in good health.
func sample(shards int) object {
	now := time.Now().UnixMilli()
	return object{
		"now": now, "started": now - 754_000, "mode": "local", "stream": "kdEntry", "bucket": "snowstream-raw",
		"version": "v0.1.0 abcdef012345", "rows": true, "connection": true,
		"boxes": []object{
			{"id": "producer", "name": "Data generator", "count": 376_912, "unit": "records", "rate": 503.2, "state": "ok", "detail": "constant:500"},
			{"id": "stream", "name": "Kinesis kdEntry", "count": 376_911, "unit": "records", "rate": 503.1, "state": "ok", "detail": "4 shards"},
			{"id": "orchestrator", "name": "SnowflakeOrchestrator", "count": 3_771, "unit": "batches", "rate": 5.03, "state": "ok", "detail": "no failed batch"},
			{"id": "upsert", "name": "SnowflakeUpsert", "count": 3_770, "unit": "batches", "rate": 5.03, "state": "ok", "detail": "no failed batch"},
			{"id": "rawzone", "name": "S3 kinesiscsv/", "count": 3_769, "unit": "objects", "rate": 5.02, "state": "ok", "detail": "snowstream-raw"},
			{"id": "streaming", "name": "KINESIS_SENSORS_STREAMING", "count": 376_712, "unit": "rows", "rate": 502.8, "state": "ok", "detail": "visible"},
			{"id": "microbatch", "name": "KINESIS_SENSORS_MICROBATCH", "count": 376_404, "unit": "rows", "rate": 498.4, "state": "ok", "detail": "pipe running"},
		},
		"arrows": []object{
			{"from": "producer", "to": "stream", "rate": 503.2, "lag_s": nil},
			{"from": "stream", "to": "orchestrator", "rate": 502.9, "lag_s": 0.21},
			{"from": "orchestrator", "to": "upsert", "rate": 502.9, "lag_s": nil},
			{"from": "orchestrator", "to": "rawzone", "rate": 502.9, "lag_s": nil},
			{"from": "upsert", "to": "streaming", "rate": 502.8, "lag_s": 0.41},
			{"from": "rawzone", "to": "microbatch", "rate": 498.4, "lag_s": 1.32},
		},
		"point":  point(now, 0),
		"shards": shardList(shards),
		"files":  fileList(now),
		"quarantine": object{"count": 17, "last": []object{
			{"id": "q3", "shard": "shardId-000000000002", "sequence": "49590338271490256608559692538361571095921575989136588898", "ordinal": 94_112, "arrived": now - 42_000, "reason": "64.7 is not an integer", "field": "currentTemperature", "expected": "integer", "bytes": 71},
			{"id": "q2", "shard": "shardId-000000000000", "sequence": "49590338271490256608559692538361571095921575989136581234", "ordinal": 93_870, "arrived": now - 95_000, "reason": "the field is missing", "field": "sensorId", "expected": "integer", "bytes": 54},
			{"id": "q1", "shard": "shardId-000000000001", "sequence": "49590338271490256608559692538361571095921575989136580077", "ordinal": 88_020, "arrived": now - 310_000, "reason": "not JSON: unexpected end of text", "field": "", "expected": "", "bytes": 23},
		}},
		"audit": object{"at": now - 8_000, "ok": true, "running": false, "accepted": 372_871, "streaming": 372_854, "microbatch": 372_854, "quarantined": 17, "missing": 0, "doubled": 0, "different": 0, "note": "4,040 newer records were on their way and are not in it."},
		"producer": object{"target": 500, "rate": 503.2, "paused": false, "shape": "constant:500", "template": sensor,
			"accepted": 376_911, "throttled": 0, "failed": 0},
		"breaks": []object{
			{"id": "kill-orchestrator", "name": "Kill the orchestrator", "description": "Ends the process of SnowflakeOrchestrator in the middle of a batch. Lambda starts another one.", "active": false, "until": nil},
			{"id": "kill-upsert", "name": "Kill the upsert", "description": "Ends the process of SnowflakeUpsert. The batch is tried again.", "active": false, "until": nil},
			{"id": "s3-errors", "name": "Make S3 fail", "description": "Every write to the raw zone answers 503.", "active": false, "until": nil},
			{"id": "pipe-delay", "name": "Delay the pipe", "description": "Files wait before the pipe loads them.", "active": false, "until": nil},
			{"id": "reshard", "name": "Reshard", "description": "Splits the busiest shard in two while records flow.", "active": false, "until": nil},
			{"id": "bad-records", "name": "Send bad records", "description": "Mixes in records that cannot become rows.", "active": false, "until": nil},
		},
		"problem": "",
	}
}

func shardList(n int) object {
	var top []object
	for i := range min(n, 50) {
		top = append(top, object{"id": fmt.Sprintf("shardId-%012d", i), "waiting": 120 / (i + 1), "lag_s": 0.31 / float64(i+1), "accepted": 94_227 + 13*i, "state": "open"})
	}
	return object{"total": n, "waiting": 199, "lag_s": 0.31, "top": top}
}

func fileList(now int64) []object {
	var files []object
	for i := range 20 {
		files = append(files, object{"name": fmt.Sprintf("kinesiscsv/sensor-%d/shardId-%012d/%020d.csv.gz", 7+i%3, i%4, 376_400-100*i), "rows": 100, "bytes": 2_413 + 37*i, "status": "LOADED", "loaded": now - int64(i)*740, "error": ""})
	}
	files[3]["status"], files[3]["error"] = "PARTIALLY_LOADED", "line 12: number of columns in file does not match"
	return files
}

// point is what the charts show for a second, age seconds before now.
func point(now int64, age int) object {
	x := float64(age)
	rate := 500 + 40*math.Sin(x/19) + 18*math.Sin(x/3.1)
	if age > 120 && age < 160 {
		rate = 820 + 20*math.Sin(x)
	}
	p99 := 0.72 + 0.11*math.Sin(x/7) + 0.05*math.Sin(x/1.7)
	return object{"t": now - int64(age)*1000, "accepted": rate, "streaming": rate - 6*math.Sin(x/2), "microbatch": math.Max(0, rate+70*math.Sin(x/2.3)),
		"s50": 0.41 + 0.04*math.Sin(x/11), "s99": p99, "m50": 1.3 + 0.2*math.Sin(x/13), "m99": 2.2 + 0.4*math.Sin(x/5)}
}

func history(n int) []object {
	now := time.Now().UnixMilli()
	var out []object
	for age := n; age > 0; age-- {
		out = append(out, point(now, age))
	}
	return out
}
