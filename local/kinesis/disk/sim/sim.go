// Package sim is a disk in memory that can lose power, fill up and fail: the other side of the durability tests.
//
// A Disk keeps two states, what a running program sees and what a power cut would leave. Crash returns a new Disk with
// the second one. Fault and Space make operations fail.
package sim

import (
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/snowstream/snowstream/local/kinesis/disk"
)

// Disk is a simulated disk; New makes one.
type Disk struct {
	mu      sync.Mutex
	now     map[string]*node // what the program sees, by cleaned path
	durable map[string]*node // what a power cut leaves
	fault   func(op, name string) error
	space   int64 // bytes left; negative is no limit
}

// node is a file or a folder. Both states may share it: the names differ, and the content carries its own two states.
type node struct {
	dir    bool
	data   []byte
	synced []byte
}

var _ disk.FS = (*Disk)(nil)

// New returns an empty disk that has only the folder root.
func New(root string) *Disk {
	d := &Disk{now: map[string]*node{}, durable: map[string]*node{}, space: -1}
	for dir := filepath.Clean(root); ; dir = filepath.Dir(dir) {
		d.now[dir] = &node{dir: true}
		d.durable[dir] = d.now[dir]
		if dir == filepath.Dir(dir) {
			return d
		}
	}
}

// Fault has every operation ask f first; an error of f is its outcome. The operations are mkdir, create, open, write,
// truncate, sync, rename, remove and syncdir. A failing write stores the first half of its bytes.
func (d *Disk) Fault(f func(op, name string) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fault = f
}

// Space limits the bytes that files may still grow by; a negative number lifts the limit.
func (d *Disk) Space(bytes int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.space = bytes
}

// Crash returns the disk as a power cut right now would leave it. Of what was written to a file after its last sync, from
// the first byte that it changed on, keep says how many bytes survive, given their number.
func (d *Disk) Crash(keep func(unsynced int) int) *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	after := &Disk{now: map[string]*node{}, durable: map[string]*node{}, space: -1}
	for name, n := range d.durable {
		if !d.reachable(name) {
			continue
		}
		content := n.survivor(keep)
		after.now[name] = &node{dir: n.dir, data: content, synced: slices.Clone(content)}
		after.durable[name] = after.now[name]
	}
	return after
}

// survivor is what a power cut leaves of a file.
func (n *node) survivor(keep func(unsynced int) int) []byte {
	content := slices.Clone(n.synced)
	from := 0
	for from < min(len(content), len(n.data)) && content[from] == n.data[from] {
		from++
	}
	if from < len(n.data) {
		kept := n.data[from:][:keep(len(n.data)-from)]
		content = append(content, make([]byte, max(0, from+len(kept)-len(content)))...)
		copy(content[from:], kept)
	}
	return content
}

// reachable says whether all folders above a name are durable too.
func (d *Disk) reachable(name string) bool {
	for dir := filepath.Dir(name); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if d.durable[dir] == nil {
			return false
		}
	}
	return true
}

// check runs the fault hook; the caller holds mu.
func (d *Disk) check(op, name string) error {
	if d.fault == nil {
		return nil
	}
	return d.fault(op, name)
}

func failed(op, name string, err error) error { return &fs.PathError{Op: op, Path: name, Err: err} }

// add puts a new node under a name whose folder exists; the caller holds mu.
func (d *Disk) add(op, name string, n *node) error {
	if err := d.check(op, name); err != nil {
		return failed(op, name, err)
	}
	if parent := d.now[filepath.Dir(name)]; parent == nil || !parent.dir {
		return failed(op, name, fs.ErrNotExist)
	}
	if d.now[name] != nil {
		return failed(op, name, fs.ErrExist)
	}
	d.now[name] = n
	return nil
}

// Mkdir implements disk.FS.
func (d *Disk) Mkdir(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.add("mkdir", dir, &node{dir: true})
}

// Create implements disk.FS.
func (d *Disk) Create(name string) (disk.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := &node{}
	if err := d.add("create", name, n); err != nil {
		return nil, err
	}
	return &file{disk: d, name: name, node: n}, nil
}

// Open implements disk.FS.
func (d *Disk) Open(name string) (disk.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.check("open", name); err != nil {
		return nil, failed("open", name, err)
	}
	n := d.now[name]
	if n == nil || n.dir {
		return nil, failed("open", name, fs.ErrNotExist)
	}
	return &file{disk: d, name: name, node: n}, nil
}

// ReadDir implements disk.FS.
func (d *Disk) ReadDir(dir string) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := d.now[filepath.Clean(dir)]; n == nil || !n.dir {
		return nil, failed("readdir", dir, fs.ErrNotExist)
	}
	var names []string
	for name := range d.now {
		if filepath.Dir(name) == filepath.Clean(dir) && name != filepath.Clean(dir) {
			names = append(names, filepath.Base(name))
		}
	}
	slices.Sort(names)
	return names, nil
}

// Rename implements disk.FS, for files and for folders.
func (d *Disk) Rename(oldName, newName string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.check("rename", newName); err != nil {
		return failed("rename", newName, err)
	}
	if d.now[oldName] == nil {
		return failed("rename", oldName, fs.ErrNotExist)
	}
	for _, name := range slices.Collect(maps.Keys(d.now)) {
		if rest, below := strings.CutPrefix(name, oldName); below && (rest == "" || rest[0] == filepath.Separator) {
			d.now[newName+rest] = d.now[name]
			delete(d.now, name)
		}
	}
	return nil
}

// Remove implements disk.FS.
func (d *Disk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.check("remove", name); err != nil {
		return failed("remove", name, err)
	}
	if d.now[name] == nil {
		return failed("remove", name, fs.ErrNotExist)
	}
	delete(d.now, name)
	return nil
}

// RemoveAll implements disk.FS.
func (d *Disk) RemoveAll(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name := range d.now {
		if name == dir || strings.HasPrefix(name, dir+string(filepath.Separator)) {
			delete(d.now, name)
		}
	}
	return nil
}

// SyncDir implements disk.FS. A folder that was moved takes what was durable in it along.
func (d *Disk) SyncDir(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.check("syncdir", dir); err != nil {
		return failed("syncdir", dir, err)
	}
	for name := range d.durable {
		if filepath.Dir(name) == dir && d.now[name] == nil {
			delete(d.durable, name)
		}
	}
	for name, n := range d.now {
		if filepath.Dir(name) == dir {
			d.durable[name] = n
		}
	}
	return nil
}

// file is an open file: its node stays, whatever happens to the name.
type file struct {
	disk *Disk
	name string
	node *node
}

func (f *file) ReadAt(p []byte, off int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if off >= int64(len(f.node.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.node.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *file) WriteAt(p []byte, off int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	err := f.disk.check("write", f.name)
	if err != nil {
		p = p[:len(p)/2]
	}
	if grow := off + int64(len(p)) - int64(len(f.node.data)); f.disk.space >= 0 && grow > f.disk.space {
		p, err = p[:max(0, int64(len(p))-(grow-f.disk.space))], syscall.ENOSPC
	}
	f.write(p, off)
	if err != nil {
		return len(p), failed("write", f.name, err)
	}
	return len(p), nil
}

func (f *file) write(p []byte, off int64) {
	if len(p) == 0 {
		return
	}
	if grow := off + int64(len(p)) - int64(len(f.node.data)); grow > 0 {
		f.node.data = append(f.node.data, make([]byte, grow)...)
		if f.disk.space >= 0 {
			f.disk.space -= grow
		}
	}
	copy(f.node.data[off:], p)
}

func (f *file) Truncate(size int64) error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if err := f.disk.check("truncate", f.name); err != nil {
		return failed("truncate", f.name, err)
	}
	if gain := int64(len(f.node.data)) - size; f.disk.space >= 0 {
		f.disk.space += gain
	}
	f.node.data = f.node.data[:size]
	return nil
}

func (f *file) Sync() error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if err := f.disk.check("sync", f.name); err != nil {
		return failed("sync", f.name, err)
	}

	f.node.synced = append(f.node.synced[:0], f.node.data...)
	return nil
}

func (f *file) Size() (int64, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	return int64(len(f.node.data)), nil
}

func (f *file) Close() error { return nil }
