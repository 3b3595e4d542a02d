package audit

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
)

// written is a shard with objects of ten records each, written at these seconds.
func written(seconds ...int64) *shard {
	s := shardOf(int64(len(seconds)), int64(10*len(seconds)))
	s.Ledger.UpdatedAt = time.Unix(1e6, 0)
	for i, at := range seconds {
		s.objects = append(s.objects, object{key: fmt.Sprint(i), ordinal: int64(10*i + 1), modified: time.Unix(at, 0)})
	}
	return s
}

func TestRuns(t *testing.T) {
	s := written(100, 200, 300, 400, 500)
	s.Ledger.Ordinal = 48 // the last object is not all in the ledger yet
	for _, tt := range []struct {
		name string
		sel  Selection
		want []string
	}{
		{"all", Selection{}, []string{"1-48 of 5"}},
		{"in the middle of objects", Selection{First: 15, Last: 22}, []string{"15-22 of 2"}},
		{"one ordinal", Selection{First: 20, Last: 20}, []string{"20-20 of 1"}},
		{"behind the ledger", Selection{First: 49, Last: 60}, nil},
		{"from a time", Selection{From: time.Unix(400, 0)}, []string{"31-48 of 2"}},
		{"up to a time", Selection{To: time.Unix(200, 0)}, []string{"1-10 of 1"}},
		{"no time", Selection{From: time.Unix(201, 0), To: time.Unix(300, 0)}, nil},
	} {
		var got []string
		for _, r := range s.runs(tt.sel) {
			got = append(got, fmt.Sprintf("%d-%d of %d", r.first, r.last, len(r.objects)))
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
	s.objects[1].modified = time.Unix(9000, 0) // restored: it is of another time than its neighbours
	if got := s.runs(Selection{To: time.Unix(1000, 0)}); len(got) != 2 || got[0].last != 10 || got[1].first != 21 {
		t.Errorf("with a hole: %+v", got)
	}
}

func TestSampled(t *testing.T) {
	for _, tt := range []struct {
		written []int64
		want    string
	}{
		{nil, ""},
		{[]int64{5}, "0"},
		{[]int64{0, 1, 2, 3, 4, 5, 6, 7}, "0 3 6 7"},
		{[]int64{0, 1, 50, 51, 52}, "0 1 2 4"},
	} {
		got := ""
		for _, o := range sampled(written(tt.written...).objects, 3*time.Second) {
			got += " " + o.key
		}
		if got != "" {
			got = got[1:]
		}
		if got != tt.want {
			t.Errorf("%v: %s, want %s", tt.written, got, tt.want)
		}
	}
}

func TestTrimmed(t *testing.T) {
	a := New(Config{Retention: Retention{Period: 24 * time.Hour}})
	for _, tt := range []struct {
		ledger, oldest string
		age            time.Duration
		want           int
	}{
		{"500", "600", 23*time.Hour + 50*time.Minute, 1},
		{"500", "600", time.Minute, 0},    // what is behind the ledger is young: the reader stands close by
		{"500", "400", 24 * time.Hour, 0}, // the ledger's last record is still there
		{"", "600", 24 * time.Hour, 0},    // nothing has ever landed: the pipeline is younger than the records
	} {
		s := newShard(one, Landed{Ledger: rawzone.Ledger{Sequence: tt.ledger}})
		got := a.trimmed(s, record.Record{Position: record.Position{Sequence: tt.oldest}, ArrivedAt: time.Now().Add(-tt.age)})
		if len(got) != tt.want {
			t.Errorf("%+v: %+v", tt, got)
		}
	}
}
