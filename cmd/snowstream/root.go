package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/snowstream/snowstream/cmd/internal/version"
)

// The exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // what was asked for failed, or rows are missing or doubled
	exitUsage  = 2 // the command line was wrong; nothing was done
	// exitChanges is what plan --detailed-exitcode ends with, as other planners do; a wrong command line then ends with 2 as well.
	exitChanges = 2
)

// usageError is a mistake in the command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// errSaid ends a command whose result has told already why it failed.
var errSaid = errors.New("failed")

// run executes one command line and returns the exit code. Results go to stdout, all else to stderr.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	open := &closers{}
	err := root.ExecuteContext(context.WithValue(ctx, closersKey{}, open))
	err = errors.Join(err, open.close())
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errChanges):
		return exitChanges
	case errors.Is(err, errSaid):
		return exitFailed
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "snowstream: %v\n", err)
		return exitUsage
	}
	fmt.Fprintf(stderr, "snowstream: %v\n", err)
	return exitFailed
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "snowstream",
		Short: "Kinesis to Snowflake, exactly once",
		Long: `snowstream lands an Amazon Kinesis data stream in Snowflake twice: row by row in a
streaming table, and as files in an S3 raw zone that Snowpipe loads into a
micro-batch table. Nothing is lost, nothing is doubled, and it can be proved.`,
		SilenceErrors: true, SilenceUsage: true,
		Args:    noArguments,
		Version: version.Of().String(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	file := root.PersistentFlags().String("config", "", "configuration file (default: "+configFile+" in this folder, if there is one)")
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return configure(cmd, *file) }
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w (see `%s --help`)", err, cmd.CommandPath())}
	})
	root.AddCommand(newLocal(), newGenerate(), newTemplate(), newStatus(), newQuery(), newDashboard(), newAudit(), newSchema(), newQuarantine(),
		newReplay(), newCost(), newDeploy(), newInit(), newVersion(), newFunction(), newMan())
	return root
}

// noArguments refuses what stands behind a command's flags: most likely a slip in the name of a command below it.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	cmd.SuggestionsMinimumDistance = 2
	switch near := cmd.SuggestionsFor(args[0]); {
	case len(near) > 0:
		return usageError{fmt.Errorf("unknown command %q: did you mean %q? (see `%s --help`)", args[0], near[0], cmd.CommandPath())}
	case !cmd.HasParent():
		return usageError{fmt.Errorf("unknown command %q (see `%s --help`)", args[0], cmd.CommandPath())}
	}
	return usageError{fmt.Errorf("%s takes no arguments, but was given %q", cmd.CommandPath(), args)}
}
