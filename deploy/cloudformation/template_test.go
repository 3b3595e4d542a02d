package cloudformation

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/snowstream/snowstream/deploy/cloudformation/resolve"
)

var place = resolve.Account{Partition: "aws", ID: "111122223333", Region: "eu-central-1"}

// example are parameters that pass Check.
func example() Parameters {
	p := Defaults()
	p.BucketName, p.ArtifactBucket = BucketName(p.Environment, place.ID, place.Region), ArtifactBucketName(p.Environment, place.ID, place.Region)
	p.OrchestratorZip, p.UpsertZip = "orchestrator/1.zip", "upsert/1.zip"
	p.SnowflakeAccount, p.SnowflakeUser, p.SnowflakeRole, p.SnowflakeWarehouse = "org-account", "LOADER", "LOADER_ROLE", "LOADER_WH"
	p.SnowflakeDatabase, p.SnowflakeSchema, p.StreamingTable, p.Pipe = "SNOWSTREAM", "LANDING", "KINESIS_SENSORS_STREAMING", "SNOWSTREAM_PIPE"
	p.StorageUserARN, p.ExternalID = "arn:aws:iam::999988887777:user/abc", "an-external-id"
	return p
}

// variants are the parameters that change which resources there are. Every check of the template sees all of them.
func variants() map[string]Parameters {
	full, existing, pass := example(), example(), example()
	pass.PipeQueueARN = "arn:aws:sqs:eu-central-1:999988887777:sf-snowpipe"
	full.NAT, full.Authentication, full.Shards, full.AlarmTopicARN = true, KeyPair, 0, "arn:aws:sns:eu-central-1:111122223333:alarms"
	full.ExpireAfterDays, full.GlacierAfterDays = 400, 90
	const key = "arn:aws:kms:eu-central-1:111122223333:key/"
	full.StreamKeyARN, full.BucketKeyARN, full.QueueKeyARN, full.LogKeyARN, full.SecretKeyARN = key+"stream", key+"bucket", key+"queue", key+"log", key+"secret"
	full.PermissionsBoundaryARN, full.IAMPath = "arn:aws:iam::111122223333:policy/bounds", "/teams/data/"
	pass.NoProgressAlarm = true
	full.Compress, full.RowCommit, full.SnowflakeWarehouse = "zstd", CommitWait, ""
	full.LedgerWriters, full.SchemaFile, full.SnowflakeEndpoint = []string{"arn:aws:iam::111122223333:role/auditor"}, "/var/task/schema.yaml", "https://org-account.privatelink.snowflakecomputing.com"
	existing.ExistingStreamARN, existing.StreamKeyARN = "arn:aws:kinesis:eu-central-1:111122223333:stream/kdEntry", "arn:aws:kms:eu-central-1:111122223333:key/stream"
	existing.ExistingBucket, existing.BucketKeyARN = true, "arn:aws:kms:eu-central-1:111122223333:key/bucket"
	existing.RowPath, existing.Authentication = RowsByMerge, WorkloadIdentity
	existing.ExistingSubnets, existing.ExistingSecurityGroups = []string{"subnet-1", "subnet-2"}, []string{"sg-1"}
	return map[string]Parameters{"first pass": example(), "second pass": pass, "all of its own": full, "existing": existing}
}

func given(p Parameters) map[string]string {
	out := map[string]string{}
	for _, v := range p.values() {
		out[aws.ToString(v.ParameterKey)] = aws.ToString(v.ParameterValue)
	}
	return out
}

// each runs a check on the template of every variant.
func each(t *testing.T, check func(*testing.T, Parameters, map[string]resolve.Resource)) {
	for name, p := range variants() {
		t.Run(name, func(t *testing.T) {
			if err := p.Check(); err != nil {
				t.Fatal(err)
			}
			resources, err := resolve.Template(Template(), given(p), place)
			if err != nil {
				t.Fatal(err)
			}
			check(t, p, resources)
		})
	}
}

// at is a property by its path; nil if there is none.
func at(v any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[step]
		case int:
			l, _ := v.([]any)
			if step >= len(l) {
				return nil
			}
			v = l[step]
		}
	}
	return v
}

func want(t *testing.T, what string, got, wanted any) {
	t.Helper()
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// TestFits: CloudFormation takes 51,200 bytes of template in a call, and knows no parameter that the template does not.
func TestFits(t *testing.T) {
	compact, err := Compact()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes of template, %d as it is sent", len(template), len(compact))
	if len(compact) > maxBody {
		t.Errorf("the template has %d bytes as it is sent: CloudFormation takes %d in a call", len(compact), maxBody)
	}
	whole, err := resolve.Template(template, given(example()), place)
	if err != nil {
		t.Fatal(err)
	}
	sent, err := resolve.Template(compact, given(example()), place)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "what is sent", sent, whole)
	var text struct {
		Parameters map[string]any `yaml:"Parameters"`
	}
	if err := yaml.Unmarshal(template, &text); err != nil {
		t.Fatal(err)
	}
	want(t, "parameters", slices.Sorted(maps.Keys(given(example()))), slices.Sorted(maps.Keys(text.Parameters)))
}

// TestPurposes: a plan can say of everything why it is there and what it costs.
func TestPurposes(t *testing.T) {
	purposes, err := Purposes()
	if err != nil {
		t.Fatal(err)
	}
	for id, p := range purposes {
		if p.Why == "" || p.Cost == "" {
			t.Errorf("%s does not say why it is there and what it costs", id)
		}
	}
	if len(purposes) < 40 {
		t.Errorf("only %d resources", len(purposes))
	}
}

// TestNames: who has to know a name before it exists works out the same one.
func TestNames(t *testing.T) {
	each(t, func(t *testing.T, p Parameters, r map[string]resolve.Resource) {
		for id, arn := range map[string]string{
			"StorageRole": p.StorageRoleARN(place.Partition, place.ID, place.Region), "UpsertRole": p.UpsertRoleARN(place.Partition, place.ID, place.Region),
		} {
			path := r[id].Properties["Path"]
			if path == nil { // a role of before there was a choice: to add even / would be to replace it
				path = "/"
			}
			want(t, id, fmt.Sprint("arn:aws:iam::111122223333:role", path, r[id].Properties["RoleName"]), arn)
		}
	})
}

// TestStream: encrypted, and kept with the records in it.
func TestStream(t *testing.T) {
	each(t, func(t *testing.T, p Parameters, r map[string]resolve.Resource) {
		s, made := r["Stream"]
		if want(t, "a stream of its own", made, p.ExistingStreamARN == ""); !made {
			return
		}
		streamKey := "alias/aws/kinesis"
		if p.StreamKeyARN != "" {
			streamKey = p.StreamKeyARN
		}
		want(t, "encryption", s.Properties["StreamEncryption"], any(map[string]any{"EncryptionType": "KMS", "KeyId": streamKey}))
		want(t, "policy", s.DeletionPolicy+" "+s.UpdateReplacePolicy, "RetainExceptOnCreate Retain")
		mode, shards := "PROVISIONED", any("1")
		if p.Shards == 0 {
			mode, shards = "ON_DEMAND", nil
		}
		want(t, "mode", at(s.Properties, "StreamModeDetails", "StreamMode"), any(mode))
		want(t, "shards", s.Properties["ShardCount"], shards)
	})
}

func TestFunctions(t *testing.T) {
	each(t, func(t *testing.T, p Parameters, r map[string]resolve.Resource) {
		for _, f := range []struct{ id, zip string }{{"Orchestrator", p.OrchestratorZip}, {"Upsert", p.UpsertZip}} {
			properties := r[f.id].Properties
			want(t, "runtime", properties["Runtime"], any("provided.al2023"))
			want(t, "architecture", properties["Architectures"], any([]any{"arm64"}))
			want(t, "zip", properties["Code"], any(map[string]any{"S3Bucket": p.ArtifactBucket, "S3Key": f.zip}))
			group := r[f.id+"Log"].Properties
			want(t, "log", at(properties, "LoggingConfig", "LogGroup"), group["LogGroupName"])
			want(t, "log retention", group["RetentionInDays"], any("30"))
		}
		want(t, "compression", at(r["Orchestrator"].Properties, "Environment", "Variables", "SNOWSTREAM_COMPRESS"), any(p.Compress))
		environment, _ := at(r["Upsert"].Properties, "Environment", "Variables").(map[string]any)
		_, secret := environment["SNOWSTREAM_SNOWFLAKE_PRIVATE_KEY_SECRET"]
		_, identity := environment["SNOWSTREAM_SNOWFLAKE_AUTHENTICATION"]
		_, made := r["PrivateKey"]
		keyPair := p.Authentication == KeyPair
		want(t, "a secret made, told of, no workload identity", []bool{made, secret, !identity}, []bool{keyPair, keyPair, keyPair})
		_, network := r["Upsert"].Properties["VpcConfig"]
		want(t, "a network", network, p.NAT || len(p.ExistingSubnets) > 0)
		if network := r["Orchestrator"].Properties["VpcConfig"]; network != nil {
			t.Errorf("the orchestrator is in a network, and calls only AWS: %v", network)
		}
	})
}

func TestMapping(t *testing.T) {
	each(t, func(t *testing.T, p Parameters, r map[string]resolve.Resource) {
		want(t, "mapping", r["Mapping"].Properties, map[string]any{
			"EventSourceArn": "arn:aws:kinesis:eu-central-1:111122223333:stream/kdEntry", "FunctionName": "SnowflakeOrchestrator",
			"StartingPosition": "TRIM_HORIZON", "BatchSize": "100", "MaximumBatchingWindowInSeconds": "60", "ParallelizationFactor": 1,
			"MaximumRetryAttempts": "10000", "MaximumRecordAgeInSeconds": "82800", "BisectBatchOnFunctionError": false,
			"FunctionResponseTypes": []any{"ReportBatchItemFailures"}, "MetricsConfig": map[string]any{"Metrics": []any{"EventCount"}},
			"DestinationConfig": map[string]any{"OnFailure": map[string]any{"Destination": "arn:aws:s3:::" + p.BucketName}},
		})
		want(t, "asynchronous failures", at(r["UpsertAsynchronous"].Properties, "DestinationConfig", "OnFailure", "Destination"), any("arn:aws:sqs:eu-central-1:111122223333:snowstream-upsert-failures"))
		want(t, "qualifier", r["UpsertAsynchronous"].Properties["Qualifier"], any("$LATEST"))
		wantOnlyTLS(t, r["UpsertFailuresPolicy"].Properties["PolicyDocument"], "arn:aws:sqs:eu-central-1:111122223333:snowstream-upsert-failures")
	})
}

// TestSweep: where the service may lose rows somebody looks each minute, and a look that fails is not kept for later.
// TestExpiry: rows go by the tag of what is sealed, and by nothing else.
func TestExpiry(t *testing.T) {
	each(t, func(t *testing.T, p Parameters, r map[string]resolve.Resource) {
		rules, _ := at(r["RawZone"].Properties, "LifecycleConfiguration", "Rules").([]any)
		days := map[string]any{}
		for _, one := range rules {
			rule, _ := one.(map[string]any)
			prefix, _ := rule["Prefix"].(string)
			if prefix != "" && !strings.HasPrefix("kinesiscsv/", prefix) || rule["ExpirationInDays"] == nil && rule["Transitions"] == nil {
				continue
			}
			want(t, fmt.Sprint(rule["Id"], " goes by"), rule["TagFilters"], any([]any{map[string]any{"Key": "snowstream", "Value": "sealed"}}))
			if n := rule["ExpirationInDays"]; n != nil {
				days["expire"] = n
			} else {
				days["cool"] = at(rule, "Transitions", 0, "TransitionInDays")
			}
		}
		for name, n := range map[string]int{"expire": p.ExpireAfterDays, "cool": p.GlacierAfterDays} {
			if n == 0 {
				want(t, name, days[name], nil)
			} else {
				want(t, name, fmt.Sprint(days[name]), fmt.Sprint(n))
			}
		}
	})
	for name, change := range map[string]func(p *Parameters){
		"a bucket that is there":    func(p *Parameters) { p.ExistingBucket, p.ExpireAfterDays = true, 30 },
		"Glacier behind the expiry": func(p *Parameters) { p.ExpireAfterDays, p.GlacierAfterDays = 30, 30 },
		"the past":                  func(p *Parameters) { p.ExpireAfterDays = -1 },
	} {
		p := example()
		if change(&p); p.Check() == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestSweep(t *testing.T) {
	each(t, func(t *testing.T, p Parameters, r map[string]resolve.Resource) {
		rule, made := r["SweepSchedule"]
		snowpipe := p.RowPath == RowsBySnowpipe
		if want(t, "a schedule", made, snowpipe); !made {
			return
		}
		environment, _ := at(r["Upsert"].Properties, "Environment", "Variables").(map[string]any)
		_, warehouse := environment["SNOWSTREAM_SNOWFLAKE_WAREHOUSE"]
		want(t, "row path, commit, warehouse", []any{environment["SNOWSTREAM_ROW_PATH"], environment["SNOWSTREAM_ROW_COMMIT"], warehouse}, []any{p.RowPath, p.RowCommit, p.SnowflakeWarehouse != ""})
		want(t, "each", rule.Properties["ScheduleExpression"], any("rate(1 minute)"))
		want(t, "says", at(rule.Properties, "Targets", 0, "Input"), any(`{"sweep":true}`))
		want(t, "calls", at(rule.Properties, "Targets", 0, "Arn"), any("<Sweep>"))
		want(t, "may call", []any{r["SweepPermission"].Properties["FunctionName"], r["SweepPermission"].Properties["Principal"]}, []any{"<Sweep>", "events.amazonaws.com"})
		asynchronous := r["SweepAsynchronous"].Properties
		want(t, "retries, kept", []any{asynchronous["Qualifier"], asynchronous["MaximumRetryAttempts"], asynchronous["DestinationConfig"]}, []any{"sweep", 0, nil})
		for _, s := range policies(t, r["UpsertRole"]) {
			for _, key := range []string{"ledger/kdEntry/x.json", "kinesiscsv/x.csv"} {
				if arn := "arn:aws:s3:::" + p.BucketName + "/" + key; s.Effect == "Allow" && s.Covers("s3:PutObject", arn) {
					t.Errorf("Upsert may write %s", key)
				}
			}
		}
	})
}

func wantOnlyTLS(t *testing.T, document any, resources ...string) {
	t.Helper()
	statements, err := resolve.Statements(document)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range statements {
		if s.Effect == "Deny" && s.Principal == "*" && cmp.Equal(s.Condition, map[string]any{"Bool": map[string]any{"aws:SecureTransport": "false"}}) &&
			cmp.Equal(s.Resources, resources) && len(s.Actions) == 1 && strings.HasSuffix(s.Actions[0], ":*") {
			return
		}
	}
	t.Errorf("plain HTTP to %v is not refused: %v", resources, statements)
}

func TestRawZone(t *testing.T) {
	each(t, func(t *testing.T, p Parameters, r map[string]resolve.Resource) {
		b, made := r["RawZone"]
		if want(t, "a bucket of its own", made, !p.ExistingBucket); !made {
			return
		}
		for _, kept := range []string{"RawZone", "RawZonePolicy"} {
			want(t, kept, r[kept].DeletionPolicy+" "+r[kept].UpdateReplacePolicy, "RetainExceptOnCreate Retain")
		}
		want(t, "public access", b.Properties["PublicAccessBlockConfiguration"], any(map[string]any{
			"BlockPublicAcls": true, "BlockPublicPolicy": true, "IgnorePublicAcls": true, "RestrictPublicBuckets": true,
		}))
		want(t, "versions", at(b.Properties, "VersioningConfiguration", "Status"), any("Enabled"))
		for _, rule := range at(b.Properties, "LifecycleConfiguration", "Rules").([]any) {
			if days := at(rule, "ExpirationInDays"); days != nil && at(rule, "Prefix") != "aws/lambda/" && at(rule, "TagFilters") == nil { // see TestExpiry
				t.Errorf("the rule %v deletes rows, ledgers or quarantine", at(rule, "Id"))
			}
		}
		arn := "arn:aws:s3:::" + p.BucketName
		wantOnlyTLS(t, r["RawZonePolicy"].Properties["PolicyDocument"], arn, arn+"/*")
		wantLedgers(t, p, r["RawZonePolicy"].Properties["PolicyDocument"])
		var queue any
		if p.PipeQueueARN != "" {
			queue = map[string]any{"QueueConfigurations": []any{map[string]any{
				"Event": "s3:ObjectCreated:*", "Queue": p.PipeQueueARN,
				"Filter": map[string]any{"S3Key": map[string]any{"Rules": []any{
					map[string]any{"Name": "prefix", "Value": "kinesiscsv/"},
				}}},
			}}}
		}
		want(t, "notification", b.Properties["NotificationConfiguration"], queue)
	})
}

// wantLedgers: nobody but the orchestrator, and who is named, writes a ledger.
func wantLedgers(t *testing.T, p Parameters, document any) {
	t.Helper()
	statements, err := resolve.Statements(document)
	if err != nil {
		t.Fatal(err)
	}
	writers := []any{p.roleARN(place.Partition, place.ID, place.Region, "orchestrator")}
	for _, w := range p.LedgerWriters {
		writers = append(writers, w)
	}
	for _, action := range []string{"s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion"} {
		if !slices.ContainsFunc(statements, func(s resolve.Statement) bool {
			return s.Effect == "Deny" && s.Principal == "*" && s.Covers(action, "arn:aws:s3:::"+p.BucketName+"/ledger/kdEntry/shardId-0.json") &&
				cmp.Equal(at(s.Condition, "ArnNotEquals", "aws:PrincipalArn"), any(writers))
		}) {
			t.Errorf("%s on ledgers is not kept to %v", action, writers)
		}
	}
}

// wildcards are all the places where an action or a resource is not named in full, each with its reason. A * behind a
// prefix of keys of one bucket, or behind the streams of one log group, is what those ARNs look like.
var wildcards = map[string]string{
	"UpsertRole Network":                       "network interfaces have no names before they exist; Lambda needs them in a network",
	"UpsertRole NetworkForLambdaOnly":          "a denial, of the above to the function's own code",
	"RawZonePolicy OnlyTLS":                    "a denial, of everything over plain HTTP",
	"UpsertFailuresPolicy OnlyTLS":             "a denial, of everything over plain HTTP",
	"RawZonePolicy LedgersAreTheOrchestrators": "a denial to everybody, but for the writers in its condition",
}

func TestLeastPrivilege(t *testing.T) {
	used := map[string]bool{}
	each(t, func(t *testing.T, p Parameters, r map[string]resolve.Resource) {
		for id, resource := range r {
			for _, s := range policies(t, resource) {
				place := id + " " + s.Sid
				if s.Sid == "" {
					t.Errorf("%s has a statement without a Sid", id)
				}
				if wild(p, s) {
					used[place] = true
					if wildcards[place] == "" {
						t.Errorf("%s: %s of %v on %v: name what is meant, or say why not in the list of wildcards", place, s.Effect, s.Actions, s.Resources)
					}
				}
			}
			if managed := resource.Properties["ManagedPolicyArns"]; managed != nil {
				t.Errorf("%s has managed policies, which change without us: %v", id, managed)
			}
		}
	})
	for place := range wildcards {
		if !used[place] {
			t.Errorf("%s is excused and has no wildcard", place)
		}
	}
}

// policies are the statements of a resource that has any.
func policies(t *testing.T, r resolve.Resource) []resolve.Statement {
	t.Helper()
	statements, err := resolve.RolePolicies(r)
	if err == nil && strings.HasSuffix(r.Type, "Policy") {
		statements, err = resolve.Statements(r.Properties["PolicyDocument"])
	}
	if err != nil {
		t.Fatal(err)
	}
	return statements
}

func wild(p Parameters, s resolve.Statement) bool {
	if s.Principal == "*" {
		return true
	}
	for _, action := range s.Actions {
		if strings.Contains(action, "*") {
			return true
		}
	}
	for _, resource := range s.Resources {
		keys := strings.HasPrefix(resource, "arn:aws:s3:::"+p.BucketName+"/") && strings.HasSuffix(resource, "/*") && strings.Count(resource, "*") == 1 && !strings.HasSuffix(resource, p.BucketName+"/*")
		streams := strings.HasPrefix(resource, "arn:aws:logs:eu-central-1:111122223333:log-group:/aws/lambda/Snowflake") && strings.HasSuffix(resource, ":*") && strings.Count(resource, "*") == 1
		if strings.Contains(resource, "*") && !keys && !streams {
			return true
		}
	}
	return false
}

// TestTrust: who may take a role on.
func TestTrust(t *testing.T) {
	each(t, func(t *testing.T, p Parameters, r map[string]resolve.Resource) {
		for id, principal := range map[string]any{
			"OrchestratorRole": map[string]any{"Service": "lambda.amazonaws.com"},
			"UpsertRole":       map[string]any{"Service": "lambda.amazonaws.com"},
			"StorageRole":      map[string]any{"AWS": p.StorageUserARN},
		} {
			statements, err := resolve.Statements(r[id].Properties["AssumeRolePolicyDocument"])
			if err != nil || len(statements) != 1 {
				t.Fatalf("%s: %v, %v", id, statements, err)
			}
			want(t, id, statements[0].Principal, principal)
			want(t, id, statements[0].Actions, []string{"sts:AssumeRole"})
			var condition map[string]any
			if id == "StorageRole" {
				condition = map[string]any{"StringEquals": map[string]any{"sts:ExternalId": p.ExternalID}}
			}
			want(t, id+"'s condition", statements[0].Condition, condition)
		}
	})
}

// TestKeys: what is encrypted with a key of the customer's own is so, and whoever handles it may use that key and no other.
func TestKeys(t *testing.T) {
	each(t, func(t *testing.T, p Parameters, r map[string]resolve.Resource) {
		encryption := at(r["RawZone"].Properties, "BucketEncryption", "ServerSideEncryptionConfiguration", 0)
		sse := at(encryption, "ServerSideEncryptionByDefault")
		switch {
		case p.ExistingBucket:
		case p.BucketKeyARN == "":
			want(t, "the bucket's key", encryption, any(map[string]any{"ServerSideEncryptionByDefault": map[string]any{"SSEAlgorithm": "AES256"}}))
		default:
			want(t, "the bucket's key", []any{sse, at(encryption, "BucketKeyEnabled")}, []any{map[string]any{"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": p.BucketKeyARN}, true})
		}
		key := func(id, property string) string {
			arn, _ := r[id].Properties[property].(string)
			return arn
		}
		want(t, "keys of the logs", []string{key("OrchestratorLog", "KmsKeyId"), key("UpsertLog", "KmsKeyId")}, []string{p.LogKeyARN, p.LogKeyARN})
		want(t, "keys of queue and secret", []string{key("UpsertFailures", "KmsMasterKeyId"), key("PrivateKey", "KmsKeyId")}, []string{p.QueueKeyARN, p.SecretKeyARN})
		want(t, "the queue by SQS' own key", r["UpsertFailures"].Properties["SqsManagedSseEnabled"], any(p.QueueKeyARN == ""))
		for role, wanted := range map[string]map[string]string{
			"OrchestratorRole": {p.StreamKeyARN: "kms:Decrypt", p.BucketKeyARN: "kms:Decrypt kms:GenerateDataKey"},
			"UpsertRole":       {p.BucketKeyARN: "kms:Decrypt kms:GenerateDataKey", p.QueueKeyARN: "kms:Decrypt kms:GenerateDataKey", p.SecretKeyARN: "kms:Decrypt"},
			"StorageRole":      {p.BucketKeyARN: "kms:Decrypt"},
		} {
			delete(wanted, "")
			may := map[string]string{}
			for _, s := range policies(t, r[role]) {
				if strings.HasPrefix(s.Actions[0], "kms:") {
					may[strings.Join(s.Resources, " ")] = strings.Join(s.Actions, " ")
				}
			}
			want(t, "keys of "+role, may, wanted)
		}
	})
}

// TestRoles: each role has the path and the bounds that are asked for, and neither property where none is.
func TestRoles(t *testing.T) {
	each(t, func(t *testing.T, p Parameters, r map[string]resolve.Resource) {
		for id, resource := range r {
			if resource.Type != "AWS::IAM::Role" {
				continue
			}
			var path, bounds any
			if p.IAMPath != "/" {
				path = p.IAMPath
			}
			if p.PermissionsBoundaryARN != "" {
				bounds = p.PermissionsBoundaryARN
			}
			want(t, id+"'s path and bounds", []any{resource.Properties["Path"], resource.Properties["PermissionsBoundary"]}, []any{path, bounds})
		}
	})
}

// TestStorageRole: Snowflake reads rows and nothing else, and may ask where the bucket is without naming a prefix.
func TestStorageRole(t *testing.T) {
	each(t, func(t *testing.T, p Parameters, r map[string]resolve.Resource) {
		arn := "arn:aws:s3:::" + p.BucketName
		for _, s := range policies(t, r["StorageRole"]) {
			for _, action := range s.Actions {
				if strings.Contains(action, "Put") || strings.Contains(action, "Delete") {
					t.Errorf("Snowflake may %s", action)
				}
			}
			for _, key := range []string{"/ledger/kdEntry/s.json", "/quarantine/kdEntry/s.ndjson", "/aws/lambda/x"} {
				if s.Covers("s3:GetObject", arn+key) {
					t.Errorf("Snowflake may read %s", key)
				}
			}
			if slices.Contains(s.Actions, "s3:GetBucketLocation") && s.Condition != nil {
				t.Errorf("GetBucketLocation carries no prefix, and is asked for one: %v", s.Condition)
			}
			if slices.Contains(s.Actions, "s3:ListBucket") {
				want(t, "the list's prefix", at(s.Condition, "StringLike", "s3:prefix"), any("kinesiscsv/*"))
			}
		}
	})
}

// TestAlarms: what has to be watched is.
func TestAlarms(t *testing.T) {
	each(t, func(t *testing.T, p Parameters, r map[string]resolve.Resource) {
		watched, dashboard := map[string]bool{}, fmt.Sprint(r["Dashboard"].Properties["DashboardBody"])
		for id, a := range r {
			if a.Type != "AWS::CloudWatch::Alarm" {
				continue
			}
			watched[fmt.Sprint(a.Properties["Namespace"], " ", a.Properties["MetricName"], " ", at(a.Properties, "Dimensions", 0, "Value"))] = true
			if !strings.Contains(dashboard, "<"+id+">") && !strings.Contains(dashboard, fmt.Sprint(":alarm:", a.Properties["AlarmName"])) {
				t.Errorf("%s is not on the dashboard", id)
			}
			want(t, id+"'s action", a.Properties["AlarmActions"] != nil, p.AlarmTopicARN != "")
		}
		for _, metric := range []string{
			"AWS/Lambda IteratorAge SnowflakeOrchestrator", "AWS/Kinesis GetRecords.IteratorAgeMilliseconds kdEntry",
			"AWS/Lambda Errors SnowflakeOrchestrator", "AWS/Lambda Errors SnowflakeUpsert",
			"AWS/Lambda Throttles SnowflakeOrchestrator", "AWS/Lambda Throttles SnowflakeUpsert",
			"AWS/Lambda DestinationDeliveryFailures SnowflakeOrchestrator", "AWS/Lambda DestinationDeliveryFailures SnowflakeUpsert",
			"AWS/SQS ApproximateNumberOfMessagesVisible <UpsertFailures>", "AWS/Kinesis WriteProvisionedThroughputExceeded kdEntry",
			"AWS/Lambda OnFailureDestinationDeliveredEventCount <Mapping>", "AWS/Lambda DroppedEventCount <Mapping>",
			"snowstream quarantined kdEntry", "snowstream pipe_lag_seconds kdEntry", "snowstream standing_shards kdEntry",
		} {
			if !watched[metric] {
				t.Errorf("nobody watches %s", metric)
			}
		}
		if !json.Valid([]byte(dashboard)) {
			t.Errorf("the dashboard is no JSON: %s", dashboard)
		}
	})
}

// TestNothingElse: each resource's type is one that the checks above look at.
func TestNothingElse(t *testing.T) {
	known := []string{"AWS::Kinesis::Stream", "AWS::Logs::LogGroup", "AWS::IAM::Role", "AWS::Lambda::Function", "AWS::Lambda::EventSourceMapping",
		"AWS::Lambda::EventInvokeConfig", "AWS::SQS::Queue", "AWS::SQS::QueuePolicy", "AWS::S3::Bucket", "AWS::S3::BucketPolicy",
		"AWS::Lambda::Alias", "AWS::Lambda::Permission", "AWS::Events::Rule", "AWS::SecretsManager::Secret", "AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard"}
	each(t, func(t *testing.T, p Parameters, r map[string]resolve.Resource) {
		for id, resource := range r {
			if !slices.Contains(known, resource.Type) && !(p.NAT && strings.HasPrefix(resource.Type, "AWS::EC2::")) {
				t.Errorf("%s is a %s, which nothing here checks", id, resource.Type)
			}
		}
	})
}

// TestTags: a deployment's own tags, in one order, behind the one that marks its stack.
func TestTags(t *testing.T) {
	p := example()
	p.Tags = map[string]string{"team": "data", "cost": "7"}
	var got []string
	for _, tag := range p.tags() {
		got = append(got, aws.ToString(tag.Key)+"="+aws.ToString(tag.Value))
	}
	want(t, "tags", got, []string{"snowstream:environment=snowstream", "cost=7", "team=data"})
	if p.Tags["aws:x"] = "y"; p.Check() == nil {
		t.Error("a tag that AWS keeps for itself is taken")
	}
}

func TestCheck(t *testing.T) {
	for name, spoil := range map[string]func(*Parameters){
		"environment": func(p *Parameters) { p.Environment = "Snow Stream" }, "stream": func(p *Parameters) { p.StreamName = "" },
		"bucket": func(p *Parameters) { p.BucketName = "Raw_Zone" }, "shards": func(p *Parameters) { p.Shards = -1 },
		"password": func(p *Parameters) { p.Authentication = "password" }, "external id": func(p *Parameters) { p.ExternalID = "" },
		"compression": func(p *Parameters) { p.Compress = "brotli" },
		"row path":    func(p *Parameters) { p.RowPath = "insert" }, "commit": func(p *Parameters) { p.RowCommit = "never" },
		"no key":         func(p *Parameters) { p.Authentication = WorkloadIdentity },
		"no warehouse":   func(p *Parameters) { p.RowPath, p.SnowflakeWarehouse = RowsByMerge, "" },
		"time-outs":      func(p *Parameters) { p.UpsertTimeoutSeconds = 300 },
		"another stream": func(p *Parameters) { p.ExistingStreamARN = "arn:aws:kinesis:eu-central-1:111122223333:stream/other" },
		"a path":         func(p *Parameters) { p.IAMPath = "teams/data" },
		"half a network": func(p *Parameters) { p.ExistingSubnets = []string{"subnet-1"} },
		"two networks": func(p *Parameters) {
			p.NAT, p.ExistingSubnets, p.ExistingSecurityGroups = true, []string{"subnet-1"}, []string{"sg-1"}
		},
	} {
		p := example()
		if spoil(&p); p.Check() == nil {
			t.Errorf("%s: nothing is said", name)
		}
	}
}
