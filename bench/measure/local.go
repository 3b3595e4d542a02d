package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// build makes snowstream, as a user has it, and gives its path.
func build(ctx context.Context, dir string) (string, error) {
	path := filepath.Join(dir, "snowstream")
	c := exec.CommandContext(ctx, "go", "build", "-o", path, "./cmd/snowstream")
	c.Dir = "../.."
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build snowstream: %w: %.500s", err, out)
	}
	return path, nil
}

// budget is a stage of the JSON of `snowstream local`.
type budget struct {
	Mean float64 `json:"mean_s"`
	P99  float64 `json:"p99_s"`
}

// localRun is what one run of `snowstream local --json` says, and what it used.
type localRun struct {
	Accepted, Streaming, Microbatch, Missing, Doubled, Different int64
	Elapsed                                                      float64           `json:"elapsed_s"`
	StreamingP50                                                 float64           `json:"streaming_p50_s"`
	StreamingP99                                                 float64           `json:"streaming_p99_s"`
	MicrobatchP99                                                float64           `json:"microbatch_p99_s"`
	Stages                                                       map[string]budget `json:"stages"`
	// cores is CPU time by time in the span that is looked at.
	cores float64
	// memory is what is resident in all processes together, once a second; biggest is the most in one of them.
	memory  []int64
	biggest int64
	ready   time.Duration
}

// span is the part of a run whose CPU time counts, from its start on; no end means the run's.
type span struct{ from, to time.Duration }

// runLocal runs snowstream on a data folder and watches its processes. Rows are merged unless the flags say otherwise.
func runLocal(ctx context.Context, program, dir string, counted span, flags ...string) (*localRun, error) {
	c := exec.CommandContext(ctx, program, append([]string{"local", "--json", "--port", "0", "--data", dir, "--row-path", "merge"}, flags...)...)
	var out bytes.Buffer
	ready := &firstWrite{began: time.Now()}
	c.Stdout, c.Stderr = &out, ready
	if err := c.Start(); err != nil {
		return nil, fmt.Errorf("start snowstream: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }() // awaited by watch
	r := &localRun{}
	if err := r.watch(c.Process.Pid, counted, ended); err != nil {
		return nil, fmt.Errorf("snowstream local %v: %w", flags, err)
	}
	r.ready = ready.after
	return r, json.Unmarshal(out.Bytes(), r)
}

// watch looks at the processes once a second until the first of them has ended.
func (r *localRun) watch(pid int, counted span, ended <-chan error) error {
	began := time.Now()
	var from, to time.Time
	var before, after time.Duration
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			if to.After(from) {
				r.cores = (after - before).Seconds() / to.Sub(from).Seconds()
			}
			return err
		case <-tick.C:
		}
		cpu, err := usage(pid)
		if err != nil {
			continue // it has just ended
		}
		now := time.Now()
		if from.IsZero() || now.Sub(began) < counted.from {
			from, before = now, cpu
		}
		if counted.to == 0 || now.Sub(began) < counted.to {
			to, after = now, cpu
		}
		if together, biggest, err := resident(pid); err == nil {
			r.memory, r.biggest = append(r.memory, together), max(r.biggest, biggest)
		}
	}
}

// firstWrite notes when the endpoints are printed: the stack is ready then.
type firstWrite struct {
	began time.Time
	after time.Duration
}

func (w *firstWrite) Write(p []byte) (int, error) {
	if w.after == 0 {
		w.after = time.Since(w.began)
	}
	return len(p), nil
}

// local measures the whole drawing on one machine: start, latency and its budget, CPU and memory, throughput.
func local(ctx context.Context, s settings) ([]table, error) {
	dir, err := os.MkdirTemp("", "snowstream-bench")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	program, err := build(ctx, dir)
	if err != nil {
		return nil, err
	}
	start, err := localStart(ctx, s, program, dir)
	if err != nil {
		return nil, err
	}
	var steady [2]*localRun
	for i, flags := range [][]string{{"--rate", "1000", "--for", "30s"}, {"--rate", "1000", "--for", "30s", "--batch-window", "0s"}} {
		if steady[i], err = runLocal(ctx, program, filepath.Join(dir, fmt.Sprintf("steady-%d", i)), span{5 * time.Second, 29 * time.Second}, flags...); err != nil {
			return nil, err
		}
	}
	all, err := runLocal(ctx, program, filepath.Join(dir, "all"), span{}, "--no-limits", "--rate", "0", "--shards", "4", "--batch-size", "10000",
		"--batch-window", "1s", "--records", strconv.FormatInt(s.records, 10), "--drain-timeout", "30m")
	if err != nil {
		return nil, err
	}
	whole := table{
		text: "`snowstream local --row-path merge`, whole: all its processes, with generator, proof, live page and display.",
		head: []string{"", "measured", "goal"},
		rows: slices.Concat(start,
			atRate("1,000 records/s, batches of 100 (the default)", steady[0]),
			atRate("1,000 records/s, window 0 s", steady[1]),
			asFastAsItGoes(all)),
		notes: []string{"The rows at 1,000 records/s are of 30 s each, their CPU time of the 5th to the 29th. Resident is memory as Linux counts it in proportion (Pss): what processes share counts once.",
			fmt.Sprintf("As fast as it goes: `--no-limits --rate 0 --shards 4 --batch-size 10000 --batch-window 1s --records %d`; the time includes the drain and the comparison of both tables, row by row.", s.records),
			"The last quarter has the drain and the comparison in it. The warehouse, which is DuckDB, keeps pages of its tables in memory, up to 256 MB; functions of 256 MB collect garbage late.",
			together("All three runs", steady[0], steady[1], all)},
	}
	return []table{whole, budgets(steady[1])}, nil
}

// atRate is what a run at 1,000 records a second took.
func atRate(name string, r *localRun) [][]string {
	return [][]string{
		{name + ": accepted to visible, p50 / p99", fmt.Sprintf("%.0f / %.0f ms", 1000*r.StreamingP50, 1000*r.StreamingP99), "p99 < 250 ms"},
		{"the same: CPU", fmt.Sprintf("%.2f of a core", r.cores), "< 0.2"},
		{"the same: resident, at most", fmt.Sprintf("%d MB", peakOf(r.memory)>>20), "< 500 MB"},
	}
}

func asFastAsItGoes(r *localRun) [][]string {
	return [][]string{
		{"as fast as it goes, " + grouped(r.Accepted) + " records: records/s, end to end", digits(float64(r.Accepted) / r.Elapsed), "≥ 50,000"},
		{"the same: CPU", fmt.Sprintf("%.2f cores", r.cores), ""},
		{"the same: resident, median of each quarter of the time", quarters(r.memory), "flat"},
		{"the same: resident at most, together / in the biggest process", fmt.Sprintf("%d / %d MB", peakOf(r.memory)>>20, r.biggest>>20), ""},
	}
}

// together is the proof of several runs.
func together(which string, runs ...*localRun) string {
	var missing, doubled, different int64
	for _, r := range runs {
		missing, doubled, different = missing+r.Missing, doubled+r.Doubled, different+r.Different
	}
	return fmt.Sprintf("%s: %d records missing, %d doubled, %d different.", which, missing, doubled, different)
}

// localStart is the time until the stack is ready, in an empty folder and in one that was used.
func localStart(ctx context.Context, s settings, program, dir string) (rows [][]string, err error) {
	var empty, used []float64
	for round := range min(s.rounds, 5) {
		folder := filepath.Join(dir, fmt.Sprintf("start-%d", round))
		for _, into := range []*[]float64{&empty, &used} {
			r, err := runLocal(ctx, program, folder, span{}, "--records", "1")
			if err != nil {
				return nil, err
			}
			*into = append(*into, 1000*r.ready.Seconds())
		}
	}
	return [][]string{
		{"start to ready, empty folder (ms)", spreadOf(empty).String(), "< 1,000"},
		{"start to ready, used folder (ms)", spreadOf(used).String(), "< 1,000"},
	}, nil
}

// peakOf is the most, and 0 for a run that was over before anyone looked.
func peakOf(series []int64) int64 { return slices.Max(append([]int64{0}, series...)) }

func quarters(series []int64) string {
	n := len(series)
	if n < 4 {
		return "too short to tell"
	}
	var parts []string
	for q := range 4 {
		quarter := slices.Sorted(slices.Values(series[q*n/4 : (q+1)*n/4]))
		parts = append(parts, strconv.FormatInt(quarter[len(quarter)/2]>>20, 10))
	}
	return strings.Join(parts, " / ") + " MB"
}

// budgets is where a record's time goes.
func budgets(r *localRun) table {
	t := table{text: "The budget of the run with a window of 0 s (`stages` of `--json`).", head: []string{"stage", "mean, ms", "p99, ms"}}
	for _, stage := range [][2]string{
		{"read", "read: in Kinesis, until the mapping has it"}, {"gather", "gather: until its batch is handed over"},
		{"orchestrate", "orchestrate: SnowflakeOrchestrator, all of it"}, {"object", "— object: the raw zone's"}, {"ledger", "— ledger"},
		{"hand_over", "— hand_over: SnowflakeUpsert, all of it"}, {"merge", "— — merge: the MERGE, after which the rows are visible"},
		{"load", "load: a transaction of the pipe, several objects"},
	} {
		b := r.Stages[stage[0]]
		t.rows = append(t.rows, []string{stage[1], fmt.Sprintf("%.1f", 1000*b.Mean), fmt.Sprintf("%.1f", 1000*b.P99)})
	}
	return t
}
