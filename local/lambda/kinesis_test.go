package lambda

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// scriptedKinesis is a stand-in for a stream: just enough of the JSON protocol for a reader, with faults on demand.
type scriptedKinesis struct {
	*httptest.Server

	mu        sync.Mutex
	shards    []*scriptedShard
	next      int64
	faults    map[string][]string // operation -> error names to answer with, first one first
	calls     map[string]int
	generated int64           // iterators are valid from this generation on
	positions map[string]bool // AT_TIMESTAMP etc. that were asked for
	readTimes []time.Time
	pageSize  int
	gone      bool // the stream was deleted
}

type scriptedShard struct {
	id, parent, adjacent string
	records              []scriptedRecord
	trimmed              int // records before this index have passed retention
	closed               bool
}

type scriptedRecord struct {
	sequence int64
	key      string
	data     []byte
	arrived  time.Time
}

func newKinesis(t *testing.T, shards ...string) *scriptedKinesis {
	k := &scriptedKinesis{faults: map[string][]string{}, calls: map[string]int{}, positions: map[string]bool{}, next: 1000}
	for _, id := range shards {
		k.shards = append(k.shards, &scriptedShard{id: id})
	}
	k.Server = httptest.NewServer(k)
	t.Cleanup(k.Close)
	return k
}

const sequenceBase = "4959033827149025660855969253836157109592157598"

func sequenceText(n int64) string { return sequenceBase + fmt.Sprintf("%010d", n) }

func (k *scriptedKinesis) put(shard string, data ...string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, text := range data {
		k.next += 7
		s := k.shard(shard)
		s.records = append(s.records, scriptedRecord{k.next, "key-" + text[:min(len(text), 8)], []byte(text), time.Now()})
	}
}

func (k *scriptedKinesis) shard(id string) *scriptedShard {
	for _, s := range k.shards {
		if s.id == id {
			return s
		}
	}
	return nil
}

func (k *scriptedKinesis) split(parent string, children ...string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.shard(parent).closed = true
	for _, id := range children {
		k.shards = append(k.shards, &scriptedShard{id: id, parent: parent})
	}
}

func (k *scriptedKinesis) setGone(gone bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.gone = gone
}

func (k *scriptedKinesis) fail(operation string, names ...string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.faults[operation] = append(k.faults[operation], names...)
}

func (k *scriptedKinesis) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	defer k.mu.Unlock()
	operation := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "Kinesis_20131202.")
	k.calls[operation]++
	var in struct {
		ShardId, ShardIteratorType, StartingSequenceNumber, ShardIterator, NextToken, StreamName, StreamARN string
		Timestamp                                                                                           float64
		Limit                                                                                               int
		StartingPosition                                                                                    struct{ SequenceNumber string }
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || r.Header.Get("Authorization") == "" {
		k.refuse(w, "ValidationException")
		return
	}
	if k.gone {
		k.refuse(w, "ResourceNotFoundException")
		return
	}
	if names := k.faults[operation]; len(names) > 0 {
		k.faults[operation] = names[1:]
		k.refuse(w, names[0])
		return
	}
	switch operation {
	case "ListShards":
		k.listShards(w, in.NextToken)
	case "DescribeStreamSummary", "DescribeStreamConsumer":
		if in.StreamARN != "" && in.StreamARN != streamARN {
			k.refuse(w, "ResourceNotFoundException")
			return
		}
		fmt.Fprint(w, "{}")
	case "GetShardIterator":
		k.getIterator(w, in.ShardId, in.ShardIteratorType, in.StartingSequenceNumber, in.Timestamp)
	case "GetRecords":
		k.readTimes = append(k.readTimes, time.Now())
		k.getRecords(w, in.ShardIterator, in.Limit)
	case "SubscribeToShard":
		k.subscribe(w, in.ShardId, in.StartingPosition.SequenceNumber)
	default:
		k.refuse(w, "UnknownOperationException")
	}
}

func (k *scriptedKinesis) refuse(w http.ResponseWriter, name string) {
	status := http.StatusBadRequest
	if name == "InternalFailure" {
		status = http.StatusInternalServerError
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"__type":%q,"message":"as scripted"}`, name)
}

// listShards gives two shards a page, so that paging is always exercised.
func (k *scriptedKinesis) listShards(w http.ResponseWriter, token string) {
	from, _ := strconv.Atoi(token)
	var list []map[string]any
	for _, s := range k.shards[from:min(from+2, len(k.shards))] {
		shard := map[string]any{
			"ShardId": s.id, "HashKeyRange": map[string]string{"StartingHashKey": "0", "EndingHashKey": "1"},
			"SequenceNumberRange": map[string]string{"StartingSequenceNumber": sequenceText(0)},
		}
		if s.parent != "" {
			shard["ParentShardId"] = s.parent
		}
		if s.adjacent != "" {
			shard["AdjacentParentShardId"] = s.adjacent
		}
		list = append(list, shard)
	}
	answer := map[string]any{"Shards": list}
	if from+2 < len(k.shards) {
		answer["NextToken"] = strconv.Itoa(from + 2)
	}
	json.NewEncoder(w).Encode(answer)
}

func (k *scriptedKinesis) getIterator(w http.ResponseWriter, shard, kind, sequence string, at float64) {
	s := k.shard(shard)
	if s == nil {
		k.refuse(w, "ResourceNotFoundException")
		return
	}
	k.positions[shard+" "+kind] = true
	index := s.trimmed
	switch kind {
	case "AFTER_SEQUENCE_NUMBER":
		for index < len(s.records) && sequenceText(s.records[index].sequence) <= sequence {
			index++
		}
		if s.trimmed > 0 && sequence < sequenceText(s.records[s.trimmed-1].sequence) {
			k.refuse(w, "InvalidArgumentException")
			return
		}
	case "AT_TIMESTAMP":
		for index < len(s.records) && s.records[index].arrived.UnixMilli() < int64(at*1000) {
			index++
		}
	}
	json.NewEncoder(w).Encode(map[string]any{"ShardIterator": k.iterator(shard, index)})
}

func (k *scriptedKinesis) iterator(shard string, index int) string {
	return fmt.Sprintf("%s/%d/%d", shard, index, k.generated)
}

func (k *scriptedKinesis) getRecords(w http.ResponseWriter, iterator string, limit int) {
	parts := strings.Split(iterator, "/")
	index, _ := strconv.Atoi(parts[1])
	if generation, _ := strconv.ParseInt(parts[2], 10, 64); generation < k.generated {
		k.refuse(w, "ExpiredIteratorException")
		return
	}
	s := k.shard(parts[0])
	if k.pageSize > 0 {
		limit = min(limit, k.pageSize)
	}
	index = max(index, s.trimmed)
	end := min(index+limit, len(s.records))
	records := []map[string]any{}
	for _, r := range s.records[index:end] {
		records = append(records, map[string]any{
			"SequenceNumber": sequenceText(r.sequence), "PartitionKey": r.key,
			"Data": base64.StdEncoding.EncodeToString(r.data), "ApproximateArrivalTimestamp": float64(r.arrived.UnixMilli()) / 1000,
		})
	}
	answer := map[string]any{"Records": records, "MillisBehindLatest": len(s.records) - end}
	if !s.closed || end < len(s.records) {
		answer["NextShardIterator"] = k.iterator(s.id, end)
	}
	json.NewEncoder(w).Encode(answer)
}
