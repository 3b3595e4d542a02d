package deploy

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"github.com/snowstream/snowstream/deploy/bundle"
	"github.com/snowstream/snowstream/deploy/cloudformation"
	"github.com/snowstream/snowstream/deploy/cost"
	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/record"
)

var update = flag.Bool("update", false, "write the golden files again")

// account answers SHOW and DESC from a list, and remembers what it was told to do.
type account struct {
	answers map[string][]map[string]string
	done    []string
	// refuse is the answer to SYSTEM$VALIDATE_STORAGE_INTEGRATION so many times.
	refuse int
}

func (a *account) Exec(_ context.Context, query string, _ ...any) (sql.Result, error) {
	a.done = append(a.done, query)
	return nil, nil
}

func (a *account) Query(_ context.Context, row func(func(...any) error) error, query string, _ ...any) error {
	answer := `{"status":"success"}`
	if a.refuse > 0 {
		a.refuse--
		answer = `{"status":"failure","actions":{"LIST":{"status":"failure","message":"Access Denied (403)"}}}`
	}
	return row(func(into ...any) error { *into[0].(*string) = answer; return nil })
}

func (a *account) Show(_ context.Context, query string) ([]map[string]string, error) {
	return a.answers[query], nil
}

// stack is one that would change two things.
type stack struct{ Stack }

func (stack) Plan(_ context.Context, p cloudformation.Parameters) ([]cloudformation.Change, error) {
	if p.StorageUserARN == "" || p.PipeQueueARN != "" {
		return nil, errors.New("a first plan has a stand-in for the user, and no queue")
	}
	return []cloudformation.Change{
		{Action: "Add", LogicalID: "Stream", Type: "AWS::Kinesis::Stream", Purpose: cloudformation.Purpose{Why: "takes the records", Cost: "by the hour"}},
		{Action: "Modify", LogicalID: "Upsert", PhysicalID: "SnowflakeUpsert", Type: "AWS::Lambda::Function", Replacement: "True"},
	}, nil
}

func (stack) Outputs(context.Context) (cloudformation.Outputs, bool, error) {
	return cloudformation.Outputs{}, true, nil
}

func config(t *testing.T) Config {
	t.Helper()
	p := cloudformation.Defaults()
	p.BucketName = "my-raw"
	return Config{
		Path: filepath.Join(t.TempDir(), "d.json"), StackName: "snowstream", Region: "us-east-1", AccountID: "123456789012", Partition: "aws",
		Parameters: p, SnowflakeAccount: "org-acc",
		Landing: schema.Landing{Names: schema.Defaults(), Schema: record.Sensor(), Database: true, MakeWarehouse: true, Warehouse: "WH", Role: "WRITER", User: "UPSERT"},
		Load:    cost.Load{Rate: 10, RecordBytes: 200, Edition: cost.Standard},
		Session: &account{}, Stack: stack{}, Patience: time.Second,
		Build: func(context.Context) (bundle.Bundle, error) {
			return bundle.Bundle{Orchestrator: bundle.Zip{Function: "orchestrator", SHA256: "aa"}, Upsert: bundle.Zip{Function: "upsert", SHA256: "bb"}}, nil
		},
	}
}

func TestPlanGolden(t *testing.T) {
	c := config(t)
	d, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	d.file.ExternalID = "snowstream_fixed"
	d.complete()
	p, err := d.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range p.Snowflake {
		p.Snowflake[i].Statement = told(p.Snowflake[i].Statement)
	}
	text, err := json.MarshalIndent(p, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	const file = "testdata/plan.json"
	if *update {
		if err := os.WriteFile(file, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(text)); diff != "" {
		t.Errorf("%s (run with -update if this is meant):\n%s", file, diff)
	}
	if done := c.Session.(*account).done; len(done) > 0 {
		t.Errorf("a plan did something: %v", done)
	}
	if _, err := os.Stat(c.Path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a plan wrote the deployment file: %v", err)
	}
}

// TestFile: what was chosen once stays, and a file of another deployment is refused.
func TestFile(t *testing.T) {
	c := config(t)
	first, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.creating("PIPE X"); err != nil {
		t.Fatal(err)
	}
	again, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	if again.file.ExternalID != first.file.ExternalID || !again.file.created("PIPE X") || again.Landing.ExternalID != first.file.ExternalID {
		t.Error("the external id or the list of what was made is forgotten")
	}
	for what, change := range map[string]func(*Config){
		"AWS account is 123456789012, and 210987654321": func(c *Config) { c.AccountID = "210987654321" },
		"Snowflake account is org-acc":                  func(c *Config) { c.SnowflakeAccount = "other" },
		"pipe is SNOWSTREAM_PIPE":                       func(c *Config) { c.Landing.Names.Pipe = "P" },
	} {
		other := c
		change(&other)
		if _, err := New(other); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%v, want one with %q", err, what)
		}
	}
	if err := os.WriteFile(c.Path, []byte(`{"version":2}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := New(c); err == nil || !strings.Contains(err.Error(), "version 2") {
		t.Errorf("a file of another version: %v", err)
	}
}

// TestTrust: IAM's delay is waited for and shown, and a refusal that lasts says who must trust whom.
func TestTrust(t *testing.T) {
	c := config(t)
	waits := 0
	c.Progress = func(e Event) {
		if e.State == Waiting {
			waits++
		}
	}
	c.Session, c.Patience = &account{refuse: 1}, time.Minute
	d, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.trust(t.Context()); err != nil || waits != 1 {
		t.Errorf("one refusal: %v after %d waits", err, waits)
	}
	c.Session, c.Patience = &account{refuse: 1000}, time.Millisecond
	if d, err = New(c); err != nil {
		t.Fatal(err)
	}
	if err := d.trust(t.Context()); err == nil || !strings.Contains(err.Error(), "Access Denied") || !strings.Contains(err.Error(), d.file.ExternalID) {
		t.Errorf("a refusal that lasts: %v", err)
	}
}

// TestAdopt: an integration that is there keeps its external id, and one of somebody else is not taken.
func TestAdopt(t *testing.T) {
	described := func(role, location string) *account {
		return &account{answers: map[string][]map[string]string{
			`SHOW INTEGRATIONS LIKE 'SNOWSTREAM_S3'`: {{"name": "SNOWSTREAM_S3"}},
			`DESC INTEGRATION "SNOWSTREAM_S3"`: {
				{"property": "STORAGE_AWS_ROLE_ARN", "property_value": role}, {"property": "STORAGE_ALLOWED_LOCATIONS", "property_value": location},
				{"property": "STORAGE_AWS_IAM_USER_ARN", "property_value": "arn:user"}, {"property": "STORAGE_AWS_EXTERNAL_ID", "property_value": "theirs"},
			},
		}}
	}
	const ours = "arn:aws:iam::123456789012:role/snowstream-us-east-1-snowflake-storage"
	for _, tt := range []struct{ role, location, err string }{
		{ours, "s3://my-raw/kinesiscsv/", ""},
		{"arn:other", "s3://my-raw/kinesiscsv/", "belongs to the role arn:other"},
		{ours, "s3://other/", "allows s3://other/"},
	} {
		c := config(t)
		c.Session = described(tt.role, tt.location)
		d, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		err = d.adopt(t.Context())
		switch {
		case tt.err == "" && (err != nil || d.Parameters.ExternalID != "theirs" || d.Parameters.StorageUserARN != "arn:user"):
			t.Errorf("not adopted: %v, %+v", err, d.file)
		case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)):
			t.Errorf("%v, want one with %q", err, tt.err)
		}
	}
}

// TestPipeIsNeverReplaced: one that loads something else stops the deployment.
func TestPipeIsNeverReplaced(t *testing.T) {
	c := config(t)
	session := &account{answers: map[string][]map[string]string{
		`SHOW PIPES LIKE 'SNOWSTREAM_PIPE' IN SCHEMA "SNOWSTREAM"."LANDING"`: {{"name": "SNOWSTREAM_PIPE", "definition": "COPY INTO X FROM @Y"}},
	}}
	c.Session = session
	d, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.checkPipe(t.Context()); err == nil || !strings.Contains(err.Error(), "never replaced") || len(session.done) > 0 {
		t.Errorf("%v after %v", err, session.done)
	}
}

func TestMergeNotification(t *testing.T) {
	other := types.QueueConfiguration{Id: aws.String("theirs"), QueueArn: aws.String("arn:other"), Events: []types.Event{types.EventS3ObjectRemoved}}
	ours, changed := merge([]types.QueueConfiguration{other}, "snowstream-x", "arn:q", true)
	if !changed || len(ours) != 2 || *ours[0].Id != "theirs" || *ours[1].QueueArn != "arn:q" {
		t.Fatalf("added: %v", ours)
	}
	if _, changed := merge(ours, "snowstream-x", "arn:q", true); changed {
		t.Error("added again")
	}
	capitals := ours[1]
	capitals.Id = aws.String("by hand")
	capitals.Filter = &types.NotificationConfigurationFilter{Key: &types.S3KeyFilter{FilterRules: []types.FilterRule{
		{Name: "Prefix", Value: aws.String("kinesiscsv/")},
	}}}
	if out, changed := merge([]types.QueueConfiguration{capitals}, "snowstream-x", "arn:q", true); changed || len(out) != 1 {
		t.Errorf("what does the same was not recognized: %v", out)
	}
	narrow := capitals
	narrow.Filter = &types.NotificationConfigurationFilter{Key: &types.S3KeyFilter{FilterRules: []types.FilterRule{
		{Name: "Suffix", Value: aws.String(".csv")}, {Name: "Prefix", Value: aws.String("kinesiscsv/")},
	}}}
	if out, changed := merge([]types.QueueConfiguration{other, narrow}, "snowstream-x", "arn:q", true); !changed || len(out) != 2 || len(rules(out[1])) != 1 {
		t.Errorf("one that leaves out compressed objects: %v", out)
	}
	if moved, changed := merge(ours, "snowstream-x", "arn:new", true); !changed || len(moved) != 2 || *moved[1].QueueArn != "arn:new" {
		t.Errorf("another queue: %v", moved)
	}
	if left, changed := merge(ours, "snowstream-x", "arn:q", false); !changed || len(left) != 1 || *left[0].Id != "theirs" {
		t.Errorf("taken away: %v", left)
	}
}

func TestSample(t *testing.T) {
	nested := record.Schema{Columns: []record.Column{
		{Path: []string{"a", "i"}, Name: "I", Type: record.Integer, Required: true},
		{Path: []string{"a", "s"}, Name: "S", Type: record.String},
		{Path: []string{"t"}, Name: "T", Type: record.Timestamp, Required: true},
		{Path: []string{"u"}, Name: "U", Type: record.Timestamp, Forms: []record.Form{record.Milliseconds}, Required: true},
		{Path: []string{"v"}, Name: "V", Type: record.Variant, Required: true},
		{Path: []string{"b"}, Name: "B", Type: record.Boolean, Required: true},
		{Path: []string{"n"}, Name: "N", Type: record.Number, Precision: 5, Scale: 2, Required: true},
		{Path: []string{"d"}, Name: "D", Type: record.Date, Required: true},
		{Path: []string{"dd"}, Name: "DD", Type: record.Date, Forms: []record.Form{record.Days}, Required: true},
		{Path: []string{"tt"}, Name: "TT", Type: record.Time, Required: true},
		{Path: []string{"tm"}, Name: "TM", Type: record.Time, Forms: []record.Form{record.Microseconds}, Required: true},
		{Path: []string{"iso"}, Name: "ISO", Type: record.Timestamp, Zone: "UTC", Forms: []record.Form{record.ISO8601, "DD/MM/YYYY"}, Required: true},
		{Path: []string{"us"}, Name: "US", Type: record.Timestamp, Forms: []record.Form{record.Microseconds}, Required: true},
		{Path: []string{"ns"}, Name: "NS", Type: record.Timestamp, Forms: []record.Form{record.Nanoseconds}, Required: true},
		{Path: []string{"f"}, Name: "F", Type: record.Float, Required: true},
	}}
	for name, s := range map[string]record.Schema{"sensor": record.Sensor(), "nested": nested} {
		if data, err := Sample(s, time.Now()); err != nil || !strings.Contains(string(data), Mark) {
			t.Errorf("%s: %s, %v", name, data, err)
		}
	}
}

func TestDestroyRefused(t *testing.T) {
	c := config(t)
	c.Parameters.ExistingBucket, c.Parameters.ExistingStreamARN = true, "arn:aws:kinesis:us-east-1:123456789012:stream/kdEntry"
	d, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	for kind, want := range map[string]string{"all": "no data called", DataBucket: "was there before", DataStream: "was there before"} {
		if _, err := d.Destroy(t.Context(), []string{kind}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want one with %q", err, want)
		}
	}
	d.file.Destroying = true
	if _, err := d.Apply(t.Context()); err == nil || !strings.Contains(err.Error(), "is being destroyed") {
		t.Errorf("apply in the middle of a destroy: %v", err)
	}
}

func TestCheckRefused(t *testing.T) {
	c := config(t)
	c.Parameters.BatchSize = 0
	d, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Plan(t.Context()); err == nil || !strings.Contains(err.Error(), "batch size") {
		t.Error(err)
	}
}

// TestLoginChanges: a user that is to sign in another way gets the new one before the stack changes and loses the old one
// after it.
func TestLoginChanges(t *testing.T) {
	c := config(t)
	c.Parameters.RowPath, c.Parameters.Authentication = cloudformation.RowsByMerge, cloudformation.WorkloadIdentity
	const role = "arn:aws:iam::123456789012:role/snowstream-us-east-1-upsert"
	for _, tt := range []struct {
		name, login     string
		keys            bool
		created         bool
		identify, after []string
	}{
		{"made by this run", "", false, true, nil, nil},
		{"there before", "", false, false, []string{`ALTER USER "UPSERT" SET WORKLOAD_IDENTITY = (TYPE = AWS ARN = '` + role + `')`}, nil},
		{"had a key", "key-pair", true, true, []string{`ALTER USER "UPSERT" SET WORKLOAD_IDENTITY = (TYPE = AWS ARN = '` + role + `')`}, []string{`ALTER USER "UPSERT" UNSET RSA_PUBLIC_KEY`}},
		{"as it is", role, false, true, nil, nil},
	} {
		user := []map[string]string{{"property": "TYPE", "value": "SERVICE"}}
		if tt.keys {
			user = append(user, map[string]string{"property": "RSA_PUBLIC_KEY_FP", "value": "SHA256:x"}, map[string]string{"property": "RSA_PUBLIC_KEY_2_FP", "value": "null"})
		}
		session := &account{answers: map[string][]map[string]string{`DESC USER "UPSERT"`: user}}
		c.Session = session
		d, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		d.file.Snowflake.Login, d.file.Created = tt.login, nil
		if tt.created {
			d.file.Created = []string{"USER UPSERT"}
		}
		if err := d.identify(t.Context()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.identify, session.done); diff != "" || d.file.Snowflake.Login != role {
			t.Errorf("%s, before the stack: %s", tt.name, diff)
		}
		session.done = nil
		if err := d.login(t.Context()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.after, session.done); diff != "" {
			t.Errorf("%s, after the stack: %s", tt.name, diff)
		}
	}
	c.Session = &account{answers: map[string][]map[string]string{`DESC USER "UPSERT"`: {{"property": "TYPE", "value": "PERSON"}}}}
	d, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.identify(t.Context()); err == nil || !strings.Contains(err.Error(), "no service user") {
		t.Errorf("a person's user: %v", err)
	}
}

// TestRunbooks: each alarm says in docs/operations.md what it means and what to do.
func TestRunbooks(t *testing.T) {
	text, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`AlarmName: !Sub \$\{Environment\}-(\S+)`).FindAllStringSubmatch(string(cloudformation.Template()), -1) {
		if !strings.Contains(string(text), "| `"+m[1]+"` |") {
			t.Errorf("the alarm %s has no runbook", m[1])
		}
	}
}

// TestCounted: the bill has as many alarms as the template.
func TestCounted(t *testing.T) {
	if got := strings.Count(string(cloudformation.Template()), "Type: AWS::CloudWatch::Alarm"); got != cost.Alarms {
		t.Errorf("the template has %d alarms, and the bill %d", got, cost.Alarms)
	}
}
