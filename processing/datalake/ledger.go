package datalake

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sync/errgroup"

	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
)

// Head is a ledger as it lay in the bucket when it was read or written, and what its reader has found out since. It is
// never kept over two batches: a remembered head would be another writer's past.
type Head struct {
	rawzone.Ledger
	// Doubtful says that the objects must be asked before the ledger is believed: it is empty, or it looks like an
	// older copy that somebody has put back. See Lake.Newest.
	Doubtful bool
	// Since is the first ordinal whose rows may still be on their way to the streaming table, 0 if there is none. Only
	// Lake.Ledger sets it.
	Since int64
	// etag names the version in the bucket; empty where there was no ledger object.
	etag string
}

// Version names the version of the ledger in the bucket.
func (h Head) Version() string { return h.etag }

// patience is how much later than its own date a ledger may have come to lie in the bucket. S3 takes no write that was
// signed more than 15 minutes ago, and clocks differ by less; what is later by more was put there by somebody else. A
// smaller limit notices more, and a false alarm costs a listing.
const patience = 5 * time.Minute

// Ledger reads how far a shard has landed, the open object included if it exists. It changes nothing, and a head that it
// found out without a ledger cannot be advanced: see Claim.
func (l *Lake) Ledger(ctx context.Context, stream, shard string) (Head, error) {
	r, err := l.Registry(ctx, stream)
	if err != nil {
		return Head{}, err
	}
	return l.LedgerIn(ctx, r, shard)
}

// LedgerIn is Ledger for who asks about many shards, and has read the registry once for all of them.
func (l *Lake) LedgerIn(ctx context.Context, r Registry, shard string) (Head, error) {
	head, err := l.locate(ctx, r, shard)
	if err != nil {
		return head, err
	}
	return l.landed(ctx, head)
}

// LedgerOf is Ledger for one of a shard's chains.
func (l *Lake) LedgerOf(ctx context.Context, c rawzone.Chain) (Head, error) {
	head, err := l.read(ctx, c)
	if err != nil {
		return head, err
	}
	return l.landed(ctx, head)
}

// locate reads the ledger of the chain in which a shard goes on. Where there is none, the head is that of the last chain, and
// it is doubtful if the shard has landed before.
func (l *Lake) locate(ctx context.Context, r Registry, shard string) (head Head, err error) {
	chains := r.Chains(shard)
	for _, c := range chains {
		if head, err = l.read(ctx, c); err != nil || head.etag != "" {
			return head, err
		}
	}
	if len(chains) == 1 && head.Generation != "" {
		head.Doubtful, err = l.Claimed(ctx, head.Chain())
	}
	return head, err
}

// Locate is the chain in which a shard goes on, whatever its ledger says.
func (l *Lake) Locate(ctx context.Context, stream, shard string) (c rawzone.Chain, err error) {
	r, err := l.Registry(ctx, stream)
	if err != nil {
		return c, err
	}
	for _, c = range r.Chains(shard) {
		if _, err := l.Metadata(ctx, c.LedgerKey()); !is(err, "NotFound") {
			return c, err
		}
	}
	return c, nil
}

// landed adds to a head what its open object says, and where the ledger is in doubt, what the others say.
func (l *Lake) landed(ctx context.Context, head Head) (Head, error) {
	if head.Open != "" {
		o, err := l.Object(ctx, head.Open)
		switch {
		case err == nil:
			n := int64(0)
			if head.Withheld != "" {
				if n, err = l.countWithheld(ctx, head.Stream, o); err != nil {
					return head, err
				}
			}
			head.Ledger, head.Since = head.AfterAll(o, n, head.UpdatedAt), o.FirstOrdinal
		case !errors.Is(err, rawzone.ErrVoid) && !is(err, "NotFound"):
			return head, err
		}
	}
	if head.Doubtful {
		o, _, err := l.Newest(ctx, head, "")
		if err != nil {
			return head, err
		}
		if o.LastOrdinal > head.Ordinal {
			n, err := l.countWithheld(ctx, head.Stream, o)
			if err != nil {
				return head, err
			}
			head.Ledger, head.Since = head.AfterAll(o, n, time.Now()), o.FirstOrdinal
		}
	}
	if head.Object != "" { // whatever the ledger knows of a channel: what was put aside may be newer
		late, err := l.late(ctx, head.Chain())
		if err != nil {
			return head, err
		}
		head.Quarantined += late
	}
	return head, nil
}

// Claim is Ledger for a writer, as it lies in the bucket: what became of its open object is for Resolve to say. Where a
// shard has no ledger it makes an empty one: a writer that stood still between a look at the objects and the creation of
// the ledger would bring back a past that others have long left. A shard that nobody has claimed before is new, and costs
// the same whatever lies in the bucket; one that was claimed has lost its ledger. A ledger in which somebody has to look is
// refused.
func (l *Lake) Claim(ctx context.Context, r Registry, shard string) (head Head, err error) {
	chains := r.Chains(shard)
	for _, c := range chains {
		if head, err = l.read(ctx, c); err != nil || head.etag != "" {
			return head.usable(err)
		}
	}
	last := len(chains) - 1
	for _, c := range chains[:last] { // lost, or never there
		if o, _, err := l.Newest(ctx, Head{Ledger: rawzone.Start(c)}, ""); err != nil || o.Key != "" {
			if err != nil {
				return head, err
			}
			return l.open(ctx, c, false)
		}
	}
	// Neither ledger nor chain: the writer may have remembered a registry that is gone, with all ledgers. Then a shard that
	// has landed looks like a new one, and its ordinals would begin again in the same generation.
	if now, err := l.registry(ctx, chains[last].Stream); err != nil || now.etag == "" || now.Last().ID != r.Last().ID {
		return head, cmp.Or(err, ErrEnded)
	} else if err := l.knows(ctx, now); err != nil {
		return head, err
	}
	fresh, err := l.stake(ctx, chains[last])
	if err != nil {
		return head, err
	}
	return l.open(ctx, chains[last], fresh)
}

// open makes the empty ledger of a chain.
func (l *Lake) open(ctx context.Context, c rawzone.Chain, fresh bool) (Head, error) {
	empty := rawzone.Start(c)
	empty.UpdatedAt, empty.New = time.Now().UTC(), fresh
	head, err := l.advance(ctx, Head{}, empty)
	if errors.Is(err, ErrFenced) {
		head, err = l.read(ctx, c) // another writer was faster
	} else {
		head.Doubtful = !fresh
	}
	return head.usable(err)
}

// usable refuses a ledger that nobody may write.
func (h Head) usable(err error) (Head, error) {
	switch {
	case err != nil:
		return h, err
	case h.etag == "":
		return Head{}, fmt.Errorf("claim ledger of %s/%s: %w", h.Stream, h.Shard, ErrFenced)
	case h.Stopped != "":
		return Head{}, fmt.Errorf("ledger of %s/%s: %s", h.Stream, h.Shard, h.Stopped)
	case h.Ended:
		return Head{}, fmt.Errorf("ledger %s: %w", h.Chain().LedgerKey(), ErrEnded)
	}
	return h, nil
}

// Past reads the ledger of a chain that is over, for the writer that ends it. Where there is none, and nothing has landed,
// it makes one that says so: a writer who does not know yet finds it.
func (l *Lake) Past(ctx context.Context, c rawzone.Chain) (Head, error) {
	for {
		head, err := l.read(ctx, c)
		if err != nil || head.etag != "" {
			return head, err
		}
		claimed := false
		if c.Generation != "" {
			if claimed, err = l.Claimed(ctx, c); err != nil {
				return head, err
			}
		}
		empty := rawzone.Start(c)
		empty.UpdatedAt, empty.Ended = time.Now().UTC(), !claimed
		head, err = l.advance(ctx, Head{}, empty)
		if !errors.Is(err, ErrFenced) {
			head.Doubtful = claimed
			return head, err
		}
	}
}

// read reads the ledger as it lies there: empty, without an etag, if it does not.
func (l *Lake) read(ctx context.Context, chain rawzone.Chain) (Head, error) {
	key := chain.LedgerKey()
	text, etag, modified, err := l.version(ctx, key)
	if is(err, "NoSuchKey") {
		return Head{Ledger: rawzone.Start(chain), Doubtful: true}, nil
	}
	if err != nil {
		return Head{}, fmt.Errorf("ledger of %s/%s: %w", chain.Stream, chain.Shard, err)
	}
	ledger, err := rawzone.DecodeLedger(text, chain)
	if err != nil {
		return Head{}, fmt.Errorf("%w; delete %s in bucket %s to have it rebuilt from the raw zone", err, key, l.bucket)
	}
	doubtful := ledger.Empty() && !ledger.New && !ledger.Ended || modified.Sub(ledger.UpdatedAt) > patience
	if ledger.Empty() {
		ledger.Ordinal = rawzone.Start(chain).Ordinal
	}
	return Head{Ledger: ledger, Doubtful: doubtful, etag: etag}, nil
}

// Resolve decides what becomes of the object that a ledger names as open. If it exists, it has landed. If not, its name is
// made void, and ErrVoid returned: whoever has the name, in a process that stands still or in a request that is on its way,
// cannot create the object any more. header is the object's content without a row.
func (l *Lake) Resolve(ctx context.Context, key string, header []byte) (rawzone.Object, error) {
	for {
		o, err := l.Object(ctx, key)
		if !is(err, "NotFound") {
			return o, err
		}
		if _, err := l.Create(ctx, key, header, rawzone.Void()); err != nil {
			return o, err
		}
	}
}

// Busy reports whether a writer has named an object within a time and not created it yet.
func (l *Lake) Busy(ctx context.Context, stream, shard string, within time.Duration) (bool, error) {
	r, err := l.Registry(ctx, stream)
	if err != nil {
		return false, err
	}
	head, err := l.locate(ctx, r, shard)
	if err != nil || head.Open == "" || time.Since(head.UpdatedAt) > within {
		return false, err
	}
	_, err = l.Object(ctx, head.Open)
	switch {
	case is(err, "NotFound"):
		return true, nil
	case errors.Is(err, rawzone.ErrVoid):
		return false, nil
	}
	return false, err
}

// Newest returns the chain's object with the highest ordinals behind those that the ledger covers, not counting the one with
// the key except, and the turn of the next name behind it. Objects land one after another, and none is begun before the
// one in front of it was handed over; so this one is all that a lost ledger leaves open. The zero Object means that there
// is none. It costs about one request for each folder, however many objects there are: for a ledger that is gone it begins to
// look where a seal ends.
func (l *Lake) Newest(ctx context.Context, head Head, except string) (newest rawzone.Object, turn int, err error) {
	c := head.Chain()
	newest, err = l.newestRecovered(ctx, c, except)
	if err != nil {
		return newest, 0, fmt.Errorf("look for the last object of %s/%s: %w", head.Stream, head.Shard, err)
	}
	for _, from := range l.begin(ctx, head) {
		turn = 0
		for n, err := range l.backward(ctx, c, from, everything) {
			if err != nil {
				return newest, 0, fmt.Errorf("look for the last object of %s/%s: %w", head.Stream, head.Shard, err)
			}
			if n.Ordinal <= newest.LastOrdinal {
				return newest, turn, nil
			}
			if n.key == except {
				continue
			}
			o, err := l.Object(ctx, n.key)
			if err == nil {
				return o, turn, nil
			}
			if !errors.Is(err, rawzone.ErrVoid) {
				return newest, 0, err
			}
			turn = max(turn, n.Turn+1)
		}
	}
	return newest, turn, nil
}

// begin are the ordinals behind which to look for the newest object, in turn. Of a ledger that is gone the first one is in front of
// the last object under a seal, which stays when others expire; where that one is gone, all are looked for. Seals that cannot be read
// are for an audit to name: without them it only takes longer.
func (l *Lake) begin(ctx context.Context, head Head) []int64 {
	if head.Empty() {
		seals, _, _ := l.Seals(ctx, head.Stream)
		if seal, found := seals.Of(head.Chain()); found && seal.Begin-1 > head.Ordinal {
			return []int64{seal.Begin - 1, head.Ordinal}
		}
	}
	return []int64{head.Ordinal}
}

// newestRecovered is the recovered object with the highest ordinals. These are few, and their names do not tell their ordinals.
func (l *Lake) newestRecovered(ctx context.Context, c rawzone.Chain, except string) (newest rawzone.Object, err error) {
	keys, err := l.recoveredKeys(ctx, c)
	for _, key := range keys {
		if err != nil {
			break
		}
		if key == except {
			continue
		}
		var o rawzone.Object
		if o, err = l.Object(ctx, key); err == nil && o.LastOrdinal > newest.LastOrdinal {
			newest = o
		} else if errors.Is(err, rawzone.ErrVoid) {
			err = nil
		}
	}
	return newest, err
}

func (l *Lake) recoveredKeys(ctx context.Context, c rawzone.Chain) (keys []string, err error) {
	err = l.List(ctx, c.RecoveredPrefix(), func(key string) error {
		if _, ok := c.RecoveredFirst(key); ok {
			keys = append(keys, key)
		}
		return nil
	})
	return keys, err
}

// Behind finds a shard's objects that end behind an ordinal, in order, those of recovered records included.
func (l *Lake) Behind(ctx context.Context, head Head, ordinal int64) ([]rawzone.Object, error) {
	keys, err := l.recoveredKeys(ctx, head.Chain())
	if err != nil {
		return nil, fmt.Errorf("look for the objects of %s/%s: %w", head.Stream, head.Shard, err)
	}
	var objects []rawzone.Object
	take := func(key string) (rawzone.Object, error) {
		o, err := l.Object(ctx, key)
		if err == nil && o.LastOrdinal > ordinal {
			objects = append(objects, o)
		}
		return o, err
	}
	for _, key := range keys {
		if _, err := take(key); err != nil && !errors.Is(err, rawzone.ErrVoid) {
			return nil, err
		}
	}
	for n, err := range l.backward(ctx, head.Chain(), head.Base(), everything) {
		if err != nil {
			return nil, fmt.Errorf("look for the objects of %s/%s: %w", head.Stream, head.Shard, err)
		}
		o, err := take(n.key)
		if err == nil && o.FirstOrdinal <= ordinal+1 {
			break
		}
		if err != nil && !errors.Is(err, rawzone.ErrVoid) {
			return nil, err
		}
	}
	slices.SortFunc(objects, func(a, b rawzone.Object) int { return cmp.Compare(a.FirstOrdinal, b.FirstOrdinal) })
	return objects, nil
}

// Heads are the ledgers of all shards of a stream that have one, in the order of their names; several are read at once.
func (l *Lake) Heads(ctx context.Context, stream string) ([]Head, error) {
	r, err := l.Registry(ctx, stream)
	if err != nil {
		return nil, err
	}
	chains, err := l.Chains(ctx, stream)
	if err != nil {
		return nil, err
	}
	var shards []string
	for _, c := range chains {
		shards = append(shards, c.Shard)
	}
	slices.Sort(shards)
	shards = slices.Compact(shards)
	heads := make([]Head, len(shards))
	group, inside := errgroup.WithContext(ctx)
	group.SetLimit(l.parallel)
	for i, shard := range shards {
		group.Go(func() (err error) {
			heads[i], err = l.LedgerIn(inside, r, shard)
			return err
		})
	}
	return heads, group.Wait()
}

// Recovered returns the shard's object of recovered records that opens with this position, if there is one, and otherwise
// the number of the next name for it. An object that opens elsewhere and reaches into the range up to last is an error:
// its records would be there twice.
func (l *Lake) Recovered(ctx context.Context, head Head, first, last record.Position) (o rawzone.Object, n int, err error) {
	type place struct {
		at  record.Position
		key string
	}
	var places []place
	err = l.List(ctx, head.Chain().RecoveredPrefix(), func(key string) error {
		if at, ok := head.Chain().RecoveredFirst(key); ok && at.Compare(last) <= 0 {
			places = append(places, place{at, key})
		}
		return nil
	})
	if err != nil {
		return o, 0, err
	}
	slices.SortFunc(places, func(a, b place) int { return b.at.Compare(a.at) })
	for _, p := range places { // backwards; none reaches into another, so the last one in front of the range decides
		found, failed := l.Object(ctx, p.key)
		switch {
		case errors.Is(failed, rawzone.ErrVoid) && p.at == first:
			n++
		case errors.Is(failed, rawzone.ErrVoid):
		case failed != nil:
			return o, 0, failed
		case p.at == first:
			return found, n, nil // those behind it go on where it ends
		case found.Last.Compare(first) >= 0:
			err = fmt.Errorf("records of %s/%s from %s on were recovered already, from %s, as %s: leave them out",
				head.Stream, head.Shard, p.at.Sequence, found.Source, p.key)
		default:
			return o, n, err
		}
	}
	return o, n, err
}

// Advance replaces the ledger that head was read from by next. ErrFenced means that another writer came first; nothing was
// changed.
func (l *Lake) Advance(ctx context.Context, head Head, next rawzone.Ledger) (Head, error) {
	if head.etag == "" {
		return Head{}, fmt.Errorf("advance ledger of %s/%s: it was read without being claimed", next.Stream, next.Shard)
	}
	return l.advance(ctx, head, next)
}

func (l *Lake) advance(ctx context.Context, head Head, next rawzone.Ledger) (Head, error) {
	etag, err := l.swap(ctx, next.Chain().LedgerKey(), head.etag, next.Encode())
	switch {
	case errors.Is(err, ErrFenced):
		return Head{}, fmt.Errorf("advance ledger of %s/%s behind ordinal %d: %w", next.Stream, next.Shard, next.Ordinal, err)
	case err != nil:
		return Head{}, fmt.Errorf("write ledger %w", err)
	}
	return Head{Ledger: next, etag: etag}, nil
}

// swap replaces an object if it is still the version that was read, or creates it if none was. ErrFenced means that somebody
// came first. It tells a lost race from a lost answer: after a broken connection the SDK sends the write again, and the
// second one is refused because the first one was done.
func (l *Lake) swap(ctx context.Context, key, etag string, text []byte) (string, error) {
	in := &s3.PutObjectInput{Bucket: &l.bucket, Key: &key, Body: bytes.NewReader(text), ContentType: aws.String("application/json")}
	if etag == "" {
		in.IfNoneMatch = aws.String("*")
	} else {
		in.IfMatch = &etag
	}
	out, err := l.api.PutObject(ctx, in)
	if err == nil {
		return aws.ToString(out.ETag), nil
	}
	if !is(err, "PreconditionFailed") && !is(err, "NoSuchKey") {
		return "", fmt.Errorf("%s to bucket %s: %w", key, l.bucket, err)
	}
	there, etag, _, err := l.version(ctx, key)
	if is(err, "NoSuchKey") {
		return "", ErrFenced // somebody has deleted it meanwhile
	}
	if err != nil {
		return "", err
	}
	if !bytes.Equal(there, text) {
		return "", ErrFenced
	}
	return etag, nil
}

// version reads an object and what tells its version from others; the error has the code NoSuchKey if there is none.
func (l *Lake) version(ctx context.Context, key string) (text []byte, etag string, modified time.Time, err error) {
	out, err := l.api.GetObject(ctx, &s3.GetObjectInput{Bucket: &l.bucket, Key: &key})
	if err != nil {
		return nil, "", modified, fmt.Errorf("read %s from bucket %s: %w", key, l.bucket, err)
	}
	defer out.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(out.Body); err != nil {
		return nil, "", modified, fmt.Errorf("read %s from bucket %s: %w", key, l.bucket, err)
	}
	return body.Bytes(), aws.ToString(out.ETag), aws.ToTime(out.LastModified), nil
}
