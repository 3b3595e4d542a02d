// Package datalake keeps the raw zone: a batch becomes an object there exactly once, and a shard's ledger moves on
// only from the state that its writer has read.
//
// Both guarantees are S3's own. The ledger is replaced with If-Match on its ETag and names the object that comes next, so
// a writer that was overtaken is stopped (ErrFenced) before it has written anything. The object is written with
// If-None-Match: *, so a name that was made void in the meantime stays void. S3 acknowledges a write when it is durable.
//
// An object of rows is compressed and unpacked as its name says, see rawzone.Compression: whoever calls has CSV in the hand.
package datalake

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"github.com/snowstream/snowstream/internal/plainbody"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
)

// ErrFenced means that another writer has moved the shard's ledger on, or has made the name void under which this one was
// about to write. Whoever gets it must stop: what it holds has landed, or will land through the retry.
var ErrFenced = errors.New("another writer has taken the shard over")

// Lake is the bucket that the raw zone lies in. It is safe for concurrent use.
type Lake struct {
	api    *s3.Client
	bucket string
	// idle keeps a compressor from object to object; whoever finds none makes one.
	idle chan *packer
	// parallel is how many folders are asked at once, random what makes names that nobody else makes.
	parallel int
	random   func() uint64
}

// attempts is how often a call is tried, with the SDK's backoff and jitter in between: about 20 s of S3 trouble are
// waited out here before the whole batch is tried again.
const attempts = 8

// New returns the lake in a bucket, which must exist. 409 ConditionalRequestConflict, which the SDK takes for final,
// is retried: it only says that another write on the same key is under way.
func New(api *s3.Client, bucket string) *Lake {
	o := api.Options()
	o.Retryer = retry.AddWithErrorCodes(retry.AddWithMaxAttempts(o.Retryer, attempts), "ConditionalRequestConflict")
	o.APIOptions = append(o.APIOptions, plainbody.Add)
	return &Lake{api: s3.New(o), bucket: bucket, idle: make(chan *packer, 1), parallel: parallel, random: rand.Uint64}
}

// parallel folders are asked at once: S3 answers 5,500 reads a second of a prefix.
const parallel = 16

// Repeatable makes the lake do one thing after another and take its random numbers from a source, so that a simulation runs
// the same way twice. It is called before the lake is used.
func (l *Lake) Repeatable(random func() uint64) *Lake {
	l.parallel, l.random = 1, random
	return l
}

// Bucket is the bucket's name.
func (l *Lake) Bucket() string { return l.bucket }

// Land writes the object o with its rows, which the ledger must have named. Where the object is there already, because the
// answer to an earlier try was lost or because a writer had the same name from a ledger that was lost, its own range is
// returned with adopted true: that one counts, and nothing was written. A name that was made void is ErrFenced.
func (l *Lake) Land(ctx context.Context, o rawzone.Object, csv []byte) (landed rawzone.Object, adopted bool, err error) {
	created, err := l.Create(ctx, o.Key, csv, o.Metadata())
	if err != nil || created {
		return o, false, err
	}
	landed, err = l.Object(ctx, o.Key)
	if errors.Is(err, rawzone.ErrVoid) {
		err = fmt.Errorf("write object %s: %w", o.Key, ErrFenced)
	}
	if err == nil && (landed.First != o.First || landed.FirstOrdinal != o.FirstOrdinal) {
		err = fmt.Errorf("object %s opens with %s ordinal %d, not with %s ordinal %d: it was not written for this ledger",
			o.Key, landed.First.Sequence, landed.FirstOrdinal, o.First.Sequence, o.FirstOrdinal)
	}
	return landed, true, err
}

// Create writes an object of rows, compressed as its name says, unless one of that name is there.
func (l *Lake) Create(ctx context.Context, key string, csv []byte, metadata map[string]string) (created bool, err error) {
	err = l.write(ctx, &s3.PutObjectInput{Key: &key, IfNoneMatch: aws.String("*"), Metadata: metadata}, csv)
	if is(err, "PreconditionFailed") {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("write object %s to bucket %s: %w", key, l.bucket, err)
	}
	return true, nil
}

// Object reads the range of an object of rows from its metadata.
func (l *Lake) Object(ctx context.Context, key string) (rawzone.Object, error) {
	metadata, err := l.Metadata(ctx, key)
	if err != nil {
		return rawzone.Object{}, err
	}
	return rawzone.ParseObject(key, metadata)
}

// There reports whether an object exists.
func (l *Lake) There(ctx context.Context, key string) (bool, error) {
	_, err := l.Metadata(ctx, key)
	if is(err, "NotFound") {
		return false, nil
	}
	return err == nil, err
}

// Metadata returns an object's user metadata.
func (l *Lake) Metadata(ctx context.Context, key string) (map[string]string, error) {
	out, err := l.api.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &l.bucket, Key: &key})
	if err != nil {
		return nil, fmt.Errorf("look at object %s in bucket %s: %w", key, l.bucket, err)
	}
	return out.Metadata, nil
}

// List calls yield with each key under a prefix, in order.
func (l *Lake) List(ctx context.Context, prefix string, yield func(key string) error) error {
	return l.Entries(ctx, prefix, func(key string, _ time.Time) error { return yield(key) })
}

// Read returns an object's bytes, those of compressed rows unpacked. Rows that cannot be unpacked are rawzone.ErrDamaged.
func (l *Lake) Read(ctx context.Context, key string) ([]byte, error) {
	out, err := l.api.GetObject(ctx, &s3.GetObjectInput{Bucket: &l.bucket, Key: &key})
	if err != nil {
		return nil, fmt.Errorf("read object %s from bucket %s: %w", key, l.bucket, err)
	}
	defer out.Body.Close()
	text, err := io.ReadAll(out.Body)
	if err != nil {
		return nil, fmt.Errorf("read object %s from bucket %s: %w", key, l.bucket, err)
	}
	if compression := rawzone.CompressionOf(key); compression != rawzone.None {
		if text, err = unpack(compression, text); err != nil {
			return nil, fmt.Errorf("read object %s from bucket %s: %w: %v", key, l.bucket, rawzone.ErrDamaged, err)
		}
	}
	return text, nil
}

// Rejected reads the records in a quarantine object.
func (l *Lake) Rejected(ctx context.Context, key string) ([]record.Rejected, error) {
	text, err := l.Read(ctx, key)
	if err != nil {
		return nil, err
	}
	rejected, err := rawzone.DecodeQuarantine(text)
	if err != nil {
		return nil, fmt.Errorf("object %s: %w", key, err)
	}
	return rejected, nil
}

// Quarantine writes rejected records, of which the object of rows will say that they belong to it; without one, object
// is empty. It may be repeated: the key is fixed by the records.
func (l *Lake) Quarantine(ctx context.Context, key, object string, ndjson []byte) error {
	_, err := l.api.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &l.bucket, Key: &key, Body: bytes.NewReader(ndjson), ContentType: aws.String("application/x-ndjson"),
		Metadata: map[string]string{"object": object},
	})
	if err != nil {
		return fmt.Errorf("write quarantine object %s to bucket %s: %w", key, l.bucket, err)
	}
	return nil
}

// Counts reports whether a quarantine object counts: one that no object of rows names was left behind by a writer that
// was cut off, and its records are decided elsewhere. One whose object is gone counts if that was sealed: a name that was cut
// off is void by then, which is there, or taken.
func (l *Lake) Counts(ctx context.Context, key string) (bool, error) {
	metadata, err := l.Metadata(ctx, key)
	if err != nil {
		return false, err
	}
	if withheld := metadata["withheld"]; withheld != "" { // it exists because a ledger has named it
		return withheld != "0", nil
	}
	object := metadata["object"]
	if object == "" {
		return true, nil
	}
	rows, err := l.Metadata(ctx, object)
	if is(err, "NotFound") {
		return l.sealedBefore(ctx, key)
	}
	return rows["quarantine"] == key, err
}

// QuarantinedFrom is a quarantine object of a chain that counts and begins at an ordinal or behind it, but for one; empty if there
// is none. It costs a request, as long as there is none.
func (l *Lake) QuarantinedFrom(ctx context.Context, c rawzone.Chain, ordinal int64, except string) (found string, err error) {
	err = l.EntriesAfter(ctx, c.Quarantined(), rawzone.From(c.Quarantined(), ordinal), func(key string, _ time.Time) error {
		if key == except {
			return nil
		}
		counts, err := l.Counts(ctx, key)
		if counts {
			found = key
			return cmp.Or(err, fs.SkipAll)
		}
		return err
	})
	return found, err
}

func is(err error, code string) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == code
}
