// Command release makes what a release of snowstream is downloaded as, for the machine that it runs on:
//
//	cd release && go run . build -version v0.1.0 -out dist     on each platform
//	cd release && go run . formula -out dist                   once, when all archives lie in dist
//
// build makes an archive with the program, the functions of both of Lambda's architectures, man pages and completions; on
// Linux a Debian and an RPM package of the same files; a bill of materials for each; and SHA256SUMS.
//
// The program links DuckDB through cgo, so each platform is built on its own kind of machine and the parts are put together
// afterwards. GoReleaser does that only in its paid edition, so here the packages are made by nfpm, the library that it
// uses, and the bill of materials by cyclonedx-gomod. It is a module of its own: nobody who builds snowstream needs them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"runtime"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// versions are those that the Go module and both kinds of packages take.
var versions = regexp.MustCompile(`^v[0-9]+\.[0-9]+\.[0-9]+(-[0-9a-z.]+)?$`)

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("say what: build or formula")
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	version := flags.String("version", "v0.0.0-snapshot", "the release's version, as its tag")
	source := flags.String("source", "..", "folder of snowstream's source")
	out := flags.String("out", "dist", "folder for the files")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	if !versions.MatchString(*version) {
		return fmt.Errorf("version %q is none like v0.1.0 or v0.1.0-rc.1", *version)
	}
	if err := os.MkdirAll(*out, 0o755); err != nil {
		return err
	}
	switch args[0] {
	case "build":
		return build(ctx, target{version: *version, source: *source, out: *out, os: runtime.GOOS, arch: runtime.GOARCH})
	case "formula":
		return formula(*version, *out)
	}
	return fmt.Errorf("unknown command %q: build or formula", args[0])
}
