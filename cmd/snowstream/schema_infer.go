package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/schemafile/infer"
)

func newSchemaInfer() *cobra.Command {
	return &cobra.Command{
		Use:   "infer FILE",
		Short: "Propose a schema from sample records",
		Long: `Reads records, a payload a line, and prints a schema file that takes all of them, with
comments on what was seen: types, the forms of times, several records in a payload, and
envelopes such as that of AWS DMS. FILE may be - for the standard input. The sample may
be of any size: it is counted, not kept.`,
		Example: `  snowstream schema infer sample.ndjson > orders.yaml
  head -n 10000 export.ndjson | snowstream schema infer -`,
		Args: files(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := open(cmd, args[0])
			if err != nil {
				return err
			}
			defer f.Close()
			seen := infer.New()
			if err := observe(f, seen, newTicker(cmd.ErrOrStderr())); err != nil {
				return fmt.Errorf("read %s: %w", args[0], err)
			}
			text, err := seen.Propose()
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		},
	}
}

// observe shows each line to seen. Blank lines count as lines only.
func observe(r io.Reader, seen *infer.Observer, progress *ticker) error {
	defer progress.done()
	lines := lineReader{in: bufio.NewReaderSize(r, 64<<10)}
	for {
		line, err := lines.next()
		switch {
		case lines.tooLong:
			seen.Refuse(lines.number, record.TooLarge)
		case len(bytes.TrimSpace(line)) > 0:
			seen.Add(lines.number, line)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		progress.tick(seen.Records())
	}
}

// lineReader reads lines of any length and keeps at most record.MaxPayload bytes of one.
type lineReader struct {
	in      *bufio.Reader
	line    []byte
	number  int64
	tooLong bool
}

// next returns the next line, which is valid until the next call, also beside io.EOF.
func (l *lineReader) next() ([]byte, error) {
	l.line, l.tooLong = l.line[:0], false
	l.number++
	for {
		piece, err := l.in.ReadSlice('\n')
		if l.tooLong = l.tooLong || len(l.line)+len(piece) > record.MaxPayload+1; !l.tooLong {
			l.line = append(l.line, piece...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return bytes.TrimSuffix(l.line, []byte("\n")), err
		}
	}
}

// ticker shows how far a long reading has come, on a terminal only.
type ticker struct {
	out   io.Writer // nil where nobody looks
	next  time.Time
	shown bool
}

func newTicker(w io.Writer) *ticker {
	t := &ticker{next: time.Now().Add(time.Second)}
	if f, ok := w.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
		t.out = f
	}
	return t
}

func (t *ticker) tick(records int64) {
	if t.out == nil || time.Now().Before(t.next) {
		return
	}
	t.next, t.shown = time.Now().Add(time.Second), true
	fmt.Fprintf(t.out, "\r%s records ", humanize.Comma(records))
}

func (t *ticker) done() {
	if t.shown {
		fmt.Fprint(t.out, "\r\x1b[K")
	}
}
