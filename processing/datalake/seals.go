package datalake

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/snowstream/snowstream/record/rawzone"
)

// Seals returns what audits have proved of a stream, and the version that Seal replaces; it is empty where nothing is sealed.
func (l *Lake) Seals(ctx context.Context, stream string) (seals rawzone.Seals, version string, err error) {
	key := rawzone.SealsKey(stream)
	out, err := l.api.GetObject(ctx, &s3.GetObjectInput{Bucket: &l.bucket, Key: &key})
	if is(err, "NoSuchKey") {
		return rawzone.Seals{Stream: stream}, "", nil
	}
	if err != nil {
		return seals, "", fmt.Errorf("read %s from bucket %s: %w", key, l.bucket, err)
	}
	defer out.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(out.Body); err != nil {
		return seals, "", fmt.Errorf("read %s from bucket %s: %w", key, l.bucket, err)
	}
	seals, err = rawzone.DecodeSeals(text.Bytes(), stream)
	if err != nil {
		return seals, "", fmt.Errorf("%w; bring back an earlier version of %s in bucket %s: of objects that have expired nothing else knows; if none has, delete it and seal again", err, key, l.bucket)
	}
	return seals, aws.ToString(out.ETag), nil
}

// Seal replaces the seals that had a version. ErrFenced means that another audit has sealed since; nothing was changed.
func (l *Lake) Seal(ctx context.Context, version string, next rawzone.Seals) (string, error) {
	key, text := rawzone.SealsKey(next.Stream), next.Encode()
	in := &s3.PutObjectInput{Bucket: &l.bucket, Key: &key, Body: bytes.NewReader(text), ContentType: aws.String("application/json")}
	if version == "" {
		in.IfNoneMatch = aws.String("*")
	} else {
		in.IfMatch = &version
	}
	out, err := l.api.PutObject(ctx, in)
	switch {
	case err == nil:
		return aws.ToString(out.ETag), nil
	case is(err, "PreconditionFailed"), is(err, "NoSuchKey"):
		now, version, err := l.Seals(ctx, next.Stream) // ours, if an answer was lost
		if err == nil && !bytes.Equal(now.Encode(), text) {
			err = fmt.Errorf("write %s to bucket %s: another audit has sealed meanwhile: repeat this: %w", key, l.bucket, ErrFenced)
		}
		return version, err
	}
	return "", fmt.Errorf("write %s to bucket %s: %w", key, l.bucket, err)
}

// Everything as an ordinal leaves a chain out; see Unsealed.
const Everything = math.MaxInt64

// Unsealed yields the objects of rows of a stream that landed in their turn, behind the ordinal that is said of their chain, in any
// order. It costs a request or two for each folder, and one for 1,000 objects behind the ordinals; chains that are left out with
// Everything cost nothing.
func (l *Lake) Unsealed(ctx context.Context, stream string, behind func(rawzone.Chain) int64, yield func(key string, modified time.Time) error) error {
	var mu sync.Mutex
	return l.eachOfRows(ctx, func(ctx context.Context, folder string) error {
		chains, err := l.chainsIn(ctx, folder, stream)
		for _, c := range chains {
			if err != nil {
				break
			}
			mu.Lock()
			ordinal := behind(c)
			mu.Unlock()
			if ordinal == Everything {
				continue
			}
			prefix := c.RowsIn(folder)
			err = l.EntriesAfter(ctx, prefix, rawzone.From(prefix, ordinal+1), func(key string, modified time.Time) error {
				mu.Lock()
				defer mu.Unlock()
				return yield(key, modified)
			})
		}
		return err
	})
}

// RowsOf yields all objects of rows of a stream, in the order of their names, recovered and replayed ones among them. It costs one
// request for 1,000 objects, and at most two for each folder in which other streams have more.
func (l *Lake) RowsOf(ctx context.Context, stream string, yield func(key string, modified time.Time) error) error {
	mine, prefix, after := rawzone.Escape(stream)+"/", rawzone.Rows, rawzone.Rows
	for {
		out, err := l.api.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &l.bucket, Prefix: &prefix, StartAfter: &after})
		if err != nil {
			return fmt.Errorf("list %s in bucket %s: %w", prefix, l.bucket, err)
		}
		for _, o := range out.Contents {
			after = aws.ToString(o.Key)
			if _, rest, _ := strings.Cut(strings.TrimPrefix(after, prefix), "/"); strings.HasPrefix(rest, mine) {
				if err := yield(after, aws.ToTime(o.LastModified)); err != nil {
					return err
				}
			}
		}
		if !aws.ToBool(out.IsTruncated) || len(out.Contents) == 0 {
			return nil
		}
		after = beyond(after, mine)
	}
}

// beyond is a name behind which a listing finds the next objects of a stream that are behind an object, mine being its folder.
func beyond(key, mine string) string {
	folder, rest, _ := strings.Cut(strings.TrimPrefix(key, rawzone.Rows), "/")
	folder = rawzone.Rows + folder
	switch {
	case strings.HasPrefix(rest, mine):
		return key
	case rest < mine:
		return folder + "/" + mine
	}
	return folder + string(rune('/'+1)) // behind all that begins with the folder's name and a slash
}

// Quarantined are the chains of a stream that have, or had, records in quarantine: a request or two, however many there are.
func (l *Lake) Quarantined(ctx context.Context, stream string) ([]rawzone.Chain, error) {
	return l.chainsIn(ctx, rawzone.Quarantine, stream)
}

// chainsIn are the chains of a stream that have a folder below a prefix. Those from before there were generations lie beside the
// generations.
func (l *Lake) chainsIn(ctx context.Context, prefix, stream string) (out []rawzone.Chain, err error) {
	at := prefix + rawzone.Escape(stream) + "/"
	err = l.folders(ctx, at, func(below string) error {
		if !rawzone.IsGeneration(strings.TrimSuffix(strings.TrimPrefix(below, at), "/")) {
			if c, ok := rawzone.ChainOf(below+"any", stream); ok {
				out = append(out, c)
			}
			return nil
		}
		return l.folders(ctx, below, func(shard string) error {
			if c, ok := rawzone.ChainOf(shard+"any", stream); ok {
				out = append(out, c)
			}
			return nil
		})
	})
	return out, err
}

// Previous returns the object in front of one in its chain; the zero Object if that is gone and a seal covers it: then all rows up to
// there are in the tables.
func (l *Lake) Previous(ctx context.Context, stream string, o rawzone.Object) (rawzone.Object, error) {
	before, err := l.Object(ctx, o.Previous)
	if !is(err, "NotFound") {
		return before, err
	}
	seals, _, failed := l.Seals(ctx, stream)
	if failed != nil {
		return before, failed
	}
	if seal, found := seals.Of(rawzone.Chain{Stream: stream, Generation: o.Generation, Shard: o.First.Shard}); found && o.FirstOrdinal-1 <= seal.Ordinal {
		return rawzone.Object{}, nil
	}
	return before, err
}

// sealedBefore reports whether a quarantine object belongs to what is sealed.
func (l *Lake) sealedBefore(ctx context.Context, key string) (bool, error) {
	stream, _, _ := strings.Cut(strings.TrimPrefix(key, rawzone.Quarantine), "/")
	c, ok := rawzone.ChainOf(key, rawzone.Unescape(stream))
	ordinal, named := c.RejectedBy(key)
	if !ok || !named {
		return false, nil
	}
	seals, _, err := l.Seals(ctx, c.Stream)
	seal, found := seals.Of(c)
	return found && ordinal <= seal.Ordinal, err
}

// Tag sets the tag by which a lifecycle rule knows that an object may go.
func (l *Lake) Tag(ctx context.Context, key string) error {
	_, err := l.api.PutObjectTagging(ctx, &s3.PutObjectTaggingInput{
		Bucket: &l.bucket, Key: &key,
		Tagging: &types.Tagging{TagSet: []types.Tag{{Key: aws.String(rawzone.SealTag), Value: aws.String(rawzone.SealTagValue)}}},
	})
	if err != nil && !is(err, "NoSuchKey") { // it has gone since it was listed
		return fmt.Errorf("tag object %s in bucket %s: %w", key, l.bucket, err)
	}
	return nil
}

// Expires reports whether the bucket has a lifecycle rule that goes by the tag.
func (l *Lake) Expires(ctx context.Context) (bool, error) {
	out, err := l.api.GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: &l.bucket})
	if is(err, "NoSuchLifecycleConfiguration") {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read the lifecycle rules of bucket %s: %w", l.bucket, err)
	}
	ours := func(t types.Tag) bool {
		return aws.ToString(t.Key) == rawzone.SealTag && aws.ToString(t.Value) == rawzone.SealTagValue
	}
	return slices.ContainsFunc(out.Rules, func(r types.LifecycleRule) bool {
		return r.Status == types.ExpirationStatusEnabled && r.Filter != nil &&
			(r.Filter.Tag != nil && ours(*r.Filter.Tag) || r.Filter.And != nil && slices.ContainsFunc(r.Filter.And.Tags, ours))
	}), nil
}
