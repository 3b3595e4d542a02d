package main

import (
	"encoding/json"
	"fmt"
	"io"
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

Left out are storage, logs and requests to keys. A price that is marked with * is from
memory: look it up before it decides anything (--prices shows the whole table).`,
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
				return json.NewEncoder(cmd.OutOrStdout()).Encode(bills)
			}
			return writeBills(cmd.OutOrStdout(), bills)
		},
	}
	f := cmd.Flags()
	loadFlags(f, &l)
	f.IntVar(&l.BatchSize, "batch-size", 100, "records in a batch, at most")
	f.DurationVar(&l.BatchWindow, "batch-window", time.Minute, "how long a batch may wait for more records")
	f.IntVar(&l.Shards, "shards", 0, "shards of the stream; 0 takes as many as the rate needs")
	f.BoolVar(&l.OnDemand, "on-demand", false, "an on-demand stream")
	f.BoolVar(&l.NAT, "nat", false, "a VPC with a NAT gateway")
	f.BoolVar(&l.KeyPair, "key-pair", false, "the function signs in with a key in a secret")
	f.StringVar(&l.Region, "region", cost.DefaultRegion, "AWS region of the prices")
	f.BoolVar(&prices, "prices", false, "print the table of prices, with source and date")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// loadFlags are the flags of an estimate that cost and deploy share.
func loadFlags(f *pflag.FlagSet, l *cost.Load) {
	f.Float64Var(&l.Rate, "rate", 10, "records a second, for the estimate")
	f.IntVar(&l.RecordBytes, "record-bytes", 200, "mean size of a record, for the estimate")
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
	}
	return nil
}

// writeBill names the dominant item, because that is the one to think about.
func writeBill(out io.Writer, b cost.Bill) error {
	fmt.Fprintf(out, "a month in %s, %g records/s of %d B, one MERGE every %.3g s\n", b.Load.Region, b.Load.Rate, b.Load.RecordBytes, b.BatchInterval)
	for _, i := range b.Items {
		mark := " "
		if i.FromMemory {
			mark = "*"
		}
		fmt.Fprintf(out, "  %-22s %12s %s %14s x %-11.10g %s\n", i.Name, dollars(i.USD), mark, humanize.CommafWithDigits(i.Quantity, 2), i.Price, i.Unit)
	}
	_, err := fmt.Fprintf(out, "  %-22s %12s   most of it: %s\n", "all", dollars(b.USD), b.Dominant)
	return err
}

func dollars(usd float64) string { return "$" + humanize.FormatFloat("#,###.##", usd) }
