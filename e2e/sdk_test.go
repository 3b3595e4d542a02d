package e2e

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/snowstream/snowstream/internal/child"
)

// TestSnowpipeSDK runs the official Python SDK of Snowpipe Streaming as it is: the newest one, which takes https only, and the
// last one that takes plain http. The whole stack is killed in between.
func TestSnowpipeSDK(t *testing.T) {
	for _, sdk := range []struct{ version, scheme, variable string }{
		{"1.9.1", "https", "SNOWSTREAM_SNOWPIPE_SDK"}, {"1.4.0", "http", "SNOWSTREAM_SNOWPIPE_SDK_HTTP"},
	} {
		t.Run(sdk.version, func(t *testing.T) {
			python := os.Getenv(sdk.variable)
			if python == "" {
				t.Skipf("not run: `pip install snowpipe-streaming==%s` into a virtual environment, and set %s to its python", sdk.version, sdk.variable)
			}
			dir := t.TempDir()
			run := func(phase string) {
				ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
				defer cancel()
				settings := filepath.Join(dir, "settings.json")
				command := child.Bind(exec.CommandContext(ctx, python, "testdata/snowpipe_sdk.py", settings, sdk.scheme, phase))
				command.Env = append(os.Environ(), "SSL_CERT_FILE="+caFile(t, settings))
				out, err := command.CombinedOutput()
				if err != nil || !strings.Contains(string(out), "sdk ok") {
					t.Fatalf("the %s life with SDK %s: %v\n%s", phase, sdk.version, err, out)
				}
			}
			l := start(t, dir, "--rate", "0.001")
			o := join(t, l.ready(t, dir))
			if _, err := o.db.ExecContext(t.Context(), "CREATE TABLE SDK_ROWS (ID NUMBER NOT NULL, NAME VARCHAR(20), V VARIANT)"); err != nil {
				t.Fatal(err)
			}
			run("first")
			l.Process.Kill()
			l.Wait()
			l = start(t, dir, "--rate", "0.001")
			o = join(t, l.ready(t, dir))
			run("second")
			const want = 11_000
			if n := o.number(t, "SELECT COUNT(*) FROM SDK_ROWS"); n != want {
				t.Errorf("the table has %d rows, not %d", n, want)
			}
			if n := o.number(t, "SELECT COUNT(DISTINCT ID) FROM SDK_ROWS WHERE NAME = 'name ' || ID AND V:list[0] = ID AND V:half = ID + 0.5 AND V:list[2] = 'é\\n'"); n != want {
				t.Errorf("%d different rows are as they were sent, not %d", n, want)
			}
			l.stop(t)
		})
	}
}

// caFile is the certificate that the stack's clients over TLS must trust.
func caFile(t *testing.T, path string) string {
	t.Helper()
	var s struct {
		CA string `json:"snowpipe_ca_file"`
	}
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil || s.CA == "" {
		t.Fatalf("the settings name no certificate: %v", err)
	}
	return s.CA
}
