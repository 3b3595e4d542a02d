package producer

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/snowstream/snowstream/producer/template"
)

// Replay is a file of records, each of which ends with the same byte. It is read once, as far as it is needed.
type Replay struct {
	// Reader gives the records.
	Reader io.Reader
	// End is the byte that ends each record and is no part of it.
	End byte
	// TimeField is the field of a JSON record that says when it was made: RFC 3339, or seconds or milliseconds since
	// 1970. With it records go out at their own distances in time, Speed times as fast; without, at the run's rate.
	TimeField string
	Speed     float64

	lines *bufio.Reader
	count int64
}

func (r *Replay) timed() bool { return r.TimeField != "" }

// read returns up to n records; none only together with an error, which is io.EOF at the end.
func (r *Replay) read(n int) ([][]byte, error) {
	var lines [][]byte
	for size := 0; len(lines) < n && size < batchBytes; {
		line, err := r.next()
		if err != nil {
			return lines, err
		}
		lines = append(lines, line)
		size += len(line)
	}
	return lines, nil
}

// next returns the next record that is not empty.
func (r *Replay) next() ([]byte, error) {
	if r.lines == nil {
		r.lines = bufio.NewReaderSize(r.Reader, 1<<16)
	}
	for {
		var line []byte
		for {
			part, err := r.lines.ReadSlice(r.End)
			line = append(line, part...)
			if len(line) > template.MaxRecord {
				return nil, fmt.Errorf("replay record %d: it is longer than %d bytes, the most a stream takes", r.count+1, template.MaxRecord)
			}
			if errors.Is(err, bufio.ErrBufferFull) {
				continue
			}
			if err != nil && !errors.Is(err, io.EOF) {
				return nil, fmt.Errorf("replay record %d: %w", r.count+1, err)
			}
			if err != nil && len(line) == 0 {
				return nil, io.EOF
			}
			break
		}
		line = bytes.TrimSuffix(line, []byte{r.End})
		if r.End == '\n' {
			line = bytes.TrimSuffix(line, []byte{'\r'})
		}
		if len(line) > 0 {
			r.count++
			return line, nil
		}
	}
}

// time is when a record was made, by its own field.
func (r *Replay) time(line []byte) (time.Time, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(line, &fields); err != nil {
		return time.Time{}, fmt.Errorf("replay record %d: it is no JSON object, so it has no field %s", r.count, r.TimeField)
	}
	value := fields[r.TimeField]
	var text string
	if json.Unmarshal(value, &text) == nil {
		for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999"} {
			if t, err := time.Parse(layout, text); err == nil {
				return t, nil
			}
		}
	}
	var number float64
	if json.Unmarshal(value, &number) != nil || math.Abs(number) > 1e15 {
		return time.Time{}, fmt.Errorf("replay record %d: its field %s is no time: use RFC 3339, or seconds or milliseconds since 1970", r.count, r.TimeField)
	}
	if math.Abs(number) >= 1e11 {
		number /= 1000
	}
	whole, part := math.Modf(number)
	return time.Unix(int64(whole), int64(part*1e9)), nil
}

// replayTimes feeds the records at their own times. One that is earlier than its predecessor goes out with it.
func (f *feed) replayTimes() error {
	r := f.config.Replay
	var first time.Time
	start := time.Now()
	for f.left > 0 {
		line, err := r.next()
		if err != nil {
			return err
		}
		at, err := r.time(line)
		if err != nil {
			return err
		}
		if first.IsZero() {
			first = at
		}
		due := start.Add(time.Duration(float64(at.Sub(first)) / r.Speed))
		if !f.waitUntil(due) {
			return nil
		}
		if err := f.hand(job{count: 1, lines: [][]byte{line}}); err != nil {
			return f.end(err)
		}
	}
	return nil
}

// waitUntil fails if the run ends first.
func (f *feed) waitUntil(at time.Time) bool {
	wait := time.Until(at)
	if wait <= 0 {
		return true
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-f.failed:
		return false
	case <-f.ctx.Done():
		return false
	}
}
