package stack

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"

	"github.com/snowstream/snowstream/cmd/internal/function"
	"github.com/snowstream/snowstream/internal/plainbody"
	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/landing/snowflake"
	"github.com/snowstream/snowstream/listener"
	"github.com/snowstream/snowstream/processing/datalake"
	"github.com/snowstream/snowstream/processing/handoff"
	"github.com/snowstream/snowstream/processing/invoke"
)

// awsConfig sends every request, body checksum included, to the local services, or to AWS.
func (s Settings) awsConfig() aws.Config {
	if s.deployed != nil {
		return s.deployed.aws
	}
	return aws.Config{
		Region:                     s.Region,
		Credentials:                credentials.NewStaticCredentialsProvider(AccessKeyID, SecretAccessKey, ""),
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenSupported,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenSupported,
		APIOptions:                 []func(*middleware.Stack) error{plainbody.Add},
	}
}

// KinesisClient reaches the stream.
func (s Settings) KinesisClient() *kinesis.Client {
	return kinesis.NewFromConfig(s.awsConfig(), func(o *kinesis.Options) { s.reach(&o.BaseEndpoint, s.Kinesis) })
}

// S3Client reaches the bucket.
func (s Settings) S3Client() *s3.Client {
	return s3.NewFromConfig(s.awsConfig(), func(o *s3.Options) {
		s.reach(&o.BaseEndpoint, s.S3)
		o.UsePathStyle = o.BaseEndpoint != nil // an emulator's one name serves all buckets
	})
}

// LambdaClient reaches the functions.
func (s Settings) LambdaClient() *lambda.Client {
	return lambda.NewFromConfig(s.awsConfig(), func(o *lambda.Options) { s.reach(&o.BaseEndpoint, s.Lambda) })
}

// reach points a client at a local service; a deployed one is where the AWS configuration says.
func (s Settings) reach(endpoint **string, local string) {
	if local != "" {
		*endpoint = &local
	}
}

// Lake is the raw zone.
func (s Settings) Lake() *datalake.Lake { return datalake.New(s.S3Client(), s.Bucket) }

// Writer puts records into the stream.
func (s Settings) Writer(c listener.WriterConfig) *listener.Writer {
	return listener.NewWriter(s.KinesisClient(), s.Stream, c)
}

// Reader looks at the stream's shards.
func (s Settings) Reader() *listener.Reader {
	return listener.NewReader(s.KinesisClient(), s.Stream, listener.ReaderConfig{})
}

// Names are the objects in the warehouse.
func (s Settings) Names() schema.Names {
	if s.deployed != nil {
		return s.deployed.names
	}
	n := schema.Defaults()
	n.Database, n.Schema = s.Database, s.Schema
	return n
}

// sessions are the two that an audit keeps busy, and one for who looks at the tables meanwhile: to wait for the audit would
// count as latency.
const sessions = 3

// Session opens the person's session with the warehouse.
func (s Settings) Session() (*snowflake.DB, error) {
	if s.deployed != nil {
		return snowflake.Open(s.deployed.login)
	}
	return snowflake.Open(snowflake.Config{
		Account: s.Account, User: s.User, Password: s.Password, Endpoint: s.Snowflake,
		Database: s.Database, Schema: s.Schema, Warehouse: s.Warehouse, Role: s.Role, Sessions: sessions,
	})
}

// Upserter is the function SnowflakeUpsert.
func (s Settings) Upserter() *invoke.Function {
	_, name := s.Functions()
	return invoke.New(s.LambdaClient(), name)
}

// Pending is how far each shard's rows have become visible, where they go by Snowpipe Streaming; nil where they are merged and so
// visible when they are done. It changes nothing.
func (s Settings) Pending(ctx context.Context) (map[string]handoff.Pending, error) {
	if s.RowPath != function.Snowpipe {
		return nil, nil
	}
	shards, err := s.Upserter().Look(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask %s how far rows are visible: %w", Upsert, err)
	}
	out := make(map[string]handoff.Pending, len(shards))
	for _, p := range shards {
		out[p.Shard] = p
	}
	return out, nil
}
