package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/snowstream/snowstream/internal/child"
	"github.com/snowstream/snowstream/internal/long"
)

// refilled is what `replay range --json` and `replay table --json` print.
type refilled struct {
	OK               bool
	Objects, Records int64
	Tables           []refilledTable
	Left             []string
}

type refilledTable struct {
	Table   string
	Lacking int64 `json:"rows_lacking"`
	Objects int64
	Pipe    int64 `json:"objects_for_pipe"`
	Brought int64 `json:"rows_brought"`
	Still   int64 `json:"rows_still_lacking"`
}

// replay runs `snowstream replay … --json`, decodes what it prints, and returns the exit code.
func replay(t *testing.T, dir string, into any, args ...string) (code int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := child.Bind(exec.CommandContext(t.Context(), program, append(append([]string{"replay"}, args...), "--json", "--data", dir)...))
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(stdout.Bytes(), into); err != nil {
		t.Fatalf("snowstream replay %v: exit %d, %v\n%s%s", args, code, err, stdout.String(), stderr.String())
	}
	return code
}

// sound is an audit that finds nothing, and its counts.
func sound(t *testing.T, dir string) string {
	t.Helper()
	var p proof
	if code := audit(t, dir, &p, "--deep"); code != 0 || !p.OK {
		t.Errorf("audit: exit %d, %v", code, p.Findings)
	}
	return fmt.Sprint(p.Shards)
}

// TestReplayTable fills tables from the raw zone: truncated, dropped and made again, and with rows of quarantine that
// were replayed. A second run finds nothing to do.
func TestReplayTable(t *testing.T) {
	long.Test(t)
	dir := t.TempDir()
	l, o, _ := filled(t, dir, 1400)
	untilLedger(t, dir, 1401)
	before := sound(t, dir)
	for _, tt := range []struct {
		name, table string
		damage      func(table string)
	}{
		{"truncated", "both", func(table string) { o.exec(t, "TRUNCATE TABLE "+table) }},
		{"some deleted", "both", func(table string) {
			o.exec(t, "DELETE FROM "+table+` WHERE MOD("_ORDINAL", 3) = 0 OR "_ORDINAL" > 1200`)
		}},
		{"made again", "microbatch", func(table string) {
			o.exec(t, "CREATE OR REPLACE TABLE "+table+" LIKE "+both[0])
		}},
	} {
		lacking := map[string]int64{}
		for i, name := range []string{"streaming", "microbatch"} {
			if tt.table == "both" || tt.table == name {
				tt.damage(both[i])
				lacking[name] = 1400 - o.number(t, "SELECT COUNT(*) FROM "+both[i])
			}
		}
		var r refilled
		if code := replay(t, dir, &r, "table", "--table", tt.table, "--dry-run"); code != 0 || r.Objects < 12 || r.Records != 1401 {
			t.Errorf("%s, dry: exit %d, %+v", tt.name, code, r)
		}
		for _, table := range r.Tables {
			if table.Lacking != lacking[table.Table] || table.Brought != 0 || table.Objects < 5 {
				t.Errorf("%s, dry: %+v, want %v", tt.name, r, lacking)
			}
		}
		began := time.Now()
		r = refilled{}
		code := replay(t, dir, &r, "table", "--table", tt.table)
		for _, table := range r.Tables {
			if code != 0 || table.Brought != lacking[table.Table] || table.Still != 0 {
				t.Errorf("%s: exit %d, %+v, want %v", tt.name, code, r, lacking)
			}
		}
		t.Logf("%s: %+v in %.1f s", tt.name, r.Tables, time.Since(began).Seconds())
		if after := sound(t, dir); after != before {
			t.Errorf("%s: audit %s, before it %s", tt.name, after, before)
		}
		r = refilled{}
		if code := replay(t, dir, &r, "table", "--table", tt.table); code != 0 || slices.ContainsFunc(r.Tables, func(f refilledTable) bool { return f.Lacking != 0 }) {
			t.Errorf("%s, again: exit %d, %+v", tt.name, code, r)
		}
	}
	l.stop(t).complete(t)
}

// TestReplayRange brings a part of the raw zone in again, by ordinals and by time, while the pipe has not heard of some of
// it: those objects are left to the pipe, which may still load them by itself.
func TestReplayRange(t *testing.T) {
	long.Test(t)
	dir := t.TempDir()
	l, o, _ := filled(t, dir, 600)
	untilLedger(t, dir, 601)
	began := time.Now().UTC().Truncate(time.Second).Add(2 * time.Second) // S3 tells whole seconds
	time.Sleep(time.Until(began))
	o.deaf(t, func() {
		o.put(t, []string{plain(5000), plain(5001)})
		o.until(t, 2, "SELECT COUNT(*) FROM "+both[0]+" WHERE currenttemperature IN (5000, 5001)")
		untilLedger(t, dir, 603)
	})
	for _, table := range both {
		o.exec(t, "DELETE FROM "+table+` WHERE "_ORDINAL" BETWEEN 250 AND 310 OR "_ORDINAL" = 7`)
	}
	since := []string{"range", "--from", began.Format(time.RFC3339), "--wait", "30s"}
	numbered := []string{"range", "--shard", "shardId-000000000000", "--ordinals", "240-320"}
	for _, tt := range []struct {
		args []string
		want [2]refilledTable // streaming, micro-batch
	}{
		{since, [2]refilledTable{{}, {Lacking: 2, Pipe: 1, Objects: 1, Brought: 2}}},
		{since, [2]refilledTable{}},
		{numbered, [2]refilledTable{{Lacking: 61, Objects: 1, Brought: 61}, {Lacking: 61, Objects: 1, Brought: 61}}},
		{numbered, [2]refilledTable{}},
		{[]string{"range", "--to", began.Format(time.RFC3339), "--table", "streaming"}, [2]refilledTable{{Lacking: 1, Objects: 1, Brought: 1}}},
	} {
		var r refilled
		code := replay(t, dir, &r, tt.args...)
		for i, got := range r.Tables {
			got.Table = ""
			if tt.want[i].Objects > 0 && got.Objects > 0 && tt.want[i].Pipe == 0 {
				got.Objects = 1 // how many there are depends on how batches were cut
			}
			if code != 0 || got != tt.want[i] {
				t.Errorf("%v: exit %d, %+v, want %+v", tt.args, code, r, tt.want)
			}
		}
	}
	var r repaired
	audit(t, dir, &r, "--repair")
	r.Before.found(t, "missing microbatch 00 7-7: 1")
	l.stop(t).complete(t)
}
