// Command measure compares snowstream with what people use today, section by section, in one run: it prints the tables
// and puts them into docs/performance.md.
//
// The rules, which keep the figures honest:
//
//   - variants alternate in rounds, and ratios are taken inside a round, so that a busy machine slows both sides;
//   - CPU time counts, not the clock;
//   - outputs are compared before times are: a fast wrong answer is no result;
//   - a peer that is not installed is reported as not run, never left out.
//
// A section is a function in its own file that returns tables; add it to the list in sections.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"
)

// settings are what a run is asked for.
type settings struct {
	// rounds is how often each variant is measured; slice is for how long each time.
	rounds int
	slice  time.Duration
	// records is how many go through the whole drawing as fast as they can.
	records int64
	// python is a Python with pandas, empty if there is none.
	python string
}

// section is one part of docs/performance.md.
type section struct {
	// name chooses the section on the command line, title is its heading.
	name, title string
	run         func(context.Context, settings) ([]table, error)
}

func sections() []section {
	return []section{
		{"path", "The record path: Kinesis event to CSV", path},
		{"compression", "Compressed objects in the raw zone", compression},
		{"kinesis", "The local stream", kinesisServer},
		{"local", "The whole drawing on one machine", local},
		{"rows", "Rows by Snowpipe Streaming, and by MERGE", rowPaths},
		{"load", "Loading through the driver", loadRows},
		{"scale", "A year of data", scale},
		{"zip", "What is uploaded", zips},
		{"function", "What a Lambda function needs", functions},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	var err error
	if len(os.Args) == 4 && os.Args[1] == "serve" {
		err = serve(os.Args[2], os.Args[3])
	} else {
		err = run(ctx, os.Args[1:])
	}
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	var s settings
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&s.rounds, "rounds", 15, "how often each variant is measured, in turn with the others")
	flags.DurationVar(&s.slice, "slice", 100*time.Millisecond, "how long each of these measurements takes")
	flags.Int64Var(&s.records, "records", 10_000_000, "how many records go through the whole drawing as fast as they can")
	names := flags.String("sections", "all", "sections to run, with commas in between: "+known())
	document := flags.String("write", "../../docs/performance.md", "file whose sections are replaced by the ones that ran; empty for none")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 || s.rounds < 1 || s.records < 1 || s.slice <= 0 {
		return errors.New("wrong use: no arguments, at least one round and one record, and a positive slice; -help shows all flags")
	}
	s.python = python()
	chosen, err := choose(*names)
	if err != nil {
		return err
	}
	for _, c := range chosen {
		fmt.Printf("## %s\n\n", c.title)
		before := describe()
		tables, err := c.run(ctx, s)
		if err != nil {
			return fmt.Errorf("section %s: %w", c.name, err)
		}
		text := before + "\n" + render(tables)
		fmt.Print(text)
		if *document != "" {
			if err := replace(*document, c, text); err != nil {
				return err
			}
		}
	}
	return nil
}

func known() string {
	var names []string
	for _, s := range sections() {
		names = append(names, s.name)
	}
	return strings.Join(names, ", ")
}

func choose(names string) (out []section, err error) {
	if names == "all" {
		return sections(), nil
	}
	for name := range strings.SplitSeq(names, ",") {
		at := slices.IndexFunc(sections(), func(s section) bool { return s.name == name })
		if at < 0 {
			return nil, fmt.Errorf("there is no section %q: choose from %s", name, known())
		}
		out = append(out, sections()[at])
	}
	return out, nil
}
