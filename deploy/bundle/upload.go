package bundle

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

// EnsureBucket creates the artifact bucket if it is not there, and closes it: no public access, no plain HTTP, old
// versions kept. It is not part of the stack, which needs the zips before it exists. partition is aws, aws-cn or
// aws-us-gov; account must own the bucket, or a stranger who took the name first would be given the functions' code.
func EnsureBucket(ctx context.Context, api *s3.Client, partition, account, region, name string) error {
	in := &s3.CreateBucketInput{Bucket: &name}
	if region != "us-east-1" { // which is named by naming none
		in.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(region)}
	}
	_, err := api.CreateBucket(ctx, in)
	var owned *types.BucketAlreadyOwnedByYou
	if err != nil && !errors.As(err, &owned) {
		return fmt.Errorf("create the artifact bucket %s: %w", name, err)
	}
	return protect(ctx, api, partition, account, name)
}

func protect(ctx context.Context, api *s3.Client, partition, account, name string) error {
	_, err := api.PutPublicAccessBlock(ctx, &s3.PutPublicAccessBlockInput{
		Bucket: &name, ExpectedBucketOwner: &account,
		PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{
			BlockPublicAcls: aws.Bool(true), BlockPublicPolicy: aws.Bool(true), IgnorePublicAcls: aws.Bool(true), RestrictPublicBuckets: aws.Bool(true),
		},
	})
	if err != nil {
		return fmt.Errorf("block public access to the artifact bucket %s: %w", name, err)
	}
	_, err = api.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{
		Bucket: &name, ExpectedBucketOwner: &account,
		VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	})
	if err != nil {
		return fmt.Errorf("keep versions in the artifact bucket %s: %w", name, err)
	}
	_, err = api.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{
		Bucket: &name, ExpectedBucketOwner: &account,
		Policy: aws.String(fmt.Sprintf(onlyTLS, partition, name)),
	})
	if err != nil {
		return fmt.Errorf("set the policy of the artifact bucket %s: %w", name, err)
	}
	return nil
}

const onlyTLS = `{"Version":"2012-10-17","Statement":[{"Sid":"OnlyTLS","Effect":"Deny","Principal":"*","Action":"s3:*",` +
	`"Resource":["arn:%[1]s:s3:::%[2]s","arn:%[1]s:s3:::%[2]s/*"],"Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}`

// Upload puts a zip into the artifact bucket. One that is there already has the same bytes, as its name is their hash,
// and is left alone.
func Upload(ctx context.Context, api *s3.Client, account, bucket string, z Zip) error {
	file, err := os.Open(z.Path)
	if err != nil {
		return fmt.Errorf("upload the function %s: %w", z.Function, err)
	}
	defer file.Close()
	_, err = api.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &bucket, Key: aws.String(z.Key()), Body: file, ContentLength: &z.Size, ContentType: aws.String("application/zip"),
		IfNoneMatch: aws.String("*"), ExpectedBucketOwner: &account, ChecksumAlgorithm: types.ChecksumAlgorithmSha256,
	})
	var e smithy.APIError
	if errors.As(err, &e) && e.ErrorCode() == "PreconditionFailed" {
		return nil
	}
	if err != nil {
		return fmt.Errorf("upload the function %s to bucket %s: %w", z.Function, bucket, err)
	}
	return nil
}
