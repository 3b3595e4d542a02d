package datalake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/snowstream/snowstream/record/rawzone"
)

// Head is a ledger as it lay in the bucket when it was read. It is valid for one Advance and is never kept over two
// batches: a remembered head would be another writer's past.
type Head struct {
	rawzone.Ledger
	// Open is the object behind the ledger that has landed, of which a rebuilt ledger cannot say whether its rows were
	// handed over. Whoever gets it hands them over and advances to its end before anything else: the batch it came from
	// may never come again. Nil where the ledger was there, and where nothing has landed.
	Open *rawzone.Object
	// etag names the version that was read; empty where there was no ledger object.
	etag string
}

// Ledger reads how far a shard has landed. A shard without a ledger is either new or has lost it; then the objects of
// rows tell. It changes nothing, and a head that it found out without a ledger cannot be advanced: see Claim.
func (l *Lake) Ledger(ctx context.Context, stream, shard string) (Head, error) {
	head, err := l.read(ctx, stream, shard)
	if err != nil || head.Ordinal > 0 {
		return head, err
	}
	head, err = l.rebuild(ctx, Head{Ledger: head.Ledger})
	if head.Open != nil {
		head.Ledger, head.Open = head.After(*head.Open, time.Now()), nil
	}
	return head, err
}

// Claim is Ledger for a writer. Where there is no ledger it makes an empty one, and only then looks at the objects: a
// writer that stood still between a look and the creation would bring back a past that others have long left. An
// empty ledger says nothing, so whoever reads it looks for himself.
func (l *Lake) Claim(ctx context.Context, stream, shard string) (Head, error) {
	head, err := l.read(ctx, stream, shard)
	if err == nil && head.etag == "" {
		empty := rawzone.Ledger{Stream: stream, Shard: shard, UpdatedAt: time.Now().UTC()}
		if head, err = l.advance(ctx, head, empty); errors.Is(err, ErrFenced) {
			head, err = l.read(ctx, stream, shard) // another writer was faster
		}
	}
	switch {
	case err != nil || head.Ordinal > 0:
		return head, err
	case head.etag == "":
		return Head{}, fmt.Errorf("claim ledger of %s/%s: %w", stream, shard, ErrFenced)
	}
	return l.rebuild(ctx, head)
}

// read reads the ledger as it lies there: empty, without an etag, if it does not.
func (l *Lake) read(ctx context.Context, stream, shard string) (Head, error) {
	key := rawzone.LedgerKey(stream, shard)
	out, err := l.api.GetObject(ctx, &s3.GetObjectInput{Bucket: &l.bucket, Key: &key})
	if is(err, "NoSuchKey") {
		return Head{Ledger: rawzone.Ledger{Stream: stream, Shard: shard}}, nil
	}
	if err != nil {
		return Head{}, fmt.Errorf("read ledger %s from bucket %s: %w", key, l.bucket, err)
	}
	defer out.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(out.Body); err != nil {
		return Head{}, fmt.Errorf("read ledger %s from bucket %s: %w", key, l.bucket, err)
	}
	ledger, err := rawzone.DecodeLedger(text.Bytes(), stream, shard)
	if err != nil {
		return Head{}, fmt.Errorf("%w; delete %s in bucket %s to have it rebuilt from the raw zone (an older copy of it would give ordinals twice)", err, key, l.bucket)
	}
	return Head{Ledger: ledger, etag: aws.ToString(out.ETag)}, nil
}

// rebuild finds out where a shard with an empty ledger stands. Objects land one after another, so all but the last one
// were committed; the last one may have been cut off before its rows were handed over, and is left open.
func (l *Lake) rebuild(ctx context.Context, head Head) (Head, error) {
	last, err := l.last(ctx, head.Stream, head.Shard)
	if err != nil || last == "" {
		return head, err
	}
	o, err := l.Object(ctx, last)
	if err != nil {
		return Head{}, fmt.Errorf("rebuild the ledger of %s/%s: %w", head.Stream, head.Shard, err)
	}
	head.Open = &o
	return head, nil
}

// last is the key of the shard's last object of rows, empty if there is none. The shard stands behind the folder in a
// key, so this lists all rows: the price of a lost ledger, and of a new shard.
func (l *Lake) last(ctx context.Context, stream, shard string) (last string, err error) {
	var highest int64
	err = l.List(ctx, rawzone.Rows, func(key string) error {
		if ordinal, ok := rawzone.OfShard(key, stream, shard); ok && ordinal > highest {
			last, highest = key, ordinal
		}
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("rebuild the ledger of %s/%s: %w", stream, shard, err)
	}
	return last, nil
}

// Advance commits: it replaces the ledger that head was read from by next. ErrFenced means that another writer came
// first; nothing was changed.
func (l *Lake) Advance(ctx context.Context, head Head, next rawzone.Ledger) (Head, error) {
	if head.etag == "" {
		return Head{}, fmt.Errorf("advance ledger of %s/%s: it was read without being claimed", next.Stream, next.Shard)
	}
	return l.advance(ctx, head, next)
}

func (l *Lake) advance(ctx context.Context, head Head, next rawzone.Ledger) (Head, error) {
	key := rawzone.LedgerKey(next.Stream, next.Shard)
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
	head, err := l.read(ctx, next.Stream, next.Shard)
	if err != nil {
		return Head{}, err
	}
	if !bytes.Equal(head.Encode(), text) {
		return Head{}, fmt.Errorf("advance ledger of %s/%s to ordinal %d: %w", next.Stream, next.Shard, next.Ordinal, ErrFenced)
	}
	return head, nil
}
