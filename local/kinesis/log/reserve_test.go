package log

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/snowstream/snowstream/local/kinesis/disk/sim"
)

// reserving is a log that reserves room after its first few records.
func reserving(dir string) Config {
	return Config{Dir: dir, SegmentBytes: 20_000, Reserve: 1500}
}

// image copies the files of an open log, as a killed process leaves them.
func image(t *testing.T, dir string) (copied string) {
	t.Helper()
	copied = t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return copied
}

// A killed process leaves zeros behind its last record: they are no unfinished write, and nothing is lost with them.
func TestKilledWithReserve(t *testing.T) {
	cfg := reserving(t.TempDir())
	l, _ := open(t, cfg)
	reserved := false
	for range 60 {
		mustPut(t, l, 7)
		reserved = reserved || fileSize(t, l) > l.last().size
		killed := cfg
		killed.Dir = image(t, cfg.Dir)
		again, recovery := open(t, killed)
		if recovery.Cut != 0 || recovery.Damage != nil || again.End() != l.End() {
			t.Fatalf("of %d records %d are there, %+v", l.End(), again.End(), recovery)
		}
		mustPut(t, again, 5)
		mustRead(t, again, 0, l.End()+5)
		again.Close()
	}
	if last := l.last(); len(l.segments) < 3 || !reserved || (last.size > 2*cfg.Reserve && l.room <= last.size) {
		t.Fatalf("%d segments, room reserved: %v", len(l.segments), reserved)
	}
	for _, s := range l.segments[:len(l.segments)-1] {
		if info, err := os.Stat(s.name); err != nil || info.Size() != s.size {
			t.Errorf("full segment of %d bytes: %v, %v", s.size, info, err)
		}
	}
	l.Close()
	if size := fileSize(t, l); size != l.last().size {
		t.Errorf("closed log has %d bytes, %d are blocks", size, l.last().size+blockHeader)
	}
}

// F45 in room that is there already: a torn block may lack its beginning as well as its end.
func TestTornInReserve(t *testing.T) {
	cfg := reserving(t.TempDir())
	l, _ := open(t, cfg)
	mustPut(t, l, 50)
	mustPut(t, l, 1) // makes the room
	from := l.last().size
	before, err := os.ReadFile(l.last().name)
	if err != nil {
		t.Fatal(err)
	}
	mustPut(t, l, 6)
	to := l.last().size
	after, err := os.ReadFile(l.last().name)
	if err != nil || len(after) != len(before) || int64(len(after)) < to {
		t.Fatalf("%d bytes after %d: the block was not put into the room, %v", len(after), len(before), err)
	}
	name := filepath.Base(l.last().name)
	torn := reserving(t.TempDir())
	for at := from; at <= to; at++ {
		for _, content := range [][]byte{
			append(bytes.Clone(after[:at]), before[at:]...),
			append(bytes.Clone(before[:at]), after[at:]...),
		} {
			unproved(t, torn.Dir)
			if err := os.WriteFile(filepath.Join(torn.Dir, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
			l, recovery := open(t, torn)
			cut := max(0, int64(len(bytes.TrimRight(content, "\x00")))-l.last().size)
			if l.End() < 51 || recovery.Damage != nil || recovery.Cut != cut {
				t.Fatalf("torn at %d: end %d, %+v, want %d bytes cut", at, l.End(), recovery, cut)
			}
			end := l.End()
			mustPut(t, l, 1)
			mustRead(t, l, 0, end+1)
			l.Close()
		}
	}
}

func sizeOn(t *testing.T, fsys *sim.Disk, l *Log) int64 {
	t.Helper()
	f, err := fsys.Open(l.last().name)
	if err != nil {
		t.Fatal(err)
	}
	size, err := f.Size()
	if err != nil {
		t.Fatal(err)
	}
	return size
}

// F43 with a reserve: where only the reserve does not fit, records are stored.
func TestFullDiskForReserve(t *testing.T) {
	fsys := sim.New("/")
	cfg := reserving("/data")
	cfg.FS = fsys
	l, _ := open(t, cfg)
	mustPut(t, l, 50)
	block := int64(blockHeader + frameHeader + frameFixed + len(entry(50).Key) + len(entry(50).Data))
	for _, c := range []struct {
		space int64
		want  error
	}{{block - 1, ErrFull}, {block + 100, nil}} {
		fsys.Space(c.space)
		if err := put(l, 1); !errors.Is(err, c.want) {
			t.Fatalf("%d bytes left for a block of %d: %v", c.space, block, err)
		}
		if size := sizeOn(t, fsys, l); size != l.last().size {
			t.Fatalf("%d bytes left for a block of %d: the file has %d of %d bytes", c.space, block, size, l.last().size)
		}
	}
	refused := 0
	for room := range int64(100) {
		end := l.End()
		fsys.Space(room * 37)
		err := put(l, 10)
		fsys.Space(-1)
		if err != nil && (!errors.Is(err, ErrFull) || l.End() != end) {
			t.Fatalf("%d bytes left: %v, end moved from %d to %d", room*37, err, end, l.End())
		}
		if err != nil {
			refused++
		}
		mustPut(t, l, 2)
	}
	if refused == 0 {
		t.Fatal("the disk was never full")
	}
	end := l.End()
	l.Close()
	l, recovery := open(t, cfg)
	if recovery != (Recovery{}) {
		t.Fatalf("recovery %+v", recovery)
	}
	mustRead(t, l, 0, end)
}

// F44 for what the reserve adds: it must not hide that the disk fails.
func TestFailedReserveStops(t *testing.T) {
	for _, op := range []string{"write", "truncate"} {
		fsys := sim.New("/")
		cfg := reserving("/data")
		cfg.FS = fsys
		l, _ := open(t, cfg)
		mustPut(t, l, 50)
		done := false // the first write is that of the reserve
		fsys.Fault(func(o, _ string) error {
			if o == op && !done {
				done = true
				return syscall.EIO
			}
			return nil
		})
		var err error
		for range 30 { // the file is cut when the segment is full
			if err = put(l, 6); err != nil {
				break
			}
		}
		if !errors.Is(err, ErrFailed) {
			t.Fatalf("%s fails: %v", op, err)
		}
		fsys.Fault(nil)
		if err := put(l, 1); !errors.Is(err, ErrFailed) {
			t.Fatalf("%s failed before: %v", op, err)
		}
		mustRead(t, l, 0, l.End())
	}
}
