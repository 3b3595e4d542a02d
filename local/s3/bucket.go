package s3

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/rclone/gofakes3"
)

const fileBucket = "bucket.json"

// bucket is one bucket: its record on disk, and the index of its objects.
type bucket struct {
	name    string
	created time.Time
	index   index

	// mu is read-held by every change of an object, so that deleting the bucket or changing its notifications waits
	// for them and they see one configuration throughout. It covers what follows.
	mu         sync.RWMutex
	rules      []rule // replaced whole, never changed
	versioning string // versionsEnabled, versionsSuspended, or "" while it was never set
	gone       bool
}

// bucketRecord is bucket.json.
type bucketRecord struct {
	Created time.Time `json:"created"`
	Rules   []rule    `json:"notifications,omitempty"`
}

func (bk *bucket) notifications() []rule {
	bk.mu.RLock()
	defer bk.mu.RUnlock()
	return bk.rules
}

// versions is the bucket's versioning.
func (bk *bucket) versions() string {
	bk.mu.RLock()
	defer bk.mu.RUnlock()
	return bk.versioning
}

// bucket returns the bucket of that name, or NoSuchBucket.
func (b *backend) bucket(name string) (*bucket, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if bk := b.buckets[name]; bk != nil {
		return bk, nil
	}
	return nil, gofakes3.BucketNotFound(name)
}

// saveRules makes a bucket's notification rules durable; bk.mu is held.
func (b *backend) saveRules(bk *bucket, rules []rule) error {
	record := []byte(encodeJSON(bucketRecord{Created: bk.created, Rules: rules}))
	if err := b.disk.write(b.disk.path(folderBuckets, bk.name), fileBucket, record); err != nil {
		return err
	}
	bk.rules = rules
	return nil
}

// ListBuckets implements gofakes3.Backend.
func (b *backend) ListBuckets(context.Context) ([]gofakes3.BucketInfo, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	var infos []gofakes3.BucketInfo
	for name, bk := range b.buckets {
		infos = append(infos, gofakes3.BucketInfo{Name: name, CreationDate: gofakes3.NewContentTime(bk.created)})
	}
	sort.Slice(infos, func(i, j int) bool { return infos[i].Name < infos[j].Name })
	return infos, nil
}

// CreateBucket implements gofakes3.Backend; the library has checked the name.
func (b *backend) CreateBucket(_ context.Context, name string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.buckets[name] != nil {
		return gofakes3.ResourceError(gofakes3.ErrBucketAlreadyExists, name)
	}
	record := bucketRecord{Created: time.Now().UTC()}
	err := b.disk.addFolder(b.disk.path(folderBuckets), name, fileBucket, []byte(encodeJSON(record)), folderObjects)
	if err != nil {
		return internal(b.log, "creating the bucket", err)
	}
	b.buckets[name] = &bucket{name: name, created: record.Created}
	return nil
}

// BucketExists implements gofakes3.Backend.
func (b *backend) BucketExists(_ context.Context, name string) (bool, error) {
	_, err := b.bucket(name)
	return err == nil, nil
}

// DeleteBucket implements gofakes3.Backend. Uploads in progress go with the bucket.
func (b *backend) DeleteBucket(_ context.Context, name string) error {
	bk, err := b.bucket(name)
	if err != nil {
		return err
	}
	bk.mu.Lock()
	defer bk.mu.Unlock()
	switch {
	case bk.gone:
		return gofakes3.BucketNotFound(name)
	case !bk.index.empty():
		return refuse(gofakes3.ErrBucketNotEmpty, "The bucket you tried to delete is not empty")
	}
	if err := b.disk.dropFolder(b.disk.path(folderBuckets), name); err != nil {
		return internal(b.log, "deleting the bucket", err)
	}
	bk.gone = true
	b.mu.Lock()
	delete(b.buckets, name)
	b.mu.Unlock()
	b.dropUploads(func(u *upload) bool { return u.record.Bucket == name })
	return nil
}

// loadBuckets reads every bucket and the footers of all objects.
func (b *backend) loadBuckets() (found, error) {
	var f found
	entries, err := os.ReadDir(b.disk.path(folderBuckets))
	if err != nil {
		return f, fmt.Errorf("read the buckets: %w", err)
	}
	f.uploads = map[string]bool{}
	for _, entry := range entries {
		var record bucketRecord
		data, err := os.ReadFile(b.disk.path(folderBuckets, entry.Name(), fileBucket))
		if err == nil {
			err = json.Unmarshal(data, &record)
		}
		if err != nil {
			return f, fmt.Errorf("read the record of bucket %s: %w", entry.Name(), err)
		}
		bk := &bucket{name: entry.Name(), created: record.Created, rules: record.Rules}
		if bk.versioning, err = b.loadVersioning(bk.name); err != nil {
			return f, fmt.Errorf("read the versioning of bucket %s: %w", bk.name, err)
		}
		if err := b.loadObjects(bk, &f); err != nil {
			return f, fmt.Errorf("read the objects of bucket %s: %w", bk.name, err)
		}
		b.buckets[bk.name] = bk
	}
	return f, nil
}

// found is what the footers tell beyond their objects.
type found struct {
	notices []notice        // what they owed when they were written
	uploads map[string]bool // ids of the multipart uploads that have become objects
}

func (b *backend) loadObjects(bk *bucket, f *found) error {
	var entries []*entry
	damaged := map[string]uint64{}
	for _, folder := range []string{folderObjects, folderVersions} {
		files, err := os.ReadDir(b.disk.path(folderBuckets, bk.name, folder))
		if folder == folderVersions && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		entries = slices.Grow(entries, len(files))
		for _, file := range files {
			o, err := b.loadObject(bk.name, folder, file.Name())
			if errors.Is(err, errDamaged) {
				b.log.Error("s3: an object cannot be read; write it again from its source", "bucket", bk.name, "file", file.Name())
				digest, sequence := cutVersion(file.Name())
				damaged[digest] = max(damaged[digest], sequence)
				continue
			}
			if err != nil {
				return err
			}
			entries = append(entries, newEntry(o))
			if o.Notice != nil {
				f.notices = append(f.notices, *o.Notice)
			}
			if o.Upload != "" {
				f.uploads[o.Upload] = true
			}
		}
	}
	bk.index.load(entries, damaged)
	return nil
}

func (b *backend) loadObject(bucket, folder, file string) (*object, error) {
	f, o, err := openObject(b.disk.path(folderBuckets, bucket, folder, file))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errDamaged
	}
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("close an object: %w", err)
	}
	if _, name := b.place(bucket, string(o.Key), folder == folderVersions, o.Sequence); name != file || o.Versioned != (folder == folderVersions) {
		return nil, errDamaged
	}
	return o, nil
}
