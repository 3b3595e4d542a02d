package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/snowstream/snowstream/cmd/internal/stack"
	"github.com/snowstream/snowstream/listener"
	"github.com/snowstream/snowstream/local/kinesis"
	"github.com/snowstream/snowstream/producer"
	"github.com/snowstream/snowstream/producer/template"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/aggregate"
)

// command runs one command line.
func command(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, &out, &errs)
	return code, out.String(), errs.String()
}

func written(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestGenerateToStdout(t *testing.T) {
	tpl := written(t, "t.kdg", "{{lorem.lines(2)}}|{{date.now}}\n")
	args := []string{"generate", "--control", "off", "--to", "-", "--null", "--records", "200", "--seed", "7", "--now", "2024-02-29T13:07:09Z", "--tz", "Asia/Kolkata", "--template", tpl}
	code, out, errs := command(t, args...)
	records := strings.Split(strings.TrimSuffix(out, "\x00"), "\x00")
	if code != 0 || len(records) != 200 || !strings.HasSuffix(records[0], ".|2024-02-29T18:37:09+05:30") || strings.Count(records[0], "\n") != 1 {
		t.Fatalf("code %d, %d records, first %q, stderr %s", code, len(records), records[0], errs)
	}
	if !strings.Contains(errs, "accepted") || !strings.Contains(errs, "seed 7") {
		t.Errorf("the summary is %s", errs)
	}
	if _, again, _ := command(t, args...); again != out {
		t.Error("the same seed made other records")
	}
	args[8] = "8"
	if _, other, _ := command(t, args...); other == out {
		t.Error("another seed made the same records")
	}
}

func TestGenerateToFileAndReplay(t *testing.T) {
	dir := t.TempDir()
	out, log := filepath.Join(dir, "out"), filepath.Join(dir, "bad.jsonl")
	code, stdout, errs := command(t, "generate", "--control", "off", "--to", out, "--records", "1000", "--bad", "malformed=10%,duplicate=0.1", "--bad-log", log, "--json", "--seed", "1")
	var s summary
	if err := json.Unmarshal([]byte(stdout), &s); code != 0 || err != nil || s.Accepted != 1000 || s.Bad["malformed"] < 60 || s.Seed != 1 {
		t.Fatalf("code %d, summary %s, stderr %s", code, stdout, errs)
	}
	text, _ := os.ReadFile(out)
	reports, _ := os.ReadFile(log)
	if n := bytes.Count(text, []byte("\n")); n != 1000 {
		t.Errorf("%d lines", n)
	}
	if n := bytes.Count(reports, []byte("\n")); int64(n) != s.Bad["malformed"]+s.Bad["duplicate"] || !bytes.Contains(reports, []byte(`"ends":"quarantine"`)) {
		t.Errorf("%d bad records reported of %v", n, s.Bad)
	}
	code, stdout, errs = command(t, "generate", "--control", "off", "--to", "-", "--replay", out, "--rate", "0")
	if code != 0 || stdout != string(text) {
		t.Errorf("code %d, the replay has %d bytes of %d, stderr %s", code, len(stdout), len(text), errs)
	}
}

func TestGenerateBackfillOfAWeek(t *testing.T) {
	tpl := written(t, "t.kdg", `{{date.simTime("YYYY-MM-DD HH")}}`)
	week := written(t, "week.csv", "day,hour,mean,sigma\n*,*,0,0\nmon,3,2,0\nmon,4,2,0\n")
	code, out, errs := command(t, "generate", "--control", "off", "--to", "-", "--template", tpl, "--weekly", week, "--tz", "UTC",
		"--from", "2024-01-01T03:00:00Z", "--until", "2024-01-01T04:00:00Z")
	if code != 0 || out != strings.Repeat("2024-01-01 03\n", 7200) {
		t.Errorf("code %d, %d bytes, stderr %s", code, len(out), errs)
	}
}

func TestGenerateMisuse(t *testing.T) {
	bad := written(t, "bad.kdg", "{{random.nmber}}")
	simulated := written(t, "sim.kdg", "{{date.simTime}}")
	strict := written(t, "strict.kdg", "{{ random.number }}")
	for _, c := range []struct {
		args string
		want string
	}{
		{"", "say where"},
		{"--to - --local", "one place"}, {"--to - --aggregate", "--to"}, {"--local --endpoint http://x", "--local knows"}, {"--region x", "--stream"},
		{"--endpoint ftp://x", "URL"}, {"--to - --rate -1", "--rate"}, {"--to - --rate 1 --shape 5", "exclude"}, {"--to - --shape wave:x=1", "no shape"},
		{"--to - --template " + bad, "did you mean number"}, {"--to - --template " + simulated, "backfill"}, {"--to - --strict --template " + strict, "Invalid module"},
		{"--to - --template nowhere.kdg", "nowhere.kdg"}, {"--to - --now today", "--now"}, {"--to - --tz Nowhere/Land", "--tz"}, {"--to - --from yesterday", "--from"},
		{"--to - --until 2024-01-01T00:00:00Z", "--from"}, {"--to - --from 2024-01-01T00:00:00Z --until 2023-01-01T00:00:00Z", "before"},
		{"--to - --from 2024-01-01T00:00:00Z --rate 0", "simulated second"}, {"--to - --bad x=1", "--bad"}, {"--to - --bad-log x", "--bad-log"},
		{"--to - --replay nowhere.ndjson", "nowhere.ndjson"}, {"--to - --speed 2", "--replay"}, {"--to - --weekly nowhere.csv", "nowhere.csv"},
		{"--to - --control 8.8.8.8:1", "--control"}, {"--to - --partition-key {{x.y}}", "--partition-key"}, {"--to - extra", "no arguments"}, {"--to - --workers 1000", "256"},
		{"rate x", "no rate"}, {"rate 1 2", "one rate"}, {"rate 5 --control example.com:1", "--control"},
	} {
		code, out, errs := command(t, append([]string{"generate"}, strings.Fields(c.args)...)...)
		if code != exitUsage || out != "" || !strings.Contains(errs, c.want) {
			t.Errorf("generate %s: code %d, stdout %q, stderr %q, want %s", c.args, code, out, errs, c.want)
		}
	}
	if code, _, errs := command(t, "generate", "--local", "--data", t.TempDir()); code != exitFailed || !strings.Contains(errs, "no local stack") {
		t.Errorf("code %d, stderr %s", code, errs)
	}
	if code, _, errs := command(t, "generate", "rate", "5", "--control", "127.0.0.1:1"); code != exitFailed || !strings.Contains(errs, "is one running") {
		t.Errorf("code %d, stderr %s", code, errs)
	}
}

// localKinesis is a Kinesis without limits, with a stream.
func localKinesis(t *testing.T, shards int) stack.Settings {
	t.Helper()
	server, err := kinesis.Open(kinesis.Config{Dir: t.TempDir(), Unlimited: true})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(server)
	t.Cleanup(func() {
		web.Close()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	s := stack.Settings{Kinesis: web.URL, Region: stack.Region, Stream: stack.Stream}
	if err := ensure(t.Context(), s, shards); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestGenerateToStream(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_PROFILE", "")
	for _, aggregated := range []bool{false, true} {
		s := localKinesis(t, 3)
		args := []string{"generate", "--control", "off", "--endpoint", s.Kinesis, "--records", "5000", "--rate", "0", "--json",
			"--partition-key", `{{entity.id({"count":40,"prefix":"device-"})}}`, fmt.Sprintf("--aggregate=%t", aggregated)}
		code, out, errs := command(t, args...)
		var got summary
		if err := json.Unmarshal([]byte(out), &got); code != 0 || err != nil || got.Accepted != 5000 || got.Failed != 0 {
			t.Fatalf("code %d, summary %s, stderr %s", code, out, errs)
		}
		found := 0
		for _, r := range all(t, s) {
			records := []aggregate.UserRecord{{PartitionKey: r.PartitionKey, Data: r.Data}}
			if aggregate.Is(r.Data) {
				var err error
				if records, err = aggregate.Decode(r.Data); err != nil {
					t.Fatal(err)
				}
			}
			for _, u := range records {
				if !strings.HasPrefix(u.PartitionKey, "device-") || !strings.HasSuffix(string(u.Data), "}\n") {
					t.Fatalf("key %q, data %q", u.PartitionKey, u.Data)
				}
				found++
			}
		}
		if found != 5000 {
			t.Errorf("aggregated %t: %d records in the stream", aggregated, found)
		}
	}
}

// The record that no stream takes is planned, any other failure is one of the run.
func TestGenerateFailure(t *testing.T) {
	s := localKinesis(t, 1)
	code, out, _ := command(t, "generate", "--control", "off", "--endpoint", s.Kinesis, "--records", "300", "--rate", "0", "--bad", "oversize=1%", "--seed", "2", "--json")
	var got summary
	if err := json.Unmarshal([]byte(out), &got); code != 0 || err != nil || got.Failed == 0 || got.Failed != got.Bad["oversize"] {
		t.Errorf("code %d, summary %s", code, out)
	}
	code, _, errs := command(t, "generate", "--control", "off", "--endpoint", s.Kinesis, "--stream", "none", "--records", "3")
	if code != exitFailed || !strings.Contains(errs, "check its name") {
		t.Errorf("code %d, stderr %s", code, errs)
	}
}

// slowPipe is a stdout that can be watched.
type slowPipe struct {
	mu sync.Mutex
	n  int
}

func (p *slowPipe) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n += bytes.Count(b, []byte("\n"))
	return len(b), nil
}

func (p *slowPipe) lines() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.n
}

func TestRateFromAnotherTerminal(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	out := &slowPipe{}
	done := make(chan int)
	go func() {
		done <- run(ctx, []string{"generate", "--to", "-", "--rate", "0.001", "--records", "5000", "--control", address}, out, io.Discard)
	}()
	code := exitFailed
	for code != 0 && ctx.Err() == nil { // until it listens
		var text string
		code, text, _ = command(t, "generate", "rate", "--control", address)
		if code == 0 && !strings.HasPrefix(text, "0.001 records a second, 0 accepted") {
			t.Errorf("the rate is %q", text)
		}
	}
	code, text, errs := command(t, "generate", "rate", "100000", "--control", address)
	if code != 0 || !strings.HasPrefix(text, "100000 records a second") {
		t.Errorf("code %d, %s%s", code, text, errs)
	}
	if code := <-done; code != 0 || out.lines() != 5000 {
		t.Errorf("code %d, %d records", code, out.lines())
	}
}

func TestControlRefusesStrangers(t *testing.T) {
	p := idle(t)
	h := controlHandler(p)
	for _, c := range []struct {
		method, host, path, header, body string
		want                             int
	}{
		{"PUT", "127.0.0.1:7419", "/rate", "1", `{"rate":5}`, 204}, {"PUT", "localhost", "/rate", "1", `{"rate":5}`, 204}, {"PUT", "[::1]:7419", "/rate", "1", `{"rate":5}`, 204},
		{"PUT", "evil.example:7419", "/rate", "1", `{"rate":5}`, 403}, {"PUT", "127.0.0.1:7419", "/rate", "", `{"rate":5}`, 403},
		{"PUT", "127.0.0.1:7419", "/rate", "1", `{"rate":-5}`, 400}, {"PUT", "127.0.0.1:7419", "/rate", "1", `{`, 400},
		{"POST", "127.0.0.1:7419", "/rate", "1", `{"rate":5}`, 405}, {"GET", "127.0.0.1:7419", "/x", "1", ``, 404}, {"GET", "127.0.0.1:7419", "/stats", "1", ``, 200},
	} {
		r := httptest.NewRequest(c.method, "http://"+c.host+c.path, strings.NewReader(c.body))
		if c.header != "" {
			r.Header.Set(controlHeader, c.header)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%+v: status %d", c, w.Code)
		}
	}
	if p.Target() != 5 {
		t.Errorf("target is %g", p.Target())
	}
}

func idle(t *testing.T) *producer.Producer {
	t.Helper()
	tpl, err := template.Compile("x")
	if err != nil {
		t.Fatal(err)
	}
	p, err := producer.New(producer.Config{Template: tpl, Rate: 100}, &file{out: io.Discard, end: '\n'})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestBrokenPipe(t *testing.T) {
	broken := errors.New("nobody reads")
	code := run(t.Context(), []string{"generate", "--control", "off", "--to", "-", "--records", "10"}, failingWriter{broken}, io.Discard)
	if code != exitFailed {
		t.Errorf("code %d", code)
	}
}

type failingWriter struct{ err error }

func (f failingWriter) Write([]byte) (int, error) { return 0, f.err }

func TestTemplateCommands(t *testing.T) {
	good := written(t, "good.kdg", template.Sensor)
	if code, out, errs := command(t, "template", "check", good); code != 0 || out != good+": works, 0 warnings\n" {
		t.Errorf("code %d, %s%s", code, out, errs)
	}
	odd := written(t, "odd.kdg", `{"a":{{random.arrayElement(['x','y'])}}}`)
	code, out, _ := command(t, "template", "check", odd, "--json")
	var v verdict
	if err := json.Unmarshal([]byte(out), &v); code != 0 || err != nil || !v.Valid || len(v.Warnings) != 2 || v.Warnings[0].Column != 6 || v.Warnings[1].Line != 0 {
		t.Errorf("code %d, %s", code, out)
	}
	bad := written(t, "bad.kdg", "a\n {{name.fistName}}")
	if code, out, _ := command(t, "template", "check", bad); code != exitFailed || out != bad+":2:2: error: Invalid method: name.fistName (did you mean firstName?)\n" {
		t.Errorf("code %d, %s", code, out)
	}
	endless := written(t, "endless.kdg", `{{random.arrayElement(["$&"])}}`)
	if code, out, _ := command(t, "template", "check", endless); code != exitFailed || !strings.Contains(out, "without end") {
		t.Errorf("code %d, %s", code, out)
	}
	if code, out, _ := command(t, "template", "show", good, "--seed", "1"); code != 0 || strings.Count(out, "sensorId") != 5 || strings.Count(out, "\n") != 5 {
		t.Errorf("code %d, %s", code, out)
	}
	if code, out, _ := command(t, "template", "show", written(t, "s", "{{date.simTime}}"), "--backfill", "--now", "2020-01-01T00:00:00Z", "--tz", "UTC", "--count", "1", "--null"); code != 0 || out != "2020-01-01T00:00:00+00:00\x00" {
		t.Errorf("code %d, %q", code, out)
	}
	if code, out, _ := command(t, "template", "methods"); code != 0 || !strings.Contains(out, "entity.drift\n") || strings.Count(out, "\n") < 142 {
		t.Errorf("code %d, %s", code, out)
	}
	for _, args := range [][]string{{"template", "check"}, {"template", "show", good, "x"}, {"template", "x"}, {"template", "check", good, "--tz", "Nowhere/Land"}} {
		if code, _, errs := command(t, args...); code != exitUsage {
			t.Errorf("%v: code %d, %s", args, code, errs)
		}
	}
}

// The live line says what it should, whatever has happened.
func TestLiveLine(t *testing.T) {
	l := &liveLine{producer: idle(t), stop: func() {}}
	l.now.Accepted = 12345
	if text := l.View(); !strings.Contains(text, "12,345") || !strings.Contains(text, " of 100") {
		t.Errorf("the line is %q", text)
	}
	press := func(key string) { l.Update(typed(key)) }
	press("+")
	if got := l.producer.Target(); got != 125 {
		t.Errorf("+ made it %s", strconv.FormatFloat(got, 'g', -1, 64))
	}
	press("-")
	press("-")
	if got := l.producer.Target(); got != 80 {
		t.Errorf("- made it %s", strconv.FormatFloat(got, 'g', -1, 64))
	}
	stopped := false
	l.stop = func() { stopped = true }
	press("q")
	if !stopped || !strings.Contains(l.View(), "stopping") {
		t.Error("q did not stop it")
	}
}

func typed(key string) tea.KeyMsg { return tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(key)} }

// ensure makes the stream.
func ensure(ctx context.Context, s stack.Settings, shards int) error {
	return listener.EnsureStream(ctx, s.KinesisClient(), s.Stream, shards)
}

// all is what the stream holds.
func all(t *testing.T, s stack.Settings) []record.Record {
	t.Helper()
	reader := s.Reader()
	shards, err := reader.Shards(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var out []record.Record
	for _, shard := range shards {
		err := reader.Read(t.Context(), shard.ID, "", func(records []record.Record) error {
			out = append(out, records...)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}
