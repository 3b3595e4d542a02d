//go:build cgo

package stack

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/snowstream/snowstream/landing/microbatch"
	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/listener"
	"github.com/snowstream/snowstream/record/rawzone"
)

// setUp makes what the pipeline needs and is not there yet. The mapping comes last: with it records start to flow.
func (s *Stack) setUp(ctx context.Context, c Config) error {
	if err := listener.EnsureStream(ctx, s.KinesisClient(), s.Stream, c.Shards); err != nil {
		return err
	}
	if err := s.setUpBucket(ctx); err != nil {
		return err
	}
	if err := s.setUpWarehouse(ctx); err != nil {
		return err
	}
	if err := s.setUpNotification(ctx); err != nil {
		return err
	}
	return s.setUpMapping(ctx, c)
}

func (s *Stack) setUpBucket(ctx context.Context) error {
	_, err := s.S3Client().CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &s.Bucket})
	var owned *types.BucketAlreadyOwnedByYou
	var exists *types.BucketAlreadyExists
	if err != nil && !errors.As(err, &owned) && !errors.As(err, &exists) {
		return fmt.Errorf("create bucket %s: %w", s.Bucket, err)
	}
	return nil
}

func (s *Stack) setUpWarehouse(ctx context.Context) error {
	n := s.Names()
	statements := append(schema.Tables(n, s.schema),
		schema.Integration(n, s.Bucket, roleARN), schema.Stage(n, s.Bucket), schema.Pipe(n))
	for _, statement := range statements {
		if _, err := s.Admin.Exec(ctx, statement); err != nil {
			return fmt.Errorf("set the warehouse up: %.60s…: %w", statement, err)
		}
	}
	if err := errors.Join(s.evolve(ctx, n.In(n.Streaming)), s.evolve(ctx, n.In(n.Microbatch))); err != nil {
		return err
	}
	return s.setUpView(ctx)
}

// setUpView makes the view of current rows, or replaces the one that an earlier run's schema asked for.
func (s *Stack) setUpView(ctx context.Context) error {
	landing := schema.Landing{Names: s.Names(), Schema: s.schema}
	view, wanted := landing.CurrentView()
	if !wanted {
		return nil
	}
	rows, err := s.Admin.Show(ctx, view.Probe.Show)
	if err != nil {
		return fmt.Errorf("look for view %s: %w", view.Name, err)
	}
	if stale, err := landing.Stale(view, rows); !stale || err != nil {
		return err
	}
	if _, err := s.Admin.Exec(ctx, view.SQL); err != nil {
		return fmt.Errorf("make view %s: %w", view.Name, err)
	}
	return nil
}

// evolve brings a table of an earlier run to this run's schema.
func (s *Stack) evolve(ctx context.Context, table string) error {
	rows, err := s.Admin.Show(ctx, "DESC TABLE "+table)
	if err != nil {
		return fmt.Errorf("look at table %s: %w", table, err)
	}
	var have []schema.Have
	for _, r := range rows {
		have = append(have, schema.Have{Name: r["name"], Type: r["type"], Nullable: r["null?"] == "Y"})
	}
	statements, err := schema.Evolve(table, s.schema, have)
	if err != nil {
		return err
	}
	for _, statement := range statements {
		if _, err := s.Admin.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// setUpNotification has S3 tell the pipe's queue of each new object of rows.
func (s *Stack) setUpNotification(ctx context.Context) error {
	queue, err := s.Pipe().Channel(ctx)
	if err != nil {
		return err
	}
	_, err = s.S3Client().PutBucketNotificationConfiguration(ctx, &s3.PutBucketNotificationConfigurationInput{
		Bucket: &s.Bucket,
		NotificationConfiguration: &types.NotificationConfiguration{QueueConfigurations: []types.QueueConfiguration{{
			Id: aws.String("snowpipe"), QueueArn: &queue, Events: []types.Event{types.EventS3ObjectCreated},
			Filter: &types.NotificationConfigurationFilter{Key: &types.S3KeyFilter{FilterRules: []types.FilterRule{
				{Name: types.FilterRuleNamePrefix, Value: aws.String(rawzone.Rows)}, // whatever the suffix: rows may be compressed
			}}},
		}}},
	})
	if err != nil {
		return fmt.Errorf("set the notification of bucket %s: %w", s.Bucket, err)
	}
	return nil
}

// Pipe is the pipe of the raw zone.
func (s *Stack) Pipe() *microbatch.Pipe { return microbatch.New(s.Admin, s.Names()) }

// consumer is the mapping's own reader of the stream: it is pushed what arrives, and leaves the shards' five reads a
// second to others.
const consumer = "snowstream"

// setUpMapping creates the event source mapping, or gives an existing one this run's batches.
func (s *Stack) setUpMapping(ctx context.Context, c Config) error {
	api := s.LambdaClient()
	arn, err := listener.EnsureConsumer(ctx, s.KinesisClient(), s.Stream, consumer)
	if err != nil {
		return err
	}
	// Batches are tried for ever, so what ends up here is a record of more than about 4.4 MiB, which no invocation can
	// carry: it must neither hold up its shard nor be dropped.
	failed := &lambdatypes.DestinationConfig{OnFailure: &lambdatypes.OnFailure{Destination: aws.String("arn:aws:s3:::" + s.Bucket)}}
	size, window := aws.Int32(int32(c.BatchSize)), aws.Int32(int32(c.BatchWindow/time.Second))
	there, err := api.ListEventSourceMappings(ctx, &lambda.ListEventSourceMappingsInput{FunctionName: aws.String(Orchestrator)})
	if err != nil {
		return fmt.Errorf("look for the event source mapping of %s: %w", Orchestrator, err)
	}
	if len(there.EventSourceMappings) > 0 {
		_, err = api.UpdateEventSourceMapping(ctx, &lambda.UpdateEventSourceMappingInput{
			UUID: there.EventSourceMappings[0].UUID, BatchSize: size, MaximumBatchingWindowInSeconds: window,
			DestinationConfig: failed,
		})
	} else {
		_, err = api.CreateEventSourceMapping(ctx, &lambda.CreateEventSourceMappingInput{
			EventSourceArn: &arn, FunctionName: aws.String(Orchestrator), BatchSize: size, MaximumBatchingWindowInSeconds: window,
			DestinationConfig:     failed,
			StartingPosition:      lambdatypes.EventSourcePositionTrimHorizon,
			FunctionResponseTypes: []lambdatypes.FunctionResponseType{lambdatypes.FunctionResponseTypeReportBatchItemFailures},
		})
	}
	if err != nil {
		return fmt.Errorf("set the event source mapping of %s up: %w", Orchestrator, err)
	}
	return nil
}
