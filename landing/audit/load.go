package audit

import (
	"context"
	"maps"
	"slices"
	"time"
)

// load brings the objects that the micro-batch table lacks rows of. The pipe may only be passed by where it will not
// load the object any more, or its rows would be doubled: it has dealt with it already, or it is older than a REFRESH
// looks back. All others are left to the pipe.
func (m *mender) load(ctx context.Context) error {
	var objects []object
	for _, key := range slices.Sorted(maps.Keys(m.toLoad)) {
		objects = append(objects, object{key: key, modified: m.toLoad[key]})
	}
	waiting, insert, err := m.split(ctx, objects)
	if err != nil {
		return err
	}
	inserted, err := m.fill(ctx, Microbatch, insert, func() {})
	if m.done.Inserted += inserted; err != nil || len(waiting) == 0 {
		return err
	}
	if err := m.tools.Pipe.Refresh(ctx); err != nil {
		return err
	}
	return m.await(ctx, waiting)
}

// refreshDays is how far ALTER PIPE ... REFRESH looks back.
const refreshDays = 7

// split tells the objects that are the pipe's to load from those that it will not load any more.
func (m *mender) split(ctx context.Context, objects []object) (waiting []string, insert []object, err error) {
	if len(objects) == 0 {
		return nil, nil, nil
	}
	known, err := m.tools.Pipe.Known(ctx, keysOf(objects))
	for _, o := range objects {
		if !known[o.key] && time.Since(o.modified) < refreshDays*24*time.Hour {
			waiting = append(waiting, o.key)
		} else {
			insert = append(insert, o)
		}
	}
	return waiting, insert, err
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
		keys = slices.DeleteFunc(keys, func(key string) bool { return known[key] })
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
	for _, key := range keys[:min(len(keys), 10)] {
		m.done.Left = append(m.done.Left, "object "+key+" was not loaded by the pipe in time: look at the pipe's state with `snowstream status`, and repeat the repair")
	}
	return nil
}
