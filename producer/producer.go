// Package producer makes records from a template and hands them to a sink at a chosen rate: the data generator of the
// drawing.
//
// Pacing follows the clock, not the sink (an open model): every [Tick] the producer makes as many records as the rate
// asks for, so that they are spread evenly inside the second. After a stall it catches up at no more than twice the
// rate, and only what one second owes; the rest is counted as missed. With a rate of 0 the sink sets the pace.
//
// Record i of a run is decided by the template, the seed and i alone, whatever the pace and the number of workers;
// only dates differ. Its partition key is a random whole number below 10^10, as the Kinesis Data Generator's.
//
// Life of a record: the run's one loop (pace.go says when) gives a number of records to a worker, the worker makes
// them in a buffer of its own and calls [Sink.Put], and counts what the sink says became of them (stats.go). A worker
// does not touch a record again once Put has returned: retrying is the sink's business.
package producer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/snowstream/snowstream/producer/template"
	"github.com/snowstream/snowstream/record"
)

// Defaults and limits of a [Config].
const (
	DefaultWorkers = 4
	DefaultDrain   = 10 * time.Second
	// MaxRate is the highest rate, in records per second.
	MaxRate = 10_000_000
	// MaxBatch is the most records that one Put gets.
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
	// Rate is in records per second, at most MaxRate; 0 is as fast as the sink takes them.
	Rate float64
	// Records ends the run after that many; each is then either accepted or failed. 0 is no limit.
	Records int64
	// Duration ends the run after that time. 0 is no limit.
	Duration time.Duration
	// Workers is the number of Puts at the same time; 0 is DefaultWorkers.
	Workers int
	// Seed decides all random choices.
	Seed uint64
	// Newline ends each record with a line feed.
	Newline bool
	// Drain is how long the Puts in flight may go on after the run's context has ended; 0 is DefaultDrain.
	Drain time.Duration
	// Logger gets the first failure; nil logs nothing.
	Logger *slog.Logger
}

// Producer runs once and can be watched while it runs.
type Producer struct {
	config Config
	sink   Sink
	counts counts
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
	case config.Records < 0 || config.Duration < 0 || config.Workers < 0 || config.Drain < 0:
		return nil, errors.New("configure the producer: records, duration, workers and drain must not be negative")
	}
	if config.Workers == 0 {
		config.Workers = DefaultWorkers
	}
	if config.Drain == 0 {
		config.Drain = DefaultDrain
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	return &Producer{config: config, sink: sink}, nil
}

// Run produces until the configured number or duration is reached, the sink fails or ctx ends, waits for what is in
// flight, and returns the final counts. The error is nil only if the run reached its configured end; failed records
// alone are no error of the run.
//
// After ctx ends nothing more is made, and the Puts in flight have the configured drain time.
func Run(ctx context.Context, config Config, sink Sink) (Stats, error) {
	p, err := New(config, sink)
	if err != nil {
		return Stats{}, err
	}
	return p.Run(ctx)
}

// Run is [Run] for a producer that is watched by Stats meanwhile. Call it once.
func (p *Producer) Run(ctx context.Context) (Stats, error) {
	p.counts.start(time.Now())

	putting, stopPutting := context.WithCancel(context.WithoutCancel(ctx))
	defer stopPutting()
	workers, failed := errgroup.WithContext(putting)
	jobs := make(chan job)
	for range p.config.Workers {
		workers.Go(func() error { return p.work(putting, jobs) })
	}

	var drain sync.WaitGroup
	done := make(chan struct{})
	drain.Go(func() {
		if waitFor(ctx.Done(), done) && waitFor(time.After(p.config.Drain), done) {
			stopPutting()
		}
	})

	making, stopMaking := p.untilEnd(ctx)
	defer stopMaking()
	p.hand(making, failed.Done(), jobs)
	close(jobs)
	err := workers.Wait()
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
func (p *Producer) untilEnd(ctx context.Context) (context.Context, context.CancelFunc) {
	if p.config.Duration > 0 {
		return context.WithTimeout(ctx, p.config.Duration)
	}
	return context.WithCancel(ctx)
}

// complete tells whether all configured records were attempted.
func (p *Producer) complete() bool {
	return p.config.Records > 0 && p.counts.attempted.Load() >= p.config.Records
}

// job is a number of records to make, by the index of the first.
type job struct {
	first int64
	count int
}

// hand gives the workers their jobs until the run's number is reached, ctx ends or a worker has failed.
func (p *Producer) hand(ctx context.Context, failed <-chan struct{}, jobs chan<- job) {
	pace := newPace(p.config.Rate, time.Now())
	ticker := time.NewTicker(Tick)
	defer ticker.Stop()
	next, left := int64(0), p.config.Records
	if left == 0 {
		left = math.MaxInt64
	}
	for left > 0 {
		due := int64(MaxBatch)
		if p.config.Rate > 0 {
			select {
			case <-ticker.C:
			case <-failed:
				return
			case <-ctx.Done():
				return
			}
			made, missed := pace.due(time.Now())
			p.counts.missed.Add(missed)
			due = made
		}
		due = min(due, left)
		left -= due
		for due > 0 {
			j := job{first: next, count: int(min(due, MaxBatch))}
			select {
			case jobs <- j:
			case <-failed:
				return
			case <-ctx.Done():
				return
			}
			next += int64(j.count)
			due -= int64(j.count)
		}
	}
}

// work does jobs until there are no more. It stops early if the sink fails.
func (p *Producer) work(ctx context.Context, jobs <-chan job) error {
	b := batch{template: p.config.Template, newline: p.config.Newline, seed: p.config.Seed}
	b.random = rand.New(&b.source)
	for j := range jobs {
		for i := range int64(j.count) {
			if err := b.add(j.first + i); err != nil {
				return fmt.Errorf("produce records: %w", err)
			}
			if len(b.data) < batchBytes && i+1 < int64(j.count) {
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
	result, err := p.sink.Put(ctx, entries)
	if first := p.counts.add(result); first {
		p.config.Logger.Warn("records failed", "count", result.Failed, "reason", result.Reason)
	}
	if err != nil {
		return fmt.Errorf("produce records: %w", err)
	}
	return nil
}

// batch makes the records of one Put in buffers that it uses again.
type batch struct {
	template *template.Template
	newline  bool
	seed     uint64
	source   rand.PCG
	random   *rand.Rand

	data, keys       []byte
	dataEnd, keysEnd []int
	made             []record.Entry
}

// add makes record i.
func (b *batch) add(i int64) error {
	// Neighbouring indexes start far apart in the generator's sequence.
	b.source.Seed(b.seed, mix(uint64(i)))
	data, err := b.template.Append(b.data, b.random)
	if err != nil {
		return err
	}
	if b.newline {
		data = append(data, '\n')
	}
	b.data = data
	b.keys = strconv.AppendUint(b.keys, b.random.Uint64N(1e10), 10)
	b.dataEnd = append(b.dataEnd, len(b.data))
	b.keysEnd = append(b.keysEnd, len(b.keys))
	return nil
}

// entries are the records made since the last reset. They are valid until the next one.
func (b *batch) entries() []record.Entry {
	keys := string(b.keys)
	data, key := 0, 0
	for i, end := range b.dataEnd {
		b.made = append(b.made, record.Entry{PartitionKey: keys[key:b.keysEnd[i]], Data: b.data[data:end:end]})
		data, key = end, b.keysEnd[i]
	}
	return b.made
}

func (b *batch) reset() {
	b.data, b.keys, b.made = b.data[:0], b.keys[:0], b.made[:0]
	b.dataEnd, b.keysEnd = b.dataEnd[:0], b.keysEnd[:0]
}

// mix spreads an index over 64 bits (the finalizer of SplitMix64).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
