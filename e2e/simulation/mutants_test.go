package simulation

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/snowstream/snowstream/internal/child"
)

var (
	plant = flag.Bool("mutants", false, "plant each mutant and run the tests that should catch it; takes minutes")
	only  = flag.String("mutant", "", "plant only mutants whose name contains this")
)

// TestMutants plants faults in copies of the code, which the go command's -overlay builds in place of the originals, and
// wants each to turn a test red. A fault that no longer fits the code fails as well: then the list is out of date.
func TestMutants(t *testing.T) {
	all := mutants()
	if !*plant {
		for _, m := range all {
			m.overlay(t)
		}
		t.Logf("%d mutants fit the code; -mutants plants them", len(all))
		return
	}
	var caught, tried atomic.Int64
	began := time.Now()
	t.Run("plant", func(t *testing.T) { // ends when all of them have
		for _, m := range all {
			if !strings.Contains(m.name, *only) {
				continue
			}
			tried.Add(1)
			t.Run(m.name, func(t *testing.T) {
				t.Parallel() // each builds and runs on about one core
				by, output := m.try(t)
				if by == "" {
					t.Fatalf("not caught: %s\n%s", m.name, tail(output))
				}
				caught.Add(1)
				t.Logf("caught: %-60s by %s", m.name, by)
			})
		}
	})
	t.Logf("%d of %d caught in %s", caught.Load(), tried.Load(), time.Since(began).Round(time.Second))
}

// root is the module's folder.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// overlay writes the changed files and returns the go command's description of them.
func (m mutant) overlay(t *testing.T) string {
	t.Helper()
	dir, replace := t.TempDir(), map[string]string{}
	for _, e := range m.edits {
		original := filepath.Join(root(t), e.file)
		copied := replace[original]
		if copied == "" {
			copied = filepath.Join(dir, strings.ReplaceAll(e.file, "/", "_"))
		}
		from := map[bool]string{true: original, false: copied}[replace[original] == ""]
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(text), e.old); n != 1 {
			t.Errorf("%s: its text is %d times in %s instead of once: adapt the mutant", m.name, n, e.file)
		}
		if err := os.WriteFile(copied, []byte(strings.Replace(string(text), e.old, e.new, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		replace[original] = copied
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// try runs the tests with the mutant in place and returns the name of the first that fails.
func (m mutant) try(t *testing.T) (by, output string) {
	t.Helper()
	pack, run := m.pack, m.run
	if pack == "" {
		pack, run = "./e2e/simulation", "Ledger|HandOver|ErrorsHold|TestGivenUp|TestVoid|TestSameName|TestAppend|TestSimulation"
	}
	args := []string{"test", "-count=1", "-failfast", "-timeout", "8m", "-run", run, pack}
	if m.pack == "" {
		args = append(args, "-seeds", "300")
	} else if strings.Contains(run, "TestSimulationSealed") {
		args = append(args, "-seeds", "400")
	}
	command := child.Bind(exec.CommandContext(t.Context(), "go", args...))
	command.Dir = root(t)
	// In the environment the overlay reaches what a test builds, too, such as the command that the tests of the whole run.
	command.Env = append(os.Environ(), "GOFLAGS=-overlay="+m.overlay(t))
	text, err := command.CombinedOutput()
	failed := regexp.MustCompile(`(?m)^--- FAIL: (\S+)`).FindSubmatch(text)
	if err == nil || failed == nil {
		return "", string(text)
	}
	by = string(failed[1])
	if seed := regexp.MustCompile(`seed \d+: \w+`).Find(text); seed != nil {
		by += " (" + string(seed) + ")"
	}
	return by, string(text)
}

// tail is the end of a test's output.
func tail(output string) string { return output[max(0, len(output)-600):] }
