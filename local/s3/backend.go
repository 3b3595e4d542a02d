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
	"path/filepath"
	"slices"
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
	if kind := o.sumType(); kind != "" {
		c.header.Set(headerSumType, kind)
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
// When it returns nil both are durable. With versioning what was there before stays, in its own file.
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
	if o.Versioned = bk.versioning == versionsEnabled; !o.Versioned {
		if err := b.outbox.keep(bk.index.version(key, nullVersion)); err != nil {
			return err
		}
	}
	owed := b.stamp(c, bk, o, s.size, kind)
	folder, file := b.place(bk.name, key, o.Versioned, o.Sequence)
	err := s.seal(o)
	if err == nil {
		err = b.disk.publish(s.file, folder, file)
	}
	if err == nil && o.Versioned && bk.index.lostNull(key) {
		// Nobody can read it, and at the next start nobody would know that it is the older one.
		err = b.disk.remove(b.folder(bk.name), fileName(key))
	}
	if err != nil {
		if owed != nil {
			b.outbox.withdraw(owed)
		}
		return err
	}
	e := newEntry(o)
	bk.index.put(e)
	if o.Versioned {
		c.header.Set(headerVersion, e.version())
	}
	if owed != nil {
		b.outbox.release(owed)
	}
	return nil
}

// stamp gives an object its time and sequence number and, if a rule matches, the notification that it owes.
func (b *backend) stamp(c *call, bk *bucket, o *object, size int64, kind string) *slip {
	o.Modified = now()
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

// find looks a version of a key up; "" is the one that the key shows. A delete marker is an error that says so.
func (b *backend) find(c *call, bk *bucket, key, version string) (*entry, error) {
	if version != "" {
		e := bk.index.version(key, version)
		switch {
		case e == nil && !isVersion(version):
			return nil, errVersionID
		case e == nil:
			return nil, refuse(gofakes3.ErrNoSuchVersion, "The specified version does not exist.")
		case e.marker:
			c.note(headerMarker, "true")
			c.note(headerVersion, e.version())
			c.note("Allow", http.MethodDelete)
			return nil, refuse(gofakes3.ErrMethodNotAllowed, "The specified method is not allowed against this resource.")
		}
		return e, nil
	}
	e, damaged := bk.index.get(key)
	if damaged {
		return nil, errDamaged
	}
	if e == nil {
		if newest := bk.index.newest(key); newest != nil {
			c.note(headerMarker, "true")
			c.note(headerVersion, newest.version())
		}
		return nil, noSuchKey()
	}
	return e, nil
}

// now is a moment as it is stored.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

// open opens an object's file. It waits for a change of the key that is under way. The version is "" for the one that the
// key shows.
func (b *backend) open(c *call, bucketName, key, version string) (*os.File, *object, error) {
	bk, err := b.bucket(bucketName)
	if err != nil {
		return nil, nil, err
	}
	versions := bk.versions()
	lock := &b.stripes[b.stripe(bucketName, key)]
	lock.RLock()
	defer lock.RUnlock()
	e, err := b.find(c, bk, key, version)
	if err != nil {
		return nil, nil, err
	}
	folder, file := b.place(bucketName, key, e.versioned, e.sequence)
	f, o, err := openObject(filepath.Join(folder, file))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, errDamaged // listed, but its file is gone
	case err == nil && (string(o.Key) != key || o.ETag != e.etag):
		_ = f.Close()
		return nil, nil, errDamaged
	case err == nil && versions != "":
		o.Shown = e.version()
	}
	return f, o, err
}

// GetObject implements gofakes3.Backend. The bytes are checked before the first one is served.
func (b *backend) GetObject(ctx context.Context, bucketName, key string, request *gofakes3.ObjectRangeRequest) (*gofakes3.Object, error) {
	c := callFrom(ctx)
	f, o, err := b.open(c, bucketName, key, c.versionOf(bucketName, key))
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
func (b *backend) HeadObject(ctx context.Context, bucketName, key string) (*gofakes3.Object, error) {
	c := callFrom(ctx)
	f, o, err := b.open(c, bucketName, key, c.versionOf(bucketName, key))
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
	if kind := o.sumType(); kind != "" {
		meta[headerSumType] = kind
	}
	if meta["Content-Type"] == "" {
		meta["Content-Type"] = "binary/octet-stream"
	}
	return &gofakes3.Object{
		Name: string(o.Key), Metadata: meta, Size: o.Size, Hash: etagHash(o.ETag), PartSizes: o.Parts, VersionID: gofakes3.VersionID(o.Shown),
		Contents: struct {
			io.Reader
			io.Closer
		}{r, c},
	}
}

// ListBucket implements gofakes3.Backend.
func (b *backend) ListBucket(ctx context.Context, name string, prefix *gofakes3.Prefix, at gofakes3.ListBucketPage) (*gofakes3.ObjectList, error) {
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
	marker := at.Marker
	if common, ok := commonPrefix(marker, prefix.Prefix, prefix.Delimiter); ok && callFrom(ctx).firstList {
		marker = common // a prefix that the marker lies in was given before it
	}
	p := bk.index.list(prefix.Prefix, prefix.Delimiter, marker, limit)
	list := gofakes3.NewObjectList()
	for _, e := range p.entries {
		list.Add(&gofakes3.Content{
			Key: e.key, LastModified: gofakes3.NewContentTime(e.modified), ETag: `"` + e.etag + `"`,
			Size: e.size, StorageClass: e.storageClass(), Owner: &gofakes3.UserInfo{ID: b.account},
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

// CopyObject implements gofakes3.Backend. The copy is made from checked bytes.
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
	c := callFrom(ctx)
	f, src, err := b.open(c, srcBucket, srcKey, c.versionOf(srcBucket, srcKey))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if src.archived() {
		return nil, refuseAs(ctx, http.StatusForbidden, "InvalidObjectState", "The operation is not valid for the object's storage class")
	}
	if src.Shown != "" {
		c.note("X-Amz-Copy-Source-Version-Id", src.Shown)
	}
	if err := src.verify(f, 0, src.Size); err != nil {
		return nil, err
	}
	made := c.copySums(src)
	s, err := b.disk.stage(made.tee(io.NewSectionReader(f, 0, src.Size)))
	if err != nil {
		return nil, err
	}
	defer s.discard()
	o := newObject(dstKey, s.etag(), meta)
	if o.Metadata[headerClass] = exact(c.class); c.class == "" { // the source's is not copied
		delete(o.Metadata, headerClass)
	}
	for header := range made {
		o.Metadata[header] = exact(made.value(header))
	}
	if o.Tags = c.tags; !c.replaceTags {
		o.Tags = b.tags(srcBucket, src)
	}
	return o, b.commit(c, bk, s, o, createdCopy)
}
