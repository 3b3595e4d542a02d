package lambda

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

func itemsOf(sequences ...string) (items []item) {
	for _, s := range sequences {
		items = append(items, item{sequence: s, json: []byte(`{}`)})
	}
	return items
}

func TestDoneItems(t *testing.T) {
	items := itemsOf("9", "10", "11", "100")
	for _, tc := range []struct {
		response string
		want     int
	}{
		{``, 4}, {`null`, 4}, {`{}`, 4}, {`"200 OK"`, 4}, {`[1]`, 4}, {`not JSON`, 4},
		{`{"batchItemFailures":null}`, 4}, {`{"batchItemFailures":[]}`, 4}, {`{"BatchItemFailures":[{"itemIdentifier":"9"}]}`, 4},
		{`{"batchItemFailures":[{"itemIdentifier":"10"}]}`, 1},
		{`{"batchItemFailures":[{"itemIdentifier":"100"},{"itemIdentifier":"11"}]}`, 2},
		{`{"batchItemFailures":[{"itemIdentifier":"9"}]}`, 0},
		{`{"batchItemFailures":[{"itemIdentifier":""}]}`, 0},
		{`{"batchItemFailures":[{"itemIdentifier":null}]}`, 0},
		{`{"batchItemFailures":[{"itemidentifier":"100"}]}`, 0},
		{`{"batchItemFailures":[{"itemIdentifier":"7"}]}`, 0},
		{`{"batchItemFailures":[{"itemIdentifier":"100"},{"itemIdentifier":"7"}]}`, 0},
		{`{"batchItemFailures":[{"itemIdentifier":100}]}`, 0},
		{`{"batchItemFailures":[null]}`, 0},
		{`{"batchItemFailures":"all"}`, 0},
		{`{"batchItemFailures":{"itemIdentifier":"10"}}`, 0},
	} {
		if got := doneItems([]byte(tc.response), items); got != tc.want {
			t.Errorf("%s: %d done, want %d", tc.response, got, tc.want)
		}
	}
}

func FuzzDoneItems(f *testing.F) {
	for _, seed := range []string{``, `null`, `{"batchItemFailures":[{"itemIdentifier":"2"}]}`, `{"batchItemFailures":[{"itemIdentifier":"\ud800"}]}`} {
		f.Add([]byte(seed))
	}
	items := itemsOf("1", "2", "3")
	f.Fuzz(func(t *testing.T, response []byte) {
		done := doneItems(response, items)
		if done < 0 || done > len(items) {
			t.Fatalf("%d of %d done", done, len(items))
		}
		var well struct {
			BatchItemFailures []struct{ ItemIdentifier string } `json:"batchItemFailures"`
		}
		if json.Unmarshal(response, &well) == nil && done == len(items) && len(well.BatchItemFailures) > 0 && strings.Contains(string(response), `"batchItemFailures"`) &&
			!strings.Contains(strings.Replace(string(response), "batchItemFailures", "", 1), "ailures") {
			t.Fatalf("reported failures were taken for success: %q", response)
		}
	})
}

func TestFit(t *testing.T) {
	big := func(n int) item { return item{json: make([]byte, n)} }
	frame := len(eventOpen) + len(eventClose)
	for name, tc := range map[string]struct {
		items []item
		size  int
		want  int
		full  bool
	}{
		"none":            {nil, 3, 0, false},
		"some":            {itemsOf("1", "2"), 3, 2, false},
		"count":           {itemsOf("1", "2", "3"), 3, 3, true},
		"more":            {itemsOf("1", "2", "3", "4"), 3, 3, true},
		"exactly 6 MB":    {[]item{big(1000), big(maxSyncBytes - frame - 1000 - 2)}, 9, 2, false},
		"a byte more":     {[]item{big(1000), big(maxSyncBytes - frame - 1000 - 1)}, 9, 1, true},
		"too large alone": {[]item{big(maxSyncBytes), big(1)}, 9, 1, true},
		"too large later": {[]item{big(1), big(maxSyncBytes)}, 9, 1, true},
	} {
		n, full := fit(tc.items, tc.size)
		if n != tc.want || full != tc.full {
			t.Errorf("%s: %d, %v", name, n, full)
		}
		if event := kinesisEvent(tc.items[:n]); n > 1 && len(event) > maxSyncBytes {
			t.Errorf("%s: event of %d bytes", name, len(event))
		}
	}
}

// The event is AWS's own, member for member and in its order.
func TestEventFormat(t *testing.T) {
	source := eventSource{shard: "shardId-000000000006", stream: "arn:aws:kinesis:us-east-2:123456789012:stream/lambda-stream", place: place{"us-east-2", "123456789012"}}
	it, err := source.item(types.Record{
		PartitionKey: aws.String("1 \"ü\""), SequenceNumber: aws.String("49590338271490256608559692538361571095921575989136588898"),
		Data: []byte("Hello, this is a test."), ApproximateArrivalTimestamp: aws.Time(time.UnixMilli(1545084650987)),
	}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	want := `{"Records":[{"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":"1 \"ü\"","sequenceNumber":"49590338271490256608559692538361571095921575989136588898","data":"SGVsbG8sIHRoaXMgaXMgYSB0ZXN0Lg==","approximateArrivalTimestamp":1545084650.987},"eventSource":"aws:kinesis","eventVersion":"1.0","eventID":"shardId-000000000006:49590338271490256608559692538361571095921575989136588898","eventName":"aws:kinesis:record","invokeIdentityArn":"arn:aws:iam::123456789012:role/local","awsRegion":"us-east-2","eventSourceARN":"arn:aws:kinesis:us-east-2:123456789012:stream/lambda-stream"}]}`
	if got := string(kinesisEvent([]item{it})); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	var event events.KinesisEvent
	if err := json.Unmarshal(kinesisEvent([]item{it, it}), &event); err != nil || len(event.Records) != 2 || string(event.Records[1].Kinesis.Data) != "Hello, this is a test." {
		t.Errorf("%+v, %v", event, err)
	}
	for _, bad := range []string{"", "12a", `1","x":"`, strings.Repeat("1", 129)} {
		if _, err := source.item(types.Record{SequenceNumber: &bad}, time.Now()); err == nil {
			t.Errorf("sequence number %q was taken", bad)
		}
	}
}

func FuzzFunctionName(f *testing.F) {
	p := place{"us-east-1", "000000000000"}
	for _, seed := range []string{"name", "name:$LATEST", "000000000000:function:name", p.functionARN("name"), p.functionARN("name") + ":$LATEST", "arn:aws:lambda:::function:x", ":", "a:function:b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, ref string) {
		name, err := p.functionName(ref)
		if err != nil {
			return
		}
		if !validFunctionName(name) || !strings.Contains(ref, name) {
			t.Fatalf("%q names %q", ref, name)
		}
		if again, err := p.functionName(p.functionARN(name)); err != nil || again != name {
			t.Fatalf("%q: its ARN names %q, %v", name, again, err)
		}
	})
}

func FuzzStreamName(f *testing.F) {
	for _, seed := range []string{streamARN, "arn:aws:kinesis:::stream/", "arn:aws:kinesis:a:b:stream/x/../y", "arn"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, arn string) {
		if name, err := streamName(arn); err == nil && (!validStreamName(name) || !strings.HasSuffix(arn, ":stream/"+name)) {
			t.Fatalf("%q names %q", arn, name)
		}
	})
}

func TestBackoff(t *testing.T) {
	for n := 1; n < 100; n++ {
		d := backoff(n, retryFirst, retryMost)
		whole := min(retryMost, retryFirst<<min(n-1, 20))
		if d < whole/2 || d > whole {
			t.Errorf("try %d waits %s, want %s to %s", n, d, whole/2, whole)
		}
	}
}

// TestTooOld: the maximum age is in seconds, and records behind a younger one wait for it.
func TestTooOld(t *testing.T) {
	ago := func(seconds ...int) (items []item) {
		for _, n := range seconds {
			items = append(items, item{arrived: time.Now().Add(-time.Duration(n) * time.Second)})
		}
		return items
	}
	for _, c := range []struct {
		age   int
		items []item
		want  int
	}{{60, ago(50, 40), 0}, {60, ago(70, 65, 50, 90), 2}, {60, ago(90, 80), 2}, {-1, ago(1 << 20), 0}} {
		if n := (&poller{set: settings{MaxAge: c.age}}).tooOld(c.items); n != c.want {
			t.Errorf("%d seconds: %d of %v, want %d", c.age, n, c.items, c.want)
		}
	}
}
