package simulation

import (
	"bytes"
	"context"
	"errors"
	"time"
)

// mapping is an event source mapping's work on one shard.
type mapping struct {
	w     *world
	shard *shard
	// next is the checkpoint: the records before it are done.
	next int
	// main is false for a second one that runs beside the first.
	main bool
	// set back counts lost checkpoints; size is how many records the next batch has at most.
	setBack, size int
}

// begin starts the work on a shard.
func (w *world) begin(s *shard) {
	m := &mapping{w: w, shard: s, main: true}
	w.later(w.between(time.Millisecond, time.Second), func() {
		w.beside(m)
		if !m.run(len(s.records)) {
			return
		}
		w.step("%s is drained", s.id)
		s.drained = true
		for _, c := range s.children {
			if c.ready() {
				w.begin(c)
			}
		}
	})
}

// ready reports whether all records that come before the shard's are done.
func (s *shard) ready() bool {
	for _, p := range s.parents {
		if !p.drained {
			return false
		}
	}
	return true
}

// beside starts a second mapping some time later, behind the first one's checkpoint: a poller that was replaced and
// does not know it.
func (w *world) beside(m *mapping) {
	if !w.hit(twoMappings) {
		return
	}
	w.later(w.between(time.Second, time.Minute), func() {
		second := &mapping{w: w, shard: m.shard, next: w.random.IntN(m.next + 1)}
		second.run(second.next + w.random.IntN(len(m.shard.records)-second.next+1))
	})
}

// maxTries is when a batch that never succeeds counts as stuck. Faults end long before.
const maxTries = 2000

// run delivers the records up to one, each batch until it succeeds.
func (m *mapping) run(to int) bool {
	tries := 0
	m.recut()
	for {
		if m.next = max(m.next, m.shard.horizon); m.next >= to {
			return true
		}
		batch := m.shard.records[m.next:min(m.next+m.size, to)]
		err := m.invoke(batch)
		if err == nil {
			tries = 0
			m.succeeded(batch)
			continue
		}
		m.w.step("%s: records from %d on failed: %v", m.shard.id, m.next, err)
		if tries++; tries > maxTries || !m.w.faulty && tries > maxTries/20 {
			m.w.find(broken, "%s is stuck at record %d: %v", m.shard.id, m.next, err)
			return false
		}
		if m.givesUp(batch) {
			tries = 0
			continue
		}
		if m.w.hit(retryRecut) {
			m.recut()
		}
		if m.wait(min(time.Second<<min(tries, 6), time.Minute)) != nil {
			return false
		}
	}
}

// givesUp ends the tries of a batch that has failed. Its records come again only if somebody brings them; if retention
// has passed them, nobody can.
func (m *mapping) givesUp(batch []kinesisRecord) bool {
	w := m.w
	switch {
	case !m.main:
		return false
	case w.hit(batchGivenUp):
		skip(batch)
		m.shard.givenUp = append(m.shard.givenUp, batch)
		m.next += len(batch)
	case w.hit(retentionPassed):
		to := m.next + 1 + w.random.IntN(min(30, len(m.shard.records)-m.next))
		skip(m.shard.records[m.next:to])
		m.shard.expire(to)
	default:
		return false
	}
	w.step("%s: records in front of %d are given up", m.shard.id, max(m.next, m.shard.horizon))
	m.recut()
	return true
}

func (m *mapping) recut() { m.size = 1 + m.w.random.IntN(15) }

func (m *mapping) wait(d time.Duration) error {
	return m.w.pause(context.Background(), m.w.between(d/2, d))
}

// succeeded moves the checkpoint on, which must not pass what is not durable, and then does what may happen to it.
func (m *mapping) succeeded(batch []kinesisRecord) {
	w := m.w
	w.durable(batch)
	m.next += len(batch)
	m.recut()
	if w.hit(batchTwice) {
		_ = m.invoke(batch)
	}
	if w.hit(batchEmpty) {
		_ = m.invoke(nil)
	}
	if m.setBack < 3 && w.hit(checkpointLost) {
		m.setBack++
		m.next = w.random.IntN(m.next)
	}
	if w.hit(pipeRefreshed) {
		w.pipe.refresh()
	}
	m.harmLedger()
	if w.hit(clockAhead) {
		_ = m.wait(72 * time.Hour)
	}
}

// harmLedger deletes or damages the shard's ledger, or puts an older copy back. A damaged one is deleted by a person, as
// its error asks. Nobody puts a ledger back while a writer is under way; nor loses it then, if something was given up
// or the compression changes: see docs/exactly-once.md.
func (m *mapping) harmLedger() {
	w, key := m.w, m.w.chain(m.shard.id).LedgerKey()
	ledger, there := w.bucket.objects[key]
	busy := m.shard.running > 0 || w.bucket.lateOf(m.shard.id)
	switch {
	case !there || w.bucket.late[key] > 0:
	case busy && m.shard.unnamed(w):
	case w.hit(ledgerLost):
		delete(w.bucket.objects, key)
	case w.hit(ledgerDamaged):
		ledger.body = bytes.Clone(ledger.body)
		ledger.body[w.random.IntN(len(ledger.body)-1)] ^= 1
		ledger.etag = `"damaged"`
		w.bucket.objects[key] = ledger
		w.deleteDamaged(m.shard, key, ledger.etag)
	case !busy && w.faulty && w.random.Float64() < w.rates[ledgerPutBack]:
		m.putBack(key)
	}
}

// deleteDamaged is a person who reads the log, some time later.
func (w *world) deleteDamaged(s *shard, key, etag string) {
	w.later(w.between(time.Minute, 10*time.Minute), func() {
		switch {
		case w.bucket.objects[key].etag != etag:
		case (s.running > 0 || w.bucket.lateOf(s.id)) && s.unnamed(w):
			w.deleteDamaged(s, key, etag) // not while a writer is under way
		default:
			w.step("a person deletes %s", key)
			delete(w.bucket.objects, key)
		}
	})
}

// unnamed reports whether the next writer may give the next object another name than the last one has.
func (s *shard) unnamed(w *world) bool {
	return len(s.givenUp)+s.horizon > 0 || len(w.compressions) > 1
}

// putBack is a person who stops the mapping, waits, and puts an older copy of the ledger back. Where a second mapping has written
// meanwhile he has not waited, and puts nothing back.
func (m *mapping) putBack(key string) {
	w := m.w
	_ = m.wait(30 * time.Minute)
	ledger, there := w.bucket.objects[key]
	if past := w.bucket.past[key]; there && time.Since(ledger.modified) >= 15*time.Minute && len(past) > 0 && m.shard.running == 0 && !w.bucket.lateOf(m.shard.id) {
		o := past[w.random.IntN(len(past))]
		o.modified = time.Now()
		w.bucket.objects[key] = o
		w.count(ledgerPutBack)
	}
}

// errReplaced is what the mapping takes for the outcome of an invocation that it has given up.
var errReplaced = errors.New("no answer")

// invoke runs the orchestrator on a batch and waits for it, or gives it up while it still runs.
func (m *mapping) invoke(batch []kinesisRecord) error {
	w := m.w
	p, err := w.functions.idle()
	if err != nil {
		return err
	}
	timeout := functionTimeout
	var giveUp <-chan time.Time
	if w.faulty && w.random.Float64() < w.rates[writerReplaced] {
		timeout = 2 * time.Hour
		timer := time.NewTimer(time.Until(w.moment(w.between(time.Second, time.Minute))))
		defer timer.Stop()
		giveUp = timer.C
	}
	p.begin(timeout)
	if giveUp != nil {
		p.freeze, p.frozen = 1+w.random.IntN(8), w.between(time.Minute, 40*time.Minute)
	}
	done := make(chan error, 1)
	m.shard.running++
	w.later(time.Millisecond, func() {
		err := w.functions.handle(p, event(m.shard.id, batch))
		m.shard.running--
		done <- err
	})
	w.mu.Unlock()
	defer w.mu.Lock()
	select {
	case err = <-done:
	case <-giveUp:
		err = errReplaced
	}
	if err == errReplaced {
		w.mu.Lock()
		w.count(writerReplaced)
		w.mu.Unlock()
	}
	return err
}
