// Package lambda is AWS Lambda for one machine: functions as child processes, event source mappings that read Kinesis,
// and the asynchronous queue, behind the API that the official SDKs speak.
//
// A [Server] is an [http.Handler]; whoever composes the stack owns the listener. Functions come from [Config], or are created; each runs
// as real processes that speak the Lambda Runtime API, so the binary that runs here is the one that runs on AWS. A
// time-out kills the process with its whole group. Memory is not limited by force: as on AWS, a process is told its limit as
// AWS_LAMBDA_FUNCTION_MEMORY_SIZE. It is no sandbox: functions that were created through the API run as the host's own user, too.
//
// An event source mapping reads every shard of a stream, parents before children, and hands each shard's records over
// in order, one batch at a time. The checkpoint of a shard moves only after its batch is done: a function succeeded, or
// the failure destination holds the batch's document. All else is tried again, from the same records, so each record is
// handed over at least once. An asynchronous event is on disk before its 202 is sent.
//
// A mapping whose event source is a stream polls it, four times a second; one whose event source is a registered consumer
// of a stream (enhanced fan-out) is pushed what arrives, and hands over at most ten batches a second that are not full.
//
// Differences from AWS: the events of a consumer's mapping name the stream; LATEST means what arrived since the mapping was created, so that a restart before the first
// record loses nothing; a failure destination that cannot be reached holds its shard instead of losing the document;
// requests need an Authorization header, but its signature is not verified; tumbling windows and
// parallelization factors above 1 are refused by name. Filters take the operators that Lambda documents; what they take out
// is done with the batch around it.
//
// A schedule invokes its function through the asynchronous queue, with the event of an EventBridge rule.
//
// Layout of Config.Dir: functions/<name>.json for each function that was created, code/ with their packages, mappings/<id>/mapping.json with one <shard>.json beside it for each checkpoint, queue/ with one
// file for each asynchronous event, logs/<function>.log with what the functions print.
package lambda

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/gofrs/flock"

	"github.com/snowstream/snowstream/internal/loopback"
)

const (
	closeGrace   = 10 * time.Second // how long Close lets running calls go on
	janitorEvery = 30 * time.Second

	defaultRetryDelay = time.Minute
	defaultEventAge   = 6 * time.Hour
	defaultRetries    = 2
)

// Config is what a host is made of.
type Config struct {
	// Dir holds all durable state. It belongs to one Server at a time.
	Dir string
	// Region and AccountID are the parts of the ARNs that name this host's functions and mappings.
	Region, AccountID string
	// KinesisEndpoint is what event source mappings read, such as http://127.0.0.1:7401.
	KinesisEndpoint string
	// S3Endpoint takes the failure documents whose destination is a bucket.
	S3Endpoint string
	// AccessKeyID and SecretAccessKey are sent to both endpoints, and given to the functions unless their own
	// environment names others.
	AccessKeyID, SecretAccessKey string
	// Functions are the functions of this host that nobody can change. Others are created through the API.
	Functions []Function
	// Python starts the created functions whose runtime is one of Python; without it those are refused.
	Python string
	// CreatedEnvironment is under each created function's own environment: what the account around a function is to it.
	CreatedEnvironment map[string]string
	// RetryDelay is the pause before the first retry of an asynchronous event; the second one takes twice as long.
	// Default 1 min.
	RetryDelay time.Duration
	// Log gets ids and counts; nil discards them.
	Log *slog.Logger
	// Say is told, in a sentence and once, what was let go because it can never come: a stream that is gone, say. It is
	// called concurrently; nil is for nobody.
	Say func(string) `json:"-"`
	// Timed is told how long things took: "read" from a record's arrival in its stream until a mapping had it, "gather"
	// from there until its batch was handed over, each for n records; and by a function's name each of its calls. It
	// must be quick, and is called concurrently; nil is for nobody.
	Timed func(what string, took time.Duration, n int) `json:"-"`
}

// Function is one function of the host.
type Function struct {
	// Name is 1 to 64 letters, digits, hyphens and underscores.
	Name string
	// Command is the program and its arguments. It must speak the Lambda Runtime API, as aws-lambda-go's lambda.Start does.
	Command []string
	// Environment is added to what Lambda itself sets. Names starting with AWS_LAMBDA_ are reserved.
	Environment map[string]string
	// Timeout ends an invocation: up to 15 min, default 3 s.
	Timeout time.Duration
	// MemoryMB is told to the function. Default 128.
	MemoryMB int
	// ReservedConcurrency is the most invocations, and so processes, at one time. Default 10.
	ReservedConcurrency int
	// MaximumRetryAttempts is how often an asynchronous event is tried again after a function error: 0 to 2, nil is 2.
	MaximumRetryAttempts *int
	// MaximumEventAge is how long an asynchronous event is kept: 1 min to 6 h, default 6 h.
	MaximumEventAge time.Duration
	// Schedule invokes the function asynchronously every so often, 1 s at least, as an EventBridge rule rate(1 minute) would;
	// 0 is not at all. The first time is one such time after Open, and what a closed host missed is not made up for.
	Schedule time.Duration
	// OnFailure takes the asynchronous events that were given up: the ARN of a bucket (arn:aws:s3:::NAME) or of another
	// function of this host. Without it they are dropped with a warning.
	OnFailure string
}

// Server is a running host. It is safe for concurrent use.
type Server struct {
	place     place
	log       *slog.Logger
	mux       *http.ServeMux
	store     *store
	cfg       Config
	changing  sync.Mutex // held while created functions change, so that changes have one order
	functions *functions
	workshop  *workshop
	mappings  *mappings
	queue     *queue
	transport *http.Transport
	lock      *flock.Flock // on Dir/lock; the kernel gives it up with the process

	life     context.Context // ends when Close begins: nothing new is started
	endLife  context.CancelFunc
	calls    context.Context // ends when Close has lost patience: running calls are killed
	endCalls context.CancelFunc
	group    sync.WaitGroup // all background work

	mu      sync.Mutex
	closing bool
	closed  chan struct{}
}

// Open recovers the durable state in cfg.Dir and starts its mappings and the asynchronous queue. Functions are started
// when they are first needed.
func Open(cfg Config) (*Server, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Say == nil {
		cfg.Say = func(string) {}
	}
	if cfg.Timed == nil {
		cfg.Timed = func(string, time.Duration, int) {}
	}
	cfg.RetryDelay = cmp.Or(cfg.RetryDelay, defaultRetryDelay)
	s := &Server{
		cfg: cfg, place: place{cfg.Region, cfg.AccountID}, log: cfg.Log, store: newStore(),
		functions: newFunctions(cfg.Dir), closed: make(chan struct{}),
		transport: http.DefaultTransport.(*http.Transport).Clone(),
	}
	// Neither endpoint is ever reached through a proxy: both are this machine's own.
	s.transport.Proxy = nil
	s.life, s.endLife = context.WithCancel(context.Background())
	s.calls, s.endCalls = context.WithCancel(context.Background())
	if err := s.recover(cfg); err != nil {
		s.endLife()
		s.endCalls()
		return nil, errors.Join(fmt.Errorf("open Lambda host: %w", err), s.release())
	}
	s.routes()
	s.start()
	return s, nil
}

func (s *Server) recover(cfg Config) error {
	if cfg.Dir == "" || cfg.Region == "" || cfg.AccountID == "" {
		return errors.New("its Dir, Region and AccountID must be given")
	}
	for _, name := range []string{"", "mappings", "queue", "logs", "functions", "code"} {
		if err := s.store.folder(filepath.Join(cfg.Dir, name)); err != nil {
			return err
		}
	}
	s.lock = flock.New(filepath.Join(cfg.Dir, "lock"))
	if free, err := s.lock.TryLock(); err != nil || !free {
		return fmt.Errorf("lock %s: another host uses it, end that one first: %w", cfg.Dir, cmp.Or(err, errInUse))
	}
	err := s.openFunctions(cfg)
	if err == nil {
		s.workshop, err = openWorkshop(cfg, s.place, s.store, s.functions)
	}
	if err != nil {
		return err
	}
	// Destinations and queue need each other: a function can be a destination, and a queue's event can end in a bucket.
	dest := &destinations{place: s.place, s3: s.s3Client(cfg), functions: s.functions}
	if s.queue, err = openQueue(cfg, s.store, s.functions, dest); err != nil {
		return err
	}
	dest.queue = s.queue
	reader := &reader{client: s.kinesisClient(cfg), endless: &http.Client{Transport: s.transport}}
	s.mappings, err = openMappings(filepath.Join(cfg.Dir, "mappings"), mappingWorld{
		place: s.place, store: s.store, functions: s.functions, destinations: dest, reader: reader, log: s.log, timed: cfg.Timed, say: cfg.Say,
	})
	return err
}

func (s *Server) openFunctions(cfg Config) error {
	for _, f := range cfg.Functions {
		if err := s.checkFunction(f, cfg.Functions); err != nil {
			return fmt.Errorf("function %q: %w", clip(f.Name), err)
		}
		fn, err := newFunction(cfg, s.place, s.functions, f)
		if err != nil {
			return err
		}
		s.functions.put(fn)
	}
	return nil
}

// checkFunction refuses what would fail only later, at the first call or at the first failure.
func (s *Server) checkFunction(f Function, all []Function) error {
	switch {
	case !validFunctionName(f.Name):
		return errors.New("a name has 1 to 64 letters, digits, hyphens and underscores")
	case s.functions.get(f.Name) != nil:
		return errors.New("is configured twice")
	case len(f.Command) == 0 || f.Command[0] == "":
		return errors.New("has no command to run")
	case f.Timeout < 0 || f.Timeout > maxTimeout:
		return fmt.Errorf("timeout %s is outside of 0 to 15 min", f.Timeout)
	case f.Schedule != 0 && f.Schedule < time.Second:
		return fmt.Errorf("schedule %s is below 1 s", f.Schedule)
	case f.MemoryMB < 0 || f.ReservedConcurrency < 0:
		return errors.New("memory and concurrency cannot be negative")
	case f.MaximumRetryAttempts != nil && (*f.MaximumRetryAttempts < 0 || *f.MaximumRetryAttempts > 2):
		return errors.New("MaximumRetryAttempts must be 0 to 2")
	case f.MaximumEventAge != 0 && (f.MaximumEventAge < time.Minute || f.MaximumEventAge > 6*time.Hour):
		return errors.New("MaximumEventAge must be 1 min to 6 h")
	}
	for name := range f.Environment {
		if strings.HasPrefix(name, "AWS_LAMBDA_") || name == "" || strings.ContainsAny(name, "=\x00") {
			return fmt.Errorf("environment variable %q is reserved or has no valid name", clip(name))
		}
	}
	return s.checkOnFailure(f, all)
}

func (s *Server) checkOnFailure(f Function, all []Function) error {
	if f.OnFailure == "" {
		return nil
	}
	to, err := s.place.target(f.OnFailure)
	switch {
	case err != nil:
		return err
	case to.function == f.Name:
		return errors.New("cannot be its own failure destination")
	case to.function != "" && !slices.ContainsFunc(all, func(other Function) bool { return other.Name == to.function }):
		return fmt.Errorf("its failure destination %s is not a function of this host", to.function)
	}
	return nil
}

func (s *Server) credentials(cfg Config) aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: cfg.AccessKeyID, SecretAccessKey: cfg.SecretAccessKey}, nil
	})
}

// Neither client retries on its own: a read has its shard's pace to keep, a document its queue's or its shard's.
func (s *Server) kinesisClient(cfg Config) *kinesis.Client {
	return kinesis.New(kinesis.Options{
		Region: cfg.Region, BaseEndpoint: aws.String(cfg.KinesisEndpoint), Credentials: s.credentials(cfg),
		HTTPClient: &http.Client{Transport: s.transport, Timeout: time.Minute}, Retryer: aws.NopRetryer{},
	})
}

func (s *Server) s3Client(cfg Config) *s3.Client {
	return s3.New(s3.Options{
		Region: cfg.Region, BaseEndpoint: aws.String(cfg.S3Endpoint), Credentials: s.credentials(cfg), UsePathStyle: true,
		HTTPClient: &http.Client{Transport: s.transport, Timeout: time.Minute}, Retryer: aws.NopRetryer{},
	})
}

// start runs the background work. A call that the queue or a mapping has begun is bound to calls, not to life: it may
// end in its own time while nothing new is begun.
func (s *Server) start() {
	s.queue.start(s.life, s.calls, &s.group)
	s.mappings.start(s.life, s.calls, &s.group)
	for _, fn := range s.functions.list() {
		if fn.Schedule > 0 {
			s.group.Go(func() { s.schedule(fn) })
		}
	}
	s.group.Go(func() {
		tick := time.NewTicker(janitorEvery)
		defer tick.Stop()
		for {
			select {
			case <-s.life.Done():
				return
			case now := <-tick.C:
				for _, fn := range s.functions.list() {
					fn.endIdle(now.Add(-idleLimit))
				}
			}
		}
	})
}

// enter counts an API request in, so that Close waits for it. It is false once Close has begun.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	s.group.Add(1)
	return true
}

// ServeHTTP answers the Lambda API.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if loopback.FromPage(r) { // it could have a function created, which is to run code of its own
		writeError(w, &apiError{http.StatusForbidden, "AccessDeniedException", "Requests from web pages, and to a name other than localhost, are refused."})
		return
	}
	if r.Header.Get("Authorization") == "" {
		writeError(w, &apiError{http.StatusForbidden, "MissingAuthenticationTokenException", "Missing Authentication Token"})
		return
	}
	if !s.enter() {
		writeError(w, errClosing)
		return
	}
	defer s.group.Done()
	s.mux.ServeHTTP(w, r)
}

// Drain hands over all that is in the streams now, without waiting for batching windows, and then waits until the
// asynchronous queue is empty. It returns when every enabled mapping's checkpoints have reached what was the tip of the
// stream when Drain was called, or with an error that names what is left when ctx ends. What can never come is not waited
// for: a stream that is gone, records whose failure destination is gone. Config.Say was told of it.
func (s *Server) Drain(ctx context.Context) error {
	if err := s.mappings.drain(ctx); err != nil {
		return fmt.Errorf("drain mappings: %w", err)
	}
	if err := s.queue.drain(ctx); err != nil {
		return fmt.Errorf("drain asynchronous queue: %w", err)
	}
	return nil
}

// Waiting says what a Drain waits for at this moment; it is empty while none does.
func (s *Server) Waiting() string {
	if what := s.mappings.waiting(); what != "" {
		return what
	}
	return s.queue.waiting()
}

// Kill ends all processes of a function at once, as a crash of each would, and returns how many there were. Calls in
// flight fail, and are tried again as their callers do; the next call starts another process.
func (s *Server) Kill(function string) int {
	fn := s.functions.get(function)
	if fn == nil {
		return 0
	}
	return fn.kill()
}

// Close stops taking work, gives running calls ten seconds to end, kills those that do not, and ends every process:
// SIGTERM first, SIGKILL two seconds later. What was broken off is tried again after the next Open. It may be called
// more than once.
func (s *Server) Close() error {
	s.mu.Lock()
	first := !s.closing
	s.closing = true
	s.mu.Unlock()
	if !first {
		<-s.closed
		return nil
	}
	s.endLife()
	impatient := time.AfterFunc(closeGrace, s.endCalls)
	s.group.Wait()
	impatient.Stop()
	s.endCalls()
	err := s.release()
	close(s.closed)
	return err
}

// release ends all processes and gives the folder back, in this order: the next host must not meet them.
func (s *Server) release() error {
	s.functions.shutdown()
	s.transport.CloseIdleConnections()
	if s.lock == nil {
		return nil
	}
	return s.lock.Close()
}
