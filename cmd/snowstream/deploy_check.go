package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/spf13/cobra"

	"github.com/snowstream/snowstream/deploy"
)

// deployCheck are the flags of `snowstream deploy check`.
type deployCheck struct {
	*deployOptions
	record string
	remove bool
	wait   time.Duration
}

func newDeployCheck(options *deployOptions) *cobra.Command {
	o := deployCheck{deployOptions: options}
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Send one marked record through a deployment and report how long it took",
		Long: `Puts a record into the stream that says "` + deploy.Mark + `", waits until it is in
both tables, and reports the times.

The record stays there: it has its place in its shard's numbering, and without its rows
the audit would name a gap and its repair would fill it again. --remove deletes them all the
same.`,
		Example: `  snowstream deploy check
  snowstream deploy check --record '{"sensorId":0,"currentTemperature":0,"status":"check"}'`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.interruptible(cmd, func(ctx context.Context) error { return o.run(ctx, cmd) })
		},
	}
	cmd.Flags().StringVar(&o.record, "record", "", "the record, or @FILE (default: one is made for the schema)")
	cmd.Flags().BoolVar(&o.remove, "remove", false, "delete the record's rows afterwards; the audit will miss them")
	cmd.Flags().DurationVar(&o.wait, "wait", 10*time.Minute, "how long to wait for each table")
	return cmd
}

func (o deployCheck) run(ctx context.Context, cmd *cobra.Command) error {
	c, f, err := o.reopen()
	if err != nil {
		return err
	}
	data, err := o.data(c)
	if err != nil {
		return err
	}
	cfg, err := o.signIn(ctx, &c)
	if err != nil {
		return err
	}
	session, err := o.login.open(f.Snowflake.Account, c.SnowflakeEndpoint, f.Snowflake.Warehouse)
	if err != nil {
		return err
	}
	defer session.Close()
	s := &steps{out: cmd.OutOrStdout(), progress: cmd.ErrOrStderr(), json: o.json}
	stream := streamEnd{kinesis.NewFromConfig(cfg), f.Stream}
	result, err := deploy.Probe{
		Session: session, Names: f.Names, Put: stream.put, Data: data, Patience: o.wait, Remove: o.remove, Progress: s.tell,
	}.Check(ctx)
	if err != nil {
		return err
	}
	return s.end(result, o.said(result))
}

func (o deployCheck) said(c deploy.Checked) string {
	times := fmt.Sprintf("streaming table %.1f s, micro-batch table %.1f s", c.Streaming, c.Microbatch)
	if o.remove {
		return fmt.Sprintf("%s; %d rows removed, which `snowstream audit` will name as missing and --repair would restore", times, c.Removed)
	}
	return times + "; the record stays, as a record of the stream"
}

func (o deployCheck) data(c deploy.Config) ([]byte, error) {
	switch {
	case o.record == "":
		return deploy.Sample(c.Landing.Schema, time.Now())
	case o.record[0] == '@':
		text, err := os.ReadFile(o.record[1:])
		if err != nil {
			return nil, usageError{fmt.Errorf("--record: %w", err)}
		}
		return text, nil
	}
	return []byte(o.record), nil
}

// streamEnd stores single records, and deletes streams.
type streamEnd struct {
	api    *kinesis.Client
	stream string
}

func (p streamEnd) put(ctx context.Context, key string, data []byte) (shard, sequence string, err error) {
	out, err := p.api.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: &p.stream, PartitionKey: &key, Data: data})
	if err != nil {
		return "", "", err
	}
	return aws.ToString(out.ShardId), aws.ToString(out.SequenceNumber), nil
}
