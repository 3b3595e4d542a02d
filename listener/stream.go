package listener

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

const (
	// Waiting for a stream starts with short pauses, for local endpoints, and ends with long ones: an AWS account has
	// 20 of these calls a second in all.
	firstLook = 20 * time.Millisecond
	lastLook  = time.Second
)

// EnsureStream creates a provisioned stream of that many shards if there is none, and waits until it is active. One
// that exists is left as it is; with another number of open shards it is refused, because what the caller expects of
// its capacity and order would not hold. With 0 shards any number will do, and a new stream gets one.
func EnsureStream(ctx context.Context, api *kinesis.Client, name string, shards int) error {
	if err := ensure(ctx, api, name, shards); err != nil {
		return fmt.Errorf("ensure stream %s: %w", name, err)
	}
	return nil
}

func ensure(ctx context.Context, api *kinesis.Client, name string, shards int) error {
	if shards < 0 {
		return fmt.Errorf("%d shards were asked for, a stream has at least 1", shards)
	}
	created := false
	for pause := firstLook; ; pause = min(2*pause, lastLook) {
		reply, err := api.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: &name})
		var missing *types.ResourceNotFoundException
		switch {
		case errors.As(err, &missing):
			// A stream that was just created may be unknown for a moment: it is created once only.
			if !created {
				if err := create(ctx, api, name, shards); err != nil {
					return err
				}
				created = true
			}
		case err != nil:
			return err
		default:
			summary := reply.StreamDescriptionSummary
			if done, err := judge(summary, shards); done || err != nil {
				return err
			}
		}
		if err := sleep(ctx, pause); err != nil {
			return fmt.Errorf("wait until it is active: %w", err)
		}
	}
}

// create asks for the stream. That somebody else was faster is fine.
func create(ctx context.Context, api *kinesis.Client, name string, shards int) error {
	_, err := api.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: &name, ShardCount: aws.Int32(int32(max(shards, 1)))})
	var exists *types.ResourceInUseException
	if errors.As(err, &exists) {
		return nil
	}
	return err
}

// judge tells whether a stream is ready. One that is being changed takes records, so it is as ready as an active one.
func judge(s *types.StreamDescriptionSummary, shards int) (ready bool, err error) {
	switch s.StreamStatus {
	case types.StreamStatusCreating:
		return false, nil
	case types.StreamStatusDeleting:
		return false, errors.New("it is being deleted; try again when it is gone")
	}
	if open := int(aws.ToInt32(s.OpenShardCount)); shards != 0 && open != shards {
		return false, fmt.Errorf("it exists with %d open shards, not %d; ask for %d, change it with UpdateShardCount, or take another name",
			open, shards, open)
	}
	return true, nil
}
