package function

import (
	"bytes"
	"encoding/json"
	"testing"
)

// TestLogger: a line with metrics is one CloudWatch accepts: each name that it is told of is a number in the line, and
// each dimension a text. Other lines stay as they are.
func TestLogger(t *testing.T) {
	var out bytes.Buffer
	log := Logger(&out).With("stream", "kdEntry")
	log.Info("landed", "records", 100, "rows", 99, "quarantined", 1, "age_ms", 70, "decode_ms", 1, "store_ms", 20, "hand_over_ms", 40)
	log.Info("pipe", "pipe_lag_seconds", 1.5, "pipe_pending_files", int64(2))
	log.Info("merged", "inserted", int64(99), "merge_ms", int64(30))
	log.Info("something else", "records", 7)
	lines := bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n"))
	if len(lines) != 4 {
		t.Fatalf("%d lines: %s", len(lines), out.String())
	}
	for i, wants := range []bool{true, true, true, false} {
		var line map[string]any
		var head struct {
			AWS *envelope `json:"_aws"`
		}
		if err := json.Unmarshal(lines[i], &line); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(lines[i], &head); err != nil {
			t.Fatal(err)
		}
		if (head.AWS != nil) != wants {
			t.Fatalf("line %s: metrics %v, want %v", lines[i], head.AWS != nil, wants)
		}
		if !wants {
			continue
		}
		if head.AWS.Timestamp < 1e12 || len(head.AWS.CloudWatchMetrics) != 1 || head.AWS.CloudWatchMetrics[0].Namespace != MetricNamespace {
			t.Errorf("line %s", lines[i])
		}
		for _, m := range head.AWS.CloudWatchMetrics[0].Metrics {
			if _, ok := line[m.Name].(float64); !ok || m.Unit == "" {
				t.Errorf("metric %+v is %v in the line", m, line[m.Name])
			}
		}
		for _, name := range head.AWS.CloudWatchMetrics[0].Dimensions[0] {
			if _, ok := line[name].(string); !ok {
				t.Errorf("dimension %s is %v", name, line[name])
			}
		}
	}
}
