package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// children are the processes that a process has started, by id, with the last word of their command lines: the
// function they are. Only systems with /proc can tell.
func children(t *testing.T, parent int) map[int]string {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(stats) == 0 {
		t.Skip("not run: without /proc the processes of the functions cannot be found")
	}
	out := map[int]string{}
	for _, path := range stats {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			continue
		}
		if p, state := parentOf(pid); p != parent || state == "Z" {
			continue
		}
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if words := strings.Split(strings.Trim(string(line), "\x00"), "\x00"); err == nil && slices.Contains(words, "function") {
			out[pid] = words[len(words)-1]
		}
	}
	return out
}

// parentOf is a process' parent and state; 0 if there is no such process.
func parentOf(pid int) (parent int, state string) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, ""
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	parent, err = strconv.Atoi(fields[1])
	if err != nil {
		return 0, ""
	}
	return parent, fields[0]
}

// killOne kills a random child of a process, and tells which; "" if it has none now.
func killOne(t *testing.T, random *rand.Rand, parent int) string {
	t.Helper()
	found := children(t, parent)
	if len(found) == 0 {
		return ""
	}
	pids := make([]int, 0, len(found))
	for pid := range found {
		pids = append(pids, pid)
	}
	slices.Sort(pids)
	pid := pids[random.IntN(len(pids))]
	if p, _ := parentOf(pid); p != parent { // it has ended since, and its id may be anyone's
		return ""
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return ""
	}
	return found[pid]
}

// A stack at rest after any number of faults has fewer open files and threads than this; about 130 and 30 are normal.
const (
	mostFiles   = 250
	mostThreads = 100
)

// checkFootprint looks at what a process holds (I9).
func checkFootprint(t *testing.T, pid int) {
	t.Helper()
	for what, most := range map[string]int{"fd": mostFiles, "task": mostThreads} {
		list, err := os.ReadDir(fmt.Sprintf("/proc/%d/%s", pid, what))
		if err != nil {
			t.Logf("not run: without /proc a process' files and threads cannot be counted: %v", err)
			return
		}
		if len(list) > most {
			t.Errorf("I9: process %d has %d entries in /proc/%[1]d/%[3]s, more than %[4]d", pid, len(list), what, most)
		}
	}
}

// orphans waits until processes have ended whose parent was killed.
func orphans(t *testing.T, pids map[int]string) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for pid, name := range pids {
		for {
			line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
			if err != nil || !strings.Contains(string(line), "function\x00"+name) {
				break
			}
			if time.Now().After(deadline) {
				t.Errorf("I9: process %d of the function %s outlives its killed stack", pid, name)
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
}
