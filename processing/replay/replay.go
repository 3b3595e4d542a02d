// Package replay lands what failed invocations have left behind: an event source mapping with bounded retries, or with
// a record that no invocation can carry, writes a failure document to the bucket and goes on. The document says which
// records it was about.
//
// Collecting keeps the contract. First the shard's ledger is brought past the document's records, so that nobody else
// can land them any more. Those that then have no place, neither in an object of rows nor in quarantine, land at the
// shard's end, as one more object under the next ordinals. That object's name is fixed by its first record, so a
// collection that was cut off, or two at once, land each record once, and a document whose records have partly landed
// gives the rest. Documents stay where they are; a note beside each says what became of it, so the next collection passes
// it by. They are taken one after another, because two of them may be about the same records.
package replay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/snowstream/snowstream/processing/datalake"
	"github.com/snowstream/snowstream/processing/orchestrator"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
)

// Stream reads what the stream still has; see listener.
type Stream interface {
	// Range yields a shard's records from one sequence number to another, in order, as far as they are there.
	Range(ctx context.Context, shard, first, last string, yield func([]record.Record) error) error
}

// Lander lands records; see processing/orchestrator.
type Lander interface {
	// Land lands those of a shard's records, in their order, that its ledger has not passed, and hands over what its last
	// writer has left open.
	Land(ctx context.Context, stream, shard string, records []record.Record) error
	// Append lands records that the ledger has passed, as more objects under the shard's next ordinals. It may be repeated.
	Append(ctx context.Context, b orchestrator.Batch) (rawzone.Object, error)
}

// Config is what a collection works with.
type Config struct {
	// Stream is the stream's name.
	Stream string
	Reader Stream
	Lander Lander
	Lake   *datalake.Lake
	// DryRun only looks.
	DryRun bool
	Log    *slog.Logger
}

// Collector collects failure documents. It is used by one goroutine.
type Collector struct {
	c Config
	// strange are documents that cannot be read, and those of other streams: they are not looked at again.
	strange map[string]bool
}

// New returns a collector.
func New(c Config) *Collector {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Collector{c: c, strange: map[string]bool{}}
}

// Summary is what a collection has found and done.
type Summary struct {
	// OK says that nothing is lost.
	OK bool `json:"ok"`
	// Documents were new, Before were collected earlier.
	Documents int64 `json:"documents"`
	Before    int64 `json:"documents_before"`
	// Landed records had no place and have one now, or would get one; There records had a place already.
	Landed int64 `json:"landed"`
	There  int64 `json:"landed_before"`
	// Lost are the positions that nobody has any more, those of earlier collections included.
	Lost []Loss `json:"lost"`
	// Strange are objects that should be failure documents and cannot be read, with the reason.
	Strange []string `json:"strange"`
}

// Loss is a run of records that the stream no longer has.
type Loss struct {
	Document string `json:"document"`
	Shard    string `json:"shard"`
	// First is the sequence number of the first one; Behind is that of the first record behind them, empty where they
	// go on to the end of the document's range, which is Last.
	First  string `json:"first_sequence"`
	Last   string `json:"last_sequence"`
	Behind string `json:"before_sequence,omitempty"`
	Count  int64  `json:"count"`
	// Arrived is when the document's first record came.
	Arrived time.Time `json:"arrived_at"`
}

// Collect looks for new documents and lands their records. Where there are none it costs one request for each 1,000
// documents there have ever been.
func (c *Collector) Collect(ctx context.Context) (s Summary, err error) {
	s = Summary{OK: true, Lost: []Loss{}, Strange: []string{}}
	waiting, err := c.documents(ctx, &s)
	if err != nil || len(waiting) == 0 {
		s.OK = s.OK && len(s.Lost) == 0
		return s, err
	}
	l := c.landed()
	var documents []document
	for _, w := range waiting {
		documents = append(documents, w.document)
	}
	if err := l.look(ctx, documents...); err != nil {
		return s, err
	}
	for _, w := range waiting {
		if err = c.collect(ctx, l, w, &s); err != nil {
			err = fmt.Errorf("collect %s: %w", w.key, err)
			break
		}
	}
	s.OK = s.OK && len(s.Lost) == 0
	return s, err
}

func (c *Collector) landed() *landed {
	return &landed{lake: c.c.Lake, stream: c.c.Stream, shards: map[string]looked{}}
}

// pending is a document without a note.
type pending struct {
	document
	key string
}

// documents are those that have no note, in the order of their mapping, shard and time.
func (c *Collector) documents(ctx context.Context, s *Summary) (out []pending, err error) {
	var keys, lost []string
	noted := map[string]bool{}
	err = c.c.Lake.List(ctx, rawzone.Failures, func(key string) error {
		document, isLost, isNote := rawzone.NoteOf(key)
		switch {
		case isNote && isLost:
			lost = append(lost, key)
			fallthrough
		case isNote:
			noted[document] = true
		default:
			keys = append(keys, key)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.Before = int64(len(noted))
	for _, key := range keys {
		if noted[key] || c.strange[key] {
			continue
		}
		text, err := c.c.Lake.Read(ctx, key)
		if err != nil {
			return nil, err
		}
		d, ours, err := parseDocument(text, c.c.Stream)
		if err != nil {
			s.Strange = append(s.Strange, fmt.Sprintf("%s: %v", key, err))
			s.OK = false
		}
		if !ours {
			c.strange[key] = true
			continue
		}
		out = append(out, pending{d, key})
	}
	return out, c.remember(ctx, lost, s)
}

// remember adds what earlier collections found lost.
func (c *Collector) remember(ctx context.Context, notes []string, s *Summary) error {
	for _, key := range notes {
		text, err := c.c.Lake.Read(ctx, key)
		if err != nil {
			return err
		}
		var n note
		if err := json.Unmarshal(text, &n); err != nil || n.Lost == nil {
			return fmt.Errorf("note %s is damaged: delete it to have its document collected again", key)
		}
		s.Lost = append(s.Lost, *n.Lost)
	}
	return nil
}

// Losses are the records that collections have found lost.
func Losses(ctx context.Context, lake *datalake.Lake, stream string) ([]Loss, error) {
	c := New(Config{Stream: stream, Lake: lake})
	var s Summary
	var notes []string
	err := lake.List(ctx, rawzone.Failures, func(key string) error {
		if _, lost, ok := rawzone.NoteOf(key); ok && lost {
			notes = append(notes, key)
		}
		return nil
	})
	if err == nil {
		err = c.remember(ctx, notes, &s)
	}
	return s.Lost, err
}

// note is what lies beside a document once it was collected.
type note struct {
	Landed      int64     `json:"landed"`
	There       int64     `json:"landed_before"`
	Lost        *Loss     `json:"lost,omitempty"`
	CollectedAt time.Time `json:"collected_at"`
}

// collect lands what has no place of one document.
func (c *Collector) collect(ctx context.Context, l *landed, p pending, s *Summary) error {
	all, err := c.records(ctx, p)
	if err != nil {
		return err
	}
	there, err := l.between(ctx, p.document, all)
	if err != nil {
		return err
	}
	n := note{There: there.Count(), Landed: int64(len(without(all, there)))}
	if !c.c.DryRun {
		if there, err = c.land(ctx, l, p, all); err != nil {
			return err
		}
	}
	if !l.sealed(p.Batch.Shard, p.Batch.Last) {
		n.Lost = p.lost(all, there)
	}
	if !c.c.DryRun {
		if err := c.note(ctx, p.key, n); err != nil {
			return err
		}
	}
	s.Documents++
	s.Landed += n.Landed
	s.There += n.There
	if n.Lost != nil {
		s.Lost = append(s.Lost, *n.Lost)
	}
	c.c.Log.Info("failed invocation collected", "document", p.key, "landed", n.Landed, "landed_before", n.There)
	return nil
}

func (c *Collector) note(ctx context.Context, document string, n note) error {
	n.CollectedAt = time.Now().UTC()
	text, err := json.Marshal(n)
	if err != nil {
		return err
	}
	return c.c.Lake.Note(ctx, rawzone.NoteKey(document, n.Lost != nil), append(text, '\n'))
}

// records are the document's, from itself or, if it does not carry them all, from the stream.
func (c *Collector) records(ctx context.Context, p pending) (all []record.Record, err error) {
	carried := p.records(c.c.Stream)
	if int64(len(carried)) >= p.Batch.Size {
		return carried, nil
	}
	err = c.c.Reader.Range(ctx, p.Batch.Shard, p.Batch.First, p.Batch.Last, func(more []record.Record) error {
		all = append(all, more...)
		return nil
	})
	if len(all) < len(carried) {
		all = carried
	}
	return all, err
}

// attempts is how often a ledger that others move on is tried without any progress.
const attempts = 20

// land lands the records without a place, until there are none, and returns which of the range have one. The shard's
// ledger is brought past them first, and nothing is left open in front of it: from then on nobody else can land them,
// so that what is looked up stays true.
func (c *Collector) land(ctx context.Context, l *landed, p pending, all []record.Record) (there datalake.There, err error) {
	for tries, before := 0, -1; ; tries++ {
		err := c.c.Lander.Land(ctx, c.c.Stream, p.Batch.Shard, all)
		if err == nil {
			if there, err = l.between(ctx, p.document, all); err != nil {
				return nil, err
			}
			rest := without(all, there)
			if len(rest) == 0 {
				return there, nil
			}
			if len(rest) != before {
				tries, before = 0, len(rest)
			}
			b := orchestrator.Batch{Stream: c.c.Stream, Shard: p.Batch.Shard, Source: p.key, Records: run(all, rest[0].Sequence, there)}
			b.Landed, b.Inside = there[rest[0].Sequence].UpTo, there[rest[0].Sequence].Inside
			_, err = c.c.Lander.Append(ctx, b)
		}
		if err != nil && (!errors.Is(err, datalake.ErrFenced) || tries > attempts) {
			return nil, err
		}
	}
}

// without are the records that have no place, or not all of them.
func without(all []record.Record, there datalake.There) (rest []record.Record) {
	for _, r := range all {
		if !there.Whole(r.Sequence) {
			rest = append(rest, r)
		}
	}
	return rest
}

// run are the records from one on, up to the next that has a place, in part or as a whole: one object cannot reach over
// another's records.
func run(all []record.Record, from string, there datalake.There) (out []record.Record) {
	for _, r := range all {
		switch {
		case len(out) == 0 && r.Sequence != from:
		case len(out) > 0 && there.Has(r.Sequence):
			return out
		default:
			out = append(out, r)
		}
	}
	return out
}

// lost is the run of records in front of those that were found, or all of them, as far as they have no place.
func (p pending) lost(found []record.Record, there datalake.There) *Loss {
	loss := Loss{
		Document: p.key, Shard: p.Batch.Shard, First: p.Batch.First, Last: p.Batch.Last,
		Count: p.Batch.Size - int64(len(found)), Arrived: p.Batch.Arrived,
	}
	if len(found) > 0 {
		loss.Behind = found[0].Sequence
	}
	for sequence := range there {
		if !there.Whole(sequence) {
			continue // the rest of it is lost
		}
		if loss.Behind == "" || record.CompareSequence(sequence, loss.Behind) < 0 {
			loss.Count--
		}
	}
	if loss.Count <= 0 {
		return nil
	}
	return &loss
}
