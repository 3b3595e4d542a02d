package e2e

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/snowstream/snowstream/deploy/cloudformation"
	"github.com/snowstream/snowstream/deploy/cloudformation/resolve"
	"github.com/snowstream/snowstream/internal/long"
	"github.com/snowstream/snowstream/record/rawzone"
)

// call is one kind of call to AWS: an action on a resource, as a policy names them, and of a list the prefix. Only a
// list carries one, so that a policy may have a condition on it.
type call struct{ action, resource, prefix string }

// keys are the condition keys that the call carries.
func (c call) keys() map[string]string {
	if c.prefix == "" {
		return nil
	}
	return map[string]string{"s3:prefix": c.prefix}
}

// calls are what each caller did, with how often.
type calls struct {
	mu      sync.Mutex
	by      map[string]map[call]int
	unknown []string
}

var signer = regexp.MustCompile(`Credential=([^/]+)/`)

// hear takes down a request to a service, under the name that it is signed with.
func (c *calls) hear(service string, r *http.Request, body []byte, status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	who := signer.FindStringSubmatch(r.Header.Get("Authorization"))
	if service == "warehouse" || who == nil {
		return // Snowflake's own protocol has no such signature, and AWS answers no request without one
	}
	made := actions(service, r, body, status)
	if len(made) == 0 {
		c.unknown = append(c.unknown, fmt.Sprintf("%s: %s %s %s", who[1], service, r.Method, r.URL))
	}
	if c.by[who[1]] == nil {
		c.by[who[1]] = map[call]int{}
	}
	for _, m := range made {
		c.by[who[1]][m]++
	}
}

// actions are the rights that AWS asks for at a request; none if this does not know it.
func actions(service string, r *http.Request, body []byte, status int) []call {
	switch service {
	case "kinesis":
		_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		return []call{{"kinesis:" + action, "arn:aws:kinesis:" + rigRegion + ":" + rigAccount + ":stream/" + contractStream, ""}}
	case "lambda":
		name := path.Base(path.Dir(r.URL.Path))
		if path.Base(r.URL.Path) == "invocations" {
			return []call{{"lambda:InvokeFunction", "arn:aws:lambda:" + rigRegion + ":" + rigAccount + ":function:" + name, ""}}
		}
	case "s3":
		return s3Actions(r, status)
	}
	return nil
}

func s3Actions(r *http.Request, status int) []call {
	bucket, key, object := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	arn, query := "arn:aws:s3:::"+bucket, r.URL.Query()
	switch {
	case (!object || key == "") && r.Method == http.MethodHead: // HeadBucket: Lambda looks whether a failure destination is there
		return []call{{"s3:ListBucket", arn, ""}}
	case (!object || key == "") && r.Method == http.MethodGet && query.Get("list-type") == "2":
		return []call{{"s3:ListBucket", arn, query.Get("prefix")}}
	case !object || key == "" || query.Has("uploads") || query.Has("uploadId") || query.Has("versionId"):
		return nil
	case r.Method == http.MethodPut:
		return []call{{"s3:PutObject", arn + "/" + key, ""}}
	case (r.Method == http.MethodGet || r.Method == http.MethodHead) && status == http.StatusNotFound:
		// Whoever may not list the bucket gets 403 here, and the functions take only 404 for "not there".
		return []call{{"s3:GetObject", arn + "/" + key, ""}, {"s3:ListBucket", arn, ""}}
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		return []call{{"s3:GetObject", arn + "/" + key, ""}}
	}
	return nil
}

// unused are the rights in the template that no run on one machine makes use of, each with its reason.
var unused = map[string]string{
	"OrchestratorRole kinesis:DescribeStream":  "Lambda itself reads the stream, and its documentation asks for this",
	"OrchestratorRole s3:GetObject quarantine": "read where a row that the destination refused was put aside by a process that is gone",
	"OrchestratorRole logs:CreateLogStream":    "Lambda itself writes the log; here it is a file",
	"OrchestratorRole logs:PutLogEvents":       "Lambda itself writes the log; here it is a file",
	"UpsertRole logs:CreateLogStream":          "Lambda itself writes the log; here it is a file",
	"UpsertRole logs:PutLogEvents":             "Lambda itself writes the log; here it is a file",
	"UpsertRole sqs:SendMessage":               "Lambda itself keeps failed asynchronous calls; there is no SQS here",
	"UpsertRole secretsmanager:GetSecretValue": "the key comes from the environment here; the test of the function's login reads a secret",
	"StorageRole s3:GetObjectVersion":          "Snowflake's documentation asks for it; the local warehouse reads no versions",
	"StorageRole s3:GetBucketLocation":         "Snowflake asks where the bucket is; the local warehouse is told",
}

// sometimes begins the reason of a right that a run uses or not, by its timing.
const sometimes = "sometimes: "

const finishes = "rows went by Snowpipe Streaming before, and are finished; here all were merged"

// unusedBy are those that one row path alone has.
var unusedBy = map[string]map[string]string{
	"merge": {
		"UpsertRole s3:GetObject ledger":     finishes,
		"UpsertRole s3:GetObject sealed":     finishes,
		"UpsertRole s3:GetObject quarantine": finishes,
		"UpsertRole s3:GetObject rejected":   finishes,
		"UpsertRole s3:PutObject rejected":   finishes,
		"UpsertRole s3:ListBucket":           finishes,
	},
	"snowpipe": {
		"UpsertRole s3:GetObject sealed": sometimes + "where a ledger is lost, which a sweep may see or not, and where the objects in front of a channel have expired",
	},
}

// TestPolicies runs the whole pipeline through everything that makes a function call AWS, takes all calls down, and
// holds them against the roles in the deployment's template: what is called is allowed, and what is allowed is called.
func TestPolicies(t *testing.T) { policies(t, "snowpipe") }

// TestPoliciesByMerge is the same with rows that are merged.
func TestPoliciesByMerge(t *testing.T) {
	long.Test(t)
	policies(t, "merge")
}

func policies(t *testing.T, path string) {
	heard := &calls{by: map[string]map[call]int{}}
	r := newRigBy(t, path, chance(t), heard.hear)
	r.allCalls(t)
	template, err := resolve.Template(cloudformation.Template(), map[string]string{
		"BucketName": r.Bucket, "StreamName": r.Stream, "ArtifactBucket": "x", "OrchestratorZip": "x", "UpsertZip": "x", "Authentication": "key-pair",
		"SnowflakeAccount": "x", "SnowflakeUser": "x", "SnowflakeRole": "x", "SnowflakeWarehouse": "x", "SnowflakeDatabase": "x",
		"SnowflakeSchema": "x", "StreamingTable": "x", "Pipe": "x", "StorageUserARN": "x", "ExternalID": "x",
		"RowPath": path,
	}, resolve.Account{Partition: "aws", ID: rigAccount, Region: rigRegion})
	if err != nil {
		t.Fatal(err)
	}
	heard.mu.Lock()
	defer heard.mu.Unlock()
	for _, u := range heard.unknown {
		if !strings.HasPrefix(u, "local:") {
			t.Errorf("a call that this test cannot judge: %s", u)
		}
	}
	for _, role := range []struct {
		name    string
		callers []string // Lambda reads the stream and keeps failures in the orchestrator's name
	}{
		{"OrchestratorRole", []string{"SnowflakeOrchestrator", "lambda"}}, {"UpsertRole", []string{"SnowflakeUpsert"}}, {"StorageRole", []string{"warehouse"}},
	} {
		statements, err := resolve.RolePolicies(template[role.name])
		if err != nil {
			t.Fatal(err)
		}
		made := map[call]int{}
		for _, caller := range role.callers {
			maps.Copy(made, heard.by[caller])
		}
		expected := maps.Clone(unused)
		maps.Copy(expected, unusedBy[path])
		judge(t, role.name, statements, made, expected)
	}
}

// judge holds a role's statements against the calls that were made with it. unused names rights that nothing uses, of one folder
// of the bucket where it ends with the folder.
func judge(t *testing.T, role string, statements []resolve.Statement, made map[call]int, unused map[string]string) {
	t.Helper()
	used, times := map[string]int{}, map[string]int{}
	for c, n := range made {
		if !slices.ContainsFunc(statements, func(s resolve.Statement) bool { return s.Allows(c.action, c.resource, c.keys()) }) {
			t.Errorf("%s: %s on %s %s was called %d times and is not allowed", role, c.action, c.resource, c.prefix, n)
		}
		if slices.ContainsFunc(statements, func(s resolve.Statement) bool { return s.Effect == "Deny" && s.Covers(c.action, c.resource) }) {
			t.Errorf("%s: %s on %s was called %d times and is denied", role, c.action, c.resource, n)
		}
		times[c.action] += n
		for _, s := range statements {
			for _, resource := range s.Resources {
				if one := (resolve.Statement{Actions: s.Actions, Resources: []string{resource}}); one.Covers(c.action, c.resource) {
					used[c.action+" "+resource] += n
				}
			}
		}
	}
	for _, s := range statements {
		for _, action := range s.Actions {
			for _, resource := range s.Resources {
				reason := cmp.Or(unused[role+" "+action+" "+path.Base(path.Dir(resource))], unused[role+" "+action])
				switch n := used[action+" "+resource]; {
				case n == 0 && reason == "":
					t.Errorf("%s: %s on %s is allowed, and nothing called it: take it away, or say who needs it", role, action, resource)
				case n > 0 && reason != "" && !strings.HasPrefix(reason, sometimes):
					t.Errorf("%s: %s on %s was called %d times, and is listed as never called", role, action, resource, n)
				}
			}
		}
	}
	t.Logf("%s: %v", role, times)
}

// allCalls leads the functions to each of their calls.
func (r *rig) allCalls(t *testing.T) {
	good := func(from, n int) (payloads []string) {
		for i := range n {
			payloads = append(payloads, fmt.Sprintf(`{"sensorId": %d, "currentTemperature": 20, "status": "OK"}`, from+i))
		}
		return payloads
	}
	streaming := "SELECT COUNT(*) FROM " + bothTables[0]
	// Rows and quarantine, in new shards.
	r.put(t, append(good(1000, 50), "not JSON"))
	r.until(t, 50, streaming)
	// An object that is there already: handing it over failed, so the retry finds it and reads its range.
	before := len(r.keys(t, rawzone.Rows))
	r.proxies["lambda"].trouble(1, refused)
	r.put(t, good(2000, 10))
	r.untilKeys(t, rawzone.Rows, before+1)
	r.proxies["lambda"].trouble(0)
	r.until(t, 60, streaming)
	for _, key := range r.keys(t, rawzone.Ledgers) {
		if _, err := r.s3.DeleteObject(t.Context(), &awss3.DeleteObjectInput{Bucket: &r.Bucket, Key: &key}); err != nil {
			t.Fatal(err)
		}
	}
	r.put(t, good(3000, 40))
	r.until(t, 100, streaming)
	// What Snowflake does with its own role.
	r.exec(t, "ALTER PIPE SNOWSTREAM_PIPE REFRESH")
	// Too much for one invocation, so Upsert reads the object.
	r.large(t)
	if r.rowPath == "snowpipe" {
		r.rejects(t)
	}
	r.plainContent(t)
	r.giveUp(t, good(4000, 4))
}

// rejects has the table refuse a row that Snowpipe Streaming has acknowledged, which the sweep finds.
func (r *rig) rejects(t *testing.T) {
	t.Helper()
	r.exec(t, "ALTER TABLE "+bothTables[0]+" ALTER COLUMN currenttemperature SET DATA TYPE NUMBER(4,0)")
	before := len(r.keys(t, rawzone.Quarantine))
	r.put(t, []string{`{"sensorId": 6000, "currentTemperature": 1000000, "status": "OK"}`})
	for deadline := time.Now().Add(time.Minute); len(r.keys(t, rawzone.Quarantine)) == before; time.Sleep(50 * time.Millisecond) {
		if _, err := r.lambda.Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: aws.String("SnowflakeUpsert"), Payload: []byte(`{"sweep": true}`)}); err != nil || time.Now().After(deadline) {
			t.Fatalf("a row that the table refuses is not put aside: %v", err)
		}
	}
}

// plainContent sends Upsert what the original orchestrator does, one record of it bad.
func (r *rig) plainContent(t *testing.T) {
	t.Helper()
	out, err := r.lambda.Invoke(t.Context(), &awslambda.InvokeInput{
		FunctionName: aws.String("SnowflakeUpsert"), Payload: []byte(`{"content": [{"sensorId": 5000, "currentTemperature": 1, "status": "OK"}, {"sensorId": "x"}]}`),
	})
	var answer struct{ Rows, Quarantined int }
	if err != nil || json.Unmarshal(out.Payload, &answer) != nil || answer.Rows != 1 || answer.Quarantined != 1 {
		t.Fatalf("%s, %v", out.Payload, err)
	}
}

// giveUp makes a batch fail until Lambda writes it to the bucket.
func (r *rig) giveUp(t *testing.T, payloads []string) {
	t.Helper()
	mappings, err := r.lambda.ListEventSourceMappings(t.Context(), &awslambda.ListEventSourceMappingsInput{FunctionName: aws.String("SnowflakeOrchestrator")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.lambda.UpdateEventSourceMapping(t.Context(), &awslambda.UpdateEventSourceMappingInput{
		UUID: mappings.EventSourceMappings[0].UUID, MaximumRetryAttempts: aws.Int32(1),
		DestinationConfig: &lambdatypes.DestinationConfig{OnFailure: &lambdatypes.OnFailure{Destination: aws.String("arn:aws:s3:::" + r.Bucket)}},
	}); err != nil {
		t.Fatal(err)
	}
	r.proxies["lambda"].trouble(1, refused)
	defer r.proxies["lambda"].trouble(0)
	r.put(t, payloads)
	r.untilKeys(t, "aws/lambda/", 1)
}

func (r *rig) keys(t *testing.T, prefix string) (keys []string) {
	t.Helper()
	out, err := r.s3.ListObjectsV2(t.Context(), &awss3.ListObjectsV2Input{Bucket: &r.Bucket, Prefix: &prefix})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range out.Contents {
		keys = append(keys, *o.Key)
	}
	return keys
}

// untilKeys waits for a number of objects.
func (r *rig) untilKeys(t *testing.T, prefix string, want int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); len(r.keys(t, prefix)) < want; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after a minute there are %d objects under %s, want %d", len(r.keys(t, prefix)), prefix, want)
		}
	}
}
