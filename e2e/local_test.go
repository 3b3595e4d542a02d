package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
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

var kills = flag.Int("kills", map[bool]int{false: 1, true: 8}[long.Wanted()], "how often TestKill and TestChaosKill kill the whole stack")

// program is the snowstream command, built once for all tests.
var program string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(withProgram(m))
}

func withProgram(m *testing.M) int {
	dir, err := os.MkdirTemp("", "snowstream-e2e")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "snowstream")
	if testing.Short() {
		return m.Run()
	}
	build := child.Bind(exec.Command("go", "build", "-o", program, "../cmd/snowstream"))
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build snowstream:", err)
		return 1
	}
	return m.Run()
}

// local is a running or ended `snowstream local`.
type local struct {
	*exec.Cmd
	stdout, stderr bytes.Buffer
}

// start runs `snowstream local` with free ports on a data folder.
func start(t *testing.T, dir string, args ...string) *local {
	t.Helper()
	if testing.Short() {
		t.Skip("not run: -short leaves out what starts the whole stack")
	}
	l := &local{Cmd: child.Bind(exec.Command(program, append([]string{"local", "--port", "0", "--data", dir, "--json"}, args...)...))}
	l.Stdout, l.Stderr = &l.stdout, &l.stderr
	if err := l.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if l.ProcessState == nil {
			l.Process.Kill()
			l.Wait()
		}
	})
	return l
}

// result is what --json prints.
type result struct {
	Accepted, Streaming, Microbatch, Quarantined, Missing, Doubled, Different, Generated, Earlier int64
	Objects                                                                                       int64    `json:"landed_objects"`
	Elapsed                                                                                       float64  `json:"elapsed_s"`
	StreamingP50                                                                                  *float64 `json:"streaming_p50_s"`
	StreamingP99                                                                                  *float64 `json:"streaming_p99_s"`
	MicrobatchP50                                                                                 *float64 `json:"microbatch_p50_s"`
	MicrobatchP99                                                                                 *float64 `json:"microbatch_p99_s"`
}

// finish waits for the end and reads the one object on stdout.
func (l *local) finish(t *testing.T) result {
	t.Helper()
	if err := l.Wait(); err != nil {
		t.Fatalf("snowstream local: %v\nstdout: %s\nstderr: %s", err, l.stdout.String(), l.stderr.String())
	}
	var r result
	d := json.NewDecoder(&l.stdout)
	if err := d.Decode(&r); err != nil {
		t.Fatalf("stdout is not one JSON object: %v", err)
	}
	if rest, err := io.ReadAll(d.Buffered()); err != nil || strings.TrimSpace(string(rest)) != "" {
		t.Errorf("after the object, stdout has %q", rest)
	}
	return r
}

// complete is the proof that a run ends with.
func (r result) complete(t *testing.T) {
	t.Helper()
	if r.Missing != 0 || r.Doubled != 0 || r.Different != 0 || r.Streaming != r.Accepted-r.Quarantined || r.Microbatch != r.Streaming {
		t.Errorf("not complete: %+v", r)
	}
}

func TestSensorExample(t *testing.T) {
	r := start(t, t.TempDir(), "--records", "5000", "--rate", "1000").finish(t)
	r.complete(t)
	if r.Accepted != 5000 || r.Generated != 5000 || r.Objects < 50 || r.Quarantined != 0 {
		t.Errorf("%+v", r)
	}
	for name, seconds := range map[string]*float64{"streaming p50": r.StreamingP50, "streaming p99": r.StreamingP99, "micro-batch p50": r.MicrobatchP50, "micro-batch p99": r.MicrobatchP99} {
		if seconds == nil || *seconds <= 0 || *seconds > 120 {
			t.Errorf("%s is %v", name, seconds)
		}
	}
}

func TestFourShards(t *testing.T) {
	r := start(t, t.TempDir(), "--shards", "4", "--rate", "4000", "--records", "20000").finish(t)
	r.complete(t)
	if r.Accepted != 20000 {
		t.Errorf("%+v", r)
	}
}

// TestInterrupt: a person presses Ctrl-C; the batching window of a minute is not waited for.
func TestInterrupt(t *testing.T) {
	dir := t.TempDir()
	l := start(t, dir, "--rate", "50")
	l.ready(t, dir)
	time.Sleep(500 * time.Millisecond) // lets some records be generated: any number will do
	began := time.Now()
	if err := l.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	r := l.finish(t)
	r.complete(t)
	if took := time.Since(began); took > 45*time.Second {
		t.Errorf("draining took %s: it waited for the batching window", took)
	}
}

// TestKill kills the whole stack with SIGKILL in the middle of runs on one folder. The last run must end with every
// record that Kinesis ever accepted in both tables once.
func TestKill(t *testing.T) {
	for _, path := range rowPaths {
		t.Run(path, func(t *testing.T) { testKill(t, path) })
	}
}

// TestSwitchRowPath kills runs on one folder that bring their rows by turns in one way and in the other, each of which finds what
// the one before has left.
func TestSwitchRowPath(t *testing.T) {
	long.Test(t)
	dir := t.TempDir()
	for i := range 2 * *kills {
		l := start(t, dir, append(by(rowPaths[i%2]), "--rate", "900", "--batch-window", "1s")...)
		l.ready(t, dir)
		time.Sleep(time.Duration(rand.IntN(2500)) * time.Millisecond) // the moment is what is random here
		l.Process.Kill()
		l.Wait()
	}
	for _, path := range []string{"merge", "snowpipe", "merge", "snowpipe"} {
		start(t, dir, append(by(path), "--records", "300", "--rate", "1000")...).finish(t).complete(t)
	}
}

// rowPaths are the ways of rows into the streaming table, and when a batch is done.
var rowPaths = []string{"merge", "snowpipe deferred", "snowpipe wait"}

// by are the flags of one.
func by(path string) []string {
	how, commit, _ := strings.Cut(path, " ")
	if commit == "" {
		return []string{"--row-path", how}
	}
	return []string{"--row-path", how, "--row-commit", commit}
}

func testKill(t *testing.T, path string) {
	dir := t.TempDir()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	for range *kills {
		l := start(t, dir, append(by(path), "--rate", "900", "--batch-window", "1s")...)
		l.ready(t, dir)
		time.Sleep(time.Duration(random.IntN(2500)) * time.Millisecond) // the moment is what is random here
		l.Process.Kill()
		l.Wait()
	}
	r := start(t, dir, append(by(path), "--records", "100", "--rate", "1000")...).finish(t)
	r.complete(t)
	if r.Accepted <= 100 {
		t.Errorf("the killed runs left no records: %+v", r)
	}
	t.Logf("%d kills: %d accepted, %d missing, %d doubled", *kills, r.Accepted, r.Missing, r.Doubled)
}

// settings are what a running stack tells other programs.
type settings struct {
	Kinesis, S3, Lambda, Snowflake, Region, Stream, Bucket string
	Account, User, Password, Database, Schema, Dashboard   string
	PID                                                    int
}

// ready polls until the stack in dir has written its settings, and returns them.
func (l *local) ready(t *testing.T, dir string) (s settings) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for ctx.Err() == nil {
		if text, err := os.ReadFile(filepath.Join(dir, "settings.json")); err == nil && json.Unmarshal(text, &s) == nil && s.PID == l.Process.Pid {
			return s
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the stack did not start within a minute")
	return s
}
