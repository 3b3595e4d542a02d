package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/schemafile"
)

func newSchema() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Check a schema file, propose one from records, print its DDL",
		Long: `A schema file says which JSON field of a record goes into which column, and what it
must be. docs/schema.md describes the format.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newSchemaCheck(), newSchemaInfer(), newSchemaSQL())
	return cmd
}

// files returns a check for the number of files behind a command.
func files(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return usageError{fmt.Errorf("%s needs a file, or - for the standard input (see `%s --help`)", cmd.CommandPath(), cmd.CommandPath())}
		case len(args) > most:
			return usageError{fmt.Errorf("%s takes one file, but was given %q", cmd.CommandPath(), args)}
		}
		return nil
	}
}

// open opens a file, or takes the standard input for -.
func open(cmd *cobra.Command, file string) (io.ReadCloser, error) {
	if file == "-" {
		return io.NopCloser(cmd.InOrStdin()), nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, errors.Unwrap(err))
	}
	return f, nil
}

// schemaError is a schema file with problems.
type schemaError struct {
	file     string
	problems schemafile.Problems
}

func (e schemaError) Error() string {
	return fmt.Sprintf("%s is not a schema:\n%s", e.file, strings.TrimSuffix(e.lines(), "\n"))
}

// lines is the problems as compilers print theirs, for editors to jump to.
func (e schemaError) lines() string {
	var b strings.Builder
	for _, p := range e.problems {
		fmt.Fprintf(&b, "%s:%s\n", e.file, p)
	}
	return b.String()
}

// loadSchema reads a schema file. An error of type schemaError says what is wrong in it.
func loadSchema(cmd *cobra.Command, file string) (record.Schema, error) {
	f, err := open(cmd, file)
	if err != nil {
		return record.Schema{}, err
	}
	defer f.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(io.LimitReader(f, schemafile.MaxSize+1)); err != nil {
		return record.Schema{}, fmt.Errorf("read %s: %w", file, err)
	}
	s, err := schemafile.Parse(text.Bytes())
	var problems schemafile.Problems
	if errors.As(err, &problems) {
		return s, schemaError{file, problems}
	}
	return s, err
}
