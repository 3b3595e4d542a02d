// Package orchestrator is the function SnowflakeOrchestrator: it takes a batch of one shard, lands it in the raw zone,
// hands its rows to SnowflakeUpsert and moves the shard's ledger on.
//
// The steps, and what a crash after each leaves behind:
//
//  1. read the ledger and drop what it covers. Nothing has changed.
//  2. unpack and decide every record: a row or a rejection, with the next ordinals. Nothing has changed.
//  3. write the rejected records to quarantine. They count only once the object of rows names them.
//  4. write the object of rows, If-None-Match: *. From here on the range is fixed: a retry, whatever its boundaries,
//     opens with the same record, meets the object and adopts its range.
//  5. hand the rows to Upsert and wait. Repeating this changes nothing, Upsert merges on the rows' identity.
//  6. advance the ledger, If-Match. This is the commit; of two writers one is refused and stops.
//
// Only after step 6 does the batch count as done, so the event source mapping's checkpoint never passes a record that
// is not in the raw zone and in the streaming table. An error in any step fails the batch, which comes again.
package orchestrator

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/snowstream/snowstream/processing/datalake"
	"github.com/snowstream/snowstream/processing/handoff"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
	"github.com/snowstream/snowstream/record/unpack"
)

// Upserter brings rows into the streaming table. It returns when they are there, durably; repeating a message changes
// nothing.
type Upserter interface {
	Upsert(ctx context.Context, m handoff.Message) (handoff.Answer, error)
}

// Orchestrator handles the batches of any number of shards, one batch at a time.
type Orchestrator struct {
	lake    *datalake.Lake
	upsert  Upserter
	schema  record.Schema
	unpack  *unpack.Unpacker
	decoder *record.Decoder
	log     *slog.Logger
}

// New returns an orchestrator for a schema that has passed Check.
func New(schema record.Schema, lake *datalake.Lake, upsert Upserter, log *slog.Logger) (*Orchestrator, error) {
	u, err := unpack.New(schema.Lines)
	if err != nil {
		return nil, err
	}
	return &Orchestrator{lake: lake, upsert: upsert, schema: schema, unpack: u, decoder: record.NewDecoder(schema), log: log}, nil
}

// Handle takes one Kinesis event. It returns nil once all of its records are in the raw zone or in quarantine, in the
// streaming table, and covered by the ledger.
func (o *Orchestrator) Handle(ctx context.Context, event []byte) error {
	batches, err := parse(event)
	if err != nil {
		return err
	}
	for _, b := range batches {
		if err := o.land(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

// maxObject is the size of unpacked payloads at which an object is closed: a batch of 6 MB may unpack to a thousand
// times as much. An object always ends where a Kinesis record ends.
const maxObject = 32 << 20

// land brings the records of one shard through all steps. It loops because a batch may unpack to more than one object,
// and because an adopted object may end before the batch does.
func (o *Orchestrator) land(ctx context.Context, b shardBatch) error {
	head, err := o.head(ctx, b)
	if err != nil {
		return err
	}
	for {
		fresh := o.fresh(b.records, head.Last())
		if len(fresh) == 0 {
			return nil
		}
		object, err := o.object(ctx, head, fresh)
		if err != nil {
			return err
		}
		if head, err = o.lake.Advance(ctx, head, head.After(object, time.Now())); err != nil {
			return err
		}
		o.log.Info("landed", "stream", b.stream, "shard", b.shard, "object", object.Key, "rows", object.Rows,
			"quarantined", object.Quarantined, "last_ordinal", object.LastOrdinal)
	}
}

// head reads the shard's ledger, and closes the object that a rebuilt one leaves open.
func (o *Orchestrator) head(ctx context.Context, b shardBatch) (datalake.Head, error) {
	head, err := o.lake.Claim(ctx, b.stream, b.shard)
	if err != nil || head.Open == nil {
		return head, err
	}
	if err := o.handOver(ctx, handoff.Message{Object: head.Open.Key, Rows: head.Open.Rows}); err != nil {
		return head, err
	}
	return o.lake.Advance(ctx, head, head.After(*head.Open, time.Now()))
}

// fresh unpacks the Kinesis records behind a position, which are in the shard's order, up to the size of an object.
func (o *Orchestrator) fresh(records []record.Record, last record.Position) (out []record.Record) {
	size := 0
	for _, r := range records {
		if record.CompareSequence(r.Sequence, last.Sequence) <= 0 {
			continue
		}
		from := len(out)
		out = o.unpack.Append(out, r)
		for _, one := range out[from:] {
			size += len(one.Data)
		}
		if size >= maxObject {
			break
		}
	}
	return out
}

// object does steps 2 to 5 for the object that opens with the first of the fresh records.
func (o *Orchestrator) object(ctx context.Context, head datalake.Head, fresh []record.Record) (rawzone.Object, error) {
	batch := o.decoder.Cut(fresh, head.Ordinal+1)
	object := rawzone.Of(batch, o.schema.Folder, head.Ledger)
	if err := o.quarantine(ctx, head.Stream, object, batch.Rejected); err != nil {
		return object, err
	}
	object, adopted, err := o.lake.Land(ctx, object, batch.CSV)
	if err != nil {
		return object, err
	}
	m := handoff.Message{Object: object.Key, Rows: object.Rows}
	if !adopted {
		m.CSV = string(batch.CSV)
	}
	return object, o.handOver(ctx, m)
}

// handOver brings an object's rows into the streaming table.
func (o *Orchestrator) handOver(ctx context.Context, m handoff.Message) error {
	if m.Rows == 0 {
		return nil
	}
	answer, err := o.upsert.Upsert(ctx, m)
	if err == nil && answer.Rows != m.Rows {
		err = fmt.Errorf("upsert of %s looked at %d of %d rows", m.Object, answer.Rows, m.Rows)
	}
	return err
}

func (o *Orchestrator) quarantine(ctx context.Context, stream string, object rawzone.Object, rejected []record.Rejected) error {
	if len(rejected) == 0 {
		return nil
	}
	text, err := rawzone.EncodeQuarantine(stream, rejected)
	if err != nil {
		return err
	}
	return o.lake.Quarantine(ctx, object.Quarantine, object.Key, text)
}
