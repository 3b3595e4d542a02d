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
	// gatherEvery is the least time between two batches of a subscription that are not full. Without it a stream would
	// be handed over record by record, and a batch costs far more than a record.
	gatherEvery = 100 * time.Millisecond
	// subscribeWithin and silentFor end a subscription that does not begin, or has nothing to say although even a
	// shard without records sends an empty event now and then.
	subscribeWithin = 10 * time.Second
	silentFor       = 15 * time.Second
	// subscribeAgain is the pause after a subscription that failed. The shard is polled meanwhile.
	subscribeAgain = time.Second
)

// subscription is what a registered consumer is pushed of one shard. It belongs to its poller.
type subscription struct {
	events *kinesis.SubscribeToShardEventStream
	began  time.Time
	cancel context.CancelFunc
}

func (s *subscription) close() {
	if s != nil {
		s.cancel()
		_ = s.events.Close() // reports how the stream ended, which no longer matters
	}
}

// subscribes says whether the shard's records come by subscription now. In a hurry, at the end of the shard and after
// a failure they are read: only a read proves that it has reached the tip.
func (p *poller) subscribes(now time.Time, hurry bool) bool {
	return p.set.Consumer != "" && !hurry && !p.pushedAll && p.gone == nil && !now.Before(p.subscribeAt)
}

// unsubscribe goes over to reading, behind the last record that was pushed.
func (p *poller) unsubscribe() {
	p.sub.close()
	p.sub, p.iterator = nil, ""
}

// receive waits for pushed records, for at most the given time or until the signal.
func (p *poller) receive(ctx context.Context, within time.Duration, signal <-chan struct{}) error {
	if p.sub == nil {
		if err := p.subscribe(ctx); err != nil {
			return p.subscriptionFailed(ctx, err)
		}
	}
	timer := time.NewTimer(min(within, silentFor))
	defer timer.Stop()
	select {
	case event, open := <-p.sub.events.Events():
		if pushed, ok := event.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent); open && ok {
			return p.push(pushed.Value)
		}
		return p.subscriptionEnded(ctx)
	case <-signal:
	case <-ctx.Done():
	case <-timer.C:
		if within >= silentFor {
			return p.subscriptionFailed(ctx, errSilent)
		}
	}
	return nil
}

var errSilent = errors.New("nothing came for too long")

// push takes the records of an event into the buffer.
func (p *poller) push(event types.SubscribeToShardEvent) error {
	p.failures = 0
	if err := p.keep(event.Records, time.Now()); err != nil {
		return err
	}
	p.pushedAll = event.ContinuationSequenceNumber == nil
	behind := time.Duration(aws.ToInt64(event.MillisBehindLatest)) * time.Millisecond
	p.m.update(p.state, func(s *shardState) { s.behind = behind })
	return nil
}

func (p *poller) subscribe(ctx context.Context) error {
	from := types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon}
	if p.lastRead != "" {
		from = types.StartingPosition{Type: types.ShardIteratorTypeAfterSequenceNumber, SequenceNumber: &p.lastRead}
	} else if p.state.checkpoint.AtPosition && !p.set.PositionTime.IsZero() {
		from = types.StartingPosition{Type: types.ShardIteratorTypeAtTimestamp, Timestamp: &p.set.PositionTime}
	}
	ctx, cancel := context.WithCancel(ctx)
	impatient := time.AfterFunc(subscribeWithin, cancel)
	defer impatient.Stop()
	events, err := p.m.reader.subscribe(ctx, p.set.Consumer, p.shard, from)
	if err != nil {
		cancel()
		return err
	}
	p.sub = &subscription{events, time.Now(), cancel}
	return nil
}

// subscriptionEnded tells the end that every subscription comes to after a few minutes from a failure.
func (p *poller) subscriptionEnded(ctx context.Context) error {
	err := p.sub.events.Err()
	if err == nil && time.Since(p.sub.began) < subscribeAgain {
		err = errors.New("it ended at once")
	}
	if err != nil {
		return p.subscriptionFailed(ctx, err)
	}
	p.unsubscribe()
	return nil
}

// subscriptionFailed has the shard polled for a while: what is wrong with it, reading meets and deals with.
func (p *poller) subscriptionFailed(ctx context.Context, err error) error {
	p.unsubscribe()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	p.subscribeAt = time.Now().Add(subscribeAgain)
	p.m.log.Warn("subscription to a shard failed, it is polled meanwhile", "mapping", p.m.id, "shard", p.shard, "error", err)
	return nil
}

// subscribe begins a subscription. The client's time-out would end it in mid-stream, so it has none; ctx ends it. All
// streams of one client would decode their messages in one buffer (smithy-go v1.28.8, eventstream.Codec), so that records
// of one shard could show up in another; a subscription therefore has a client of its own.
func (r *reader) subscribe(ctx context.Context, consumer, shard string, from types.StartingPosition) (*kinesis.SubscribeToShardEventStream, error) {
	out, err := kinesis.New(r.client.Options()).SubscribeToShard(ctx, &kinesis.SubscribeToShardInput{
		ConsumerARN: &consumer, ShardId: &shard, StartingPosition: &from,
	}, func(o *kinesis.Options) { o.HTTPClient = r.endless })
	if err != nil {
		return nil, fmt.Errorf("subscribe to %s: %w", shard, err)
	}
	return out.GetStream(), nil
}
