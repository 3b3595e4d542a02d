package listener

import (
	"bytes"
	"context"
	"crypto/md5"
	"fmt"
	"math/big"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/snowstream/snowstream/record/aggregate"
)

// DefaultAggregateBytes is the size of a packed record: the Kinesis Producer Library's.
const DefaultAggregateBytes = 51200

// routes knows which keys go to which shard. It is read at the first need, and again after a record came to a shard
// that it does not know: the stream was resharded.
type routes struct {
	mu     sync.Mutex
	shards []hashRange
	ids    map[string]bool
}

// hashRange is the end of an open shard's range of hash keys; it starts where the one before it ends.
type hashRange [md5.Size]byte

// load reads the open shards, unless they are known.
func (r *routes) load(ctx context.Context, w *Writer) ([]hashRange, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.shards != nil {
		return r.shards, nil
	}
	ids, shards := map[string]bool{}, []hashRange{}
	input := &kinesis.ListShardsInput{StreamName: &w.stream}
	for {
		page, err := w.api.ListShards(ctx, input)
		if err != nil {
			return nil, fmt.Errorf("list the shards of stream %s, to route records: %w; %s", w.stream, err, hint(err))
		}
		for _, s := range page.Shards {
			if end, open := openRange(s); open {
				ids[aws.ToString(s.ShardId)] = true
				shards = append(shards, end)
			}
		}
		if aws.ToString(page.NextToken) == "" {
			break
		}
		// The token stands for the stream: giving both is an error.
		input = &kinesis.ListShardsInput{NextToken: page.NextToken}
	}
	slices.SortFunc(shards, func(a, b hashRange) int { return bytes.Compare(a[:], b[:]) })
	r.shards, r.ids = shards, ids
	return shards, nil
}

// forgo takes the stream for one shard, for good.
func (r *routes) forgo() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.shards, r.ids = []hashRange{}, nil
}

func openRange(s types.Shard) (end hashRange, open bool) {
	if s.HashKeyRange == nil || s.SequenceNumberRange != nil && s.SequenceNumberRange.EndingSequenceNumber != nil {
		return end, false
	}
	n, ok := new(big.Int).SetString(aws.ToString(s.HashKeyRange.EndingHashKey), 10)
	if !ok || n.Sign() < 0 || n.BitLen() > 8*len(end) {
		return end, false
	}
	n.FillBytes(end[:])
	return end, true
}

// confirm hears where a record went.
func (r *routes) confirm(shard string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.shards) > 0 && !r.ids[shard] {
		r.shards = nil
	}
}

// shardOf is the index of a key's shard.
func shardOf(shards []hashRange, key string) int {
	hash := md5.Sum([]byte(key))
	i, _ := slices.BinarySearchFunc(shards, hash, func(end hashRange, hash [md5.Size]byte) int { return bytes.Compare(end[:], hash[:]) })
	return i
}

// lanes splits items into parts to be sent side by side, at most one for each full call. All items of a shard are in
// the same lane, in their order.
func (w *Writer) lanes(ctx context.Context, items []item) ([][]item, error) {
	pack, spread := w.config.AggregateBytes > 0, w.config.PerShard && len(items) > MaxCallRecords
	if len(items) == 0 {
		return nil, nil
	}
	if !pack && !spread {
		return [][]item{items}, nil
	}
	shards, err := w.routes.load(ctx, w)
	if err != nil && pack {
		return nil, err
	}
	if err != nil {
		// Calls of one shard each are better, but calls of several do, too: the right to put is enough.
		w.config.Logger.Warn("records of all shards share calls", "stream", w.stream, "reason", err)
		w.routes.forgo()
		return [][]item{items}, nil
	}
	// A hash beyond the last shard cannot be, unless an answer was odd: it has a place all the same.
	byShard := make([][]item, len(shards)+1)
	for _, i := range items {
		at := shardOf(shards, *i.PartitionKey)
		byShard[at] = append(byShard[at], i)
	}
	if pack {
		for i := range byShard {
			byShard[i] = w.pack(byShard[i])
		}
	}
	return merge(byShard), nil
}

// merge makes as many lanes as there are full calls, of whole shards.
func merge(byShard [][]item) [][]item {
	total := 0
	for _, items := range byShard {
		total += len(items)
	}
	lanes := make([][]item, min(len(byShard), 1+(total-1)/MaxCallRecords))
	for i, items := range byShard {
		lane := i % len(lanes)
		lanes[lane] = append(lanes[lane], items...)
	}
	return slices.DeleteFunc(lanes, func(lane []item) bool { return len(lane) == 0 })
}

// pack puts items of one shard together. What is alone, or too large for company, stays as it is.
func (w *Writer) pack(items []item) []item {
	var packed []item
	var e aggregate.Encoder
	first := 0
	flush := func(end int) {
		switch {
		case e.Len() == 1:
			packed = append(packed, items[first])
		case e.Len() > 1:
			one := item{records: e.Len()}
			for _, i := range items[first:end] {
				one.bytes += i.bytes
			}
			one.Data, one.PartitionKey = e.Append(make([]byte, 0, e.Size())), items[first].PartitionKey
			packed = append(packed, one)
		}
		e.Reset()
		first = end
	}
	for n, i := range items {
		r := aggregate.UserRecord{PartitionKey: *i.PartitionKey, Data: i.Data}
		if e.Grown(r) > w.config.AggregateBytes {
			flush(n)
		}
		e.Add(r)
	}
	flush(len(items))
	return packed
}
