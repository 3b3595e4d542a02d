package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/snowstream/snowstream/cmd/internal/function"
	"github.com/snowstream/snowstream/cmd/internal/stack"
	"github.com/snowstream/snowstream/processing/rowpath"
	"github.com/snowstream/snowstream/producer"
	"github.com/snowstream/snowstream/producer/template"
	"github.com/snowstream/snowstream/record/rawzone"
)

// localOptions are the flags of `snowstream local`.
type localOptions struct {
	rate      float64
	duration  time.Duration
	records   int64
	file      string
	schema    string
	seed      uint64
	shards    int
	batchSize int
	window    time.Duration
	compress  string
	rowPath   string
	rowCommit string
	dir       string
	port      int
	// commitTick is the time from one commit of streamed rows to the next.
	commitTick time.Duration
	unlimited  bool
	json       bool
	drain      time.Duration
	page       pageOptions
	noPage     bool
	template   string
}

// dataFolder is where the local stack lies unless --data names another place.
const dataFolder = ".snowstream"

func newLocal() *cobra.Command {
	var o localOptions
	cmd := &cobra.Command{
		Use:   "local",
		Short: "Run the whole drawing on this machine and move records through it",
		Long: `Starts Kinesis, S3, Lambda and a Snowflake warehouse on 127.0.0.1, sets the sensor
example up in them, and generates records until Ctrl-C, --for or --records. Then it
drains, counts both tables and says whether a row is missing or doubled.

While it runs, other programs can use it: it prints the endpoints. A live page shows
the drawing with its numbers, changes the generator's load and template, and breaks
things on purpose.`,
		Example: `  snowstream local
  snowstream local --open
  snowstream local --records 5000 --rate 1000 --json
  snowstream local --shards 4 --rate 4000 --for 30s --data /tmp/try`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(cmd.Flags().Changed("shards")); err != nil {
				return usageError{err}
			}
			config, err := o.producer(cmd)
			if err != nil {
				return usageError{err}
			}
			return runLocal(cmd.Context(), o, config, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.Float64Var(&o.rate, "rate", 100, "records per second; 0 is as fast as the stream takes them")
	f.DurationVar(&o.duration, "for", 0, "stop generating after this time, such as 30s; 0 goes on until Ctrl-C")
	f.Int64Var(&o.records, "records", 0, "stop generating after this many records; 0 goes on until Ctrl-C")
	f.StringVar(&o.file, "template", "", "file with a Kinesis Data Generator template (default: the sensor example)")
	f.StringVar(&o.schema, "schema", "", "schema file (default: that of the folder's last run, or the sensor example)")
	f.Uint64Var(&o.seed, "seed", 0, "make the same records again; 0 makes other ones each time")
	f.IntVar(&o.shards, "shards", 0, "shards of a new stream (default 1)")
	f.IntVar(&o.batchSize, "batch-size", 100, "most records that the orchestrator gets at once, 1 to 10000")
	f.DurationVar(&o.window, "batch-window", time.Minute, "longest wait for a full batch, 0s to 300s; a drain does not wait")
	f.StringVar(&o.compress, "compress", string(rawzone.None), "how objects of rows are packed: none, gzip or zstd; each run may have its own")
	f.DurationVar(&o.commitTick, "commit-tick", time.Second, "from one commit of streamed rows to the next, 10ms to 1m; the service takes about 5s")
	f.StringVar(&o.rowPath, "row-path", function.Snowpipe, "how rows get into the streaming table: snowpipe (Snowpipe Streaming) or merge; each run may have its own")
	f.StringVar(&o.rowCommit, "row-commit", string(rowpath.Deferred), "with snowpipe, when a batch is done: deferred (received by the service) or wait (in the table)")
	f.StringVar(&o.dir, "data", dataFolder, "data folder, kept between runs")
	f.IntVar(&o.port, "port", 7401, fmt.Sprintf("first of %d ports on 127.0.0.1; 0 takes free ones", stack.Ports))
	f.BoolVar(&o.unlimited, "no-limits", false, "lift Kinesis' limits per shard, which is good for measuring only")
	f.BoolVar(&o.json, "json", false, "print the result as one JSON object")
	o.page.flags(cmd, "(default: 127.0.0.1, the fifth of the ports)")
	f.BoolVar(&o.noPage, "no-dashboard", false, "serve no live page, and let nothing be broken on purpose")
	f.DurationVar(&o.drain, "drain-timeout", 10*time.Minute, "give up when draining takes longer")
	return cmd
}

// check finds what no later step would name as clearly.
func (o *localOptions) check(shardsGiven bool) error {
	switch {
	case !(o.rate >= 0 && o.rate <= producer.MaxRate):
		return fmt.Errorf("--rate %g: a rate is 0 to %d records a second", o.rate, producer.MaxRate)
	case o.duration < 0 || o.records < 0 || o.drain <= 0:
		return errors.New("--for, --records and --drain-timeout must not be negative")
	case shardsGiven && (o.shards < 1 || o.shards > maxShards):
		return fmt.Errorf("--shards %d: a local stream has 1 to %d shards", o.shards, maxShards)
	case o.batchSize < 1 || o.batchSize > 10000:
		return fmt.Errorf("--batch-size %d: a batch has 1 to 10000 records", o.batchSize)
	case o.window < 0 || o.window > 300*time.Second || o.window%time.Second != 0:
		return fmt.Errorf("--batch-window %s: a window is 0s to 300s, in whole seconds", o.window)
	case o.commitTick < 10*time.Millisecond || o.commitTick > time.Minute:
		return fmt.Errorf("--commit-tick %s: a tick is 10ms to 1m", o.commitTick)
	case o.port < 0 || o.port > 65536-stack.Ports:
		return fmt.Errorf("--port %d: %d ports in a row start at 1 to %d, or at 0 for free ones", o.port, stack.Ports, 65536-stack.Ports)
	case o.dir == "":
		return errors.New("--data must name a folder")
	}
	if o.rowPath != function.Snowpipe && o.rowPath != function.Merge {
		return fmt.Errorf("--row-path %s: it can be %s or %s", o.rowPath, function.Snowpipe, function.Merge)
	}
	if c := rowpath.Commit(o.rowCommit); c != rowpath.Deferred && c != rowpath.Wait {
		return fmt.Errorf("--row-commit %s: it can be %s or %s", o.rowCommit, rowpath.Deferred, rowpath.Wait)
	}
	if _, err := rawzone.ParseCompression(o.compress); err != nil {
		return fmt.Errorf("--compress: %w", err)
	}
	return o.page.check()
}

// maxShards bounds the function processes on this machine, one of each function a shard.
const maxShards = 32

// producer is the generator's part of the flags.
func (o *localOptions) producer(cmd *cobra.Command) (producer.Config, error) {
	text, err := readTemplate(cmd, o.file)
	if err != nil {
		return producer.Config{}, err
	}
	o.template = text
	t, err := template.Compile(text)
	if err != nil {
		name := o.file
		if name == "" {
			name = "the sensor template"
		}
		return producer.Config{}, fmt.Errorf("template %s: %w", name, err)
	}
	seed := o.seed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	return producer.Config{Template: t, Rate: o.rate, Records: o.records, Duration: o.duration, Seed: seed}, nil
}
