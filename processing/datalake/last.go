package datalake

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sync/errgroup"

	"github.com/snowstream/snowstream/record/rawzone"
)

// The folder of an object comes from its first record, so nobody can name a shard's last object. What can be done is to ask
// each folder for what it has of the shard behind an ordinal: a request for each folder, whatever the objects in them.

// folders calls yield with each folder directly below a prefix, both with their slash at the end.
func (l *Lake) folders(ctx context.Context, prefix string, yield func(folder string) error) error {
	pages := s3.NewListObjectsV2Paginator(l.api, &s3.ListObjectsV2Input{Bucket: &l.bucket, Prefix: &prefix, Delimiter: aws.String("/")})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("list the folders of %s in bucket %s: %w", prefix, l.bucket, err)
		}
		for _, p := range page.CommonPrefixes {
			if err := yield(aws.ToString(p.Prefix)); err != nil {
				return err
			}
		}
	}
	return nil
}

// each calls do for each folder below a prefix, several at once.
func (l *Lake) each(ctx context.Context, prefix string, do func(ctx context.Context, folder string) error) error {
	var all []string
	err := l.folders(ctx, prefix, func(folder string) error {
		all = append(all, folder)
		return nil
	})
	if err != nil {
		return err
	}
	group, inside := errgroup.WithContext(ctx)
	group.SetLimit(l.parallel)
	for _, folder := range all {
		group.Go(func() error { return do(inside, folder) })
	}
	return group.Wait()
}

// page is how many keys a listing's answer has at most.
const page = 1000

// behind returns keys of a chain in one folder, the last ones that there are, behind an ordinal, and at most a page of
// them. Where there are more pages, it halves its way to the last one: some forty requests, whatever there is.
func (l *Lake) behind(ctx context.Context, folder string, c rawzone.Chain, ordinal int64) (keys []string, err error) {
	prefix := c.RowsIn(folder)
	look := func(after int64, most int32) ([]string, bool, error) {
		in := &s3.ListObjectsV2Input{Bucket: &l.bucket, Prefix: &prefix, MaxKeys: &most, StartAfter: aws.String(rawzone.From(prefix, after+1))}
		out, err := l.api.ListObjectsV2(ctx, in)
		if err != nil {
			return nil, false, fmt.Errorf("list %s in bucket %s: %w", prefix, l.bucket, err)
		}
		var found []string
		for _, o := range out.Contents {
			if key := aws.ToString(o.Key); strings.HasPrefix(key, prefix) {
				found = append(found, key)
			}
		}
		return found, aws.ToBool(out.IsTruncated), nil
	}
	keys, more, err := look(ordinal, page)
	if err != nil || !more {
		return keys, err
	}
	low, _ := c.Name(keys[len(keys)-1])
	at, step, top := low.Ordinal, int64(page), int64(-1)
	for top < 0 || top-at > 1 { // something lies behind at, and nothing behind top
		middle := at + step
		if top >= 0 {
			middle = at + (top-at)/2
		}
		found, more, err := look(middle, page)
		if err != nil {
			return nil, err
		}
		switch {
		case len(found) == 0:
			top = middle
		case !more:
			return found, nil
		default:
			n, _ := c.Name(found[len(found)-1])
			at, step = n.Ordinal, step*2
		}
	}
	keys, _, err = look(at-1, page)
	return keys, err
}
