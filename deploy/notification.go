package deploy

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/snowstream/snowstream/record/rawzone"
)

// notify has the bucket tell the pipe's queue. A bucket of the stack gets it in the stack's second pass. Another's
// notifications are read, completed and written back, because S3 knows no way to add one: whatever is there stays.
func (d *Deployment) notify(ctx context.Context) error {
	if !d.file.ExistingBucket {
		return d.applyStack(ctx, stepNotification, d.file.PipeQueueARN)
	}
	changed, err := d.mergeNotification(ctx, true)
	if err == nil {
		d.tell(stepNotification, onAWS, "notification of bucket "+d.file.Bucket, state(changed))
	}
	return err
}

func (d *Deployment) notificationID() string { return "snowstream-" + d.file.Environment }

// mergeNotification adds our notification to an existing bucket, or takes it away.
func (d *Deployment) mergeNotification(ctx context.Context, wanted bool) (changed bool, err error) {
	have, err := d.S3.GetBucketNotificationConfiguration(ctx, &s3.GetBucketNotificationConfigurationInput{
		Bucket: &d.file.Bucket, ExpectedBucketOwner: d.owner(),
	})
	if err != nil {
		return false, fmt.Errorf("read the notifications of bucket %s: %w", d.file.Bucket, err)
	}
	queues, changed := merge(have.QueueConfigurations, d.notificationID(), d.file.PipeQueueARN, wanted)
	if !changed {
		return false, err
	}
	_, err = d.S3.PutBucketNotificationConfiguration(ctx, &s3.PutBucketNotificationConfigurationInput{
		Bucket: &d.file.Bucket, ExpectedBucketOwner: d.owner(),
		NotificationConfiguration: &types.NotificationConfiguration{
			QueueConfigurations: queues, TopicConfigurations: have.TopicConfigurations,
			LambdaFunctionConfigurations: have.LambdaFunctionConfigurations, EventBridgeConfiguration: have.EventBridgeConfiguration,
		},
	})
	if err != nil {
		return false, fmt.Errorf("set the notifications of bucket %s: %w: if another queue already hears of %s, S3 refuses a second one; "+
			"share it through SNS instead", d.file.Bucket, err, rawzone.Rows)
	}
	return true, nil
}

// owner keeps a bucket of the same name in another account out of it; an emulator has no owners.
func (d *Deployment) owner() *string {
	if d.AWSEndpoint != "" {
		return nil
	}
	return &d.AccountID
}

// merge returns the queue notifications with ours in it once, or without it. Ours is known by its id, or by doing the
// same for the same queue. One that tells it only of names that end in .csv does too little, and would overlap.
func merge(have []types.QueueConfiguration, id, queue string, wanted bool) (out []types.QueueConfiguration, changed bool) {
	ours := types.QueueConfiguration{
		Id: &id, QueueArn: &queue, Events: []types.Event{types.EventS3ObjectCreated},
		Filter: &types.NotificationConfigurationFilter{Key: &types.S3KeyFilter{FilterRules: []types.FilterRule{
			{Name: types.FilterRuleNamePrefix, Value: aws.String(rawzone.Rows)}, // whatever the suffix: rows may be compressed
		}}},
	}
	there := false
	for _, q := range have {
		if aws.ToString(q.Id) != id && !alike(q, ours) && !alike(q, only(ours, ".csv")) {
			out = append(out, q)
			continue
		}
		if wanted && !there && alike(q, ours) {
			there = true
			out = append(out, q)
			continue
		}
		changed = true
	}
	if wanted && !there {
		out, changed = append(out, ours), true
	}
	return out, changed
}

// only is a notification of names with a suffix.
func only(q types.QueueConfiguration, suffix string) types.QueueConfiguration {
	rule := types.FilterRule{Name: types.FilterRuleNameSuffix, Value: &suffix}
	q.Filter = &types.NotificationConfigurationFilter{Key: &types.S3KeyFilter{FilterRules: append(slices.Clone(q.Filter.Key.FilterRules), rule)}}
	return q
}

// alike compares what notifications do; their ids do nothing, and S3 writes the names of rules in capitals.
func alike(a, b types.QueueConfiguration) bool {
	return aws.ToString(a.QueueArn) == aws.ToString(b.QueueArn) && slices.Equal(a.Events, b.Events) && slices.Equal(rules(a), rules(b))
}

func rules(q types.QueueConfiguration) (out []string) {
	if q.Filter == nil || q.Filter.Key == nil {
		return nil
	}
	for _, r := range q.Filter.Key.FilterRules {
		name := "prefix"
		if r.Name == types.FilterRuleNameSuffix || r.Name == "Suffix" {
			name = "suffix"
		}
		out = append(out, name+"="+aws.ToString(r.Value))
	}
	slices.Sort(out)
	return out
}
