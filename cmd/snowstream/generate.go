package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/snowstream/snowstream/producer"
	"github.com/snowstream/snowstream/producer/shape"
	"github.com/snowstream/snowstream/producer/spoil"
)

// generateOptions are the flags of `snowstream generate`.
type generateOptions struct {
	language
	target
	file         string
	rate         float64
	shape        string
	weekly       string
	duration     time.Duration
	records      int64
	seed         uint64
	partitionKey string
	newline      bool
	gzip         bool
	bad          string
	badLog       string
	from, until  string
	replay       string
	replayTime   string
	speed        float64
	control      string
	workers      int
	json         bool
}

// controlAddress is where a generator listens for another rate, unless --control says otherwise.
const controlAddress = "127.0.0.1:7419"

func newGenerate() *cobra.Command {
	var o generateOptions
	cmd := &cobra.Command{
		Use:   "generate",
		Short: "Make records from a Kinesis Data Generator template and send them to a stream",
		Long: `Makes records from a template, at a steady rate or with a load of any shape, and sends
them to a Kinesis stream, a file or stdout. It counts what was accepted, not what was
tried, and sends again only what was refused.

While it runs, + and - change the rate, and so does "snowstream generate rate" from
another terminal. Ctrl-C stops it, and waits for what is under way.

Shapes: constant:100  ramp:from=100,to=1000,over=60s  step:from=100,by=100,every=10s
        sine:mean=500,swing=400,period=60s  burst:base=100,peak=1000,every=30s,for=5s
Bad data: malformed, missing, wrong-type, late, out-of-order, duplicate, oversize`,
		Example: `  snowstream generate --to - --records 5
  snowstream generate --local --rate 500 --for 1m
  snowstream generate --stream clicks --region eu-west-1 --template clicks.kdg --shape sine:mean=500,swing=400,period=60s
  snowstream generate --local --bad malformed=1%,duplicate=0.5% --bad-log bad.jsonl --records 10000
  snowstream generate --to week.ndjson --template t.kdg --from 2024-01-01T00:00:00Z --until 2024-01-08T00:00:00Z --weekly load.csv`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, cleanUp, err := o.producer(cmd)
			defer cleanUp()
			if err != nil {
				return usageError{err}
			}
			return o.run(cmd, config)
		},
	}
	o.language.flags(cmd)
	o.target.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&o.file, "template", "", "file with the template, - for stdin (default: the sensor example)")
	f.Float64Var(&o.rate, "rate", 100, "records per second; 0 is as fast as possible, and the default for --to with --records")
	f.StringVar(&o.shape, "shape", "", "load that changes over time, instead of --rate")
	f.StringVar(&o.weekly, "weekly", "", "CSV file day,hour,mean,sigma with the load of a week, instead of --rate")
	f.DurationVar(&o.duration, "for", 0, "stop after this time, such as 30s; 0 goes on")
	f.Int64Var(&o.records, "records", 0, "stop after this many records; 0 goes on")
	f.Uint64Var(&o.seed, "seed", 0, "make the same records again (default: other ones each time)")
	f.StringVar(&o.partitionKey, "partition-key", "", "template of the partition key (default: a random number)")
	f.BoolVar(&o.newline, "newline", true, "end each record in a stream with a line feed; not with --gzip")
	f.BoolVar(&o.gzip, "gzip", false, "pack each record with gzip")
	f.StringVar(&o.bad, "bad", "", "shares of bad data, such as malformed=1%,late=0.5%")
	f.StringVar(&o.badLog, "bad-log", "", "file that gets a JSON line for each bad record and where it should end")
	f.StringVar(&o.from, "from", "", "backfill: simulate the time from here on, as fast as possible")
	f.StringVar(&o.until, "until", "", "end of the backfill (default: now)")
	f.StringVar(&o.replay, "replay", "", "send the records of this file instead of making some")
	f.StringVar(&o.replayTime, "replay-time", "", "JSON field with each record's time: replay at these distances, not at the rate")
	f.Float64Var(&o.speed, "speed", 1, "with --replay-time, how many times as fast")
	f.StringVar(&o.control, "control", controlAddress, "address on this machine for 'snowstream generate rate', or off")
	f.IntVar(&o.workers, "workers", 0, "batches under way at the same time (default 8 to a stream, 1 to a file)")
	f.BoolVar(&o.json, "json", false, "print the summary as one JSON object")
	cmd.AddCommand(newGenerateRate())
	return cmd
}

// producer is what the flags say about records and load. What it opened is closed by cleanUp, also after an error.
func (o *generateOptions) producer(cmd *cobra.Command) (c producer.Config, cleanUp func(), err error) {
	cleanUp = func() {}
	if err := o.check(cmd); err != nil {
		return c, cleanUp, err
	}
	options, err := o.options()
	if err != nil {
		return c, cleanUp, err
	}
	if err := o.times(&c, options.Zone); err != nil {
		return c, cleanUp, err
	}
	options.Simulated = c.Backfill != nil
	text, err := readTemplate(cmd, o.file)
	if err != nil {
		return c, cleanUp, err
	}
	if c.Template, err = options.Compile(text); err != nil {
		return c, cleanUp, err
	}
	if o.partitionKey != "" {
		options.With = c.Template
		if c.Key, err = options.Compile(o.partitionKey); err != nil {
			return c, cleanUp, fmt.Errorf("--partition-key: %w", err)
		}
	}
	if o.bad != "" {
		if c.Bad, err = spoil.Parse(o.bad); err != nil {
			return c, cleanUp, fmt.Errorf("--bad: %w", err)
		}
	}
	c.Seed = o.seed
	if !cmd.Flags().Changed("seed") {
		c.Seed = uint64(time.Now().UnixNano())
	}
	if err := o.load(cmd, &c, options.Zone); err != nil {
		return c, cleanUp, err
	}
	c.Records, c.Duration, c.Workers = o.records, o.duration, o.workers
	c.Gzip, c.Newline = o.gzip, o.newline && !o.gzip && !o.toFile()
	if o.replay == "" {
		return c, cleanUp, nil
	}
	file, err := os.Open(o.replay)
	if err != nil {
		return c, cleanUp, fmt.Errorf("--replay: %w", err)
	}
	c.Replay = &producer.Replay{Reader: file, End: recordEnd(o.null), TimeField: o.replayTime, Speed: o.speed}
	return c, func() { _ = file.Close() }, nil // it was only read
}

// check finds flags that do not go together.
func (o *generateOptions) check(cmd *cobra.Command) error {
	changed := cmd.Flags().Changed
	switch {
	case !(o.rate >= 0 && o.rate <= producer.MaxRate):
		return fmt.Errorf("--rate %g: a rate is 0 to %d records a second", o.rate, producer.MaxRate)
	case o.duration < 0 || o.records < 0 || o.workers < 0 || o.workers > 256:
		return errors.New("--for, --records and --workers must not be negative, and there are at most 256 workers")
	case o.shape != "" && o.weekly != "", changed("rate") && (o.shape != "" || o.weekly != ""):
		return errors.New("--rate, --shape and --weekly exclude one another")
	case o.until != "" && o.from == "":
		return errors.New("--until is the end of a backfill: it needs --from")
	case o.replay != "" && (o.from != "" || o.file != ""):
		return errors.New("--replay sends the records of a file: it goes with neither --template nor --from")
	case o.replay == "" && (o.replayTime != "" || changed("speed")):
		return errors.New("--replay-time and --speed need --replay")
	case o.replayTime != "" && (changed("rate") || o.shape != "" || o.weekly != ""):
		return errors.New("--replay-time sends records at their own times: it goes with no other load")
	case o.speed <= 0:
		return errors.New("--speed must be above 0")
	case o.badLog != "" && o.bad == "":
		return errors.New("--bad-log needs --bad")
	}
	if host, _, err := net.SplitHostPort(o.control); o.control != "off" && (err != nil || !isLoopback(host)) {
		return fmt.Errorf("--control %s: it is an address on this machine such as %s, or off", o.control, controlAddress)
	}
	return o.target.check()
}

// times reads the stretch of a backfill.
func (o *generateOptions) times(c *producer.Config, zone *time.Location) error {
	if o.from == "" {
		return nil
	}
	from, err := time.Parse(time.RFC3339, o.from)
	if err != nil {
		return fmt.Errorf("--from %s: a time looks like 2024-02-29T13:07:09Z", o.from)
	}
	until := time.Now()
	switch {
	case o.until != "":
		if until, err = time.Parse(time.RFC3339, o.until); err != nil {
			return fmt.Errorf("--until %s: a time looks like 2024-02-29T13:07:09Z", o.until)
		}
	case o.records > 0:
		until = from.AddDate(1000, 0, 0)
	}
	if !from.Before(until) {
		return errors.New("--from must be before --until")
	}
	if zone != nil {
		from = from.In(zone)
	}
	c.Backfill = &producer.Backfill{From: from, Until: until}
	return nil
}

// load reads the rate or what stands for it.
func (o *generateOptions) load(cmd *cobra.Command, c *producer.Config, zone *time.Location) (err error) {
	switch {
	case o.shape != "":
		c.Shape, err = shape.Parse(o.shape, producer.MaxRate)
		return err
	case o.weekly != "":
		file, err := os.Open(o.weekly)
		if err != nil {
			return fmt.Errorf("--weekly: %w", err)
		}
		defer file.Close()
		week, err := shape.ParseWeek(file, producer.MaxRate)
		if err != nil {
			return fmt.Errorf("--weekly: %w", err)
		}
		start := time.Now()
		if zone != nil {
			start = start.In(zone)
		}
		if c.Backfill != nil {
			start = c.Backfill.From
		}
		c.Shape = week.Shape(start, c.Seed)
		return nil
	}
	c.Rate = o.rate
	if o.toFile() && o.records > 0 && c.Backfill == nil && !cmd.Flags().Changed("rate") {
		c.Rate = 0
	}
	if c.Backfill != nil && c.Rate == 0 {
		return errors.New("a backfill needs a --rate above 0: it is in records per simulated second")
	}
	return nil
}
