package simulation

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/snowstream/snowstream/landing/audit"
	"github.com/snowstream/snowstream/record/rawzone"
)

// seal is `snowstream audit --seal`.
func (r *repairer) seal(t *testing.T) (audit.Proof, audit.Sealing) {
	t.Helper()
	p, done, err := r.auditor().Seal(r.p.ctx, "simulation")
	if err != nil {
		t.Fatal(err)
	}
	return p, done
}

// audit is `snowstream audit`.
func (r *repairer) audit(t *testing.T) audit.Proof {
	t.Helper()
	p, err := r.auditor().Audit(r.p.ctx)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// expire removes what a lifecycle rule would.
func (w *world) expire() (gone int) {
	for key, o := range w.bucket.objects {
		if o.tagged {
			w.bucket.expired[key] = o
			delete(w.bucket.objects, key)
			gone++
		}
	}
	return gone
}

// sealedUpTo is the last ordinal under a shard's seal, 0 without one.
func (w *world) sealedUpTo(t *testing.T, s *shard) int64 {
	t.Helper()
	o, there := w.bucket.objects[rawzone.SealsKey(streamName)]
	if !there {
		return 0
	}
	seals, err := rawzone.DecodeSeals(o.body, streamName)
	if err != nil {
		t.Fatal(err)
	}
	for _, seal := range seals.Chains {
		if seal.Shard == s.id {
			return seal.Ordinal
		}
	}
	return 0
}

// TestSealHides nothing: with everything sealed and all that may expire gone, each kind of damage to a table is named, at its
// ordinal, and what is right again is right again.
func TestSealHides(t *testing.T) {
	for name, tt := range map[string]struct {
		kind   audit.Kind
		found  int
		damage func(table *table)
	}{
		"a row is lost":       {audit.Missing, 1, func(table *table) { table.change(5) }},
		"a row is doubled":    {audit.Doubled, 1, func(table *table) { table.insert(table.rows[5]) }},
		"a value is changed":  {audit.Altered, 1, func(table *table) { table.change(5, table.rows[5].but("CURRENTTEMPERATURE", "4711")) }},
		"a loss and a double": {audit.Missing, 2, func(table *table) { table.change(5, table.rows[6]) }},
	} {
		for _, place := range []audit.Place{audit.Streaming, audit.Microbatch} {
			landed(t, func(w *world, r *repairer) {
				p, done := r.seal(t)
				if !p.OK || len(done.Shards) != len(w.stream.shards) || done.Tagged == 0 {
					t.Fatalf("%+v, sealed %+v", p.Findings, done)
				}
				if gone := w.expire(); int64(gone) != done.Tagged {
					t.Fatalf("%d objects expired of %d", gone, done.Tagged)
				}
				if p := r.audit(t); !p.OK || p.Sealed == nil || len(p.Sealed.Opened) > 0 {
					t.Fatalf("after the expiry: %+v, %+v", p.Findings, p.Sealed)
				}
				table := w.streaming
				if place == audit.Microbatch {
					table = w.pipe.table
				}
				at, before := table.rows[5].ordinal(), slices.Clone(table.rows)
				tt.damage(table)
				p = r.audit(t)
				if p.OK || !slices.ContainsFunc(p.Findings, func(f audit.Finding) bool {
					return f.Kind == tt.kind && f.Place == place && f.First <= at && at <= f.Last
				}) || len(p.Findings) != tt.found || len(p.Sealed.Opened) != 1 {
					t.Errorf("%s in %s: ordinal %d is not named: %+v", name, place, at, p.Findings)
				}
				if _, done := r.seal(t); len(done.Left) != 1 {
					t.Errorf("%s in %s: it is sealed, %+v", name, place, done)
				}
				table.rows, table.index = before, map[string]map[string][]row{}
				if p := r.audit(t); !p.OK {
					t.Errorf("%s in %s, undone: %+v", name, place, p.Findings)
				}
			})
		}
	}
}

// TestSealWants a proof: what is wrong is not sealed, nor what lies in front of it, and what is not sealed has no tag.
func TestSealWants(t *testing.T) {
	for name, damage := range map[string]func(w *world, keys []string){
		"a row is lost":     func(w *world, _ []string) { w.streaming.change(5) },
		"an object is gone": func(w *world, keys []string) { delete(w.bucket.objects, keys[2]) },
		"an object is changed": func(w *world, keys []string) {
			o := w.bucket.objects[keys[2]]
			o.body = append(slices.Clone(o.body), "more\n"...)
			o.modified = o.modified.Add(time.Hour)
			w.bucket.objects[keys[2]] = o
		},
	} {
		landed(t, func(w *world, r *repairer) {
			s := w.stream.shards[0]
			if name == "a row is lost" {
				i := slices.IndexFunc(w.streaming.rows, func(r row) bool { return r["_SHARD"].text == s.id })
				w.streaming.change(i)
			} else {
				damage(w, w.objectsOf(s))
			}
			if p, done := r.seal(t); p.OK || w.sealedUpTo(t, s) != 0 || len(done.Left) == 0 {
				t.Errorf("%s: sealed up to %d, %+v", name, w.sealedUpTo(t, s), done)
			}
			for _, key := range w.objectsOf(s) {
				if w.bucket.objects[key].tagged {
					t.Errorf("%s: %s may expire", name, key)
				}
			}
		})
	}
}

// TestSealKeeps what others need: the last object of each chain stays, so that a ledger that is lost is rebuilt behind the ordinals
// that were given, and the shard goes on.
func TestSealKeeps(t *testing.T) {
	landed(t, func(w *world, r *repairer) {
		_, done := r.seal(t)
		if gone := w.expire(); gone == 0 || int64(gone) != done.Tagged {
			t.Fatalf("%d of %d expired", gone, done.Tagged)
		}
		for _, s := range w.stream.shards {
			if keys := w.objectsOf(s); len(keys) != 1 {
				t.Errorf("%s has %d objects left", s.id, len(keys))
			}
			for _, key := range w.bucket.keys(rawzone.Ledgers) {
				if c, ok := rawzone.ChainOf(key, streamName); ok && c.Shard == s.id && key == c.LedgerKey() {
					delete(w.bucket.objects, key)
				}
			}
		}
		if p := r.audit(t); !p.OK {
			t.Errorf("without ledgers: %+v", p.Findings)
		}
		for _, key := range w.bucket.keys(rawzone.Rows) {
			delete(w.bucket.objects, key)
		}
		p := r.audit(t) // neither ledgers nor objects: the seal knows better
		if p.OK || !slices.ContainsFunc(p.Findings, func(f audit.Finding) bool { return f.Kind == audit.Altered && f.Place == audit.RawZone }) {
			t.Errorf("a ledger that says less than the seal is not named: %+v", p.Findings)
		}
	})
}

// TestSealGoesOn: what lands behind a seal is compared as ever, and the next seal takes it in.
func TestSealGoesOn(t *testing.T) {
	inCalm(t, func(w *world) {
		run := func(from, to float64) {
			w.mu.Lock()
			for _, s := range w.stream.shards {
				for at := int(from * float64(len(s.records))); at < int(to*float64(len(s.records))); at += 7 {
					(&mapping{w: w, shard: s}).run(min(at+7, int(to*float64(len(s.records)))))
				}
			}
			w.mu.Unlock()
			w.group.Wait()
		}
		run(0, 0.5)
		p := &process{w: w, name: "repair"}
		p.begin(1000 * time.Hour)
		defer p.kill()
		r := w.repairer(p)
		if _, done := r.seal(t); len(done.Shards) != len(w.stream.shards) {
			t.Fatalf("%+v", done)
		}
		w.expire()
		s := w.stream.shards[0]
		half := w.sealedUpTo(t, s)
		run(0.5, 1)
		if p := r.audit(t); !p.OK || len(p.Sealed.Opened) > 0 {
			t.Fatalf("behind the seal: %+v, %+v", p.Findings, p.Sealed)
		}
		keys := w.objectsOf(s)
		lost := w.bucket.objects[keys[len(keys)-2]]
		delete(w.bucket.objects, keys[len(keys)-2])
		if p := r.audit(t); !slices.ContainsFunc(p.Findings, func(f audit.Finding) bool {
			return f.Kind == audit.Missing && f.Place == audit.RawZone && f.First > half
		}) {
			t.Errorf("an object behind the seal is gone: %+v", p.Findings)
		}
		w.bucket.objects[keys[len(keys)-2]] = lost
		last := slices.IndexFunc(w.streaming.rows, func(r row) bool { return r["_SHARD"].text == s.id && r.ordinal() > half })
		gone := w.streaming.rows[last]
		w.streaming.change(last)
		if p := r.audit(t); len(p.Findings) != 1 || p.Findings[0].First != gone.ordinal() || len(p.Sealed.Opened) > 0 {
			t.Errorf("a row behind the seal is gone: %+v", p.Findings)
		}
		w.streaming.insert(gone)
		if _, done := r.seal(t); w.sealedUpTo(t, s) <= half || len(done.Left) > 0 {
			t.Errorf("%+v", done)
		}
		w.expire()
		if p := r.audit(t); !p.OK {
			t.Errorf("%+v", p.Findings)
		}
	})
}

// TestSealDamaged: seals that were cut or edited are refused, and those that are gone are made anew.
func TestSealDamaged(t *testing.T) {
	landed(t, func(w *world, r *repairer) {
		r.seal(t)
		key := rawzone.SealsKey(streamName)
		whole := w.bucket.objects[key]
		for _, body := range [][]byte{whole.body[:len(whole.body)/2], nil, []byte(fmt.Sprintf(`{"stream":%q}`, streamName))} {
			torn := whole
			torn.body = body
			w.bucket.objects[key] = torn
			if p, err := r.auditor().Audit(r.p.ctx); err == nil {
				t.Errorf("torn seals are believed: %+v", p.Sealed)
			}
		}
		delete(w.bucket.objects, key)
		if p := r.audit(t); !p.OK || p.Sealed != nil {
			t.Errorf("%+v, %+v", p.Findings, p.Sealed)
		}
		if p, done := r.seal(t); !p.OK || len(done.Shards) != len(w.stream.shards) {
			t.Errorf("%+v", done)
		}
	})
}
