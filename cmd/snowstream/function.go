package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/snowstream/snowstream/cmd/internal/function/orchestrator"
	"github.com/snowstream/snowstream/cmd/internal/function/upsert"
)

// newFunction is how the local Lambda host starts this program as one of the two functions. People have no use for it.
func newFunction() *cobra.Command {
	function := &cobra.Command{Use: "function", Hidden: true, Args: noArguments}
	function.AddCommand(
		&cobra.Command{Use: "orchestrator", Args: noArguments, RunE: func(cmd *cobra.Command, _ []string) error {
			return orchestrator.Run(cmd.Context(), os.Stdout)
		}},
		&cobra.Command{Use: "upsert", Args: noArguments, RunE: func(cmd *cobra.Command, _ []string) error {
			return upsert.Run(cmd.Context(), os.Stdout)
		}},
	)
	return function
}
