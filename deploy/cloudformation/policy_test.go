package cloudformation

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/snowstream/snowstream/deploy/cloudformation/resolve"
)

// statements reads a policy as AWS would.
func statements(t *testing.T, p Policy) []resolve.Statement {
	t.Helper()
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	parts, err := p.Parts()
	if err != nil {
		t.Fatal(err)
	}
	var together []PolicyStatement
	for _, part := range parts {
		one, err := json.Marshal(part)
		if err != nil || len(one) > managedPolicy {
			t.Errorf("a part has %d signs, %v", len(one), err)
		}
		together = append(together, part.Statement...)
	}
	want(t, "the parts together", policy(together), p)
	t.Logf("%d signs in %d parts", len(text), len(parts))
	var document any
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	out, err := resolve.Statements(document)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func may(all []resolve.Statement, action, resource string) bool {
	return slices.ContainsFunc(all, func(s resolve.Statement) bool { return s.Effect == "Allow" && s.Covers(action, resource) })
}

// TestHandled: of each type of the template it is known what CloudFormation calls for it, and of no other.
func TestHandled(t *testing.T) {
	var text struct {
		Resources map[string]struct {
			Type string `yaml:"Type"`
		} `yaml:"Resources"`
	}
	if err := yaml.Unmarshal(template, &text); err != nil {
		t.Fatal(err)
	}
	types := map[string]bool{}
	for _, r := range text.Resources {
		types[r.Type] = true
	}
	want(t, "types", slices.Sorted(maps.Keys(handled)), slices.Sorted(maps.Keys(types)))
}

// TestDeployerMakes: what a variant of the template makes, CloudFormation may make, under the names that it gets.
func TestDeployerMakes(t *testing.T) {
	names := map[string]struct{ property, service, prefix string }{
		"AWS::Kinesis::Stream": {"Name", "kinesis", "stream/"}, "AWS::Logs::LogGroup": {"LogGroupName", "logs", "log-group:"},
		"AWS::Lambda::Function": {"FunctionName", "lambda", "function:"}, "AWS::Events::Rule": {"Name", "events", "rule/"},
		"AWS::SQS::Queue": {"QueueName", "sqs", ""}, "AWS::CloudWatch::Alarm": {"AlarmName", "cloudwatch", "alarm:"},
	}
	each(t, func(t *testing.T, p Parameters, r map[string]resolve.Resource) {
		all := statements(t, p.DeployerPolicy(place, "snowstream"))
		for id, resource := range r {
			name := func(property string) string { return fmt.Sprint(resource.Properties[property]) }
			arn := ""
			switch n, named := names[resource.Type]; {
			case named:
				arn = "arn:aws:" + n.service + ":eu-central-1:111122223333:" + n.prefix + name(n.property)
			case resource.Type == "AWS::IAM::Role":
				arn = "arn:aws:iam::111122223333:role" + p.IAMPath + name("RoleName")
			case resource.Type == "AWS::S3::Bucket":
				arn = "arn:aws:s3:::" + name("BucketName")
			case resource.Type == "AWS::CloudWatch::Dashboard":
				arn = "arn:aws:cloudwatch::111122223333:dashboard/" + name("DashboardName")
			case resource.Type == "AWS::SecretsManager::Secret":
				arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:" + id + "-Abc123"
			}
			for _, action := range handled[resource.Type] {
				if arn != "" && !may(all, action, arn) || !slices.ContainsFunc(all, func(s resolve.Statement) bool { return slices.Contains(s.Actions, action) }) {
					t.Errorf("whoever deploys may not %s for %s (%s)", action, id, arn)
				}
			}
		}
		for _, s := range all {
			if slices.ContainsFunc(s.Actions, func(a string) bool { return strings.Contains(a, "*") }) {
				t.Errorf("%s does not name what it allows: %v", s.Sid, s.Actions)
			}
			if slices.Contains(s.Resources, "*") && !slices.Contains([]string{"FindLogs", "Mapping", "Network"}, s.Sid) {
				t.Errorf("%s is about everything", s.Sid)
			}
		}
	})
}

// called are the calls of our own by the actions that IAM knows them by; none means that only who signed the request matters.
var called = map[string]string{
	"s3.HeadBucket": "s3:ListBucket", "s3.HeadObject": "s3:GetObject", "s3.ListObjectsV2": "s3:ListBucket", "s3.ListObjectVersions": "s3:ListBucketVersions",
	"s3.DeleteObjects": "s3:DeleteObject s3:DeleteObjectVersion", "s3.CopyObject": "s3:GetObject s3:PutObject", "s3.PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
	"s3.GetBucketNotificationConfiguration": "s3:GetBucketNotification", "s3.PutBucketNotificationConfiguration": "s3:PutBucketNotification",
	"s3.GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration", "s3.PutBucketVersioning": "s3:PutBucketVersioning",
	"sts.GetCallerIdentity": "",
}

// elsewhere are calls of the packages that deployers' commands share with others, which make them.
var elsewhere = map[string]string{
	"kinesis.CreateStream": "local makes its stream", "kinesis.RegisterStreamConsumer": "local reads by a consumer", "kinesis.DescribeStreamConsumer": "local reads by a consumer",
	"kinesis.PutRecords": "generate and replay put records",
}

// TestDeployerCalls: what deploy, status and audit ask of AWS themselves is in the policy, by the source.
func TestDeployerCalls(t *testing.T) {
	made, existing := example(), variants()["existing"]
	made.ServiceRoleARN, existing.ServiceRoleARN = "arn:aws:iam::111122223333:role/cfn", "arn:aws:iam::111122223333:role/cfn" // so that only our own calls are left
	all := append(statements(t, made.DeployerPolicy(place, "snowstream")), statements(t, existing.DeployerPolicy(place, "snowstream"))...)
	own := map[string]bool{}
	for _, s := range all {
		for _, a := range s.Actions {
			own[a] = true
		}
	}
	call := regexp.MustCompile(`\b(cloudformation|kinesis|lambda|s3|secretsmanager|sqs|sts)\.(\w+)Input\{`)
	seen := map[string]bool{}
	for _, pattern := range []string{"*.go", "../*.go", "../bundle/*.go", "../../listener/*.go", "../../processing/datalake/*.go", "../../cmd/snowstream/deploy*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range call.FindAllStringSubmatch(string(text), -1) {
				if !strings.HasSuffix(file, "_test.go") {
					seen[m[1]+"."+m[2]] = true
				}
			}
		}
	}
	if len(seen) < 25 {
		t.Errorf("only %d calls were found: %v", len(seen), seen)
	}
	for name := range seen {
		if elsewhere[name] != "" {
			continue
		}
		actions, known := called[name]
		if !known {
			actions = strings.Replace(name, ".", ":", 1)
		}
		for _, action := range strings.Fields(actions) {
			if !own[action] {
				t.Errorf("%s is called, and whoever deploys may not %s", name, action)
			}
		}
	}
	for _, list := range []map[string]string{called, elsewhere} {
		for name := range list {
			if !seen[name] {
				t.Errorf("%s is listed and not called", name)
			}
		}
	}
}

// TestServiceRole: with a role for CloudFormation the person may hand that role over and make nothing; bounds hold for whoever makes roles.
func TestServiceRole(t *testing.T) {
	p := example()
	p.ServiceRoleARN, p.PermissionsBoundaryARN = "arn:aws:iam::111122223333:role/cfn", "arn:aws:iam::111122223333:policy/bounds"
	orchestrator := p.roleARN(place.Partition, place.ID, place.Region, "orchestrator")
	person, role := statements(t, p.DeployerPolicy(place, "snowstream")), statements(t, p.ServiceRolePolicy(place))
	want(t, "the person passes the role, makes one; the role makes one, is free of bounds", []bool{
		may(person, "iam:PassRole", p.ServiceRoleARN), may(person, "iam:CreateRole", orchestrator), may(role, "iam:CreateRole", orchestrator), may(role, "iam:DeleteRolePermissionsBoundary", orchestrator),
	}, []bool{true, false, true, false})
	for _, s := range role {
		for _, action := range []string{"iam:CreateRole", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary"} {
			if s.Covers(action, orchestrator) && at(s.Condition, "StringEquals", "iam:PermissionsBoundary") != p.PermissionsBoundaryARN {
				t.Errorf("%s is allowed without the bounds by %s", action, s.Sid)
			}
		}
	}
	if may(role, "iam:CreateRole", "arn:aws:iam::111122223333:role/admin") {
		t.Error("any role may be made")
	}
}
