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
	"reflect"
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
	if _, err := crashed.complete("k", id, nil, part); err != nil {
		t.Errorf("the client asks again, as it heard nothing: %v", err)
	}
	crashed.put("k", "another")
	_, err := crashed.complete("k", id, nil, part)
	wantCode(t, "completion of what was replaced since", err, "NoSuchUpload")
	crashed.mustGet("k", "another")
	if !emptyFolder(t, crashed.server.backend.disk.path(folderUploads)) {
		t.Error("the parts of a completed upload were kept")
	}
}

// TestChecksumsOfUploads takes uploads through each kind of checksum: what is named must be right, and all is given back.
func TestChecksumsOfUploads(t *testing.T) {
	s := start(t, Config{}).bucket()
	ctx, bucket := t.Context(), aws.String(testBucket)
	first, last := content(minPart), []byte("the end")
	for _, tt := range []struct {
		algorithm types.ChecksumAlgorithm
		kind      types.ChecksumType
	}{
		{types.ChecksumAlgorithmCrc32, ""}, {types.ChecksumAlgorithmCrc32, types.ChecksumTypeFullObject}, {types.ChecksumAlgorithmSha256, types.ChecksumTypeComposite},
		{types.ChecksumAlgorithmCrc64nvme, ""}, {types.ChecksumAlgorithmCrc32c, ""}, {types.ChecksumAlgorithmSha1, ""},
	} {
		name := string(tt.algorithm) + " " + string(tt.kind)
		key := aws.String(name)
		begun, err := s.client.CreateMultipartUpload(ctx, &sdk.CreateMultipartUploadInput{Bucket: bucket, Key: key, ChecksumAlgorithm: tt.algorithm, ChecksumType: tt.kind})
		if err != nil || begun.ChecksumAlgorithm != tt.algorithm || begun.ChecksumType == "" {
			t.Fatalf("%s: %+v, %v", name, begun, err)
		}
		kind := begun.ChecksumType
		_, err = s.client.UploadPart(ctx, &sdk.UploadPartInput{Bucket: bucket, Key: key, UploadId: begun.UploadId, PartNumber: aws.Int32(1), Body: bytes.NewReader(first)})
		wantCode(t, name+": a part without its checksum", err, "InvalidRequest")
		var parts []types.CompletedPart
		for i, data := range [][]byte{first, last} {
			out, err := s.client.UploadPart(ctx, &sdk.UploadPartInput{
				Bucket: bucket, Key: key, UploadId: begun.UploadId, PartNumber: aws.Int32(int32(i + 1)), Body: bytes.NewReader(data), ChecksumAlgorithm: tt.algorithm,
			})
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			parts = append(parts, types.CompletedPart{
				PartNumber: aws.Int32(int32(i + 1)), ETag: out.ETag, ChecksumCRC32: out.ChecksumCRC32, ChecksumCRC32C: out.ChecksumCRC32C,
				ChecksumCRC64NVME: out.ChecksumCRC64NVME, ChecksumSHA1: out.ChecksumSHA1, ChecksumSHA256: out.ChecksumSHA256,
			})
		}
		s.reopen()
		complete := func(parts []types.CompletedPart) (*sdk.CompleteMultipartUploadOutput, error) {
			return s.client.CompleteMultipartUpload(ctx, &sdk.CompleteMultipartUploadInput{
				Bucket: bucket, Key: key, UploadId: begun.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
			})
		}
		bare := []types.CompletedPart{{PartNumber: aws.Int32(1), ETag: parts[0].ETag}, {PartNumber: aws.Int32(2), ETag: parts[1].ETag}}
		if kind == types.ChecksumTypeComposite {
			_, err := complete(bare)
			wantCode(t, name+": completed without the checksums of its parts", err, "InvalidRequest")
		}
		swapped := []types.CompletedPart{parts[0], parts[1]}
		swapped[0].ChecksumCRC32, swapped[0].ChecksumCRC32C, swapped[0].ChecksumCRC64NVME = parts[1].ChecksumCRC32, parts[1].ChecksumCRC32C, parts[1].ChecksumCRC64NVME
		swapped[0].ChecksumSHA1, swapped[0].ChecksumSHA256 = parts[1].ChecksumSHA1, parts[1].ChecksumSHA256
		_, err = complete(swapped)
		wantCode(t, name+": the checksum of another part", err, "InvalidPart")
		listed, err := s.client.ListParts(ctx, &sdk.ListPartsInput{Bucket: bucket, Key: key, UploadId: begun.UploadId})
		if err != nil || listed.ChecksumAlgorithm != tt.algorithm || listed.ChecksumType != kind || sumOf(listed.Parts[1]) != sumOf(parts[1]) || sumOf(parts[1]) == "" {
			t.Errorf("%s: %+v, %v", name, listed, err)
		}
		out, err := complete(parts)
		if err != nil || out.ChecksumType != kind || sumOf(out) == "" || strings.HasSuffix(sumOf(out), "-2") != (kind == types.ChecksumTypeComposite) ||
			!strings.HasPrefix(aws.ToString(out.Location), s.http.URL+"/"+testBucket+"/") {
			t.Fatalf("%s: %+v, %v", name, out, err)
		}
		if again, err := complete(parts); err != nil || aws.ToString(again.ETag) != aws.ToString(out.ETag) {
			t.Errorf("%s, completed again: %+v, %v", name, again, err)
		}
		s.reopen()
		head, err := s.client.HeadObject(ctx, &sdk.HeadObjectInput{Bucket: bucket, Key: key, ChecksumMode: types.ChecksumModeEnabled})
		if err != nil || sumOf(head) != sumOf(out) || head.ChecksumType != kind {
			t.Errorf("%s: %+v, %v", name, head, err)
		}
		s.mustGet(name, string(first)+string(last))
		attributes, err := s.client.GetObjectAttributes(ctx, &sdk.GetObjectAttributesInput{Bucket: bucket, Key: key, ObjectAttributes: []types.ObjectAttributes{
			types.ObjectAttributesChecksum, types.ObjectAttributesEtag, types.ObjectAttributesObjectParts, types.ObjectAttributesObjectSize, types.ObjectAttributesStorageClass,
		}})
		if err != nil || aws.ToString(attributes.ETag) != strings.Trim(aws.ToString(out.ETag), `"`) || sumOf(attributes.Checksum) != sumOf(out) || attributes.StorageClass != "STANDARD" ||
			aws.ToInt32(attributes.ObjectParts.TotalPartsCount) != 2 || aws.ToInt64(attributes.ObjectSize) != int64(len(first)+len(last)) {
			t.Fatalf("%s: %+v, %v", name, attributes, err)
		}
		if listed := attributes.ObjectParts.Parts; kind == types.ChecksumTypeComposite && (len(listed) != 2 || sumOf(listed[1]) != sumOf(parts[1])) {
			t.Errorf("%s: %+v", name, listed)
		}
		// A copy is one piece again, with a checksum of its own.
		source := aws.String(testBucket + "/" + strings.ReplaceAll(name, " ", "%20"))
		if _, err := s.client.CopyObject(ctx, &sdk.CopyObjectInput{Bucket: bucket, Key: aws.String("copy"), CopySource: source}); err != nil {
			t.Fatal(err)
		}
		copied, err := s.client.HeadObject(ctx, &sdk.HeadObjectInput{Bucket: bucket, Key: aws.String("copy"), ChecksumMode: types.ChecksumModeEnabled})
		if err != nil || sumOf(copied) == "" || strings.Contains(sumOf(copied), "-") || copied.ChecksumType != types.ChecksumTypeFullObject {
			t.Errorf("%s, copied: %+v, %v", name, copied, err)
		}
		s.mustGet("copy", string(first)+string(last)) // the SDK checks what it gets
	}
	for kind, algorithm := range map[types.ChecksumType]types.ChecksumAlgorithm{types.ChecksumTypeFullObject: types.ChecksumAlgorithmSha1, types.ChecksumTypeComposite: types.ChecksumAlgorithmCrc64nvme} {
		_, err := s.client.CreateMultipartUpload(ctx, &sdk.CreateMultipartUploadInput{Bucket: bucket, Key: aws.String("k"), ChecksumAlgorithm: algorithm, ChecksumType: kind})
		wantCode(t, string(kind)+" of "+string(algorithm), err, "InvalidRequest")
	}
}

// sumOf is the checksum in an answer, whatever its algorithm.
func sumOf(answer any) string {
	v := reflect.Indirect(reflect.ValueOf(answer))
	for _, name := range []string{"ChecksumCRC32", "ChecksumCRC32C", "ChecksumCRC64NVME", "ChecksumSHA1", "ChecksumSHA256"} {
		if p, _ := v.FieldByName(name).Interface().(*string); p != nil {
			return *p
		}
	}
	return ""
}
