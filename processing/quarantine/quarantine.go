// Package quarantine looks at the records that could not become rows, and makes rows of those that now can, after the
// schema was changed.
//
// Replaying keeps the contract. A record keeps its ordinal, so the audit holds before and after. Its row goes into a new
// object of rows under a number that only one attempt can take, so it is in one object only; Snowpipe loads it, and
// Upsert merges it. Every replay hands all replayed objects over again, so one that was cut off is completed by the
// next, and running it twice changes nothing.
//
// Rows that were decided and withheld because their table did not take them are brought from the object that they lie
// in; see lift.go. The micro-batch table's part of that is the caller's: what it lacks of an object, the audit's replay brings.
package quarantine

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/snowstream/snowstream/processing/datalake"
	"github.com/snowstream/snowstream/processing/handoff"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
	"github.com/snowstream/snowstream/record/unpack"
)

// Entry is one record in quarantine.
type Entry struct {
	record.Rejected
	// Key is the quarantine object that holds it.
	Key string
	// Replayed says that it has become a row since.
	Replayed bool
}

// List calls yield with each record of a stream that is or was in quarantine, in order of shard and ordinal.
func List(ctx context.Context, lake *datalake.Lake, stream string, yield func(Entry) error) error {
	return ListReadable(ctx, lake, stream, yield, func(_ string, err error) error { return err })
}

// ListReadable is List for those who go on where a quarantine object cannot be read: broken is called with its key and the
// reason, and what it returns ends the list.
func ListReadable(ctx context.Context, lake *datalake.Lake, stream string, yield func(Entry) error, broken func(key string, err error) error) error {
	return each(ctx, lake, rawzone.Quarantine+rawzone.Escape(stream)+"/", "", broken, readable(yield))
}

// ListBehind is ListReadable for one chain, behind an ordinal at which an object ends.
func ListBehind(ctx context.Context, lake *datalake.Lake, c rawzone.Chain, ordinal int64, yield func(Entry) error, broken func(key string, err error) error) error {
	prefix := c.Quarantined()
	return each(ctx, lake, prefix, rawzone.From(prefix, ordinal+1), broken, readable(yield))
}

// readable calls yield with each record of an object.
func readable(yield func(Entry) error) func(object) error {
	return func(o object) error {
		for _, r := range o.records {
			if err := yield(Entry{Rejected: r, Key: o.key, Replayed: o.replayed[r.Ordinal]}); err != nil {
				return err
			}
		}
		return nil
	}
}

// Replayed counts a stream's replayed rows by shard.
func Replayed(ctx context.Context, lake *datalake.Lake, stream string) (map[string]int64, error) {
	out := map[string]int64{}
	err := lake.List(ctx, rawzone.Replayed+rawzone.Escape(stream)+"/", func(key string) error {
		metadata, err := lake.Metadata(ctx, key)
		if err != nil {
			return err
		}
		rows, err := strconv.ParseInt(metadata["rows"], 10, 64)
		if err != nil {
			return fmt.Errorf("object %s does not say how many rows it has: it was not written by snowstream, or was changed since", key)
		}
		out[metadata["shard"]] += rows
		return nil
	})
	if err == nil {
		err = countLifted(ctx, lake, stream, out)
	}
	return out, err
}

// object is one quarantine object and what became of its records.
type object struct {
	key     string
	records []record.Rejected
	// made are the objects of rows made from it so far, with the number of their rows.
	made []made
	// replayed are the ordinals in them.
	replayed map[int64]bool
}

type made struct {
	key  string
	rows int
}

// each calls yield with each quarantine object that counts, of those with a prefix and behind a name.
func each(ctx context.Context, lake *datalake.Lake, prefix, after string, broken func(string, error) error, yield func(object) error) error {
	return lake.EntriesAfter(ctx, prefix, after, func(key string, _ time.Time) error {
		o, counts, err := open(ctx, lake, key)
		switch {
		case err != nil && ctx.Err() == nil:
			return broken(key, err)
		case err != nil || !counts:
			return err
		}
		return yield(o)
	})
}

// open reads a quarantine object, if it counts.
func open(ctx context.Context, lake *datalake.Lake, key string) (o object, counts bool, err error) {
	if counts, err = lake.Counts(ctx, key); err != nil || !counts {
		return o, counts, err
	}
	o.key = key
	if o.records, err = lake.Rejected(ctx, key); err != nil {
		return o, true, err
	}
	return o, true, o.look(ctx, lake)
}

// look reads which of the object's records have been replayed.
func (o *object) look(ctx context.Context, lake *datalake.Lake) error {
	if rawzone.IsWithheld(o.key) {
		return o.readLifted(ctx, lake)
	}
	o.made, o.replayed = nil, map[int64]bool{}
	return lake.List(ctx, rawzone.ReplayPrefix(o.key), func(key string) error {
		rows, err := lake.Rows(ctx, key)
		if err != nil {
			return err
		}
		ordinals, err := rows.Ordinals()
		if err != nil {
			return fmt.Errorf("object %s: %w", key, err)
		}
		for _, n := range ordinals {
			o.replayed[n] = true
		}
		o.made = append(o.made, made{key, len(ordinals)})
		return nil
	})
}

// Upserter brings rows into the streaming table; see processing/orchestrator.
type Upserter interface {
	Upsert(ctx context.Context, m handoff.Message) (handoff.Answer, error)
}

// Replayer makes rows of quarantined records. It is used by one goroutine.
type Replayer struct {
	lake    *datalake.Lake
	upsert  Upserter
	unpack  *unpack.Unpacker
	decoder *record.Decoder
	// refused says what the table did not take of replayed objects.
	refused []string
}

// NewReplayer returns a replayer for a schema that has passed Check, which must be the tables'.
func NewReplayer(schema record.Schema, lake *datalake.Lake, upsert Upserter) (*Replayer, error) {
	u, err := unpack.New(schema)
	if err != nil {
		return nil, err
	}
	return &Replayer{lake: lake, upsert: upsert, unpack: u, decoder: record.NewDecoder(schema)}, nil
}

// Summary is what a replay has done.
type Summary struct {
	// Replayed records became rows now, Before had become rows earlier, Still cannot become rows.
	Replayed int64 `json:"replayed"`
	Before   int64 `json:"replayed_before"`
	Still    int64 `json:"still_quarantined"`
	// Refused says which rows of replayed objects the table did not take; the next replay tries them again.
	Refused []string `json:"refused,omitempty"`
	// Lifted are the rows among them that had been withheld, now or before, by shard: the micro-batch table must have them from
	// their objects.
	Lifted map[string][]int64 `json:"-"`
}

// Replay makes rows of all records in a stream's quarantine that fit the schema.
func (r *Replayer) Replay(ctx context.Context, stream string) (s Summary, err error) {
	r.decoder.OfStream(stream)
	err = each(ctx, r.lake, rawzone.Quarantine+rawzone.Escape(stream)+"/", "", func(_ string, err error) error { return err }, func(o object) error {
		before := int64(len(o.replayed))
		bring := r.object
		if rawzone.IsWithheld(o.key) {
			bring = r.lift
		}
		if err := bring(ctx, &o); err != nil {
			return err
		}
		s.lifted(o)
		s.Before += before
		s.Replayed += int64(len(o.replayed)) - before
		s.Still += int64(len(o.records) - len(o.replayed))
		return nil
	})
	s.Refused, r.refused = r.refused, nil
	return s, err
}

// lifted notes which rows of a withheld object are brought.
func (s *Summary) lifted(o object) {
	if !rawzone.IsWithheld(o.key) {
		return
	}
	if s.Lifted == nil {
		s.Lifted = map[string][]int64{}
	}
	for _, r := range o.records {
		if o.replayed[r.Ordinal] {
			s.Lifted[r.Shard] = append(s.Lifted[r.Shard], r.Ordinal)
		}
	}
}

// object makes the next object of rows, until there is nothing left to put into one, and hands all of them over.
func (r *Replayer) object(ctx context.Context, o *object) error {
	for {
		csv, rows := r.rows(o)
		if rows == 0 {
			break
		}
		_, err := r.lake.Create(ctx, rawzone.ReplayKey(o.key, len(o.made)), csv, map[string]string{
			"shard": o.records[0].Shard, "rows": strconv.Itoa(rows), "quarantine": o.key,
		})
		if err == nil {
			err = o.look(ctx, r.lake) // ours, or that of another replay that was faster
		}
		if err != nil {
			return err
		}
	}
	for _, m := range o.made {
		if err := r.handOver(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// handOver brings the rows of a replayed object into the streaming table. Rows that the table refuses are left: they lie in
// their object, and the next replay tries them again.
func (r *Replayer) handOver(ctx context.Context, made made) error {
	refused, err := HandOver(ctx, r.upsert, made.key, made.rows, nil)
	if len(refused) > 0 {
		r.refused = append(r.refused, fmt.Sprintf("%s: the table refuses %d of its rows, from ordinal %d on", made.key, len(refused), slices.Min(refused)))
	}
	return err
}

// rows is the CSV of the records that were not replayed yet and now fit.
func (r *Replayer) rows(o *object) (csv []byte, n int) {
	csv = r.decoder.Header()
	for _, rejected := range o.records {
		if o.replayed[rejected.Ordinal] {
			continue
		}
		inside := r.unpack.Append(nil, rejected.Record)
		if len(inside) != 1 {
			continue // several records cannot share one ordinal
		}
		var reason *record.Reason
		if csv, reason = r.decoder.AppendRow(csv, &inside[0], rejected.Generation, rejected.Ordinal); reason == nil {
			n++
		}
	}
	return csv, n
}

// String is the summary for people.
func (s Summary) String() string {
	return fmt.Sprintf("%d replayed, %d were replayed before, %d still do not fit the schema", s.Replayed, s.Before, s.Still)
}
