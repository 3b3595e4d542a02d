package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
)

// restore writes an object of rows again, from the stream, if that still has its records. It returns the reason where
// that cannot be done safely: the object must come out with the name, the records and the quarantined ones that it had.
func (m *mender) restore(ctx context.Context, f Finding, restored map[string]bool) (reason string, err error) {
	if restored[f.Object] {
		return "", nil
	}
	s := m.shards[f.Shard]
	if f.Kind == Doubled {
		return "only a person can say which of the two counts", nil
	}
	if f.First < 1 {
		return "it is not in the raw zone: only the stream has it", nil
	}
	if s == nil || m.c.Reader == nil {
		return "the object can only be restored from the stream, which was left out", nil
	}
	if f.Object != "" { // some rows of an object that is there: the whole object counts
		if f.First, f.Last, err = m.extent(ctx, s, f); err != nil {
			return "", err
		}
	}
	ledger, reason, err := m.before(ctx, s, f)
	if err != nil || reason != "" {
		return reason, err
	}
	records, inside, err := m.again(ctx, s, ledger, f)
	if err != nil {
		return "", err
	}
	if int64(len(records)) != f.Last-f.First+1 || time.Since(records[0].ArrivedAt) > pipeMemory {
		return "the stream does not have its records any more", nil
	}
	batch := record.NewDecoder(m.c.Schema).OfStream(m.c.Stream).Cut(records, s.Ledger.Generation, f.First)
	batch.Inside = inside
	ledger.Turn = s.turns[f.First]
	o, err := m.named(ctx, s, f, rawzone.Of(batch, m.c.Schema.Folder, ledger))
	if err != nil {
		return "", err
	}
	if o.TotalObjects, err = m.totalBefore(ctx, s, f.Last); err != nil {
		return "", err
	}
	if reason, err := m.differs(ctx, s, f, o, batch, records); err != nil || reason != "" {
		return reason, err
	}
	if f.Object != "" { // what lies there is nobody's any more; it is kept, all the same
		if err := m.keepObject(ctx, o.Key, string(f.Kind)+" in the raw zone"); err != nil {
			return "", err
		}
		err = m.c.Lake.Restore(ctx, o.Key, batch.CSV, o.Metadata())
	} else if created, failed := m.c.Lake.Create(ctx, o.Key, batch.CSV, o.Metadata()); failed == nil && !created {
		return "an object of its name has come meanwhile", nil
	} else {
		err = failed
	}
	if err != nil {
		return "", err
	}
	restored[o.Key] = true
	m.done.Objects++
	return "", nil
}

// named is a plain object under the name that it had. Of one that is gone the pipe knows the name, and under another one
// would load its rows once more. What the pipe has not heard of may have any: it gets that of the shard's last object.
func (m *mender) named(ctx context.Context, s *shard, f Finding, o rawzone.Object) (rawzone.Object, error) {
	if f.Object != "" {
		return o.Compressed(rawzone.CompressionOf(f.Object)), nil
	}
	var keys []string
	for _, c := range rawzone.Compressions() {
		keys = append(keys, o.Compressed(c).Key)
	}
	known, err := m.tools.Pipe.Known(ctx, keys)
	for i, c := range rawzone.Compressions() {
		if _, there := known[keys[i]]; there {
			return o.Compressed(c), err
		}
	}
	return o.Compressed(rawzone.CompressionOf(s.Ledger.Object)), err
}

// pipeMemory is a bit less than how long a pipe remembers names: an object that is written again later than that is
// loaded again.
const pipeMemory = 13 * 24 * time.Hour

// extent is the range of the object that a finding lies in.
func (m *mender) extent(ctx context.Context, s *shard, f Finding) (first, last int64, err error) {
	at, _ := s.covering(f.First)
	first, last = s.objects[at].ordinal, s.Ledger.Ordinal
	o, err := m.described(ctx, f.Object)
	switch {
	case err == nil:
		last = o.LastOrdinal
	case ctx.Err() != nil:
		return 0, 0, err
	case at+1 < len(s.objects):
		last = s.objects[at+1].ordinal - 1
	}
	return first, last, nil
}

// before is the ledger as it was when the run was about to land.
func (m *mender) before(ctx context.Context, s *shard, f Finding) (l rawzone.Ledger, reason string, err error) {
	l = rawzone.Start(m.chain(s))
	if l.Ordinal = s.Ledger.Base(); f.First == s.first() {
		return l, "", nil
	}
	if s.seal != nil && f.First == s.from() {
		return s.seal.Ledger(m.c.Stream), "", nil
	}
	at, ok := s.covering(f.First - 1)
	if !ok {
		return l, "the object in front of it is gone as well", nil
	}
	o, err := m.described(ctx, s.objects[at].key)
	if err != nil || o.LastOrdinal != f.First-1 {
		return l, "the object in front of it is damaged as well; it may work once that is restored", ctx.Err()
	}
	return l.After(o, time.Now()), "", nil
}

// anchor is a record that is known to stand in a run, and its ordinal: from quarantine, or from a table. What was given up in front
// of the run has no place in it, so that the records behind the last object need not be the run's. Ordinal 0 says that none is known.
func (m *mender) anchor(ctx context.Context, s *shard, f Finding) (p record.Position, ordinal int64, err error) {
	for _, r := range s.Rejected {
		if f.First <= r.Ordinal && r.Ordinal <= f.Last {
			return r.Position, r.Ordinal, nil
		}
	}
	for _, place := range tables() {
		rows, err := m.rows(ctx, place, s.id, f.First, min(f.Last, f.First+leaf-1))
		if err != nil || len(rows) > 0 {
			if err == nil {
				p, ordinal = rows[0].position(s.id), rows[0].ordinal
			}
			return p, ordinal, err
		}
	}
	return p, 0, nil
}

// again reads the records of a finding from the stream, which follow what a ledger covers. There are more or fewer where the
// stream has others. inside is the object's Inside: the run may begin and end inside a Kinesis record.
func (m *mender) again(ctx context.Context, s *shard, behind rawzone.Ledger, f Finding) (out []record.Record, inside string, err error) {
	u, err := m.unpacker(s)
	if err != nil {
		return nil, "", err
	}
	p, ordinal, err := m.anchor(ctx, s, f)
	if err != nil {
		return nil, "", err
	}
	want, front, found := f.Last-f.First+1, int(max(ordinal-f.First, 0)), ordinal == 0
	enough := errors.New("enough")
	take := func(records []record.Record) error {
		for _, r := range records {
			if found && int64(len(out)) >= want {
				return enough
			}
			if out = u.Append(out, r); r.Sequence == behind.Sequence {
				out = slices.DeleteFunc(out, func(r record.Record) bool { return r.Compare(behind.Last()) <= 0 })
			}
			if found {
				continue
			}
			at := slices.IndexFunc(out, func(r record.Record) bool { return r.Position == p })
			if found = at >= 0; !found {
				at = len(out)
			}
			out = out[max(at-front, 0):]
		}
		return nil
	}
	if behind.Inside == "" {
		err = m.c.Reader.Read(ctx, s.id, behind.Sequence, take)
	} else {
		err = m.c.Reader.Range(ctx, s.id, behind.Sequence, s.Ledger.Sequence, take)
	}
	if err != nil && !errors.Is(err, enough) {
		return nil, "", err
	}
	if !found {
		return nil, "", nil
	}
	if int64(len(out)) > want && m.endsInside(s, f, out[want-1].Position, out[want].Position) {
		out, inside = out[:want], u.Cursor(nil).Numbering()
	}
	return out, inside, nil
}

// endsInside reports whether a finding ends with one position and something else goes on with the other one.
func (m *mender) endsInside(s *shard, f Finding, last, next record.Position) bool {
	if f.Last == s.Ledger.Ordinal {
		return s.Ledger.Inside != "" && s.Ledger.Last() == last
	}
	at, ok := s.covering(f.Last + 1)
	return ok && s.objects[at].first == next
}

// totalBefore is how many objects the shard had with the one that ends at an ordinal.
func (m *mender) totalBefore(ctx context.Context, s *shard, last int64) (int64, error) {
	at, _ := s.covering(last)
	if at+1 >= len(s.objects) || s.objects[at+1].ordinal > s.Ledger.Ordinal {
		return s.Ledger.Objects, nil
	}
	o, err := m.described(ctx, s.objects[at+1].key)
	if err != nil {
		return 0, err
	}
	return o.TotalObjects - 1, nil
}

// differs gives a reason why what the stream has is not what had landed.
func (m *mender) differs(ctx context.Context, s *shard, f Finding, o rawzone.Object, batch record.Batch, records []record.Record) (string, error) {
	if f.Object != "" && f.Object != o.Key {
		return "the stream's records would make another object of it", nil
	}
	at, all := 0, s.Rejected
	if f.Object == "" && len(batch.Rejected) > 0 { // no object names its quarantine object now, so that nobody counts it
		lying, err := m.orphans(ctx, o)
		if err != nil {
			return "", err
		}
		all = append(all[:len(all):len(all)], lying...)
	}
	for _, r := range all {
		if r.Ordinal < f.First || r.Ordinal > f.Last || r.Withheld {
			continue
		}
		if at >= len(batch.Rejected) || batch.Rejected[at].Ordinal != r.Ordinal || r.Key != o.Quarantine {
			return "with today's schema other records of it would be quarantined", nil
		}
		at++
	}
	if at != len(batch.Rejected) {
		return "with today's schema other records of it would be quarantined", nil
	}
	return m.confirmed(ctx, s, f, records)
}

// orphans are the records in the quarantine object of an object that is gone.
func (m *mender) orphans(ctx context.Context, o rawzone.Object) (out []Rejected, err error) {
	m.cost.Reads++
	text, err := m.c.Lake.Read(ctx, o.Quarantine)
	if err != nil {
		if reason, own := why(err); own {
			return nil, fmt.Errorf("its quarantine object %s: %s", o.Quarantine, reason)
		}
		return nil, err
	}
	rejected, err := rawzone.DecodeQuarantine(text)
	for _, r := range rejected {
		out = append(out, Rejected{Position: r.Position, Ordinal: r.Ordinal, Key: o.Quarantine})
	}
	return out, err
}

// confirmed asks the tables whether the records have these ordinals: only they know what the lost object numbered.
func (m *mender) confirmed(ctx context.Context, s *shard, f Finding, records []record.Record) (string, error) {
	seen := 0
	for _, place := range tables() {
		rows, err := m.rows(ctx, place, s.id, f.First, min(f.Last, f.First+leaf-1))
		if err != nil {
			return "", err
		}
		for _, r := range rows {
			if records[r.ordinal-f.First].Position != r.position(s.id) {
				return fmt.Sprintf("%s has another record under ordinal %d than the stream", m.table(place), r.ordinal), nil
			}
			seen++
		}
	}
	if seen == 0 && len(s.without(f.First, f.Last)) < len(records) {
		return "no table has a row of it that would confirm its ordinals", nil
	}
	return "", nil
}
