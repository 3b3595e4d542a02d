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

// usage is what a process and its children have used: CPU time, and memory that is resident now.
func usage(pid int) (cpu time.Duration, resident int64, err error) {
	pids := []int{pid}
	for i := 0; i < len(pids); i++ {
		children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pids[i], pids[i]))
		threads, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pids[i]))
		for _, t := range threads { // a child belongs to the thread that started it
			if t.Name() != strconv.Itoa(pids[i]) {
				more, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pids[i], t.Name()))
				children = append(append(children, ' '), more...)
			}
		}
		for _, field := range strings.Fields(string(children)) {
			if child, err := strconv.Atoi(field); err == nil {
				pids = append(pids, child)
			}
		}
	}
	for _, id := range pids {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", id))
		if err != nil {
			return 0, 0, fmt.Errorf("read what process %d has used: %w", id, err)
		}
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		const userTime, systemTime, residentPages, ticks = 11, 12, 21, 100
		for _, at := range []int{userTime, systemTime} {
			n, _ := strconv.ParseInt(fields[at], 10, 64)
			cpu += time.Duration(n) * time.Second / ticks
		}
		pages, _ := strconv.ParseInt(fields[residentPages], 10, 64)
		resident += pages * int64(os.Getpagesize())
	}
	return cpu, resident, nil
}
