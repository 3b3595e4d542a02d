package child

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// parent is set for the process that starts a child and is killed.
const parent = "SNOWSTREAM_CHILD_TEST_PARENT"

// TestDiesWithParent kills a process with SIGKILL; the child that it had bound ends, too.
func TestDiesWithParent(t *testing.T) {
	if os.Getenv(parent) != "" {
		sleep := Bind(exec.Command("sleep", "300"))
		if err := sleep.Start(); err != nil {
			t.Fatal(err)
		}
		fmt.Println("child", sleep.Process.Pid)
		_ = sleep.Wait()
		return
	}
	c := exec.Command(os.Args[0], "-test.run", "^TestDiesWithParent$", "-test.v")
	c.Env = append(os.Environ(), parent+"=1")
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := Bind(c).Start(); err != nil {
		t.Fatal(err)
	}
	pid := 0
	for lines := bufio.NewScanner(out); pid == 0 && lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), "child "); ok {
			if pid, err = strconv.Atoi(text); err != nil {
				t.Fatal(err)
			}
		}
	}
	if pid == 0 {
		t.Fatal("the child did not start")
	}
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait()
	for deadline := time.Now().Add(time.Minute); alive(pid); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			t.Fatalf("process %d outlives the one that started it", pid)
		}
	}
}

// alive reports whether a process runs; one that has ended and that nobody has collected does not.
func alive(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	return !strings.HasPrefix(rest, "Z")
}
