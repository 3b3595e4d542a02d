package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/deb"
	"github.com/goreleaser/nfpm/v2/files"
	_ "github.com/goreleaser/nfpm/v2/rpm"
)

// packages makes the Debian and the RPM package of what lies in dir.
func (t target) packages(dir string, when time.Time) error {
	for _, format := range []string{"deb", "rpm"} {
		info := nfpm.WithDefaults(&nfpm.Info{
			Name: "snowstream", Arch: t.arch, Platform: "linux", Version: t.version, MTime: when,
			Maintainer: "The snowstream authors <snowstream@users.noreply.github.com>", Homepage: "https://github.com/snowstream/snowstream", License: "Apache-2.0",
			Description: "Amazon Kinesis to Snowflake, exactly once.\nLands a Kinesis data stream in Snowflake row by row and as files, proves that\nno record is missing or doubled, and runs whole on one machine without an account.",
			Section:     "utils", Priority: "optional",
			Overridables: nfpm.Overridables{
				// DuckDB is linked in; what is left is the C and C++ library.
				Depends:  map[string][]string{"deb": {"libc6", "libstdc++6"}, "rpm": {"glibc", "libstdc++"}}[format],
				Contents: contents(dir),
			},
		})
		if err := nfpm.PrepareForPackager(info, format); err != nil {
			return fmt.Errorf("make the %s package: %w", format, err)
		}
		packager, err := nfpm.Get(format)
		if err != nil {
			return err
		}
		file, err := os.Create(filepath.Join(t.out, t.name()+"."+format))
		if err != nil {
			return err
		}
		err = packager.Package(info, file)
		if failed := file.Close(); err == nil {
			err = failed
		}
		if err != nil {
			return fmt.Errorf("make the %s package: %w", format, err)
		}
	}
	return nil
}

// contents says where the archive's files go on a Linux system.
func contents(dir string) files.Contents {
	add := func(out files.Contents, from, to string, mode os.FileMode) files.Contents {
		return append(out, &files.Content{Source: filepath.Join(dir, from), Destination: to, FileInfo: &files.ContentFileInfo{Mode: mode}})
	}
	all := add(nil, "snowstream", "/usr/bin/snowstream", 0o755)
	for _, arch := range []string{"amd64", "arm64"} {
		for _, f := range functions {
			all = add(all, filepath.Join("functions", arch, f), "/usr/lib/snowstream/functions/"+arch+"/"+f, 0o755)
		}
	}
	pages, _ := filepath.Glob(filepath.Join(dir, "man", "*.1"))
	for _, page := range pages {
		all = add(all, filepath.Join("man", filepath.Base(page)), "/usr/share/man/man1/"+filepath.Base(page), 0o644)
	}
	all = add(all, "completions/snowstream.bash", "/usr/share/bash-completion/completions/snowstream", 0o644)
	all = add(all, "completions/snowstream.zsh", "/usr/share/zsh/site-functions/_snowstream", 0o644)
	all = add(all, "completions/snowstream.fish", "/usr/share/fish/vendor_completions.d/snowstream.fish", 0o644)
	all = add(all, "LICENSE", "/usr/share/doc/snowstream/copyright", 0o644)
	return add(all, "README.md", "/usr/share/doc/snowstream/README.md", 0o644)
}
