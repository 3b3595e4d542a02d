package lambda

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// list brings the known shards up to date and returns those that may be read: parents before children. A parent that is
// no longer listed has passed retention.
func (m *mapping) list(ctx context.Context, stream string) ([]string, error) {
	begun := time.Now()
	shards, err := m.reader.shards(ctx, stream)
	if err != nil {
		return nil, err
	}
	if err := m.adopt(shards); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.listed, m.listedAt, m.gone = nil, begun, false
	for _, shard := range shards {
		m.listed = append(m.listed, *shard.ShardId)
	}
	var ready []string
	for _, shard := range shards {
		if !m.shards[*shard.ShardId].checkpoint.Finished && m.passed(shard.ParentShardId) && m.passed(shard.AdjacentParentShardId) {
			ready = append(ready, *shard.ShardId)
		}
	}
	m.changed.wake()
	return ready, nil
}

func (m *mapping) passed(parent *string) bool {
	return parent == nil || !slices.Contains(m.listed, *parent) || m.shards[*parent].checkpoint.Finished
}

// adopt takes in shards that were not seen before and forgets finished ones that are no longer listed. The shards of
// the very first list begin at the mapping's position, all later ones at their start; which is which is on disk before
// any of them is read.
func (m *mapping) adopt(shards []types.Shard) error {
	m.mu.Lock()
	first := !m.set.FirstListDone
	m.mu.Unlock()
	listed := map[string]bool{}
	for _, shard := range shards {
		id := *shard.ShardId
		listed[id] = true
		if m.state(id) != nil {
			continue
		}
		point := checkpoint{AtPosition: first}
		if first {
			if err := m.store.save(m.checkpointPath(id), point); err != nil {
				return err
			}
		}
		m.mu.Lock()
		m.shards[id] = &shardState{checkpoint: point}
		m.mu.Unlock()
	}
	if first && len(shards) > 0 {
		if err := m.saveSettings(func(set *settings) error { set.FirstListDone = true; return nil }); err != nil {
			return err
		}
	}
	return m.prune(listed)
}

func (m *mapping) prune(listed map[string]bool) error {
	var gone []string
	m.mu.Lock()
	for id, state := range m.shards {
		if state.checkpoint.Finished && !listed[id] {
			gone = append(gone, id)
			delete(m.shards, id)
		}
	}
	m.mu.Unlock()
	for _, id := range gone {
		if err := removeIfThere(m.checkpointPath(id)); err != nil {
			return err
		}
	}
	return nil
}

func (m *mapping) state(shard string) *shardState {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.shards[shard]
}
