package board

import (
	"fmt"
	"testing"
	"time"

	"github.com/snowstream/snowstream/cmd/internal/stack"
	"github.com/snowstream/snowstream/dashboard"
	"github.com/snowstream/snowstream/landing/audit"
	"github.com/snowstream/snowstream/landing/microbatch"
	"github.com/snowstream/snowstream/listener"
	"github.com/snowstream/snowstream/record/rawzone"
)

// TestPipeCounts: each file counts once, however the looks overlap, and what was there before does not.
func TestPipeCounts(t *testing.T) {
	at := time.Unix(1000, 0)
	file := func(name string, second int) microbatch.File {
		return microbatch.File{Name: name, Rows: 1, Status: "Loaded", Loaded: at.Add(time.Duration(second) * time.Second)}
	}
	bad := file("bad", 3)
	bad.Status, bad.Line, bad.Column = failedLoad, 7, "AGE"
	p := &pipe{}
	p.add([]microbatch.File{file("old", 0)})
	p.add([]microbatch.File{file("b", 1), file("a", 1), file("old", 0)})
	p.add([]microbatch.File{file("c", 1), file("b", 1), file("a", 1)}) // c has the same time as a and b
	p.add([]microbatch.File{file("c", 1), file("b", 1), file("a", 1)})
	p.add([]microbatch.File{bad, file("c", 1)})
	p.add(nil)
	if p.state.Loaded != 3 || p.state.Failed != 1 || len(p.files) != 5 || p.files[0].Name != "bad" {
		t.Errorf("%+v %+v", p.state, p.files)
	}
	if got := p.files[0].Error; got != "refused in line 7, column AGE" {
		t.Errorf("error %q", got)
	}
	for i := range 100 {
		p.add([]microbatch.File{file(fmt.Sprint(i), 10+i)})
	}
	if p.state.Loaded != 103 || len(p.files) != fileCount || p.files[0].Name != "99" {
		t.Errorf("%+v, %d files", p.state, len(p.files))
	}
}

func TestJudge(t *testing.T) {
	now := time.Unix(100000, 0)
	full := func(n int64) audit.Counts {
		return audit.Counts{Rows: n, Ordinals: n, Identities: n, Lowest: 1, Highest: n}
	}
	ledger := rawzone.Ledger{Ordinal: 100, Quarantined: 10, Records: 100, UpdatedAt: now.Add(-time.Hour)}
	behind := full(90)
	behind.Rows, behind.Ordinals, behind.Identities, behind.Highest = 92, 92, 92, 102
	recent := ledger
	recent.UpdatedAt = now.Add(-time.Second)
	hole := full(89)
	hole.Highest = 100
	twice := full(90)
	twice.Rows = 91
	for _, c := range []struct {
		name                  string
		ledger                rawzone.Ledger
		streaming, microbatch audit.Counts
		waiting               int64
		want                  dashboard.Audit
	}{
		{"whole", ledger, full(90), full(90), 0, dashboard.Audit{OK: true}},
		{"handed over before the ledger moved", ledger, behind, full(90), 5, dashboard.Audit{OK: true, Note: "5"}},
		{"missing in streaming", recent, hole, full(90), 0, dashboard.Audit{Missing: 1}},
		{"not committed yet", recent, full(80), full(90), 0, dashboard.Audit{OK: true, Note: "10"}},
		{"never committed", ledger, full(80), full(90), 0, dashboard.Audit{Missing: 10}},
		{"missing in micro-batch", ledger, full(90), full(80), 0, dashboard.Audit{Missing: 10}},
		{"not loaded yet", recent, full(90), full(80), 0, dashboard.Audit{OK: true, Note: "10"}},
		{"twice", ledger, full(90), twice, 0, dashboard.Audit{Doubled: 1}},
		{"twice while records flow", recent, twice, full(80), 7, dashboard.Audit{Doubled: 1, Note: "17"}},
		{"a row too many", ledger, full(91), full(90), 0, dashboard.Audit{Doubled: 1}},
	} {
		report := audit.Report{Shards: map[string]audit.Shard{"s": {Accepted: 100, Quarantined: 10, Streaming: c.streaming, Microbatch: c.microbatch}}}
		got := judge(report, map[string]audit.Expected{"s": {Ledger: c.ledger, Stream: -1}}, c.waiting, now)
		if got.OK != c.want.OK || got.Missing != c.want.Missing || got.Doubled != c.want.Doubled || (got.Note == "") != (c.want.Note == "") {
			t.Errorf("%s: %+v", c.name, got)
		}
		if got.Accepted != 100+c.waiting {
			t.Errorf("%s: %d accepted", c.name, got.Accepted)
		}
	}
}

// TestTurns: of a thousand shards each look reads a few ledgers, and each shard has its turn.
func TestTurns(t *testing.T) {
	o := &outside{place: stack.Settings{}, lags: map[string]listener.Lag{}, listed: time.Now()}
	for i := range 1000 {
		o.shards = append(o.shards, listener.Shard{ID: fmt.Sprint(i)})
	}
	read := map[string]int{}
	known := map[string]string{}
	for look := range 2 * 1000 / ledgersPerLook {
		o.looks++
		due := 0
		for i, s := range o.shards {
			if v := o.version(i); known[s.ID] != v {
				known[s.ID] = v
				read[s.ID]++
				due++
			}
		}
		if look > 0 && due > ledgersPerLook+1 {
			t.Fatalf("look %d reads %d ledgers", look, due)
		}
	}
	for id, n := range read {
		if n < 2 || n > 4 {
			t.Errorf("shard %s was read %d times", id, n)
		}
	}
}

func TestRejectsKeepTheLast(t *testing.T) {
	r := newRejects(nil, "s")
	for i := range int64(100) {
		id := idOf("shard", i)
		r.add([]dashboard.Reject{{ID: id, Shard: "shard", Ordinal: i, Arrived: i}}, map[string]string{id: fmt.Sprint("key ", i)})
		r.add([]dashboard.Reject{{ID: id, Shard: "shard", Ordinal: i, Arrived: i}}, map[string]string{id: fmt.Sprint("key ", i)})
	}
	last := r.last()
	if len(last) != rejectCount || last[0].Ordinal != 99 || last[rejectCount-1].Ordinal != 80 || len(r.objects) != rejectCount || r.objects[last[0].ID] != "key 99" {
		t.Errorf("%d: %+v %v", len(last), last, r.objects)
	}
	if _, err := r.payload(t.Context(), idOf("shard", 5)); err != dashboard.ErrUnknown {
		t.Errorf("a record that is not shown: %v", err)
	}
}
