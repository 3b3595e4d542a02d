package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
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
				query := exec.Command(program, "sql", "--json", "--data", filepath.Join(dir, "data"))
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
	put := exec.Command(python, "../examples/producers/producer.py")
	put.Env = append(os.Environ(), "AWS_ENDPOINT_URL_KINESIS="+s.Kinesis, "AWS_DEFAULT_REGION=us-east-1", "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local")
	if out, err := put.CombinedOutput(); err != nil || !strings.Contains(string(out), "100 records put") {
		t.Fatalf("producer.py: %v\n%s", err, out)
	}
	deadline := time.Now().Add(2 * time.Minute)
	for {
		read := exec.Command(python, "../examples/notebook/read.py", dir)
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
