package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	goccy "github.com/goccy/go-json"

	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/unpack"
)

// sizes are the batches that are measured: what the event source mapping hands over by default, and the most it can.
func sizes() []int { return []int{100, 10_000} }

// path measures Kinesis event to CSV: what SnowflakeOrchestrator does between its invocation and its first write.
func path(ctx context.Context, s settings) ([]table, error) {
	var p *pandas
	notes := []string{
		"Every Go variant gives the same bytes, compared before each measurement: the object of rows with its lineage columns. pandas " +
			"writes the three columns of the payload only, which are compared with ours.",
		"snowstream is the production path, complete: de-aggregation and compression looked for, order and identity checked, and all rules of " +
			"[values.md](values.md) applied. No other variant checks more than that the JSON can be read.",
		"*idiomatic* is `events.KinesisEvent`, `encoding/json` and `encoding/csv`. *lean* has structs with only the fields that count, " +
			"kept from event to event, and a CSV appended by hand.",
	}
	if s.python == "" {
		notes = append(notes, "pandas: not run, there is no Python with pandas (`SNOWSTREAM_PANDAS` names one).")
	} else {
		var err error
		if p, err = startPandas(ctx, s.python); err != nil {
			return nil, err
		}
		defer p.close()
		notes = append(notes, p.version+", in a process of its own that counts its own CPU time.")
	}
	var tables []table
	for _, size := range sizes() {
		t, err := pathOf(ctx, s, size, p)
		if err != nil {
			return nil, err
		}
		tables = append(tables, t)
	}
	tables[len(tables)-1].notes = notes
	return tables, nil
}

// pathOf measures one size of events.
func pathOf(ctx context.Context, s settings, size int, p *pandas) (table, error) {
	event := kinesisEvent(size)
	ours, err := newOurs()
	if err != nil {
		return table{}, err
	}
	standard, fast := &lean{unmarshal: json.Unmarshal}, &lean{unmarshal: goccy.Unmarshal}
	variants := []struct {
		name   string
		handle func([]byte) ([]byte, error)
	}{
		{"**snowstream**", ours.handle},
		{"goccy/go-json v0.12.0, lean", fast.handle},
		{"encoding/json, lean", standard.handle},
		{"Go, idiomatic", idiomatic},
	}
	want, err := ours.handle(event)
	if err != nil {
		return table{}, err
	}
	want = bytes.Clone(want)
	var contenders []contender
	for _, v := range variants {
		got, err := v.handle(event)
		if err != nil {
			return table{}, fmt.Errorf("%s: %w", v.name, err)
		}
		if !bytes.Equal(got, want) {
			return table{}, fmt.Errorf("%s gives another CSV of %d records than snowstream", v.name, size)
		}
		contenders = append(contenders, here(v.name, func() error {
			_, err := v.handle(event)
			return err
		}))
	}
	if p != nil {
		if err := p.compare(event, want); err != nil {
			return table{}, err
		}
		contenders = append(contenders, contender{"Python, pandas, the original's way", p.run})
	}
	results, err := one(func() ([]result, error) { return contest(ctx, s, contenders) })
	if err != nil {
		return table{}, err
	}
	return ratios(fmt.Sprintf("%s records an event, %d bytes a record, one core, %d rounds:", grouped(int64(size)), len(event)/size, s.rounds), results, size), nil
}

// ratios is a table of contenders, the first of which is ours.
func ratios(text string, results []result, records int) table {
	t := table{text: text, head: []string{"", "ns per record", "snowstream is × faster"}}
	for _, r := range results {
		per := spreadOf(r.times)
		per = spread{per.low / float64(records), per.median / float64(records), per.high / float64(records)}
		t.rows = append(t.rows, []string{r.name, per.String(), times(results[0], r).String()})
	}
	t.rows[0][2] = ""
	return t
}

// ours is the record path as the function SnowflakeOrchestrator runs it.
type ours struct {
	records []record.Record
	events  *record.EventReader
	unpack  *unpack.Unpacker
	decoder *record.Decoder
}

func newOurs() (*ours, error) {
	u, err := unpack.New(record.Sensor())
	if err != nil {
		return nil, err
	}
	return &ours{events: new(record.EventReader), unpack: u, decoder: record.NewDecoder(record.Sensor())}, nil
}

func (o *ours) handle(event []byte) ([]byte, error) {
	runs, err := o.events.Read(event)
	if err != nil {
		return nil, err
	}
	o.records = o.records[:0]
	for _, r := range runs[0].Records {
		o.records = o.unpack.Append(o.records, r)
	}
	batch := o.decoder.Cut(o.records, "", 1)
	if len(batch.Rejected) > 0 {
		return nil, fmt.Errorf("%d records were rejected", len(batch.Rejected))
	}
	return batch.CSV, nil
}

// compare lets pandas handle the event and compares its three columns with those of the whole CSV, header aside.
func (p *pandas) compare(event, whole []byte) error {
	if err := p.load(event); err != nil {
		return err
	}
	if _, err := p.run(1); err != nil {
		return err
	}
	got, err := p.csv()
	if err != nil {
		return err
	}
	var want []byte
	_, rows, _ := bytes.Cut(whole, []byte("\n"))
	for l := range bytes.Lines(rows) {
		data, _, _ := bytes.Cut(l, []byte(",shardId-"))
		want = append(append(want, data...), '\n')
	}
	_, got, _ = bytes.Cut(got, []byte("\n"))
	if !bytes.Equal(got, want) {
		return fmt.Errorf("pandas gives another CSV than snowstream")
	}
	return nil
}
