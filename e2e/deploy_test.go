package e2e

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awskinesis "github.com/aws/aws-sdk-go-v2/service/kinesis"
	kinesistypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/snowstream/snowstream/deploy"
	"github.com/snowstream/snowstream/internal/child"
	"github.com/snowstream/snowstream/internal/long"
	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/landing/snowflake"
	"github.com/snowstream/snowstream/local/warehouse"
	"github.com/snowstream/snowstream/record/rawzone"
)

// accounts are an AWS account and a Snowflake account, both on this machine.
type accounts struct {
	*emulator
	snowflake string
	db        *snowflake.DB
	file      string
	// settings are flags of every command.
	settings []string
}

func openAccounts(t *testing.T) accounts {
	t.Helper()
	a := accounts{emulator: startEmulator(t), file: filepath.Join(t.TempDir(), "deployment.json")}
	a.snowflake = startWarehouse(t, warehouse.Config{S3Endpoint: a.url})
	a.pipeQueue(t, a.snowflake)
	a.db = openDeployer(t, a.snowflake)
	return a
}

// command is `snowstream deploy …` for both accounts.
func (a accounts) command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	arch := map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH]
	cmd := child.Bind(exec.Command(program, append([]string{
		"deploy", args[0], "--file", a.file, "--endpoint-url", a.url, "--region", "us-east-1", "--snowflake-account", deployAccount, "--snowflake-endpoint", a.snowflake,
		"--snowflake-login", "DEPLOYER", "--functions-source", "..", "--arch", arch, "--authentication", "key-pair",
		"--create-database", "--create-warehouse", "--auditor-role", "AUDITOR", "--batch-window", "1s", "--no-progress-alarm",
	}, append(a.settings, args[1:]...)...)...))
	cmd.Env = deployerEnvironment()
	return cmd
}

func deployerEnvironment() []string {
	return append(os.Environ(), "SNOWSTREAM_SNOWFLAKE_PASSWORD="+deployerPassword, "SNOWFLAKE_DISABLE_PLATFORM_DETECTION=true",
		"AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull, "AWS_EC2_METADATA_DISABLED=true")
}

// proved: status and audit look at the deployment, as they do at a local stack, and find all records in place.
func (a accounts) proved(t *testing.T, records int64) {
	t.Helper()
	look := func(verb string, into any) {
		t.Helper()
		cmd := child.Bind(exec.Command(program, verb, "--json", "--deployment", a.file, "--snowflake-login", "DEPLOYER"))
		cmd.Env = deployerEnvironment()
		var complaints bytes.Buffer
		cmd.Stderr = &complaints
		out, err := cmd.Output()
		if err == nil {
			err = json.Unmarshal(out, into)
		}
		if err != nil {
			t.Fatalf("%s --deployment: %v\n%s\n%s", verb, err, tail(out, 2000), complaints.String())
		}
	}
	var status struct{ Landed, Streaming, Microbatch int64 }
	look("status", &status)
	var proof struct{ OK bool }
	look("audit", &proof)
	if status.Landed != records || status.Streaming != records || status.Microbatch != records || !proof.OK {
		t.Errorf("status %+v, audit ok %v; want %d records everywhere", status, proof.OK, records)
	}
}

// run ends well, or the test does not.
func (a accounts) run(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := a.command(t, args...)
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	start := time.Now()
	if err := cmd.Run(); err != nil {
		t.Fatalf("deploy %v: %v\n%s\n%s", args, err, tail(out.Bytes(), 4000), complaints.String())
	}
	t.Logf("deploy %v: %.1f s", args, time.Since(start).Seconds())
	return out.Bytes()
}

// applied is what apply --json prints.
type applied struct {
	Result struct {
		Changes    int         `json:"changes"`
		Deployment deploy.File `json:"deployment"`
	} `json:"result"`
	Events []deploy.Event `json:"events"`
}

func (a accounts) apply(t *testing.T, args ...string) applied {
	t.Helper()
	var out applied
	if err := json.Unmarshal(a.run(t, append([]string{"apply", "--json"}, args...)...), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestDeploy takes a deployment through its life in two accounts: planned, made, used, changed, taken down.
func TestDeploy(t *testing.T) {
	long.Test(t)
	a := openAccounts(t)
	n := schema.Defaults()
	planned := a.plan(t)
	if len(planned.AWS) < 20 || len(planned.Snowflake) < 15 || planned.Bill.USD == 0 {
		t.Errorf("a plan for nothing yet has %d resources and %d statements", len(planned.AWS), len(planned.Snowflake))
	}
	first := a.apply(t)
	if first.Result.Changes == 0 || first.Result.Deployment.Completed != "backlog" {
		t.Errorf("the first apply: %+v", first.Result)
	}
	asPlanned(t, planned, first)
	a.secretIsSecret(t, first)
	a.run(t, "check", "--wait", "2m")
	records := 250
	a.put(t, records)
	a.arrived(t, n, records+1)

	if planned := a.plan(t); len(planned.AWS)+len(planned.Snowflake) > 0 {
		t.Errorf("a plan with nothing to do: %+v, %+v", planned.AWS, planned.Snowflake)
	}
	if second := a.apply(t); second.Result.Changes != 0 {
		t.Errorf("the second apply changed something: %+v", second.Events)
	}
	a.drifted(t)
	changed := a.apply(t, "--batch-size", "50", "--compress", "zstd")
	if got := a.batchSize(t); changed.Result.Changes == 0 || got != 50 {
		t.Errorf("the batch size is %d after %d changes, want 50", got, changed.Result.Changes)
	}
	a.apply(t, "--batch-size", "50", "--compress", "zstd", "--rotate-key")
	a.put(t, records)
	a.arrived(t, n, 2*records+1)
	a.proved(t, int64(2*records+1))
	a.compressed(t, changed.Result.Deployment)

	a.run(t, "destroy", "--yes")
	a.gone(t, n, first.Result.Deployment)
}

// drifted: what somebody has changed in Snowflake is found by plan, and healed by apply.
func (a accounts) drifted(t *testing.T) {
	t.Helper()
	n := schema.Defaults()
	planted := []string{
		"ALTER PIPE " + n.In(n.Pipe) + " SET PIPE_EXECUTION_PAUSED = TRUE",
		`ALTER STORAGE INTEGRATION "` + n.Integration + `" SET ENABLED = FALSE`,
		`ALTER WAREHOUSE "SNOWSTREAM_WH" SET WAREHOUSE_SIZE = XLARGE AUTO_SUSPEND = 3600`,
		"ALTER FILE FORMAT " + n.In(n.Format) + " SET ESCAPE_UNENCLOSED_FIELD = '\\\\'",
		`ALTER USER "SNOWSTREAM_UPSERT" SET DEFAULT_ROLE = PUBLIC`,
		`REVOKE INSERT ON TABLE ` + n.In(n.Streaming) + ` FROM ROLE "SNOWSTREAM_WRITER"`,
	}
	for _, s := range planted {
		if _, err := a.db.Exec(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	p := a.plan(t)
	if len(p.Drift) != len(planted)-1 || len(p.Snowflake) != len(planted) || len(p.AWS) > 0 { // a right that is gone is a statement again
		t.Errorf("of %d planted drifts: %+v, statements %+v", len(planted), p.Drift, p.Snowflake)
	}
	asPlanned(t, p, a.apply(t))
	if p := a.plan(t); len(p.Drift)+len(p.Snowflake) > 0 {
		t.Errorf("not healed: %+v", p.Snowflake)
	}
}

// notInPlan is what a plan cannot know: the time of a refresh, a key that is yet to be made, and an external id chosen by lot.
var notInPlan = regexp.MustCompile(`MODIFIED_AFTER = '[^']*'|RSA_PUBLIC_KEY = '[^']*'|EXTERNAL_ID = '[^']*'`)

// asPlanned: apply has run the statements that plan has shown, and no other.
func asPlanned(t *testing.T, p deploy.Plan, a applied) {
	t.Helper()
	var planned, run []string
	for _, s := range p.Snowflake {
		planned = append(planned, notInPlan.ReplaceAllString(s.Statement, ""))
	}
	for _, e := range a.Events {
		if e.Statement != "" {
			run = append(run, notInPlan.ReplaceAllString(e.Statement, ""))
		}
	}
	if !slices.Equal(planned, run) {
		t.Errorf("planned\n%s\nrun\n%s", strings.Join(planned, "\n"), strings.Join(run, "\n"))
	}
}

// compressed: the last object is, and the first one is not.
func (a accounts) compressed(t *testing.T, f deploy.File) {
	t.Helper()
	listed, err := a.s3.ListObjectsV2(t.Context(), &awss3.ListObjectsV2Input{Bucket: &f.Bucket, Prefix: aws.String(rawzone.Rows)})
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(listed.Contents, func(a, b s3types.Object) int { return cmp.Compare(path.Base(*a.Key), path.Base(*b.Key)) })
	first, last := listed.Contents[0].Key, listed.Contents[len(listed.Contents)-1].Key
	if rawzone.CompressionOf(*first) != rawzone.None || rawzone.CompressionOf(*last) != rawzone.Zstd || f.Compress != rawzone.Zstd {
		t.Errorf("%s is the first object, %s the last one, and the file says %q", *first, *last, f.Compress)
	}
}

func (a accounts) plan(t *testing.T) deploy.Plan {
	t.Helper()
	var p deploy.Plan
	if err := json.Unmarshal(a.run(t, "plan", "--json"), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// secretIsSecret: neither the file nor what is printed has a private key.
func (a accounts) secretIsSecret(t *testing.T, out applied) {
	t.Helper()
	printed, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(a.file)
	if err != nil {
		t.Fatal(err)
	}
	if both := string(printed) + string(text); strings.Contains(both, "PRIVATE") || strings.Contains(both, deployerPassword) {
		t.Error("a secret is shown or stored")
	}
}

func (a accounts) put(t *testing.T, n int) {
	t.Helper()
	var entries []kinesistypes.PutRecordsRequestEntry
	for i := range n {
		entries = append(entries, kinesistypes.PutRecordsRequestEntry{
			PartitionKey: aws.String(fmt.Sprint(i)), Data: []byte(fmt.Sprintf(`{"sensorId":%d,"currentTemperature":%d,"status":"OK"}`, i%50, i)),
		})
	}
	out, err := a.kinesis.PutRecords(t.Context(), &awskinesis.PutRecordsInput{StreamName: aws.String("kdEntry"), Records: entries})
	if err != nil || aws.ToInt32(out.FailedRecordCount) > 0 {
		t.Fatal(out, err)
	}
}

// arrived waits until both tables have so many rows, and looks that each record is there once. The emulator hands some
// records to the function twice, as Lambda may.
func (a accounts) arrived(t *testing.T, n schema.Names, want int) {
	t.Helper()
	for _, table := range []string{n.Streaming, n.Microbatch} {
		var rows, ordinals, highest, identities int
		count := func() bool {
			err := a.db.Query(t.Context(), func(scan func(...any) error) error { return scan(&rows, &ordinals, &highest, &identities) },
				`SELECT COUNT(*), COUNT(DISTINCT "_SHARD" || "_ORDINAL"), COALESCE(MAX("_ORDINAL"), 0), COUNT(DISTINCT "_SHARD" || "_SEQUENCE") FROM `+n.In(table))
			return err == nil && rows >= want
		}
		eventually(t, 2*time.Minute, fmt.Sprintf("%d rows in %s", want, table), count)
		if rows != want || ordinals != want || highest != want || identities != want {
			t.Errorf("%s: %d rows, %d ordinals up to %d, %d records, want %d of each", table, rows, ordinals, highest, identities, want)
		}
	}
}

// batchSize is the mapping's. The emulator's CloudFormation hands a changed number on as text, over which its own poller
// stumbles; so the mapping is given its numbers once more.
func (a accounts) batchSize(t *testing.T) int {
	t.Helper()
	answer, err := http.Get(a.url + "/2015-03-31/event-source-mappings/?FunctionName=SnowflakeOrchestrator")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var out struct {
		EventSourceMappings []struct {
			UUID      string
			BatchSize any
		}
	}
	if err := json.NewDecoder(answer.Body).Decode(&out); err != nil || len(out.EventSourceMappings) != 1 {
		t.Fatal(out, err)
	}
	m := out.EventSourceMappings[0]
	size, err := strconv.Atoi(fmt.Sprint(m.BatchSize))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.lambda.UpdateEventSourceMapping(t.Context(), &awslambda.UpdateEventSourceMappingInput{
		UUID: &m.UUID, BatchSize: aws.Int32(int32(size)), MaximumBatchingWindowInSeconds: aws.Int32(1),
		MaximumRetryAttempts: aws.Int32(10000), MaximumRecordAgeInSeconds: aws.Int32(82800), ParallelizationFactor: aws.Int32(1),
	}); err != nil {
		t.Fatal(err)
	}
	return size
}

// gone: what was made is away, and the rows are not. The emulator keeps no bucket because of a DeletionPolicy, so that is
// checked in the template's text.
func (a accounts) gone(t *testing.T, n schema.Names, f deploy.File) {
	t.Helper()
	if _, err := os.Stat(a.file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the deployment file is still there: %v", err)
	}
	if out, err := a.lambda.ListFunctions(t.Context(), &awslambda.ListFunctionsInput{}); err != nil || len(out.Functions) > 0 {
		t.Errorf("functions are left: %v, %v", out, err)
	}
	if _, err := a.s3.HeadBucket(t.Context(), &awss3.HeadBucketInput{Bucket: &f.ArtifactBucket}); err == nil {
		t.Error("the artifact bucket is left")
	}
	if _, err := a.db.Exec(t.Context(), "SELECT 1 FROM "+n.In(n.Streaming)); err != nil {
		t.Errorf("the streaming table is gone: %v", err)
	}
	for _, show := range []string{"SHOW PIPES IN ACCOUNT", "SHOW STAGES IN ACCOUNT", "SHOW INTEGRATIONS", "SHOW USERS LIKE 'SNOWSTREAM%'", "SHOW ROLES LIKE 'SNOWSTREAM%'"} {
		if rows, err := a.db.Show(t.Context(), show); err != nil || len(rows) > 0 {
			t.Errorf("%s: %v, %v", show, rows, err)
		}
	}
}

// TestDeployKilled kills an apply in every step, at the first or a later thing that it says of it, and runs it again: all
// of them together reach what one would have, and the last one finds nothing to do. Then the same with destroy. What is
// killed in the middle of a stack's operation is the test of deploy/cloudformation.
func TestDeployKilled(t *testing.T) {
	long.Test(t)
	a := openAccounts(t)
	a.foreignBucket(t)
	for _, at := range []struct {
		step string
		line int
	}{
		{"artifacts", 1}, {"artifacts", 2}, {"snowflake", 1}, {"snowflake", 8}, {"stack", 1}, {"login", 1}, {"login", 1}, {"trust", 1}, {"pipe", 1},
		{"pipe", 2}, {"notification", 1}, {"backlog", 1},
	} {
		if !a.kill(t, at.step, at.line, "apply") {
			t.Errorf("step %s never said %d things", at.step, at.line)
		}
	}
	a.apply(t)
	if again := a.apply(t); again.Result.Changes != 0 {
		t.Errorf("after all the kills there is still something to do: %+v", again.Events)
	}
	a.put(t, 20)
	a.arrived(t, schema.Defaults(), 20)
	if got := a.notifications(t); len(got) != 2 {
		t.Errorf("the bucket has the notifications %v, want theirs and ours", got)
	}
	f, err := deploy.Load(a.file)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []int{1, 4, 1000} {
		a.kill(t, "destroy", line, "destroy", "--yes")
	}
	a.gone(t, schema.Defaults(), f)
	if got := a.notifications(t); len(got) != 1 || got[0] != "theirs" {
		t.Errorf("the notifications that are left are %v", got)
	}
}

// foreignBucket is one that was there before, with a notification of somebody else; the deployment is to use it.
func (a *accounts) foreignBucket(t *testing.T) {
	t.Helper()
	queue, err := a.sqs.CreateQueue(t.Context(), &awssqs.CreateQueueInput{QueueName: aws.String("theirs")})
	if err != nil {
		t.Fatal(queue, err)
	}
	if _, err := a.s3.CreateBucket(t.Context(), &awss3.CreateBucketInput{Bucket: aws.String(foreign)}); err != nil {
		t.Fatal(err)
	}
	_, err = a.s3.PutBucketNotificationConfiguration(t.Context(), &awss3.PutBucketNotificationConfigurationInput{
		Bucket: aws.String(foreign),
		NotificationConfiguration: &s3types.NotificationConfiguration{QueueConfigurations: []s3types.QueueConfiguration{{
			Id: aws.String("theirs"), QueueArn: aws.String("arn:aws:sqs:us-east-1:000000000000:theirs"), Events: []s3types.Event{"s3:ObjectRemoved:*"},
		}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	a.settings = []string{"--existing-bucket", foreign}
}

const foreign = "theirs-already"

func (a accounts) notifications(t *testing.T) (ids []string) {
	t.Helper()
	out, err := a.s3.GetBucketNotificationConfiguration(t.Context(), &awss3.GetBucketNotificationConfigurationInput{Bucket: aws.String(foreign)})
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range out.QueueConfigurations {
		ids = append(ids, aws.ToString(q.Id))
	}
	return ids
}

// kill starts a command and kills it at the given line that it prints of a step; false if there never was that line.
func (a accounts) kill(t *testing.T, step string, line int, args ...string) (killed bool) {
	t.Helper()
	cmd := a.command(t, args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if killed || !strings.HasPrefix(lines.Text(), step+" ") {
			continue
		}
		if line--; line == 0 {
			killed = true
			t.Logf("killed after: %s", lines.Text())
			if err := cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
	}
	if err := cmd.Wait(); !killed && err != nil {
		t.Fatalf("deploy %v failed before step %s: %v\n%s", args, step, err, complaints.String())
	}
	return killed
}
