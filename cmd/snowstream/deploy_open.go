package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/spf13/cobra"

	"github.com/snowstream/snowstream/cmd/internal/stack"
	"github.com/snowstream/snowstream/deploy"
	"github.com/snowstream/snowstream/deploy/bundle"
	"github.com/snowstream/snowstream/deploy/cloudformation"
	"github.com/snowstream/snowstream/landing/snowflake"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/schemafile"
)

// opened is a deployment with its clients.
type opened struct {
	*deploy.Deployment
	aws     aws.Config
	session *snowflake.DB
	// work is the folder of the zips.
	work string
}

func (d *opened) close() error {
	return errors.Join(d.session.Close(), os.RemoveAll(d.work))
}

// open signs in on both sides and puts the deployment of the flags together. Nothing is changed.
func (o *deployOptions) open(cmd *cobra.Command, change func(*deploy.Config)) (*opened, error) {
	o.nameByEnvironment(cmd.Flags())
	if err := errors.Join(o.checkFlags(), o.checkLogin(cmd.Context())); err != nil {
		return nil, usageError{fmt.Errorf("nothing was done:\n%w", err)}
	}
	c, err := o.config(cmd)
	if err != nil {
		return nil, err
	}
	return o.join(cmd.Context(), c, o.place, change)
}

// openExisting is open for the deployment of the file.
func (o *deployOptions) openExisting(cmd *cobra.Command, change func(*deploy.Config)) (*opened, error) {
	o.nameByEnvironment(cmd.Flags())
	c, _, err := o.reopen()
	if err != nil {
		return nil, err
	}
	return o.join(cmd.Context(), c, func(*deploy.Config) {}, change)
}

func (o *deployOptions) join(ctx context.Context, c deploy.Config, place, change func(*deploy.Config)) (_ *opened, err error) {
	d := &opened{}
	if d.aws, err = o.signIn(ctx, &c); err != nil {
		return nil, err
	}
	place(&c)
	if err := o.checkARNs(c.AccountID, c.Region); err != nil {
		return nil, usageError{err}
	}
	if d.session, err = o.login.open(c.SnowflakeAccount, c.SnowflakeEndpoint, ""); err != nil {
		return nil, err
	}
	if d.work, err = os.MkdirTemp("", "snowstream-deploy-"); err != nil {
		return nil, errors.Join(fmt.Errorf("make a folder for the zips: %w", err), d.session.Close())
	}
	c.Session, c.Build = d.session, o.builder(d.work, c.SchemaText)
	c.Stack = cloudformation.New(cfn.NewFromConfig(d.aws), c.StackName)
	c.S3 = s3.NewFromConfig(d.aws, func(options *s3.Options) { options.UsePathStyle = c.AWSEndpoint != "" })
	end := streamEnd{api: kinesis.NewFromConfig(d.aws)}
	c.Secrets, c.DeleteStream, c.OpenShards = secretsmanager.NewFromConfig(d.aws), end.deleteStream, end.openShards
	change(&c)
	if d.Deployment, err = deploy.New(c); err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

// config is what the flags say, without the accounts.
func (o *deployOptions) config(cmd *cobra.Command) (deploy.Config, error) {
	c := deploy.Config{
		Path: o.file, StackName: o.stack, Region: o.region, AWSEndpoint: o.endpoint, Parameters: o.parameters, Landing: o.landing,
		SnowflakeAccount: o.account, SnowflakeEndpoint: o.snowflakeEndpoint, Load: o.load, Patience: o.patience,
		Settings: settings(cmd),
	}
	c.Parameters.BatchWindowSeconds = int(o.batchWindow.Seconds())
	if o.onDemand {
		c.Parameters.Shards = 0
	}
	if o.existingStream != "" {
		if err := o.checkARNs("", ""); err != nil {
			return c, usageError{err}
		}
		parsed, err := arn.Parse(o.existingStream)
		if err != nil {
			return c, err
		}
		c.Parameters.ExistingStreamARN, c.Parameters.StreamName = o.existingStream, strings.TrimPrefix(parsed.Resource, "stream/")
	}
	c.Landing.Schema = record.Sensor()
	if o.schemaFile == "" && o.schemaText != "" {
		var err error
		if c.Landing.Schema, err = schemafile.Parse([]byte(o.schemaText)); err != nil {
			return c, fmt.Errorf("the schema of the last apply: %w", err)
		}
		c.SchemaText = o.schemaText
	}
	if o.schemaFile != "" {
		text, err := os.ReadFile(o.schemaFile)
		if err != nil {
			return c, usageError{fmt.Errorf("--schema: %w", err)}
		}
		if c.Landing.Schema, err = loadSchema(cmd, o.schemaFile); err != nil {
			return c, usageError{err}
		}
		c.SchemaText = string(text)
	}
	return c, nil
}

// place names what depends on account and region.
func (o *deployOptions) place(c *deploy.Config) {
	p := &c.Parameters
	c.StackName = cmp.Or(c.StackName, p.Environment)
	p.BucketName = cmp.Or(o.existingBucket, o.bucket, cloudformation.BucketName(p.Environment, c.AccountID, c.Region))
	p.ExistingBucket = o.existingBucket != ""
}

// signIn finds the AWS credentials, and asks AWS whose they are.
func (o *deployOptions) signIn(ctx context.Context, c *deploy.Config) (aws.Config, error) {
	cfg, err := awsConfig(ctx, c.Region, c.AWSEndpoint)
	if err != nil {
		return cfg, err
	}
	who, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return cfg, fmt.Errorf("sign in to AWS: %w: configure credentials as for the AWS command line (`aws configure`, AWS_PROFILE, or AWS_ACCESS_KEY_ID)", err)
	}
	identity, err := arn.Parse(aws.ToString(who.Arn))
	if err != nil {
		return cfg, fmt.Errorf("AWS says that the credentials are %s: %w", aws.ToString(who.Arn), err)
	}
	c.Region, c.AccountID, c.Partition = cfg.Region, aws.ToString(who.Account), identity.Partition
	if o.awsAccount != "" && o.awsAccount != c.AccountID {
		return cfg, usageError{fmt.Errorf("the AWS credentials are those of account %s, and --aws-account says %s", c.AccountID, o.awsAccount)}
	}
	return cfg, nil
}

func awsConfig(ctx context.Context, region, endpoint string) (aws.Config, error) {
	var options []func(*awsconfig.LoadOptions) error
	if region != "" {
		options = append(options, awsconfig.WithRegion(region))
	}
	if endpoint != "" {
		u, err := url.Parse(endpoint)
		if err != nil || u.Host == "" {
			return aws.Config{}, usageError{fmt.Errorf("--endpoint-url %s: it is a URL such as http://127.0.0.1:4566", endpoint)}
		}
		if isLoopback(u.Hostname()) && os.Getenv("AWS_ACCESS_KEY_ID") == "" && os.Getenv("AWS_PROFILE") == "" {
			// An emulator on this machine asks for a signature and does not check whose.
			keys := credentials.NewStaticCredentialsProvider(stack.AccessKeyID, stack.SecretAccessKey, "")
			options = append(options, awsconfig.WithCredentialsProvider(keys), awsconfig.WithDefaultRegion(stack.Region))
		}
		options = append(options, awsconfig.WithBaseEndpoint(endpoint))
	}
	cfg, err := awsconfig.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return cfg, fmt.Errorf("read the AWS configuration: %w", err)
	}
	if cfg.Region == "" {
		return cfg, usageError{errors.New("no AWS region is configured: name one with --region")}
	}
	return cfg, nil
}

// builder makes the zips at the time they are needed, once.
func (o *deployOptions) builder(work, schemaText string) func(context.Context) (bundle.Bundle, error) {
	return func(ctx context.Context) (bundle.Bundle, error) {
		s := bundle.Source{Module: o.source, OrchestratorProgram: o.orchestrator, UpsertProgram: o.upsert, Arch: map[string]string{"x86_64": "amd64"}[o.parameters.Architecture], Schema: []byte(schemaText)}
		if s.Module == "" && s.OrchestratorProgram == "" && s.UpsertProgram == "" {
			s.OrchestratorProgram, s.UpsertProgram = bundle.Shipped(s.Arch)
		}
		if s.Module == "" && s.OrchestratorProgram == "" {
			var err error
			if s.Module, err = bundle.FindModule(ctx); err != nil {
				return bundle.Bundle{}, err
			}
		}
		return bundle.Build(ctx, s, work)
	}
}

// reopen is the configuration of a deployment as its file has it.
func (o *deployOptions) reopen() (deploy.Config, deploy.File, error) {
	f, err := deploy.Load(o.file)
	if err != nil {
		return deploy.Config{}, f, err
	}
	c := deploy.Config{
		Path: o.file, StackName: f.Stack, Region: f.Region, AWSEndpoint: cmp.Or(o.endpoint, f.AWSEndpoint), Parameters: o.parameters, Landing: o.landing,
		SnowflakeAccount: f.Snowflake.Account, SnowflakeEndpoint: cmp.Or(o.snowflakeEndpoint, f.Snowflake.Endpoint), SchemaText: f.SchemaText, Load: o.load,
	}
	p, l := &c.Parameters, &c.Landing
	if f.ExistingStream {
		p.ExistingStreamARN = f.StreamARN
	}
	p.Environment, p.StreamName, p.BucketName, p.ExistingBucket, p.ArtifactBucket = f.Environment, f.Stream, f.Bucket, f.ExistingBucket, f.ArtifactBucket
	p.OrchestratorName, p.UpsertName, p.Authentication = f.Orchestrator, f.Upsert, f.Authentication
	p.Compress, p.IAMPath = cmp.Or(string(f.Compress), p.Compress), cmp.Or(pathOf(f.StorageRoleARN), p.IAMPath)
	p.RowPath, p.RowCommit, c.Settings = cmp.Or(f.RowPath, cloudformation.RowsByMerge), cmp.Or(f.RowCommit, p.RowCommit), f.Settings
	l.Names, l.User, l.Role, l.Warehouse, l.Operator, l.Auditor = f.Names, f.Snowflake.User, f.Snowflake.Role, f.Snowflake.Warehouse, f.Snowflake.Operator, f.Snowflake.Auditor
	l.Database, l.MakeWarehouse = true, true // so that their undo is considered; only what the file lists is undone
	l.Schema = record.Sensor()
	if f.SchemaText != "" {
		l.Schema, err = schemafile.Parse([]byte(f.SchemaText))
	}
	return c, f, err
}
