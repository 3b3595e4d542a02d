package listener

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"go.uber.org/goleak"

	"github.com/snowstream/snowstream/record"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stored is a record in the stand-in's one shard; its sequence number is its place from 1.
type stored struct {
	key, data string
	at        float64
}

// stand speaks just enough of Kinesis' protocol for a client to meet its faults.
type stand struct {
	mu     sync.Mutex
	stream []stored
	calls  map[string]int
	bodies []map[string]json.RawMessage
	times  []time.Time
	// before may answer a call itself, by the number of the call of that operation from 1; it then returns true.
	before func(w http.ResponseWriter, operation string, n int) bool
	// refuse gives the error code of one entry of a PutRecords call.
	refuse func(n, i int, key string) string
	// lose is asked after PutRecords has stored: true cuts the connection instead of an answer.
	lose func(n int) bool
	// page is the most records of one read.
	page int
	// trimmed records are past their retention.
	trimmed int
	// shards and status describe the stream; 0 shards is none.
	shards  int
	status  string
	created int
}

func newStand(t *testing.T) (*stand, *kinesis.Client) {
	t.Helper()
	s := &stand{calls: map[string]int{}, page: 10, shards: 1, status: "ACTIVE"}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return s, kinesis.New(kinesis.Options{
		Region: "eu-west-1", BaseEndpoint: &server.URL, HTTPClient: &http.Client{Transport: transport},
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
}

func (s *stand) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	operation := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "Kinesis_20131202.")
	s.calls[operation]++
	s.times = append(s.times, time.Now())
	n := s.calls[operation]
	text, _ := io.ReadAll(r.Body)
	var body map[string]json.RawMessage
	if err := json.Unmarshal(text, &body); err != nil {
		refuse(w, 400, "SerializationException")
		return
	}
	s.bodies = append(s.bodies, body)
	if s.before != nil && s.before(w, operation, n) {
		return
	}
	switch operation {
	case "PutRecords":
		s.put(w, body, n)
	case "GetShardIterator":
		after, kind := "", ""
		_ = json.Unmarshal(body["StartingSequenceNumber"], &after)
		_ = json.Unmarshal(body["ShardIteratorType"], &kind)
		if (kind == "TRIM_HORIZON") != (after == "") {
			refuse(w, 400, "InvalidArgumentException")
			return
		}
		at, _ := strconv.Atoi("0" + after)
		if kind == "AT_SEQUENCE_NUMBER" {
			at--
		}
		if kind != "TRIM_HORIZON" && at < s.trimmed {
			refuse(w, 400, "InvalidArgumentException")
			return
		}
		answer(w, map[string]any{"ShardIterator": fmt.Sprint("at-", max(at, s.trimmed))})
	case "GetRecords":
		s.get(w, body)
	case "ListShards":
		s.list(w, body)
	case "DescribeStreamSummary":
		if s.shards == 0 {
			refuse(w, 400, "ResourceNotFoundException")
			return
		}
		answer(w, map[string]any{"StreamDescriptionSummary": map[string]any{"StreamStatus": s.status, "OpenShardCount": s.shards}})
		s.status = "ACTIVE"
	case "CreateStream":
		_ = json.Unmarshal(body["ShardCount"], &s.shards)
		s.status = "CREATING"
		s.created++
		answer(w, struct{}{})
	default:
		refuse(w, 400, "UnknownOperationException")
	}
}

func (s *stand) put(w http.ResponseWriter, body map[string]json.RawMessage, n int) {
	var entries []struct {
		PartitionKey string
		Data         []byte
	}
	_ = json.Unmarshal(body["Records"], &entries)
	size := 0
	for _, e := range entries {
		size += len(e.Data) + len(e.PartitionKey)
	}
	if len(entries) > MaxCallRecords || size > 10<<20 || len(entries) > 1 && size > MaxCallBytes {
		refuse(w, 400, "InvalidArgumentException")
		return
	}
	var results []map[string]any
	for i, e := range entries {
		if s.refuse != nil {
			if code := s.refuse(n, i, e.PartitionKey); code != "" {
				results = append(results, map[string]any{"ErrorCode": code, "ErrorMessage": "scripted"})
				continue
			}
		}
		s.stream = append(s.stream, stored{e.PartitionKey, string(e.Data), 1700000000 + float64(len(s.stream))})
		results = append(results, map[string]any{"SequenceNumber": strconv.Itoa(len(s.stream)), "ShardId": "shardId-000000000000"})
	}
	if s.lose != nil && s.lose(n) {
		panic(http.ErrAbortHandler)
	}
	answer(w, map[string]any{"FailedRecordCount": 0, "Records": results})
}

func (s *stand) get(w http.ResponseWriter, body map[string]json.RawMessage) {
	var iterator string
	limit := 10000
	_ = json.Unmarshal(body["ShardIterator"], &iterator)
	_ = json.Unmarshal(body["Limit"], &limit)
	at, err := strconv.Atoi(strings.TrimPrefix(iterator, "at-"))
	if err != nil || at > len(s.stream) {
		refuse(w, 400, "InvalidArgumentException")
		return
	}
	end := min(at+min(limit, s.page), len(s.stream))
	var records []map[string]any
	for i := at; i < end; i++ {
		records = append(records, map[string]any{"SequenceNumber": strconv.Itoa(i + 1), "PartitionKey": s.stream[i].key,
			"Data": []byte(s.stream[i].data), "ApproximateArrivalTimestamp": s.stream[i].at})
	}
	answer(w, map[string]any{"Records": records, "NextShardIterator": fmt.Sprint("at-", end), "MillisBehindLatest": 1000 * (len(s.stream) - end)})
}

func (s *stand) list(w http.ResponseWriter, body map[string]json.RawMessage) {
	ended := map[string]any{"StartingSequenceNumber": "1", "EndingSequenceNumber": "9"}
	if _, second := body["NextToken"]; second {
		if _, both := body["StreamName"]; both {
			refuse(w, 400, "InvalidArgumentException")
			return
		}
		answer(w, map[string]any{"Shards": []map[string]any{{"ShardId": "shardId-2", "ParentShardId": "shardId-0", "AdjacentParentShardId": "shardId-1",
			"SequenceNumberRange": map[string]any{"StartingSequenceNumber": "10"}}}})
		return
	}
	answer(w, map[string]any{"NextToken": "more", "Shards": []map[string]any{
		{"ShardId": "shardId-0", "SequenceNumberRange": ended}, {"ShardId": "shardId-1", "SequenceNumberRange": ended}}})
}

func answer(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(body)
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": code, "message": "scripted"})
}

// entries makes n of them, each with its own key unless keys are given to take turns.
func entries(n int, keys ...string) []record.Entry {
	made := make([]record.Entry, n)
	for i := range made {
		made[i] = record.Entry{PartitionKey: strconv.Itoa(i), Data: fmt.Appendf(nil, "record %d", i)}
		if len(keys) > 0 {
			made[i].PartitionKey = keys[i%len(keys)]
		}
	}
	return made
}

// copies counts how often each data is in the stream.
func (s *stand) copies() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := map[string]int{}
	for _, r := range s.stream {
		found[r.data]++
	}
	return found
}

// quick are pauses fit for tests.
func quick() WriterConfig {
	return WriterConfig{MinDelay: time.Millisecond, MaxDelay: 5 * time.Millisecond, MaxElapsed: 10 * time.Second}
}

func mustPut(t *testing.T, w *Writer, e []record.Entry) Result {
	t.Helper()
	r, err := w.Put(context.Background(), e)
	if err != nil {
		t.Fatal(err)
	}
	if r.Accepted+r.Failed != len(e) {
		t.Errorf("%d accepted and %d failed of %d", r.Accepted, r.Failed, len(e))
	}
	return r
}

// count is the number of calls of an operation so far.
func (s *stand) count(operation string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[operation]
}
