package bundle

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
)

const module = "github.com/snowstream/snowstream"

// Shipped are the functions' programs that lie where a release has them: in functions/ARCH beside this program, or in
// ../lib/snowstream/functions/ARCH. arch is Go's name, empty for arm64. Both are empty where they are not.
func Shipped(arch string) (orchestrator, upsert string) {
	if arch == "" {
		arch = "arm64"
	}
	program, err := os.Executable()
	if err == nil {
		program, err = filepath.EvalSymlinks(program)
	}
	if err != nil {
		return "", ""
	}
	beside := filepath.Dir(program)
	for _, dir := range []string{filepath.Join(beside, "functions", arch), filepath.Join(beside, "..", "lib", "snowstream", "functions", arch)} {
		orchestrator, upsert = filepath.Join(dir, Orchestrator), filepath.Join(dir, Upsert)
		_, missing := os.Stat(orchestrator)
		if _, err := os.Stat(upsert); err == nil && missing == nil {
			return orchestrator, upsert
		}
	}
	return "", ""
}

// FindModule is the folder of snowstream's source: the module that the current folder lies in, or else the released
// version that this program was built from, which the go command downloads.
func FindModule(ctx context.Context) (string, error) {
	if dir, err := goCommand(ctx, "", nil, "list", "-m", "-f", "{{if .Main}}{{.Dir}}{{end}}", module); err == nil && dir != "" {
		return dir, nil
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Path != module || info.Main.Version == "" || info.Main.Version == "(devel)" || strings.Contains(info.Main.Version, "+dirty") {
		return "", errors.New("the functions' source is not here, and this program does not know which release it is: run it in a checkout of snowstream, name one, or name built programs")
	}
	text, err := goCommand(ctx, os.TempDir(), nil, "mod", "download", "-json", module+"@"+info.Main.Version)
	if err != nil {
		return "", fmt.Errorf("download the source of snowstream %s: %w", info.Main.Version, err)
	}
	var download struct{ Dir string }
	if err := json.Unmarshal([]byte(text), &download); err != nil || download.Dir == "" {
		return "", fmt.Errorf("download the source of snowstream %s: the go command names no folder", info.Main.Version)
	}
	return download.Dir, nil
}

// compile builds a function into a temporary folder, which remove deletes. What could make two builds differ is left
// out: paths, symbols, the state of the version control, flags of the person who builds.
func compile(ctx context.Context, dir, name, arch string) (path string, remove func(), err error) {
	work, err := os.MkdirTemp("", "snowstream-bundle-")
	if err != nil {
		return "", nil, fmt.Errorf("build the function %s: %w", name, err)
	}
	remove = func() { os.RemoveAll(work) }
	path = filepath.Join(work, "bootstrap")
	environment := []string{"GOOS=linux", "GOARCH=" + arch, "CGO_ENABLED=0", "GOFLAGS=", "GOEXPERIMENT=", "GOARM64=v8.0", "GOAMD64=v1", "GOWORK=off"}
	_, err = goCommand(ctx, dir, environment, "build", "-trimpath", "-buildvcs=false", "-mod=readonly",
		"-tags", "lambda.norpc", "-ldflags", "-s -w", "-o", path, "./cmd/"+name+"-lambda")
	if err != nil {
		remove()
		return "", nil, fmt.Errorf("build the function %s from %s: %w", name, dir, err)
	}
	return path, remove, nil
}

// goCommand runs the go command in a folder and returns what it prints; its complaints become the error.
func goCommand(ctx context.Context, dir string, environment []string, args ...string) (string, error) {
	c := exec.CommandContext(ctx, "go", args...)
	var out, complaints bytes.Buffer
	c.Dir, c.Env, c.Stdout, c.Stderr = dir, append(os.Environ(), environment...), &out, &complaints
	err := c.Run()
	if errors.Is(err, exec.ErrNotFound) {
		return "", errors.New("there is no go command: install Go, or name built programs")
	}
	if err != nil {
		return "", fmt.Errorf("go %s: %w: %.1000s", args[0], err, strings.TrimSpace(complaints.String()))
	}
	return strings.TrimSpace(out.String()), nil
}
