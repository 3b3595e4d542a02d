package kinesis

import (
	"context"
	"encoding/binary"
	"hash/crc32"
	"net/http"
	"time"
)

const (
	subscribeToShard = "SubscribeToShard"
	// subscriptionLife is how long a subscription lasts: the service's five minutes.
	subscriptionLife = 5 * time.Minute
	// pushEvery is the pause after an event that reached the tip: what arrives meanwhile shares the next one.
	pushEvery = 20 * time.Millisecond
	// heartbeat is the longest time without an event.
	heartbeat = time.Second
	// eventBytes bounds the records of an event; an event may exceed it by one record.
	eventBytes = 2 << 20
)

type subscribeInput struct {
	ConsumerARN, ShardId string
	StartingPosition     struct {
		Type, SequenceNumber string
		Timestamp            *epochTime
	}
	DryRun bool
}

// subscriber is who may have one subscription at a time.
type subscriber struct{ consumer, shard string }

// subscription is a running SubscribeToShard call.
type subscription struct {
	server *Server
	shard  *shard
	number int
	next   int64 // index of the next record
	end    context.CancelFunc
}

// subscribe pushes a shard's records over the connection until the subscription's time is over, the shard ends, the
// client leaves or subscribes again. An error is the answer instead of events.
func (s *Server) subscribe(w http.ResponseWriter, r *http.Request, c *call) error {
	var in subscribeInput
	if err := s.decode(c, &in); err != nil {
		return err
	}
	sub, err := s.openSubscription(&in)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), subscriptionLife)
	defer cancel()
	defer context.AfterFunc(s.life, cancel)()
	sub.end = cancel
	defer s.enlist(subscriber{in.ConsumerARN, sub.shard.name}, sub)()
	control := http.NewResponseController(w)
	_ = control.SetWriteDeadline(time.Now().Add(subscriptionLife + transferTime))
	w.Header().Set("Content-Type", "application/vnd.amazon.eventstream")
	w.WriteHeader(http.StatusOK)
	if err := s.encode(c, struct{}{}); err != nil {
		return err
	}
	c.out = closeFrame(append(openFrame(nil, "initial-response", c.contentType()), c.out...))
	if _, err := w.Write(c.out); err != nil || control.Flush() != nil {
		return nil
	}
	// From here on there is no answer to give: the client sees the end of the stream, and subscribes again to learn why.
	if err := sub.push(ctx, w, c); err != nil {
		s.log.Warn("subscription ended", "shard", in.ShardId, "error", err)
	}
	return nil
}

func (s *Server) openSubscription(in *subscribeInput) (*subscription, error) {
	position := getShardIteratorInput{
		ShardId: in.ShardId, ShardIteratorType: in.StartingPosition.Type,
		StartingSequenceNumber: in.StartingPosition.SequenceNumber, Timestamp: in.StartingPosition.Timestamp, DryRun: in.DryRun,
	}
	if err := position.check(time.Now()); err != nil {
		return nil, err
	}
	st, find, err := s.consumer(consumerTarget{ConsumerARN: in.ConsumerARN})
	if err != nil {
		return nil, err
	}
	st.mu.RLock()
	defer st.mu.RUnlock()
	if _, err := find(); err != nil {
		return nil, err
	}
	sh, err := st.shard(in.ShardId)
	if err != nil {
		return nil, err
	}
	next, err := s.position(&position, sh)
	return &subscription{server: s, shard: sh, number: sh.Number, next: next}, err
}

// enlist ends the subscriber's older subscription and returns what takes the new one off the list.
func (s *Server) enlist(who subscriber, sub *subscription) (leave func()) {
	s.subscribing.Lock()
	defer s.subscribing.Unlock()
	if old := s.subscriptions[who]; old != nil {
		old.end()
	}
	s.subscriptions[who] = sub
	return func() {
		s.subscribing.Lock()
		defer s.subscribing.Unlock()
		if s.subscriptions[who] == sub {
			delete(s.subscriptions, who)
		}
	}
}

// unsubscribe ends all subscriptions of a consumer.
func (s *Server) unsubscribe(consumer string) {
	s.subscribing.Lock()
	defer s.subscribing.Unlock()
	for who, sub := range s.subscriptions {
		if who.consumer == consumer {
			sub.end()
		}
	}
}

// push sends events until ctx ends (nil), the shard ends (nil), or something fails.
func (sub *subscription) push(ctx context.Context, w http.ResponseWriter, c *call) error {
	control := http.NewResponseController(w)
	for ctx.Err() == nil {
		grown := sub.shard.log.Grown()
		r, ended, err := sub.event(ctx, c)
		if err != nil || ctx.Err() != nil {
			return err
		}
		if _, err := w.Write(c.out); err != nil || control.Flush() != nil {
			return nil // the client has gone
		}
		if cap(c.out) > keepBytes {
			c.out = nil
		}
		if ended {
			return nil
		}
		sub.rest(ctx, r, grown)
	}
	return nil
}

// rest waits until the next event may be sent and has something to say.
func (sub *subscription) rest(ctx context.Context, r *reading, grown <-chan struct{}) {
	pause := time.Duration(0)
	if !sub.server.cfg.Unlimited {
		pause = time.Duration(r.bytes) * time.Second / bytesOut
	}
	if r.waiting == 0 {
		pause = max(pause, pushEvery)
	}
	await(ctx, pause, nil)
	if r.waiting == 0 {
		await(ctx, heartbeat, grown)
	}
}

func await(ctx context.Context, d time.Duration, signal <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-signal:
	}
}

// event makes the next event in c.out; ended says that it is the shard's last.
func (sub *subscription) event(ctx context.Context, c *call) (r *reading, ended bool, err error) {
	s, now := sub.server, time.Now()
	if err := s.memory.Acquire(ctx, 4*eventBytes); err != nil {
		return nil, false, nil // ctx has ended
	}
	defer s.memory.Release(4 * eventBytes)
	st := sub.shard.stream
	sh, r, children, err := st.beginRead(token{Shard: sub.number}, now)
	if err != nil {
		return nil, false, err
	}
	r.call, r.limit, r.most = c, maxRecordsRead, eventBytes
	c.out = openFrame(c.out[:0], "SubscribeToShardEvent", c.contentType())
	r.open(c)
	next, err := sh.log.Scan(sub.next, r.visit)
	if err := s.readFailed(sh, r, err); err != nil {
		return nil, false, err
	}
	sub.next = next
	rest := eventRest{MillisBehindLatest: r.behind(now)}
	if ended = !r.from.open() && next >= r.from.Count; ended {
		rest.ChildShards = children
	} else {
		rest.ContinuationSequenceNumber = r.from.sequence(next - 1).String()
	}
	if err := r.close(c, rest); err != nil {
		return nil, false, err
	}
	c.out = closeFrame(c.out)
	return r, ended, nil
}

// eventRest is what an event holds behind its records.
type eventRest struct {
	MillisBehindLatest         int64
	ContinuationSequenceNumber string       `json:",omitempty"`
	ChildShards                []childShard `json:",omitempty"`
}

// A frame of AWS's event stream: lengths of all and of the headers, their CRC-32, headers, payload, CRC-32 of all before.
const framePrelude = 12

// openFrame begins a frame in out, which must be empty; the payload is appended next.
func openFrame(out []byte, event, contentType string) []byte {
	out = append(out, make([]byte, framePrelude)...)
	for _, h := range [...][2]string{{":message-type", "event"}, {":event-type", event}, {":content-type", contentType}} {
		const typeString = 7
		out = append(append(out, byte(len(h[0]))), h[0]...)
		out = append(out, typeString)
		out = append(binary.BigEndian.AppendUint16(out, uint16(len(h[1]))), h[1]...)
	}
	binary.BigEndian.PutUint32(out[4:], uint32(len(out)-framePrelude))
	return out
}

// closeFrame fills in what is known at the end.
func closeFrame(frame []byte) []byte {
	const checksumBytes = 4
	binary.BigEndian.PutUint32(frame, uint32(len(frame)+checksumBytes))
	binary.BigEndian.PutUint32(frame[8:], crc32.ChecksumIEEE(frame[:8]))
	return binary.BigEndian.AppendUint32(frame, crc32.ChecksumIEEE(frame))
}
