package datalake

import (
	"context"
	"fmt"
	"time"

	"github.com/snowstream/snowstream/record/rawzone"
)

// Rejections are those of a chain as they lay in the bucket when they were read or written.
type Rejections struct {
	rawzone.Rejections
	etag string
}

// Rejections reads what became of rows that Snowpipe Streaming has passed over.
func (l *Lake) Rejections(ctx context.Context, c rawzone.Chain) (Rejections, error) {
	text, etag, _, err := l.version(ctx, c.RejectionsKey())
	if is(err, "NoSuchKey") {
		return Rejections{Rejections: rawzone.NoRejections(c)}, nil
	}
	if err != nil {
		return Rejections{}, err
	}
	r, err := rawzone.DecodeRejections(text, c)
	if err != nil {
		return Rejections{}, fmt.Errorf("%w; put back an older version of it in bucket %s, or delete it: rows that were put aside are then counted as missing", err, l.bucket)
	}
	return Rejections{r, etag}, nil
}

// ClaimRejections takes the rejections over from whoever is looking for some: his next swap is refused.
func (l *Lake) ClaimRejections(ctx context.Context, r Rejections) (Rejections, error) {
	next := r.Rejections
	next.Claim = fmt.Sprintf("%016x", l.random())
	r, err := l.replace(ctx, r, next)
	if err != nil || r.Open == "" {
		return r, err
	}
	// Somebody has named a quarantine object: it is there, or it will never be.
	if _, err := l.createWithheld(ctx, r.Open, r.Object, 0, nil); err != nil {
		return r, err
	}
	return l.counted(ctx, r)
}

// WithholdLate puts rows of an object aside that the table refuses, and of which no ledger speaks any more.
func (l *Lake) WithholdLate(ctx context.Context, r Rejections, o rawzone.Object, rows int, ndjson []byte) (Rejections, error) {
	n := 0
	err := l.List(ctx, rawzone.WithheldPrefix(r.Stream, o), func(string) error {
		n++
		return nil
	})
	if err != nil {
		return r, err
	}
	next := r.Rejections
	next.Open, next.Object = rawzone.LateKey(r.Stream, o, n), o.Key
	if r, err = l.replace(ctx, r, next); err != nil {
		return r, err
	}
	if err := l.Withhold(ctx, r.Open, o, rows, ndjson); err != nil {
		return r, err
	}
	return l.counted(ctx, r)
}

// counted counts the rows of the quarantine object that was named last, and which exists.
func (l *Lake) counted(ctx context.Context, r Rejections) (Rejections, error) {
	rows, err := l.withheldRows(ctx, r.Open)
	if err != nil {
		return r, err
	}
	next := r.Rejections
	next.Withheld += int64(rows)
	next.Open, next.Object = "", ""
	return l.replace(ctx, r, next)
}

// SeeRejections notes that all that a channel had rejected was dealt with.
func (l *Lake) SeeRejections(ctx context.Context, r Rejections, seen rawzone.Channel) (Rejections, error) {
	next := r.Rejections
	next.Seen, next.Claim = seen, ""
	return l.replace(ctx, r, next)
}

func (l *Lake) replace(ctx context.Context, r Rejections, next rawzone.Rejections) (Rejections, error) {
	next.UpdatedAt = time.Now().UTC()
	etag, err := l.swap(ctx, next.Chain().RejectionsKey(), r.etag, next.Encode())
	if err != nil {
		return r, fmt.Errorf("write what became of rejected rows, %w", err)
	}
	return Rejections{next, etag}, nil
}

// late is how many rows of a chain were put aside of which its ledger does not speak. It changes nothing.
func (l *Lake) late(ctx context.Context, c rawzone.Chain) (int64, error) {
	r, err := l.Rejections(ctx, c)
	if err != nil || r.Open == "" {
		return r.Withheld, err
	}
	rows, err := l.withheldRows(ctx, r.Open)
	if is(err, "NotFound") {
		return r.Withheld, nil
	}
	return r.Withheld + int64(rows), err
}

// Aside are the ordinals of an object's rows that were put aside, whether they were brought since or not: the channel must never
// get them, because what was brought was merged.
func (l *Lake) Aside(ctx context.Context, stream string, o rawzone.Object) (ordinals []int64, err error) {
	ordinals, _, _, err = l.Withheld(ctx, stream, "", o)
	return ordinals, err
}
