// Package orchestrator wires SnowflakeOrchestrator from its environment.
package orchestrator

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"

	"github.com/snowstream/snowstream/cmd/internal/function"
	"github.com/snowstream/snowstream/internal/plainbody"
	"github.com/snowstream/snowstream/processing/datalake"
	"github.com/snowstream/snowstream/processing/invoke"
	"github.com/snowstream/snowstream/processing/orchestrator"
	"github.com/snowstream/snowstream/record/rawzone"
)

// answered is what an event source mapping with ReportBatchItemFailures takes for "all done". A batch that failed is
// returned as an error instead: it shows in the function's metrics, and the ledger makes repeating it cheap.
var answered = []byte(`{"batchItemFailures":[]}`)

// Run is SnowflakeOrchestrator until the runtime ends the process.
func Run(ctx context.Context, log io.Writer) error {
	logger := function.Logger(log)
	bucket, err := function.Required(function.Bucket)
	if err != nil {
		return err
	}
	name, err := function.Required(function.UpsertFunction)
	if err != nil {
		return err
	}
	aws, err := config.LoadDefaultConfig(ctx, config.WithAPIOptions([]func(*middleware.Stack) error{plainbody.Add}))
	if err != nil {
		return fmt.Errorf("load the AWS configuration: %w", err)
	}
	lake := datalake.New(s3.NewFromConfig(aws), bucket)
	schema, err := function.Schema()
	if err != nil {
		return err
	}
	pack, err := rawzone.ParseCompression(os.Getenv(function.Compress))
	if err != nil {
		return fmt.Errorf("%s: %w", function.Compress, err)
	}
	o, err := orchestrator.New(schema, lake, invoke.New(lambda.NewFromConfig(aws), name), pack, logger)
	if err != nil {
		return err
	}
	o.Bound(function.Memory())
	o.Serve(os.Getenv(function.StreamARN), created(kinesis.NewFromConfig(aws)))
	function.Start(ctx, func(ctx context.Context, event []byte) ([]byte, error) {
		return answered, o.Handle(ctx, event)
	})
	return nil
}

// created asks when a stream was made: once a cold start, and every ten minutes. The right to ask is one that an event
// source mapping on the stream needs anyway, and asking costs nothing.
func created(api *kinesis.Client) func(context.Context, string) (time.Time, error) {
	return func(ctx context.Context, arn string) (time.Time, error) {
		out, err := api.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamARN: &arn})
		if err != nil {
			return time.Time{}, fmt.Errorf("describe stream %s: %w", arn, err)
		}
		if at := out.StreamDescriptionSummary.StreamCreationTimestamp; at != nil {
			return at.UTC(), nil
		}
		return time.Time{}, nil
	}
}
