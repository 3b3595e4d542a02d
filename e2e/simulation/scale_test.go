package simulation

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/snowstream/snowstream/processing/datalake"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
)

// made is a chain whose objects a test has put into the bucket: their keys by first ordinal, and the ordinals of void names.
type made struct {
	rawzone.Chain
	objects []rawzone.Object
	void    map[string]bool
}

// sequenceOf is the sequence number of a made record.
func sequenceOf(ordinal int64) string { return fmt.Sprintf("4954511524349098501828006%012d", ordinal) }

// fill makes a chain of objects of 1 to 20 records in some folders, of which a share are made void first, and some stand among the
// recovered ones.
func (w *world) fill(random *rand.Rand, c rawzone.Chain, folders, n int, voids float64) *made {
	m := &made{Chain: c, void: map[string]bool{}}
	l := rawzone.Start(c)
	put := func(o rawzone.Object, metadata map[string]string) {
		w.bucket.objects[o.Key] = object{etag: strconv.Quote(o.Key), modified: time.Now(), metadata: metadata}
	}
	for range n {
		first, last := l.Ordinal+1, l.Ordinal+1+random.Int64N(20)
		batch := record.Batch{
			First: record.Position{Shard: c.Shard, Sequence: sequenceOf(first)}, Last: record.Position{Shard: c.Shard, Sequence: sequenceOf(last)},
			FirstOrdinal: first, LastOrdinal: last, Rows: int(last - first + 1), Records: int(last - first + 1),
		}
		for random.Float64() < voids {
			batch.Folder = fmt.Sprint(random.IntN(folders))
			o := rawzone.Of(batch, record.Folder{Label: "sensor"}, l)
			put(o, rawzone.Void())
			m.void[o.Key] = true
			l.Turn++
		}
		batch.Folder = fmt.Sprint(random.IntN(folders))
		o := rawzone.Of(batch, record.Folder{Label: "sensor"}, l)
		put(o, o.Metadata())
		m.objects = append(m.objects, o)
		l = l.After(o, time.Now())
	}
	return m
}

// asked is how many requests S3 gets while f runs.
func (w *world) asked(f func()) int { return len(w.traffic(f)) }

// TestNewest: of any chain, whatever is gone or void in it, the newest object is found, with the turn behind it; so are those behind an
// ordinal, and those since a record.
func TestNewest(t *testing.T) {
	inCalm(t, func(w *world) {
		random := rand.New(rand.NewPCG(1, 2))
		p := w.calmProcess()
		defer p.kill()
		for round := range 60 {
			w.locked(func() { w.bucket.objects = map[string]object{} })
			c := rawzone.Chain{Stream: "s", Generation: "g0000000abcdefgh", Shard: []string{"shardId-000000000000", "shardId-000000000012"}[round%2]}
			m := w.fill(random, c, 1+random.IntN(9), 1+random.IntN(80), []float64{0, 0.2, 0.7}[round%3])
			whole := m.objects
			kept := whole[:0:0]
			for i, o := range whole { // runs of objects are gone, often the last ones
				if gone := round%4 == 3 && (i > len(whole)/3 && i < len(whole)/2 || i > len(whole)*3/4); gone {
					delete(w.bucket.objects, o.Key)
				} else {
					kept = append(kept, o)
				}
			}
			turn := 0
			for key := range m.void {
				if n, _ := c.Name(key); n.Ordinal > kept[len(kept)-1].LastOrdinal {
					turn = max(turn, n.Turn+1)
				}
			}
			lake := p.lake()
			lost := datalake.Head{Ledger: rawzone.Start(c)}
			got, next, err := lake.Newest(p.ctx, lost, "")
			if err != nil || got.Key != kept[len(kept)-1].Key || next != turn {
				t.Fatalf("round %d: %s, turn %d, %v; want %s, %d", round, got.Key, next, err, kept[len(kept)-1].Key, turn)
			}
			at := random.IntN(len(kept))
			behind, err := lake.Behind(p.ctx, lost, kept[at].LastOrdinal)
			if err != nil || !slices.Equal(keysOf(behind), keysOf(kept[at+1:])) {
				t.Fatalf("round %d: behind ordinal %d are %v, %v; want %v", round, kept[at].LastOrdinal, keysOf(behind), err, keysOf(kept[at+1:]))
			}
			since, err := lake.Since(p.ctx, c, lost.Base(), kept[at].Last.Sequence)
			since = slices.DeleteFunc(since, func(key string) bool { return m.void[key] })
			want := sinceLastOf(kept, at)
			if err != nil || !slices.Equal(since, keysOf(want)) {
				t.Fatalf("round %d: since %s are %v, %v; want %v", round, kept[at].Last.Sequence, since, err, keysOf(want))
			}
		}
	})
}

// sinceLastOf are the objects from the last one on that begins in front of the last record of one of them: if that begins at its only
// record, the one in front of it may end inside that.
func sinceLastOf(objects []rawzone.Object, at int) []rawzone.Object {
	if objects[at].First == objects[at].Last {
		at = max(0, at-1)
	}
	return objects[at:]
}

func keysOf(objects []rawzone.Object) (keys []string) {
	for _, o := range objects {
		keys = append(keys, o.Key)
	}
	return keys
}

// TestScale: what a lost ledger, a look for records that were given up, and an audit's listing behind a seal ask of S3 is the same,
// but for a logarithm, for a hundred objects and for thousands, and whatever another stream has in the same folders.
func TestScale(t *testing.T) {
	const folders, behind = 6, 10
	cost := map[string][]int{}
	inCalm(t, func(w *world) {
		p := w.calmProcess()
		defer p.kill()
		c := rawzone.Chain{Stream: "small", Generation: "g0000000abcdefgh", Shard: "shardId-000000000001"}
		for _, size := range []struct{ mine, others int }{{200, 0}, {4000, 0}, {200, 4000}} {
			w.locked(func() { w.bucket.objects = map[string]object{} })
			random := rand.New(rand.NewPCG(3, 4))
			m := w.fill(random, c, folders, size.mine, 0)
			for _, other := range []string{"a-large-one", "zzz"} {
				w.fill(random, rawzone.Chain{Stream: other, Generation: "g0000000abcdefgi", Shard: c.Shard}, folders, size.others/2, 0)
			}
			w.locked(func() {
				r := rawzone.Registry{Stream: c.Stream, Generations: []rawzone.Generation{{ID: c.Generation, BornAt: time.Now()}}}
				w.bucket.objects[rawzone.RegistryKey(c.Stream)] = object{body: r.Encode(), etag: `"r"`}
				w.bucket.objects[c.ClaimKey()] = object{etag: `"c"`}
			})
			lake, last := p.lake(), m.objects[size.mine-1]
			note := func(name string, f func()) { cost[name] = append(cost[name], w.asked(f)) }
			lost := func() {
				head, err := lake.Ledger(p.ctx, c.Stream, c.Shard)
				if err != nil || head.Ordinal != last.LastOrdinal {
					t.Errorf("%+v: ordinal %d, %v; want %d", size, head.Ordinal, err, last.LastOrdinal)
				}
			}
			note("a lost ledger", lost)
			note("a batch that was given up", func() {
				keys, err := lake.Since(p.ctx, c, record.Base(c.Shard), m.objects[size.mine-behind].Last.Sequence)
				if err != nil || !slices.Equal(keys, keysOf(sinceLastOf(m.objects, size.mine-behind))) {
					t.Errorf("%+v: %d objects, %v", size, len(keys), err)
				}
			})
			from := m.objects[size.mine-behind-1].LastOrdinal
			note("an audit behind a seal", func() {
				found := 0
				err := lake.Unsealed(p.ctx, c.Stream, func(rawzone.Chain) int64 { return from }, func(string, time.Time) error { found++; return nil })
				if err != nil || found != behind {
					t.Errorf("%+v: %d objects, %v", size, found, err)
				}
			})
			note("an audit without seals", func() {
				found := 0
				err := lake.RowsOf(p.ctx, c.Stream, func(key string, _ time.Time) error {
					if !strings.Contains(key, "/small/") {
						t.Errorf("%s is another stream's", key)
					}
					found++
					return nil
				})
				if err != nil || found != size.mine {
					t.Errorf("%+v: %d objects, %v", size, found, err)
				}
			})
			w.locked(func() {
				begin := m.objects[size.mine-behind-1]
				seal, err := rawzone.Seal{
					Generation: c.Generation, Shard: c.Shard, First: record.Base(c.Shard) + 1, Ordinal: record.Base(c.Shard), Begin: begin.FirstOrdinal, Object: begin.Key, At: time.Now(),
				}.Add(begin.LastOrdinal, begin.LastOrdinal-record.Base(c.Shard), "1", "1")
				if err != nil {
					t.Error(err)
				}
				w.bucket.objects[rawzone.SealsKey(c.Stream)] = object{body: rawzone.Seals{Stream: c.Stream}.With(seal).Encode(), etag: `"s"`}
			})
			note("a lost ledger with a seal", lost)
		}
	})
	for name, n := range cost {
		t.Logf("%-28s %4d requests among 200 objects, %4d among 4,000, %4d beside 4,000 of other streams", name, n[0], n[1], n[2])
		limits := map[string][2]int{ // more among 4,000, and more beside other streams
			"a lost ledger": {30, 0}, "a lost ledger with a seal": {0, 0}, "a batch that was given up": {30, 0}, "an audit behind a seal": {0, 2 * folders},
			"an audit without seals": {4000/pageSize + 1, 4 * folders},
		}
		if l, known := limits[name]; !known || n[1]-n[0] > l[0] || n[2]-n[0] > l[1] {
			t.Errorf("%s: %v requests", name, n)
		}
	}
}
