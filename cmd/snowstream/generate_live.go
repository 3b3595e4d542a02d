package main

import (
	"fmt"
	"io"
	"os"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"
	"github.com/dustin/go-humanize"
	"github.com/mattn/go-isatty"

	"github.com/snowstream/snowstream/producer"
)

const (
	// faster and slower undo one another.
	faster = 1.25
	slower = 1 / faster

	liveEvery = 250 * time.Millisecond
)

// live shows a run on a terminal, and takes the keys that change it. Anywhere else it is nothing.
type live struct {
	program *tea.Program
	done    chan error
}

// newLive takes over the terminal until close. With records on the same terminal it shows nothing.
func newLive(w io.Writer, in io.Reader, recordsOnStdout bool, p *producer.Producer, stop func()) *live {
	if !isTerminal(w) || recordsOnStdout && isTerminal(os.Stdout) {
		return &live{}
	}
	line, input := &liveLine{producer: p, stop: stop, keys: isTerminal(in)}, tea.WithInput(nil)
	if line.keys {
		input = tea.WithInput(in)
	}
	l := &live{
		program: tea.NewProgram(line, tea.WithOutput(w), input, tea.WithoutSignalHandler()),
		done:    make(chan error, 1),
	}
	go func() { // ends with Quit, and close waits for it
		_, err := l.program.Run()
		l.done <- err
	}()
	return l
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// close leaves the last view on the terminal.
func (l *live) close() error {
	if l.program == nil {
		return nil
	}
	l.program.Quit()
	return <-l.done
}

// liveLine is the display's state. The terminal is in raw mode, so that Ctrl-C comes as a key.
type liveLine struct {
	producer *producer.Producer
	stop     func()
	// keys tells that there is a keyboard, stopping that the run was asked to end.
	keys, stopping bool
	// before and at are the counts of about a second ago, from which the present rate is computed.
	before producer.Stats
	now    producer.Stats
	rate   float64
}

type liveTick time.Time

func nextLiveTick() tea.Cmd {
	return tea.Tick(liveEvery, func(t time.Time) tea.Msg { return liveTick(t) })
}

// Init starts the ticks.
func (l *liveLine) Init() tea.Cmd { return nextLiveTick() }

// Update takes a tick or a key.
func (l *liveLine) Update(m tea.Msg) (tea.Model, tea.Cmd) {
	switch m := m.(type) {
	case liveTick:
		l.now = l.producer.Stats()
		if span := l.now.Elapsed - l.before.Elapsed; span >= time.Second {
			l.rate = float64(l.now.Accepted-l.before.Accepted) / span.Seconds()
			l.before = l.now
		}
		return l, nextLiveTick()
	case tea.KeyMsg:
		switch m.String() {
		case "+", "=", "up":
			l.producer.Scale(faster)
		case "-", "_", "down":
			l.producer.Scale(slower)
		case "q", "ctrl+c":
			l.stopping = true
			l.stop()
		}
	}
	return l, nil
}

// View draws three short lines: a narrow terminal cuts long ones.
func (l *liveLine) View() string {
	s := l.now
	target := "no limit"
	if rate := l.producer.Target(); rate > 0 {
		target = humanize.CommafWithDigits(rate, 1) + "/s"
	}
	hint := "Ctrl-C stops it"
	switch {
	case l.stopping:
		hint = "stopping, waiting for what is under way"
	case l.keys:
		hint = "+ faster  - slower  q stop"
	}
	return fmt.Sprintf("\n  %s/s of %s   %s/s   put p50 %.1f ms, p99 %.1f ms\n  accepted %s   throttled %s   retried %s   failed %s\n  %s\n",
		humanize.CommafWithDigits(l.rate, 1), target, humanize.IBytes(uint64(float64(s.Bytes)/max(s.Elapsed.Seconds(), 1e-9))),
		milliseconds(s.PutP50), milliseconds(s.PutP99), humanize.Comma(s.Accepted), humanize.Comma(s.Throttled), humanize.Comma(s.Retried),
		humanize.Comma(s.Failed), lipgloss.NewStyle().Faint(true).Render(hint))
}
