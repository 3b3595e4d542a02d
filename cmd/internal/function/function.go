// Package function is what both Lambda functions are wired with: the names of their environment variables and the
// hand-over to the Lambda runtime. Its sub-packages join the boxes of one function each.
//
// Endpoints, region and credentials come from the AWS SDK's own variables (AWS_ENDPOINT_URL_S3 and so on), so nothing
// here knows where it runs. The functions' own commands call the sub-packages, and so does snowstream, which starts
// itself as a function when the whole drawing runs on one machine.
package function

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/schemafile"
)

// The environment of both functions.
const (
	// Bucket is the raw zone's bucket.
	Bucket = "SNOWSTREAM_BUCKET"
	// SchemaText is the schema file's text, SchemaFile its path where the text is too long for an environment (4 KB for
	// all of a function's variables together); neither means the sensor example.
	SchemaText = "SNOWSTREAM_SCHEMA"
	SchemaFile = "SNOWSTREAM_SCHEMA_FILE"
	// Compress is how the orchestrator packs the objects of rows: none, which is also what an empty one means, gzip or zstd.
	// It may be changed at any time.
	Compress = "SNOWSTREAM_COMPRESS"
	// StreamARN is the stream whose records the orchestrator takes; empty takes those of the stream that its raw zone knows.
	StreamARN = "SNOWSTREAM_STREAM_ARN"
	// UpsertFunction is the name or ARN that the orchestrator invokes.
	UpsertFunction = "SNOWSTREAM_UPSERT_FUNCTION"
	// Account, User, Role and Warehouse are Upsert's login; Endpoint replaces the account's host.
	Account   = "SNOWSTREAM_SNOWFLAKE_ACCOUNT"
	User      = "SNOWSTREAM_SNOWFLAKE_USER"
	Role      = "SNOWSTREAM_SNOWFLAKE_ROLE"
	Warehouse = "SNOWSTREAM_SNOWFLAKE_WAREHOUSE"
	Endpoint  = "SNOWSTREAM_SNOWFLAKE_ENDPOINT"
	// Authentication is KeyPair, which is also what an empty one means, or WorkloadIdentity: the function's own role.
	Authentication = "SNOWSTREAM_SNOWFLAKE_AUTHENTICATION"
	// PrivateKeySecret is the ARN of the secret that holds the key pair's private key (PEM). PrivateKey is the key
	// itself, for a stack on one machine: an environment variable of a deployed function can be read by too many.
	PrivateKeySecret = "SNOWSTREAM_SNOWFLAKE_PRIVATE_KEY_SECRET"
	PrivateKey       = "SNOWSTREAM_SNOWFLAKE_PRIVATE_KEY"
	// Database, Namespace (the Snowflake schema) and Table name the streaming table; empty takes the sensor example's names.
	Database  = "SNOWSTREAM_SNOWFLAKE_DATABASE"
	Namespace = "SNOWSTREAM_SNOWFLAKE_SCHEMA"
	Table     = "SNOWSTREAM_STREAMING_TABLE"
	// Timeout is the function's own, in seconds: what it waits for ends before. Empty sets no time-outs.
	Timeout = "SNOWSTREAM_TIMEOUT_SECONDS"
	// RowPath is how Upsert brings rows into the streaming table: Snowpipe, or Merge, which is also what an empty one means.
	// RowCommit is when they count as handed over, by Snowpipe: deferred, which is also what an empty one means, or wait.
	RowPath   = "SNOWSTREAM_ROW_PATH"
	RowCommit = "SNOWSTREAM_ROW_COMMIT"
	// SnowpipeEndpoint is where Snowpipe Streaming is, if it is not the account's host.
	SnowpipeEndpoint = "SNOWSTREAM_SNOWPIPE_ENDPOINT"
	// Pipe names the pipe whose lag Upsert reports once a minute, as that of Stream; without it nobody reports any.
	Pipe   = "SNOWSTREAM_PIPE"
	Stream = "SNOWSTREAM_STREAM"
)

// The values of Authentication.
const (
	KeyPair          = "key-pair"
	WorkloadIdentity = "workload-identity"
)

// The values of RowPath.
const (
	Snowpipe = "snowpipe"
	Merge    = "merge"
)

// Handler is a function's handler: one payload in, one answer out.
type Handler func(ctx context.Context, payload []byte) ([]byte, error)

// Invoke makes a Handler a lambda.Handler, which gets the payload's bytes and not a decoded value.
func (h Handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) { return h(ctx, payload) }

var _ lambda.Handler = Handler(nil)

// Start hands the handler to the Lambda runtime, which ends the process when there is nothing more to do.
func Start(ctx context.Context, h Handler) {
	RoomyHeap(Memory() / 8 * 5) // the program itself and its stacks take the rest
	lambda.StartWithOptions(h, lambda.WithContext(ctx))
}

// Memory is how many bytes the function may have, as Lambda says.
func Memory() int64 {
	megabytes, err := strconv.ParseInt(os.Getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"), 10, 64)
	if err != nil || megabytes <= 0 {
		megabytes = 128 // the least that a function can have
	}
	return megabytes << 20
}

// RoomyHeap lets garbage lie longer than Go would, within a limit in bytes. Nearly all that these processes allocate lives
// for a request only, and collecting it every few megabytes is a tenth of their work. GOGC and GOMEMLIMIT come first.
func RoomyHeap(limit int64) {
	const percent = 400
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(limit)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
}

// Required is the value of an environment variable that the function cannot do without.
func Required(variable string) (string, error) {
	value := os.Getenv(variable)
	if value == "" {
		return "", fmt.Errorf("the function's environment has no %s", variable)
	}
	return value, nil
}

// Schema is the records' schema.
func Schema() (record.Schema, error) {
	text, name := []byte(os.Getenv(SchemaText)), SchemaText
	if file := os.Getenv(SchemaFile); file != "" {
		var err error
		if text, err = os.ReadFile(file); err != nil {
			return record.Schema{}, fmt.Errorf("read the schema that %s names: %w", SchemaFile, err)
		}
		name = file
	}
	if len(text) == 0 {
		return record.Sensor(), nil
	}
	schema, err := schemafile.Parse(text)
	if err != nil {
		return record.Schema{}, fmt.Errorf("schema in %s: %w", name, err)
	}
	return schema, nil
}
