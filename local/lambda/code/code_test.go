package code

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// pack is a zip of files: name, mode and text in turn.
func pack(t *testing.T, files ...any) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for i := 0; i < len(files); i += 3 {
		header := &zip.FileHeader{Name: files[i].(string), Method: zip.Deflate}
		header.SetMode(files[i+1].(fs.FileMode))
		w, err := z.CreateHeader(header)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(files[i+2].(string))); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// sized has the directory of a zip say that each file has n bytes.
func sized(pack []byte, n uint32) []byte {
	const entry = "PK\x01\x02"
	for at := bytes.Index(pack, []byte(entry)); at >= 0; {
		binary.LittleEndian.PutUint32(pack[at+24:], n)
		next := bytes.Index(pack[at+1:], []byte(entry))
		if next < 0 {
			break
		}
		at += 1 + next
	}
	return pack
}

const plain = fs.FileMode(0o644)

func TestUnpack(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "code")
	files := pack(t, "bootstrap", fs.FileMode(0o755), "#!", "lib/", fs.ModeDir|0o500, "", "lib/deep/a.py", fs.FileMode(0), "x = 1")
	if err := Unpack(files, folder); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]fs.FileMode{"bootstrap": 0o755, "lib/deep/a.py": 0o600} {
		if info, err := os.Stat(filepath.Join(folder, name)); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if text, err := os.ReadFile(filepath.Join(folder, "lib/deep/a.py")); err != nil || string(text) != "x = 1" {
		t.Errorf("%q, %v", text, err)
	}
	if err := os.RemoveAll(folder); err != nil {
		t.Errorf("cannot be removed: %v", err)
	}
}

// A package that is refused writes nothing beside its folder, whatever it is called.
func TestUnpackRefuses(t *testing.T) {
	damaged := bytes.Clone(pack(t, "a", plain, strings.Repeat("some text ", 100)))
	damaged[40] ^= 0xff
	for name, files := range map[string][]byte{
		"not a zip":         []byte("hello"),
		"empty":             pack(t),
		"cut":               pack(t, "a", plain, "text")[:20],
		"damaged":           damaged,
		"lies of its size":  sized(pack(t, "a", plain, strings.Repeat("0", 1<<20)), 16),
		"a path up":         pack(t, "../escaped", plain, "x"),
		"a path up inside":  pack(t, "a/../../escaped", plain, "x"),
		"a root":            pack(t, "/tmp/escaped", plain, "x"),
		"a link":            pack(t, "link", fs.ModeSymlink|0o777, "/etc"),
		"through a link":    pack(t, "link", fs.ModeSymlink|0o777, "..", "link/escaped", plain, "x"),
		"a folder up":       pack(t, "../escaped/", fs.ModeDir|0o755, ""),
		"twice":             pack(t, "a", plain, "1", "a", plain, "2"),
		"a file as folder":  pack(t, "a", plain, "1", "a/b", plain, "2"),
		"too large a file":  sized(pack(t, "a", plain, "0"), MaxUnzipped+1),
		"too large at once": sized(pack(t, "a", plain, "0", "b", plain, "1"), MaxUnzipped/2+1),
	} {
		outside := t.TempDir()
		if err := Unpack(files, filepath.Join(outside, "code")); !errors.Is(err, ErrUnusable) || strings.HasPrefix(name, "too large") && !strings.Contains(err.Error(), "unzipped size") {
			t.Errorf("%s: %v", name, err)
		}
		if entries, err := os.ReadDir(outside); err != nil || len(entries) > 1 {
			t.Errorf("%s: %v, %v", name, entries, err)
		}
	}
}
