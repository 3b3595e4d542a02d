package datalake

import (
	"bytes"
	"context"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/snowstream/snowstream/record/rawzone"
)

// Withheld are the rows of an object that were put aside, how many of them the ledger counts, and the number of the next name
// for more. named is what the ledger says: if nothing has that name, it is made void, so that whoever still has it cannot use it.
func (l *Lake) Withheld(ctx context.Context, stream, named string, o rawzone.Object) (ordinals []int64, counted, next int, err error) {
	if named != "" {
		if _, err := l.createWithheld(ctx, named, o.Key, 0, nil); err != nil {
			return nil, 0, 0, err
		}
	}
	err = l.List(ctx, rawzone.WithheldPrefix(stream, o), func(key string) error {
		next++
		rejected, err := l.Rejected(ctx, key)
		if err != nil {
			return err
		}
		for _, r := range rejected {
			ordinals = append(ordinals, r.Ordinal)
		}
		if !rawzone.IsLate(key) {
			counted += len(rejected)
		}
		return nil
	})
	return ordinals, counted, next, err
}

// Withhold writes rows of an object that are put aside, under the key that the ledger names for them. ErrFenced means that
// somebody has made the name void.
func (l *Lake) Withhold(ctx context.Context, key string, o rawzone.Object, rows int, ndjson []byte) error {
	created, err := l.createWithheld(ctx, key, o.Key, rows, ndjson)
	if err != nil || created {
		return err
	}
	there, err := l.Read(ctx, key)
	if err == nil && !bytes.Equal(there, ndjson) { // ours is there if only the answer was lost
		err = fmt.Errorf("withhold rows of %s: %w", o.Key, ErrFenced)
	}
	return err
}

// createWithheld creates the object unless one of that name is there. Without rows it is void.
func (l *Lake) createWithheld(ctx context.Context, key, object string, rows int, ndjson []byte) (created bool, err error) {
	_, err = l.api.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &l.bucket, Key: &key, Body: bytes.NewReader(ndjson), ContentType: aws.String("application/x-ndjson"), IfNoneMatch: aws.String("*"),
		Metadata: map[string]string{"object": object, "withheld": strconv.Itoa(rows)},
	})
	if is(err, "PreconditionFailed") {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("write quarantine object %s to bucket %s: %w", key, l.bucket, err)
	}
	return true, nil
}

// withheldRows is how many rows a quarantine object withholds.
func (l *Lake) withheldRows(ctx context.Context, key string) (int, error) {
	metadata, err := l.Metadata(ctx, key)
	if err != nil {
		return 0, err
	}
	rows, err := strconv.Atoi(metadata["withheld"])
	if err != nil {
		return 0, fmt.Errorf("object %s does not say how many rows it withholds: it was not written by snowstream, or was changed since", key)
	}
	return rows, nil
}

// countWithheld is how many rows of an object were put aside so far that the ledger is to count. It changes nothing.
func (l *Lake) countWithheld(ctx context.Context, stream string, o rawzone.Object) (n int64, err error) {
	err = l.List(ctx, rawzone.WithheldPrefix(stream, o), func(key string) error {
		if rawzone.IsLate(key) {
			return nil
		}
		rows, err := l.withheldRows(ctx, key)
		n += int64(rows)
		return err
	})
	return n, err
}
