//go:build cgo

package stack

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/snowstream/snowstream/cmd/internal/authority"
	"github.com/snowstream/snowstream/cmd/internal/function"
	"github.com/snowstream/snowstream/landing/snowflake"
	"github.com/snowstream/snowstream/local/kinesis"
	"github.com/snowstream/snowstream/local/lambda"
	"github.com/snowstream/snowstream/local/s3"
	"github.com/snowstream/snowstream/local/warehouse"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
)

// Config says what to start.
type Config struct {
	// Dir is the data folder; it is made if it is not there.
	Dir string
	// Port is the first of Ports in a row; 0 takes free ones.
	Port int
	// Shards of the stream; 0 takes what is there, and 1 for a new stream.
	Shards int
	// BatchSize and BatchWindow are the event source mapping's.
	BatchSize   int
	BatchWindow time.Duration
	// Compress is how this run's objects of rows are packed; those of earlier runs stay as they are.
	Compress rawzone.Compression
	// RowPath is how rows get into the streaming table, function.Snowpipe or function.Merge, and RowCommit when they count as
	// handed over, as in the function's environment.
	RowPath, RowCommit string
	// Unlimited lifts the stream's limits per shard, for measuring.
	Unlimited bool
	// Schema is the text of a schema file; empty takes the one of the last run, or the sensor example.
	Schema []byte
	// CommitTick is the time from one commit of streamed rows to the next; 0 takes the warehouse's default.
	CommitTick time.Duration
	// Breakable lets faults be caused on purpose: RefuseS3, HoldNotices.
	Breakable bool
	// Dashboard is the page's address, for the settings; empty if there is none.
	Dashboard string
	Log       *slog.Logger
	// Say is told, in a sentence, what a person should know at once: what a drain waits for, what was let go because it
	// can never come, that the disk is full. It is called concurrently; nil is for nobody.
	Say func(string)
}

// Stack is the running drawing.
type Stack struct {
	Settings
	kinesis   *kinesis.Server
	s3        *s3.Server
	lambda    *lambda.Server
	warehouse *warehouse.Server
	authority *authority.Authority
	faults    faults
	// schema of both tables, and its text if it is not the sensor example's.
	schema     record.Schema
	schemaText []byte
	stages     stages
	say        func(string)
	disk       *disk
	// Admin is the session that set the stack up; audits use it, too.
	Admin *snowflake.DB
	// stop undoes what Start did, in reverse order.
	stop []func() error
}

// Start starts everything and returns when records put into the stream will arrive in both tables.
func Start(ctx context.Context, c Config) (_ *Stack, err error) {
	if c.Say == nil {
		c.Say = func(string) {}
	}
	s := &Stack{say: c.Say}
	c.Log, s.disk = watchDisk(c.Log, c.Dir, c.Say)
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	p, known, err := s.prepare(c)
	if err != nil {
		return nil, err
	}
	s.Dashboard, s.Compress, s.RowPath, s.RowCommit = c.Dashboard, c.Compress, c.RowPath, c.RowCommit
	if err := s.open(c, p, known); err != nil {
		return nil, err
	}
	if s.Admin, err = s.Session(); err != nil {
		return nil, err
	}
	s.stop = append(s.stop, s.Admin.Close)
	if err := s.setUp(ctx, c); err != nil {
		return nil, err
	}
	if len(s.schemaText) > 0 {
		if err := writeSecret(filepath.Join(c.Dir, schemaFile), s.schemaText); err != nil {
			return nil, err
		}
	}
	return s, s.save(c.Dir)
}

// Look starts those services of a stopped stack that keep its data, on free ports, so that one command can read. Without
// the functions nothing moves, and the folder's settings stay those of the last run.
func Look(dir string) (_ *Stack, err error) {
	s := &Stack{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	c := Config{Dir: dir, Log: slog.New(slog.DiscardHandler)}
	p, known, err := s.prepare(c)
	if err != nil {
		return nil, err
	}
	return s, s.openStores(c, p, known)
}

// prepare takes the folder, what lies in it, and the ports.
func (s *Stack) prepare(c Config) (p ports, known secrets, err error) {
	if err := s.lock(c.Dir); err != nil {
		return p, known, err
	}
	if s.schema, err = s.loadSchema(c); err != nil {
		return p, known, err
	}
	if known, err = loadSecrets(c.Dir); err != nil {
		return p, known, err
	}
	if p, err = listen(c.Port); err != nil {
		return p, known, err
	}
	s.stop = append(s.stop, func() error { p.close(); return nil })
	if s.authority, err = authority.Open(filepath.Join(c.Dir, "tls")); err != nil {
		return p, known, err
	}
	s.Settings = settings(p, known)
	s.CAFile, s.SnowpipeCAFile = s.authority.File(), s.authority.File()
	if s.SnowpipeProfile, err = filepath.Abs(filepath.Join(c.Dir, "snowpipe-profile.json")); err != nil {
		return ports{}, known, err
	}
	if err := s.writeProfile(known); err != nil {
		return ports{}, known, err
	}
	return p, known, nil
}

// lock makes the data folder this process' own. The kernel lets go of the lock when the process ends, however it does.
func (s *Stack) lock(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	lock := flock.New(filepath.Join(dir, "lock"))
	ok, err := lock.TryLock()
	if err != nil {
		return fmt.Errorf("lock the data folder %s: %w: is it writable?", dir, err)
	}
	if !ok {
		return fmt.Errorf("the data folder %s is in use by another snowstream: stop it, or choose another folder with --data", dir)
	}
	s.stop = append(s.stop, lock.Close)
	return nil
}

// loadSchema takes the schema of this run, or that of the last one. It is remembered once the tables fit it.
func (s *Stack) loadSchema(c Config) (schema record.Schema, err error) {
	if s.schemaText = c.Schema; len(s.schemaText) == 0 {
		if s.schemaText, err = readSchemaText(c.Dir); err != nil {
			return schema, err
		}
	}
	return parseSchema(s.schemaText)
}

func settings(p ports, known secrets) Settings {
	n := names()
	return Settings{
		Kinesis: address(p.kinesis), S3: address(p.s3), Lambda: address(p.lambda), Snowflake: address(p.warehouse),
		KinesisHTTPS: secureAddress(p.kinesisTLS), S3HTTPS: secureAddress(p.s3TLS), LambdaHTTPS: secureAddress(p.lambdaTLS),
		SnowpipeHTTP: address(p.warehouse), SnowpipeHTTPS: secureAddress(p.warehouseTLS), SnowpipeToken: known.token,
		Region: Region, Stream: Stream, Bucket: Bucket, Account: Account, User: Person, Password: known.password,
		Database: n.Database, Schema: n.Schema, Warehouse: Warehouse, Role: Role, PID: os.Getpid(),
	}
}

// open starts the services: first those that answer, last the host that calls them.
func (s *Stack) open(c Config, p ports, known secrets) error {
	if err := s.openStores(c, p, known); err != nil {
		return err
	}
	return s.openLambda(c, p, known)
}

// openStores starts the services that keep the data. By themselves they move none of it.
func (s *Stack) openStores(c Config, p ports, known secrets) (err error) {
	dir := func(name string) string { return filepath.Join(c.Dir, name) }
	log := func(name string) *slog.Logger { return c.Log.With("service", name) }
	s.kinesis, err = kinesis.Open(kinesis.Config{Dir: dir("kinesis"), Region: Region, AccountID: AccountID, Unlimited: c.Unlimited, Log: log("kinesis")})
	if err != nil {
		return err
	}
	s.answerAWS(p.kinesis, p.kinesisTLS, s.kinesis)
	s.stop = append(s.stop, s.kinesis.Close)
	s.s3, err = s3.Open(s3.Config{Dir: dir("s3"), Region: Region, AccountID: AccountID, QueueEndpoint: s.Snowflake, Log: log("s3"), Say: c.Say, Timed: s.stages.stored})
	if err != nil {
		return err
	}
	s.answerAWS(p.s3, p.s3TLS, s.breakable(c, s.s3, s.faults.refuse))
	s.stop = append(s.stop, s.s3.Close)
	s.warehouse, err = warehouse.Open(warehouse.Config{
		Dir: dir("warehouse"), Account: Account, Users: users(known), S3Endpoint: s.S3, Region: Region,
		AccessKeyID: AccessKeyID, SecretAccessKey: SecretAccessKey, AccountID: AccountID, Log: log("warehouse"), Timed: s.stages.written,
		StreamTick: c.CommitTick,
	})
	if err != nil {
		return err
	}
	account := s.breakable(c, s.warehouse, s.faults.hold)
	s.answer(serve(p.warehouse, account))
	s.answer(serve(tls.NewListener(p.warehouseTLS, s.authority.TLS()), account))
	s.stop = append(s.stop, s.warehouse.Close)
	return nil
}

func (s *Stack) openLambda(c Config, p ports, known secrets) error {
	functions, err := s.functions(known)
	if err != nil {
		return err
	}
	s.lambda, err = lambda.Open(lambda.Config{
		Dir: filepath.Join(c.Dir, "lambda"), Region: Region, AccountID: AccountID, KinesisEndpoint: s.Kinesis, S3Endpoint: s.S3,
		AccessKeyID: AccessKeyID, SecretAccessKey: SecretAccessKey, Functions: functions, Log: c.Log.With("service", "lambda"), Say: c.Say, Timed: s.stages.invoked,
		Python: python(), CreatedEnvironment: s.account(),
	})
	if err != nil {
		return err
	}
	s.answerAWS(p.lambda, p.lambdaTLS, s.lambda)
	s.stop = append(s.stop, s.lambda.Close)
	return nil
}

// answerAWS has a service of AWS answer on its plain port and over TLS.
func (s *Stack) answerAWS(plain, secure net.Listener, h http.Handler) {
	s.answer(serveAWS(plain, h, nil))
	s.answer(serveAWS(secure, h, s.authority.TLS()))
}

// breakable puts a fault in front of a service, if there may be faults.
func (s *Stack) breakable(c Config, service http.Handler, fault func(http.Handler) http.Handler) http.Handler {
	if !c.Breakable {
		return service
	}
	return fault(service)
}

// answer remembers to end a server, once the services that call it have ended.
func (s *Stack) answer(server *http.Server, done <-chan error) {
	s.stop = append(s.stop, func() error {
		err := server.Close()
		return errors.Join(err, <-done)
	})
}

func users(known secrets) []warehouse.User {
	n := names()
	user := warehouse.User{DefaultRole: Role, DefaultWarehouse: Warehouse, Database: n.Database, Schema: n.Schema}
	person, loader := user, user
	person.Name, person.Password = Person, known.password
	loader.Name, loader.PublicKey, loader.AccessToken = Loader, &known.key.PublicKey, known.token
	return []warehouse.User{person, loader}
}

const (
	// functionTimeout lets a batch wait out trouble of S3 or the warehouse before it is tried again.
	functionTimeout = time.Minute
	// functionConcurrency bounds the processes of each function: one a shard is in use.
	functionConcurrency = 32
	functionMemoryMB    = 256
)

// account is the environment of every function: the services around it.
func (s *Stack) account() map[string]string {
	return map[string]string{
		"AWS_ENDPOINT_URL_S3": s.S3, "AWS_ENDPOINT_URL_LAMBDA": s.Lambda, "AWS_ENDPOINT_URL_KINESIS": s.Kinesis,
		// The user's own AWS profiles and this machine's metadata must not reach into the stack.
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_EC2_METADATA_DISABLED": "true",
	}
}

// python runs the functions in Python that people create; empty if there is none.
func python() string {
	path, err := exec.LookPath("python3")
	if err != nil {
		return ""
	}
	return path
}

// functions are this very program, started as a function: what runs here is what runs on AWS, with another main.
func (s *Stack) functions(known secrets) ([]lambda.Function, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program, to start it as a function: %w", err)
	}
	environment := func(more map[string]string) map[string]string {
		all := s.account()
		maps.Copy(all, map[string]string{
			function.Bucket: s.Bucket, function.SchemaText: string(s.schemaText),
			"SNOWFLAKE_DISABLE_PLATFORM_DETECTION": "true", "SF_DISABLE_MINICORE": "true",
		})
		maps.Copy(all, more)
		return all
	}
	one := lambda.Function{Timeout: functionTimeout, MemoryMB: functionMemoryMB, ReservedConcurrency: functionConcurrency}
	orchestrator, upsert := one, one
	orchestrator.Name, orchestrator.Command = Orchestrator, []string{program, "function", "orchestrator"}
	orchestrator.Environment = environment(map[string]string{
		function.UpsertFunction: Upsert, function.Compress: string(s.Compress), function.StreamARN: s.streamARN(),
	})
	upsert.Name, upsert.Command = Upsert, []string{program, "function", "upsert"}
	upsert.Environment = environment(map[string]string{
		function.Account: s.Account, function.User: Loader, function.PrivateKey: known.pem, function.Role: s.Role,
		function.Warehouse: s.Warehouse, function.Endpoint: s.Snowflake, function.Database: s.Database, function.Namespace: s.Schema,
		function.Stream: s.Stream, function.RowPath: s.RowPath, function.RowCommit: s.RowCommit, function.SnowpipeEndpoint: s.SnowpipeHTTP,
	})
	if s.RowPath == function.Snowpipe {
		upsert.Schedule = sweepEvery
	}
	return []lambda.Function{orchestrator, upsert}, nil
}

// Close stops everything, in the reverse order of its start. What was in flight is finished or will be tried again by
// the next start.
func (s *Stack) Close() error {
	s.HoldNotices(false) // closing waits for the notifications under way
	var errs []error
	for i := len(s.stop) - 1; i >= 0; i-- {
		errs = append(errs, s.stop[i]())
	}
	s.stop = nil
	return errors.Join(errs...)
}
