package function

import (
	"context"
	"io"
	"log/slog"
)

// MetricNamespace is where a function's metrics are found in CloudWatch.
const MetricNamespace = "snowstream"

// metrics say which attributes of a log line CloudWatch takes for metrics, by the line's message. The
// first and the last are there once for an object of rows, the others once a minute.
var metrics = map[string]directive{
	"landed": {MetricNamespace, [][]string{{"stream"}}, []metric{
		{"records", "Count"}, {"rows", "Count"}, {"quarantined", "Count"}, {"age_ms", "Milliseconds"},
		{"decode_ms", "Milliseconds"}, {"store_ms", "Milliseconds"}, {"hand_over_ms", "Milliseconds"},
	}},
	"pipe":   {MetricNamespace, [][]string{{"stream"}}, []metric{{"pipe_lag_seconds", "Seconds"}, {"pipe_pending_files", "Count"}}},
	"swept":  {MetricNamespace, [][]string{{"stream"}}, []metric{{"standing_shards", "Count"}, {"uncommitted_records", "Count"}, {"rejected_rows", "Count"}}},
	"merged": {MetricNamespace, [][]string{{}}, []metric{{"inserted", "Count"}, {"merge_ms", "Milliseconds"}}},
}

// Logger writes structured lines, and makes those that have metrics readable for CloudWatch: it finds them in the log
// by the embedded metric format (docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html),
// so a function needs no call and no right to report them.
func Logger(w io.Writer) *slog.Logger {
	return slog.New(embedded{slog.NewJSONHandler(w, nil)})
}

// embedded adds to a line what says which of its attributes are metrics.
type embedded struct{ slog.Handler }

var _ slog.Handler = embedded{}

func (h embedded) Handle(ctx context.Context, line slog.Record) error {
	if known, ok := metrics[line.Message]; ok {
		line = line.Clone()
		line.AddAttrs(slog.Any("_aws", envelope{line.Time.UnixMilli(), []directive{known}}))
	}
	return h.Handler.Handle(ctx, line)
}

func (h embedded) WithAttrs(attrs []slog.Attr) slog.Handler {
	return embedded{h.Handler.WithAttrs(attrs)}
}

func (h embedded) WithGroup(name string) slog.Handler { return embedded{h.Handler.WithGroup(name)} }

// envelope, directive and metric are the format's, and so are their fields' names.
type envelope struct {
	Timestamp         int64
	CloudWatchMetrics []directive
}

type directive struct {
	Namespace  string
	Dimensions [][]string
	Metrics    []metric
}

type metric struct{ Name, Unit string }
