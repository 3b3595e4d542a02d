package e2e

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"maps"
	mathrand "math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/snowstream/snowstream/landing/microbatch"
	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/landing/snowflake"
	"github.com/snowstream/snowstream/listener"
	"github.com/snowstream/snowstream/local/kinesis"
	"github.com/snowstream/snowstream/local/lambda"
	"github.com/snowstream/snowstream/local/s3"
	"github.com/snowstream/snowstream/local/warehouse"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
)

// rig is the drawing with a fault proxy in front of each service: the same servers as in `snowstream local`, the same
// function processes, and every arrow between them through a proxy.
type rig struct {
	outside // reaches the services directly
	dir     string
	rowPath string
	log     *os.File
	key     *rsa.PrivateKey
	proxies map[string]*proxy
}

const (
	rigRegion  = "us-east-1"
	rigAccount = "000000000000"
	rigLoader  = "LOADER"
	rigBatch   = 20
	rigShards  = 4
	// rigTimeout ends an invocation that waits for a service that hangs.
	rigTimeout = 5 * time.Second
)

// newRig is newRigBy with rows that are merged.
func newRig(t *testing.T, random *mathrand.Rand) *rig {
	t.Helper()
	return newRigBy(t, "merge", random)
}

// newRigBy starts everything, sets it up and returns it with all proxies at rest. Each watch is told of every request to
// a service, which is signed with the name of who makes it: a function's, lambda, warehouse, or local for the test.
func newRigBy(t *testing.T, path string, random *mathrand.Rand, watch ...func(service string, r *http.Request, body []byte, status int)) *rig {
	t.Helper()
	if testing.Short() {
		t.Skip("not run: -short leaves out what starts the whole stack")
	}
	r := &rig{dir: t.TempDir(), rowPath: path, proxies: map[string]*proxy{}}
	var err error
	if r.log, err = os.Create(filepath.Join(r.dir, "services.log")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.log.Close() })
	if r.key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"kinesis", "s3", "lambda", "warehouse"} {
		r.proxies[name] = newProxy(t, name, random)
		for _, w := range watch {
			r.proxies[name].watch = func(request *http.Request, body []byte, status int) { w(name, request, body, status) }
		}
	}
	names := schema.Defaults()
	s := settings{
		Region: rigRegion, Stream: contractStream, Bucket: contractBucket, Account: "rig", User: "PERSON", Password: "a password of the rig",
		Database: names.Database, Schema: names.Schema, PID: os.Getpid(),
	}
	s.Kinesis = r.serve(t, "kinesis", r.openKinesis)
	s.S3 = r.serve(t, "s3", r.openS3)
	s.Snowflake = r.serve(t, "warehouse", func(t *testing.T) service { return r.openWarehouse(t, s) })
	s.Lambda = r.serve(t, "lambda", func(t *testing.T) service { return r.openLambda(t, s, "lambda", rigTimeout) })
	r.outside = join(t, s)
	r.setUp(t, names)
	return r
}

// service is what all local servers are.
type service interface {
	http.Handler
	Close() error
}

// serve opens a service, lets its proxy know, and returns its own address.
func (r *rig) serve(t *testing.T, name string, open func(*testing.T) service) string {
	t.Helper()
	s := open(t)
	front := httptest.NewServer(s)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close %s: %v", name, err)
		}
		front.Close()
	})
	r.proxies[name].target.Store(new(front.Listener.Addr().String()))
	return front.URL
}

func (r *rig) logger(name string) *slog.Logger {
	return slog.New(slog.NewTextHandler(r.log, nil)).With("service", name)
}

func (r *rig) via(name string) string { return r.proxies[name].front.URL }

// trouble sets what happens at all proxies.
func (r *rig) trouble(share float64, kinds ...fault) {
	for _, p := range r.proxies {
		p.trouble(share, kinds...)
	}
}

func (r *rig) openKinesis(t *testing.T) service {
	s, err := kinesis.Open(kinesis.Config{Dir: filepath.Join(r.dir, "kinesis"), Region: rigRegion, AccountID: rigAccount, Log: r.logger("kinesis")})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (r *rig) openS3(t *testing.T) service {
	s, err := s3.Open(s3.Config{
		Dir: filepath.Join(r.dir, "s3"), Region: rigRegion, AccountID: rigAccount, QueueEndpoint: r.via("warehouse"), Log: r.logger("s3"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (r *rig) openWarehouse(t *testing.T, set settings) service {
	user := warehouse.User{DefaultRole: "R", DefaultWarehouse: "WH", Database: set.Database, Schema: set.Schema}
	person, loader := user, user
	person.Name, person.Password = set.User, set.Password
	loader.Name, loader.PublicKey = rigLoader, &r.key.PublicKey
	s, err := warehouse.Open(warehouse.Config{
		Dir: filepath.Join(r.dir, "warehouse"), Account: set.Account, Users: []warehouse.User{person, loader}, S3Endpoint: r.via("s3"),
		Region: rigRegion, AccessKeyID: "warehouse", SecretAccessKey: "local", AccountID: rigAccount, Log: r.logger("warehouse"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// openLambda gives the functions the environment that a deployment would, with the proxies as endpoints.
func (r *rig) openLambda(t *testing.T, set settings, dir string, timeout time.Duration) service {
	der, err := x509.MarshalPKCS8PrivateKey(r.key)
	if err != nil {
		t.Fatal(err)
	}
	environment := map[string]string{
		"SNOWSTREAM_BUCKET": set.Bucket, "SNOWSTREAM_UPSERT_FUNCTION": "SnowflakeUpsert",
		"AWS_ENDPOINT_URL_S3": r.via("s3"), "AWS_ENDPOINT_URL_LAMBDA": r.via("lambda"),
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_EC2_METADATA_DISABLED": "true",
		"SNOWFLAKE_DISABLE_PLATFORM_DETECTION": "true", "SF_DISABLE_MINICORE": "true",
		"SNOWSTREAM_SNOWFLAKE_ACCOUNT": set.Account, "SNOWSTREAM_SNOWFLAKE_USER": rigLoader, "SNOWSTREAM_SNOWFLAKE_ROLE": "R",
		"SNOWSTREAM_SNOWFLAKE_WAREHOUSE": "WH", "SNOWSTREAM_SNOWFLAKE_ENDPOINT": r.via("warehouse"),
		"SNOWSTREAM_STREAM": set.Stream, "SNOWSTREAM_ROW_PATH": r.rowPath, "SNOWSTREAM_SNOWPIPE_ENDPOINT": r.via("warehouse"),
		"SNOWSTREAM_SNOWFLAKE_PRIVATE_KEY": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	}
	function := func(name, verb string) lambda.Function {
		environment := maps.Clone(environment)
		environment["AWS_ACCESS_KEY_ID"] = name
		return lambda.Function{Name: name, Command: []string{program, "function", verb}, Environment: environment, Timeout: timeout, MemoryMB: 256}
	}
	s, err := lambda.Open(lambda.Config{
		Dir: filepath.Join(r.dir, dir), Region: rigRegion, AccountID: rigAccount, KinesisEndpoint: r.via("kinesis"), S3Endpoint: r.via("s3"),
		AccessKeyID: "lambda", SecretAccessKey: "local", Log: r.logger("lambda"),
		Functions: []lambda.Function{function("SnowflakeOrchestrator", "orchestrator"), function("SnowflakeUpsert", "upsert")},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// setUp does what a deployment does, the mapping last.
func (r *rig) setUp(t *testing.T, names schema.Names) {
	t.Helper()
	u, err := url.Parse(r.Snowflake)
	if err != nil {
		t.Fatal(err)
	}
	admin, err := snowflake.Open(snowflake.Config{
		Account: r.Account, User: r.User, Password: r.Password, Endpoint: u.String(), Database: r.Database, Schema: r.Schema, Warehouse: "WH", Role: "R",
	})
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	ctx := t.Context()
	for _, statement := range append(schema.Tables(names, record.Sensor()),
		schema.Integration(names, r.Bucket, "arn:aws:iam::"+rigAccount+":role/r"), schema.Stage(names, r.Bucket), schema.Pipe(names)) {
		if _, err := admin.Exec(ctx, statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	queue, err := microbatch.New(admin, names).Channel(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.EnsureStream(ctx, r.kinesis, r.Stream, rigShards); err != nil {
		t.Fatal(err)
	}
	if _, err := r.s3.CreateBucket(ctx, &awss3.CreateBucketInput{Bucket: &r.Bucket}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.s3.PutBucketNotificationConfiguration(ctx, &awss3.PutBucketNotificationConfigurationInput{
		Bucket: &r.Bucket,
		NotificationConfiguration: &s3types.NotificationConfiguration{QueueConfigurations: []s3types.QueueConfiguration{{
			QueueArn: &queue, Events: []s3types.Event{s3types.EventS3ObjectCreated},
			Filter: &s3types.NotificationConfigurationFilter{Key: &s3types.S3KeyFilter{FilterRules: []s3types.FilterRule{
				{Name: s3types.FilterRuleNamePrefix, Value: aws.String(rawzone.Rows)},
			}}},
		}}},
	}); err != nil {
		t.Fatal(err)
	}
	r.subscribe(t)
}

// subscribe makes the event source mapping.
func (o outside) subscribe(t *testing.T) {
	t.Helper()
	if _, err := o.lambda.CreateEventSourceMapping(t.Context(), &awslambda.CreateEventSourceMappingInput{
		EventSourceArn: aws.String("arn:aws:kinesis:" + rigRegion + ":" + rigAccount + ":stream/" + o.Stream), FunctionName: aws.String("SnowflakeOrchestrator"),
		BatchSize: aws.Int32(rigBatch), MaximumBatchingWindowInSeconds: aws.Int32(1), StartingPosition: lambdatypes.EventSourcePositionTrimHorizon,
		FunctionResponseTypes: []lambdatypes.FunctionResponseType{lambdatypes.FunctionResponseTypeReportBatchItemFailures},
	}); err != nil {
		t.Fatal(err)
	}
}
