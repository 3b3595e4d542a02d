package simulation

import (
	"context"
	"fmt"
	"hash"
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/snowstream/snowstream/record/rawzone"
)

// world is one run. Whoever touches any part of it holds mu, and gives it away only to wait or to run real code.
type world struct {
	mu sync.Mutex
	// room is how many bytes make an object, 0 for as many as usual: then no batch here fills one.
	room   int
	random *rand.Rand
	// taken are the moments at which somebody wakes up. No two are the same, so nobody ever runs beside another, and
	// the order of all draws from random is fixed by the seed.
	taken map[int64]bool
	// group are all goroutines of the run.
	group sync.WaitGroup

	// faulty is true in the phases in which faults are injected; rates are this seed's, hits counts injections.
	faulty bool
	rates  [faults]float64
	hits   [faults]int

	// compressions are those that processes are started with, by turns that settings decides.
	compressions []rawzone.Compression
	settings     *rand.Rand

	began time.Time
	hash  hash.Hash64
	steps int
	// print gets each step, if it is set.
	print func(string)

	// sealing says that audits seal under load.
	sealing bool

	stream    *stream
	bucket    *bucket
	streaming *table
	// narrow says that somebody has made a column of both tables shorter for a time, widened that nobody will again.
	narrow, widened bool
	pipe            *pipe
	functions       *functions
	findings        []finding
	// service is where rows go if they are not merged; swept is the answer to the last sweep.
	service *service
	swept   string
	// switching says that people change the row path, merging that rows are merged now; stopped counts those who have stopped the
	// mapping and wait.
	switching, merging bool
	stopped            int
	// generations are those of the rows in the raw zone, by the record.
	generations map[string]value
	// operated says that people repair beside the run, which brings rows when they do; damaged that they have taken rows away.
	operated, damaged bool
}

// finding is a broken promise.
type finding struct {
	kind string
	text string
}

// The kinds of findings that the figure counts; the others are "broken".
const (
	lost       = "lost"
	doubled    = "doubled"
	misordered = "misordered"
	altered    = "altered"
	broken     = "broken"
)

// maxFindings bounds what one seed reports.
const maxFindings = 20

func newWorld(seed uint64) *world {
	w := &world{
		random: rand.New(rand.NewPCG(seed, 0x5e_ed)), taken: map[int64]bool{}, hash: fnv.New64a(), began: time.Now(),
	}
	w.chooseFaults()
	w.bucket = newBucket(w)
	w.streaming = newTable()
	w.streaming.refuses = w.refuses
	w.pipe = newPipe(w)
	w.pipe.table.refuses = w.refuses
	w.stream = newStream(w)
	w.functions = newFunctions(w, narrow())
	return w
}

// find records a broken promise.
func (w *world) find(kind, format string, args ...any) {
	if len(w.findings) < maxFindings {
		w.findings = append(w.findings, finding{kind, fmt.Sprintf(format, args...)})
	}
	w.step("FOUND %s: %s", kind, fmt.Sprintf(format, args...))
}

// step adds to the trace.
func (w *world) step(format string, args ...any) {
	w.steps++
	text := fmt.Sprintf("%16s ", time.Since(w.began)) + fmt.Sprintf(format, args...)
	_, _ = fmt.Fprintln(w.hash, text)
	if w.print != nil {
		w.print(text)
	}
}

// moment is when d from now is, or the next moment that nobody has taken.
func (w *world) moment(d time.Duration) time.Time {
	at := time.Now().Add(d)
	for w.taken[at.UnixNano()] {
		at = at.Add(1)
	}
	w.taken[at.UnixNano()] = true
	return at
}

// between draws a duration.
func (w *world) between(low, high time.Duration) time.Duration {
	return low + time.Duration(w.random.Int64N(int64(high-low)))
}

// pause waits, with mu given away, and returns early with ctx's error.
func (w *world) pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(time.Until(w.moment(d)))
	defer timer.Stop()
	w.mu.Unlock()
	defer w.mu.Lock()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// later runs f, with mu held, at a moment of its own.
func (w *world) later(d time.Duration, f func()) {
	at := w.moment(d)
	w.group.Go(func() {
		time.Sleep(time.Until(at))
		w.mu.Lock()
		defer w.mu.Unlock()
		f()
	})
}

// BackoffDelay makes the pauses of the SDKs' retries part of the run; their own draw from the system's randomness.
func (w *world) BackoffDelay(attempt int, _ error) (time.Duration, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	most := min(100*time.Millisecond<<attempt, 20*time.Second)
	return time.Until(w.moment(w.between(most/20, most))), nil
}
