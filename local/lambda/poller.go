package lambda

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

const (
	readEvery   = 250 * time.Millisecond // four reads a second leave one of the shard's five to others
	idleEvery   = time.Second            // between reads of a shard that has had nothing for a while
	idleAfter   = 4                      // empty reads in a row that make a shard idle
	shardBytes  = 2 << 20                // bytes a second that a shard gives out
	smallRead   = 1 << 20                // a read below this was not cut short by the service
	readFirst   = 200 * time.Millisecond
	readMost    = 10 * time.Second
	readLimited = time.Second // the pause after the service said that the shard is read too often

	// A failed batch is tried again soon, since what fails on a laptop is mostly a neighbour that is starting; and then
	// ever more slowly up to a minute, since a broken one gains nothing from being asked more often.
	retryFirst = 100 * time.Millisecond
	retryMost  = time.Minute
)

// poller reads one shard and hands its records over in order, one batch at a time. It holds at most what one read
// brings on top of less than a batch.
type poller struct {
	m      *mapping
	set    settings
	source eventSource
	filter filter
	stream string // name
	shard  string
	calls  context.Context
	state  *shardState // covered by the mapping's lock

	buffer   []item
	iterator string
	lastRead string    // sequence number of the last record read; "" before the first
	readAt   time.Time // when the last read began
	gap      time.Duration
	empty    int // reads in a row without records
	failures int // reads in a row that failed
	atEnd    bool
	gone     error // the shard, or its stream, is not there any more: what was read of it is still handed over

	sub         *subscription // nil while the shard is read
	subscribeAt time.Time     // not before; see subscriptionFailed
	pushedAll   bool          // the shard is closed: what is left is for a read to find
	handedOver  time.Time     // when the last batch began

	tip time.Time // the begin of the last read that reached the tip of the shard
}

func newPoller(m *mapping, calls context.Context, set settings, stream, shard string) (*poller, error) {
	state := m.state(shard)
	filter, err := newFilter(set.Filters)
	if err != nil {
		return nil, fmt.Errorf("read the filters of event source mapping %s: %w", m.id, err)
	}
	return &poller{
		filter: filter,
		m:      m, set: set, calls: calls, stream: stream, shard: shard, state: state,
		source:   eventSource{shard: shard, stream: set.Stream, place: m.place},
		lastRead: state.checkpoint.Sequence,
	}, nil
}

// run reads and hands over until the shard is finished (nil), ctx ends, or this host fails.
func (p *poller) run(ctx context.Context) error {
	defer p.unsubscribe()
	for ctx.Err() == nil {
		if p.gone != nil && len(p.buffer) == 0 {
			return p.gone
		}
		if p.atEnd && len(p.buffer) == 0 {
			return p.save(checkpoint{Sequence: p.state.checkpoint.Sequence, Finished: true})
		}
		hurried := p.m.hurrySignal()
		now, hurry := time.Now(), p.m.isHurried(p.state)
		n, pause := p.plan(now, hurry)
		pushed := p.subscribes(now, hurry)
		if !pushed && p.sub != nil {
			p.unsubscribe()
		}
		var err error
		switch {
		case n > 0:
			p.handedOver = now
			err = p.handOver(ctx, p.buffer[:n:n])
			if err == nil {
				p.drop(n)
			}
		case pushed:
			err = p.receive(ctx, pause, hurried)
		case pause > 0:
			wait(ctx, pause, hurried)
		default:
			err = p.read(ctx)
		}
		if err != nil {
			return err
		}
		p.publish()
	}
	return ctx.Err()
}

// plan decides the next step: hand over the first n items, or wait, or read (0, 0). A batch is ripe when it is full,
// when its window has passed since its first record was read, at the end of the shard, or in a hurry. One that was
// pushed is also left to grow until gatherEvery has passed since the batch before it.
func (p *poller) plan(now time.Time, hurry bool) (n int, pause time.Duration) {
	n, full := fit(p.buffer, p.set.BatchSize)
	if full {
		return n, 0
	}
	window := time.Duration(p.set.Window) * time.Second
	pushed := p.subscribes(now, hurry)
	if n > 0 {
		window -= now.Sub(p.buffer[0].read)
		if pushed {
			window = max(window, gatherEvery-now.Sub(p.handedOver))
		}
		if window <= 0 || p.atEnd || p.gone != nil || hurry {
			return n, 0
		}
	}
	if pushed && n > 0 {
		return 0, window
	} else if pushed {
		return 0, silentFor
	}
	pause = p.readAt.Add(p.interval(hurry)).Sub(now)
	if n > 0 {
		pause = min(pause, window)
	}
	return 0, max(pause, 0)
}

// interval is the time from one read to the next.
func (p *poller) interval(hurry bool) time.Duration {
	if p.empty >= idleAfter && !hurry {
		return max(idleEvery, p.gap)
	}
	return max(readEvery, p.gap)
}

func wait(ctx context.Context, d time.Duration, signal <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-signal:
	case <-ctx.Done():
	}
}

// drop forgets the first n items and gives their memory back.
func (p *poller) drop(n int) {
	clear(p.buffer[:n])
	p.buffer = p.buffer[n:]
	if len(p.buffer) == 0 {
		p.buffer = nil
	}
}

// publish tells what is done: with an empty buffer everything up to the last read that reached the tip is.
func (p *poller) publish() {
	p.m.update(p.state, func(s *shardState) {
		s.pending = time.Time{}
		if len(p.buffer) > 0 {
			s.pending = p.buffer[0].arrived
		} else if !p.tip.IsZero() {
			s.clean = p.tip
		}
	})
}

// read brings the next records into the buffer. Failures of the stream are waited out, with a new iterator behind the
// last record read; a shard that is gone is noted, and only an answer that makes no sense is an error.
func (p *poller) read(ctx context.Context) error {
	begun := time.Now()
	p.readAt, p.gap = begun, 0
	out, err := p.fetch(ctx)
	if err != nil {
		return p.readFailed(ctx, err)
	}
	p.failures = 0
	bytes := 0
	for _, record := range out.Records {
		bytes += len(record.Data)
	}
	if err := p.keep(out.Records, begun); err != nil {
		return err
	}
	p.gap = time.Duration(bytes) * time.Second / shardBytes
	p.iterator = aws.ToString(out.NextShardIterator)
	p.atEnd = p.iterator == ""
	behind := time.Duration(aws.ToInt64(out.MillisBehindLatest)) * time.Millisecond
	if p.empty++; len(out.Records) > 0 || behind > 0 {
		p.empty = 0
	}
	// A full reply proves nothing about the tip, whatever it says: records of one millisecond may be left.
	if behind == 0 && len(out.Records) < readLimit && bytes < smallRead {
		p.tip = begun
	}
	p.m.update(p.state, func(s *shardState) { s.behind = behind })
	return nil
}

// keep appends records to the buffer, ready to be sent.
func (p *poller) keep(records []types.Record, now time.Time) error {
	for _, record := range records {
		it := skipped(record, now)
		if p.filter.takes(record) {
			var err error
			if it, err = p.source.item(record, now); err != nil {
				return err
			}
		} else if !isSequence(it.sequence) {
			return fmt.Errorf("read %s: a record has no valid sequence number", p.shard)
		}
		p.buffer = append(p.buffer, it)
		p.lastRead = it.sequence
	}
	return nil
}

func (p *poller) fetch(ctx context.Context) (*kinesis.GetRecordsOutput, error) {
	if p.iterator == "" {
		if err := p.open(ctx); err != nil {
			return nil, err
		}
	}
	return p.m.reader.records(ctx, p.shard, p.iterator)
}

// open gets an iterator: behind the last record that was read, else at the mapping's position, else at the oldest.
func (p *poller) open(ctx context.Context) (err error) {
	if p.lastRead != "" {
		var passed bool
		p.iterator, passed, err = p.m.reader.after(ctx, p.stream, p.shard, p.lastRead)
		if passed && err == nil {
			p.m.update(p.state, func(s *shardState) { s.stats.Expired++ })
			p.m.log.Warn("retention has passed the position in a shard: reading goes on at the oldest record",
				"mapping", p.m.id, "shard", p.shard, "position", p.lastRead)
			p.lastRead = ""
		}
		return err
	}
	var position *types.StartingPosition
	if p.state.checkpoint.AtPosition && !p.set.PositionTime.IsZero() {
		position = &types.StartingPosition{Type: types.ShardIteratorTypeAtTimestamp, Timestamp: &p.set.PositionTime}
	}
	p.iterator, err = p.m.reader.start(ctx, p.stream, p.shard, position)
	return err
}

func (p *poller) readFailed(ctx context.Context, err error) error {
	var (
		expired   *types.ExpiredIteratorException
		throttled *types.ProvisionedThroughputExceededException
		limited   *types.LimitExceededException
		gone      *types.ResourceNotFoundException
	)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &gone):
		p.gone = err
		return nil
	case errors.As(err, &expired):
		p.iterator = ""
		return nil
	case errors.As(err, &throttled), errors.As(err, &limited):
		p.gap = readLimited
		return nil
	}
	p.failures++
	p.iterator, p.gap = "", backoff(p.failures, readFirst, readMost)
	p.m.log.Warn("shard cannot be read", "mapping", p.m.id, "shard", p.shard, "failures", p.failures, "error", err)
	p.m.report(resultProblem + "shard " + p.shard + " cannot be read")
	return nil
}

// save makes a checkpoint durable and only then visible.
func (p *poller) save(point checkpoint) error {
	if err := p.m.store.save(p.m.checkpointPath(p.shard), point); err != nil {
		return fmt.Errorf("checkpoint of %s: %w", p.shard, err)
	}
	p.m.update(p.state, func(s *shardState) { s.checkpoint = point })
	return nil
}
