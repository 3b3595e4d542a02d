package listener

import (
	"context"
	"crypto/md5"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"testing"

	"github.com/snowstream/snowstream/record/aggregate"
)

// halves answers ListShards with two open shards and a closed parent.
func halves(w http.ResponseWriter, operation string, _ int) bool {
	if operation != "ListShards" {
		return false
	}
	all := new(big.Int).Lsh(big.NewInt(1), 128)
	half := new(big.Int).Rsh(all, 1)
	last := func(n *big.Int) string { return new(big.Int).Sub(n, big.NewInt(1)).String() }
	shard := func(id, from, to string, ended bool) map[string]any {
		sequence := map[string]any{"StartingSequenceNumber": "1"}
		if ended {
			sequence["EndingSequenceNumber"] = "9"
		}
		return map[string]any{"ShardId": id, "SequenceNumberRange": sequence,
			"HashKeyRange": map[string]any{"StartingHashKey": from, "EndingHashKey": to}}
	}
	answer(w, map[string]any{"Shards": []map[string]any{
		shard("shardId-parent", "0", last(all), true),
		shard("shardId-high", half.String(), last(all), false), shard("shardId-low", "0", last(half), false)}})
	return true
}

func isHigh(key string) bool { return md5.Sum([]byte(key))[0] >= 0x80 }

func TestCallsOfOneShard(t *testing.T) {
	s, api := newStand(t)
	s.before = halves
	config := quick()
	config.PerShard = true
	w := NewWriter(api, "kdEntry", config)
	if r := mustPut(t, w, entries(1500)); r.Accepted != 1500 {
		t.Errorf("result %+v", r)
	}
	if n := s.count("ListShards"); n != 1 {
		t.Errorf("%d lists of the shards", n)
	}
	puts := 0
	for _, body := range s.bodies {
		var sent []struct{ PartitionKey string }
		if err := json.Unmarshal(body["Records"], &sent); err != nil {
			continue
		}
		puts++
		for _, e := range sent {
			if isHigh(e.PartitionKey) != isHigh(sent[0].PartitionKey) {
				t.Fatal("a call has records of two shards")
			}
		}
	}
	if puts < 3 || puts > 4 {
		t.Errorf("%d calls for 1500 records of two shards", puts)
	}
	if all := s.copies(); len(all) != 1500 {
		t.Errorf("%d records in the stream", len(all))
	}
	// A small Put is one call, whatever its shards. The shards are read again: the records went to one that is not theirs.
	before := s.count("PutRecords")
	mustPut(t, w, entries(20))
	if n := s.count("PutRecords"); n != before+1 {
		t.Errorf("%d calls for 20 records", n-before)
	}
	mustPut(t, w, entries(1500))
	if n := s.count("ListShards"); n != 2 {
		t.Errorf("%d lists of the shards after they have changed", n)
	}
}

func TestPuttingNeedsNoRightToList(t *testing.T) {
	s, api := newStand(t)
	s.before = func(w http.ResponseWriter, operation string, _ int) bool {
		if operation == "ListShards" {
			refuse(w, 400, "AccessDeniedException")
			return true
		}
		return false
	}
	config := quick()
	config.PerShard = true
	w := NewWriter(api, "kdEntry", config)
	for range 2 {
		if r := mustPut(t, w, entries(1200)); r.Accepted != 1200 {
			t.Errorf("result %+v", r)
		}
	}
	if n := s.count("ListShards"); n != 1 {
		t.Errorf("asked %d times for what is not allowed", n)
	}
	config.AggregateBytes = DefaultAggregateBytes
	r, err := NewWriter(api, "kdEntry", config).Put(context.Background(), entries(5))
	if err == nil || !strings.Contains(err.Error(), "permissions") || r.Failed != 5 {
		t.Errorf("result %+v, error %v", r, err)
	}
}

func TestAggregation(t *testing.T) {
	s, api := newStand(t)
	s.before = halves
	// The first call loses one packed record to a throttle, and is retried.
	s.refuse = func(n, i int, _ string) string {
		if n == 1 && i == 0 {
			return "ProvisionedThroughputExceededException"
		}
		return ""
	}
	config := quick()
	config.AggregateBytes = 2000
	w := NewWriter(api, "kdEntry", config)
	in := entries(1000)
	in = append(in, entries(1)[0])
	in[1000].Data = make([]byte, 5000) // too large for company
	in = append(in, in[3])
	in[1001].PartitionKey = ""
	r := mustPut(t, w, in)
	var bytes int64
	for _, e := range in[:1001] {
		bytes += int64(len(e.Data))
	}
	if r.Accepted != 1001 || r.Failed != 1 || r.Bytes != bytes || r.Throttled < 2 || r.Retried != r.Throttled {
		t.Errorf("result %+v, want %d bytes", r, bytes)
	}
	seen, last := map[string]bool{}, map[bool]int{false: -1, true: -1}
	for _, stored := range s.stream {
		if len(stored.data) > 2000 && len(stored.data) != 5000 {
			t.Errorf("a packed record has %d bytes", len(stored.data))
		}
		if !aggregate.Is([]byte(stored.data)) {
			seen[stored.data] = true
			continue
		}
		records, err := aggregate.Decode([]byte(stored.data))
		if err != nil || len(records) < 2 {
			t.Fatalf("%d records, error %v", len(records), err)
		}
		for _, u := range records {
			if isHigh(u.PartitionKey) != isHigh(stored.key) {
				t.Error("a packed record has records of two shards")
			}
			var n int
			if _, err := fmt.Sscanf(string(u.Data), "record %d", &n); err != nil || fmt.Sprint(n) != u.PartitionKey || seen[string(u.Data)] {
				t.Errorf("unpacked %q with key %s", u.Data, u.PartitionKey)
			}
			seen[string(u.Data)] = true
			last[isHigh(u.PartitionKey)] = n
		}
	}
	if len(seen) != 1001 {
		t.Errorf("%d records in the stream", len(seen))
	}
}
