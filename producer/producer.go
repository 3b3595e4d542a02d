// Package producer makes records and hands them to a sink under a load of any shape: the data generator of the drawing.
//
// Pacing follows the clock, not the sink (an open model): every [Tick] the producer makes as many records as the load
// asks for, so that they are spread evenly inside the second. After a stall it catches up at no more than twice the
// rate, and only what one second owes; the rest is counted as missed. Without a rate the sink sets the pace. The load
// and the template can be changed while the run goes on: [Producer.SetRate], [Producer.SetShape], [Producer.Pause],
// [Producer.SetTemplate].
//
// Record i of a run is decided by the template, the seed and i alone, whatever the pace and the number of workers;
// only dates differ. Its partition key is made by a template, too, or is a random whole number below 10^10, as the
// Kinesis Data Generator's.
//
// Life of a record: the run's one loop (feed.go; pace.go says when, backfill.go and replay.go are other sources) gives
// a number of records to a worker, the worker makes them in a buffer of its own (batch.go) and calls [Sink.Put], and
// counts what the sink says became of them (stats.go). A worker does not touch a record again once Put has returned:
// retrying is the sink's business.
package producer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/snowstream/snowstream/producer/shape"
	"github.com/snowstream/snowstream/producer/spoil"
	"github.com/snowstream/snowstream/producer/template"
	"github.com/snowstream/snowstream/record"
)

// Defaults and limits of a [Config].
const (
	DefaultWorkers = 4
	DefaultDrain   = 10 * time.Second
	// MaxRate is the highest rate, in records per second.
	MaxRate = 10_000_000
	// MaxBatch is the most records that one Put gets, unless the Config says otherwise: what one call of Kinesis takes.
	MaxBatch = 500

	// batchBytes is the size at which a batch is put before it is full, so that memory stays bounded by about this
	// and one record for each worker.
	batchBytes = 4 << 20
)

// Sink takes records into a stream. Its Put is called by several goroutines at once.
type Sink interface {
	// Put hands entries over and returns when the fate of each is known: accepted means durable in the stream. It
	// retries by itself; what it gives up on it counts as failed. An error means that going on makes no sense, such as
	// a missing stream or refused credentials: the run stops with it. After ctx ends, Put returns soon and counts what
	// it could not finish as failed. It keeps neither the slice nor the data.
	Put(ctx context.Context, entries []record.Entry) (Result, error)
}

// Result is what became of the entries of one Put: Accepted + Failed is their number.
type Result struct {
	// Accepted entries are in the stream, Bytes counts their data.
	Accepted int
	Bytes    int64
	// Throttled counts the answers that refused an entry for its rate, Retried the times an entry was sent again.
	Throttled, Retried int
	// Failed entries were given up; Reason says why the first of them was.
	Failed int
	Reason error
}

// Config says what to produce. Only Template is required.
type Config struct {
	// Template makes the records.
	Template *template.Template
	// Key makes the partition keys, compiled with Template as its Options.With; nil makes random numbers.
	Key *template.Template
	// Rate is in records per second, at most MaxRate; 0 is as fast as the sink takes them.
	Rate float64
	// Shape replaces Rate, if it is not nil.
	Shape shape.Shape
	// Records ends the run after that many; each is then either accepted or failed. 0 is no limit.
	Records int64
	// Duration ends the run after that time, whatever the rate and the sink. 0 is no limit.
	Duration time.Duration
	// Workers is the number of Puts at the same time; 0 is DefaultWorkers.
	Workers int
	// Batch is the most records that one Put gets; 0 is MaxBatch.
	Batch int
	// Seed decides all random choices.
	Seed uint64
	// Newline ends each record with a line feed, Gzip packs each one on its own.
	Newline, Gzip bool
	// Bad says how many records are spoiled on purpose. OnBad hears of each, from any worker; it may be nil.
	Bad   spoil.Plan
	OnBad func(Bad)
	// Backfill and Replay are other sources of time and of records; both are nil as a rule. With a Replay the template
	// is only good for keys.
	Backfill *Backfill
	Replay   *Replay
	// Drain is how long the Puts in flight may go on after the run's context or its Duration has ended; 0 is DefaultDrain.
	Drain time.Duration
	// Logger gets the first failure; nil logs nothing.
	Logger *slog.Logger
}

// Producer runs once and can be watched while it runs.
type Producer struct {
	config Config
	sink   Sink
	counts counts
	// load is what the run should do now; whoever changes it holds changing and puts another one there.
	load     atomic.Pointer[load]
	changing sync.Mutex
	// template makes the records of the jobs that begin from now on.
	template atomic.Pointer[template.Template]
	// spoils tells that some records are to be bad.
	spoils bool
}

// New checks the configuration. It starts nothing.
func New(config Config, sink Sink) (*Producer, error) {
	switch {
	case config.Template == nil:
		return nil, errors.New("configure the producer: it needs a template")
	case sink == nil:
		return nil, errors.New("configure the producer: it needs a sink")
	case !(config.Rate >= 0 && config.Rate <= MaxRate):
		return nil, fmt.Errorf("configure the producer: the rate is %g records a second, it must be from 0 to %d", config.Rate, MaxRate)
	case config.Records < 0 || config.Duration < 0 || config.Workers < 0 || config.Drain < 0 || config.Batch < 0:
		return nil, errors.New("configure the producer: records, duration, workers, batch and drain must not be negative")
	case config.Backfill != nil && config.Shape == nil && config.Rate == 0:
		return nil, errors.New("configure the producer: a backfill needs a rate, in records per simulated second")
	case config.Replay != nil && (config.Backfill != nil || config.Bad.Any(spoil.Late, spoil.OutOfOrder, spoil.Duplicate)):
		return nil, errors.New("configure the producer: a replay has its own times and order: it goes with no backfill, and with no late, out-of-order or duplicate records")
	case config.Replay != nil && config.Replay.timed() && !(config.Replay.Speed > 0):
		return nil, errors.New("configure the producer: the speed of a replay must be above 0")
	}
	p := &Producer{sink: sink, spoils: config.Bad.Any(spoil.Malformed, spoil.Missing, spoil.WrongType, spoil.Late, spoil.OutOfOrder, spoil.Duplicate, spoil.Oversize)}
	p.load.Store(firstLoad(config))
	p.template.Store(config.Template)
	config.Batch = cmp.Or(config.Batch, MaxBatch)
	if config.Workers == 0 {
		config.Workers = DefaultWorkers
	}
	if config.Drain == 0 {
		config.Drain = DefaultDrain
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	p.config = config
	return p, nil
}

func firstLoad(c Config) *load {
	l := &load{shape: c.Shape, scale: 1, since: time.Now(), unlimited: c.Shape == nil && c.Rate == 0}
	if c.Shape == nil {
		l.shape = shape.Constant(c.Rate)
	}
	if c.Backfill != nil {
		l.since = c.Backfill.From
	}
	return l
}

// SetRate makes the load constant from now on: records per second, 0 is as fast as the sink takes them.
func (p *Producer) SetRate(rate float64) error {
	if !(rate >= 0 && rate <= MaxRate) {
		return fmt.Errorf("change the rate to %g records a second: it must be from 0 to %d", rate, MaxRate)
	}
	p.change(func(l *load) { l.shape, l.scale, l.since, l.unlimited = shape.Constant(rate), 1, l.from, rate == 0 })
	return nil
}

// SetShape replaces the load from now on: the shape starts now.
func (p *Producer) SetShape(s shape.Shape) {
	p.change(func(l *load) { l.shape, l.scale, l.since, l.unlimited = s, 1, l.from, false })
}

// Pause stops making records, or goes on with them. A shape's time passes meanwhile, and nothing is owed for it. A
// backfill and a replay at its own times cannot be paused.
func (p *Producer) Pause(paused bool) { p.change(func(l *load) { l.paused = paused }) }

// Paused tells whether the run is paused.
func (p *Producer) Paused() bool { return p.load.Load().paused }

// SetTemplate has all batches that are begun from now on made by another template. Numbers and seed go on, so record i
// of a run with changes is decided by the template that made it, too. A replay has no template to replace, and a key's
// template belongs to the one that it was compiled with.
func (p *Producer) SetTemplate(t *template.Template) error {
	if p.config.Replay != nil || p.config.Key != nil {
		return errors.New("change the template: a run with a replay, or with a template for its partition keys, keeps its own")
	}
	p.template.Store(t)
	return nil
}

// change puts another load in place, which holds from now on.
func (p *Producer) change(f func(*load)) {
	p.changing.Lock()
	defer p.changing.Unlock()
	l := *p.load.Load()
	l.from = time.Now()
	f(&l)
	p.load.Store(&l)
}

// Scale makes the load that much larger or smaller from now on, and keeps its shape. It does nothing to a run without
// a rate.
func (p *Producer) Scale(factor float64) {
	p.change(func(l *load) {
		if scale := l.scale * factor; scale > 1e-9 && scale < 1e9 {
			l.scale = scale
		}
	})
}

// Target is the rate that the load asks for now, also while it is paused; 0 is no limit.
func (p *Producer) Target() float64 {
	l := *p.load.Load()
	l.paused = false
	return l.rate(time.Now())
}

// Run produces until the configured number or duration is reached, the sink fails or ctx ends, waits for what is in
// flight, and returns the final counts. The error is nil only if the run reached its configured end; failed records
// alone are no error of the run.
//
// After ctx ends nothing more is made, and the Puts in flight have the configured drain time, as after the duration.
func Run(ctx context.Context, config Config, sink Sink) (Stats, error) {
	p, err := New(config, sink)
	if err != nil {
		return Stats{}, err
	}
	return p.Run(ctx)
}

// Run is [Run] for a producer that is watched by Stats meanwhile. Call it once.
func (p *Producer) Run(ctx context.Context) (Stats, error) {
	began := time.Now()
	p.counts.start(began)
	if p.config.Backfill == nil {
		p.changing.Lock()
		l := *p.load.Load()
		l.since = began
		p.load.Store(&l)
		p.changing.Unlock()
	}

	putting, stopPutting := context.WithCancel(context.WithoutCancel(ctx))
	defer stopPutting()
	workers, failed := errgroup.WithContext(putting)
	jobs := make(chan job)
	for range p.config.Workers {
		workers.Go(func() error { return p.work(putting, jobs) })
	}

	making, stopMaking := p.untilEnd(ctx, began)
	defer stopMaking()
	var drain sync.WaitGroup
	done := make(chan struct{})
	drain.Go(func() {
		if waitFor(making.Done(), done) && waitFor(time.After(p.config.Drain), done) {
			stopPutting()
		}
	})

	feedErr := p.newFeed(making, ctx, began, failed.Done(), jobs).run()
	close(jobs)
	err := errors.Join(workers.Wait(), feedErr)
	close(done)
	drain.Wait()
	p.counts.stop(time.Now())

	if err == nil && !p.complete() && ctx.Err() != nil {
		err = fmt.Errorf("produce records: stopped before the end: %w", ctx.Err())
	}
	return p.Stats(), err
}

// waitFor tells whether an event came before the end.
func waitFor[E any](event <-chan E, end <-chan struct{}) bool {
	select {
	case <-event:
		return true
	case <-end:
		return false
	}
}

// untilEnd is the context in which records are made: it ends with the run's duration.
func (p *Producer) untilEnd(ctx context.Context, began time.Time) (context.Context, context.CancelFunc) {
	if p.config.Duration > 0 {
		return context.WithDeadline(ctx, began.Add(p.config.Duration))
	}
	return context.WithCancel(ctx)
}

// complete tells whether all configured records were attempted, or all that there were.
func (p *Producer) complete() bool {
	return p.counts.complete.Load() || p.config.Records > 0 && p.counts.attempted.Load() >= p.config.Records
}

// work does jobs until there are no more. It stops early if the sink fails.
func (p *Producer) work(ctx context.Context, jobs <-chan job) error {
	b := p.newBatch()
	for j := range jobs {
		b.follow()
		for k := range j.count {
			if err := b.add(&j, k); err != nil {
				return fmt.Errorf("produce record %d: %w", j.first+int64(k), err)
			}
			if len(b.data) < batchBytes && k+1 < j.count {
				continue
			}
			if err := p.put(ctx, b.entries()); err != nil {
				return err
			}
			b.reset()
		}
	}
	return nil
}

// put hands one batch over and counts what became of it.
func (p *Producer) put(ctx context.Context, entries []record.Entry) error {
	p.counts.attempted.Add(int64(len(entries)))
	began := time.Now()
	result, err := p.sink.Put(ctx, entries)
	p.counts.puts.add(time.Since(began))
	if first := p.counts.add(result); first {
		p.config.Logger.Warn("records failed", "count", result.Failed, "reason", result.Reason)
	}
	if err != nil {
		return fmt.Errorf("produce records: %w", err)
	}
	return nil
}
