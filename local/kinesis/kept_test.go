package kinesis

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// The first steps of the service's own tutorial for its command line: no shard count, an iterator with a shell's quotes, and
// short shard ids.
func TestTutorial(t *testing.T) {
	s := start(t, Config{})
	c, ctx := client(s), t.Context()
	if _, err := c.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: aws.String("s")}); err != nil {
		t.Fatal(err)
	}
	sum, err := c.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: aws.String("s")})
	if err != nil || *sum.StreamDescriptionSummary.OpenShardCount != 4 || sum.StreamDescriptionSummary.StreamModeDetails.StreamMode != types.StreamModeOnDemand {
		t.Fatalf("%+v, %v", sum, err)
	}
	for _, id := range []string{"0", "shardId-0", firstShard} {
		it, err := c.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{StreamName: aws.String("s"), ShardId: &id, ShardIteratorType: types.ShardIteratorTypeTrimHorizon})
		if err != nil {
			t.Fatal(id, err)
		}
		if _, err := c.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: aws.String("\"" + *it.ShardIterator + "\"")}); err != nil {
			t.Error(id, err)
		}
	}
}

// What is set and has no effect is shown again, by the next server on the folder, too.
func TestKeptSettings(t *testing.T) {
	cfg := Config{Dir: t.TempDir()}
	s := start(t, cfg)
	c, ctx, name := client(s), t.Context(), aws.String("s")
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(c.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: name, ShardCount: aws.Int32(1), WarmThroughputMiBps: aws.Int32(7)}))
	must(c.StartStreamEncryption(ctx, &kinesis.StartStreamEncryptionInput{StreamName: name, EncryptionType: "KMS", KeyId: aws.String("alias/mine")}))
	must(c.EnableEnhancedMonitoring(ctx, &kinesis.EnableEnhancedMonitoringInput{StreamName: name, ShardLevelMetrics: []types.MetricsName{types.MetricsNameAll}}))
	must(c.DisableEnhancedMonitoring(ctx, &kinesis.DisableEnhancedMonitoringInput{StreamName: name, ShardLevelMetrics: []types.MetricsName{types.MetricsNameIncomingBytes}}))
	arn := aws.String("arn:aws:kinesis:us-east-1:000000000000:stream/s")
	must(c.PutResourcePolicy(ctx, &kinesis.PutResourcePolicyInput{ResourceARN: arn, Policy: aws.String(`{"Version":"2012-10-17"}`)}))
	var consumers []string
	for _, consumer := range []string{"c", "a", "b"} {
		out, err := c.RegisterStreamConsumer(ctx, &kinesis.RegisterStreamConsumerInput{StreamARN: arn, ConsumerName: &consumer, Tags: map[string]string{"team": consumer}})
		must(out, err)
		consumers = append(consumers, *out.Consumer.ConsumerARN)
	}
	must(c.TagResource(ctx, &kinesis.TagResourceInput{ResourceARN: &consumers[0], Tags: map[string]string{"more": "x"}}))
	s.Close()
	c = client(start(t, cfg))
	sum, err := c.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: name})
	must(sum, err)
	d := sum.StreamDescriptionSummary
	if d.EncryptionType != types.EncryptionTypeKms || *d.KeyId != "alias/mine" || *d.WarmThroughput.CurrentMiBps != 7 || len(d.EnhancedMonitoring[0].ShardLevelMetrics) != 6 {
		t.Errorf("%+v", d)
	}
	policy, err := c.GetResourcePolicy(ctx, &kinesis.GetResourcePolicyInput{ResourceARN: arn})
	if err != nil || *policy.Policy != `{"Version":"2012-10-17"}` {
		t.Errorf("%+v, %v", policy, err)
	}
	tags, err := c.ListTagsForResource(ctx, &kinesis.ListTagsForResourceInput{ResourceARN: &consumers[0]})
	if err != nil || len(tags.Tags) != 2 || *tags.Tags[1].Value != "c" {
		t.Errorf("%+v, %v", tags, err)
	}
	var listed []string
	for pages := kinesis.NewListStreamConsumersPaginator(c, &kinesis.ListStreamConsumersInput{StreamARN: arn, MaxResults: aws.Int32(2)}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		must(page, err)
		if len(page.Consumers) > 2 {
			t.Errorf("a page of %d", len(page.Consumers))
		}
		for _, consumer := range page.Consumers {
			listed = append(listed, *consumer.ConsumerName)
		}
	}
	if !slices.Equal(listed, []string{"a", "b", "c"}) {
		t.Errorf("consumers %v", listed)
	}
	must(c.StopStreamEncryption(ctx, &kinesis.StopStreamEncryptionInput{StreamName: name, EncryptionType: "KMS", KeyId: aws.String("alias/mine")}))
	must(c.DeleteResourcePolicy(ctx, &kinesis.DeleteResourcePolicyInput{ResourceARN: arn}))
	_, err = c.DeleteResourcePolicy(ctx, &kinesis.DeleteResourcePolicyInput{ResourceARN: arn})
	wantCode(t, err, "ResourceNotFoundException")
}
