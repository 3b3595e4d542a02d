package version

import (
	"runtime/debug"
	"testing"
)

func TestRead(t *testing.T) {
	b := &debug.BuildInfo{
		GoVersion: "go1.26.8", Main: debug.Module{Path: "github.com/snowstream/snowstream", Version: "v0.1.0"},
		Deps:     []*debug.Module{{Path: "github.com/spf13/cobra", Version: "v1.10.2"}, {Path: engine, Version: "v2.10506.0"}},
		Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "0aab649aa0bb1cc2dd3ee4ff"}, {Key: "vcs.modified", Value: "true"}, {Key: "vcs.time", Value: "2026-11-30T00:00:00Z"}},
	}
	i := read(b)
	if i.Version != "v0.1.0" || i.Go != "go1.26.8" || i.DuckDB != "1.5.6" || i.Time != "2026-11-30T00:00:00Z" {
		t.Errorf("%+v", i)
	}
	if got := i.String(); got != "v0.1.0 0aab649aa0bb+dirty" {
		t.Errorf("in one line it is %q", got)
	}
	if i := read(&debug.BuildInfo{}); i.String() != "(devel)" || i.DuckDB != "" {
		t.Errorf("a build that knows nothing is %+v", i)
	}
}

func TestDuckDB(t *testing.T) {
	for binding, want := range map[string]string{"v2.10506.0": "1.5.6", "v2.20000.0": "2.0.0", "v2.3.1": "v2.3.1", "": "", "v2.x.y": "v2.x.y"} {
		if got := duckDB(binding); got != want {
			t.Errorf("%q is %q, not %q", binding, got, want)
		}
	}
}
