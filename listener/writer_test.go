package listener

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/snowstream/snowstream/record"
)

const tooFast = "ProvisionedThroughputExceededException"

func TestPutSplitsByCountAndBytes(t *testing.T) {
	s, api := newStand(t)
	r := mustPut(t, NewWriter(api, "kdEntry", quick()), entries(1201))
	if r.Accepted != 1201 || s.count("PutRecords") != 3 || r.Retried != 0 {
		t.Errorf("%+v in %d calls", r, s.count("PutRecords"))
	}
	large := entries(12)
	for i := range large {
		large[i].Data = bytes.Repeat([]byte{byte('a' + i)}, 1<<20-2)
	}
	r = mustPut(t, NewWriter(api, "kdEntry", quick()), large)
	if r.Accepted != 12 || s.count("PutRecords") != 6 || r.Bytes != 12*(1<<20-2) {
		t.Errorf("%d accepted, %d failed (%v), %d calls", r.Accepted, r.Failed, r.Reason, s.count("PutRecords"))
	}
	for i, stored := range s.stream[:1201] {
		if stored.key != string(entries(1201)[i].PartitionKey) {
			t.Fatalf("record %d came out of order", i)
		}
	}
}

// F01: only what was refused goes out again.
func TestPartialThrottle(t *testing.T) {
	s, api := newStand(t)
	s.refuse = func(n, i int, _ string) string {
		switch {
		case n == 1 && i%3 == 0:
			return tooFast
		case n == 2 && i == 0:
			return "InternalFailure"
		}
		return ""
	}
	r := mustPut(t, NewWriter(api, "kdEntry", quick()), entries(30))
	if r.Accepted != 30 || r.Throttled != 10 || r.Retried != 11 || r.Failed != 0 || s.count("PutRecords") != 3 {
		t.Errorf("%+v in %d calls", r, s.count("PutRecords"))
	}
	for data, n := range s.copies() {
		if n != 1 {
			t.Errorf("%s is there %d times", data, n)
		}
	}
}

// F02: stored, but the answer is lost. Both copies are there, the count knows one.
func TestLostAnswer(t *testing.T) {
	s, api := newStand(t)
	s.lose = func(n int) bool { return n == 1 }
	r := mustPut(t, NewWriter(api, "kdEntry", quick()), entries(7))
	if r.Accepted != 7 || r.Retried != 7 || r.Throttled != 0 {
		t.Errorf("%+v", r)
	}
	if got := s.copies(); len(got) != 7 || got["record 0"] != 2 {
		t.Errorf("the stream has %v", got)
	}
}

// F03: failing calls are repeated with growing pauses, not at full speed.
func TestServerErrors(t *testing.T) {
	s, api := newStand(t)
	end := time.Now().Add(300 * time.Millisecond)
	s.before = func(w http.ResponseWriter, _ string, n int) bool {
		if time.Now().After(end) {
			return false
		}
		switch n % 4 {
		case 0:
			refuse(w, 500, "InternalFailure")
		case 1:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 2:
			refuse(w, 400, tooFast)
		default:
			_, _ = w.Write([]byte(`{"Records":[{"Sequence`))
		}
		return true
	}
	config := quick()
	config.MinDelay, config.MaxDelay = 10*time.Millisecond, 40*time.Millisecond
	r := mustPut(t, NewWriter(api, "kdEntry", config), entries(5))
	calls := s.count("PutRecords")
	if r.Accepted != 5 || r.Retried != 5*(calls-1) || r.Throttled == 0 {
		t.Errorf("%+v in %d calls", r, calls)
	}
	if calls < 4 || calls > 60 {
		t.Errorf("%d calls in 300 ms with pauses of up to 40 ms", calls)
	}
}

// F04: what no stream takes is refused by name, the rest goes out.
func TestRefusedEntries(t *testing.T) {
	s, api := newStand(t)
	all := entries(505)
	all[1].Data = make([]byte, 1<<20)
	all[2].PartitionKey = ""
	all[3].PartitionKey = strings.Repeat("é", MaxKeyLength+1)
	all[4].PartitionKey = "\xff"
	all[5].PartitionKey = strings.Repeat("é", MaxKeyLength)
	r := mustPut(t, NewWriter(api, "kdEntry", quick()), all)
	var refused *RefusedError
	if r.Accepted != 501 || r.Failed != 4 || !errors.As(r.Reason, &refused) || refused.Index != 1 || refused.Size != 1<<20+1 {
		t.Errorf("%+v", r)
	}
	if len(s.stream) != 501 {
		t.Errorf("%d stored", len(s.stream))
	}
	config := quick()
	config.MaxRecordBytes = 10 << 20
	all[1].Data = make([]byte, 9<<20)
	if r = mustPut(t, NewWriter(api, "kdEntry", config), all[:2]); r.Accepted != 2 {
		t.Errorf("with a raised limit: %+v", r)
	}
}

func TestEntryRefusedByTheService(t *testing.T) {
	s, api := newStand(t)
	s.refuse = func(_, i int, _ string) string {
		if i == 1 {
			return "InvalidArgumentException"
		}
		return ""
	}
	r := mustPut(t, NewWriter(api, "kdEntry", quick()), entries(3))
	if r.Accepted != 2 || r.Failed != 1 || r.Retried != 0 || !strings.Contains(r.Reason.Error(), "InvalidArgumentException") {
		t.Errorf("%+v", r)
	}
}

// F05: a shard that is too hot, and the order of each key.
func TestOrderPerKey(t *testing.T) {
	s, api := newStand(t)
	s.refuse = func(n, i int, _ string) string {
		if (n*7+i*13)%5 < 2 {
			return tooFast
		}
		return ""
	}
	config := quick()
	config.Ordered = true
	all := entries(400, "a", "b", "a", "c", "d", "e", "f", "a")
	r := mustPut(t, NewWriter(api, "kdEntry", config), all)
	if r.Accepted != 400 || r.Throttled == 0 || r.Throttled != r.Retried {
		t.Errorf("%+v", r)
	}
	want, got := map[string][]string{}, map[string][]string{}
	for _, e := range all {
		want[e.PartitionKey] = append(want[e.PartitionKey], string(e.Data))
	}
	for _, e := range s.stream {
		got[e.key] = append(got[e.key], e.data)
	}
	for key := range want {
		if !slices.Equal(want[key], got[key]) {
			t.Errorf("the order of key %s changed", key)
		}
	}
}

// Without Ordered, a later call never overtakes what an earlier one did not take.
func TestOrderAcrossCalls(t *testing.T) {
	s, api := newStand(t)
	s.refuse = func(n, i int, _ string) string {
		if n <= 3 && i >= 250 {
			return tooFast
		}
		return ""
	}
	all := entries(2000, "one")
	mustPut(t, NewWriter(api, "kdEntry", quick()), all)
	for i, e := range s.stream {
		if e.data != string(all[i].Data) {
			t.Fatalf("%s stands at place %d", e.data, i)
		}
	}
}

func TestGiveUp(t *testing.T) {
	s, api := newStand(t)
	s.refuse = func(_, i int, key string) string {
		if key != "0" {
			return tooFast
		}
		return ""
	}
	config := quick()
	config.MaxElapsed = 50 * time.Millisecond
	r := mustPut(t, NewWriter(api, "kdEntry", config), entries(600))
	if r.Accepted != 1 || r.Failed != 599 || r.Reason == nil || !strings.Contains(r.Reason.Error(), "nothing was accepted for 50ms") {
		t.Errorf("%+v", r)
	}
}

func TestFinalErrors(t *testing.T) {
	for code, hint := range map[string]string{
		"ResourceNotFoundException": "or create it",
		"AccessDeniedException":     "permissions",
		"ExpiredTokenException":     "check the credentials",
		"ValidationException":       "message of the service",
	} {
		s, api := newStand(t)
		s.before = func(w http.ResponseWriter, _ string, _ int) bool { refuse(w, 400, code); return true }
		var log bytes.Buffer
		config := quick()
		config.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		r, err := NewWriter(api, "kdEntry", config).Put(t.Context(), entries(600))
		if err == nil || r.Failed != 600 || s.count("PutRecords") != 1 || !strings.Contains(err.Error(), hint) ||
			!strings.Contains(err.Error(), "stream kdEntry, 600 of them not accepted") {
			t.Errorf("%s: %v, %+v, %d calls", code, err, r, s.count("PutRecords"))
		}
		if strings.Contains(log.String()+err.Error(), "record 0") {
			t.Error("a payload is in the log or the error")
		}
	}
	s, api := newStand(t)
	s.before = func(w http.ResponseWriter, _ string, _ int) bool {
		refuse(w, 400, "ResourceNotFoundException")
		return true
	}
	var missing *types.ResourceNotFoundException
	if _, err := NewWriter(api, "x", quick()).Put(t.Context(), entries(1)); !errors.As(err, &missing) {
		t.Errorf("the cause is lost: %v", err)
	}
}

func TestPutEndsWithItsContext(t *testing.T) {
	s, api := newStand(t)
	ctx, cancel := context.WithCancel(t.Context())
	s.refuse = func(n, i int, _ string) string {
		if n == 2 {
			cancel()
		}
		if i > 0 {
			return tooFast
		}
		return ""
	}
	config := quick()
	config.MaxDelay = time.Minute
	r, err := NewWriter(api, "kdEntry", config).Put(ctx, entries(10))
	if !errors.Is(err, context.Canceled) || r.Accepted+r.Failed != 10 || r.Accepted < 1 || r.Accepted > 2 {
		t.Errorf("%v, %+v", err, r)
	}
	if r, err := NewWriter(api, "kdEntry", config).Put(t.Context(), []record.Entry{}); err != nil || r != (Result{}) {
		t.Errorf("of nothing: %v, %+v", err, r)
	}
}

func TestUnreachable(t *testing.T) {
	s, api := newStand(t)
	s.before = func(http.ResponseWriter, string, int) bool { panic(http.ErrAbortHandler) }
	config := quick()
	config.MaxElapsed = 30 * time.Millisecond
	r := mustPut(t, NewWriter(api, "kdEntry", config), entries(2))
	if r.Failed != 2 || r.Reason == nil || s.count("PutRecords") < 2 {
		t.Errorf("%+v after %d calls", r, s.count("PutRecords"))
	}
}

// A put that makes progress goes on, however long it takes in all.
func TestProgressKeepsGoing(t *testing.T) {
	s, api := newStand(t)
	s.refuse = func(_, i int, _ string) string {
		if i > 0 {
			return tooFast
		}
		time.Sleep(15 * time.Millisecond) // a slow service; the answer comes after it
		return ""
	}
	config := quick()
	config.MaxElapsed = 500 * time.Millisecond
	if r := mustPut(t, NewWriter(api, "kdEntry", config), entries(40)); r.Accepted != 40 {
		t.Errorf("%+v", r)
	}
}
