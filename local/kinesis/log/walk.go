package log

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/snowstream/snowstream/local/kinesis/disk"
)

// readChunk is how much of a file is read at once.
const readChunk = 128 << 10

// errEnd says that a walker stands at its limit.
var errEnd = errors.New("end of segment")

// walker reads the records of a segment one after the other, from a place that a mark names up to limit.
type walker struct {
	file  disk.File
	name  string
	limit int64 // bytes of the file that count
	index int64 // of the next record

	offset int64 // of the next frame or block header
	buf    []byte
	from   int64 // offset in the file of buf[0]
}

// next returns the next record; its bytes are good until the next call. It returns errEnd at the limit, a DamageError
// where the content is wrong, having moved nowhere, and otherwise errors of reading.
func (w *walker) next() (Record, error) {
	for {
		if w.offset == w.limit {
			return Record{}, errEnd
		}
		head, err := w.peek(frameHeader)
		if err != nil {
			return Record{}, err
		}
		length := int64(binary.LittleEndian.Uint32(head))
		if length == blockMagic {
			if err := w.enterBlock(); err != nil {
				return Record{}, err
			}
			continue
		}
		if length < frameFixed || length > maxFrame {
			return Record{}, w.damage("length of record is impossible")
		}
		frame, err := w.peek(frameHeader + length)
		if err != nil {
			return Record{}, err
		}
		rec, reason := parseFrame(frame, w.index)
		if reason != "" {
			return Record{}, w.damage(reason)
		}
		w.offset += int64(len(frame))
		w.index++
		return rec, nil
	}
}

// enterBlock steps over a block header.
func (w *walker) enterBlock() error {
	head, err := w.peek(blockHeader)
	if err != nil {
		return err
	}
	first, ok := parseBlockHeader(head, w.offset)
	if !ok {
		return w.damage("block header does not match its checksum")
	}
	if first != w.index {
		return w.damage(fmt.Sprintf("block begins with record %d", first))
	}
	w.offset += blockHeader
	return nil
}

// peek returns the next n bytes without moving.
func (w *walker) peek(n int64) ([]byte, error) {
	if w.offset+n > w.limit {
		return nil, w.damage("file ends in the middle of a record")
	}
	if end := w.from + int64(len(w.buf)); w.offset < w.from || w.offset+n > end {
		if err := w.fill(n, max(n, min(readChunk, w.limit-w.offset))); err != nil {
			return nil, err
		}
	}
	start := w.offset - w.from
	return w.buf[start : start+n], nil
}

// fill reads up to most bytes from offset on, and not fewer than least.
func (w *walker) fill(least, most int64) error {
	if int64(cap(w.buf)) < most {
		w.buf = make([]byte, most)
	}
	w.buf, w.from = w.buf[:most], w.offset
	got, err := w.file.ReadAt(w.buf, w.offset)
	w.buf = w.buf[:got]
	if int64(got) < least {
		w.buf = w.buf[:0]
		if errors.Is(err, io.EOF) {
			return w.damage("file is shorter than it was")
		}
		return fmt.Errorf("read log file %s: %w", w.name, err)
	}
	return nil
}

func (w *walker) damage(reason string) error {
	return &DamageError{File: w.name, Offset: w.offset, Index: w.index, Reason: reason}
}

// resume moves behind a damaged place to the next block header, if there is one.
func (w *walker) resume() (found bool, err error) {
	magic := binary.LittleEndian.AppendUint32(nil, blockMagic)
	for w.offset++; w.offset+blockHeader <= w.limit; {
		if err := w.fill(blockHeader, min(readChunk, w.limit-w.offset)); err != nil {
			return false, ignoreDamage(err)
		}
		i := bytes.Index(w.buf, magic)
		if i < 0 {
			w.offset += int64(len(w.buf)) - int64(len(magic)) + 1
			continue
		}
		w.offset += int64(i)
		head, err := w.peek(blockHeader)
		if err != nil {
			return false, ignoreDamage(err)
		}
		if first, ok := parseBlockHeader(head, w.offset); ok && first >= w.index {
			w.index = first
			return true, nil
		}
		w.offset++
	}
	return false, nil
}

// ignoreDamage drops the error of a search that came to the end of the file.
func ignoreDamage(err error) error {
	var damage *DamageError
	if errors.As(err, &damage) {
		return nil
	}
	return err
}
