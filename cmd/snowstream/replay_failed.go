package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/snowstream/snowstream/processing/replay"
)

func newReplayFailed(o *replayOptions) *cobra.Command {
	return &cobra.Command{
		Use:   "failed",
		Short: "Land what Lambda gave up: batches out of retries, records too large for an invocation",
		Long: `Reads the failure documents of the event source mapping in the bucket. The records of
each that have no place yet land under their shard's next ordinals: as rows, or in
quarantine with the reason. They come from the document, or from the stream while it has
them. A note beside each document says what became of it. The exit code is 1 if records
are lost, because the stream no longer has them.

` + "`snowstream local`" + ` does the same by itself while it runs.`,
		Example: `  snowstream replay failed --dry-run
  snowstream replay failed --json | jq .lost`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			s, schema, err := o.place.settings(ctx)
			if err != nil {
				return err
			}
			collector, err := s.Collector(schema, o.dry, nil)
			if err != nil {
				return err
			}
			out, err := collector.Collect(ctx)
			if err != nil {
				return stopped(ctx, err)
			}
			if o.json {
				err = json.NewEncoder(cmd.OutOrStdout()).Encode(out)
			} else {
				err = writeCollected(cmd.OutOrStdout(), out, o.dry)
			}
			if err == nil && !out.OK {
				return errSaid
			}
			return err
		},
	}
}

// writeCollected is a collection for people.
func writeCollected(w io.Writer, s replay.Summary, dry bool) error {
	var b strings.Builder
	n := humanize.Comma
	landed := "landed"
	if dry {
		landed = "would land"
	}
	fmt.Fprintf(&b, "%s new failure documents, %s collected before\n  %s records %s, %s had a place already\n",
		n(s.Documents), n(s.Before), n(s.Landed), landed, n(s.There))
	for _, l := range s.Lost {
		fmt.Fprintf(&b, "  LOST %s: %s records from sequence %s", l.Shard, n(l.Count), l.First)
		if l.Behind != "" {
			fmt.Fprintf(&b, " to the one in front of %s", l.Behind)
		} else {
			fmt.Fprintf(&b, " to %s", l.Last)
		}
		fmt.Fprintf(&b, ", arrived from %s on: the stream no longer has them (%s)\n", l.Arrived.Format("2006-01-02T15:04:05Z"), l.Document)
	}
	for _, reason := range s.Strange {
		fmt.Fprintf(&b, "  left: %s\n", reason)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
