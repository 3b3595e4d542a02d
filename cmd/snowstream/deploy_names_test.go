package main

import (
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
