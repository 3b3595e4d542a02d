package dashboard

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"
)

const (
	topShards = 50
	// A box is red so long after an error, and yellow so long.
	redFor, yellowFor = 5 * time.Second, 30 * time.Second
)

// rates are per second, between two looks.
type rates struct {
	accepted, landed, streaming, microbatch, orchestrator, upsert, objects, produced float64
}

func ratesOf(before, now Look, seconds float64) rates {
	rate := func(before, now int64) float64 { return per(before, now, seconds) }
	return rates{
		accepted: rate(before.Accepted, now.Accepted), landed: rate(before.Landed, now.Landed),
		streaming: rate(before.Streaming.Rows, now.Streaming.Rows), microbatch: rate(before.Microbatch.Rows, now.Microbatch.Rows),
		orchestrator: rate(before.Orchestrator.Batches, now.Orchestrator.Batches), upsert: rate(before.Upsert.Batches, now.Upsert.Batches),
		objects: rate(before.Objects, now.Objects),
	}
}

func per(before, now int64, seconds float64) float64 {
	if seconds <= 0 || now < before {
		return 0
	}
	return float64(now-before) / seconds
}

// mark is how many rows there should once be, at a moment: of all accepted records, and of the landed ones, in so many objects.
type mark struct {
	at               time.Time
	accepted, landed int64
	objects          int64
}

// trail are the marks of the last while. It tells the lag of a table without looking at its rows.
type trail []mark

func (t trail) add(m mark) trail {
	if len(t) == keep {
		t = append(make(trail, 0, keep+keep/4), t[keep/4:]...)
	}
	return append(t, m)
}

// lag is how long there has been more than the table has, in seconds.
func (t trail) lag(rows int64, of func(mark) int64, now time.Time) *float64 {
	first := sort.Search(len(t), func(i int) bool { return of(t[i]) > rows })
	var seconds float64
	if first < len(t) {
		seconds = max(0, now.Sub(t[first].at).Seconds())
	}
	return &seconds
}

// table is the lag of a table: the age of the oldest accepted record that is not in it, in seconds. behind is that of the oldest
// one that has not landed: it is in no table either, whatever the counts of all shards together say.
func (t trail) table(rows int64, behind float64, now time.Time) *float64 {
	lag := t.lag(rows, func(m mark) int64 { return m.accepted }, now)
	*lag = max(*lag, behind)
	return lag
}

// settled is how long a file may wait without a word: the next look finds most of them loaded.
const settled = 3 * time.Second

// unloaded is how many files wait in the raw zone, by what a table has of their rows: the pipe knows only those of which it was
// told.
func (t trail) unloaded(rows, objects int64, now time.Time) int64 {
	first := sort.Search(len(t), func(i int) bool { return t[i].landed > rows })
	if first == len(t) || now.Sub(t[first].at) < settled {
		return 0
	}
	return max(1, objects-t[max(0, first-1)].objects)
}

// draw makes the snapshot of a state. The caller holds mu.
func (s *Server) draw(n *state, producer *ProducerStatus, now time.Time) Snapshot {
	shards := topOf(n.look.Shards, n.look.Retired)
	d := drawing{names: s.config.Names, state: n, now: now, shards: shards, producer: producer}
	snapshot := Snapshot{
		Now: now.UnixMilli(), Started: s.started.UnixMilli(), Mode: s.config.Mode, Version: s.config.Version,
		Rows: s.config.Newest != nil, Connection: s.config.Connection != "",
		Stream: s.config.Names.Stream, Bucket: s.config.Names.Bucket,
		Boxes: d.boxes(), Arrows: d.arrows(), Shards: shards,
		Files: notNil(n.look.Files), Quarantine: Quarantine{n.look.Quarantined, notNil(n.look.Rejects)},
		Audit: s.verdict, Producer: producer, Problem: n.problem,
	}
	if len(n.history) > 0 {
		snapshot.Point = n.history[len(n.history)-1]
	}
	snapshot.Breaks = s.breakStatus(snapshot.Boxes)
	return snapshot
}

// producer is the producer's state, nil without one.
func (s *Server) producer() *ProducerStatus {
	if s.config.Producer == nil {
		return nil
	}
	p := s.config.Producer.Status()
	return &p
}

// topOf sums the shards up.
func topOf(all []Shard, retired int) Shards {
	top := slices.Clone(all)
	out := Shards{Total: len(all), Retired: retired}
	for _, s := range all {
		out.Waiting += s.Waiting
		out.Lag = max(out.Lag, s.Lag)
	}
	slices.SortFunc(top, func(a, b Shard) int {
		return cmp.Or(cmp.Compare(b.Waiting, a.Waiting), cmp.Compare(b.State, a.State), cmp.Compare(a.ID, b.ID))
	})
	out.Top = notNil(top[:min(len(top), topShards)])
	return out
}

// notNil makes an empty list of none: the page wants lists.
func notNil[E any](list []E) []E {
	if list == nil {
		return []E{}
	}
	return list
}

// drawing is a state with what is needed to draw it.
type drawing struct {
	names    Names
	state    *state
	now      time.Time
	shards   Shards
	producer *ProducerStatus
}

func (d drawing) boxes() []Box {
	n, l, r := d.names, d.state.look, d.state.rate
	return []Box{
		d.generator(),
		{"stream", n.Stream, l.Accepted, "records", r.accepted, moving(r.accepted), d.streamDetail()},
		d.function(0, "orchestrator", n.Orchestrator, l.Orchestrator, r.orchestrator),
		d.function(1, "upsert", n.Upsert, l.Upsert, r.upsert),
		{"rawzone", n.Bucket, l.Objects, "objects", r.objects, moving(r.objects), plural(l.Quarantined, "record") + " in quarantine"},
		{"streaming", n.Streaming, l.Streaming.Rows, "rows", r.streaming, moving(r.streaming), d.streamingDetail()},
		d.microbatch(),
	}
}

func (d drawing) generator() Box {
	b := Box{ID: "producer", Name: "Data generator", Unit: "records", State: "off", Detail: "does not run here"}
	p := d.producer
	if p == nil {
		return b
	}
	b.Count, b.Rate, b.State, b.Detail = p.Accepted, p.Rate, moving(p.Rate), ""
	switch {
	case p.Paused:
		b.Detail = "paused"
	case p.Failed > 0:
		b.State, b.Detail = "warning", plural(p.Failed, "record")+" given up"
	case p.Throttled > 0:
		b.Detail = plural(p.Throttled, "record") + " throttled and sent again"
	}
	return b
}

func (d drawing) streamDetail() string {
	text := plural(int64(d.shards.Total), "shard")
	if d.shards.Waiting > 0 {
		text += fmt.Sprintf(", %s waiting", plural(d.shards.Waiting, "record"))
	}
	return text
}

func (d drawing) streamingDetail() string {
	l := d.state.look
	var details []string
	if text := median(l.Streaming.P50); text != "" {
		details = append(details, text)
	}
	if n := l.RowPath.Uncommitted; n > 0 {
		details = append(details, plural(n, "row")+" received")
	}
	if n := l.RowPath.Rejected; n > 0 {
		details = append(details, plural(n, "row")+" rejected")
	}
	return strings.Join(details, ", ")
}

func (d drawing) function(i int, id, name string, f Function, rate float64) Box {
	b := Box{ID: id, Name: name, Count: f.Batches, Unit: "batches", Rate: rate, State: moving(rate)}
	if f.Errors > 0 {
		b.Detail = fmt.Sprintf("%d failed and tried again", f.Errors)
	}
	switch since := d.now.Sub(d.state.failed[i]); {
	case since < redFor:
		b.State = "error"
	case since < yellowFor:
		b.State = "warning"
	}
	return b
}

func (d drawing) microbatch() Box {
	l := d.state.look
	b := Box{
		ID: "microbatch", Name: d.names.Microbatch, Count: l.Microbatch.Rows, Unit: "rows", Rate: d.state.rate.microbatch,
		State: moving(d.state.rate.microbatch),
	}
	var details []string
	for _, text := range []string{median(l.Microbatch.P50), pending(max(l.Pipe.Pending, d.state.trail.unloaded(l.Microbatch.Rows, l.Objects, d.now)))} {
		if text != "" {
			details = append(details, text)
		}
	}
	b.Detail = strings.Join(details, ", ")
	switch {
	case l.Pipe.State != "" && l.Pipe.State != "RUNNING":
		b.State, b.Detail = "error", "the pipe is "+l.Pipe.State
	case l.Pipe.Failed > 0:
		b.State, b.Detail = "warning", plural(l.Pipe.Failed, "file")+" refused"
	}
	return b
}

func pending(files int64) string {
	if files == 0 {
		return ""
	}
	return plural(files, "file") + " waiting"
}

func (d drawing) arrows() []Arrow {
	l, r, t := d.state.look, d.state.rate, d.state.trail
	behind := d.shards.Lag
	return []Arrow{
		{"producer", "stream", r.produced, nil},
		{"stream", "orchestrator", r.landed, &behind},
		{"orchestrator", "upsert", r.landed, nil},
		{"orchestrator", "rawzone", r.landed, nil},
		{"upsert", "streaming", r.streaming, t.table(l.Streaming.Rows, behind, d.now)},
		{"rawzone", "microbatch", r.microbatch, t.table(l.Microbatch.Rows, behind, d.now)},
	}
}

func moving(rate float64) string {
	if rate > 0 {
		return "ok"
	}
	return "idle"
}

func median(p50 *float64) string {
	if p50 == nil {
		return ""
	}
	return fmt.Sprintf("%.2f s after arrival (median)", *p50)
}

func plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
