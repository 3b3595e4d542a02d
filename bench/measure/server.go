package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/snowstream/snowstream/local/kinesis"
)

// serve is this program as a server of its own, so that its CPU time can be told from its client's. It prints its address
// and ends with its standard input.
func serve(what, dir string) error {
	var handler http.Handler
	switch what {
	case "kinesis":
		s, err := kinesis.Open(kinesis.Config{Dir: dir, Unlimited: true})
		if err != nil {
			return err
		}
		defer s.Close()
		handler = s
	case "nothing": // takes the body and looks at none of it
		one := `{"SequenceNumber":"49545115243490985018280067714973144582180062593244200961","ShardId":"shardId-000000000000"}`
		answer := `{"FailedRecordCount":0,"Records":[` + strings.Repeat(one+",", putRecords-1) + one + "]}"
		handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body := make([]byte, max(r.ContentLength, 0))
			if _, err := io.ReadFull(r.Body, body); err == nil {
				_, _ = io.WriteString(w, answer)
			}
		})
	default:
		return fmt.Errorf("there is no server %q", what)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	defer context.AfterFunc(ctx, func() { server.Close() })()
	go func() { // ends with the process: nothing else reads the standard input
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// process is a server under measurement.
type process struct {
	command *exec.Cmd
	stdin   io.WriteCloser
	url     string
}

// startServe starts this program as a server.
func startServe(ctx context.Context, what, dir string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{command: exec.CommandContext(ctx, self, "serve", what, dir)}
	p.command.Stderr = os.Stderr
	if p.stdin, err = p.command.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.command.Start(); err != nil {
		return nil, err
	}
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		p.end()
		return nil, fmt.Errorf("start server %s: %w", what, err)
	}
	p.url = "http://" + strings.TrimSpace(address)
	return p, nil
}

// startPeer starts a program of others and waits until its port answers.
func startPeer(ctx context.Context, port int, environment []string, name string, arguments ...string) (*process, error) {
	p := &process{command: exec.CommandContext(ctx, name, arguments...)}
	p.command.Env = append(os.Environ(), environment...)
	var err error
	if p.stdin, err = p.command.StdinPipe(); err != nil {
		return nil, err
	}
	if err := p.command.Start(); err != nil {
		return nil, err
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			p.url = "http://" + address
			return p, nil
		}
	}
	p.end()
	return nil, fmt.Errorf("start %s: port %d does not answer", name, port)
}

// end ends the process, by its id, and waits for it.
func (p *process) end() {
	_ = p.stdin.Close()
	_ = p.command.Process.Signal(syscall.SIGTERM)
	_ = p.command.Wait() // it was told to end, so how it did is no news
}

// tree is a process and those it has started, and so on.
func tree(pid int) []int {
	pids := []int{pid}
	for i := 0; i < len(pids); i++ {
		threads, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pids[i]))
		for _, t := range threads { // a child belongs to the thread that started it
			children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pids[i], t.Name()))
			for _, field := range strings.Fields(string(children)) {
				if child, err := strconv.Atoi(field); err == nil {
					pids = append(pids, child)
				}
			}
		}
	}
	return pids
}

// usage is the CPU time that a process and its children have used.
func usage(pid int) (cpu time.Duration, err error) {
	for _, id := range tree(pid) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", id))
		if err != nil {
			return 0, fmt.Errorf("read what process %d has used: %w", id, err)
		}
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		// utime and stime, and those of the children that have ended.
		const from, to, ticks = 11, 15, 100
		for _, field := range fields[from:to] {
			n, _ := strconv.ParseInt(field, 10, 64)
			cpu += time.Duration(n) * time.Second / ticks
		}
	}
	return cpu, nil
}

// resident is the memory of a process and its children that is resident now, and that of the biggest of them, in bytes.
// It is proportional: what processes share, such as the program that all of them run, counts once.
func resident(pid int) (together, biggest int64, err error) {
	for _, id := range tree(pid) {
		one, err := kilobytes(fmt.Sprintf("/proc/%d/smaps_rollup", id), "Pss:")
		if err != nil {
			return 0, 0, err
		}
		together += one
		biggest = max(biggest, one)
	}
	return together, biggest, nil
}

// kilobytes reads a figure of /proc that has a line of its own and is in kB; it is returned in bytes.
func kilobytes(file, name string) (int64, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, fmt.Errorf("read a process's memory: %w", err)
	}
	for l := range strings.Lines(string(text)) {
		if fields := strings.Fields(l); len(fields) == 3 && fields[0] == name {
			n, err := strconv.ParseInt(fields[1], 10, 64)
			return n << 10, err
		}
	}
	return 0, fmt.Errorf("%s has no %s", file, name)
}
