package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/record"
)

// Mark is what the check's record says of itself, in its first text column and as its partition key.
const Mark = "snowstream deploy check"

// checkEvery is how often the tables are looked at: often enough for the time to mean something.
const checkEvery = 500 * time.Millisecond

// Probe is an end-to-end check: one record through the whole drawing.
//
// The record stays where it arrived unless Remove is asked for. It is a proper record of the stream, with an ordinal in
// its shard, and the audit's proof is that ordinals have no gaps: to take its rows away would leave one that the audit
// names, and that its repair would fill again from the raw zone. It can be told by Mark, or by shard and sequence.
type Probe struct {
	Session Session
	Names   schema.Names
	// Put stores a record in the stream and says where.
	Put func(ctx context.Context, key string, data []byte) (shard, sequence string, err error)
	// Data is the record. Sample makes one for a schema.
	Data []byte
	// Patience is how long to wait for each table.
	Patience time.Duration
	// Remove deletes the rows afterwards, in spite of the above.
	Remove bool
	// Progress is told of each arrival; nil tells nobody.
	Progress func(Event)
}

// Checked is what a check saw. Times are in seconds from before the put.
type Checked struct {
	Shard      string  `json:"shard"`
	Sequence   string  `json:"sequence"`
	Streaming  float64 `json:"streaming_s"`
	Microbatch float64 `json:"microbatch_s"`
	// Removed counts the rows that were deleted.
	Removed int64 `json:"removed"`
}

// Check sends the record and waits for it.
func (p Probe) Check(ctx context.Context) (Checked, error) {
	if p.Progress == nil {
		p.Progress = func(Event) {}
	}
	var out Checked
	start := time.Now()
	var err error
	if out.Shard, out.Sequence, err = p.Put(ctx, Mark, p.Data); err != nil {
		return out, fmt.Errorf("put the check's record: %w", err)
	}
	p.Progress(Event{Step: "check", Where: onAWS, What: "the record is in " + out.Shard + " as " + out.Sequence, State: Done})
	for _, t := range []struct {
		table string
		took  *float64
	}{{p.Names.Streaming, &out.Streaming}, {p.Names.Microbatch, &out.Microbatch}} {
		if err := p.arrive(ctx, t.table, out); err != nil {
			return out, err
		}
		*t.took = time.Since(start).Seconds()
		p.Progress(Event{Step: "check", Where: onSnowflake, What: fmt.Sprintf("the record is in %s after %.1f s", t.table, *t.took), State: Done})
	}
	if p.Remove {
		out.Removed, err = p.remove(ctx, out)
	}
	return out, err
}

// arrive waits until a table has the record exactly once.
func (p Probe) arrive(ctx context.Context, table string, c Checked) error {
	deadline := time.Now().Add(p.Patience)
	for {
		var rows int64
		err := p.Session.Query(ctx, func(scan func(...any) error) error { return scan(&rows) },
			"SELECT COUNT(*) FROM "+p.Names.In(table)+` WHERE "_SHARD" = ? AND "_SEQUENCE" = ?`, c.Shard, c.Sequence)
		switch {
		case err != nil:
			return fmt.Errorf("look for the check's record in %s: %w", table, err)
		case rows == 1:
			return nil
		case rows > 1:
			return fmt.Errorf("the check's record is in %s %d times: `snowstream audit` says more", table, rows)
		case time.Now().After(deadline):
			return fmt.Errorf("the check's record (%s, %s) is not in %s after %s: look at the functions' logs, the failure queues, quarantine, and `snowstream status`",
				c.Shard, c.Sequence, table, p.Patience)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the check's record in %s: %w", table, ctx.Err())
		case <-time.After(checkEvery):
		}
	}
}

func (p Probe) remove(ctx context.Context, c Checked) (removed int64, err error) {
	for _, table := range []string{p.Names.Streaming, p.Names.Microbatch} {
		result, err := p.Session.Exec(ctx, "DELETE FROM "+p.Names.In(table)+` WHERE "_SHARD" = ? AND "_SEQUENCE" = ?`, c.Shard, c.Sequence)
		if err != nil {
			return removed, fmt.Errorf("delete the check's record from %s: %w", table, err)
		}
		if n, err := result.RowsAffected(); err == nil {
			removed += n
		}
	}
	return removed, nil
}

// Sample makes a record that fits the schema: 0, false, Mark and the present, in the columns that must be there.
func Sample(s record.Schema, now time.Time) ([]byte, error) {
	document := map[string]any{}
	for _, c := range s.Columns {
		if !c.Required && c.Type != record.String {
			continue
		}
		at := document
		for _, name := range c.Path[:len(c.Path)-1] {
			below, ok := at[name].(map[string]any)
			if !ok {
				below = map[string]any{}
				at[name] = below
			}
			at = below
		}
		at[c.Path[len(c.Path)-1]] = sample(c, now)
	}
	data, err := json.Marshal(document)
	if err != nil {
		return nil, fmt.Errorf("make a record for the check: %w", err)
	}
	if _, reason := record.NewDecoder(s).Decode(data); reason != nil {
		return nil, errors.New("no record could be made that fits the schema: give one with --record")
	}
	return data, nil
}

func sample(c record.Column, now time.Time) any {
	switch c.Type {
	case record.Integer, record.Number:
		return 0
	case record.Boolean:
		return false
	case record.Variant:
		return map[string]any{"mark": Mark}
	case record.Timestamp, record.Date, record.Time:
		return sampleTime(c, now)
	case record.Float:
		return 0
	}
	return Mark
}

// sampleTime writes the present in one of the column's forms with a name, or the text that a person has to replace.
func sampleTime(c record.Column, now time.Time) any {
	form := record.FormWords(c.Type)[0]
	for _, f := range c.Forms {
		if slices.Contains(record.FormWords(c.Type), f) {
			form = f
		}
	}
	midnight := now.UTC().Truncate(24 * time.Hour)
	switch {
	case form == record.Days:
		return midnight.Unix() / int64((24 * time.Hour).Seconds())
	case form == record.ISO8601 && c.Type == record.Date:
		return now.UTC().Format(record.DateLayout)
	case form == record.ISO8601 && c.Type == record.Time:
		return now.UTC().Format("15:04:05")
	}
	since := time.Unix(0, 0)
	if c.Type == record.Time {
		since = midnight
	}
	switch form {
	case record.Seconds:
		return now.Unix() - since.Unix()
	case record.Milliseconds:
		return now.UnixMilli() - since.UnixMilli()
	case record.Microseconds:
		return now.UnixMicro() - since.UnixMicro()
	case record.Nanoseconds:
		return now.Truncate(time.Microsecond).UnixNano() - since.UnixNano()
	}
	return now.UTC().Truncate(time.Microsecond).Format(time.RFC3339Nano)
}
