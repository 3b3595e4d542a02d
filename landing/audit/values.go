package audit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/record"
)

const (
	alteredNote  = "both tables have the same other values than the stream and the raw zone"
	alikeNote    = "both tables and the object have the same other values than the stream: all of them were changed, or the schema was since they landed"
	replacedNote = "its payload is not the one that the stream has"
)

// Digest is what the audit knows of a payload in quarantine.
func Digest(payload []byte) string {
	sum := sha256.Sum256(payload)
	return hex.EncodeToString(sum[:])
}

// payloads compares the records of a step that lie in quarantine with what the stream has.
func (w *walk) payloads(records []record.Record) {
	for i := range records {
		at, found := w.quarantined[records[i].Position]
		if !found || at.Digest == "" || at.Digest == Digest(records[i].Data) {
			continue
		}
		w.found = append(w.found, Finding{
			Kind: Altered, Place: Quarantine, Shard: w.shard.id, First: at.Ordinal, Last: at.Ordinal, Count: 1, Object: at.Key,
			FirstSequence: at.Sequence, LastSequence: at.Sequence, Note: replacedNote,
		})
	}
}

// values compares the rows of a step, whose identities are right, with what the stream's records become today: one query
// that takes the records and gives one number. Only where it is another one than the table's, rows are looked at.
func (w *walk) values(ctx context.Context, records []record.Record, first int64, print string) error {
	a := w.auditor
	batch := w.decoder.Cut(records, w.shard.Ledger.Generation, first)
	rows, err := parseRows(batch.CSV, a.c.Schema.TableColumns(), nil)
	if err != nil {
		return err
	}
	rows = slices.DeleteFunc(rows, func(r rawRow) bool { return w.shard.isAbsent(r.ordinal) })
	if len(rows) == 0 {
		return nil
	}
	sum, err := a.printOf(ctx, rows)
	if err != nil || sum == print {
		return err
	}
	return w.differing(ctx, rows, first, first+int64(len(records))-1)
}

// printOf is the total of the fingerprints that rows would have in a table.
func (a *Auditor) printOf(ctx context.Context, rows []rawRow) (string, error) {
	sum := new(big.Int)
	for batch := range inBinds(rows) {
		var part string
		err := a.query(ctx, func(scan func(...any) error) error { return scan(&part) },
			"SELECT "+total(Fingerprint(a.c.Schema, "t"))+" FROM (\n"+schema.Rows(a.c.Schema)+"\n) AS t", bindOf(batch))
		if err != nil {
			return "", fmt.Errorf("compute the fingerprints of %d records of the stream: %w", len(batch), err)
		}
		if n, ok := new(big.Int).SetString(part, 10); ok {
			sum.Add(sum, n)
		}
	}
	return sum.String(), nil
}

// differing names the rows on which both tables agree and the stream does not. The raw zone says whether the tables were
// changed, or all of it. Where an object's columns are not today's, the stream's records have become something else with the
// schema, and nothing is said.
func (w *walk) differing(ctx context.Context, rows []rawRow, first, last int64) error {
	a := w.auditor
	want, err := a.prints(ctx, rows)
	if err != nil {
		return err
	}
	i := &inspection{Auditor: a, shard: w.shard}
	agreed, err := i.agreed(ctx, first, last)
	if err != nil {
		return err
	}
	var ordinals []int64
	for n, r := range want {
		if there, ok := agreed[n]; ok && there != r && there.sequence == r.sequence && there.subsequence == r.subsequence {
			ordinals = append(ordinals, n)
		}
	}
	if len(ordinals) == 0 {
		return nil
	}
	slices.Sort(ordinals)
	raw, err := a.raw(ctx, w.shard, ordinals)
	if err != nil {
		return err
	}
	var list []rawRow
	for _, n := range ordinals {
		if r, ok := raw[n]; ok {
			list = append(list, r)
		}
	}
	lying, err := a.prints(ctx, list)
	if err != nil {
		return err
	}
	var tables, alike []mark
	for _, n := range ordinals {
		lies, ok := lying[n]
		m := mark{kind: Altered, ordinal: n, count: 1, sequence: agreed[n].sequence}
		switch {
		case ok && lies == want[n]:
			for _, m.place = range []Place{Streaming, Microbatch} {
				tables = append(tables, m)
			}
		case ok && lies == agreed[n] && raw[n].columns == w.columns:
			m.place = RawZone
			alike = append(alike, m)
		}
	}
	w.noted(tables, alteredNote)
	w.noted(alike, alikeNote)
	return nil
}

// noted adds findings, with the object where the raw zone is concerned.
func (w *walk) noted(marks []mark, note string) {
	for _, f := range join(w.shard.id, marks, w.shard.isAbsent) {
		if f.Note = note; f.Place == RawZone {
			if at, ok := w.shard.covering(f.First); ok {
				f.Object = w.shard.objects[at].key
			}
		}
		w.found = append(w.found, f)
	}
}

// columnsOf is the header of a CSV as one text, without the generation, which older objects do not have.
func columnsOf(header []string) string {
	return strings.Join(slices.DeleteFunc(slices.Clone(header), func(name string) bool { return name == "_GENERATION" }), ",")
}
