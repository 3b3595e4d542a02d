package orchestrator

import "github.com/snowstream/snowstream/record"

// shardBatch are the records of one shard in an event, in order. They are valid until the next event is parsed.
type shardBatch struct {
	stream, shard string
	// arn is the stream's, empty where nobody said.
	arn     string
	records []record.Record
	// again says that the caller looks after records that the ledger has passed; else those without a place get one.
	again bool
}

// parse takes an event apart by shard; mostly all of its records are of one.
func (o *Orchestrator) parse(event []byte) ([]shardBatch, error) {
	runs, err := o.events.Read(event)
	if err != nil {
		return nil, err
	}
	var out []shardBatch
	for _, r := range runs {
		out = append(out, shardBatch{stream: r.Stream, shard: r.Shard, arn: r.ARN, records: r.Records})
	}
	return out, nil
}
