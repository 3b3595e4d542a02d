package simulation

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// errReset is what a client sees of a connection that broke: the fate of its request is unknown.
var errReset = errors.New("connection reset by peer")

// process is one running function. It may be killed before or after a call it makes; from then on nothing it does
// has an effect.
type process struct {
	w    *world
	name string
	ctx  context.Context
	kill context.CancelFunc
	// left counts down to the call at which the process is killed, after that call took effect or before it.
	left  int
	after bool
	// freeze counts down to the call before which the process stands still, for frozen.
	freeze int
	frozen time.Duration
	dead   bool
}

// begin starts an invocation in the process and draws its end.
func (p *process) begin(timeout time.Duration) {
	p.ctx, p.kill = context.WithDeadline(context.Background(), p.w.moment(timeout))
	p.left, p.freeze = 0, 0
	for _, f := range []fault{functionKilledBefore, functionKilledAfter} {
		if p.left == 0 && p.w.faulty && p.w.random.Float64() < p.w.rates[f] {
			p.left, p.after = 1+p.w.random.IntN(10), f == functionKilledAfter
		}
	}
}

// call makes one of the process's calls.
func (p *process) call(f func() (*http.Response, error)) (*http.Response, error) {
	if p.dead || p.ctx.Err() != nil {
		return nil, context.Canceled
	}
	p.left--
	if p.left == 0 && !p.after {
		return nil, p.die(functionKilledBefore)
	}
	if p.freeze--; p.freeze == 0 { // below 0 it runs on
		p.w.step("%s stands still", p.name)
		if err := p.w.pause(p.ctx, p.frozen); err != nil {
			return nil, err
		}
	}
	now := p.left == 0
	out, err := f()
	if now && !p.dead {
		return nil, p.die(functionKilledAfter)
	}
	return out, err
}

func (p *process) die(f fault) error {
	p.w.count(f)
	p.w.step("%s is killed", p.name)
	p.dead = true
	p.kill()
	return context.Canceled
}

// s3Wire is a process's way to S3.
type s3Wire struct{ *process }

// RoundTrip carries one request to the bucket and its answer back, or fails to.
func (s s3Wire) RoundTrip(r *http.Request) (*http.Response, error) {
	q, err := readRequest(r)
	if err != nil {
		return nil, err
	}
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	out, err := s.call(func() (*http.Response, error) { return s.exchange(r.Context(), q) })
	if out != nil {
		out.Request = r
	}
	return out, err
}

func (s s3Wire) exchange(ctx context.Context, q request) (*http.Response, error) {
	w := s.w
	out, err := s.there(ctx, q)
	if out != nil || err != nil {
		return out, err
	}
	out = w.bucket.apply(q)
	switch {
	case w.hit(s3AnswerLost):
		return nil, errReset
	case w.hit(s3ErrorAfterSuccess):
		out = refuse(http.StatusInternalServerError, "InternalError")
	case q.method == http.MethodGet && out.StatusCode == http.StatusOK && out.ContentLength > 1 && w.hit(s3BodyCut):
		out.Body = cut(out.Body, w.random.Int64N(out.ContentLength))
	}
	return out, w.pause(ctx, w.between(time.Millisecond, 20*time.Millisecond))
}

// there is the way to the bucket. With neither an answer nor an error the request has arrived.
func (s s3Wire) there(ctx context.Context, q request) (*http.Response, error) {
	w := s.w
	travel := w.between(time.Millisecond, 20*time.Millisecond)
	switch {
	case w.hit(s3Unreachable):
		_ = w.pause(ctx, travel)
		return nil, errReset
	case w.hit(s3SlowDown):
		return refuse(http.StatusServiceUnavailable, "SlowDown"), w.pause(ctx, travel)
	case q.conditional() && w.hit(s3Conflict):
		return refuse(http.StatusConflict, "ConditionalRequestConflict"), w.pause(ctx, travel)
	case q.write() && w.hit(s3Straggler):
		w.bucket.applyLater(w.between(time.Second, 5*time.Minute), q)
		_ = w.pause(ctx, travel)
		return nil, errReset
	case q.write() && len(q.body) > 0 && w.hit(s3BodyChanged):
		q.body = bytes.Clone(q.body)
		q.body[w.random.IntN(len(q.body))] ^= 1
		return w.bucket.apply(q), w.pause(ctx, travel)
	case w.hit(s3Delay):
		travel = w.between(time.Second, 90*time.Second)
	}
	err := w.pause(ctx, travel)
	if err != nil && q.write() && w.random.IntN(2) == 0 {
		w.bucket.applyLater(w.between(0, time.Minute), q) // the caller is gone, the request is not
	}
	return nil, err
}

// cut is a body whose connection breaks after n bytes.
func cut(body io.Reader, n int64) io.ReadCloser {
	return io.NopCloser(io.MultiReader(io.LimitReader(body, n), brokenReader{}))
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
