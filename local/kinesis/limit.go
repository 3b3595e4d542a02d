package kinesis

import (
	"sync"
	"time"
)

// Limits of one shard, per second.
const (
	recordsIn      = 1000
	bytesIn        = 1 << 20
	bytesOut       = 2 << 20
	readsOut       = 5
	iteratorsOut   = 5
	maxRecordsCall = 500
	maxBytesCall   = 10 << 20
	maxRecordsRead = 10_000
	maxBytesRead   = 10 << 20
)

// bucket holds what may be spent at once: at most one second's worth. It may go into debt.
type bucket struct {
	level float64
	at    time.Time
}

// refill adds what has come in at rate per second since the last call. A clock that runs back adds nothing.
func (b *bucket) refill(now time.Time, rate float64) {
	switch elapsed := now.Sub(b.at); {
	case b.at.IsZero():
		b.level = rate
	case elapsed > 0:
		b.level = min(rate, b.level+rate*elapsed.Seconds())
	}
	b.at = now
}

// shardLimits are the budgets of one shard.
type shardLimits struct {
	off bool // never changes

	mu                      sync.Mutex
	recordsIn, bytesIn      bucket
	reads, iterators, bytes bucket
}

// put spends one record of some bytes, or returns false and spends nothing. A record larger than a second's worth waits
// for a full bucket and leaves a debt.
func (l *shardLimits) put(now time.Time, bytes int) bool {
	if l.off {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.recordsIn.refill(now, recordsIn)
	l.bytesIn.refill(now, bytesIn)
	if l.recordsIn.level < 1 || l.bytesIn.level < min(float64(bytes), bytesIn) {
		return false
	}
	l.recordsIn.level--
	l.bytesIn.level -= float64(bytes)
	return true
}

// read spends one GetRecords call; it is refused while an earlier reply is not paid for.
func (l *shardLimits) read(now time.Time) bool {
	if l.off {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reads.refill(now, readsOut)
	l.bytes.refill(now, bytesOut)
	if l.reads.level < 1 || l.bytes.level <= 0 {
		return false
	}
	l.reads.level--
	return true
}

// pay books the bytes of a reply. One above a second's worth uses up no burst: 10 MiB keep the shard shut for 5 s.
func (l *shardLimits) pay(bytes int) {
	if l.off {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if bytes > bytesOut {
		l.bytes.level = -float64(bytes)
		return
	}
	l.bytes.level -= float64(bytes)
}

// iterate spends one GetShardIterator call.
func (l *shardLimits) iterate(now time.Time) bool {
	if l.off {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.iterators.refill(now, iteratorsOut)
	if l.iterators.level < 1 {
		return false
	}
	l.iterators.level--
	return true
}
