package cloudformation

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// TestStated: what CloudFormation says of a property is taken, and what somebody has changed by hand counts as its value.
func TestStated(t *testing.T) {
	target := func(before, after string, drift *types.LiveResourceDrift) types.ResourceChangeDetail {
		return types.ResourceChangeDetail{Target: &types.ResourceTargetDefinition{
			Attribute: types.ResourceAttributeProperties, Path: aws.String("/Properties/A/B"), BeforeValue: &before, AfterValue: &after, Drift: drift,
		}}
	}
	got := stated(&types.ResourceChange{Details: []types.ResourceChangeDetail{
		target("1", "2", nil), target("1", "2", nil), target("3", "4", &types.LiveResourceDrift{ActualValue: aws.String("5"), PreviousValue: aws.String("3")}),
		{Target: &types.ResourceTargetDefinition{Attribute: types.ResourceAttributeTags}},
	}})
	want(t, "properties", got, []Property{{"A.B", "1", "2", false}, {"A.B", "5", "4", true}})
}

// TestLoss: what destroys data or lets it expire is told from what does not.
func TestLoss(t *testing.T) {
	with := func(id, kind, path, before, after string) Change {
		return Change{Action: "Modify", LogicalID: id, Type: kind, Properties: []Property{{Path: path, Before: before, After: after}}}
	}
	for _, tt := range []struct {
		change Change
		want   string
	}{
		{with("Stream", "AWS::Kinesis::Stream", "RetentionPeriodHours", "168", "24"), "older than 24 h"},
		{with("Stream", "AWS::Kinesis::Stream", "RetentionPeriodHours", "24", "168"), ""},
		{with("Stream", "AWS::Kinesis::Stream", "ShardCount", "4", "2"), ""},
		{with("UpsertLog", "AWS::Logs::LogGroup", "RetentionInDays", "30", "7"), "older than 7 days"},
		{with("Mapping", "AWS::Lambda::EventSourceMapping", "MaximumRecordAgeInSeconds", "604800", "82800"), "longer than 82800 s"},
		{with("Mapping", "AWS::Lambda::EventSourceMapping", "BatchSize", "500", "100"), ""},
		{with("RawZone", "AWS::S3::Bucket", "LifecycleConfiguration.Rules", "[]", `[{"ExpirationInDays":30}]`), "other rules"},
		{Change{Action: "Modify", LogicalID: "Stream", Replacement: "True"}, "left behind"},
		{Change{Action: "Remove", LogicalID: "RawZone"}, "left behind"},
		{Change{Action: "Remove", LogicalID: "PrivateKey"}, "made anew"},
		{Change{Action: "Modify", LogicalID: "Upsert", Replacement: "True"}, ""},
	} {
		if got := tt.change.Loss(); (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%+v: %q, want %q", tt.change, got, tt.want)
		}
	}
}
