package streaming

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"
)

// Fault is something that goes wrong on purpose, as it does in the real service.
type Fault string

// The faults. The first five meet appends, before or instead of what an append does.
const (
	// LostAnswer does what is asked and closes the connection instead of answering.
	LostAnswer Fault = "lost-answer"
	// Throttled answers 429.
	Throttled Fault = "throttled"
	// Unavailable answers 503.
	Unavailable Fault = "unavailable"
	// Gone answers 410: the client must be made anew.
	Gone Fault = "gone"
	// Stall commits nothing. Appends are acknowledged.
	Stall Fault = "stall"
	// SlowCommit makes each commit wait for SlowCommitTime.
	SlowCommit Fault = "slow-commit"
	// RejectedRows rejects every tenth row.
	RejectedRows Fault = "rejected-rows"
	// Expiry ends all channels that have nothing to commit, once, as after 30 idle days.
	Expiry Fault = "expiry"
)

// SlowCommitTime is how much longer a commit takes with SlowCommit: the longest that was seen on the service.
const SlowCommitTime = 9 * time.Second

// Faults are what goes wrong on purpose. The zero value lets nothing go wrong.
type Faults struct {
	lost, throttled, unavailable, gone, stall, slow, reject, expiry atomic.Bool
}

// Set begins or ends a fault. It says false for one that is not known.
func (f *Faults) Set(fault Fault, on bool) bool {
	known := map[Fault]*atomic.Bool{
		LostAnswer: &f.lost, Throttled: &f.throttled, Unavailable: &f.unavailable, Gone: &f.gone, Stall: &f.stall, SlowCommit: &f.slow,
		RejectedRows: &f.reject, Expiry: &f.expiry,
	}[fault]
	if known != nil {
		known.Store(on)
	}
	return known != nil
}

func (f *Faults) rejecting() bool  { return f.reject.Load() }
func (f *Faults) expired() bool    { return f.expiry.Load() }
func (f *Faults) takeExpiry() bool { return f.expiry.Swap(false) }

// hold makes a commit wait, and says whether it may go on. The last one, when the server ends, always may.
func (f *Faults) hold(ctx context.Context) bool {
	if ctx.Err() != nil {
		return true
	}
	if f.slow.Load() {
		timer := time.NewTimer(SlowCommitTime)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	return !f.stall.Load() || ctx.Err() != nil
}

// appending puts the faults of appends in front of them.
func (s *Server) appending(next http.HandlerFunc) http.HandlerFunc {
	f := &s.Faults
	return func(w http.ResponseWriter, r *http.Request) {
		switch {
		case f.throttled.Load():
			answerError(w, &refusal{http.StatusTooManyRequests, codeSaturated, "Too many requests, on purpose.", 1})
		case f.unavailable.Load():
			answerError(w, &refusal{http.StatusServiceUnavailable, codeRetry, "Unavailable, on purpose.", 0})
		case f.gone.Load():
			answerError(w, &refusal{http.StatusGone, codeInvalidClient, "The client is void, on purpose.", 0})
		case f.lost.Load():
			next(discardAnswer{w}, r)
			panic(http.ErrAbortHandler) // the server closes the connection
		default:
			next(w, r)
		}
	}
}

// discardAnswer keeps an answer from its client.
type discardAnswer struct{ w http.ResponseWriter }

func (d discardAnswer) Header() http.Header         { return d.w.Header().Clone() }
func (d discardAnswer) Write(p []byte) (int, error) { return len(p), nil }
func (d discardAnswer) WriteHeader(int)             {}
