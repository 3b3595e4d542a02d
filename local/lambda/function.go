package lambda

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	initLimit = 30 * time.Second // AWS gives 10 s; a laptop that starts everything at once needs more
	idleLimit = 5 * time.Minute  // a process that had nothing to do for so long is ended
	stopGrace = 2 * time.Second  // between SIGTERM and SIGKILL at Close

	defaultTimeout     = 3 * time.Second
	maxTimeout         = 15 * time.Minute
	defaultMemoryMB    = 128
	defaultConcurrency = 10
)

// function is a configured function with its pool of warm processes.
type function struct {
	Function
	place           place
	accessKeyID     string // both keys are the processes' default credentials
	secretAccessKey string
	log             *logFile     // what the processes print
	logger          *slog.Logger // what the host has to say
	timed           func(what string, took time.Duration, n int)

	folder, handler string                   // where its code is, and what of it is called
	made            atomic.Pointer[creation] // nil for one of the configuration; of a created one the tags may change
	gone            chan struct{}            // closed when it was replaced, and nothing of it runs any more, nor of those before it
	prior           <-chan struct{}          // gone of the function that it replaced

	mu       sync.Mutex
	idle     []*child            // ready for a call, the longest idle first
	children map[*child]struct{} // all that have not been seen gone, idle or busy
	running  int                 // calls in flight: at most ReservedConcurrency
	counts   FunctionStats
	quiet    chan struct{} // of a function that was replaced: closed when its last call is over
}

// result is the end of an invocation that reached the function.
type result struct {
	payload []byte
	failed  bool   // the function's fault: an error, an exit or a time-out
	tail    []byte // the last 4 KiB of its log
}

// newFunction makes a function that was checked.
func newFunction(cfg Config, p place, all *functions, f Function) (*function, error) {
	f.Timeout = cmp.Or(f.Timeout, defaultTimeout)
	f.MemoryMB = cmp.Or(f.MemoryMB, defaultMemoryMB)
	f.ReservedConcurrency = cmp.Or(f.ReservedConcurrency, defaultConcurrency)
	f.MaximumEventAge = cmp.Or(f.MaximumEventAge, defaultEventAge)
	log, err := all.log(f.Name)
	return &function{
		Function: f, place: p, accessKeyID: cfg.AccessKeyID, secretAccessKey: cfg.SecretAccessKey, log: log, logger: cfg.Log, timed: cfg.Timed,
		folder: filepath.Dir(f.Command[0]), handler: "bootstrap", gone: make(chan struct{}), children: map[*child]struct{}{},
	}, err
}

func (fn *function) arn() string { return fn.place.functionARN(fn.Name) }

// invoke runs one call to its end and returns errThrottled without a free slot, errReplaced of a function that is one no more,
// and errClosing when ctx ends first;
// everything else, a missing program included, is a result. ctx is the host's, not the caller's: as on AWS a caller
// that hangs up stops nothing.
func (fn *function) invoke(ctx context.Context, id string, event []byte, clientContext string) (result, error) {
	if err := fn.enter(); err != nil {
		return result{}, err
	}
	defer fn.leave()
	for {
		c, err := fn.take(ctx, id)
		if failure := (*initError)(nil); errors.As(err, &failure) {
			fn.count(func(s *FunctionStats) { s.Errors++ })
			return result{payload: failure.document, failed: true}, nil
		}
		if err != nil {
			return result{}, err
		}
		start := time.Now()
		work := &call{id: id, event: event, clientContext: clientContext, deadline: start.Add(fn.Timeout), done: make(chan struct{})}
		c.out.begin(id)
		how, reusable := c.run(ctx, work)
		if how == notDelivered { // an idle process had died unseen, and the call is still whole
			fn.forget(c)
			continue
		}
		res, status, err := fn.conclude(c, work, how)
		res.tail = c.out.end(id, status, time.Since(start))
		fn.timed(fn.Name, time.Since(start), 1)
		fn.giveBack(c, reusable)
		return res, err
	}
}

// conclude turns the ending of a call into its result and the remark in its REPORT line.
func (fn *function) conclude(c *child, work *call, how ending) (result, string, error) {
	switch how {
	case timedOut:
		fn.count(func(s *FunctionStats) { s.Timeouts++; s.Errors++ })
		message := fmt.Sprintf("%s %s Task timed out after %.2f seconds",
			time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), work.id, fn.Timeout.Seconds())
		return result{payload: errorDocument("Sandbox.Timedout", message), failed: true}, "\tStatus: timeout", nil
	case exited:
		fn.count(func(s *FunctionStats) { s.Errors++ })
		return result{payload: exitDocument(work.id, c), failed: true}, "\tStatus: error\tError Type: Runtime.ExitError", nil
	case brokenOff:
		return result{}, "\tStatus: closed", errClosing
	}
	if work.failed {
		fn.count(func(s *FunctionStats) { s.Errors++ })
	}
	return result{payload: work.payload, failed: work.failed}, "", nil
}

// exitDocument is AWS's report of a process that ended in mid-call.
func exitDocument(id string, c *child) []byte {
	state := c.cmd.ProcessState
	if state.Success() {
		return errorDocument("Runtime.ExitError", "RequestId: "+id+" Error: Runtime exited without providing a reason")
	}
	return errorDocument("Runtime.ExitError", "RequestId: "+id+" Error: Runtime exited with error: "+state.String())
}

// initError is a function that cannot be started: the failure of the call that needed it.
type initError struct{ document []byte }

func (e *initError) Error() string { return "the function could not be started" }

// take returns an idle process, the one used last, or starts one.
func (fn *function) take(ctx context.Context, id string) (*child, error) {
	fn.mu.Lock()
	for len(fn.idle) > 0 {
		c := fn.idle[len(fn.idle)-1]
		fn.idle = fn.idle[:len(fn.idle)-1]
		if !c.gone() {
			fn.mu.Unlock()
			return c, nil
		}
		delete(fn.children, c)
	}
	fn.mu.Unlock()
	if ctx.Err() != nil {
		return nil, errClosing
	}
	c, err := startChild(fn)
	if err != nil {
		fn.logger.Warn("function could not be started", "function", fn.Name, "error", err)
		return nil, &initError{errorDocument("Runtime.InvalidEntrypoint", "RequestId: "+id+" Error: "+err.Error())}
	}
	fn.mu.Lock()
	fn.children[c] = struct{}{}
	fn.mu.Unlock()
	if err := c.awaitFirstNext(ctx); err != nil {
		return nil, fn.failedInit(c, id, err)
	}
	return c, nil
}

// failedInit tells a process that could not start by its own words on /init/error, if it had any.
func (fn *function) failedInit(c *child, id string, err error) error {
	c.kill()
	fn.forget(c)
	if errors.Is(err, errClosing) {
		return err
	}
	fn.logger.Warn("function failed to initialize", "function", fn.Name, "error", err)
	if c.initErr != nil {
		return &initError{c.initErr}
	}
	return &initError{errorDocument("Runtime.ExitError", "RequestId: "+id+" Error: "+err.Error())}
}

// enter takes a slot. It never waits: whoever calls knows better than a queue here when to come back.
func (fn *function) enter() error {
	fn.mu.Lock()
	defer fn.mu.Unlock()
	switch {
	case fn.quiet != nil:
		return errReplaced
	case fn.running >= fn.ReservedConcurrency:
		fn.counts.Throttles++
		return errThrottled
	}
	fn.running++
	fn.counts.Invocations++
	return nil
}

func (fn *function) leave() {
	fn.mu.Lock()
	defer fn.mu.Unlock()
	if fn.running--; fn.running == 0 && fn.quiet != nil {
		close(fn.quiet)
	}
}

// retire has the function take no call any more. What it returns is closed when those in flight are over.
func (fn *function) retire() <-chan struct{} {
	fn.mu.Lock()
	defer fn.mu.Unlock()
	fn.quiet = make(chan struct{})
	if fn.running == 0 {
		close(fn.quiet)
	}
	return fn.quiet
}

// counted is what was counted so far.
func (fn *function) counted() FunctionStats {
	fn.mu.Lock()
	defer fn.mu.Unlock()
	return fn.counts
}

func (fn *function) count(change func(*FunctionStats)) {
	fn.mu.Lock()
	defer fn.mu.Unlock()
	change(&fn.counts)
}

// giveBack parks a process that asked for more work. Any other is on its way out and has been waited for.
func (fn *function) giveBack(c *child, reusable bool) {
	fn.mu.Lock()
	defer fn.mu.Unlock()
	if !reusable {
		delete(fn.children, c)
		return
	}
	c.idle = time.Now()
	fn.idle = append(fn.idle, c)
}

func (fn *function) forget(c *child) { fn.mu.Lock(); delete(fn.children, c); fn.mu.Unlock() }

// kill ends all processes, busy ones in mid-call, and returns how many there were. The pool finds out by itself.
func (fn *function) kill() int {
	fn.mu.Lock()
	defer fn.mu.Unlock()
	killed := 0
	for c := range fn.children {
		if !c.gone() {
			c.signal(syscall.SIGKILL)
			killed++
		}
	}
	return killed
}

// endIdle ends the processes that were parked before the given time.
func (fn *function) endIdle(before time.Time) {
	fn.mu.Lock()
	n := 0
	for n < len(fn.idle) && fn.idle[n].idle.Before(before) {
		n++
	}
	old := append([]*child(nil), fn.idle[:n]...)
	fn.idle = append([]*child(nil), fn.idle[n:]...)
	fn.mu.Unlock()
	for _, c := range old {
		c.kill()
		fn.forget(c)
	}
}

// shutdown ends every process: SIGTERM, a grace period, SIGKILL. No call is in flight any more.
func (fn *function) shutdown() {
	fn.mu.Lock()
	defer fn.mu.Unlock()
	for c := range fn.children {
		c.signal(syscall.SIGTERM)
	}
	timer := time.NewTimer(stopGrace)
	defer timer.Stop()
	patience := timer.C
	for c := range fn.children {
		select {
		case <-c.exited:
			continue
		case <-patience:
			patience = closedTime()
		}
		c.kill()
	}
	fn.idle, fn.children = nil, map[*child]struct{}{}
}

// closedTime is a timer channel that has always fired.
func closedTime() <-chan time.Time {
	fired := make(chan time.Time)
	close(fired)
	return fired
}

func (fn *function) stats() FunctionStats {
	fn.mu.Lock()
	defer fn.mu.Unlock()
	s := fn.counts
	s.Name, s.Running, s.Processes = fn.Name, fn.running, len(fn.children)
	return s
}
