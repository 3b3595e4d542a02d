package deploy

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"

	"github.com/snowstream/snowstream/deploy/bundle"
	"github.com/snowstream/snowstream/deploy/cloudformation"
	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/record"
)

// world is both accounts, as far as a deployment looks at them.
type world struct {
	mu      sync.Mutex
	rows    map[string][]map[string]string
	columns map[string][]string
	user    map[string]string
	known   []schema.Statement
	done    []string
	secret  string
	stacks  map[string]bool
	// exists are buckets and objects, by path.
	exists map[string]bool
	// changed are answers that somebody has changed, by the question; the statement that has the text in it mends them.
	changed map[string]change
}

type change struct {
	rows []map[string]string
	mend string
}

func newWorld() *world {
	return &world{rows: map[string][]map[string]string{}, columns: map[string][]string{}, stacks: map[string]bool{}, exists: map[string]bool{}, user: map[string]string{"TYPE": "SERVICE"}}
}

var (
	commentOf = regexp.MustCompile(`COMMENT = '([^']*)'`)
	keyOf     = regexp.MustCompile(`SET (RSA_PUBLIC_KEY(?:_2)?) = '([^']*)'`)
	columnOf  = regexp.MustCompile(`(?m)^  "([^"]+)" ([A-Z_]+(?:\([0-9,]+\))?)( NOT NULL)?`)
	addedOf   = regexp.MustCompile(`ALTER TABLE (\S+) ADD COLUMN IF NOT EXISTS "([^"]+)" (\S+)`)
)

func (w *world) Exec(_ context.Context, query string, _ ...any) (sql.Result, error) {
	w.done = append(w.done, query)
	for question, c := range w.changed {
		if strings.Contains(query, c.mend) {
			delete(w.changed, question)
		}
	}
	for _, s := range w.known {
		if s.SQL != query {
			continue
		}
		row := map[string]string{"comment": ""}
		for k, v := range s.Probe.Row {
			row[k] = v
		}
		if m := commentOf.FindStringSubmatch(query); m != nil {
			row["comment"] = m[1]
		}
		if s.Kind == "PIPE" {
			row["notification_channel"], row["definition"] = "arn:aws:sqs:q", query
		}
		if s.Kind == "TABLE" {
			table := strings.Fields(query)[5]
			for _, c := range columnOf.FindAllStringSubmatch(query, -1) {
				w.columns[table] = append(w.columns[table], c[1]+"|"+c[2]+"|"+c[3])
			}
		}
		if strings.HasPrefix(query, "CREATE OR REPLACE ") {
			w.rows[s.Probe.Show] = nil
		}
		w.rows[s.Probe.Show] = append(w.rows[s.Probe.Show], row)
	}
	if m := keyOf.FindStringSubmatch(query); m != nil {
		w.user[m[1]+"_FP"] = fingerprint(m[2])
	}
	if m := addedOf.FindStringSubmatch(query); m != nil {
		w.columns[m[1]] = append(w.columns[m[1]], m[2]+"|"+m[3]+"|")
	}
	if strings.Contains(query, "UNSET RSA_PUBLIC_KEY") {
		delete(w.user, "RSA_PUBLIC_KEY_FP")
	}
	return nil, nil
}

func (w *world) Query(_ context.Context, row func(func(...any) error) error, query string, _ ...any) error {
	if strings.HasPrefix(query, "ALTER PIPE") {
		w.done = append(w.done, query)
		return nil
	}
	answer := `{"status":"success"}`
	if _, ok := w.changed["paused"]; ok && strings.Contains(query, "PIPE_STATUS") {
		answer = `{"executionState":"PAUSED"}`
	}
	return row(func(into ...any) error { *into[0].(*string) = answer; return nil })
}

func (w *world) Show(_ context.Context, query string) (out []map[string]string, _ error) {
	if c, ok := w.changed[query]; ok && !strings.HasPrefix(query, "DESC INTEGRATION") && !strings.HasPrefix(query, "DESC USER") {
		return c.rows, nil
	} else if ok {
		out = c.rows
	}
	switch {
	case strings.HasPrefix(query, "DESC USER"):
		for k, v := range w.user {
			out = append(out, map[string]string{"property": k, "value": v})
		}
	case strings.HasPrefix(query, "DESC INTEGRATION"):
		for k, v := range map[string]string{
			"STORAGE_AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/snowstream-us-east-1-snowflake-storage", "STORAGE_ALLOWED_LOCATIONS": "s3://my-raw/kinesiscsv/",
			"STORAGE_AWS_IAM_USER_ARN": "arn:user", "STORAGE_AWS_EXTERNAL_ID": "theirs",
		} {
			out = append(out, map[string]string{"property": k, "property_value": v})
		}
	case strings.HasPrefix(query, "DESC TABLE"):
		for _, c := range w.columns[strings.TrimPrefix(query, "DESC TABLE ")] {
			parts := strings.Split(c, "|")
			nullable := "Y"
			if parts[2] != "" {
				nullable = "N"
			}
			out = append(out, map[string]string{"name": parts[0], "type": parts[1], "null?": nullable})
		}
	default:
		if strings.Contains(query, " IN SCHEMA ") && len(w.rows[`SHOW SCHEMAS LIKE 'LANDING' IN DATABASE "SNOWSTREAM"`]) == 0 && !strings.Contains(query, "SECOND") {
			return nil, errors.New("schema does not exist or not authorized")
		}
		out = w.rows[query]
	}
	return out, nil
}

// ServeHTTP is S3 and Secrets Manager.
func (w *world) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	var in struct{ SecretString string }
	switch target := r.Header.Get("X-Amz-Target"); {
	case strings.HasSuffix(target, "GetSecretValue") && w.secret == "":
		rw.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(rw, `{"__type":"ResourceNotFoundException"}`)
	case strings.HasSuffix(target, "GetSecretValue"):
		_ = json.NewEncoder(rw).Encode(map[string]string{"SecretString": w.secret})
	case strings.HasSuffix(target, "PutSecretValue"):
		_ = json.Unmarshal(body, &in)
		w.secret = in.SecretString
		_, _ = io.WriteString(rw, `{}`)
	case r.Method == http.MethodHead && !w.exists[r.URL.Path]:
		rw.WriteHeader(http.StatusNotFound)
	case r.Method == http.MethodPut:
		w.exists[r.URL.Path] = true
	}
}

// worldStack is a stack that is there once it was applied.
type worldStack struct {
	*world
	name string
}

func (s worldStack) Plan(context.Context, cloudformation.Parameters) ([]cloudformation.Change, error) {
	return nil, nil
}

func (s worldStack) Apply(context.Context, cloudformation.Parameters, func(cloudformation.Event)) (cloudformation.Outputs, error) {
	s.stacks[s.name] = true
	return s.outputs(), nil
}

func (s worldStack) outputs() cloudformation.Outputs {
	return cloudformation.Outputs{StreamARN: "arn:s", SecretARN: "arn:aws:secretsmanager:us-east-1:123456789012:secret:k"}
}

func (s worldStack) Outputs(context.Context) (cloudformation.Outputs, bool, error) {
	return s.outputs(), s.stacks[s.name], nil
}

func (s worldStack) Destroy(context.Context, func(cloudformation.Event)) error { return nil }

// in puts a configuration into the world.
func (w *world) in(t *testing.T, c Config) Config {
	t.Helper()
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	cfg := aws.Config{Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")}
	c.S3 = s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	c.Secrets, c.Session, c.Stack = secretsmanager.NewFromConfig(cfg), w, worldStack{w, c.StackName}
	zip := filepath.Join(t.TempDir(), "zip")
	if err := os.WriteFile(zip, []byte("zip"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.Build = func(context.Context) (bundle.Bundle, error) {
		return bundle.Bundle{Orchestrator: bundle.Zip{Function: "orchestrator", Path: zip, SHA256: "aa"}, Upsert: bundle.Zip{Function: "upsert", Path: zip, SHA256: "bb"}}, nil
	}
	return c
}

// fingerprint is Snowflake's, of a key as it gets it.
func fingerprint(public string) string {
	der, _ := base64.StdEncoding.DecodeString(public)
	sum := sha256.Sum256(der)
	return "SHA256:" + base64.StdEncoding.EncodeToString(sum[:])
}

var inPlan = regexp.MustCompile(`MODIFIED_AFTER = '[^']*'|RSA_PUBLIC_KEY(_2)? = '[^']*'`)

// told leaves out what a plan cannot know: the time of a refresh, and a key that is yet to be made.
func told(statement string) string { return inPlan.ReplaceAllString(statement, "…$1") }

// equal plans and applies, and compares the statements of both.
func (w *world) equal(t *testing.T, what string, c Config) Plan {
	t.Helper()
	planned, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	all, err := planned.Landing.Prepare()
	if err != nil {
		t.Fatal(err)
	}
	w.known, w.done = append(all, planned.Landing.Connect()...), nil
	p, err := planned.Plan(t.Context())
	if err != nil {
		t.Fatalf("%s: plan: %v", what, err)
	}
	if len(w.done) > 0 {
		t.Errorf("%s: the plan has run %v", what, w.done)
	}
	d, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	// What is made carries the external id, which is chosen by lot until it is remembered.
	d.file.ExternalID = planned.file.ExternalID
	d.complete()
	if _, err := d.Apply(t.Context()); err != nil {
		t.Fatalf("%s: apply: %v", what, err)
	}
	var before, after []string
	for _, s := range p.Snowflake {
		before = append(before, told(s.Statement))
	}
	for _, s := range w.done {
		after = append(after, told(s))
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("%s: planned and run (-plan +apply):\n%s", what, diff)
	}
	return p
}

// TestPlanEqualsApply: every statement that apply runs was in plan, in the same order, whatever the way through it.
func TestPlanEqualsApply(t *testing.T) {
	w := newWorld()
	c := w.in(t, config(t))
	c.Landing.Operator, c.Landing.Auditor = "OPS", "AUDIT"
	if p := w.equal(t, "first", c); len(p.Snowflake) < 20 {
		t.Errorf("the first plan has %d statements", len(p.Snowflake))
	}
	if p := w.equal(t, "nothing to do", c); len(p.Snowflake) > 0 {
		t.Errorf("with nothing to do: %v", p.Snowflake)
	}
	rotated := c
	rotated.RotateKey = true
	w.equal(t, "another key", rotated)
	w.equal(t, "and then nothing", c)
	more := c
	more.Landing.Schema.Columns = append(append([]record.Column(nil), more.Landing.Schema.Columns...), record.Column{Path: []string{"more"}, Name: "MORE", Type: record.String})
	if p := w.equal(t, "another column", more); len(p.Snowflake) != 2 {
		t.Errorf("another column takes %v", p.Snowflake)
	}
	keyed := more
	keyed.Landing.Schema.Columns = append(append([]record.Column(nil), keyed.Landing.Schema.Columns...), record.Column{Path: []string{"at"}, Name: "AT", Type: record.Timestamp})
	keyed.Landing.Schema.State = record.State{Keys: [][]string{{"MORE"}}, Order: []string{"AT"}}
	if p := w.equal(t, "keys and a column", keyed); len(p.Snowflake) != 4 { // the column in both tables, the view, and the auditor's right
		t.Errorf("keys and a column take %v", p.Snowflake)
	}
	w.equal(t, "the same keys", keyed)
	rekeyed := keyed
	rekeyed.Landing.Schema.State.Keys = [][]string{{"SENSORID"}}
	if p := w.equal(t, "other keys", rekeyed); len(p.Snowflake) != 1 || !strings.HasPrefix(p.Snowflake[0].Statement, "CREATE OR REPLACE VIEW") {
		t.Errorf("other keys take %v", p.Snowflake)
	}
	if p := w.equal(t, "and then no more", rekeyed); len(p.Snowflake) > 0 {
		t.Errorf("the same other keys take %v", p.Snowflake)
	}
	merged := more
	merged.Parameters.RowPath, merged.Parameters.Authentication = cloudformation.RowsByMerge, cloudformation.WorkloadIdentity
	if p := w.equal(t, "by merge, as a role", merged); len(p.Snowflake) != 3 { // the identity, and no key in either slot
		t.Errorf("another way to sign in takes %v", p.Snowflake)
	}
	for _, s := range w.rows["SHOW PIPES LIKE 'SNOWSTREAM_PIPE' IN SCHEMA \"SNOWSTREAM\".\"LANDING\""] {
		if s["comment"] != "snowstream 123456789012/us-east-1/snowstream, stream arn:aws:kinesis:us-east-1:123456789012:stream/kdEntry, bucket my-raw" {
			t.Errorf("the pipe's mark is %q", s["comment"])
		}
	}
}

// TestDrift: what somebody has changed in Snowflake is found by plan, with before and after, and healed by apply.
func TestDrift(t *testing.T) {
	w := newWorld()
	c := w.in(t, config(t))
	w.equal(t, "first", c)
	const place = ` IN SCHEMA "SNOWSTREAM"."LANDING"`
	for what, planted := range map[string]struct {
		question, before, after string
		change
	}{
		"integration": {`DESC INTEGRATION "SNOWSTREAM_S3"`, "ENABLED = false", "ENABLED = true",
			change{[]map[string]string{{"property": "ENABLED", "property_value": "false"}}, "SET ENABLED = TRUE"}},
		"warehouse": {"SHOW WAREHOUSES LIKE 'WH'", "size = X-Large, auto_suspend = 3600", "size = XSMALL, auto_suspend = 60",
			change{[]map[string]string{{"name": "WH", "size": "X-Large", "auto_suspend": "3600", "auto_resume": "true"}}, "ALTER WAREHOUSE"}},
		"file format": {`DESC FILE FORMAT "SNOWSTREAM"."LANDING"."SNOWSTREAM_CSV"`, "ESCAPE = \\\\", "ESCAPE = NONE",
			change{[]map[string]string{{"property": "TYPE", "property_value": "csv"}, {"property": "ESCAPE", "property_value": "\\\\"}, {"property": "NULL_IF", "property_value": "[]"}}, "ALTER FILE FORMAT"}},
		"user": {`DESC USER "UPSERT"`, "DISABLED = true", "DISABLED = false", change{[]map[string]string{{"property": "DISABLED", "value": "true"}}, "SET DISABLED = FALSE"}},
		"stage": {"SHOW STAGES LIKE 'SNOWSTREAM_STAGE'" + place, "url = s3://elsewhere/", "url = s3://my-raw/kinesiscsv/",
			change{[]map[string]string{{"name": "SNOWSTREAM_STAGE", "url": "s3://elsewhere/", "storage_integration": "SNOWSTREAM_S3"}}, "ALTER STAGE"}},
		"pipe": {"paused", "state = PAUSED", "state = RUNNING", change{nil, "PIPE_EXECUTION_PAUSED = FALSE"}},
	} {
		w.changed = map[string]change{planted.question: planted.change}
		p := w.equal(t, what, c)
		if len(p.Drift) != 1 || len(p.Snowflake) != 1 || p.Drift[0].Before != planted.before || p.Drift[0].After != planted.after {
			t.Errorf("%s: %+v", what, p)
		}
		if len(w.changed) > 0 {
			t.Errorf("%s is not healed", what)
		}
		if p := w.equal(t, what+", afterwards", c); len(p.Drift)+len(p.Snowflake) > 0 {
			t.Errorf("%s, afterwards: %+v", what, p.Snowflake)
		}
	}
	rights := `SHOW GRANTS TO ROLE "WRITER"`
	for _, gone := range []string{"INSERT", "SELECT", "USAGE", "MONITOR"} {
		w.rows[rights] = slices.DeleteFunc(w.rows[rights], func(r map[string]string) bool { return r["privilege"] == gone })
		if p := w.equal(t, "a right gone", c); len(p.Snowflake) == 0 || !strings.HasPrefix(p.Snowflake[0].Statement, "GRANT "+gone) {
			t.Errorf("%s is gone: %v", gone, p.Snowflake)
		}
	}
}

// TestForeign: what another deployment has made stops this one, in plan and in apply, before anything is done.
func TestForeign(t *testing.T) {
	w := newWorld()
	w.equal(t, "the first", w.in(t, config(t)))
	second := w.in(t, config(t))
	second.Parameters.Environment, second.StackName, second.Parameters.BucketName = "second", "second", "other-raw"
	second.Stack = worldStack{w, "second"}
	second.Landing.Names.Database, second.Landing.Names.Integration = "SECOND", "SECOND_S3"
	w.done = nil
	d, err := New(second)
	if err != nil {
		t.Fatal(err)
	}
	_, planned := d.Plan(t.Context())
	_, applied := d.Apply(t.Context())
	for what, err := range map[string]error{"plan": planned, "apply": applied} {
		if err == nil || !strings.Contains(err.Error(), "USER UPSERT belongs to another deployment (snowstream 123456789012/us-east-1/snowstream, stream") ||
			!strings.Contains(err.Error(), "ROLE WRITER") || !strings.Contains(err.Error(), "WAREHOUSE WH") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := os.Stat(second.Path); len(w.done) > 0 || err == nil {
		t.Errorf("it has run %v, or left a file", w.done)
	}
	second.Landing.User, second.Landing.Role, second.Landing.Warehouse = "SECOND_UPSERT", "SECOND_WRITER", "SECOND_WH"
	w.exists["/other-raw"] = true
	if d, err = New(second); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Plan(t.Context()); err == nil || !strings.Contains(err.Error(), "bucket other-raw is there already") {
		t.Errorf("a bucket that apply would refuse: %v", err)
	}
}

func TestShardSteps(t *testing.T) {
	for _, tt := range []struct {
		have, want int
		steps      []int
	}{{1, 1, []int{1}}, {1, 2, []int{2}}, {1, 8, []int{2, 4, 8}}, {3, 10, []int{6, 10}}, {8, 4, []int{4}}, {9, 1, []int{5, 3, 2, 1}}} {
		got := steps(tt.have, tt.want)
		if diff := cmp.Diff(tt.steps, got); diff != "" {
			t.Errorf("%d to %d: %s", tt.have, tt.want, diff)
		}
		have := tt.have
		for _, n := range got {
			if n > 2*have || 2*n < have {
				t.Errorf("%d to %d: %d after %d is refused", tt.have, tt.want, n, have)
			}
			have = n
		}
	}
}
