package audit

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

// load brings the objects that the micro-batch table lacks rows of. The pipe may only be passed by where it will not
// load the object any more, or its rows would be doubled. All others are left to it.
func (m *mender) load(ctx context.Context) error {
	var objects []object
	for _, key := range slices.Sorted(maps.Keys(m.toLoad)) {
		objects = append(objects, object{key: key, modified: m.toLoad[key]})
	}
	waiting, insert, err := m.split(ctx, objects)
	if err != nil {
		return err
	}
	inserted, err := m.fill(ctx, insert, func() {})
	if m.done.Inserted += inserted; err != nil || len(waiting) == 0 {
		return err
	}
	if err := m.tools.Pipe.Refresh(ctx, waiting); err != nil {
		return err
	}
	return m.await(ctx, waiting)
}

// refreshReach is how far ALTER PIPE ... REFRESH looks back, less a minute for clocks.
const refreshReach = 7*24*time.Hour - time.Minute

// split tells the objects that are the pipe's to load from those that it will not load any more. It goes by what the pipe
// itself says, never by the age of an object alone: a pipe that stands still keeps its notices for 14 days, and loads what
// they name when it goes on.
//
//   - An object that this pipe has dealt with is in its memory for 14 days, and its rows may be merged.
//   - Of a pipe that stands still nothing else can be known. Its objects are left until it goes on.
//   - Of one that runs, objects that a REFRESH reaches are the pipe's. Older ones, and those that only an earlier pipe has
//     dealt with, come by a notice that is still waiting or not at all.
//
// The state is asked before the history: what is dealt with in between stands in the history.
func (m *mender) split(ctx context.Context, objects []object) (waiting []string, insert []object, err error) {
	if len(objects) == 0 {
		return nil, nil, nil
	}
	state, err := m.tools.Pipe.State(ctx)
	if err != nil {
		return nil, nil, err
	}
	known, err := m.tools.Pipe.Known(ctx, keysOf(objects))
	if err != nil {
		return nil, nil, err
	}
	var still, pending []string
	for _, o := range objects {
		dealt, there := known[o.key]
		switch {
		case there && !dealt.Before(state.Created):
			insert = append(insert, o)
		case !state.running():
			still = append(still, o.key)
		case !there && time.Since(o.modified) < refreshReach:
			waiting = append(waiting, o.key)
		case state.Pending > 0:
			pending = append(pending, o.key)
		default:
			insert = append(insert, o)
		}
	}
	m.leaveObjects(still, fmt.Sprintf("the pipe is %s and may still hold a notice of it, which it loads when it goes on: resume the pipe, and repeat this", state.State))
	m.leaveObjects(pending, fmt.Sprintf("the pipe has %d notices that it has not dealt with, perhaps one of it: repeat this when it has none", state.Pending))
	return waiting, insert, nil
}

// leaveObjects says why objects were not brought into the micro-batch table.
func (m *mender) leaveObjects(keys []string, reason string) {
	const most = 10
	for _, key := range keys[:min(len(keys), most)] {
		m.done.Left = append(m.done.Left, "object "+key+": "+reason)
	}
	if more := len(keys) - most; more > 0 {
		m.done.Left = append(m.done.Left, fmt.Sprintf("and %d more objects: %s", more, reason))
	}
}

func keysOf(objects []object) []string {
	keys := make([]string, len(objects))
	for i, o := range objects {
		keys[i] = o.key
	}
	return keys
}

// await waits for the pipe to load objects, as long as it makes progress.
func (m *mender) await(ctx context.Context, keys []string) error {
	const look = 500 * time.Millisecond
	until := time.Now().Add(m.tools.Wait)
	for {
		known, err := m.tools.Pipe.Known(ctx, keys)
		if err != nil {
			return err
		}
		before := len(keys)
		keys = slices.DeleteFunc(keys, func(key string) bool { _, there := known[key]; return there })
		if len(keys) < before {
			m.done.Loaded += int64(before - len(keys))
			until = time.Now().Add(m.tools.Wait)
		}
		if len(keys) == 0 {
			return nil
		}
		if time.Now().After(until) {
			break
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(look):
		}
	}
	m.leaveObjects(keys, "the pipe did not load it in time: look at the pipe with `snowstream status`, and repeat this")
	return nil
}
