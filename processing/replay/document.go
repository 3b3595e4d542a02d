package replay

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/snowstream/snowstream/processing/orchestrator"
	"github.com/snowstream/snowstream/record"
)

// document is the part of a failure document that is read.
type document struct {
	Batch struct {
		Shard string `json:"shardId"`
		First string `json:"startSequenceNumber"`
		Last  string `json:"endSequenceNumber"`
		// Arrived is when the first record came.
		Arrived time.Time `json:"approximateArrivalOfFirstRecord"`
		Size    int64     `json:"batchSize"`
		Stream  string    `json:"streamArn"`
	} `json:"KinesisBatchInfo"`
	// Payload is the event; only a destination in S3 gets it, and not for every batch.
	Payload string `json:"payload"`
}

// parseDocument reads a failure document. ours is false where it is another function's: of no stream, or of another one.
func parseDocument(text []byte, stream string) (d document, ours bool, err error) {
	if err := json.Unmarshal(text, &d); err != nil {
		return d, false, fmt.Errorf("it is not a failure document of an event source mapping: %w", syntax(err))
	}
	_, name, _ := strings.Cut(d.Batch.Stream, ":stream/")
	if name != stream {
		return d, false, nil
	}
	if b := d.Batch; b.Shard == "" || b.First == "" || record.CompareSequence(b.First, b.Last) > 0 || b.Size < 1 {
		return d, false, fmt.Errorf("it does not say which records of stream %s it is about", stream)
	}
	return d, true, nil
}

// syntax leaves out what a JSON error quotes: it may come from a payload.
func syntax(err error) error {
	if wrong, ok := err.(*json.UnmarshalTypeError); ok {
		return fmt.Errorf("%s has the wrong type", wrong.Field)
	}
	return fmt.Errorf("it is not JSON")
}

// records are those that the document itself carries. What is no event of the shard counts as nothing: the stream has
// the records, too.
func (d document) records(stream string) []record.Record {
	all, err := orchestrator.Records([]byte(d.Payload), stream, d.Batch.Shard)
	if err != nil {
		return nil
	}
	return all
}
