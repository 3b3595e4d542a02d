// Package invoke is the arrow between the two functions: it calls SnowflakeUpsert through the Lambda API and waits for
// its answer.
//
// The call is synchronous. An asynchronous one would be accepted before anything is in the table, and dropped after
// two failures, so the ledger could not say that the rows were handed over.
package invoke

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/snowstream/snowstream/processing/handoff"
)

// Function is a Lambda function that takes hand-overs. It is safe for concurrent use.
type Function struct {
	api  *lambda.Client
	name string
}

// New returns the function of that name or ARN.
func New(api *lambda.Client, name string) *Function { return &Function{api, name} }

// Upsert invokes the function and waits. An error of the function itself is named by its type only: its text may
// hold values from the records.
func (f *Function) Upsert(ctx context.Context, m handoff.Message) (handoff.Answer, error) {
	payload, err := handoff.Encode(m)
	if err != nil {
		return handoff.Answer{}, err
	}
	out, err := f.api.Invoke(ctx, &lambda.InvokeInput{
		FunctionName: &f.name, InvocationType: types.InvocationTypeRequestResponse, Payload: payload,
	})
	if err != nil {
		return handoff.Answer{}, fmt.Errorf("invoke function %s for %s: %w", f.name, m.Object, err)
	}
	if out.FunctionError != nil {
		return handoff.Answer{}, fmt.Errorf("function %s failed on %s with %s: its log has the reason",
			f.name, m.Object, errorType(out.Payload, aws.ToString(out.FunctionError)))
	}
	var answer handoff.Answer
	if err := json.Unmarshal(out.Payload, &answer); err != nil {
		return handoff.Answer{}, fmt.Errorf("function %s gave no usable answer for %s: is it SnowflakeUpsert?", f.name, m.Object)
	}
	return answer, nil
}

// Sweep has the function look after what was appended and is not visible yet, and returns how far all shards are.
func (f *Function) Sweep(ctx context.Context) ([]handoff.Pending, error) {
	answer, err := f.Upsert(ctx, handoff.Message{Sweep: true})
	return answer.Pending, err
}

// Look asks how far all shards are, and changes nothing.
func (f *Function) Look(ctx context.Context) ([]handoff.Pending, error) {
	answer, err := f.Upsert(ctx, handoff.Message{Sweep: true, Look: true})
	return answer.Pending, err
}

func errorType(payload []byte, otherwise string) string {
	var e struct {
		ErrorType string `json:"errorType"`
	}
	if json.Unmarshal(payload, &e) != nil || e.ErrorType == "" {
		return otherwise
	}
	return e.ErrorType
}
