package answer

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/snowstream/snowstream/local/warehouse/fault"
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
	Name          string
	Rows          int
	Plain, Packed int64
}

// Spool collects an answer: the first rows in memory, the others as files in a folder. Memory stays under a chunk's size.
type Spool struct {
	Dir    string
	Key    string
	Result *Result
	plain  bytes.Buffer
	rows   int
	stored int64
}

// Start tells the columns, before the first row.
func (s *Spool) Start(columns []Column) error {
	s.Result.Columns = columns
	return nil
}

// Row takes one row.
func (s *Spool) Row(cells []*string) error {
	s.Result.Total++
	if len(s.Result.Chunks) == 0 && s.rows == 0 && s.Result.bytes < inlineBytes {
		for _, cell := range cells {
			if cell != nil {
				s.Result.bytes += len(*cell)
			}
			s.Result.bytes += 8
		}
		s.Result.Rows = append(s.Result.Rows, cells)
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
		return s.Flush()
	}
	return nil
}

// Flush stores what is collected as one chunk. The files are no promise: they vanish with the remembered answer.
func (s *Spool) Flush() error {
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
		return fault.New(604, "57014", "The answer is larger than %d bytes: select less.", int64(maxSpool))
	}
	name := fmt.Sprintf("%s-%d", s.Key, len(s.Result.Chunks))
	if err := os.WriteFile(filepath.Join(s.Dir, name), packed.Bytes(), 0o600); err != nil {
		return fmt.Errorf("store a result chunk: %w", err)
	}
	s.Result.Chunks = append(s.Result.Chunks, chunkFile{Name: name, Rows: s.rows, Plain: int64(s.plain.Len()), Packed: int64(packed.Len())})
	s.plain.Reset()
	s.rows = 0
	return nil
}

// Spooled is how many bytes of the answer are on disk. A nil result, of a failed statement, has none.
func (r *Result) Spooled() int64 {
	total := int64(0)
	if r != nil {
		for _, c := range r.Chunks {
			total += c.Packed
		}
	}
	return total
}

// Discard removes the answer's chunks.
func (r *Result) Discard(dir string) {
	if r == nil {
		return
	}
	for _, c := range r.Chunks {
		_ = os.Remove(filepath.Join(dir, c.Name)) // a leftover is removed at the next start
	}
}
