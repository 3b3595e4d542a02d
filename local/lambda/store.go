package lambda

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
)

// store writes small documents that survive kill -9 and power loss: each goes to a temporary file, which is synced,
// renamed over the old one, and made permanent by a sync of the folder. A reader sees the old document or the new one.
//
// After a failed sync the kernel may have dropped the pages and forgotten the error, so a second one would prove
// nothing: the store then refuses every write until the process is started again.
type store struct {
	sync   func(*os.File) error
	broken atomic.Pointer[error]
}

func newStore() *store { return &store{sync: (*os.File).Sync} }

const sealLength = 9 // eight hex digits of CRC-32C and a space

// save replaces the document at path. When it returns nil the document is durable.
func (s *store) save(path string, document any) error {
	if failed := s.broken.Load(); failed != nil {
		return fmt.Errorf("save %s: an earlier sync failed, restart the host: %w", filepath.Base(path), *failed)
	}
	body, err := json.Marshal(document)
	if err != nil {
		return fmt.Errorf("save %s: %w", filepath.Base(path), err)
	}
	sealed := fmt.Appendf(nil, "%08x ", checksum(body))
	temporary := path + ".tmp"
	if err := s.write(temporary, append(sealed, body...)); err != nil {
		return errors.Join(fmt.Errorf("save %s: %w", filepath.Base(path), err), removeIfThere(temporary))
	}
	if err := os.Rename(temporary, path); err != nil {
		return fmt.Errorf("save %s: %w", filepath.Base(path), err)
	}
	return s.syncFolder(filepath.Dir(path))
}

func (s *store) write(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.Write(content); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := s.sync(f); err != nil {
		s.broken.Store(&err)
		return errors.Join(err, f.Close())
	}
	return f.Close()
}

func (s *store) syncFolder(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("sync folder %s: %w", filepath.Base(path), err)
	}
	defer dir.Close()
	if err := s.sync(dir); err != nil {
		s.broken.Store(&err)
		return fmt.Errorf("sync folder %s: %w", filepath.Base(path), err)
	}
	return nil
}

// folder makes a folder and the entry that leads to it durable.
func (s *store) folder(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	return s.syncFolder(filepath.Dir(path))
}

// load reads the document at path into v. A missing one is fs.ErrNotExist; a damaged one is an error that names it.
func (s *store) load(path string, v any) error {
	sealed, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	damaged := fmt.Errorf("%s is damaged: its checksum does not fit; restore it, or remove it to forget what it held", path)
	if len(sealed) < sealLength {
		return damaged
	}
	sum, err := strconv.ParseUint(string(sealed[:sealLength-1]), 16, 32)
	if err != nil || uint32(sum) != checksum(sealed[sealLength:]) {
		return damaged
	}
	if err := json.Unmarshal(sealed[sealLength:], v); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}

func checksum(body []byte) uint32 {
	return crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli))
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
