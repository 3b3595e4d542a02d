package lambda

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
)

const consumerARN = streamARN + "/consumer/reader:1767323045"

// subscribe answers with what is behind the position and then ends the stream, as a broken connection would.
func (k *scriptedKinesis) subscribe(w http.ResponseWriter, shard, after string) {
	records := []map[string]any{}
	for _, r := range k.shard(shard).records {
		if sequenceText(r.sequence) > after {
			records = append(records, map[string]any{
				"SequenceNumber": sequenceText(r.sequence), "PartitionKey": r.key,
				"Data": base64.StdEncoding.EncodeToString(r.data), "ApproximateArrivalTimestamp": float64(r.arrived.UnixMilli()) / 1000,
			})
			after = sequenceText(r.sequence)
		}
	}
	event, _ := json.Marshal(map[string]any{"Records": records, "ContinuationSequenceNumber": after, "MillisBehindLatest": 0})
	var body bytes.Buffer
	for kind, payload := range map[string][]byte{"initial-response": []byte("{}"), "SubscribeToShardEvent": event} {
		var m eventstream.Message
		m.Headers.Set(":message-type", eventstream.StringValue("event"))
		m.Headers.Set(":event-type", eventstream.StringValue(kind))
		m.Headers.Set(":content-type", eventstream.StringValue("application/json"))
		m.Payload = payload
		var frame bytes.Buffer
		if err := eventstream.NewEncoder().Encode(&frame, m); err != nil {
			panic(err)
		}
		if kind == "initial-response" { // goes first, whichever the map gave first
			rest := slices.Clone(body.Bytes())
			body.Reset()
			body.Write(frame.Bytes())
			body.Write(rest)
		} else {
			body.Write(frame.Bytes())
		}
	}
	w.Header().Set("Content-Type", "application/vnd.amazon.eventstream")
	w.Write(body.Bytes())
}

// A consumer's mapping takes what it is pushed, polls where subscriptions fail, and hands each record over once and in
// order whichever way it came.
func TestConsumer(t *testing.T) {
	k := newKinesis(t, shard0)
	h := open(t, testConfig(t, k.URL, ""))
	if _, err := h.api.CreateEventSourceMapping(t.Context(), &sdk.CreateEventSourceMappingInput{
		FunctionName: aws.String("batch"), EventSourceArn: aws.String(streamARN + "/consumer/reader"), StartingPosition: "TRIM_HORIZON",
	}); err == nil {
		t.Error("an ARN that is no consumer's is taken")
	}
	k.put(shard0, numbers(0, 25)...)
	out := h.mapping(func(in *sdk.CreateEventSourceMappingInput) {
		in.EventSourceArn, in.BatchSize = aws.String(consumerARN), aws.Int32(10)
	})
	if *out.EventSourceArn != consumerARN {
		t.Errorf("the mapping's source is %s", *out.EventSourceArn)
	}
	for total := 25; total < 40; total += 5 {
		deadline := time.Now().Add(20 * time.Second)
		for len(h.records()) < total && time.Now().Before(deadline) {
			time.Sleep(5 * time.Millisecond)
		}
		k.put(shard0, numbers(total, total+5)...)
	}
	if err := h.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := h.records(); !slices.Equal(got, numbers(0, 40)) {
		t.Errorf("handed over %v", got)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.calls["SubscribeToShard"] == 0 || k.calls["GetRecords"] == 0 {
		t.Errorf("calls: %v", fmt.Sprint(k.calls))
	}
}
