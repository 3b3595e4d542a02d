package lambda

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

const (
	eventOpen  = `{"Records":[`
	eventClose = `]}`
	// maxSkipped is how many filtered records wait for a batch before the checkpoint passes them.
	maxSkipped = 10_000
)

// item is a record that was read and is not done: what the checkpoint needs, and its part of the event, ready to send; nil
// for a record that a filter has taken out.
type item struct {
	sequence string
	arrived  time.Time
	read     time.Time
	json     []byte
}

// eventSource is what all records of one shard and mapping share in their events.
type eventSource struct {
	shard  string
	stream string // ARN
	place  place
}

// item writes a record as Lambda writes it into a Kinesis event, member for member.
func (e eventSource) item(record types.Record, now time.Time) (item, error) {
	key, err := json.Marshal(aws.ToString(record.PartitionKey))
	if err != nil {
		return item{}, err
	}
	sequence, arrived := aws.ToString(record.SequenceNumber), aws.ToTime(record.ApproximateArrivalTimestamp)
	if !isSequence(sequence) {
		return item{}, fmt.Errorf("read %s: a record has no valid sequence number", e.shard)
	}
	text := make([]byte, 0, base64.StdEncoding.EncodedLen(len(record.Data))+len(key)+512)
	text = append(text, `{"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":`...)
	text = append(text, key...)
	text = append(text, `,"sequenceNumber":"`+sequence+`","data":"`...)
	text = base64.StdEncoding.AppendEncode(text, record.Data)
	text = append(text, `","approximateArrivalTimestamp":`...)
	text = append(appendArrival(text, arrived), `},`...)
	text = append(text, `"eventSource":"aws:kinesis","eventVersion":"1.0","eventID":"`+e.shard+`:`+sequence+`",`...)
	text = append(text, `"eventName":"aws:kinesis:record","invokeIdentityArn":"arn:aws:iam::`+e.place.account+`:role/local",`...)
	text = append(text, `"awsRegion":"`+e.place.region+`","eventSourceARN":"`+e.stream+`"}`...)
	return item{sequence: sequence, arrived: arrived, read: now, json: text}, nil
}

// appendArrival appends a time of arrival as events have it.
func appendArrival(text []byte, at time.Time) []byte {
	return fmt.Appendf(text, "%d.%03d", at.UnixMilli()/1000, at.UnixMilli()%1000)
}

func isSequence(text string) bool {
	return text != "" && len(text) <= 128 && strings.Trim(text, "0123456789") == ""
}

// fit counts how many of the items, from the first on, go into one event of at most size records and maxSyncBytes. full
// is true when one more could not be added. A record that is too large for any event is a batch of its own. What filters
// have taken out goes along, up to maxSkipped of it.
func fit(items []item, size int) (n int, full bool) {
	bytes, taken := len(eventOpen)+len(eventClose), 0
	for n < len(items) && taken < size && n-taken < maxSkipped {
		if !items[n].filtered() {
			bytes += len(items[n].json) + 1
			if bytes > maxSyncBytes && taken > 0 {
				return n, true
			}
			taken++
		}
		n++
	}
	return n, taken == size || n-taken == maxSkipped || bytes > maxSyncBytes
}

// kinesisEvent joins items into the event that the function gets.
func kinesisEvent(items []item) []byte {
	size := len(eventOpen) + len(eventClose) + len(items)
	for _, it := range items {
		size += len(it.json)
	}
	event := append(make([]byte, 0, size), eventOpen...)
	for i, it := range items {
		if i > 0 {
			event = append(event, ',')
		}
		event = append(event, it.json...)
	}
	return append(event, eventClose...)
}

// doneItems reads a ReportBatchItemFailures response: how many items, from the first on, are done. As on AWS an empty
// or null response, or list, is success; an identifier that is empty, missing or not in the batch fails all of it; and
// the failure with the lowest sequence number is where the batch goes on.
func doneItems(response []byte, items []item) int {
	var object map[string]json.RawMessage
	if json.Unmarshal(response, &object) != nil {
		return len(items)
	}
	list, ok := object["batchItemFailures"]
	if !ok {
		return len(items)
	}
	var failures []map[string]json.RawMessage
	if json.Unmarshal(list, &failures) != nil {
		return 0
	}
	position := make(map[string]int, len(items))
	for i, it := range items {
		position[it.sequence] = i
	}
	done := len(items)
	for _, failure := range failures {
		var id string
		if json.Unmarshal(failure["itemIdentifier"], &id) != nil {
			return 0
		}
		i, known := position[id]
		if !known {
			return 0
		}
		done = min(done, i)
	}
	return done
}
