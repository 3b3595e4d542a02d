package examples

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReadmes: each example says in its first line what it is for, and is read in a minute.
func TestReadmes(t *testing.T) {
	list, err := List()
	if err != nil || len(list) < 3 {
		t.Fatalf("%d examples, %v", len(list), err)
	}
	for _, e := range list {
		text, err := os.ReadFile(filepath.Join(e.Name, "README.md"))
		if err != nil {
			t.Fatal(err)
		}
		if lines := strings.Count(string(text), "\n"); !strings.HasPrefix(string(text), "# ") || lines > 20 || e.About == "" {
			t.Errorf("%s: a README is a title and at most 20 lines, this one has %d", e.Name, lines)
		}
	}
}

// TestCopyRefuses: nothing that is there is overwritten, and nothing else is written then.
func TestCopyRefuses(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "sensors.yaml"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Copy("sensors", dir); err == nil {
		t.Error("a file that was there was overwritten")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("%d files, %v", len(entries), err)
	}
	if _, err := Copy("../..", dir); err == nil {
		t.Error("a name that leads elsewhere was taken")
	}
}
