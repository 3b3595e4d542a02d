package log

import (
	"bytes"
	"errors"
	"io/fs"

	"github.com/snowstream/snowstream/local/kinesis/disk"
)

// recover reads the folder: the names of all segments, and the last one's content.
func (l *Log) recover() (Recovery, error) {
	segments, err := list(l.cfg.FS, l.cfg.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Recovery{}, err
	}
	known, err := readProof(l.cfg.FS, l.cfg.Dir)
	if err != nil {
		return Recovery{}, err
	}
	if len(segments) == 0 {
		l.segments = []*segment{{base: known.end, end: known.end, surveyed: true}}
		l.next = known.end
		if known.end == 0 {
			return Recovery{}, nil
		}
		return Recovery{Damage: &DamageError{File: l.cfg.Dir, Reason: "log files are missing"}}, nil
	}
	for i, s := range segments[1:] {
		segments[i].end = s.base
	}
	l.segments = segments
	return l.recoverLast(known)
}

// recoverLast cuts the torn tail of the last segment, behind all that was acknowledged, and makes the rest durable: a
// killed process may have left what was written and not synced, and it is about to be served.
func (l *Log) recoverLast(known proof) (Recovery, error) {
	s := l.last()
	f, err := l.cfg.FS.Open(s.name)
	if err != nil {
		return Recovery{}, err
	}
	size, err := f.Size()
	if err != nil {
		return Recovery{}, errors.Join(err, f.Close())
	}
	found, err := surveySegment(f, s, size)
	if err == nil {
		found.believe(known, s)
	}
	written := found.size
	if err == nil && found.size < size {
		if written, err = lastWritten(f, found.size, size); err == nil {
			err = f.Truncate(found.size)
		}
	}
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return Recovery{}, err
	}
	s.marks, s.end, s.size, s.surveyed = found.marks, found.end, found.size, true
	l.next, l.peak = found.end, found.peak
	if len(s.marks) > 0 {
		s.opening = found.opening
	}
	return Recovery{Cut: written - found.size, Damage: found.damage}, nil
}

// lastWritten returns where the zeros begin that a part of a file ends with.
func lastWritten(f disk.File, from, to int64) (int64, error) {
	buf := make([]byte, min(readChunk, to-from))
	for to > from {
		buf = buf[:min(int64(len(buf)), to-from)]
		if _, err := f.ReadAt(buf, to-int64(len(buf))); err != nil {
			return 0, err
		}
		if rest := bytes.TrimRight(buf, "\x00"); len(rest) > 0 {
			return to - int64(len(buf)-len(rest)), nil
		}
		to -= int64(len(buf))
	}
	return from, nil
}

// survey is what reading a whole segment shows.
type survey struct {
	marks   []mark
	opening int64 // arrival of the first record
	end     int64 // index after the last record
	size    int64 // where the last readable block or frame ends
	peak    int64
	damage  *DamageError // the first damage that has a block header behind it
	// tail is what ended the survey, if nothing readable follows it: a torn write, unless it was acknowledged.
	tail *DamageError
}

// believe takes what is missing of the acknowledged records for damaged instead of torn. Their indexes, and their bytes in
// the file, stay theirs.
func (v *survey) believe(known proof, s *segment) {
	if known.end <= v.end {
		return
	}
	if v.damage == nil {
		v.damage = v.tail
	}
	if v.damage == nil {
		v.damage = &DamageError{File: s.name, Offset: v.size, Index: v.end, Reason: "file ends before its last record"}
	}
	v.end = known.end
	if known.base == s.base { // else a later file is missing as a whole
		v.size = max(v.size, known.bytes)
	}
	v.mark(v.end, v.size) // reading starts again with the next block
}

// surveySegment reads a segment from its beginning, going on behind damaged places.
func surveySegment(f disk.File, s *segment, size int64) (survey, error) {
	v := survey{end: s.base, peak: s.floor}
	w := walker{file: f, name: s.name, limit: size, index: s.base}
	for {
		rec, err := w.next()
		var damage *DamageError
		switch {
		case err == nil:
			v.take(rec, w.offset)
		case errors.Is(err, errEnd):
			v.end, v.size = w.index, w.offset
			return v, nil
		case errors.As(err, &damage):
			v.end, v.size = w.index, damage.Offset
			if found, err := w.resume(); err != nil || !found {
				v.tail = damage
				return v, err
			}
			if v.damage == nil {
				v.damage = damage
			}
			v.mark(w.index, w.offset)
		default:
			return v, err
		}
	}
}

// take notes a record whose frame ends at an offset.
func (v *survey) take(rec Record, end int64) {
	start := end - int64(frameHeader+frameFixed+len(rec.Key)+len(rec.Data))
	switch n := len(v.marks); {
	case n == 0:
		v.opening = rec.Arrival
		v.mark(rec.Index, start)
	case start-v.marks[n-1].offset >= markEvery:
		v.mark(rec.Index, start)
	}
	v.peak = max(v.peak, rec.Arrival)
	v.end, v.size = rec.Index+1, end
}

func (v *survey) mark(index, offset int64) {
	v.marks = append(v.marks, mark{index: index, offset: offset, peak: v.peak})
}
