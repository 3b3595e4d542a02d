package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"pgregory.net/rapid"
)

func (s *stack) versioning(status types.BucketVersioningStatus) {
	s.t.Helper()
	_, err := s.client.PutBucketVersioning(context.Background(), &sdk.PutBucketVersioningInput{
		Bucket: aws.String(testBucket), VersioningConfiguration: &types.VersioningConfiguration{Status: status},
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *stack) delete(key, version string) *sdk.DeleteObjectOutput {
	s.t.Helper()
	in := &sdk.DeleteObjectInput{Bucket: aws.String(testBucket), Key: &key}
	if version != "" {
		in.VersionId = &version
	}
	out, err := s.client.DeleteObject(context.Background(), in)
	if err != nil {
		s.t.Fatalf("delete %q: %v", key, err)
	}
	return out
}

// getVersion reads one version.
func (s *stack) getVersion(key, version string) (string, error) {
	out, err := s.summed.GetObject(context.Background(), &sdk.GetObjectInput{Bucket: aws.String(testBucket), Key: &key, VersionId: &version})
	if err != nil {
		return "", err
	}
	defer out.Body.Close()
	data, err := io.ReadAll(out.Body)
	if aws.ToString(out.VersionId) != version {
		err = errors.Join(err, fmt.Errorf("version %s answers as %s", version, aws.ToString(out.VersionId)))
	}
	return string(data), err
}

// seen is a version in a listing.
type seen struct {
	key, id string
	marker  bool
	latest  bool
}

// list lists all versions through pages of a size.
func (s *stack) list(in sdk.ListObjectVersionsInput) (all []seen) {
	s.t.Helper()
	in.Bucket = aws.String(testBucket)
	pages := sdk.NewListObjectVersionsPaginator(s.client, &in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(context.Background())
		if err != nil {
			s.t.Fatal(err)
		}
		n := len(page.Versions) + len(page.DeleteMarkers) + len(page.CommonPrefixes)
		if most := aws.ToInt32(in.MaxKeys); most > 0 && n > int(most) {
			s.t.Errorf("a page of at most %d holds %d", most, n)
		}
		for _, v := range page.Versions {
			all = append(all, seen{*v.Key, *v.VersionId, false, *v.IsLatest})
		}
		for _, v := range page.DeleteMarkers {
			all = append(all, seen{*v.Key, *v.VersionId, true, *v.IsLatest})
		}
		for _, p := range page.CommonPrefixes {
			all = append(all, seen{key: *p.Prefix})
		}
	}
	return all
}

// versions are those of one key, the newest first.
func (s *stack) versions(key string) (all []seen) {
	s.t.Helper()
	for _, v := range s.list(sdk.ListObjectVersionsInput{Prefix: &key}) {
		if v.key == key {
			all = append(all, v)
		}
	}
	return all
}

// TestVersions is a key's life by hand: what AWS answers to each step.
func TestVersions(t *testing.T) {
	s := start(t, Config{}).bucket()
	ctx, bucket, key := t.Context(), aws.String(testBucket), aws.String("k")
	s.put("k", "before")
	if v := s.versions("k"); len(v) != 1 || v[0].id != "null" || !v[0].latest {
		t.Errorf("without versioning: %+v", v)
	}
	s.versioning(types.BucketVersioningStatusEnabled)
	put, err := s.client.PutObject(ctx, &sdk.PutObjectInput{Bucket: bucket, Key: key, Body: strings.NewReader("one"), Tagging: aws.String("n=1")})
	if err != nil || aws.ToString(put.VersionId) == "" {
		t.Fatalf("%+v, %v", put, err)
	}
	one := *put.VersionId
	_, err = s.client.PutObject(ctx, &sdk.PutObjectInput{Bucket: bucket, Key: key, Body: strings.NewReader("x"), IfNoneMatch: aws.String("*")})
	wantCode(t, "create what is there", err, "PreconditionFailed")
	s.mustGet("k", "one")
	for version, want := range map[string]string{"null": "before", one: "one"} {
		if got, err := s.getVersion("k", version); err != nil || got != want {
			t.Errorf("version %s: %q, %v", version, got, err)
		}
	}
	marker := s.delete("k", "")
	if !aws.ToBool(marker.DeleteMarker) || aws.ToString(marker.VersionId) == "" {
		t.Errorf("%+v", marker)
	}
	_, err = s.get("k")
	wantCode(t, "behind a marker", err, "NoSuchKey")
	_, err = s.getVersion("k", *marker.VersionId)
	wantCode(t, "the marker itself", err, "MethodNotAllowed")
	if keys := s.keys(sdk.ListObjectsV2Input{}); len(keys) != 0 {
		t.Errorf("listed behind a marker: %q", keys)
	}
	if n, size, _ := s.server.Objects(testBucket, ""); n != 0 || size != 0 {
		t.Errorf("%d objects of %d bytes behind a marker", n, size)
	}
	_, err = s.client.DeleteBucket(ctx, &sdk.DeleteBucketInput{Bucket: bucket})
	wantCode(t, "delete a bucket that holds versions", err, "BucketNotEmpty")
	if v := s.versions("k"); len(v) != 3 {
		t.Errorf("%+v", v)
	}
	// An older version comes back by a copy of it, or when the marker goes.
	copied, err := s.client.CopyObject(ctx, &sdk.CopyObjectInput{Bucket: bucket, Key: key, CopySource: aws.String(testBucket + "/k?versionId=null")})
	if err != nil || aws.ToString(copied.CopySourceVersionId) != "null" || aws.ToString(copied.VersionId) == "" {
		t.Fatalf("%+v, %v", copied, err)
	}
	s.mustGet("k", "before")
	s.delete("k", *copied.VersionId)
	if gone := s.delete("k", *marker.VersionId); !aws.ToBool(gone.DeleteMarker) {
		t.Errorf("%+v", gone)
	}
	s.mustGet("k", "one")
	tags, err := s.client.GetObjectTagging(ctx, &sdk.GetObjectTaggingInput{Bucket: bucket, Key: key, VersionId: &one})
	if err != nil || len(tags.TagSet) != 1 || aws.ToString(tags.VersionId) != one {
		t.Errorf("%+v, %v", tags, err)
	}
	_, err = s.client.PutObjectTagging(ctx, &sdk.PutObjectTaggingInput{Bucket: bucket, Key: key, VersionId: aws.String("null"),
		Tagging: &types.Tagging{TagSet: []types.Tag{{Key: aws.String("old"), Value: aws.String("yes")}}}})
	if err != nil {
		t.Fatal(err)
	}
	s.reopen()
	for version, want := range map[string]string{"null": "old", one: "n"} {
		tags, err := s.client.GetObjectTagging(ctx, &sdk.GetObjectTaggingInput{Bucket: bucket, Key: key, VersionId: &version})
		if err != nil || len(tags.TagSet) != 1 || *tags.TagSet[0].Key != want {
			t.Errorf("tags of %s: %+v, %v", version, tags, err)
		}
	}
	// Without versions again: the null version is replaced, the others stay.
	s.versioning(types.BucketVersioningStatusSuspended)
	s.put("k", "null again")
	s.mustGet("k", "null again")
	if got, err := s.getVersion("k", one); err != nil || got != "one" {
		t.Errorf("%q, %v", got, err)
	}
	if out := s.delete("k", ""); aws.ToString(out.VersionId) != "null" || !aws.ToBool(out.DeleteMarker) {
		t.Errorf("%+v", out)
	}
	out, err := s.client.DeleteObjects(ctx, &sdk.DeleteObjectsInput{Bucket: bucket, Delete: &types.Delete{Objects: []types.ObjectIdentifier{
		{Key: key, VersionId: &one}, {Key: key, VersionId: aws.String("null")}, {Key: key, VersionId: aws.String("none such")},
	}}})
	if err != nil || len(out.Deleted) != 2 || !aws.ToBool(out.Deleted[1].DeleteMarker) || len(out.Errors) != 1 || *out.Errors[0].Code != "InvalidArgument" {
		t.Errorf("%+v, %v", out, err)
	}
	if _, err := s.client.DeleteBucket(ctx, &sdk.DeleteBucketInput{Bucket: bucket}); err != nil {
		t.Error(err)
	}
}

// A notification names the version; one that was replaced before it was told is told all the same.
func TestVersionsAreAnnounced(t *testing.T) {
	q := newInbox(t)
	s := start(t, Config{QueueEndpoint: q.http.URL}).bucket()
	s.versioning(types.BucketVersioningStatusEnabled)
	_, err := s.client.PutBucketNotificationConfiguration(t.Context(), &sdk.PutBucketNotificationConfigurationInput{
		Bucket: aws.String(testBucket), NotificationConfiguration: &types.NotificationConfiguration{QueueConfigurations: []types.QueueConfiguration{{
			QueueArn: aws.String(testQueue), Events: []types.Event{"s3:ObjectCreated:*"},
		}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	q.fail(1000)
	for _, text := range []string{"1", "2"} {
		s.put("k", text)
	}
	s.reopen() // the first one's message lies in a version's file
	q.fail(0)
	flush(t, s)
	all := strings.Join(q.all(), "\n")
	for _, v := range s.versions("k") {
		if strings.Count(all, `"versionId":"`+v.id+`"`) != 1 {
			t.Errorf("version %s is not announced once in %s", v.id, all)
		}
	}
}

// TestVersionsModel does anything in any order, restarts included, and compares with a list in memory.
func TestVersionsModel(t *testing.T) {
	s := start(t, Config{}).bucket()
	type version struct {
		id, content string
		marker      bool
	}
	quick := func() { s.server.backend.disk.flush = func(*os.File) error { return nil } } // no crash here, and many writes
	quick()
	rapid.Check(t, func(t *rapid.T) {
		for _, v := range s.list(sdk.ListObjectVersionsInput{}) {
			s.delete(v.key, v.id)
		}
		s.versioning(types.BucketVersioningStatusSuspended)
		model, status := map[string][]version{}, types.BucketVersioningStatusSuspended
		add := func(key string, v version) {
			model[key] = append([]version{v}, slices.DeleteFunc(model[key], func(old version) bool { return old.id == v.id })...)
		}
		keys := []string{"a", "a/b", "a/c", "b"}
		step := 0
		key := func(t *rapid.T) string { return rapid.SampledFrom(keys).Draw(t, "key") }
		compare := func(t *rapid.T) {
			var want []seen
			shown := []string{}
			for _, k := range slices.Sorted(maps.Keys(model)) {
				for i, v := range model[k] {
					want = append(want, seen{k, v.id, v.marker, i == 0})
				}
				if len(model[k]) > 0 && !model[k][0].marker {
					shown = append(shown, k)
					if got, err := s.get(k); err != nil || got != model[k][0].content {
						t.Fatalf("%s: %q, %v", k, got, err)
					}
				}
			}
			byKey := func(a, b seen) int { return strings.Compare(a.key+a.id, b.key+b.id) }
			slices.SortFunc(want, byKey)
			for _, size := range []int32{1, 3, 1000} {
				got := s.list(sdk.ListObjectVersionsInput{MaxKeys: &size})
				slices.SortFunc(got, byKey)
				if !slices.Equal(got, want) {
					t.Fatalf("pages of %d: %+v, want %+v", size, got, want)
				}
			}
			if got := s.keys(sdk.ListObjectsV2Input{}); !slices.Equal(append([]string{}, got...), shown) {
				t.Fatalf("shown are %q, want %q", got, shown)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				step++
				k, text := key(t), fmt.Sprint(step)
				out, err := s.client.PutObject(context.Background(), &sdk.PutObjectInput{Bucket: aws.String(testBucket), Key: &k, Body: strings.NewReader(text)})
				if err != nil || (out.VersionId == nil) != (status == types.BucketVersioningStatusSuspended) {
					t.Fatalf("%+v, %v", out, err)
				}
				add(k, version{id: aws.ToString(cmpOr(out.VersionId, "null")), content: text})
			},
			"delete": func(t *rapid.T) {
				k := key(t)
				add(k, version{id: *s.delete(k, "").VersionId, marker: true})
			},
			"delete a version": func(t *rapid.T) {
				k := key(t)
				if len(model[k]) == 0 {
					t.Skip()
				}
				v := rapid.SampledFrom(model[k]).Draw(t, "version")
				s.delete(k, v.id)
				model[k] = slices.DeleteFunc(model[k], func(old version) bool { return old.id == v.id })
			},
			"versioning": func(t *rapid.T) {
				status = rapid.SampledFrom([]types.BucketVersioningStatus{types.BucketVersioningStatusEnabled, types.BucketVersioningStatusSuspended}).Draw(t, "status")
				s.versioning(status)
			},
			"restart": func(t *rapid.T) {
				if rapid.IntRange(0, 3).Draw(t, "now and then") == 0 {
					compare(t)
					s.reopen()
					quick()
					compare(t)
				}
			},
		})
		compare(t)
		for k, versions := range model {
			for _, v := range versions {
				if got, err := s.getVersion(k, v.id); !v.marker && (err != nil || got != v.content) {
					t.Fatalf("%s of %s: %q, %v", v.id, k, got, err)
				}
			}
		}
	})
}

func cmpOr(p *string, other string) *string {
	if p == nil {
		return &other
	}
	return p
}

func TestVersionsByPrefix(t *testing.T) {
	s := start(t, Config{}).bucket()
	s.versioning(types.BucketVersioningStatusEnabled)
	for _, key := range []string{"a/1", "a/2", "a/2", "b", "c/1"} {
		s.put(key, "x")
	}
	s.delete("a/1", "")
	for _, size := range []int32{1, 2, 1000} {
		var got []string
		for _, v := range s.list(sdk.ListObjectVersionsInput{Delimiter: aws.String("/"), MaxKeys: &size}) {
			got = append(got, v.key)
		}
		slices.Sort(got)
		if !slices.Equal(got, []string{"a/", "b", "c/"}) {
			t.Errorf("pages of %d: %q", size, got)
		}
	}
	if got := s.list(sdk.ListObjectVersionsInput{Prefix: aws.String("a/")}); len(got) != 4 {
		t.Errorf("%+v", got)
	}
	for query, want := range map[string]string{
		"version-id-marker=0000000000000001": "without a key marker", "key-marker=a&version-id-marker=": "cannot be empty", "key-marker=a&version-id-marker=x": "Invalid version id",
		"max-keys=-1": "max-keys", "encoding-type=html": "Encoding",
	} {
		if status, answer := s.raw(http.MethodGet, "/"+testBucket+"?versions&"+query, nil, nil); status != http.StatusBadRequest || !strings.Contains(answer, want) {
			t.Errorf("%s: %d %s", query, status, answer)
		}
	}
}

// TestVersionsCrash copies the folder before each flush, as a crash would leave it: what was acknowledged is there, and a
// version or a marker that was under way is there whole or not at all.
func TestVersionsCrash(t *testing.T) {
	s := start(t, Config{}).bucket()
	s.put("k", "null")
	s.versioning(types.BucketVersioningStatusEnabled)
	s.put("k", "one")
	one := s.versions("k")[0].id
	for name, step := range map[string]func(){
		"put": func() { s.put("k", "two") }, "delete": func() { s.delete("k", "") },
		"suspended": func() { s.versioning(types.BucketVersioningStatusSuspended) }, "again": func() { s.put("k", "null") },
	} {
		before := s.versions("k")
		var copies []*stack
		s.server.backend.disk.flush = func(f *os.File) error {
			copies = append(copies, s.crash())
			return f.Sync()
		}
		step()
		s.server.backend.disk.flush = (*os.File).Sync
		after := s.versions("k")
		if len(copies) != 2 {
			t.Errorf("%s takes %d flushes", name, len(copies))
		}
		for i, c := range copies {
			got := c.versions("k")
			if !slices.Equal(got, before) && !slices.Equal(got, after) {
				t.Errorf("%s, crash %d: %+v, want %+v or %+v", name, i, got, before, after)
			}
			if text, err := c.getVersion("k", one); err != nil || text != "one" {
				t.Errorf("%s, crash %d: %q, %v", name, i, text, err)
			}
		}
	}
}

// TestVersionsFullDisk runs out of space at each flush of a put, a marker and a deletion of several keys.
func TestVersionsFullDisk(t *testing.T) {
	s := start(t, Config{}).bucket()
	s.versioning(types.BucketVersioningStatusEnabled)
	s.put("k", "old")
	s.put("other", "old")
	full := &os.PathError{Op: "sync", Path: "file", Err: syscall.ENOSPC}
	ctx, bucket := t.Context(), aws.String(testBucket)
	for at := range int32(2) {
		for name, change := range map[string]func() error{
			"put": func() error {
				_, err := s.client.PutObject(ctx, &sdk.PutObjectInput{Bucket: bucket, Key: aws.String("k"), Body: strings.NewReader("new")})
				return err
			},
			"markers": func() error {
				_, err := s.client.DeleteObjects(ctx, &sdk.DeleteObjectsInput{Bucket: bucket, Delete: &types.Delete{Objects: []types.ObjectIdentifier{{Key: aws.String("k")}, {Key: aws.String("other")}}}})
				return err
			},
		} {
			var count atomic.Int32
			s.server.backend.disk.flush = func(f *os.File) error {
				if info, err := f.Stat(); err == nil && !info.IsDir() && count.Add(1) > at {
					return full
				}
				return f.Sync()
			}
			if name == "put" && at > 0 {
				continue // it flushes one file
			}
			wantCode(t, name+" on a full disk", change(), "InternalError")
			s.server.backend.disk.flush = (*os.File).Sync
			s.mustGet("k", "old")
			s.mustGet("other", "old")
			s.reopen()
			s.mustGet("k", "old")
			if v := append(s.versions("k"), s.versions("other")...); len(v) != 2 {
				t.Errorf("%s at flush %d: %+v", name, at, v)
			}
		}
	}
	s.server.backend.disk.flush = (*os.File).Sync
	s.put("k", "new")
	s.mustGet("k", "new")
}

// TestVersionsTorn cuts the file of the newest version: nobody may take an older one for it. What is written later is
// whole.
func TestVersionsTorn(t *testing.T) {
	s := start(t, Config{}).bucket()
	s.put("k", "null")
	s.put("plain", "null")
	s.versioning(types.BucketVersioningStatusEnabled)
	s.put("k", "one")
	s.put("k", "two")
	one, two := s.versions("k")[1].id, s.versions("k")[0].id
	tear := func(key, version string) {
		t.Helper()
		_, file := s.server.backend.place(testBucket, key, version != nullVersion, sequenceOf(version))
		folder, _ := s.server.backend.place(testBucket, key, version != nullVersion, 0)
		info, err := os.Stat(folder + "/" + file)
		if err == nil {
			err = os.Truncate(folder+"/"+file, info.Size()-1)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	tear("k", two)
	tear("plain", nullVersion)
	s.reopen()
	for _, key := range []string{"k", "plain"} {
		_, err := s.get(key)
		wantCode(t, "the newest version of "+key+" is torn", err, "InternalError")
		_, err = s.client.PutObject(t.Context(), &sdk.PutObjectInput{Bucket: aws.String(testBucket), Key: &key, Body: strings.NewReader("x"), IfNoneMatch: aws.String("*")})
		wantCode(t, "condition on "+key, err, "InternalError")
	}
	if text, err := s.getVersion("k", one); err != nil || text != "one" {
		t.Errorf("%q, %v", text, err)
	}
	s.put("k", "three")
	s.put("plain", "three")
	tear("k", one)
	s.reopen()
	s.mustGet("k", "three")
	s.mustGet("plain", "three")
	s.put("k", "four")
	tear("k", s.versions("k")[0].id)
	s.reopen()
	s.delete("k", strings.TrimPrefix(s.newestFile("k"), fileName("k")+"-")) // the torn one, by its name
	s.mustGet("k", "three")
}

// newestFile is the last file of a key's versions.
func (s *stack) newestFile(key string) string {
	s.t.Helper()
	files, err := os.ReadDir(s.server.backend.disk.path(folderBuckets, testBucket, folderVersions))
	if err != nil {
		s.t.Fatal(err)
	}
	name := ""
	for _, f := range files {
		if strings.HasPrefix(f.Name(), fileName(key)) {
			name = max(name, f.Name())
		}
	}
	return name
}

// TestKillVersions kills servers in the middle of concurrent writes and deletions of a few keys. Every version and marker
// that was acknowledged must be there, whole.
func TestKillVersions(t *testing.T) {
	s := start(t, Config{}).bucket()
	s.versioning(types.BucketVersioningStatusEnabled)
	acknowledged := map[string]string{} // version to content; markers have none
	for round := range 3 {
		s.kill(acknowledged, func(client *sdk.Client, w, i int) (name, text string, err error) {
			key := aws.String(fmt.Sprint("key ", i%3))
			if i%4 == 3 {
				out, err := client.DeleteObject(t.Context(), &sdk.DeleteObjectInput{Bucket: aws.String(testBucket), Key: key})
				if err != nil {
					return "", "", err
				}
				return *key + "/" + *out.VersionId, "", nil
			}
			text = strings.Repeat(fmt.Sprintf("round %d writer %d write %d ", round, w, i), 300)
			out, err := client.PutObject(t.Context(), &sdk.PutObjectInput{Bucket: aws.String(testBucket), Key: key, Body: strings.NewReader(text)})
			if err != nil {
				return "", "", err
			}
			return *key + "/" + *out.VersionId, text, nil
		})
		there := map[string]bool{}
		for _, v := range s.list(sdk.ListObjectVersionsInput{}) {
			there[v.key+"/"+v.id] = true
		}
		for name, text := range acknowledged {
			key, version, _ := strings.Cut(name, "/")
			if !there[name] {
				t.Fatalf("round %d: %s is lost", round, name)
			}
			if text == "" {
				continue
			}
			if got, err := s.getVersion(key, version); err != nil || got != text {
				t.Fatalf("round %d: %s holds %.40q, %v", round, name, got, err)
			}
		}
	}
}
