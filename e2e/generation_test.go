package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/snowstream/snowstream/internal/child"
)

// TestStreamAndBucketReplaced: another stream and bucket of the same names write into tables that were kept. All rows of both
// lives are in both tables, the audit says so, and a repair with leave to delete takes none of them away.
func TestStreamAndBucketReplaced(t *testing.T) {
	dir := t.TempDir()
	run := func(args ...string) result {
		r := start(t, dir, append([]string{"--batch-window", "1s", "--rate", "300"}, args...)...).finish(t)
		r.complete(t)
		return r
	}
	if r := run("--records", "50"); r.Streaming != 50 {
		t.Fatalf("%+v", r)
	}
	for _, gone := range []string{"kinesis", "s3", "lambda", "settings.json"} {
		if err := os.RemoveAll(filepath.Join(dir, gone)); err != nil {
			t.Fatal(err)
		}
	}
	// Ordinals that the first life had, too, are new all the same: they are measured.
	if r := run("--records", "40"); r.Streaming != 40 || r.Earlier != 50 || r.StreamingP50 == nil || r.MicrobatchP50 == nil {
		t.Errorf("of the second life 40 rows are expected with their latencies, and 50 of the first beside them: %+v", r)
	}
	l := start(t, dir, "--rate", "0.0001", "--batch-window", "0s")
	l.ready(t, dir)
	var status struct {
		Streaming, Earlier int64
		Lag                float64 `json:"streaming_lag_s"`
	}
	out, err := child.Bind(exec.CommandContext(t.Context(), program, "status", "--json", "--data", dir)).Output()
	if err != nil || json.Unmarshal(out, &status) != nil || status.Streaming != 40 || status.Earlier != 50 || status.Lag != 0 {
		t.Errorf("status: %+v, %v", status, err)
	}
	for range 2 {
		out, err := child.Bind(exec.CommandContext(t.Context(), program, "audit", "--repair", "--yes", "--json", "--grace", "0s", "--wait", "30s", "--data", dir)).Output()
		var repaired struct{ OK bool }
		if err != nil || json.Unmarshal(out, &repaired) != nil || !repaired.OK {
			t.Errorf("audit --repair: %v\n%s", err, out)
		}
	}
	for _, table := range []string{"KINESIS_SENSORS_STREAMING", "KINESIS_SENSORS_MICROBATCH"} {
		out, err := child.Bind(exec.CommandContext(t.Context(), program, "query", "--json", "--data", dir,
			`SELECT COUNT(*) AS N, COUNT(DISTINCT "_GENERATION") AS G FROM `+table+` WHERE "_ORDINAL" <= 50`)).Output()
		var got struct{ N, G int64 }
		if err != nil || json.Unmarshal(out, &got) != nil || got.N != 90 || got.G != 2 {
			t.Errorf("%s has %+v of the first 50 ordinals of two lives, %v", table, got, err)
		}
	}
}
