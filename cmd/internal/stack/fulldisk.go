//go:build cgo

package stack

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// fullDiskAgain is how often a disk that stays full is named.
	fullDiskAgain = time.Minute
	// fullDiskFor is how long a disk counts as full after the last error: whatever met it tries again sooner.
	fullDiskFor = 30 * time.Second
)

// fullDisk passes log records on and says at once, to a person, when one of them tells of a disk without room: to the
// services it is one failure among others that is tried again.
type fullDisk struct {
	slog.Handler
	say  func(string)
	disk *disk
}

// disk is what is known of the data folder's disk.
type disk struct {
	dir string

	mu        sync.Mutex // covers the fields below
	said, met time.Time  // when it was named last, and when something last met it full
}

// problem says that the disk is full, and what to do; empty while it is not.
func (d *disk) problem() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if time.Since(d.met) > fullDiskFor {
		return ""
	}
	return "The disk of " + d.dir + " is full. What was accepted is kept, nothing new is stored: make space, and it goes on by itself."
}

// watchDisk has say told, among what log gets, of a full disk under dir.
func watchDisk(log *slog.Logger, dir string, say func(string)) (*slog.Logger, *disk) {
	d := &disk{dir: dir}
	return slog.New(fullDisk{log.Handler(), say, d}), d
}

// FullDisk says that the disk of the data folder is full, and what to do; empty while it is not.
func (s *Stack) FullDisk() string { return s.disk.problem() }

// Enabled implements slog.Handler.
func (h fullDisk) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn || h.Handler.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (h fullDisk) Handle(ctx context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		err, ok := a.Value.Any().(error)
		if ok && noRoom(err) {
			h.tell()
		}
		return !ok
	})
	if !h.Handler.Enabled(ctx, r.Level) {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

func (h fullDisk) tell() {
	d := h.disk
	d.mu.Lock()
	d.met = time.Now()
	quiet := d.met.Sub(d.said) < fullDiskAgain
	if !quiet {
		d.said = d.met
	}
	d.mu.Unlock()
	if !quiet {
		h.say(d.problem())
	}
}

// noRoom tells an error of a full disk, or one whose service passed on only its words.
func noRoom(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG) ||
		strings.Contains(strings.ToLower(err.Error()), "no space left")
}

// WithAttrs implements slog.Handler.
func (h fullDisk) WithAttrs(attrs []slog.Attr) slog.Handler {
	h.Handler = h.Handler.WithAttrs(attrs)
	return h
}

// WithGroup implements slog.Handler.
func (h fullDisk) WithGroup(name string) slog.Handler {
	h.Handler = h.Handler.WithGroup(name)
	return h
}
