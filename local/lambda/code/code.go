// Package code is the code of functions that people create: deployment packages, unpacked, and what starts them.
//
// It is not a sandbox: a function runs as the user of its host, with all that this user may do. What is refused is a package that
// would put files outside of its own folder.
package code

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"syscall"
)

const (
	// MaxZipped is the largest package that a request may carry, MaxUnzipped the largest one of all, unpacked:
	// docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html.
	MaxZipped   = 50 << 20
	MaxUnzipped = 250 << 20
)

// ErrUnusable is a deployment package that can never run: its sender's fault, not the host's.
var ErrUnusable = errors.New("the deployment package cannot be used")

// Sum is the name of a package's content, as the Lambda API shows it.
func Sum(pack []byte) string {
	sum := sha256.Sum256(pack)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// Unpack writes the files of a zip into a new folder. Nothing is durable: the package is what stays, and is unpacked again. What an
// error leaves behind is the caller's to remove.
func Unpack(pack []byte, folder string) error {
	files, err := zip.NewReader(bytes.NewReader(pack), int64(len(pack)))
	if err != nil {
		return fmt.Errorf("%w: could not unzip it: %v", ErrUnusable, err)
	}
	var size uint64
	for _, f := range files.File {
		if size += f.UncompressedSize64; f.UncompressedSize64 > MaxUnzipped || size > MaxUnzipped {
			return fmt.Errorf("%w: unzipped size must be smaller than %d bytes", ErrUnusable, MaxUnzipped)
		}
	}
	if len(files.File) == 0 {
		return fmt.Errorf("%w: it is an empty zip", ErrUnusable)
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		return fmt.Errorf("unpack deployment package: %w", err)
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return fmt.Errorf("unpack deployment package: %w", err)
	}
	defer root.Close()
	for _, f := range files.File {
		if err := unpackFile(root, f); err != nil {
			return err
		}
	}
	return nil
}

// unpackFile writes one file, readable for its owner whatever the zip says. Links are refused: they would lead out.
func unpackFile(root *os.Root, f *zip.File) error {
	unusable := func(why any) error { return fmt.Errorf("%w: %.200q: %v", ErrUnusable, f.Name, why) }
	name, mode := path.Clean(f.Name), f.Mode()
	switch {
	case !filepath.IsLocal(filepath.FromSlash(f.Name)):
		return unusable("its path leads out of the package")
	case mode.IsDir():
		if err := root.MkdirAll(name, 0o755); err != nil {
			return unusable(err)
		}
		return nil
	case !mode.IsRegular():
		return unusable("it is neither a file nor a folder")
	}
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return unusable(err)
	}
	from, err := f.Open()
	if err != nil {
		return unusable(err)
	}
	defer from.Close()
	// A process that is started meanwhile would hold the file open for writing, and a program that is held so cannot be run.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	to, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode.Perm()|0o600)
	if errors.Is(err, os.ErrExist) {
		return unusable("it is there twice")
	}
	if err != nil {
		return fmt.Errorf("unpack deployment package: %w", err)
	}
	_, err = io.Copy(to, from)
	if broken := errors.Is(err, zip.ErrFormat) || errors.Is(err, zip.ErrChecksum) || errors.Is(err, io.ErrUnexpectedEOF); broken {
		err = unusable(err)
	}
	if err := errors.Join(err, to.Close()); err != nil {
		return fmt.Errorf("unpack deployment package: %w", err)
	}
	return nil
}
