package simulation

import (
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/snowstream/snowstream/landing/audit"
	"github.com/snowstream/snowstream/processing/rowpath"
	"github.com/snowstream/snowstream/record/rawzone"
)

// operate has people at work beside the run: they make mistakes, and repair and replay, two at a time now and then. What is
// out of everybody's reach by its nature is left out: records that retention has taken, a pipe that has forgotten its files, and an
// object that is deleted together with its quarantine object (see TestRepairAppendsNothingBesideAGap).
func (w *world) operate() {
	w.operated = true
	w.rates[retentionPassed], w.rates[clockAhead], w.rates[clockBack] = 0, 0, 0
}

// people schedules what they do.
func (w *world) people() {
	mistakes := []fault{ledgerDeleted, streamingTruncated, microbatchTruncated, streamingDropped, streamingPutBack, objectDeleted, quarantineDeleted}
	for range 1 + w.random.IntN(4) {
		f := mistakes[w.random.IntN(len(mistakes))]
		w.later(w.between(time.Minute, 2*time.Hour), func() { w.mistake(f) })
	}
	for range 2 + w.random.IntN(3) {
		w.later(w.between(time.Minute, 3*time.Hour), func() { w.count(repaired); w.repairOnce() })
	}
	for range 1 + w.random.IntN(2) {
		w.later(w.between(time.Minute, 3*time.Hour), func() {
			w.count(quarantineReplayed)
			_, _ = w.replayOnce()
		})
		w.later(w.between(time.Minute, 3*time.Hour), w.replayTable)
	}
}

// mistake is one, and then somebody repairs until nothing is wrong any more.
func (w *world) mistake(f fault) {
	if !w.err(f) {
		return
	}
	w.count(f)
	people := 1 + w.random.IntN(2)
	if people == 2 {
		w.count(repairedTwice)
	}
	for range people {
		w.later(w.between(time.Minute, 40*time.Minute), func() { w.mend(20) })
	}
}

// err makes the mistake, if there is anything to make it with.
func (w *world) err(f fault) bool {
	one := func(keys []string) string {
		if len(keys) == 0 {
			return ""
		}
		return keys[w.random.IntN(len(keys))]
	}
	s := w.stream.shards[w.random.IntN(len(w.stream.shards))]
	switch f {
	case ledgerDeleted:
		key := w.chain(s.id).LedgerKey()
		if _, there := w.bucket.objects[key]; !there || (s.running > 0 || w.bucket.lateOf(s.id)) && s.unnamed(w) {
			return false // a person stops the mapping first; see docs/exactly-once.md
		}
		delete(w.bucket.objects, key)
	case streamingTruncated, streamingDropped:
		w.damaged = true
		w.streaming.rows = nil
		w.streaming.change0()
		if w.service != nil && f == streamingDropped {
			w.service.drop()
		}
	case streamingPutBack:
		w.damaged = true
		w.streaming.rows = w.streaming.rows[:len(w.streaming.rows)/2]
		w.streaming.change0()
	case microbatchTruncated:
		w.pipe.table.rows = nil
		w.pipe.table.change0()
	case objectDeleted:
		key := one(slices.DeleteFunc(w.settled(s), func(key string) bool { // of both gone nothing tells what was rejected
			quarantined := w.bucket.objects[key].metadata["quarantine"]
			_, there := w.bucket.objects[quarantined]
			return quarantined != "" && !there
		}))
		if key == "" {
			return false
		}
		w.step("a person deletes %s", key)
		delete(w.bucket.objects, key)
	case quarantineDeleted:
		named := map[string]bool{}
		for _, o := range w.bucket.objects {
			named[o.metadata["quarantine"]] = true
		}
		key := one(slices.DeleteFunc(w.bucket.keys(w.chain(s.id).Quarantined()), func(key string) bool { return rawzone.IsWithheld(key) || !named[key] }))
		if key == "" {
			return false
		}
		w.step("a person deletes %s", key)
		delete(w.bucket.objects, key)
	}
	return true
}

// settled are the keys of a shard's objects that its ledger covers, but for the newest: that one's name is still the writer's.
func (w *world) settled(s *shard) []string {
	keys := w.objectsOf(s)
	return keys[:max(len(keys)-2, 0)]
}

// mend repairs until nothing is wrong any more.
func (w *world) mend(tries int) {
	if proof, err := w.repairOnce(); (err != nil || !proof.OK) && tries > 0 {
		w.later(w.between(5*time.Minute, 10*time.Minute), func() { w.mend(tries - 1) })
	}
}

// repairOnce is `snowstream audit --repair`, with leave to delete or without.
func (w *world) repairOnce() (audit.Proof, error) {
	p := w.functions.process("repair")
	p.begin(24 * time.Hour)
	defer p.kill()
	r := w.repairer(&p)
	r.delete, r.shallow = w.random.IntN(2) == 0, w.random.IntN(2) == 0
	w.mu.Unlock()
	_, after, done, err := r.repair()
	w.mu.Lock()
	w.step("repair: ok %v, %+v, %v", after.OK, done, err)
	return after, err
}

// replayTable is `snowstream replay table --table streaming`.
func (w *world) replayTable() {
	w.count(tableReplayed)
	p := w.functions.process("replay")
	p.begin(24 * time.Hour)
	defer p.kill()
	w.mu.Unlock()
	out, err := w.repairer(&p).replay(audit.Streaming)
	w.mu.Lock()
	w.step("replay of the table: %+v, %v", out, err)
}

// replay is `snowstream replay table`.
func (r *repairer) replay(tables ...audit.Place) (audit.Replayed, error) {
	t, err := r.tools()
	if err != nil {
		return audit.Replayed{}, err
	}
	return r.auditor().Replay(r.p.ctx, audit.Selection{Tables: tables}, t, false, func(audit.Place, int, int) {})
}

// simulateOperated runs one seed with people at work.
func simulateOperated(t *testing.T, seed uint64, print func(string), change ...func(*world)) (out outcome) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(seed)
		w.operate()
		for _, c := range change {
			c(w)
		}
		w.print = print
		w.compress(seed)
		w.underFaults()
		w.narrow, w.faulty = false, false
		w.repairAll(false)
		w.recover()
		w.repairAll(false)
		w.check(false)
		w.replayQuarantine()
		w.repairAll(true)
		w.check(true)
		w.replayStream()
		out = outcome{w.findings, w.hits, w.stream.accepted, w.steps, w.hash.Sum64()}
	})
	return out
}

// repairAll repairs at rest until a repair has nothing to do, and wants everything to be right then. Before quarantine was
// replayed, the pipe's table may have rows that were put aside because the other one did not take them for a time.
func (w *world) repairAll(replayed bool) {
	var after audit.Proof
	var done audit.Repaired
	for range 6 {
		before := w.state()
		w.phase(false, func() {
			w.later(time.Minute, func() {
				p := w.functions.process("repair")
				p.begin(24 * time.Hour)
				defer p.kill()
				r := w.repairer(&p)
				r.delete = true
				w.mu.Unlock()
				defer w.mu.Lock()
				var err error
				if _, after, done, err = r.repair(); err != nil {
					w.find(broken, "repair: %v", err)
				}
			})
		})
		aside := func(f audit.Finding) bool {
			return !replayed && (f.Kind == audit.Foreign && f.Place == audit.Microbatch || f.Kind == audit.Pending)
		}
		wrong := slices.DeleteFunc(slices.Clone(after.Findings), aside)
		if (after.OK || len(after.Findings) > 0 && len(wrong) == 0) && w.state() == before {
			return
		}
	}
	w.find(broken, "six repairs do not end: ok %v, %+v, left %q", after.OK, after.Findings, done.Left)
}

// TestOperators runs seeds in which people repair, replay and make mistakes beside the run, by both row paths and both
// ways to commit.
func TestOperators(t *testing.T) {
	many := *seeds
	if testing.Short() {
		many = min(many, 40)
	}
	var all tally
	for _, path := range []string{"merge", string(rowpath.Deferred), string(rowpath.Wait)} {
		t.Run(path, func(t *testing.T) {
			count := max(many/40, 1)
			if path != "merge" {
				count = max(many/120, 1) // each takes seconds
			}
			for seed := *first; seed < *first+count; seed++ {
				if !all.add(t, seed, simulateOperated(t, seed, printer(*steps), func(w *world) {
					if path != "merge" {
						w.byChannel(seed, rowpath.Commit(path))
					}
				})) {
					return
				}
			}
		})
	}
	all.report(t, operatorFaults, faults, many >= 4000)
}

// TestTableDroppedUnderChannels: the streaming table is dropped and made again, or emptied with its channels forgotten, where rows go
// by Snowpipe Streaming. The shard waits, one repair brings all rows back, each once, and the shard goes on.
func TestTableDroppedUnderChannels(t *testing.T) {
	for _, commit := range []rowpath.Commit{rowpath.Deferred, rowpath.Wait} {
		inCalm(t, func(w *world) {
			w.byChannel(1, commit)
			w.operated = true
			run := func(to int) {
				w.phase(false, func() {
					for _, s := range w.stream.shards {
						n := min(to, len(s.records))
						if from := min(max(to-20, 0), n); from < n {
							w.later(time.Second, func() { (&mapping{w: w, shard: s, next: from}).run(n) })
						}
					}
				})
			}
			for to := 20; to <= 60; to += 20 {
				run(to)
			}
			w.locked(func() {
				w.streaming.rows = nil
				w.streaming.change0()
				w.service.drop()
			})
			p := &process{w: w, name: "repair"}
			p.begin(1000 * time.Hour)
			defer p.kill()
			if after, _ := w.repairer(p).twice(t); !after.OK {
				t.Errorf("%s: %+v", commit, after.Findings)
			}
			w.group.Wait()
			for to := 80; to <= 300; to += 20 {
				run(to)
			}
			w.check(false)
		})
	}
}

// TestLateWithoutChannel: a ledger that does not know a channel yet, or any more, counts the rows that were put aside late.
func TestLateWithoutChannel(t *testing.T) {
	landed(t, func(w *world, r *repairer) {
		c := w.chain(w.shardOne().id)
		before, err := r.p.lake().Ledger(r.p.ctx, streamName, c.Shard)
		if err != nil {
			t.Fatal(err)
		}
		aside := rawzone.Rejections{Stream: c.Stream, Generation: c.Generation, Shard: c.Shard, Withheld: 3}
		w.locked(func() { w.bucket.objects[c.RejectionsKey()] = object{body: aside.Encode(), etag: "late"} })
		after, err := r.p.lake().Ledger(r.p.ctx, streamName, c.Shard)
		if err != nil || after.Quarantined != before.Quarantined+3 {
			t.Errorf("%d in quarantine, and %d before, %v", after.Quarantined, before.Quarantined, err)
		}
		w.locked(func() { delete(w.bucket.objects, c.RejectionsKey()) })
	})
}

// TestRepairAppendsNothingBesideAGap: an object and its quarantine object are gone, so that neither can be written again. Its records
// are in the tables, and a repair lands none of them a second time.
func TestRepairAppendsNothingBesideAGap(t *testing.T) {
	for at := range 3 {
		landed(t, func(w *world, r *repairer) {
			s := w.stream.shards[0]
			gone := 0
			for i, key := range w.objectsOf(s) {
				if quarantined := w.bucket.objects[key].metadata["quarantine"]; quarantined != "" && i >= at && gone == 0 || i == 0 && at == 0 {
					delete(w.bucket.objects, key)
					delete(w.bucket.objects, quarantined)
					gone++
				}
			}
			before := w.streaming.counts()
			for range 2 {
				_, after, done, err := r.repair()
				if err != nil || done.Appended != 0 || at > 0 && after.OK {
					t.Errorf("%d: ok %v, %+v, %v", at, after.OK, done, err)
				}
			}
			w.group.Wait()
			if !maps.Equal(before, w.streaming.counts()) {
				t.Errorf("%d: the streaming table has %d rows, and had %d", at, len(w.streaming.counts()), len(before))
			}
		})
	}
}

// TestReplayBesideChannels: while the channels still hold rows, the table is replayed: as it is, emptied, or dropped with its channels. Each
// row is there once in the end.
func TestReplayBesideChannels(t *testing.T) {
	for name, damage := range map[string]func(w *world){
		"whole":   func(*world) {},
		"emptied": func(w *world) { w.streaming.rows = nil; w.streaming.change0() },
		"dropped": func(w *world) { w.streaming.rows = nil; w.streaming.change0(); w.service.drop() },
	} {
		inCalm(t, func(w *world) {
			w.byChannel(1, rowpath.Deferred)
			w.operated, w.rates[channelSlow] = true, 1
			for to := 20; to <= 80; to += 20 {
				w.phase(false, func() {
					for _, s := range w.stream.shards {
						if n := min(to, len(s.records)); n > to-20 {
							w.later(time.Second, func() { (&mapping{w: w, shard: s, next: to - 20}).run(n) })
						}
					}
					if to == 80 {
						w.later(3*time.Second, func() { damage(w) })
						w.later(5*time.Second, w.replayTable)
					}
				})
			}
			w.settle()
			if out, err := w.calmReplay(); err != nil || !out.OK {
				t.Errorf("%s: %+v, %v", name, out, err)
			}
			w.group.Wait()
			if n := len(w.streaming.rows); n == 0 || n != len(w.streaming.counts()) {
				t.Errorf("%s: %d rows, of which %d differ", name, n, len(w.streaming.counts()))
			}
		})
	}
}

// calmReplay replays the streaming table beside nothing.
func (w *world) calmReplay() (audit.Replayed, error) {
	p := &process{w: w, name: "replay"}
	p.begin(1000 * time.Hour)
	defer p.kill()
	return w.repairer(p).replay(audit.Streaming)
}

// TestReplacedBesideChannels: a wrong row stands where the channel has not committed the right one yet, and what a repair has taken away
// is brought back into a table that was dropped. Nothing is put beside what may still come.
func TestReplacedBesideChannels(t *testing.T) {
	inCalm(t, func(w *world) {
		w.byChannel(1, rowpath.Deferred)
		w.operated, w.rates[channelSlow] = true, 1
		s := w.stream.shards[0]
		p := &process{w: w, name: "repair"}
		p.begin(1000 * time.Hour)
		defer p.kill()
		r := w.repairer(p)
		var done audit.Repaired
		for to := 20; to <= 40; to += 20 {
			w.phase(false, func() {
				w.later(time.Second, func() { (&mapping{w: w, shard: s, next: to - 20}).run(to) })
				if to < 40 {
					return
				}
				w.later(4*time.Second, func() {
					keys := w.objectsOf(s)
					rows, err := readRows(keys[len(keys)-1], w.bucket.at(keys[len(keys)-1]).body)
					if err != nil {
						t.Fatal(err)
					}
					w.streaming.insert(rows[len(rows)-1].but("STATUS", "changed"))
					w.mu.Unlock()
					defer w.mu.Lock()
					if _, _, done, err = r.repair(); err != nil || done.Replaced != 2 { // the right one has come, too
						t.Errorf("%+v, %v", done, err)
					}
				})
			})
		}
		if n := len(w.streaming.rows); n == 0 || n != len(w.streaming.counts()) {
			t.Errorf("%d rows, of which %d differ", n, len(w.streaming.counts()))
		}
		w.locked(func() { w.streaming.rows = nil; w.streaming.change0(); w.service.drop() })
		undo := func() (audit.Undone, error) {
			tools, err := r.tools()
			if err != nil {
				t.Fatal(err)
			}
			return r.auditor().Undo(p.ctx, done.Kept[0], tools)
		}
		if out, err := undo(); err == nil || len(w.streaming.rows) > 0 {
			t.Errorf("into a table that was dropped: %+v", out)
		}
		if out, err := w.calmReplay(); err != nil || !out.OK {
			t.Errorf("%+v, %v", out, err)
		}
		if out, err := undo(); err != nil || out.Rows != 2 || out.Taken != 1 {
			t.Errorf("into one that is whole: %+v, %v", out, err)
		}
	})
}
