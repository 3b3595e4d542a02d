package simulation

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/aws/smithy-go"

	"github.com/snowstream/snowstream/landing/audit"
	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/processing/datalake"
	"github.com/snowstream/snowstream/processing/orchestrator"
	"github.com/snowstream/snowstream/processing/quarantine"
	"github.com/snowstream/snowstream/processing/replay"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
)

// zone is the bucket as the audit reads it: at once, because many reads of it run beside each other, and their order must
// not decide anything.
type zone struct {
	w    *world
	lake *datalake.Lake
	// cold are objects that cannot be read, with the name of the error.
	cold map[string]string
}

var _ audit.Lake = zone{}

func (z zone) Entries(_ context.Context, prefix string, yield func(string, time.Time) error) error {
	z.w.mu.Lock()
	keys := z.w.bucket.keys(prefix)
	objects := maps.Clone(z.w.bucket.objects)
	z.w.mu.Unlock()
	for _, key := range keys {
		if err := yield(key, objects[key].modified.Truncate(time.Second)); err != nil {
			return err
		}
	}
	return nil
}

func (z zone) Seals(ctx context.Context, stream string) (rawzone.Seals, string, error) {
	return z.lake.Seals(ctx, stream)
}

func (z zone) Seal(ctx context.Context, version string, next rawzone.Seals) (string, error) {
	return z.lake.Seal(ctx, version, next)
}

func (z zone) EntriesAfter(ctx context.Context, prefix, after string, yield func(string, time.Time) error) error {
	return z.lake.EntriesAfter(ctx, prefix, after, yield)
}

func (z zone) RowsOf(ctx context.Context, stream string, yield func(string, time.Time) error) error {
	return z.lake.RowsOf(ctx, stream, yield)
}

func (z zone) Unsealed(ctx context.Context, stream string, behind func(rawzone.Chain) int64, yield func(string, time.Time) error) error {
	return z.lake.Unsealed(ctx, stream, behind, yield)
}

func (z zone) Expires(context.Context) (bool, error) { return true, nil }

func (z zone) Tag(_ context.Context, key string) error {
	z.w.mu.Lock()
	defer z.w.mu.Unlock()
	if o, there := z.w.bucket.objects[key]; there {
		o.tagged = true
		z.w.bucket.objects[key] = o
	}
	return nil
}

func (z zone) object(key, missing string) (object, error) {
	z.w.mu.Lock()
	defer z.w.mu.Unlock()
	o, there := z.w.bucket.objects[key]
	if !there {
		return o, &smithy.GenericAPIError{Code: missing}
	}
	return o, nil
}

func (z zone) Metadata(_ context.Context, key string) (map[string]string, error) {
	o, err := z.object(key, "NotFound")
	return o.metadata, err
}

func (z zone) Read(_ context.Context, key string) ([]byte, error) {
	if code := z.cold[key]; code != "" {
		return nil, &smithy.GenericAPIError{Code: code}
	}
	o, err := z.object(key, "NoSuchKey")
	if err != nil {
		return nil, err
	}
	text, err := unpacked(key, o.body)
	if err != nil {
		err = rawzone.ErrDamaged
	}
	return text, err
}

func (z zone) Create(ctx context.Context, key string, text []byte, metadata map[string]string) (bool, error) {
	return z.lake.Create(ctx, key, text, metadata)
}

func (z zone) Restore(ctx context.Context, key string, csv []byte, metadata map[string]string) error {
	return z.lake.Restore(ctx, key, csv, metadata)
}

func (z zone) Quarantine(ctx context.Context, key, object string, ndjson []byte) error {
	return z.lake.Quarantine(ctx, key, object, ndjson)
}

func (z zone) Copy(_ context.Context, from, to string, note map[string]string) error {
	o, err := z.object(from, "NotFound")
	if err != nil {
		return err
	}
	q := request{method: http.MethodPut, key: to, body: o.body, header: http.Header{}}
	for _, m := range []map[string]string{o.metadata, note} {
		for name, value := range m {
			q.header.Set("X-Amz-Meta-"+name, value)
		}
	}
	z.w.mu.Lock()
	defer z.w.mu.Unlock()
	z.w.bucket.apply(q)
	return nil
}

// Read and Range read the stream, as far as it is there.
type source struct{ w *world }

func (s source) Read(_ context.Context, shard, after string, yield func([]record.Record) error) error {
	return s.read(shard, func(sequence string) bool { return after == "" || record.CompareSequence(sequence, after) > 0 }, yield)
}

func (s source) Range(_ context.Context, shard, first, last string, yield func([]record.Record) error) error {
	return s.read(shard, func(sequence string) bool {
		return record.CompareSequence(sequence, first) >= 0 && record.CompareSequence(sequence, last) <= 0
	}, yield)
}

func (s source) read(shard string, wanted func(sequence string) bool, yield func([]record.Record) error) error {
	s.w.mu.Lock()
	var out []record.Record
	for _, one := range s.w.stream.shards {
		if one.id != shard || one.gone {
			continue
		}
		for _, r := range one.records[one.horizon:] {
			if !wanted(r.sequence) {
				continue
			}
			out = append(out, record.Record{
				Position: record.Position{Shard: shard, Sequence: r.sequence}, PartitionKey: r.key, ArrivedAt: r.arrival, Data: r.data,
			})
		}
	}
	s.w.mu.Unlock()
	for part := range slices.Chunk(out, 50) {
		if err := yield(part); err != nil {
			return err
		}
	}
	return nil
}

// repairer is somebody who audits and repairs, in a process of their own.
type repairer struct {
	w *world
	p *process
	z zone
	// delete is --yes, shallow an audit without --deep.
	delete, shallow bool
}

func (w *world) repairer(p *process) *repairer {
	return &repairer{w: w, p: p, z: zone{w, p.lake(), map[string]string{}}}
}

func (r *repairer) auditor() *audit.Auditor {
	return audit.New(audit.Config{
		Session: queries{r.w}, Names: schema.Defaults(), Schema: r.w.functions.schema, Lake: r.z, Stream: streamName, Reader: source{r.w},
		Landed: r.landed, Deep: !r.shallow, Limit: 1000,
	})
}

// landed is what `snowstream audit` finds out about the shards.
func (r *repairer) landed(ctx context.Context, these []string, sealed rawzone.Seals) (map[string]audit.Landed, error) {
	lake, ids, out := r.p.lake(), map[string]bool{}, map[string]audit.Landed{}
	r.w.mu.Lock()
	for _, s := range r.w.stream.shards {
		ids[s.id] = !s.gone
	}
	for _, prefix := range []string{rawzone.Ledgers, rawzone.Quarantine} {
		for _, key := range r.w.bucket.keys(prefix) {
			if c, ok := rawzone.ChainOf(key, streamName); ok {
				ids[c.Shard] = true
			}
		}
	}
	r.w.mu.Unlock()
	for _, id := range these {
		ids[id] = true
	}
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		if !ids[id] {
			continue
		}
		head, broken := lake.Ledger(ctx, streamName, id)
		if broken != nil {
			chain, err := lake.Locate(ctx, streamName, id)
			if err != nil {
				return nil, err
			}
			l := rawzone.Start(chain)
			o, _, failed := lake.Newest(ctx, datalake.Head{Ledger: l}, "")
			if failed != nil {
				return nil, failed
			}
			out[id] = audit.Landed{Ledger: l.After(o, time.Now()), Broken: []audit.Broken{{Key: chain.LedgerKey(), Err: broken}}}
			continue
		}
		out[id] = audit.Landed{Ledger: head.Ledger, Since: head.Since}
	}
	return out, quarantine.List(ctx, lake, streamName, func(e quarantine.Entry) error {
		one := out[e.Shard]
		if seal, found := sealed.Of(one.Ledger.Chain()); e.Generation != one.Ledger.Generation || found && e.Ordinal <= seal.Ordinal {
			return nil
		}
		digest := ""
		if e.Row == nil {
			digest = audit.Digest(e.Data)
		}
		one.Rejected = append(one.Rejected, audit.Rejected{Position: e.Position, Ordinal: e.Ordinal, Key: e.Key, Replayed: e.Replayed, Withheld: e.Withheld(), Digest: digest})
		slices.SortFunc(one.Rejected, func(a, b audit.Rejected) int { return int(a.Ordinal - b.Ordinal) })
		out[e.Shard] = one
		return nil
	})
}

func (r *repairer) tools() (audit.Tools, error) {
	o, err := orchestrator.New(r.w.functions.schema, r.p.lake(), r.p.arrow(), rawzone.None, quiet())
	if err != nil {
		return audit.Tools{}, err
	}
	c := replay.New(replay.Config{Stream: streamName, Reader: source{r.w}, Lander: o, Lake: r.p.lake()})
	return audit.Tools{
		Transaction: queries{r.w}.transaction,
		Upsert:      r.handOver,
		Settle: func(ctx context.Context, object string) error {
			return quarantine.Settle(ctx, r.p.arrow(), object)
		},
		Pipe: r.w.pipe, Wait: 10 * time.Minute, Delete: r.delete, By: "simulation",
		Append: func(ctx context.Context, shard, first, last string) (int64, error) {
			return c.Recover(ctx, shard, first, last, "repair")
		},
	}, nil
}

// handOver is what the command does with an object that the streaming table lacks rows of.
func (r *repairer) handOver(ctx context.Context, object string, rows int) error {
	without, err := quarantine.Withheld(ctx, r.p.lake(), streamName, object)
	if err != nil {
		return err
	}
	refused, err := quarantine.HandOver(ctx, r.p.arrow(), object, rows, without)
	if len(refused) > 0 {
		return audit.ErrRefused
	}
	return err
}

// repair is `snowstream audit --repair`.
func (r *repairer) repair() (before, after audit.Proof, done audit.Repaired, err error) {
	t, err := r.tools()
	if err != nil {
		return before, after, done, err
	}
	return r.auditor().Repair(r.p.ctx, t)
}
