package audit

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/unpack"
)

// stream compares what the stream still has of a shard with the streaming table and quarantine: every record up to the
// ledger's last one must have an ordinal, in the order of the stream, and a row or a payload with its values. What lies
// behind the ledger waits. It reads all that the stream retains behind a seal, 10,000 records at most at once, and asks the table two
// queries for each 4,096 of them, one of which carries the records.
func (a *Auditor) stream(ctx context.Context, s *shard) ([]Finding, error) {
	if a.c.Reader == nil {
		return nil, nil
	}
	u, err := a.unpacker(s)
	if err != nil {
		return nil, err
	}
	before := a.cost.Records
	w := a.walk(s)
	if err := w.decode(); err != nil {
		return nil, err
	}
	after := ""
	if s.seal != nil {
		after = s.seal.Sequence
	}
	err = a.c.Reader.Read(ctx, s.id, after, func(records []record.Record) error {
		if a.cost.Records == before {
			w.found = a.trimmed(s, records[0])
		}
		a.cost.Records += int64(len(records))
		var landed []record.Record
		for _, r := range records {
			if record.CompareSequence(r.Sequence, s.Ledger.Sequence) > 0 {
				s.tally.Accepted++
				continue
			}
			if landed = u.Append(landed, r); !s.Ledger.Passed(r.Sequence) { // the rest of it waits
				landed = slices.DeleteFunc(landed, func(r record.Record) bool { return r.Compare(s.Ledger.Last()) > 0 })
				s.tally.Accepted++
			}
		}
		for len(landed) > 0 {
			n := min(len(landed), leaf)
			if err := w.step(ctx, landed[:n]); err != nil {
				return err
			}
			landed = landed[n:]
		}
		return nil
	})
	return w.found, err
}

// unpacker takes a shard's records apart as they were when they landed.
func (a *Auditor) unpacker(s *shard) (*unpack.Unpacker, error) {
	u, err := unpack.New(a.c.Schema)
	if err != nil {
		return nil, err
	}
	packed := map[record.Position]bool{}
	for _, r := range s.Rejected {
		if r.Packed {
			packed[r.Position] = true
		}
	}
	u.Leave(func(p record.Position) bool { return packed[p] })
	return u, nil
}

// walk goes through a shard's records in order.
type walk struct {
	auditor *Auditor
	shard   *shard
	// rejected are the ordinals of the records that went to quarantine.
	rejected    map[record.Position]int64
	quarantined map[record.Position]Rejected
	// decoder makes rows of the stream's records, with these columns.
	decoder *record.Decoder
	columns string
	// next is the ordinal that the next record must have; 0 where that is not known.
	next  int64
	found []Finding
	// live and recovered are the shard's objects; positions ascend in live only.
	live, recovered []object
	// read are the objects whose rows were added for the present step; unknown says that one of them could not be read, so
	// that a record which was not found may lie in it.
	read    map[string]bool
	unknown bool
}

func (a *Auditor) walk(s *shard) *walk {
	w := &walk{auditor: a, shard: s, rejected: map[record.Position]int64{}, quarantined: map[record.Position]Rejected{}}
	for _, r := range s.Rejected {
		w.rejected[r.Position], w.quarantined[r.Position] = r.Ordinal, r
	}
	for _, o := range s.objects {
		if o.recovered {
			w.recovered = append(w.recovered, o)
		} else {
			w.live = append(w.live, o)
		}
	}
	return w
}

// decode prepares the comparison of values.
func (w *walk) decode() error {
	w.decoder = record.NewDecoder(w.auditor.c.Schema).OfStream(w.auditor.c.Stream)
	header, err := record.NewCSVReader(w.decoder.Header())
	if err == nil {
		w.columns = columnsOf(header.Header())
	}
	return err
}

// held maps positions to the ordinals under which quarantine or an object of rows has them.
func (a *Auditor) held(ctx context.Context, s *shard, positions []record.Position) (map[record.Position]int64, error) {
	w := a.walk(s)
	w.read = map[string]bool{}
	known := maps.Clone(w.rejected)
	for _, p := range positions {
		if _, ok := known[p]; ok {
			continue
		}
		if err := w.landed(ctx, p, known); err != nil {
			return nil, err
		}
	}
	return known, nil
}

// step checks the next records.
func (w *walk) step(ctx context.Context, records []record.Record) error {
	w.payloads(records)
	if w.next == 0 {
		ordinal, err := w.find(ctx, records[0].Position)
		if err != nil {
			return err
		}
		w.next = ordinal
	}
	if w.next > 0 {
		same, print, err := w.same(ctx, records)
		if err != nil {
			return err
		}
		if same {
			first := w.next
			w.next += int64(len(records))
			return w.values(ctx, records, first, print)
		}
	}
	return w.search(ctx, records)
}

// find looks a record's ordinal up, 0 if it has none.
func (w *walk) find(ctx context.Context, p record.Position) (ordinal int64, err error) {
	if ordinal, ok := w.rejected[p]; ok {
		return ordinal, nil
	}
	a := w.auditor
	err = a.query(ctx, func(scan func(...any) error) error { return scan(&ordinal) },
		`SELECT COALESCE(MIN("_ORDINAL"), 0) FROM `+a.from(Streaming)+` WHERE "_SHARD" = ? AND "_SEQUENCE" = ? AND "_SUBSEQUENCE" = ?`,
		w.shard.id, p.Sequence, p.Subsequence)
	if err != nil {
		return 0, fmt.Errorf("look for a record of %s in %s: %w", w.shard.id, a.table(Streaming), err)
	}
	return ordinal, nil
}

// same reports whether the records have the next ordinals, by the sum of their identities, and what the total of their
// rows' fingerprints is.
func (w *walk) same(ctx context.Context, records []record.Record) (same bool, print string, err error) {
	sum, rows := new(big.Int), int64(0)
	for i, r := range records {
		ordinal := w.next + int64(i)
		if w.shard.isAbsent(ordinal) {
			if w.rejected[r.Position] != ordinal {
				return false, "", nil
			}
			continue
		}
		sum.Add(sum, identityOf(r.Position, ordinal))
		rows++
	}
	var gotRows int64
	var got string
	a := w.auditor
	err = a.query(ctx, func(scan func(...any) error) error { return scan(&gotRows, &got, &print) },
		`SELECT COUNT(*), `+total(identity("t"))+`, `+total(Fingerprint(a.c.Schema, "t"))+` FROM `+a.from(Streaming)+` AS t WHERE t."_SHARD" = ? AND t."_ORDINAL" BETWEEN ? AND ?`,
		w.shard.id, w.next, w.next+int64(len(records))-1)
	if err != nil {
		return false, "", fmt.Errorf("compare %s with the stream: %w", a.table(Streaming), err)
	}
	return gotRows == rows && got == sum.String(), print, nil
}

// identityOf is one row's part of the total of identity.
func identityOf(p record.Position, ordinal int64) *big.Int {
	md5 := md5.Sum([]byte(p.Sequence + "/" + strconv.FormatInt(p.Subsequence, 10) + "/" + strconv.FormatInt(ordinal, 10)))
	n, _ := strconv.Atoi(digits)
	text := strings.Map(func(r rune) rune {
		if r >= 'a' {
			return r - 'a' + '0'
		}
		return r
	}, hex.EncodeToString(md5[:])[:n])
	out, _ := new(big.Int).SetString(text, 10)
	return out
}

const skipped = "the stream has it before the ledger's last record, but it never landed"

// search looks each record up by its sequence number, and goes on behind the last one that it finds.
func (w *walk) search(ctx context.Context, records []record.Record) error {
	known, err := w.known(ctx, records)
	if err != nil {
		return err
	}
	continues := false
	for _, r := range records {
		ordinal, ok := known[r.Position]
		if w.next = 0; ok {
			w.next, continues = ordinal+1, false
			continue
		}
		if w.unknown || w.shard.isHidden(r.Position) {
			continue
		}
		if continues { // the record in front of it is missing as well
			f := &w.found[len(w.found)-1]
			f.LastSequence, f.Count = r.Sequence, f.Count+1
			continue
		}
		continues = true
		w.found = append(w.found, Finding{
			Kind: Missing, Place: RawZone, Shard: w.shard.id, Count: 1, FirstSequence: r.Sequence, LastSequence: r.Sequence, Note: skipped,
		})
	}
	return nil
}

// known maps the records' positions to their ordinals: from quarantine, from either table, and where neither has one
// from the raw zone.
func (w *walk) known(ctx context.Context, records []record.Record) (map[record.Position]int64, error) {
	out := maps.Clone(w.rejected)
	var sequences []string
	for _, r := range records {
		sequences = append(sequences, r.Sequence)
	}
	bind, err := json.Marshal(slices.Compact(sequences))
	if err != nil {
		return nil, err
	}
	a := w.auditor
	for _, place := range tables() {
		err := a.query(ctx, func(scan func(...any) error) error {
			var r row
			err := scan(&r.ordinal, &r.sequence, &r.subsequence)
			out[r.position(w.shard.id)] = r.ordinal
			return err
		}, `SELECT "_ORDINAL", "_SEQUENCE", "_SUBSEQUENCE" FROM `+a.from(place)+` WHERE "_SHARD" = ? AND "_ORDINAL" BETWEEN ? AND ?
AND "_SEQUENCE" IN (SELECT f.value::STRING FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?))) AS f)`, w.shard.id, w.shard.from(), w.shard.Ledger.Ordinal, string(bind))
		if err != nil {
			return nil, fmt.Errorf("look for records of the stream in %s: %w", a.table(place), err)
		}
	}
	w.read, w.unknown = map[string]bool{}, false
	for _, r := range records {
		if _, ok := out[r.Position]; ok {
			continue
		}
		if err := w.landed(ctx, r.Position, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// landed adds the rows of the objects that may hold a position.
func (w *walk) landed(ctx context.Context, p record.Position, known map[record.Position]int64) error {
	at, found := slices.BinarySearchFunc(w.live, p, func(o object, p record.Position) int { return o.first.Compare(p) })
	if !found {
		at--
	}
	if at >= 0 {
		if err := w.take(ctx, w.live[at].key, known); err != nil {
			return err
		}
	}
	for _, o := range w.recovered {
		if o.first.Compare(p) <= 0 {
			if err := w.take(ctx, o.key, known); err != nil {
				return err
			}
		}
	}
	return nil
}

// take adds the rows of an object, once.
func (w *walk) take(ctx context.Context, key string, known map[record.Position]int64) error {
	if w.read[key] {
		return nil
	}
	w.read[key] = true
	rows, err := w.auditor.read(ctx, key, nil)
	if err != nil {
		w.unknown = true
		if !unreadable(err) {
			return w.auditor.tolerate(ctx, w.shard, key, err)
		}
	}
	for _, r := range rows {
		known[r.Position] = r.ordinal
	}
	return nil
}
