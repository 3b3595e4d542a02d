package datalake

import (
	"context"
	"fmt"
	"maps"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// Copy makes an object with the bytes and the metadata of another one, and more metadata. It replaces what has the name.
func (l *Lake) Copy(ctx context.Context, from, to string, note map[string]string) error {
	metadata, err := l.Metadata(ctx, from)
	if err != nil {
		return err
	}
	all := maps.Clone(metadata)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, note)
	source := (&url.URL{Path: l.bucket + "/" + from}).EscapedPath()
	_, err = l.api.CopyObject(ctx, &s3.CopyObjectInput{
		Bucket: &l.bucket, Key: &to, CopySource: &source, Metadata: all, MetadataDirective: types.MetadataDirectiveReplace,
	})
	if err != nil {
		return fmt.Errorf("copy object %s to %s in bucket %s: %w", from, to, l.bucket, err)
	}
	return nil
}
