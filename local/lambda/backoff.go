package lambda

import (
	"context"
	"math/rand/v2"
	"time"
)

// backoff is the pause before try n+1, n counted from 1: first doubled n-1 times up to most, and then a random half to
// whole of that, so that shards that failed together do not come back together.
func backoff(n int, first, most time.Duration) time.Duration {
	pause := most
	if n < 32 && first<<(n-1) < most {
		pause = first << (n - 1)
	}
	return pause/2 + rand.N(pause/2+1)
}

// sleep waits and reports whether it was undisturbed.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// broadcast wakes everyone who waits for a change. Its owner's mutex covers it: wait for the channel got under the lock,
// then look again.
type broadcast struct{ changed chan struct{} }

func (b *broadcast) wait() <-chan struct{} {
	if b.changed == nil {
		b.changed = make(chan struct{})
	}
	return b.changed
}

func (b *broadcast) wake() {
	if b.changed != nil {
		close(b.changed)
		b.changed = nil
	}
}
