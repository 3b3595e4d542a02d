package cloudformation

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"
)

// Plan says what Apply would change, nothing if nothing. It leaves the account as it was: the change set is deleted,
// and with it the empty stack that CloudFormation makes for the change set of a stack to be.
func (s *Stack) Plan(ctx context.Context, p Parameters) ([]Change, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	found, err := s.find(ctx)
	if err != nil {
		return nil, err
	}
	if found != nil && strings.HasSuffix(string(found.StackStatus), "_IN_PROGRESS") && found.StackStatus != types.StackStatusReviewInProgress {
		return nil, fmt.Errorf("stack %s is in %s: plan again when that has ended", s.name, found.StackStatus)
	}
	kind, err := s.kind(found, p.Environment)
	if err != nil {
		return nil, err
	}
	if found != nil && broken(found.StackStatus) {
		// The failed stack's name is taken until it is deleted, which is not a plan's to do: a stack beside it shows the same.
		beside := *s
		beside.name += "-plan"
		return beside.Plan(ctx, p)
	}
	set, err := s.prepare(ctx, kind, p)
	if err == nil {
		err = s.drop(ctx, set)
	}
	return set.changes, errors.Join(err, s.discard(context.WithoutCancel(ctx)))
}

// ErrLoss is a change that destroys data or lets it expire, and was not accepted.
var ErrLoss = errors.New("it has to be asked for by --yes")

// Losses are what changes destroy or let expire, a line each.
func Losses(changes []Change) (out []string) {
	for _, c := range changes {
		if loss := c.Loss(); loss != "" {
			out = append(out, c.Type+" "+c.LogicalID+": "+loss)
		}
	}
	return out
}

// kind is the change set that a stack needs.
func (s *Stack) kind(found *types.Stack, environment string) (types.ChangeSetType, error) {
	if found == nil || found.StackStatus == types.StackStatusReviewInProgress || broken(found.StackStatus) {
		return types.ChangeSetTypeCreate, nil
	}
	return types.ChangeSetTypeUpdate, s.ours(found, environment)
}

// broken reports whether a stack never came to be and can only be deleted.
func broken(status types.StackStatus) bool {
	switch status {
	case types.StackStatusRollbackComplete, types.StackStatusRollbackFailed, types.StackStatusCreateFailed:
		return true
	}
	return false
}

// discard deletes a stack that is no more than the shell of change sets, unless somebody else's is among them.
func (s *Stack) discard(ctx context.Context) error {
	found, err := s.find(ctx)
	if err != nil || found == nil || found.StackStatus != types.StackStatusReviewInProgress {
		return err
	}
	if others, err := s.sweep(ctx); err != nil || others {
		return err
	}
	return s.remove(ctx, found, nil)
}

// Apply brings the stack to the parameters and returns what it made. progress, which may be nil, gets each event of a
// resource in order. Nothing to change is no error. What a killed run left is taken up: an operation under way is
// waited for, and a stack that never came to be is deleted first. When the context ends, the operation goes on in AWS
// and the next Apply waits for it.
func (s *Stack) Apply(ctx context.Context, p Parameters, progress func(Event)) (Outputs, error) {
	if err := p.Check(); err != nil {
		return Outputs{}, err
	}
	found, err := s.ready(ctx, progress)
	if err != nil {
		return Outputs{}, err
	}
	kind, err := s.kind(found, p.Environment)
	if err != nil {
		return Outputs{}, err
	}
	set, err := s.prepare(ctx, kind, p)
	if err != nil {
		return Outputs{}, err
	}
	if len(set.changes) == 0 {
		return outputs(found), s.drop(ctx, set)
	}
	if losses := Losses(set.changes); len(losses) > 0 && !p.AcceptLoss {
		return Outputs{}, errors.Join(fmt.Errorf("stack %s was not changed, because that would lose data: %w:\n%s", s.name, ErrLoss, strings.Join(losses, "\n")), s.drop(ctx, set))
	}
	if err := s.execute(ctx, set, progress); err != nil {
		return Outputs{}, err
	}
	out, _, err := s.Outputs(ctx)
	return out, err
}

// ready waits for what is under way and clears away what can only be deleted. It returns the stack as it then is, nil
// if there is none.
func (s *Stack) ready(ctx context.Context, progress func(Event)) (*types.Stack, error) {
	found, err := s.idle(ctx, progress)
	if err != nil || found == nil {
		return nil, err
	}
	switch status := found.StackStatus; {
	case status == types.StackStatusReviewInProgress:
		_, err := s.sweep(ctx)
		return found, err
	case broken(status):
		if err := s.ours(found, ""); err != nil {
			return nil, err
		}
		return nil, s.remove(ctx, found, progress)
	case status == types.StackStatusDeleteFailed, status == types.StackStatusUpdateRollbackFailed, status == types.StackStatusUpdateFailed:
		return nil, fmt.Errorf("stack %s is in %s (%s): destroy it, or continue the rollback in the CloudFormation console",
			s.name, status, aws.ToString(found.StackStatusReason))
	}
	return found, nil
}

// execute carries a change set out and follows it to its end.
func (s *Stack) execute(ctx context.Context, set changeSet, progress func(Event)) error {
	found, err := s.find(ctx)
	if err != nil {
		return err
	}
	if found == nil {
		return fmt.Errorf("stack %s was deleted while its change set was made: apply again", s.name)
	}
	f, err := s.follow(ctx, aws.ToString(found.StackId), progress)
	if err != nil {
		return err
	}
	_, err = s.api.ExecuteChangeSet(ctx, &cloudformation.ExecuteChangeSetInput{StackName: &s.name, ChangeSetName: &set.name, ClientRequestToken: &set.name})
	if err != nil && !s.executed(ctx, set, err) {
		return fmt.Errorf("execute a change set of stack %s: %w", s.name, err)
	}
	status, err := f.end(ctx)
	if err != nil {
		return err
	}
	if status != types.StackStatusCreateComplete && status != types.StackStatusUpdateComplete {
		return fmt.Errorf("stack %s ended in %s: %s", s.name, status, f.reason())
	}
	return nil
}

// executed reports whether a change set that is refused for its status is being executed or was. Nobody else knows its
// name: the SDK asked again after an answer was lost, and the first request did its work.
func (s *Stack) executed(ctx context.Context, set changeSet, err error) bool {
	var refused smithy.APIError
	if !errors.As(err, &refused) || !strings.HasPrefix(refused.ErrorCode(), "InvalidChangeSetStatus") {
		return false
	}
	out, err := s.api.DescribeChangeSet(ctx, &cloudformation.DescribeChangeSetInput{StackName: &s.name, ChangeSetName: &set.name})
	if err != nil {
		return false
	}
	switch out.ExecutionStatus {
	case types.ExecutionStatusExecuteInProgress, types.ExecutionStatusExecuteComplete, types.ExecutionStatusExecuteFailed:
		return true
	}
	return false
}
