package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/snowstream/snowstream/landing/audit"
	"github.com/snowstream/snowstream/processing/orchestrator"
	"github.com/snowstream/snowstream/processing/quarantine"
	"github.com/snowstream/snowstream/record"
)

func newQuarantine() *cobra.Command {
	var p place
	cmd := &cobra.Command{
		Use:   "quarantine",
		Short: "Look at records that could not become rows, and replay them",
		Long: `A record that does not fit the schema lands in quarantine with its bytes, its position
and the reason. It keeps its ordinal, so the audit accounts for it. Once the schema
was changed, replay brings it into both tables, exactly once.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	p.flags(cmd.PersistentFlags())
	cmd.AddCommand(newQuarantineList(&p), newQuarantineShow(&p), newQuarantineReplay(&p), newQuarantineWithhold(&p))
	return cmd
}

// quarantined is an entry for machines. The payload is left out: `quarantine show` gives it.
type quarantined struct {
	Stream      string        `json:"stream"`
	Shard       string        `json:"shard"`
	Ordinal     int64         `json:"ordinal"`
	Sequence    string        `json:"sequence"`
	Subsequence int64         `json:"subsequence"`
	Key         string        `json:"partition_key"`
	ArrivedAt   string        `json:"arrived_at"`
	Bytes       int           `json:"bytes"`
	Reason      record.Reason `json:"reason"`
	Replayed    bool          `json:"replayed"`
}

func newQuarantineList(p *place) *cobra.Command {
	var asJSON, aside bool
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "List the records, without their payloads",
		Long: `Lists what is in quarantine. Control records and tombstones, which a schema's envelope
sets aside, are counted only, unless --aside is given.`,
		Example: `  snowstream quarantine ls --json | jq -r .reason.code | sort | uniq -c`,
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, _, err := p.look(cmd)
			if err != nil {
				return err
			}
			out, listed, setAside := cmd.OutOrStdout(), 0, 0
			err = quarantine.List(cmd.Context(), s.Lake(), s.Stream, func(e quarantine.Entry) error {
				if e.Reason.Code.Aside() && !aside {
					setAside++
					return nil
				}
				at := e.ArrivedAt.UTC().Format("2006-01-02T15:04:05.000Z")
				if asJSON {
					return json.NewEncoder(out).Encode(quarantined{s.Stream, e.Shard, e.Ordinal, e.Sequence, e.Subsequence, e.PartitionKey, at, len(e.Data), e.Reason, e.Replayed})
				}
				state := ""
				if e.Replayed {
					state = "  (replayed)"
				}
				if listed++; listed == 1 {
					fmt.Fprintf(out, "stream %s\n%-20s %8s  %-24s  %-16s  %-16s %s\n", s.Stream, "SHARD", "ORDINAL", "ARRIVED", "KEY", "REASON", "WHERE")
				}
				_, err := fmt.Fprintf(out, "%s %8d  %s  %-16s  %-16s %s%s\n", e.Shard, e.Ordinal, at, shortened(e.PartitionKey), e.Reason.Code, where(e.Reason), state)
				return err
			})
			if err == nil && listed == 0 && !asJSON {
				_, err = fmt.Fprintln(out, "none")
			}
			if err == nil && setAside > 0 && !asJSON {
				_, err = fmt.Fprintf(out, "%d control records and tombstones are set aside: --aside lists them\n", setAside)
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a line")
	cmd.Flags().BoolVar(&aside, "aside", false, "list control records and tombstones, too")
	return cmd
}

// shortened is the beginning of a partition key, which may be 256 characters of anything.
func shortened(key string) string {
	if text := []rune(key); len(text) > 16 {
		key = string(text[:15]) + "…"
	}
	return printable(key)
}

// where says which field was wrong and what it should have been.
func where(r record.Reason) string {
	switch {
	case r.Number != 0:
		return fmt.Sprintf("error %06d, %s", r.Number, r.Message)
	case r.Message != "":
		return r.Message
	case r.Code == record.WithheldByHand:
		return "by a person"
	case r.Field == "":
		return fmt.Sprintf("at byte %d", r.Offset)
	}
	return fmt.Sprintf("%s: expected %s", r.Field, r.Expected)
}

func newQuarantineShow(p *place) *cobra.Command {
	var shard string
	var ordinal int64
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Print one record's bytes; the reason goes to stderr",
		Long: `Prints the record that was refused: what was inside, once aggregation, compression and
lines were taken apart. Where that failed, these are the bytes that Kinesis held.`,
		Example: `  snowstream quarantine show --shard shardId-000000000000 --ordinal 4711 > bad.json`,
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, _, err := p.look(cmd)
			if err != nil {
				return err
			}
			found := errors.New("found")
			err = quarantine.List(cmd.Context(), s.Lake(), s.Stream, func(e quarantine.Entry) error {
				if e.Shard != shard || e.Ordinal != ordinal {
					return nil
				}
				fmt.Fprintf(cmd.ErrOrStderr(), "%s, %s\n", e.Reason.Code, where(e.Reason))
				payload := e.Data
				if payload == nil {
					fmt.Fprintln(cmd.ErrOrStderr(), "its payload was not at hand any more: this is its row")
					payload = e.Row
				}
				if _, err := cmd.OutOrStdout().Write(payload); err != nil {
					return err
				}
				return found
			})
			if errors.Is(err, found) {
				return nil
			}
			if err == nil {
				err = fmt.Errorf("shard %s has no ordinal %d in quarantine: see `snowstream quarantine ls`", shard, ordinal)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&shard, "shard", "shardId-000000000000", "the record's shard")
	cmd.Flags().Int64Var(&ordinal, "ordinal", 0, "the record's ordinal")
	return cmd
}

func newQuarantineReplay(p *place) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "replay",
		Short: "Bring the records that fit the schema now into both tables",
		Long: `Decides each quarantined record again, with the schema of the running stack. Those that
fit become rows in both tables, under the ordinals that they have. Running it twice
changes nothing.`,
		Example: `  snowstream local --schema fixed.yaml      # in one terminal
  snowstream quarantine replay              # in another`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, schema, err := p.settings(cmd.Context())
			if err != nil {
				return err
			}
			r, err := quarantine.NewReplayer(schema, s.Lake(), s.Upserter())
			if err != nil {
				return err
			}
			summary, err := r.Replay(cmd.Context(), s.Stream)
			if err != nil {
				return err
			}
			left, err := bringLifted(cmd.Context(), *p, summary.Lifted)
			if err != nil {
				return err
			}
			summary.Refused = append(summary.Refused, left...)
			if asJSON {
				err = json.NewEncoder(cmd.OutOrStdout()).Encode(summary)
			} else {
				_, err = fmt.Fprintln(cmd.OutOrStdout(), summary)
			}
			if err == nil && len(summary.Refused) > 0 {
				return errSaid
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

// bringLifted brings rows that are withheld no more into the micro-batch table: the pipe loads them, or they are merged
// where it will not. It returns what could not be done.
func bringLifted(ctx context.Context, p place, lifted map[string][]int64) (left []string, err error) {
	if len(lifted) == 0 {
		return nil, nil
	}
	s, schema, err := p.settings(ctx)
	if err != nil {
		return nil, err
	}
	db, config, err := auditing(s, schema)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	for _, shard := range slices.Sorted(maps.Keys(lifted)) {
		sel := audit.Selection{Shard: shard, First: slices.Min(lifted[shard]), Last: slices.Max(lifted[shard]), Tables: []audit.Place{audit.Microbatch}}
		out, err := audit.New(config).Replay(ctx, sel, toolsOf(s, db, liftedWait), false, func(audit.Place, int, int) {})
		if err != nil {
			return left, err
		}
		left = append(left, out.Left...)
	}
	return left, nil
}

// liftedWait is how long the pipe is waited for while it loads nothing.
const liftedWait = 2 * time.Minute

func newQuarantineWithhold(p *place) *cobra.Command {
	var shard string
	var ordinals []int64
	cmd := &cobra.Command{
		Use:   "withhold",
		Short: "Put rows into quarantine whose hand-over fails for ever",
		Long: `A row that the streaming table refuses by its own fault goes to quarantine by itself. This
is for the rest: a batch that fails again and again with an error that is not known to be
a row's fault. It takes rows out of the object that the shard is stopped at; the others go
on with the next batch. Nothing is lost: the object keeps the rows, and
` + "`snowstream quarantine replay`" + ` brings them later.`,
		Example: `  snowstream quarantine withhold --shard shardId-000000000000 --ordinal 4711`,
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(ordinals) == 0 {
				return usageError{errors.New("name the rows with --ordinal: the function's log says which object it is")}
			}
			s, schema, err := p.settings(cmd.Context())
			if err != nil {
				return err
			}
			o, err := orchestrator.New(schema, s.Lake(), s.Upserter(), s.Compress, slog.New(slog.DiscardHandler))
			if err != nil {
				return err
			}
			if err := o.Withhold(cmd.Context(), s.Stream, shard, ordinals); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d rows of %s are in quarantine: the next batch hands over the others\n", len(ordinals), shard)
			return err
		},
	}
	cmd.Flags().StringVar(&shard, "shard", "shardId-000000000000", "the rows' shard")
	cmd.Flags().Int64SliceVar(&ordinals, "ordinal", nil, "a row's ordinal; may be given again")
	return cmd
}
