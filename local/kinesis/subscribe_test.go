package kinesis

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// connected is the SDK over a connection, which a subscription needs: direct would wait for its end.
func connected(t *testing.T, s *Server) *kinesis.Client {
	web := httptest.NewServer(s)
	t.Cleanup(func() { s.Close(); web.Close() })
	return kinesis.New(kinesis.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(web.URL), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""), HTTPClient: &http.Client{Transport: ownBody{web.Client().Transport}},
	})
}

// ownBody gives each request a body that the SDK cannot close: it does so once there is an answer, and a transport that
// was about to see the body's end then takes the connection down, with the subscription on it.
type ownBody struct{ http.RoundTripper }

func (o ownBody) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Body = io.NopCloser(bytes.NewReader(body))
	return o.RoundTripper.RoundTrip(r)
}

const testStreamARN = "arn:aws:kinesis:us-east-1:000000000000:stream/s"

func register(t *testing.T, c *kinesis.Client, name string) *types.Consumer {
	t.Helper()
	out, err := c.RegisterStreamConsumer(t.Context(), &kinesis.RegisterStreamConsumerInput{ConsumerName: &name, StreamARN: aws.String(testStreamARN)})
	if err != nil {
		t.Fatal(err)
	}
	return out.Consumer
}

func subscribe(t *testing.T, c *kinesis.Client, arn *string, from types.StartingPosition) *kinesis.SubscribeToShardEventStream {
	t.Helper()
	own := kinesis.New(c.Options()) // the streams of one client share a buffer
	out, err := own.SubscribeToShard(t.Context(), &kinesis.SubscribeToShardInput{ConsumerARN: arn, ShardId: aws.String(firstShard), StartingPosition: &from})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { out.GetStream().Close() })
	return out.GetStream()
}

// take reads events until n records came, or the stream ended.
func take(t *testing.T, events *kinesis.SubscribeToShardEventStream, n int) (records []types.Record, last types.SubscribeToShardEvent, open bool) {
	t.Helper()
	patience, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		if n > 0 && len(records) >= n {
			return records, last, true
		}
		select {
		case e, ok := <-events.Events():
			if !ok {
				return records, last, false
			}
			last = e.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent).Value
			records = append(records, last.Records...)
		case <-patience.Done():
			t.Fatalf("only %d of %d records arrived", len(records), n)
		}
	}
}

// A subscription brings what is there and what arrives, goes on where another one stopped, and tells of the end.
func TestSubscription(t *testing.T) {
	c := connected(t, start(t, Config{}))
	create(t, c, "s", 1)
	consumer := register(t, c, "reader")
	put(t, c, "s", "a", "b")
	events := subscribe(t, c, consumer.ConsumerARN, types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon})
	first, _, _ := take(t, events, 2)
	put(t, c, "s", "c")
	more, last, _ := take(t, events, 1)
	if string(*first[0].PartitionKey) != "a" || *more[0].PartitionKey != "c" || *last.MillisBehindLatest != 0 {
		t.Errorf("got %s, then %s", *first[0].PartitionKey, *more[0].PartitionKey)
	}
	if *last.ContinuationSequenceNumber != *more[0].SequenceNumber {
		t.Errorf("the next subscription would go on behind %s", *last.ContinuationSequenceNumber)
	}
	put(t, c, "s", "d")
	again := subscribe(t, c, consumer.ConsumerARN, types.StartingPosition{Type: types.ShardIteratorTypeAfterSequenceNumber, SequenceNumber: more[0].SequenceNumber})
	if rest, _, _ := take(t, again, 1); *rest[0].PartitionKey != "d" {
		t.Errorf("went on with %s", *rest[0].PartitionKey)
	}
	if _, _, open := take(t, events, 0); open {
		t.Error("the older subscription of the consumer goes on")
	}
	if _, err := c.SplitShard(t.Context(), &kinesis.SplitShardInput{StreamName: aws.String("s"), ShardToSplit: aws.String(firstShard), NewStartingHashKey: aws.String("1000")}); err != nil {
		t.Fatal(err)
	}
	if _, last, open := take(t, again, 0); open || len(last.ChildShards) != 2 {
		t.Errorf("the end of the shard tells of %d children", len(last.ChildShards))
	}
}

// Consumers are durable, have names of their own, and take their subscriptions along.
func TestConsumers(t *testing.T) {
	dir := t.TempDir()
	s := start(t, Config{Dir: dir})
	create(t, client(s), "s", 1)
	consumer := register(t, client(s), "reader")
	_, err := client(s).RegisterStreamConsumer(t.Context(), &kinesis.RegisterStreamConsumerInput{ConsumerName: aws.String("reader"), StreamARN: aws.String(testStreamARN)})
	wantCode(t, err, "ResourceInUseException")
	s.Close()

	c := connected(t, start(t, Config{Dir: dir}))
	listed, err := c.ListStreamConsumers(t.Context(), &kinesis.ListStreamConsumersInput{StreamARN: aws.String(testStreamARN)})
	if err != nil || len(listed.Consumers) != 1 || *listed.Consumers[0].ConsumerARN != *consumer.ConsumerARN {
		t.Fatalf("after a restart: %v, %v", listed, err)
	}
	_, err = c.DeleteStream(t.Context(), &kinesis.DeleteStreamInput{StreamName: aws.String("s")})
	wantCode(t, err, "ResourceInUseException")
	events := subscribe(t, c, consumer.ConsumerARN, types.StartingPosition{Type: types.ShardIteratorTypeLatest})
	if _, err := c.DeregisterStreamConsumer(t.Context(), &kinesis.DeregisterStreamConsumerInput{ConsumerARN: consumer.ConsumerARN}); err != nil {
		t.Fatal(err)
	}
	if _, _, open := take(t, events, 0); open {
		t.Error("a subscription outlived its consumer")
	}
	_, err = c.DescribeStreamConsumer(t.Context(), &kinesis.DescribeStreamConsumerInput{ConsumerARN: consumer.ConsumerARN})
	wantCode(t, err, "ResourceNotFoundException")
}
