package cloudformation

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// Destroy deletes the stack. Data is kept: the raw zone's bucket with its policy, and the stream, appear in progress
// as DELETE_SKIPPED with their names, and are named as existing ones by the Parameters of a later Apply. No stack is no
// error, and neither is one whose deletion a killed run began.
func (s *Stack) Destroy(ctx context.Context, progress func(Event)) error {
	found, err := s.idle(ctx, progress)
	if err != nil || found == nil {
		return err
	}
	if found.StackStatus == types.StackStatusReviewInProgress {
		return s.discard(ctx)
	}
	if err := s.ours(found, ""); err != nil {
		return err
	}
	return s.remove(ctx, found, progress)
}

// remove deletes the stack and waits until it is gone.
func (s *Stack) remove(ctx context.Context, found *types.Stack, progress func(Event)) error {
	f, err := s.follow(ctx, aws.ToString(found.StackId), progress)
	if err != nil {
		return err
	}
	if _, err := s.api.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: &s.name}); err != nil {
		return fmt.Errorf("delete stack %s: %w", s.name, err)
	}
	status, err := f.end(ctx)
	if err != nil {
		return err
	}
	if status != types.StackStatusDeleteComplete {
		return fmt.Errorf("stack %s ended in %s: %s", s.name, status, f.reason())
	}
	return nil
}
