package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/snowstream/snowstream/cmd/internal/version"
)

func newVersion() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Say which build this is",
		Long: `Prints the module's version, the commit, and what it was built with. The page, the
metrics, the functions' logs and a deployment's state have the same words.`,
		Example: `  snowstream version
  snowstream version --json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(version.Of())
			}
			return writeVersion(cmd.OutOrStdout(), version.Of())
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

func writeVersion(w io.Writer, i version.Info) error {
	commit, engine := i.Commit, i.DuckDB
	if commit == "" {
		commit = "unknown: built without version control"
	}
	if engine == "" {
		engine = "none: built without cgo, so `local` does not run"
	}
	_, err := fmt.Fprintf(w, "snowstream %s\n  commit    %s %s\n  Go        %s\n  DuckDB    %s\n  platform  %s\n", i.Version, commit, i.Time, i.Go, engine, i.Platform)
	return err
}
