package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/snowstream/snowstream/landing/audit"
)

func newReplay() *cobra.Command {
	var o replayOptions
	cmd := &cobra.Command{
		Use:   "replay",
		Short: "Bring records in again: of failed invocations, a range of the raw zone, a whole table",
		Long: `Brings records that have landed before, or should have, to where they belong. Each
replay looks first at what is there, so running it twice changes nothing. For records
in quarantine there is ` + "`snowstream quarantine replay`" + `.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	f := cmd.PersistentFlags()
	o.place.flags(f)
	f.BoolVar(&o.json, "json", false, "print one JSON object")
	f.BoolVar(&o.dry, "dry-run", false, "only say what would be done")
	cmd.AddCommand(newReplayFailed(&o), newReplayRange(&o), newReplayTable(&o))
	return cmd
}

// replayOptions are the flags of `snowstream replay`; each of its commands uses some.
type replayOptions struct {
	place     place
	json, dry bool
	wait      time.Duration
	table     string
	// of range
	shard, ordinals, from, to string
}

func newReplayRange(o *replayOptions) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "range",
		Short: "Bring a range of the raw zone into the tables that lack rows of it",
		Long: `Takes the objects of the raw zone that were written in a time, or that hold a shard's
ordinals, with what was replayed of their quarantined records. What the streaming table
lacks of them is merged into it; what the micro-batch table lacks is loaded by the pipe
where that may still do it, and merged where it will not.`,
		Example: `  snowstream replay range --from 2026-11-20T14:00:00Z --to 2026-11-20T15:00:00Z
  snowstream replay range --shard shardId-000000000000 --ordinals 1000-2000 --dry-run`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			sel, err := o.selection()
			if err != nil {
				return usageError{err}
			}
			return o.run(cmd, sel)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.from, "from", "", "objects written at this time or later, as 2026-11-20T14:00:00Z")
	f.StringVar(&o.to, "to", "", "objects written before this time")
	f.StringVar(&o.ordinals, "ordinals", "", "ordinals such as 1000-2000, of one shard")
	f.StringVar(&o.shard, "shard", "", "only this shard, such as shardId-000000000000")
	o.tableFlags(cmd)
	return cmd
}

func newReplayTable(o *replayOptions) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "table",
		Short: "Fill a table from the raw zone: a new one, or one that was truncated",
		Long: `Brings all that the raw zone has into the tables, with what was replayed from
quarantine. A table may have some of the rows already: only those that it lacks are
brought in.`,
		Example: `  snowstream replay table --table streaming
  snowstream replay table --dry-run --json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			tables, err := o.tables()
			if err != nil {
				return usageError{err}
			}
			return o.run(cmd, audit.Selection{Tables: tables})
		},
	}
	o.tableFlags(cmd)
	return cmd
}

func (o *replayOptions) tableFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.table, "table", "both", "streaming, microbatch or both")
	cmd.Flags().DurationVar(&o.wait, "wait", 2*time.Minute, "how long to wait for the pipe while it loads nothing")
}

func (o *replayOptions) tables() ([]audit.Place, error) {
	switch o.table {
	case "both":
		return []audit.Place{audit.Streaming, audit.Microbatch}, nil
	case "streaming", "microbatch":
		return []audit.Place{audit.Place(o.table)}, nil
	}
	return nil, fmt.Errorf("--table %s: it is streaming, microbatch or both", o.table)
}

// selection reads the flags of range.
func (o *replayOptions) selection() (sel audit.Selection, err error) {
	sel.Shard = o.shard
	if sel.Tables, err = o.tables(); err != nil {
		return sel, err
	}
	if sel.From, err = moment(o.from); err != nil {
		return sel, err
	}
	if sel.To, err = moment(o.to); err != nil {
		return sel, err
	}
	switch {
	case o.ordinals == "" && o.from == "" && o.to == "":
		return sel, errors.New("name the range with --from and --to, or with --ordinals and --shard; for everything there is `snowstream replay table`")
	case o.ordinals == "":
		if o.to != "" && !sel.From.Before(sel.To) {
			return sel, errors.New("--from is not before --to")
		}
		return sel, nil
	case o.shard == "":
		return sel, errors.New("--ordinals needs --shard: each shard counts by itself")
	}
	first, last, _ := strings.Cut(o.ordinals, "-")
	sel.First, err = strconv.ParseInt(first, 10, 64)
	if err == nil {
		sel.Last, err = strconv.ParseInt(last, 10, 64)
	}
	if err != nil || sel.First < 1 || sel.Last < sel.First {
		return sel, fmt.Errorf("--ordinals %s: a range is two numbers such as 1000-2000", o.ordinals)
	}
	return sel, nil
}

// moment reads a time; none is the zero time.
func moment(text string) (at time.Time, err error) {
	if text == "" {
		return at, nil
	}
	if at, err = time.Parse(time.RFC3339, text); err != nil {
		return at, fmt.Errorf("%s is not a time such as 2026-11-20T14:00:00Z", text)
	}
	return at, nil
}

// run replays a selection of the raw zone. SIGINT stops between two steps, and the next run goes on from there.
func (o *replayOptions) run(cmd *cobra.Command, sel audit.Selection) error {
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s, schema, err := o.place.settings(ctx)
	if err != nil {
		return err
	}
	db, config, err := auditing(s, schema)
	if err != nil {
		return err
	}
	defer db.Close()
	line := newLine(cmd.ErrOrStderr())
	out, err := audit.New(config).Replay(ctx, sel, toolsOf(s, db, o.wait), o.dry, func(table audit.Place, done, of int) {
		line.show("%s: %s of %s objects", table, humanize.Comma(int64(done)), humanize.Comma(int64(of)))
	})
	line.close()
	if err != nil {
		return stopped(ctx, err)
	}
	if o.json {
		err = json.NewEncoder(cmd.OutOrStdout()).Encode(out)
	} else {
		err = writeReplayed(cmd.OutOrStdout(), out, o.dry)
	}
	if err == nil && !out.OK {
		return errSaid
	}
	return err
}

// stopped says what a signal has left.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errors.New("stopped by a signal: what was done stays, and running it again does the rest")
	}
	return err
}

// writeReplayed is a replay for people.
func writeReplayed(w io.Writer, r audit.Replayed, dry bool) error {
	var b strings.Builder
	n := humanize.Comma
	fmt.Fprintf(&b, "%s objects of the raw zone, %s records\n", n(r.Objects), n(r.Records))
	for _, f := range r.Tables {
		fmt.Fprintf(&b, "  %-11s lacked %s rows, which %s objects hold", f.Table, n(f.Lacking), n(f.Objects))
		switch {
		case f.Lacking == 0:
			b.WriteString(": nothing to do\n")
		case dry:
			fmt.Fprintf(&b, ": %s for the pipe, %s to be merged\n", n(f.Pipe), n(f.Objects-f.Pipe))
		default:
			fmt.Fprintf(&b, ": %s brought in, %s still lacking\n", n(f.Brought), n(f.Still))
		}
	}
	for _, reason := range r.Left {
		fmt.Fprintf(&b, "  left: %s\n", reason)
	}
	if !r.OK {
		b.WriteString("  Not all of it is there: `snowstream audit` names what is missing.\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// line is a progress of one line on a terminal, and nothing anywhere else.
type line struct {
	w     io.Writer
	shown bool
	last  time.Time
}

func newLine(w io.Writer) *line {
	if !isTerminal(w) {
		w = nil
	}
	return &line{w: w}
}

// show replaces the line, a few times a second at most.
func (l *line) show(format string, args ...any) {
	const every = 100 * time.Millisecond
	if l.w == nil || time.Since(l.last) < every {
		return
	}
	l.last, l.shown = time.Now(), true
	fmt.Fprintf(l.w, "\r\x1b[K  "+format, args...)
}

// close takes the line away.
func (l *line) close() {
	if l.shown {
		fmt.Fprint(l.w, "\r\x1b[K")
	}
}
