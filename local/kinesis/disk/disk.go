// Package disk is the file system as far as durable storage needs it.
//
// The interfaces name only what the log and the stream descriptions use, and say what survives a power cut, so that a
// simulated disk (package sim) can forget everything that was not synced and a test can see the difference. OS is the
// real one.
package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// FS is a file system. Names are paths as package filepath makes them. All methods may be called concurrently.
type FS interface {
	// Mkdir makes one folder; fs.ErrExist if it is there. It survives a power cut after SyncDir of its parent.
	Mkdir(dir string) error
	// Create makes an empty file for reading and writing; fs.ErrExist if it is there. Its name survives a power cut
	// after SyncDir of its folder.
	Create(name string) (File, error)
	// Open opens a file for reading and writing; fs.ErrNotExist if it is missing.
	Open(name string) (File, error)
	// ReadDir lists the names in a folder, sorted; fs.ErrNotExist if it is missing.
	ReadDir(dir string) ([]string, error)
	// Rename replaces newName by oldName at once. It survives a power cut after SyncDir of the folder.
	Rename(oldName, newName string) error
	// Remove deletes a file.
	Remove(name string) error
	// RemoveAll deletes a folder and what is in it; a missing one is no error.
	RemoveAll(dir string) error
	// SyncDir makes the names in a folder durable.
	SyncDir(dir string) error
}

// File is an open file. ReadAt and WriteAt may be called concurrently on different ranges.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Truncate sets the size in bytes.
	Truncate(size int64) error
	// Sync makes content and size durable. After it failed nothing is known about either: a second try that succeeds
	// proves nothing.
	Sync() error
	// Size returns the size in bytes.
	Size() (int64, error)
}

// Full reports whether an error means that there is no room left, which space alone cures.
func Full(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}

// MakeDir makes a folder with its missing parents and makes all of them durable.
func MakeDir(fsys FS, dir string) error {
	switch err := fsys.Mkdir(dir); {
	case err == nil:
	case errors.Is(err, fs.ErrExist):
		// It may be younger than the last sync of its parent, if an earlier try ended between the two.
	case errors.Is(err, fs.ErrNotExist):
		if err := MakeDir(fsys, filepath.Dir(dir)); err != nil {
			return err
		}
		if err := fsys.Mkdir(dir); err != nil {
			return fmt.Errorf("make folder: %w", err)
		}
	default:
		return fmt.Errorf("make folder: %w", err)
	}
	if err := fsys.SyncDir(filepath.Dir(dir)); err != nil {
		return fmt.Errorf("sync parent of folder: %w", err)
	}
	return nil
}

// WriteFile replaces a file by data: after a crash at any moment the file has the old content or the new one. When it
// returns nil the new one is durable; when it returns an error that Unknown recognises either may be found later, after
// any other error the old one.
func WriteFile(fsys FS, name string, data []byte) error {
	temporary := name + ".tmp"
	if err := fsys.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("clear the way for a new file: %w", err)
	}
	if err := writeSynced(fsys, temporary, data); err != nil {
		return errors.Join(err, fsys.Remove(temporary))
	}
	if err := fsys.Rename(temporary, name); err != nil {
		return fmt.Errorf("put new file in place: %w", err)
	}
	if err := fsys.SyncDir(filepath.Dir(name)); err != nil {
		return unknownError{fmt.Errorf("sync folder of new file: %w", err)}
	}
	return nil
}

func writeSynced(fsys FS, name string, data []byte) error {
	f, err := fsys.Create(name)
	if err != nil {
		return fmt.Errorf("create file: %w", err)
	}
	_, err = f.WriteAt(data, 0)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write file: %w", err)
	}
	return nil
}

// ReadFile returns the content of a file.
func ReadFile(fsys FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	data := make([]byte, size)
	if _, err := f.ReadAt(data, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return data, nil
}

// Unknown reports whether err is of a WriteFile that may or may not have replaced the file.
func Unknown(err error) bool {
	var unknown unknownError
	return errors.As(err, &unknown)
}

type unknownError struct{ error }

func (e unknownError) Unwrap() error { return e.error }

// OS is the operating system's file system.
type OS struct{}

var _ FS = OS{}

func (OS) Mkdir(dir string) error { return os.Mkdir(dir, 0o700) }

func (OS) Create(name string) (File, error) {
	return openFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
}

func (OS) Open(name string) (File, error) { return openFile(name, os.O_RDWR) }

func openFile(name string, flags int) (File, error) {
	f, err := os.OpenFile(name, flags, 0o600)
	if err != nil {
		return nil, err
	}
	return file{f}, nil
}

func (OS) ReadDir(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

func (OS) Rename(oldName, newName string) error { return os.Rename(oldName, newName) }
func (OS) Remove(name string) error             { return os.Remove(name) }
func (OS) RemoveAll(dir string) error           { return os.RemoveAll(dir) }

func (OS) SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

type file struct{ *os.File }

func (f file) Sync() error { return syncData(f.File) }

func (f file) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
