// Package upsert is the function SnowflakeUpsert: it brings the rows of a hand-over into the streaming table and
// answers when they are there.
//
// It may be called any number of times with the same rows: the table's writer merges on (_SHARD, _ORDINAL). It also
// takes the payload of the original system, plain records under "content"; those have no identity of their own, so
// the invocation's request id and the record's place become one, and a retry of the invocation changes nothing.
package upsert

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/snowstream/snowstream/processing/handoff"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
)

// Table is the streaming table. Merge returns when the rows are committed; rows that are there already are left
// alone. Rows that the table does not take are returned, and no error.
type Table interface {
	Merge(ctx context.Context, rows *record.CSVReader) (record.Merged, error)
	// Occupied returns a row that the table has under ordinals which must have none, nil if there is none.
	Occupied(ctx context.Context, shard, generation string, ordinals []int64) (*record.Taken, error)
}

// Lake holds the objects that hand-overs point to, and takes what cannot become a row.
type Lake interface {
	// Rows reads an object's rows, however they are packed, without holding them all.
	Rows(ctx context.Context, key string) (*record.CSVReader, error)
	Quarantine(ctx context.Context, key, object string, ndjson []byte) error
}

// Upsert handles hand-overs, one at a time.
type Upsert struct {
	table   Table
	lake    Lake
	decoder *record.Decoder
	log     *slog.Logger
	// path appends rows instead of merging them; nil merges all.
	path *Path
}

// New returns an Upsert for a schema that has passed Check.
func New(schema record.Schema, table Table, lake Lake, log *slog.Logger) *Upsert {
	return &Upsert{table: table, lake: lake, decoder: record.NewDecoder(schema), log: log}
}

// Handle takes one payload and returns the answer to it. requestID is the invocation's, the same for each retry.
func (u *Upsert) Handle(ctx context.Context, requestID string, payload []byte) ([]byte, error) {
	m, err := handoff.Decode(payload)
	if err != nil {
		return nil, err
	}
	var answer handoff.Answer
	began := time.Now()
	switch {
	case m.Sweep:
		answer, err = u.sweep(ctx, m.Look)
	case m.Object == "":
		answer, err = u.content(ctx, requestID, m.Content)
	case u.path != nil && !u.path.idle && m.Place != nil:
		switch {
		case m.Rows == 0:
		case mayBeMerged(m.Place):
			answer, err = u.leave(ctx, m)
		default:
			return u.appended(ctx, m) // by its channel, which does not look at the table, and needs no warehouse
		}
	default:
		answer, err = u.object(ctx, m)
	}
	if err != nil {
		return nil, err
	}
	u.log.Info("merged", "object", m.Object, "rows", answer.Rows, "inserted", answer.Inserted, "quarantined", answer.Quarantined,
		"merge_ms", time.Since(began).Milliseconds())
	return json.Marshal(answer)
}

// object merges the rows of an object, from the message itself or from the raw zone.
func (u *Upsert) object(ctx context.Context, m handoff.Message) (handoff.Answer, error) {
	if len(m.Vacant) > 0 {
		taken, err := u.table.Occupied(ctx, m.Place.Shard, m.Place.Generation, m.Vacant)
		if err != nil || taken != nil || m.Rows == 0 {
			return handoff.Answer{Rows: m.Rows, Taken: taken}, err
		}
	}
	if m.Place == nil {
		if err := u.settle(ctx, m.Object); err != nil {
			return handoff.Answer{}, err
		}
	}
	var channel *rawzone.Channel
	if m.Place != nil && m.Place.Channel != nil {
		noted, err := u.noted(ctx, m.Place)
		if err != nil || noted != nil {
			return handoff.Answer{Channel: noted, Note: noted != nil}, err
		}
		if channel, err = u.finish(ctx, m.Place); err != nil {
			return handoff.Answer{}, err
		}
	}
	rows, err := u.rows(ctx, m)
	if err != nil {
		return handoff.Answer{}, err
	}
	answer, err := u.merge(ctx, rows, m.Without, m.Only)
	if err == nil && answer.Taken == nil { // whoever has sent it decides what to do about a row that is taken
		err = answer.Complete(m)
	}
	if !answer.More && answer.Taken == nil {
		answer.Channel = channel
	}
	if err != nil {
		return answer, fmt.Errorf("merge object %s: %w", m.Object, err)
	}
	for _, r := range answer.Refused {
		u.log.Warn("row refused", "object", m.Object, "ordinal", r.Ordinal, "number", r.Reason.Number, "reason", r.Reason.Message)
	}
	return answer, nil
}

// rows are those of a message, from itself or from the raw zone.
func (u *Upsert) rows(ctx context.Context, m handoff.Message) (*record.CSVReader, error) {
	if m.CSV == "" {
		return u.lake.Rows(ctx, m.Object)
	}
	return record.NewCSVReader([]byte(m.CSV))
}

// merge merges the rows, but for those that are left out. These count as looked at, unless only some are wanted.
func (u *Upsert) merge(ctx context.Context, rows *record.CSVReader, without, only []int64) (handoff.Answer, error) {
	left := 0
	if len(without) > 0 || only != nil {
		at := slices.Index(rows.Header(), "_ORDINAL")
		if at < 0 {
			return handoff.Answer{}, errors.New("the rows have no column _ORDINAL")
		}
		rows.Skip(func(row []record.Value) bool {
			n, _ := strconv.ParseInt(string(row[at].Text), 10, 64) // one that is no number is the table's to refuse
			if only != nil {
				return !slices.Contains(only, n)
			}
			if !slices.Contains(without, n) {
				return false
			}
			left++
			return true
		})
	}
	m, err := u.table.Merge(ctx, rows)
	if m.Changed > 0 {
		u.log.Warn("rows that are there already have other values: somebody has changed them since; see snowstream audit", "rows", m.Changed)
	}
	return handoff.Answer{Rows: m.Read + left, Inserted: m.Inserted, Refused: m.Refused, More: m.More, Taken: m.Taken}, err
}

// content gives plain records an identity and merges them. What cannot become a row goes to quarantine first, so
// that a crash in between leaves it in one place and the retry puts the rest in the other.
func (u *Upsert) content(ctx context.Context, requestID string, content []json.RawMessage) (handoff.Answer, error) {
	if len(content) == 0 {
		return handoff.Answer{}, nil
	}
	records := identify(requestID, content)
	batch := u.decoder.Cut(records, "", 1)
	if len(batch.Rejected) > 0 {
		text, err := rawzone.EncodeQuarantine("invoke", batch.Rejected)
		if err != nil {
			return handoff.Answer{}, err
		}
		if err := u.lake.Quarantine(ctx, rawzone.QuarantineKey(rawzone.Chain{Stream: "invoke", Shard: batch.First.Shard}, batch.First, batch.Last, 1, 0), "", text); err != nil {
			return handoff.Answer{}, err
		}
	}
	csv := bytes.Clone(batch.CSV) // it is read again for each round of refusals
	answer := handoff.Answer{Quarantined: len(batch.Rejected)}
	var without []int64
	for round := 0; ; round++ {
		rows, err := record.NewCSVReader(csv)
		if err != nil {
			return answer, err
		}
		m, err := u.merge(ctx, rows, without, nil)
		answer.Rows, answer.Inserted, answer.Quarantined = m.Rows, answer.Inserted+m.Inserted, answer.Quarantined+len(m.Refused)
		if err == nil && m.Taken != nil {
			err = m.Taken
		}
		if err != nil || len(m.Refused) == 0 {
			return answer, err
		}
		if err := u.withhold(ctx, records, m.Refused, round); err != nil {
			return answer, err
		}
		if !m.More {
			return answer, nil
		}
		for _, r := range m.Refused {
			without = append(without, r.Ordinal)
		}
	}
}

// withhold puts plain records that the table refuses into quarantine. A retry of the invocation meets the same refusals
// and writes the same objects.
func (u *Upsert) withhold(ctx context.Context, records []record.Record, refused []record.Refusal, round int) error {
	rejected := make([]record.Rejected, len(refused))
	for i, r := range refused {
		rejected[i] = record.Rejected{Record: records[r.Ordinal-1], Ordinal: r.Ordinal, Reason: r.Reason}
	}
	text, err := rawzone.EncodeQuarantine("invoke", rejected)
	if err != nil {
		return err
	}
	return u.lake.Quarantine(ctx, rawzone.WithheldKey("invoke", rawzone.Object{First: records[0].Position, FirstOrdinal: 1}, round), "", text)
}

// identify makes records of plain content: the request is the shard, the place in it the sub-sequence.
func identify(requestID string, content []json.RawMessage) []record.Record {
	now := time.Now()
	out := make([]record.Record, len(content))
	for i, data := range content {
		out[i] = record.Record{
			Position:  record.Position{Shard: "request-" + requestID, Sequence: requestID, Subsequence: int64(i)},
			ArrivedAt: now, Data: data,
		}
	}
	return out
}
