package main

import (
	"bufio"
	"context"
	_ "embed"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

//go:embed original.py
var script string

// python is a Python that has pandas: the one that SNOWSTREAM_PANDAS names, or the system's; empty if there is none.
func python() string {
	for _, name := range []string{os.Getenv("SNOWSTREAM_PANDAS"), "python3"} {
		if name != "" && exec.Command(name, "-c", "import pandas").Run() == nil {
			return name
		}
	}
	return ""
}

// pandas is the original's handler in a process of its own.
type pandas struct {
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
	// version is that of pandas and Python, for the report.
	version string
}

// startPandas starts the handler; the variables keep its numeric libraries on one core, too.
func startPandas(ctx context.Context, python string) (*pandas, error) {
	p := &pandas{command: exec.CommandContext(ctx, python, "-c", script)}
	p.command.Stderr = os.Stderr
	p.command.Env = append(os.Environ(), "OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1")
	var err error
	if p.in, err = p.command.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(out)
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", python, err)
	}
	p.version, err = p.answer()
	return p, err
}

func (p *pandas) answer() (string, error) {
	text, err := p.out.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("pandas gave no answer: %w", err)
	}
	return strings.TrimSuffix(text, "\n"), nil
}

// load gives it the event that it handles from now on.
func (p *pandas) load(event []byte) error {
	_, err := fmt.Fprintf(p.in, "load %d\n%s", len(event), event)
	return err
}

func (p *pandas) run(n int) (time.Duration, error) {
	if _, err := fmt.Fprintf(p.in, "run %d\n", n); err != nil {
		return 0, err
	}
	text, err := p.answer()
	if err != nil {
		return 0, err
	}
	nanoseconds, err := strconv.ParseInt(text, 10, 64)
	return time.Duration(nanoseconds), err
}

// csv is the CSV of the last run.
func (p *pandas) csv() ([]byte, error) {
	if _, err := io.WriteString(p.in, "csv\n"); err != nil {
		return nil, err
	}
	text, err := p.answer()
	if err != nil {
		return nil, err
	}
	size, err := strconv.Atoi(text)
	if err != nil {
		return nil, err
	}
	csv := make([]byte, size)
	_, err = io.ReadFull(p.out, csv)
	return csv, err
}

func (p *pandas) close() error {
	p.in.Close()
	return p.command.Wait()
}
