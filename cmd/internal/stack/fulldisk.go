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

// fullDiskAgain is how often a disk that stays full is named.
const fullDiskAgain = time.Minute

// fullDisk passes log records on and says at once, to a person, when one of them tells of a disk without room: to the
// services it is one failure among others that is tried again.
type fullDisk struct {
	slog.Handler
	dir  string
	say  func(string)
	last *lastSaid
}

type lastSaid struct {
	mu sync.Mutex
	at time.Time
}

// watchDisk has say told, among what log gets, of a full disk under dir.
func watchDisk(log *slog.Logger, dir string, say func(string)) *slog.Logger {
	return slog.New(fullDisk{log.Handler(), dir, say, &lastSaid{}})
}

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
	h.last.mu.Lock()
	quiet := time.Since(h.last.at) < fullDiskAgain
	if !quiet {
		h.last.at = time.Now()
	}
	h.last.mu.Unlock()
	if !quiet {
		h.say("The disk of " + h.dir + " is full. What was accepted is kept, nothing new is stored: make space, and it goes on by itself.")
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
