package lambda

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
)

// conditionTooOld is why records that the mapping's MaximumRecordAgeInSeconds has passed are given up.
const conditionTooOld = "RecordAgeExceeded"

// piece is a run of records on its way to the function: a batch, what is left of one, or a half of one.
type piece struct {
	items       []item
	attempts    int // failures that count against MaximumRetryAttempts
	invocations int
	tries       int // failures and throttles in a row: the backoff
	request     string
	reported    bool // the last call ended well and named records that were not done
}

// handOver brings all items to their end, in order: done by the function, or given up to the failure destination. The
// checkpoint follows piece by piece. An error means that it stopped before the end: the host closes, the settings
// changed, or the checkpoint cannot be written.
func (p *poller) handOver(ctx context.Context, items []item) error {
	stack := []piece{{items: items}} // the next piece is last
	for len(stack) > 0 {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		top := &stack[len(stack)-1]
		if n := p.tooOld(top.items); n > 0 {
			if err := p.giveUp(ctx, *top, n, conditionTooOld); err != nil {
				return err
			}
			top.items = top.items[n:]
		} else if rest, err := p.try(ctx, top); err != nil {
			return err
		} else if rest != nil {
			stack = append(stack[:len(stack)-1], rest...)
			continue
		}
		if len(top.items) == 0 {
			stack = stack[:len(stack)-1]
		}
	}
	return nil
}

// try hands one piece over once. What is left of it afterwards is in its items, unless it fell apart: then rest holds
// its parts, the first one last.
func (p *poller) try(ctx context.Context, top *piece) (rest []piece, err error) {
	done, err := p.invoke(top)
	if gone := errors.Is(err, errNoFunction); gone || errors.Is(err, errThrottled) {
		if top.tries++; gone {
			p.lostFunction()
		}
		return nil, sleepOrStop(ctx, backoff(top.tries, retryFirst, retryMost))
	}
	if err != nil {
		return nil, err
	}
	p.setStuck("")
	if done > 0 {
		if err := p.advance(top.items[:done]); err != nil {
			return nil, err
		}
		*top = piece{items: top.items[done:], invocations: top.invocations, request: top.request, reported: top.reported}
	}
	if len(top.items) == 0 {
		p.m.report(resultOK)
		return nil, nil
	}
	return p.failed(ctx, top, done > 0)
}

// failed decides what becomes of a piece whose first record was not done. Splitting costs no attempt, so that one bad
// record ends up alone before attempts run out; a partial failure has already split the batch where it says.
func (p *poller) failed(ctx context.Context, top *piece, split bool) (rest []piece, err error) {
	top.tries++
	p.m.report(resultProblem + "Function call failed")
	p.m.update(p.state, func(s *shardState) { s.stats.Failures++ })
	p.m.log.Warn("batch failed", "mapping", p.m.id, "shard", p.shard, "request", top.request,
		"records", len(top.items), "attempts", top.attempts+1)
	if p.set.Bisect && len(top.items) > 1 && !split {
		half := len(top.items) / 2
		second := piece{items: top.items[half:], invocations: top.invocations, tries: top.tries, request: top.request}
		first := piece{items: top.items[:half], invocations: top.invocations, tries: top.tries, request: top.request}
		return []piece{second, first}, sleepOrStop(ctx, backoff(top.tries, retryFirst, retryMost))
	}
	top.attempts++
	hopeless := p.set.OnFailure != "" && tooLargeForAny(wanted(top.items))
	if hopeless || p.set.MaxRetries >= 0 && top.attempts > p.set.MaxRetries {
		err := p.giveUp(ctx, *top, len(top.items), "RetryAttemptsExhausted")
		top.items = nil
		return nil, err
	}
	return nil, sleepOrStop(ctx, backoff(top.tries, retryFirst, retryMost))
}

// lostFunction has the shard wait for a function that was deleted.
func (p *poller) lostFunction() {
	p.m.report(resultProblem + "function " + p.set.Function + " does not exist")
	p.setStuck("their function " + p.set.Function + " does not exist")
}

// invoke calls the function with the piece and returns how many of its items are done. errThrottled, errNoFunction and
// errClosing are the only errors.
func (p *poller) invoke(top *piece) (done int, err error) {
	items := wanted(top.items)
	if len(items) == 0 {
		return len(top.items), nil
	}
	if tooLargeForAny(items) {
		return 0, nil
	}
	top.request = uuid.NewString()
	if top.invocations == 0 {
		p.waited(items, time.Now())
	}
	res, err := p.m.functions.invoke(p.calls, p.set.Function, top.request, kinesisEvent(items), "")
	if err != nil {
		return 0, err
	}
	top.invocations++
	top.reported = !res.failed
	switch {
	case res.failed:
		return 0, nil
	case p.set.ReportItems:
		return doneItems(res.payload, top.items), nil
	}
	return len(top.items), nil
}

// waited tells how long the records waited for their batch.
func (p *poller) waited(items []item, now time.Time) {
	for len(items) > 0 {
		first, n := items[0], 1
		for n < len(items) && items[n].read.Equal(first.read) && items[n].arrived.Equal(first.arrived) {
			n++
		}
		p.m.timed("read", first.read.Sub(first.arrived), n)
		p.m.timed("gather", now.Sub(first.read), n)
		items = items[n:]
	}
}

// tooLargeForAny is true for a record that no event can carry. It fails without a call.
func tooLargeForAny(items []item) bool {
	return len(items) == 1 && len(items[0].json)+len(eventOpen)+len(eventClose) > maxSyncBytes
}

// advance moves the checkpoint behind items that the function has done.
func (p *poller) advance(items []item) error {
	if err := p.save(checkpoint{Sequence: items[len(items)-1].sequence}); err != nil {
		return err
	}
	done := len(wanted(items))
	p.m.update(p.state, func(s *shardState) {
		s.stats.Records += int64(done)
		if s.stats.Filtered += int64(len(items) - done); done > 0 {
			s.stats.Batches++
		}
	})
	return nil
}

// tooOld counts the items, from the first on, that are older than the mapping allows.
func (p *poller) tooOld(items []item) (n int) {
	if p.set.MaxAge < 0 {
		return 0
	}
	oldest := time.Now().Add(-time.Duration(p.set.MaxAge) * time.Second)
	for n < len(items) && items[n].arrived.Before(oldest) {
		n++
	}
	return n
}

// giveUp sends the document about the first n items to the failure destination and moves the checkpoint behind them.
// The shard waits until the destination has taken the document: going on without it would lose the records.
func (p *poller) giveUp(ctx context.Context, top piece, n int, condition string) error {
	last, items := top.items[n-1], wanted(top.items[:n])
	if p.set.OnFailure != "" && len(items) > 0 {
		if err := p.sendDocument(ctx, top, items, condition); err != nil {
			return err
		}
	}
	if err := p.save(checkpoint{Sequence: last.sequence}); err != nil || len(items) == 0 {
		return err
	}
	p.m.log.Warn("records given up", "mapping", p.m.id, "shard", p.shard, "records", len(items), "condition", condition,
		"from", items[0].sequence, "to", last.sequence, "destination", p.set.OnFailure)
	p.m.update(p.state, func(s *shardState) { s.stats.Discarded += int64(len(items)) })
	return nil
}

func (p *poller) sendDocument(ctx context.Context, top piece, items []item, condition string) error {
	to, err := p.m.destinations.resolve(p.set.OnFailure)
	if err != nil {
		return err
	}
	now := time.Now().UTC()
	document, key := p.document(top, items, condition, now), documentKey(p.m.id, p.shard, now)
	if to.bucket != "" {
		document.Payload = string(kinesisEvent(items))
	}
	for tries := 1; ; tries++ {
		err := p.m.destinations.put(ctx, to, key, document)
		if err == nil {
			p.setStuck("")
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if destinationGone(err) {
			p.setStuck("its failure destination " + p.set.OnFailure + " does not exist")
		}
		p.m.log.Error("failure destination cannot be reached: the shard waits for it", "mapping", p.m.id, "shard", p.shard,
			"destination", p.set.OnFailure, "error", err)
		p.m.report(resultProblem + "failure destination cannot be reached")
		if err := sleepOrStop(ctx, backoff(tries, retryFirst, retryMost)); err != nil {
			return err
		}
	}
}

// setStuck notes why the shard cannot go on until somebody mends it, and says so once: no drain waits for that.
func (p *poller) setStuck(why string) {
	var already bool
	p.m.update(p.state, func(s *shardState) {
		already = s.stuck == why
		s.stuck = why
	})
	if why != "" && !already {
		p.m.say("Shard " + p.shard + " of stream " + p.stream + " waits with records that nobody takes, because " + why +
			": make it again, or give the event source mapping " + p.m.id + " another one. Nothing is lost.")
	}
}

// document describes items that were given up, as AWS was recorded to: records that are too old have no response, whatever
// was tried before, and count one invocation at least.
func (p *poller) document(top piece, items []item, condition string, now time.Time) batchDocument {
	first, last := items[0], items[len(items)-1]
	request := top.request
	if request == "" {
		request = uuid.NewString()
	}
	invocations, response := top.invocations, unhandled(top.invocations)
	switch {
	case condition == conditionTooOld:
		invocations, response = max(1, invocations), nil
	case top.reported:
		response = reported()
	}
	return batchDocument{
		RequestContext:  requestContext{request, p.m.place.functionARN(p.set.Function), condition, invocations},
		ResponseContext: response,
		Version:         "1.0", Timestamp: now.Format(timestampLayout),
		KinesisBatch: kinesisBatchInfo{
			Shard: p.shard, Start: first.sequence, End: last.sequence,
			FirstArrival: first.arrived.UTC().Format(timestampLayout), LastArrival: last.arrived.UTC().Format(timestampLayout),
			Size: len(items), Stream: p.set.Stream,
		},
	}
}

func sleepOrStop(ctx context.Context, d time.Duration) error {
	if !sleep(ctx, d) {
		return ctx.Err()
	}
	return nil
}
