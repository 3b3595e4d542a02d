package plainbody

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/smithy-go/middleware"
)

// early answers before it has asked for the body's end, and asks when the SDK has the answer: what net/http does on a busy machine.
type early struct {
	sent []byte
	body io.Reader
}

func (e *early) Do(r *http.Request) (*http.Response, error) {
	e.sent = make([]byte, r.ContentLength)
	if _, err := io.ReadFull(r.Body, e.sent); err != nil {
		return nil, err
	}
	e.body = r.Body
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(`{"ShardId":"shardId-000000000000","SequenceNumber":"1"}`))}, nil
}

func TestEndOfBody(t *testing.T) {
	put := func(options ...func(*middleware.Stack) error) error {
		t.Helper()
		network := &early{}
		api := kinesis.New(kinesis.Options{
			Region: "eu-west-1", BaseEndpoint: aws.String("http://127.0.0.1:1"), Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
			HTTPClient: network, APIOptions: options,
		})
		_, err := api.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: aws.String("s"), PartitionKey: aws.String("k"), Data: []byte("data")})
		if err != nil || !strings.Contains(string(network.sent), `"PartitionKey":"k"`) {
			t.Fatalf("sent %q: %v", network.sent, err)
		}
		_, err = io.Copy(io.Discard, network.body)
		return err
	}
	if err := put(Add); err != nil {
		t.Errorf("the end of a closed body is %v: net/http cuts the connection for it", err)
	}
	if err := put(); err == nil {
		t.Error("the SDK's own body ends without an error now: this package is no longer needed")
	}
}
