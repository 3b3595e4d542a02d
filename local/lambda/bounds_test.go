package lambda

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
)

// lockedBuffer is a log that may be read while it is written.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func openFiles(t *testing.T) int {
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("not run: this system has no /proc")
	}
	return len(names)
}

// Hundreds of failing batches leave no goroutine, file or process behind, and nothing of a record in the host's log.
func TestFailingBatchesStayFlat(t *testing.T) {
	k := newKinesis(t, shard0)
	cfg := testConfig(t, k.URL, "")
	log := &lockedBuffer{}
	cfg.Log = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	h := open(t, cfg)
	h.rule("answer {\"batchItemFailures\":[{\"itemIdentifier\":\"\"}]}")
	h.mapping(func(in *sdk.CreateEventSourceMappingInput) {
		in.BatchSize, in.MaximumRetryAttempts = aws.Int32(1), aws.Int32(0)
		in.FunctionResponseTypes = append(in.FunctionResponseTypes, reportItems)
	})
	fail := func(n int) {
		for i := range n {
			k.put(shard0, fmt.Sprintf("canary-%03d", i))
		}
		if err := h.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	fail(30)
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	fail(300)
	if after := runtime.NumGoroutine(); after > goroutines+5 {
		t.Errorf("goroutines grew from %d to %d", goroutines, after)
	}
	if after := openFiles(t); after > files+5 {
		t.Errorf("open files grew from %d to %d", files, after)
	}
	if s := h.shard(shard0); s.Discarded != 330 || s.Records != 0 || h.Stats().Functions[1].Processes != 1 {
		t.Errorf("%+v", s)
	}
	h.close()
	if text := log.String(); strings.Contains(text, "canary") || strings.Contains(text, "secret") || !strings.Contains(text, "records given up") {
		t.Errorf("log of %d bytes holds what it must not, or nothing", len(text))
	}
}
