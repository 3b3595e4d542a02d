package lambda

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// Terraform reads the tags of a mapping whenever it looks at it.
func TestTags(t *testing.T) {
	k := newKinesis(t, shard0)
	h := open(t, testConfig(t, k.URL, ""))
	ctx := t.Context()
	m := h.mapping(func(in *sdk.CreateEventSourceMappingInput) { in.Tags = map[string]string{"a": "1", "b": "2"} })
	if m.DestinationConfig.OnFailure == nil || m.DestinationConfig.OnFailure.Destination != nil {
		t.Errorf("%+v", m.DestinationConfig)
	}
	if _, err := h.api.TagResource(ctx, &sdk.TagResourceInput{Resource: m.EventSourceMappingArn, Tags: map[string]string{"c": "3"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.api.UntagResource(ctx, &sdk.UntagResourceInput{Resource: m.EventSourceMappingArn, TagKeys: []string{"a", "x"}}); err != nil {
		t.Fatal(err)
	}
	h = h.reopen()
	out, err := h.api.ListTags(ctx, &sdk.ListTagsInput{Resource: m.EventSourceMappingArn})
	if err != nil || !maps.Equal(out.Tags, map[string]string{"b": "2", "c": "3"}) {
		t.Errorf("%+v, %v", out, err)
	}
	out, err = h.api.ListTags(ctx, &sdk.ListTagsInput{Resource: m.FunctionArn})
	if err != nil || len(out.Tags) != 0 {
		t.Errorf("of a function: %+v, %v", out, err)
	}
	var invalid *types.InvalidParameterValueException
	if _, err := h.api.TagResource(ctx, &sdk.TagResourceInput{Resource: m.EventSourceMappingArn, Tags: map[string]string{"aws:c": "3"}}); !errors.As(err, &invalid) {
		t.Errorf("a reserved tag: %v", err)
	}
	var missing *types.ResourceNotFoundException
	if _, err := h.api.ListTags(ctx, &sdk.ListTagsInput{Resource: aws.String(*m.EventSourceMappingArn + "x")}); !errors.As(err, &missing) {
		t.Errorf("a mapping that does not exist: %v", err)
	}
	account, err := h.api.GetAccountSettings(ctx, &sdk.GetAccountSettingsInput{})
	if err != nil || account.AccountUsage.FunctionCount != int64(len(h.cfg.Functions)) || account.AccountLimit.ConcurrentExecutions != 1000 {
		t.Errorf("%+v, %v", account, err)
	}
	// As the SDK for Python asks.
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, h.http.URL+"/2016-08-19/account-settings", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=local")
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Errorf("without the last slash: %d", answer.StatusCode)
	}
}

// A document about records that a function named itself says that the function did not fail.
func TestDocumentOfReportedItems(t *testing.T) {
	k, b := newKinesis(t, shard0), newBucket(t)
	h := open(t, testConfig(t, k.URL, b.URL))
	h.rule("item r001")
	k.put(shard0, numbers(0, 3)...)
	h.mapping(func(in *sdk.CreateEventSourceMappingInput) {
		in.MaximumRetryAttempts = aws.Int32(0)
		in.BisectBatchOnFunctionError = aws.Bool(true)
		in.FunctionResponseTypes = []types.FunctionResponseType{reportItems}
		in.DestinationConfig = &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: aws.String("arn:aws:s3:::failures")}}
	})
	soon(t, h)
	_, body := b.only(t)
	var document batchDocument
	if err := json.Unmarshal(body, &document); err != nil || !strings.Contains(string(body), `"functionError":null`) {
		t.Errorf("%s, %v", body, err)
	}
}
