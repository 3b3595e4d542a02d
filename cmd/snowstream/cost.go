package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/snowstream/snowstream/deploy/cost"
)

func newCost() *cobra.Command {
	l := cost.Load{}
	var asJSON, prices bool
	cmd := &cobra.Command{
		Use:   "cost",
		Short: "Estimate the monthly bill, item by item, and that of the alternatives",
		Long: `Computes what a month of this pipeline costs in AWS and Snowflake from one dated table
of prices, and what one change would make of it. It asks nobody and changes nothing.

What a month adds to storage stands below the bill. A load that comes near to what a shard
or the table can take is warned of, with the batch size that would do, and one that cannot
work is refused. How long the parts of a batch take is assumed; --merge-seconds and its like
replace that by what you have measured. A price that is marked with * is from memory: look
it up before it decides anything (--prices shows the whole table).`,
		Example: `  snowstream cost --rate 100 --record-bytes 200
  snowstream cost --rate 1000 --record-bytes 500 --batch-size 5000 --edition enterprise --json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if prices {
				return writePrices(cmd.OutOrStdout(), l.Region, asJSON)
			}
			bills, err := cost.Compare(l)
			if err != nil {
				return usageError{err}
			}
			if asJSON {
				err = json.NewEncoder(cmd.OutOrStdout()).Encode(bills)
			} else {
				err = writeBills(cmd.OutOrStdout(), bills)
			}
			return errors.Join(err, bills[0].Impossible())
		},
	}
	f := cmd.Flags()
	loadFlags(f, &l)
	f.IntVar(&l.BatchSize, "batch-size", 100, "records in a batch, at most")
	f.DurationVar(&l.BatchWindow, "batch-window", time.Minute, "how long a batch may wait for more records")
	f.IntVar(&l.Shards, "shards", 0, "shards of the stream; 0 takes as many as the rate needs")
	f.BoolVar(&l.OnDemand, "on-demand", false, "an on-demand stream")
	f.BoolVar(&l.NAT, "nat", false, "a VPC with a NAT gateway")
	f.StringVar(&l.RowPath, "row-path", cost.Snowpipe, "how rows get into the streaming table: snowpipe or merge")
	f.StringVar(&l.RowCommit, "row-commit", cost.Deferred, "with snowpipe, when a batch is done: deferred or wait")
	f.BoolVar(&l.KeyPair, "key-pair", true, "the function signs in with a key in a secret")
	f.IntVar(&l.MemoryMB, "memory", 256, "memory of each function in MB")
	f.IntVar(&l.RetentionHours, "retention-hours", 24, "how long the stream keeps records")
	f.IntVar(&l.ExpireAfterDays, "expire-after-days", 0, "days until objects of rows are deleted from the raw zone; 0 keeps them")
	f.StringVar(&l.Region, "region", cost.DefaultRegion, "AWS region of the prices")
	f.BoolVar(&prices, "prices", false, "print the table of prices, with source and date")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// loadFlags are the flags of an estimate that cost and deploy share.
func loadFlags(f *pflag.FlagSet, l *cost.Load) {
	f.Float64Var(&l.Rate, "rate", 10, "records a second, for the estimate")
	f.IntVar(&l.RecordBytes, "record-bytes", 200, "mean size of a record, for the estimate")
	f.IntVar(&l.CSVBytes, "row-bytes", 0, "mean size of a row as CSV with the tables' own columns, for the estimate (default: half a record and 140)")
	d := cost.DefaultTimes()
	f.Float64Var(&l.Times.Own, "own-seconds", d.Own, "the orchestrator's own work for a batch, for the estimate")
	f.Float64Var(&l.Times.Merge, "merge-seconds", d.Merge, "a MERGE of a batch, for the estimate")
	f.Float64Var(&l.Times.Append, "append-seconds", d.Append, "an append to Snowpipe Streaming, for the estimate")
	f.Float64Var(&l.Times.Commit, "commit-seconds", d.Commit, "from append to commit, for the estimate")
	f.StringVar(&l.Edition, "edition", cost.Standard, "Snowflake edition: standard, enterprise or business-critical")
}

func writePrices(out io.Writer, region string, asJSON bool) error {
	prices, err := cost.Prices(region)
	if err != nil {
		return usageError{err}
	}
	if asJSON {
		return json.NewEncoder(out).Encode(prices)
	}
	for _, p := range prices {
		if _, err := fmt.Fprintf(out, "%-36s %14.10g  %s; %s, %s\n", p.Key, p.USD, p.Unit, p.Source, p.Date); err != nil {
			return err
		}
	}
	return nil
}

func writeBills(out io.Writer, bills []cost.Bill) error {
	if err := writeBill(out, bills[0]); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nand otherwise, all else the same\n")
	for _, b := range bills[1:] {
		fmt.Fprintf(out, "  %-22s %12s  %s\n", b.Name, dollars(b.USD), b.Why)
		for _, l := range b.Limits {
			fmt.Fprintf(out, "  %37s %s\n", "", l)
		}
	}
	return nil
}

// writeBill names the dominant item, because that is the one to think about.
func writeBill(out io.Writer, b cost.Bill) error {
	fmt.Fprintf(out, "a month in %s, %s records/s of %d B, %s\n", b.Load.Region, humanize.Commaf(b.Load.Rate), b.Load.RecordBytes, batches(b.BatchInterval))
	for _, i := range b.Items {
		mark := " "
		if i.FromMemory {
			mark = "*"
		}
		fmt.Fprintf(out, "  %-22s %12s %s %14s x %-11.10g %s\n", i.Name, dollars(i.USD), mark, humanize.CommafWithDigits(i.Quantity, 2), i.Price, i.Unit)
	}
	fmt.Fprintf(out, "  %-22s %12s   most of it: %s\n", "all", dollars(b.USD), b.Dominant)
	fmt.Fprint(out, "  * is a price from memory: look it up before it decides anything\n")
	for _, g := range b.Growth {
		fmt.Fprintf(out, "  %-34s grows by %s GB a month: %s a month after 1 month, %s after 12, %s after 36\n",
			g.Where, humanize.CommafWithDigits(g.GB, 2), dollars(g.USD[0]), dollars(g.USD[1]), dollars(g.USD[2]))
	}
	fmt.Fprintf(out, "  times of a batch: %s\n", b.Load.Times.Source)
	for _, l := range b.Limits {
		fmt.Fprintf(out, "  warning: %s\n", l)
	}
	return nil
}

// batches says how often there is one, in a unit that people can read.
func batches(interval float64) string {
	if interval < 0.1 {
		return humanize.Commaf(math.Round(1/interval)) + " batches a second"
	}
	return fmt.Sprintf("one batch every %.3g s", interval)
}

func dollars(usd float64) string { return "$" + humanize.FormatFloat("#,###.##", usd) }
