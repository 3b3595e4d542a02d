//go:build cgo

package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/snowstream/snowstream/processing/replay"
)

// collectEvery is how often the bucket is asked for failure documents: one listing request.
const collectEvery = 3 * time.Second

// collection lands what Lambda gives up, as `snowstream replay failed` does, without being asked: a record that no
// invocation can carry goes that way.
type collection struct {
	mu        sync.Mutex // one collection at a time
	collector *replay.Collector
	log       *slog.Logger
}

// run collects until ctx ends. Trouble passes: the next time, or the drain, does what is left.
func (c *collection) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(collectEvery):
		}
		if _, err := c.once(ctx); err != nil && ctx.Err() == nil {
			c.log.Warn("failed invocations could not be collected", "error", err)
		}
	}
}

// once collects, and reports whether there was anything new.
func (c *collection) once(ctx context.Context) (more bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, err := c.collector.Collect(ctx)
	return s.Documents > 0, err
}
