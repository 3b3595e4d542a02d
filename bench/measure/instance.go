package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// instance is a process of a Lambda function together with the Runtime API that it asks for work.
type instance struct {
	command *exec.Cmd
	server  *http.Server
	polls   chan time.Time  // when the process asked for work
	events  chan []byte     // what it gets
	answers chan answer     // what it made of it
	gone    context.Context // done when the process has ended
	ended   context.CancelFunc
	helpers sync.WaitGroup
	output  bytes.Buffer // read only after the process has ended
	// firstPoll is how long it took from the process's start until it asked for work.
	firstPoll time.Duration
}

// answer is what a function says of an event, when it said it, and whether it is an error.
type answer struct {
	text   []byte
	at     time.Time
	failed bool
}

// patience is how long a function may take for anything.
const patience = time.Minute

// startInstance starts a function's process and returns when it asks for work.
func startInstance(program string, environment []string) (*instance, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	i := &instance{polls: make(chan time.Time, 1), events: make(chan []byte), answers: make(chan answer, 1)}
	i.gone, i.ended = context.WithCancel(context.Background())
	i.server = &http.Server{Handler: i.runtimeAPI(), ReadHeaderTimeout: patience}
	i.helpers.Go(func() { _ = i.server.Serve(l) })
	i.command = exec.Command(program)
	i.command.Env = append([]string{"AWS_LAMBDA_RUNTIME_API=" + l.Addr().String()}, environment...)
	i.command.Stdout, i.command.Stderr = &i.output, &i.output
	began := time.Now()
	if err := i.command.Start(); err != nil {
		i.ended()
		i.server.Close()
		i.helpers.Wait()
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	i.helpers.Go(func() {
		_ = i.command.Wait() // it ends by being killed
		i.ended()
	})
	at, err := receive(i, i.polls)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", program, err), i.end())
	}
	i.firstPoll = at.Sub(began)
	return i, nil
}

// receive waits for what the process does next.
func receive[T any](i *instance, from <-chan T) (got T, err error) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case got = <-from:
		return got, nil
	case <-i.gone.Done():
		return got, errors.New("the function's process has ended")
	case <-timer.C:
		return got, fmt.Errorf("the function did nothing for %s", patience)
	}
}

func (i *instance) runtimeAPI() http.Handler {
	const base = "/2018-06-01/runtime"
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+base+"/invocation/next", i.next)
	mux.HandleFunc("POST "+base+"/invocation/{id}/response", func(w http.ResponseWriter, r *http.Request) { i.accept(w, r, false) })
	mux.HandleFunc("POST "+base+"/invocation/{id}/error", func(w http.ResponseWriter, r *http.Request) { i.accept(w, r, true) })
	mux.HandleFunc("POST "+base+"/init/error", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) })
	return mux
}

// next notes that the process asks for work and lets it wait for some.
func (i *instance) next(w http.ResponseWriter, r *http.Request) {
	i.polls <- time.Now()
	select {
	case event := <-i.events:
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Content-Length", strconv.Itoa(len(event)))
		h.Set("Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
		h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(patience).UnixMilli(), 10))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:000000000000:function:bench")
		_, _ = w.Write(event) // a process that has ended meanwhile is noticed by who waits for its answer
	case <-r.Context().Done():
	}
}

func (i *instance) accept(w http.ResponseWriter, r *http.Request, failed bool) {
	text, err := io.ReadAll(r.Body)
	i.answers <- answer{text, time.Now(), failed || err != nil}
	w.WriteHeader(http.StatusAccepted)
}

// invoke gives the function an event and returns its answer, and how long that took. It returns when the function
// asks for more.
func (i *instance) invoke(event []byte) (text []byte, took time.Duration, err error) {
	began := time.Now()
	select {
	case i.events <- event:
	case <-i.gone.Done():
		return nil, 0, errors.New("the function's process has ended")
	}
	a, err := receive(i, i.answers)
	if err == nil && a.failed {
		err = fmt.Errorf("the function failed: %.500s", a.text)
	}
	if err != nil {
		return nil, 0, err
	}
	_, err = receive(i, i.polls)
	return a.text, a.at.Sub(began), err
}

// peak is the most memory, in bytes, that the process has ever had resident.
func (i *instance) peak() (int64, error) {
	return kilobytes(fmt.Sprintf("/proc/%d/status", i.command.Process.Pid), "VmHWM:")
}

// end kills the process, as Lambda does with one that it needs no more. The error has what the process wrote if it
// had ended before.
func (i *instance) end() error {
	early := i.gone.Err() != nil
	_ = i.command.Process.Signal(syscall.SIGKILL)
	<-i.gone.Done()
	i.server.Close()
	i.helpers.Wait()
	if early {
		return fmt.Errorf("the process said: %.1000s", i.output.Bytes())
	}
	return nil
}
