package lambda

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	listEvery     = 5 * time.Second // how often shards are listed to find new ones; the end of a shard does it at once
	problemFirst  = time.Second
	problemMost   = 30 * time.Second
	noRecordsYet  = "No records processed"
	resultOK      = "OK"
	resultProblem = "PROBLEM: "
)

// mapping is one event source mapping. Its run goroutine owns a poller for each shard that may be read; pollers own
// their shard's checkpoint.
type mapping struct {
	mappingWorld
	id  string
	dir string

	changing sync.Mutex // held while settings go to disk, so that changes have one order

	mu       sync.Mutex // covers all below; never held over disk or network
	set      settings
	deleted  bool
	restart  context.CancelFunc
	result   string
	shards   map[string]*shardState
	listed   []string  // ids in the newest list
	listedAt time.Time // when that list was asked for
	hurryFor time.Time // a Drain of this moment wants everything handed over
	draining int       // Drains that wait
	gone     bool      // the stream was not there when its shards were last listed
	changed  broadcast // progress that a Drain waits for
	hurried  broadcast // a Drain began
}

// shardState is the progress on a shard. Its checkpoint is what lies on disk.
type shardState struct {
	checkpoint checkpoint
	stats      ShardStats
	clean      time.Time // all that was at the tip at this moment is done
	pending    time.Time // arrival of the oldest record that was read and is not done
	behind     time.Duration
	stuck      string // why its records can be handed over to nobody, until somebody mends it; empty if they can
}

// checkpoint is the durable position in a shard: all up to Sequence is done, and nothing after it is.
type checkpoint struct {
	Sequence   string `json:"sequence,omitempty"`
	Finished   bool   `json:"finished,omitempty"`
	AtPosition bool   `json:"atPosition,omitempty"` // without a sequence: begin at the mapping's position, not at the oldest
}

func createMapping(dir string, set settings, world mappingWorld) (*mapping, error) {
	if err := world.store.folder(dir); err != nil {
		return nil, fmt.Errorf("create event source mapping: %w", err)
	}
	if err := world.store.save(filepath.Join(dir, "mapping.json"), set); err != nil {
		return nil, errors.Join(fmt.Errorf("create event source mapping: %w", err), os.RemoveAll(dir))
	}
	return newMapping(dir, set, world), nil
}

func newMapping(dir string, set settings, world mappingWorld) *mapping {
	return &mapping{mappingWorld: world, id: set.ID, dir: dir, set: set, result: noRecordsYet, shards: map[string]*shardState{}}
}

// openMapping reads the settings and checkpoints of an earlier process.
func openMapping(dir string, set settings, world mappingWorld) (*mapping, error) {
	m := newMapping(dir, set, world)
	names, err := filepath.Glob(filepath.Join(dir, "shardId-*.json"))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		var point checkpoint
		if err := world.store.load(name, &point); err != nil {
			return nil, err
		}
		m.shards[strings.TrimSuffix(filepath.Base(name), ".json")] = &shardState{checkpoint: point}
	}
	return m, nil
}

func (m *mapping) checkpointPath(shard string) string { return filepath.Join(m.dir, shard+".json") }

// run reads the stream while the mapping is enabled, and begins anew when its settings change. A batch in flight is
// always waited for, so two settings never work on one shard. It returns true when the mapping was deleted, false when
// the host closes.
func (m *mapping) run(life, calls context.Context) bool {
	for {
		ctx, cancel := context.WithCancel(life)
		m.mu.Lock()
		set, deleted := m.set, m.deleted
		m.restart = cancel
		m.mu.Unlock()
		if !deleted && set.Enabled {
			m.consume(ctx, calls, set)
		} else if !deleted {
			<-ctx.Done()
		}
		cancel()
		if deleted || life.Err() != nil {
			return deleted
		}
	}
}

// consume runs a poller for each shard whose parents are done, until ctx ends. It returns after all pollers have.
func (m *mapping) consume(ctx, calls context.Context, set settings) {
	running, ended := map[string]bool{}, make(chan string)
	defer func() {
		for len(running) > 0 {
			delete(running, <-ended)
		}
	}()
	stream, err := streamName(set.Stream)
	if err != nil {
		m.report(resultProblem + err.Error())
		<-ctx.Done()
		return
	}
	for failures := 0; ctx.Err() == nil; {
		hurried := m.hurrySignal()
		pause, begun := listEvery, time.Now()
		ready, err := m.list(ctx, stream)
		if failures++; err == nil {
			failures = 0
		} else if isGone(err) {
			pause = backoff(failures, problemFirst, problemMost)
			m.lost(stream, begun)
		} else if ctx.Err() == nil {
			pause = backoff(failures, problemFirst, problemMost)
			m.log.Warn("shards of a stream cannot be listed", "mapping", m.id, "stream", stream, "error", err)
			m.report(resultProblem + "the shards of stream " + stream + " cannot be listed")
		}
		for _, shard := range ready {
			if !running[shard] {
				running[shard] = true
				go m.poll(ctx, calls, set, stream, shard, ended)
			}
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case shard := <-ended:
			delete(running, shard)
		case <-hurried:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// poll is one poller's goroutine: consume waits for its word on ended.
func (m *mapping) poll(ctx, calls context.Context, set settings, stream, shard string, ended chan<- string) {
	p, err := newPoller(m, calls, set, stream, shard)
	if err == nil {
		err = p.run(ctx)
	}
	if isGone(err) && ctx.Err() == nil {
		m.log.Warn("a shard is not there any more", "mapping", m.id, "shard", shard, "error", err)
		sleep(ctx, problemFirst)
	} else if err != nil && ctx.Err() == nil && !errors.Is(err, errClosing) {
		m.log.Error("poller of a shard failed and starts again", "mapping", m.id, "shard", shard, "error", err)
		m.report(resultProblem + "shard " + shard + " is held up by this host: see its log")
		sleep(ctx, problemFirst)
	}
	m.update(m.state(shard), func(s *shardState) { s.pending, s.stuck = time.Time{}, "" }) // the next poller reads again what this one had
	ended <- shard
}

// lost notes that the stream was not there at a moment: until it is there again, nothing of it can come.
func (m *mapping) lost(stream string, at time.Time) {
	m.report(resultProblem + "stream " + stream + " does not exist")
	m.mu.Lock()
	again := m.gone
	m.gone, m.listed, m.listedAt = true, nil, at
	m.changed.wake()
	m.mu.Unlock()
	if again {
		return
	}
	m.log.Warn("the stream of an event source mapping does not exist", "mapping", m.id, "stream", stream)
	m.say("Stream " + stream + " does not exist, so its event source mapping " + m.id + " has nothing to read: " +
		"delete the mapping, or make the stream again.")
}

// saveSettings changes the settings on disk and then in memory, or neither.
func (m *mapping) saveSettings(change func(*settings) error) error {
	m.changing.Lock()
	defer m.changing.Unlock()
	m.mu.Lock()
	set, deleted := m.set, m.deleted
	m.mu.Unlock()
	if deleted {
		return conflict("event source mapping %s is being deleted", m.id)
	}
	if err := change(&set); err != nil {
		return err
	}
	if err := m.store.save(filepath.Join(m.dir, "mapping.json"), set); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.set = set
	return nil
}

// change saves new settings and lets run begin anew with them.
func (m *mapping) change(change func(*settings) error) error {
	if err := m.saveSettings(change); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stop()
	return nil
}

// remove deletes the mapping: durable at once, while its batch in flight goes on to its end.
func (m *mapping) remove() error {
	m.changing.Lock()
	defer m.changing.Unlock()
	if err := removeIfThere(filepath.Join(m.dir, "mapping.json")); err != nil {
		return err
	}
	if err := m.store.syncFolder(m.dir); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.deleted = true
	m.stop()
	return nil
}

// stop ends the current round of run. The caller holds mu.
func (m *mapping) stop() {
	if m.restart != nil {
		m.restart()
	}
	m.changed.wake()
}

func (m *mapping) current() settings {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.set
}

func (m *mapping) report(result string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.result = result
}

// update changes a shard's state and wakes a Drain that may wait for it.
func (m *mapping) update(state *shardState, change func(*shardState)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(state)
	m.changed.wake()
}

func (m *mapping) hurrySignal() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.hurried.wait()
}

func (m *mapping) hurry(since time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hurryFor = since
	m.hurried.wake()
}

// isHurried tells a poller that a Drain waits for its shard.
func (m *mapping) isHurried(state *shardState) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return state.clean.Before(m.hurryFor)
}

// drained waits until all that was in the stream at the given moment is done. Every shard of that moment is in any
// later list, so one such list whose shards are all done or clean since then is enough.
func (m *mapping) drained(ctx context.Context, since time.Time) error {
	m.wait(1)
	defer m.wait(-1)
	for {
		m.mu.Lock()
		behind := m.undrained(since)
		changed := m.changed.wait()
		m.mu.Unlock()
		if behind == "" {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("mapping %s: %s: %w", m.id, behind, ctx.Err())
		}
	}
}

func (m *mapping) undrained(since time.Time) string {
	if m.deleted || !m.set.Enabled {
		return ""
	}
	if m.listedAt.Before(since) {
		return "the stream's shards are not listed"
	}
	if m.gone {
		for shard, state := range m.shards {
			if !state.pending.IsZero() && state.stuck == "" {
				return shard + " still hands over what was read before its stream was deleted"
			}
		}
		return ""
	}
	for _, shard := range m.listed {
		state := m.shards[shard]
		if state != nil && !state.checkpoint.Finished && state.clean.Before(since) && state.stuck == "" {
			return fmt.Sprintf("%s is done up to %q", shard, state.checkpoint.Sequence)
		}
	}
	return ""
}

// wait counts the drains that wait for the mapping.
func (m *mapping) wait(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.draining += n
}

// waiting says what the drains under way wait for, and what the mapping last met.
func (m *mapping) waiting() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.draining == 0 {
		return ""
	}
	what := m.undrained(m.hurryFor)
	if what == "" {
		return ""
	}
	what = "the event source mapping to " + m.set.Function + ": " + what
	if strings.HasPrefix(m.result, resultProblem) {
		what += " (" + m.result + ")"
	}
	return what
}

func (m *mapping) stateName() string {
	switch {
	case m.deleted:
		return "Deleting"
	case m.set.Enabled:
		return "Enabled"
	}
	return "Disabled"
}

func (m *mapping) answer() map[string]any {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.set.answer(m.place, m.stateName(), m.result)
}

func (m *mapping) stats() MappingStats {
	m.mu.Lock()
	defer m.mu.Unlock()
	stats := MappingStats{ID: m.id, EventSourceARN: m.set.source(), Function: m.set.Function, State: m.stateName(), LastResult: m.result}
	for id, state := range m.shards {
		shard := state.stats
		shard.Shard, shard.Checkpoint, shard.Finished = id, state.checkpoint.Sequence, state.checkpoint.Finished
		shard.IteratorAge = state.behind
		if !state.pending.IsZero() {
			shard.IteratorAge = time.Since(state.pending)
		}
		stats.Shards = append(stats.Shards, shard)
	}
	slices.SortFunc(stats.Shards, func(a, b ShardStats) int { return strings.Compare(a.Shard, b.Shard) })
	return stats
}
