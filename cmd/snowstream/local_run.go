//go:build cgo

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/snowstream/snowstream/cmd/internal/board"
	"github.com/snowstream/snowstream/cmd/internal/function"
	"github.com/snowstream/snowstream/cmd/internal/stack"
	"github.com/snowstream/snowstream/dashboard"
	"github.com/snowstream/snowstream/landing/audit"
	"github.com/snowstream/snowstream/listener"
	"github.com/snowstream/snowstream/processing/quarantine"
	"github.com/snowstream/snowstream/producer"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
	"github.com/snowstream/snowstream/record/schemafile"
)

// goMemory is what the stack's own process may take before it collects garbage as often as it must; the warehouse's
// database comes on top.
const goMemory = 384 << 20

// runLocal starts the stack, generates, drains, audits and reports.
func runLocal(ctx context.Context, o localOptions, config producer.Config, stdout, stderr io.Writer) (err error) {
	schema, err := readSchema(o.schema)
	if err != nil {
		return err
	}
	function.RoomyHeap(goMemory)
	// The first signal stops the generator, the second one the draining.
	generate, stopGenerating := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stopGenerating()
	log, closeLog, err := openLog(o.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeLog()) }()
	c := stack.Config{
		Schema: schema, Dir: o.dir, Port: o.port, Shards: o.shards, BatchSize: o.batchSize, BatchWindow: o.window,
		CommitTick: o.commitTick, Compress: rawzone.Compression(o.compress), RowPath: o.rowPath, RowCommit: o.rowCommit, Unlimited: o.unlimited, Log: log,
	}
	progress := &progress{w: stderr}
	c.Say = progress.say
	if err := stack.CheckPorts(o.port, !o.noPage && o.page.listen == ""); err != nil {
		return err
	}
	var live *page
	if !o.noPage {
		if live, err = o.page.bind(pagePort(o.port)); err != nil {
			return err
		}
		defer live.listener.Close() // a second time after a good run
		c.Breakable, c.Dashboard = true, live.url()
	}
	s, err := stack.Start(generate, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	fmt.Fprint(stderr, endpoints(s.Settings, o.dir))
	if live != nil {
		fmt.Fprint(stderr, live.said())
	}
	if why := misfit(config.Template, s.Records(), config.Seed); why != "" {
		fmt.Fprintf(stderr, "\n  WARNING: %s.\n", why)
	}
	r := &localRun{options: o, stack: s, stopGenerating: stopGenerating, progress: progress, page: live}
	progress.begin()
	r.phase.Store("starting")
	out, err := r.run(generate, config, log)
	if err = errors.Join(err, r.progress.close()); err != nil {
		return err
	}
	if o.json {
		err = out.writeJSON(stdout)
	} else {
		err = out.writeText(stdout)
	}
	if err == nil && !out.ok() {
		return errSaid
	}
	return err
}

// openStores opens what a stopped stack keeps.
func openStores(dir string) (stores, error) {
	s, err := stack.Look(dir)
	if err != nil {
		return stores{}, err
	}
	return stores{s.Settings, s.Close}, nil
}

// pagePort is the live page's, behind the four of the services.
func pagePort(first int) int {
	if first == 0 {
		return 0
	}
	return first + 4
}

// readSchema reads the schema file, if one was named, and refuses a bad one before anything is started.
func readSchema(file string) ([]byte, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, usageError{fmt.Errorf("read the schema: %w", err)}
	}
	if _, err := schemafile.Parse(text); err != nil {
		var problems schemafile.Problems
		if errors.As(err, &problems) {
			err = schemaError{file, problems}
		}
		return nil, usageError{err}
	}
	return text, nil
}

// openLog opens the stack's log file in the data folder: the terminal belongs to the progress and the result.
func openLog(dir string) (*slog.Logger, func() error, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("make the data folder: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "snowstream.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("open the log in the data folder: %w", err)
	}
	return slog.New(slog.NewTextHandler(f, nil)), f.Close, nil
}

// localRun is one run of the generator through the stack.
type localRun struct {
	options        localOptions
	stack          *stack.Stack
	stopGenerating func()
	progress       *progress
	page           *page // nil without one
	phase          atomic.Value
	producer       *producer.Producer
	tables         *board.Tables
	collection     *collection
	started        time.Time
	// report is the audit after the drain.
	report audit.Report
}

const (
	// lookEvery is how often it is checked whether a table has changed, and so has to be looked at. It is part of the
	// latencies' error.
	lookEvery = 20 * time.Millisecond
	showEvery = 200 * time.Millisecond
)

func (r *localRun) run(generate context.Context, config producer.Config, log *slog.Logger) (_ result, err error) {
	ctx := context.WithoutCancel(generate)
	if r.tables, err = board.Watch(ctx, r.stack.Admin, r.stack.Names(), r.stack.Changes); err != nil {
		return result{}, err
	}
	config.Logger = log
	if r.producer, err = producer.New(config, sink{r.stack.Writer(listener.WriterConfig{Logger: log})}); err != nil {
		return result{}, err
	}
	collector, err := r.stack.Collector(r.stack.Records(), false, log)
	if err != nil {
		return result{}, err
	}
	r.collection = &collection{collector: collector, log: log}
	r.started = time.Now()
	closePage, err := r.serve(config, log)
	if err != nil {
		return result{}, err
	}
	defer func() { err = errors.Join(err, closePage()) }()
	looking, stopLooking := context.WithCancel(ctx)
	defer stopLooking()
	var group errgroup.Group
	group.Go(func() error { return r.look(looking) })
	group.Go(func() error {
		r.collection.run(looking)
		return nil
	})
	made, err := r.generateAndDrain(generate)
	stopLooking()
	if err = errors.Join(err, group.Wait()); err != nil {
		return result{}, err
	}
	return r.result(made)
}

// serve serves the live page until the returned function is called.
func (r *localRun) serve(config producer.Config, log *slog.Logger) (func() error, error) {
	if r.page == nil {
		return func() error { return nil }, nil
	}
	c := r.page.config(board.Inside(r.stack, r.tables), r.stack.Settings)
	c.Log = log.With("service", "dashboard")
	c.Producer = newGenerator(r.producer, config.Rate, r.options.template)
	c.Check = func(text string) dashboard.Check { return checkTemplate(r.stack.Records(), text) }
	c.Breaks = board.Breaks(r.stack)
	d, err := dashboard.New(c)
	if err != nil {
		return nil, err
	}
	return r.page.serve(d), nil
}

// generateAndDrain returns when all that was generated is where it belongs.
func (r *localRun) generateAndDrain(generate context.Context) (producer.Stats, error) {
	r.phase.Store(generating)
	made, err := r.producer.Run(generate)
	if err != nil && generate.Err() == nil {
		return made, err
	}
	r.stopGenerating() // from here on a signal would end the process at once, so a new context takes it
	ctx, stop := signal.NotifyContext(context.WithoutCancel(generate), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, r.options.drain)
	defer cancel()
	r.phase.Store("draining")
	if err := r.drain(ctx); err != nil {
		return made, fmt.Errorf("%w; nothing is lost: `%s` goes on", err, hint("local", r.options.dir))
	}
	return made, r.settle(ctx)
}

// drain empties the stream, lands what Lambda gave up in doing so, and has that loaded, too.
func (r *localRun) drain(ctx context.Context) error {
	for more := true; more; {
		err := r.stack.Drain(ctx)
		if err != nil {
			return err
		}
		if more, err = r.collection.once(ctx); err != nil {
			return err
		}
	}
	return nil
}

// settle audits. Where rows seem to be missing, the pipe first searches for files whose notice was lost.
func (r *localRun) settle(ctx context.Context) error {
	var err error
	if r.report, err = r.stack.Audit(ctx); err != nil || r.report.OK() {
		return err
	}
	if err := r.stack.Pipe().Refresh(ctx); err != nil {
		return err
	}
	if err := r.stack.Drain(ctx); err != nil {
		return err
	}
	r.report, err = r.stack.Audit(ctx)
	return err
}

// look shows the progress and measures the tables until ctx ends.
func (r *localRun) look(ctx context.Context) error {
	shown := time.Time{}
	for pause := lookEvery; ; {
		select {
		case <-ctx.Done():
			return errors.Join(r.tables.Count(context.WithoutCancel(ctx)), r.show())
		case <-time.After(pause):
		}
		began := time.Now()
		if err := r.tables.Look(ctx); err != nil && ctx.Err() == nil {
			return err
		}
		pause = max(lookEvery, 2*time.Since(began)) // a slow machine is not slowed down more by being watched
		if began.Sub(shown) < showEvery {
			continue
		}
		shown = began
		if err := r.show(); err != nil {
			return err
		}
	}
}

func (r *localRun) show() error {
	counts, err := r.stack.Counts()
	if err != nil {
		return err
	}
	made := r.producer.Stats()
	streaming, microbatch := r.tables.Rows()
	streamingLatency, microLatency := r.tables.Latency()
	r.progress.show(view{
		phase: r.phase.Load().(string), rate: made.Rate(), generated: made.Accepted, throttled: made.Throttled,
		accepted: counts.Accepted, orchestrator: counts.Orchestrator, upsert: counts.Upsert, errors: counts.Errors,
		objects: counts.Objects, streaming: streaming, microbatch: microbatch,
		streamingP50: streamingLatency.Quantile(0.5), microP50: microLatency.Quantile(0.5),
		elapsed: time.Since(r.started), batch: r.options.batchSize, window: r.options.window,
	})
	return nil
}

func (r *localRun) result(made producer.Stats) (result, error) {
	counts, err := r.stack.Counts()
	if err != nil {
		return result{}, err
	}
	out := newResult(r.report, counts.Objects, made, time.Since(r.started))
	out.dir, out.limit = r.options.dir, r.limit(made)
	if out.Quarantined > 0 {
		if out.FirstReason, err = firstReason(r.stack.Settings); err != nil {
			return result{}, err
		}
	}
	streaming, microbatch := r.tables.Latency()
	out.StreamingP50, out.StreamingP99 = streaming.Quantile(0.5), streaming.Quantile(0.99)
	out.MicrobatchP50, out.MicrobatchP99 = microbatch.Quantile(0.5), microbatch.Quantile(0.99)
	out.Stages = r.stack.Budgets()
	return out, nil
}

// sink joins the generator and the stream, which know only records of each other.
type sink struct{ writer *listener.Writer }

// Put hands entries to the stream.
func (s sink) Put(ctx context.Context, entries []record.Entry) (producer.Result, error) {
	r, err := s.writer.Put(ctx, entries)
	return producer.Result(r), err
}

// endpoints tells other terminals how to join.
func endpoints(s stack.Settings, dir string) string {
	return fmt.Sprintf(`
  Kinesis    %s   stream %s
  S3         %s   bucket %s
  Lambda     %s   %s -> %s
  Snowflake  %s   account %s, user %s, password %s
             database %s, schema %s

  AWS clients: region %s, access key %s, secret key %s, and the endpoint above.
  Snowflake driver: host, port and protocol http of the endpoint above.
  All settings: %s     In another terminal: %s
`, s.Kinesis, s.Stream, s.S3, s.Bucket, s.Lambda, stack.Orchestrator, stack.Upsert,
		s.Snowflake, s.Account, s.User, s.Password, s.Database, s.Schema,
		s.Region, stack.AccessKeyID, stack.SecretAccessKey, filepath.Join(dir, "settings.json"), hint("status", dir))
}

// limit says what a stream's shards take, where the records came faster: the generator falls behind its rate for that.
func (r *localRun) limit(made producer.Stats) string {
	if made.Throttled == 0 || r.options.unlimited {
		return ""
	}
	return "A shard takes 1,000 records and 1 MB a second: a new folder with more --shards takes more, or --no-limits, for measuring."
}

// firstReason is why the first record in quarantine is there.
func firstReason(s stack.Settings) (reason string, err error) {
	found := errors.New("found")
	err = quarantine.List(context.Background(), s.Lake(), s.Stream, func(e quarantine.Entry) error {
		if e.Replayed {
			return nil
		}
		reason = fmt.Sprintf("%s, %s", e.Reason.Code, where(e.Reason))
		return found
	})
	if errors.Is(err, found) {
		err = nil
	}
	return reason, err
}
