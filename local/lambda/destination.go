package lambda

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"github.com/google/uuid"
)

const timestampLayout = "2006-01-02T15:04:05.000Z"

// requestContext and responseContext open the failure documents of both kinds.
type requestContext struct {
	RequestID              string `json:"requestId"`
	FunctionARN            string `json:"functionArn"`
	Condition              string `json:"condition"`
	ApproximateInvokeCount int    `json:"approximateInvokeCount"`
}

type responseContext struct {
	StatusCode      int     `json:"statusCode"`
	ExecutedVersion string  `json:"executedVersion"`
	FunctionError   *string `json:"functionError"`
}

// unhandled is the response of a function that was called and failed; one that was never called has none.
func unhandled(invocations int) *responseContext {
	if invocations == 0 {
		return nil
	}
	failed := "Unhandled"
	return &responseContext{200, latestVersion, &failed}
}

// reported is the response of a function that succeeded and named records that it could not do.
func reported() *responseContext { return &responseContext{200, latestVersion, nil} }

// batchDocument is what a stream's failure destination gets: where the records are, and for a bucket the event itself.
type batchDocument struct {
	RequestContext  requestContext   `json:"requestContext"`
	ResponseContext *responseContext `json:"responseContext,omitempty"`
	Version         string           `json:"version"`
	Timestamp       string           `json:"timestamp"`
	KinesisBatch    kinesisBatchInfo `json:"KinesisBatchInfo"`
	Payload         string           `json:"payload,omitempty"`
}

type kinesisBatchInfo struct {
	Shard        string `json:"shardId"`
	Start        string `json:"startSequenceNumber"`
	End          string `json:"endSequenceNumber"`
	FirstArrival string `json:"approximateArrivalOfFirstRecord"`
	LastArrival  string `json:"approximateArrivalOfLastRecord"`
	Size         int    `json:"batchSize"`
	Stream       string `json:"streamArn"`
}

// eventDocument is what the asynchronous queue's failure destination gets.
type eventDocument struct {
	Version         string           `json:"version"`
	Timestamp       string           `json:"timestamp"`
	RequestContext  requestContext   `json:"requestContext"`
	RequestPayload  json.RawMessage  `json:"requestPayload"`
	ResponseContext *responseContext `json:"responseContext,omitempty"`
	ResponsePayload json.RawMessage  `json:"responsePayload,omitempty"`
}

// destinations delivers failure documents.
type destinations struct {
	place     place
	s3        *s3.Client
	functions *functions
	queue     *queue
}

// resolve reads the ARN of a destination and checks that it can exist.
func (d *destinations) resolve(arn string) (target, error) {
	to, err := d.place.target(arn)
	if err == nil && to.function != "" && d.functions.get(to.function) == nil {
		return target{}, notFound("Function not found: %s", clip(arn))
	}
	return to, err
}

// checkForStream refuses what the mapping of a stream takes no failure documents to, and a bucket that is not there.
func (d *destinations) checkForStream(ctx context.Context, arn string) error {
	to, err := d.place.target(arn)
	switch {
	case err != nil:
		return err
	case to.function != "":
		return invalidParameter("Unsupported failure destination %q for a Kinesis stream: give an S3 bucket (arn:aws:s3:::NAME)", clip(arn))
	}
	_, err = d.s3.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &to.bucket})
	var missing *types.NotFound
	if errors.As(err, &missing) {
		return invalidParameter("The failure destination's bucket does not exist: %s", clip(arn))
	}
	if err != nil {
		return fmt.Errorf("look for the failure destination %s: %w", clip(arn), err)
	}
	return nil
}

// destinationGone tells that a destination does not exist, so that trying again is of no use until somebody makes it.
func destinationGone(err error) bool {
	var api smithy.APIError
	var missing *apiError
	return errors.As(err, &api) && api.ErrorCode() == "NoSuchBucket" || errors.As(err, &missing) && missing.status == http.StatusNotFound
}

// put delivers one document. When it returns nil the bucket or the asynchronous queue has it for good.
func (d *destinations) put(ctx context.Context, to target, key string, document any) error {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(document); err != nil {
		return fmt.Errorf("write failure document: %w", err)
	}
	if to.function != "" {
		return d.queue.add(to.function, uuid.NewString(), body.Bytes())
	}
	_, err := d.s3.PutObject(ctx, &s3.PutObjectInput{
		Bucket: aws.String(to.bucket), Key: aws.String(key), Body: bytes.NewReader(body.Bytes()),
		ContentType: aws.String("application/json"),
	})
	if err != nil {
		return fmt.Errorf("put failure document into bucket %s: %w", to.bucket, err)
	}
	return nil
}

// documentKey is where AWS puts a failure document: under the mapping and shard, or "async" and the function.
func documentKey(owner, part string, now time.Time) string {
	now = now.UTC()
	return "aws/lambda/" + owner + "/" + part + now.Format("/2006/01/02/2006-01-02T15.04.05-") + uuid.NewString()
}
