package cloudformation

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// Outputs are what the stack made, by the names that the rest of a deployment needs.
type Outputs struct {
	StreamARN  string
	BucketName string
	// OrchestratorARN and UpsertARN are the functions.
	OrchestratorARN string
	UpsertARN       string
	// The roles: of the two functions, and the one that Snowflake assumes.
	OrchestratorRoleARN string
	UpsertRoleARN       string
	StorageRoleARN      string
	// MappingID is the event source mapping's UUID.
	MappingID string
	// FailureQueueURL is where failed asynchronous invocations of Upsert lie.
	FailureQueueURL string
	// SecretARN is the secret for the private key, empty with workload identity. The stack makes it without a value.
	SecretARN string
	// Address is the fixed IPv4 address that Upsert comes from, empty without a network of its own.
	Address string
	// Dashboard is the CloudWatch dashboard's name.
	Dashboard string
}

// Outputs describes the stack; false if there is none, or none that was ever made whole.
func (s *Stack) Outputs(ctx context.Context) (Outputs, bool, error) {
	found, err := s.find(ctx)
	if err != nil || found == nil || !standing(found.StackStatus) {
		return Outputs{}, false, err
	}
	return outputs(found), true, nil
}

// standing reports whether a stack in this state has all that its last good run made.
func standing(status types.StackStatus) bool {
	switch status {
	case types.StackStatusCreateComplete, types.StackStatusUpdateComplete, types.StackStatusUpdateRollbackComplete,
		types.StackStatusUpdateInProgress, types.StackStatusUpdateCompleteCleanupInProgress,
		types.StackStatusUpdateRollbackInProgress, types.StackStatusUpdateRollbackCompleteCleanupInProgress:
		return true
	}
	return false
}

func outputs(found *types.Stack) Outputs {
	values := map[string]string{}
	for _, o := range found.Outputs {
		values[aws.ToString(o.OutputKey)] = aws.ToString(o.OutputValue)
	}
	return Outputs{
		StreamARN: values["StreamARN"], BucketName: values["BucketName"],
		OrchestratorARN: values["OrchestratorARN"], UpsertARN: values["UpsertARN"],
		OrchestratorRoleARN: values["OrchestratorRoleARN"], UpsertRoleARN: values["UpsertRoleARN"], StorageRoleARN: values["StorageRoleARN"],
		MappingID: values["MappingID"], FailureQueueURL: values["FailureQueueURL"], SecretARN: values["SecretARN"],
		Address: values["Address"], Dashboard: values["Dashboard"],
	}
}
