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
	// cores is CPU time by time while records flowed, resident the most memory of all processes together.
	cores    float64
	resident int64
	memory   []int64 // resident, once a second
	ready    time.Duration
}

// runLocal runs snowstream on a data folder and watches its processes. warm is what is not counted at the start.
func runLocal(ctx context.Context, program, dir string, warm time.Duration, flags ...string) (*localRun, error) {
	c := exec.CommandContext(ctx, program, append([]string{"local", "--json", "--port", "0", "--data", dir}, flags...)...)
	var out bytes.Buffer
	ready := &firstWrite{began: time.Now()}
	c.Stdout, c.Stderr = &out, ready
	if err := c.Start(); err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }() // awaited below
	r := &localRun{}
	began, first := time.Now(), time.Duration(0)
	var at, last time.Time
	var lastCPU time.Duration
	var err error
	for tick := time.NewTicker(time.Second); ; {
		select {
		case err = <-ended:
			tick.Stop()
			if err != nil {
				return nil, fmt.Errorf("snowstream local %v: %w", flags, err)
			}
			if last.After(at) {
				r.cores = (lastCPU - first).Seconds() / last.Sub(at).Seconds()
			}
			r.ready = ready.after
			return r, json.Unmarshal(out.Bytes(), r)
		case now := <-tick.C:
			cpu, resident, err := usage(c.Process.Pid)
			if err != nil {
				continue // it has just ended
			}
			r.resident = max(r.resident, resident)
			r.memory = append(r.memory, resident)
			if now.Sub(began) < warm {
				at, first = now, cpu
			}
			last, lastCPU = now, cpu
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
	steady, err := runLocal(ctx, program, filepath.Join(dir, "steady"), 5*time.Second, "--rate", "1000", "--batch-window", "0s", "--for", "30s")
	if err != nil {
		return nil, err
	}
	all, err := runLocal(ctx, program, filepath.Join(dir, "all"), 0, "--no-limits", "--rate", "0", "--shards", "4", "--batch-size", "10000",
		"--batch-window", "1s", "--records", "2000000")
	if err != nil {
		return nil, err
	}
	whole := table{
		text: "`snowstream local`, whole: all three processes, generator, proof and display included.",
		head: []string{"", "measured", "goal"},
		rows: append(start,
			[]string{"1,000 records/s, window 0 s: accepted to visible, p50 / p99", fmt.Sprintf("%.0f / %.0f ms", 1000*steady.StreamingP50, 1000*steady.StreamingP99), "p99 < 250 ms"},
			[]string{"the same: CPU", fmt.Sprintf("%.2f of a core", steady.cores), "< 0.2"},
			[]string{"the same: resident", fmt.Sprintf("%d MB", steady.resident>>20), "< 500 MB"},
			[]string{"as fast as it goes: records/s, end to end", digits(float64(all.Accepted) / all.Elapsed), "≥ 50,000"},
			[]string{"the same: CPU", fmt.Sprintf("%.2f cores", all.cores), ""},
			[]string{"the same: resident after a quarter, half, all of the time", memoryOf(all.memory), "flat"}),
		notes: []string{"As fast as it goes: `--no-limits --rate 0 --shards 4 --batch-size 10000 --batch-window 1s --records 2000000`; the time includes the drain and the comparison of both tables, row by row.",
			fmt.Sprintf("Both runs: %d records missing, %d doubled, %d different.", steady.Missing+all.Missing, steady.Doubled+all.Doubled, steady.Different+all.Different)},
	}
	return []table{whole, budgets(steady)}, nil
}

// localStart is the time until the stack is ready, in an empty folder and in one that was used.
func localStart(ctx context.Context, s settings, program, dir string) (rows [][]string, err error) {
	var empty, used []float64
	for round := range min(s.rounds, 5) {
		folder := filepath.Join(dir, fmt.Sprintf("start-%d", round))
		for _, into := range []*[]float64{&empty, &used} {
			r, err := runLocal(ctx, program, folder, 0, "--records", "1")
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

func memoryOf(series []int64) string {
	n := len(series)
	if n < 4 {
		return "too short to tell"
	}
	return fmt.Sprintf("%d / %d / %d MB", slices.Max(series[:n/4])>>20, slices.Max(series[n/4:n/2])>>20, slices.Max(series[n/2:])>>20)
}

// budgets is where a record's time goes.
func budgets(r *localRun) table {
	t := table{text: "The budget of the run at 1,000 records/s (`stages` of `--json`).", head: []string{"stage", "mean, ms", "p99, ms"}}
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
