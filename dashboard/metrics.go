package dashboard

import (
	"net/http"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// shardSeries bounds how many shards have a series of their own; all count for the maximum.
const shardSeries = 50

// metrics answers scrapes with the metrics of the last look, and those of the process.
func (s *Server) metrics() http.Handler {
	return promhttp.HandlerFor(s.registry(), promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}

func (s *Server) registry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), newGauges(s))
	return r
}

// gauges makes metrics of the last state when it is scraped: scraping costs no look.
type gauges struct {
	server *Server
	build  prometheus.Metric

	accepted, landed, quarantined, waiting, objects, rows, latency *prometheus.Desc
	lag, lagMax, invocations, failures, files, pending, running    *prometheus.Desc
	uncommitted, rejected, tableLag                                *prometheus.Desc
	auditOK, auditAt, missing, doubled, different, lookOK, lookAt  *prometheus.Desc
}

var _ prometheus.Collector = (*gauges)(nil)

func newGauges(s *Server) *gauges {
	d := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("snowstream_"+name, help, labels, nil)
	}
	build := d("build_info", "The program: always 1.", "version", "goversion")
	return &gauges{
		server:      s,
		build:       prometheus.MustNewConstMetric(build, prometheus.GaugeValue, 1, s.config.Version, runtime.Version()),
		accepted:    d("records_accepted_total", "Records that the stream has accepted."),
		landed:      d("records_landed_total", "Records that lie in the raw zone or in quarantine."),
		quarantined: d("quarantined_records_total", "Records that could not become rows."),
		waiting:     d("waiting_records", "Records in the stream that have not landed."),
		objects:     d("rawzone_objects", "Objects of rows in the raw zone."),
		rows:        d("rows", "Rows of a table.", "table"),
		latency:     d("latency_seconds", "Time from a record's arrival in the stream until its row was seen in a table.", "table"),
		lag:         d("shard_lag_seconds", "Age of the oldest record of a shard that has not landed, for the shards with the most waiting records.", "shard"),
		lagMax:      d("shard_lag_max_seconds", "Highest lag of all shards."),
		tableLag:    d("table_lag_seconds", "Age of the oldest record that is not in a table.", "table"),
		invocations: d("function_batches_total", "Batches that a function was given.", "function"),
		failures:    d("function_errors_total", "Batches that a function failed at and that were tried again.", "function"),
		files:       d("pipe_files_total", "Files that the pipe was seen to load or to refuse.", "status"),
		pending:     d("pipe_pending_files", "Files that wait for the pipe."),
		running:     d("pipe_running", "Whether the pipe runs: 1, or 0 if it is paused or stopped."),
		uncommitted: d("uncommitted_records", "Records that Snowpipe Streaming has received and that are not visible yet."),
		rejected:    d("rejected_rows", "Rows that Snowpipe Streaming did not take, in the lives of the shards' channels."),
		auditOK:     d("audit_ok", "Whether the last audit found nothing missing, doubled or different."),
		auditAt:     d("audit_timestamp_seconds", "When the last audit ended."),
		missing:     d("audit_missing_records", "Records that lack a row, by the last audit."),
		doubled:     d("audit_doubled_rows", "Rows that should not be there, by the last audit."),
		different:   d("audit_different_rows", "Rows that stand in one table and not in the other, by the last audit."),
		lookOK:      d("look_ok", "Whether the last look at the stream succeeded."),
		lookAt:      d("look_timestamp_seconds", "When the last good look was made."),
	}
}

// Describe sends nothing: which metrics there are depends on what was seen.
func (g *gauges) Describe(chan<- *prometheus.Desc) {}

// Collect sends what the last look has come to.
func (g *gauges) Collect(to chan<- prometheus.Metric) {
	g.server.mu.Lock()
	last, verdict := g.server.last, g.server.verdict
	g.server.mu.Unlock()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v int64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	to <- g.build
	gauge(g.lookOK, truth(last.problem == "" && !last.at.IsZero()))
	if verdict != nil && verdict.At > 0 {
		g.audit(verdict, gauge)
	}
	if last.at.IsZero() {
		return
	}
	gauge(g.lookAt, float64(last.at.UnixMilli())/1000)
	l := last.look
	counter(g.accepted, l.Accepted)
	counter(g.landed, l.Landed)
	counter(g.quarantined, l.Rejected)
	gauge(g.objects, float64(l.Objects))
	counter(g.files, l.Pipe.Loaded, "loaded")
	counter(g.files, l.Pipe.Failed, "failed")
	gauge(g.pending, float64(l.Pipe.Pending))
	gauge(g.uncommitted, float64(l.RowPath.Uncommitted))
	gauge(g.rejected, float64(l.RowPath.Rejected))
	gauge(g.running, truth(l.Pipe.State == "RUNNING"))
	for name, f := range map[string]Function{"orchestrator": l.Orchestrator, "upsert": l.Upsert} {
		counter(g.invocations, f.Batches, name)
		counter(g.failures, f.Errors, name)
	}
	for name, t := range map[string]Table{"streaming": l.Streaming, "microbatch": l.Microbatch} {
		gauge(g.rows, float64(t.Rows), name)
		to <- prometheus.MustNewConstHistogram(g.latency, t.Latency.Count, t.Latency.Sum, t.Latency.Below, name)
	}
	for _, a := range last.snapshot.Arrows {
		if a.Lag != nil && (a.To == "streaming" || a.To == "microbatch") {
			gauge(g.tableLag, *a.Lag, a.To)
		}
	}
	g.shards(last.snapshot.Shards, gauge)
}

func (g *gauges) shards(s Shards, gauge func(*prometheus.Desc, float64, ...string)) {
	gauge(g.waiting, float64(s.Waiting))
	gauge(g.lagMax, s.Lag)
	for _, shard := range s.Top[:min(len(s.Top), shardSeries)] {
		gauge(g.lag, shard.Lag, shard.ID)
	}
}

func (g *gauges) audit(a *Audit, gauge func(*prometheus.Desc, float64, ...string)) {
	gauge(g.auditOK, truth(a.OK))
	gauge(g.auditAt, float64(a.At)/1000)
	gauge(g.missing, float64(a.Missing))
	gauge(g.doubled, float64(a.Doubled))
	gauge(g.different, float64(a.Different))
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
