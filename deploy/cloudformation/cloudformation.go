// Package cloudformation is the AWS side of a deployment: one template, and the stack that is made from it by change
// sets.
//
// The template (template.yaml, embedded) holds everything that the drawing needs in an AWS account: stream, both
// functions, event source mapping, raw zone, roles, alarms, dashboard. What an account has already (a stream, a bucket,
// a network) is named in Parameters and then left alone.
//
// A Stack is applied in two passes, because S3 checks a notification's queue when it is set, and Snowflake's queue
// accepts the bucket only once the pipe exists: the first with an empty PipeQueueARN, the second with the pipe's queue.
// Every call may be cut off at any point and made again: an operation that a killed run left going is waited for, a
// half-made stack is removed and made anew, and applying the same Parameters again changes nothing.
//
// Nothing here knows Snowflake; the account's user, names and queue are texts in Parameters.
package cloudformation

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"
)

// Stack is one CloudFormation stack. It is safe for concurrent use, though two operations on one stack wait for each
// other or fail, as CloudFormation has it.
type Stack struct {
	api  *cloudformation.Client
	name string
	// poll is how often a change set, a status and events are asked for.
	poll time.Duration
}

// pollEvery is short against the minutes that a stack takes, and slow enough for CloudFormation's request limits.
const pollEvery = 2 * time.Second

// New returns the stack of that name, which need not exist.
func New(api *cloudformation.Client, name string) *Stack {
	return &Stack{api: api, name: name, poll: pollEvery}
}

// Name is the stack's name.
func (s *Stack) Name() string { return s.name }

// ErrForeign means that a stack of this name exists and was not made by snowstream: it is left alone.
var ErrForeign = errors.New("the stack was not made by snowstream")

// tag marks a stack as ours; its value is the environment.
const tag = "snowstream:environment"

// find describes the stack; nil if there is none.
func (s *Stack) find(ctx context.Context) (*types.Stack, error) {
	out, err := s.api.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &s.name})
	if missing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("describe stack %s: %w", s.name, err)
	}
	for _, found := range out.Stacks {
		if found.StackStatus != types.StackStatusDeleteComplete {
			return &found, nil
		}
	}
	return nil, nil
}

// missing reports whether an error says that there is no such stack: CloudFormation has no error code for it.
func missing(err error) bool {
	var e smithy.APIError
	return errors.As(err, &e) && e.ErrorCode() == "ValidationError" && strings.Contains(e.ErrorMessage(), "does not exist")
}

// ours refuses a stack that somebody else made, or another environment if one is given.
func (s *Stack) ours(found *types.Stack, environment string) error {
	for _, t := range found.Tags {
		if aws.ToString(t.Key) != tag {
			continue
		}
		if whose := aws.ToString(t.Value); environment != "" && whose != environment {
			return fmt.Errorf("stack %s: %w for environment %s, but for %s; choose another stack name", s.name, ErrForeign, environment, whose)
		}
		return nil
	}
	return fmt.Errorf("stack %s: %w (it has no tag %s); choose another environment or stack name", s.name, ErrForeign, tag)
}

// sleep waits for the next look.
func (s *Stack) sleep(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(s.poll):
		return nil
	}
}
