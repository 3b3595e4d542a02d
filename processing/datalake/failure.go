package datalake

import (
	"bytes"
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Note writes what became of a failure document, as JSON, or replaces it.
func (l *Lake) Note(ctx context.Context, key string, json []byte) error {
	_, err := l.api.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &l.bucket, Key: &key, Body: bytes.NewReader(json), ContentType: aws.String("application/json"),
	})
	if err != nil {
		return fmt.Errorf("write note %s to bucket %s: %w", key, l.bucket, err)
	}
	return nil
}
