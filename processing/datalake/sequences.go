package datalake

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
)

// Place is how much of a Kinesis record has one: all of it, or, where Inside is not empty, the records in it up to a
// sub-sequence number, numbered as Inside says. Parts land in order.
type Place struct {
	UpTo   int64
	Inside string
}

// There are the Kinesis records that have a place, by sequence number.
type There map[string]Place

// Whole reports whether all of a Kinesis record has a place.
func (t There) Whole(sequence string) bool {
	p, ok := t[sequence]
	return ok && p.Inside == ""
}

// Has reports whether anything of a Kinesis record has a place.
func (t There) Has(sequence string) bool {
	_, ok := t[sequence]
	return ok
}

// Count is how many have one as a whole.
func (t There) Count() (n int64) {
	for _, p := range t {
		if p.Inside == "" {
			n++
		}
	}
	return n
}

// add notes what an object has of a record: all of it is there, unless it is the last one and goes on in another object.
func (t There) add(sequence string, o rawzone.Object) {
	now := Place{}
	if sequence == o.Last.Sequence {
		now = Place{o.Last.Subsequence, o.Inside}
	}
	t.merge(sequence, now)
}

func (t There) merge(sequence string, now Place) {
	before, ok := t[sequence]
	if !ok || before.Inside != "" && (now.Inside == "" || now.UpTo > before.UpTo) {
		t[sequence] = now
	}
}

// Sequences adds the Kinesis records of an object, quarantined ones included.
func (l *Lake) Sequences(ctx context.Context, o rawzone.Object, into There) error {
	rows, err := l.Rows(ctx, o.Key)
	if err != nil {
		return err
	}
	if err := sequences(rows, o, into); err != nil {
		return fmt.Errorf("object %s: %w", o.Key, err)
	}
	if o.Quarantine == "" {
		return nil
	}
	rejected, err := l.Rejected(ctx, o.Quarantine)
	if err != nil {
		return err
	}
	for _, r := range rejected {
		into.add(r.Sequence, o)
	}
	return nil
}

func sequences(r *record.CSVReader, o rawzone.Object, into There) error {
	at := slices.Index(r.Header(), "_SEQUENCE")
	if at < 0 {
		return errors.New("it has no column _SEQUENCE")
	}
	last := ""
	for {
		row, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if string(row[at].Text) != last {
			last = string(row[at].Text)
			into.add(last, o)
		}
	}
}

// maxNames bounds how many objects of a chain Places remembers: about 60 MB of names.
const maxNames = 200_000

// nearest is how many objects Places looks at one by one, from the last one back, before it lists the chain.
const nearest = 16

// Places tells which of the Kinesis records that a chain's ledger has passed have a place in the chain: exactly, by their
// sequence numbers. It remembers names, so it is cheap to ask again, and is used by one goroutine.
type Places struct {
	lake *Lake
	// names are the objects that landed in their turn, void ones among them, in the order of their first records, up to the
	// ordinal listed. Those that are not void have their ordinals in the same order.
	names  []name
	listed int64
	// recovered are the others, with the names that were looked at.
	recovered []rawzone.Object
	known     map[string]bool
	// object is the one that was read last, with its sequence numbers.
	object string
	read   There
}

// Places returns what is needed to ask about one chain.
func (l *Lake) Places() *Places { return &Places{lake: l, known: map[string]bool{}} }

// Find adds those of the sequence numbers, which are in order and of which none is behind the head's, that have a place.
// earlier says that some may lie in an earlier chain: this one begins behind them. The head must have nothing open.
//
// All objects up to one hold records up to its Passed alone, because that never goes back. So looking back ends at the first
// object that had not passed the first record, and at the chain's first one. Where objects are gone, it cannot be told
// whether they had a record, and that is an error.
func (p *Places) Find(ctx context.Context, head Head, want []string, there There) (earlier bool, err error) {
	rest := without(want, there)
	key, end := head.Object, head.Ordinal
	for range nearest {
		if len(rest) == 0 {
			return false, nil
		}
		if end == head.Base() {
			return true, nil
		}
		if key == "" {
			break // from before objects named each other
		}
		o, err := p.lake.Object(ctx, key)
		if is(err, "NotFound") {
			break
		}
		if err != nil {
			return false, err
		}
		if record.CompareSequence(o.Passed.Sequence, rest[0]) < 0 {
			return false, nil
		}
		if err := p.look(ctx, o, rest, there); err != nil {
			return false, err
		}
		rest = without(rest, there)
		key, end = o.Previous, o.FirstOrdinal-1
	}
	if len(rest) == 0 {
		return false, nil
	}
	seals, _, err := p.lake.Seals(ctx, head.Stream)
	if err != nil {
		return false, err
	}
	if seal, found := seals.Of(head.Chain()); found { // all that the stream had up to there has a place; its objects may be gone
		for len(rest) > 0 && record.CompareSequence(rest[0], seal.Sequence) <= 0 {
			there[rest[0]] = Place{}
			rest = rest[1:]
		}
		if len(rest) == 0 {
			return false, nil
		}
	}
	if err := p.list(ctx, head); err != nil {
		return false, err
	}
	for _, sequence := range rest {
		before, err := p.find(ctx, head, sequence, there)
		if err != nil {
			return false, err
		}
		earlier = earlier || before && !there.Has(sequence)
	}
	return earlier, nil
}

func without(want []string, there There) (rest []string) {
	for _, s := range want {
		if !there.Whole(s) {
			rest = append(rest, s)
		}
	}
	return rest
}

// look reads an object if one of the sequence numbers may be in it.
func (p *Places) look(ctx context.Context, o rawzone.Object, want []string, there There) error {
	if !slices.ContainsFunc(want, func(s string) bool {
		return record.CompareSequence(o.First.Sequence, s) <= 0 && record.CompareSequence(s, o.Last.Sequence) <= 0
	}) {
		return nil
	}
	if p.object != o.Key {
		read := There{}
		if err := p.lake.Sequences(ctx, o, read); err != nil {
			return fmt.Errorf("look which records of %s have a place: %w", o.First.Shard, err)
		}
		p.object, p.read = o.Key, read
	}
	for _, s := range want {
		if place, ok := p.read[s]; ok {
			there.merge(s, place)
		}
	}
	return nil
}

// list brings the names up to what the head covers.
func (p *Places) list(ctx context.Context, head Head) error {
	names, err := p.lake.stretch(ctx, head.Chain(), p.listed, head.Ordinal)
	if err != nil {
		return fmt.Errorf("list the objects of %s/%s: %w", head.Stream, head.Shard, err)
	}
	p.names = append(p.names, names...)
	if p.listed = head.Ordinal; len(p.names) > maxNames {
		p.names, p.listed = nil, 0
		return fmt.Errorf("records of %s/%s come that its ledger has passed, and the raw zone has more than %d objects among which to look for them: "+
			"let the mapping begin later, and have `snowstream audit --repair` bring what is missing", head.Stream, head.Shard, maxNames)
	}
	slices.SortFunc(p.names, func(a, b name) int {
		return cmp.Or(a.First.Compare(b.First), cmp.Compare(a.Ordinal, b.Ordinal), cmp.Compare(a.Turn, b.Turn))
	})
	keys, err := p.lake.recoveredKeys(ctx, head.Chain())
	if err != nil {
		return err
	}
	for _, key := range keys {
		if p.known[key] {
			continue
		}
		o, err := p.lake.Object(ctx, key)
		if err != nil && !errors.Is(err, rawzone.ErrVoid) {
			return err
		}
		if p.known[key] = true; err == nil {
			p.recovered = append(p.recovered, o)
		}
	}
	return nil
}

// find looks for one record. before says that the chain begins behind it.
func (p *Places) find(ctx context.Context, head Head, sequence string, there There) (before bool, err error) {
	for _, o := range p.recovered {
		if err := p.look(ctx, o, []string{sequence}, there); err != nil || there.Whole(sequence) {
			return false, err
		}
	}
	// The only object that can have landed it in its turn is the last one that begins at it or in front of it.
	at, _ := slices.BinarySearchFunc(p.names, sequence, func(n name, s string) int {
		if record.CompareSequence(n.First.Sequence, s) <= 0 {
			return -1
		}
		return 1
	})
	expected, before := head.Base()+1, true
	for i := at - 1; i >= 0; i-- {
		o, err := p.lake.Object(ctx, p.names[i].key)
		if errors.Is(err, rawzone.ErrVoid) {
			continue
		}
		if err != nil {
			return false, err
		}
		if err := p.look(ctx, o, []string{sequence}, there); err != nil || there.Whole(sequence) {
			return false, err
		}
		expected, before = o.LastOrdinal+1, false
		break
	}
	return before, p.dense(ctx, head, at, expected)
}

// dense makes sure that no object is gone in front of the name at a place: the ordinals go on where the last object ended.
func (p *Places) dense(ctx context.Context, head Head, at int, expected int64) error {
	next := head.Ordinal + 1
	for ; at < len(p.names); at++ {
		_, err := p.lake.Object(ctx, p.names[at].key)
		if err == nil {
			next = p.names[at].Ordinal
			break
		}
		if !errors.Is(err, rawzone.ErrVoid) {
			return err
		}
	}
	for more := true; more && expected < next; {
		more = false
		for _, o := range p.recovered {
			if o.FirstOrdinal == expected {
				expected, more = o.LastOrdinal+1, true
			}
		}
	}
	if expected < next {
		return fmt.Errorf("records of %s/%s come that its ledger has passed, and the objects of the ordinals from %d to %d, which may have them, are gone: "+
			"restore them, or let `snowstream audit --repair` do it; if they have expired, let the mapping begin later", head.Stream, head.Shard, expected, next-1)
	}
	return nil
}

// RecoveredTurn is the number of the next name for recovered records that open with a position: names that were made void are
// passed over. One that exists is an error.
func (l *Lake) RecoveredTurn(ctx context.Context, c rawzone.Chain, first record.Position) (n int, err error) {
	for ; ; n++ {
		found := false
		for _, pack := range rawzone.Compressions() {
			key := rawzone.RecoveredKey(c, first, n) + pack.Extension()
			_, err := l.Object(ctx, key)
			switch {
			case errors.Is(err, rawzone.ErrVoid):
				found = true
			case err == nil:
				return n, fmt.Errorf("object %s exists, and does not have the record that it is named after", key)
			case !is(err, "NotFound"):
				return n, err
			}
		}
		if !found {
			return n, nil
		}
	}
}
