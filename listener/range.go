package listener

import (
	"context"
	"errors"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/snowstream/snowstream/record"
)

// Range yields a shard's records from the first sequence number to the last, both included, in order, as far as the
// stream still has them: what retention has passed is left out, and of a shard that is gone nothing is yielded.
// Otherwise it is as Read.
func (r *Reader) Range(ctx context.Context, shard, first, last string, yield func([]record.Record) error) error {
	err := r.until(ctx, &cursor{reader: r, shard: shard, at: first}, last, yield)
	var invalid *types.InvalidArgumentException
	var missing *types.ResourceNotFoundException
	switch {
	case errors.As(err, &invalid): // the stream may say so of a position that is older than its oldest record
		return r.until(ctx, r.open(shard, ""), last, func(all []record.Record) error {
			all = slices.DeleteFunc(all, func(one record.Record) bool { return record.CompareSequence(one.Sequence, first) < 0 })
			if len(all) == 0 {
				return nil
			}
			return yield(all)
		})
	case errors.As(err, &missing):
		shards, listed := r.Shards(ctx)
		if listed == nil && !slices.ContainsFunc(shards, func(s Shard) bool { return s.ID == shard }) {
			return nil
		}
	}
	return err
}

// until yields what a cursor reads, up to a sequence number.
func (r *Reader) until(ctx context.Context, c *cursor, last string, yield func([]record.Record) error) error {
	for {
		reply, err := c.get(ctx, 0)
		if err != nil {
			return err
		}
		all := records(c.shard, reply.Records)
		n := len(all)
		all = slices.DeleteFunc(all, func(one record.Record) bool { return record.CompareSequence(one.Sequence, last) > 0 })
		if len(all) > 0 {
			if err := yield(all); err != nil {
				return err
			}
		}
		if len(all) < n || n > 0 && all[n-1].Sequence == last || reply.NextShardIterator == nil || aws.ToInt64(reply.MillisBehindLatest) == 0 {
			return nil
		}
	}
}
