package dashboard

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// scraped is a server whose metrics are all there.
func scraped(t *testing.T) *Server {
	t.Helper()
	look := flowing()
	look.Rejected = 12
	look.Streaming.Latency = Distribution{Below: map[float64]uint64{0.1: 3, 1: 7}, Count: 8, Sum: 9.5}
	for i := range 100 {
		look.Shards = append(look.Shards, Shard{ID: fmt.Sprintf("shardId-%012d", i+1), Lag: float64(i)})
	}
	s, err := New(Config{Source: &fake{look: look}, Version: "1.2.3", AuditEvery: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	s.fresh(t.Context())
	s.mu.Lock()
	s.verdict = &Audit{At: 1, OK: true}
	s.mu.Unlock()
	return s
}

func TestMetrics(t *testing.T) {
	s := scraped(t)
	if problems, err := testutil.GatherAndLint(s.registry()); err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
	want := `# HELP snowstream_quarantined_records_total Records that could not become rows.
# TYPE snowstream_quarantined_records_total counter
snowstream_quarantined_records_total 12
# HELP snowstream_records_accepted_total Records that the stream has accepted.
# TYPE snowstream_records_accepted_total counter
snowstream_records_accepted_total 1000
# HELP snowstream_rows Rows of a table.
# TYPE snowstream_rows gauge
snowstream_rows{table="microbatch"} 800
snowstream_rows{table="streaming"} 890
# HELP snowstream_shard_lag_max_seconds Highest lag of all shards.
# TYPE snowstream_shard_lag_max_seconds gauge
snowstream_shard_lag_max_seconds 99
# HELP snowstream_audit_ok Whether the last audit found nothing missing, doubled or different.
# TYPE snowstream_audit_ok gauge
snowstream_audit_ok 1
`
	if err := testutil.GatherAndCompare(s.registry(), strings.NewReader(want), "snowstream_quarantined_records_total", "snowstream_records_accepted_total",
		"snowstream_rows", "snowstream_shard_lag_max_seconds", "snowstream_audit_ok"); err != nil {
		t.Error(err)
	}
	if n, err := testutil.GatherAndCount(s.registry(), "snowstream_shard_lag_seconds"); err != nil || n != shardSeries {
		t.Errorf("%d shards have a series, %v", n, err)
	}
}

// TestMetricsBefore: a source that never answered has no numbers, which is not the same as zeros.
func TestMetricsBefore(t *testing.T) {
	server := open(t, Config{Source: &fake{err: errors.New("no answer")}})
	status, _, text := do(t, "GET", server.URL+"/metrics", "", nil)
	if status != 200 || !strings.Contains(text, "snowstream_look_ok 0") || !strings.Contains(text, "go_goroutines") || strings.Contains(text, "snowstream_rows") {
		t.Errorf("%d\n%s", status, text)
	}
}

// TestGrafana: the dashboard file asks for what there is, and for all of it.
func TestGrafana(t *testing.T) {
	text, err := os.ReadFile("../docs/grafana.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &board); err != nil {
		t.Fatal(err)
	}
	families, err := scraped(t).registry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	var there, asked []string
	for _, f := range families {
		if strings.HasPrefix(f.GetName(), "snowstream_") {
			there = append(there, f.GetName())
		}
	}
	name := regexp.MustCompile(`snowstream_[a-z_]+`)
	for _, p := range board.Panels {
		if p.Title == "" || len(p.Targets) == 0 {
			t.Errorf("a panel without title or query: %+v", p)
		}
		for _, target := range p.Targets {
			for _, n := range name.FindAllString(target.Expr, -1) {
				asked = append(asked, strings.TrimSuffix(n, "_bucket"))
			}
		}
	}
	slices.Sort(asked)
	asked = slices.Compact(asked)
	if !slices.Equal(asked, there) {
		t.Errorf("the file asks for %v\nthere is         %v", asked, there)
	}
}
