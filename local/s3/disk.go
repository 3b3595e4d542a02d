package s3

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
)

// The folders under Config.Dir. Everything is prepared in folderTemp and becomes visible by one rename, so what lies
// anywhere else is whole; what lies in folderTemp when the server opens is the rest of a crash and is removed.
const (
	folderTemp    = "tmp"
	folderBuckets = "buckets" // buckets/<name>/bucket.json and buckets/<name>/objects/<SHA-256 of the key>
	folderUploads = "uploads" // uploads/<id>/upload.json and uploads/<id>/<part number>
	folderOutbox  = "outbox"  // outbox/<sequence> and outbox/delivered.json
	folderObjects = "objects"
	// folderVersions is in the folder of a bucket that has had versioning: versions/<SHA-256 of the key>-<sequence number>.
	folderVersions = "versions"
)

// disk is the only place that changes files. A change is durable when its method has returned nil: the file and the
// folder that names it are flushed by then.
type disk struct {
	root string
	// flush makes a file or folder durable: (*os.File).Sync, except in tests that make it fail.
	flush func(*os.File) error
	// broken is set by the first failed flush and never cleared. The kernel may have dropped the pages it could not
	// write, so a later flush that succeeds proves nothing about them: no change is acknowledged from then on.
	broken atomic.Bool

	mu     sync.RWMutex // read-held by each change, so that close waits for the ones under way
	closed bool
}

func openDisk(root string) (*disk, error) {
	d := &disk{root: root, flush: (*os.File).Sync}
	for _, folder := range []string{folderTemp, folderBuckets, folderUploads, folderOutbox} {
		if err := os.MkdirAll(d.path(folder), 0o700); err != nil {
			return nil, fmt.Errorf("create the folder %s: %w", folder, err)
		}
	}
	if err := d.sweep(); err != nil {
		return nil, err
	}
	return d, d.syncFolder(root)
}

// makeFolder creates a folder with its parents and makes the name of each durable.
func makeFolder(path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil
	}
	parent := filepath.Dir(path)
	if err := makeFolder(parent); err != nil {
		return err
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("create the folder: %w", err)
	}
	f, err := os.Open(parent)
	if err != nil {
		return fmt.Errorf("open the parent folder to flush it: %w", err)
	}
	defer f.Close()
	return f.Sync()
}

func (d *disk) path(elem ...string) string {
	return filepath.Join(append([]string{d.root}, elem...)...)
}

// sweep removes what a crash left in the temporary folder.
func (d *disk) sweep() error {
	entries, err := os.ReadDir(d.path(folderTemp))
	if err != nil {
		return fmt.Errorf("read the temporary folder: %w", err)
	}
	for _, entry := range entries {
		if err := os.RemoveAll(d.path(folderTemp, entry.Name())); err != nil {
			return fmt.Errorf("remove a leftover of the last run: %w", err)
		}
	}
	return nil
}

// begin starts a change; the caller calls the returned function when the change is over.
func (d *disk) begin() (func(), error) {
	d.mu.RLock()
	switch {
	case d.closed:
		d.mu.RUnlock()
		return nil, errClosed
	case d.broken.Load():
		d.mu.RUnlock()
		return nil, errBroken
	}
	return d.mu.RUnlock, nil
}

// close waits for the changes under way and refuses all later ones.
func (d *disk) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
}

// create opens a new temporary file. The caller publishes or discards it.
func (d *disk) create() (*os.File, error) {
	done, err := d.begin()
	if err != nil {
		return nil, err
	}
	defer done()
	f, err := os.CreateTemp(d.path(folderTemp), "file-")
	if err != nil {
		return nil, fmt.Errorf("create a temporary file: %w", err)
	}
	return f, nil
}

// discard closes and removes a temporary file; it does nothing to one that has been published.
func discard(f *os.File) {
	if f.Close() == nil {
		_ = os.Remove(f.Name())
	}
}

// publish makes the temporary file f durable under name in folder, replacing what was there. On an error the old file
// still stands, unless the disk is broken: then nobody knows which one does.
func (d *disk) publish(f *os.File, folder, name string) error {
	_, err := d.publishAll([]*os.File{f}, folder, []string{name})
	return err
}

// publishAll publishes several files of a folder with one flush of it. It says how many of them, from the first on,
// stand there: on an error that may be some.
func (d *disk) publishAll(files []*os.File, folder string, names []string) (stand int, err error) {
	done, err := d.begin()
	if err != nil {
		return 0, err
	}
	defer done()
	for _, f := range files {
		if err := d.syncFile(f); err != nil {
			return 0, err
		}
	}
	for i, f := range files {
		if err := os.Rename(f.Name(), filepath.Join(folder, names[i])); err != nil {
			return i, errors.Join(fmt.Errorf("publish a file: %w", err), d.syncFolder(folder))
		}
		_ = f.Close() // flushed already: closing has nothing left to lose
	}
	return len(files), d.syncFolder(folder)
}

// syncFile flushes a file that nothing refers to yet. A full disk is then an ordinary error, since the file is thrown
// away and never flushed a second time.
func (d *disk) syncFile(f *os.File) error {
	err := d.flush(f)
	if err == nil {
		return nil
	}
	if !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EDQUOT) {
		d.broken.Store(true)
	}
	return fmt.Errorf("flush a file: %w", err)
}

// syncFolder makes the names in a folder durable.
func (d *disk) syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		d.broken.Store(true)
		return fmt.Errorf("open a folder to flush it: %w", err)
	}
	defer f.Close()
	if err := d.flush(f); err != nil {
		d.broken.Store(true)
		return fmt.Errorf("flush a folder: %w", err)
	}
	return nil
}

// write makes a small file durable under name in folder, all or nothing.
func (d *disk) write(folder, name string, data []byte) error {
	f, err := d.create()
	if err != nil {
		return err
	}
	defer discard(f)
	if _, err := f.Write(data); err != nil {
		return fmt.Errorf("write a file: %w", err)
	}
	return d.publish(f, folder, name)
}

// remove deletes the named files of a folder with one flush; names that do not exist count as deleted.
func (d *disk) remove(folder string, names ...string) error {
	done, err := d.begin()
	if err != nil {
		return err
	}
	defer done()
	for _, name := range names {
		if err := os.Remove(filepath.Join(folder, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove a file: %w", err)
		}
	}
	return d.syncFolder(folder)
}

// addFolder makes a new folder with the given subfolders and one small file durable under parent, all or nothing.
func (d *disk) addFolder(parent, name, file string, data []byte, subfolders ...string) error {
	temp, err := os.MkdirTemp(d.path(folderTemp), "folder-")
	if err != nil {
		return fmt.Errorf("create a folder: %w", err)
	}
	defer os.RemoveAll(temp)
	for _, sub := range subfolders {
		if err := os.Mkdir(filepath.Join(temp, sub), 0o700); err != nil {
			return fmt.Errorf("create a folder: %w", err)
		}
	}
	if err := d.write(temp, file, data); err != nil {
		return err
	}
	return d.move(temp, filepath.Join(parent, name), parent)
}

// dropFolder deletes a folder with all it holds, all or nothing.
func (d *disk) dropFolder(parent, name string) error {
	temp, err := os.MkdirTemp(d.path(folderTemp), "dropped-")
	if err != nil {
		return fmt.Errorf("set a folder aside: %w", err)
	}
	defer os.RemoveAll(temp)
	return d.move(filepath.Join(parent, name), filepath.Join(temp, name), parent)
}

// move renames a folder and makes that durable in parent.
func (d *disk) move(from, to, parent string) error {
	done, err := d.begin()
	if err != nil {
		return err
	}
	defer done()
	if err := os.Rename(from, to); err != nil {
		return fmt.Errorf("move a folder: %w", err)
	}
	return d.syncFolder(parent)
}
