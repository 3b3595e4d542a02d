package e2e

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// canary is in every payload of a feed, and in no log.
const canary = "canary-7d31f0"

// feedKeys is how many partition keys a feed has; each call of PutRecords carries one record of each.
const feedKeys = 40

// feed is a producer that remembers what it was told: which record got which sequence number. Each key has one record
// under way, so what was acknowledged for a key was accepted in this order. Where the answer is lost, the same record
// goes again, and the stream may hold both.
type feed struct {
	mu       sync.Mutex
	next     [feedKeys]int
	acked    []acked
	failures int
}

// acked is a record that the stream says it has.
type acked struct {
	place
	key     int
	payload string
}

// place is where a record lies in the stream.
type place struct{ shard, sequence string }

// feedPayload is the n-th record of a key. Each 23rd cannot become a row; the others carry text that CSV and SQL get
// wrong easily.
func feedPayload(key, n int) string {
	if (key+n)%23 == 11 {
		return fmt.Sprintf(`{"sensorId": %d, "currentTemperature": %d.5, "status": "%s"}`, key, n, canary)
	}
	hostile := []string{"OK", `"quoted"`, "a,b", "two\r\nlines", `\N`, "it's", "é😀", `back\slash`, "\ttab"}
	return fmt.Sprintf(`{"sensorId": %d, "currentTemperature": %d, "status": %s}`, key, n, strconv.Quote(canary+hostile[n%len(hostile)]))
}

// run puts records into the stream until ctx ends, about 400 a second.
func (f *feed) run(ctx context.Context, api *kinesis.Client, stream string) {
	for ctx.Err() == nil {
		f.put(ctx, api, stream)
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (f *feed) put(ctx context.Context, api *kinesis.Client, stream string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var entries []types.PutRecordsRequestEntry
	for key, n := range f.next {
		entries = append(entries, types.PutRecordsRequestEntry{Data: []byte(feedPayload(key, n)), PartitionKey: aws.String(partitionKey(key))})
	}
	out, err := api.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: &stream, Records: entries})
	if err != nil {
		f.failures++
		return
	}
	if aws.ToInt32(out.FailedRecordCount) > 0 {
		f.failures++
	}
	for key, r := range out.Records {
		if r.SequenceNumber != nil {
			f.acked = append(f.acked, acked{place{*r.ShardId, *r.SequenceNumber}, key, string(entries[key].Data)})
			f.next[key]++
		}
	}
}

func partitionKey(key int) string { return fmt.Sprintf("key-%d", key) }

// during feeds the stream while work runs, and waits for the last put.
func (f *feed) during(t *testing.T, api *kinesis.Client, stream string, work func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() { f.run(ctx, api, stream) })
	defer group.Wait()
	defer cancel()
	work()
}

// count is how many records were acknowledged, and how many calls failed or failed in part.
func (f *feed) count() (records, failures int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.acked), f.failures
}
