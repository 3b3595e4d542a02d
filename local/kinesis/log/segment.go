package log

import (
	"cmp"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/snowstream/snowstream/local/kinesis/disk"
)

// markEvery is how many bytes of log lie between two marks: a read skips half of it on average, about 20 µs. A mark takes
// 24 bytes, all that a log keeps in memory of its records: about 0.4 MB for ten million of 100 bytes.
const markEvery = 64 << 10

// segment is one file of a log. Log.mu covers all fields but base, floor and name, which never change.
type segment struct {
	name  string
	base  int64 // index of the first record
	floor int64 // latest arrival of all records before this segment
	end   int64 // index after the last durable record
	size  int64 // durable bytes
	// marks are places where reading can start, oldest first. A segment that was not written since Open has none until
	// the first read makes them (surveyed).
	marks    []mark
	surveyed bool
	// opening is the arrival of the first record written since Open, for SegmentSpan.
	opening int64
}

// mark is the place of a frame or of a block header.
type mark struct {
	index  int64
	offset int64
	peak   int64 // latest arrival of all records before
}

// segmentName holds what must never be damaged separately from the file: 19 digits each, so names sort by index.
func segmentName(base, floor int64) string {
	return fmt.Sprintf("%019d-%019d.log", base, floor)
}

// parseSegmentName undoes segmentName.
func parseSegmentName(name string) (base, floor int64, ok bool) {
	stem, isLog := strings.CutSuffix(name, ".log")
	left, right, two := strings.Cut(stem, "-")
	if !isLog || !two || len(left) != 19 || len(right) != 19 {
		return 0, 0, false
	}
	base, err1 := strconv.ParseInt(left, 10, 64)
	floor, err2 := strconv.ParseInt(right, 10, 64)
	return base, floor, err1 == nil && err2 == nil && base >= 0 && floor >= 0
}

// list reads the names of a log's segments, oldest first.
func list(fsys disk.FS, dir string) ([]*segment, error) {
	names, err := fsys.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var segments []*segment
	for _, name := range names {
		if name == proofName {
			continue
		}
		base, floor, ok := parseSegmentName(name)
		if !ok {
			return nil, &fs.PathError{Op: "list", Path: filepath.Join(dir, name), Err: fmt.Errorf("not a log file: %w", fs.ErrInvalid)}
		}
		segments = append(segments, &segment{name: filepath.Join(dir, name), base: base, floor: floor, end: base})
	}
	slices.SortFunc(segments, func(a, b *segment) int { return cmp.Compare(a.base, b.base) })
	return segments, nil
}

// seek returns the last mark that accept does not refuse. Marks are ordered so that accept is true for a prefix.
func (s *segment) seek(accept func(mark) bool) mark {
	found, _ := slices.BinarySearchFunc(s.marks, true, func(m mark, _ bool) int {
		if accept(m) {
			return -1
		}
		return 1
	})
	if found == 0 {
		return mark{index: s.base, peak: s.floor}
	}
	return s.marks[found-1]
}
