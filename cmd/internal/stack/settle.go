//go:build cgo

package stack

import (
	"context"
	"time"

	"github.com/snowstream/snowstream/cmd/internal/function"
)

const (
	// sweepEvery is how often SnowflakeUpsert looks after rows that were appended and are not visible, as by a rule of EventBridge
	// for a deployment.
	sweepEvery = time.Minute
	// settleEvery is how often a drain asks whether the last rows are visible.
	settleEvery = 200 * time.Millisecond
)

// settle returns once all rows that were handed over are visible.
func (s *Stack) settle(ctx context.Context) error {
	for s.RowPath == function.Snowpipe {
		shards, err := s.Upserter().Sweep(ctx)
		if err != nil {
			return err
		}
		visible := true
		for _, p := range shards {
			visible = visible && p.Committed >= p.Last
		}
		if visible {
			return nil
		}
		select {
		case <-time.After(settleEvery):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}
