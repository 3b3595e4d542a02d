package listener

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// EnsureConsumer registers a consumer of the stream, waits until it is active, and returns its ARN. One that exists is
// taken as it is. On AWS a consumer has its price by the hour and the shard.
func EnsureConsumer(ctx context.Context, api *kinesis.Client, stream, name string) (arn string, err error) {
	if arn, err = ensureConsumer(ctx, api, stream, name); err != nil {
		return "", fmt.Errorf("ensure consumer %s of stream %s: %w", name, stream, err)
	}
	return arn, nil
}

func ensureConsumer(ctx context.Context, api *kinesis.Client, stream, name string) (string, error) {
	reply, err := api.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: &stream})
	if err != nil {
		return "", err
	}
	streamARN := reply.StreamDescriptionSummary.StreamARN
	_, err = api.RegisterStreamConsumer(ctx, &kinesis.RegisterStreamConsumerInput{StreamARN: streamARN, ConsumerName: &name})
	var exists *types.ResourceInUseException
	if err != nil && !errors.As(err, &exists) {
		return "", err
	}
	for pause := firstLook; ; pause = min(2*pause, lastLook) {
		found, err := api.DescribeStreamConsumer(ctx, &kinesis.DescribeStreamConsumerInput{StreamARN: streamARN, ConsumerName: &name})
		if err != nil {
			return "", err
		}
		if c := found.ConsumerDescription; c.ConsumerStatus != types.ConsumerStatusCreating {
			return aws.ToString(c.ConsumerARN), nil
		}
		if err := sleep(ctx, pause); err != nil {
			return "", fmt.Errorf("wait until it is active: %w", err)
		}
	}
}
