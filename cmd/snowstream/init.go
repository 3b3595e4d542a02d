package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/snowstream/snowstream/examples"
	"github.com/snowstream/snowstream/record/schemafile"
)

func newInit() *cobra.Command {
	var dir string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "init [NAME]",
		Short: "Copy an example to start from: schema, template, queries",
		Long: `Without a name, lists the examples. With one, copies its files into a folder of that
name, or into --into. A file that is there already is never overwritten.`,
		Example: `  snowstream init
  snowstream init orders && cd orders && snowstream local --schema orders.yaml --template orders.template`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError{fmt.Errorf("%s takes one name, but was given %q", cmd.CommandPath(), args)}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			list, err := examples.List()
			if err != nil {
				return err
			}
			if len(args) == 0 {
				return listExamples(cmd, list, asJSON)
			}
			if err := isExample(args[0], list); err != nil {
				return err
			}
			if dir == "" {
				dir = args[0]
			}
			written, err := examples.Copy(args[0], dir)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %s. Start with its README.md.\n", dir, strings.Join(written, ", "))
			return err
		},
	}
	cmd.Flags().StringVar(&dir, "into", "", "folder to copy into (default: one named like the example)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "list as one JSON array")
	return cmd
}

func listExamples(cmd *cobra.Command, list []examples.Example, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(list)
	}
	for _, e := range list {
		if _, err := fmt.Fprintf(cmd.OutOrStdout(), "  %-16s %s\n", e.Name, e.About); err != nil {
			return err
		}
	}
	return nil
}

// isExample refuses a name that no example has.
func isExample(name string, list []examples.Example) error {
	var names []string
	for _, e := range list {
		if e.Name == name {
			return nil
		}
		names = append(names, e.Name)
	}
	return usageError{errors.New(fmt.Sprintf("there is no example %q: ", name) + schemafile.Suggest(name, names))}
}
