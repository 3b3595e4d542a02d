//go:build cgo

package stack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// A wait is silent for five seconds, then named; again when it changes, and once a minute while it does not.
func TestNamedWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var said []string
		wait := func(context.Context) error { time.Sleep(140 * time.Second); return nil }
		waiting := func() string {
			if time.Since(began) < 8*time.Second {
				return "one"
			}
			return "two"
		}
		if err := named(t.Context(), wait, waiting, func(text string) {
			said = append(said, fmt.Sprintf("%s: %s", time.Since(began), text))
		}); err != nil {
			t.Error(err)
		}
		want := []string{"5s: Waiting for one, 5s so far.", "10s: Waiting for two, 10s so far.", "1m10s: Waiting for two, 1m10s so far.", "2m10s: Waiting for two, 2m10s so far."}
		if strings.Join(said, "\n") != strings.Join(want, "\n") {
			t.Errorf("said %q", said)
		}
	})
}

// A full disk is named at once, whoever met it and however it tells; and not a hundred times.
func TestFullDiskIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said []string
		log, disk := watchDisk(slog.New(slog.DiscardHandler), "data", func(text string) { said = append(said, text) })
		log.Warn("no trouble with the disk", "error", errors.New("as told"))
		if len(said) != 0 {
			t.Fatalf("said %q", said)
		}
		for i, err := range []error{
			fmt.Errorf("write: %w", syscall.ENOSPC), fmt.Errorf("write: %w", syscall.EDQUOT), errors.New("IO Error: No space left on device"),
		} {
			for range 100 {
				log.With("service", "s3").Warn("failed", "records", 7, "error", err)
			}
			if len(said) != i+1 || !strings.Contains(said[i], "The disk of data is full") {
				t.Fatalf("%v: said %q", err, said)
			}
			time.Sleep(fullDiskFor)
			if disk.problem() != said[i] {
				t.Errorf("%v: just met, and the disk's problem is %q", err, disk.problem())
			}
			time.Sleep(fullDiskAgain - fullDiskFor)
			if disk.problem() != "" {
				t.Errorf("%v: nobody has met it for long, and the disk's problem is %q", err, disk.problem())
			}
		}
	})
}
