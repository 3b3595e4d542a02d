package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/snowstream/snowstream/cmd/internal/stack"
	"github.com/snowstream/snowstream/landing/audit"
	"github.com/snowstream/snowstream/producer"
)

// result is what a run ends with. Counts are those of the whole data folder, which may hold earlier runs; generated,
// elapsed and the latencies are this run's.
type result struct {
	Accepted    int64 `json:"accepted"`
	Objects     int64 `json:"landed_objects"`
	Streaming   int64 `json:"streaming"`
	Microbatch  int64 `json:"microbatch"`
	Quarantined int64 `json:"quarantined"`
	// FirstReason is why the first record that is in quarantine now is there.
	FirstReason string `json:"first_reason,omitempty"`
	Missing     int64  `json:"missing"`
	Doubled     int64  `json:"doubled"`
	// Different counts rows that only one of the tables has, or has with other values.
	Different int64 `json:"different"`
	// Earlier counts rows of an earlier stream or bucket of the same names; they are in no other number.
	Earlier int64 `json:"earlier,omitempty"`
	// Generated are this run's records that the stream has accepted, Throttled the refusals for their rate that were
	// retried, Failed those given up, Missed how far the run fell behind its rate because the stream was slower.
	Generated int64   `json:"generated"`
	Throttled int64   `json:"throttled"`
	Failed    int64   `json:"failed"`
	Missed    int64   `json:"missed"`
	Elapsed   float64 `json:"elapsed_s"`
	// Latencies in seconds, from the arrival in Kinesis until a query sees the row; null if no row was seen arriving.
	StreamingP50  *float64 `json:"streaming_p50_s"`
	StreamingP99  *float64 `json:"streaming_p99_s"`
	MicrobatchP50 *float64 `json:"microbatch_p50_s"`
	MicrobatchP99 *float64 `json:"microbatch_p99_s"`
	// Stages are where the time to the tables went.
	Stages map[stack.Stage]stack.Budget `json:"stages,omitempty"`
	// dir is the data folder, for what to do next; limit says what held the rate down, with the flag that lifts it.
	dir, limit string
}

func newResult(r audit.Report, objects int64, made producer.Stats, elapsed time.Duration) result {
	return result{
		Accepted: r.Accepted(), Objects: objects, Streaming: r.Streaming(), Microbatch: r.Microbatch(),
		Quarantined: r.Quarantined(), Missing: r.Missing(), Doubled: r.Doubled(), Different: r.Different, Earlier: r.Earlier,
		Generated: made.Accepted, Throttled: made.Throttled, Failed: made.Failed, Missed: made.Missed,
		Elapsed: elapsed.Seconds(),
	}
}

// ok decides the exit code.
func (r result) ok() bool { return r.Missing == 0 && r.Doubled == 0 && r.Different == 0 }

func (r result) writeJSON(w io.Writer) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", text)
	return err
}

// writeText is the comparison that the original system asks of its user, and the proof under it.
func (r result) writeText(w io.Writer) error {
	var b strings.Builder
	row := func(left, right, more string) { fmt.Fprintf(&b, "  %-30s %12s   %s\n", left, right, more) }
	b.WriteString("\n")
	row("ingestion way", "num records", "latency p50 / p99")
	row("KINESIS_SENSORS_STREAMING", humanize.Comma(r.Streaming), delays(r.StreamingP50, r.StreamingP99))
	row("KINESIS_SENSORS_MICROBATCH", humanize.Comma(r.Microbatch), delays(r.MicrobatchP50, r.MicrobatchP99))
	b.WriteString("\n")
	row("accepted by Kinesis", humanize.Comma(r.Accepted), fmt.Sprintf("%s of them in this run, %.1f s", humanize.Comma(r.Generated), r.Elapsed))
	row("objects in the raw zone", humanize.Comma(r.Objects), "")
	row("quarantined", humanize.Comma(r.Quarantined), "")
	row("missing", humanize.Comma(r.Missing), "")
	row("doubled", humanize.Comma(r.Doubled), "")
	if r.Earlier > 0 {
		row("rows of an earlier stream", humanize.Comma(r.Earlier), "left as they are")
	}
	if r.Different > 0 {
		row("different", humanize.Comma(r.Different), "rows that only one of the tables has")
	}
	if r.Failed > 0 {
		fmt.Fprintf(&b, "\n  The stream did not take %s generated records; they are not counted as accepted.\n", humanize.Comma(r.Failed))
	}
	if r.Missed > 0 {
		fmt.Fprintf(&b, "\n  The stream was slower than --rate: it fell behind by %s records, which were not made up for. %s\n", humanize.Comma(r.Missed), r.limit)
	}
	b.WriteString("\n" + r.verdict())
	_, err := io.WriteString(w, b.String())
	return err
}

// verdict says in words what the numbers come to, and what to do next where that is something.
func (r result) verdict() string {
	var b strings.Builder
	switch {
	case !r.ok():
		fmt.Fprintf(&b, "  THE TABLES ARE NOT COMPLETE. `%s` names the rows.\n", hint("audit", r.dir))
	case r.Accepted == 0:
		b.WriteString("  No record was accepted, so there is nothing to compare.\n")
	case r.Quarantined == r.Accepted:
		b.WriteString("  NO RECORD BECAME A ROW. Nothing is lost: all of them are in quarantine.\n")
	case r.Quarantined > 0:
		fmt.Fprintf(&b, "  Nothing is missing, nothing is doubled; %s of %s records are in quarantine and not in the tables.\n", humanize.Comma(r.Quarantined), humanize.Comma(r.Accepted))
	default:
		b.WriteString("  Nothing is missing, nothing is doubled.\n")
	}
	if r.Quarantined > 0 {
		fmt.Fprintf(&b, "  First in quarantine: %s. See `%s`.\n", r.FirstReason, hint("quarantine ls", r.dir))
	}
	return b.String()
}

func delays(p50, p99 *float64) string {
	if p50 == nil || p99 == nil {
		return "-"
	}
	return fmt.Sprintf("%.2f s / %.2f s", *p50, *p99)
}
