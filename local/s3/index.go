package s3

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rclone/gofakes3"
)

// index is the sorted list of a bucket's keys, in memory: about 250 bytes an object, built from the footers when the
// server opens. A write moves pointers behind it, some 20 microseconds among 100,000 objects, far below its flushes.
type index struct {
	mu        sync.RWMutex
	entries   []*entry   // what each key shows, by key, in byte order; an entry is never changed once it is here
	histories []*history // by key; see history
	bytes     int64
	// damaged holds the digests of keys with a file whose footer could not be read, so that they answer with an error
	// and not as if nobody had ever written them. The number is the sequence number of the file, or nullDamaged: what
	// was written later is whole.
	damaged map[string]uint64
}

// nullDamaged is a null version that cannot be read: nobody knows when it was written.
const nullDamaged = math.MaxUint64

// entry is what listings and conditions need to know of an object.
type entry struct {
	key      string
	size     int64
	etag     string
	modified time.Time
	sequence uint64
	queue    string // ARN its notification goes to; "" without one
	class    string // storage class; "" is STANDARD
	// versioned has an entry that is not the null version of its key; marker is a delete marker.
	versioned, marker bool
}

func (e *entry) storageClass() gofakes3.StorageClass {
	return gofakes3.StorageClass(cmp.Or(e.class, string(gofakes3.StorageStandard)))
}

func newEntry(o *object) *entry {
	e := &entry{key: string(o.Key), size: o.Size, etag: o.ETag, modified: o.Modified, sequence: o.Sequence, class: o.class(),
		versioned: o.Versioned, marker: o.Marker}
	if o.Notice != nil {
		e.queue = o.Notice.Queue
	}
	return e
}

func (x *index) search(key string) (int, bool) {
	return slices.BinarySearchFunc(x.entries, key, func(e *entry, key string) int { return strings.Compare(e.key, key) })
}

// get returns what a key shows, or nil. damaged tells that nobody knows, because it has a file that cannot be read.
func (x *index) get(key string) (e *entry, damaged bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if len(x.damaged) > 0 {
		at, bad := x.damaged[fileName(key)]
		if all := x.all(key); bad && (len(all) == 0 || all[0].sequence < at) {
			return nil, true
		}
	}
	if i, ok := x.search(key); ok {
		return x.entries[i], false
	}
	return nil, false
}

// lostNull tells that the null version of a key cannot be read.
func (x *index) lostNull(key string) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.damaged[fileName(key)] == nullDamaged
}

// put takes in the newest version of a key. A null version replaces the one before.
func (x *index) put(e *entry) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.damaged) > 0 {
		delete(x.damaged, fileName(e.key))
	}
	versions := []*entry{e}
	if _, more := x.searchHistory(e.key); more || e.versioned || e.marker {
		versions = append(versions, without(x.all(e.key), e.version())...)
	}
	x.set(e.key, versions)
}

// remove forgets one version of a key.
func (x *index) remove(key, version string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.damaged) == 0 {
		x.set(key, without(x.all(key), version))
		return
	}
	if at, bad := x.damaged[fileName(key)]; bad && (version == nullVersion && at == nullDamaged || version == sequencer(at)) {
		delete(x.damaged, fileName(key))
	}
	x.set(key, without(x.all(key), version))
}

// empty tells whether the bucket may be deleted.
func (x *index) empty() bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.entries) == 0 && len(x.histories) == 0 && len(x.damaged) == 0
}

// total counts the objects under a prefix: at once for the whole bucket, a walk in memory over the others.
func (x *index) total(prefix string) (count, bytes int64) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if prefix == "" {
		return int64(len(x.entries)), x.bytes
	}
	i, _ := x.search(prefix)
	for ; i < len(x.entries) && strings.HasPrefix(x.entries[i].key, prefix); i++ {
		count++
		bytes += x.entries[i].size
	}
	return count, bytes
}

// page is one answer of a listing. next is set when more follows; it is the last item given.
type page struct {
	entries  []*entry
	prefixes []string
	next     string
}

// list returns up to limit keys and common prefixes after the marker, in byte order.
func (x *index) list(prefix, delimiter, after string, limit int) page {
	x.mu.RLock()
	defer x.mu.RUnlock()
	var p page
	var last string
	i, _ := x.search(max(prefix, afterMarker(prefix, delimiter, after)))
	for i < len(x.entries) && strings.HasPrefix(x.entries[i].key, prefix) {
		if len(p.entries)+len(p.prefixes) == limit {
			p.next = last
			return p
		}
		e := x.entries[i]
		if common, ok := commonPrefix(e.key, prefix, delimiter); ok {
			p.prefixes = append(p.prefixes, common)
			last = common
			end, ok := successor(common)
			if !ok {
				return p
			}
			i, _ = x.search(end)
			continue
		}
		p.entries = append(p.entries, e)
		last = e.key
		i++
	}
	return p
}

// commonPrefix is what a key is rolled up into: itself up to the first delimiter behind the prefix.
func commonPrefix(key, prefix, delimiter string) (string, bool) {
	if delimiter == "" || !strings.HasPrefix(key, prefix) {
		return "", false
	}
	i := strings.Index(key[len(prefix):], delimiter)
	if i < 0 {
		return "", false
	}
	return key[:len(prefix)+i+len(delimiter)], true
}

// afterMarker is the first key a listing may start with. A marker that is itself a common prefix was given with all
// the keys it stands for, so the listing goes on behind the last of them.
func afterMarker(prefix, delimiter, marker string) string {
	if marker == "" {
		return ""
	}
	if strings.HasPrefix(marker, prefix) {
		if common, ok := commonPrefix(marker, prefix, delimiter); ok && common == marker {
			if end, ok := successor(common); ok {
				return end
			}
		}
	}
	return marker + "\x00"
}

// successor is the smallest string behind all that start with s; there is none if s is all 0xff.
func successor(s string) (string, bool) {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] != 0xff {
			return s[:i] + string([]byte{s[i] + 1}), true
		}
	}
	return "", false
}
