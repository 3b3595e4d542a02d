package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/schemafile"
)

func newSchemaCheck() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check FILE",
		Short: "Say what a schema file means, or all that is wrong in it",
		Long: `Prints the columns that the file describes, or each problem as FILE:LINE:COLUMN: text,
and then ends with exit code 1. FILE may be - for the standard input.`,
		Example: `  snowstream schema check orders.yaml`,
		Args:    files(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := loadSchema(cmd, args[0])
			var wrong schemaError
			if err != nil && !errors.As(err, &wrong) {
				return err
			}
			switch out := cmd.OutOrStdout(); {
			case asJSON:
				err = json.NewEncoder(out).Encode(newChecked(s, wrong.problems))
			case wrong.problems != nil:
				_, err = io.WriteString(out, wrong.lines())
			default:
				err = writeChecked(out, args[0], s)
			}
			if err == nil && wrong.problems != nil {
				return errSaid
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

// checked is what `schema check --json` prints.
type checked struct {
	OK       bool             `json:"ok"`
	Problems []checkedProblem `json:"problems,omitempty"`
	Columns  []checkedColumn  `json:"columns,omitempty"`
}

type checkedProblem struct {
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Text   string `json:"text"`
}

// checkedColumn is a column without the lineage. Field is empty for the column that takes unknown fields.
type checkedColumn struct {
	Field    []string `json:"field"`
	Column   string   `json:"column"`
	Type     string   `json:"type"`
	SQL      string   `json:"sql"`
	Required bool     `json:"required"`
	// How the values are written in a record, where it is not the type's only way.
	Forms     []record.Form `json:"forms,omitempty"`
	Zone      string        `json:"zone,omitempty"`
	Accept    []string      `json:"accept,omitempty"`
	NonFinite string        `json:"nonfinite,omitempty"`
}

func newChecked(s record.Schema, problems schemafile.Problems) checked {
	c := checked{OK: problems == nil}
	for _, p := range problems {
		c.Problems = append(c.Problems, checkedProblem(p))
	}
	if c.OK {
		for _, column := range s.DataColumns() {
			one := checkedColumn{
				Field: append([]string{}, column.Path...), Column: column.Name, Type: schemafile.TypeText(column), SQL: schema.Type(column), Required: column.Required,
				Forms: column.Forms, Zone: column.Zone, Accept: column.Accept.Words(),
			}
			if column.NonFinite != record.RefuseNonFinite {
				one.NonFinite = column.NonFinite.String()
			}
			c.Columns = append(c.Columns, one)
		}
	}
	return c
}

func writeChecked(w io.Writer, file string, s record.Schema) error {
	columns := s.DataColumns()
	fmt.Fprintf(w, "%s: ok, %d columns\n\n", file, len(columns))
	var reading []string
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(table, "  FIELD\tCOLUMN\tTYPE\tSQL TYPE\tREQUIRED\n")
	for _, c := range columns {
		field, required := c.Field(), "no"
		if len(c.Path) == 0 {
			field = "(all others)"
		}
		if c.Required {
			required = "yes"
		}
		fmt.Fprintf(table, "  %s\t%s\t%s\t%s\t%s\n", printable(field), printable(c.Name), schemafile.TypeText(c), schema.Type(c), required)
		if text := schemafile.ReadingText(c); text != "" {
			reading = append(reading, fmt.Sprintf("  %s takes %s.\n", printable(field), text))
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString("\n  " + remarks(s) + "\n" + strings.Join(reading, ""))
	if text := schemafile.StateText(s.State); text != "" {
		b.WriteString("  " + printable(text) + "\n")
	}
	if quoted := needQuotes(columns); quoted != "" {
		fmt.Fprintf(&b, "  In SQL these names need the double quotes: %s\n", quoted)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// remarks is what a schema says besides its columns.
func remarks(s record.Schema) string {
	text := schemafile.WrappingText(s) + " " + map[record.Policy]string{
		record.Ignore: "Fields that are not listed are left out.",
		record.Keep:   "Fields that are not listed go into " + printable(s.Rest) + ".",
		record.Refuse: "A record with a field that is not listed goes to quarantine.",
	}[s.Unknown]
	if s.LastOne {
		text += " Of fields with the same name the last one counts."
	}
	for _, c := range s.Origin.Columns() {
		text += " Both tables have a column " + c.Name + "."
	}
	return text
}

// printable is a name as it is, or quoted if it would disturb the terminal or the table.
func printable(name string) string {
	if quoted := strconv.Quote(name); quoted[1:len(quoted)-1] != name || strings.TrimSpace(name) != name || name == "" {
		return quoted
	}
	return name
}

// needQuotes lists the columns that SQL does not find under their bare names.
func needQuotes(columns []record.Column) string {
	var names []string
	for _, c := range columns {
		if !schema.Bare(c.Name) {
			names = append(names, schema.Quote(c.Name))
		}
	}
	return strings.Join(names, ", ")
}
