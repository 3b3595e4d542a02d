package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/snowstream/snowstream/internal/long"
)

// diskSize is the data folder's file system in TestChaosDisk, in MiB: a stack needs a tenth of it for a start.
const diskSize = "64m"

// smallDisk is a folder on a file system of its own, which can be filled.
func smallDisk(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("not run: -short leaves out what starts the whole stack")
	}
	dir := filepath.Join(t.TempDir(), "disk")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_NOSUID|syscall.MS_NODEV, "size="+diskSize); err != nil {
		t.Skipf("not run: a small file system cannot be mounted: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
	return dir
}

// fill fills the disk up to a spare rest, which lets some writes through and not others.
func fill(t *testing.T, ballast string, spare int64) {
	t.Helper()
	f, err := os.OpenFile(ballast, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var size int64
	for block := make([]byte, 1<<20); err == nil; {
		var n int
		n, err = f.Write(block)
		size += int64(n)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	if err := f.Truncate(max(0, size-spare)); err != nil {
		t.Fatal(err)
	}
}

// TestChaosDisk fills the disk under load and makes space again, over and over; in the end the whole stack is killed
// while the disk is full (F43).
func TestChaosDisk(t *testing.T) {
	long.Test(t)
	random, dir, f := chance(t), filepath.Join(smallDisk(t), "data"), &feed{}
	ballast := filepath.Join(filepath.Dir(dir), "ballast")
	l, o := quiet(t, dir)
	fills := 0
	full := func() {
		pause(random, 400*time.Millisecond)
		fill(t, ballast, random.Int64N(64<<10))
		pause(random, 400*time.Millisecond)
		fills++
	}
	empty := func() {
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
	}
	f.during(t, o.kinesis, o.Stream, func() {
		for over := time.Now().Add(*chaos); time.Now().Before(over); empty() {
			full()
		}
	})
	o.check(t, f, dir)
	f.during(t, o.kinesis, o.Stream, func() {
		full()
		l.Process.Kill()
		l.Wait()
	})
	if said := l.stderr.String(); !strings.Contains(said, "is full. What was accepted is kept") {
		t.Errorf("the full disk was not named: %s", said)
	}
	empty()
	l, o = quiet(t, dir)
	o.check(t, f, dir)
	l.stop(t).complete(t)
	if _, failures := f.count(); failures == 0 {
		t.Errorf("no call failed while the disk was full %d times: it was not", fills)
	}
}
