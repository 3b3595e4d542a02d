package board

import (
	"cmp"
	"context"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/snowstream/snowstream/dashboard"
	"github.com/snowstream/snowstream/processing/datalake"
	"github.com/snowstream/snowstream/record/rawzone"
)

const (
	// rejectCount is how many quarantined records are shown.
	rejectCount = 20
	// rejectShards bounds how many shards' quarantine one look lists, keysPerLook how many keys of each.
	rejectShards = 4
	keysPerLook  = 2000
)

// rejects keeps the last quarantined records, without their payloads.
type rejects struct {
	lake   *datalake.Lake
	stream string
	// done is how many records were in each shard's quarantine when it was listed, and behind which key the next
	// listing begins.
	done map[string]listed

	mu      sync.Mutex // covers newest
	newest  []dashboard.Reject
	objects map[string]string // the object of each of them, by id
}

type listed struct {
	count int64
	after string
}

func newRejects(lake *datalake.Lake, stream string) *rejects {
	return &rejects{lake: lake, stream: stream, done: map[string]listed{}, objects: map[string]string{}}
}

func (r *rejects) last() []dashboard.Reject {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.newest)
}

// read looks into the quarantine of the shards whose ledger says that something came.
func (r *rejects) read(ctx context.Context, l *ledgers) error {
	left := rejectShards
	for id, ledger := range l.all() {
		before := r.done[id]
		if ledger.Quarantined == before.count {
			continue
		}
		if left--; left < 0 {
			return nil
		}
		after, err := r.readShard(ctx, ledger, before.after)
		if err != nil {
			return err
		}
		r.done[id] = listed{ledger.Quarantined, after}
	}
	return nil
}

// readShard reads the newest objects behind a key, and returns the last key.
func (r *rejects) readShard(ctx context.Context, l rawzone.Ledger, after string) (string, error) {
	keys, err := r.list(ctx, l, after)
	if err != nil || len(keys) == 0 {
		return after, err
	}
	var found []dashboard.Reject
	objects := map[string]string{}
	for _, key := range slices.Backward(keys) {
		if len(found) >= rejectCount {
			break
		}
		of, err := r.object(ctx, key)
		if err != nil {
			return after, err
		}
		for _, one := range of {
			objects[one.ID] = key
		}
		found = append(found, of...)
	}
	r.add(found, objects)
	return keys[len(keys)-1], nil
}

// list lists a shard's quarantine behind a key. Without one it goes back from the ledger's end, ten times as far each
// time, until there is something: keys stand in the order of ordinals, and only their beginning costs nothing to skip.
func (r *rejects) list(ctx context.Context, l rawzone.Ledger, after string) (keys []string, err error) {
	prefix := l.Chain().Quarantined()
	if after != "" {
		return r.keys(ctx, prefix, after)
	}
	for back := int64(1000); ; back *= 10 {
		from := max(l.Base(), l.Ordinal-back)
		keys, err = r.keys(ctx, prefix, rawzone.From(prefix, from))
		if err != nil || len(keys) > 0 || from == l.Base() {
			return keys, err
		}
	}
}

func (r *rejects) keys(ctx context.Context, prefix, after string) (keys []string, err error) {
	err = r.lake.EntriesAfter(ctx, prefix, after, func(key string, _ time.Time) error {
		if keys = append(keys, key); len(keys) == keysPerLook {
			return fs.SkipAll
		}
		return nil
	})
	return keys, err
}

// object reads what one quarantine object holds, if it counts.
func (r *rejects) object(ctx context.Context, key string) (out []dashboard.Reject, err error) {
	counts, err := r.lake.Counts(ctx, key)
	if err != nil || !counts {
		return nil, err
	}
	records, err := r.lake.Rejected(ctx, key)
	if err != nil {
		return nil, err
	}
	for _, one := range records {
		out = append(out, dashboard.Reject{
			ID: idOf(one.Shard, one.Ordinal), Shard: one.Shard, Sequence: one.Sequence, Ordinal: one.Ordinal, Arrived: one.ArrivedAt.UnixMilli(),
			Reason: string(one.Reason.Code), Field: one.Reason.Field, Expected: one.Reason.Expected, Bytes: len(one.Data),
		})
	}
	return out, nil
}

func idOf(shard string, ordinal int64) string { return shard + "/" + strconv.FormatInt(ordinal, 10) }

func (r *rejects) add(found []dashboard.Reject, objects map[string]string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := append(found, r.newest...)
	slices.SortFunc(all, func(a, b dashboard.Reject) int {
		return cmp.Or(cmp.Compare(b.Arrived, a.Arrived), cmp.Compare(a.Shard, b.Shard), cmp.Compare(b.Ordinal, a.Ordinal))
	})
	all = slices.CompactFunc(all, func(a, b dashboard.Reject) bool { return a.ID == b.ID })
	all = all[:min(len(all), rejectCount):min(len(all), rejectCount)]
	kept := map[string]string{}
	for _, one := range all {
		kept[one.ID] = cmp.Or(objects[one.ID], r.objects[one.ID])
	}
	r.newest, r.objects = all, kept
}

// payload reads one of the last records again: its id leads to its object, so no other can be asked for.
func (r *rejects) payload(ctx context.Context, id string) ([]byte, error) {
	r.mu.Lock()
	key, there := r.objects[id]
	r.mu.Unlock()
	if !there {
		return nil, dashboard.ErrUnknown
	}
	records, err := r.lake.Rejected(ctx, key)
	if err != nil {
		return nil, err
	}
	shard, number, _ := strings.Cut(id, "/")
	for _, one := range records {
		if one.Shard == shard && strconv.FormatInt(one.Ordinal, 10) == number {
			return one.Data, nil
		}
	}
	return nil, dashboard.ErrUnknown
}
