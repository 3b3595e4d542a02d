package warehouse

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

const (
	// inlineBytes is how much of an answer travels in the answer itself; the rest goes to chunks of about chunkBytes.
	inlineBytes = 512 << 10
	chunkBytes  = 4 << 20
	// maxSpool bounds one answer on disk, compressed.
	maxSpool = 2 << 30
)

// chunkFile is a stored part of an answer: gzip of rows joined by commas, without the outer brackets.
type chunkFile struct {
	name          string
	rows          int
	plain, packed int64
}

// spool collects an answer: the first rows in memory, the others as files in a folder. Memory stays under a chunk's size.
type spool struct {
	dir    string
	key    string
	result *result
	plain  bytes.Buffer
	rows   int
	stored int64
}

// start tells the columns, before the first row.
func (s *spool) start(columns []column) error {
	s.result.columns = columns
	return nil
}

// row takes one row.
func (s *spool) row(cells []*string) error {
	s.result.total++
	if len(s.result.chunks) == 0 && s.rows == 0 && s.result.bytes < inlineBytes {
		for _, cell := range cells {
			if cell != nil {
				s.result.bytes += len(*cell)
			}
			s.result.bytes += 8
		}
		s.result.rows = append(s.result.rows, cells)
		return nil
	}
	encoded, err := json.Marshal(cells)
	if err != nil {
		return fmt.Errorf("encode a row: %w", err)
	}
	if s.rows > 0 {
		s.plain.WriteByte(',')
	}
	s.plain.Write(encoded)
	s.rows++
	if s.plain.Len() >= chunkBytes {
		return s.flush()
	}
	return nil
}

// flush stores what is collected as one chunk. The files are no promise: they vanish with the remembered answer.
func (s *spool) flush() error {
	if s.rows == 0 {
		return nil
	}
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	if _, err := zip.Write(s.plain.Bytes()); err != nil {
		return fmt.Errorf("compress a result chunk: %w", err)
	}
	if err := zip.Close(); err != nil {
		return fmt.Errorf("compress a result chunk: %w", err)
	}
	s.stored += int64(packed.Len())
	if s.stored > maxSpool {
		return refuse(604, "57014", "The answer is larger than %d bytes: select less.", int64(maxSpool))
	}
	name := fmt.Sprintf("%s-%d", s.key, len(s.result.chunks))
	if err := os.WriteFile(filepath.Join(s.dir, name), packed.Bytes(), 0o600); err != nil {
		return fmt.Errorf("store a result chunk: %w", err)
	}
	s.result.chunks = append(s.result.chunks, chunkFile{name: name, rows: s.rows, plain: int64(s.plain.Len()), packed: int64(packed.Len())})
	s.plain.Reset()
	s.rows = 0
	return nil
}

// spooled is how many bytes of the answer are on disk. A nil result, of a failed statement, has none.
func (r *result) spooled() int64 {
	total := int64(0)
	if r != nil {
		for _, c := range r.chunks {
			total += c.packed
		}
	}
	return total
}

// discard removes the answer's chunks.
func (r *result) discard(dir string) {
	if r == nil {
		return
	}
	for _, c := range r.chunks {
		_ = os.Remove(filepath.Join(dir, c.name)) // a leftover is removed at the next start
	}
}
