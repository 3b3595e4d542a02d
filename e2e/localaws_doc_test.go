package e2e

import (
	"os"
	"reflect"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
)

// TestLocalAWSDocument compares docs/local-aws.md with the SDK's own operations: each stands there once, and no other.
func TestLocalAWSDocument(t *testing.T) {
	text, err := os.ReadFile("../docs/local-aws.md")
	if err != nil {
		t.Fatal(err)
	}
	for service, client := range map[string]any{"Kinesis": &kinesis.Client{}, "S3": &awss3.Client{}, "Lambda": &lambda.Client{}, "SQS": &awssqs.Client{}} {
		states := documented(t, string(text), service)
		for name, state := range states {
			if !slices.Contains([]string{"served", "partly", "refused"}, state) {
				t.Errorf("%s: %s is said to be %q", service, name, state)
			}
		}
		methods := reflect.TypeOf(client)
		for i := range methods.NumMethod() {
			name := methods.Method(i).Name
			if name == "Options" {
				continue
			}
			if states[name] == "" {
				t.Errorf("%s: %s is not documented", service, name)
			}
			delete(states, name)
		}
		if len(states) > 0 {
			t.Errorf("%s: the SDK does not have %v", service, states)
		}
	}
}
