package main

import (
	"archive/zip"
	"compress/flate"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// zips measures what is uploaded for each function: stripped for arm64 and deflated as well as can be.
func zips(ctx context.Context, _ settings) ([]table, error) {
	dir, err := os.MkdirTemp("", "snowstream-bench")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	t := table{head: []string{"function", "binary, MB", "zip, MB", "goal"}}
	for _, name := range []string{"orchestrator-lambda", "upsert-lambda"} {
		path, err := buildFunction(ctx, dir, name, "arm64")
		if err != nil {
			return nil, err
		}
		plain, packed, err := pack(path)
		if err != nil {
			return nil, err
		}
		t.rows = append(t.rows, []string{name, fmt.Sprintf("%.1f", float64(plain)/1e6), fmt.Sprintf("%.2f", float64(packed)/1e6), "< 8"})
	}
	return []table{t}, nil
}

// buildFunction makes a function's program as it is deployed and returns its path.
func buildFunction(ctx context.Context, dir, name, architecture string) (string, error) {
	path := filepath.Join(dir, name)
	c := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-tags", "lambda.norpc", "-ldflags", "-s -w", "-o", path, "./cmd/"+name)
	c.Dir, c.Env = "../..", append(os.Environ(), "GOOS=linux", "GOARCH="+architecture, "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w: %.500s", name, err, out)
	}
	return path, nil
}

// pack zips a program as bootstrap and gives both sizes in bytes.
func pack(path string) (plain, packed int64, err error) {
	in, err := os.Open(path)
	if err != nil {
		return 0, 0, err
	}
	defer in.Close()
	var size counter
	z := zip.NewWriter(&size)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestCompression) })
	entry, err := z.Create("bootstrap")
	if err != nil {
		return 0, 0, err
	}
	if plain, err = io.Copy(entry, in); err != nil {
		return 0, 0, err
	}
	err = z.Close()
	return plain, int64(size), err
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
