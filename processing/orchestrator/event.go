package orchestrator

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/snowstream/snowstream/record"
)

// shardBatch are the records of one shard in an event, in order.
type shardBatch struct {
	stream, shard string
	records       []record.Record
}

// event is the part of a Kinesis event that is read.
type event struct {
	Records []struct {
		EventID        string `json:"eventID"`
		EventSourceARN string `json:"eventSourceARN"`
		Kinesis        struct {
			PartitionKey   string  `json:"partitionKey"`
			SequenceNumber string  `json:"sequenceNumber"`
			Data           []byte  `json:"data"`
			Arrival        float64 `json:"approximateArrivalTimestamp"`
		} `json:"kinesis"`
	}
}

// parse reads a Kinesis event. An event that is no Kinesis event fails as a whole, because nothing in it has an
// identity under which it could be quarantined; the error holds nothing of it.
func parse(payload []byte) ([]shardBatch, error) {
	var e event
	if err := json.Unmarshal(payload, &e); err != nil {
		return nil, errors.New("the invocation's payload is not a Kinesis event: invoke this function through an event source mapping")
	}
	var out []shardBatch
	for i, r := range e.Records {
		shard, sequence, ok := strings.Cut(r.EventID, ":")
		_, stream, named := strings.Cut(r.EventSourceARN, ":stream/")
		if !ok || !named || stream == "" || shard == "" || sequence == "" || sequence != r.Kinesis.SequenceNumber {
			return nil, fmt.Errorf("record %d of the event has no usable eventID, eventSourceARN and sequenceNumber", i)
		}
		if n := len(out); n == 0 || out[n-1].shard != shard || out[n-1].stream != stream {
			out = append(out, shardBatch{stream: stream, shard: shard})
		}
		b := &out[len(out)-1]
		b.records = append(b.records, record.Record{
			Position:     record.Position{Shard: shard, Sequence: sequence},
			PartitionKey: r.Kinesis.PartitionKey,
			ArrivedAt:    arrival(r.Kinesis.Arrival),
			Data:         r.Kinesis.Data,
		})
		if n := len(b.records); n > 1 && b.records[n-2].Compare(b.records[n-1].Position) >= 0 {
			return nil, fmt.Errorf("record %d of the event comes before the one in front of it: a shard's records must be in order", i)
		}
	}
	return out, nil
}

// arrival turns epoch seconds with a fraction into a time. Kinesis gives milliseconds; rounding to them undoes what
// the float added.
func arrival(seconds float64) time.Time {
	return time.UnixMilli(int64(math.Round(seconds * 1000))).UTC()
}
