package s3

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// nullVersion is the id of the version that a key has without versioning.
const nullVersion = "null"

// A bucket's versioning, once it was set.
const (
	versionsEnabled   = "Enabled"
	versionsSuspended = "Suspended"
)

// versionFile is the file of a version in folderVersions: the digest of its key and its sequence number.
func versionFile(key string, sequence uint64) string {
	return fileName(key) + "-" + sequencer(sequence)
}

// cutVersion takes a file name apart: a null version has none in it, and so may be newer than any other.
func cutVersion(file string) (digest string, sequence uint64) {
	digest, version, ok := strings.Cut(file, "-")
	if !ok {
		return digest, nullDamaged
	}
	return digest, sequenceOf(version)
}

// place is where an object's file lies. A key's null version has the file that it has in a bucket without versions, and
// each other version one that is never replaced: so a write is one rename, with versions as without. The newest of
// them, by its sequence number, is the one that the key shows.
func (b *backend) place(bucket, key string, versioned bool, sequence uint64) (folder, file string) {
	if versioned {
		return b.disk.path(folderBuckets, bucket, folderVersions), versionFile(key, sequence)
	}
	return b.folder(bucket), fileName(key)
}

// version is the id of an entry.
func (e *entry) version() string {
	if e.versioned {
		return sequencer(e.sequence)
	}
	return nullVersion
}

// isVersion tells what can be the id of a version.
func isVersion(id string) bool { return id == nullVersion || sequencer(sequenceOf(id)) == id }

// sequenceOf is the sequence number in the id of a version; 0 for the null version.
func sequenceOf(id string) uint64 {
	n, err := strconv.ParseUint(id, 16, 64)
	if err != nil {
		return 0
	}
	return n
}

// history holds all versions of a key, the newest first. Only keys have one that have more than a null version, or a
// delete marker.
type history struct {
	key      string
	versions []*entry
}

func (x *index) searchHistory(key string) (int, bool) {
	return slices.BinarySearchFunc(x.histories, key, func(h *history, key string) int { return strings.Compare(h.key, key) })
}

// all returns a key's versions, the newest first; x.mu is held.
func (x *index) all(key string) []*entry {
	if i, ok := x.searchHistory(key); ok {
		return x.histories[i].versions
	}
	if i, ok := x.search(key); ok {
		return x.entries[i : i+1]
	}
	return nil
}

// version returns one version of a key, or nil.
func (x *index) version(key, id string) *entry {
	x.mu.RLock()
	defer x.mu.RUnlock()
	for _, e := range x.all(key) {
		if e.version() == id {
			return e
		}
	}
	return nil
}

// newest returns the newest version of a key, which may be a delete marker, or nil.
func (x *index) newest(key string) *entry {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if all := x.all(key); len(all) > 0 {
		return all[0]
	}
	return nil
}

// set replaces the versions of a key, the newest first; x.mu is held.
func (x *index) set(key string, versions []*entry) {
	i, ok := x.searchHistory(key)
	plain := len(versions) == 0 || len(versions) == 1 && !versions[0].versioned && !versions[0].marker
	switch {
	case plain && ok:
		x.histories = slices.Delete(x.histories, i, i+1)
	case !plain && ok:
		x.histories[i] = &history{key, versions}
	case !plain:
		x.histories = slices.Insert(x.histories, i, &history{key, versions})
	}
	i, ok = x.search(key)
	shown := len(versions) > 0 && !versions[0].marker
	if ok {
		x.bytes -= x.entries[i].size
	}
	if shown {
		x.bytes += versions[0].size
	}
	switch {
	case shown && ok:
		x.entries[i] = versions[0]
	case shown:
		x.entries = slices.Insert(x.entries, i, versions[0])
	case ok:
		x.entries = slices.Delete(x.entries, i, i+1)
	}
}

// without is a key's versions but for the one of an id.
func without(versions []*entry, id string) []*entry {
	return slices.DeleteFunc(slices.Clone(versions), func(e *entry) bool { return e.version() == id })
}

// load takes in what lies on disk: sorted by key, and of a key the newest first.
func (x *index) load(entries []*entry, damaged map[string]uint64) {
	x.damaged = damaged
	slices.SortFunc(entries, func(a, b *entry) int {
		return cmp.Or(strings.Compare(a.key, b.key), cmp.Compare(b.sequence, a.sequence))
	})
	for len(entries) > 0 {
		n := 1
		for n < len(entries) && entries[n].key == entries[0].key {
			n++
		}
		versions := entries[:n:n]
		if n > 1 || versions[0].versioned || versions[0].marker {
			x.histories = append(x.histories, &history{versions[0].key, versions})
		}
		if !versions[0].marker {
			x.entries = append(x.entries, versions[0])
			x.bytes += versions[0].size
		}
		entries = entries[n:]
	}
}

// versionPage is one answer of a listing of versions. key and version are the last item given, if more follows.
type versionPage struct {
	entries  []versionItem
	prefixes []string
	key      string
	version  string
}

type versionItem struct {
	*entry
	latest bool
}

// listVersions returns up to limit versions and common prefixes behind a marker: keys in byte order, of each the newest
// first. With a version the marker is that one of its key, else it is all of them.
func (x *index) listVersions(prefix, delimiter, after, version string, limit int) versionPage {
	x.mu.RLock()
	defer x.mu.RUnlock()
	var p versionPage
	from := max(prefix, afterMarker(prefix, delimiter, after))
	if version != "" {
		from = max(prefix, after)
	}
	for key := range x.keysFrom(from, prefix) {
		common, rolled := commonPrefix(key, prefix, delimiter)
		if rolled && len(p.prefixes) > 0 && p.prefixes[len(p.prefixes)-1] == common {
			continue
		}
		versions := x.all(key)
		first := 0
		if key == after && version != "" {
			if first = slices.IndexFunc(versions, func(e *entry) bool { return e.version() == version }) + 1; first == 0 {
				first = olderThan(versions, version)
			}
		}
		for i := first; i < len(versions); i++ {
			if len(p.entries)+len(p.prefixes) == limit {
				return p
			}
			if rolled {
				p.prefixes = append(p.prefixes, common)
				p.key, p.version = common, ""
				break
			}
			p.entries = append(p.entries, versionItem{versions[i], i == 0})
			p.key, p.version = key, versions[i].version()
		}
	}
	p.key, p.version = "", ""
	return p
}

// olderThan is where the versions go on behind one that was deleted since its page was given.
func olderThan(versions []*entry, version string) int {
	sequence := sequenceOf(version)
	if sequence == 0 {
		return len(versions) // the null version is gone, and nobody knows where it was
	}
	i, _ := slices.BinarySearchFunc(versions, sequence, func(e *entry, n uint64) int { return cmp.Compare(n, e.sequence) })
	return i
}

// keys returns the versions of up to limit keys under a prefix behind one, deleted ones included.
func (x *index) keys(prefix, after string, limit int) (versions [][]*entry) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	for key := range x.keysFrom(max(prefix, afterMarker(prefix, "", after)), prefix) {
		if len(versions) == limit {
			break
		}
		versions = append(versions, slices.Clone(x.all(key)))
	}
	return versions
}

// keysFrom goes through all keys under a prefix, deleted ones included, from one on; x.mu is held.
func (x *index) keysFrom(from, prefix string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		i, _ := x.search(from)
		j, _ := x.searchHistory(from)
		for i < len(x.entries) || j < len(x.histories) {
			var key string
			switch {
			case i == len(x.entries):
				key = x.histories[j].key
			case j == len(x.histories):
				key = x.entries[i].key
			default:
				key = min(x.entries[i].key, x.histories[j].key)
			}
			if !strings.HasPrefix(key, prefix) || !yield(key) {
				return
			}
			if i < len(x.entries) && x.entries[i].key == key {
				i++
			}
			if j < len(x.histories) && x.histories[j].key == key {
				j++
			}
		}
	}
}
