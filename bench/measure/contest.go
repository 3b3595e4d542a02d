package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"syscall"
	"time"
)

// contender is one way to do a piece of work.
type contender struct {
	name string
	// run does the work n times and returns the CPU time that took: its own, or that of the process that did it.
	run func(n int) (time.Duration, error)
}

// result is what a contender took for the work done once, round by round.
type result struct {
	name  string
	times []float64 // nanoseconds
}

// here makes a contender of work that is done in this process.
func here(name string, work func() error) contender {
	return contender{name, func(n int) (time.Duration, error) {
		runtime.GC() // nobody pays for the garbage of the one before
		before := cpu()
		for range n {
			if err := work(); err != nil {
				return 0, err
			}
		}
		return cpu() - before, nil
	}}
}

// cpu is the time that this process has spent computing, in all its threads, in user and kernel mode.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// contest lets the contenders work in turn, round after round, each as often as fills a slice.
func contest(ctx context.Context, s settings, contenders []contender) ([]result, error) {
	counts := make([]int, len(contenders))
	results := make([]result, len(contenders))
	for i, c := range contenders {
		n, err := calibrate(c, s.slice)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		counts[i], results[i].name = n, c.name
	}
	for range s.rounds {
		for i, c := range contenders {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			took, err := c.run(counts[i])
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			results[i].times = append(results[i].times, float64(took)/float64(counts[i]))
		}
	}
	return results, nil
}

// calibrate finds how often the work fits into a slice; it also warms the contender up.
func calibrate(c contender, slice time.Duration) (int, error) {
	for n := 1; ; {
		took, err := c.run(n)
		if err != nil {
			return 0, err
		}
		if took >= slice/4 {
			return max(1, int(float64(n)*float64(slice)/float64(took))), nil
		}
		n *= 1 + int(min(100, float64(slice)/float64(max(took, time.Microsecond))))
	}
}

// functionGC is the garbage collector's setting in both functions; see function.RoomyHeap.
const functionGC = 400

// one runs single-core work on a single core, the garbage collector included, which is set for all as in the functions.
func one(work func() ([]result, error)) ([]result, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	defer debug.SetGCPercent(debug.SetGCPercent(functionGC))
	return work()
}

// spread is the median and the quartiles of a series.
type spread struct{ low, median, high float64 }

func spreadOf(series []float64) spread {
	s := slices.Sorted(slices.Values(series))
	at := func(part float64) float64 {
		place := part * float64(len(s)-1)
		i := int(place)
		return s[i] + (place-float64(i))*(s[min(i+1, len(s)-1)]-s[i])
	}
	return spread{at(0.25), at(0.5), at(0.75)}
}

// times is how many times faster a is than b, by the ratios inside each round.
func times(a, b result) spread {
	var ratios []float64
	for i := range a.times {
		ratios = append(ratios, b.times[i]/a.times[i])
	}
	return spreadOf(ratios)
}

func milliseconds(d time.Duration) float64 { return 1000 * d.Seconds() }
