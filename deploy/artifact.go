package deploy

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/snowstream/snowstream/deploy/bundle"
)

// artifacts comes first, because a function cannot be made without its zip. The bucket is not the stack's, because it
// must be there before the stack.
func (d *Deployment) artifacts(ctx context.Context) error {
	b, err := d.build(ctx, stepArtifacts)
	if err != nil {
		return err
	}
	bucket := d.file.ArtifactBucket
	if err := d.creating("BUCKET " + bucket); err != nil {
		return err
	}
	if err := bundle.EnsureBucket(ctx, d.S3, d.Partition, d.AccountID, d.Region, bucket); err != nil {
		return err
	}
	for _, zip := range []bundle.Zip{b.Orchestrator, b.Upsert} {
		there, err := d.has(ctx, bucket, zip.Key())
		if err != nil {
			return err
		}
		if !there {
			if err := bundle.Upload(ctx, d.S3, d.AccountID, bucket, zip); err != nil {
				return err
			}
		}
		d.tell(stepArtifacts, onAWS, "s3://"+bucket+"/"+zip.Key(), state(!there))
	}
	return nil
}

// build makes the zips and names them in the parameters.
func (d *Deployment) build(ctx context.Context, step string) (bundle.Bundle, error) {
	d.tell(step, here, "the functions' zips", Doing)
	b, err := d.Build(ctx)
	if err != nil {
		return bundle.Bundle{}, err
	}
	d.Parameters.OrchestratorZip, d.Parameters.UpsertZip = b.Orchestrator.Key(), b.Upsert.Key()
	if d.SchemaText != "" {
		d.Parameters.SchemaFile = bundle.SchemaFile
	}
	return b, nil
}

func (d *Deployment) has(ctx context.Context, bucket, key string) (bool, error) {
	_, err := d.S3.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &bucket, Key: &key})
	var missing *types.NotFound
	if errors.As(err, &missing) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for s3://%s/%s: %w", bucket, key, err)
	}
	return true, nil
}

// empty deletes a bucket with all versions of all objects. A bucket that is not there is no error.
func (d *Deployment) empty(ctx context.Context, bucket string) error {
	var gone *types.NoSuchBucket
	pages := s3.NewListObjectVersionsPaginator(d.S3, &s3.ListObjectVersionsInput{Bucket: &bucket, ExpectedBucketOwner: d.owner()})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if errors.As(err, &gone) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("list bucket %s: %w", bucket, err)
		}
		var objects []types.ObjectIdentifier
		for _, v := range page.Versions {
			objects = append(objects, types.ObjectIdentifier{Key: v.Key, VersionId: v.VersionId})
		}
		for _, m := range page.DeleteMarkers {
			objects = append(objects, types.ObjectIdentifier{Key: m.Key, VersionId: m.VersionId})
		}
		if len(objects) == 0 {
			continue
		}
		out, err := d.S3.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: &bucket, Delete: &types.Delete{Objects: objects}, ExpectedBucketOwner: d.owner()})
		if err != nil {
			return fmt.Errorf("empty bucket %s: %w", bucket, err)
		}
		if len(out.Errors) > 0 {
			return fmt.Errorf("empty bucket %s: %d objects could not be deleted, the first for %s", bucket, len(out.Errors), *out.Errors[0].Code)
		}
	}
	if _, err := d.S3.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &bucket, ExpectedBucketOwner: d.owner()}); err != nil && !errors.As(err, &gone) {
		return fmt.Errorf("delete bucket %s: %w", bucket, err)
	}
	return nil
}
