package lambda

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// call is one invocation on its way through a child.
type call struct {
	id            string
	event         []byte
	clientContext string
	deadline      time.Time
	done          chan struct{} // closed when payload and failed are set
	payload       []byte
	failed        bool
}

// child is one process of a function together with the Runtime API that only this process can reach: its own listener.
// That is what keeps answers apart: a process that was killed and replaced has no way to answer for its successor.
//
// Owner: the function's pool. At most one invocation uses a child at a time.
type child struct {
	cmd    *exec.Cmd
	server *http.Server
	out    *output
	calls  chan *call    // unbuffered: received by the process's pending "next"
	ready  chan struct{} // holds a token when the process has asked for work since it was last drained
	exited chan struct{} // closed after the process and its helpers are gone
	idle   time.Time     // when it was parked; owned by the pool

	mu      sync.Mutex
	current *call // what the process works on; nil for a late answer
	reaped  bool  // the process id may belong to someone else from here on
	initErr []byte
}

// startChild runs the function's command and serves the Runtime API to it. It does not wait for the first "next".
func startChild(fn *function) (*child, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for a process of %s: %w", fn.Name, err)
	}
	out, err := newOutput(fn.log)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the output of %s: %w", fn.Name, err), listener.Close())
	}
	c := &child{out: out, calls: make(chan *call), ready: make(chan struct{}, 1), exited: make(chan struct{})}
	c.server = &http.Server{Handler: c.runtimeAPI(fn), ReadHeaderTimeout: time.Minute}
	c.cmd = exec.Command(fn.Command[0], fn.Command[1:]...)
	c.cmd.Env = fn.environment(listener.Addr().String())
	c.cmd.Stdout, c.cmd.Stderr = out.write, out.write
	c.cmd.SysProcAttr = processAttributes()
	if fn.made.Load() != nil {
		c.cmd.Dir = fn.folder
	}

	started := make(chan error)
	go c.supervise(listener, started)
	if err := <-started; err != nil {
		<-c.exited
		return nil, err
	}
	return c, nil
}

// supervise owns everything the child has: it starts the process, waits for its end, and takes down the rest. Start and
// wait share one locked OS thread because Linux sends the parent-death signal when the creating thread ends.
func (c *child) supervise(listener net.Listener, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(c.exited)
	var helpers sync.WaitGroup
	helpers.Go(c.out.copy)
	if err := c.cmd.Start(); err != nil {
		c.out.close()
		helpers.Wait()
		listener.Close()
		started <- err
		return
	}
	helpers.Go(func() { c.server.Serve(listener) })
	started <- nil
	reap(c.cmd, c.killRemains)
	c.out.close()
	c.server.Close()
	helpers.Wait()
}

// killRemains ends what the process left behind in its group and forgets the id. It runs before the process is reaped
// where the system allows it, so that the id cannot have been given to anyone else.
func (c *child) killRemains() {
	c.mu.Lock()
	defer c.mu.Unlock()
	syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL)
	c.reaped = true
}

// signal sends sig to the whole process group, unless it is gone.
func (c *child) signal(sig syscall.Signal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.reaped {
		syscall.Kill(-c.cmd.Process.Pid, sig)
	}
}

// kill ends the process group and waits until it is gone.
func (c *child) kill() {
	c.signal(syscall.SIGKILL)
	<-c.exited
}

func (c *child) gone() bool {
	select {
	case <-c.exited:
		return true
	default:
		return false
	}
}

// awaitFirstNext waits until the process asks for work for the first time. An exit before that is a failed init.
func (c *child) awaitFirstNext(ctx context.Context) error {
	timer := time.NewTimer(initLimit)
	defer timer.Stop()
	select {
	case <-c.ready:
		c.ready <- struct{}{}
		return nil
	case <-c.exited:
		return fmt.Errorf("the runtime exited with error: %s", c.cmd.ProcessState)
	case <-timer.C:
		c.kill()
		return fmt.Errorf("the init phase timed out after %.2f seconds", initLimit.Seconds())
	case <-ctx.Done():
		c.kill()
		return errClosing
	}
}

// ending is how an invocation left its child.
type ending int

const (
	answered     ending = iota // the process answered; look at call.failed
	exited                     // the process ended in mid-call
	timedOut                   // the deadline passed and the process group was killed
	brokenOff                  // the host is closing and the process group was killed
	notDelivered               // the process had ended before it saw the call: safe to try another
)

// run gives the call to the process and waits for the end of it. As on AWS an invocation is over when the process asks
// for more work, not when it answers; reusable tells whether it did. ctx ends when the host gives up waiting.
func (c *child) run(ctx context.Context, call *call) (how ending, reusable bool) {
	timer := time.NewTimer(time.Until(call.deadline))
	defer timer.Stop()
	select {
	case <-c.ready:
	default:
	}
	select {
	case c.calls <- call:
	case <-c.exited:
		return notDelivered, false
	case <-timer.C:
		return c.breakOff(call, timedOut)
	case <-ctx.Done():
		return c.breakOff(call, brokenOff)
	}
	select {
	case <-call.done:
	case <-c.exited:
		return c.breakOff(call, exited)
	case <-timer.C:
		return c.breakOff(call, timedOut)
	case <-ctx.Done():
		return c.breakOff(call, brokenOff)
	}
	select {
	case <-c.ready:
		c.ready <- struct{}{}
		return answered, true
	case <-c.exited:
	case <-timer.C:
		c.kill()
	case <-ctx.Done():
		c.kill()
	}
	return answered, false
}

// breakOff makes sure that the call can no longer be answered and that its process group is gone. An answer that came
// first still counts.
func (c *child) breakOff(call *call, how ending) (ending, bool) {
	c.mu.Lock()
	c.current = nil
	c.mu.Unlock()
	c.kill()
	select {
	case <-call.done:
		return answered, false
	default:
		return how, false
	}
}

// environment is all that a process sees: the parent's own environment stays out, apart from what programs need to
// find other programs and a place for temporary files.
func (fn *function) environment(runtimeAPI string) []string {
	const memoryPerCPU = 1769 // MB, docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
	env := []string{
		"AWS_LAMBDA_RUNTIME_API=" + runtimeAPI,
		"AWS_LAMBDA_FUNCTION_NAME=" + fn.Name,
		"AWS_LAMBDA_FUNCTION_VERSION=" + latestVersion,
		fmt.Sprintf("AWS_LAMBDA_FUNCTION_MEMORY_SIZE=%d", fn.MemoryMB),
		"AWS_LAMBDA_LOG_GROUP_NAME=" + logGroup(fn.Name),
		"AWS_LAMBDA_LOG_STREAM_NAME=" + time.Now().UTC().Format("2006/01/02/") + "[" + latestVersion + "]local",
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
		"AWS_REGION=" + fn.place.region,
		"AWS_DEFAULT_REGION=" + fn.place.region,
		"AWS_ACCESS_KEY_ID=" + fn.accessKeyID,
		"AWS_SECRET_ACCESS_KEY=" + fn.secretAccessKey,
		"LAMBDA_TASK_ROOT=" + fn.folder,
		"_HANDLER=" + fn.handler,
		"TZ=:UTC",
		fmt.Sprintf("GOMAXPROCS=%d", (fn.MemoryMB+memoryPerCPU-1)/memoryPerCPU),
	}
	for _, name := range []string{"PATH", "HOME", "TMPDIR"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	for name, value := range fn.Environment {
		env = append(env, name+"="+value)
	}
	return env
}
