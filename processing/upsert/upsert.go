// Package upsert is the function SnowflakeUpsert: it brings the rows of a hand-over into the streaming table and
// answers when they are there.
//
// It may be called any number of times with the same rows: the table's writer merges on (_SHARD, _ORDINAL). It also
// takes the payload of the original system, plain records under "content"; those have no identity of their own, so
// the invocation's request id and the record's place become one, and a retry of the invocation changes nothing.
package upsert

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/snowstream/snowstream/processing/handoff"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
)

// Table is the streaming table. Merge returns when the rows are committed; rows that are there already are left
// alone. It reads rows until io.EOF and returns how many it read and how many were new.
type Table interface {
	Merge(ctx context.Context, rows *record.CSVReader) (read int, inserted int64, err error)
}

// Lake holds the objects that hand-overs point to, and takes what cannot become a row.
type Lake interface {
	// Read returns an object's rows as CSV, however they are packed.
	Read(ctx context.Context, key string) ([]byte, error)
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
		answer, err = u.sweep(ctx)
	case m.Object == "":
		answer, err = u.content(ctx, requestID, m.Content)
	case u.path != nil && m.Place != nil:
		return u.appended(ctx, m)
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
	if err := u.settle(ctx, m.Object); err != nil {
		return handoff.Answer{}, err
	}
	csv := []byte(m.CSV)
	if m.CSV == "" {
		var err error
		if csv, err = u.lake.Read(ctx, m.Object); err != nil {
			return handoff.Answer{}, err
		}
	}
	answer, err := u.merge(ctx, csv)
	if err == nil && answer.Rows != m.Rows {
		err = fmt.Errorf("%d rows where the hand-over announced %d", answer.Rows, m.Rows)
	}
	if err != nil {
		return answer, fmt.Errorf("merge object %s: %w", m.Object, err)
	}
	return answer, nil
}

func (u *Upsert) merge(ctx context.Context, csv []byte) (handoff.Answer, error) {
	rows, err := record.NewCSVReader(csv)
	if err != nil {
		return handoff.Answer{}, err
	}
	read, inserted, err := u.table.Merge(ctx, rows)
	return handoff.Answer{Rows: read, Inserted: inserted}, err
}

// content gives plain records an identity and merges them. What cannot become a row goes to quarantine first, so
// that a crash in between leaves it in one place and the retry puts the rest in the other.
func (u *Upsert) content(ctx context.Context, requestID string, content []json.RawMessage) (handoff.Answer, error) {
	if len(content) == 0 {
		return handoff.Answer{}, nil
	}
	batch := u.decoder.Cut(identify(requestID, content), "", 1)
	if len(batch.Rejected) > 0 {
		text, err := rawzone.EncodeQuarantine("invoke", batch.Rejected)
		if err != nil {
			return handoff.Answer{}, err
		}
		if err := u.lake.Quarantine(ctx, rawzone.QuarantineKey(rawzone.Chain{Stream: "invoke", Shard: batch.First.Shard}, batch.First, batch.Last, 1, 0), "", text); err != nil {
			return handoff.Answer{}, err
		}
	}
	answer, err := u.merge(ctx, batch.CSV)
	answer.Quarantined = len(batch.Rejected)
	return answer, err
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
