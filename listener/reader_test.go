package listener

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snowstream/snowstream/record"
)

func quickReader() ReaderConfig {
	return ReaderConfig{Interval: time.Millisecond, MinDelay: time.Millisecond, MaxDelay: 5 * time.Millisecond, MaxElapsed: 5 * time.Second}
}

// fill gives the stand-in n records.
func (s *stand) fill(n int) {
	for i := range n {
		s.stream = append(s.stream, stored{"k" + strconv.Itoa(i), strconv.Itoa(i), 1700000000.25 + float64(i)})
	}
}

// F07 and its like: whatever fails in between, each record comes once and in order.
func TestReadThroughFaults(t *testing.T) {
	s, api := newStand(t)
	s.fill(95)
	s.before = func(w http.ResponseWriter, operation string, n int) bool {
		if operation == "GetShardIterator" && n == 2 {
			refuse(w, 500, "InternalFailure")
			return true
		}
		if operation != "GetRecords" {
			return false
		}
		switch n {
		case 3, 9:
			refuse(w, 400, "ExpiredIteratorException")
		case 4:
			refuse(w, 400, "ProvisionedThroughputExceededException")
		case 6:
			panic(http.ErrAbortHandler)
		case 7:
			answer(w, map[string]any{"Records": []any{}, "NextShardIterator": "at-40", "MillisBehindLatest": 5})
		default:
			return false
		}
		return true
	}
	var got []record.Record
	err := NewReader(api, "kdEntry", quickReader()).Read(t.Context(), "shardId-0", "10", func(batch []record.Record) error {
		got = append(got, batch...)
		return nil
	})
	if err != nil || len(got) != 85 {
		t.Fatalf("%d records, error %v", len(got), err)
	}
	for i, r := range got {
		n := i + 10
		want := record.Record{Position: record.Position{Shard: "shardId-0", Sequence: strconv.Itoa(n + 1)}, PartitionKey: "k" + strconv.Itoa(n),
			ArrivedAt: time.Unix(1700000000+int64(n), 250e6).UTC(), Data: []byte(strconv.Itoa(n))}
		if d := cmp.Diff(want, r); d != "" {
			t.Fatalf("record %d: %s", i, d)
		}
	}
	if s.count("GetShardIterator") != 4 {
		t.Errorf("%d iterators were asked for, want the first, one that failed and two renewed", s.count("GetShardIterator"))
	}
}

func TestReadStops(t *testing.T) {
	s, api := newStand(t)
	s.fill(50)
	enough := errors.New("enough")
	r := NewReader(api, "kdEntry", quickReader())
	if err := r.Read(t.Context(), "shardId-0", "", func([]record.Record) error { return enough }); err != enough {
		t.Errorf("the error of yield became %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := r.Read(ctx, "shardId-0", "", func([]record.Record) error { cancel(); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("after cancel: %v", err)
	}
	if err := r.Read(t.Context(), "shardId-0", "999", func([]record.Record) error { return nil }); err == nil ||
		!strings.Contains(err.Error(), `read shard shardId-0 of stream kdEntry after "999"`) {
		t.Errorf("a position that does not exist: %v", err)
	}
	// A closed shard ends without an iterator, whatever the lag says.
	s.before = func(w http.ResponseWriter, operation string, _ int) bool {
		if operation == "GetRecords" {
			answer(w, map[string]any{"Records": []any{}, "MillisBehindLatest": 7})
		}
		return operation == "GetRecords"
	}
	if err := r.Read(t.Context(), "shardId-0", "", func([]record.Record) error { return nil }); err != nil {
		t.Error(err)
	}
}

func TestReadKeepsItsPace(t *testing.T) {
	s, api := newStand(t)
	s.fill(60)
	config := quickReader()
	config.Interval = 20 * time.Millisecond
	if err := NewReader(api, "kdEntry", config).Read(t.Context(), "shardId-0", "", func([]record.Record) error { return nil }); err != nil {
		t.Fatal(err)
	}
	reads := s.times[1:] // after the iterator
	if len(reads) != 6 {
		t.Fatalf("%d reads", len(reads))
	}
	if took := reads[5].Sub(reads[0]); took < 5*20*time.Millisecond {
		t.Errorf("6 reads took %v", took)
	}
}

func TestLag(t *testing.T) {
	s, api := newStand(t)
	r := NewReader(api, "kdEntry", quickReader())
	for _, c := range []struct {
		stored int
		after  string
		first  int // the oldest waiting record
		want   Lag
	}{
		{0, "", -1, Lag{}},
		{1, "", 0, Lag{Waiting: 1}},
		{5, "3", 3, Lag{Waiting: 2}},
		{5, "5", -1, Lag{}},
		{25, "5", 5, Lag{Waiting: 10, More: true}},
	} {
		s.stream = nil
		s.fill(c.stored)
		got, err := r.Lag(t.Context(), "shardId-0", c.after)
		if c.first >= 0 { // all arrived a second apart, long ago
			age := time.Since(time.UnixMilli(1700000000250 + 1000*int64(c.first)))
			if got.Behind > age || got.Behind < age-500*time.Millisecond {
				t.Errorf("%d stored, after %q: the oldest is %s old, and not %s", c.stored, c.after, age, got.Behind)
			}
			got.Behind = 0
		}
		if err != nil || got != c.want {
			t.Errorf("%d stored, after %q: %+v, %v; want %+v", c.stored, c.after, got, err, c.want)
		}
	}
	s.before = func(w http.ResponseWriter, operation string, n int) bool {
		if operation != "GetRecords" {
			return false
		}
		answer(w, map[string]any{"Records": []any{}, "NextShardIterator": "at-0", "MillisBehindLatest": 4000})
		return true
	}
	if got, err := r.Lag(t.Context(), "shardId-0", ""); err != nil || got != (Lag{Behind: 4 * time.Second, More: true}) {
		t.Errorf("of empty answers: %+v, %v", got, err)
	}
}

func TestShards(t *testing.T) {
	_, api := newStand(t)
	got, err := NewReader(api, "kdEntry", quickReader()).Shards(t.Context())
	want := []Shard{{ID: "shardId-0"}, {ID: "shardId-1"}, {ID: "shardId-2", Parent: "shardId-0", AdjacentParent: "shardId-1", Open: true}}
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Errorf("%v %s", err, d)
	}
}

func TestEnsureStream(t *testing.T) {
	s, api := newStand(t)
	s.shards = 0
	for range 2 {
		if err := EnsureStream(t.Context(), api, "kdEntry", 3); err != nil {
			t.Fatal(err)
		}
	}
	if s.shards != 3 || s.created != 1 || s.status != "ACTIVE" {
		t.Errorf("%d shards, created %d times, %s", s.shards, s.created, s.status)
	}
	if err := EnsureStream(t.Context(), api, "kdEntry", 2); err == nil ||
		!strings.Contains(err.Error(), "ensure stream kdEntry: it exists with 3 open shards, not 2") {
		t.Errorf("another size: %v", err)
	}
	s.status = "DELETING"
	if err := EnsureStream(t.Context(), api, "kdEntry", 3); err == nil || !strings.Contains(err.Error(), "being deleted") {
		t.Errorf("while it is deleted: %v", err)
	}
	if err := EnsureStream(t.Context(), api, "kdEntry", -1); err == nil {
		t.Error("0 shards were taken")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	s.before = func(w http.ResponseWriter, _ string, _ int) bool {
		answer(w, map[string]any{"StreamDescriptionSummary": map[string]any{"StreamStatus": "CREATING", "OpenShardCount": 0}})
		return true
	}
	if err := EnsureStream(ctx, api, "kdEntry", 3); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a stream that never becomes active: %v", err)
	}
}
