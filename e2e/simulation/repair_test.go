package simulation

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/snowstream/snowstream/landing/audit"
	"github.com/snowstream/snowstream/record/rawzone"
)

// landed runs f in a calm world whose stream has landed, with somebody who can repair.
func landed(t *testing.T, f func(w *world, r *repairer)) {
	inCalm(t, func(w *world) {
		w.mu.Lock()
		for _, s := range w.stream.shards {
			for to := 7; to <= len(s.records); to += 7 {
				(&mapping{w: w, shard: s}).run(to)
			}
			(&mapping{w: w, shard: s}).run(len(s.records))
		}
		w.mu.Unlock()
		w.group.Wait()
		p := &process{w: w, name: "repair"}
		p.begin(1000 * time.Hour)
		defer p.kill()
		f(w, w.repairer(p))
	})
}

// rows are a table's, as a set with counts.
func (t *table) counts() map[string]int {
	out := map[string]int{}
	for _, r := range t.rows {
		out[r["_SHARD"].text+" "+r.print()]++
	}
	return out
}

// change replaces one row by others.
func (t *table) change(at int, with ...row) {
	old := t.rows[at]
	t.remove(old)
	t.insert(with...)
}

// but is a copy of a row with another value in one column.
func (r row) but(column, text string) row {
	out := maps.Clone(r)
	out[column] = value{text: text}
	return out
}

// some are the keys of a shard's objects of rows, in order.
func (w *world) objectsOf(s *shard) []string {
	var keys []string
	for _, key := range w.bucket.keys(rawzone.Rows) {
		if strings.Contains(key, "/"+s.id+"/") && w.bucket.objects[key].metadata["void"] == "" && !strings.HasPrefix(key, rawzone.Replayed) {
			keys = append(keys, key)
		}
	}
	first := func(key string) int64 {
		var n int64
		_, _ = fmt.Sscan(w.bucket.objects[key].metadata["first-ordinal"], &n)
		return n
	}
	slices.SortFunc(keys, func(a, b string) int { return int(first(a) - first(b)) })
	return keys
}

// checkMended is check where rows came later than they would have.
func (w *world) checkMended() {
	slices.SortStableFunc(w.streaming.rows, func(a, b row) int { return cmp.Compare(a.ordinal(), b.ordinal()) })
	w.check(false)
}

// twice repairs twice. The second time nothing may be left to do.
func (r *repairer) twice(t *testing.T) (after audit.Proof, first audit.Repaired) {
	t.Helper()
	for i := range 2 {
		_, proof, done, err := r.repair()
		if err != nil {
			t.Fatalf("repair %d: %v", i+1, err)
		}
		if i == 0 {
			first = done
			continue
		}
		after = proof
		if n := done.Objects + done.Quarantined + done.Appended + done.HandedOver + done.Loaded + done.Replaced + done.Inserted + done.Deleted; n > 0 {
			t.Errorf("the second repair did %+v", done)
		}
	}
	return after, first
}

// damages are what people, scripts and lost messages do. A repair mends each without leave to delete.
var damages = []struct {
	name string
	do   func(w *world, r *repairer)
}{
	{"nothing", func(*world, *repairer) {}},
	{"rows lost in the streaming table", func(w *world, _ *repairer) { w.streaming.change(3); w.streaming.change(30) }},
	{"rows lost in the micro-batch table", func(w *world, _ *repairer) { w.pipe.table.change(3); w.pipe.table.change(30) }},
	{"both tables truncated", func(w *world, _ *repairer) {
		w.streaming.rows, w.pipe.table.rows = nil, nil
		w.streaming.change0()
		w.pipe.table.change0()
	}},
	{"a row twice", func(w *world, _ *repairer) { w.streaming.insert(w.streaming.rows[5]) }},
	{"a row three times in the other", func(w *world, _ *repairer) { w.pipe.table.insert(w.pipe.table.rows[5], w.pipe.table.rows[5]) }},
	{"a value changed", func(w *world, _ *repairer) { w.streaming.change(7, w.streaming.rows[7].but("STATUS", "changed")) }},
	{"a value changed in one of two equal rows", func(w *world, _ *repairer) {
		w.streaming.insert(w.streaming.rows[7].but("STATUS", "changed"))
	}},
	{"a value changed alike in both tables", func(w *world, _ *repairer) {
		r := w.streaming.rows[7]
		for _, t := range []*table{w.streaming, w.pipe.table} {
			at := slices.IndexFunc(t.rows, func(o row) bool { return o.id() == r.id() })
			t.change(at, t.rows[at].but("STATUS", "changed"))
		}
	}},
	{"a payload in quarantine replaced", func(w *world, _ *repairer) {
		key := w.bucket.keys(rawzone.Quarantine)[0]
		o := w.bucket.objects[key]
		rejected, err := rawzone.DecodeQuarantine(o.body)
		if err != nil {
			panic(err)
		}
		rejected[0].Data = []byte("something else")
		if o.body, err = rawzone.EncodeQuarantine(streamName, rejected); err != nil {
			panic(err)
		}
		w.bucket.objects[key] = o
	}},
	{"an object deleted", func(w *world, _ *repairer) { delete(w.bucket.objects, w.objectsOf(w.stream.shards[0])[2]) }},
	{"the first object deleted", func(w *world, _ *repairer) { delete(w.bucket.objects, w.objectsOf(w.stream.shards[0])[0]) }},
	{"an object and its rows deleted from one table", func(w *world, _ *repairer) {
		key := w.objectsOf(w.stream.shards[0])[2]
		delete(w.bucket.objects, key)
		w.streaming.change(2)
	}},
	{"a quarantine object deleted", func(w *world, _ *repairer) { delete(w.bucket.objects, w.bucket.keys(rawzone.Quarantine)[0]) }},
	{"all quarantine objects deleted", func(w *world, _ *repairer) {
		for _, key := range w.bucket.keys(rawzone.Quarantine) {
			delete(w.bucket.objects, key)
		}
	}},
	{"all ledgers deleted", func(w *world, _ *repairer) {
		for _, key := range w.bucket.keys(rawzone.Ledgers) {
			delete(w.bucket.objects, key)
		}
	}},
	{"a shard that the stream lists no more, with its ledger lost", func(w *world, _ *repairer) {
		s := w.stream.shards[0]
		s.gone = true
		delete(w.bucket.objects, w.chain(s.id).LedgerKey())
	}},
}

// change0 forgets the index.
func (t *table) change0() { t.index = map[string]map[string][]row{} }

// TestRepairMends: after a repair every record is where it belongs, and the tables and quarantine are as the one checker
// wants them.
func TestRepairMends(t *testing.T) {
	for _, d := range damages {
		t.Run(d.name, func(t *testing.T) {
			landed(t, func(w *world, r *repairer) {
				d.do(w, r)
				after, done := r.twice(t)
				if !after.OK || len(done.Left) > 0 {
					t.Errorf("%+v\nleft %q", after.Findings, done.Left)
				}
				w.checkMended()
			})
		})
	}
}

// planted are rows that should not be there. known ones have their records elsewhere; of the others nobody knows anything.
var planted = []struct {
	name  string
	known bool
	row   func(w *world) row
}{
	{"of a shard that nothing knows", false, func(w *world) row { return w.streaming.rows[0].but("_SHARD", "shardId-000000000077") }},
	{"behind the last object", true, func(w *world) row { return w.streaming.rows[0].but("_ORDINAL", "99999") }},
	{"behind the last object, of an unknown record", false, func(w *world) row {
		return w.streaming.rows[0].but("_ORDINAL", "99999").but("_SEQUENCE", "17")
	}},
	{"below the first ordinal", true, func(w *world) row { return w.streaming.rows[0].but("_ORDINAL", "0") }},
	{"far below the first ordinal", true, func(w *world) row { return w.streaming.rows[0].but("_ORDINAL", "-40") }},
	{"below the first ordinal, of an unknown record", false, func(w *world) row {
		return w.streaming.rows[0].but("_ORDINAL", "0").but("_SEQUENCE", "17")
	}},
	{"under another one's ordinal, of an unknown record", false, func(w *world) row { return w.streaming.rows[4].but("_SEQUENCE", "17") }},
	{"of a record that lies in quarantine", false, func(w *world) row {
		for _, s := range w.stream.shards {
			for n, u := range s.users {
				if u.want == nil {
					return w.streaming.rows[0].but("_SHARD", s.id).but("_SEQUENCE", u.sequence).but("_SUBSEQUENCE", fmt.Sprint(u.sub)).but("_ORDINAL", fmt.Sprint(base(s.id)+int64(n)+1))
				}
			}
		}
		panic("nothing is in quarantine")
	}},
}

// TestRepairLeaves: a row whose record the raw zone does not hold, or holds in quarantine, is never taken away, with leave to
// delete or without. One whose record has its row elsewhere goes with leave, and can be brought back.
func TestRepairLeaves(t *testing.T) {
	for _, p := range planted {
		for _, both := range []bool{false, true} {
			t.Run(fmt.Sprint(p.name, both), func(t *testing.T) {
				landed(t, func(w *world, r *repairer) {
					extra := p.row(w)
					w.streaming.insert(extra)
					if both {
						w.pipe.table.insert(extra)
					}
					before := w.streaming.counts()
					after, done := r.twice(t)
					if after.OK || len(done.Left) == 0 || done.Deleted > 0 || !maps.Equal(w.streaming.counts(), before) {
						t.Errorf("without leave: ok %v, %+v", after.OK, done)
					}
					r.delete = true
					after, done = r.twice(t)
					if p.known {
						if !after.OK || done.Deleted == 0 {
							t.Errorf("with leave: %+v, %+v", after.Findings, done)
						}
						w.checkMended()
						r.undo(t, done.Kept)
					}
					if !maps.Equal(w.streaming.counts(), before) {
						t.Errorf("with leave: %+v, %d rows", done, len(w.streaming.rows))
					}
				})
			})
		}
	}
}

// undo brings everything back, twice.
func (r *repairer) undo(t *testing.T, keys []string) {
	t.Helper()
	tools, err := r.tools()
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		for _, key := range slices.Backward(keys) {
			done, err := r.auditor().Undo(r.p.ctx, key, tools)
			if err != nil || i > 0 && done.Rows+done.Taken > 0 {
				t.Errorf("undo %d of %s: %+v, %v", i+1, key, done, err)
			}
		}
	}
}

// TestUndo: what a repair has overwritten comes back as it was.
func TestUndo(t *testing.T) {
	for _, d := range damages {
		if !strings.Contains(d.name, "changed") && !strings.Contains(d.name, "times") && !strings.Contains(d.name, "twice") {
			continue
		}
		t.Run(d.name, func(t *testing.T) {
			landed(t, func(w *world, r *repairer) {
				d.do(w, r)
				streaming, microbatch := w.streaming.counts(), w.pipe.table.counts()
				_, done := r.twice(t)
				if done.Replaced == 0 || len(done.Kept) == 0 {
					t.Fatalf("%+v", done)
				}
				for _, key := range done.Kept {
					k, err := rawzone.DecodeKept(w.bucket.objects[key].body)
					if err != nil || k.By != "simulation" || k.Reason == "" || k.At.IsZero() || len(k.Rows) == 0 {
						t.Errorf("%s says %+v, %v", key, k, err)
					}
				}
				w.checkMended()
				r.undo(t, done.Kept)
				if !maps.Equal(w.streaming.counts(), streaming) || !maps.Equal(w.pipe.table.counts(), microbatch) {
					t.Error("the tables are not as they were")
				}
				r.twice(t)
				w.checkMended()
			})
		})
	}
}

// TestRepairAsksThePipe: what the pipe may still load is left to it, whatever the age of the object; what it will not load
// comes by MERGE. Nothing is there twice once a pipe goes on, and nothing is missing then.
func TestRepairAsksThePipe(t *testing.T) {
	const day = 24 * time.Hour
	for _, tt := range []struct {
		name string
		// before is what happens to the pipe before the last records land, after it what happens then.
		before, after func(w *world)
		age           time.Duration
		// left says that the repair has to leave it; loaded and merged what it does otherwise.
		left           bool
		loaded, merged bool
	}{
		{"paused for an hour", (*world).pausePipe, nil, time.Hour, true, false, false},
		{"paused for 6 days", (*world).pausePipe, nil, 6 * day, true, false, false},
		{"paused for 8 days", (*world).pausePipe, nil, 8 * day, true, false, false},
		{"paused for 13 days and a half", (*world).pausePipe, nil, 13*day + 12*time.Hour, true, false, false},
		{"notices lost an hour ago", (*world).loseNotices, nil, time.Hour, false, true, false},
		{"notices lost 6 days ago", (*world).loseNotices, nil, 6 * day, false, true, false},
		{"notices lost 8 days ago", (*world).loseNotices, nil, 8 * day, false, false, true},
		{"notices lost 8 days ago, and others wait", (*world).loseNotices, func(w *world) { w.pipe.pending++ }, 8 * day, true, false, false},
		{"rows deleted that the pipe has loaded", nil, func(w *world) { w.pipe.table.rows = nil; w.pipe.table.change0() }, time.Hour, false, false, true},
		{"rows deleted, and the pipe is another one", nil, func(w *world) { w.pipe.table.change(3); w.pipe.replace() }, time.Hour, false, false, true},
		{"rows deleted, the pipe another one and paused", nil, func(w *world) {
			w.pipe.table.change(3)
			w.pipe.replace()
			w.pipe.held, w.pipe.paused = w.objectsOf(w.stream.shards[0]), true
		}, time.Hour, true, false, false},
		{"notices lost, and the pipe is another one", (*world).loseNotices, func(w *world) { w.pipe.replace() }, time.Hour, false, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inCalm(t, func(w *world) {
				w.mu.Lock()
				for i, s := range w.stream.shards {
					if i == 0 && tt.before != nil {
						tt.before(w)
					}
					(&mapping{w: w, shard: s}).run(len(s.records))
				}
				w.mu.Unlock()
				w.group.Wait()
				time.Sleep(tt.age)
				w.pipe.deaf = false
				if tt.after != nil {
					tt.after(w)
				}
				p := &process{w: w, name: "repair"}
				p.begin(1000 * time.Hour)
				defer p.kill()
				after, done := w.repairer(p).twice(t)
				if after.OK == tt.left || len(done.Left) > 0 != tt.left || done.Loaded > 0 != tt.loaded || done.Inserted > 0 != tt.merged {
					t.Errorf("ok %v, %+v", after.OK, done)
				}
				for _, reason := range done.Left {
					if !strings.HasPrefix(reason, "object kinesiscsv/") && !strings.HasPrefix(reason, "and ") {
						t.Errorf("left: %s", reason)
					}
				}
				if tt.left && tt.after == nil || !tt.left {
					w.mu.Lock()
					w.pipe.resume()
					w.mu.Unlock()
					w.checkMended()
				}
			})
		})
	}
}

func (w *world) pausePipe()   { w.pipe.paused = true }
func (w *world) loseNotices() { w.pipe.deaf = true }

// TestRepairDoublesNothing: after any of these, when the pipe has gone on, no row is there twice.
func TestRepairDoublesNothing(t *testing.T) {
	landed(t, func(w *world, r *repairer) {
		w.pipe.replace()
		w.pipe.held, w.pipe.paused = w.objectsOf(w.stream.shards[0]), true
		w.pipe.table.rows = nil
		w.pipe.table.change0()
		r.twice(t)
		w.mu.Lock()
		w.pipe.resume()
		w.mu.Unlock()
		r.twice(t)
		w.checkMended()
	})
}

// TestRepairRestoresNothingForgotten: an object that is written again after the pipe has forgotten its name would be loaded
// again.
func TestRepairRestoresNothingForgotten(t *testing.T) {
	for _, tt := range []struct {
		age      time.Duration
		restored bool
	}{{12 * 24 * time.Hour, true}, {14*24*time.Hour + time.Hour, false}, {13*24*time.Hour + 12*time.Hour, false}} {
		landed(t, func(w *world, r *repairer) {
			key := w.objectsOf(w.stream.shards[0])[2]
			delete(w.bucket.objects, key)
			time.Sleep(tt.age)
			w.mu.Lock()
			for loaded, at := range w.pipe.history { // what the pipe has forgotten
				if time.Since(at) > 14*24*time.Hour {
					delete(w.pipe.loaded, loaded)
				}
			}
			w.mu.Unlock()
			after, done := r.twice(t)
			w.group.Wait()
			if after.OK != tt.restored || done.Objects > 0 != tt.restored {
				t.Errorf("%s: %+v, %+v", tt.age, after.Findings, done)
			}
			if _, there := w.bucket.objects[key]; there != tt.restored {
				t.Errorf("%s: the object is there: %v", tt.age, there)
			}
			if tt.restored {
				w.checkMended()
			} else if n := len(w.pipe.table.rows); n != len(w.pipe.table.counts()) {
				t.Errorf("%s: %d rows, %d different ones", tt.age, n, len(w.pipe.table.counts()))
			}
		})
	}
}

// TestRepairGoesOn: one object that cannot be read is named, and everything else is compared and mended.
func TestRepairGoesOn(t *testing.T) {
	for _, code := range []string{"InvalidObjectState", "AccessDenied", "InternalError"} {
		landed(t, func(w *world, r *repairer) {
			objects := w.objectsOf(w.stream.shards[0])
			r.z.cold[objects[1]] = code
			last := w.bucket.objects[objects[1]].metadata["last-ordinal"]
			behind := func(table *table, n int) int { // the place of the n-th row of the shard behind that object
				for i, r := range table.rows {
					if r["_SHARD"].text == w.stream.shards[0].id && fmt.Sprint(r.ordinal()-int64(n)) == last {
						return i
					}
				}
				panic("there is no such row")
			}
			w.streaming.change(behind(w.streaming, 3))
			w.pipe.table.insert(w.pipe.table.rows[behind(w.pipe.table, 5)])
			at := behind(w.pipe.table, 7)
			w.pipe.table.change(at, w.pipe.table.rows[at].but("STATUS", "changed"))
			after, done := r.twice(t)
			if after.OK || len(after.Findings) != 1 || after.Findings[0].Kind != audit.Unreadable || after.Findings[0].Object != objects[1] ||
				after.Findings[0].First == 0 || len(done.Left) != 1 || !strings.Contains(done.Left[0], objects[1]) {
				t.Errorf("%s: %+v\n%+v", code, after.Findings, done)
			}
			w.checkMended()
			r.z.cold = map[string]string{}
			if after, _ := r.twice(t); !after.OK {
				t.Errorf("%s: once it can be read: %+v", code, after.Findings)
			}
		})
	}
}

// TestRepairStops: where nothing can be read, an audit says so instead of a list of all objects.
func TestRepairStops(t *testing.T) {
	landed(t, func(w *world, r *repairer) {
		for _, key := range w.objectsOf(w.stream.shards[0]) {
			r.z.cold[key] = "InternalError"
		}
		for _, key := range w.objectsOf(w.stream.shards[1]) {
			r.z.cold[key] = "InternalError"
		}
		before := w.state()
		if _, _, done, err := r.repair(); err == nil || w.state() != before {
			t.Errorf("%+v, %v", done, err)
		}
	})
}

// TestRepairAppends: what a mapping that was made again has passed over lands behind the rest, once, also where records
// that landed lie between it.
func TestRepairAppends(t *testing.T) {
	for _, tt := range []struct {
		from, to int
		gone     bool // the object behind what was skipped
	}{{10, 20, false}, {0, 5, false}, {3, 4, false}, {0, 5, true}, {3, 4, true}} {
		inCalm(t, func(w *world) {
			many := 0
			w.mu.Lock()
			for _, s := range w.stream.shards {
				m := &mapping{w: w, shard: s}
				if len(s.records) < tt.to {
					m.run(len(s.records))
					continue
				}
				many++
				m.run(tt.from)
				skip(s.records[tt.from:tt.to])
				for _, r := range s.records[tt.from:tt.to] {
					for _, u := range r.users {
						u.appended = true
					}
				}
				m.next = tt.to
				m.run(len(s.records))
			}
			w.mu.Unlock()
			w.group.Wait()
			if tt.gone {
				for _, s := range w.stream.shards {
					for i, key := range w.objectsOf(s) {
						if len(s.records) >= tt.to && (tt.from == 0) == (i == 0) && i < 2 {
							delete(w.bucket.objects, key)
						}
					}
				}
			}
			p := &process{w: w, name: "repair"}
			p.begin(1000 * time.Hour)
			defer p.kill()
			after, done := w.repairer(p).twice(t)
			w.group.Wait()
			if want := int64(many * (tt.to - tt.from)); !after.OK || done.Appended != want {
				t.Errorf("%+v: %+v, %+v", tt, after.Findings, done)
			}
			w.checkMended()
		})
	}
}

// TestRecoverLeavesWhatHasAPlace: records without a place stand in front of others that have one. Only they are landed.
func TestRecoverLeavesWhatHasAPlace(t *testing.T) {
	inCalm(t, func(w *world) {
		s := w.stream.shards[0]
		w.mu.Lock()
		for _, run := range [][2]int{{4, 9}, {14, 20}} {
			skip(s.records[max(0, run[0]-5):run[0]])
			m := &mapping{w: w, shard: s, next: run[0]}
			m.run(run[1])
		}
		skip(s.records[9:14])
		for _, r := range s.records[:20] {
			for _, u := range r.users {
				u.appended = u.appended || u.skipped
			}
		}
		m := &mapping{w: w, shard: s, next: 20}
		m.run(len(s.records))
		for _, other := range w.stream.shards[1:] {
			(&mapping{w: w, shard: other}).run(len(other.records))
		}
		w.mu.Unlock()
		w.group.Wait()
		p := &process{w: w, name: "repair"}
		p.begin(1000 * time.Hour)
		defer p.kill()
		tools, err := w.repairer(p).tools()
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range []int64{9, 0} {
			n, err := tools.Append(p.ctx, s.id, s.records[0].sequence, s.records[19].sequence)
			if err != nil || n != want {
				t.Errorf("time %d: %d landed, %v", i+1, n, err)
			}
		}
		w.group.Wait()
		w.checkMended()
	})
}

// TestAuditSeesWhatAllAgreeOn: a value that was changed alike in both tables and in the object is named, because the stream
// has another one, and left: it may have been the schema.
func TestAuditSeesWhatAllAgreeOn(t *testing.T) {
	for _, deep := range []bool{false, true} {
		landed(t, func(w *world, r *repairer) {
			r.shallow = !deep
			changed := w.streaming.rows[slices.IndexFunc(w.streaming.rows, func(o row) bool { return o["_SHARD"].text == w.stream.shards[0].id })]
			for _, t := range []*table{w.streaming, w.pipe.table} {
				at := slices.IndexFunc(t.rows, func(o row) bool { return o.id() == changed.id() })
				t.change(at, t.rows[at].but("CURRENTTEMPERATURE", "4711"))
			}
			for _, key := range w.objectsOf(w.stream.shards[0]) {
				o := w.bucket.objects[key]
				lines := strings.Split(string(o.body), "\n")
				for i, line := range lines {
					if strings.Contains(line, changed["_SEQUENCE"].text+","+changed["_SUBSEQUENCE"].text+",") {
						id, rest, _ := strings.Cut(line, ",")
						_, rest, _ = strings.Cut(rest, ",")
						lines[i] = id + ",4711," + rest
					}
				}
				o.body = []byte(strings.Join(lines, "\n"))
				w.bucket.objects[key] = o
			}
			before := w.streaming.counts()
			after, done := r.twice(t)
			if after.OK || len(after.Findings) != 1 || after.Findings[0].Kind != audit.Altered || after.Findings[0].First != changed.ordinal() || len(done.Left) != 1 {
				t.Errorf("deep %v: %+v, left %q", deep, after.Findings, done.Left)
			}
			if !maps.Equal(before, w.streaming.counts()) {
				t.Error("it was changed")
			}
			delete(w.bucket.objects, after.Findings[0].Object) // what the repair says
			r.twice(t)
			if after, _ := r.twice(t); !after.OK {
				t.Errorf("deep %v, once the object is deleted: %+v", deep, after.Findings)
			}
			w.checkMended()
		})
	}
}

// TestRepairLeavesEarlierGenerations: rows of the stream's earlier life have the same shards and ordinals. They are counted,
// compared with nothing, and not touched by a repair that may delete and has something to mend beside them.
func TestRepairLeavesEarlierGenerations(t *testing.T) {
	landed(t, func(w *world, r *repairer) {
		var earlier []row
		for _, o := range w.streaming.rows[:40] {
			earlier = append(earlier, o.but("_GENERATION", "g0000000000000000").but("_SEQUENCE", "1"+o["_SEQUENCE"].text).but("CURRENTTEMPERATURE", "1"))
		}
		w.streaming.change(3) // a row is lost
		w.streaming.insert(earlier...)
		w.pipe.table.insert(earlier[:30]...)
		r.delete = true
		after, done := r.twice(t)
		if !after.OK || done.Deleted != 0 || done.Replaced != 0 {
			t.Errorf("%+v, done %+v", after.Findings, done)
		}
		if len(after.Earlier) != 1 || after.Earlier[0].Streaming != 40 || after.Earlier[0].Microbatch != 30 {
			t.Errorf("earlier generations: %+v", after.Earlier)
		}
		left := func(rows []row) (n int) {
			for _, o := range rows {
				if o["_GENERATION"].text == "g0000000000000000" {
					n++
				}
			}
			return n
		}
		if left(w.streaming.rows) != 40 || left(w.pipe.table.rows) != 30 {
			t.Errorf("of 40 and 30 earlier rows %d and %d are left", left(w.streaming.rows), left(w.pipe.table.rows))
		}
		now := func(o row) bool { return o["_GENERATION"].text == "g0000000000000000" }
		w.streaming.rows, w.pipe.table.rows = slices.DeleteFunc(w.streaming.rows, now), slices.DeleteFunc(w.pipe.table.rows, now)
		w.checkMended()
	})
}
