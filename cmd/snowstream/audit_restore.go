package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/snowstream/snowstream/landing/audit"
	"github.com/snowstream/snowstream/processing/datalake"
	"github.com/snowstream/snowstream/record/rawzone"
)

// kept is something that a repair has taken away, for machines.
type kept struct {
	Key    string    `json:"key"`
	Kind   string    `json:"kind"`
	At     time.Time `json:"at"`
	By     string    `json:"by"`
	Reason string    `json:"reason"`
	// Of rows: their table and shard, and how many.
	Table string `json:"table,omitempty"`
	Shard string `json:"shard,omitempty"`
	Rows  int    `json:"rows,omitempty"`
	// Object is the key that a kept object had.
	Object string `json:"object,omitempty"`
}

func newAuditRestore(p *place) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "restore [key...]",
		Short: "List what repairs have taken away, or bring it back",
		Long: `A repair writes rows and objects into the raw zone, under repaired/, before it deletes or
overwrites them. Without arguments this lists them. With their keys it brings them back
as they were: rows that stand there now for the same records are kept in turn and taken
out, so that this can be undone the same way. Running it twice changes nothing.`,
		Example: `  snowstream audit restore
  snowstream audit restore --json | jq -r 'select(.table == "streaming") | .key'
  snowstream audit restore repaired/kdEntry/20261130T174232.123456Z-…-rows.ndjson`,
		RunE: func(cmd *cobra.Command, keys []string) error {
			settings := p.look
			if len(keys) > 0 {
				settings = p.running
			}
			s, schema, err := settings(cmd)
			if err != nil {
				return err
			}
			db, config, err := auditing(s, schema)
			if err != nil {
				return err
			}
			defer db.Close()
			if len(keys) == 0 {
				return listKept(cmd.Context(), cmd.OutOrStdout(), s.Lake(), s.Stream, asJSON)
			}
			auditor, tools := audit.New(config), toolsOf(s, db, 0)
			for _, key := range keys {
				done, err := auditor.Undo(cmd.Context(), key, tools)
				if err != nil {
					return err
				}
				if err := writeUndone(cmd.OutOrStdout(), done, asJSON); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a line")
	return cmd
}

// listKept prints what repairs have taken away, the oldest first.
func listKept(ctx context.Context, out io.Writer, lake *datalake.Lake, stream string, asJSON bool) error {
	return lake.List(ctx, rawzone.RepairedPrefix(stream), func(key string) error {
		k, err := describeKept(ctx, lake, key)
		if err != nil {
			return err
		}
		if asJSON {
			return json.NewEncoder(out).Encode(k)
		}
		what := fmt.Sprintf("object %s", k.Object)
		if k.Kind == "rows" {
			what = fmt.Sprintf("%d rows of the %s table, %s", k.Rows, k.Table, k.Shard)
		}
		_, err = fmt.Fprintf(out, "%s\n  %s: %s, by %s\n", k.Key, what, k.Reason, k.By)
		return err
	})
}

func describeKept(ctx context.Context, lake *datalake.Lake, key string) (kept, error) {
	if rawzone.KeptRows(key) {
		text, err := lake.Read(ctx, key)
		if err != nil {
			return kept{}, err
		}
		k, err := rawzone.DecodeKept(text)
		if err != nil {
			return kept{}, fmt.Errorf("object %s: %w", key, err)
		}
		return kept{Key: key, Kind: "rows", At: k.At, By: k.By, Reason: k.Reason, Table: k.Table, Shard: k.Shard, Rows: len(k.Rows)}, nil
	}
	metadata, err := lake.Metadata(ctx, key)
	from := func(name string) string { return rawzone.Unescape(metadata[name]) }
	at, _ := time.Parse(time.RFC3339Nano, metadata[rawzone.KeptAt])
	return kept{Key: key, Kind: "object", At: at, By: from(rawzone.KeptBy), Reason: from(rawzone.KeptReason), Object: from(rawzone.KeptFrom)}, err
}

func writeUndone(out io.Writer, done audit.Undone, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(done)
	}
	what := fmt.Sprintf("%d rows are back, %d that stood there are taken out", done.Rows, done.Taken)
	switch {
	case done.Object != "":
		what = "object " + done.Object + " is back as it was"
	case done.Rows+done.Taken == 0:
		what = "all of it is there already"
	}
	_, err := fmt.Fprintf(out, "%s: %s\n", done.Key, what)
	for _, key := range done.Kept {
		if err == nil {
			_, err = fmt.Fprintf(out, "  kept: %s\n", key)
		}
	}
	return err
}
