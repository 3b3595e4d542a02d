package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"time"
)

// table is one table of a section.
type table struct {
	// text stands above the table, notes below it, one a line.
	text  string
	head  []string
	rows  [][]string
	notes []string
}

func render(tables []table) string {
	var b strings.Builder
	for _, t := range tables {
		if t.text != "" {
			b.WriteString(t.text + "\n\n")
		}
		if len(t.head) > 0 {
			line(&b, t.head)
			rule := make([]string, len(t.head))
			for i := range rule {
				rule[i] = "---:"
			}
			rule[0] = "---"
			line(&b, rule)
		}
		for _, row := range t.rows {
			line(&b, row)
		}
		if len(t.head) > 0 {
			b.WriteString("\n")
		}
		for _, n := range t.notes {
			b.WriteString("* " + n + "\n")
		}
		if len(t.notes) > 0 {
			b.WriteString("\n")
		}
	}
	return b.String()
}

func line(b *strings.Builder, cells []string) {
	b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
}

// String is a spread for a table: the median, and the quartiles in brackets.
func (s spread) String() string {
	return fmt.Sprintf("%s [%s–%s]", digits(s.median), digits(s.low), digits(s.high))
}

// digits writes a figure as exactly as a noisy machine allows.
func digits(f float64) string {
	switch {
	case f >= 1000:
		return grouped(int64(f))
	case f >= 10:
		return fmt.Sprintf("%.0f", f)
	case f >= 1:
		return fmt.Sprintf("%.1f", f)
	}
	return fmt.Sprintf("%.2f", f)
}

func grouped(n int64) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// describe says where and when a section is measured. The load is that of the machine before the measuring starts.
func describe() string {
	return fmt.Sprintf("*%s; %d CPUs, %s; %s/%s, %s; load before: %s.*\n",
		time.Now().UTC().Format("2 January 2006"), runtime.NumCPU(), processor(), runtime.GOOS, runtime.GOARCH, runtime.Version(), load())
}

func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for l := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(l, "model name"); ok {
			return strings.Trim(name, " \t:\n")
		}
	}
	return "unknown processor"
}

func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(text))[:3], " ")
}

const opening = `# Performance

Written by ` + "`go run ./bench`" + `; each section says where and when it was measured. Variants run in turn, round after round.
"× faster" is the median of the ratios inside each round, with the quartiles in brackets; times are medians of CPU time.
Only the ratios mean something on another machine.
`

// replace puts a section's text into the document, in place of what it said before.
func replace(file string, s section, text string) error {
	document, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		document, err = []byte(opening), nil
	}
	if err != nil {
		return fmt.Errorf("read the document: %w", err)
	}
	heading := "\n## " + s.title + "\n"
	before, rest, found := strings.Cut(string(document), heading)
	after := ""
	if i := strings.Index(rest, "\n## "); found && i >= 0 {
		after = rest[i:]
	}
	whole := strings.TrimRight(before, "\n") + "\n" + heading + "\n" + strings.TrimRight(text, "\n") + "\n" + after
	if err := os.WriteFile(file, []byte(whole), 0o644); err != nil {
		return fmt.Errorf("write the document: %w", err)
	}
	return nil
}
