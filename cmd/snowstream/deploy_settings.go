package main

import (
	"cmp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/snowstream/snowstream/deploy"
	"github.com/snowstream/snowstream/deploy/cloudformation"
)

// notRemembered are the flags that say how a command works and not what is deployed, and who the person is that runs it.
func notRemembered() []string {
	return []string{"file", "json", "config", "help", "environment", "endpoint-url", "aws-account", "patience", "schema", "functions-source", "orchestrator-program", "upsert-program",
		"snowflake-login", "snowflake-key-file", "snowflake-key-passphrase-file", "snowflake-login-role", "snowflake-login-warehouse", "rate", "record-bytes", "row-bytes", "own-seconds", "merge-seconds", "append-seconds", "commit-seconds", "edition"}
}

// renamed are flags of earlier versions, under whose names deployment files remember settings.
var renamed = map[string]string{"existing-stream-key": "stream-key", "existing-bucket-key": "bucket-key"}

// recall gives the flags that are left away the values that the last apply had, so that leaving one away undoes nothing.
func (o *deployOptions) recall(f *pflag.FlagSet, made deploy.File) {
	o.schemaText, o.storageRole = made.SchemaText, made.StorageRoleARN
	for name, value := range made.Settings {
		name = cmp.Or(renamed[name], name)
		if flag := f.Lookup(name); flag == nil || flag.Changed || slices.Contains(notRemembered(), name) {
			continue
		}
		// A value that this version does not take any more is left to the checks of the flag's default.
		_ = f.Set(name, value)
	}
	if made.Settings != nil || made.Completed == "" {
		return
	}
	// A file from before settings were remembered, and before there was a choice of row paths.
	for name, value := range map[string]string{"row-path": cloudformation.RowsByMerge, "authentication": made.Authentication, "warehouse": made.Snowflake.Warehouse} {
		if flag := f.Lookup(name); flag != nil && !flag.Changed {
			_ = f.Set(name, value)
		}
	}
}

// settle fills in what follows from the row path: Snowpipe Streaming signs in with a key pair and needs no warehouse.
func (o *deployOptions) settle(f *pflag.FlagSet) {
	p, snowpipe := &o.parameters, o.parameters.RowPath == cloudformation.RowsBySnowpipe
	if p.Authentication == "" {
		p.Authentication = cloudformation.KeyPair
		if !snowpipe {
			p.Authentication = cloudformation.WorkloadIdentity
		}
	}
	if given := f.Lookup("warehouse"); snowpipe && !o.landing.MakeWarehouse && (given == nil || !given.Changed) {
		o.landing.Warehouse = ""
	}
}

// settings are what is to be remembered.
func settings(cmd *cobra.Command) map[string]string {
	out := map[string]string{}
	cmd.InheritedFlags().VisitAll(func(flag *pflag.Flag) {
		if !flag.Changed || slices.Contains(notRemembered(), flag.Name) {
			return
		}
		out[flag.Name] = flag.Value.String()
		if flag.Value.Type() == "stringToString" {
			out[flag.Name] = strings.Trim(out[flag.Name], "[]") // as it is shown, and not as it is set
		}
		if list, ok := flag.Value.(pflag.SliceValue); ok {
			out[flag.Name] = strings.Join(list.GetSlice(), ",")
		}
	})
	return out
}
