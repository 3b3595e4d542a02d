package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/spf13/cobra"

	"github.com/snowstream/snowstream/cmd/internal/stack"
	"github.com/snowstream/snowstream/listener"
	"github.com/snowstream/snowstream/producer"
	"github.com/snowstream/snowstream/record"
)

// target is where generated records go.
type target struct {
	to       string
	null     bool
	stream   string
	endpoint string
	region   string
	local    bool
	dir      string
	// aggregate packs records as the Kinesis Producer Library does.
	aggregate bool
}

func (t *target) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&t.to, "to", "", "write records to this file, or to stdout for -, one a line")
	f.BoolVar(&t.null, "null", false, "with --to and --replay, records end with a NUL byte instead of a line feed")
	f.StringVar(&t.stream, "stream", "", "name of the Kinesis stream (default "+stack.Stream+" with --local and --endpoint)")
	f.StringVar(&t.endpoint, "endpoint", "", "URL of another Kinesis than that of AWS")
	f.StringVar(&t.region, "region", "", "AWS region (default: that of the AWS configuration)")
	f.BoolVar(&t.local, "local", false, "send to the stack that 'snowstream local' runs on this machine")
	f.StringVar(&t.dir, "data", dataFolder, "with --local, the data folder of that stack")
	f.BoolVar(&t.aggregate, "aggregate", false, "pack many records into one, as the Kinesis Producer Library does")
}

func (t *target) toFile() bool { return t.to != "" }

func (t *target) check() error {
	toStream := t.local || t.stream != "" || t.endpoint != "" || t.region != ""
	switch {
	case t.toFile() && toStream:
		return errors.New("--to goes with none of --local, --stream, --endpoint and --region: records go to one place")
	case t.toFile() && t.aggregate:
		return errors.New("--aggregate packs records for a stream: it does not go with --to")
	case !t.toFile() && !toStream:
		return errors.New("say where the records go: --to - for stdout, --to FILE, --local, or --stream NAME")
	case t.local && (t.endpoint != "" || t.region != ""):
		return errors.New("--local knows endpoint and region: it goes with neither --endpoint nor --region")
	case t.stream == "" && !t.local && t.endpoint == "" && !t.toFile():
		return errors.New("--stream must name the stream")
	}
	if t.endpoint == "" {
		return nil
	}
	if u, err := url.Parse(t.endpoint); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("--endpoint %s: it is a URL such as http://127.0.0.1:7401", t.endpoint)
	}
	return nil
}

// open makes the sink. Closing it makes sure that a file has everything.
func (t *target) open(ctx context.Context, stdout io.Writer) (producer.Sink, func() error, error) {
	switch {
	case t.to == "-":
		return &file{out: stdout, end: recordEnd(t.null)}, func() error { return nil }, nil
	case t.toFile():
		f, err := os.Create(t.to)
		if err != nil {
			return nil, nil, fmt.Errorf("--to: %w", err)
		}
		return &file{out: f, end: recordEnd(t.null)}, f.Close, nil
	}
	api, err := t.client(ctx)
	if err != nil {
		return nil, nil, err
	}
	config := listener.WriterConfig{PerShard: true}
	if t.aggregate {
		config.AggregateBytes = listener.DefaultAggregateBytes
	}
	return streamSink{listener.NewWriter(api, t.stream, config)}, func() error { return nil }, nil
}

// client reaches the stream, and names it.
func (t *target) client(ctx context.Context) (*kinesis.Client, error) {
	if t.local {
		s, err := stack.Load(t.dir)
		if err != nil {
			return nil, err
		}
		if !s.Running(ctx) {
			return nil, fmt.Errorf("the local stack in %s does not run: start it with `%s`", t.dir, hint("local", t.dir))
		}
		if t.stream == "" {
			t.stream = s.Stream
		}
		return s.KinesisClient(), nil
	}
	if t.stream == "" {
		t.stream = stack.Stream
	}
	var options []func(*awsconfig.LoadOptions) error
	if t.region != "" {
		options = append(options, awsconfig.WithRegion(t.region))
	}
	if t.onThisMachine() {
		if t.region == "" {
			options = append(options, awsconfig.WithDefaultRegion(stack.Region))
		}
		if os.Getenv("AWS_ACCESS_KEY_ID") == "" && os.Getenv("AWS_PROFILE") == "" {
			// A Kinesis on this machine asks for a signature and does not check whose.
			keys := credentials.NewStaticCredentialsProvider(stack.AccessKeyID, stack.SecretAccessKey, "")
			options = append(options, awsconfig.WithCredentialsProvider(keys))
		}
	}
	c, err := awsconfig.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("read the AWS configuration: %w", err)
	}
	if c.Region == "" {
		return nil, usageError{errors.New("no AWS region is configured: name one with --region")}
	}
	return kinesis.NewFromConfig(c, func(o *kinesis.Options) {
		if t.endpoint != "" {
			o.BaseEndpoint = aws.String(t.endpoint)
		}
	}), nil
}

func (t *target) onThisMachine() bool {
	u, err := url.Parse(t.endpoint)
	return err == nil && isLoopback(u.Hostname())
}

func isLoopback(host string) bool {
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// file is a sink of records with an end byte behind each. One worker uses it, so that their order is kept.
type file struct {
	out    io.Writer
	end    byte
	buffer []byte
}

// Put writes the entries at once; what was written is what it calls accepted.
func (f *file) Put(_ context.Context, entries []record.Entry) (producer.Result, error) {
	f.buffer = f.buffer[:0]
	bytes := int64(0)
	for i := range entries {
		f.buffer = append(append(f.buffer, entries[i].Data...), f.end)
		bytes += int64(len(entries[i].Data))
	}
	if _, err := f.out.Write(f.buffer); err != nil {
		return producer.Result{Failed: len(entries), Reason: err}, fmt.Errorf("write records: %w", err)
	}
	return producer.Result{Accepted: len(entries), Bytes: bytes}, nil
}

// streamSink joins the generator and a stream, which know only records of each other.
type streamSink struct{ writer *listener.Writer }

// Put hands entries to the stream.
func (s streamSink) Put(ctx context.Context, entries []record.Entry) (producer.Result, error) {
	r, err := s.writer.Put(ctx, entries)
	return producer.Result(r), err
}
