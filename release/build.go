package main

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// target is one platform's files of a release.
type target struct{ version, source, out, os, arch string }

// name is how a file of the release begins.
func (t target) name() string {
	return "snowstream_" + strings.TrimPrefix(t.version, "v") + "_" + t.os + "_" + t.arch
}

// functions are the programs that deploy packs; it looks for them in functions/ARCH beside the program, or in
// ../lib/snowstream/functions/ARCH.
var functions = []string{"orchestrator", "upsert"}

func build(ctx context.Context, t target) error {
	dir, err := os.MkdirTemp("", "snowstream-release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	built, err := t.when(ctx)
	if err != nil {
		return err
	}
	if err := t.stage(ctx, dir); err != nil {
		return err
	}
	program := filepath.Join(dir, "snowstream")
	if err := t.command(ctx, ".", nil, "go", "tool", "cyclonedx-gomod", "bin", "-json", "-version", t.version,
		"-output", absolute(filepath.Join(t.out, t.name()+".sbom.json")), program); err != nil {
		return err
	}
	if err := archive(dir, filepath.Join(t.out, t.name()+".tar.gz"), t.name(), built); err != nil {
		return fmt.Errorf("pack the archive: %w", err)
	}
	if t.os == "linux" {
		if err := t.packages(dir, built); err != nil {
			return err
		}
	}
	return sums(t.out)
}

// stage makes all files of the archive in dir.
func (t target) stage(ctx context.Context, dir string) error {
	program := filepath.Join(dir, "snowstream")
	err := t.command(ctx, t.source, []string{"CGO_ENABLED=1"}, "go", "build", "-trimpath", "-ldflags", "-s -w -X "+
		"github.com/snowstream/snowstream/cmd/internal/version.released="+t.version, "-o", program, "./cmd/snowstream")
	if err != nil {
		return err
	}
	for _, arch := range []string{"amd64", "arm64"} {
		for _, f := range functions {
			// The flags are those of deploy/bundle, so that a function from a release is the one that its source gives.
			environment := []string{"GOOS=linux", "GOARCH=" + arch, "CGO_ENABLED=0", "GOFLAGS=", "GOEXPERIMENT=", "GOARM64=v8.0", "GOAMD64=v1", "GOWORK=off"}
			err := t.command(ctx, t.source, environment, "go", "build", "-trimpath", "-buildvcs=false", "-mod=readonly", "-tags", "lambda.norpc", "-ldflags", "-s -w",
				"-o", filepath.Join(dir, "functions", arch, f), "./cmd/"+f+"-lambda")
			if err != nil {
				return err
			}
		}
	}
	if err := t.command(ctx, t.source, nil, program, "man", filepath.Join(dir, "man")); err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(dir, "completions"), 0o755); err != nil {
		return err
	}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		script, err := exec.CommandContext(ctx, program, "completion", shell).Output()
		if err != nil {
			return fmt.Errorf("make the completion for %s: %w", shell, err)
		}
		if err := os.WriteFile(filepath.Join(dir, "completions", "snowstream."+shell), script, 0o644); err != nil {
			return err
		}
	}
	for _, name := range []string{"LICENSE", "README.md", "CHANGELOG.md"} {
		text, err := os.ReadFile(filepath.Join(t.source, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// when is the time that all files carry: SOURCE_DATE_EPOCH, or that of the commit, so that the same commit gives the same archive.
func (t target) when(ctx context.Context) (time.Time, error) {
	if epoch := os.Getenv("SOURCE_DATE_EPOCH"); epoch != "" {
		seconds, err := strconv.ParseInt(epoch, 10, 64)
		if err != nil {
			return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH is %q: it is seconds since 1970", epoch)
		}
		return time.Unix(seconds, 0).UTC(), nil
	}
	c := exec.CommandContext(ctx, "git", "log", "-1", "--format=%cI")
	c.Dir = t.source
	text, err := c.Output()
	if err != nil {
		return time.Time{}, fmt.Errorf("ask git for the commit's time: %w", err)
	}
	return time.Parse(time.RFC3339, strings.TrimSpace(string(text)))
}

func (t target) command(ctx context.Context, dir string, environment []string, name string, args ...string) error {
	c := exec.CommandContext(ctx, name, args...)
	c.Dir, c.Env, c.Stdout, c.Stderr = dir, append(os.Environ(), environment...), os.Stderr, os.Stderr
	if err := c.Run(); err != nil {
		return fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return nil
}

func absolute(path string) string {
	if full, err := filepath.Abs(path); err == nil {
		return full
	}
	return path
}

// archive packs dir as the folder name, in order, with one time and no owner.
func archive(dir, path, name string, when time.Time) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	packed, _ := gzip.NewWriterLevel(file, gzip.BestCompression)
	out := tar.NewWriter(packed)
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		within, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		in, err := os.Open(path)
		if err != nil {
			return err
		}
		defer in.Close()
		err = out.WriteHeader(&tar.Header{Name: name + "/" + filepath.ToSlash(within), Mode: int64(info.Mode().Perm()), Size: info.Size(), ModTime: when})
		if err == nil {
			_, err = io.Copy(out, in)
		}
		return err
	})
	for _, end := range []func() error{out.Close, packed.Close, file.Close} {
		if failed := end(); err == nil {
			err = failed
		}
	}
	return err
}

const sumsFile = "SHA256SUMS"

// sums writes the checksums of all files of the folder, as sha256sum -c reads them.
func sums(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var lines []string
	for _, e := range entries {
		if e.Name() == sumsFile || e.IsDir() {
			continue
		}
		sum, err := sumOf(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		lines = append(lines, sum+"  "+e.Name()+"\n")
	}
	slices.Sort(lines)
	return os.WriteFile(filepath.Join(dir, sumsFile), []byte(strings.Join(lines, "")), 0o644)
}

func sumOf(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", sum.Sum(nil)), nil
}
