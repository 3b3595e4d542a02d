package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/snowstream/snowstream/deploy"
	"github.com/snowstream/snowstream/deploy/cloudformation"
)

func newDeployPlan(o *deployOptions) *cobra.Command {
	detailed := false
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Show what apply would change on both sides, and the monthly bill; change nothing",
		Long: `Looks at both accounts and shows each resource that would be created or changed in AWS,
with its reason and what it costs by, each statement that would be run in Snowflake,
and the monthly bill for --rate and --record-bytes.`,
		Example: `  snowstream deploy plan --rate 100 --record-bytes 200
  snowstream deploy plan --json | jq '.aws[] | .type'`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			d, err := o.open(cmd, func(*deploy.Config) {})
			if err != nil {
				return explain(err)
			}
			defer d.close()
			p, err := d.Plan(cmd.Context())
			if err != nil {
				return explain(err)
			}
			if o.json {
				err = json.NewEncoder(cmd.OutOrStdout()).Encode(p)
			} else {
				err = writePlan(cmd.OutOrStdout(), d.File(), p)
			}
			if err = errors.Join(err, p.Bill.Impossible()); err == nil && detailed && len(p.AWS)+len(p.Snowflake) > 0 {
				return errChanges
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&detailed, "detailed-exitcode", false, "end with 0 if nothing would change, with 2 if something would, and with 1 after an error")
	return cmd
}

// errChanges ends a plan that was asked to tell by its exit code that something would change. It is no failure, and nothing is said.
var errChanges = errors.New("there are changes")

func writePlan(out io.Writer, f deploy.File, p deploy.Plan) error {
	fmt.Fprintf(out, "environment %s: AWS account %s in %s, Snowflake account %s\n", f.Environment, f.AccountID, f.Region, f.Snowflake.Account)
	if len(p.AWS) > 0 {
		fmt.Fprintf(out, "\nAWS, %d changes\n", len(p.AWS))
	}
	for _, r := range p.AWS {
		mark := map[string]string{"Add": "+", "Remove": "-"}[r.Action]
		if mark == "" {
			mark = "~"
		}
		if r.Replacement {
			mark = "!"
		}
		fmt.Fprintf(out, "  %s %-38s %s\n      %s [%s]\n", mark, r.Type, r.Name, r.Why, r.Cost)
		for _, p := range r.Properties {
			by := ""
			if p.Drifted {
				by = " (changed by hand)"
			}
			fmt.Fprintf(out, "      %s: %s -> %s%s\n", p.Path, shown(p.Before), shown(p.After), by)
		}
		if r.Loss != "" {
			fmt.Fprintf(out, "      !! %s: apply does this only with --yes\n", r.Loss)
		}
	}
	if len(p.Snowflake) > 0 {
		fmt.Fprintf(out, "\nSnowflake, %d statements\n", len(p.Snowflake))
	}
	for _, s := range p.Snowflake {
		fmt.Fprintf(out, "  -- %s\n  %s;\n", s.Why, s.Statement)
	}
	fmt.Fprintln(out)
	for _, n := range p.Notes {
		fmt.Fprintf(out, "note: %s\n", n)
	}
	if p.PricedAt != "" {
		fmt.Fprintf(out, "note: there is no price table for %s: the estimate is for %s\n", f.Region, p.PricedAt)
	}
	fmt.Fprintln(out)
	return writeBill(out, p.Bill)
}

// shown is a property's value in a line.
func shown(value string) string {
	const most = 120
	switch {
	case value == "":
		return "(none)"
	case len(value) > most:
		return value[:most] + "…"
	}
	return value
}

func newDeployTemplate() *cobra.Command {
	compact := false
	cmd := &cobra.Command{
		Use:     "template",
		Short:   "Print the CloudFormation template",
		Long:    "Prints the one template that a deployment uses, with its reasons in comments, for people who must\nhave it read, or passed to somebody else, first.",
		Example: "  snowstream deploy template > template.yaml",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			text := cloudformation.Template()
			if compact {
				var err error
				if text, err = cloudformation.Compact(); err != nil {
					return err
				}
			}
			_, err := cmd.OutOrStdout().Write(text)
			return err
		},
	}
	cmd.Flags().BoolVar(&compact, "compact", false, "leave comments and most line ends out, as deploy does: CloudFormation takes 51,200 bytes in a call")
	return cmd
}
