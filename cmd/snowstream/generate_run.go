package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/snowstream/snowstream/listener"
	"github.com/snowstream/snowstream/producer"
)

// streamWorkers is the number of batches under way to a stream.
const streamWorkers = 8

// streamBatch is the most records of a batch to a stream: its shards share it, each call has up to 500.
const streamBatch = 4 * listener.MaxCallRecords

// run generates until the end, and says what became of the records.
func (o *generateOptions) run(cmd *cobra.Command, config producer.Config) (err error) {
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	sink, closeSink, err := o.target.open(ctx, cmd.OutOrStdout())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeSink()) }()
	closeLog, err := o.logBad(&config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeLog()) }()
	if o.toFile() {
		config.Workers = 1
	} else {
		config.Batch = streamBatch
		if config.Workers == 0 {
			config.Workers = streamWorkers
		}
	}
	p, err := producer.New(config, sink)
	if err != nil {
		return usageError{err}
	}
	end, err := o.watch(cmd, p, stop)
	if err != nil {
		return err
	}
	stats, err := p.Run(ctx)
	target := p.Target()
	if err = errors.Join(ignoreStop(ctx, err), end()); err != nil {
		return err
	}
	return o.report(cmd, newSummary(stats, target, config.Seed))
}

// ignoreStop drops the error of a run that was stopped by a signal: that is one way to end it.
func ignoreStop(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// watch starts the live line and the control endpoint, and returns what ends them.
func (o *generateOptions) watch(cmd *cobra.Command, p *producer.Producer, stop func()) (func() error, error) {
	closeControl, address, err := serveControl(o.control, p)
	if err != nil {
		if cmd.Flags().Changed("control") {
			return nil, err
		}
		if !o.json {
			fmt.Fprintf(cmd.ErrOrStderr(), "%s is in use, so only keys change the rate of this run; or give it an address with --control\n", o.control)
		}
	}
	if cmd.Flags().Changed("control") && address != "" {
		fmt.Fprintf(cmd.ErrOrStderr(), "control endpoint: %s\n", address)
	}
	live := newLive(cmd.ErrOrStderr(), cmd.InOrStdin(), o.to == "-", p, stop)
	return func() error { return errors.Join(live.close(), closeControl()) }, nil
}

// logBad opens the file that gets a line for each bad record.
func (o *generateOptions) logBad(config *producer.Config) (func() error, error) {
	if o.badLog == "" {
		return func() error { return nil }, nil
	}
	f, err := os.Create(o.badLog)
	if err != nil {
		return nil, fmt.Errorf("--bad-log: %w", err)
	}
	var mu sync.Mutex
	var failed error
	e := json.NewEncoder(f)
	config.OnBad = func(b producer.Bad) {
		mu.Lock()
		defer mu.Unlock()
		if failed == nil {
			failed = e.Encode(b)
		}
	}
	return func() error {
		if err := errors.Join(failed, f.Close()); err != nil {
			return fmt.Errorf("write the log of bad records: %w", err)
		}
		return nil
	}, nil
}

// summary is the result of a run, and on the control endpoint what it has come to.
type summary struct {
	Attempted int64            `json:"attempted"`
	Accepted  int64            `json:"accepted"`
	Bytes     int64            `json:"bytes"`
	Throttled int64            `json:"throttled"`
	Retried   int64            `json:"retried"`
	Failed    int64            `json:"failed"`
	Missed    int64            `json:"missed"`
	Bad       map[string]int64 `json:"bad,omitempty"`
	Elapsed   float64          `json:"elapsed_s"`
	// Rate is what was achieved, Target what is asked for; 0 is no limit. Both are records per second.
	Rate   float64 `json:"rate"`
	Target float64 `json:"target"`
	PutP50 float64 `json:"put_p50_ms"`
	PutP99 float64 `json:"put_p99_ms"`
	Seed   uint64  `json:"seed"`
	Reason string  `json:"failure,omitempty"`
}

func newSummary(s producer.Stats, target float64, seed uint64) summary {
	out := summary{
		Attempted: s.Attempted, Accepted: s.Accepted, Bytes: s.Bytes, Throttled: s.Throttled, Retried: s.Retried,
		Failed: s.Failed, Missed: s.Missed, Bad: s.Bad, Elapsed: s.Elapsed.Seconds(), Rate: s.Rate(), Target: target,
		PutP50: milliseconds(s.PutP50), PutP99: milliseconds(s.PutP99), Seed: seed,
	}
	if s.Failure != nil {
		out.Reason = s.Failure.Error()
	}
	return out
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// report prints the summary: to stdout, unless the records went there. It fails if records did that should not have.
func (o *generateOptions) report(cmd *cobra.Command, s summary) error {
	out := cmd.OutOrStdout()
	if o.to == "-" {
		out = cmd.ErrOrStderr()
	}
	var err error
	if o.json {
		err = json.NewEncoder(out).Encode(s)
	} else {
		_, err = io.WriteString(out, s.text())
	}
	if err == nil && s.Failed > s.Bad["oversize"] {
		return errSaid
	}
	return err
}

func (s summary) text() string {
	var b strings.Builder
	row := func(name string, n int64, more string) {
		fmt.Fprintf(&b, "  %-10s %14s   %s\n", name, humanize.Comma(n), more)
	}
	row("accepted", s.Accepted, fmt.Sprintf("%s in %.1f s, %s/s, %s/s", humanize.IBytes(uint64(s.Bytes)), s.Elapsed,
		humanize.CommafWithDigits(s.Rate, 1), humanize.IBytes(uint64(float64(s.Bytes)/max(s.Elapsed, 1e-9)))))
	row("throttled", s.Throttled, fmt.Sprintf("%s sent again", humanize.Comma(s.Retried)))
	row("failed", s.Failed, s.Reason)
	if s.Missed > 0 {
		row("missed", s.Missed, "were never made: the target was slower than the rate")
	}
	for _, kind := range slices.Sorted(maps.Keys(s.Bad)) {
		row(kind, s.Bad[kind], "made bad on purpose")
	}
	fmt.Fprintf(&b, "  put latency p50 %.1f ms, p99 %.1f ms; seed %d\n", s.PutP50, s.PutP99, s.Seed)
	return b.String()
}
