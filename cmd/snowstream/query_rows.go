package main

import (
	"bufio"
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"

	"github.com/charmbracelet/lipgloss"
	"github.com/dustin/go-humanize"

	"github.com/snowstream/snowstream/landing/snowflake"
)

// rowWriter prints one answer: head once, row for each row, end when all went well.
type rowWriter interface {
	head([]snowflake.Column) error
	row([]sql.NullString) error
	end() error
}

// jsonRows prints an object a row, its keys in the answer's order.
type jsonRows struct {
	out     io.Writer
	columns []snowflake.Column
	text    []byte
}

func (w *jsonRows) head(columns []snowflake.Column) error { w.columns = columns; return nil }

func (w *jsonRows) row(cells []sql.NullString) error {
	w.text = append(w.text[:0], '{')
	for i, c := range cells {
		if i > 0 {
			w.text = append(w.text, ',')
		}
		w.text = append(append(append(w.text, jsonString(w.columns[i].Name)...), ':'), jsonCell(c, w.columns[i].Type)...)
	}
	_, err := w.out.Write(append(w.text, '}', '\n'))
	return err
}

func (w *jsonRows) end() error { return nil }

// jsonCell is a value as JSON has it; a number keeps its digits, and what JSON has no number for is a string.
func jsonCell(c sql.NullString, kind string) []byte {
	if !c.Valid {
		return []byte("null")
	}
	switch kind {
	case "FIXED", "REAL", "VARIANT", "OBJECT", "ARRAY":
		var line bytes.Buffer
		if json.Compact(&line, []byte(c.String)) == nil { // a variant may come over several lines
			return line.Bytes()
		}
	case "BOOLEAN":
		if b, err := strconv.ParseBool(c.String); err == nil {
			return strconv.AppendBool(nil, b)
		}
	}
	return jsonString(c.String)
}

func jsonString(text string) []byte {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(text) != nil { // a string always has a form
		return []byte(`""`)
	}
	return []byte(strings.TrimSuffix(b.String(), "\n"))
}

// csvRows prints CSV as RFC 4180 has it, with a difference between NULL and an empty text.
type csvRows struct {
	out  io.Writer
	text []byte
}

func (w *csvRows) head(columns []snowflake.Column) error {
	cells := make([]sql.NullString, len(columns))
	for i, c := range columns {
		cells[i] = sql.NullString{String: c.Name, Valid: true}
	}
	return w.row(cells)
}

func (w *csvRows) row(cells []sql.NullString) error {
	w.text = w.text[:0]
	for i, c := range cells {
		if i > 0 {
			w.text = append(w.text, ',')
		}
		switch {
		case !c.Valid:
		case c.String == "" || strings.ContainsAny(c.String, ",\"\r\n"):
			w.text = append(w.text, '"')
			w.text = append(w.text, strings.ReplaceAll(c.String, `"`, `""`)...)
			w.text = append(w.text, '"')
		default:
			w.text = append(w.text, c.String...)
		}
	}
	_, err := w.out.Write(append(w.text, '\r', '\n'))
	return err
}

func (w *csvRows) end() error { return nil }

// measured is how many rows a table's widths are taken from; they are held back until then.
const measured = 1000

// tableRows prints a table for people.
type tableRows struct {
	out     io.Writer
	columns []snowflake.Column
	widths  []int
	held    [][]string
	headed  bool
	rows    int64
}

func (w *tableRows) head(columns []snowflake.Column) error {
	w.columns = columns
	for _, c := range columns {
		w.widths = append(w.widths, lipgloss.Width(visible(c.Name)))
	}
	return nil
}

func (w *tableRows) row(cells []sql.NullString) error {
	line := make([]string, len(cells))
	for i, c := range cells {
		if line[i] = "NULL"; c.Valid {
			line[i] = visible(c.String)
		}
		if !w.headed {
			w.widths[i] = max(w.widths[i], lipgloss.Width(line[i]))
		}
	}
	w.rows++
	if w.held = append(w.held, line); len(w.held) < measured {
		return nil
	}
	return w.flush()
}

func (w *tableRows) end() error {
	if err := w.flush(); err != nil {
		return err
	}
	s := "s"
	if w.rows == 1 {
		s = ""
	}
	_, err := fmt.Fprintf(w.out, "%s row%s\n\n", humanize.Comma(w.rows), s)
	return err
}

// flush prints the rows that are held back, and the head before the first of them.
func (w *tableRows) flush() error {
	out := bufio.NewWriter(w.out)
	if !w.headed {
		w.headed = true
		names, rules := make([]string, len(w.columns)), make([]string, len(w.columns))
		for i, c := range w.columns {
			names[i], rules[i] = visible(c.Name), strings.Repeat("─", w.widths[i])
		}
		w.line(out, names)
		w.line(out, rules)
	}
	for _, line := range w.held {
		w.line(out, line)
	}
	w.held = w.held[:0]
	return out.Flush()
}

// line prints cells; numbers stand to the right.
func (w *tableRows) line(out *bufio.Writer, cells []string) {
	for i, cell := range cells {
		pad := strings.Repeat(" ", max(0, w.widths[i]-lipgloss.Width(cell)))
		if kind := w.columns[i].Type; kind == "FIXED" || kind == "REAL" {
			cell = pad + cell
		} else if i < len(cells)-1 {
			cell += pad
		}
		if i > 0 {
			out.WriteString("  ")
		}
		out.WriteString(cell)
	}
	out.WriteByte('\n')
}

// visible shows what would move the cursor or colour the terminal: a value is data, and never speaks to the terminal.
func visible(text string) string {
	if strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) < 0 {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
	}
	return b.String()
}
