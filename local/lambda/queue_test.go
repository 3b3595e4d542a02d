package lambda

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

func asEvent(in *sdk.InvokeInput) { in.InvocationType = types.InvocationTypeEvent }

func (h *host) queued() []string {
	names, err := filepath.Glob(filepath.Join(h.cfg.Dir, "queue", "*"))
	if err != nil {
		h.t.Fatal(err)
	}
	return names
}

func TestAsynchronous(t *testing.T) {
	h := open(t, testConfig(t, "", ""))
	for range 10 {
		if out := h.mustInvoke("script", order{Do: "echo"}, asEvent); out.StatusCode != 202 || len(out.Payload) != 0 {
			t.Errorf("%d %s", out.StatusCode, out.Payload)
		}
	}
	if err := h.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := h.Stats().Queue; s.Depth != 0 || s.Delivered != 10 || len(h.notes()) != 10 || len(h.queued()) != 0 {
		t.Errorf("%+v, %d notes, files %v", s, len(h.notes()), h.queued())
	}
}

// Two retries with the same request id, then the failure document with both payloads.
func TestAsynchronousRetries(t *testing.T) {
	b := newBucket(t)
	cfg := testConfig(t, "", b.URL)
	cfg.Functions[0].OnFailure = "arn:aws:s3:::failures"
	b.failing = 1
	h := open(t, cfg)
	h.mustInvoke("script", order{Do: "error", Text: "<kept>"}, asEvent)
	if err := h.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	notes := h.notes()
	if len(notes) != 3 || notes[0] != notes[2] {
		t.Errorf("calls %v", notes)
	}
	key, body := b.only(t)
	if !strings.HasPrefix(key, "/failures/aws/lambda/async/script/") {
		t.Errorf("key %s", key)
	}
	var document struct {
		RequestContext  requestContext
		RequestPayload  order
		ResponseContext responseContext
		ResponsePayload struct{ ErrorMessage string }
	}
	if err := json.Unmarshal(body, &document); err != nil {
		t.Fatal(err)
	}
	r := document.RequestContext
	if r.Condition != "RetriesExhausted" || r.ApproximateInvokeCount != 3 || "error_"+r.RequestID != notes[0] || document.RequestPayload.Text != "<kept>" ||
		document.ResponsePayload.ErrorMessage != "as told" || *document.ResponseContext.FunctionError != "Unhandled" || !strings.HasSuffix(r.FunctionARN, ":script:$LATEST") {
		t.Errorf("%s", body)
	}
	if s := h.Stats().Queue; s.Discarded != 1 || s.Delivered != 0 || len(h.queued()) != 0 {
		t.Errorf("%+v, files %v", s, h.queued())
	}
}

func TestAsynchronousNoRetry(t *testing.T) {
	cfg := testConfig(t, "", "")
	cfg.Functions[0].MaximumRetryAttempts = aws.Int(0)
	h := open(t, cfg)
	h.mustInvoke("script", order{Do: "panic"}, asEvent)
	if err := h.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := h.Stats().Queue; len(h.notes()) != 1 || s.Discarded != 1 {
		t.Errorf("%v, %+v", h.notes(), s)
	}
}

// What was accepted is there after a restart, with its attempts and its due time.
func TestAsynchronousDurable(t *testing.T) {
	cfg := testConfig(t, "", "")
	cfg.RetryDelay = time.Hour
	h := open(t, cfg)
	h.mustInvoke("script", order{Do: "error"}, asEvent)
	eventually(t, "the first try is on disk", func() bool {
		var e event
		return len(h.queued()) == 1 && h.store.load(h.queued()[0], &e) == nil && e.Attempts == 1
	})
	torn := filepath.Join(cfg.Dir, "queue", "torn.json.tmp")
	if err := os.WriteFile(torn, []byte("0000"), 0o600); err != nil {
		t.Fatal(err)
	}
	h = h.reopen()
	if s := h.Stats().Queue; s.Depth != 1 || slices.Contains(h.queued(), torn) {
		t.Errorf("%+v, files %v", s, h.queued())
	}
	h.close()
	var e event
	path := h.queued()[0]
	if err := h.store.load(path, &e); err != nil {
		t.Fatal(err)
	}
	e.Due = time.Now()
	if err := newStore().save(path, e); err != nil {
		t.Fatal(err)
	}
	h = open(t, cfg)
	eventually(t, "the second try", func() bool { return len(h.notes()) == 2 })
	if notes := h.notes(); notes[0] != notes[1] || notes[0] != "error_"+e.ID {
		t.Errorf("%v, accepted as %s", notes, e.ID)
	}
}

func TestAsynchronousThrottledAndOld(t *testing.T) {
	cfg := testConfig(t, "", "")
	cfg.Functions[0].ReservedConcurrency = 1
	h := open(t, cfg)
	busy := make(chan error, 1)
	go func() {
		_, err := h.invoke("script", order{Do: "sleep", For: time.Second})
		busy <- err
	}()
	eventually(t, "the slot is taken", func() bool { return h.Stats().Functions[3].Running == 1 })
	h.mustInvoke("script", order{Do: "echo"}, asEvent)
	if err := h.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-busy; err != nil {
		t.Error(err)
	}
	if s := h.Stats(); s.Queue.Delivered != 1 || s.Functions[3].Throttles == 0 {
		t.Errorf("%+v", s)
	}
	h.close()
	old := event{ID: "old", Function: "script", Accepted: time.Now().Add(-7 * time.Hour), Due: time.Now(), Payload: []byte(`{"do":"late"}`)}
	if err := newStore().save(filepath.Join(cfg.Dir, "queue", "old.json"), old); err != nil {
		t.Fatal(err)
	}
	h = open(t, cfg)
	if err := h.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := h.Stats().Queue; s.Discarded != 1 || slices.ContainsFunc(h.notes(), func(n string) bool { return strings.HasPrefix(n, "late") }) {
		t.Errorf("%+v %v", s, h.notes())
	}
}

// A failed sync means no 202, now and for good.
func TestAsynchronousSyncFails(t *testing.T) {
	h := open(t, testConfig(t, "", ""))
	h.store.sync = func(*os.File) error { return errors.New("input/output error") }
	var service *types.ServiceException
	for range 2 {
		if _, err := h.invoke("script", order{}, asEvent); !errors.As(err, &service) {
			t.Errorf("%v", err)
		}
		h.store.sync = (*os.File).Sync
	}
	if s := h.Stats().Queue; s.Depth != 0 || len(h.notes()) != 0 {
		t.Errorf("%+v %v", s, h.notes())
	}
}

func TestStoreFindsDamage(t *testing.T) {
	s, path := newStore(), filepath.Join(t.TempDir(), "document.json")
	want := checkpoint{Sequence: "12345"}
	if err := s.save(path, want); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range whole {
		for name, damaged := range map[string][]byte{"cut": whole[:i], "flipped": slices.Replace(slices.Clone(whole), i, i+1, whole[i]^1)} {
			if err := os.WriteFile(path, damaged, 0o600); err != nil {
				t.Fatal(err)
			}
			var got checkpoint
			if err := s.load(path, &got); err == nil && !(i == sealLength-1 && name == "flipped") {
				t.Errorf("%s at %d: read as %+v", name, i, got)
			}
		}
	}
}
