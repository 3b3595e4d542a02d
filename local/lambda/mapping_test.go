package lambda

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

const (
	streamARN = "arn:aws:kinesis:us-east-1:000000000000:stream/kdEntry"
	shard0    = "shardId-000000000000"
	shard1    = "shardId-000000000001"
	shard2    = "shardId-000000000002"
)

// bucket is a stand-in for S3 that keeps what is put and fails on demand.
type bucket struct {
	*httptest.Server
	mu      sync.Mutex
	objects map[string][]byte
	failing int
	gone    bool
}

func newBucket(t *testing.T) *bucket {
	b := &bucket{objects: map[string][]byte{}}
	b.Server = httptest.NewServer(b)
	t.Cleanup(b.Close)
	return b
}

func (b *bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	b.mu.Lock()
	defer b.mu.Unlock()
	if r.Method == http.MethodHead && !b.gone { // HeadBucket
		return
	}
	if b.gone {
		w.WriteHeader(http.StatusNotFound)
		io.WriteString(w, "<Error><Code>NoSuchBucket</Code></Error>")
		return
	}
	if b.failing > 0 || err != nil || r.Method != http.MethodPut {
		b.failing--
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	b.objects[r.URL.Path] = body
}

func (b *bucket) setGone(gone bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gone = gone
}

func (b *bucket) only(t *testing.T) (key string, body []byte) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.objects) != 1 {
		t.Fatalf("%d objects", len(b.objects))
	}
	for key, body = range b.objects {
	}
	return key, body
}

// mapping creates a mapping of the stream to "batch" with quick defaults.
func (h *host) mapping(change ...func(*sdk.CreateEventSourceMappingInput)) *sdk.CreateEventSourceMappingOutput {
	h.t.Helper()
	in := &sdk.CreateEventSourceMappingInput{
		FunctionName: aws.String("batch"), EventSourceArn: aws.String(streamARN), StartingPosition: types.EventSourcePositionTrimHorizon,
	}
	for _, c := range change {
		c(in)
	}
	out, err := h.api.CreateEventSourceMapping(h.t.Context(), in)
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

// batches are the records of each event the batch function got, in order.
func (h *host) batches() (all []handed) {
	for _, line := range h.notes() {
		var b handed
		if err := json.Unmarshal([]byte(line), &b); err != nil {
			h.t.Fatalf("%v: %s", err, line)
		}
		all = append(all, b)
	}
	return all
}

func (h *host) records() (all []string) {
	for _, b := range h.batches() {
		all = append(all, b.Records...)
	}
	return all
}

func (h *host) shard(id string) ShardStats {
	for _, m := range h.Stats().Mappings {
		for _, s := range m.Shards {
			if s.Shard == id {
				return s
			}
		}
	}
	return ShardStats{}
}

func numbers(from, to int) (all []string) {
	for i := from; i < to; i++ {
		all = append(all, fmt.Sprintf("r%03d", i))
	}
	return all
}

func sizes(batches []handed) (all []int) {
	for _, b := range batches {
		all = append(all, len(b.Records))
	}
	return all
}

func TestMappingAPI(t *testing.T) {
	k := newKinesis(t, shard0)
	h := open(t, testConfig(t, k.URL, newBucket(t).URL))
	m := h.mapping()
	if *m.BatchSize != 100 || *m.MaximumBatchingWindowInSeconds != 0 || *m.MaximumRetryAttempts != -1 || *m.MaximumRecordAgeInSeconds != -1 ||
		*m.ParallelizationFactor != 1 || *m.State != "Enabled" || m.LastModified.Before(time.Now().Add(-time.Minute)) || m.StartingPosition != "TRIM_HORIZON" {
		t.Errorf("defaults: %+v", m)
	}
	var conflict *types.ResourceConflictException
	_, err := h.api.CreateEventSourceMapping(t.Context(), &sdk.CreateEventSourceMappingInput{
		FunctionName: m.FunctionArn, EventSourceArn: m.EventSourceArn, StartingPosition: types.EventSourcePositionLatest,
	})
	if !errors.As(err, &conflict) || !strings.Contains(err.Error(), *m.UUID) {
		t.Errorf("second mapping: %v", err)
	}
	h.mapping(func(in *sdk.CreateEventSourceMappingInput) {
		in.FunctionName = aws.String("script")
		in.Enabled = aws.Bool(false)
	})
	update, err := h.api.UpdateEventSourceMapping(t.Context(), &sdk.UpdateEventSourceMappingInput{
		UUID: m.UUID, BatchSize: aws.Int32(7), Enabled: aws.Bool(false), FunctionResponseTypes: []types.FunctionResponseType{reportItems},
		DestinationConfig: &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: aws.String("arn:aws:s3:::failures")}},
	})
	if err != nil || *update.State != "Disabled" || *update.BatchSize != 7 {
		t.Fatalf("%+v, %v", update, err)
	}
	h = h.reopen()
	got, err := h.api.GetEventSourceMapping(t.Context(), &sdk.GetEventSourceMappingInput{UUID: m.UUID})
	if err != nil || *got.BatchSize != 7 || *got.State != "Disabled" || len(got.FunctionResponseTypes) != 1 || *got.DestinationConfig.OnFailure.Destination != "arn:aws:s3:::failures" {
		t.Errorf("after a restart: %+v, %v", got, err)
	}
	list, err := h.api.ListEventSourceMappings(t.Context(), &sdk.ListEventSourceMappingsInput{FunctionName: aws.String("batch"), EventSourceArn: aws.String(streamARN)})
	if err != nil || len(list.EventSourceMappings) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := h.api.DeleteEventSourceMapping(t.Context(), &sdk.DeleteEventSourceMappingInput{UUID: m.UUID}); err != nil {
		t.Fatal(err)
	}
	var missing *types.ResourceNotFoundException
	eventually(t, "the mapping is gone", func() bool {
		_, err := h.api.GetEventSourceMapping(t.Context(), &sdk.GetEventSourceMappingInput{UUID: m.UUID})
		return errors.As(err, &missing)
	})
	if _, err := os.Stat(filepath.Join(h.cfg.Dir, "mappings", *m.UUID)); !os.IsNotExist(err) {
		t.Errorf("its folder: %v", err)
	}
	h.mapping()
}

func TestMappingRefusals(t *testing.T) {
	k, b := newKinesis(t, shard0), newBucket(t)
	b.setGone(true)
	h := open(t, testConfig(t, k.URL, b.URL))
	for name, change := range map[string]func(*sdk.CreateEventSourceMappingInput){
		"does not exist": func(in *sdk.CreateEventSourceMappingInput) { in.FunctionName = aws.String("nobody-here") },
		"EventSourceArn": func(in *sdk.CreateEventSourceMappingInput) {
			in.EventSourceArn = aws.String("arn:aws:sqs:us-east-1:000000000000:q")
		},
		"BatchSize":                                         func(in *sdk.CreateEventSourceMappingInput) { in.BatchSize = aws.Int32(10_001) },
		"MaximumBatchingWindowInSeconds":                    func(in *sdk.CreateEventSourceMappingInput) { in.MaximumBatchingWindowInSeconds = aws.Int32(301) },
		"MaximumRecordAgeInSeconds":                         func(in *sdk.CreateEventSourceMappingInput) { in.MaximumRecordAgeInSeconds = aws.Int32(59) },
		"ParallelizationFactor":                             func(in *sdk.CreateEventSourceMappingInput) { in.ParallelizationFactor = aws.Int32(2) },
		"TumblingWindowInSeconds":                           func(in *sdk.CreateEventSourceMappingInput) { in.TumblingWindowInSeconds = aws.Int32(1) },
		"Invalid filter pattern definition: it is not JSON": func(in *sdk.CreateEventSourceMappingInput) { in.FilterCriteria = patterns(`{"data":`) },
		"Invalid filter pattern definition: the operator wildcard": func(in *sdk.CreateEventSourceMappingInput) {
			in.FilterCriteria = patterns(`{"data":{"a":[{"wildcard":"x*"}]}}`)
		},
		"Number of filters exceeds the limit of 5": func(in *sdk.CreateEventSourceMappingInput) {
			in.FilterCriteria = patterns(`{"a":[1]}`, `{"a":[1]}`, `{"a":[1]}`, `{"a":[1]}`, `{"a":[1]}`, `{"a":[1]}`)
		},
		"StartingPositionTimestamp": func(in *sdk.CreateEventSourceMappingInput) {
			in.StartingPosition = types.EventSourcePositionAtTimestamp
		},
		"future": func(in *sdk.CreateEventSourceMappingInput) {
			in.StartingPosition, in.StartingPositionTimestamp = types.EventSourcePositionAtTimestamp, aws.Time(time.Now().Add(time.Hour))
		},
		"StartingPosition": func(in *sdk.CreateEventSourceMappingInput) { in.StartingPosition = "" },
		"Stream not found": func(in *sdk.CreateEventSourceMappingInput) { in.EventSourceArn = aws.String(streamARN + "-gone") },
		"Unsupported failure destination": func(in *sdk.CreateEventSourceMappingInput) {
			in.DestinationConfig = &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: aws.String("arn:aws:lambda:us-east-1:000000000000:function:script")}}
		},
		"bucket does not exist": func(in *sdk.CreateEventSourceMappingInput) {
			in.DestinationConfig = &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: aws.String("arn:aws:s3:::nobody")}}
		},
		"this host sends to no SQS queue": func(in *sdk.CreateEventSourceMappingInput) {
			in.DestinationConfig = &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: aws.String("arn:aws:sqs:us-east-1:000000000000:q")}}
		},
		"this host has no SNS topics": func(in *sdk.CreateEventSourceMappingInput) {
			in.DestinationConfig = &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: aws.String("arn:aws:sns:us-east-1:000000000000:topic")}}
		},
	} {
		in := &sdk.CreateEventSourceMappingInput{
			FunctionName: aws.String("batch"), EventSourceArn: aws.String(streamARN), StartingPosition: types.EventSourcePositionTrimHorizon,
		}
		change(in)
		var invalid *types.InvalidParameterValueException
		if _, err := h.api.CreateEventSourceMapping(t.Context(), in); !errors.As(err, &invalid) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if left, err := os.ReadDir(filepath.Join(h.cfg.Dir, "mappings")); err != nil || len(left) != 0 {
		t.Errorf("%d mappings on disk, %v", len(left), err)
	}
}

// Records arrive once, in order, in batches of the given size; the checkpoint survives a restart.
func TestHandOver(t *testing.T) {
	k := newKinesis(t, shard0)
	h := open(t, testConfig(t, k.URL, ""))
	k.put(shard0, numbers(0, 25)...)
	h.mapping(func(in *sdk.CreateEventSourceMappingInput) { in.BatchSize = aws.Int32(10) })
	if err := h.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := sizes(h.batches()); !slices.Equal(got, []int{10, 10, 5}) {
		t.Errorf("batches of %v", got)
	}
	k.put(shard0, numbers(25, 30)...)
	if err := h.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	k.mu.Lock()
	reads := slices.Clone(k.readTimes)
	k.mu.Unlock()
	for i := 1; i < len(reads); i++ {
		// The stand-in sees reads later than they begin, and not evenly so.
		if gap := reads[i].Sub(reads[i-1]); gap < 125*time.Millisecond {
			t.Errorf("reads %d and %d are %s apart", i-1, i, gap)
		}
	}
	h = h.reopen()
	k.put(shard0, numbers(30, 35)...)
	if err := h.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := h.records(); !slices.Equal(got, numbers(0, 35)) {
		t.Errorf("handed over %v", got)
	}
	if s := h.shard(shard0); s.Checkpoint != sequenceText(k.next) || s.Records != 5 || s.IteratorAge != 0 {
		t.Errorf("%+v", s)
	}
}

// LATEST is the moment of creation, also when the host restarts before the first record.
func TestLatest(t *testing.T) {
	k := newKinesis(t, shard0)
	k.put(shard0, "before")
	time.Sleep(2 * time.Millisecond) // arrival times have milliseconds
	h := open(t, testConfig(t, k.URL, ""))
	h.mapping(func(in *sdk.CreateEventSourceMappingInput) { in.StartingPosition = types.EventSourcePositionLatest })
	if err := h.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.close()
	k.put(shard0, "after")
	h = open(t, h.cfg)
	if err := h.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := h.records(); !slices.Equal(got, []string{"after"}) {
		t.Errorf("handed over %v", got)
	}
}

func TestPartialFailure(t *testing.T) {
	k := newKinesis(t, shard0)
	h := open(t, testConfig(t, k.URL, ""))
	h.rule("item r005", "item r003")
	k.put(shard0, numbers(0, 8)...)
	h.mapping(func(in *sdk.CreateEventSourceMappingInput) {
		in.FunctionResponseTypes = []types.FunctionResponseType{reportItems}
	})
	eventually(t, "the rest was tried again", func() bool { return len(h.batches()) >= 3 })
	if s := h.shard(shard0); s.Records != 3 || s.Failures < 2 {
		t.Errorf("%+v", s)
	}
	for i, b := range h.batches() {
		want := numbers(3, 8)
		if i == 0 {
			want = numbers(0, 8)
		}
		if !slices.Equal(b.Records, want) {
			t.Errorf("event %d: %v", i, b.Records)
		}
	}
	h.rule()
	if err := h.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := h.shard(shard0); s.Records != 8 || s.Checkpoint != sequenceText(k.next) {
		t.Errorf("%+v", s)
	}
}

// One bad record is found by halving, goes to the bucket with its event, and holds up nobody else.
func TestBisectAndDestination(t *testing.T) {
	k, b := newKinesis(t, shard0), newBucket(t)
	b.failing = 1
	h := open(t, testConfig(t, k.URL, b.URL))
	h.rule("error r005")
	k.put(shard0, numbers(0, 10)...)
	m := h.mapping(func(in *sdk.CreateEventSourceMappingInput) {
		in.BisectBatchOnFunctionError, in.MaximumRetryAttempts = aws.Bool(true), aws.Int32(1)
		in.DestinationConfig = &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: aws.String("arn:aws:s3:::failures")}}
	})
	if err := h.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := h.shard(shard0)
	if s.Records != 9 || s.Discarded != 1 || s.Checkpoint != sequenceText(k.next) {
		t.Errorf("%+v", s)
	}
	key, body := b.only(t)
	var document batchDocument
	if err := json.Unmarshal(body, &document); err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC()
	if want := "/failures/aws/lambda/" + *m.UUID + "/" + shard0 + now.Format("/2006/01/02/2006-01-02T15."); !strings.HasPrefix(key, want) {
		t.Errorf("key %s, want %s...", key, want)
	}
	info, request := document.KinesisBatch, document.RequestContext
	bad := sequenceText(1000 + 6*7)
	if info.Start != bad || info.End != bad || info.Size != 1 || info.Shard != shard0 || info.Stream != streamARN ||
		request.Condition != "RetryAttemptsExhausted" || *document.ResponseContext.FunctionError != "Unhandled" || document.Version != "1.0" {
		t.Errorf("%+v", document)
	}
	var event struct{ Records []struct{ EventID string } }
	if err := json.Unmarshal([]byte(document.Payload), &event); err != nil || len(event.Records) != 1 || event.Records[0].EventID != shard0+":"+bad {
		t.Errorf("payload %s, %v", document.Payload, err)
	}
}

// Without bisecting the batch goes as a whole; attempts are counted.
func TestAttemptsExhausted(t *testing.T) {
	k, b := newKinesis(t, shard0), newBucket(t)
	h := open(t, testConfig(t, k.URL, b.URL))
	h.rule("error r000")
	k.put(shard0, numbers(0, 3)...)
	h.mapping(func(in *sdk.CreateEventSourceMappingInput) {
		in.MaximumRetryAttempts = aws.Int32(2)
		in.DestinationConfig = &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: aws.String("arn:aws:s3:::failures")}}
	})
	if err := h.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.only(t)
	if s := h.shard(shard0); len(h.batches()) != 3 || s.Discarded != 3 || s.Failures != 3 || s.Records != 0 {
		t.Errorf("%d calls, %+v", len(h.batches()), s)
	}
}

func TestRecordAge(t *testing.T) {
	k, b := newKinesis(t, shard0), newBucket(t)
	k.put(shard0, numbers(0, 4)...)
	for i := range 3 {
		k.shards[0].records[i].arrived = time.Now().Add(-2 * time.Minute)
	}
	h := open(t, testConfig(t, k.URL, b.URL))
	h.mapping(func(in *sdk.CreateEventSourceMappingInput) {
		in.MaximumRecordAgeInSeconds = aws.Int32(60)
		in.DestinationConfig = &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: aws.String("arn:aws:s3:::failures")}}
	})
	if err := h.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, body := b.only(t)
	if text := string(body); !strings.Contains(text, `"condition":"RecordAgeExceeded","approximateInvokeCount":1`) || !strings.Contains(text, `"batchSize":3`) || strings.Contains(text, "responseContext") {
		t.Errorf("%s", text)
	}
	if got := h.records(); !slices.Equal(got, numbers(3, 4)) {
		t.Errorf("handed over %v", got)
	}
}

// A window holds records back; a drain does not wait for it, and new settings take over the checkpoint.
func TestWindowAndUpdate(t *testing.T) {
	k := newKinesis(t, shard0)
	h := open(t, testConfig(t, k.URL, ""))
	m := h.mapping(func(in *sdk.CreateEventSourceMappingInput) {
		in.MaximumBatchingWindowInSeconds, in.BatchSize = aws.Int32(300), aws.Int32(5)
	})
	k.put(shard0, numbers(0, 7)...)
	eventually(t, "the full batch was handed over", func() bool { return h.shard(shard0).Records == 5 })
	k.put(shard0, numbers(7, 8)...)
	if err := h.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := h.records(); !slices.Equal(got, numbers(0, 8)) {
		t.Errorf("handed over %v", got)
	}
	k.put(shard0, numbers(8, 9)...)
	_, err := h.api.UpdateEventSourceMapping(t.Context(), &sdk.UpdateEventSourceMappingInput{UUID: m.UUID, MaximumBatchingWindowInSeconds: aws.Int32(0)})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new window applies", func() bool { return h.shard(shard0).Records == 9 })
	if got := h.records(); !slices.Equal(got, numbers(0, 9)) {
		t.Errorf("handed over %v", got)
	}
}

// Expiry, throttles and failures of the stream lose and repeat nothing.
func TestStreamFaults(t *testing.T) {
	k := newKinesis(t, shard0)
	k.pageSize = 3
	k.fail("ListShards", "LimitExceededException")
	k.fail("GetShardIterator", "InternalFailure")
	k.fail("GetRecords", "ProvisionedThroughputExceededException", "ExpiredIteratorException", "InternalFailure")
	h := open(t, testConfig(t, k.URL, ""))
	k.put(shard0, numbers(0, 5)...)
	h.mapping()
	if err := h.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	k.mu.Lock()
	k.generated++ // every iterator handed out so far expires
	k.mu.Unlock()
	k.put(shard0, numbers(5, 10)...)
	if err := h.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := h.records(); !slices.Equal(got, numbers(0, 10)) {
		t.Errorf("handed over %v", got)
	}
	if !k.positions[shard0+" AFTER_SEQUENCE_NUMBER"] {
		t.Error("an expired iterator was not opened again behind the last record")
	}
}

func TestRetentionPassed(t *testing.T) {
	k := newKinesis(t, shard0)
	h := open(t, testConfig(t, k.URL, ""))
	k.put(shard0, numbers(0, 2)...)
	h.mapping()
	if err := h.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.close()
	k.put(shard0, numbers(2, 6)...)
	k.shards[0].trimmed = 4
	h = open(t, h.cfg)
	if err := h.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := h.records(); !slices.Equal(got, append(numbers(0, 2), numbers(4, 6)...)) {
		t.Errorf("handed over %v", got)
	}
	if s := h.shard(shard0); s.Expired != 1 {
		t.Errorf("%+v", s)
	}
}

// Children are read from their start, after their parents, even when the mapping began at LATEST.
func TestResharding(t *testing.T) {
	k := newKinesis(t, shard0)
	h := open(t, testConfig(t, k.URL, ""))
	h.mapping(func(in *sdk.CreateEventSourceMappingInput) { in.StartingPosition = types.EventSourcePositionLatest })
	k.put(shard0, numbers(0, 5)...)
	if err := h.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.rule("error r006")
	k.put(shard0, numbers(5, 8)...)
	k.split(shard0, shard1, shard2)
	k.put(shard1, "c1")
	k.put(shard2, "c2")
	k.mu.Lock()
	k.shards[1].records[0].arrived = time.Now().Add(-time.Hour) // arrival times may run backwards
	k.mu.Unlock()
	eventually(t, "the parent is held up", func() bool { return h.shard(shard0).Failures > 1 })
	if got := h.records(); slices.Contains(got, "c1") || slices.Contains(got, "c2") {
		t.Errorf("children were read before their parent: %v", got)
	}
	h.rule()
	if err := h.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := h.records()
	last := slices.Sorted(slices.Values(got[len(got)-2:])) // the children have no order between them
	if !slices.Equal(last, []string{"c1", "c2"}) {
		t.Errorf("handed over %v", got)
	}
	if s := h.shard(shard0); !s.Finished {
		t.Errorf("%+v", s)
	}
	k.mu.Lock()
	k.shards = k.shards[1:]
	k.mu.Unlock()
	h = h.reopen()
	k.put(shard1, "c3")
	if err := h.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after := h.records(); !slices.Equal(after, append(got, "c3")) {
		t.Errorf("after a restart: %v", after)
	}
	if s := h.shard(shard0); s.Shard != "" {
		t.Errorf("the parent is remembered after it went: %+v", s)
	}
}

// A batch in flight when the host closes is finished; its checkpoint is kept.
func TestCloseInFlight(t *testing.T) {
	k := newKinesis(t, shard0)
	h := open(t, testConfig(t, k.URL, ""))
	h.rule("sleep")
	k.put(shard0, numbers(0, 3)...)
	h.mapping()
	eventually(t, "the batch is in flight", func() bool { return len(h.batches()) == 1 })
	h = h.reopen()
	if err := h.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := h.records(); !slices.Equal(got, numbers(0, 3)) {
		t.Errorf("handed over %v", got)
	}
}

// When the checkpoint cannot be synced the shard stops: nothing is claimed that is not on disk.
func TestCheckpointSyncFails(t *testing.T) {
	k := newKinesis(t, shard0)
	h := open(t, testConfig(t, k.URL, ""))
	h.mapping()
	if err := h.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	failure := errors.New("input/output error")
	h.store.broken.Store(&failure)
	k.put(shard0, numbers(0, 2)...)
	eventually(t, "the batch was handed over", func() bool { return len(h.batches()) > 0 })
	eventually(t, "the problem shows", func() bool { return strings.HasPrefix(h.Stats().Mappings[0].LastResult, "PROBLEM") })
	if s := h.shard(shard0); s.Checkpoint != "" || s.Records != 0 {
		t.Errorf("%+v", s)
	}
}

// 6 MB of event JSON end a batch, with base64 counted.
func TestEventSize(t *testing.T) {
	k := newKinesis(t, shard0)
	h := open(t, testConfig(t, k.URL, ""))
	large := strings.Repeat("z", 1<<20)
	k.put(shard0, large, large, large, large, large)
	h.mapping()
	if err := h.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := sizes(h.batches()); !slices.Equal(got, []int{4, 1}) {
		t.Errorf("batches of %v", got)
	}
	for _, b := range h.batches() {
		if b.Bytes > maxSyncBytes {
			t.Errorf("an event of %d bytes", b.Bytes)
		}
	}
}
