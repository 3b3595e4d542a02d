package e2e

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awskinesis "github.com/aws/aws-sdk-go-v2/service/kinesis"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/snowstream/snowstream/internal/ministack"
)

// emulator is an AWS that nobody here has written, on this machine.
type emulator struct {
	url     string
	kinesis *awskinesis.Client
	lambda  *awslambda.Client
	s3      *awss3.Client
	sqs     *awssqs.Client
}

func startEmulator(t *testing.T) *emulator {
	t.Helper()
	if testing.Short() {
		t.Skip("not run: -short leaves out what starts the whole stack")
	}
	// Its functions inherit these: what they would look for is not on this machine.
	t.Setenv("SNOWFLAKE_DISABLE_PLATFORM_DETECTION", "true")
	t.Setenv("SF_DISABLE_MINICORE", "true")
	t.Setenv("DOCKER_HOST", "unix:///nowhere")
	m := &emulator{url: ministack.Start(t)}
	cfg := aws.Config{Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""), BaseEndpoint: &m.url}
	m.kinesis, m.lambda, m.sqs = awskinesis.NewFromConfig(cfg), awslambda.NewFromConfig(cfg), awssqs.NewFromConfig(cfg)
	m.s3 = awss3.NewFromConfig(cfg, func(o *awss3.Options) { o.UsePathStyle = true })
	return m
}

func tail(text []byte, n int) string { return string(text[max(0, len(text)-n):]) }

// eventually polls until something holds.
func eventually(t *testing.T, within time.Duration, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(within)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", within, what)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// pipeQueue makes the queue of the warehouse's pipes in the emulator, and carries each message of it to the warehouse:
// on AWS that queue is Snowflake's own.
func (m *emulator) pipeQueue(t *testing.T, warehouse string) {
	t.Helper()
	sum := md5.Sum([]byte(strings.ToUpper(deployAccount)))
	name := "sf-snowpipe-000000000000-" + hex.EncodeToString(sum[:8])
	made, err := m.sqs.CreateQueue(t.Context(), &awssqs.CreateQueueInput{QueueName: &name})
	if err != nil {
		t.Fatal(err)
	}
	there := awssqs.New(awssqs.Options{
		Region: "us-east-1", BaseEndpoint: &warehouse, Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
	})
	url := warehouse + "/000000000000/" + name
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			got, err := m.sqs.ReceiveMessage(ctx, &awssqs.ReceiveMessageInput{QueueUrl: made.QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 1})
			if err != nil {
				continue
			}
			for _, message := range got.Messages {
				if _, err := there.SendMessage(ctx, &awssqs.SendMessageInput{QueueUrl: &url, MessageBody: message.Body}); err == nil {
					_, _ = m.sqs.DeleteMessage(ctx, &awssqs.DeleteMessageInput{QueueUrl: made.QueueUrl, ReceiptHandle: message.ReceiptHandle})
				}
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
}
