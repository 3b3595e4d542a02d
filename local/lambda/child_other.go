//go:build !linux

package lambda

import (
	"os/exec"
	"syscall"
)

// processAttributes puts the process into its own group, so that it can be killed with all it started. There is no
// parent-death signal here: after a kill -9 of the host an idle process ends when its Runtime API connection breaks.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}

// reap waits for the end of the process, collects it and calls ended. The process id is free for a moment before that;
// its group id is not while any member lives.
func reap(cmd *exec.Cmd, ended func()) {
	// The state is read from the command; the error only repeats an exit status other than 0.
	_ = cmd.Wait()
	ended()
}
