package orchestrator

import (
	"context"
	"fmt"

	"github.com/snowstream/snowstream/record"
)

// Land lands records of one shard, in their order, as Handle lands those of an event: what the ledger has passed is left
// out. It first closes what the shard's last writer has left open, so after it all rows that the ledger covers have been
// handed over. With no records it does that alone. Like Append it lets a live writer go first.
func (o *Orchestrator) Land(ctx context.Context, stream, shard string, records []record.Record) error {
	if err := o.yield(ctx, stream, shard); err != nil {
		return err
	}
	return o.land(ctx, shardBatch{stream: stream, shard: shard, records: records, again: true})
}

// Records reads the records of one shard from a Kinesis event, as a failure document holds it. It is refused if it
// has records of another stream or shard.
func Records(event []byte, stream, shard string) ([]record.Record, error) {
	var reader record.EventReader
	runs, err := reader.Read(event)
	if err != nil || len(runs) == 0 {
		return nil, err
	}
	if r := runs[0]; len(runs) > 1 || r.Stream != stream || r.Shard != shard {
		return nil, fmt.Errorf("the event's records are not of %s/%s alone", stream, shard)
	}
	return runs[0].Records, nil
}
