package board

import (
	"context"
	"time"

	"github.com/snowstream/snowstream/cmd/internal/stack"
	"github.com/snowstream/snowstream/dashboard"
)

const (
	// rowPathEvery is how often SnowflakeUpsert is asked how far rows are visible: asking is an invocation.
	rowPathEvery = 10 * time.Second
	// rowPathPatience bounds what the question adds to a look.
	rowPathPatience = 3 * time.Second
)

// rowPath remembers how far rows that go by Snowpipe Streaming were visible when that was last asked.
type rowPath struct {
	place stack.Settings
	asked time.Time
	state dashboard.RowPath
}

// look returns the last answer where there is no new one: what the page shows of it is no reason to show nothing.
func (r *rowPath) look(ctx context.Context) dashboard.RowPath {
	if time.Since(r.asked) < rowPathEvery {
		return r.state
	}
	r.asked = time.Now()
	ctx, cancel := context.WithTimeout(ctx, rowPathPatience)
	defer cancel()
	shards, err := r.place.Pending(ctx)
	if err != nil {
		return r.state
	}
	r.state = dashboard.RowPath{}
	for _, p := range shards {
		r.state.Uncommitted += p.Last - p.Committed
		r.state.Rejected += p.Rejected
		if p.Error != "" {
			r.state.Unknown++
		}
	}
	return r.state
}
