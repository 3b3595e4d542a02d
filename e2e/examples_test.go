package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/snowstream/snowstream/internal/child"
)

// TestExamples runs each example that has a schema and a template, from a copy that `init` makes, and its queries.
func TestExamples(t *testing.T) {
	for _, name := range []string{"sensors", "orders", "clickstream"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			l := start(t, filepath.Join(dir, "data"), "--records", "200", "--rate", "2000", "--batch-window", "1s",
				"--schema", filepath.Join("..", "examples", name, name+".yaml"), "--template", filepath.Join("..", "examples", name, name+".template"))
			r := l.finish(t)
			r.complete(t)
			if r.Accepted != 200 || r.Quarantined != 0 {
				t.Errorf("%s: %+v", name, r)
			}
			// The stack has stopped: what only looks starts what it needs.
			for _, look := range []string{"audit", "status"} {
				command(t, look, "--data", filepath.Join(dir, "data"))
			}
			queries, err := filepath.Glob(filepath.Join("..", "examples", name, "*.sql"))
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range queries {
				query := child.Bind(exec.Command(program, "sql", "--json", "--data", filepath.Join(dir, "data")))
				if query.Stdin, err = os.Open(file); err != nil {
					t.Fatal(err)
				}
				out, err := query.Output()
				if err != nil || strings.Count(string(out), "\n") < 2 {
					t.Errorf("%s answers %q, %v", file, out, err)
				}
			}
		})
	}
}

// TestPythonExamples puts records with the example's producer, and reads the tables as the example's script does.
func TestPythonExamples(t *testing.T) {
	python, dir := pythonPeer(t), t.TempDir()
	l := start(t, dir, "--rate", "0.0001", "--batch-window", "0s")
	s := l.ready(t, dir)
	put := child.Bind(exec.Command(python, "../examples/producers/producer.py"))
	put.Env = append(os.Environ(), "AWS_ENDPOINT_URL_KINESIS="+s.Kinesis, "AWS_DEFAULT_REGION=us-east-1", "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local")
	if out, err := put.CombinedOutput(); err != nil || !strings.Contains(string(out), "100 records put") {
		t.Fatalf("producer.py: %v\n%s", err, out)
	}
	deadline := time.Now().Add(2 * time.Minute)
	for {
		read := child.Bind(exec.Command(python, "../examples/notebook/read.py", dir))
		var said strings.Builder
		read.Stderr = &said
		out, err := read.Output()
		if err != nil {
			t.Fatalf("read.py: %v\n%s", err, said.String())
		}
		if words := strings.Fields(string(out)); len(words) == 4 && words[1] == words[3] && words[1] >= "100" && words[1] < "200" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the 100 records are not in both tables: %s", out)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// TestProducerExamples runs the producers in Go, Node and Java as their README says; all of their records land.
func TestProducerExamples(t *testing.T) {
	node, jars, dir := os.Getenv("SNOWSTREAM_NODE_SDK"), os.Getenv("SNOWSTREAM_JAVA_SDK"), t.TempDir()
	l := start(t, dir, "--rate", "0.0001", "--batch-window", "0s")
	s := l.ready(t, dir)
	var put int64
	for name, run := range map[string]func(*testing.T) []string{
		"go": func(t *testing.T) []string {
			return []string{"go", "run", copied(t, "producer.go.txt", "producer.go")}
		},
		"node": func(t *testing.T) []string {
			if node == "" {
				t.Skip("not run: `npm install @aws-sdk/client-kinesis` in a folder, and set SNOWSTREAM_NODE_SDK to it")
			}
			script := copied(t, "producer.mjs", "producer.mjs")
			if err := os.Symlink(filepath.Join(node, "node_modules"), filepath.Join(filepath.Dir(script), "node_modules")); err != nil {
				t.Fatal(err)
			}
			return []string{"node", script}
		},
		"java": func(t *testing.T) []string {
			if jars == "" {
				t.Skip("not run: get software.amazon.awssdk:kinesis:2.31.0 and what it depends on into a folder, and set SNOWSTREAM_JAVA_SDK to it; it needs Java 17")
			}
			return []string{"java", "-cp", filepath.Join(jars, "*"), "../examples/producers/Producer.java"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			line := run(t)
			c := child.Bind(exec.CommandContext(t.Context(), line[0], line[1:]...))
			c.Env = append(os.Environ(), "AWS_ENDPOINT_URL_KINESIS="+s.Kinesis, "AWS_REGION=us-east-1", "AWS_DEFAULT_REGION=us-east-1", "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local")
			if out, err := c.CombinedOutput(); err != nil || !strings.Contains(string(out), "100 records put") {
				t.Fatalf("%v\n%s", err, out)
			}
			put += 100
		})
	}
	if err := l.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	r := l.finish(t)
	r.complete(t)
	if r.Accepted < put || r.Accepted >= put+100 || r.Quarantined != 0 {
		t.Errorf("%d records put: %+v", put, r)
	}
}

// copied is an example's file under another name, in a folder of its own.
func copied(t *testing.T, name, as string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "examples", "producers", name))
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), as)
	if err := os.WriteFile(to, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return to
}
