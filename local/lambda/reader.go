package lambda

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

const (
	readLimit = 10_000 // records a call may return: the service's own limit
	maxShards = 10_000 // shards of one stream that a mapping follows
)

// reader reads Kinesis streams through the official SDK.
type reader struct {
	client  *kinesis.Client
	endless *http.Client // for answers that go on and on
}

// shards lists all shards of a stream. Ids become file names, so an id of another form than Kinesis' is refused.
func (r *reader) shards(ctx context.Context, stream string) ([]types.Shard, error) {
	var all []types.Shard
	form := regexp.MustCompile(`^shardId-[0-9]{1,20}$`)
	input := &kinesis.ListShardsInput{StreamName: aws.String(stream)}
	for {
		page, err := r.client.ListShards(ctx, input)
		if err != nil {
			return nil, fmt.Errorf("list shards of stream %s: %w", stream, err)
		}
		for _, shard := range page.Shards {
			if id := aws.ToString(shard.ShardId); !form.MatchString(id) {
				return nil, fmt.Errorf("list shards of stream %s: %q is not a shard id", stream, clip(id))
			}
		}
		all = append(all, page.Shards...)
		if page.NextToken == nil {
			return all, nil
		}
		if len(all) > maxShards {
			return nil, fmt.Errorf("list shards of stream %s: more than %d", stream, maxShards)
		}
		input = &kinesis.ListShardsInput{NextToken: page.NextToken}
	}
}

// isGone tells that a stream, or a shard of it, does not exist.
func isGone(err error) bool {
	var gone *types.ResourceNotFoundException
	return errors.As(err, &gone)
}

// exists refuses a mapping whose stream, or consumer of it, is not there.
func (r *reader) exists(ctx context.Context, set settings) error {
	var err error
	if set.Consumer != "" {
		_, err = r.client.DescribeStreamConsumer(ctx, &kinesis.DescribeStreamConsumerInput{ConsumerARN: &set.Consumer})
	} else {
		_, err = r.client.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamARN: &set.Stream})
	}
	switch {
	case isGone(err) && set.Consumer != "":
		return invalidParameter("Stream consumer not found: %s", clip(set.Consumer))
	case isGone(err):
		return invalidParameter("Stream not found: %s", clip(set.Stream))
	case err != nil:
		return fmt.Errorf("look for the event source %s: %w", clip(set.source()), err)
	}
	return nil
}

// after returns an iterator behind the given sequence number. passed is true when that position is no longer in the
// shard because retention went by: the iterator then stands at the oldest record there is.
func (r *reader) after(ctx context.Context, stream, shard, sequence string) (iterator string, passed bool, err error) {
	iterator, err = r.iterator(ctx, &kinesis.GetShardIteratorInput{
		StreamName: aws.String(stream), ShardId: aws.String(shard),
		ShardIteratorType: types.ShardIteratorTypeAfterSequenceNumber, StartingSequenceNumber: aws.String(sequence),
	})
	if invalid := (*types.InvalidArgumentException)(nil); !errors.As(err, &invalid) {
		return iterator, false, err
	}
	iterator, err = r.start(ctx, stream, shard, nil)
	return iterator, true, err
}

// start returns an iterator at a time, or at the oldest record without one.
func (r *reader) start(ctx context.Context, stream, shard string, position *types.StartingPosition) (string, error) {
	input := &kinesis.GetShardIteratorInput{
		StreamName: aws.String(stream), ShardId: aws.String(shard), ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
	}
	if position != nil {
		input.ShardIteratorType, input.Timestamp = position.Type, position.Timestamp
	}
	return r.iterator(ctx, input)
}

func (r *reader) iterator(ctx context.Context, input *kinesis.GetShardIteratorInput) (string, error) {
	out, err := r.client.GetShardIterator(ctx, input)
	if err != nil {
		return "", fmt.Errorf("get an iterator of %s: %w", *input.ShardId, err)
	}
	if aws.ToString(out.ShardIterator) == "" {
		return "", fmt.Errorf("get an iterator of %s: the answer holds none", *input.ShardId)
	}
	return *out.ShardIterator, nil
}

func (r *reader) records(ctx context.Context, shard, iterator string) (*kinesis.GetRecordsOutput, error) {
	out, err := r.client.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: aws.String(iterator), Limit: aws.Int32(readLimit)})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", shard, err)
	}
	return out, nil
}
