package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"github.com/snowstream/snowstream/landing/snowflake"
)

// queryOptions are the flags of `snowstream query`.
type queryOptions struct {
	place     place
	json, csv bool
}

func newQuery() *cobra.Command {
	var o queryOptions
	cmd := &cobra.Command{
		Use:     "query [STATEMENT]",
		Aliases: []string{"sql"},
		Short:   "Run SQL on the warehouse and print the rows",
		Long: `Runs a statement on the local warehouse, or on a deployment's Snowflake with
--deployment. Without a statement, statements are read from the standard input, with
semicolons between them; they run in one session, and the first that fails is the last.

A table is printed, or one JSON object a row (--json), or CSV (--csv). Numbers have the
digits that the warehouse sent.`,
		Example: `  snowstream query 'SELECT * FROM KINESIS_SENSORS_STREAMING ORDER BY _ORDINAL DESC LIMIT 10'
  snowstream query --csv 'SELECT STATUS, COUNT(*) FROM KINESIS_SENSORS_STREAMING GROUP BY 1' > status.csv
  snowstream sql < report.sql`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError{fmt.Errorf("%s takes one statement, in quotes, but was given %d arguments", cmd.CommandPath(), len(args))}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.json && o.csv {
				return usageError{errors.New("--json or --csv, not both")}
			}
			text, err := statementText(cmd, args)
			if err != nil {
				return err
			}
			return o.run(cmd, splitStatements(text))
		},
	}
	o.place.flags(cmd.Flags())
	cmd.Flags().BoolVar(&o.json, "json", false, "print one JSON object a row")
	cmd.Flags().BoolVar(&o.csv, "csv", false, "print CSV with a header; NULL is an empty field, an empty text is \"\"")
	return cmd
}

// statementText is the argument, or all of the standard input.
func statementText(cmd *cobra.Command, args []string) (string, error) {
	if len(args) == 1 {
		return args[0], nil
	}
	in := cmd.InOrStdin()
	if f, ok := in.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
		fmt.Fprintln(cmd.ErrOrStderr(), "Statements, with semicolons between them; Ctrl-D runs them.")
	}
	text, err := io.ReadAll(in)
	if err != nil {
		return "", fmt.Errorf("read the statements from the standard input: %w", err)
	}
	return string(text), nil
}

// run runs statements one after another in one session.
func (o queryOptions) run(cmd *cobra.Command, statements []string) error {
	if len(statements) == 0 {
		return usageError{errors.New("there is no statement: give one in quotes, or some on the standard input")}
	}
	s, _, err := o.place.look(cmd)
	if err != nil {
		return err
	}
	db, err := s.Session()
	if err != nil {
		return err
	}
	defer db.Close()
	for i, statement := range statements {
		w := o.writer(cmd.OutOrStdout())
		err := db.Read(cmd.Context(), snowflake.Answer{Head: w.head, Row: w.row}, statement)
		if err == nil {
			err = w.end()
		}
		if err != nil {
			return told(err, i+1, len(statements))
		}
	}
	return nil
}

// told says which statement it was that failed.
func told(err error, number, of int) error {
	if of > 1 {
		return fmt.Errorf("statement %d of %d: %w", number, of, err)
	}
	return err
}

func (o queryOptions) writer(out io.Writer) rowWriter {
	switch {
	case o.json:
		return &jsonRows{out: out}
	case o.csv:
		return &csvRows{out: out}
	}
	return &tableRows{out: out}
}
