// Package bundle makes the functions' zips and keeps them in the artifact bucket.
//
// A zip is the program as bootstrap, mode 0755, and the schema file if there is one; nothing in it depends on the
// time, the folder or the machine, so that the same source with the same Go toolchain gives the same bytes. Its name
// in the bucket is its hash: an unchanged function keeps its name, and a plan shows no false change.
package bundle

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// SchemaFile is where a function finds the schema: Lambda unpacks the zip there.
const SchemaFile = "/var/task/" + schemaName

const schemaName = "schema.yaml"

// The functions, as their zips are named.
const (
	Orchestrator = "orchestrator"
	Upsert       = "upsert"
)

// Source says what the zips are made of.
type Source struct {
	// Module is the folder of snowstream's source, which FindModule finds; it is built with the go command. Empty if the
	// programs are there already.
	Module string
	// OrchestratorProgram and UpsertProgram are paths of programs built before, both or none.
	OrchestratorProgram string
	UpsertProgram       string
	// Arch is Go's name of the functions' architecture: arm64, also if empty, or amd64.
	Arch string
	// Schema is the schema file's text; empty means the sensor example, which the functions know.
	Schema []byte
}

// Zip is one function's, as a file.
type Zip struct {
	Function string
	Path     string
	// SHA256 is the file's hash in hex, Size its bytes.
	SHA256 string
	Size   int64
}

// Key is the zip's name in the artifact bucket.
func (z Zip) Key() string { return z.Function + "/" + z.SHA256 + ".zip" }

// Bundle is both zips.
type Bundle struct{ Orchestrator, Upsert Zip }

// Build makes both zips in the folder out, which must exist. Where it is cut off it leaves no zip that is not whole.
func Build(ctx context.Context, s Source, out string) (Bundle, error) {
	var b Bundle
	for _, f := range []struct {
		name, program string
		zip           *Zip
	}{{Orchestrator, s.OrchestratorProgram, &b.Orchestrator}, {Upsert, s.UpsertProgram, &b.Upsert}} {
		program, err := s.program(ctx, f.name, f.program)
		if err != nil {
			return Bundle{}, err
		}
		if *f.zip, err = write(out, f.name, program, s.Schema); err != nil {
			return Bundle{}, err
		}
	}
	return b, nil
}

// program is the text of a function's program, built or read.
func (s Source) program(ctx context.Context, name, path string) ([]byte, error) {
	arch := s.Arch
	if arch == "" {
		arch = "arm64"
	}
	if machine(arch) == elf.EM_NONE {
		return nil, fmt.Errorf("the function %s for %q: Lambda has arm64 and amd64", name, arch)
	}
	if (path == "") == (s.Module == "") {
		return nil, fmt.Errorf("the function %s needs either a built program or the source to build it from", name)
	}
	if path == "" {
		built, remove, err := compile(ctx, s.Module, name, arch)
		if err != nil {
			return nil, err
		}
		defer remove()
		path = built
	}
	program, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the program of the function %s: %w", name, err)
	}
	if err := runs(program, arch); err != nil {
		return nil, fmt.Errorf("the function %s: %s %w", name, path, err)
	}
	return program, nil
}

// machine is what a program says that it runs on.
func machine(arch string) elf.Machine {
	switch arch {
	case "arm64":
		return elf.EM_AARCH64
	case "amd64":
		return elf.EM_X86_64
	}
	return elf.EM_NONE
}

// runs reports why a program would not start in Lambda: better said here than in the first invocation.
func runs(program []byte, arch string) error {
	file, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		return fmt.Errorf("is no Linux program: build it with GOOS=linux GOARCH=%s CGO_ENABLED=0", arch)
	}
	defer file.Close()
	if file.Machine != machine(arch) {
		return fmt.Errorf("is built for %s: build it with GOARCH=%s", file.Machine, arch)
	}
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP {
			return fmt.Errorf("needs a C library of the machine it was built on: build it with CGO_ENABLED=0")
		}
	}
	return nil
}

// write packs a program into a file of the folder, under its final name only when it is whole.
func write(out, name string, program, schema []byte) (Zip, error) {
	text, err := Pack(program, schema)
	if err != nil {
		return Zip{}, fmt.Errorf("pack the function %s: %w", name, err)
	}
	sum := sha256.Sum256(text)
	path := filepath.Join(out, name+".zip")
	if err := os.WriteFile(path+".new", text, 0o644); err != nil {
		return Zip{}, fmt.Errorf("write the zip of the function %s: %w", name, err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return Zip{}, fmt.Errorf("write the zip of the function %s: %w", name, err)
	}
	return Zip{Function: name, Path: path, SHA256: hex.EncodeToString(sum[:]), Size: int64(len(text))}, nil
}

// Pack is the zip of a program and, unless it is empty, a schema file.
func Pack(program, schema []byte) ([]byte, error) {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	entries := []struct {
		name string
		mode os.FileMode
		text []byte
	}{{"bootstrap", 0o755, program}, {schemaName, 0o644, schema}}
	for _, e := range entries {
		if len(e.text) == 0 {
			continue
		}
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate, Modified: packed}
		h.SetMode(e.mode)
		f, err := w.CreateHeader(h)
		if err != nil {
			return nil, err
		}
		if _, err := io.Copy(f, bytes.NewReader(e.text)); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// packed is the time of every entry: the first that a zip can say.
var packed = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)
