package lambda

import (
	"container/heap"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	maxQueued          = 100_000 // events; more are refused, so that neither memory nor disk grows without end
	throttleFirst      = time.Second
	throttleMost       = 5 * time.Minute
	destinationPersist = 6 * time.Hour // how long an unreachable failure destination is tried
)

// event is one asynchronous invocation as it lies on disk. It keeps its id over all tries.
type event struct {
	ID       string    `json:"id"`
	Function string    `json:"function"`
	Accepted time.Time `json:"accepted"`
	Due      time.Time `json:"due"`
	Attempts int       `json:"attempts"` // tries that ended in a function error
	Payload  []byte    `json:"payload"`
	// Condition is set once the event was given up and only its failure document is left to deliver.
	Condition string    `json:"condition,omitempty"`
	GivenUp   time.Time `json:"givenUp,omitzero"`
	Response  []byte    `json:"response,omitempty"`
}

// queue is the asynchronous queue: one file for each event, at least once delivery, one lane for each function. A file
// is removed only after its event is done, so kill -9 at any moment repeats an event and loses none. Memory holds the
// events' due times only.
type queue struct {
	dir          string
	store        *store
	functions    *functions
	destinations *destinations
	retryDelay   time.Duration
	log          *slog.Logger
	say          func(string)

	life, calls context.Context // of start
	group       *sync.WaitGroup // nil before start

	mu      sync.Mutex
	lanes   map[string]*lane // by function
	counts  QueueStats
	stuck   map[string]string // why an event can be delivered to nobody until somebody mends it, by id
	trouble string            // what the last event that was put off met
	waits   int               // drains under way
	changed broadcast
}

// lane orders one function's events by due time. Its dispatcher runs as many at once as the function has slots.
type lane struct {
	function  string
	functions *functions

	mu      sync.Mutex
	waiting dueHeap
	running int
	changed broadcast
}

type waiting struct {
	id        string
	due       time.Time
	throttled int // tries in a row that found no slot
}

type dueHeap []waiting

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].due.Before(h[j].due) }
func (h dueHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *dueHeap) Push(x any)        { *h = append(*h, x.(waiting)) }
func (h *dueHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// openQueue reads what an earlier process accepted. Temporary files were never acknowledged and go.
func openQueue(cfg Config, st *store, functions *functions, dest *destinations) (*queue, error) {
	q := &queue{
		dir: filepath.Join(cfg.Dir, "queue"), store: st, functions: functions, destinations: dest,
		retryDelay: cfg.RetryDelay, log: cfg.Log, say: cfg.Say, lanes: map[string]*lane{}, stuck: map[string]string{},
	}
	entries, err := os.ReadDir(q.dir)
	if err != nil {
		return nil, fmt.Errorf("recover asynchronous queue: %w", err)
	}
	for _, entry := range entries {
		id, complete := strings.CutSuffix(entry.Name(), ".json")
		if !complete {
			if err := os.Remove(filepath.Join(q.dir, entry.Name())); err != nil {
				return nil, fmt.Errorf("recover asynchronous queue: %w", err)
			}
			continue
		}
		var e event
		if err := st.load(q.path(id), &e); err != nil {
			return nil, fmt.Errorf("recover asynchronous queue: %w", err)
		}
		if functions.get(e.Function) == nil {
			q.log.Warn("asynchronous event waits for a function that is not configured", "event", id, "function", e.Function)
			continue
		}
		q.lane(e.Function).push(waiting{id: id, due: e.Due})
		q.counts.Depth++
	}
	return q, nil
}

func (q *queue) path(id string) string { return filepath.Join(q.dir, id+".json") }

// add accepts an event: when it returns nil the event is durable. A full queue answers like a busy function.
func (q *queue) add(fn, id string, payload []byte) error {
	q.mu.Lock()
	if q.counts.Depth >= maxQueued {
		q.mu.Unlock()
		return fmt.Errorf("the asynchronous queue holds %d events: %w", maxQueued, errThrottled)
	}
	q.counts.Depth++
	q.mu.Unlock()
	now := time.Now().UTC()
	if err := q.store.save(q.path(id), event{ID: id, Function: fn, Accepted: now, Due: now, Payload: payload}); err != nil {
		q.finished(func(s *QueueStats) {})
		return fmt.Errorf("queue event: %w", err)
	}
	q.lane(fn).push(waiting{id: id, due: now})
	return nil
}

// lane is a function's lane, with its dispatcher once the queue has started. It stays when the function goes.
func (q *queue) lane(fn string) *lane {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.lanes[fn]
	if l == nil {
		l = &lane{function: fn, functions: q.functions}
		q.lanes[fn] = l
		if q.group != nil {
			q.group.Go(func() { q.dispatch(l) })
		}
	}
	return l
}

// finished counts an event out.
func (q *queue) finished(count func(*QueueStats)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.counts.Depth--
	count(&q.counts)
	q.changed.wake()
}

func (l *lane) push(w waiting) {
	l.mu.Lock()
	defer l.mu.Unlock()
	heap.Push(&l.waiting, w)
	l.changed.wake()
}

// start runs a dispatcher for each lane. life ends new tries, calls ends running ones.
func (q *queue) start(life, calls context.Context, group *sync.WaitGroup) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.life, q.calls, q.group = life, calls, group
	for _, l := range q.lanes {
		group.Go(func() { q.dispatch(l) })
	}
}

// dispatch runs a lane: events in the order of their due times, at most as many at once as the function has slots.
func (q *queue) dispatch(l *lane) {
	var workers sync.WaitGroup
	defer workers.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for q.life.Err() == nil {
		next, pause, changed := l.next()
		if next != nil {
			workers.Go(func() {
				q.run(l, *next)
				l.done()
			})
			continue
		}
		timer.Reset(pause)
		select {
		case <-q.life.Done():
		case <-changed:
		case <-timer.C:
		}
	}
}

// next takes the event that is due, or says how long to wait unless the lane changes.
func (l *lane) next() (*waiting, time.Duration, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	pause := time.Hour
	if len(l.waiting) > 0 && l.running < l.slots() {
		pause = time.Until(l.waiting[0].due)
		if pause <= 0 {
			w := heap.Pop(&l.waiting).(waiting)
			l.running++
			return &w, 0, nil
		}
	}
	return nil, pause, l.changed.wait()
}

// slots is how many events may run at once. Those of a function that is gone are dropped one by one.
func (l *lane) slots() int {
	if fn := l.functions.get(l.function); fn != nil {
		return fn.ReservedConcurrency
	}
	return 1
}

func (l *lane) done() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running--
	l.changed.wake()
}

// run makes one try of one event and puts it back unless it is done. What the end of the host broke off stays on disk.
func (q *queue) run(l *lane, w waiting) {
	var e event
	if err := q.store.load(q.path(w.id), &e); err != nil {
		q.log.Error("asynchronous event cannot be read and is left in its file", "event", w.id, "error", err)
		q.finished(func(s *QueueStats) { s.Discarded++ })
		return
	}
	fn := q.functions.get(e.Function)
	if fn == nil {
		q.log.Warn("asynchronous event dropped: its function was deleted", "event", w.id, "function", e.Function)
		q.remove(w.id)
		q.finished(func(s *QueueStats) { delete(q.stuck, e.ID); s.Discarded++ })
		return
	}
	err := q.try(fn, &e)
	switch {
	case err == nil:
		q.remove(w.id)
		q.finished(func(s *QueueStats) {
			delete(q.stuck, e.ID)
			if e.Condition == "" {
				s.Delivered++
			} else {
				s.Discarded++
			}
		})
	case errors.Is(err, errClosing) || q.life.Err() != nil:
	case errors.Is(err, errAgain):
		l.push(waiting{id: w.id, due: e.Due})
	default:
		w.throttled++
		w.due = time.Now().Add(backoff(w.throttled, throttleFirst, throttleMost))
		q.putOff(fn, &e, err)
		if !errors.Is(err, errThrottled) {
			q.log.Warn("asynchronous event is put off", "event", w.id, "function", e.Function, "error", err)
		}
		l.push(w)
	}
}

// putOff notes what an event met. One whose failure destination does not exist is waited for by no drain, and said once.
func (q *queue) putOff(fn *function, e *event, err error) {
	why, first := fn.OnFailure, false
	q.mu.Lock()
	q.trouble = err.Error()
	if e.Condition != "" && destinationGone(err) && q.stuck[e.ID] == "" {
		first = !slices.Contains(slices.Collect(maps.Values(q.stuck)), why)
		q.stuck[e.ID] = why
		q.changed.wake()
	}
	q.mu.Unlock()
	if first {
		q.say("Events that " + e.Function + " failed on wait, because their failure destination " + why +
			" does not exist: make it again. They are kept for " + destinationPersist.String() + ".")
	}
}

// errAgain is an event whose state changed and was saved: it goes on at its due time.
var errAgain = errors.New("the event is tried again later")

// try takes an event one step further. Its state is saved before it is acted upon.
func (q *queue) try(fn *function, e *event) error {
	if e.Condition != "" {
		return q.discard(q.life, fn, e)
	}
	if time.Since(e.Accepted) > fn.MaximumEventAge {
		return q.giveUp(e, "EventAgeExceeded", e.Response)
	}
	res, err := q.functions.invoke(q.calls, fn.Name, e.ID, e.Payload, "")
	if err != nil {
		return err
	}
	if !res.failed {
		return nil
	}
	e.Attempts++
	retries := defaultRetries
	if fn.MaximumRetryAttempts != nil {
		retries = *fn.MaximumRetryAttempts
	}
	if e.Attempts > retries {
		return q.giveUp(e, "RetriesExhausted", res.payload)
	}
	e.Due, e.Response = time.Now().UTC().Add(time.Duration(e.Attempts)*q.retryDelay), res.payload
	return q.saveAgain(e)
}

// giveUp turns the event into a failure document that waits for its delivery; from here on the function is not called.
func (q *queue) giveUp(e *event, condition string, response []byte) error {
	e.Condition, e.Response, e.GivenUp, e.Due = condition, response, time.Now().UTC(), time.Now().UTC()
	return q.saveAgain(e)
}

func (q *queue) saveAgain(e *event) error {
	if err := q.store.save(q.path(e.ID), e); err != nil {
		return err
	}
	return errAgain
}

// discard delivers the failure document of an event that was given up. Without a destination, or after six hours
// without reaching it, the event is dropped and only the log knows.
func (q *queue) discard(ctx context.Context, fn *function, e *event) error {
	var err error
	if fn.OnFailure != "" {
		err = q.deliver(ctx, fn, e)
		if err != nil && time.Since(e.GivenUp) < destinationPersist {
			return err
		}
	}
	if fn.OnFailure == "" || err != nil {
		q.log.Warn("asynchronous event dropped", "event", e.ID, "function", e.Function, "condition", e.Condition,
			"attempts", e.Attempts, "error", err)
	}
	return nil
}

// deliver puts the failure document where the function's configuration says. A restart may have changed that.
func (q *queue) deliver(ctx context.Context, fn *function, e *event) error {
	to, err := q.destinations.resolve(fn.OnFailure)
	if err != nil {
		return err
	}
	response := json.RawMessage(e.Response)
	if len(response) > 0 && !json.Valid(response) {
		response = errorDocument("Runtime.Unknown", "the function's response is not JSON")
	}
	return q.destinations.put(ctx, to, documentKey("async", fn.Name, e.GivenUp), eventDocument{
		Version: "1.0", Timestamp: e.GivenUp.UTC().Format(timestampLayout),
		RequestContext:  requestContext{e.ID, fn.arn() + ":" + latestVersion, e.Condition, e.Attempts},
		RequestPayload:  e.Payload,
		ResponseContext: unhandled(e.Attempts), ResponsePayload: response,
	})
}

// remove needs no sync: a file that comes back after a power loss only repeats its event.
func (q *queue) remove(id string) {
	if err := os.Remove(q.path(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		q.log.Warn("file of a finished asynchronous event cannot be removed; it will run again after a restart", "event", id, "error", err)
	}
}

// drain waits until every event is done, but for those that nobody can take.
func (q *queue) drain(ctx context.Context) error {
	q.wait(1)
	defer q.wait(-1)
	for {
		q.mu.Lock()
		depth, changed := q.counts.Depth-len(q.stuck), q.changed.wait()
		q.mu.Unlock()
		if depth == 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%d events are not done: %w", depth, ctx.Err())
		}
	}
}

func (q *queue) wait(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waits += n
}

// waiting says what the drains under way wait for.
func (q *queue) waiting() string {
	q.mu.Lock()
	defer q.mu.Unlock()
	depth := q.counts.Depth - len(q.stuck)
	if q.waits == 0 || depth == 0 {
		return ""
	}
	what := fmt.Sprintf("%d asynchronous events are not done", depth)
	if q.trouble != "" {
		what += " (" + q.trouble + ")"
	}
	return what
}

func (q *queue) stats() QueueStats {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.counts
}
