package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// TestDrainLetsGo configures what can never be done, as mistakes and clean-ups leave it: a notification to a queue that does
// not exist, a mapping whose stream is deleted later. The drain ends, says both, and so does the next one on the folder.
func TestDrainLetsGo(t *testing.T) {
	dir := t.TempDir()
	l, o := quiet(t, dir)
	ctx := t.Context()
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(o.s3.CreateBucket(ctx, &awss3.CreateBucketInput{Bucket: aws.String("mistakes")}))
	to := func(skip bool) error {
		_, err := o.s3.PutBucketNotificationConfiguration(ctx, &awss3.PutBucketNotificationConfigurationInput{
			Bucket: aws.String("mistakes"), SkipDestinationValidation: &skip,
			NotificationConfiguration: &types.NotificationConfiguration{QueueConfigurations: []types.QueueConfiguration{{
				QueueArn: aws.String("arn:aws:sqs:us-east-1:000000000000:nobody"), Events: []types.Event{"s3:ObjectCreated:*"},
			}}},
		})
		return err
	}
	if err := to(false); err == nil || !strings.Contains(err.Error(), "Unable to validate the following destination configurations") {
		t.Errorf("a queue that does not exist: %v", err)
	}
	must(nil, to(true))
	must(o.s3.PutObject(ctx, &awss3.PutObjectInput{Bucket: aws.String("mistakes"), Key: aws.String("k"), Body: strings.NewReader("x")}))

	arn := "arn:aws:kinesis:us-east-1:000000000000:stream/short-lived"
	mapping := &lambda.CreateEventSourceMappingInput{
		EventSourceArn: &arn, FunctionName: aws.String("SnowflakeUpsert"), StartingPosition: lambdatypes.EventSourcePositionTrimHorizon,
	}
	if _, err := o.lambda.CreateEventSourceMapping(ctx, mapping); err == nil || !strings.Contains(err.Error(), "Stream not found: "+arn) {
		t.Errorf("a stream that does not exist: %v", err)
	}
	must(o.kinesis.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: aws.String("short-lived"), ShardCount: aws.Int32(1)}))
	must(o.lambda.CreateEventSourceMapping(ctx, mapping))
	must(o.kinesis.DeleteStream(ctx, &kinesis.DeleteStreamInput{StreamName: aws.String("short-lived")}))
	for range 2 {
		began := time.Now()
		l.stop(t).complete(t)
		if took := time.Since(began); took > 3*time.Minute {
			t.Errorf("the drain took %s", took)
		}
		if said := l.stderr.String(); strings.Count(said, "Stream short-lived does not exist") != 1 {
			t.Errorf("said %s", said)
		}
		l, _ = quiet(t, dir)
	}
}
