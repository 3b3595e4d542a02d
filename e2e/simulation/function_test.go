package simulation

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/landing/streaming"
	"github.com/snowstream/snowstream/processing/datalake"
	"github.com/snowstream/snowstream/processing/invoke"
	"github.com/snowstream/snowstream/processing/orchestrator"
	"github.com/snowstream/snowstream/processing/upsert"
	"github.com/snowstream/snowstream/record"
)

// functionTimeout is when a function is killed for good.
const functionTimeout = 3 * time.Minute

// functions is the Lambda service: processes that are reused while they live, one invocation at a time each.
type functions struct {
	w            *world
	schema       record.Schema
	orchestrator []*orchestratorProcess
	upsert       []*upsertProcess
	started      int
	// running counts the invocations of both that are under way.
	running int
}

type orchestratorProcess struct {
	process
	function *orchestrator.Orchestrator
}

type upsertProcess struct {
	process
	function *upsert.Upsert
}

func newFunctions(w *world, s record.Schema) *functions { return &functions{w: w, schema: s} }

// busy reports whether a function is at work.
func (f *functions) busy() bool { return f.running > 0 }

func (f *functions) process(name string) process {
	f.started++
	return process{w: f.w, name: fmt.Sprintf("%s-%d", name, f.started)}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// retryer is the SDK's own, with pauses that the seed decides.
func (w *world) retryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) { o.Backoff = w })
}

// lake is the raw zone as a process reaches it.
func (p *process) lake() *datalake.Lake {
	return datalake.New(s3.New(s3.Options{
		BaseEndpoint: aws.String("http://s3.simulated"), Region: "us-east-1", UsePathStyle: true,
		Credentials: aws.AnonymousCredentials{}, HTTPClient: &http.Client{Transport: s3Wire{p}}, Retryer: p.w.retryer(),
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenSupported,
	}), bucketName).Repeatable(p.w.draw)
}

// draw is a random number for real code, which holds no lock.
func (w *world) draw() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.random.Uint64()
}

// arrow is the way to Upsert as a process reaches it.
func (p *process) arrow() *invoke.Function {
	return invoke.New(lambda.New(lambda.Options{
		BaseEndpoint: aws.String("http://lambda.simulated"), Region: "us-east-1",
		Credentials: aws.AnonymousCredentials{}, HTTPClient: &http.Client{Transport: lambdaWire{p}}, Retryer: p.w.retryer(),
	}), "SnowflakeUpsert")
}

// idle takes a process out of those that wait, or starts one.
func (f *functions) idle() (*orchestratorProcess, error) {
	for f.w.stopped > 0 {
		if err := f.w.pause(context.Background(), time.Second); err != nil {
			return nil, err
		}
	}
	if n := len(f.orchestrator); n > 0 {
		p := f.orchestrator[n-1]
		f.orchestrator = f.orchestrator[:n-1]
		return p, nil
	}
	p := &orchestratorProcess{process: f.process("orchestrator")}
	var err error
	p.function, err = orchestrator.New(f.schema, p.lake(), p.arrow(), f.w.compression(), quiet())
	if err == nil {
		p.function.Serve(streamARN, f.w.stream.describe)
		if f.w.room > 0 {
			p.function.Room(f.w.room)
		}
	}
	return p, err
}

func (f *functions) idleUpsert() *upsertProcess {
	if n := len(f.upsert); n > 0 {
		p := f.upsert[n-1]
		f.upsert = f.upsert[:n-1]
		return p
	}
	p := &upsertProcess{process: f.process("upsert")}
	p.function = f.by(upsert.New(f.schema, streaming.New(session{&p.process}, schema.Defaults(), f.schema), p.lake(), quiet()), &p.process)
	return p
}

// handle runs one invocation of the orchestrator to its end. mu is held.
func (f *functions) handle(p *orchestratorProcess, event []byte) error {
	return f.run(p, func(o *orchestrator.Orchestrator) error { return o.Handle(p.ctx, event) })
}

func (f *functions) run(p *orchestratorProcess, do func(*orchestrator.Orchestrator) error) error {
	f.running++
	f.w.mu.Unlock()
	err := do(p.function)
	f.w.mu.Lock()
	f.running--
	switch {
	case p.dead:
	case p.ctx.Err() != nil:
		f.w.count(functionTimedOut)
	default:
		f.orchestrator = append(f.orchestrator, p)
	}
	if err == nil && p.ctx.Err() != nil {
		err = p.ctx.Err() // it was killed before it could say so
	}
	p.kill()
	return err
}

// lambdaWire is a process's way to the Lambda API.
type lambdaWire struct{ *process }

// maxPayload is AWS' limit for the payload of a synchronous invocation.
const maxPayload = 6 << 20

// RoundTrip carries one invocation of Upsert out. The function is a process of its own: it goes on when its caller dies.
func (l lambdaWire) RoundTrip(r *http.Request) (*http.Response, error) {
	payload, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	return l.call(func() (*http.Response, error) { return l.exchange(r.Context(), payload) })
}

func (l lambdaWire) exchange(ctx context.Context, payload []byte) (*http.Response, error) {
	w := l.w
	travel := w.between(time.Millisecond, 10*time.Millisecond)
	switch {
	case len(payload) > maxPayload:
		return answer(http.StatusRequestEntityTooLarge, []byte(`{}`), "X-Amzn-Errortype", "RequestTooLargeException"), nil
	case w.hit(invokeThrottled):
		return answer(http.StatusTooManyRequests, []byte(`{}`), "X-Amzn-Errortype", "TooManyRequestsException"), w.pause(ctx, travel)
	case w.hit(invokeLost):
		_ = w.pause(ctx, travel)
		return nil, errReset
	}
	if err := w.pause(ctx, travel); err != nil {
		return nil, err
	}
	if w.hit(invokeDoubled) {
		w.functions.start(payload)
	}
	lost, done := w.hit(invokeAnswerLost), w.functions.start(payload)
	w.mu.Unlock()
	defer w.mu.Lock()
	select {
	case out := <-done:
		if lost {
			return nil, errReset
		}
		return out, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// start begins an invocation of Upsert and returns where its answer will be.
func (f *functions) start(payload []byte) <-chan *http.Response {
	done := make(chan *http.Response, 1)
	p := f.idleUpsert()
	p.begin(functionTimeout)
	f.running++
	f.started++
	id := fmt.Sprint("request-", f.started)
	f.w.later(time.Millisecond, func() { done <- f.upsertOnce(p, id, payload) })
	return done
}

func (f *functions) upsertOnce(p *upsertProcess, id string, payload []byte) *http.Response {
	fails := f.w.hit(functionFailed)
	f.w.mu.Unlock()
	out, err := p.function.Handle(p.ctx, id, payload)
	f.w.mu.Lock()
	f.running--
	switch {
	case p.dead:
		fails = true
	case p.ctx.Err() != nil:
		f.w.count(functionTimedOut)
		fails = true
	default:
		f.upsert = append(f.upsert, p)
	}
	p.kill()
	f.w.step("%s -> %s %v", p.name, out, err)
	if fails || err != nil {
		return answer(http.StatusOK, []byte(`{"errorType":"simulated"}`), "X-Amz-Function-Error", "Unhandled")
	}
	return answer(http.StatusOK, out)
}
