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
	keys := slices.Sorted(maps.Keys(m.toLoad))
	if len(keys) == 0 {
		return nil
	}
	var waiting []string
	for _, key := range keys {
		known, err := m.tools.Pipe.Known(ctx, key)
		if err != nil {
			return err
		}
		if !known && time.Since(m.toLoad[key]) < refreshDays*24*time.Hour {
			waiting = append(waiting, key)
			continue
		}
		if err := m.insert(ctx, key); err != nil {
			return err
		}
	}
	if len(waiting) == 0 {
		return nil
	}
	if err := m.tools.Pipe.Refresh(ctx); err != nil {
		return err
	}
	return m.await(ctx, waiting)
}

// refreshDays is how far ALTER PIPE ... REFRESH looks back.
const refreshDays = 7

// insert merges an object's rows into the micro-batch table.
func (m *mender) insert(ctx context.Context, key string) error {
	rows, err := m.read(ctx, key, nil)
	if err != nil {
		return err
	}
	return m.tools.Transaction(ctx, func(tx Statements) error {
		inserted, err := m.merge(ctx, tx, Microbatch, rows)
		m.done.Inserted += inserted
		return err
	})
}

// await waits for the pipe to load objects.
func (m *mender) await(ctx context.Context, keys []string) error {
	const look = 500 * time.Millisecond
	until := time.Now().Add(m.tools.Wait)
	for {
		var left []string
		for _, key := range keys {
			known, err := m.tools.Pipe.Known(ctx, key)
			if err != nil {
				return err
			}
			if !known {
				left = append(left, key)
			}
		}
		m.done.Loaded += int64(len(keys) - len(left))
		if keys = left; len(keys) == 0 {
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
