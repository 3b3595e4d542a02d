package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snowstream/snowstream/deploy"
	"github.com/snowstream/snowstream/deploy/cloudformation"
	"github.com/snowstream/snowstream/deploy/cost"
	"github.com/snowstream/snowstream/landing/snowflake"
)

var updatePlan = flag.Bool("update-plan", false, "write the golden text of a plan again")

// TestPlanText holds what people read before they let anything happen.
func TestPlanText(t *testing.T) {
	bill, err := cost.Month(cost.Load{
		Rate: 10, RecordBytes: 200, BatchSize: 100, BatchWindow: time.Minute, Shards: 1, Region: cost.DefaultRegion, Edition: cost.Standard,
	})
	if err != nil {
		t.Fatal(err)
	}
	f := deploy.File{Environment: "snowstream", AccountID: "123456789012", Region: "eu-west-1", Snowflake: deploy.Snowflake{Account: "org-acc"}}
	var out bytes.Buffer
	err = writePlan(&out, f, deploy.Plan{
		AWS: []deploy.Resource{
			{Action: "Add", Type: "AWS::Kinesis::Stream", Name: "Stream", Why: "takes the records", Cost: "by the hour"},
			{Action: "Modify", Type: "AWS::Lambda::Function", Name: "SnowflakeUpsert", Why: "writes the streaming table", Cost: "by use",
				Properties: []cloudformation.Property{{Path: "Timeout", Before: "240", After: "120"}, {Path: "MemorySize", Before: "128", After: "256", Drifted: true}, {Path: "VpcConfig", After: "{}"}}},
			{Action: "Modify", Type: "AWS::Kinesis::Stream", Name: "kdEntry", Why: "takes the records", Cost: "by the hour", Loss: "records in the stream that are older than 24 h expire at once",
				Properties: []cloudformation.Property{{Path: "RetentionPeriodHours", Before: "168", After: "24"}}},
			{Action: "Modify", Type: "AWS::S3::Bucket", Name: "raw", Replacement: true, Why: "the raw zone", Cost: "by use"},
			{Action: "Remove", Type: "AWS::Logs::LogGroup", Name: "log", Why: "logs", Cost: "by GB"},
		},
		Snowflake: []deploy.Planned{{Why: "holds the schema", Statement: `CREATE DATABASE IF NOT EXISTS "D"`}},
		Notes:     []string{"a note"}, Bill: bill, PricedAt: cost.DefaultRegion,
	})
	if err != nil {
		t.Fatal(err)
	}
	const file = "testdata/plan.txt"
	if *updatePlan {
		if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("%s (run with -update-plan if this is meant):\n%s", file, diff)
	}
}

// TestExplain: a refusal of Snowflake that has a remedy names it.
func TestExplain(t *testing.T) {
	for number, want := range map[int]string{noPrivilege: "--grants-for", notThere: "--create-database", wrongPassword: passwordVariable, wrongToken: "DESC USER"} {
		err := explain(fmt.Errorf("step snowflake: %w", &snowflake.Error{Number: number}))
		var refused *snowflake.Error
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), want) {
			t.Errorf("%d: %v, want one with %q", number, err, want)
		}
	}
	if plain := errors.New("x"); explain(plain) != plain || explain(nil) != nil {
		t.Error("another error is changed")
	}
}
