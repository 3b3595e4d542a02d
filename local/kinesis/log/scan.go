package log

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/snowstream/snowstream/local/kinesis/disk"
)

// Scan hands the durable records from index on to visit, in order, until visit returns false or the end is reached. It
// returns the index of the record that visit refused, or End. Records that Trim deleted are skipped. The bytes of a
// record are good only during its visit. At a damaged place it returns that place's index and a DamageError.
func (l *Log) Scan(index int64, visit func(Record) bool) (next int64, err error) {
	for {
		s, limit, ok := l.locate(index)
		if !ok {
			return max(index, l.Start()), nil
		}
		index = max(index, s.base)
		next, more, err := l.scanSegment(s, index, limit, visit)
		if errors.Is(err, fs.ErrNotExist) && l.Start() > index {
			continue // trimmed between the two
		}
		if err != nil || !more {
			return next, err
		}
		index = next
	}
}

// span is the durable part of a segment at one moment.
type span struct{ end, size int64 }

// locate returns the segment that holds a record, or the oldest one if the record was deleted; ok is false at the end.
func (l *Log) locate(index int64) (s *segment, limit span, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.segments {
		if index < s.end {
			return s, span{end: s.end, size: s.size}, true
		}
	}
	return nil, span{}, false
}

// scanSegment is Scan within one segment; more says that visit wants to go on.
func (l *Log) scanSegment(s *segment, index int64, limit span, visit func(Record) bool) (next int64, more bool, err error) {
	f, err := l.cfg.FS.Open(s.name)
	if err != nil {
		return index, false, fmt.Errorf("open log file to read: %w", err)
	}
	defer f.Close()
	if limit.size == 0 { // complete before Open, so all of the file counts
		if limit.size, err = f.Size(); err != nil {
			return index, false, fmt.Errorf("read size of log file: %w", err)
		}
	}
	if err := l.survey(s, f, limit.size); err != nil {
		return index, false, err
	}
	l.mu.Lock()
	start := s.seek(func(m mark) bool { return m.index <= index })
	l.mu.Unlock()
	w := walker{file: f, name: s.name, limit: limit.size, index: start.index, offset: start.offset}
	for w.index < limit.end {
		rec, err := w.next()
		if errors.Is(err, errEnd) {
			err = w.damage("file ends before its last record")
		}
		if err != nil {
			return max(index, w.index), false, err
		}
		if rec.Index >= index && !visit(rec) {
			return rec.Index, false, nil
		}
	}
	return limit.end, true, nil
}

// survey makes the marks of a segment that was complete before Open. Two readers may do it at once, to the same end.
func (l *Log) survey(s *segment, f disk.File, size int64) error {
	l.mu.Lock()
	done := s.surveyed
	l.mu.Unlock()
	if done {
		return nil
	}
	found, err := surveySegment(f, s, size)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s.marks, s.surveyed = found.marks, true
	return nil
}

// Since returns the index of the first record that arrived at or after a time in milliseconds; End if there is none.
func (l *Log) Since(arrival int64) (int64, error) {
	from, ok, err := l.before(arrival)
	if err != nil || !ok {
		return from, err
	}
	return l.Scan(from, func(r Record) bool { return r.Arrival < arrival })
}

// before returns an index not far before the first record that arrived at or after a time; ok is false if the index is
// the answer itself.
func (l *Log) before(arrival int64) (index int64, ok bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if arrival > l.peak {
		return l.last().end, false, nil
	}
	s := l.segments[0]
	for _, later := range l.segments[1:] {
		if later.floor >= arrival {
			break
		}
		s = later
	}
	m := s.seek(func(m mark) bool { return m.peak < arrival })
	return m.index, true, nil
}
