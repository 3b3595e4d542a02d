package kinesis

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start opens a server that ends with the test. Most tests want no limits.
func start(t testing.TB, cfg Config) *Server {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// direct hands the SDK's requests to the server without a network, so that synctest can see everything.
type direct struct{ http.Handler }

func (d direct) Do(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w.Result(), nil
}

// speakCBOR has the clients of tests speak CBOR; see TestInCBOR.
var speakCBOR atomic.Bool

func client(h http.Handler) *kinesis.Client {
	var doer kinesis.HTTPClient = direct{h}
	if speakCBOR.Load() {
		doer = inCBOR{h}
	}
	return kinesis.New(kinesis.Options{
		Region:           "us-east-1",
		BaseEndpoint:     aws.String("http://127.0.0.1:4567"),
		Credentials:      credentials.NewStaticCredentialsProvider("key", "secret", ""),
		HTTPClient:       doer,
		RetryMaxAttempts: 1,
	})
}

func create(t testing.TB, c *kinesis.Client, name string, shards int32) {
	t.Helper()
	if _, err := c.CreateStream(context.Background(), &kinesis.CreateStreamInput{StreamName: &name, ShardCount: &shards}); err != nil {
		t.Fatal(err)
	}
}

// wantCode fails unless err is the service error of that name; no error is "".
func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	var api smithy.APIError
	switch {
	case err == nil && code == "":
	case !errors.As(err, &api) || api.ErrorCode() != code:
		t.Errorf("error %v, want %q", err, code)
	case api.ErrorMessage() == "":
		t.Errorf("%s without a message", code)
	}
}

// iterator returns an iterator from the oldest record on.
func iterator(t testing.TB, c *kinesis.Client, stream, shard string) *string {
	t.Helper()
	out, err := c.GetShardIterator(context.Background(), &kinesis.GetShardIteratorInput{
		StreamName: &stream, ShardId: &shard, ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.ShardIterator
}

// drain reads a shard from its beginning to its end or, while it is open, to its tip.
func drain(t testing.TB, c *kinesis.Client, stream, shard string) (records []types.Record, children []types.ChildShard) {
	t.Helper()
	for it := iterator(t, c, stream, shard); it != nil; {
		out, err := c.GetRecords(context.Background(), &kinesis.GetRecordsInput{ShardIterator: it})
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, out.Records...)
		if it = out.NextShardIterator; it == nil {
			return records, out.ChildShards
		}
		if *out.MillisBehindLatest == 0 {
			return records, nil
		}
	}
	return records, nil
}

// The whole way over a socket, as users go: create, wait, put, describe, read, reopen, read again.
func TestRoundTrip(t *testing.T) {
	ctx := t.Context()
	dir := t.TempDir()
	s := start(t, Config{Dir: dir})
	web := httptest.NewServer(s)
	defer web.Close()
	c := kinesis.New(kinesis.Options{
		Region: "us-east-1", BaseEndpoint: &web.URL,
		Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""),
		HTTPClient:  web.Client(),
	})
	name := aws.String("kdEntry")
	create(t, c, *name, 2)
	if err := kinesis.NewStreamExistsWaiter(c).Wait(ctx, &kinesis.DescribeStreamInput{StreamName: name}, time.Minute); err != nil {
		t.Fatal(err)
	}
	before := time.Now().Truncate(time.Millisecond)
	in := &kinesis.PutRecordsInput{StreamARN: aws.String("arn:aws:kinesis:us-east-1:000000000000:stream/kdEntry")}
	for i := range 500 {
		in.Records = append(in.Records, types.PutRecordsRequestEntry{
			PartitionKey: aws.String(fmt.Sprintf("sensor <%d> \"é\n☃", i)),
			Data:         fmt.Appendf(nil, `{"sensor_id":%d}`, i),
		})
	}
	out, err := c.PutRecords(ctx, in)
	if err != nil || *out.FailedRecordCount != 0 || len(out.Records) != 500 {
		t.Fatalf("put: %+v, %v", out, err)
	}
	one, err := c.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: name, PartitionKey: aws.String("x"), Data: []byte{},
		ExplicitHashKey: aws.String("0"), SequenceNumberForOrdering: out.Records[0].SequenceNumber})
	if err != nil || *one.ShardId != "shardId-000000000000" || len(*one.SequenceNumber) != 56 || !strings.HasPrefix(*one.SequenceNumber, "49") {
		t.Fatalf("put one: %+v, %v", one, err)
	}
	check := func(c *kinesis.Client) {
		t.Helper()
		byNumber := map[string]types.Record{}
		for _, shard := range []string{"shardId-000000000000", "shardId-000000000001"} {
			records, _ := drain(t, c, *name, shard)
			last := ""
			for _, r := range records {
				if *r.SequenceNumber <= last { // all have 56 digits
					t.Fatalf("shard %s: %s after %s", shard, *r.SequenceNumber, last)
				}
				last = *r.SequenceNumber
				byNumber[shard+last] = r
			}
		}
		if len(byNumber) != 501 {
			t.Fatalf("read %d records", len(byNumber))
		}
		for i, result := range out.Records {
			r := byNumber[*result.ShardId+*result.SequenceNumber]
			if string(r.Data) != string(in.Records[i].Data) || *r.PartitionKey != *in.Records[i].PartitionKey {
				t.Fatalf("record %d: %q under key %q", i, r.Data, *r.PartitionKey)
			}
			if at := *r.ApproximateArrivalTimestamp; at.Before(before) || at.After(time.Now()) {
				t.Fatalf("record %d arrived at %v", i, at)
			}
		}
	}
	check(c)
	counts, err := s.Accepted(*name)
	if err != nil || counts["shardId-000000000000"]+counts["shardId-000000000001"] != 501 {
		t.Fatalf("accepted %v, %v", counts, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = start(t, Config{Dir: dir})
	check(client(s))
	again, err := s.Accepted(*name)
	if err != nil || fmt.Sprint(again) != fmt.Sprint(counts) {
		t.Fatalf("accepted %v after restart, %v before", again, counts)
	}
}
