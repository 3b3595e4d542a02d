package cloudformation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/snowstream/snowstream/internal/ministack"
)

// emulator is ministack, by its URL.
type emulator struct{ url string }

func newEmulator(t *testing.T) emulator {
	t.Helper()
	return emulator{ministack.Start(t)}
}

func (e emulator) config(endpoint string) aws.Config {
	return aws.Config{
		Region: "us-east-1", BaseEndpoint: &endpoint, Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	}
}

// stack is a stack through the endpoint, with what its template needs to be there.
func (e emulator) stack(t *testing.T, endpoint, environment string) (*Stack, Parameters) {
	t.Helper()
	p := example()
	p.Environment, p.BucketName = environment, environment+"-raw"
	p.NoProgressAlarm = true // ministack knows no metric math
	p.StreamName, p.OrchestratorName, p.UpsertName = environment, environment+"-o", environment+"-u"
	store := s3.NewFromConfig(e.config(e.url), func(o *s3.Options) { o.UsePathStyle = true })
	if _, err := store.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &p.ArtifactBucket}); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{p.OrchestratorZip, p.UpsertZip} {
		if _, err := store.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &p.ArtifactBucket, Key: &key, Body: strings.NewReader("zip")}); err != nil {
			t.Fatal(err)
		}
	}
	s := New(cloudformation.NewFromConfig(e.config(endpoint)), environment)
	s.poll = 5 * time.Millisecond
	return s, p
}

// apply must succeed. It returns the events of resources, as "Logical STATUS".
func apply(t *testing.T, s *Stack, p Parameters) (Outputs, []string) {
	t.Helper()
	var events []string
	out, err := s.Apply(t.Context(), p, func(e Event) { events = append(events, e.LogicalID+" "+e.Status) })
	if err != nil {
		t.Fatalf("apply: %v\n%s", err, strings.Join(events, "\n"))
	}
	return out, events
}

// absent reports whether CloudFormation knows nothing of the stack.
func absent(t *testing.T, s *Stack) bool {
	t.Helper()
	found, err := s.find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return found == nil
}

func plan(t *testing.T, s *Stack, p Parameters) []Change {
	t.Helper()
	changes, err := s.Plan(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return changes
}

// TestLife is a stack from plan to destruction.
func TestLife(t *testing.T) {
	e := newEmulator(t)
	s, p := e.stack(t, e.url, "life")
	t.Run("plan", func(t *testing.T) {
		changes := plan(t, s, p)
		for _, c := range changes {
			if c.Action != "Add" || c.Purpose.Why == "" || c.Type == "" {
				t.Errorf("%+v", c)
			}
		}
		if len(changes) < 30 || !absent(t, s) {
			t.Errorf("%d changes; a stack was left: %v", len(changes), !absent(t, s))
		}
	})
	var out Outputs
	t.Run("create", func(t *testing.T) {
		var events []string
		out, events = apply(t, s, p)
		want(t, "outputs", out, Outputs{
			StreamARN: "arn:aws:kinesis:us-east-1:000000000000:stream/life", BucketName: "life-raw",
			OrchestratorARN: "arn:aws:lambda:us-east-1:000000000000:function:life-o", UpsertARN: "arn:aws:lambda:us-east-1:000000000000:function:life-u",
			OrchestratorRoleARN: "arn:aws:iam::000000000000:role/life-us-east-1-orchestrator", UpsertRoleARN: p.UpsertRoleARN("aws", "000000000000", "us-east-1"),
			StorageRoleARN: p.StorageRoleARN("aws", "000000000000", "us-east-1"), MappingID: out.MappingID,
			FailureQueueURL: strings.Replace(e.url, "127.0.0.1", "localhost", 1) + "/000000000000/life-upsert-failures", Dashboard: "life-us-east-1", SecretARN: out.SecretARN,
		})
		if !strings.Contains(strings.Join(events, "\n"), "RawZone CREATE_COMPLETE") {
			t.Errorf("no event of the bucket: %v", events)
		}
		e.wantMapping(t, out)
	})
	t.Run("again", func(t *testing.T) {
		again, events := apply(t, s, p)
		want(t, "outputs", again, out)
		want(t, "events", events, []string(nil))
		want(t, "plan", plan(t, s, p), []Change(nil))
	})
	t.Run("notification", func(t *testing.T) { e.notification(t, s, p, out) })
	t.Run("one setting", func(t *testing.T) {
		p.BatchWindowSeconds = 5
		var changed []string
		for _, c := range plan(t, s, p) {
			changed = append(changed, c.Action+" "+c.LogicalID)
		}
		// The bucket, because the queue is missing again from these parameters.
		want(t, "changes", changed, []string{"Modify IteratorAgeAlarm", "Modify Mapping", "Modify RawZone"})
	})
	t.Run("bounds", func(t *testing.T) {
		p.PermissionsBoundaryARN = "arn:aws:iam::000000000000:policy/bounds"
		bounded := 0
		for _, c := range plan(t, s, p) {
			for _, property := range c.Properties {
				if property == (Property{Path: "PermissionsBoundary", After: p.PermissionsBoundaryARN}) && c.Type == "AWS::IAM::Role" {
					bounded++
				}
			}
		}
		want(t, "roles that a plan shows the bounds of", bounded, 3)
	})
	t.Run("destroy", func(t *testing.T) {
		var events []string
		progress := func(e Event) { events = append(events, e.LogicalID+" "+e.Status) }
		if err := s.Destroy(t.Context(), progress); err != nil || !absent(t, s) || len(events) < 30 {
			t.Fatalf("%v, %d events", err, len(events))
		}
		if err := s.Destroy(t.Context(), nil); err != nil {
			t.Errorf("destroyed twice: %v", err)
		}
		if _, ok, err := s.Outputs(t.Context()); ok || err != nil {
			t.Errorf("outputs of no stack: %v, %v", ok, err)
		}
	})
}

// wantMapping looks at the functions and their mapping through Lambda's own API.
func (e emulator) wantMapping(t *testing.T, out Outputs) {
	t.Helper()
	api := lambda.NewFromConfig(e.config(e.url))
	// Not through the SDK: ministack passes the template's numbers on as the strings that parameters are.
	answer, err := http.Get(e.url + "/2015-03-31/event-source-mappings/" + out.MappingID)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var m map[string]any
	if err := json.NewDecoder(answer.Body).Decode(&m); err != nil {
		t.Fatal(err)
	}
	for key, value := range map[string]string{
		"EventSourceArn": out.StreamARN, "FunctionArn": out.OrchestratorARN, "BatchSize": "100", "MaximumBatchingWindowInSeconds": "60",
		"MaximumRetryAttempts": "10000", "StartingPosition": "TRIM_HORIZON",
	} {
		want(t, key, fmt.Sprint(m[key]), value)
	}
	f, err := api.GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: &out.OrchestratorARN})
	if err != nil {
		t.Fatal(err)
	}
	want(t, "environment", f.Environment.Variables, map[string]string{"SNOWSTREAM_BUCKET": "life-raw", "SNOWSTREAM_UPSERT_FUNCTION": "life-u", "SNOWSTREAM_COMPRESS": "none", "SNOWSTREAM_STREAM_ARN": out.StreamARN})
	a, err := api.GetFunctionEventInvokeConfig(t.Context(), &lambda.GetFunctionEventInvokeConfigInput{FunctionName: &out.UpsertARN, Qualifier: aws.String("$LATEST")})
	if err != nil {
		t.Fatal(err)
	}
	want(t, "asynchronous failures", aws.ToString(a.DestinationConfig.OnFailure.Destination), "arn:aws:sqs:us-east-1:000000000000:life-upsert-failures")
}

// notification is the second pass: it changes the bucket alone, and S3 then tells the queue of rows and of nothing else.
func (e emulator) notification(t *testing.T, s *Stack, p Parameters, out Outputs) {
	queues := sqs.NewFromConfig(e.config(e.url))
	queue, err := queues.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("snowpipe")})
	if err != nil {
		t.Fatal(err)
	}
	p.PipeQueueARN = "arn:aws:sqs:us-east-1:000000000000:snowpipe"
	changes := plan(t, s, p)
	if len(changes) != 1 || changes[0].LogicalID != "RawZone" || changes[0].Action != "Modify" {
		t.Errorf("the second pass would change %+v", changes)
	}
	again, _ := apply(t, s, p)
	want(t, "outputs", again, out)
	want(t, "plan", plan(t, s, p), []Change(nil))
	store := s3.NewFromConfig(e.config(e.url), func(o *s3.Options) { o.UsePathStyle = true })
	for _, key := range []string{"ledger/a.json", "quarantine/a.csv", "kinesiscsv/sensor-2/a.csv.gz", "kinesiscsv/sensor-3/a.csv.zst", "kinesiscsv/sensor-1/a.csv"} {
		if _, err := store.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &p.BucketName, Key: &key, Body: strings.NewReader("a")}); err != nil {
			t.Fatal(err)
		}
	}
	told := ""
	all := func() bool {
		return strings.Contains(told, "sensor-1/") && strings.Contains(told, "sensor-2/") && strings.Contains(told, "sensor-3/")
	}
	for deadline := time.Now().Add(20 * time.Second); !all(); {
		m, err := queues.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: queue.QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 1})
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("the queue was told %s: %v", told, err)
		}
		for _, one := range m.Messages {
			told += aws.ToString(one.Body)
		}
	}
	for _, other := range []string{"a.json", "quarantine"} {
		if strings.Contains(told, other) {
			t.Errorf("the queue was told of %s: %s", other, told)
		}
	}
}

// TestOfItsOwn: a stack whose roles have bounds and a path, and whose data has keys, is made, and is then as it should be; and a stack
// from before gets keys without anything being replaced.
func TestOfItsOwn(t *testing.T) {
	e := newEmulator(t)
	s, plain := e.stack(t, e.url, "own")
	const key = "arn:aws:kms:us-east-1:000000000000:key/"
	keyed := plain
	keyed.StreamKeyARN, keyed.BucketKeyARN, keyed.QueueKeyARN, keyed.LogKeyARN, keyed.SecretKeyARN = key+"s", key+"b", key+"q", key+"l", key+"k"
	apply(t, s, plain)
	changed := map[string]bool{}
	for _, c := range plan(t, s, keyed) {
		changed[c.LogicalID] = true
		if c.Action != "Modify" || c.Replacement == "True" {
			t.Errorf("%s: %s, replaced: %s", c.LogicalID, c.Action, c.Replacement)
		}
	}
	for _, id := range []string{"Stream", "RawZone", "UpsertFailures", "OrchestratorLog", "UpsertLog", "PrivateKey", "OrchestratorRole", "UpsertRole", "StorageRole"} {
		if !changed[id] {
			t.Errorf("%s has no key in the plan: %v", id, changed)
		}
	}
	if err := s.Destroy(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	another, p := e.stack(t, e.url, "own-too")
	p.StreamKeyARN, p.BucketKeyARN, p.QueueKeyARN, p.LogKeyARN, p.SecretKeyARN = key+"s", key+"b", key+"q", key+"l", key+"k"
	p.PermissionsBoundaryARN, p.IAMPath = "arn:aws:iam::000000000000:policy/bounds", "/teams/data/"
	apply(t, another, p)
	want(t, "plan", plan(t, another, p), []Change(nil))
}

// TestRolledBack: what could not be made is named, and made anew when it can.
func TestRolledBack(t *testing.T) {
	e := newEmulator(t)
	s, p := e.stack(t, e.url, "back")
	broken := p
	broken.NAT = true // ministack has no NAT gateway
	_, err := s.Apply(t.Context(), broken, nil)
	if err == nil || !strings.Contains(err.Error(), "ROLLBACK_COMPLETE") || !strings.Contains(err.Error(), "Unsupported") {
		t.Fatalf("%v", err)
	}
	if _, ok, err := s.Outputs(t.Context()); ok || err != nil {
		t.Errorf("outputs of a stack that never was: %v", err)
	}
	if changes := plan(t, s, p); len(changes) < 30 {
		t.Errorf("a plan beside the failed stack has %d changes", len(changes))
	}
	if found, err := s.find(t.Context()); err != nil || found.StackStatus != types.StackStatusRollbackComplete {
		t.Errorf("a plan changed the stack: %v, %v", found, err)
	}
	if out, _ := apply(t, s, p); out.StreamARN == "" {
		t.Errorf("%+v", out)
	}
}

// TestForeign: a stack that somebody else made, and a change set, are left alone.
func TestForeign(t *testing.T) {
	e := newEmulator(t)
	s, p := e.stack(t, e.url, "foreign")
	topic := aws.String(`{"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}`)
	if _, err := s.api.CreateStack(t.Context(), &cloudformation.CreateStackInput{StackName: &s.name, TemplateBody: topic}); err != nil {
		t.Fatal(err)
	}
	_, planned := s.Plan(t.Context(), p)
	_, applied := s.Apply(t.Context(), p, nil)
	for verb, err := range map[string]error{"plan": planned, "apply": applied, "destroy": s.Destroy(t.Context(), nil)} {
		if !errors.Is(err, ErrForeign) {
			t.Errorf("%s: %v", verb, err)
		}
	}
	s, p = e.stack(t, e.url, "reviewed")
	_, err := s.api.CreateChangeSet(t.Context(), &cloudformation.CreateChangeSetInput{
		StackName: &s.name, ChangeSetName: aws.String("theirs"), ChangeSetType: types.ChangeSetTypeCreate, TemplateBody: topic,
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(plan(t, s, p)) < 30 || absent(t, s) {
		t.Errorf("a plan took the stack away that somebody else's change set is of")
	}
	if _, err := s.api.DescribeChangeSet(t.Context(), &cloudformation.DescribeChangeSetInput{StackName: &s.name, ChangeSetName: aws.String("theirs")}); err != nil {
		t.Errorf("a plan took somebody else's change set away: %v", err)
	}
}

// TestDropped: a change set that somebody deleted first is deleted.
func TestDropped(t *testing.T) {
	e := newEmulator(t)
	s, p := e.stack(t, e.url, "dropped")
	set, err := s.prepare(t.Context(), types.ChangeSetTypeCreate, p)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.drop(t.Context(), set); err != nil {
			t.Error(err)
		}
	}
}

// TestKilled ends a run after each of its calls to CloudFormation, in turn, and lets another one complete what it left.
func TestKilled(t *testing.T) {
	e := newEmulator(t)
	for _, verb := range []string{"plan", "apply", "destroy"} {
		for n := 1; ; n++ {
			front := newFront(t, e)
			s, p := e.stack(t, front.URL, fmt.Sprintf("%s-%d", verb, n))
			if verb == "destroy" {
				apply(t, s, p)
			}
			ctx, kill := context.WithCancel(t.Context())
			front.after(n, kill)
			var err error
			switch verb {
			case "plan":
				_, err = s.Plan(ctx, p)
			case "apply":
				_, err = s.Apply(ctx, p, nil)
			case "destroy":
				err = s.Destroy(ctx, nil)
			}
			killed := ctx.Err() != nil
			kill()
			if !killed && err != nil {
				t.Fatalf("%s: %v", verb, err)
			}
			next := New(cloudformation.NewFromConfig(e.config(e.url)), s.name)
			next.poll = s.poll
			if out, _ := apply(t, next, p); out.StreamARN == "" || len(plan(t, next, p)) != 0 {
				t.Fatalf("%s, killed after call %d: the next run does not complete it", verb, n)
			}
			if err := next.Destroy(t.Context(), nil); err != nil || !absent(t, next) {
				t.Fatalf("%s, killed after call %d: the next run does not destroy it: %v", verb, n, err)
			}
			if !killed {
				t.Logf("%s: %d calls, killed after each", verb, n-1)
				if n < 5 {
					t.Errorf("%s makes only %d calls: did they go through the front?", verb, n-1)
				}
				break
			}
		}
	}
}

// TestAnswersLost loses the answer to each call to CloudFormation, in turn: the SDK asks again, and what was done already is
// no error.
func TestAnswersLost(t *testing.T) {
	e := newEmulator(t)
	for n := 1; ; n++ {
		front := newFront(t, e)
		s, p := e.stack(t, front.URL, fmt.Sprintf("lost-%d", n))
		lost := front.without(n)
		if out, _ := apply(t, s, p); out.StreamARN == "" {
			t.Fatalf("the answer to call %d was lost: %+v", n, out)
		}
		if err := s.Destroy(t.Context(), nil); err != nil || !absent(t, s) {
			t.Fatalf("the answer to call %d was lost: destroy: %v", n, err)
		}
		if !lost() {
			t.Logf("%d calls, the answer to each lost", n-1)
			if n < 10 {
				t.Errorf("only %d calls: did they go through the front?", n-1)
			}
			return
		}
	}
}

// TestInProgress: an operation of a killed run, still under way, is waited for. ministack is done at once, so the front
// says for a while that it is not.
func TestInProgress(t *testing.T) {
	e := newEmulator(t)
	front := newFront(t, e)
	s, p := e.stack(t, front.URL, "slow")
	ctx, kill := context.WithCancel(t.Context())
	front.slow.Store(true)
	front.at("ExecuteChangeSet", kill)
	if _, err := s.Apply(ctx, p, nil); err == nil {
		t.Fatal("the first run was not killed")
	}
	var asked atomic.Int64
	front.at("DescribeStacks", func() {
		if asked.Add(1) == 5 {
			front.slow.Store(false)
		}
	})
	if changes, err := s.Plan(t.Context(), p); err == nil {
		t.Errorf("a plan of a stack under way: %v", changes)
	}
	if out, _ := apply(t, s, p); out.StreamARN == "" || asked.Load() < 5 {
		t.Errorf("%+v after %d looks", out, asked.Load())
	}
	want(t, "plan", plan(t, s, p), []Change(nil))
}
