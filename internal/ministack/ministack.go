// Package ministack starts ministack, an AWS emulator that is not ours, for a test of what deploys.
//
// It applies policies to nobody, keeps no resource because of a DeletionPolicy, has no NAT gateway, and hands a
// template's numbers on as the strings that parameters are; what that leaves open is checked in the template's text.
package ministack

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/snowstream/snowstream/internal/child"
)

// Variable names the environment variable with the path of ministack's program.
const Variable = "SNOWSTREAM_MINISTACK"

// Version is the one that the tests were written against.
const Version = "1.4.21"

// Start starts an emulator on 127.0.0.1 that ends with the test, and returns its URL, which stands for every service.
// Its account is 000000000000. Where there is no ministack the test is skipped and says how to get it.
func Start(t testing.TB) (url string) {
	t.Helper()
	program := os.Getenv(Variable)
	if program == "" {
		t.Skipf("not run: %s names no program; python3 -m venv v && v/bin/pip install ministack==%s, and set it to v/bin/ministack", Variable, Version)
	}
	dir, port := t.TempDir(), freePort(t)
	log, err := os.Create(filepath.Join(dir, "ministack.log"))
	if err != nil {
		t.Fatal(err)
	}
	c := child.Bind(exec.Command(program))
	c.Dir, c.Stdout, c.Stderr = dir, log, log
	// AWS_ENDPOINT_URL is what its functions get as theirs.
	c.Env = append(os.Environ(), "BIND_HOST=127.0.0.1", "GATEWAY_PORT="+port, "AWS_ENDPOINT_URL=http://127.0.0.1:"+port, "TMPDIR="+dir, "STATE_DIR="+dir, "S3_DATA_DIR="+dir)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Process.Kill()
		c.Wait()
		log.Close()
	})
	url = "http://127.0.0.1:" + port
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if answer, err := http.Get(url + "/_ministack/health"); err == nil {
			answer.Body.Close()
			return url
		}
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(log.Name())
			t.Fatalf("ministack does not start:\n%s", text)
		}
	}
}

// freePort is one that nobody listened on a moment ago; ministack cannot choose one itself.
func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
