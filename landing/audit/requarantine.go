package audit

import (
	"cmp"
	"context"
	"slices"

	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
)

// unquarantined finds the objects of rows whose rejected records lie in no quarantine object any more. The ledger knows how
// many records must lie in quarantine and each object how many there were up to it, so the objects are found by halving,
// with a few requests each.
func (a *Auditor) unquarantined(ctx context.Context, s *shard) (out []Finding, err error) {
	n, _ := slices.BinarySearchFunc(s.objects, s.Ledger.Ordinal+1, func(o object, ordinal int64) int { return cmp.Compare(o.ordinal, ordinal) })
	if s.rejectedUpTo(s.Ledger.Ordinal) >= s.Ledger.Quarantined {
		return nil, nil
	}
	var halve func(low, high int, before, after int64) error
	halve = func(low, high int, before, after int64) error {
		if after <= before || low >= high {
			return nil
		}
		if high-low == 1 {
			f, err := a.without(ctx, s, low)
			if f.Count > 0 {
				out = append(out, f)
			}
			return err
		}
		middle := (low + high) / 2
		lacking := before
		if o, err := a.described(ctx, s.objects[middle-1].key); err == nil {
			lacking = o.TotalQuarantined + s.withheldIn(o) - s.rejectedUpTo(o.LastOrdinal)
		} else if err := a.tolerate(ctx, s, s.objects[middle-1].key, err); err != nil {
			return err
		}
		if err := halve(low, middle, before, lacking); err != nil {
			return err
		}
		return halve(middle, high, lacking, after)
	}
	return out, halve(0, n, 0, s.Ledger.Quarantined-s.rejectedUpTo(s.Ledger.Ordinal))
}

// rejectedUpTo counts the records up to an ordinal that are or were in quarantine.
func (s *shard) rejectedUpTo(ordinal int64) int64 {
	n, _ := slices.BinarySearchFunc(s.Rejected, ordinal+1, func(r Rejected, n int64) int { return cmp.Compare(r.Ordinal, n) })
	if s.seal != nil && ordinal >= s.seal.Ordinal {
		return s.seal.Rejected + int64(n)
	}
	return int64(n)
}

// withheldIn counts the rows of an object that were put aside after it was written: its own totals do not know them.
func (s *shard) withheldIn(o rawzone.Object) (n int64) {
	for _, r := range s.Rejected {
		if r.Withheld && o.FirstOrdinal <= r.Ordinal && r.Ordinal <= o.LastOrdinal {
			n++
		}
	}
	return n
}

const unquarantinedNote = "its quarantine object is gone"

// without is the finding of an object whose quarantine object is not there.
func (a *Auditor) without(ctx context.Context, s *shard, at int) (f Finding, err error) {
	o, err := a.described(ctx, s.objects[at].key)
	if err != nil {
		return f, a.tolerate(ctx, s, s.objects[at].key, err)
	}
	if o.Quarantine == "" {
		return f, nil
	}
	s.hidden = append(s.hidden, [2]record.Position{o.First, o.Last})
	if _, broken := a.broken[o.Quarantine]; broken {
		return f, nil
	}
	return Finding{
		Kind: Missing, Place: Quarantine, Shard: s.id, First: o.FirstOrdinal, Last: o.LastOrdinal, Count: int64(o.Quarantined),
		FirstSequence: o.First.Sequence, LastSequence: o.Last.Sequence, Object: o.Quarantine, Note: unquarantinedNote,
	}, nil
}

// requarantine writes a quarantine object again, from the stream: the records of its object of rows that have no row
// there. Reasons come from today's schema. It returns the reason where that cannot be done.
func (m *mender) requarantine(ctx context.Context, f Finding) (reason string, err error) {
	s := m.shards[f.Shard]
	at, ok := s.covering(f.First)
	if m.c.Reader == nil || !ok {
		return "it can only be written again from the stream, which was left out", nil
	}
	o, err := m.described(ctx, s.objects[at].key)
	if err != nil {
		return "", err
	}
	rows, err := m.read(ctx, o.Key, nil)
	if err != nil {
		return "", err
	}
	records, err := m.between(ctx, s, o)
	if err != nil || records == nil {
		return "the stream does not have its records any more", err
	}
	landed := map[int64]bool{}
	for _, r := range rows {
		landed[r.ordinal] = true
	}
	rejected := m.rejections(records, o, landed)
	if len(rejected) != o.Quarantined {
		return "the stream has other records than its object says", nil
	}
	text, err := rawzone.EncodeQuarantine(m.c.Stream, rejected)
	if err != nil {
		return "", err
	}
	if _, err := m.c.Lake.Metadata(ctx, o.Quarantine); err == nil {
		if err := m.keepObject(ctx, o.Quarantine, string(f.Kind)+" in quarantine"); err != nil {
			return "", err
		}
	}
	if err := m.c.Lake.Quarantine(ctx, o.Quarantine, o.Key, text); err != nil {
		return "", err
	}
	m.done.Quarantined++
	return "", nil
}

// rejections are those of an object's records without a row, with what today's schema says against them.
func (m *mender) rejections(records []record.Record, o rawzone.Object, landed map[int64]bool) (out []record.Rejected) {
	decoder := record.NewDecoder(m.c.Schema)
	for i, r := range records {
		ordinal := o.FirstOrdinal + int64(i)
		if landed[ordinal] {
			continue
		}
		_, reason := decoder.AppendRow(nil, &r, "", ordinal)
		if reason == nil {
			reason = &record.Reason{Code: record.Restored}
		}
		out = append(out, record.Rejected{Record: r, Generation: o.Generation, Ordinal: ordinal, Reason: *reason})
	}
	return out
}

// between reads all records of an object from the stream, nil if it does not have them all.
func (m *mender) between(ctx context.Context, s *shard, o rawzone.Object) (all []record.Record, err error) {
	u, err := m.unpacker(s)
	if err != nil {
		return nil, err
	}
	err = m.c.Reader.Range(ctx, s.id, o.First.Sequence, o.Last.Sequence, func(records []record.Record) error {
		for _, r := range records {
			all = u.Append(all, r)
		}
		return nil
	})
	all = slices.DeleteFunc(all, func(r record.Record) bool { return r.Compare(o.First) < 0 || r.Compare(o.Last) > 0 })
	if err != nil || len(all) == 0 || all[0].Position != o.First || all[len(all)-1].Position != o.Last || int64(len(all)) != o.LastOrdinal-o.FirstOrdinal+1 {
		return nil, err
	}
	return all, nil
}
