package s3

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// What stock clients look at beside the bytes.
func TestHeadersAsAWS(t *testing.T) {
	s := start(t, Config{}).bucket()
	ctx, bucket, key := t.Context(), aws.String(testBucket), aws.String("k")
	if status, answer := s.raw(http.MethodPut, "/"+testBucket+"/k", nil, strings.NewReader("0123456789")); status != http.StatusOK {
		t.Fatal(status, answer)
	}
	head := func(asked string) *sdk.HeadObjectOutput {
		t.Helper()
		in := &sdk.HeadObjectInput{Bucket: bucket, Key: key}
		if asked != "" {
			in.Range = &asked
		}
		out, err := s.client.HeadObject(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if h := head(""); h.ServerSideEncryption != types.ServerSideEncryptionAes256 || *h.ContentType != "binary/octet-stream" || *h.ContentLength != 10 {
		t.Errorf("%+v", h)
	}
	for asked, want := range map[string][2]string{
		"bytes=2-4": {"3", "bytes 2-4/10"}, "bytes=-3": {"3", "bytes 7-9/10"}, "bytes=-65536": {"10", "bytes 0-9/10"}, "bytes=8-": {"2", "bytes 8-9/10"},
	} {
		status, _ := s.raw(http.MethodHead, "/"+testBucket+"/k", http.Header{"Range": {asked}}, nil)
		h := head(asked)
		if status != http.StatusPartialContent || *h.ContentLength != int64(len("0123456789"[:atoi(want[0])])) || aws.ToString(h.ContentRange) != want[1] {
			t.Errorf("HEAD of %s: %d, %d bytes, %s", asked, status, *h.ContentLength, aws.ToString(h.ContentRange))
		}
		got, err := s.client.GetObject(ctx, &sdk.GetObjectInput{Bucket: bucket, Key: key, Range: &asked})
		if err != nil || aws.ToString(got.ContentRange) != want[1] || *got.ContentType != "binary/octet-stream" {
			t.Fatalf("GET of %s: %+v, %v", asked, got, err)
		}
		if body, err := io.ReadAll(got.Body); err != nil || len(body) != atoi(want[0]) {
			t.Errorf("GET of %s: %q, %v", asked, body, err)
		}
	}
	if status, _ := s.raw(http.MethodHead, "/"+testBucket+"/k", http.Header{"Range": {"bytes=10-"}}, nil); status != http.StatusRequestedRangeNotSatisfiable {
		t.Errorf("HEAD behind the end: %d", status)
	}
}

// An object without parts is its own first part.
func TestFirstPart(t *testing.T) {
	s := start(t, Config{}).bucket()
	s.put("k", "0123456789")
	ctx, bucket, one := t.Context(), aws.String(testBucket), aws.Int32(1)
	get, err := s.client.GetObject(ctx, &sdk.GetObjectInput{Bucket: bucket, Key: aws.String("k"), PartNumber: one})
	if err != nil || aws.ToString(get.ContentRange) != "bytes 0-9/10" {
		t.Fatalf("%+v, %v", get, err)
	}
	head, err := s.client.HeadObject(ctx, &sdk.HeadObjectInput{Bucket: bucket, Key: aws.String("k"), PartNumber: one})
	if err != nil || aws.ToString(head.ContentRange) != "bytes 0-9/10" || *head.ContentLength != 10 {
		t.Errorf("%+v, %v", head, err)
	}
}

// The first version of listings goes on behind the whole prefix that its marker lies in, and knows the owner.
func TestMarkerInsidePrefix(t *testing.T) {
	s := start(t, Config{}).bucket()
	for _, key := range []string{"a/1", "a/2", "b"} {
		s.put(key, "x")
	}
	out, err := s.client.ListObjects(t.Context(), &sdk.ListObjectsInput{Bucket: aws.String(testBucket), Delimiter: aws.String("/"), Marker: aws.String("a/1")})
	if err != nil || len(out.CommonPrefixes) != 0 || len(out.Contents) != 1 || *out.Contents[0].Owner.ID != testAccount {
		t.Errorf("%+v, %v", out, err)
	}
	out, err = s.client.ListObjects(t.Context(), &sdk.ListObjectsInput{Bucket: aws.String(testBucket), Delimiter: aws.String("/"), Marker: aws.String("Z")})
	if err != nil || len(out.CommonPrefixes) != 1 {
		t.Errorf("%+v, %v", out, err)
	}
}

func atoi(text string) (n int) {
	for _, c := range text {
		n = n*10 + int(c-'0')
	}
	return n
}

func TestStorageClasses(t *testing.T) {
	s := start(t, Config{}).bucket()
	ctx, bucket := t.Context(), aws.String(testBucket)
	for _, class := range []types.StorageClass{types.StorageClassStandard, types.StorageClassStandardIa, types.StorageClassGlacier} {
		if _, err := s.client.PutObject(ctx, &sdk.PutObjectInput{Bucket: bucket, Key: aws.String(string(class)), Body: strings.NewReader("x"), StorageClass: class}); err != nil {
			t.Fatal(err)
		}
	}
	s.reopen()
	list, err := s.client.ListObjectsV2(ctx, &sdk.ListObjectsV2Input{Bucket: bucket})
	if err != nil || len(list.Contents) != 3 {
		t.Fatal(list, err)
	}
	for _, o := range list.Contents {
		if string(o.StorageClass) != *o.Key {
			t.Errorf("%s is listed as %s", *o.Key, o.StorageClass)
		}
		head, err := s.client.HeadObject(ctx, &sdk.HeadObjectInput{Bucket: bucket, Key: o.Key})
		if want := strings.TrimSuffix(*o.Key, "STANDARD"); err != nil || string(head.StorageClass) != want {
			t.Errorf("HEAD of %s: %q, %v", *o.Key, head.StorageClass, err)
		}
	}
	_, err = s.client.GetObject(ctx, &sdk.GetObjectInput{Bucket: bucket, Key: aws.String("GLACIER")})
	wantCode(t, "read from the archive", err, "InvalidObjectState")
}

// minio-go ends its trailers with \n and then \r\n.
func TestTrailersOfMinio(t *testing.T) {
	s := start(t, Config{}).bucket()
	status, answer := s.raw(http.MethodPut, "/"+testBucket+"/k", http.Header{
		"X-Amz-Content-Sha256": {"STREAMING-UNSIGNED-PAYLOAD-TRAILER"}, "X-Amz-Decoded-Content-Length": {"5"}, "X-Amz-Trailer": {"x-amz-checksum-crc32c"},
		"X-Amz-Checksum-Algorithm": {"CRC32C"},
	}, strings.NewReader("5\r\nhello\r\n0\r\nx-amz-checksum-crc32c:mnG7TA==\n\r\n"))
	if status != http.StatusOK {
		t.Fatalf("%d %s", status, answer)
	}
	s.mustGet("k", "hello")
}

func TestObjectTags(t *testing.T) {
	s := start(t, Config{}).bucket()
	ctx, bucket, key := t.Context(), aws.String(testBucket), aws.String("k")
	if _, err := s.client.PutObject(ctx, &sdk.PutObjectInput{Bucket: bucket, Key: key, Body: strings.NewReader("x"), Tagging: aws.String("a=1&b=%26")}); err != nil {
		t.Fatal(err)
	}
	check := func(key string, want ...string) {
		t.Helper()
		out, err := s.client.GetObjectTagging(ctx, &sdk.GetObjectTaggingInput{Bucket: bucket, Key: &key})
		var got []string
		if err == nil {
			for _, tag := range out.TagSet {
				got = append(got, *tag.Key+"="+*tag.Value)
			}
		}
		if err != nil || strings.Join(got, ",") != strings.Join(want, ",") {
			t.Errorf("%s: %q, %v, want %q", key, got, err, want)
		}
	}
	check("k", "a=1", "b=&")
	if _, err := s.client.PutObjectTagging(ctx, &sdk.PutObjectTaggingInput{Bucket: bucket, Key: key, Tagging: &types.Tagging{TagSet: []types.Tag{{Key: aws.String("c"), Value: aws.String("3")}}}}); err != nil {
		t.Fatal(err)
	}
	s.reopen()
	check("k", "c=3")
	if _, err := s.client.CopyObject(ctx, &sdk.CopyObjectInput{Bucket: bucket, Key: aws.String("copy"), CopySource: aws.String(testBucket + "/k")}); err != nil {
		t.Fatal(err)
	}
	check("copy", "c=3")
	if _, err := s.client.DeleteObjectTagging(ctx, &sdk.DeleteObjectTaggingInput{Bucket: bucket, Key: key}); err != nil {
		t.Fatal(err)
	}
	check("k")
	s.put("copy", "another object")
	check("copy")
	_, err := s.client.GetObjectTagging(ctx, &sdk.GetObjectTaggingInput{Bucket: bucket, Key: aws.String("no")})
	wantCode(t, "tags of nothing", err, "NoSuchKey")
}

// What Terraform and the cloud template set on a bucket is shown again.
func TestKeptBucketSettings(t *testing.T) {
	s := start(t, Config{}).bucket()
	ctx, bucket := t.Context(), aws.String(testBucket)
	_, err := s.client.GetBucketTagging(ctx, &sdk.GetBucketTaggingInput{Bucket: bucket})
	wantCode(t, "no tags", err, "NoSuchTagSet")
	_, err = s.client.GetPublicAccessBlock(ctx, &sdk.GetPublicAccessBlockInput{Bucket: bucket})
	wantCode(t, "no block", err, "NoSuchPublicAccessBlockConfiguration")
	_, err = s.client.GetBucketPolicy(ctx, &sdk.GetBucketPolicyInput{Bucket: bucket})
	wantCode(t, "no policy", err, "NoSuchBucketPolicy")
	encryption, err := s.client.GetBucketEncryption(ctx, &sdk.GetBucketEncryptionInput{Bucket: bucket})
	if err != nil || encryption.ServerSideEncryptionConfiguration.Rules[0].ApplyServerSideEncryptionByDefault.SSEAlgorithm != types.ServerSideEncryptionAes256 {
		t.Errorf("%+v, %v", encryption, err)
	}
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(s.client.PutBucketTagging(ctx, &sdk.PutBucketTaggingInput{Bucket: bucket, Tagging: &types.Tagging{TagSet: []types.Tag{{Key: aws.String("team"), Value: aws.String("data")}}}}))
	must(s.client.PutPublicAccessBlock(ctx, &sdk.PutPublicAccessBlockInput{Bucket: bucket, PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{BlockPublicAcls: aws.Bool(true)}}))
	must(s.client.PutBucketPolicy(ctx, &sdk.PutBucketPolicyInput{Bucket: bucket, Policy: aws.String(`{"Version":"2012-10-17"}`)}))
	versioning := func(status types.BucketVersioningStatus) error {
		_, err := s.client.PutBucketVersioning(ctx, &sdk.PutBucketVersioningInput{Bucket: bucket, VersioningConfiguration: &types.VersioningConfiguration{Status: status}})
		return err
	}
	wantCode(t, "no status", versioning("On"), "MalformedXML")
	must(nil, versioning(types.BucketVersioningStatusSuspended))
	s.reopen()
	if v, err := s.client.GetBucketVersioning(ctx, &sdk.GetBucketVersioningInput{Bucket: bucket}); err != nil || v.Status != types.BucketVersioningStatusSuspended {
		t.Errorf("%+v, %v", v, err)
	}
	tags, err := s.client.GetBucketTagging(ctx, &sdk.GetBucketTaggingInput{Bucket: bucket})
	if err != nil || *tags.TagSet[0].Value != "data" {
		t.Errorf("%+v, %v", tags, err)
	}
	block, err := s.client.GetPublicAccessBlock(ctx, &sdk.GetPublicAccessBlockInput{Bucket: bucket})
	if err != nil || !*block.PublicAccessBlockConfiguration.BlockPublicAcls {
		t.Errorf("%+v, %v", block, err)
	}
	policy, err := s.client.GetBucketPolicy(ctx, &sdk.GetBucketPolicyInput{Bucket: bucket})
	if err != nil || *policy.Policy != `{"Version":"2012-10-17"}` {
		t.Errorf("%+v, %v", policy, err)
	}
	must(s.client.DeleteBucketTagging(ctx, &sdk.DeleteBucketTaggingInput{Bucket: bucket}))
	_, err = s.client.GetBucketTagging(ctx, &sdk.GetBucketTaggingInput{Bucket: bucket})
	wantCode(t, "tags deleted", err, "NoSuchTagSet")
	status, answer := s.raw(http.MethodPut, "/"+testBucket+"?policy", nil, strings.NewReader("not JSON"))
	if status != http.StatusBadRequest {
		t.Errorf("%d %s", status, answer)
	}
}
