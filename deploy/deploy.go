// Package deploy sets the pipeline up in an AWS account and a Snowflake account, in the order in which they can learn to
// trust each other, and takes it down again.
//
// Each side needs to know something of the other that exists only after it: Snowflake's integration needs the role in
// AWS, the role needs Snowflake's user, the bucket needs the queue of the pipe, and the pipe needs the bucket. Names break
// the circle. The role's ARN follows from its name, and an integration does not ask whether it exists; the external id is
// chosen here. So the steps of Apply are
//
//	artifacts     build both functions, upload their zips under their hashes
//	snowflake     tables, file format, role, user, integration; learn Snowflake's IAM user
//	stack         the AWS side, its storage role trusting exactly that user with that external id
//	login         with a key pair: a key made here, its private half into Secrets Manager, its public half to the user
//	trust         ask Snowflake to list the bucket until it may: IAM takes minutes to agree with itself
//	pipe          stage and pipe; learn the queue
//	notification  the bucket tells the queue of new objects
//	backlog       ALTER PIPE … REFRESH for what landed before it did
//
// Each step looks first and then does what is missing, so a run that was killed anywhere is finished by the next one,
// and a run with nothing to do changes nothing. The deployment file (File) is written before and after what it tells of.
package deploy

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/snowstream/snowstream/deploy/bundle"
	"github.com/snowstream/snowstream/deploy/cloudformation"
	"github.com/snowstream/snowstream/deploy/cost"
	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/record/rawzone"
)

// Session is Snowflake, signed in as whoever deploys; see landing/snowflake.
type Session interface {
	Exec(ctx context.Context, query string, args ...any) (sql.Result, error)
	Query(ctx context.Context, row func(scan func(into ...any) error) error, query string, args ...any) error
	// Show runs a SHOW or DESC and returns its rows by column name.
	Show(ctx context.Context, query string) ([]map[string]string, error)
}

// Stack is the AWS side; see deploy/cloudformation.
type Stack interface {
	// Plan changes nothing that lasts.
	Plan(ctx context.Context, p cloudformation.Parameters) ([]cloudformation.Change, error)
	// Apply returns when the stack is as p says; it may be cut off and called again.
	Apply(ctx context.Context, p cloudformation.Parameters, progress func(cloudformation.Event)) (cloudformation.Outputs, error)
	// Outputs are false where there is no stack.
	Outputs(ctx context.Context) (cloudformation.Outputs, bool, error)
	Destroy(ctx context.Context, progress func(cloudformation.Event)) error
}

// Config is what to deploy, and with what.
type Config struct {
	// Path of the deployment file.
	Path string
	// Stack is the CloudFormation stack's name.
	StackName string
	// Region, AccountID and Partition are AWS's, of whoever is signed in; AWSEndpoint is remembered for other commands.
	Region, AccountID, Partition, AWSEndpoint string
	// Parameters are the AWS side. What the other side or the account decides is filled in: zips, Snowflake's names,
	// external id, storage user and queue.
	Parameters cloudformation.Parameters
	// Landing is the Snowflake side. Bucket, StorageRole, ExternalID and Login are filled in.
	Landing schema.Landing
	// SnowflakeAccount is the account's identifier; SnowflakeEndpoint replaces its host.
	SnowflakeAccount, SnowflakeEndpoint string
	// Settings are what File.Settings says.
	Settings map[string]string
	// SchemaText is the text of the schema file that Landing.Schema was read from; empty for the sensor example.
	SchemaText string
	// RotateKey makes a new key pair although there is one.
	RotateKey bool
	// Load is the rate and record size for the estimate; the rest of it follows from Parameters.
	Load cost.Load
	// Patience bounds the waiting for IAM to become consistent; 0 means 10 minutes.
	Patience time.Duration

	Session Session
	Stack   Stack
	// DeleteStream deletes a stream with its records, for a Destroy that is told to; one that is gone is no error.
	DeleteStream func(ctx context.Context, name string) error
	// OpenShards is how many shards a stream has; 0 if there is no such stream.
	OpenShards func(ctx context.Context, name string) (int, error)
	// Build makes the functions' zips.
	Build   func(context.Context) (bundle.Bundle, error)
	S3      *s3.Client
	Secrets *secretsmanager.Client
	// Progress is told of each thing that is done; nil tells nobody.
	Progress func(Event)
}

// Event is one thing that was done, or found done.
type Event struct {
	Step string `json:"step"`
	// Where is AWS, Snowflake or here.
	Where string `json:"where"`
	// What is the resource or statement, State what became of it.
	What  string `json:"what"`
	State string `json:"state"`
	// Statement is the whole one, where it was one that was run.
	Statement string `json:"statement,omitempty"`
}

// The states of an event.
const (
	// Done changed something; Unchanged found it as it should be; Waiting will look again.
	Done      = "done"
	Unchanged = "unchanged"
	Waiting   = "waiting"
	Doing     = "doing"
)

// The places of an event.
const (
	onAWS       = "AWS"
	onSnowflake = "Snowflake"
	here        = "here"
)

// Deployment is one environment. It is for one goroutine.
type Deployment struct {
	Config
	file File
	// changes counts what was changed.
	changes int
	// finished says that the apply before this one came to its end; rewired, that this one has changed the pipe, or the bucket
	// that tells it of objects.
	finished, rewired bool
}

// New checks the configuration against the deployment file, where there is one, and completes it.
func New(c Config) (*Deployment, error) {
	d := &Deployment{Config: c}
	if d.Progress == nil {
		d.Progress = func(Event) {}
	}
	d.Patience = cmp.Or(c.Patience, 10*time.Minute)
	wanted := d.wanted()
	file, err := Load(c.Path)
	switch {
	case errors.Is(err, ErrNoFile):
		d.file = wanted
	case err != nil:
		return nil, err
	default:
		if err := file.same(wanted); err != nil {
			return nil, fmt.Errorf("%s: %w", c.Path, err)
		}
		d.file = remember(file, wanted)
	}
	d.complete()
	return d, nil
}

// wanted is the deployment file of this configuration, as far as it follows from it.
func (d *Deployment) wanted() File {
	p, l := d.Parameters, d.Landing
	return File{
		Environment: p.Environment, Region: d.Region, Partition: d.Partition, AccountID: d.AccountID, AWSEndpoint: d.AWSEndpoint, Stack: d.StackName,
		Stream: p.StreamName, ExistingStream: p.ExistingStreamARN != "", Bucket: p.BucketName, ExistingBucket: p.ExistingBucket,
		ArtifactBucket: cmp.Or(p.ArtifactBucket, cloudformation.ArtifactBucketName(p.Environment, d.AccountID, d.Region)),
		Orchestrator:   p.OrchestratorName, Upsert: p.UpsertName, Authentication: p.Authentication,
		ExternalID:     p.Environment + "_" + rand.Text(),
		StorageRoleARN: p.StorageRoleARN(d.Partition, d.AccountID, d.Region),
		UpsertRoleARN:  p.UpsertRoleARN(d.Partition, d.AccountID, d.Region),
		Snowflake: Snowflake{
			Account: d.SnowflakeAccount, Endpoint: d.SnowflakeEndpoint, Warehouse: l.Warehouse,
			User: l.User, Role: l.Role, Operator: l.Operator, Auditor: l.Auditor,
		},
		Names: l.Names, SchemaText: d.SchemaText, Compress: rawzone.Compression(p.Compress),
		RowPath: p.RowPath, RowCommit: p.RowCommit, Settings: d.Settings,
	}
}

// remember takes over from an earlier run what this one must not choose anew.
func remember(earlier, wanted File) File {
	wanted.ExternalID, wanted.StorageUserARN, wanted.PipeQueueARN = earlier.ExternalID, earlier.StorageUserARN, earlier.PipeQueueARN
	wanted.StreamARN, wanted.SecretARN, wanted.Snowflake.Login = earlier.StreamARN, earlier.SecretARN, earlier.Snowflake.Login
	wanted.Started, wanted.Created, wanted.Completed, wanted.Destroying = earlier.Started, earlier.Created, earlier.Completed, earlier.Destroying
	return wanted
}

// complete fills in what either side needs of the other.
func (d *Deployment) complete() {
	d.Landing.Bucket, d.Landing.StorageRole, d.Landing.ExternalID = d.file.Bucket, d.file.StorageRoleARN, d.file.ExternalID
	d.Landing.Mark = schema.MarkOf(d.file.ID(), d.streamARN(), d.file.Bucket)
	d.Landing.Login = schema.Login{RoleARN: d.file.UpsertRoleARN}
	if d.file.Authentication == cloudformation.KeyPair {
		d.Landing.Login = schema.Login{KeyLater: true}
	}
	p, s, n := &d.Parameters, d.file.Snowflake, d.file.Names
	p.ArtifactBucket = d.file.ArtifactBucket
	p.SnowflakeAccount, p.SnowflakeEndpoint, p.SnowflakeUser, p.SnowflakeRole, p.SnowflakeWarehouse = s.Account, s.Endpoint, s.User, s.Role, s.Warehouse
	p.SnowflakeDatabase, p.SnowflakeSchema, p.StreamingTable, p.Pipe = n.Database, n.Schema, n.Streaming, n.Pipe
	p.ExternalID, p.StorageUserARN = d.file.ExternalID, d.file.StorageUserARN
}

// streamARN is the stream's, before and after it exists.
func (d *Deployment) streamARN() string {
	if d.Parameters.ExistingStreamARN != "" {
		return d.Parameters.ExistingStreamARN
	}
	return "arn:" + d.Partition + ":kinesis:" + d.Region + ":" + d.AccountID + ":stream/" + d.file.Stream
}

// File is what is remembered so far.
func (d *Deployment) File() File { return d.file }

func (d *Deployment) save() error { return d.file.Save(d.Path) }

// tell reports an event and counts it where it changed something.
func (d *Deployment) tell(step, where, what, state string) {
	if state == Done {
		d.changes++
	}
	d.Progress(Event{Step: step, Where: where, What: what, State: state})
}

// title is the first line of a statement, for progress.
func title(statement string) string {
	line, _, more := strings.Cut(statement, "\n")
	if more {
		return line + " …"
	}
	return line
}
