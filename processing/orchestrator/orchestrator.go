// Package orchestrator is the function SnowflakeOrchestrator: it takes a batch of one shard, lands it in the raw zone
// and hands its rows to SnowflakeUpsert.
//
// The steps, and what a crash after each leaves behind:
//
//  1. read the shard's ledger. It covers everything up to a record, and may name an object that was opened behind that.
//     If that object exists, hand its rows over (a MERGE that finds them changes nothing) and count it as covered; if
//     not, make its name void, so that whoever still has it cannot use it. Nothing has changed that counts.
//  2. drop what is covered, once it is known to have a place (see behind); unpack and decide every other record: a row or a rejection, with the next ordinals.
//  3. swap the ledger, If-Match: it now covers all that was covered in step 1, and names the object to come. Of two
//     writers one is refused here, before it has written anything. A crash leaves a name for the next one's step 1.
//  4. write the rejected records to quarantine. They count only once the object of rows names them.
//  5. write the object of rows, If-None-Match: *. From here on the range is fixed: the next step 1 finds it there.
//  6. hand the rows to Upsert and wait. Repeating this changes nothing, Upsert merges on the rows' identity. A row that
//     the table refuses by its own fault is put aside, under a name that the ledger gives first.
//
// Only after step 6 does the batch count as done, so the event source mapping's checkpoint never passes a record that
// is not in the raw zone and in the streaming table. An error in any step fails the batch. Whether it comes again, cut
// otherwise or not at all, the next step 1 leaves no two records with one ordinal; what was given up can be brought
// later, with Append. docs/exactly-once.md has the argument.
package orchestrator

import (
	"cmp"
	"context"
	"errors"
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
	pack    rawzone.Compression
	events  record.EventReader
	unpack  *unpack.Unpacker
	decoder *record.Decoder
	log     *slog.Logger
	// arn is the only stream whose records are taken; empty takes any. created asks when a stream was made, nil if nobody can.
	arn     string
	created func(ctx context.Context, arn string) (time.Time, error)
	// enrolled are the streams' generations as this process knows them.
	enrolled map[string]enrolled
	// left is how this process left each shard, by what its ledger counts. It saves work and notices a ledger that goes
	// back; what is covered is always read.
	left map[rawzone.Chain]left
	// found remembers what it took to look for records that the ledgers had passed.
	found map[rawzone.Chain]*datalake.Places
	// met are the shards for which this process has looked whether quarantine goes on behind the ledger.
	met map[rawzone.Chain]bool
	// atHand are the Kinesis records of the call under way, in order.
	atHand []record.Record
	// room is how many bytes of rows and rejected records are held at once.
	room int
}

// left is a shard as this process left it: the version of its ledger, and what that covers together with the object that
// the process has handed over since.
type left struct {
	version string
	ledger  rawzone.Ledger
	// row counts the batches that the process has landed with nobody in between.
	row int
}

// New returns an orchestrator for a schema that has passed Check. pack is the compression of the objects that it names
// from now on; those that are open already keep their names, and so theirs.
func New(schema record.Schema, lake *datalake.Lake, upsert Upserter, pack rawzone.Compression, log *slog.Logger) (*Orchestrator, error) {
	u, err := unpack.New(schema)
	if err != nil {
		return nil, err
	}
	return &Orchestrator{
		lake: lake, upsert: upsert, schema: schema, pack: pack, unpack: u, decoder: record.NewDecoder(schema), log: log, left: map[rawzone.Chain]left{}, enrolled: map[string]enrolled{}, met: map[rawzone.Chain]bool{}, found: map[rawzone.Chain]*datalake.Places{}, room: maxObject,
	}, nil
}

// Bound keeps the process within a memory of so many bytes: objects close earlier, and a payload of which one alone does not fit
// is quarantined as it came. From 256 MB on every payload fits that a column can hold.
func (o *Orchestrator) Bound(memory int64) {
	room := int(max(1<<20, min(maxObject, (memory-ownMemory)/perByte)))
	o.Room(room)
	o.unpack.Bound(room)
}

// Room has objects close at so many bytes of rows and rejected records.
func (o *Orchestrator) Room(bytes int) { o.room = bytes }

const (
	// ownMemory is what the process needs besides: itself, and an event of 6 MB as text and taken apart.
	ownMemory = 64 << 20
	// perByte is what a byte of a payload may cost at its worst: unpacked from one buffer into another, decoded, each character
	// doubled in the CSV and the buffer grown, or in quarantine as a copy, as base64 and as JSON.
	perByte = 12
)

// Handle takes one Kinesis event. It returns nil once all of its records are in the raw zone or in quarantine, and in the
// streaming table.
func (o *Orchestrator) Handle(ctx context.Context, event []byte) error {
	batches, err := o.parse(event)
	if err != nil {
		return err
	}
	for _, b := range batches {
		if err := o.own(b); err != nil {
			return err
		}
	}
	for _, b := range batches {
		if err := o.land(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

// maxObject is how many bytes of rows and rejected records make an object at most, but for a single record that takes more: a
// batch of 6 MB may unpack to a thousand times as much. An object may end inside a Kinesis record.
const maxObject = 32 << 20

// alone is after how many batches without another writer in between a process stops to note at once that an object was
// handed over, and leaves that to the next batch's swap.
const alone = 8

// land brings the records of one shard through all steps. It loops because a batch may unpack to more than one object.
func (o *Orchestrator) land(ctx context.Context, b shardBatch) error {
	o.atHand = b.records
	head, row, err := o.head(ctx, b.stream, b.shard, b.arn)
	if err != nil {
		return err
	}
	appended := false
	if !b.again {
		if head, appended, err = o.behind(ctx, head, b); err != nil {
			return err
		}
	}
	fresh, err := o.fresh(b.records, head.Ledger)
	if err != nil {
		return err
	}
	defer func() { fresh.Close() }()
	if fresh.Peek() == nil && !appended {
		return nil
	}
	sure := row > 0 && !appended // the ledger is as this process has left it
	for fresh.Peek() != nil {
		batch := o.cut(fresh, head.Ledger)
		object := rawzone.Of(batch.Batch, o.schema.Folder, head.Ledger).Compressed(o.pack)
		var landed rawzone.Object
		if head, landed, err = o.object(ctx, head, object, batch, sure); err != nil {
			return err
		}
		if landed.Last != batch.Last || landed.Inside != batch.Inside { // another writer's, of the same name
			again, err := o.fresh(b.records, head.Ledger)
			if err != nil {
				return err
			}
			fresh.Close()
			fresh = again
		}
		sure = true
	}
	if row < alone {
		// Whoever comes next is likely another process. It would have to hand the last object over again.
		if head, err = o.lake.Advance(ctx, head, head.Ledger); err != nil {
			return err
		}
	}
	o.keep(head, row+1)
	return nil
}

// cut is a batch of decided records, with what its log line tells.
type cut struct {
	record.Batch
	// arrived is when the first record came into the stream, took how long deciding all of them was.
	arrived time.Time
	took    time.Duration
}

// cut decides records, at least one, until an object is full, and numbers them behind what the ledger covers. The number of the
// last one may lie inside a Kinesis record.
func (o *Orchestrator) cut(records *unpack.Cursor, l rawzone.Ledger) (c cut) {
	began, first := time.Now(), true
	c.Batch = o.decoder.OfStream(l.Stream).Take(func(taken int) *record.Record {
		r := records.Peek()
		if r == nil || !first && taken+2*len(r.Data) > o.room {
			return nil
		}
		if first {
			first, c.arrived = false, r.ArrivedAt
		}
		records.Next()
		return r
	}, l.Generation, l.Ordinal+1)
	if next := records.Peek(); next != nil && next.Sequence == c.Last.Sequence {
		c.Inside = records.Numbering()
	}
	c.took = time.Since(began)
	return c
}

// object does steps 3 to 6, and returns the head with the object counted as covered, and the object as it landed. sure says that
// nobody can have put an older ledger back since this process has written it.
func (o *Orchestrator) object(ctx context.Context, head datalake.Head, object rawzone.Object, batch cut, sure bool) (datalake.Head, rawzone.Object, error) {
	began := time.Now()
	if !o.met[head.Chain()] {
		if err := o.unnumbered(ctx, head, object); err != nil {
			return head, object, err
		}
		o.met[head.Chain()] = true
	}
	head, err := o.lake.Advance(ctx, head, head.Before(object, time.Now()))
	if err != nil {
		return head, object, err
	}
	if err := o.quarantine(ctx, head.Stream, object, batch.Rejected); err != nil {
		return head, object, err
	}
	object, adopted, err := o.lake.Land(ctx, object, batch.CSV)
	if err != nil {
		return head, object, err
	}
	d := delivery{object: object, csv: batch.CSV}
	if !sure || batch.Rows == 0 { // a batch without rows has no MERGE that would meet others
		for _, r := range batch.Rejected {
			d.vacant = append(d.vacant, r.Ordinal)
		}
	}
	if adopted {
		if d, err = o.again(ctx, head.Stream, "", object); err != nil {
			return head, object, err
		}
	}
	stored := time.Now()
	err = o.deliver(ctx, &head, &d)
	var taken *record.Taken
	if !adopted && (errors.As(err, &taken) || err == nil && d.inserted < int64(object.Rows-len(d.without))) {
		err = cmp.Or(o.unique(ctx, head, object), err)
	}
	if err != nil {
		return head, object, err
	}
	now := time.Now()
	head.Ledger = head.AfterAll(object, int64(d.counted), now)
	o.log.Info("landed", "stream", head.Stream, "shard", head.Shard, "object", object.Key, "last_ordinal", object.LastOrdinal,
		"records", object.LastOrdinal-object.FirstOrdinal+1, "rows", object.Rows, "quarantined", object.Quarantined,
		"age_ms", now.Sub(batch.arrived).Milliseconds(), "decode_ms", batch.took.Milliseconds(),
		"store_ms", stored.Sub(began).Milliseconds(), "hand_over_ms", now.Sub(stored).Milliseconds())
	return head, object, nil
}

// fresh are the records behind what a ledger covers, in the shard's order.
func (o *Orchestrator) fresh(records []record.Record, l rawzone.Ledger) (*unpack.Cursor, error) {
	for len(records) > 0 && l.Passed(records[0].Sequence) {
		records = records[1:]
	}
	if len(records) == 0 || records[0].Sequence != l.Sequence {
		return o.unpack.Cursor(records), nil
	}
	return o.rest(l.Chain(), records, l.Subsequence, l.Inside)
}

// rest are records of which the first one has landed in part.
func (o *Orchestrator) rest(c rawzone.Chain, records []record.Record, landed int64, inside string) (*unpack.Cursor, error) {
	cursor, err := o.unpack.Rest(records, landed, inside)
	if err != nil {
		return nil, fmt.Errorf("go on in record %s of %s/%s behind sub-sequence %d: %w", records[0].Sequence, c.Stream, c.Shard, landed, err)
	}
	return cursor, nil
}

// place is where an object stands in its shard. fresh says that this process has just created it.
func place(head datalake.Head, o rawzone.Object, fresh bool) *handoff.Place {
	return &handoff.Place{
		Stream: head.Stream, Generation: head.Generation, Shard: head.Shard, First: o.FirstOrdinal, Last: o.LastOrdinal, Previous: o.Previous,
		Fresh: fresh, Channel: head.Channel,
	}
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
