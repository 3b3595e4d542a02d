package s3

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// content makes bytes that do not repeat.
func content(n int) []byte {
	data := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(n)})
	_, _ = r.Read(data)
	return data
}

func (s *stack) begin(key string) *string {
	s.t.Helper()
	out, err := s.summed.CreateMultipartUpload(s.t.Context(), &sdk.CreateMultipartUploadInput{
		Bucket: aws.String(testBucket), Key: aws.String(key), ContentType: aws.String("text/csv"), Metadata: map[string]string{"shard": "7"},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return out.UploadId
}

func (s *stack) part(key string, id *string, number int32, data []byte) types.CompletedPart {
	s.t.Helper()
	out, err := s.summed.UploadPart(s.t.Context(), &sdk.UploadPartInput{
		Bucket: aws.String(testBucket), Key: aws.String(key), UploadId: id, PartNumber: aws.Int32(number), Body: bytes.NewReader(data),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return types.CompletedPart{PartNumber: aws.Int32(number), ETag: out.ETag}
}

func (s *stack) complete(key string, id *string, none *string, parts ...types.CompletedPart) (string, error) {
	out, err := s.summed.CompleteMultipartUpload(s.t.Context(), &sdk.CompleteMultipartUploadInput{
		Bucket: aws.String(testBucket), Key: aws.String(key), UploadId: id, IfNoneMatch: none,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
	})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.ETag), nil
}

func TestMultipart(t *testing.T) {
	s := start(t, Config{}).bucket()
	ctx, bucket, key := t.Context(), aws.String(testBucket), "big/file.csv"
	first, second := content(minPart), content(1234567)
	id := s.begin(key)
	parts := []types.CompletedPart{s.part(key, id, 1, first)}
	s.part(key, id, 4, []byte("replaced"))
	s.reopen() // an upload survives a restart
	parts = append(parts, s.part(key, id, 4, second))

	list, err := s.client.ListParts(ctx, &sdk.ListPartsInput{Bucket: bucket, Key: aws.String(key), UploadId: id, MaxParts: aws.Int32(1)})
	if err != nil || len(list.Parts) != 1 || !aws.ToBool(list.IsTruncated) || aws.ToString(list.NextPartNumberMarker) != "1" {
		t.Errorf("parts: %+v, %v", list, err)
	}
	list, err = s.client.ListParts(ctx, &sdk.ListPartsInput{Bucket: bucket, Key: aws.String(key), UploadId: id, PartNumberMarker: aws.String("1")})
	if err != nil || len(list.Parts) != 1 || aws.ToInt64(list.Parts[0].Size) != int64(len(second)) {
		t.Errorf("second page of parts: %+v, %v", list, err)
	}
	uploads, err := s.client.ListMultipartUploads(ctx, &sdk.ListMultipartUploadsInput{Bucket: bucket, Prefix: aws.String("big/")})
	if err != nil || len(uploads.Uploads) != 1 || aws.ToString(uploads.Uploads[0].UploadId) != *id {
		t.Errorf("uploads: %+v, %v", uploads, err)
	}

	_, err = s.complete(key, id, nil, parts[1], parts[0])
	wantCode(t, "parts out of order", err, "InvalidPartOrder")
	_, err = s.complete(key, id, nil, types.CompletedPart{PartNumber: aws.Int32(2), ETag: parts[0].ETag})
	wantCode(t, "part that was never sent", err, "InvalidPart")
	_, err = s.complete(key, id, nil, types.CompletedPart{PartNumber: aws.Int32(1), ETag: parts[1].ETag}, parts[1])
	wantCode(t, "part with another ETag", err, "InvalidPart")

	etag, err := s.complete(key, id, nil, parts...)
	if err != nil {
		t.Fatal(err)
	}
	a, b := md5.Sum(first), md5.Sum(second)
	if want := fmt.Sprintf(`"%x-2"`, md5.Sum(append(a[:], b[:]...))); etag != want {
		t.Errorf("ETag is %s, want %s", etag, want)
	}
	whole := append(first, second...)
	s.mustGet(key, string(whole))
	head, err := s.client.HeadObject(ctx, &sdk.HeadObjectInput{Bucket: bucket, Key: aws.String(key), IfMatch: aws.String(etag)})
	if err != nil || aws.ToString(head.ETag) != etag || head.Metadata["shard"] != "7" || aws.ToString(head.ContentType) != "text/csv" {
		t.Errorf("head: %+v, %v", head, err)
	}
	_, err = s.client.HeadObject(ctx, &sdk.HeadObjectInput{Bucket: bucket, Key: aws.String(key), IfNoneMatch: aws.String(etag)})
	wantCode(t, "If-None-Match with the multipart ETag", err, "NotModified")
	out, err := s.client.GetObject(ctx, &sdk.GetObjectInput{Bucket: bucket, Key: aws.String(key), Range: aws.String("bytes=5242870-5242889")})
	if err != nil {
		t.Fatal(err)
	}
	data, _ := io.ReadAll(out.Body)
	_ = out.Body.Close()
	if !bytes.Equal(data, whole[5242870:5242890]) {
		t.Error("a range over two parts has other bytes")
	}
	_, err = s.client.PutObject(ctx, &sdk.PutObjectInput{Bucket: bucket, Key: aws.String(key), Body: strings.NewReader("next"), IfMatch: aws.String(etag)})
	wantCode(t, "If-Match with the multipart ETag", err, "")
	s.mustGet(key, "next")
}

func TestMultipartRefusals(t *testing.T) {
	s := start(t, Config{}).bucket()
	ctx, bucket, key := t.Context(), aws.String(testBucket), "k"
	id := s.begin(key)
	small, last := s.part(key, id, 1, []byte("small")), s.part(key, id, 2, []byte("last"))
	_, err := s.complete(key, id, nil, small, last)
	wantCode(t, "small part", err, "EntityTooSmall")
	s.put(key, "taken")
	_, err = s.complete(key, id, aws.String("*"), small)
	wantCode(t, "If-None-Match on a taken key", err, "PreconditionFailed")
	crc := crc32.NewIEEE()
	_, _ = crc.Write([]byte("small"))
	sums := func(good bool) error {
		if !good {
			_, _ = crc.Write([]byte("!"))
		}
		_, err := s.client.CompleteMultipartUpload(ctx, &sdk.CompleteMultipartUploadInput{
			Bucket: bucket, Key: aws.String(key), UploadId: id, ChecksumCRC32: aws.String(base64.StdEncoding.EncodeToString(crc.Sum(nil))),
			ChecksumType: types.ChecksumTypeFullObject, MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{small}},
		})
		return err
	}
	wantCode(t, "checksum of the object", sums(true), "")
	s.mustGet(key, "small")

	id = s.begin(key)
	small = s.part(key, id, 1, []byte("other"))
	wantCode(t, "false checksum of the object", sums(false), "BadDigest")
	_, err = s.client.UploadPart(ctx, &sdk.UploadPartInput{
		Bucket: bucket, Key: aws.String(key), UploadId: id, PartNumber: aws.Int32(1), Body: strings.NewReader("x"), ChecksumCRC32: aws.String("AAAAAA=="),
	})
	wantCode(t, "false checksum of a part", err, "BadDigest")
	if _, err := s.client.AbortMultipartUpload(ctx, &sdk.AbortMultipartUploadInput{Bucket: bucket, Key: aws.String(key), UploadId: id}); err != nil {
		t.Error(err)
	}
	_, err = s.client.UploadPart(ctx, &sdk.UploadPartInput{Bucket: bucket, Key: aws.String(key), UploadId: id, PartNumber: aws.Int32(1), Body: strings.NewReader("x")})
	wantCode(t, "part of an aborted upload", err, "NoSuchUpload")
	s.mustGet(key, "small")

	copied := s.begin("copied")
	part, err := s.client.UploadPartCopy(ctx, &sdk.UploadPartCopyInput{
		Bucket: bucket, Key: aws.String("copied"), UploadId: copied, PartNumber: aws.Int32(1),
		CopySource: aws.String(testBucket + "/" + key), CopySourceRange: aws.String("bytes=1-3"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.complete("copied", copied, nil, types.CompletedPart{PartNumber: aws.Int32(1), ETag: part.CopyPartResult.ETag}); err != nil {
		t.Fatal(err)
	}
	s.mustGet("copied", "mal")
}

func TestAbandonedUploads(t *testing.T) {
	s := start(t, Config{}).bucket()
	id := s.begin("k")
	u := s.server.backend.uploads.byID[*id]
	u.mu.Lock()
	u.touched = time.Now().Add(-abandonedAfter - time.Minute)
	u.mu.Unlock()
	fresh := s.begin("k")
	_, err := s.client.ListParts(t.Context(), &sdk.ListPartsInput{Bucket: aws.String(testBucket), Key: aws.String("k"), UploadId: id})
	wantCode(t, "abandoned upload", err, "NoSuchUpload")
	folders, err := os.ReadDir(s.server.backend.disk.path(folderUploads))
	if err != nil || len(folders) != 1 || folders[0].Name() != *fresh {
		t.Errorf("folders of uploads: %v, %v", folders, err)
	}
}

// TestCompletedUploadAfterCrash completes an upload and loses the removal of its parts.
func TestCompletedUploadAfterCrash(t *testing.T) {
	s := start(t, Config{}).bucket()
	id := s.begin("k")
	part := s.part("k", id, 1, []byte("x"))
	var crashed *stack
	s.server.backend.disk.flush = func(f *os.File) error {
		if err := f.Sync(); err != nil {
			return err
		}
		if strings.HasSuffix(f.Name(), folderObjects) {
			crashed = s.crash()
		}
		return nil
	}
	if _, err := s.complete("k", id, nil, part); err != nil {
		t.Fatal(err)
	}
	crashed.mustGet("k", "x")
	_, err := crashed.complete("k", id, nil, part)
	wantCode(t, "second completion", err, "NoSuchUpload")
	if !emptyFolder(t, crashed.server.backend.disk.path(folderUploads)) {
		t.Error("the parts of a completed upload were kept")
	}
}
