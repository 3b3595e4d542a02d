package listener

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/snowstream/snowstream/record"
)

const (
	// MaxCallRecords and MaxCallBytes bound one PutRecords call, keys included. Kinesis takes twice the bytes since
	// October 2025; endpoints that still keep the older limit take this.
	MaxCallRecords = 500
	MaxCallBytes   = 5 << 20
	// DefaultMaxRecordBytes is a stream's limit of data and key together, unless it was raised.
	DefaultMaxRecordBytes = 1 << 20
	// MaxKeyLength is the longest partition key, in characters.
	MaxKeyLength = 256
)

// WriterConfig tunes a writer; the zero value is good.
type WriterConfig struct {
	// MaxRecordBytes is the stream's limit of data and key together; 0 is DefaultMaxRecordBytes.
	MaxRecordBytes int
	// Ordered keeps the order of each partition key: a call then carries at most one record of a key, so that a
	// refused one is never overtaken within its Put. It costs one call per record for a key on its own.
	Ordered bool
	// PerShard sends a Put that takes several calls side by side, each shard's records in calls of their own as far as
	// calls stay full: a shard that throttles then holds up no other one.
	PerShard bool
	// AggregateBytes packs records of the same shard into one, up to that size, as the Kinesis Producer Library does; 0
	// sends each on its own. A Result counts the records that were packed. It needs the right to list the shards.
	AggregateBytes int
	// MaxElapsed is how long a Put goes on without a single accepted entry; 0 is DefaultMaxElapsed.
	MaxElapsed time.Duration
	// MinDelay and MaxDelay bound the pauses between retries; 0 is DefaultMinDelay and DefaultMaxDelay.
	MinDelay, MaxDelay time.Duration
	// Logger gets calls that failed, without their records; nil logs nothing.
	Logger *slog.Logger
}

// Writer puts records into one stream. Any number of goroutines may use it at once.
type Writer struct {
	api    *kinesis.Client
	stream string
	config WriterConfig
	routes routes
}

// NewWriter makes a writer; it does not look whether the stream exists.
func NewWriter(api *kinesis.Client, stream string, config WriterConfig) *Writer {
	if config.MaxRecordBytes <= 0 {
		config.MaxRecordBytes = DefaultMaxRecordBytes
	}
	setDefault(&config.MaxElapsed, DefaultMaxElapsed)
	setDefault(&config.MinDelay, DefaultMinDelay)
	setDefault(&config.MaxDelay, DefaultMaxDelay)
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	// The key of a packed record counts, too.
	config.AggregateBytes = min(config.AggregateBytes, config.MaxRecordBytes-4*MaxKeyLength)
	return &Writer{api: api, stream: stream, config: config}
}

func setDefault(d *time.Duration, otherwise time.Duration) {
	if *d <= 0 {
		*d = otherwise
	}
}

// Result is what became of the entries of one Put: Accepted + Failed is their number.
type Result struct {
	// Accepted entries are durable in the stream, Bytes counts their data.
	Accepted int
	Bytes    int64
	// Throttled counts the answers that refused an entry for its rate, Retried the times an entry was sent again.
	Throttled, Retried int
	// Failed entries were given up; Reason says why the first of them was.
	Failed int
	Reason error
}

// Put puts entries into the stream and returns when the fate of each is known.
//
// Entries that Kinesis cannot take (too large, no key or one of more than 256 characters) fail at once with a
// [RefusedError] as reason, and the others go out. Only what a call did not take is sent again, after a pause, and
// before any later entry of this Put: of one partition key only entries of the same call can overtake each other,
// and with Ordered none. A call without an answer is sent again as a whole and may then be stored twice.
//
// Put gives up on what is left after MaxElapsed without success. Its error is for what would meet every other Put
// too: a missing stream, refused credentials, the end of ctx. It does not return before a call under way has ended.
func (w *Writer) Put(ctx context.Context, entries []record.Entry) (Result, error) {
	items, result := w.admit(entries)
	lanes, err := w.lanes(ctx, items)
	if err != nil {
		p := put{writer: w, pending: items, result: result}
		err = p.stop(err)
		return p.result, err
	}
	results, errs := make([]Result, len(lanes)), make([]error, len(lanes))
	var group sync.WaitGroup
	for i, lane := range lanes {
		one := func() { results[i], errs[i] = w.putLane(ctx, lane) }
		if i == len(lanes)-1 {
			one() // the last one needs no goroutine of its own
			break
		}
		group.Go(one)
	}
	group.Wait()
	for _, r := range results {
		result.add(r)
	}
	return result, errors.Join(errs...)
}

// add counts another part of the same Put.
func (r *Result) add(o Result) {
	r.Accepted += o.Accepted
	r.Bytes += o.Bytes
	r.Throttled += o.Throttled
	r.Retried += o.Retried
	r.Failed += o.Failed
	if r.Reason == nil {
		r.Reason = o.Reason
	}
}

// putLane sends items one call after the other.
func (w *Writer) putLane(ctx context.Context, items []item) (Result, error) {
	p := put{writer: w, retry: newBackoff(w.config.MinDelay, w.config.MaxDelay, w.config.MaxElapsed), pending: items}
	for len(p.pending) > 0 {
		call := p.next()
		if err := p.send(ctx, call); err != nil {
			return p.result, err
		}
	}
	return p.result, nil
}

// item is what a call sends: a record, or several in one.
type item struct {
	types.PutRecordsRequestEntry
	// records were packed, of that many bytes of data.
	records int
	bytes   int64
}

func (i *item) size() int { return len(i.Data) + len(*i.PartitionKey) }

// put is the state of one lane of a Put.
type put struct {
	writer *Writer
	retry  *backoff
	result Result
	// pending is what has no fate yet, in the order of the entries.
	pending []item
}

// admit takes the entries that Kinesis can take.
func (w *Writer) admit(entries []record.Entry) ([]item, Result) {
	p := put{writer: w, pending: make([]item, 0, len(entries))}
	for i := range entries {
		e := &entries[i]
		if reason := refusal(e, w.config.MaxRecordBytes); reason != "" {
			p.fail(1, &RefusedError{Index: i, Size: len(e.Data) + len(e.PartitionKey), Reason: reason})
			continue
		}
		entry := types.PutRecordsRequestEntry{Data: e.Data, PartitionKey: &e.PartitionKey}
		p.pending = append(p.pending, item{entry, 1, int64(len(e.Data))})
	}
	return p.pending, p.result
}

// RefusedError is an entry that no stream takes.
type RefusedError struct {
	// Index is its place among the entries of the Put, Size its bytes of data and key.
	Index, Size int
	Reason      string
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("put record %d of %d bytes: %s", e.Index, e.Size, e.Reason)
}

func refusal(e *record.Entry, most int) string {
	switch n := utf8.RuneCountInString(e.PartitionKey); {
	case n == 0:
		return "it has no partition key"
	case n > MaxKeyLength:
		return fmt.Sprintf("its partition key has %d characters, the limit is %d", n, MaxKeyLength)
	case !utf8.ValidString(e.PartitionKey):
		return "its partition key is not UTF-8"
	case len(e.Data)+len(e.PartitionKey) > most:
		return fmt.Sprintf("data and key may have %d bytes together; make it smaller, or raise the limit of the stream", most)
	default:
		return ""
	}
}

// next takes the items of the next call from the front of what is pending.
func (p *put) next() []item {
	if p.writer.config.Ordered {
		return p.nextOrdered()
	}
	size, n := 0, 0
	for n < len(p.pending) && n < MaxCallRecords {
		size += p.pending[n].size()
		if n > 0 && size > MaxCallBytes {
			break
		}
		n++
	}
	call := p.pending[:n:n]
	p.pending = p.pending[n:]
	return call
}

// nextOrdered takes the first pending item of each key. Whether the call accepts it is known before the next one of
// that key goes out.
func (p *put) nextOrdered() []item {
	var call, rest []item
	size := 0
	seen := map[string]bool{}
	for i, e := range p.pending {
		if len(call) == MaxCallRecords || len(call) > 0 && size+e.size() > MaxCallBytes {
			rest = append(rest, p.pending[i:]...)
			break
		}
		if seen[*e.PartitionKey] {
			rest = append(rest, e)
			continue
		}
		seen[*e.PartitionKey] = true
		size += e.size()
		call = append(call, e)
	}
	p.pending = rest
	return call
}

// count is the number of records in items.
func count(items []item) int {
	n := 0
	for i := range items {
		n += items[i].records
	}
	return n
}

// send makes one call and, after a pause, puts what was not taken back to the front. After an error, as after giving
// up, nothing is pending.
func (p *put) send(ctx context.Context, call []item) error {
	reply, err := p.writer.call(ctx, call)
	again := call
	switch {
	case err == nil:
		again, err = p.sort(call, reply.Records)
	case isThrottled(err):
		p.result.Throttled += count(call)
	}
	if len(again) < len(call) {
		p.retry.succeeded()
	}
	if len(again) == 0 {
		return nil
	}
	p.pending = append(again, p.pending...)
	if len(again) == len(call) && isFinal(err) && ctx.Err() == nil {
		return p.stop(fmt.Errorf("%w; %s", err, hint(err)))
	}
	pause, more := p.retry.pause()
	if !more {
		_ = p.stop(fmt.Errorf("nothing was accepted for %v, the last answer was: %w", p.writer.config.MaxElapsed, err))
		return nil
	}
	p.writer.config.Logger.Debug("put again", "stream", p.writer.stream, "records", len(again), "of", len(call), "pause", pause)
	if err := sleep(ctx, pause); err != nil {
		return p.stop(err)
	}
	p.result.Retried += count(again)
	return nil
}

// fail counts records that are given up.
func (p *put) fail(n int, reason error) {
	p.result.Failed += n
	if p.result.Reason == nil {
		p.result.Reason = reason
	}
}

// stop fails everything that is pending.
func (p *put) stop(reason error) error {
	n := count(p.pending)
	err := fmt.Errorf("put records into stream %s, %d of them not accepted: %w", p.writer.stream, n, reason)
	p.fail(n, err)
	p.pending = nil
	return err
}

// call makes one PutRecords call. A reply that does not answer each entry is an error of unknown outcome.
func (w *Writer) call(ctx context.Context, items []item) (*kinesis.PutRecordsOutput, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	entries := make([]types.PutRecordsRequestEntry, len(items))
	for i := range items {
		entries[i] = items[i].PutRecordsRequestEntry
	}
	reply, err := w.api.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: &w.stream, Records: entries}, once)
	if err != nil {
		return nil, err
	}
	if len(reply.Records) != len(entries) {
		return nil, fmt.Errorf("the answer is about %d records instead of %d", len(reply.Records), len(entries))
	}
	return reply, nil
}

// sort counts what became of each item of a call and returns those to send again, with the service's last word on
// them.
func (p *put) sort(call []item, results []types.PutRecordsResultEntry) ([]item, error) {
	var again []item
	var last error
	shard := ""
	for i, r := range results {
		code := aws.ToString(r.ErrorCode)
		switch {
		case code == "" && r.SequenceNumber != nil:
			p.result.Accepted += call[i].records
			p.result.Bytes += call[i].bytes
			if id := aws.ToString(r.ShardId); id != shard {
				p.writer.routes.confirm(id)
				shard = id
			}
			continue
		case isThrottle(code):
			p.result.Throttled += call[i].records
		case code != "" && code != "InternalFailure" && code != "ServiceUnavailable":
			p.fail(call[i].records, fmt.Errorf("put a record of %d bytes into stream %s: %s: %s", call[i].size(), p.writer.stream, code, aws.ToString(r.ErrorMessage)))
			continue
		}
		again = append(again, call[i])
		last = errors.New("records were refused with " + code)
	}
	return again, last
}
