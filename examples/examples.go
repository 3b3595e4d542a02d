// Package examples holds small complete cases, each a folder with a README of its own; `snowstream init` copies one.
package examples

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

//go:embed */*
var files embed.FS

// Example is a folder with what it is for.
type Example struct{ Name, About string }

// List is all examples, by name. About is the first line of the README, without its mark.
func List() ([]Example, error) {
	folders, err := files.ReadDir(".")
	if err != nil {
		return nil, err
	}
	var out []Example
	for _, f := range folders {
		text, err := files.ReadFile(f.Name() + "/README.md")
		if err != nil {
			return nil, fmt.Errorf("example %s: %w", f.Name(), err)
		}
		line, _, _ := strings.Cut(string(text), "\n")
		out = append(out, Example{f.Name(), strings.TrimPrefix(line, "# ")})
	}
	return out, nil
}

// Copy writes an example's files into a folder, which is made if it is not there, and returns their names. A file that is
// there already is an error, and nothing is written.
func Copy(name, dir string) (written []string, err error) {
	sub, err := fs.Sub(files, name)
	if err != nil {
		return nil, err
	}
	entries, err := fs.ReadDir(sub, ".")
	if err != nil {
		return nil, fmt.Errorf("there is no example %q", name)
	}
	for _, e := range entries {
		if _, err := os.Lstat(filepath.Join(dir, e.Name())); !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s is there already: name another folder", filepath.Join(dir, e.Name()))
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	for _, e := range entries {
		text, err := fs.ReadFile(sub, e.Name())
		if err != nil {
			return written, err
		}
		if err := os.WriteFile(filepath.Join(dir, e.Name()), text, 0o644); err != nil {
			return written, err
		}
		written = append(written, e.Name())
	}
	return written, nil
}
