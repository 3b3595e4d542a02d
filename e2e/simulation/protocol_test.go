package simulation

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/landing/streaming"
	"github.com/snowstream/snowstream/processing/orchestrator"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
)

// The protocol of the ledger, step by step, where a random run does not say which rule has held.

// shardOne is the first shard of a calm world, and deliver brings its records from one index to another.
func (w *world) shardOne() *shard { return w.stream.shards[0] }

// locked is for a test that touches the world beside goroutines of it that still run.
func (w *world) locked(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

func (w *world) deliver(p *orchestratorProcess, from, to int) error {
	var batch []byte
	w.locked(func() {
		p.begin(functionTimeout)
		s := w.shardOne()
		batch = event(s.id, s.records[from:to])
	})
	return p.function.Handle(p.ctx, batch)
}

func (w *world) fresh(t *testing.T) *orchestratorProcess {
	t.Helper()
	p, err := w.functions.idle()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// traffic is what f asked of S3, as methods and first folders, bad records left out.
func (w *world) traffic(f func()) (out []string) {
	w.mu.Lock()
	w.print = func(step string) {
		if _, call, ok := strings.Cut(step, " s3 "); ok {
			words := strings.Fields(call)
			folder, _, _ := strings.Cut(words[1], "/")
			if call := words[0] + " " + folder; call != "PUT quarantine" {
				out = append(out, call)
			}
		}
	}
	w.mu.Unlock()
	f()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.print = nil
	return out
}

// usual is what a batch asks of S3.
var usual = []string{"GET ledger", "PUT ledger", "PUT kinesiscsv"}

// TestCost: a process that has a shard for itself reads the ledger once, writes it once and writes the object once. One
// that takes turns with others writes the ledger a second time, so that nobody has to hand an object over again.
func TestCost(t *testing.T) {
	inCalm(t, func(w *world) {
		a, b := w.fresh(t), w.fresh(t)
		for n := range 12 {
			got := w.traffic(func() {
				if err := w.deliver(a, n, n+1); err != nil {
					t.Fatal(err)
				}
			})
			if n >= 9 && !slices.Equal(got, usual) {
				t.Errorf("batch %d: %v", n, got)
			}
		}
		for n := 12; n < 20; n++ {
			p := []*orchestratorProcess{a, b}[n%2]
			got := w.traffic(func() {
				if err := w.deliver(p, n, n+1); err != nil {
					t.Fatal(err)
				}
			})
			if n > 13 && !slices.Equal(got, append(usual, "PUT ledger")) {
				t.Errorf("batch %d, by turns: %v", n, got)
			}
		}
		if got := w.traffic(func() { _ = w.deliver(a, 19, 20) }); !slices.Equal(got, []string{"GET ledger"}) {
			t.Errorf("a record that has landed: %v", got)
		}
		if got := w.traffic(func() { _ = w.deliver(a, 18, 20) }); !slices.Equal(got, []string{"GET ledger", "HEAD kinesiscsv", "HEAD kinesiscsv", "GET kinesiscsv"}) {
			t.Errorf("a batch that has landed: %v", got)
		}
	})
}

// TestGivenUp: a batch lands in the raw zone, its hand-over fails until the mapping gives it up, and the next batch comes
// to another process, which may find no ledger.
func TestGivenUp(t *testing.T) {
	for _, lost := range []bool{false, true} {
		inCalm(t, func(w *world) {
			w.faulty, w.rates[sqlRefused] = true, 1
			if err := w.deliver(w.fresh(t), 0, 5); err == nil {
				t.Error("the hand-over did not fail")
			}
			if w.faulty = false; lost {
				w.locked(func() { delete(w.bucket.objects, w.chain(w.shardOne().id).LedgerKey()) })
			}
			if err := w.deliver(w.fresh(t), 5, 12); err != nil {
				t.Error(err)
			}
			w.wantRows(t, 12)
		})
	}
}

// wantRows checks that the first n Kinesis records lie in both tables and in no other order.
func (w *world) wantRows(t *testing.T, n int) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pipe.refresh()
	var want []string
	for i, u := range usersOf(w.shardOne().records[:n]) {
		if u.want != nil {
			want = append(want, fmt.Sprint(u.id(), " ", i+1))
		}
	}
	for name, table := range map[string]*table{"streaming": w.streaming, "micro-batch": w.pipe.table} {
		var got []string
		for _, r := range slices.SortedFunc(slices.Values(table.rows), func(a, b row) int { return int(a.ordinal() - b.ordinal()) }) {
			got = append(got, fmt.Sprint(r.id(), " ", r.ordinal()))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s table: %d rows %v, want %d", name, len(got), got, len(want))
		}
	}
}

func usersOf(records []kinesisRecord) (out []*user) {
	for _, r := range records {
		out = append(out, r.users...)
	}
	return out
}

// TestVoid: a name whose object never came is made void; the next object gets another, and the writer that had it stops.
func TestVoid(t *testing.T) {
	inCalm(t, func(w *world) {
		slow := w.fresh(t)
		w.locked(func() { slow.begin(time.Hour) })
		slow.freeze, slow.frozen = 12, 10*time.Minute // the registry: read, twice listed, written; the ledger: read; the registry again, and the generations; claimed, written; quarantine listed; swapped; and then
		s := w.shardOne()
		var late error
		w.group.Go(func() { late = slow.function.Handle(slow.ctx, event(s.id, s.records[:5])) })
		time.Sleep(time.Minute)
		if err := w.deliver(w.fresh(t), 0, 3); err != nil {
			t.Fatal(err)
		}
		if err := w.deliver(w.fresh(t), 3, 12); err != nil {
			t.Fatal(err)
		}
		w.group.Wait()
		if late == nil {
			t.Error("the writer whose name was made void reported success")
		}
		w.wantRows(t, 12)
		if keys := w.bucket.keys(rawzone.Rows); len(keys) != 3 {
			t.Errorf("%d objects instead of two and a void one: %v", len(keys), keys)
		}
	})
}

// TestSameName: a writer stands still with a name, the ledger is lost, and another writer gets the same name for fewer
// records. What the first one then finds there is not its own, and its other records have not landed.
func TestSameName(t *testing.T) {
	inCalm(t, func(w *world) {
		s, slow := w.shardOne(), w.fresh(t)
		const at = 10
		for _, i := range []int{at + 1, at + 4, at + 5} { // both writers have quarantine, and the same number of rows
			s.records[i].spoil()
		}
		for n := range at {
			if err := w.deliver(slow, n, n+1); err != nil {
				t.Fatal(err)
			}
		}
		w.locked(func() { slow.begin(time.Hour) })
		slow.freeze, slow.frozen = 4, 10*time.Minute // registry, ledger, swap, and then
		var late error
		w.group.Go(func() { late = slow.function.Handle(slow.ctx, event(s.id, s.records[at:at+6])) })
		time.Sleep(time.Minute)
		w.locked(func() { delete(w.bucket.objects, w.chain(s.id).LedgerKey()) })
		if err := w.deliver(w.fresh(t), at, at+4); err != nil {
			t.Fatal(err)
		}
		w.group.Wait()
		if late == nil {
			t.Error("records that another writer's object does not have were reported as done")
		}
		if err := w.deliver(w.fresh(t), at, at+12); err != nil {
			t.Fatal(err)
		}
		w.wantRows(t, at+12)
		s.records = s.records[:at+12]
		s.users = usersOf(s.records)
		w.stream.shards = w.stream.shards[:1]
		w.check(false)
	})
}

// spoil makes a record one that becomes no row.
func (r *kinesisRecord) spoil() {
	u := *r.users[0]
	u.want, u.mended, u.code, u.data, u.sub = nil, nil, "not_json", []byte("{"), 0
	r.users, r.data = []*user{&u}, u.data
}

// TestOlderLedger puts an older copy back in the two ways there are: written anew, which shows in its date, and by deleting
// the versions that are newer. The next batch comes to a process that landed the last one, to one that wrote the very
// copy that was put back, or to one that knows nothing.
func TestOlderLedger(t *testing.T) {
	for _, written := range []bool{true, false} {
		for _, who := range []string{"last", "author", "stranger"} {
			inCalm(t, func(w *world) {
				author, last := w.fresh(t), w.fresh(t)
				for n, p := range []*orchestratorProcess{author, author, author, last, last} {
					if err := w.deliver(p, 4*n, 4*n+4); err != nil {
						t.Fatal(err)
					}
				}
				key := w.chain(shardOfTest).LedgerKey()
				old := w.bucket.past[key][6] // the claim, and two of each batch so far
				time.Sleep(time.Hour)
				if written {
					old.modified = time.Now()
				}
				w.locked(func() { w.bucket.objects[key] = old })
				p := map[string]*orchestratorProcess{"last": last, "author": author, "stranger": w.fresh(t)}[who]
				err := w.deliver(p, 20, 24)
				if written || who == "last" {
					if err != nil {
						t.Errorf("written anew %v, %s: %v", written, who, err)
					}
					w.wantRows(t, 24)
					return
				}
				for range 2 { // it is refused for good, not only by the process that noticed
					if err == nil || !strings.Contains(err.Error(), "delete "+key) {
						t.Errorf("written anew %v, %s: %v", written, who, err)
					}
					err = w.deliver(w.fresh(t), 20, 24)
				}
				w.locked(func() { delete(w.bucket.objects, key) })
				if err := w.deliver(w.fresh(t), 20, 24); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// TestOlderLedgerAndQuarantine: after an older ledger was put back unseen, ordinals are given again, and records of which no
// MERGE speaks are among them: in the new batch, in the old one, or in both. The shard stops all the same, and nothing is lost
// once the ledger is rebuilt.
func TestOlderLedgerAndQuarantine(t *testing.T) {
	for _, c := range []struct{ before, again bool }{{false, true}, {true, false}, {true, true}, {false, false}} {
		inCalm(t, func(w *world) {
			s := w.shardOne()
			spoil := func(from, to int, yes bool) {
				for i := from; yes && i < to; i++ {
					s.records[i].data = []byte("oops")
				}
			}
			w.locked(func() { spoil(12, 20, c.before); spoil(20, 24, c.again) })
			author, last := w.fresh(t), w.fresh(t)
			for n, p := range []*orchestratorProcess{author, author, author, last, last} {
				if err := w.deliver(p, 4*n, 4*n+4); err != nil {
					t.Fatal(err)
				}
			}
			key := w.chain(shardOfTest).LedgerKey()
			time.Sleep(time.Hour)
			w.locked(func() { w.bucket.objects[key] = w.bucket.past[key][6] })
			for range 2 {
				if err := w.deliver(w.fresh(t), 20, 24); err == nil || !strings.Contains(err.Error(), "delete "+key) {
					t.Errorf("%+v: %v", c, err)
				}
			}
			w.locked(func() { delete(w.bucket.objects, key) })
			if err := w.deliver(w.fresh(t), 20, 24); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestTaken: rows of other records stand where a batch's belong, and no object numbers them. The shard waits, whoever tries;
// once they are gone it goes on.
func TestTaken(t *testing.T) {
	inCalm(t, func(w *world) {
		if err := w.deliver(w.fresh(t), 0, 4); err != nil {
			t.Fatal(err)
		}
		var kept []row
		w.locked(func() {
			kept = slices.Clone(w.streaming.rows)
			for _, r := range kept {
				strange := maps.Clone(r)
				strange["_ORDINAL"] = value{text: fmt.Sprint(r.ordinal() + 6)}
				w.streaming.insert(strange)
			}
		})
		p := w.fresh(t)
		for range 2 { // ordinals 5 to 12: two rows are their own, four are others', two are their own
			if err := w.deliver(p, 4, 12); err == nil || !strings.Contains(err.Error(), "SnowflakeUpsert failed") && !strings.Contains(err.Error(), "under ordinal 7") {
				t.Errorf("a batch whose places are taken: %v", err)
			}
			p = w.fresh(t)
		}
		w.locked(func() { w.streaming.rows, w.streaming.index = kept, map[string]map[string][]row{} })
		if err := w.deliver(p, 4, 12); err != nil {
			t.Error(err)
		}
		w.wantRows(t, 12)
	})
}

// TestTakenByQuarantineAlone: a batch of which no record becomes a row takes ordinals, too, so nobody else's rows may stand there.
func TestTakenByQuarantineAlone(t *testing.T) {
	inCalm(t, func(w *world) {
		s := w.shardOne()
		w.locked(func() {
			for i := 4; i < 8; i++ {
				s.records[i].data, s.records[i].users[0].want = []byte("oops"), nil
			}
		})
		if err := w.deliver(w.fresh(t), 0, 4); err != nil {
			t.Fatal(err)
		}
		var kept []row
		w.locked(func() {
			kept = slices.Clone(w.streaming.rows)
			strange := maps.Clone(kept[0])
			strange["_ORDINAL"] = value{text: "7"}
			w.streaming.insert(strange)
		})
		for range 2 {
			if err := w.deliver(w.fresh(t), 4, 8); err == nil || !strings.Contains(err.Error(), "under ordinal 7") {
				t.Errorf("a batch of quarantine whose place is taken: %v", err)
			}
		}
		// The row of a record that was replayed since is in its place.
		w.locked(func() {
			replayed := maps.Clone(kept[0])
			replayed["_ORDINAL"], replayed["_SEQUENCE"] = value{text: "6"}, value{text: s.records[5].sequence}
			w.streaming.rows, w.streaming.index = kept, map[string]map[string][]row{}
			w.streaming.insert(replayed)
		})
		if err := w.deliver(w.fresh(t), 4, 8); err != nil {
			t.Error(err)
		}
		w.locked(func() { w.streaming.rows, w.streaming.index = kept, map[string]map[string][]row{} }) // what it was replayed to is not in the raw zone
	})
}

// TestTakenElsewhere: rows of another shard or of another life of this one have ordinals of their own; they take nobody's place.
func TestTakenElsewhere(t *testing.T) {
	inCalm(t, func(w *world) {
		p := w.calmProcess()
		defer p.kill()
		table := streaming.New(session{p}, schema.Defaults(), narrow())
		merge := func() record.Merged {
			rows, err := record.NewCSVReader([]byte(csvOf("mine", 1, 2, 3)))
			if err != nil {
				t.Fatal(err)
			}
			m, err := table.Merge(p.ctx, rows)
			if err != nil {
				t.Fatal(err)
			}
			return m
		}
		merge()
		w.locked(func() {
			for _, r := range slices.Clone(w.streaming.rows) {
				for column, text := range map[string]string{"_SHARD": "shardId-000000000077", "_GENERATION": "earlier"} {
					strange := maps.Clone(r)
					strange[column], strange["_SEQUENCE"] = value{text: text}, value{text: "7"}
					w.streaming.insert(strange)
				}
			}
		})
		if m := merge(); m.Taken != nil || m.Changed != 0 || m.Inserted != 0 {
			t.Errorf("rows that stand where they belong: %+v", m)
		}
	})
}

// TestBehindTheLedger: batches that are no contiguous continuation, as of a mapping that was made again at LATEST and then at
// TRIM_HORIZON, of two mappings, and of one with a ParallelizationFactor. Whatever comes, and however often, each record is in
// the table once: what has no place is appended, and what has one is known.
func TestBehindTheLedger(t *testing.T) {
	pick := func(from, to, step int) (all []int) {
		for i := from; i < to; i += step {
			all = append(all, i)
		}
		return all
	}
	for name, batches := range map[string][][]int{
		"made again at LATEST, then at TRIM_HORIZON": {pick(0, 4, 1), pick(10, 14, 1), pick(20, 24, 1), pick(0, 15, 1), pick(15, 30, 1)},
		"begun at LATEST, then at TRIM_HORIZON":      {pick(20, 30, 1), pick(0, 7, 1), pick(7, 30, 1)},
		"two mappings, one of them ahead":            {pick(0, 3, 1), pick(12, 20, 1), pick(3, 6, 1), pick(20, 30, 1), pick(6, 20, 1), pick(18, 30, 1)},
		"a factor of three":                          {pick(0, 15, 3), pick(1, 15, 3), pick(2, 15, 3), pick(17, 30, 3), pick(15, 30, 3), pick(16, 30, 3)},
		"a recovered object far behind":              slices.Concat([][]int{pick(5, 10, 1), pick(0, 5, 1)}, chunks(pick(10, 30, 1), 1), [][]int{pick(0, 6, 1)}),
		"many objects behind":                        append(chunks(pick(5, 30, 1), 1), pick(0, 6, 1), pick(0, 30, 1)),
	} {
		inCalm(t, func(w *world) {
			s := w.shardOne()
			w.locked(func() {
				s.records[3].data, s.records[22].data = []byte("oops"), []byte("oops") // quarantine has a place, too
				for _, n := range []int{3, 22} {
					s.records[n].users[0].want = nil
				}
			})
			p := w.fresh(t)
			deliver := func(batch []int) error {
				var records []kinesisRecord
				for _, i := range batch {
					records = append(records, s.records[i])
				}
				var text []byte
				w.locked(func() { p.begin(functionTimeout); text = event(s.id, records) })
				return p.function.Handle(p.ctx, text)
			}
			for n, batch := range batches {
				for range 2 {
					if err := deliver(batch); err != nil {
						t.Fatalf("%s, batch %d: %v", name, n, err)
					}
					if n%2 == 0 {
						p = w.fresh(t)
					}
				}
			}
			objects := len(w.bucket.keys(rawzone.Rows))
			for _, again := range [][]int{pick(0, 30, 1), pick(0, 30, 7), pick(4, 9, 1)} {
				if err := deliver(again); err != nil {
					t.Fatalf("%s, again: %v", name, err)
				}
			}
			if now := len(w.bucket.keys(rawzone.Rows)); now != objects {
				t.Errorf("%s: %d objects, and %d after all of it came again", name, objects, now)
			}
			w.locked(func() {
				seen := map[string]int{}
				for _, r := range w.streaming.rows {
					seen[r["_SEQUENCE"].text]++
				}
				for i, r := range s.records[:30] {
					want := 0
					for _, u := range r.users {
						if u.want != nil {
							want++
						}
					}
					if seen[r.sequence] != want {
						t.Errorf("%s: record %d has %d rows, want %d", name, i, seen[r.sequence], want)
					}
				}
			})
		})
	}
}

func chunks(all []int, n int) (out [][]int) {
	for part := range slices.Chunk(all, n) {
		out = append(out, part)
	}
	return out
}

// TestBehindTheLedgerUnknown: where objects are gone, nobody can say whether records that come again had a place there. The batch
// fails with the reason, and neither drops nor doubles them; once the objects are back, it is known.
func TestBehindTheLedgerUnknown(t *testing.T) {
	inCalm(t, func(w *world) {
		p := w.fresh(t)
		for n := range 24 {
			if err := w.deliver(p, n, n+1); err != nil {
				t.Fatal(err)
			}
		}
		rows := len(w.streaming.rows)
		var key string
		for _, k := range w.bucket.keys(rawzone.Rows) {
			if n, ok := w.chain(shardOfTest).Name(k); ok && n.Ordinal == 2 {
				key = k
			}
		}
		kept := w.bucket.objects[key]
		w.locked(func() { delete(w.bucket.objects, key) })
		for range 2 {
			if err := w.deliver(w.fresh(t), 0, 3); err == nil || !strings.Contains(err.Error(), "ordinals from 2 to") {
				t.Errorf("an object is gone, and the batch says %v", err)
			}
		}
		if got := len(w.streaming.rows); got != rows {
			t.Errorf("%d rows, and %d after the batch was refused", rows, got)
		}
		w.locked(func() { w.bucket.objects[key] = kept })
		if err := w.deliver(w.fresh(t), 0, 3); err != nil || len(w.streaming.rows) != rows {
			t.Errorf("the object is back: %v, %d rows of %d", err, len(w.streaming.rows), rows)
		}
	})
}

// TestAppend: what the ledger has passed is appended once, at the end, and moves nothing else.
func TestAppend(t *testing.T) {
	inCalm(t, func(w *world) {
		p, s := w.fresh(t), w.shardOne()
		var records []record.Record
		for _, r := range s.records {
			records = append(records, record.Record{
				Position: record.Position{Shard: s.id, Sequence: r.sequence}, PartitionKey: r.key, ArrivedAt: r.arrival, Data: r.data,
			})
		}
		if err := w.deliver(p, 0, 5); err != nil {
			t.Fatal(err)
		}
		p.begin(time.Hour)
		if _, err := p.function.Append(p.ctx, orchestrator.Batch{Stream: streamName, Shard: s.id, Source: "test", Records: records[5:8]}); !errors.Is(err, orchestrator.ErrAhead) {
			t.Errorf("records that the ledger has not passed: %v", err)
		}
		if err := w.deliver(p, 8, 12); err != nil {
			t.Fatal(err)
		}
		first := int64(len(usersOf(s.records[:5]))+len(usersOf(s.records[8:12]))) + 1
		for range 3 {
			p = w.fresh(t)
			p.begin(time.Hour)
			o, err := p.function.Append(p.ctx, orchestrator.Batch{Stream: streamName, Shard: s.id, Source: "test", Records: records[5:8]})
			if err != nil || o.FirstOrdinal != first || o.LastOrdinal != first+int64(len(usersOf(s.records[5:8])))-1 || o.Last.Sequence != s.records[7].sequence {
				t.Fatalf("%+v, %v", o, err)
			}
			if err := w.deliver(w.fresh(t), 8, 12); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := p.function.Append(p.ctx, orchestrator.Batch{Stream: streamName, Shard: s.id, Source: "other", Records: records[6:8]}); err == nil || !strings.Contains(err.Error(), "recovered already") {
			t.Errorf("an overlap: %v", err)
		}
		w.locked(func() { delete(w.bucket.objects, w.chain(s.id).LedgerKey()) }) // the last object is the recovered one
		if err := w.deliver(w.fresh(t), 8, 20); err != nil {
			t.Fatal(err)
		}
		want := 0
		for _, u := range usersOf(s.records[:20]) {
			if u.want != nil {
				want++
			}
		}
		if n := len(w.streaming.rows); n != want {
			t.Errorf("%d rows of %d", n, want)
		}
	})
}
