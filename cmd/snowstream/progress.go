package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"
	"github.com/dustin/go-humanize"
	"github.com/mattn/go-isatty"
)

// generating is the phase in which Ctrl-C stops the generator.
const generating = "generating"

// view is what the progress display shows: the drawing, with the count at each numbered box.
type view struct {
	phase                  string
	rate                   float64
	generated, throttled   int64
	accepted               int64
	orchestrator, upsert   int64
	errors                 int64
	objects                int64
	streaming, microbatch  int64
	streamingP50, microP50 *float64
	elapsed                time.Duration
	// batch and window are what the mapping waits for: so many records of a shard, or so long.
	batch  int
	window time.Duration
}

// waiting says what the first batch waits for, as long as there was none.
func (v view) waiting() string {
	if v.orchestrator > 0 || v.accepted == 0 || v.phase != generating || v.window == 0 {
		return ""
	}
	return fmt.Sprintf("waiting for %s records of a shard, or %s", humanize.Comma(int64(v.batch)), v.window)
}

// text is the display, a line for each box.
func (v view) text() string {
	box := lipgloss.NewStyle().Bold(true).Width(32)
	number := lipgloss.NewStyle().Width(11).Align(lipgloss.Right)
	faint := lipgloss.NewStyle().Faint(true)
	var b strings.Builder
	line := func(name string, n int64, unit, more string) {
		fmt.Fprintf(&b, "  %s %s %-8s %s\n", box.Render(name), number.Render(humanize.Comma(n)), unit, faint.Render(more))
	}
	fmt.Fprintf(&b, "\n  %s %s\n\n", v.phase, faint.Render(v.elapsed.Round(time.Second).String()))
	throttled := ""
	if v.throttled > 0 {
		throttled = fmt.Sprintf(", %s throttled and retried", humanize.Comma(v.throttled))
	}
	line("① data generator", v.generated, "records", fmt.Sprintf("%.0f/s%s", v.rate, throttled))
	line("② Kinesis kdEntry", v.accepted, "records", "")
	failed := v.waiting()
	if v.errors > 0 {
		failed = fmt.Sprintf("%s failed and tried again", humanize.Comma(v.errors))
	}
	line("③ SnowflakeOrchestrator", v.orchestrator, "batches", failed)
	line("③ SnowflakeUpsert", v.upsert, "calls", "")
	line("④ S3 kinesiscsv/", v.objects, "objects", "")
	line("⑤ KINESIS_SENSORS_STREAMING", v.streaming, "rows", median(v.streamingP50))
	line("⑤ KINESIS_SENSORS_MICROBATCH", v.microbatch, "rows", median(v.microP50))
	if v.phase == generating {
		fmt.Fprintf(&b, "\n  %s\n", faint.Render("Ctrl-C stops the generator and drains"))
	}
	return b.String()
}

func median(p50 *float64) string {
	if p50 == nil {
		return ""
	}
	return fmt.Sprintf("%.2f s after arrival (median)", *p50)
}

// progress shows views on a terminal, and nothing anywhere else; sentences it says everywhere.
type progress struct {
	w    io.Writer
	done chan error

	mu      sync.Mutex // covers program and writing to w
	program *tea.Program
}

// begin takes over the terminal until close. It leaves keys and signals alone: Ctrl-C is not its business.
func (p *progress) begin() {
	f, ok := p.w.(*os.File)
	if !ok || !isatty.IsTerminal(f.Fd()) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	program, done := tea.NewProgram(screen{}, tea.WithOutput(f), tea.WithInput(nil), tea.WithoutSignalHandler()), make(chan error, 1)
	p.program, p.done = program, done
	go func() { // ends with Quit, and close waits for it
		_, err := program.Run()
		done <- err
	}()
}

// say prints a sentence, above the view if there is one.
func (p *progress) say(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.program != nil {
		p.program.Println(text)
		return
	}
	fmt.Fprintln(p.w, text)
}

func (p *progress) show(v view) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.program != nil {
		p.program.Send(v)
	}
}

// close leaves the last view on the terminal.
func (p *progress) close() error {
	p.mu.Lock()
	program := p.program
	p.program = nil
	p.mu.Unlock()
	if program == nil {
		return nil
	}
	program.Quit()
	return <-p.done
}

// screen is the display's state: the last view.
type screen struct{ last view }

// Init has nothing to start.
func (s screen) Init() tea.Cmd { return nil }

// Update keeps the last view.
func (s screen) Update(m tea.Msg) (tea.Model, tea.Cmd) {
	if v, ok := m.(view); ok {
		s.last = v
	}
	return s, nil
}

// View draws it.
func (s screen) View() string {
	if s.last.phase == "" {
		return ""
	}
	return s.last.text()
}
