package listener

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/snowstream/snowstream/record"
)

const (
	// DefaultInterval is the pause between two reads of a shard. Kinesis allows five a second for all readers of the
	// shard together; four leave room for a look from elsewhere.
	DefaultInterval = 250 * time.Millisecond

	// lagRecords is how many waiting records a lag measurement counts at most.
	lagRecords = 1000
)

// ReaderConfig tunes a reader; the zero value is good.
type ReaderConfig struct {
	// Interval is the least time between two reads of a shard; 0 is DefaultInterval.
	Interval time.Duration
	// MaxElapsed is how long a call is tried again without success; 0 is DefaultMaxElapsed.
	MaxElapsed time.Duration
	// MinDelay and MaxDelay bound the pauses between retries; 0 is DefaultMinDelay and DefaultMaxDelay.
	MinDelay, MaxDelay time.Duration
	// Logger gets expired iterators; nil logs nothing.
	Logger *slog.Logger
}

// Reader reads one stream. Any number of goroutines may use it at once, but they share the stream's limits.
type Reader struct {
	api    *kinesis.Client
	stream string
	config ReaderConfig
}

// NewReader makes a reader; it does not look whether the stream exists.
func NewReader(api *kinesis.Client, stream string, config ReaderConfig) *Reader {
	setDefault(&config.Interval, DefaultInterval)
	setDefault(&config.MaxElapsed, DefaultMaxElapsed)
	setDefault(&config.MinDelay, DefaultMinDelay)
	setDefault(&config.MaxDelay, DefaultMaxDelay)
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	return &Reader{api: api, stream: stream, config: config}
}

// Read reads a shard from behind a sequence number, or from its oldest record if after is empty, to its present end,
// and yields the records in order, at most 10,000 and 10 MiB at a time. The slice is yield's to keep. Read stops
// with the error of yield as it is.
//
// The present end is where Kinesis says that nothing newer is waiting, or the end of a closed shard. Aggregated
// records are yielded as they are.
func (r *Reader) Read(ctx context.Context, shard, after string, yield func([]record.Record) error) error {
	c := r.open(shard, after)
	for {
		reply, err := c.get(ctx, 0)
		if err != nil {
			return err
		}
		if len(reply.Records) > 0 {
			if err := yield(records(shard, reply.Records)); err != nil {
				return err
			}
		}
		if reply.NextShardIterator == nil || aws.ToInt64(reply.MillisBehindLatest) == 0 {
			return nil
		}
	}
}

// Lag is how far a position in a shard is behind.
type Lag struct {
	// Behind is the age of the oldest record behind the position, 0 if nothing is waiting. Where Kinesis has found none yet, it
	// is how far its search is from the shard's end.
	Behind time.Duration
	// Waiting records stand behind the position, at least: More says that the count stopped early.
	Waiting int
	More    bool
}

// Lag measures the lag of a reader that has read up to a sequence number, or nothing if after is empty. It costs one
// read of the shard, or a few where Kinesis answers with nothing at first.
func (r *Reader) Lag(ctx context.Context, shard, after string) (Lag, error) {
	const looks = 5
	c := r.open(shard, after)
	var lag Lag
	for range looks {
		reply, err := c.get(ctx, lagRecords)
		if err != nil {
			return Lag{}, err
		}
		behind := time.Duration(aws.ToInt64(reply.MillisBehindLatest)) * time.Millisecond
		lag = Lag{Behind: behind, Waiting: len(reply.Records), More: behind > 0}
		if len(reply.Records) > 0 {
			lag.Behind = max(0, time.Since(aws.ToTime(reply.Records[0].ApproximateArrivalTimestamp)))
			return lag, nil
		}
		if behind == 0 || reply.NextShardIterator == nil {
			return Lag{}, nil
		}
	}
	return lag, nil
}

// cursor is a place in a shard.
type cursor struct {
	reader *Reader
	shard  string
	// after is the last sequence number read, "" for none; then at is the first one to read, "" for the oldest.
	// iterator leads to what follows, nil if it is not known.
	after    string
	at       string
	iterator *string
	last     time.Time
}

func (r *Reader) open(shard, after string) *cursor {
	return &cursor{reader: r, shard: shard, after: after}
}

// get reads on. Whatever goes wrong in between, the next answer continues right behind the last one: an iterator is
// lost after five minutes, a position never.
func (c *cursor) get(ctx context.Context, limit int32) (*kinesis.GetRecordsOutput, error) {
	if err := sleep(ctx, time.Until(c.last.Add(c.reader.config.Interval))); err != nil {
		return nil, fmt.Errorf("read shard %s: %w", c.shard, err)
	}
	input := &kinesis.GetRecordsInput{}
	if limit > 0 {
		input.Limit = &limit
	}
	var reply *kinesis.GetRecordsOutput
	err := c.reader.try(ctx, func(ctx context.Context) (err error) {
		if c.iterator == nil {
			if c.iterator, err = c.reader.iterator(ctx, c); err != nil {
				return err
			}
		}
		input.ShardIterator = c.iterator
		reply, err = c.reader.api.GetRecords(ctx, input, once)
		var expired *types.ExpiredIteratorException
		if errors.As(err, &expired) {
			c.reader.config.Logger.Debug("iterator expired", "stream", c.reader.stream, "shard", c.shard)
			c.iterator = nil
			return errRenew
		}
		return err
	})
	c.last = time.Now()
	if err != nil {
		return nil, fmt.Errorf("read shard %s of stream %s after %q: %w", c.shard, c.reader.stream, c.after, err)
	}
	c.iterator = reply.NextShardIterator
	if n := len(reply.Records); n > 0 {
		c.after = aws.ToString(reply.Records[n-1].SequenceNumber)
	}
	return reply, nil
}

// errRenew is tried again like a lost connection.
var errRenew = errors.New("the iterator has expired")

// iterator leads to where a cursor goes on.
func (r *Reader) iterator(ctx context.Context, c *cursor) (*string, error) {
	input := &kinesis.GetShardIteratorInput{StreamName: &r.stream, ShardId: &c.shard, ShardIteratorType: types.ShardIteratorTypeTrimHorizon}
	switch {
	case c.after != "":
		input.ShardIteratorType, input.StartingSequenceNumber = types.ShardIteratorTypeAfterSequenceNumber, &c.after
	case c.at != "":
		input.ShardIteratorType, input.StartingSequenceNumber = types.ShardIteratorTypeAtSequenceNumber, &c.at
	}
	reply, err := r.api.GetShardIterator(ctx, input, once)
	if err != nil {
		return nil, err
	}
	return reply.ShardIterator, nil
}

// try repeats a call until it succeeds, is refused for good, or fails for too long.
func (r *Reader) try(ctx context.Context, call func(context.Context) error) error {
	retry := newBackoff(r.config.MinDelay, r.config.MaxDelay, r.config.MaxElapsed)
	for {
		attempt, cancel := context.WithTimeout(ctx, callTimeout)
		err := call(attempt)
		cancel()
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case isFinal(err):
			return fmt.Errorf("%w; %s", err, hint(err))
		}
		pause, more := retry.pause()
		if !more {
			return fmt.Errorf("no success for %v: %w", r.config.MaxElapsed, err)
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// records turns what the SDK gives into ours.
func records(shard string, from []types.Record) []record.Record {
	to := make([]record.Record, len(from))
	for i, r := range from {
		to[i] = record.Record{
			Position:     record.Position{Shard: shard, Sequence: aws.ToString(r.SequenceNumber)},
			PartitionKey: aws.ToString(r.PartitionKey),
			ArrivedAt:    aws.ToTime(r.ApproximateArrivalTimestamp).UTC(),
			Data:         r.Data,
		}
	}
	return to
}
