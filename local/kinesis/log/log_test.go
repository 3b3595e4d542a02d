package log

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/snowstream/snowstream/local/kinesis/disk"
	"github.com/snowstream/snowstream/local/kinesis/disk/sim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t testing.TB, cfg Config) (*Log, Recovery) {
	t.Helper()
	if cfg.FS == nil {
		cfg.FS = disk.OS{}
	}
	l, recovery, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l, recovery
}

// entry is the record that every test stores at an index, so that any read can be checked.
func entry(i int64) Entry {
	return Entry{Key: fmt.Appendf(nil, "key-%d", i), Data: bytes.Repeat([]byte{byte(i)}, int(i%300)), Arrival: 1000 + i*10}
}

// put appends n records as one commit and waits for it.
func put(l *Log, n int) error {
	first := l.next
	var entries []Entry
	for i := range int64(n) {
		entries = append(entries, entry(first+i))
	}
	_, commit, err := l.Append(entries)
	if err != nil {
		return err
	}
	return commit.Wait()
}

func mustPut(t testing.TB, l *Log, n int) {
	t.Helper()
	if err := put(l, n); err != nil {
		t.Fatal(err)
	}
}

// read checks all records from index on and returns where it ended.
func read(t testing.TB, l *Log, index int64) (next int64, err error) {
	t.Helper()
	index = max(index, l.Start())
	return l.Scan(index, func(r Record) bool {
		want := entry(index)
		if r.Index != index || !bytes.Equal(r.Key, want.Key) || !bytes.Equal(r.Data, want.Data) || r.Arrival != want.Arrival {
			t.Fatalf("record %d: got index %d, key %q, %d bytes, arrival %d", index, r.Index, r.Key, len(r.Data), r.Arrival)
		}
		index++
		return true
	})
}

func mustRead(t testing.TB, l *Log, from, end int64) {
	t.Helper()
	if next, err := read(t, l, from); err != nil || next != end {
		t.Fatalf("read from %d: ended at %d with error %v, want %d", from, next, err, end)
	}
}

func TestReopen(t *testing.T) {
	cfg := Config{Dir: filepath.Join(t.TempDir(), "a", "b"), SegmentBytes: 20_000}
	total := int64(0)
	for round := range 5 {
		l, recovery := open(t, cfg)
		if recovery.Cut != 0 || recovery.Damage != nil {
			t.Fatalf("round %d: recovery after a clean close: %+v", round, recovery)
		}
		for n := range 20 {
			mustPut(t, l, n+1)
			total += int64(n + 1)
		}
		if l.End() != total {
			t.Fatalf("end %d, want %d", l.End(), total)
		}
		for from := int64(0); from <= total; from += 37 {
			mustRead(t, l, from, total)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if files, _ := os.ReadDir(cfg.Dir); len(files) < 4 {
		t.Fatalf("%d segments, expected several", len(files))
	}
}

func TestScanStopsWhereVisitRefuses(t *testing.T) {
	l, _ := open(t, Config{Dir: t.TempDir()})
	mustPut(t, l, 100)
	seen := 0
	next, err := l.Scan(10, func(Record) bool { seen++; return seen < 5 })
	if err != nil || next != 14 || seen != 5 {
		t.Fatalf("next %d after %d visits, %v", next, seen, err)
	}
}

func TestSince(t *testing.T) {
	cfg := Config{Dir: t.TempDir(), SegmentBytes: 20_000}
	l, _ := open(t, cfg)
	for range 100 {
		mustPut(t, l, 10)
	}
	check := func(l *Log) {
		t.Helper()
		for _, c := range []struct{ arrival, want int64 }{{0, 0}, {1000, 0}, {1001, 1}, {1010, 1}, {5555, 456}, {10990, 999}, {10991, 1000}, {1 << 40, 1000}} {
			if got, err := l.Since(c.arrival); err != nil || got != c.want {
				t.Errorf("since %d: %d, %v, want %d", c.arrival, got, err, c.want)
			}
		}
	}
	check(l)
	l.Close()
	reopened, _ := open(t, cfg)
	check(reopened)
}

// A clock that jumps back must not hide records that arrived after a given time.
func TestSinceWithClockRunningBack(t *testing.T) {
	l, _ := open(t, Config{Dir: t.TempDir()})
	for _, arrival := range []int64{10, 20, 900, 30, 40, 950} {
		_, commit, err := l.Append([]Entry{{Data: make([]byte, markEvery), Arrival: arrival}})
		if err == nil {
			err = commit.Wait()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for arrival, want := range map[int64]int64{15: 1, 25: 2, 901: 5, 951: 6} {
		if got, err := l.Since(arrival); err != nil || got != want {
			t.Errorf("since %d: %d, %v, want %d", arrival, got, err, want)
		}
	}
}

func TestTrim(t *testing.T) {
	cfg := Config{Dir: t.TempDir(), SegmentSpan: 1000} // 100 records
	l, _ := open(t, cfg)
	for range 100 {
		mustPut(t, l, 10)
	}
	if n, err := l.Trim(1000 + 5000); err != nil || n == 0 {
		t.Fatalf("%d deleted, %v", n, err)
	}
	start := l.Start()
	if start <= 300 || start > 500 {
		t.Fatalf("start %d after trimming records below 500", start)
	}
	mustRead(t, l, 0, 1000)
	if _, err := l.Trim(1 << 40); err != nil {
		t.Fatal(err)
	}
	l.Close()
	l, _ = open(t, cfg)
	if l.Start() == 0 || l.End() != 1000 {
		t.Fatalf("after trimming all: %d to %d", l.Start(), l.End())
	}
	mustPut(t, l, 1)
	mustRead(t, l, 0, 1001)
}

func TestSealAndReopen(t *testing.T) {
	l, _ := open(t, Config{Dir: t.TempDir()})
	mustPut(t, l, 3)
	if end, err := l.Seal(); end != 3 || err != nil {
		t.Fatal(end, err)
	}
	if err := put(l, 1); !errors.Is(err, ErrSealed) {
		t.Fatalf("append to a sealed log: %v", err)
	}
	l.Reopen()
	mustPut(t, l, 1)
	l.Close()
	if err := put(l, 1); !errors.Is(err, ErrClosed) {
		t.Fatalf("append to a closed log: %v", err)
	}
}

func TestTooLarge(t *testing.T) {
	l, _ := open(t, Config{Dir: t.TempDir()})
	if _, _, err := l.Append([]Entry{{Data: make([]byte, maxFrame)}}); err == nil {
		t.Fatal("accepted a record above the limit")
	}
	mustPut(t, l, 1)
	mustRead(t, l, 0, 1)
}

// One writer's commits stay in order and whole while many write.
func TestConcurrentAppends(t *testing.T) {
	l, _ := open(t, Config{Dir: t.TempDir(), SegmentBytes: 50_000})
	const writers, rounds, batch = 16, 40, 7
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for round := range rounds {
				var entries []Entry
				for i := range batch {
					entries = append(entries, Entry{Key: []byte{byte(w)}, Data: []byte{byte(round), byte(i)}})
				}
				_, commit, err := l.Append(entries)
				if err == nil {
					err = commit.Wait()
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	var seen [writers]int
	end, err := l.Scan(0, func(r Record) bool {
		w := r.Key[0]
		if got := int(r.Data[0])*batch + int(r.Data[1]); got != seen[w] {
			t.Fatalf("writer %d: record %d, want %d", w, got, seen[w])
		}
		seen[w]++
		return true
	})
	if err != nil || end != writers*rounds*batch {
		t.Fatalf("%d records, %v", end, err)
	}
}

// F45: whatever prefix of the last write is on disk, every record of the earlier ones is there and the log goes on.
func TestTornTailAtEveryOffset(t *testing.T) {
	cfg := Config{Dir: t.TempDir()}
	l, _ := open(t, cfg)
	mustPut(t, l, 20)
	before := fileSize(t, l)
	mustPut(t, l, 20)
	whole, err := os.ReadFile(l.last().name)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Base(l.last().name)
	dir := t.TempDir()
	for size := before; size <= int64(len(whole)); size++ {
		unproved(t, dir)
		if err := os.WriteFile(filepath.Join(dir, name), whole[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		torn, recovery := open(t, Config{Dir: dir})
		if torn.End() < 20 || recovery.Damage != nil {
			t.Fatalf("cut at %d: end %d, %+v", size, torn.End(), recovery)
		}
		end := torn.End()
		mustPut(t, torn, 1)
		mustRead(t, torn, 0, end+1)
		torn.Close()
	}
}

// unproved forgets how far a log was acknowledged, as a power cut may.
func unproved(t *testing.T, dir string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(dir, proofName)); err != nil {
		t.Fatal(err)
	}
}

func fileSize(t testing.TB, l *Log) int64 {
	t.Helper()
	info, err := os.Stat(l.last().name)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// F47: a changed byte anywhere in acknowledged records is found, its record is never served, and later blocks are kept.
func TestEveryFlippedByteIsFound(t *testing.T) {
	cfg := Config{Dir: t.TempDir()}
	l, _ := open(t, cfg)
	for range 3 {
		mustPut(t, l, 4)
	}
	l.Close()
	name := l.last().name
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for at := range len(whole) - blockHeader {
		changed := bytes.Clone(whole)
		changed[at] ^= 1 << (at % 8)
		if err := os.WriteFile(name, changed, 0o600); err != nil {
			t.Fatal(err)
		}
		l, recovery := open(t, cfg)
		if recovery.Damage == nil || recovery.Cut != 0 || l.End() != 12 {
			t.Fatalf("byte %d changed: end %d, %+v", at, l.End(), recovery)
		}
		bad, err := read(t, l, 0)
		var damage *DamageError
		if !errors.As(err, &damage) || damage.Index != bad {
			t.Fatalf("byte %d changed: read to %d with %v", at, bad, err)
		}
		if next := (bad/4 + 1) * 4; next < 12 {
			mustRead(t, l, next, 12)
		}
		l.Close()
	}
}

// The same in a segment that Open does not read.
func TestDamageInOldSegment(t *testing.T) {
	cfg := Config{Dir: t.TempDir(), SegmentBytes: 1000}
	l, _ := open(t, cfg)
	for range 10 {
		mustPut(t, l, 10)
	}
	l.Close()
	first := l.segments[0]
	whole, _ := os.ReadFile(first.name)
	for _, content := range [][]byte{append(whole[:40:40], make([]byte, len(whole)-40)...), whole[:len(whole)/2], {}} {
		if err := os.WriteFile(first.name, content, 0o600); err != nil {
			t.Fatal(err)
		}
		l, _ := open(t, cfg)
		var damage *DamageError
		if _, err := read(t, l, 0); !errors.As(err, &damage) {
			t.Fatalf("damaged segment of %d bytes: %v", len(content), err)
		}
		mustRead(t, l, first.end, 100)
		l.Close()
	}
}

// F46: after a power cut at any commit, everything acknowledged is there, whatever else survives.
func TestPowerLoss(t *testing.T) {
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		fsys := sim.New("/")
		cfg := Config{FS: fsys, Dir: "/data/shard", SegmentBytes: 3000, Reserve: int64(seed%3) * 400}
		end := int64(0)
		for range 4 {
			l, recovery := open(t, cfg)
			if l.End() < end || recovery.Damage != nil {
				t.Fatalf("seed %d: %d records acknowledged, %d found, %+v", seed, end, l.End(), recovery)
			}
			mustRead(t, l, 0, l.End())
			for range rnd.IntN(6) {
				mustPut(t, l, 1+rnd.IntN(9))
			}
			end = l.End()
			fsys.Fault(func(op, _ string) error { // the power goes between a write and its sync
				if op == "sync" {
					return syscall.EIO
				}
				return nil
			})
			if err := put(l, 1+rnd.IntN(9)); !errors.Is(err, ErrFailed) {
				t.Fatalf("seed %d: acknowledged without a sync: %v", seed, err)
			}
			cfg.FS = fsys.Crash(func(n int) int { return rnd.IntN(n + 1) })
			fsys = cfg.FS.(*sim.Disk)
			l.Close()
		}
	}
}

// F44: after a failed sync the log stays shut, even if the next sync would succeed.
func TestFailedSyncStops(t *testing.T) {
	for _, op := range []string{"sync", "syncdir", "write"} {
		fsys := sim.New("/")
		l, _ := open(t, Config{FS: fsys, Dir: "/data", SegmentBytes: 100})
		mustPut(t, l, 3)
		fsys.Fault(func(o, _ string) error {
			if o == op {
				return syscall.EIO
			}
			return nil
		})
		if err := put(l, 3); !errors.Is(err, ErrFailed) {
			t.Fatalf("%s fails: %v", op, err)
		}
		fsys.Fault(nil)
		if err := put(l, 1); !errors.Is(err, ErrFailed) {
			t.Fatalf("%s failed before: %v", op, err)
		}
		mustRead(t, l, 0, 3)
	}
}

// F43: a full disk refuses, loses nothing, reuses no checksum of what it refused, and works again with space.
func TestFullDisk(t *testing.T) {
	fsys := sim.New("/")
	cfg := Config{FS: fsys, Dir: "/data", SegmentBytes: 5000}
	l, _ := open(t, cfg)
	mustPut(t, l, 10)
	for room := range int64(40) {
		end := l.End()
		fsys.Space(room * 7)
		err := put(l, 10)
		fsys.Space(-1)
		if err == nil {
			continue
		}
		if !errors.Is(err, ErrFull) {
			t.Fatalf("%d bytes left: %v", room*7, err)
		}
		if l.End() != end {
			t.Fatalf("end moved from %d to %d without space", end, l.End())
		}
		mustPut(t, l, 2)
		mustRead(t, l, 0, end+2)
	}
	end := l.End()
	l.Close()
	l, recovery := open(t, cfg)
	if recovery.Cut != 0 || recovery.Damage != nil {
		t.Fatalf("recovery %+v", recovery)
	}
	mustRead(t, l, 0, end)
}

// A commit that fails takes those queued behind it along: their indexes follow from records that do not exist.
func TestFailureRevokesQueued(t *testing.T) {
	fsys := sim.New("/")
	l, _ := open(t, Config{FS: fsys, Dir: "/data"})
	mustPut(t, l, 5)
	entered, release := make(chan bool, 100), make(chan bool)
	fsys.Fault(func(op, _ string) error {
		if op != "write" {
			return nil
		}
		entered <- true
		<-release
		return syscall.ENOSPC
	})
	_, first, err := l.Append([]Entry{entry(5)})
	if err != nil {
		t.Fatal(err)
	}
	<-entered
	_, second, err := l.Append([]Entry{entry(6)})
	if err != nil {
		t.Fatal(err)
	}
	close(release)
	if first.Wait() == nil || second.Wait() == nil {
		t.Fatal("acknowledged a record that was not written")
	}
	fsys.Fault(nil)
	mustPut(t, l, 3)
	mustRead(t, l, 0, 8)
}

func FuzzRecovery(f *testing.F) {
	dir := f.TempDir()
	l, _ := open(f, Config{Dir: dir})
	mustPut(f, l, 3)
	mustPut(f, l, 3)
	l.Close()
	whole, err := os.ReadFile(l.last().name)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)-30])
	f.Add(append(bytes.Clone(whole), make([]byte, 1000)...))
	f.Add([]byte("BLK1 and more"))
	f.Fuzz(func(t *testing.T, content []byte) {
		fsys := sim.New("/")
		name := "/" + segmentName(0, 0)
		file, err := fsys.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		file.WriteAt(content, 0)
		l, _ := open(t, Config{FS: fsys, Dir: "/"})
		defer l.Close()
		readable := func() (n int) {
			for index := int64(0); index < l.End() && n < 1000; {
				next, err := l.Scan(index, func(Record) bool { n++; return true })
				if err == nil {
					break
				}
				index = max(next, index) + 1
			}
			return n
		}
		before := readable()
		if _, commit, err := l.Append([]Entry{{Data: []byte("more")}}); err != nil || commit.Wait() != nil {
			t.Fatalf("cannot append after recovery: %v", err)
		}
		if after := readable(); after != before+1 && after < 1000 {
			t.Fatalf("%d records readable before, %d after one more", before, after)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	for _, c := range []struct{ producers, records int }{{1, 1}, {1, 500}, {16, 500}, {64, 1}} {
		b.Run(fmt.Sprintf("producers=%d/records=%d", c.producers, c.records), func(b *testing.B) {
			l, _ := open(b, Config{Dir: b.TempDir()})
			entries := make([]Entry, c.records)
			for i := range entries {
				entries[i] = Entry{Key: []byte("sensor-1"), Data: make([]byte, 60)}
			}
			work := make(chan bool)
			var wg sync.WaitGroup
			for range c.producers {
				wg.Go(func() {
					for range work {
						if _, commit, err := l.Append(entries); err != nil || commit.Wait() != nil {
							b.Error("append failed", err)
						}
					}
				})
			}
			for b.Loop() {
				work <- true
			}
			close(work)
			wg.Wait()
			b.ReportMetric(float64(b.N*c.records)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

func BenchmarkScan(b *testing.B) {
	l, _ := open(b, Config{Dir: b.TempDir()})
	for range 100 {
		mustPut(b, l, 1000)
	}
	for b.Loop() {
		if end, err := l.Scan(0, func(Record) bool { return true }); err != nil || end != 100_000 {
			b.Fatal(end, err)
		}
	}
	b.ReportMetric(float64(b.N)*100_000/b.Elapsed().Seconds(), "records/s")
}

// TestSwappedRecordsAreFound: a record counts only under its own index, so that two that changed places are damage.
func TestSwappedRecordsAreFound(t *testing.T) {
	dir := t.TempDir()
	l, _ := open(t, Config{Dir: dir})
	if _, commit, err := l.Append([]Entry{{Key: []byte("a"), Data: []byte("first")}, {Key: []byte("b"), Data: []byte("other")}}); err != nil || commit.Wait() != nil {
		t.Fatal(err)
	}
	name := l.last().name
	l.Close()
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	const size = frameHeader + frameFixed + 1 + 5
	one, two := whole[blockHeader:blockHeader+size], whole[blockHeader+size:blockHeader+2*size]
	swapped := slices.Concat(whole[:blockHeader], two, one, whole[blockHeader+2*size:])
	if err := os.WriteFile(name, swapped, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, recovery := open(t, Config{Dir: dir}); recovery.Damage == nil {
		t.Errorf("%+v", recovery)
	}
}
