package log

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"

	"github.com/snowstream/snowstream/local/kinesis/disk"
)

const (
	// keepBuffer is the largest buffer that a log holds on to between commits.
	keepBuffer = 512 << 10
	// keepBuffers is how many: while one group is written, another one gathers.
	keepBuffers = 2
)

// group is what one commit writes and syncs. Log.mu covers it until the committer takes it.
type group struct {
	buf   []byte // block header to be filled in, then frames
	first int64
	end   int64
	peak  int64
	marks []mark // offsets relative to buf
	// opening is the arrival of the first record.
	opening int64
	done    chan struct{} // closed when err is final
	err     error
}

// Commit is the durability of appended records.
type Commit struct{ group *group }

// Wait returns nil once the records are durable. After an error they were not stored, or, if it is ErrFailed, may turn
// out to be stored when the log is opened again.
func (c Commit) Wait() error {
	<-c.group.done
	return c.group.err
}

// Append queues entries, in order and without gaps, and returns the index of the first. It copies them. The entries are
// not stored before Wait says so.
func (l *Log) Append(entries []Entry) (first int64, commit Commit, err error) {
	for i := range entries {
		if !entries[i].fits() {
			return 0, Commit{}, fmt.Errorf("append record of %d bytes to log: too large", len(entries[i].Data))
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.refusal(); err != nil {
		return 0, Commit{}, err
	}
	g := l.gather()
	first = l.next
	for i := range entries {
		g.add(&entries[i], l.next, l.peak)
		l.next++
		l.peak = max(l.peak, entries[i].Arrival)
	}
	g.end, g.peak = l.next, l.peak
	l.signal()
	return first, Commit{g}, nil
}

// refusal says why the log takes no records; the caller holds mu.
func (l *Log) refusal() error {
	switch {
	case l.failed != nil:
		return l.failed
	case l.closed:
		return ErrClosed
	case l.sealed:
		return ErrSealed
	}
	return nil
}

// gather returns the group that collects entries; the caller holds mu.
func (l *Log) gather() *group {
	if !l.running {
		l.running = true
		go l.commitAll()
	}
	if l.pending == nil {
		l.pending = &group{buf: append(l.takeSpare(), make([]byte, blockHeader)...), first: l.next, done: make(chan struct{})}
	}
	return l.pending
}

// takeSpare returns an empty buffer; the caller holds mu.
func (l *Log) takeSpare() (buf []byte) {
	if n := len(l.spare); n > 0 {
		buf, l.spare = l.spare[n-1], l.spare[:n-1]
	}
	return buf
}

// add appends the frame of an entry; peak is the latest arrival before it.
func (g *group) add(e *Entry, index, peak int64) {
	offset := int64(len(g.buf))
	switch n := len(g.marks); {
	case n == 0: // the block header is the first place to start from
		g.marks = append(g.marks, mark{index: index, offset: 0, peak: peak})
		g.opening = e.Arrival
	case offset-g.marks[n-1].offset >= markEvery:
		g.marks = append(g.marks, mark{index: index, offset: offset, peak: peak})
	}
	g.buf = appendFrame(g.buf, index, e)
}

// commitAll is the committer: it ends when the log is closed and nothing is queued. Close waits for it.
func (l *Log) commitAll() {
	defer close(l.stopped)
	for range l.wake {
		runtime.Gosched() // calls that are about to append join the group: fewer syncs at no wait
		l.mu.Lock()
		g, closed := l.pending, l.closed
		l.pending, l.writing = nil, g
		l.mu.Unlock()
		if g != nil {
			l.finish(g, l.commit(g))
		}
		if closed {
			return
		}
	}
}

// finish publishes the outcome of a commit.
func (l *Log) finish(g *group, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writing = nil
	if err == nil {
		l.publish(g)
	} else {
		l.revoke(err)
	}
	if cap(g.buf) <= keepBuffer && len(l.spare) < keepBuffers {
		l.spare = append(l.spare, g.buf[:0])
	}
	g.buf, g.err = nil, err
	close(g.done)
}

// publish makes a durable group visible; the caller holds mu.
func (l *Log) publish(g *group) {
	s := l.last()
	if len(s.marks) == 0 {
		s.opening = g.opening
	}
	for _, m := range g.marks {
		if n := len(s.marks); n == 0 || s.size+m.offset-s.marks[n-1].offset >= markEvery {
			s.marks = append(s.marks, mark{index: m.index, offset: s.size + m.offset, peak: m.peak})
		}
	}
	s.size += int64(len(g.buf))
	s.end = g.end
	l.tell()
}

// revoke fails what was queued behind a failed group, as its indexes and checksums follow from records that do not
// exist, and takes the indexes back; the caller holds mu.
func (l *Log) revoke(err error) {
	if errors.Is(err, ErrFailed) {
		l.failed = err
	}
	if p := l.pending; p != nil {
		l.pending = nil
		p.err = err
		close(p.done)
	}
	l.next = l.last().end
}

// commit writes and syncs a group. An error that is not ErrFailed left the log as it was.
func (l *Log) commit(g *group) error {
	if l.broken() {
		return ErrFailed
	}
	if err := l.prepare(int64(len(g.buf)), g); err != nil {
		return err
	}
	if err := l.reserve(int64(len(g.buf))); err != nil {
		return err
	}
	if err := l.writeBlock(g.buf, g.first); err != nil {
		return err
	}
	s := l.tail()
	l.prove(proof{base: s.base, bytes: s.size + int64(len(g.buf)), end: g.end})
	l.dirty = true
	return nil
}

func (l *Log) broken() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failed != nil
}

// writeBlock writes a block whose header is not filled in yet behind the last one, and syncs it.
func (l *Log) writeBlock(block []byte, first int64) error {
	offset := l.tail().size
	putBlockHeader(block, offset, first)
	if _, err := l.file.WriteAt(block, offset); err != nil {
		return l.takeBack(offset, err)
	}
	if err := l.file.Sync(); err != nil {
		return fmt.Errorf("%w: sync: %w", ErrFailed, err)
	}
	return nil
}

// takeBack removes what a failed write left. Only a full disk is worth going on from.
func (l *Log) takeBack(offset int64, cause error) error {
	if !disk.Full(cause) {
		return fmt.Errorf("%w: %w", ErrFailed, cause)
	}
	l.room = 0
	if err := l.file.Truncate(offset); err != nil {
		return fmt.Errorf("%w: take back a write that did not fit: %w", ErrFailed, err)
	}
	return fmt.Errorf("%w: %w", ErrFull, cause)
}

// prepare opens the segment that the next bytes go to, or makes a new one if the last is done.
func (l *Log) prepare(bytes int64, g *group) error {
	l.mu.Lock()
	s := l.last()
	old := l.cfg.SegmentSpan > 0 && len(s.marks) > 0 && g.opening-s.opening > l.cfg.SegmentSpan
	roll := s.size > 0 && (old || s.size+bytes > l.cfg.SegmentBytes)
	fresh := s.name == ""
	l.mu.Unlock()
	if fresh {
		if err := l.notStored(disk.MakeDir(l.cfg.FS, l.cfg.Dir)); err != nil {
			return err
		}
	}
	if fresh || roll {
		return l.roll(g)
	}
	if l.file != nil {
		return nil
	}
	f, err := l.cfg.FS.Open(s.name)
	if err != nil {
		return fmt.Errorf("open log file to write: %w", err)
	}
	l.file = f
	return nil
}

// tail is last for the committer, which alone changes size and end and so may read them without mu.
func (l *Log) tail() *segment {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last()
}

// notStored gives an error from before the write its class.
func (l *Log) notStored(err error) error {
	if err != nil && disk.Full(err) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

// roll starts a new segment. All before it is durable, as its name says which records it continues.
func (l *Log) roll(g *group) error {
	if err := l.clip(); err != nil {
		return fmt.Errorf("%w: %w", ErrFailed, err)
	}
	floor := g.marks[0].peak
	name := filepath.Join(l.cfg.Dir, segmentName(g.first, floor))
	f, err := l.cfg.FS.Create(name)
	if err != nil {
		return l.notStored(fmt.Errorf("make log file: %w", err))
	}
	if err := l.cfg.FS.SyncDir(l.cfg.Dir); err != nil {
		return errors.Join(fmt.Errorf("%w: sync folder: %w", ErrFailed, err), f.Close())
	}
	if l.file != nil {
		if err := l.file.Close(); err != nil {
			return errors.Join(fmt.Errorf("%w: close full log file: %w", ErrFailed, err), f.Close())
		}
	}
	l.file = f
	s := &segment{name: name, base: g.first, floor: floor, end: g.first, surveyed: true}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last().name == "" {
		l.segments = nil
	}
	l.segments = append(l.segments, s)
	return nil
}

// markEnd writes an empty block: proof that all before it was synced.
func (l *Log) markEnd() error {
	if !l.dirty || l.broken() {
		return nil
	}
	l.dirty = false
	if err := l.writeBlock(make([]byte, blockHeader), l.tail().end); err != nil {
		return fmt.Errorf("mark clean end: %w", err)
	}
	return nil
}
