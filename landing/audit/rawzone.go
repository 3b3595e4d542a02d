package audit

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/snowstream/snowstream/landing/snowflake"
	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
)

// rawRow is a row of the raw zone, as schema.Rows takes it.
type rawRow struct {
	record.Position
	ordinal int64
	// cells is a JSON array of strings and nulls in the order of the table's columns.
	cells []byte
	size  int
	// columns are those of its object; see columnsOf.
	columns string
}

// list finds each shard's objects of rows that no seal covers, and what was replayed of each quarantine object. It costs one
// request for 1,000 objects, with seals some for each folder, and holds about 200 bytes of each. Of a shard that is sealed to
// its end nothing is listed, unless the tables have rows beyond it.
func (a *Auditor) list(ctx context.Context, counted [2]map[group]aggregate) error {
	byFolder := map[string]*shard{}
	for id, s := range a.shards {
		byFolder[rawzone.Escape(id)] = s
	}
	a.replays, a.strange = map[string][]object{}, map[string]bool{}
	folder := rawzone.Replayed + rawzone.Escape(a.c.Stream) + "/"
	err := a.c.Lake.Entries(ctx, folder, func(key string, modified time.Time) error {
		a.cost.Objects++
		a.replays[path.Dir(key)+"/"] = append(a.replays[path.Dir(key)+"/"], object{key: key, modified: modified})
		if id := path.Base(path.Dir(path.Dir(key))); byFolder[id] == nil {
			a.strange[rawzone.Unescape(id)] = true
		}
		return nil
	})
	if err != nil {
		return err
	}
	recovered := map[string]time.Time{}
	take := func(key string, modified time.Time) error {
		a.cost.Objects++
		dir := path.Dir(key)
		if strings.HasPrefix(key, rawzone.Chain{Stream: a.c.Stream}.RecoveredPrefix()) {
			recovered[key], dir = modified, path.Dir(dir)
		}
		s := byFolder[path.Base(dir)]
		if s == nil {
			if c, ours := rawzone.ChainOf(key, a.c.Stream); ours && !strings.HasPrefix(key, rawzone.Replayed) {
				a.strange[c.Shard] = true
			}
			return nil
		}
		if n, ok := a.chain(s).Name(key); ok {
			s.objects = append(s.objects, object{key: key, ordinal: n.Ordinal, first: n.First, turn: n.Turn, modified: modified})
		}
		return nil
	}
	if !a.trusts() {
		err = a.c.Lake.RowsOf(ctx, a.c.Stream, take)
	} else if err = a.c.Lake.Entries(ctx, rawzone.Chain{Stream: a.c.Stream}.RecoveredPrefix(), take); err == nil {
		err = a.c.Lake.Unsealed(ctx, a.c.Stream, func(c rawzone.Chain) int64 { return a.listed(c, counted) }, take)
	}
	for _, key := range slices.Sorted(maps.Keys(recovered)) {
		if err == nil {
			err = a.recovered(ctx, byFolder[path.Base(path.Dir(path.Dir(key)))], key, recovered[key])
		}
	}
	for _, id := range slices.Sorted(maps.Keys(a.shards)) {
		if err == nil {
			err = a.arrange(ctx, a.shards[id])
		}
	}
	return err
}

// recovered adds an object whose name does not tell its ordinals.
func (a *Auditor) recovered(ctx context.Context, s *shard, key string, modified time.Time) error {
	if s == nil {
		return nil
	}
	o, err := a.described(ctx, key)
	switch {
	case errors.Is(err, rawzone.ErrVoid):
	case err != nil:
		return a.tolerate(ctx, s, key, err)
	case o.FirstOrdinal < s.from(): // a seal covers it
	default:
		s.objects = append(s.objects, object{key: key, ordinal: o.FirstOrdinal, first: o.First, modified: modified, recovered: true})
	}
	return nil
}

// arrange puts a shard's objects in order and leaves the void ones out. Behind each of those is another one for the same
// ordinal, or nothing at all, so only few have to be looked at.
func (a *Auditor) arrange(ctx context.Context, s *shard) error {
	slices.SortFunc(s.objects, func(a, b object) int { return cmp.Or(cmp.Compare(a.ordinal, b.ordinal), cmp.Compare(a.turn, b.turn)) })
	kept := s.objects[:0]
	for i, o := range s.objects {
		again := i+1 < len(s.objects) && s.objects[i+1].ordinal == o.ordinal
		if !again && o.ordinal <= s.Ledger.Ordinal {
			kept = append(kept, o)
			continue
		}
		d, err := a.described(ctx, o.key)
		switch {
		case errors.Is(err, rawzone.ErrVoid):
			s.turns[o.ordinal] = o.turn + 1
		case err != nil:
			if err := a.tolerate(ctx, s, o.key, err); err != nil {
				return err
			}
			kept = append(kept, o)
		case again:
			s.clashes = append(s.clashes, Finding{
				Kind: Doubled, Place: RawZone, Shard: s.id, First: d.FirstOrdinal, Last: d.LastOrdinal, Count: int64(d.Rows), Object: o.key,
				FirstSequence: d.First.Sequence, LastSequence: d.Last.Sequence, Note: clash,
			})
		default:
			kept = append(kept, o)
		}
	}
	s.objects = kept
	return nil
}

const clash = "another object has the same ordinals: an older copy of the ledger was put back"

// described reads an object's range from its metadata.
func (a *Auditor) described(ctx context.Context, key string) (rawzone.Object, error) {
	a.cost.Reads++
	metadata, err := a.c.Lake.Metadata(ctx, key)
	if err != nil {
		return rawzone.Object{}, err
	}
	return rawzone.ParseObject(key, metadata)
}

// lost finds runs of ordinals whose objects are gone. The ledger knows how many objects there must be and each object
// how many there were up to it, so the gaps are found by halving, with a few requests each. What a seal covers may be gone.
func (a *Auditor) lost(ctx context.Context, s *shard) (out []Finding, err error) {
	start, _ := slices.BinarySearchFunc(s.objects, s.gone+1, func(o object, ordinal int64) int { return cmp.Compare(o.ordinal, ordinal) })
	n, _ := slices.BinarySearchFunc(s.objects, s.Ledger.Ordinal+1, func(o object, ordinal int64) int { return cmp.Compare(o.ordinal, ordinal) })
	objects := s.objects[:n]
	var halve func(low, high int, before, after int64) error
	halve = func(low, high int, before, after int64) error {
		if after-before == int64(high-low) {
			return nil
		}
		if high-low == 1 {
			f, err := a.gap(ctx, s, objects, low)
			f.First = max(f.First, s.gone+1)
			if f.Count = min(f.Count, f.Last-f.First+1); f.Count > 0 {
				out = append(out, f)
			}
			return err
		}
		middle := (low + high) / 2
		total := before + int64(middle-low)
		o, err := a.described(ctx, objects[middle].key)
		if err == nil {
			total = o.TotalObjects
		} else if ctx.Err() != nil {
			return err
		}
		if err := halve(low, middle, before, total); err != nil {
			return err
		}
		return halve(middle, high, total, after)
	}
	return out, halve(start-1, n, s.goneObjects, s.Ledger.Objects+1)
}

// gap is the run of ordinals between an object, -1 for the start of the shard, and the next one.
func (a *Auditor) gap(ctx context.Context, s *shard, objects []object, low int) (f Finding, err error) {
	f = Finding{Kind: Missing, Place: RawZone, Shard: s.id, First: s.from(), Last: s.Ledger.Ordinal, Note: "its object is gone"}
	if low+1 < len(objects) {
		f.Last = objects[low+1].ordinal - 1
	}
	if low >= 0 {
		o, err := a.described(ctx, objects[low].key)
		if err != nil {
			return Finding{}, ctx.Err() // a damaged object: it is named itself
		}
		f.First = o.LastOrdinal + 1
	}
	f.Count = max(0, f.Last-f.First+1)
	return f, nil
}

// slack is how far the clocks of S3 and of the functions may be apart.
const slack = 5 * time.Second

// suspects are the objects that were written after one behind them: objects of a shard are written one after another
// and never again. It cannot be seen of the last one within slack.
func (s *shard) suspects() (out []int) {
	earliest := s.Ledger.UpdatedAt.Add(slack)
	for i, o := range slices.Backward(s.objects) {
		if o.ordinal > s.Ledger.Ordinal {
			continue
		}
		if o.modified.After(earliest) {
			out = append(out, i)
		} else {
			earliest = o.modified
		}
	}
	slices.Reverse(out)
	return out
}

// unreadable tells an object whose content is wrong from trouble on the way to it.
func unreadable(err error) bool {
	var refused *snowflake.Error
	var content *contentError
	return errors.As(err, &refused) || errors.As(err, &content) || errors.Is(err, rawzone.ErrDamaged)
}

// chain is what numbers the shard's rows.
func (a *Auditor) chain(s *shard) rawzone.Chain {
	return rawzone.Chain{Stream: a.c.Stream, Generation: s.Ledger.Generation, Shard: s.id}
}

// isRejected reports whether the ordinal's record went to quarantine: if it has a row, that lies in another object.
func (s *shard) isRejected(ordinal int64) bool {
	i, found := s.rejection(ordinal)
	return found && !s.Rejected[i].Withheld
}

// rejection finds the record in quarantine that has an ordinal.
func (s *shard) rejection(ordinal int64) (at int, found bool) {
	return slices.BinarySearchFunc(s.Rejected, ordinal, func(r Rejected, n int64) int { return cmp.Compare(r.Ordinal, n) })
}

// raw fetches rows from the raw zone by their ordinals, replayed ones included. An ordinal that it does not have is
// not in the answer.
func (a *Auditor) raw(ctx context.Context, s *shard, ordinals []int64) (map[int64]rawRow, error) {
	wanted := map[string]map[int64]bool{}
	want := func(key string, ordinal int64) {
		if wanted[key] == nil {
			wanted[key] = map[int64]bool{}
		}
		wanted[key][ordinal] = true
	}
	for _, n := range ordinals {
		if i, found := s.rejection(n); found && !s.Rejected[i].Withheld {
			for _, o := range a.replays[rawzone.ReplayPrefix(s.Rejected[i].Key)] {
				want(o.key, n)
			}
		} else if at, ok := s.covering(n); ok {
			want(s.objects[at].key, n)
		}
	}
	out := map[int64]rawRow{}
	for key, of := range wanted {
		rows, err := a.read(ctx, key, of)
		if err != nil && !unreadable(err) {
			if err := a.tolerate(ctx, s, key, err); err != nil {
				return nil, err
			}
		}
		for _, r := range rows {
			out[r.ordinal] = r
		}
	}
	return out, nil
}

// contentError is an object whose bytes are not ours.
type contentError struct{ error }

// read returns an object's rows, or those with the wanted ordinals.
func (a *Auditor) read(ctx context.Context, key string, wanted map[int64]bool) ([]rawRow, error) {
	a.cost.Reads++
	csv, err := a.c.Lake.Read(ctx, key)
	if err != nil {
		return nil, err
	}
	rows, err := parseRows(csv, a.c.Schema.TableColumns(), wanted)
	if err != nil {
		return nil, &contentError{fmt.Errorf("object %s: %w", key, err)}
	}
	return rows, nil
}

// parseRows reads the CSV of an object.
func parseRows(csv []byte, columns []record.Column, wanted map[int64]bool) (out []rawRow, err error) {
	r, err := record.NewCSVReader(csv)
	if err != nil {
		return nil, err
	}
	order := make([]int, len(columns))
	for i, c := range columns {
		order[i] = slices.Index(r.Header(), c.Name)
		if order[i] < 0 && c.Required {
			return nil, fmt.Errorf("there is no column %s", c.Name)
		}
	}
	lineage, named := order[len(order)-len(record.Lineage()):], columnsOf(r.Header())
	for {
		values, err := r.Next()
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		one, err := parseRow(values, lineage)
		if err != nil {
			return nil, err
		}
		if wanted != nil && !wanted[one.ordinal] {
			continue
		}
		if one.cells, err = cells(values, order); err != nil {
			return nil, err
		}
		one.size, one.columns = len(one.cells), named
		out = append(out, one)
	}
}

// parseRow reads a row's identity from its lineage columns.
func parseRow(values []record.Value, lineage []int) (r rawRow, err error) {
	r.Shard, r.Sequence = string(values[lineage[0]].Text), string(values[lineage[1]].Text)
	if r.Subsequence, err = strconv.ParseInt(string(values[lineage[2]].Text), 10, 64); err == nil {
		r.ordinal, err = strconv.ParseInt(string(values[lineage[3]].Text), 10, 64)
	}
	if err != nil {
		err = errors.New("a row has no numbers in its lineage columns")
	}
	return r, err
}

func cells(values []record.Value, order []int) ([]byte, error) {
	texts := make([]*string, len(order))
	for i, at := range order {
		if at >= 0 && !values[at].Null {
			text := string(values[at].Text)
			texts[i] = &text
		}
	}
	return json.Marshal(texts)
}
