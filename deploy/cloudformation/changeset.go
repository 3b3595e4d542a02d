package cloudformation

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/snowstream/snowstream/deploy/cloudformation/resolve"
)

// ownPrefix begins the names of our change sets. Others' are never deleted by us, though CloudFormation itself drops
// them once one of ours is executed.
const ownPrefix = "snowstream-"

// Change is what a change set would do to one resource.
type Change struct {
	// Action is Add, Modify, Remove, Import or Dynamic.
	Action    string
	LogicalID string
	// Type is the resource's, such as AWS::Kinesis::Stream.
	Type string
	// PhysicalID is empty for what does not exist yet.
	PhysicalID string
	// Replacement is True, False or Conditional for Modify.
	Replacement string
	// Properties are those that get another value, where that could be worked out.
	Properties []Property
	// Purpose is what the template says of the resource.
	Purpose Purpose
}

// changeSet is one that was made and may be executed; it has no changes if there is nothing to do.
type changeSet struct {
	name    string
	changes []Change
}

// prepare makes a change set and waits until CloudFormation has worked out what it would do. kind says whether the
// stack is there.
func (s *Stack) prepare(ctx context.Context, kind types.ChangeSetType, p Parameters) (changeSet, error) {
	set := changeSet{name: ownPrefix + strings.ToLower(rand.Text())}
	text, err := Compact()
	if err != nil {
		return changeSet{}, err
	}
	in := &cloudformation.CreateChangeSetInput{
		StackName: &s.name, ChangeSetName: &set.name, ClientToken: &set.name, ChangeSetType: kind,
		TemplateBody: aws.String(string(text)), Parameters: p.values(),
		// The roles have names of their own: Snowflake must be told them before they exist.
		Capabilities: []types.Capability{types.CapabilityCapabilityNamedIam},
		Tags:         p.tags(),
	}
	if p.ServiceRoleARN != "" {
		in.RoleARN = &p.ServiceRoleARN
	}
	if kind == types.ChangeSetTypeUpdate {
		// What somebody has changed by hand counts as a change, and is brought back.
		in.DeploymentMode = types.DeploymentModeRevertDrift
	}
	_, err = s.api.CreateChangeSet(ctx, in)
	// Nobody else has this name: it is there because the SDK asked again after an answer was lost.
	var exists *types.AlreadyExistsException
	if err != nil && !errors.As(err, &exists) {
		return changeSet{}, fmt.Errorf("create a change set for stack %s: %w", s.name, err)
	}
	if set.changes, err = s.settle(ctx, set.name, p); err != nil {
		return set, errors.Join(err, s.drop(context.WithoutCancel(ctx), set))
	}
	return set, nil
}

// settle waits for a change set and reads what it would do, nothing if nothing changes.
func (s *Stack) settle(ctx context.Context, name string, p Parameters) ([]Change, error) {
	for {
		out, err := s.api.DescribeChangeSet(ctx, &cloudformation.DescribeChangeSetInput{StackName: &s.name, ChangeSetName: &name, IncludePropertyValues: aws.Bool(true)})
		if err != nil {
			return nil, fmt.Errorf("describe a change set of stack %s: %w", s.name, err)
		}
		switch reason := aws.ToString(out.StatusReason); {
		case out.Status == types.ChangeSetStatusCreateComplete:
			return s.changes(ctx, name, p, out)
		case out.Status == types.ChangeSetStatusFailed && unchanged(reason):
			return nil, nil
		case out.Status == types.ChangeSetStatusFailed:
			return nil, fmt.Errorf("stack %s: CloudFormation refuses the change set: %s", s.name, reason)
		}
		if err := s.sleep(ctx); err != nil {
			return nil, fmt.Errorf("wait for a change set of stack %s: %w", s.name, err)
		}
	}
}

// unchanged reports whether a failed change set failed because there is nothing to do; only its text says so.
func unchanged(reason string) bool {
	return strings.Contains(reason, "didn't contain changes") || strings.Contains(reason, "No updates are to be performed")
}

// changes reads all pages of a change set.
func (s *Stack) changes(ctx context.Context, name string, p Parameters, page *cloudformation.DescribeChangeSetOutput) ([]Change, error) {
	purposes, err := Purposes()
	if err != nil {
		return nil, err
	}
	var out []Change
	var before, after map[string]resolve.Resource
	for {
		for _, c := range page.Changes {
			if r := c.ResourceChange; r != nil {
				logical := aws.ToString(r.LogicalResourceId)
				properties := stated(r)
				if r.Action == types.ChangeActionModify && properties == nil {
					if before == nil {
						before, after = s.templates(ctx, p)
					}
					properties = compare(before[logical].Properties, after[logical].Properties)
				}
				out = append(out, Change{
					Properties: properties,
					Action:     string(r.Action), LogicalID: logical, Type: aws.ToString(r.ResourceType),
					PhysicalID: aws.ToString(r.PhysicalResourceId), Replacement: string(r.Replacement), Purpose: purposes[logical],
				})
			}
		}
		if page.NextToken == nil {
			return out, nil
		}
		page, err = s.api.DescribeChangeSet(ctx, &cloudformation.DescribeChangeSetInput{
			StackName: &s.name, ChangeSetName: &name, NextToken: page.NextToken, IncludePropertyValues: aws.Bool(true),
		})
		if err != nil {
			return nil, fmt.Errorf("describe a change set of stack %s: %w", s.name, err)
		}
	}
}

// drop deletes a change set that was not executed. One that is gone is what was wanted: a killed run's last call may still
// be under way and delete it meanwhile.
func (s *Stack) drop(ctx context.Context, set changeSet) error {
	_, err := s.api.DeleteChangeSet(ctx, &cloudformation.DeleteChangeSetInput{StackName: &s.name, ChangeSetName: &set.name})
	// The answer holds nothing: one that says 200 and cannot be read, as an emulator's, has done its work.
	var unreadable *smithy.DeserializationError
	var answer *smithyhttp.ResponseError
	var refused smithy.APIError
	gone := errors.As(err, &refused) && refused.ErrorCode() == "ChangeSetNotFound"
	if gone || errors.As(err, &unreadable) && errors.As(err, &answer) && answer.HTTPStatusCode() == http.StatusOK {
		return nil
	}
	if err != nil {
		return fmt.Errorf("delete a change set of stack %s: %w", s.name, err)
	}
	return nil
}

// sweep deletes the change sets that our killed runs left, and reports whether others' remain.
func (s *Stack) sweep(ctx context.Context) (others bool, err error) {
	pages := cloudformation.NewListChangeSetsPaginator(s.api, &cloudformation.ListChangeSetsInput{StackName: &s.name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return false, fmt.Errorf("list the change sets of stack %s: %w", s.name, err)
		}
		for _, c := range page.Summaries {
			if !strings.HasPrefix(aws.ToString(c.ChangeSetName), ownPrefix) {
				others = true
				continue
			}
			if err := s.drop(ctx, changeSet{name: aws.ToString(c.ChangeSetName)}); err != nil {
				return false, err
			}
		}
	}
	return others, nil
}
