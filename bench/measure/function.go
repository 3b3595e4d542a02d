package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/snowstream/snowstream/deploy/cloudformation"
	"github.com/snowstream/snowstream/processing/handoff"
)

// lambdas are both functions as they are deployed, and what they need around them.
type lambdas struct {
	around               *around
	orchestrator, upsert string // programs
	next                 int    // number of the next record in the shard
}

const (
	warmEvents   = 20      // invocations after the first one
	memoryEvents = 20      // invocations of a process whose memory is measured
	mostEvent    = 6 << 20 // bytes that Lambda takes for a synchronous invocation
)

// functions measures what the two Lambda functions need: their start, an invocation's time, and memory.
func functions(ctx context.Context, s settings) ([]table, error) {
	dir, err := os.MkdirTemp("", "snowstream-bench")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	var l lambdas
	for name, program := range map[string]*string{"orchestrator-lambda": &l.orchestrator, "upsert-lambda": &l.upsert} {
		if *program, err = buildFunction(ctx, dir, name, runtime.GOARCH); err != nil {
			return nil, err
		}
	}
	if l.around, err = openAround(ctx, filepath.Join(dir, "around")); err != nil {
		return nil, err
	}
	defer l.around.end()
	times, err := l.times(ctx, s)
	if err != nil {
		return nil, err
	}
	memory, err := l.memory(ctx, s)
	return []table{times, memory}, err
}

// event is the next event of the shard, so that all of its records are new.
func (l *lambdas) event(records int) []byte {
	l.next += records
	return kinesisEventFrom(l.next-records, records)
}

// timing is what a function took, round by round, in milliseconds.
type timing struct{ start, first, warm []float64 }

func (l *lambdas) times(ctx context.Context, s settings) (table, error) {
	t := table{
		text: fmt.Sprintf("Both functions as they are deployed, with a Runtime API, S3 and warehouse of this machine; by the clock, %d rounds, each with a new process.", s.rounds),
		head: []string{"", "start to first poll, ms", "first invocation, 100 records, ms", "later ones, ms"},
		notes: []string{"Start to first poll is from the start of the process until it asks for its first event: configuration, clients and schema, and for Upsert the private key. On AWS the microVM and the download of the zip come before it.",
			"Upsert signs in to Snowflake in its first invocation, so the sign-in is in that column. The private key comes from its environment; from Secrets Manager it takes one call more before the first poll.",
			"The orchestrator's invocations write the object and the ledger to S3, flushed to disk, and hand over to an Upsert that answers at once. Upsert gets what the orchestrator has handed over."},
	}
	var o, u timing
	for range s.rounds {
		if err := ctx.Err(); err != nil {
			return t, err
		}
		if err := l.round(&o, &u); err != nil {
			return t, err
		}
	}
	for _, f := range []struct {
		name string
		timing
	}{{"SnowflakeOrchestrator", o}, {"SnowflakeUpsert", u}} {
		t.rows = append(t.rows, []string{f.name, spreadOf(f.start).String(), spreadOf(f.first).String(), spreadOf(f.warm).String()})
	}
	return t, nil
}

// round starts both functions and gives each the same records: first an event, then some more.
func (l *lambdas) round(o, u *timing) (err error) {
	return l.both(func(orchestrator, upsert *instance) error {
		o.start, u.start = append(o.start, milliseconds(orchestrator.firstPoll)), append(u.start, milliseconds(upsert.firstPoll))
		for n := range 1 + warmEvents {
			into := [2]*[]float64{&o.warm, &u.warm}
			if n == 0 {
				into = [2]*[]float64{&o.first, &u.first}
			}
			if err := l.invoke(orchestrator, upsert, 100, into[0], into[1]); err != nil {
				return err
			}
		}
		return nil
	})
}

// both starts a process of each function, the second one after the first one is ready, and ends them after use.
func (l *lambdas) both(use func(orchestrator, upsert *instance) error) (err error) {
	orchestrator, err := startInstance(l.orchestrator, l.around.orchestrator)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, orchestrator.end()) }()
	upsert, err := startInstance(l.upsert, l.around.upsert)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, upsert.end()) }()
	return use(orchestrator, upsert)
}

// invoke lets new records pass through both functions and adds to the times that this took.
func (l *lambdas) invoke(orchestrator, upsert *instance, records int, o, u *[]float64) error {
	_, took, err := orchestrator.invoke(l.event(records))
	if err != nil {
		return fmt.Errorf("orchestrator, %d records: %w", records, err)
	}
	*o = append(*o, milliseconds(took))
	payload, err := l.around.handOver()
	if err != nil {
		return err
	}
	text, took, err := upsert.invoke(payload)
	if err != nil {
		return fmt.Errorf("upsert, %d records: %w", records, err)
	}
	*u = append(*u, milliseconds(took))
	var said handoff.Answer
	if err := json.Unmarshal(text, &said); err != nil || said.Inserted != int64(records) {
		return fmt.Errorf("upsert answers %.200s to %d new rows", text, records)
	}
	return nil
}

// memory measures the most that each function ever has resident, by the size of its batches.
func (l *lambdas) memory(ctx context.Context, s settings) (table, error) {
	setting := cloudformation.Defaults().MemoryMB
	t := table{
		text: "Memory by batch size: the most a process has had resident (VmHWM), its program included.",
		head: []string{"records in a batch", "event, MB", "SnowflakeOrchestrator, MB", "SnowflakeUpsert, MB", "memory setting of our template, MB"},
		notes: []string{fmt.Sprintf("A new process for each size and round, which gets %d batches of it, one after the other.", memoryEvents),
			"Lambda takes events of up to 6 MB: 10,000 records of the sensor example are about the most that fit. With larger records the mapping cuts a batch before that. MB are of 2^20 bytes, as Lambda's."},
	}
	for _, size := range []int{100, 1_000, 5_000, 10_000} {
		var o, u []float64
		for range min(s.rounds, 5) {
			if err := ctx.Err(); err != nil {
				return t, err
			}
			if err := l.peaks(size, &o, &u); err != nil {
				return t, err
			}
		}
		bytes := len(kinesisEvent(size))
		fits := fmt.Sprintf("%.2f", mebibytes(int64(bytes)))
		if bytes > mostEvent {
			fits += ", does not fit"
		}
		t.rows = append(t.rows, []string{grouped(int64(size)), fits, spreadOf(o).String(), spreadOf(u).String(), fmt.Sprint(setting)})
	}
	return t, nil
}

// peaks adds the memory, in MB, of processes that get batches of one size.
func (l *lambdas) peaks(size int, o, u *[]float64) error {
	return l.both(func(orchestrator, upsert *instance) error {
		for range memoryEvents {
			var unused []float64
			if err := l.invoke(orchestrator, upsert, size, &unused, &unused); err != nil {
				return err
			}
		}
		for i, into := range map[*instance]*[]float64{orchestrator: o, upsert: u} {
			bytes, err := i.peak()
			if err != nil {
				return err
			}
			*into = append(*into, mebibytes(bytes))
		}
		return nil
	})
}

// mebibytes are what Lambda and the tables call MB.
func mebibytes(bytes int64) float64 { return float64(bytes) / (1 << 20) }
