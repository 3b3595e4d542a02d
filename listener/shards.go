package listener

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
)

// Shard is a shard of a stream and its place in the stream's history.
type Shard struct {
	ID string
	// Parent is the shard that this one came from by a split, or one of two by a merge; AdjacentParent is the other
	// one. A parent is read to its end before its children, else the order of a key is lost. Both may be empty, and a
	// parent past the retention is no longer listed.
	Parent, AdjacentParent string
	// Open shards take records. A closed one can still be read until its records expire.
	Open bool
}

// Retention is how long the stream keeps records, and when it was made.
func (r *Reader) Retention(ctx context.Context) (period time.Duration, created time.Time, err error) {
	var out *kinesis.DescribeStreamSummaryOutput
	err = r.try(ctx, func(ctx context.Context) (err error) {
		out, err = r.api.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: &r.stream}, once)
		return err
	})
	if err != nil {
		return 0, created, fmt.Errorf("look how long stream %s keeps records: %w", r.stream, err)
	}
	s := out.StreamDescriptionSummary
	return time.Duration(aws.ToInt32(s.RetentionPeriodHours)) * time.Hour, aws.ToTime(s.StreamCreationTimestamp), nil
}

// Shards lists all shards of the stream that still hold records, closed ones included.
func (r *Reader) Shards(ctx context.Context) ([]Shard, error) {
	var shards []Shard
	input := &kinesis.ListShardsInput{StreamName: &r.stream}
	for {
		var page *kinesis.ListShardsOutput
		err := r.try(ctx, func(ctx context.Context) (err error) {
			page, err = r.api.ListShards(ctx, input, once)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("list the shards of stream %s: %w", r.stream, err)
		}
		for _, s := range page.Shards {
			shards = append(shards, Shard{
				ID:             aws.ToString(s.ShardId),
				Parent:         aws.ToString(s.ParentShardId),
				AdjacentParent: aws.ToString(s.AdjacentParentShardId),
				Open:           s.SequenceNumberRange == nil || s.SequenceNumberRange.EndingSequenceNumber == nil,
			})
		}
		if aws.ToString(page.NextToken) == "" {
			return shards, nil
		}
		// The token stands for the stream: giving both is an error.
		input = &kinesis.ListShardsInput{NextToken: page.NextToken}
	}
}
