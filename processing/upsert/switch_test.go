package upsert

import (
	"context"
	"encoding/json"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"github.com/snowstream/snowstream/processing/handoff"
	"github.com/snowstream/snowstream/processing/rowpath"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
)

// both is a table, a raw zone without an object, and a service whose channel stands at ordinal 4. It writes down what it is asked for.
type both struct {
	Chains
	Table
	did []string
}

func (b *both) Merge(context.Context, *record.CSVReader) (record.Merged, error) {
	b.did = append(b.did, "merge")
	return record.Merged{Read: 1, Inserted: 1}, nil
}
func (b *both) Open(context.Context, rawzone.Chain) (rowpath.Channel, error) {
	b.did = append(b.did, "open")
	return b, nil
}
func (b *both) Opened() rowpath.State {
	return rowpath.State{Committed: 4, Known: true, Rejected: 2, Created: 7}
}
func (b *both) Append(context.Context, *record.CSVReader, func(int64) bool, int64) (int, error) {
	b.did = append(b.did, "append")
	return 1, nil
}
func (b *both) States(context.Context, []rawzone.Chain) (map[rawzone.Chain]rowpath.State, error) {
	return nil, nil
}
func (b *both) Highest(context.Context, rawzone.Chain) (int64, error) { return 0, nil }
func (b *both) Quarantine(context.Context, string, string, []byte) error {
	return nil
}

// TestNoted: before the first row goes another way than those before it, nothing is done but to say what the ledger is to hold; the
// channel is locked. Once it holds it, the object goes its way.
func TestNoted(t *testing.T) {
	channel := func(committed, created int64, merged bool) *rawzone.Channel {
		c := &rawzone.Channel{Committed: committed, Created: created, Merged: merged}
		if created != 0 {
			c.Rejected = 2
		}
		return c
	}
	for name, c := range map[string]struct {
		merges bool
		known  *rawzone.Channel
		retry  bool
		noted  *rawzone.Channel
		did    string
	}{
		"merged, and never went otherwise":          {merges: true, did: "merge"},
		"merged from now on":                        {merges: true, known: channel(4, 7, false), noted: channel(4, 7, true), did: "open"},
		"merged, and noted":                         {merges: true, known: channel(4, 7, true), did: "merge"},
		"by the channel for the first time":         {noted: channel(4, 0, false)},
		"by the channel again":                      {known: channel(3, 7, true), noted: channel(4, 7, false), did: "open"},
		"by the channel, but may be merged in part": {known: channel(4, 7, true), retry: true, did: "open merge"},
	} {
		t.Run(name, func(t *testing.T) {
			b := &both{}
			path := NewPath(rowpath.New(b, b, rowpath.Deferred, slog.New(slog.DiscardHandler)), b, "s")
			if c.merges {
				path = path.Idle()
			}
			u := New(record.Sensor(), b, b, slog.New(slog.DiscardHandler)).By(path)
			payload, err := handoff.Encode(handoff.Message{Object: "o", Rows: 1, CSV: "_ORDINAL\n5\n", Place: &handoff.Place{
				Stream: "s", Shard: "shardId-000000000000", First: 5, Last: 5, Previous: "before", Fresh: !c.retry, Channel: c.known,
			}})
			if err != nil {
				t.Fatal(err)
			}
			out, err := u.Handle(t.Context(), "r", payload)
			if err != nil {
				t.Fatal(err)
			}
			var answer handoff.Answer
			if err := json.Unmarshal(out, &answer); err != nil {
				t.Fatal(err)
			}
			if answer.Note != (c.noted != nil) || answer.Note && !reflect.DeepEqual(answer.Channel, c.noted) {
				t.Errorf("to be noted: %v, %+v; want %+v", answer.Note, answer.Channel, c.noted)
			}
			if got := strings.Join(b.did, " "); got != c.did {
				t.Errorf("did %q, want %q", got, c.did)
			}
		})
	}
}
