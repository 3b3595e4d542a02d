package main

import (
	"strings"
	"testing"
	"time"
)

// TestFirstBatch: until the first batch is handed over, the display says what it waits for.
func TestFirstBatch(t *testing.T) {
	slow := view{phase: generating, accepted: 3, batch: 100, window: time.Minute}
	done, quick, ended := slow, slow, slow
	done.orchestrator, quick.window, ended.phase = 1, 0, "draining"
	for _, c := range []struct {
		view view
		says bool
	}{{slow, true}, {view{phase: generating, batch: 100, window: time.Minute}, false}, {done, false}, {quick, false}, {ended, false}} {
		if says := strings.Contains(c.view.text(), "waiting for 100 records of a shard, or 1m0s"); says != c.says {
			t.Errorf("%+v: %s", c.view, c.view.text())
		}
	}
}
