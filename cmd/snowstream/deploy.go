package main

import (
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/snowstream/snowstream/deploy"
	"github.com/snowstream/snowstream/deploy/cloudformation"
	"github.com/snowstream/snowstream/deploy/cost"
	"github.com/snowstream/snowstream/landing/schema"
)

// deployOptions are the flags that the sub-commands of `snowstream deploy` share.
type deployOptions struct {
	file string
	json bool
	// AWS.
	awsAccount, region, endpoint, stack string
	parameters                          cloudformation.Parameters
	batchWindow                         time.Duration
	onDemand                            bool
	bucket, existingBucket              string
	existingStream                      string
	source, orchestrator, upsert        string
	schemaFile                          string
	// schemaText is the schema of the last apply, storageRole the ARN of its role.
	schemaText, storageRole string
	patience                time.Duration
	// Snowflake: who deploys, and what.
	account, snowflakeEndpoint string
	login                      login
	landing                    schema.Landing
	load                       cost.Load
}

func newDeploy() *cobra.Command {
	o := &deployOptions{}
	cmd := &cobra.Command{
		Use:   "deploy",
		Short: "Set the pipeline up in an AWS account and a Snowflake account, or take it down",
		Long: `Sets up stream, functions, bucket, roles and alarms in AWS by one CloudFormation stack,
and tables, stage, pipe, role and user in Snowflake, in the order in which the two can
learn to trust each other. Each command may be stopped anywhere and run again.

AWS credentials are found as the AWS tools find them. In Snowflake it signs in as
--snowflake-login with --snowflake-key-file or with the password in the environment
variable ` + passwordVariable + `. What was made, and the settings of the last
apply, are remembered in ` + deploy.DefaultFile + `: a setting that is left away stays as it was.`,
		Example: `  snowstream deploy plan --snowflake-account myorg-prod --snowflake-login me --snowflake-key-file me.p8 --create-database
  snowstream deploy apply
  snowstream deploy check
  snowstream deploy destroy --yes`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	f := cmd.PersistentFlags()
	f.StringVar(&o.file, "file", deploy.DefaultFile, "deployment file (of another environment: ENVIRONMENT-deployment.json)")
	f.BoolVar(&o.json, "json", false, "print one JSON object")
	o.awsFlags(f)
	o.functionFlags(f)
	o.snowflakeFlags(f)
	loadFlags(f, &o.load)
	cmd.AddCommand(newDeployPlan(o), newDeployApply(o), newDeployDestroy(o), newDeployCheck(o), newDeploySQL(o), newDeployTemplate(), newDeployPolicy(o))
	return cmd
}

func (o *deployOptions) awsFlags(f *pflag.FlagSet) {
	p := &o.parameters
	*p = cloudformation.Defaults()
	f.StringVar(&p.Environment, "environment", p.Environment, "what all names in both accounts are made of, where no flag gives one; two deployments need two")
	f.StringVar(&o.region, "region", "", "AWS region (default: that of the AWS configuration)")
	f.StringVar(&o.endpoint, "endpoint-url", "", "URL in place of all of AWS's own, for an emulator")
	f.StringVar(&o.awsAccount, "aws-account", "", "refuse to work in any other AWS account than this")
	f.StringVar(&o.stack, "stack", "", "name of the CloudFormation stack (default: the environment)")
	f.StringVar(&p.StreamName, "stream", p.StreamName, "name of the stream")
	f.StringVar(&o.existingStream, "existing-stream", "", "ARN of a stream that is there, and stays as it is")
	f.IntVar(&p.Shards, "shards", p.Shards, "shards of the stream")
	f.BoolVar(&o.onDemand, "on-demand", false, "an on-demand stream instead of shards")
	f.IntVar(&p.RetentionHours, "retention-hours", p.RetentionHours, "how long the stream keeps records")
	f.StringVar(&o.bucket, "bucket", "", "name of the raw zone's bucket (default: made of environment, account and region)")
	f.StringVar(&o.existingBucket, "existing-bucket", "", "a bucket that is there: its notifications are completed, the rest of it stays as it is")
	f.IntVar(&p.ExpireAfterDays, "expire-after-days", 0, "delete objects of rows that audit --seal has sealed, after so many days; 0 keeps them")
	f.IntVar(&p.GlacierAfterDays, "glacier-after-days", 0, "move sealed objects of rows to S3 Glacier, after so many days; 0 leaves them where they are")
	f.IntVar(&p.LogRetentionDays, "log-retention-days", p.LogRetentionDays, "how long logs are kept")
	f.StringVar(&p.AlarmTopicARN, "alarm-topic", "", "ARN of an SNS topic for alarms")
	f.StringToStringVar(&p.Tags, "tag", nil, "a tag of all that can have tags in AWS, as NAME=VALUE; may be given many times")
	f.StringVar(&p.ServiceRoleARN, "cloudformation-role", "", "ARN of the role that CloudFormation takes on, for deployers who may do little themselves")
	f.StringVar(&p.PermissionsBoundaryARN, "permissions-boundary", "", "ARN of the managed policy that bounds each role that is made")
	f.StringVar(&p.IAMPath, "iam-path", p.IAMPath, "path of the roles that are made, such as /teams/data/; it cannot be changed later")
	f.StringVar(&p.StreamKeyARN, "stream-key", "", "ARN of a KMS key of your own for the stream; of an existing stream, the one it has")
	f.StringVar(&p.BucketKeyARN, "bucket-key", "", "ARN of a KMS key of your own for the raw zone's bucket; of an existing bucket, the one it has")
	f.StringVar(&p.QueueKeyARN, "queue-key", "", "ARN of a KMS key of your own for the failure queue")
	f.StringVar(&p.LogKeyARN, "log-key", "", "ARN of a KMS key of your own for the functions' logs; its policy must let CloudWatch Logs in")
	f.StringVar(&p.SecretKeyARN, "secret-encryption-key", "", "ARN of a KMS key of your own for the secret with the function's private key")
	f.StringSliceVar(&p.LedgerWriters, "ledger-writers", nil, "ARNs of roles that may repair ledgers by hand")
	f.BoolVar(&p.NoProgressAlarm, "no-progress-alarm", false, "leave out the alarm on records that come and do not land")
	f.BoolVar(&p.NAT, "nat", false, "a network with a NAT gateway, where Snowflake asks for a fixed address; about $40 a month")
	f.StringSliceVar(&p.ExistingSubnets, "subnets", nil, "ids of subnets that are there, for SnowflakeUpsert")
	f.StringSliceVar(&p.ExistingSecurityGroups, "security-groups", nil, "ids of security groups that are there, for SnowflakeUpsert")
	f.DurationVar(&o.patience, "patience", 10*time.Minute, "how long to wait for IAM to let Snowflake in")
}

func (o *deployOptions) functionFlags(f *pflag.FlagSet) {
	p := &o.parameters
	f.StringVar(&p.OrchestratorName, "orchestrator-name", p.OrchestratorName, "name of the function that reads the stream")
	f.StringVar(&p.UpsertName, "upsert-name", p.UpsertName, "name of the function that writes the streaming table")
	f.IntVar(&p.MemoryMB, "memory", p.MemoryMB, "memory of each function in MB")
	f.IntVar(&p.BatchSize, "batch-size", p.BatchSize, "records in a batch, at most")
	f.DurationVar(&o.batchWindow, "batch-window", time.Duration(p.BatchWindowSeconds)*time.Second, "how long a batch may wait for more records")
	f.StringVar(&p.Compress, "compress", p.Compress, "how objects of rows are packed: none, gzip or zstd; may be changed at any time")
	f.StringVar(&o.schemaFile, "schema", "", "schema file (default: the sensor example)")
	f.StringVar(&o.source, "functions-source", "", "folder of snowstream's source, to build the functions from (default: a release's own functions, or the source is found)")
	f.StringVar(&o.orchestrator, "orchestrator-program", "", "program of the function that reads the stream, built before")
	f.StringVar(&o.upsert, "upsert-program", "", "program of the function that writes the streaming table, built before")
	f.StringVar(&p.Architecture, "arch", p.Architecture, "architecture of the functions: arm64 or x86_64")
}

func (o *deployOptions) snowflakeFlags(f *pflag.FlagSet) {
	l := &o.landing
	l.Names = schema.Defaults()
	f.StringVar(&o.account, "snowflake-account", "", "Snowflake account identifier, such as myorg-myaccount")
	o.login.flags(f)
	f.StringVar(&o.snowflakeEndpoint, "snowflake-endpoint", "", "URL in place of the account's own, for PrivateLink")
	f.StringVar(&o.parameters.RowPath, "row-path", o.parameters.RowPath, "how rows get into the streaming table: snowpipe (Snowpipe Streaming, no warehouse) or merge (a warehouse that is awake)")
	f.StringVar(&o.parameters.RowCommit, "row-commit", o.parameters.RowCommit, "with snowpipe, when a batch is done: deferred (received by the service) or wait (in the table)")
	f.StringVar(&o.parameters.Authentication, "authentication", "", "how the function signs in: key-pair, which snowpipe needs, or workload-identity, no secret at all (default: with merge workload-identity)")
	f.StringVar(&l.User, "user", "SNOWSTREAM_UPSERT", "the function's user in Snowflake")
	f.StringVar(&l.Role, "role", "SNOWSTREAM_WRITER", "the function's role in Snowflake")
	f.StringVar(&l.Warehouse, "warehouse", "SNOWSTREAM_WH", "the warehouse that runs the function's statements (with snowpipe none, unless one is named or made)")
	f.BoolVar(&l.MakeWarehouse, "create-warehouse", false, "make the warehouse: XS, asleep after a minute")
	f.StringVar(&l.Operator, "operator-role", "", "make a role for people who pause and refresh the pipe")
	f.StringVar(&l.Auditor, "auditor-role", "", "make a role for people who read both tables")
	f.BoolVar(&l.Database, "create-database", false, "make the database and its schema")
	f.StringVar(&l.Names.Database, "database", l.Names.Database, "database, as Snowflake stores its name")
	f.StringVar(&l.Names.Schema, "namespace", l.Names.Schema, "schema in the database")
	f.StringVar(&l.Names.Streaming, "streaming-table", l.Names.Streaming, "table that is written row by row")
	f.StringVar(&l.Names.Microbatch, "microbatch-table", l.Names.Microbatch, "table that Snowpipe loads")
	f.StringVar(&l.Names.Format, "file-format", l.Names.Format, "file format of the raw zone")
	f.StringVar(&l.Names.Integration, "integration", l.Names.Integration, "storage integration, one name for the whole Snowflake account")
	f.StringVar(&l.Names.Stage, "stage", l.Names.Stage, "stage over the raw zone")
	f.StringVar(&l.Names.Pipe, "pipe", l.Names.Pipe, "pipe into the micro-batch table")
}
