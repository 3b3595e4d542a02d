package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/snowstream/snowstream/cmd/internal/stack"
	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/record"
)

// exampleRole is in the DDL where nobody gave a role: the statement then runs, and its text says what to replace.
const exampleRole = "arn:aws:iam::000000000000:role/snowstream-snowflake-storage"

func newSchemaSQL() *cobra.Command {
	names, bucket, role := schema.Defaults(), "", ""
	var dynamic, lag string
	cmd := &cobra.Command{
		Use:   "sql [FILE]",
		Short: "Print the statements that create what a schema needs",
		Long: `Prints the DDL of both tables, the file format, the storage integration, the stage and
the pipe, in the order in which they have to run; and, if the schema has keys, of the view
of current rows. Without FILE it is that of the sensor example. Each statement may run
again; none replaces anything but that view, which holds no rows.`,
		Example: `  snowstream schema sql orders.yaml --database PROD --bucket my-raw-zone > orders.sql`,
		Args:    files(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s := record.Sensor()
			if len(args) == 1 {
				var err error
				if s, err = loadSchema(cmd, args[0]); err != nil {
					return err
				}
			}
			statements := append(schema.Tables(names, s),
				schema.Integration(names, bucket, role), schema.Stage(names, bucket), schema.Pipe(names))
			switch view := schema.Current(names, s); {
			case view == "" && dynamic != "":
				return usageError{errors.New("--dynamic-table keeps the current row of each key, and the schema names no keys: write keys: [...] into it")}
			case dynamic != "":
				statements = append(statements, schema.CurrentTable(names, s, dynamic, lag))
			case view != "":
				statements = append(statements, view)
			}
			_, err := fmt.Fprint(cmd.OutOrStdout(), strings.Join(statements, ";\n\n")+";\n")
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&names.Database, "database", names.Database, "database, as Snowflake stores its name")
	f.StringVar(&names.Schema, "schema", names.Schema, "schema in the database")
	f.StringVar(&names.Streaming, "streaming-table", names.Streaming, "table that is written row by row")
	f.StringVar(&names.Microbatch, "microbatch-table", names.Microbatch, "table that Snowpipe loads")
	f.StringVar(&names.Integration, "integration", names.Integration, "storage integration, one name for the whole account")
	f.StringVar(&dynamic, "dynamic-table", "", "keep the current rows as a dynamic table, which this warehouse refreshes, instead of a view")
	f.StringVar(&lag, "target-lag", "5 minutes", "how far a dynamic table may be behind")
	f.StringVar(&bucket, "bucket", stack.Bucket, "S3 bucket of the raw zone")
	f.StringVar(&role, "role-arn", exampleRole, "role in AWS that Snowflake takes on to read the bucket")
	return cmd
}
