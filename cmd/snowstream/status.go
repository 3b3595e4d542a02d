package main

import (
	"cmp"
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
	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/landing/snowflake"
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
	Landed      int64 `json:"landed"`
	Quarantined int64 `json:"quarantined"`
	Objects     int64 `json:"landed_objects"`
	Streaming   int64 `json:"streaming"`
	Microbatch  int64 `json:"microbatch"`
	// Earlier counts the streaming table's rows of an earlier stream or bucket of the same names; they are in no other number.
	Earlier int64 `json:"earlier,omitempty"`
	// The lag of a table is the age of the oldest record that is neither in it nor in quarantine, 0 if there is none. Of records
	// that the stream has no more, that of the oldest that it has.
	StreamingLag  float64       `json:"streaming_lag_s"`
	MicrobatchLag float64       `json:"microbatch_lag_s"`
	Shards        []shardStatus `json:"shards"`
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
	st.Streaming, st.Microbatch, st.Earlier = report.Streaming(), report.Microbatch(), report.Earlier
	n := s.Names()
	if st.StreamingLag, err = st.tableLag(ctx, s, db, n.In(n.Streaming), expected, report, func(s audit.Shard) audit.Counts { return s.Streaming }); err != nil {
		return err
	}
	if st.MicrobatchLag, err = st.tableLag(ctx, s, db, n.In(n.Microbatch), expected, report, func(s audit.Shard) audit.Counts { return s.Microbatch }); err != nil {
		return err
	}
	pipe, err := microbatch.New(db, s.Names()).Status(ctx)
	st.Pipe = pipeStatus{State: pipe.State, Pending: pipe.Pending, Last: pipe.LastFile}
	return err
}

// tableLags bounds how many shards are read for the lag of a table: those that lack the most rows.
const tableLags = 8

// tableLag is the highest lag of all shards in a table. Where a table has all that has landed of a shard, that is the lag of the
// shard itself; where not, the stream is read behind the table's last row of it.
func (st *status) tableLag(ctx context.Context, s stack.Settings, db *snowflake.DB, table string, expected map[string]audit.Expected, report audit.Report, of func(audit.Shard) audit.Counts) (float64, error) {
	most := 0.0
	lacks := map[string]int64{}
	for _, shard := range st.Shards {
		most = max(most, shard.Lag)
		found := report.Shards[shard.Shard]
		if n := shard.Landed - found.Quarantined - of(found).Rows; n > 0 {
			lacks[shard.Shard] = n
		}
	}
	lacking := slices.SortedFunc(maps.Keys(lacks), func(a, b string) int { return cmp.Compare(lacks[b], lacks[a]) })
	for _, shard := range lacking[:min(len(lacking), tableLags)] {
		after := ""
		err := db.Query(ctx, func(scan func(into ...any) error) error { return scan(&after) },
			`SELECT MAX("_SEQUENCE") FROM `+table+` WHERE "_SHARD" = ? AND `+schema.Generation+` = ? AND "_ORDINAL" = ? HAVING COUNT(*) > 0`,
			shard, expected[shard].Ledger.Generation, of(report.Shards[shard]).Highest)
		if err != nil {
			return 0, err
		}
		lag, err := s.Reader().Lag(ctx, shard, after)
		if err != nil {
			return 0, err
		}
		most = max(most, lag.Behind.Seconds())
	}
	return most, nil
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
	earlier := ""
	if st.Earlier > 0 {
		earlier = fmt.Sprintf("  and %s rows of an earlier stream or bucket, left as they are; `snowstream audit` tells them apart\n", humanize.Comma(st.Earlier))
	}
	_, err := fmt.Fprintf(w, "tables\n  KINESIS_SENSORS_STREAMING    %12s   lag %.1f s\n  KINESIS_SENSORS_MICROBATCH   %12s   lag %.1f s\n%s",
		humanize.Comma(st.Streaming), st.StreamingLag, humanize.Comma(st.Microbatch), st.MicrobatchLag, earlier)
	return err
}
