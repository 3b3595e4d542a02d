// Package version says which build of snowstream this is: the same words in the command, the page, the metrics, the
// functions' logs and the deployment's state.
package version

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
)

// Info is a build.
type Info struct {
	// Version is the module's, such as v0.1.0, or (devel) for a build from a work tree.
	Version string `json:"version"`
	// Commit is the revision that was built, with +dirty behind it if files had been changed; empty where the build
	// does not know, as in `go run` of a module without version control.
	Commit string `json:"commit"`
	// Time is the commit's, in RFC 3339.
	Time string `json:"time,omitempty"`
	Go   string `json:"go"`
	// DuckDB is the engine of the local warehouse, empty in a build without cgo and in the functions, which have none.
	DuckDB   string `json:"duckdb,omitempty"`
	Platform string `json:"platform"`
}

// released is the version of a release's build, which the linker sets.
var released string

// Of reads the build that is running.
func Of() Info {
	b, ok := debug.ReadBuildInfo()
	if !ok {
		b = &debug.BuildInfo{}
	}
	return read(b)
}

// engine is the module whose version says which DuckDB is linked in.
const engine = "github.com/duckdb/duckdb-go/v2"

func read(b *debug.BuildInfo) Info {
	i := Info{Version: b.Main.Version, Go: b.GoVersion, Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if released != "" {
		i.Version = released
	}
	if i.Version == "" {
		i.Version = "(devel)"
	}
	settings := map[string]string{}
	for _, s := range b.Settings {
		settings[s.Key] = s.Value
	}
	i.Commit, i.Time = settings["vcs.revision"], settings["vcs.time"]
	if i.Commit != "" && settings["vcs.modified"] == "true" {
		i.Commit += "+dirty"
	}
	for _, d := range b.Deps {
		if d.Path == engine {
			i.DuckDB = duckDB(d.Version)
		}
	}
	return i
}

// duckDB reads the engine's version from the binding's: v2.10506.0 binds DuckDB 1.5.6.
func duckDB(binding string) string {
	parts := strings.Split(binding, ".")
	if len(parts) < 2 {
		return binding
	}
	n, err := strconv.Atoi(parts[1])
	if err != nil || n < 10000 {
		return binding
	}
	return fmt.Sprintf("%d.%d.%d", n/10000, n/100%100, n%100)
}

// String is the build in one line, for a log or a page.
func (i Info) String() string {
	if i.Commit == "" {
		return i.Version
	}
	return i.Version + " " + i.Short()
}

// Short is the commit in the twelve characters that people compare.
func (i Info) Short() string {
	commit, dirty, _ := strings.Cut(i.Commit, "+")
	if len(commit) > 12 {
		commit = commit[:12]
	}
	if dirty != "" {
		commit += "+" + dirty
	}
	return commit
}
