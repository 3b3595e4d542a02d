package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/snowstream/snowstream/cmd/internal/version"
)

// newMan writes the manual pages that a release packs.
func newMan() *cobra.Command {
	return &cobra.Command{
		Use:    "man DIR",
		Short:  "Write the manual pages of all commands into a folder",
		Hidden: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{errors.New("say which folder the manual pages go to")}
			}
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return fmt.Errorf("make the folder for the manual pages: %w", err)
			}
			root := cmd.Root()
			root.DisableAutoGenTag = true // the day of the build
			return doc.GenManTree(root, &doc.GenManHeader{Title: "SNOWSTREAM", Section: "1", Source: "snowstream " + version.Of().Version}, args[0])
		},
	}
}
