package s3

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"pgregory.net/rapid"
)

func emptyFolder(t *testing.T, path string) bool {
	t.Helper()
	entries, err := os.ReadDir(path)
	if err != nil {
		t.Fatal(err)
	}
	return len(entries) == 0
}

// file is where a key's object lies.
func (s *stack) file(key string) string {
	return filepath.Join(s.server.backend.folder(testBucket), fileName(key))
}

// crash opens a server on a copy of the folder as it is at this moment, while the first one runs on.
func (s *stack) crash() *stack {
	s.t.Helper()
	dir := s.t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(s.config.Dir)); err != nil {
		s.t.Fatal(err)
	}
	return start(s.t, Config{Dir: dir, QueueEndpoint: s.config.QueueEndpoint})
}

// TestCrash copies the folder after each step of a write, as a crash would leave it.
func TestCrash(t *testing.T) {
	s := start(t, Config{}).bucket()
	s.put("k", "acknowledged")
	var copies []*stack
	s.server.backend.disk.flush = func(f *os.File) error {
		copies = append(copies, s.crash()) // written, not flushed or not renamed
		return f.Sync()
	}
	s.put("k", "replaced")
	s.put("new", "new")
	s.server.backend.disk.flush = (*os.File).Sync
	if len(copies) != 4 {
		t.Fatalf("a write took %d flushes, want 2", len(copies)/2)
	}
	for i, c := range copies {
		content, err := c.get("k")
		if err != nil || content != "acknowledged" && content != "replaced" {
			t.Errorf("crash %d: %q, %v", i, content, err)
		}
		if i >= 2 && content != "replaced" {
			t.Errorf("crash %d lost the second write", i)
		}
		if !emptyFolder(t, c.server.backend.disk.path(folderTemp)) {
			t.Errorf("crash %d: leftovers in the temporary folder", i)
		}
	}
	wholeOrAbsent, err := copies[2].get("new")
	if err == nil || wholeOrAbsent != "" {
		t.Errorf("an object that was not renamed yet appeared: %q", wholeOrAbsent)
	}
}

// TestFlushOrder forgets what was not flushed, as a power loss does: the file is flushed before its name, the name
// before the answer.
func TestFlushOrder(t *testing.T) {
	s := start(t, Config{}).bucket()
	var flushed []string
	s.server.backend.disk.flush = func(f *os.File) error {
		flushed = append(flushed, f.Name())
		if _, err := os.Stat(s.file("k")); (err == nil) != (len(flushed) > 1) {
			t.Errorf("at flush %d the object's name exists: %v", len(flushed), err == nil)
		}
		return f.Sync()
	}
	s.put("k", "x")
	if len(flushed) != 2 || !strings.Contains(flushed[0], folderTemp) || flushed[1] != filepath.Dir(s.file("k")) {
		t.Errorf("flushed %v", flushed)
	}
}

// TestFailedFlush makes one flush fail. Nothing may be acknowledged after it, though the next one would succeed.
func TestFailedFlush(t *testing.T) {
	for at := range int32(2) {
		s := start(t, Config{}).bucket()
		s.put("before", "x")
		var count atomic.Int32
		s.server.backend.disk.flush = func(f *os.File) error {
			if count.Add(1) == at+1 {
				return errors.New("input/output error")
			}
			return f.Sync()
		}
		for range 3 {
			_, err := s.client.PutObject(t.Context(), &sdk.PutObjectInput{Bucket: aws.String(testBucket), Key: aws.String("k"), Body: strings.NewReader("x")})
			wantCode(t, "put after a failed flush", err, "InternalError")
		}
		_, err := s.client.DeleteObject(t.Context(), &sdk.DeleteObjectInput{Bucket: aws.String(testBucket), Key: aws.String("before")})
		wantCode(t, "delete after a failed flush", err, "InternalError")
		s.mustGet("before", "x")
		s.server.backend.disk.flush = (*os.File).Sync
		s.reopen()
		s.put("k", "y")
		s.mustGet("k", "y")
	}
}

// TestFullDisk runs out of space once and goes on when there is some again.
func TestFullDisk(t *testing.T) {
	s := start(t, Config{}).bucket()
	s.put("k", "old")
	s.server.backend.disk.flush = func(f *os.File) error { return &os.PathError{Op: "sync", Path: "file", Err: syscall.ENOSPC} }
	_, err := s.client.PutObject(t.Context(), &sdk.PutObjectInput{Bucket: aws.String(testBucket), Key: aws.String("k"), Body: strings.NewReader("new")})
	wantCode(t, "put on a full disk", err, "InternalError")
	if err == nil || !strings.Contains(err.Error(), "disk is full") {
		t.Errorf("the error gives no hint: %v", err)
	}
	s.mustGet("k", "old")
	s.server.backend.disk.flush = (*os.File).Sync
	s.put("k", "new")
	s.mustGet("k", "new")
}

// TestDamage flips each byte of an object's file in turn. No flip may be served, whether it is found on reading or on
// opening.
func TestDamage(t *testing.T) {
	s := start(t, Config{}).bucket()
	s.put("k", "content")
	s.put("healthy", "x")
	whole, err := os.ReadFile(s.file("k"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range whole {
		flipped := bytes.Clone(whole)
		flipped[i] ^= 0x10
		if err := os.WriteFile(s.file("k"), flipped, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := s.get("k")
		wantCode(t, fmt.Sprintf("byte %d flipped", i), err, "InternalError")
	}
	for name, damaged := range map[string][]byte{
		"footer": append(bytes.Clone(whole[:len(whole)-30]), whole[len(whole)-29:]...), "empty": nil, "cut": whole[:len(whole)-1],
	} {
		if err := os.WriteFile(s.file("k"), damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		s.reopen()
		_, err = s.get("k")
		wantCode(t, name+" after a restart", err, "InternalError")
		_, err = s.client.PutObject(t.Context(), &sdk.PutObjectInput{
			Bucket: aws.String(testBucket), Key: aws.String("k"), Body: strings.NewReader("x"), IfNoneMatch: aws.String("*"),
		})
		wantCode(t, name+": condition on a damaged object", err, "InternalError")
		s.mustGet("healthy", "x")
	}
	s.put("k", "again")
	s.reopen()
	s.mustGet("k", "again")
}

// TestDamagedRange checks that a range answers for its own blocks only.
func TestDamagedRange(t *testing.T) {
	s := start(t, Config{}).bucket()
	data := content(3 * blockSize)
	s.put("k", string(data))
	f, err := os.OpenFile(s.file("k"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{data[blockSize] ^ 1}, blockSize); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	for span, want := range map[string]string{
		"bytes=0-9": "", "bytes=1048570-1048576": "InternalError", "bytes=1100000-1100001": "InternalError", "bytes=-5": "", "bytes=0-": "InternalError",
	} {
		out, err := s.client.GetObject(t.Context(), &sdk.GetObjectInput{Bucket: aws.String(testBucket), Key: aws.String("k"), Range: aws.String(span)})
		wantCode(t, span, err, want)
		if err == nil {
			_ = out.Body.Close()
		}
	}
}

func TestOpenRefusals(t *testing.T) {
	s := start(t, Config{}).bucket()
	if _, err := Open(s.config); err == nil || !strings.Contains(err.Error(), "another process serves") {
		t.Errorf("second server on a folder: %v", err)
	}
	if _, err := Open(Config{Dir: t.TempDir()}); err == nil {
		t.Error("a server without region and account opened")
	}
	if err := s.server.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := s.get("k")
	wantCode(t, "get after Close", err, "ServiceUnavailable")
	record := s.server.backend.disk.path(folderBuckets, testBucket, fileBucket)
	if err := os.WriteFile(record, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(s.config); err == nil || !strings.Contains(err.Error(), "record of bucket") {
		t.Errorf("damaged bucket record: %v", err)
	}
}

// TestFileName holds the encoding of keys to its promise: a plain name, and another one for another key.
func TestFileName(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.String().Draw(t, "a"), rapid.String().Draw(t, "b")
		if name := fileName(a); filepath.Base(name) != name || len(name) != 64 || strings.Trim(name, "0123456789abcdef") != "" {
			t.Errorf("file name %q", name)
		}
		if (a == b) != (fileName(a) == fileName(b)) {
			t.Errorf("%q and %q", a, b)
		}
	})
}

func FuzzFooter(f *testing.F) {
	f.Add("key", "value", "content")
	f.Add("\xff\x00../", "\\\"\n", "")
	d, err := openDisk(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, key, value, content string) {
		s, err := d.stage(strings.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		defer s.discard()
		want := &object{Key: exact(key), ETag: s.etag(), Metadata: map[string]exact{"X-Amz-Meta-A": exact(value)}}
		if err := s.seal(want); err != nil {
			t.Fatal(err)
		}
		got, err := readFooter(s.file)
		if err != nil || got.Key != want.Key || got.Metadata["X-Amz-Meta-A"] != exact(value) || got.Size != int64(len(content)) {
			t.Errorf("%q, %q: %+v, %v", key, value, got, err)
		}
		if err := got.verify(s.file, 0, got.Size); err != nil {
			t.Error(err)
		}
	})
}

// FuzzReadFooter feeds files that may hold anything.
func FuzzReadFooter(f *testing.F) {
	f.Add([]byte("content{}\x00\x00\x00\x02\x00\x00\x00\x00" + trailerMagic))
	path := filepath.Join(f.TempDir(), "file")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if file, o, err := openObject(path); err == nil {
			_ = o.verify(file, 0, o.Size)
			_ = file.Close()
		}
	})
}
