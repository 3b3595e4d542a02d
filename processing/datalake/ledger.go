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
	head, err := l.read(ctx, rawzone.Chain{Stream: stream, Shard: shard})
	if err != nil {
		return head, err
	}
	if head.Open != "" {
		o, err := l.Object(ctx, head.Open)
		switch {
		case err == nil:
			n := int64(0)
			if head.Withheld != "" {
				if n, err = l.countWithheld(ctx, stream, o); err != nil {
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
			n, err := l.countWithheld(ctx, stream, o)
			if err != nil {
				return head, err
			}
			head.Ledger, head.Since = head.AfterAll(o, n, time.Now()), o.FirstOrdinal
		}
	}
	return head, nil
}

// Claim is Ledger for a writer, as it lies in the bucket: what became of its open object is for Resolve to say. Where there
// is no ledger it makes an empty one: a writer that stood still between a look at the objects and the creation of the
// ledger would bring back a past that others have long left. A ledger in which somebody has to look is refused.
func (l *Lake) Claim(ctx context.Context, stream, shard string) (Head, error) {
	chain := rawzone.Chain{Stream: stream, Shard: shard}
	head, err := l.read(ctx, chain)
	if err == nil && head.etag == "" {
		empty := rawzone.Start(chain)
		empty.UpdatedAt = time.Now().UTC()
		if head, err = l.advance(ctx, head, empty); errors.Is(err, ErrFenced) {
			head, err = l.read(ctx, chain) // another writer was faster
		}
		head.Doubtful = true
	}
	switch {
	case err != nil:
		return head, err
	case head.etag == "":
		return Head{}, fmt.Errorf("claim ledger of %s/%s: %w", stream, shard, ErrFenced)
	case head.Stopped != "":
		return Head{}, fmt.Errorf("ledger of %s/%s: %s", stream, shard, head.Stopped)
	}
	return head, nil
}

// read reads the ledger as it lies there: empty, without an etag, if it does not.
func (l *Lake) read(ctx context.Context, chain rawzone.Chain) (Head, error) {
	key := chain.LedgerKey()
	out, err := l.api.GetObject(ctx, &s3.GetObjectInput{Bucket: &l.bucket, Key: &key})
	if is(err, "NoSuchKey") {
		return Head{Ledger: rawzone.Start(chain), Doubtful: true}, nil
	}
	if err != nil {
		return Head{}, fmt.Errorf("read ledger %s from bucket %s: %w", key, l.bucket, err)
	}
	defer out.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(out.Body); err != nil {
		return Head{}, fmt.Errorf("read ledger %s from bucket %s: %w", key, l.bucket, err)
	}
	ledger, err := rawzone.DecodeLedger(text.Bytes(), chain)
	if err != nil {
		return Head{}, fmt.Errorf("%w; delete %s in bucket %s to have it rebuilt from the raw zone", err, key, l.bucket)
	}
	doubtful := ledger.Empty() || aws.ToTime(out.LastModified).Sub(ledger.UpdatedAt) > patience
	if ledger.Empty() {
		ledger.Ordinal = rawzone.Start(chain).Ordinal
	}
	return Head{Ledger: ledger, Doubtful: doubtful, etag: aws.ToString(out.ETag)}, nil
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
	head, err := l.read(ctx, rawzone.Chain{Stream: stream, Shard: shard})
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

// Newest lists the shard's objects and returns the one with the highest ordinals, not counting the one with the key
// except, and the turn of the next name behind it. Objects land one after another, and none is begun before the one in
// front of it was handed over; so this one is all that a lost ledger leaves open. The zero Object means that there is none.
//
// The shard stands behind the folder in a key, so this lists all rows: the price of a lost ledger, and of a new shard.
func (l *Lake) Newest(ctx context.Context, head Head, except string) (newest rawzone.Object, turn int, err error) {
	names, recovered, err := l.names(ctx, head)
	if err != nil {
		return newest, 0, fmt.Errorf("look for the last object of %s/%s: %w", head.Stream, head.Shard, err)
	}
	for _, key := range recovered { // these are few, and their names do not tell their ordinals
		o, err := l.Object(ctx, key)
		switch {
		case err == nil && key != except && o.LastOrdinal > newest.LastOrdinal:
			newest = o
		case err != nil && !errors.Is(err, rawzone.ErrVoid):
			return newest, 0, err
		}
	}
	for _, n := range names { // the highest ordinals first
		if n.Ordinal <= newest.LastOrdinal {
			break
		}
		if n.key == except {
			continue
		}
		o, err := l.Object(ctx, n.key)
		switch {
		case err == nil:
			return o, turn, nil
		case !errors.Is(err, rawzone.ErrVoid):
			return newest, 0, err
		}
		turn = max(turn, n.Turn+1)
	}
	return newest, turn, nil
}

// name is the key of an object of rows and what it says.
type name struct {
	rawzone.Name
	key string
}

// names lists the shard's objects of rows, those with the highest ordinals first, and the keys of its recovered ones.
func (l *Lake) names(ctx context.Context, head Head) (names []name, recovered []string, err error) {
	err = l.List(ctx, rawzone.Rows, func(key string) error {
		if n, ok := head.Chain().Name(key); ok {
			names = append(names, name{n, key})
		} else if _, ok := head.Chain().RecoveredFirst(key); ok {
			recovered = append(recovered, key)
		}
		return nil
	})
	slices.SortFunc(names, func(a, b name) int { return cmp.Or(cmp.Compare(b.Ordinal, a.Ordinal), cmp.Compare(b.Turn, a.Turn)) })
	return names, recovered, err
}

// Behind finds a shard's objects that end behind an ordinal, in order, those of recovered records included. Like Newest it
// lists all rows.
func (l *Lake) Behind(ctx context.Context, head Head, ordinal int64) ([]rawzone.Object, error) {
	names, keys, err := l.names(ctx, head)
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
	for _, n := range names { // the highest ordinals first
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

// Shards calls yield with each shard of a stream that has a ledger.
func (l *Lake) Shards(ctx context.Context, stream string, yield func(shard string) error) error {
	seen := map[string]bool{}
	return l.List(ctx, rawzone.Ledgers+rawzone.Escape(stream)+"/", func(key string) error {
		c, ok := rawzone.ChainOf(key, stream)
		if !ok || seen[c.Shard] {
			return nil
		}
		seen[c.Shard] = true
		return yield(c.Shard)
	})
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
		found, err := l.Object(ctx, p.key)
		switch {
		case errors.Is(err, rawzone.ErrVoid) && p.at == first:
			n++
		case errors.Is(err, rawzone.ErrVoid):
		case err != nil:
			return o, 0, err
		case p.at == first:
			o = found
		case found.Last.Compare(first) >= 0:
			return o, 0, fmt.Errorf("records of %s/%s from %s on were recovered already, from %s, as %s: leave them out",
				head.Stream, head.Shard, p.at.Sequence, found.Source, p.key)
		default:
			return o, n, nil
		}
	}
	return o, n, nil
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
	key := next.Chain().LedgerKey()
	text := next.Encode()
	in := &s3.PutObjectInput{Bucket: &l.bucket, Key: &key, Body: bytes.NewReader(text), ContentType: aws.String("application/json")}
	if head.etag == "" {
		in.IfNoneMatch = aws.String("*")
	} else {
		in.IfMatch = &head.etag
	}
	out, err := l.api.PutObject(ctx, in)
	if err == nil {
		return Head{Ledger: next, etag: aws.ToString(out.ETag)}, nil
	}
	if is(err, "PreconditionFailed") || is(err, "NoSuchKey") {
		return l.ours(ctx, next, text)
	}
	return Head{}, fmt.Errorf("write ledger %s to bucket %s: %w", key, l.bucket, err)
}

// ours tells a lost race from a lost answer: after a broken connection the SDK sends the write again, and the second
// one is refused because the first one was done.
func (l *Lake) ours(ctx context.Context, next rawzone.Ledger, text []byte) (Head, error) {
	head, err := l.read(ctx, next.Chain())
	if err != nil {
		return Head{}, err
	}
	if !bytes.Equal(head.Encode(), text) {
		return Head{}, fmt.Errorf("advance ledger of %s/%s behind ordinal %d: %w", next.Stream, next.Shard, next.Ordinal, ErrFenced)
	}
	return head, nil
}
