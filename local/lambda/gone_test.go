package lambda

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// said collects what a host tells people.
type said struct {
	mu  sync.Mutex
	all []string
}

func (s *said) say(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, text)
}

// once fails unless exactly one sentence holds text.
func (s *said) once(t *testing.T, text string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.all) != 1 || !strings.Contains(s.all[0], text) {
		t.Errorf("said %q, want one sentence with %q", s.all, text)
	}
}

// soon is a drain that must not take the time that a person would call hanging.
func soon(t *testing.T, h *host) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := h.Drain(ctx); err != nil {
		t.Fatal(err)
	}
}

// A stream that is deleted is let go, also by the next host on the folder; what was read of it before is handed over.
func TestDrainLetsAStreamGo(t *testing.T) {
	k, told := newKinesis(t, shard0), &said{}
	cfg := testConfig(t, k.URL, "")
	cfg.Say = told.say
	h := open(t, cfg)
	h.mapping(func(in *sdk.CreateEventSourceMappingInput) { in.MaximumBatchingWindowInSeconds = aws.Int32(300) })
	k.put(shard0, numbers(0, 3)...)
	eventually(t, "the records are read", func() bool { return h.shard(shard0).IteratorAge > 0 })
	k.setGone(true)
	soon(t, h)
	if got := h.records(); !slices.Equal(got, numbers(0, 3)) {
		t.Errorf("handed over %v", got)
	}
	soon(t, h)
	told.once(t, "Stream kdEntry does not exist")
	told.all = nil
	h = h.reopen()
	soon(t, h)
	told.once(t, "Stream kdEntry does not exist")
	if m := h.Stats().Mappings[0]; m.LastResult != "PROBLEM: stream kdEntry does not exist" {
		t.Errorf("%+v", m)
	}
	k.setGone(false)
	k.put(shard0, numbers(3, 5)...)
	eventually(t, "the stream is read again", func() bool { return len(h.records()) == 5 || h.Drain(t.Context()) != nil })
}

// Records whose failure destination is gone stay in their stream: they hold up no drain, and go on when it is there again.
func TestDrainLetsADestinationGo(t *testing.T) {
	k, b, told := newKinesis(t, shard0), newBucket(t), &said{}
	cfg := testConfig(t, k.URL, b.URL)
	cfg.Say = told.say
	h := open(t, cfg)
	h.rule("error r000")
	h.mapping(func(in *sdk.CreateEventSourceMappingInput) {
		in.MaximumRetryAttempts = aws.Int32(0)
		in.DestinationConfig = &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: aws.String("arn:aws:s3:::failures")}}
	})
	b.setGone(true)
	k.put(shard0, numbers(0, 1)...)
	soon(t, h)
	told.once(t, "arn:aws:s3:::failures does not exist")
	if s := h.shard(shard0); s.Checkpoint != "" || s.Discarded != 0 {
		t.Errorf("the checkpoint moved: %+v", s)
	}
	b.setGone(false)
	eventually(t, "the document arrives", func() bool { return h.shard(shard0).Discarded == 1 })
	b.only(t)
}

// The same for an event of the asynchronous queue.
func TestDrainLetsAnEventGo(t *testing.T) {
	b, told := newBucket(t), &said{}
	cfg := testConfig(t, "", b.URL)
	cfg.Say, cfg.Functions[0].OnFailure, cfg.Functions[0].MaximumRetryAttempts = told.say, "arn:aws:s3:::failures", aws.Int(0)
	h := open(t, cfg)
	b.setGone(true)
	for range 2 {
		_, err := h.api.Invoke(t.Context(), &sdk.InvokeInput{
			FunctionName: aws.String("script"), InvocationType: types.InvocationTypeEvent, Payload: []byte(`{"do":"error"}`),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	soon(t, h)
	told.once(t, "arn:aws:s3:::failures does not exist")
	b.setGone(false)
	eventually(t, "the documents arrive", func() bool { return h.Stats().Queue.Discarded == 2 })
}

// A drain says what it waits for, and why that does not come.
func TestDrainNamesWhatItWaitsFor(t *testing.T) {
	k := newKinesis(t, shard0)
	h := open(t, testConfig(t, k.URL, ""))
	h.rule("error r000")
	h.mapping()
	if what := h.Waiting(); what != "" {
		t.Errorf("nobody waits, yet %q", what)
	}
	k.put(shard0, numbers(0, 1)...)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- h.Drain(ctx) }()
	eventually(t, "the wait is named", func() bool {
		what := h.Waiting()
		return strings.Contains(what, "mapping to batch") && strings.Contains(what, shard0) && strings.Contains(what, "Function call failed")
	})
	cancel()
	if err := <-done; err == nil || !strings.Contains(err.Error(), shard0) {
		t.Errorf("drain ended with %v", err)
	}
	if what := h.Waiting(); what != "" {
		t.Errorf("nobody waits any more, yet %q", what)
	}
}
