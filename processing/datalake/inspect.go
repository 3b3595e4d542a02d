package datalake

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Entries calls yield with each key under a prefix, in order, and with the time of its last write.
func (l *Lake) Entries(ctx context.Context, prefix string, yield func(key string, modified time.Time) error) error {
	return l.EntriesAfter(ctx, prefix, "", yield)
}

// EntriesAfter is Entries for the keys that stand behind one, which need not be there. Yield ends it with fs.SkipAll.
func (l *Lake) EntriesAfter(ctx context.Context, prefix, after string, yield func(key string, modified time.Time) error) error {
	in := &s3.ListObjectsV2Input{Bucket: &l.bucket, Prefix: &prefix}
	if after != "" {
		in.StartAfter = &after
	}
	pages := s3.NewListObjectsV2Paginator(l.api, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("list %s in bucket %s: %w", prefix, l.bucket, err)
		}
		for _, o := range page.Contents {
			switch err := yield(aws.ToString(o.Key), aws.ToTime(o.LastModified)); {
			case errors.Is(err, fs.SkipAll):
				return nil
			case err != nil:
				return err
			}
		}
	}
	return nil
}

// Restore writes an object of rows that was lost or changed, as it was. Nothing but a repair may replace an object.
func (l *Lake) Restore(ctx context.Context, key string, csv []byte, metadata map[string]string) error {
	err := l.write(ctx, &s3.PutObjectInput{Key: &key, Metadata: metadata}, csv)
	if err != nil {
		return fmt.Errorf("restore object %s in bucket %s: %w", key, l.bucket, err)
	}
	return nil
}
