package cloudformation

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// Event is one step of one resource, or of the stack itself.
type Event struct {
	Time      time.Time
	LogicalID string
	// Type is the resource's; the stack's own is AWS::CloudFormation::Stack.
	Type       string
	PhysicalID string
	// Status is such as CREATE_IN_PROGRESS, CREATE_COMPLETE, UPDATE_FAILED, DELETE_SKIPPED.
	Status string
	// Reason says why something failed.
	Reason string
}

// follower reads a stack's events as they come, each once.
type follower struct {
	stack    *Stack
	id       string // of the stack, which stays valid after its deletion
	progress func(Event)
	seen     map[string]bool
	failures []string
	// began is whether the operation shows in the events: until then the stack's state is that of the one before.
	began bool
}

// follow starts after the events that are there already.
func (s *Stack) follow(ctx context.Context, id string, progress func(Event)) (*follower, error) {
	f := &follower{stack: s, id: id, seen: map[string]bool{}}
	if err := f.read(ctx); err != nil {
		return nil, err
	}
	f.progress, f.failures, f.began = progress, nil, false
	return f, nil
}

// end follows until the operation is over, and returns the stack's state.
func (f *follower) end(ctx context.Context) (types.StackStatus, error) {
	for {
		// The state first: what happened before it was read is then in the events. And the events of the operation before
		// its state: CloudFormation takes a moment to begin.
		began := f.began
		status, err := f.status(ctx)
		if err != nil {
			return "", err
		}
		if err := f.read(ctx); err != nil {
			return "", err
		}
		if status == types.StackStatusDeleteComplete || began && !strings.HasSuffix(string(status), "_IN_PROGRESS") {
			return status, nil
		}
		if err := f.stack.sleep(ctx); err != nil {
			return "", fmt.Errorf("stack %s is in %s, which goes on in AWS; the next run waits for it: %w", f.stack.name, status, err)
		}
	}
}

func (f *follower) status(ctx context.Context) (types.StackStatus, error) {
	out, err := f.stack.api.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &f.id})
	if missing(err) {
		return types.StackStatusDeleteComplete, nil
	}
	if err != nil {
		return "", fmt.Errorf("describe stack %s: %w", f.stack.name, err)
	}
	if len(out.Stacks) == 0 {
		return types.StackStatusDeleteComplete, nil
	}
	return out.Stacks[0].StackStatus, nil
}

// read passes on the events that are new, oldest first. AWS gives them newest first, so it stops at a page that ends
// with a known one.
func (f *follower) read(ctx context.Context) error {
	var news []types.StackEvent
	pages := cloudformation.NewDescribeStackEventsPaginator(f.stack.api, &cloudformation.DescribeStackEventsInput{StackName: &f.id})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if missing(err) {
			break
		}
		if err != nil {
			return fmt.Errorf("read the events of stack %s: %w", f.stack.name, err)
		}
		known := false
		for _, e := range page.StackEvents {
			if known = f.seen[aws.ToString(e.EventId)]; !known {
				news = append(news, e)
			}
		}
		if known {
			break
		}
	}
	slices.SortStableFunc(news, func(a, b types.StackEvent) int { return aws.ToTime(a.Timestamp).Compare(aws.ToTime(b.Timestamp)) })
	for _, e := range news {
		f.seen[aws.ToString(e.EventId)] = true
		f.pass(e)
	}
	return nil
}

func (f *follower) pass(e types.StackEvent) {
	event := Event{
		Time: aws.ToTime(e.Timestamp), LogicalID: aws.ToString(e.LogicalResourceId), Type: aws.ToString(e.ResourceType),
		PhysicalID: aws.ToString(e.PhysicalResourceId), Status: string(e.ResourceStatus), Reason: aws.ToString(e.ResourceStatusReason),
	}
	f.began = f.began || event.PhysicalID == f.id
	// A resource that was cancelled because another one failed explains nothing.
	if strings.HasSuffix(event.Status, "_FAILED") && !strings.Contains(event.Reason, "cancelled") {
		f.failures = append(f.failures, event.LogicalID+": "+event.Reason)
	}
	if f.progress != nil {
		f.progress(event)
	}
}

// reason is what failed first, as far as the events say.
func (f *follower) reason() string {
	if len(f.failures) == 0 {
		return "no resource is said to have failed; the stack's events in the CloudFormation console may say more"
	}
	return f.failures[0]
}

// idle waits for an operation that another run started, and returns the stack, nil if there is none.
func (s *Stack) idle(ctx context.Context, progress func(Event)) (*types.Stack, error) {
	found, err := s.find(ctx)
	if err != nil || found == nil || found.StackStatus == types.StackStatusReviewInProgress ||
		!strings.HasSuffix(string(found.StackStatus), "_IN_PROGRESS") {
		return found, err
	}
	f, err := s.follow(ctx, aws.ToString(found.StackId), progress)
	if err != nil {
		return nil, err
	}
	f.began = true
	if _, err := f.end(ctx); err != nil {
		return nil, err
	}
	return s.find(ctx)
}
