package board

import (
	"testing"
	"time"
)

// TestSample: changes that are rare are all measured; of frequent ones only such as follow right after a look, and with
// a rest in between.
func TestSample(t *testing.T) {
	const took = 5 * time.Millisecond
	run := func(every time.Duration) (changes, looks, measured int) {
		var s sample
		known, now := int64(0), time.Unix(1000, 0)
		for at := int64(1); at <= 200; at++ {
			now = now.Add(every)
			changes++
			ask, measure := s.due(at, now)
			if measure && known != at-1 {
				t.Fatalf("every %s: change %d is measured, though the last look saw %d", every, at, known)
			}
			if !ask {
				continue
			}
			looks++
			if measure {
				measured++
			}
			known = at
			s.looked(at, measure, now, took)
			if again, _ := s.due(at, now.Add(every/2)); again {
				t.Fatalf("every %s: change %d is looked at twice", every, at)
			}
		}
		return changes, looks, measured
	}
	if changes, looks, measured := run(time.Second); looks != changes || measured != changes {
		t.Errorf("one a second: %d changes, %d looks, %d measured", changes, looks, measured)
	}
	changes, looks, measured := run(50 * time.Millisecond)
	if measured < 10 || looks > changes/4 {
		t.Errorf("20 a second: %d changes, %d looks, %d measured", changes, looks, measured)
	}
}
