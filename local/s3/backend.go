package s3

import (
	"bytes"
	"context"
	"errors"
	"hash/maphash"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rclone/gofakes3"
)

// keyStripes is how many keys can change at the same moment; two keys that share a stripe wait for each other.
const keyStripes = 256

// backend keeps buckets and objects in files for the library.
type backend struct {
	disk    *disk
	outbox  *outbox
	log     *slog.Logger
	region  string
	account string
	timed   func(key string, took time.Duration) // may be nil

	// stripes order the changes of a key: conditions are checked and the file replaced under the key's lock, and
	// readers take it to open a file, so nobody sees an object before it is durable.
	stripes [keyStripes]sync.RWMutex
	seed    maphash.Seed

	mu      sync.RWMutex // covers the map
	buckets map[string]*bucket

	uploads uploads
	library *gofakes3.GoFakeS3 // it has to be told of uploads that come from, or end, without it
}

var (
	_ gofakes3.Backend          = (*backend)(nil)
	_ gofakes3.MultipartBackend = (*backend)(nil)
)

func (b *backend) stripe(bucket, key string) int {
	return int(maphash.Comparable(b.seed, [2]string{bucket, key}) % keyStripes)
}

func (b *backend) folder(bucket string) string {
	return b.disk.path(folderBuckets, bucket, folderObjects)
}

// PutObject implements gofakes3.Backend. size is the library's idea of the length; the body of the call knows better.
func (b *backend) PutObject(ctx context.Context, bucketName, key string, meta map[string]string, input io.Reader, _ int64) (gofakes3.PutObjectResult, error) {
	began := time.Now()
	o, err := b.put(ctx, bucketName, key, meta, input)
	if err != nil {
		return gofakes3.PutObjectResult{}, internal(b.log, "storing the object", err)
	}
	if b.timed != nil {
		b.timed(key, time.Since(began))
	}
	return gofakes3.PutObjectResult{ETag: `"` + o.ETag + `"`}, nil
}

func (b *backend) put(ctx context.Context, bucketName, key string, meta map[string]string, input io.Reader) (*object, error) {
	bk, err := b.bucket(bucketName)
	if err != nil {
		return nil, err
	}
	s, err := b.disk.stage(input)
	if err != nil {
		return nil, err
	}
	defer s.discard()
	c := callFrom(ctx)
	if err := c.body.finish(); err != nil {
		return nil, err
	}
	o := newObject(key, s.etag(), meta)
	c.body.checksums(func(header, value string) { o.Metadata[header] = exact(value) })
	o.Tags = c.tags
	if err := b.commit(c, bk, s, o, createdPut); err != nil {
		return nil, err
	}
	c.body.checksums(c.header.Set) // not on an error: a client would check the error document against them
	return o, nil
}

// newObject makes a footer; size, time and sequence follow when it is committed.
func newObject(key, etag string, meta map[string]string) *object {
	o := &object{Key: exact(key), ETag: etag, Metadata: make(map[string]exact, len(meta))}
	for name, value := range meta {
		o.Metadata[name] = exact(value)
	}
	return o
}

// commit publishes a staged object with its notification under the lock of its key, if the call's conditions hold.
// When it returns nil both are durable.
func (b *backend) commit(c *call, bk *bucket, s *staged, o *object, kind string) error {
	key := string(o.Key)
	bk.mu.RLock()
	defer bk.mu.RUnlock()
	if bk.gone {
		return gofakes3.BucketNotFound(bk.name)
	}
	defer b.lock(bk.name, key)()
	old, damaged := bk.index.get(key)
	if damaged && c.conditions != (conditions{}) {
		return errDamaged
	}
	if err := c.conditions.check(old); err != nil {
		return err
	}
	if err := b.outbox.keep(old); err != nil {
		return err
	}
	owed := b.stamp(c, bk, o, s.size, kind)
	err := s.seal(o)
	if err == nil {
		err = b.disk.publish(s.file, b.folder(bk.name), fileName(key))
	}
	if err != nil {
		if owed != nil {
			b.outbox.withdraw(owed)
		}
		return err
	}
	bk.index.put(newEntry(o))
	if owed != nil {
		b.outbox.release(owed)
	}
	return nil
}

// stamp gives an object its time and sequence number and, if a rule matches, the notification that it owes.
func (b *backend) stamp(c *call, bk *bucket, o *object, size int64, kind string) *slip {
	o.Modified = time.Now().UTC().Truncate(time.Millisecond)
	o.Metadata["Last-Modified"] = exact(o.Modified.Format(http.TimeFormat))
	o.Size = size
	for _, r := range bk.rules {
		if !r.matches(kind, string(o.Key)) {
			continue
		}
		s := b.outbox.reserve(r.Queue)
		o.Sequence = s.Sequence
		s.Body = b.creationEvent(bk.name, r, kind, o, c)
		o.Notice = &s.notice
		return s
	}
	o.Sequence = b.outbox.next()
	return nil
}

// open opens an object's file. It waits for a change of the key that is under way.
func (b *backend) open(bucketName, key string) (*os.File, *object, error) {
	bk, err := b.bucket(bucketName)
	if err != nil {
		return nil, nil, err
	}
	lock := &b.stripes[b.stripe(bucketName, key)]
	lock.RLock()
	defer lock.RUnlock()
	e, damaged := bk.index.get(key)
	if damaged {
		return nil, nil, errDamaged
	}
	if e == nil {
		return nil, nil, noSuchKey()
	}
	f, o, err := openObject(b.disk.path(folderBuckets, bucketName, folderObjects, fileName(key)))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, errDamaged // listed, but its file is gone
	case err == nil && (string(o.Key) != key || o.ETag != e.etag):
		_ = f.Close()
		return nil, nil, errDamaged
	}
	return f, o, err
}

// GetObject implements gofakes3.Backend. The bytes are checked before the first one is served.
func (b *backend) GetObject(ctx context.Context, bucketName, key string, request *gofakes3.ObjectRangeRequest) (*gofakes3.Object, error) {
	f, o, err := b.open(bucketName, key)
	if err != nil {
		return nil, internal(b.log, "reading the object", err)
	}
	if o.archived() {
		_ = f.Close()
		return nil, refuseAs(ctx, http.StatusForbidden, "InvalidObjectState", "The operation is not valid for the object's storage class")
	}
	r, err := request.Range(o.Size)
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	start, length := int64(0), o.Size
	if r != nil {
		start, length = r.Start, r.Length
	}
	if err := o.verify(f, start, length); err != nil {
		_ = f.Close()
		return nil, internal(b.log, "reading the object", err)
	}
	answer := o.answer(io.NewSectionReader(f, start, length), f)
	answer.Range = r
	return answer, nil
}

// HeadObject implements gofakes3.Backend. The answer holds no open file: the library does not always close it.
func (b *backend) HeadObject(_ context.Context, bucketName, key string) (*gofakes3.Object, error) {
	f, o, err := b.open(bucketName, key)
	if err != nil {
		return nil, internal(b.log, "reading the object", err)
	}
	_ = f.Close()
	return o.answer(bytes.NewReader(nil), io.NopCloser(nil)), nil
}

// answer shows a footer to the library.
func (o *object) answer(r io.Reader, c io.Closer) *gofakes3.Object {
	meta := make(map[string]string, len(o.Metadata))
	for name, value := range o.Metadata {
		meta[name] = string(value)
	}
	if meta["Content-Type"] == "" {
		meta["Content-Type"] = "binary/octet-stream"
	}
	return &gofakes3.Object{
		Name: string(o.Key), Metadata: meta, Size: o.Size, Hash: etagHash(o.ETag), PartSizes: o.Parts,
		Contents: struct {
			io.Reader
			io.Closer
		}{r, c},
	}
}

// ListBucket implements gofakes3.Backend.
func (b *backend) ListBucket(_ context.Context, name string, prefix *gofakes3.Prefix, at gofakes3.ListBucketPage) (*gofakes3.ObjectList, error) {
	bk, err := b.bucket(name)
	if err != nil {
		return nil, err
	}
	limit := int(at.MaxKeys)
	if limit <= 0 {
		limit = gofakes3.MaxBucketKeys
	}
	if prefix == nil {
		prefix = &gofakes3.Prefix{}
	}
	p := bk.index.list(prefix.Prefix, prefix.Delimiter, at.Marker, limit)
	list := gofakes3.NewObjectList()
	for _, e := range p.entries {
		list.Add(&gofakes3.Content{
			Key: e.key, LastModified: gofakes3.NewContentTime(e.modified), ETag: `"` + e.etag + `"`,
			Size: e.size, StorageClass: e.storageClass(),
		})
	}
	for _, common := range p.prefixes {
		list.AddPrefix(common)
	}
	list.NextMarker, list.IsTruncated = p.next, p.next != ""
	return list, nil
}

// lock locks the stripes of some keys, always in the same order, and returns what unlocks them.
func (b *backend) lock(bucket string, keys ...string) (unlock func()) {
	stripes := make([]int, len(keys))
	for i, key := range keys {
		stripes[i] = b.stripe(bucket, key)
	}
	slices.Sort(stripes)
	stripes = slices.Compact(stripes)
	for _, i := range stripes {
		b.stripes[i].Lock()
	}
	return func() {
		for _, i := range stripes {
			b.stripes[i].Unlock()
		}
	}
}

// DeleteObject implements gofakes3.Backend.
func (b *backend) DeleteObject(ctx context.Context, bucketName, key string) (gofakes3.ObjectDeleteResult, error) {
	return gofakes3.ObjectDeleteResult{}, internal(b.log, "deleting the object", b.delete(callFrom(ctx), bucketName, key))
}

// delete removes keys with one flush; keys that do not exist count as removed.
func (b *backend) delete(c *call, bucketName string, keys ...string) error {
	bk, err := b.bucket(bucketName)
	if err != nil {
		return err
	}
	bk.mu.RLock()
	defer bk.mu.RUnlock()
	if bk.gone {
		return gofakes3.BucketNotFound(bucketName)
	}
	defer b.lock(bucketName, keys...)()
	var files []string
	for _, key := range keys {
		old, damaged := bk.index.get(key)
		if old == nil && !damaged {
			continue
		}
		if err := c.conditions.checkDelete(old); err != nil {
			return err
		}
		if err := b.outbox.keep(old); err != nil {
			return err
		}
		files = append(files, fileName(key))
	}
	if len(files) == 0 {
		return nil
	}
	if err := b.disk.remove(b.folder(bucketName), files...); err != nil {
		return err
	}
	for _, key := range keys {
		bk.index.remove(key)
		b.forgetTags(bucketName, key)
	}
	return nil
}

// DeleteMulti implements gofakes3.Backend. The keys go together or, on a failure, none is reported as deleted.
func (b *backend) DeleteMulti(ctx context.Context, bucketName string, keys ...string) (gofakes3.MultiDeleteResult, error) {
	var result gofakes3.MultiDeleteResult
	if err := b.delete(callFrom(ctx), bucketName, keys...); err != nil {
		return result, internal(b.log, "deleting the objects", err)
	}
	for _, key := range keys {
		result.Deleted = append(result.Deleted, gofakes3.ObjectID{Key: key})
	}
	return result, nil
}

// CopyObject implements gofakes3.Backend. The copy is made from checked bytes and keeps the source's checksums.
func (b *backend) CopyObject(ctx context.Context, srcBucket, srcKey, dstBucket, dstKey string, meta map[string]string) (gofakes3.CopyObjectResult, error) {
	o, err := b.copy(ctx, srcBucket, srcKey, dstBucket, dstKey, meta)
	if err != nil {
		return gofakes3.CopyObjectResult{}, internal(b.log, "copying the object", err)
	}
	return gofakes3.CopyObjectResult{ETag: `"` + o.ETag + `"`, LastModified: gofakes3.NewContentTime(o.Modified)}, nil
}

func (b *backend) copy(ctx context.Context, srcBucket, srcKey, dstBucket, dstKey string, meta map[string]string) (*object, error) {
	bk, err := b.bucket(dstBucket)
	if err != nil {
		return nil, err
	}
	f, src, err := b.open(srcBucket, srcKey)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := src.verify(f, 0, src.Size); err != nil {
		return nil, err
	}
	s, err := b.disk.stage(io.NewSectionReader(f, 0, src.Size))
	if err != nil {
		return nil, err
	}
	defer s.discard()
	o := newObject(dstKey, s.etag(), meta)
	for name, value := range src.Metadata {
		if strings.HasPrefix(name, checksumPrefix) {
			o.Metadata[name] = value
		}
	}
	c := callFrom(ctx)
	if o.Tags = c.tags; !c.replaceTags {
		o.Tags = b.tags(srcBucket, src)
	}
	return o, b.commit(c, bk, s, o, createdCopy)
}
