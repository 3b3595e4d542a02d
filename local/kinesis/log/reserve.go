package log

import (
	"fmt"

	"github.com/snowstream/snowstream/local/kinesis/disk"
)

// zerosAtOnce is how much of a reserve is written with one call.
const zerosAtOnce = 64 << 10

// reserve writes zeros behind the place of the next block, so that the blocks after it overwrite what the file has
// already: a sync then writes their bytes and nothing about the file. The sync of the next block covers the zeros. Space
// that only the reserve lacks is no error.
//
// Room that was merely allocated would not do: the file system would have to note at each sync that it was written to.
func (l *Log) reserve(block int64) error {
	size := l.tail().size
	end := size + block
	room := min(end+l.cfg.Reserve, l.cfg.SegmentBytes)
	if size < l.cfg.Reserve || end <= l.room || room <= end {
		return nil
	}
	zeros := make([]byte, min(zerosAtOnce, room-end))
	for at := end; at < room; at += int64(len(zeros)) {
		if _, err := l.file.WriteAt(zeros[:min(int64(len(zeros)), room-at)], at); err != nil {
			return l.forgo(max(size, l.room), err)
		}
	}
	l.room = room
	return nil
}

// forgo gives back a reserve that did not fit.
func (l *Log) forgo(room int64, cause error) error {
	if !disk.Full(cause) {
		return fmt.Errorf("%w: reserve room: %w", ErrFailed, cause)
	}
	if err := l.file.Truncate(room); err != nil {
		return fmt.Errorf("%w: give back room: %w", ErrFailed, err)
	}
	return nil
}

// clip cuts the reserve off a file that gets no more blocks. No sync is needed: zeros that come back after a power cut lie
// behind the last record, where no read goes.
func (l *Log) clip() error {
	size, room := l.tail().size, l.room
	l.room = 0
	if room <= size {
		return nil
	}
	if err := l.file.Truncate(size); err != nil {
		return fmt.Errorf("cut reserve off log file: %w", err)
	}
	return nil
}
