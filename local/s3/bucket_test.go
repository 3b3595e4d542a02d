package s3

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"
)

func TestBuckets(t *testing.T) {
	s := start(t, Config{})
	ctx := t.Context()
	bucket := aws.String(testBucket)
	_, err := s.client.HeadBucket(ctx, &sdk.HeadBucketInput{Bucket: bucket})
	wantCode(t, "head of a missing bucket", err, "NotFound")
	_, err = s.client.PutObject(ctx, &sdk.PutObjectInput{Bucket: bucket, Key: aws.String("k"), Body: strings.NewReader("x")})
	wantCode(t, "put into a missing bucket", err, "NoSuchBucket")
	s.bucket()
	_, err = s.client.CreateBucket(ctx, &sdk.CreateBucketInput{Bucket: bucket})
	wantCode(t, "create again", err, "") // as in us-east-1, and in no other region
	status, _ := s.raw(http.MethodPut, "/..%2F..%2Fetc", nil, nil)
	if status != http.StatusBadRequest && status != http.StatusNotFound {
		t.Errorf("a bucket name that is a path: status %d", status)
	}
	head, err := s.client.HeadBucket(ctx, &sdk.HeadBucketInput{Bucket: bucket})
	if err != nil || aws.ToString(head.BucketRegion) != testRegion {
		t.Errorf("head: %+v, %v", head, err)
	}
	if _, err := s.client.GetBucketLocation(ctx, &sdk.GetBucketLocationInput{Bucket: bucket}); err != nil {
		t.Error(err)
	}
	list, err := s.client.ListBuckets(ctx, &sdk.ListBucketsInput{})
	if err != nil || len(list.Buckets) != 1 || aws.ToString(list.Buckets[0].Name) != testBucket {
		t.Errorf("list: %+v, %v", list, err)
	}
	s.put("k", "x")
	_, err = s.client.DeleteBucket(ctx, &sdk.DeleteBucketInput{Bucket: bucket})
	wantCode(t, "delete a bucket with an object", err, "BucketNotEmpty")
	s.reopen()
	s.mustGet("k", "x")
	if _, err := s.client.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: bucket, Key: aws.String("k")}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.client.DeleteBucket(ctx, &sdk.DeleteBucketInput{Bucket: bucket}); err != nil {
		t.Fatal(err)
	}
	s.reopen()
	_, err = s.client.ListObjectsV2(ctx, &sdk.ListObjectsV2Input{Bucket: bucket})
	wantCode(t, "list a deleted bucket", err, "NoSuchBucket")
}

func TestList(t *testing.T) {
	s := start(t, Config{}).bucket()
	keys := []string{"a", "a/", "a/1", "a/2/x", "a/2/y", "a0", "b//c", "b/c", "kinesiscsv/sensor-1/x", "kinesiscsv/sensor-2/x", "z", "é", "\U0001F600"}
	for _, key := range keys {
		s.put(key, key)
	}
	for _, tt := range []struct {
		name string
		in   sdk.ListObjectsV2Input
		want []string
	}{
		{"all", sdk.ListObjectsV2Input{}, keys},
		{"prefix", sdk.ListObjectsV2Input{Prefix: aws.String("a/")}, []string{"a/", "a/1", "a/2/x", "a/2/y"}},
		{"delimiter", sdk.ListObjectsV2Input{Delimiter: aws.String("/")},
			[]string{"a", "a/", "a0", "b/", "kinesiscsv/", "z", "é", "\U0001F600"}},
		{"prefix and delimiter", sdk.ListObjectsV2Input{Prefix: aws.String("a/"), Delimiter: aws.String("/")},
			[]string{"a/", "a/1", "a/2/"}},
		{"part of a name", sdk.ListObjectsV2Input{Prefix: aws.String("kin"), Delimiter: aws.String("/")}, []string{"kinesiscsv/"}},
		{"other delimiter", sdk.ListObjectsV2Input{Prefix: aws.String("kinesiscsv"), Delimiter: aws.String("-")}, []string{"kinesiscsv/sensor-"}},
		{"start after", sdk.ListObjectsV2Input{StartAfter: aws.String("b/c")}, keys[8:]},
		{"start after a prefix", sdk.ListObjectsV2Input{StartAfter: aws.String("a/"), Delimiter: aws.String("/")},
			[]string{"a0", "b/", "kinesiscsv/", "z", "é", "\U0001F600"}},
		{"nothing", sdk.ListObjectsV2Input{Prefix: aws.String("none")}, nil},
	} {
		for _, size := range []int32{1, 2, 1000} {
			in := tt.in
			in.MaxKeys = aws.Int32(size)
			got := s.keys(in)
			slices.Sort(got)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%s by %d (-want +got):\n%s", tt.name, size, diff)
			}
		}
	}
	v1, err := s.client.ListObjects(t.Context(), &sdk.ListObjectsInput{
		Bucket: aws.String(testBucket), Marker: aws.String("a0"), MaxKeys: aws.Int32(1), Delimiter: aws.String("/"),
	})
	if err != nil || len(v1.CommonPrefixes) != 1 || aws.ToString(v1.NextMarker) != "b/" || !aws.ToBool(v1.IsTruncated) {
		t.Errorf("version 1: %+v, %v", v1, err)
	}
	if count, size, err := s.server.Objects(testBucket, "a/"); count != 4 || size != 15 || err != nil {
		t.Errorf("Objects: %d, %d, %v", count, size, err)
	}
}

// hostileKeys are what a key must be able to be. The file system sees none of it.
func hostileKeys() []string {
	return []string{
		"../../../etc/passwd", "..", ".", "/", "//", "/leading", "trailing/", "a//b", "a/./b", "a/../b",
		"with space", "plus+plus", "per%cent", "%2e%2e%2f", "q?x=1&y", "hash#", "semi;colon", `back\slash`, `quo"te'`,
		"<xml>&amp;", "ünïcode/日本/\U0001F600", "tab\there", "CON", "bucket.json", "-rf", "DROP TABLE x;--",
		strings.Repeat("n", 1024), strings.Repeat("d/", 512), "d/" + strings.Repeat("é", 511),
	}
}

func TestHostileKeys(t *testing.T) {
	s := start(t, Config{}).bucket()
	keys := hostileKeys()
	for i, key := range keys {
		s.put(key, fmt.Sprint(i))
	}
	check := func() {
		t.Helper()
		for i, key := range keys {
			s.mustGet(key, fmt.Sprint(i))
		}
		want := slices.Sorted(slices.Values(keys))
		if diff := cmp.Diff(want, s.keys(sdk.ListObjectsV2Input{})); diff != "" {
			t.Errorf("listing (-want +got):\n%s", diff)
		}
	}
	check()
	s.reopen()
	check()
	_, err := s.client.PutObject(t.Context(), &sdk.PutObjectInput{
		Bucket: aws.String(testBucket), Key: aws.String(strings.Repeat("k", 1025)), Body: strings.NewReader("x"),
	})
	wantCode(t, "key of 1,025 bytes", err, "KeyTooLongError")

	// Bytes that are no text do not fit into an XML listing; they do round trip, and list when asked for in URL form.
	if status, answer := s.raw(http.MethodPut, "/"+testBucket+"/bytes-%FF%00%01", nil, strings.NewReader("raw")); status != http.StatusOK {
		t.Fatalf("put of a key of raw bytes: %d %s", status, answer)
	}
	s.reopen()
	if _, content := s.raw(http.MethodGet, "/"+testBucket+"/bytes-%FF%00%01", nil, nil); content != "raw" {
		t.Errorf("key of raw bytes holds %q", content)
	}
	if _, list := s.raw(http.MethodGet, "/"+testBucket+"?list-type=2&prefix=bytes&encoding-type=url", nil, nil); !strings.Contains(list, "bytes-%FF%00%01") {
		t.Errorf("listing in URL form: %s", list)
	}

	var ids []types.ObjectIdentifier
	for _, key := range keys {
		if !strings.ContainsAny(key, "\t") {
			ids = append(ids, types.ObjectIdentifier{Key: aws.String(key)})
		}
	}
	out, err := s.summed.DeleteObjects(t.Context(), &sdk.DeleteObjectsInput{Bucket: aws.String(testBucket), Delete: &types.Delete{Objects: ids}})
	if err != nil || len(out.Errors) > 0 || len(out.Deleted) != len(ids) {
		t.Fatalf("delete: %v, %+v", err, out)
	}
	if count, _, _ := s.server.Objects(testBucket, ""); count != int64(len(keys)-len(ids)+1) {
		t.Errorf("%d objects are left", count)
	}
}

func TestRefusals(t *testing.T) {
	s := start(t, Config{}).bucket()
	s.put("k", "x")
	path := "/" + testBucket + "/k"
	for _, tt := range []struct {
		name, method, path string
		header             http.Header
		status             int
		code               string
	}{
		{"no signature", "GET", path, http.Header{"Authorization": nil}, 403, "AccessDenied"},
		{"presigned", "GET", path + "?X-Amz-Signature=0", http.Header{"Authorization": nil}, 200, ""},
		{"from a web page", "GET", path, http.Header{"Origin": {"http://evil.example"}}, 403, "AccessDenied"},
		{"image on a web page", "GET", path + "?X-Amz-Signature=0", http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403, "AccessDenied"},
		{"public object", "PUT", path, http.Header{"X-Amz-Acl": {"public-read"}}, 501, "NotImplemented"},
		{"copy of no version", "PUT", path, http.Header{"X-Amz-Copy-Source": {testBucket + "/k?versionId=1"}}, 400, "Invalid version id"},
		{"preflight", "OPTIONS", path, nil, 403, "AccessDenied"},
		{"no version id", "GET", path + "?versionId=1", nil, 400, "Invalid version id"},
		{"no such version", "GET", path + "?versionId=0000000000000001", nil, 404, "NoSuchVersion"},
		{"expired link", "PUT", path + "?X-Amz-Signature=0&X-Amz-Date=20200101T000000Z&X-Amz-Expires=60", http.Header{"Authorization": nil}, 403, "Request has expired"},
		{"expired older link", "GET", path + "?Signature=0&Expires=1500000000", http.Header{"Authorization": nil}, 403, "Request has expired"},
		{"link that lasts", "GET", path + "?Signature=0&Expires=33000000000", http.Header{"Authorization": nil}, 200, ""},
		{"older link with a type", "PUT", "/" + testBucket + "/typed?Signature=0&Expires=33000000000&content-type=text%2Fplain", http.Header{"Authorization": nil}, 200, ""},
		{"somebody else's", "GET", path, http.Header{"X-Amz-Expected-Bucket-Owner": {"111111111111"}}, 403, "AccessDenied"},
		{"the owner's", "GET", path, http.Header{"X-Amz-Expected-Bucket-Owner": {testAccount}}, 200, ""},
		{"unknown class", "PUT", path, http.Header{"X-Amz-Storage-Class": {"MARBLE"}}, 400, "InvalidStorageClass"},
		{"bad tags", "PUT", path, http.Header{"X-Amz-Tagging": {"a=1&a=2"}}, 400, "InvalidTag"},
		{"part 10001", "PUT", path + "?partNumber=10001&uploadId=1", nil, 400, "between 1 and 10000"},
		{"no such key", "GET", path + "-no", nil, 404, "The specified key does not exist."},
		{"rename", "PUT", path + "?renameObject", nil, 501, "NotImplemented"},
		{"append", "PUT", path, http.Header{"X-Amz-Write-Offset-Bytes": {"1"}}, 501, "NotImplemented"},
		{"grant", "PUT", path, http.Header{"X-Amz-Grant-Read": {"id=1"}}, 501, "X-Amz-Grant-Read"},
		{"setting of an object", "PUT", path + "?encryption", nil, 501, "the query parameter encryption"},
		{"HTML form", "POST", "/" + testBucket, http.Header{"Content-Type": {"multipart/form-data; boundary=x"}}, 501, "HTML forms"},
		{"create what is there", "PUT", path, http.Header{"If-None-Match": {"*"}}, 412, "did not hold</Message><Condition>If-None-Match</Condition>"},
		{"read another", "GET", path, http.Header{"If-Match": {"\"x\""}}, 412, "<Condition>If-Match</Condition>"},
		{"range behind the end", "GET", path, http.Header{"Range": {"bytes=9-"}}, 416, "The requested range is not satisfiable"},
		{"abort of no upload", "DELETE", path + "?uploadId=x", nil, 404, "The specified upload does not exist."},
		{"website", "DELETE", "/" + testBucket + "?website", nil, 501, "NotImplemented"},
		{"form", "POST", "/" + testBucket, nil, 501, "NotImplemented"},
		{"conditional on another", "PUT", path, http.Header{"If-None-Match": {"abc"}}, 501, "NotImplemented"},
	} {
		status, answer := s.raw(tt.method, tt.path, tt.header, nil)
		if status != tt.status || !strings.Contains(answer, tt.code) {
			t.Errorf("%s: %d %s", tt.name, status, answer)
		}
	}
	s.mustGet("k", "x")
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, s.http.URL+path, nil)
	r.Host = "rebound.example"
	r.Header.Set("Authorization", "x")
	answer, err := s.http.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusForbidden {
		t.Errorf("foreign host name: status %d", answer.StatusCode)
	}
}
