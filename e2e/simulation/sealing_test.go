package simulation

import (
	"strings"
	"testing"
	"time"

	"github.com/snowstream/snowstream/record/rawzone"
)

// sealAtTimes has audits seal at some moments of a phase, lets what is sealed expire, and harms the registry.
func (w *world) sealAtTimes() {
	if !w.sealing {
		return
	}
	for range 4 {
		w.later(w.between(10*time.Minute, 4*time.Hour), w.sealNow)
	}
	for _, f := range []fault{registryLost, registryDamaged, registryPutBack} {
		if w.random.IntN(2) == 0 {
			w.later(w.between(time.Minute, 3*time.Hour), func() { w.harmRegistry(f) })
		}
	}
}

// sealNow is `snowstream audit --seal` beside everything else, and then, some time later, a lifecycle rule.
func (w *world) sealNow() {
	p := w.functions.process("audit")
	p.begin(6 * time.Hour)
	defer p.kill()
	r := w.repairer(&p)
	r.shallow = true
	w.mu.Unlock()
	_, done, err := r.auditor().Seal(p.ctx, "simulation")
	w.mu.Lock()
	w.step("sealed %d runs, left %d, tagged %d: %v", len(done.Shards), len(done.Left), done.Tagged, err)
	if len(done.Shards) > 0 {
		w.count(sealed)
	}
	w.checkSeals()
	w.later(w.between(time.Second, time.Hour), w.expireSealed)
}

// seals are what lies in the bucket.
func (w *world) seals() rawzone.Seals {
	o, there := w.bucket.objects[rawzone.SealsKey(streamName)]
	if !there {
		return rawzone.Seals{Stream: streamName}
	}
	seals, err := rawzone.DecodeSeals(o.body, streamName)
	if err != nil {
		w.find(broken, "%v", err)
	}
	return seals
}

// checkSeals: of what is sealed each ordinal is a record that has its row in both tables, or is in quarantine.
func (w *world) checkSeals() {
	seals, ordinals := w.seals(), w.ordinals()
	for _, seal := range seals.Chains {
		proved := int64(0)
		for _, s := range w.stream.shards {
			for _, u := range s.users {
				n, landed := ordinals[u.id()]
				if s.id != seal.Shard || !landed || n > seal.Ordinal || w.generations[u.id()].text != seal.Generation && u.want != nil {
					continue
				}
				proved++
				held := w.bucket.quarantined[u.id()]
				for name, t := range map[string]*table{"streaming": w.streaming, "micro-batch": w.pipe.table} {
					if n := len(t.find(identity, t.keyOf(u))); n != 1 && !held {
						w.find(broken, "%s is sealed and is %d times in the %s table", u.id(), n, name)
					}
				}
			}
		}
		if proved != seal.Ordinal-seal.First+1 {
			w.find(broken, "%s is sealed from %d to %d, and %d records are there", seal.Shard, seal.First, seal.Ordinal, proved)
		}
	}
}

// expireSealed removes what a lifecycle rule would, and checks that it lies under a seal and is not the last object under it.
func (w *world) expireSealed() {
	seals := w.seals()
	for key, o := range w.bucket.objects {
		c, _ := rawzone.ChainOf(key, streamName)
		n, named := c.Name(key)
		if seal, found := seals.Of(c); o.tagged && (!found || !named || n.Ordinal >= seal.Begin) {
			w.find(broken, "%s may expire and is not sealed", key)
		}
	}
	if w.expire() > 0 {
		w.count(sealedObjectsExpired)
	}
}

// harmRegistry deletes the registry, damages it or puts an older copy back. A person deletes a damaged or an older one some time later, as
// the errors ask.
func (w *world) harmRegistry(f fault) {
	key := rawzone.RegistryKey(streamName)
	now, there := w.bucket.objects[key]
	if !there || !w.faulty {
		return
	}
	switch f {
	case registryLost:
		delete(w.bucket.objects, key)
		w.count(f)
		return
	case registryDamaged:
		now.body = now.body[:w.random.IntN(len(now.body))]
	case registryPutBack:
		now = w.bucket.past[key][w.random.IntN(len(w.bucket.past[key]))]
	}
	now.etag, now.modified = `"harmed"`, time.Now()
	w.bucket.objects[key] = now
	w.count(f)
	w.later(w.between(time.Minute, 20*time.Minute), func() {
		if w.bucket.objects[key].etag == now.etag {
			w.step("a person deletes %s", key)
			delete(w.bucket.objects, key)
		}
	})
}

// believed: when all has landed no seal is opened, so that whatever was sealed was true. What comes back from quarantine later opens them.
func (w *world) believed() {
	if !w.sealing {
		return
	}
	p := w.functions.process("audit")
	p.begin(24 * time.Hour)
	defer p.kill()
	r := w.repairer(&p)
	proof, err := r.auditor().Audit(p.ctx)
	if err != nil || proof.Sealed != nil && len(proof.Sealed.Opened) > 0 {
		w.find(broken, "the last audit: %+v, %+v, %v", proof.Sealed, proof.Findings[:min(3, len(proof.Findings))], err)
	}
}

// TestOlderRegistry: a shard began in a generation that an older copy of the registry does not have. It does not begin again in the one
// that this has: its records would get the same ordinals there. Once the copy is deleted, the shard goes on.
func TestOlderRegistry(t *testing.T) {
	inCalm(t, func(w *world) {
		key := rawzone.RegistryKey(streamName)
		bring := func(n, from, to int) error {
			p := w.fresh(t)
			var batch []byte
			w.locked(func() {
				p.begin(functionTimeout)
				s := w.stream.shards[n]
				batch = event(s.id, s.records[from:to])
			})
			return p.function.Handle(p.ctx, batch)
		}
		if err := bring(0, 0, 4); err != nil {
			t.Fatal(err)
		}
		old := w.bucket.objects[key]
		w.locked(func() { delete(w.bucket.objects, key) })
		if err := bring(1, 0, 4); err != nil {
			t.Fatal(err)
		}
		young := w.chain(w.stream.shards[1].id)
		w.locked(func() { w.bucket.objects[key] = old })
		for range 2 {
			if err := bring(1, 0, 8); err == nil || !strings.Contains(err.Error(), "older than the ledgers of generation "+young.Generation) {
				t.Errorf("a shard begins again: %v", err)
			}
		}
		if err := bring(0, 0, 8); err != nil {
			t.Errorf("a shard whose ledger is there: %v", err)
		}
		rows := len(w.streaming.rows)
		w.locked(func() { delete(w.bucket.objects, key) })
		if err := bring(1, 0, 4); err != nil {
			t.Error(err)
		}
		if now := w.chain(young.Shard); now != young || len(w.streaming.rows) != rows {
			t.Errorf("%d rows, then %d, in %v, then %v", rows, len(w.streaming.rows), young, now)
		}
	})
}
