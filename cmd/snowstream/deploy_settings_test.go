package main

import (
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/snowstream/snowstream/deploy"
)

// parsed are the settings of `deploy apply` with some flags, beside a deployment file.
func parsed(t *testing.T, made *deploy.File, args ...string) (deployOptions, map[string]string) {
	t.Helper()
	o := deployOptions{file: filepath.Join(t.TempDir(), "d.json")}
	if made != nil {
		if err := made.Save(o.file); err != nil {
			t.Fatal(err)
		}
	}
	parent, cmd := &cobra.Command{Use: "deploy"}, &cobra.Command{Use: "apply", RunE: func(*cobra.Command, []string) error { return nil }}
	f := parent.PersistentFlags()
	o.awsFlags(f)
	o.functionFlags(f)
	o.snowflakeFlags(f)
	parent.AddCommand(cmd)
	parent.SetArgs(append([]string{"apply"}, args...))
	if err := parent.Execute(); err != nil {
		t.Fatal(err)
	}
	o.nameByEnvironment(cmd.Flags())
	return o, settings(cmd)
}

// TestRemembered: what is left away stays as the last apply had it, and what is given counts.
func TestRemembered(t *testing.T) {
	args := []string{"--batch-size", "500", "--tag", "a=b", "--tag", "c=d", "--ledger-writers", "x,y", "--snowflake-login", "ME"}
	_, first := parsed(t, nil, args...)
	if want := map[string]string{"batch-size": "500", "tag": "a=b,c=d", "ledger-writers": "x,y"}; !maps.Equal(first, want) {
		t.Fatalf("remembered %v, want %v", first, want)
	}
	made := &deploy.File{Environment: "snowstream", Completed: "backlog", Settings: first}
	o, again := parsed(t, made)
	if o.parameters.BatchSize != 500 || o.parameters.Tags["c"] != "d" || len(o.parameters.LedgerWriters) != 2 || !maps.Equal(again, first) {
		t.Errorf("left away: %+v, remembered %v", o.parameters, again)
	}
	const key = "arn:aws:kms:us-east-1:123456789012:key/0123"
	older := &deploy.File{Environment: "snowstream", Completed: "backlog", Settings: map[string]string{"existing-stream-key": key, "existing-bucket-key": key}}
	if o, _ := parsed(t, older); o.parameters.StreamKeyARN != key || o.parameters.BucketKeyARN != key {
		t.Errorf("by their names of an earlier version: %+v", o.parameters)
	}
	if o, _ := parsed(t, made, "--batch-size", "100"); o.parameters.BatchSize != 100 || o.parameters.Tags["a"] != "b" {
		t.Errorf("given: %+v", o.parameters)
	}
}

// TestPathStays: roles have names of their own and cannot move, so another path than that of the deployment is refused.
func TestPathStays(t *testing.T) {
	const role = "arn:aws:iam::123456789012:role/teams/data/snowstream-us-east-1-snowflake-storage"
	made := &deploy.File{Environment: "snowstream", Completed: "backlog", Settings: map[string]string{"iam-path": "/teams/data/"}, StorageRoleARN: role}
	o, _ := parsed(t, made)
	if err := o.checkFlags(); err != nil || o.parameters.StorageRoleARN("aws", "123456789012", "us-east-1") != role {
		t.Errorf("left away: %v, %s", err, o.parameters.IAMPath)
	}
	for _, path := range []string{"/", "/teams/"} {
		o, _ := parsed(t, made, "--iam-path", path)
		if err := o.checkFlags(); err == nil || !strings.Contains(err.Error(), "--iam-path "+path+": the roles are there, under /teams/data/") {
			t.Errorf("%s: %v", path, err)
		}
	}
	if c, _, err := o.reopen(); err != nil || c.Parameters.IAMPath != "/teams/data/" {
		t.Errorf("reopened with %q, %v", c.Parameters.IAMPath, err)
	}
}

// TestRowPaths: what follows from the row path, and that deployments from before there was a choice stay as they are.
func TestRowPaths(t *testing.T) {
	old := &deploy.File{Environment: "snowstream", Completed: "backlog", Authentication: "workload-identity", Snowflake: deploy.Snowflake{Warehouse: "WH"}}
	for _, tt := range []struct {
		made                             *deploy.File
		args                             []string
		path, authentication, warehouses string
	}{
		{nil, nil, "snowpipe", "key-pair", ""},
		{nil, []string{"--create-warehouse"}, "snowpipe", "key-pair", "SNOWSTREAM_WH"},
		{nil, []string{"--warehouse", "MINE"}, "snowpipe", "key-pair", "MINE"},
		{nil, []string{"--row-path", "merge"}, "merge", "workload-identity", "SNOWSTREAM_WH"},
		{old, nil, "merge", "workload-identity", "WH"},
	} {
		o, _ := parsed(t, tt.made, tt.args...)
		if p := o.parameters; p.RowPath != tt.path || p.Authentication != tt.authentication || o.landing.Warehouse != tt.warehouses {
			t.Errorf("%v beside %v: %s, %s, warehouse %q", tt.args, tt.made != nil, p.RowPath, p.Authentication, o.landing.Warehouse)
		}
	}
}
