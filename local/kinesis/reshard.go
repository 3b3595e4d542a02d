package kinesis

import (
	"fmt"
	"slices"
	"time"

	"github.com/snowstream/snowstream/local/kinesis/log"
)

// plan is a change of a stream's shards being worked out: nothing of it is real before reshard commits it.
type plan struct {
	shards []shardRecord
	now    time.Time
}

// close closes a shard and returns its record.
func (p *plan) close(number int) shardRecord {
	p.shards[number].Closed = p.now.UnixMilli()
	return p.shards[number]
}

// add opens a child shard.
func (p *plan) add(start, end hashKey, parent, adjacent int) {
	epoch := epochOf(p.now)
	for _, n := range []int{parent, adjacent} {
		if n != noShard {
			epoch = max(epoch, p.shards[n].Epoch+1)
		}
	}
	p.shards = append(p.shards, shardRecord{
		Number: len(p.shards), Start: start, End: end,
		Parent: parent, Adjacent: adjacent, Epoch: epoch, Opened: p.now.UnixMilli(),
	})
}

// split replaces a shard by two, of which the second begins at a hash key strictly inside.
func (p *plan) split(number int, at hashKey) {
	parent := p.close(number)
	p.add(parent.Start, at.before(), number, noShard)
	p.add(at, parent.End, number, noShard)
}

// merge replaces two neighbours, the lower one first, by one.
func (p *plan) merge(parent, adjacent int) {
	low, high := p.close(parent), p.close(adjacent)
	if high.Start.less(low.Start) {
		low, high = high, low
	}
	p.add(low.Start, high.End, parent, adjacent)
}

// open lists the numbers of the open shards in order of hash keys.
func (p *plan) open() []int {
	var open []int
	for i := range p.shards {
		if p.shards[i].open() {
			open = append(open, i)
		}
	}
	slices.SortFunc(open, func(a, b int) int {
		if p.shards[a].Start.less(p.shards[b].Start) {
			return -1
		}
		return 1
	})
	return open
}

// scale splits and merges until n shards share the ring evenly.
func (p *plan) scale(n int) {
	starts := map[hashKey]bool{}
	open, at := p.open(), 0
	for i := range n {
		cut := evenStart(i, n)
		starts[cut] = true
		for p.shards[open[at]].End.less(cut) {
			at++
		}
		if p.shards[open[at]].Start.less(cut) {
			p.split(open[at], cut)
			open[at] = len(p.shards) - 1 // the upper half; later cuts lie in it or above
		}
	}
	open = p.open()
	left := open[0]
	for _, right := range open[1:] {
		if starts[p.shards[right].Start] {
			left = right
			continue
		}
		p.merge(left, right)
		left = len(p.shards) - 1
	}
}

// reshard carries out a change: it stops the shards that close, waits until their last records are durable, and makes
// the new set of shards durable and current at once. Puts wait meanwhile and then meet the new shards. The caller holds
// mu for writing.
func (st *stream) reshard(p *plan) error {
	var sealed []*log.Log
	undo := func() {
		for _, l := range sealed {
			l.Reopen()
		}
	}
	for i, sh := range st.shards {
		if !sh.shardRecord.open() || p.shards[i].open() {
			continue
		}
		end, err := sh.log.Seal()
		sealed = append(sealed, sh.log)
		if err != nil {
			undo()
			return fmt.Errorf("close shard %s of stream %s: %w", sh.name, st.Name, err)
		}
		p.shards[i].Count = end
	}
	next := st.streamRecord
	next.Shards = p.shards
	if err := st.save(next); err != nil {
		undo()
		return err
	}
	if err := st.openShards(); err != nil {
		st.failed = err
	}
	return st.failed
}

// plan begins a change of the shards; the caller holds mu.
func (st *stream) plan() *plan {
	return &plan{shards: slices.Clone(st.Shards), now: time.Now()}
}

type splitShardInput struct {
	target
	ShardToSplit       string
	NewStartingHashKey string
}

func (s *Server) splitShard(in *splitShardInput) error {
	var bad violations
	bad.required(in.ShardToSplit, "shardToSplit")
	at, ok := parseHashKey([]byte(in.NewStartingHashKey))
	bad.add(ok || hashKeyDigits([]byte(in.NewStartingHashKey)), nil, "newStartingHashKey", "Member must satisfy regular expression pattern: 0|([1-9]\\d{0,38})")
	if err := bad.err(); err != nil {
		return err
	}
	if !ok {
		return invalidArgument("Invalid NewStartingHashKey. It must be in the range: [0, 2^128-1]. Specified value was %s", in.NewStartingHashKey)
	}
	return s.change(in.target, func(st *stream) error {
		sh, err := st.openShard(in.ShardToSplit)
		if err != nil {
			return err
		}
		if !sh.Start.next().less(at) || !at.less(sh.End) {
			return invalidArgument("NewStartingHashKey %s used in SplitShard() on shard %s in stream %s under account %s is not both greater than one plus the shard's StartingHashKey %s and less than the shard's EndingHashKey %s.",
				at, sh.name, st.Name, s.cfg.AccountID, sh.Start, sh.End)
		}
		p := st.plan()
		p.split(sh.Number, at)
		return st.reshard(p)
	})
}

type mergeShardsInput struct {
	target
	ShardToMerge         string
	AdjacentShardToMerge string
}

func (s *Server) mergeShards(in *mergeShardsInput) error {
	var bad violations
	bad.required(in.ShardToMerge, "shardToMerge")
	bad.required(in.AdjacentShardToMerge, "adjacentShardToMerge")
	if err := bad.err(); err != nil {
		return err
	}
	return s.change(in.target, func(st *stream) error {
		one, err := st.openShard(in.ShardToMerge)
		if err != nil {
			return err
		}
		two, err := st.openShard(in.AdjacentShardToMerge)
		if err != nil {
			return err
		}
		if two.slot-one.slot != 1 {
			return invalidArgument("Shards %s and %s in stream %s under account %s are not an adjacent pair of shards eligible for merging",
				one.name, two.name, st.Name, s.cfg.AccountID)
		}
		p := st.plan()
		p.merge(one.Number, two.Number)
		return st.reshard(p)
	})
}

// openShard finds a shard that takes records; the caller holds mu.
func (st *stream) openShard(id string) (*shard, error) {
	sh, err := st.shard(id)
	if err != nil {
		return nil, err
	}
	if !sh.shardRecord.open() {
		return nil, invalidArgument("Shard %s in stream %s under account %s has already been merged or split, and thus is not eligible for merging or splitting.",
			id, st.Name, st.server.cfg.AccountID)
	}
	return sh, nil
}

type updateShardCountInput struct {
	target
	TargetShardCount *int64
	ScalingType      string
}

type updateShardCountOutput struct {
	StreamName, StreamARN               string
	CurrentShardCount, TargetShardCount int
}

func (s *Server) updateShardCount(in *updateShardCountInput) (updateShardCountOutput, error) {
	var bad violations
	bad.add(in.TargetShardCount != nil, "null", "targetShardCount", "Member must not be null")
	bad.between(in.TargetShardCount, "targetShardCount", 1, maxShards)
	bad.add(in.ScalingType == "UNIFORM_SCALING", nil, "scalingType", "Member must satisfy enum value set: [UNIFORM_SCALING]")
	if err := bad.err(); err != nil {
		return updateShardCountOutput{}, err
	}
	var out updateShardCountOutput
	err := s.change(in.target, func(st *stream) error {
		current, wanted := len(st.open), int(*in.TargetShardCount)
		out = updateShardCountOutput{st.Name, st.arn(), current, wanted}
		switch {
		case st.Mode == onDemand:
			return &apiError{"ValidationException", fmt.Sprintf("Stream %s is ON_DEMAND: its shard count cannot be updated.", st.Name)}
		case wanted > 2*current:
			return limitExceeded("UpdateShardCount cannot scale up over double your current open shard count. Current open shard count: %d Target shard count: %d", current, wanted)
		case 2*wanted < current:
			return limitExceeded("UpdateShardCount cannot scale down below half your current open shard count. Current open shard count: %d Target shard count: %d", current, wanted)
		}
		p := st.plan()
		p.scale(wanted)
		return st.reshard(p)
	})
	return out, err
}

// change finds a stream and runs f while nothing else touches it.
func (s *Server) change(t target, f func(*stream) error) error {
	st, err := s.stream(t)
	if err != nil {
		return err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.failed != nil {
		return st.failed
	}
	return f(st)
}
