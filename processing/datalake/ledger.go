package datalake

import (
	"bytes"
	"context"
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
	// etag names the version that was read; empty where there was no ledger object.
	etag string
}

// Ledger reads how far a shard has landed. A shard without a ledger is either new or has lost it; then the objects of
// rows tell.
func (l *Lake) Ledger(ctx context.Context, stream, shard string) (Head, error) {
	key := rawzone.LedgerKey(stream, shard)
	out, err := l.api.GetObject(ctx, &s3.GetObjectInput{Bucket: &l.bucket, Key: &key})
	if is(err, "NoSuchKey") {
		return l.rebuild(ctx, stream, shard)
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
		return Head{}, fmt.Errorf("%w; restore %s in bucket %s, or delete it to have it rebuilt from the raw zone", err, key, l.bucket)
	}
	return Head{ledger, aws.ToString(out.ETag)}, nil
}

// rebuild finds out where a shard without a ledger stands. Objects land one after another, so all but the last one
// were committed; the last one may have been cut off before its rows were handed over. The ledger therefore starts
// before it, and the retry of that batch meets its object and completes it.
func (l *Lake) rebuild(ctx context.Context, stream, shard string) (Head, error) {
	head := Head{Ledger: rawzone.Ledger{Stream: stream, Shard: shard}}
	before, err := l.lastButOne(ctx, stream, shard)
	if err != nil || before == "" {
		return head, err
	}
	o, err := l.Object(ctx, before)
	if err != nil {
		return Head{}, fmt.Errorf("rebuild ledger of %s/%s: %w", stream, shard, err)
	}
	head.Ledger = head.After(o, time.Now())
	return head, nil
}

// lastButOne is the key of the shard's last object of rows but one, empty if there are fewer than two. The shard
// stands behind the folder in a key, so this lists all rows: the price of a lost ledger, and of a new shard.
func (l *Lake) lastButOne(ctx context.Context, stream, shard string) (string, error) {
	var last, before string
	var lastOrdinal, beforeOrdinal int64
	err := l.List(ctx, rawzone.Rows, func(key string) error {
		ordinal, ok := rawzone.OfShard(key, stream, shard)
		switch {
		case !ok:
		case ordinal > lastOrdinal:
			before, beforeOrdinal = last, lastOrdinal
			last, lastOrdinal = key, ordinal
		case ordinal > beforeOrdinal:
			before, beforeOrdinal = key, ordinal
		}
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("rebuild the ledger of %s/%s: %w", stream, shard, err)
	}
	return before, nil
}

// Advance commits: it replaces the ledger that head was read from by next. ErrFenced means that another writer came
// first; nothing was changed.
func (l *Lake) Advance(ctx context.Context, head Head, next rawzone.Ledger) (Head, error) {
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
		return Head{next, aws.ToString(out.ETag)}, nil
	}
	if is(err, "PreconditionFailed") || is(err, "NoSuchKey") {
		return l.ours(ctx, next, text)
	}
	return Head{}, fmt.Errorf("write ledger %s to bucket %s: %w", key, l.bucket, err)
}

// ours tells a lost race from a lost answer: after a broken connection the SDK sends the write again, and the second
// one is refused because the first one was done.
func (l *Lake) ours(ctx context.Context, next rawzone.Ledger, text []byte) (Head, error) {
	head, err := l.Ledger(ctx, next.Stream, next.Shard)
	if err != nil {
		return Head{}, err
	}
	if !bytes.Equal(head.Encode(), text) {
		return Head{}, fmt.Errorf("advance ledger of %s/%s to ordinal %d: %w", next.Stream, next.Shard, next.Ordinal, ErrFenced)
	}
	return head, nil
}
