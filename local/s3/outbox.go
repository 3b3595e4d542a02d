package s3

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	fileDelivered = "delivered.json"
	// cursorInterval is how often the delivery cursors are written: the events of the last second may be sent again
	// after a crash, which costs the receiver a duplicate and saves two flushes an event.
	cursorInterval = time.Second
	// sendEvery is the least time between two calls to a queue: a receiver that commits once for several messages has
	// much less to do. A call takes at most maxBatch messages, as SQS has it.
	sendEvery = 250 * time.Millisecond
	maxBatch  = 10
)

// notice is a message owed to a queue. It lies in the footer of its object, or in a file of its own in the outbox if
// it has no object or if that object is replaced or deleted before the message got through.
type notice struct {
	Sequence uint64 `json:"sequence"`
	Queue    string `json:"queue"` // ARN
	Body     string `json:"body"`
}

// outbox owes messages to queues and delivers them at least once, in the order of their sequence numbers, one
// goroutine a queue. What has been delivered is one number a queue: everything up to the cursor. That works because a
// sequence number is given and its message listed in one step, so none can appear behind the cursor later.
//
// Memory is bounded by the undelivered messages, about 1 KB each.
type outbox struct {
	disk   *disk
	sender *sender
	log    *slog.Logger
	say    func(string) // told once a queue that its messages were let go
	ctx    context.Context
	cancel context.CancelFunc
	tasks  sync.WaitGroup // the goroutines of the queues and of the cursor file

	mu      sync.Mutex // covers everything below
	last    uint64     // newest sequence number given
	queues  map[string]*queue
	changed chan struct{} // closed and replaced whenever a message leaves
	dirty   chan struct{} // holds a token when the cursors moved since they were written

	flushing   int           // flushes that wait: nothing is gathered meanwhile
	flushBegan chan struct{} // closed and replaced whenever one begins
}

// queue is the part of the outbox that goes to one queue; outbox.mu covers it.
type queue struct {
	arn       string
	pending   []*slip // by sequence number
	trouble   string  // what the last try to send them met; empty after one that succeeded
	gone      bool    // the queue did not exist at the last try
	delivered uint64  // cursor: everything up to it was delivered before this run
	wake      chan struct{}
}

// slip is a message in the outbox.
type slip struct {
	notice
	ready bool // its object is durable: it may be sent
	kept  bool // it has a file of its own
}

// openOutbox starts with the sequence number last; restore and start follow.
func openOutbox(d *disk, s *sender, last uint64, log *slog.Logger, say func(string)) (*outbox, error) {
	ctx, cancel := context.WithCancel(context.Background())
	o := &outbox{
		disk: d, sender: s, log: log, say: say, ctx: ctx, cancel: cancel,
		last: last, queues: map[string]*queue{}, changed: make(chan struct{}), dirty: make(chan struct{}, 1),
		flushBegan: make(chan struct{}),
	}
	data, err := os.ReadFile(d.path(folderOutbox, fileDelivered))
	if errors.Is(err, fs.ErrNotExist) {
		return o, nil
	}
	var cursors map[string]uint64
	if err == nil {
		err = json.Unmarshal(data, &cursors)
	}
	if err != nil {
		return nil, fmt.Errorf("read the delivery cursors %s (remove the file to have every event sent again): %w", fileDelivered, err)
	}
	for arn, cursor := range cursors {
		o.queue(arn).delivered = cursor
	}
	return o, nil
}

// queue returns the queue of an ARN, new if need be.
func (o *outbox) queue(arn string) *queue {
	q := o.queues[arn]
	if q == nil {
		q = &queue{arn: arn, wake: make(chan struct{}, 1)}
		o.queues[arn] = q
		if o.sender != nil && o.ctx.Err() == nil {
			o.tasks.Go(func() { o.deliver(q) })
		}
	}
	return q
}

// restore lists what earlier runs owe: the notices of the objects found, and the files of the outbox.
func (o *outbox) restore(found []notice) error {
	files, err := o.files()
	if err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, n := range found {
		o.relist(&slip{notice: n, ready: true})
	}
	for _, n := range files {
		o.relist(&slip{notice: n, ready: true, kept: true})
	}
	for _, q := range o.queues {
		slices.SortStableFunc(q.pending, func(a, b *slip) int {
			if a.Sequence == b.Sequence && a.kept != b.kept && a.kept {
				return -1 // of an object's notice and its file, the one that will remove the file
			}
			return compareSequence(a, b.Sequence)
		})
		q.pending = slices.CompactFunc(q.pending, func(a, b *slip) bool { return a.Sequence == b.Sequence })
		q.nudge()
	}
	return nil
}

func (o *outbox) relist(s *slip) {
	q := o.queue(s.Queue)
	if s.Sequence > q.delivered {
		q.pending = append(q.pending, s)
	} else if s.kept {
		_ = os.Remove(o.disk.path(folderOutbox, sequencer(s.Sequence))) // delivered already; a leftover does no harm
	}
}

// files reads the messages that have files of their own.
func (o *outbox) files() ([]notice, error) {
	entries, err := os.ReadDir(o.disk.path(folderOutbox))
	if err != nil {
		return nil, fmt.Errorf("read the outbox: %w", err)
	}
	var notices []notice
	for _, entry := range entries {
		if entry.Name() == fileDelivered {
			continue
		}
		data, err := os.ReadFile(o.disk.path(folderOutbox, entry.Name()))
		if err != nil {
			return nil, fmt.Errorf("read the outbox: %w", err)
		}
		var n notice
		if err := json.Unmarshal(data, &n); err != nil || sequencer(n.Sequence) != entry.Name() {
			return nil, fmt.Errorf("the outbox file %s is damaged; remove it to give up its event", entry.Name())
		}
		notices = append(notices, n)
	}
	return notices, nil
}

// next gives a sequence number to a write that owes no message.
func (o *outbox) next() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.last++
	return o.last
}

// reserve gives a sequence number and lists a message under it, to be released or withdrawn.
func (o *outbox) reserve(arn string) *slip {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.last++
	q := o.queue(arn)
	s := &slip{notice: notice{Sequence: o.last, Queue: arn}}
	q.pending = append(q.pending, s)
	return s
}

// release lets a message go: it is durable now.
func (o *outbox) release(s *slip) {
	o.mu.Lock()
	defer o.mu.Unlock()
	s.ready = true
	o.queues[s.Queue].nudge()
}

// withdraw takes a message back whose object was not stored.
func (o *outbox) withdraw(s *slip) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.drop(s)
}

// post makes a message durable that has no object.
func (o *outbox) post(arn, body string) error {
	s := o.reserve(arn)
	s.Body, s.kept = body, true
	if err := o.write(s.notice); err != nil {
		o.withdraw(s)
		return err
	}
	o.release(s)
	return nil
}

// keep gives the message of an object a file of its own, because the object is about to go. The lock is held over the
// write, so that the message is not delivered in between and its file left behind.
func (o *outbox) keep(e *entry) error {
	if e == nil || e.queue == "" {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	q := o.queues[e.queue]
	i, ok := slices.BinarySearchFunc(q.pending, e.sequence, compareSequence)
	if !ok || q.pending[i].kept {
		return nil
	}
	if err := o.write(q.pending[i].notice); err != nil {
		return fmt.Errorf("keep the event of the replaced object: %w", err)
	}
	q.pending[i].kept = true
	return nil
}

func (o *outbox) write(n notice) error {
	return o.disk.write(o.disk.path(folderOutbox), sequencer(n.Sequence), []byte(encodeJSON(n)))
}

// drop takes a message off its queue; o.mu is held.
func (o *outbox) drop(s *slip) {
	q := o.queues[s.Queue]
	if i, ok := slices.BinarySearchFunc(q.pending, s.Sequence, compareSequence); ok {
		q.pending = slices.Delete(q.pending, i, i+1)
	}
	close(o.changed)
	o.changed = make(chan struct{})
	select {
	case o.dirty <- struct{}{}:
	default:
	}
	q.nudge()
}

func compareSequence(s *slip, n uint64) int {
	switch {
	case s.Sequence < n:
		return -1
	case s.Sequence > n:
		return 1
	}
	return 0
}

func (q *queue) nudge() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// heads returns the next messages to send: none if the first one's object is not durable yet.
func (o *outbox) heads(q *queue) []notice {
	o.mu.Lock()
	defer o.mu.Unlock()
	var next []notice
	for _, s := range q.pending {
		if !s.ready || len(next) == maxBatch {
			break
		}
		next = append(next, s.notice)
	}
	return next
}

// deliver sends a queue's messages until the outbox closes.
func (o *outbox) deliver(q *queue) {
	for {
		batch := o.heads(q)
		if len(batch) == 0 {
			select {
			case <-q.wake:
				continue
			case <-o.ctx.Done():
				return
			}
		}
		began := time.Now()
		err := o.sender.send(o.ctx, batch, func(err error) { o.met(q, err.Error()) })
		if errors.Is(err, errNoQueue) {
			o.letGo(q)
			continue
		}
		if err != nil {
			return
		}
		o.met(q, "")
		o.delivered(q, batch)
		o.gather(began)
	}
}

// met notes what sending to a queue met.
func (o *outbox) met(q *queue, trouble string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if q.trouble = trouble; trouble == "" {
		q.gone = false
	}
}

// letGo gives up the messages of a queue that does not exist, as AWS does: nobody can ever take them.
func (o *outbox) letGo(q *queue) {
	o.mu.Lock()
	var batch []notice
	for _, s := range q.pending {
		if s.ready {
			batch = append(batch, s.notice)
		}
	}
	again := q.gone
	q.gone, q.trouble = true, ""
	o.mu.Unlock()
	o.log.Warn("s3: the queue of notifications does not exist; they are let go", "queue", q.arn, "notifications", len(batch))
	if !again {
		o.say("The queue " + q.arn + " does not exist, so notifications to it are dropped, as on AWS: " +
			"take it out of the notification configuration of its bucket. The objects themselves are there.")
	}
	o.delivered(q, batch)
}

// waiting says what the flushes under way wait for.
func (o *outbox) waiting() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.flushing == 0 {
		return ""
	}
	var all []string
	for _, q := range o.queues {
		if len(q.pending) == 0 {
			continue
		}
		what := fmt.Sprintf("%d notifications to queue %s", len(q.pending), q.arn)
		if q.trouble != "" {
			what += " (" + q.trouble + ")"
		}
		all = append(all, what)
	}
	slices.Sort(all)
	return strings.Join(all, "; ")
}

// gather lets messages come together until sendEvery has passed since the last ones went, unless a flush waits.
func (o *outbox) gather(since time.Time) {
	o.mu.Lock()
	flushing, changed := o.flushing > 0, o.flushBegan
	o.mu.Unlock()
	if flushing {
		return
	}
	timer := time.NewTimer(sendEvery - time.Since(since))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-changed:
	case <-o.ctx.Done():
	}
}

// delivered forgets messages.
func (o *outbox) delivered(q *queue, batch []notice) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, n := range batch {
		i, ok := slices.BinarySearchFunc(q.pending, n.Sequence, compareSequence)
		if !ok {
			continue
		}
		s := q.pending[i]
		o.drop(s)
		if s.kept {
			// Not flushed: a file that comes back after a power loss lies behind the cursor, or is sent once more.
			_ = os.Remove(o.disk.path(folderOutbox, sequencer(s.Sequence)))
		}
	}
}

// saveCursors writes the cursors while they move, until the outbox closes.
func (o *outbox) saveCursors() {
	ticker := time.NewTicker(cursorInterval)
	defer ticker.Stop()
	for {
		select {
		case <-o.ctx.Done():
			return
		case <-ticker.C:
		}
		select {
		case <-o.dirty:
			if err := o.writeCursors(); err != nil {
				o.log.Error("s3: writing the delivery cursors failed; events may be sent again", "error", err)
			}
		default:
		}
	}
}

func (o *outbox) writeCursors() error {
	cursors := map[string]uint64{}
	o.mu.Lock()
	for arn, q := range o.queues {
		cursors[arn] = o.last
		if len(q.pending) > 0 {
			cursors[arn] = q.pending[0].Sequence - 1
		}
	}
	o.mu.Unlock()
	return o.disk.write(o.disk.path(folderOutbox), fileDelivered, []byte(encodeJSON(cursors)))
}

// flush returns when nothing is owed any more.
func (o *outbox) flush(ctx context.Context) error {
	o.mu.Lock()
	o.flushing++
	close(o.flushBegan)
	o.flushBegan = make(chan struct{})
	o.mu.Unlock()
	defer func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.flushing--
	}()
	for {
		o.mu.Lock()
		var count int
		for _, q := range o.queues {
			count += len(q.pending)
		}
		changed := o.changed
		o.mu.Unlock()
		switch {
		case count == 0:
			return nil
		case o.sender == nil:
			return fmt.Errorf("%d notifications wait, and no queue endpoint is configured to send them to", count)
		}
		select {
		case <-changed:
		case <-o.ctx.Done():
			return fmt.Errorf("%d notifications wait: %w", count, errClosed)
		case <-ctx.Done():
			return fmt.Errorf("%d notifications wait for their queue: %w", count, ctx.Err())
		}
	}
}

// close stops the senders and writes the cursors; what is owed stays on disk.
func (o *outbox) close() error {
	o.mu.Lock()
	o.cancel() // under the lock, so that no queue starts a sender any more
	o.mu.Unlock()
	o.tasks.Wait()
	select {
	case <-o.dirty:
		return o.writeCursors()
	default:
		return nil
	}
}
