package listener

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// The longest of many pauses comes near its bound: it doubles with each failure, up to the most.
		longest := make([]time.Duration, 8)
		for range 2000 {
			b := newBackoff(100*time.Millisecond, 2*time.Second, time.Minute)
			for i := range longest {
				d, more := b.pause()
				if !more || d <= 0 {
					t.Fatalf("pause %v, %v", d, more)
				}
				longest[i] = max(longest[i], d)
			}
		}
		for i, d := range longest {
			bound := min(2*time.Second, 100*time.Millisecond<<i)
			if d > bound+1 || d < bound*9/10 {
				t.Errorf("after %d failures the longest pause was %v, want nearly %v", i+1, d, bound)
			}
		}
		b := newBackoff(time.Second, time.Second, time.Minute)
		time.Sleep(time.Minute - 1)
		if _, more := b.pause(); !more {
			t.Error("gave up too early")
		}
		b.succeeded()
		time.Sleep(time.Minute - 1)
		if _, more := b.pause(); !more {
			t.Error("a success does not count")
		}
		time.Sleep(time.Nanosecond)
		if _, more := b.pause(); more {
			t.Error("did not give up")
		}
	})
}
