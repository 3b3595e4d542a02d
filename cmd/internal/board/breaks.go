//go:build cgo

package board

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/snowstream/snowstream/cmd/internal/stack"
	"github.com/snowstream/snowstream/dashboard"
	"github.com/snowstream/snowstream/listener"
	"github.com/snowstream/snowstream/local/warehouse/streaming"
	"github.com/snowstream/snowstream/record"
)

// Breaks are what can be broken on purpose in a local stack. All of it is what happens in the real services too, and
// none of it may lose or double a record, but for rejected rows, which are lost to their table until it is repaired.
func Breaks(s *stack.Stack) []dashboard.Break {
	return append([]dashboard.Break{
		{ID: "kill-orchestrator", Name: "Kill SnowflakeOrchestrator", Box: "orchestrator",
			Description: "Ends its processes with SIGKILL, in the middle of a batch if one comes. The batch is tried again by a new process.", Run: kill(s, stack.Orchestrator)},
		{ID: "kill-upsert", Name: "Kill SnowflakeUpsert", Box: "upsert",
			Description: "Ends its processes with SIGKILL, in the middle of a batch if one comes. The orchestrator fails with it, and its batch is tried again.", Run: kill(s, stack.Upsert)},
		{ID: "s3-errors", Name: "Make S3 fail", Box: "rawzone",
			Description: "S3 answers each request with 503 SlowDown. Batches wait in the stream, and are tried again at growing distances.", Run: during(s.RefuseS3)},
		{ID: "pipe-delay", Name: "Delay the pipe", Box: "microbatch",
			Description: "Holds the bucket's notifications back. Files wait in the raw zone.", Run: during(s.HoldNotices)},
		{ID: "reshard", Name: "Reshard", Box: "stream",
			Description: "Splits the widest shard, or merges two neighbours once there are four. Old shards are read to their ends first.", Run: reshard(s)},
		{ID: "bad-records", Name: "Send bad records", Box: "producer",
			Description: fmt.Sprintf("Puts %d records into the stream that cannot become rows. They end in quarantine.", badRecords), Run: bad(s)},
	}, streamingBreaks(s)...)
}

// streamingBreaks are what Snowpipe Streaming can do to its clients. They hit whoever streams rows.
func streamingBreaks(s *stack.Stack) (out []dashboard.Break) {
	for _, b := range []struct {
		fault             streaming.Fault
		name, description string
	}{
		{streaming.LostAnswer, "Lose answers of Snowpipe Streaming", "Appends are done and their connections closed instead of answered. The same append again is dropped by its token."},
		{streaming.Throttled, "Throttle Snowpipe Streaming", "Appends are answered with 429."},
		{streaming.Unavailable, "Make Snowpipe Streaming fail", "Appends are answered with 503."},
		{streaming.Gone, "Void the streaming clients", "Appends are answered with 410: a client must be made anew."},
		{streaming.Stall, "Stall the commits", "Appends are acknowledged and nothing becomes visible."},
		{streaming.SlowCommit, "Slow the commits down", "Each commit of streamed rows takes 9 seconds more."},
		{streaming.RejectedRows, "Reject streamed rows", "Every tenth row is rejected though it is good: the offset token passes it, and only the counters tell."},
		{streaming.Expiry, "Expire the channels", "Channels without uncommitted rows end with their offset tokens, as after 30 idle days."},
	} {
		out = append(out, dashboard.Break{ID: "stream-" + string(b.fault), Name: b.name, Box: "streaming", Description: b.description,
			Run: during(func(on bool) { s.BreakStreaming(b.fault, on) })})
	}
	return out
}

// during switches a fault on, waits and switches it off.
func during(fault func(bool)) func(context.Context, time.Duration) error {
	return func(ctx context.Context, length time.Duration) error {
		fault(true)
		defer fault(false)
		wait(ctx, length)
		return nil
	}
}

// wait tells whether the time has passed before ctx ended.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// glance is short enough to meet a call in flight, which takes some milliseconds.
const glance = 3 * time.Millisecond

// kill waits for a call in flight for half of the time, kills, and waits until another call has begun.
func kill(s *stack.Stack, function string) func(context.Context, time.Duration) error {
	return func(ctx context.Context, length time.Duration) error {
		end := time.Now().Add(length)
		for half := time.Now().Add(length / 2); time.Now().Before(half); {
			if _, running := s.Calls(function); running > 0 {
				break
			}
			if !wait(ctx, glance) {
				return nil
			}
		}
		s.Kill(function)
		before, _ := s.Calls(function)
		for wait(ctx, 100*time.Millisecond) && time.Now().Before(end) {
			if now, _ := s.Calls(function); now > before {
				return nil
			}
		}
		return nil
	}
}

// manyShards is from how many open shards on two are merged.
const manyShards = 4

// reshard changes the number of shards through the stream's own API.
func reshard(s *stack.Stack) func(context.Context, time.Duration) error {
	return func(ctx context.Context, length time.Duration) error {
		api := s.KinesisClient()
		open, err := openRanges(ctx, api, s.Stream)
		if err != nil {
			return err
		}
		if len(open) >= manyShards {
			err = merge(ctx, api, s.Stream, open)
		} else {
			err = split(ctx, api, s.Stream, open)
		}
		if err != nil {
			return fmt.Errorf("reshard stream %s: %w", s.Stream, err)
		}
		for end := time.Now().Add(length); time.Now().Before(end) && wait(ctx, 200*time.Millisecond); {
			d, err := api.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: &s.Stream})
			if err != nil || d.StreamDescriptionSummary.StreamStatus == types.StreamStatusActive {
				return err
			}
		}
		return nil
	}
}

// hashRange is an open shard with the hash keys that lead to it.
type hashRange struct {
	id          string
	first, last *big.Int
}

func (r hashRange) width() *big.Int { return new(big.Int).Sub(r.last, r.first) }

// openRanges are the open shards by their hash keys.
func openRanges(ctx context.Context, api *kinesis.Client, stream string) (out []hashRange, err error) {
	in := &kinesis.ListShardsInput{StreamName: &stream, ShardFilter: &types.ShardFilter{Type: types.ShardFilterTypeAtLatest}}
	for {
		page, err := api.ListShards(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("list the shards of stream %s: %w", stream, err)
		}
		for _, s := range page.Shards {
			first, ok := new(big.Int).SetString(aws.ToString(s.HashKeyRange.StartingHashKey), 10)
			last, also := new(big.Int).SetString(aws.ToString(s.HashKeyRange.EndingHashKey), 10)
			if !ok || !also {
				return nil, fmt.Errorf("shard %s has no range of hash keys", aws.ToString(s.ShardId))
			}
			out = append(out, hashRange{aws.ToString(s.ShardId), first, last})
		}
		if page.NextToken == nil {
			slices.SortFunc(out, func(a, b hashRange) int { return a.first.Cmp(b.first) })
			return out, nil
		}
		in = &kinesis.ListShardsInput{NextToken: page.NextToken}
	}
}

func split(ctx context.Context, api *kinesis.Client, stream string, open []hashRange) error {
	if len(open) == 0 {
		return errors.New("it has no open shard")
	}
	widest := slices.MaxFunc(open, func(a, b hashRange) int { return a.width().Cmp(b.width()) })
	middle := new(big.Int).Add(widest.first, new(big.Int).Rsh(widest.width(), 1))
	middle.Add(middle, big.NewInt(1))
	_, err := api.SplitShard(ctx, &kinesis.SplitShardInput{StreamName: &stream, ShardToSplit: &widest.id, NewStartingHashKey: aws.String(middle.String())})
	return err
}

func merge(ctx context.Context, api *kinesis.Client, stream string, open []hashRange) error {
	narrowest := 0
	for i := range open[:len(open)-1] {
		both := func(i int) *big.Int { return new(big.Int).Add(open[i].width(), open[i+1].width()) }
		if both(i).Cmp(both(narrowest)) < 0 {
			narrowest = i
		}
	}
	_, err := api.MergeShards(ctx, &kinesis.MergeShardsInput{
		StreamName: &stream, ShardToMerge: &open[narrowest].id, AdjacentShardToMerge: &open[narrowest+1].id,
	})
	return err
}

// badRecords is how many bad records are sent at once.
const badRecords = 20

// bad sends records that no schema takes.
func bad(s *stack.Stack) func(context.Context, time.Duration) error {
	return func(ctx context.Context, length time.Duration) error {
		ctx, cancel := context.WithTimeout(ctx, length)
		defer cancel()
		samples := []string{`{"cut":`, `no JSON at all`, "{\"text\":\"\xff\xfe\"}", `[1,2,3]`, `{} {}`}
		var entries []record.Entry
		for i := range badRecords {
			entries = append(entries, record.Entry{PartitionKey: fmt.Sprintf("bad-%d-%d", i, time.Now().UnixNano()), Data: []byte(samples[i%len(samples)])})
		}
		_, err := s.Writer(listener.WriterConfig{}).Put(ctx, entries)
		return err
	}
}
