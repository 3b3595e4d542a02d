package lambda

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	bound "github.com/snowstream/snowstream/internal/child"
)

// runHost is the test binary as a host of its own, to be killed: it opens the configuration in the file CONFIG and, if
// STARTED names a file, makes a call that notes its process there and hangs. A process between calls would end by
// itself, when its Runtime API breaks; one that hangs shows what the kernel does.
func runHost() {
	text, err := os.ReadFile(os.Getenv("CONFIG"))
	if err != nil {
		panic(err)
	}
	var cfg Config
	if err := json.Unmarshal(text, &cfg); err != nil {
		panic(err)
	}
	s, err := Open(cfg)
	if err != nil {
		panic(err)
	}
	if started := os.Getenv("STARTED"); started != "" {
		event, err := json.Marshal(order{Do: "hang", Text: started, For: time.Hour})
		if err != nil {
			panic(err)
		}
		if _, err := s.functions.invoke(s.calls, "script", uuid.NewString(), event, ""); err != nil {
			panic(err)
		}
	}
	if acks := os.Getenv("ACKS"); acks != "" {
		makeFunctions(s, acks)
	}
	select {}
}

func startHost(t *testing.T, cfg Config, started string) *exec.Cmd {
	t.Helper()
	text, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := bound.Bind(exec.Command(os.Args[0]))
	cmd.Env = append(os.Environ(), roleVariable+"=host", "CONFIG="+path, "STARTED="+started)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd
}

func TestKilledHostTakesItsProcesses(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("not run: only Linux has a parent-death signal")
	}
	started := filepath.Join(t.TempDir(), "started")
	cmd := startHost(t, testConfig(t, "", ""), started)
	var pid int
	eventually(t, "the function ran", func() bool {
		text, _ := os.ReadFile(started)
		n, _ := fmt.Sscan(string(text), &pid)
		return n == 1
	})
	t.Cleanup(func() { syscall.Kill(pid, syscall.SIGKILL) })
	// A thread that ends would take the process along: give the host's scheduler time to retire some.
	time.Sleep(200 * time.Millisecond)
	if !alive(pid) || zombie(pid) {
		t.Fatal("the process ended before its host")
	}
	cmd.Process.Kill()
	cmd.Wait()
	eventually(t, "the function's process is gone", func() bool { return !alive(pid) || zombie(pid) })
}

// Killed at any moment, hosts in a row hand over every record, in order, and each queued event; what they repeat is
// whole batches from a checkpoint on.
func TestKilledHostLosesNothing(t *testing.T) {
	k := newKinesis(t, shard0)
	h := open(t, testConfig(t, k.URL, ""))
	h.mapping()
	h.close()
	st, total := newStore(), 0
	for round := range 8 {
		k.put(shard0, numbers(total, total+20)...)
		total += 20
		id := fmt.Sprintf("event-%d", round)
		e := event{ID: id, Function: "script", Accepted: time.Now(), Due: time.Now(), Payload: []byte(`{"do":"echo"}`)}
		if err := st.save(filepath.Join(h.cfg.Dir, "queue", id+".json"), e); err != nil {
			t.Fatal(err)
		}
		cmd := startHost(t, h.cfg, "")
		time.Sleep(rand.N(300 * time.Millisecond)) // the moment of the kill, not a wait
		cmd.Process.Kill()
		cmd.Wait()
	}
	h.cfg.Functions[1].Timeout = 5 * time.Second
	h = open(t, h.cfg)
	if err := h.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	var records []string
	ran := map[string]bool{}
	for _, line := range h.notes() {
		var b handed
		if json.Unmarshal([]byte(line), &b) != nil {
			ran[line] = true
			continue
		}
		if at := slices.Index(records, b.Records[0]); at >= 0 {
			records = records[:at] // a repetition begins here
		}
		records = append(records, b.Records...)
	}
	if !slices.Equal(records, numbers(0, total)) {
		t.Errorf("handed over %v", records)
	}
	if len(ran) != 8 {
		t.Errorf("events that ran: %v", ran)
	}
}
