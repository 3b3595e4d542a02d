package main

import (
	"errors"
	"strings"
	"testing"
)

// TestARNs: a stream or topic of another account, region or kind is refused before anything is done.
func TestARNs(t *testing.T) {
	const stream, topic = "arn:aws:kinesis:us-east-1:123456789012:stream/orders", "arn:aws:sns:us-east-1:123456789012:alarms"
	for _, tt := range []struct{ stream, topic, says string }{
		{stream, topic, ""},
		{"", "", ""},
		{"orders", "", "--existing-stream orders is not the ARN of a stream"},
		{"arn:aws:kinesis:us-east-1:123456789012:stream/", "", "is not the ARN of a stream"},
		{stream + "/consumer/app:1", "", "ARN of a consumer"},
		{"arn:aws:kinesis:us-east-1:123456789012:stream/a b", "", "no stream's name"},
		{"arn:aws:kinesis:eu-west-1:123456789012:stream/orders", "", "in region eu-west-1"},
		{"arn:aws:kinesis:us-east-1:999999999999:stream/orders", "", "belongs to account 999999999999"},
		{topic, "", "is not the ARN of a stream"},
		{"", stream, "is not the ARN of an SNS topic"},
		{"", "arn:aws:sns:eu-west-1:123456789012:alarms", "in region eu-west-1"},
	} {
		o := &deployOptions{existingStream: tt.stream}
		o.parameters.AlarmTopicARN = tt.topic
		err := o.checkARNs("123456789012", "us-east-1")
		if (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%q, %q: %v, want %q", tt.stream, tt.topic, err, tt.says)
		}
	}
}

// TestARNsOfRights: bounds, roles and keys are named by ARNs of their kinds, and all that is wrong is said at once.
func TestARNsOfRights(t *testing.T) {
	const policy, role = "arn:aws:iam::123456789012:policy/teams/bounds", "arn:aws:iam::123456789012:role/auditor"
	const key, alias = "arn:aws:kms:us-east-1:123456789012:key/0123", "arn:aws:kms:us-east-1:123456789012:alias/mine"
	for _, tt := range []struct {
		args []string
		says []string
	}{
		{[]string{"--permissions-boundary", policy, "--cloudformation-role", role, "--ledger-writers", role, "--iam-path", "/teams/data/"}, nil},
		{[]string{"--permissions-boundary", "arn:aws:iam::aws:policy/PowerUserAccess", "--ledger-writers", "arn:aws:iam::999999999999:role/auditor"}, nil},
		{[]string{"--permissions-boundary", "arn:aws:iam::999999999999:policy/bounds"}, []string{"--permissions-boundary arn:aws:iam::999999999999:policy/bounds belongs to account"}},
		{[]string{"--permissions-boundary", role, "--cloudformation-role", policy, "--ledger-writers", role + ",auditor"}, []string{
			"--permissions-boundary " + role + " is not the ARN of a managed policy", "--cloudformation-role " + policy + " is not the ARN of a role", "--ledger-writers auditor is not",
		}},
		{[]string{"--stream-key", key, "--bucket-key", key, "--queue-key", key, "--log-key", key, "--secret-encryption-key", key}, nil},
		{[]string{"--stream-key", alias, "--bucket-key", alias, "--queue-key", alias, "--log-key", alias, "--secret-encryption-key", alias}, []string{
			"--stream-key " + alias + " is not the ARN of a KMS key", "--bucket-key " + alias, "--queue-key " + alias, "--log-key " + alias, "--secret-encryption-key " + alias,
		}},
		{[]string{"--queue-key", "arn:aws:kms:eu-west-1:123456789012:key/0123"}, []string{"is in region eu-west-1"}},
		{[]string{"--iam-path", "teams", "--batch-size", "0"}, []string{`--iam-path "teams": a path begins and ends with /`, "--batch-size 0"}},
	} {
		o, _ := parsed(t, nil, tt.args...)
		err := errors.Join(o.checkFlags(), o.checkARNs("123456789012", "us-east-1"))
		if (err == nil) != (tt.says == nil) {
			t.Errorf("%v: %v", tt.args, err)
		}
		for _, says := range tt.says {
			if err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%v: %v, want %q", tt.args, err, says)
			}
		}
	}
}
