package kinesis

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

func split(t testing.TB, c *kinesis.Client, shard int, at string) {
	t.Helper()
	_, err := c.SplitShard(context.Background(), &kinesis.SplitShardInput{StreamName: aws.String("s"), ShardToSplit: aws.String(shardID(shard)), NewStartingHashKey: &at})
	wantCode(t, err, "")
}

func merge(t testing.TB, c *kinesis.Client, one, two int) {
	t.Helper()
	_, err := c.MergeShards(context.Background(), &kinesis.MergeShardsInput{StreamName: aws.String("s"), ShardToMerge: aws.String(shardID(one)), AdjacentShardToMerge: aws.String(shardID(two))})
	wantCode(t, err, "")
}

// checkRing fails unless the open shards cover all hash keys once.
func checkRing(t testing.TB, open []types.Shard) {
	t.Helper()
	number := func(text *string) *big.Int { n, _ := new(big.Int).SetString(*text, 10); return n }
	slices.SortFunc(open, func(a, b types.Shard) int {
		return number(a.HashKeyRange.StartingHashKey).Cmp(number(b.HashKeyRange.StartingHashKey))
	})
	next := new(big.Int)
	for _, s := range open {
		if next.Cmp(number(s.HashKeyRange.StartingHashKey)) != 0 {
			t.Fatalf("shard %s starts at %s, want %s", *s.ShardId, *s.HashKeyRange.StartingHashKey, next)
		}
		next.Add(number(s.HashKeyRange.EndingHashKey), big.NewInt(1))
	}
	if next.Cmp(new(big.Int).Lsh(big.NewInt(1), 128)) != 0 {
		t.Fatalf("shards end at %s", next)
	}
}

func latest() *types.ShardFilter { return &types.ShardFilter{Type: types.ShardFilterTypeAtLatest} }

func TestSplitAndMerge(t *testing.T) {
	dir := t.TempDir()
	s := start(t, Config{Dir: dir, Unlimited: true})
	c := client(s)
	create(t, c, "s", 1)
	old := put(t, c, "s", "a", "b", "c")
	split(t, c, 0, "170141183460469231731687303715884105728")
	put(t, c, "s", "a", "b", "c", "d", "e")
	_, err := c.MergeShards(t.Context(), &kinesis.MergeShardsInput{StreamName: aws.String("s"), ShardToMerge: aws.String(shardID(2)), AdjacentShardToMerge: aws.String(shardID(1))})
	wantCode(t, err, "InvalidArgumentException") // the lower one comes first
	merge(t, c, 1, 2)
	last := put(t, c, "s", "x")[0]
	_, err = c.SplitShard(t.Context(), &kinesis.SplitShardInput{StreamName: aws.String("s"), ShardToSplit: aws.String(firstShard), NewStartingHashKey: aws.String("1")})
	wantCode(t, err, "InvalidArgumentException")
	if *last.ShardId != shardID(3) || *last.SequenceNumber <= *old[2].SequenceNumber {
		t.Errorf("after the merge: %+v", last)
	}
	s.Close()
	s = start(t, Config{Dir: dir, Unlimited: true})
	c = client(s)
	all := shards(t, c, "s", nil)
	checkRing(t, shards(t, c, "s", latest()))
	if d := all[3]; *d.ParentShardId != shardID(1) || *d.AdjacentParentShardId != shardID(2) || d.SequenceNumberRange.EndingSequenceNumber != nil {
		t.Errorf("merged shard %+v", d)
	}
	if p := all[0]; *p.SequenceNumberRange.EndingSequenceNumber <= *old[2].SequenceNumber || *p.SequenceNumberRange.EndingSequenceNumber >= *all[1].SequenceNumberRange.StartingSequenceNumber {
		t.Errorf("parent's range %+v, child's %+v", p.SequenceNumberRange, all[1].SequenceNumberRange)
	}
	records, children := drain(t, c, "s", firstShard)
	if len(records) != 3 || len(children) != 2 || *children[1].ShardId != shardID(2) || children[0].ParentShards[0] != firstShard {
		t.Errorf("parent: %d records, children %+v", len(records), children)
	}
	_, grandchildren := drain(t, c, "s", shardID(1))
	if len(grandchildren) != 1 || !slices.Equal(grandchildren[0].ParentShards, []string{shardID(1), shardID(2)}) {
		t.Errorf("child's children %+v", grandchildren)
	}
	// The end of a closed shard may be read from, and is the end.
	it, err := c.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{StreamName: aws.String("s"), ShardId: aws.String(firstShard),
		ShardIteratorType: "AT_SEQUENCE_NUMBER", StartingSequenceNumber: all[0].SequenceNumberRange.EndingSequenceNumber})
	if err != nil {
		t.Fatal(err)
	}
	if out, err := c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it.ShardIterator}); err != nil || out.NextShardIterator != nil || len(out.ChildShards) != 2 {
		t.Errorf("at the end: %+v, %v", out, err)
	}
	if counts, _ := s.Accepted("s"); counts[firstShard] != 3 || counts[shardID(1)]+counts[shardID(2)] != 5 || counts[shardID(3)] != 1 {
		t.Errorf("accepted %v", counts)
	}
}

func TestUpdateShardCount(t *testing.T) {
	c := client(start(t, Config{Unlimited: true}))
	create(t, c, "s", 1)
	split(t, c, 0, "12345") // uneven on purpose
	for _, n := range []int{3, 6, 5, 5, 10, 7, 4, 2, 1} {
		out, err := c.UpdateShardCount(t.Context(), &kinesis.UpdateShardCountInput{
			StreamName: aws.String("s"), TargetShardCount: aws.Int32(int32(n)), ScalingType: "UNIFORM_SCALING"})
		if err != nil || int(*out.TargetShardCount) != n {
			t.Fatalf("to %d: %+v, %v", n, out, err)
		}
		open := shards(t, c, "s", latest())
		checkRing(t, open)
		for i, s := range open {
			if *s.HashKeyRange.StartingHashKey != evenStart(i, n).String() {
				t.Errorf("%d shards: number %d starts at %s", n, i, *s.HashKeyRange.StartingHashKey)
			}
		}
		put(t, c, "s", "a", "b", "c")
	}
	_, err := c.UpdateShardCount(t.Context(), &kinesis.UpdateShardCountInput{StreamName: aws.String("s"), TargetShardCount: aws.Int32(3), ScalingType: "UNIFORM_SCALING"})
	wantCode(t, err, "LimitExceededException")
}

func TestShardFilters(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, err := Open(Config{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		c := client(s)
		create(t, c, "s", 1)
		put(t, c, "s", "a")
		created := time.Now()
		time.Sleep(10 * time.Hour)
		split(t, c, 0, "99") // closes 0, opens 1 and 2
		time.Sleep(10 * time.Hour)
		merge(t, c, 1, 2) // opens 3
		check := func(want []int, f *types.ShardFilter) {
			t.Helper()
			if got := numbers(shards(t, c, "s", f)); !slices.Equal(got, want) {
				t.Errorf("filter %+v: shards %v, want %v", f, got, want)
			}
		}
		check([]int{0, 1, 2, 3}, nil)
		check([]int{3}, latest())
		check([]int{2, 3}, &types.ShardFilter{Type: "AFTER_SHARD_ID", ShardId: aws.String(shardID(1))})
		check([]int{0, 1, 2, 3}, &types.ShardFilter{Type: "FROM_TRIM_HORIZON"})
		check([]int{0}, &types.ShardFilter{Type: "AT_TRIM_HORIZON"})
		check([]int{1, 2}, &types.ShardFilter{Type: "AT_TIMESTAMP", Timestamp: aws.Time(created.Add(15 * time.Hour))})
		check([]int{1, 2, 3}, &types.ShardFilter{Type: "FROM_TIMESTAMP", Timestamp: aws.Time(created.Add(15 * time.Hour))})
		time.Sleep(15 * time.Hour) // 0 was closed 25 hours ago
		check([]int{1, 2, 3}, nil)
		check([]int{1, 2}, &types.ShardFilter{Type: "AT_TRIM_HORIZON"})
		_, err = c.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{StreamName: aws.String("s"), ShardId: aws.String(firstShard), ShardIteratorType: "LATEST"})
		wantCode(t, err, "ResourceNotFoundException")
		if counts, err := s.Accepted("s"); err != nil || counts[firstShard] != 1 {
			t.Errorf("accepted %v, %v", counts, err)
		}
	})
}

// F06, I5: 16 writers, each in order under its own key, while shards split and merge. Every acknowledged record is read
// once, a key's records in order when parents are read before children.
func TestReshardUnderLoad(t *testing.T) {
	c := client(start(t, Config{Unlimited: true}))
	create(t, c, "s", 2)
	const writers, puts = 16, 60
	var done atomic.Int64
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range puts {
				_, err := c.PutRecord(context.Background(), &kinesis.PutRecordInput{StreamName: aws.String("s"),
					PartitionKey: aws.String(fmt.Sprintf("w%d", w)), Data: []byte{byte(i)}})
				if err != nil {
					t.Error(err)
				}
				done.Add(1)
			}
		})
	}
	for _, n := range []int32{4, 3, 6, 3, 2, 4} {
		_, err := c.UpdateShardCount(t.Context(), &kinesis.UpdateShardCountInput{StreamName: aws.String("s"), TargetShardCount: &n, ScalingType: "UNIFORM_SCALING"})
		wantCode(t, err, "")
		for before := done.Load(); done.Load() < min(before+writers*5, writers*puts); {
			time.Sleep(time.Millisecond)
		}
	}
	wg.Wait()
	next := map[string]int{}
	for _, s := range shards(t, c, "s", nil) { // in order of numbers: parents come first
		records, _ := drain(t, c, "s", *s.ShardId)
		last := ""
		for _, r := range records {
			if *r.SequenceNumber <= last {
				t.Fatalf("%s after %s", *r.SequenceNumber, last)
			}
			last = *r.SequenceNumber
			if int(r.Data[0]) != next[*r.PartitionKey] {
				t.Fatalf("key %s: record %d, want %d", *r.PartitionKey, r.Data[0], next[*r.PartitionKey])
			}
			next[*r.PartitionKey]++
		}
	}
	for key, n := range next {
		if n != puts {
			t.Errorf("key %s: %d records", key, n)
		}
	}
	if len(next) != writers {
		t.Errorf("%d keys", len(next))
	}
}

// A change that could not be saved leaves the stream as it was, or, if it may have been saved, shuts it.
func TestReshardFails(t *testing.T) {
	for op, shut := range map[string]bool{"create": false, "rename": false, "syncdir": true} {
		t.Run(op, func(t *testing.T) {
			fsys, s := onSim(t)
			c := client(s)
			create(t, c, "s", 1)
			put(t, c, "s", "a")
			fsys.Fault(func(o, name string) error {
				if o == op {
					return errors.New("fault")
				}
				return nil
			})
			_, err := c.SplitShard(t.Context(), &kinesis.SplitShardInput{StreamName: aws.String("s"), ShardToSplit: aws.String(firstShard), NewStartingHashKey: aws.String("99")})
			wantCode(t, err, "InternalFailure")
			fsys.Fault(nil)
			_, err = c.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: aws.String("s"), PartitionKey: aws.String("b"), Data: []byte("x")})
			if shut {
				wantCode(t, err, "InternalFailure")
				return
			}
			wantCode(t, err, "")
			if records, _ := drain(t, c, "s", firstShard); len(records) != 2 {
				t.Errorf("%d records", len(records))
			}
		})
	}
}
