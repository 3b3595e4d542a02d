package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/snowstream/snowstream/internal/child"
	"github.com/snowstream/snowstream/internal/long"
)

// board is the live page of a running stack.
type board struct{ url string }

func (l *local) board(t *testing.T, dir string) board {
	t.Helper()
	l.ready(t, dir)
	text, err := os.ReadFile(filepath.Join(dir, "settings.json"))
	if err != nil {
		t.Fatal(err)
	}
	var s struct{ Dashboard string }
	if err := json.Unmarshal(text, &s); err != nil || s.Dashboard == "" {
		t.Fatalf("the settings name no live page: %v", err)
	}
	return board{s.Dashboard}
}

// drawing is a part of the page's snapshot.
type drawing struct {
	Boxes []struct {
		ID, State, Detail string
		Count             int64
		Rate              float64
	}
	Shards struct {
		Total   int
		Waiting int64
	}
	Quarantine struct {
		Count int64
		Last  []struct{ ID, Reason string }
	}
	Files []struct {
		Name  string
		Rows  int64
		Bytes int64
	}
	Audit *struct {
		At                                                                        int64
		OK, Running                                                               bool
		Accepted, Streaming, Microbatch, Quarantined, Missing, Doubled, Different int64
		Note                                                                      string
	}
	Producer *struct {
		Target, Rate    float64
		Paused          bool
		Shape, Template string
	}
	Breaks []struct {
		ID     string
		Active bool
	}
	Problem string
}

func (d drawing) count(id string) int64 {
	for _, b := range d.Boxes {
		if b.ID == id {
			return b.Count
		}
	}
	return -1
}

func (d drawing) active() (out []string) {
	for _, b := range d.Breaks {
		if b.Active {
			out = append(out, b.ID)
		}
	}
	return out
}

func (b board) get(t *testing.T, path string) (int, string) {
	t.Helper()
	answer, err := http.Get(b.url + path)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func (b board) post(t *testing.T, path, body string, want int) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Snowstream-Control", "1")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if text, _ := io.ReadAll(answer.Body); answer.StatusCode != want {
		t.Fatalf("%s %s: %d, want %d: %s", path, body, answer.StatusCode, want, text)
	}
}

// until polls the page until it is as wanted.
func (b board) until(t *testing.T, what string, ok func(drawing) bool) (d drawing) {
	t.Helper()
	var text string
	for deadline := time.Now().Add(90 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		_, text = b.get(t, "/api/snapshot")
		d = drawing{}
		if err := json.Unmarshal([]byte(text), &d); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		if ok(d) {
			return d
		}
	}
	t.Fatalf("not within 90 s: %s; the last one: %s", what, text)
	return d
}

// audited pauses the generator, waits until all has arrived, and returns the numbers with a verdict on them.
func (b board) audited(t *testing.T) drawing {
	t.Helper()
	b.post(t, "/api/producer/pause", `{"paused":true}`, 204)
	b.until(t, "everything arrives", func(d drawing) bool {
		rows := d.count("stream") - d.Quarantine.Count
		return d.Producer.Paused && d.Producer.Rate == 0 && d.Shards.Waiting == 0 && d.count("streaming") == rows && d.count("microbatch") == rows
	})
	asked := time.Now().UnixMilli()
	b.post(t, "/api/audit", `{}`, 204)
	return b.until(t, "a verdict", func(d drawing) bool { return d.Audit != nil && !d.Audit.Running && d.Audit.At > asked })
}

// TestDashboard: the page's controls work, and its numbers are the audit's.
func TestDashboard(t *testing.T) {
	dir := t.TempDir()
	l := start(t, dir, "--rate", "200", "--batch-window", "1s")
	b := l.board(t, dir)
	b.until(t, "rows arrive", func(d drawing) bool { return d.count("microbatch") > 0 && len(d.Files) > 0 })
	b.post(t, "/api/producer/rate", `{"rate":800}`, 204)
	b.until(t, "the slider changes the achieved rate", func(d drawing) bool {
		return d.Producer.Target == 800 && d.Producer.Rate > 600 && d.Producer.Rate < 1000 && d.Producer.Shape == "constant:800"
	})
	b.post(t, "/api/producer/shape", `{"shape":"nonsense"}`, 400)
	b.post(t, "/api/producer/shape", `{"shape":"sine:mean=300,swing=100,period=10s"}`, 204)
	b.post(t, "/api/producer/template", `{"template":"{{no.such}}"}`, 400)
	b.post(t, "/api/template/check", `{"template":"{{random.number(5)}}"}`, 200)
	b.post(t, "/api/break/bad-records", `{"seconds":5}`, 204)
	d := b.until(t, "the bad records are shown", func(d drawing) bool { return d.Quarantine.Count == 20 && len(d.Quarantine.Last) == 20 })
	if status, text := b.get(t, "/api/quarantine/payload?id="+d.Quarantine.Last[0].ID); status != 200 || !strings.Contains(text, "base64") {
		t.Errorf("payload: %d %s", status, text)
	}
	d = b.audited(t)
	a := d.Audit
	if !a.OK || a.Missing+a.Doubled+a.Different != 0 || a.Note != "" || a.Quarantined != 20 {
		t.Errorf("%+v", a)
	}
	if a.Accepted != d.count("stream") || a.Streaming != d.count("streaming") || a.Microbatch != d.count("microbatch") || a.Quarantined != d.Quarantine.Count {
		t.Errorf("the page's numbers are not the audit's: %+v and %+v", d, a)
	}
	l.outside(t, dir, d)
	if err := l.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	r := l.finish(t)
	r.complete(t)
	if r.Accepted != a.Accepted || r.Streaming != a.Streaming || r.Microbatch != a.Microbatch || r.Quarantined != a.Quarantined {
		t.Errorf("the result %+v is not what the page said: %+v", r, a)
	}
}

// outside: `snowstream dashboard` shows the same numbers from another process, and controls nothing.
func (l *local) outside(t *testing.T, dir string, want drawing) {
	t.Helper()
	c := child.Bind(exec.CommandContext(t.Context(), program, "dashboard", "--data", dir, "--listen", "127.0.0.1:0"))
	said, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var b board
	if _, err := fmt.Fscanf(said, "  Live page  %s\n", &b.url); err != nil {
		t.Fatal(err)
	}
	b.until(t, "the same numbers from outside", func(d drawing) bool {
		return d.Problem == "" && d.count("stream") == want.count("stream") && d.count("streaming") == want.count("streaming") &&
			d.count("microbatch") == want.count("microbatch") && d.count("rawzone") == want.count("rawzone") && d.Quarantine.Count == want.Quarantine.Count
	})
	b.post(t, "/api/audit", `{}`, 204)
	b.until(t, "a verdict from outside", func(d drawing) bool { return d.Audit != nil && d.Audit.OK && d.Audit.Note == "" })
	b.post(t, "/api/producer/rate", `{"rate":1}`, 404)
	b.post(t, "/api/break/s3-errors", `{}`, 404)
	if err := c.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
}

// TestBreak breaks everything there is to break, one after another while records flow: each shows, ends by itself, and
// in the end nothing is missing.
func TestBreak(t *testing.T) {
	long.Test(t)
	dir := t.TempDir()
	l := start(t, dir, "--rate", "300", "--batch-window", "1s")
	b := l.board(t, dir)
	b.until(t, "rows arrive", func(d drawing) bool { return d.count("microbatch") > 0 })
	for _, id := range []string{"kill-orchestrator", "kill-upsert", "reshard", "bad-records", "pipe-delay", "s3-errors"} {
		b.post(t, "/api/break/"+id, `{"seconds":3}`, 204)
		b.until(t, id+" ends", func(d drawing) bool { return len(d.active()) == 0 })
	}
	d := b.until(t, "a kill shows", func(d drawing) bool { return strings.Contains(d.Boxes[2].Detail, "failed and tried again") })
	if d.Shards.Total != 3 {
		t.Errorf("%d shards after a split", d.Shards.Total)
	}
	d = b.audited(t)
	if a := d.Audit; !a.OK || a.Missing+a.Doubled+a.Different != 0 || a.Quarantined != 20 || d.Problem != "" {
		t.Errorf("%+v %s", a, d.Problem)
	}
	if err := l.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	l.finish(t).complete(t)
}

// TestNoDashboard: then there is no page, and nothing says that there is one.
func TestNoDashboard(t *testing.T) {
	dir := t.TempDir()
	l := start(t, dir, "--records", "100", "--rate", "1000", "--no-dashboard")
	l.finish(t).complete(t)
	text, err := os.ReadFile(filepath.Join(dir, "settings.json"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "dashboard") || strings.Contains(l.stderr.String(), "Live page") {
		t.Errorf("%s\n%s", text, l.stderr.String())
	}
}
