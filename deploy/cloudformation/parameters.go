package cloudformation

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// How Upsert signs in to Snowflake.
const (
	// WorkloadIdentity is the function's own role, proved by AWS; there is no secret.
	WorkloadIdentity = "workload-identity"
	// KeyPair is a private key in a secret of the stack, whose value the deployer puts there.
	KeyPair = "key-pair"
)

// How rows get into the streaming table, and when those by Snowpipe count as handed over.
const (
	// RowsBySnowpipe is Snowpipe Streaming, RowsByMerge one MERGE a batch.
	RowsBySnowpipe = "snowpipe"
	RowsByMerge    = "merge"
	// CommitDeferred is when the service has received them, CommitWait when they are in the table.
	CommitDeferred = "deferred"
	CommitWait     = "wait"
)

// Parameters are what the template is filled in with. Defaults has a value for each that can have one; Check says what
// is missing.
type Parameters struct {
	// Environment is the prefix of all names: 1 to 24 of a-z, 0-9 and -, a letter first. Two deployments in one account
	// and region need two, and other names for their functions.
	Environment string

	// StreamName is the stream that is made. Shards is how many it has; 0 makes it on-demand. RetentionHours is 24 to 8760.
	StreamName     string
	Shards         int
	RetentionHours int
	// ExistingStreamARN names a stream to read instead; it is not changed, and StreamName must be its name.
	ExistingStreamARN string

	// StreamKeyARN is the customer's KMS key of the stream, existing or not; empty means that AWS keeps one.
	StreamKeyARN string

	// BucketName is the raw zone's bucket. With ExistingBucket it is there already and stays as it is: its policy,
	// encryption, lifecycle and notification are its owner's.
	BucketName     string
	ExistingBucket bool
	// BucketKeyARN is the customer's KMS key of the bucket, existing or not; empty means S3's own.
	BucketKeyARN string
	// LedgerWriters are ARNs of roles that, besides the orchestrator's, may write the shards' ledgers: whoever repairs by
	// hand. Not used with ExistingBucket.
	LedgerWriters []string

	// ExpireAfterDays is after how many days sealed objects of rows are deleted, GlacierAfterDays after how many they move to
	// S3 Glacier Flexible Retrieval; 0 is never. What no seal covers has no tag, and stays whatever its age. Not used with ExistingBucket.
	ExpireAfterDays, GlacierAfterDays int

	// ArtifactBucket holds the functions' zips under these keys. A new zip needs a new key, or the function keeps its code.
	ArtifactBucket  string
	OrchestratorZip string
	UpsertZip       string
	// OrchestratorName and UpsertName are the functions' names.
	OrchestratorName string
	UpsertName       string
	// MemoryMB is each function's memory, 128 to 10240. OrchestratorTimeoutSeconds must be longer than
	// UpsertTimeoutSeconds, as it waits for that one; at most 900.
	MemoryMB                   int
	OrchestratorTimeoutSeconds int
	UpsertTimeoutSeconds       int
	// Architecture is that of the zips' programs: arm64, which costs a fifth less, or x86_64.
	Architecture string
	// SchemaFile is the schema's path inside the zips; empty means the sensor example. It is in the zip because all of a
	// function's variables together have 4 KB.
	SchemaFile string
	// Compress is how the orchestrator packs the objects of rows: none, gzip or zstd. It may be changed at any time.
	Compress string

	// BatchSize is the most records of an invocation (1 to 10000), BatchWindowSeconds how long one is waited for (0 to 300).
	BatchSize          int
	BatchWindowSeconds int
	// MaximumRetryAttempts (1 to 10000) and MaximumRecordAgeSeconds (60 to 604800) bound how long a failing batch holds
	// its shard; then it goes to the raw-zone bucket under aws/lambda/. Age 0 means one hour less than RetentionHours, so
	// that no record expires in the stream without being kept.
	MaximumRetryAttempts    int
	MaximumRecordAgeSeconds int

	// SnowflakeAccount is the account identifier, SnowflakeEndpoint a URL in place of its own, for PrivateLink.
	SnowflakeAccount  string
	SnowflakeEndpoint string
	SnowflakeUser     string
	SnowflakeRole     string
	// SnowflakeWarehouse runs each MERGE. With RowsBySnowpipe it may be empty: then nothing can mend what the service rejects.
	SnowflakeWarehouse string
	SnowflakeDatabase  string
	SnowflakeSchema    string
	StreamingTable     string
	// Pipe is watched by SnowflakeUpsert for the pipe-lag alarm.
	Pipe string
	// Authentication is WorkloadIdentity or KeyPair; RowsBySnowpipe needs the latter.
	Authentication string
	// RowPath is RowsBySnowpipe or RowsByMerge, RowCommit CommitDeferred or CommitWait.
	RowPath   string
	RowCommit string

	// StorageUserARN is the IAM user of the Snowflake account that may assume the storage role, and only with ExternalID.
	StorageUserARN string
	ExternalID     string
	// PipeQueueARN is the queue that S3 tells of new objects; empty in the first pass. Once a stack has it, applying it
	// empty takes the notification away.
	PipeQueueARN string

	// Tags are given to the stack, and by CloudFormation to all in it that can have any. ServiceRoleARN is the role that
	// CloudFormation takes on to make it; empty, it has the rights of whoever deploys. Neither is a parameter of the template.
	Tags           map[string]string
	ServiceRoleARN string

	// PermissionsBoundaryARN is the managed policy that bounds each role; empty leaves it away. IAMPath is where the roles are, / or
	// /teams/data/, say; roles with names cannot move, so it stays as it was in the first pass.
	PermissionsBoundaryARN string
	IAMPath                string

	// AcceptLoss lets a change destroy data or let it expire. It is no parameter of the template.
	AcceptLoss bool

	// LogRetentionDays is one of the numbers that CloudWatch Logs takes (1, 3, 5, 7, 14, 30, 60, 90, ...).
	LogRetentionDays int
	// QueueKeyARN, LogKeyARN and SecretKeyARN are the customer's KMS keys of the failure queue, both logs and the secret. The policy of
	// LogKeyARN has to let CloudWatch Logs in.
	QueueKeyARN, LogKeyARN, SecretKeyARN string
	// AlarmTopicARN is an SNS topic for alarms; empty leaves them on the dashboard.
	AlarmTopicARN string
	// NoProgressAlarm leaves out the alarm on records that come and do not land, which works out one metric from two.
	NoProgressAlarm bool
	// PipeLagSeconds is when the pipe-lag alarm goes off.
	PipeLagSeconds int

	// NAT puts Upsert into a network of its own, which leaves by one fixed address: only a Snowflake network policy needs
	// it, and it costs about 37 USD a month. ExistingSubnets and ExistingSecurityGroups put it into a network that is there.
	NAT                    bool
	ExistingSubnets        []string
	ExistingSecurityGroups []string
}

// Defaults are the parameters of the sensor example, where they do not depend on the account.
func Defaults() Parameters {
	return Parameters{
		Environment: "snowstream", StreamName: "kdEntry", Shards: 1, RetentionHours: 24,
		OrchestratorName: "SnowflakeOrchestrator", UpsertName: "SnowflakeUpsert",
		Architecture: "arm64", MemoryMB: 256, OrchestratorTimeoutSeconds: 300, UpsertTimeoutSeconds: 240,
		Compress: "none", BatchSize: 100, BatchWindowSeconds: 60, MaximumRetryAttempts: 10000,
		Authentication: KeyPair, RowPath: RowsBySnowpipe, RowCommit: CommitDeferred, LogRetentionDays: 30, PipeLagSeconds: 300,
		IAMPath: "/",
	}
}

// BucketName is the raw zone's bucket unless another one is wanted.
func BucketName(environment, account, region string) string {
	return environment + "-raw-" + account + "-" + region
}

// ArtifactBucketName is the bucket of the functions' zips.
func ArtifactBucketName(environment, account, region string) string {
	return environment + "-artifacts-" + account + "-" + region
}

// StorageRoleARN is the role that Snowflake assumes, before and after it exists. partition is aws, aws-cn or aws-us-gov.
func (p Parameters) StorageRoleARN(partition, account, region string) string {
	return p.roleARN(partition, account, region, "snowflake-storage")
}

// UpsertRoleARN is the execution role of Upsert, which workload identity names, before and after it exists.
func (p Parameters) UpsertRoleARN(partition, account, region string) string {
	return p.roleARN(partition, account, region, "upsert")
}

func (p Parameters) roleARN(partition, account, region, name string) string {
	return "arn:" + partition + ":iam::" + account + ":role" + p.IAMPath + p.Environment + "-" + region + "-" + name
}

// PathForm is what IAM takes as the path of a role.
var PathForm = regexp.MustCompile(`^/$|^/[!-~]{1,510}/$`)

var (
	environmentForm = regexp.MustCompile(`^[a-z][a-z0-9-]{0,22}[a-z0-9]$|^[a-z]$`)
	bucketForm      = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
)

// Check names everything that is wrong with the parameters, before AWS is asked.
func (p Parameters) Check() error {
	var errs []error
	refuse := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	refuse(!environmentForm.MatchString(p.Environment), "environment %q: 1 to 24 of a-z, 0-9 and -, a letter first", p.Environment)
	refuse(!bucketForm.MatchString(p.BucketName), "bucket %q is no bucket name", p.BucketName)
	for _, r := range p.required() {
		refuse(r.value == "", "%s is empty", r.name)
	}
	for _, b := range p.bounds() {
		refuse(b.value < b.low || b.value > b.high, "%s is %d: from %d to %d", b.name, b.value, b.low, b.high)
	}
	refuse(p.Authentication != WorkloadIdentity && p.Authentication != KeyPair,
		"authentication %q: %s or %s", p.Authentication, WorkloadIdentity, KeyPair)
	refuse(p.RowPath != RowsBySnowpipe && p.RowPath != RowsByMerge, "row path %q: %s or %s", p.RowPath, RowsBySnowpipe, RowsByMerge)
	refuse(p.RowCommit != CommitDeferred && p.RowCommit != CommitWait, "row commit %q: %s or %s", p.RowCommit, CommitDeferred, CommitWait)
	refuse(p.RowPath == RowsBySnowpipe && p.Authentication == WorkloadIdentity,
		"rows by Snowpipe Streaming need the authentication %s: a login by workload identity is not documented for it", KeyPair)
	refuse(p.RowPath == RowsByMerge && p.SnowflakeWarehouse == "", "the Snowflake warehouse is empty, and each MERGE needs one")
	refuse(p.Architecture != "arm64" && p.Architecture != "x86_64", "architecture %q: arm64 or x86_64", p.Architecture)
	refuse(!slices.Contains([]string{"none", "gzip", "zstd"}, p.Compress), "compress %q: none, gzip or zstd", p.Compress)
	refuse(p.UpsertTimeoutSeconds >= p.OrchestratorTimeoutSeconds, "the orchestrator's time-out (%d s) must be longer than Upsert's (%d s)",
		p.OrchestratorTimeoutSeconds, p.UpsertTimeoutSeconds)
	refuse(p.ExistingStreamARN != "" && !strings.HasSuffix(p.ExistingStreamARN, ":stream/"+p.StreamName),
		"the existing stream %s is not the stream %s", p.ExistingStreamARN, p.StreamName)
	refuse((len(p.ExistingSubnets) > 0) != (len(p.ExistingSecurityGroups) > 0), "an existing network needs both subnets and security groups")
	refuse(p.NAT && len(p.ExistingSubnets) > 0, "a network of its own and an existing one exclude each other")
	refuse(p.ExistingBucket && p.ExpireAfterDays+p.GlacierAfterDays > 0,
		"the bucket %s is there already and stays as it is: set a lifecycle rule for the tag snowstream=sealed there by hand", p.BucketName)
	refuse(p.ExpireAfterDays > 0 && p.GlacierAfterDays >= p.ExpireAfterDays, "objects expire after %d days, before they would move to Glacier, after %d",
		p.ExpireAfterDays, p.GlacierAfterDays)
	refuse(!PathForm.MatchString(p.IAMPath), "IAM path %q: it begins and ends with /, and has up to 512 signs", p.IAMPath)
	for name := range p.Tags {
		refuse(name == "" || len(name) > 128 || strings.HasPrefix(strings.ToLower(name), "aws:") || name == tag, "the tag %q: 1 to 128 signs, and neither aws: in front nor %s", name, tag)
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("the stack's parameters: %w", err)
	}
	return nil
}

// tags are the stack's.
func (p Parameters) tags() []types.Tag {
	out := []types.Tag{{Key: aws.String(tag), Value: &p.Environment}}
	for _, name := range slices.Sorted(maps.Keys(p.Tags)) {
		out = append(out, types.Tag{Key: &name, Value: aws.String(p.Tags[name])})
	}
	return out
}

type text struct{ name, value string }

func (p Parameters) required() []text {
	return []text{
		{"the stream's name", p.StreamName}, {"the artifact bucket", p.ArtifactBucket},
		{"the key of the orchestrator's zip", p.OrchestratorZip}, {"the key of Upsert's zip", p.UpsertZip},
		{"the orchestrator's name", p.OrchestratorName}, {"Upsert's name", p.UpsertName},
		{"the Snowflake account", p.SnowflakeAccount}, {"the Snowflake user", p.SnowflakeUser}, {"the Snowflake role", p.SnowflakeRole},
		{"the Snowflake database", p.SnowflakeDatabase},
		{"the Snowflake schema", p.SnowflakeSchema}, {"the streaming table", p.StreamingTable}, {"the pipe", p.Pipe},
		{"the IAM user of Snowflake's integration", p.StorageUserARN}, {"the external id", p.ExternalID},
	}
}

type bound struct {
	name             string
	value, low, high int
}

func (p Parameters) bounds() []bound {
	return []bound{
		{"the number of shards", p.Shards, 0, 10000}, {"the stream's retention in hours", p.RetentionHours, 24, 8760},
		{"the functions' memory in MB", p.MemoryMB, 128, 10240}, {"the orchestrator's time-out in seconds", p.OrchestratorTimeoutSeconds, 1, 900},
		{"Upsert's time-out in seconds", p.UpsertTimeoutSeconds, 1, 900}, {"the batch size", p.BatchSize, 1, 10000},
		{"the batch window in seconds", p.BatchWindowSeconds, 0, 300}, {"the retry attempts", p.MaximumRetryAttempts, 1, 10000},
		{"the record age in seconds", p.recordAge(), 60, 604800}, {"the pipe lag in seconds", p.PipeLagSeconds, 60, 86400},
		{"the days until sealed objects expire", p.ExpireAfterDays, 0, 36500}, {"the days until they move to Glacier", p.GlacierAfterDays, 0, 36500},
	}
}

// recordAge is the bound in force: an hour before the stream forgets the record, or the longest that Lambda takes.
func (p Parameters) recordAge() int {
	if p.MaximumRecordAgeSeconds != 0 {
		return p.MaximumRecordAgeSeconds
	}
	return min((p.RetentionHours-1)*3600, 604800)
}

// progressMinutes is how many minutes in a row may see records come and none land: the batch window, and three more, so that it
// rings within ten whatever the window. 0 means no alarm.
func (p Parameters) progressMinutes() int {
	if p.NoProgressAlarm {
		return 0
	}
	return (p.BatchWindowSeconds+59)/60 + 3
}

// values are the template's parameters, all of them: none is taken over silently from an earlier pass.
func (p Parameters) values() []types.Parameter {
	number, yes := strconv.Itoa, strconv.FormatBool
	list := func(l []string) string { return strings.Join(l, ",") }
	pairs := []text{
		{"Environment", p.Environment},
		{"StreamName", p.StreamName}, {"Shards", number(p.Shards)}, {"RetentionHours", number(p.RetentionHours)}, {"ExistingStreamARN", p.ExistingStreamARN},
		{"StreamKeyARN", p.StreamKeyARN}, {"BucketKeyARN", p.BucketKeyARN}, {"QueueKeyARN", p.QueueKeyARN}, {"LogKeyARN", p.LogKeyARN}, {"SecretKeyARN", p.SecretKeyARN},
		{"BucketName", p.BucketName}, {"ExistingBucket", yes(p.ExistingBucket)}, {"LedgerWriters", list(p.LedgerWriters)},
		{"ExpireAfterDays", number(p.ExpireAfterDays)}, {"GlacierAfterDays", number(p.GlacierAfterDays)},
		{"ArtifactBucket", p.ArtifactBucket}, {"OrchestratorZip", p.OrchestratorZip}, {"UpsertZip", p.UpsertZip},
		{"OrchestratorName", p.OrchestratorName}, {"UpsertName", p.UpsertName}, {"Architecture", p.Architecture}, {"MemoryMB", number(p.MemoryMB)},
		{"OrchestratorTimeoutSeconds", number(p.OrchestratorTimeoutSeconds)}, {"UpsertTimeoutSeconds", number(p.UpsertTimeoutSeconds)},
		{"SchemaFile", p.SchemaFile}, {"Compress", p.Compress}, {"BatchSize", number(p.BatchSize)}, {"BatchWindowSeconds", number(p.BatchWindowSeconds)},
		{"MaximumRetryAttempts", number(p.MaximumRetryAttempts)}, {"MaximumRecordAgeSeconds", number(p.recordAge())},
		{"SnowflakeAccount", p.SnowflakeAccount}, {"SnowflakeEndpoint", p.SnowflakeEndpoint}, {"SnowflakeUser", p.SnowflakeUser},
		{"SnowflakeRole", p.SnowflakeRole}, {"SnowflakeWarehouse", p.SnowflakeWarehouse}, {"SnowflakeDatabase", p.SnowflakeDatabase},
		{"SnowflakeSchema", p.SnowflakeSchema}, {"StreamingTable", p.StreamingTable}, {"Pipe", p.Pipe}, {"Authentication", p.Authentication},
		{"RowPath", p.RowPath}, {"RowCommit", p.RowCommit},
		{"StorageUserARN", p.StorageUserARN}, {"ExternalID", p.ExternalID}, {"PipeQueueARN", p.PipeQueueARN},
		{"LogRetentionDays", number(p.LogRetentionDays)}, {"AlarmTopicARN", p.AlarmTopicARN}, {"PipeLagSeconds", number(p.PipeLagSeconds)},
		{"ProgressMinutes", number(p.progressMinutes())},
		// A window that is waited out is no delay; half of the retention is the last moment to do something about one.
		{"IteratorAgeWarning", number((300 + p.BatchWindowSeconds) * 1000)},
		{"IteratorAgeLimit", number(p.RetentionHours * 3600 * 1000 / 2)},
		{"NAT", yes(p.NAT)}, {"ExistingSubnets", list(p.ExistingSubnets)}, {"ExistingSecurityGroups", list(p.ExistingSecurityGroups)},
		{"PermissionsBoundaryARN", p.PermissionsBoundaryARN}, {"IAMPath", p.IAMPath},
	}
	out := make([]types.Parameter, 0, len(pairs))
	for i := range slices.Values(pairs) {
		out = append(out, types.Parameter{ParameterKey: &i.name, ParameterValue: &i.value})
	}
	return out
}
