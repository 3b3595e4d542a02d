//go:build cgo

package stack

import (
	"io"
	"net/http"
	"sync"

	"github.com/snowstream/snowstream/local/warehouse/streaming"
)

// faults stand in front of the services and break them on purpose: what comes through is what a client would meet if
// the real service had trouble. They exist only where the Config asks for them, and end with the process.
type faults struct {
	mu sync.Mutex // covers both
	// refusing has S3 answer SlowDown. held is closed when the notifications held back may go on, nil if none are.
	refusing bool
	held     chan struct{}
}

// refuse is S3 with its trouble.
func (f *faults) refuse(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		refusing := f.refusing
		f.mu.Unlock()
		if !refusing {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(http.StatusServiceUnavailable)
		// A client that has gone needs no answer.
		_, _ = io.WriteString(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>`)
	})
}

// hold is the warehouse, whose queue gets its notifications late.
func (f *faults) hold(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		held := f.held
		f.mu.Unlock()
		if held != nil && r.Header.Get("X-Amz-Target") == "AmazonSQS.SendMessage" {
			select {
			case <-held:
			case <-r.Context().Done(): // S3 tries again
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// RefuseS3 has S3 refuse all requests, or answer them again.
func (s *Stack) RefuseS3(refuse bool) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.refusing = refuse
}

// HoldNotices keeps the bucket's notifications from the pipe, or lets them go on.
func (s *Stack) HoldNotices(hold bool) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	switch {
	case hold && s.faults.held == nil:
		s.faults.held = make(chan struct{})
	case !hold && s.faults.held != nil:
		close(s.faults.held)
		s.faults.held = nil
	}
}

// BreakStreaming lets a fault of Snowpipe Streaming begin or end. It says false for one that is not known.
func (s *Stack) BreakStreaming(fault streaming.Fault, on bool) bool {
	return s.warehouse.Streaming().Faults.Set(fault, on)
}

// Kill ends a function's processes as a crash would, and returns how many there were.
func (s *Stack) Kill(function string) int { return s.lambda.Kill(function) }

// Calls tells how many calls of a function there have been and how many are in flight.
func (s *Stack) Calls(function string) (made int64, running int) {
	for _, f := range s.lambda.Stats().Functions {
		if f.Name == function {
			return f.Invocations, f.Running
		}
	}
	return 0, 0
}
