package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/spf13/pflag"

	"github.com/snowstream/snowstream/deploy"
	"github.com/snowstream/snowstream/deploy/cloudformation"
)

// nameByEnvironment gives every name that the flags leave open the environment's, so that two environments in one pair of
// accounts share none. The default environment keeps the names that it has always had.
func (o *deployOptions) nameByEnvironment(f *pflag.FlagSet) {
	environment, fallback := o.parameters.Environment, cloudformation.Defaults().Environment
	if given := f.Lookup("file"); environment != fallback && (given == nil || !given.Changed) {
		o.file = strings.Replace(deploy.DefaultFile, "snowstream", environment, 1)
	}
	made, err := deploy.Load(o.file)
	known := err == nil && made.Environment == environment
	if known {
		o.recall(f, made)
	}
	defer o.settle(f)
	if environment == fallback {
		return
	}
	upper := strings.ToUpper(strings.ReplaceAll(environment, "-", "_"))
	p, l := &o.parameters, &o.landing
	for _, n := range []struct {
		flag  string
		value *string
		name  string
		// made is the name that an earlier run has given: it stays, however it was found.
		made string
	}{
		{"stream", &p.StreamName, p.StreamName + "-" + environment, made.Stream},
		{"orchestrator-name", &p.OrchestratorName, p.OrchestratorName + "-" + environment, made.Orchestrator},
		{"upsert-name", &p.UpsertName, p.UpsertName + "-" + environment, made.Upsert},
		{"user", &l.User, upper + "_UPSERT", made.Snowflake.User},
		{"role", &l.Role, upper + "_WRITER", made.Snowflake.Role},
		{"warehouse", &l.Warehouse, upper + "_WH", made.Snowflake.Warehouse},
		{"database", &l.Names.Database, upper, made.Names.Database},
		{"integration", &l.Names.Integration, upper + "_S3", made.Names.Integration},
		{"file-format", &l.Names.Format, upper + "_CSV", made.Names.Format},
		{"stage", &l.Names.Stage, upper + "_STAGE", made.Names.Stage},
		{"pipe", &l.Names.Pipe, upper + "_PIPE", made.Names.Pipe},
	} {
		if given := f.Lookup(n.flag); given != nil && given.Changed {
			continue
		}
		if *n.value = n.name; known {
			*n.value = n.made
		}
	}
}

var (
	streamForm   = regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,128}$`)
	functionForm = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)
	stackForm    = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9-]{0,127}$`)
	bucketForm   = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	subnetForm   = regexp.MustCompile(`^subnet-[0-9a-f]{8,17}$`)
	groupForm    = regexp.MustCompile(`^sg-[0-9a-f]{8,17}$`)
	accountForm  = regexp.MustCompile(`^[0-9]{12}$`)
)

// logDays are the retentions that CloudWatch Logs takes.
func logDays() []int {
	return []int{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}
}

// checkFlags names all that AWS would refuse, each with its flag, before anybody is asked.
func (o *deployOptions) checkFlags() error {
	var errs []error
	refuse := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	p := o.parameters
	refuse(!streamForm.MatchString(p.StreamName), "--stream %q: a stream's name has 1 to 128 of A-Z, a-z, 0-9, _, - and .", p.StreamName)
	for flag, name := range map[string]string{"orchestrator-name": p.OrchestratorName, "upsert-name": p.UpsertName} {
		refuse(!functionForm.MatchString(name), "--%s %q: a function's name has 1 to 64 of A-Z, a-z, 0-9, - and _", flag, name)
	}
	refuse(o.stack != "" && !stackForm.MatchString(o.stack), "--stack %q: a stack's name has 1 to 128 of A-Z, a-z, 0-9 and -, a letter first", o.stack)
	for flag, name := range map[string]string{"bucket": o.bucket, "existing-bucket": o.existingBucket} {
		refuse(name != "" && (!bucketForm.MatchString(name) || strings.Contains(name, "..")), "--%s %q: a bucket's name has 3 to 63 of a-z, 0-9, - and ., a letter or digit first and last", flag, name)
	}
	refuse(o.awsAccount != "" && !accountForm.MatchString(o.awsAccount), "--aws-account %q: an AWS account's number has 12 digits", o.awsAccount)
	refuse(p.RetentionHours < 24 || p.RetentionHours > 8760, "--retention-hours %d: a stream keeps records for 24 to 8760 hours", p.RetentionHours)
	refuse(!slices.Contains(logDays(), p.LogRetentionDays), "--log-retention-days %d: CloudWatch Logs takes %s", p.LogRetentionDays, strings.Trim(fmt.Sprint(logDays()), "[]"))
	refuse(!o.onDemand && (p.Shards < 1 || p.Shards > 10000), "--shards %d: a stream has 1 to 10000 shards", p.Shards)
	refuse(p.MemoryMB < 128 || p.MemoryMB > 10240, "--memory %d: a function has 128 to 10240 MB", p.MemoryMB)
	refuse(p.BatchSize < 1 || p.BatchSize > 10000, "--batch-size %d: a batch has 1 to 10000 records", p.BatchSize)
	refuse(o.batchWindow < 0 || o.batchWindow.Seconds() > 300, "--batch-window %s: a batch waits 0s to 300s", o.batchWindow)
	refuse(p.RowPath != cloudformation.RowsBySnowpipe && p.RowPath != cloudformation.RowsByMerge, "--row-path %q: it can be %s or %s", p.RowPath, cloudformation.RowsBySnowpipe, cloudformation.RowsByMerge)
	refuse(p.RowCommit != cloudformation.CommitDeferred && p.RowCommit != cloudformation.CommitWait, "--row-commit %q: it can be %s or %s", p.RowCommit, cloudformation.CommitDeferred, cloudformation.CommitWait)
	refuse(p.RowPath == cloudformation.RowsBySnowpipe && p.Authentication == cloudformation.WorkloadIdentity,
		"--authentication %s: Snowflake documents no such login for Snowpipe Streaming; take %s, or --row-path %s", p.Authentication, cloudformation.KeyPair, cloudformation.RowsByMerge)
	refuse(p.Authentication == "password", "--authentication password is refused: Snowflake ends passwords of service users in 2026, and the function would have to "+
		"keep one that somebody must rotate; take workload-identity, which needs no secret, or key-pair")
	refuse(!cloudformation.PathForm.MatchString(p.IAMPath), "--iam-path %q: a path begins and ends with / and has up to 512 signs, such as /teams/data/", p.IAMPath)
	refuse(o.storageRole != "" && pathOf(o.storageRole) != p.IAMPath, "--iam-path %s: the roles are there, under %s, and what has a name of its own cannot move: leave the path as it is, "+
		"or destroy the deployment and make it anew over its bucket and stream", p.IAMPath, pathOf(o.storageRole))
	for _, id := range p.ExistingSubnets {
		refuse(!subnetForm.MatchString(id), "--subnets %q: a subnet's id looks like subnet-0123456789abcdef0", id)
	}
	for _, id := range p.ExistingSecurityGroups {
		refuse(!groupForm.MatchString(id), "--security-groups %q: a security group's id looks like sg-0123456789abcdef0", id)
	}
	if err := o.checkARNs("", ""); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// checkARNs looks at the ARNs that are given: of the right kind, and of the account and region that are worked in, where
// these are known.
func (o *deployOptions) checkARNs(account, region string) error {
	p := o.parameters
	given := []givenARN{
		{"existing-stream", o.existingStream, streams}, {"stream-key", p.StreamKeyARN, keys}, {"bucket-key", p.BucketKeyARN, keys},
		{"queue-key", p.QueueKeyARN, keys}, {"log-key", p.LogKeyARN, keys}, {"secret-encryption-key", p.SecretKeyARN, keys},
		{"alarm-topic", p.AlarmTopicARN, topics}, {"permissions-boundary", p.PermissionsBoundaryARN, boundaries}, {"cloudformation-role", p.ServiceRoleARN, roles},
	}
	for _, writer := range p.LedgerWriters {
		given = append(given, givenARN{"ledger-writers", writer, roles})
	}
	var errs []error
	for _, a := range given {
		if a.value == "" {
			continue
		}
		parsed, err := arn.Parse(a.value)
		name, is := strings.CutPrefix(parsed.Resource, a.kind.prefix)
		switch {
		case err != nil || parsed.Service != a.kind.service || !is || name == "":
			errs = append(errs, fmt.Errorf("--%s %s is not the ARN of %s", a.flag, a.value, a.kind.what))
		case a.kind == streams && strings.Contains(name, "/consumer/"):
			errs = append(errs, fmt.Errorf("--%s %s is the ARN of a consumer: leave away what follows the stream's name", a.flag, a.value))
		case a.kind == streams && !streamForm.MatchString(name):
			errs = append(errs, fmt.Errorf("--%s %s: %q is no stream's name", a.flag, a.value, name))
		case region != "" && a.kind.service != "iam" && parsed.Region != region:
			errs = append(errs, fmt.Errorf("--%s %s is in region %s, and the deployment in %s: a function reads and alarms in its own region only; name the other with --region", a.flag, a.value, parsed.Region, region))
		case account != "" && !a.kind.shared && parsed.AccountID != account && !(a.kind == boundaries && parsed.AccountID == "aws"):
			errs = append(errs, fmt.Errorf("--%s %s belongs to account %s, and the credentials to %s", a.flag, a.value, parsed.AccountID, account))
		}
	}
	return errors.Join(errs...)
}

// givenARN is the ARN that a flag names, and what it must be of.
type givenARN struct {
	flag, value string
	kind        arnKind
}

// arnKind is a kind of things in AWS; shared says that one of another account will do.
type arnKind struct {
	service, prefix, what string
	shared                bool
}

// An alias of a key is no key: a right to use one names the key itself.
var (
	streams    = arnKind{"kinesis", "stream/", "a stream, such as arn:aws:kinesis:us-east-1:123456789012:stream/orders", false}
	keys       = arnKind{"kms", "key/", "a KMS key, such as arn:aws:kms:us-east-1:123456789012:key/0123", true}
	topics     = arnKind{"sns", "", "an SNS topic, such as arn:aws:sns:us-east-1:123456789012:alarms", false}
	boundaries = arnKind{"iam", "policy/", "a managed policy, such as arn:aws:iam::123456789012:policy/bounds", false}
	roles      = arnKind{"iam", "role/", "a role, such as arn:aws:iam::123456789012:role/auditor", true}
)

// pathOf is the IAM path of a role, by its ARN.
func pathOf(role string) string {
	_, path, _ := strings.Cut(role, ":role")
	return path[:strings.LastIndexByte(path, '/')+1]
}

// checkLogin names all that is missing to sign in on both sides.
func (o *deployOptions) checkLogin(ctx context.Context) error {
	var errs []error
	if _, err := awsConfig(ctx, o.region, o.endpoint); err != nil {
		errs = append(errs, err)
	}
	if o.account == "" {
		errs = append(errs, errors.New("--snowflake-account says where to sign in to Snowflake"))
	}
	if _, err := o.login.config(); err != nil {
		errs = append(errs, err)
	}
	if o.schemaFile != "" {
		if _, err := os.Stat(o.schemaFile); err != nil {
			errs = append(errs, fmt.Errorf("--schema: %w", err))
		}
	}
	return errors.Join(errs...)
}
