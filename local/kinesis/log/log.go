// Package log stores the records of one shard: an append-only log in segment files, with group commit.
//
// A record gets the next index, 0 for the first. Append queues records and returns at once; the records are durable
// when the returned Commit says so, and only then can Scan see them. One goroutine per log that was appended to writes
// whatever has gathered while the disk was busy as one block and syncs it once for all.
//
// # On disk
//
// A log is a folder. Each segment file is named after the index of its first record and the latest arrival before it, so
// an empty file is a complete segment and no header can be torn. A segment is a sequence of blocks, a block is what one
// commit wrote: a block header, then frames, one a record.
//
//	block header   magic u32 | crc32c u32 | own offset in the file u64 | index of the first record u64
//	frame          length of the rest u32 | crc32c u32 | arrival in ms u64 | length of key u16 | key | data
//
// Numbers are little-endian. A frame's checksum covers its index too, which is not stored: a frame in a wrong place is
// as wrong as a changed one.
//
// # After a crash
//
// A block is written only after the one before it was synced, and before its records are acknowledged a small file,
// "acknowledged", says up to where the log is. So damage with a readable block header after it, or before the place that
// the small file names, hit acknowledged records: it stays, Scan reports it as a DamageError and never serves it, and the
// records' indexes are never given again. What follows behind both is a torn write that nobody was told about, or zeros
// written ahead (Config.Reserve), and Open cuts it. The small file is not synced. After a power cut it may be older, and
// then only the block headers speak; a clean Close ends with an empty block for that.
package log

import (
	"errors"
	"fmt"
	"sync"

	"github.com/snowstream/snowstream/local/kinesis/disk"
)

// DefaultSegmentBytes is the size at which a segment ends unless Config says otherwise.
const DefaultSegmentBytes = 64 << 20

// Errors of Append. ErrFailed lasts until the log is opened anew.
var (
	ErrSealed = errors.New("log is sealed")
	ErrClosed = errors.New("log is closed")
	ErrFailed = errors.New("log stopped after a failed write")
	ErrFull   = errors.New("no space left for the log")
)

// Config describes a log.
type Config struct {
	// FS is the file system, Dir the log's folder in it. A missing folder is an empty log; the first commit makes it.
	FS  disk.FS
	Dir string
	// SegmentBytes ends a segment once it is larger; 0 means DefaultSegmentBytes.
	SegmentBytes int64
	// SegmentSpan ends a segment once its records span this many milliseconds of arrival; 0 means no limit. Trim
	// deletes whole segments, so this is how much longer than asked a record may stay on disk.
	SegmentSpan int64
	// Reserve is how many bytes of zeros are written ahead at once, as soon as a segment holds as many. For twice the
	// writing a commit gets cheaper, by about half on a file system that overwrites in place. 0 means none.
	Reserve int64
}

// Recovery tells what Open found.
type Recovery struct {
	// Cut is the number of bytes of an unfinished write that were cut off, not counting zeros at its end.
	Cut int64
	// Damage is the first damaged place among acknowledged records in the last segment, or nil.
	Damage *DamageError
}

// DamageError names a place whose content is not what was written. Its records are lost; those after it are not.
type DamageError struct {
	File   string
	Offset int64
	// Index is the first record that cannot be read.
	Index  int64
	Reason string
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("damaged log file %s at offset %d: %s: record %d cannot be read; restore the file from a copy",
		e.File, e.Offset, e.Reason, e.Index)
}

// Log is an open log. All methods may be called concurrently; Seal, Reopen and Close not with one another.
type Log struct {
	cfg Config

	mu       sync.Mutex
	segments []*segment // oldest first; the last one is written to
	next     int64      // index that the next appended record gets
	peak     int64      // latest arrival among appended records
	pending  *group     // gathers while writing is being committed
	writing  *group
	spare    [][]byte // buffers of past groups, for the next ones
	running  bool     // the committer has been started
	sealed   bool
	closed   bool
	failed   error         // set once, after a write whose effect is unknown
	grown    chan struct{} // closed by the next change that Grown tells of; nil while nobody waits

	wake    chan struct{} // capacity 1: pending is not empty, or closed
	stopped chan struct{} // closed by the committer at its end

	// Owned by the committer, and by Close after it has stopped.
	file      disk.File // last segment, nil until the first commit
	proofFile disk.File // nil until the first commit
	proofs    int64     // notes written to it
	room      int64     // where the zeros end that reserve wrote to file
	dirty     bool      // blocks were written since the last empty one
}

// Open recovers a log. It reads the last segment whole and the others not at all.
func Open(cfg Config) (*Log, Recovery, error) {
	if cfg.SegmentBytes == 0 {
		cfg.SegmentBytes = DefaultSegmentBytes
	}
	l := &Log{cfg: cfg, wake: make(chan struct{}, 1), stopped: make(chan struct{})}
	recovery, err := l.recover()
	if err != nil {
		return nil, Recovery{}, fmt.Errorf("open log %s: %w", cfg.Dir, err)
	}
	return l, recovery, nil
}

// Start is the index of the oldest record that is still on disk; it equals End in an empty log.
func (l *Log) Start() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.segments[0].base
}

// End is the index after the last durable record: the number of records ever stored.
func (l *Log) End() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last().end
}

// Grown returns a channel that is closed when End moves, or when the log is sealed or closed. Whoever waits takes it
// before looking at End.
func (l *Log) Grown() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.grown == nil {
		l.grown = make(chan struct{})
	}
	return l.grown
}

// tell wakes those who wait on Grown; the caller holds mu.
func (l *Log) tell() {
	if l.grown != nil {
		close(l.grown)
		l.grown = nil
	}
}

// last is the segment that is written to; the caller holds mu.
func (l *Log) last() *segment { return l.segments[len(l.segments)-1] }

// Seal refuses further appends with ErrSealed, waits for those under way, and returns the final End. After a failed
// write it returns ErrFailed: the end is then not known.
func (l *Log) Seal() (int64, error) {
	l.mu.Lock()
	l.sealed = true
	l.tell()
	l.mu.Unlock()
	l.drain()
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last().end, l.failed
}

// Reopen undoes Seal.
func (l *Log) Reopen() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sealed = false
}

// drain waits until nothing is queued; appends must have been stopped before.
func (l *Log) drain() {
	for {
		l.mu.Lock()
		waitFor := l.writing
		if waitFor == nil {
			waitFor = l.pending
		}
		l.mu.Unlock()
		if waitFor == nil {
			return
		}
		<-waitFor.done
	}
}

// Close commits what is queued, marks the end as clean and lets go of the files. It may be called twice.
func (l *Log) Close() error {
	l.mu.Lock()
	again, running := l.closed, l.running
	l.closed = true
	l.tell()
	l.mu.Unlock()
	if again {
		return nil
	}
	if !running {
		return nil
	}
	l.signal()
	<-l.stopped
	if l.file == nil {
		return nil
	}
	err := l.markEnd()
	if err == nil && !l.broken() {
		err = l.clip()
	}
	if l.proofFile != nil {
		err = errors.Join(err, l.proofFile.Close())
	}
	if err := errors.Join(err, l.file.Close()); err != nil {
		return fmt.Errorf("close log %s: %w", l.cfg.Dir, err)
	}
	return nil
}

// signal wakes the committer; one signal stands for any number.
func (l *Log) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}
