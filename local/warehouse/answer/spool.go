package answer

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"

	"github.com/snowstream/snowstream/local/warehouse/fault"
)

const (
	// inlineBytes is how much of an answer travels in the answer itself; the rest goes to chunks of about chunkBytes.
	inlineBytes = 512 << 10
	chunkBytes  = 4 << 20
	// maxSpool bounds one answer on disk, compressed.
	maxSpool = 2 << 30
)

// ChunkFile is a stored part of an answer: gzip of rows joined by commas, without the outer brackets.
type ChunkFile struct {
	Name          string
	Rows          int
	Plain, Packed int64
}

// Spool collects an answer: the first rows in memory, the others as files in a folder. Memory stays under a chunk's size.
type Spool struct {
	Dir    string
	Key    string
	Result *Result
	// Arrow is for clients that read Arrow streams; Flush writes them.
	Arrow bool
	// RoundDown is for the Go driver, which reads the seconds and the fraction of a timestamp apart and adds them: the
	// seconds of times before 1970 are rounded down. The service sends a plain decimal.
	RoundDown bool
	wide      []bool
	plain     bytes.Buffer
	rows      int
	stored    int64
}

// Start tells the columns, before the first row.
func (s *Spool) Start(columns []Column) error {
	s.Result.Columns, s.wide = columns, make([]bool, len(columns))
	return nil
}

// Row takes one row.
func (s *Spool) Row(cells []*string) error {
	s.Result.Total++
	for i, cell := range cells {
		switch {
		case cell == nil:
		case s.RoundDown && (*cell)[:min(1, len(*cell))] == "-" && strings.HasPrefix(s.Result.Columns[i].Type, "timestamp"):
			cells[i] = roundDown(*cell)
		case s.Arrow && s.Result.Columns[i].Type == "fixed" && len(strings.Trim(*cell, "-0.")) > narrow:
			s.wide[i] = true
		}
	}
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
		return s.flush()
	}
	return nil
}

// roundDown turns seconds and a fraction before 1970, -1.25, into seconds rounded down and a fraction added to them, -2.75.
func roundDown(text string) *string {
	number, zone, zoned := strings.Cut(text, " ")
	nanos, ok := new(big.Int).SetString(strings.Replace(number, ".", "", 1), 10)
	if !ok {
		return &text
	}
	seconds, fraction := new(big.Int).DivMod(nanos, big.NewInt(1e9), new(big.Int))
	out := fmt.Sprintf("%d.%09d", seconds, fraction)
	if zoned {
		out += " " + zone
	}
	return &out
}

// Flush ends the answer.
func (s *Spool) Flush() error {
	if err := s.flush(); err != nil || !s.Arrow {
		return err
	}
	return s.Result.ToArrow(s.Dir, s.wide)
}

// flush stores what is collected as one chunk. The files are no promise: they vanish with the remembered answer.
func (s *Spool) flush() error {
	if s.rows == 0 {
		return nil
	}
	packed, err := zipped(s.plain.Bytes())
	if err != nil {
		return err
	}
	s.stored += int64(len(packed))
	if s.stored > maxSpool {
		return fault.New(604, "57014", "The answer is larger than %d bytes: select less.", int64(maxSpool))
	}
	name := fmt.Sprintf("%s-%d", s.Key, len(s.Result.Chunks))
	if err := os.WriteFile(filepath.Join(s.Dir, name), packed, 0o600); err != nil {
		return fmt.Errorf("store a result chunk: %w", err)
	}
	s.Result.Chunks = append(s.Result.Chunks, ChunkFile{Name: name, Rows: s.rows, Plain: int64(s.plain.Len()), Packed: int64(len(packed))})
	s.plain.Reset()
	s.rows = 0
	return nil
}

func zipped(plain []byte) ([]byte, error) {
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	if _, err := zip.Write(plain); err != nil {
		return nil, fmt.Errorf("compress a result chunk: %w", err)
	}
	if err := zip.Close(); err != nil {
		return nil, fmt.Errorf("compress a result chunk: %w", err)
	}
	return packed.Bytes(), nil
}

// All hands every row to sink, those in memory and those in the files of dir. It fails for an answer whose files are Arrow streams.
func (r *Result) All(dir string, sink func(cells []*string) error) error {
	if r.Inline != nil && len(r.Chunks) > 0 {
		return fault.Unsupported("RESULT_SCAN of an answer that was sent as several Arrow streams, but for SELECT * of it all")
	}
	for _, row := range r.Rows {
		if err := sink(row); err != nil {
			return err
		}
	}
	for _, c := range r.Chunks {
		rows, err := c.read(dir)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if err := sink(row); err != nil {
				return err
			}
		}
	}
	return nil
}

// Held is how many bytes of rows the answer keeps in memory.
func (r *Result) Held() int {
	if r == nil {
		return 0
	}
	return r.bytes
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
