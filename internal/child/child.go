// Package child lets a program that a test starts end with the test, whatever ends that: also a time-out, a panic and
// kill -9, after which no cleanup runs.
package child

import "os/exec"

// Bind prepares a command, before its start, to be killed by the kernel when this process ends. Only Linux can do that;
// elsewhere a cleanup has to do.
func Bind(c *exec.Cmd) *exec.Cmd {
	bind(c)
	return c
}
