package log

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/snowstream/snowstream/local/kinesis/disk"
	"github.com/snowstream/snowstream/local/kinesis/disk/sim"
)

// killed is a log of 2 blocks of 10 records whose process was killed after both were acknowledged.
func killed(t *testing.T, cfg Config) (l *Log, name string, whole []byte, from int64) {
	t.Helper()
	cfg.Dir = t.TempDir()
	l, _ = open(t, cfg)
	mustPut(t, l, 10)
	from = l.last().size
	mustPut(t, l, 10)
	name = filepath.Base(l.last().name)
	whole, err := os.ReadFile(l.last().name)
	if err != nil {
		t.Fatal(err)
	}
	return l, name, whole, from
}

// lay puts files into a log's folder on a disk that costs no syncs.
func lay(t *testing.T, reserve int64, files map[string][]byte) Config {
	t.Helper()
	fsys := sim.New("/")
	for file, content := range files {
		if err := disk.WriteFile(fsys, "/"+file, content); err != nil {
			t.Fatal(err)
		}
	}
	return Config{FS: fsys, Dir: "/", Reserve: reserve}
}

// mustStay opens what a damaged log of 20 acknowledged records left, twice: all that was before the damage is served, the
// damage is named, and no index comes again.
func mustStay(t *testing.T, cfg Config, what string, at int64) {
	t.Helper()
	end := int64(20)
	for range 2 {
		l, recovery := open(t, cfg)
		if recovery.Damage == nil || recovery.Cut != 0 || l.End() != end {
			t.Fatalf("%s at %d: end %d, want %d, %+v", what, at, l.End(), end, recovery)
		}
		bad, err := read(t, l, 0)
		var damage *DamageError
		if !errors.As(err, &damage) || bad < 10 || bad >= 20 {
			t.Fatalf("%s at %d: read to %d with %v", what, at, bad, err)
		}
		mustPut(t, l, 3)
		mustRead(t, l, 20, end+3)
		end += 3
		l.Close()
	}
}

// F47 for the block that nothing follows: acknowledged records are damaged, not torn, and their indexes stay theirs.
func TestDamageInLastBlockIsNoTornTail(t *testing.T) {
	for _, reserve := range []int64{0, 100} {
		l, name, whole, from := killed(t, Config{Reserve: reserve})
		proof, err := os.ReadFile(filepath.Join(l.cfg.Dir, proofName))
		if err != nil {
			t.Fatal(err)
		}
		damage := func(what string, at int64, content []byte) {
			t.Helper()
			mustStay(t, lay(t, reserve, map[string][]byte{name: content, proofName: proof}), what, at)
		}
		to := l.last().size
		for at := from; at < to; at++ {
			changed := bytes.Clone(whole)
			changed[at] ^= 1 << (at % 8)
			damage("bit flipped", at, changed)
			damage("file cut", at, whole[:at])
			damage("zeros", at, append(bytes.Clone(whole[:at]), make([]byte, int64(len(whole))-at)...))
		}
	}
}

// Without the last file the numbers of its records are not given again either.
func TestMissingFileGivesNoIndexAgain(t *testing.T) {
	for _, segment := range []int64{0, 500} {
		l, name, _, _ := killed(t, Config{SegmentBytes: segment})
		cfg := Config{Dir: image(t, l.cfg.Dir), SegmentBytes: segment}
		if err := os.Remove(filepath.Join(cfg.Dir, name)); err != nil {
			t.Fatal(err)
		}
		again, recovery := open(t, cfg)
		if recovery.Damage == nil || again.End() != 20 {
			t.Fatalf("end %d, %+v", again.End(), recovery)
		}
		mustPut(t, again, 3)
		mustRead(t, again, 20, 23)
	}
}

// The small file is a witness and no more: a damaged or older one never invents damage, and one block at most goes unproved.
func TestProofItselfDamaged(t *testing.T) {
	l, name, whole, from := killed(t, Config{})
	proof, err := os.ReadFile(filepath.Join(l.cfg.Dir, proofName))
	if err != nil {
		t.Fatal(err)
	}
	for at := range len(proof) {
		changed := bytes.Clone(proof)
		changed[at] ^= 1 << (at % 8)
		again, recovery := open(t, lay(t, 0, map[string][]byte{name: whole, proofName: changed}))
		if recovery != (Recovery{}) || again.End() != 20 {
			t.Fatalf("byte %d of the proof changed: end %d, %+v", at, again.End(), recovery)
		}
		again.Close()
		broken := bytes.Clone(whole[:from])
		broken[from-30] ^= 1 // in the block before the last
		again, recovery = open(t, lay(t, 0, map[string][]byte{name: broken, proofName: changed}))
		if recovery.Damage == nil || again.End() < 10 {
			t.Fatalf("byte %d of the proof changed: end %d, %+v", at, again.End(), recovery)
		}
		again.Close()
	}
}
