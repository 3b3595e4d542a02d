package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/snowstream/snowstream/cmd/internal/function"
	"github.com/snowstream/snowstream/cmd/internal/stack"
	"github.com/snowstream/snowstream/landing/audit"
	"github.com/snowstream/snowstream/landing/microbatch"
)

func newStatus() *cobra.Command {
	var p place
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show counts, lag per shard and the pipe's state",
		Long: `Asks the stream, the raw zone's ledgers and the warehouse how far records have come.
It changes nothing.`,
		Example: `  snowstream status
  snowstream status --data /tmp/try --json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), statusTimeout)
			defer cancel()
			s, _, err := p.look(cmd)
			if err != nil {
				return err
			}
			st, err := readStatus(ctx, s)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(st)
			}
			return st.write(cmd.OutOrStdout())
		},
	}
	p.flags(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

// statusTimeout is enough for a busy machine and short enough for a person.
const statusTimeout = 30 * time.Second

// status is what `snowstream status` knows.
type status struct {
	Stream string `json:"stream"`
	// Landed counts the records in the raw zone and in quarantine, Quarantined those of them in quarantine.
	Landed      int64         `json:"landed"`
	Quarantined int64         `json:"quarantined"`
	Objects     int64         `json:"landed_objects"`
	Streaming   int64         `json:"streaming"`
	Microbatch  int64         `json:"microbatch"`
	Shards      []shardStatus `json:"shards"`
	// Retired counts the shards that are closed, and sealed to their ends: they are in the sums and not among Shards.
	Retired int        `json:"retired_shards,omitempty"`
	Pipe    pipeStatus `json:"pipe"`
	// RowPath is snowpipe where rows go by Snowpipe Streaming.
	RowPath string `json:"row_path,omitempty"`
}

// shardStatus is one shard of the stream.
type shardStatus struct {
	Shard string `json:"shard"`
	Open  bool   `json:"open"`
	// Landed is the ledger's last ordinal.
	Landed int64 `json:"landed"`
	// Lag is the age of the oldest record that has not landed, 0 if there is none.
	Lag float64 `json:"lag_s"`
	// Waiting counts records behind the ledger, up to what one read returns.
	Waiting int `json:"waiting"`
	// Uncommitted counts the ordinals that Snowpipe Streaming has received and that are not visible yet, which is no fault, and
	// Rejected the rows that the table refused in the life of the shard's channel.
	Uncommitted int64 `json:"uncommitted,omitempty"`
	Rejected    int64 `json:"rejected,omitempty"`
	// RejectedFor is what the service says of the last of them; it may quote the row. Problem says why nothing is known.
	RejectedFor string `json:"rejected_for,omitempty"`
	Problem     string `json:"problem,omitempty"`
}

// pipeStatus is Snowpipe's state.
type pipeStatus struct {
	State   string `json:"state"`
	Pending int64  `json:"pending_files"`
	Last    string `json:"last_file"`
}

func readStatus(ctx context.Context, s stack.Settings) (status, error) {
	st := status{Stream: s.Stream, RowPath: s.RowPath}
	expected, err := s.Landed(ctx)
	if err != nil {
		return st, err
	}
	shards, err := s.Reader().Shards(ctx)
	if err != nil {
		return st, err
	}
	lags, err := s.Lags(ctx, expected)
	if err != nil {
		return st, err
	}
	pending, err := s.Pending(ctx)
	if err != nil {
		return st, err
	}
	open := map[string]bool{}
	for _, shard := range shards {
		open[shard.ID] = shard.Open
	}
	for _, id := range slices.Sorted(maps.Keys(expected)) {
		l, lag := expected[id].Ledger, lags[id]
		st.Landed, st.Quarantined, st.Objects = st.Landed+l.Count(), st.Quarantined+l.Quarantined-expected[id].Replayed, st.Objects+l.Objects
		if expected[id].Retired {
			st.Retired++
			continue
		}
		st.Shards = append(st.Shards, shardStatus{Shard: id, Open: open[id], Landed: l.Count(), Lag: lag.Behind.Seconds(), Waiting: lag.Waiting,
			Uncommitted: pending[id].Last - pending[id].Committed, Rejected: pending[id].Rejected,
			RejectedFor: pending[id].Message, Problem: pending[id].Error})
	}
	return st, st.readWarehouse(ctx, s, expected)
}

func (st *status) readWarehouse(ctx context.Context, s stack.Settings, expected map[string]audit.Expected) error {
	db, err := s.Session()
	if err != nil {
		return err
	}
	defer db.Close()
	report, err := audit.Count(ctx, db, s.Names(), expected)
	if err != nil {
		return err
	}
	st.Streaming, st.Microbatch = report.Streaming(), report.Microbatch()
	pipe, err := microbatch.New(db, s.Names()).Status(ctx)
	st.Pipe = pipeStatus{State: pipe.State, Pending: pipe.Pending, Last: pipe.LastFile}
	return err
}

func (st status) write(w io.Writer) error {
	fmt.Fprintf(w, "stream %s\n", st.Stream)
	for _, s := range st.Shards {
		state := "closed"
		if s.Open {
			state = "open"
		}
		fmt.Fprintf(w, "  %s  %-6s  landed %12s   waiting %6s   lag %.1f s\n",
			s.Shard, state, humanize.Comma(s.Landed), humanize.Comma(int64(s.Waiting)), s.Lag)
		if st.RowPath == function.Snowpipe {
			fmt.Fprintf(w, "  %22s  received and not visible yet %s, rejected by the table %s\n", "", humanize.Comma(s.Uncommitted), humanize.Comma(s.Rejected))
			for _, text := range []string{s.RejectedFor, s.Problem} {
				if text != "" {
					fmt.Fprintf(w, "  %22s  %s\n", "", text)
				}
			}
		}
	}
	if st.Retired > 0 {
		fmt.Fprintf(w, "  %s retired shards, closed and sealed to their ends\n", humanize.Comma(int64(st.Retired)))
	}
	fmt.Fprintf(w, "raw zone\n  objects %s, records %s, quarantined %s\n",
		humanize.Comma(st.Objects), humanize.Comma(st.Landed), humanize.Comma(st.Quarantined))
	fmt.Fprintf(w, "pipe\n  %s, %s files pending, last %s\n", st.Pipe.State, humanize.Comma(st.Pipe.Pending), st.Pipe.Last)
	_, err := fmt.Fprintf(w, "tables\n  KINESIS_SENSORS_STREAMING    %12s\n  KINESIS_SENSORS_MICROBATCH   %12s\n",
		humanize.Comma(st.Streaming), humanize.Comma(st.Microbatch))
	return err
}
