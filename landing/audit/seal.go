package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/record/rawzone"
)

// An audit that seals writes down what it has proved: of each chain a run of ordinals from its first one, with the rows, the sum of
// their ordinals and their fingerprints. The next audits list, read and compare only what lies behind that, and ask the tables
// for the same sums of what lies under it: counts and ordinals of all, values of some slices in turn, or of all of them where these are
// few. A table that is off opens the seal: the shard is then audited from its first ordinal, so that the rows are named. What
// an object would have said about them may be gone by then; see docs/exactly-once.md.

// comparedAtOnce is how many ordinals under seals have their values compared in one audit, at least a slice: a scan of so many
// rows takes a small warehouse some minutes.
const comparedAtOnce = 8 * rawzone.SliceWidth

// Sealed says what seals cover.
type Sealed struct {
	// Shards are covered, with so many Records; these are in no listing.
	Shards  int   `json:"shards"`
	Records int64 `json:"records"`
	// Compared rows of each table had their values compared with the seals, all others were counted. Audits take turns.
	Compared int64 `json:"rows_compared"`
	// Oldest is when the oldest of the seals was proved.
	Oldest time.Time `json:"oldest"`
	// Retired shards are closed, and sealed to their ends. They are counted here, and are not among Proof.Shards.
	Retired int   `json:"retired_shards"`
	Closed  Tally `json:"retired"`
	// Opened shards are not what their seals say, or were to be audited from scratch.
	Opened []string `json:"opened,omitempty"`
}

// readSeals begins an audit with what earlier ones have proved.
func (a *Auditor) readSeals(ctx context.Context) (err error) {
	a.began, a.opened, a.off = time.Now().UTC(), map[string]bool{}, map[string][2]bool{}
	if a.seals, a.version, err = a.c.Lake.Seals(ctx, a.c.Stream); err != nil {
		return err
	}
	if a.c.FromScratch {
		for _, seal := range a.seals.Chains {
			a.opened[seal.Shard] = true
		}
	}
	return nil
}

// believed are the seals of shards that are not opened.
func (a *Auditor) believed() rawzone.Seals {
	return a.seals.Without(func(shard string) bool { return a.opened[shard] })
}

const behindSeal = "more is sealed than its ledger says: an older ledger was put back, or it was lost together with objects"

// cover takes the shard's seal, if the shard goes on in the chain that was sealed. A ledger that says less is named, and the
// shard is audited from scratch.
func (a *Auditor) cover(s *shard) {
	seal, found := a.seals.Of(a.chain(s))
	if !found {
		return
	}
	if s.Ledger.Ordinal < seal.Ordinal {
		a.opened[s.id] = true
		a.broken[a.chain(s).LedgerKey()] = Finding{
			Kind: Altered, Place: RawZone, Shard: s.id, First: s.Ledger.Ordinal + 1, Last: seal.Ordinal, Count: seal.Ordinal - s.Ledger.Ordinal,
			Object: a.chain(s).LedgerKey(), Note: behindSeal,
		}
		return
	}
	s.gone, s.goneObjects, s.off = seal.Ordinal, seal.Objects, a.off[s.id]
	if !a.opened[s.id] {
		s.seal = &seal
		s.tally.Quarantined += seal.Absent()
	}
}

// trusts reports whether a seal covers anything.
func (a *Auditor) trusts() bool {
	for _, s := range a.shards {
		if s.seal != nil {
			return true
		}
	}
	return false
}

// listed is the ordinal behind which a chain's objects are listed.
func (a *Auditor) listed(c rawzone.Chain, counted [2]map[group]aggregate) int64 {
	s := a.shards[c.Shard]
	switch {
	case s == nil:
		a.strange[c.Shard] = true
		return math.MaxInt64
	case a.chain(s) != c:
		return math.MaxInt64
	case s.seal == nil:
		return 0
	}
	beyond := group{shard: s.id, outside: true}
	if s.seal.Ordinal == s.Ledger.Ordinal && counted[0][beyond].rows == 0 && counted[1][beyond].rows == 0 {
		return math.MaxInt64
	}
	return s.seal.Ordinal
}

// fewSeals is up to how many seals are written into a query, so that the warehouse can leave out what they cover unread.
const fewSeals = 64

// stretch is a run of ordinals under a seal.
type stretch struct {
	shard       string
	first, last int64
}

// sealed are the runs that are believed, by shard.
func (a *Auditor) sealed() (runs []stretch) {
	for _, id := range slices.Sorted(maps.Keys(a.shards)) {
		if seal := a.shards[id].seal; seal != nil {
			runs = append(runs, stretch{id, seal.First, seal.Ordinal})
		}
	}
	return runs
}

// within is the condition for the rows of runs, TRUE where these are not few.
func within(table string, runs []stretch) string {
	if len(runs) > fewSeals {
		return "TRUE"
	}
	var each []string
	for _, r := range runs {
		each = append(each, fmt.Sprintf(`%s."_SHARD" = %s AND %s."_ORDINAL" BETWEEN %d AND %d`, table, schema.Literal(r.shard), table, r.first, r.last))
	}
	return "(" + strings.Join(each, " OR ") + ")"
}

// unsealed is the condition for the rows that no seal covers; l is what whole joins.
func (a *Auditor) unsealed(table string) string {
	runs := a.sealed()
	switch {
	case len(runs) == 0:
		return "TRUE"
	case len(runs) <= fewSeals:
		return `NOT (` + a.numbered(table) + ` AND ` + within(table, runs) + `)`
	}
	return `NOT (` + a.numbered(table) + ` AND COALESCE(` + table + `."_ORDINAL" BETWEEN l."FIRST" AND l."SEALED", FALSE))`
}

// asked is the SQL that joins a table with runs, which are bound: their numbers are "N".
func (a *Auditor) asked(place Place, runs []stretch) (join, bind string, err error) {
	rows := make([][4]any, len(runs))
	for i, r := range runs {
		rows[i] = [4]any{i, r.first, r.last, r.shard}
	}
	text, err := json.Marshal(rows)
	return ` FROM ` + a.table(place) + ` AS t JOIN (
  SELECT f.value[0]::NUMBER(38,0) AS "N", f.value[1]::NUMBER(38,0) AS "FIRST", f.value[2]::NUMBER(38,0) AS "LAST", f.value[3]::STRING AS "SHARD"
  FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?))) AS f
) AS l ON t."_SHARD" = l."SHARD" WHERE t."_ORDINAL" BETWEEN l."FIRST" AND l."LAST" AND ` + within("t", runs) + ` AND ` + a.numbered("t") + ` GROUP BY 1`, string(text), err
}

// compareSeals asks the tables for what is sealed. Shards that are off are opened.
func (a *Auditor) compareSeals(ctx context.Context) error {
	a.covered = Sealed{}
	runs := a.sealed()
	if len(runs) == 0 {
		return nil
	}
	for _, r := range runs {
		at := a.shards[r.shard].seal.At
		a.covered.Shards, a.covered.Records = a.covered.Shards+1, a.covered.Records+r.last-r.first+1
		if a.covered.Oldest.IsZero() || at.Before(a.covered.Oldest) {
			a.covered.Oldest = at
		}
	}
	chosen := a.choose()
	for i := range tables() {
		if err := a.sums(ctx, i, runs); err != nil {
			return err
		}
		if err := a.values(ctx, i, chosen); err != nil {
			return err
		}
	}
	return nil
}

// doubt ends the belief in a shard's seal, because of a table.
func (a *Auditor) doubt(id string, table int) {
	off := a.off[id]
	off[table] = true
	a.off[id], a.opened[id] = off, true
}

// sums compares the rows and ordinals that a table has under the seals.
func (a *Auditor) sums(ctx context.Context, table int, runs []stretch) error {
	type sum struct {
		rows     int64
		ordinals string
	}
	place := tables()[table]
	join, bind, err := a.asked(place, runs)
	if err != nil {
		return err
	}
	got := slices.Repeat([]sum{{0, "0"}}, len(runs))
	err = a.query(ctx, func(scan func(...any) error) error {
		var n int64
		var s sum
		if err := scan(&n, &s.rows, &s.ordinals); err != nil {
			return err
		}
		got[n] = s
		return nil
	}, `SELECT l."N", COUNT(*), SUM(t."_ORDINAL")`+join, bind)
	if err != nil {
		return fmt.Errorf("count the sealed rows of %s: %w", a.table(place), err)
	}
	for i, r := range runs {
		if seal := a.shards[r.shard].seal; got[i] != (sum{seal.Rows, seal.Sum}) {
			a.doubt(r.shard, table)
		}
	}
	return nil
}

// sealedSlice is a slice of a seal, and where it lies.
type sealedSlice struct {
	stretch
	rawzone.Slice
}

// slicesOf are the slices of a seal.
func slicesOf(seal rawzone.Seal) (out []sealedSlice) {
	for n, s := range seal.Slices {
		first := seal.First + int64(n)*rawzone.SliceWidth
		out = append(out, sealedSlice{stretch{seal.Shard, first, min(first+rawzone.SliceWidth-1, seal.Ordinal)}, s})
	}
	return out
}

// choose takes the slices whose values are compared: all where they are few, and otherwise those behind a random one.
func (a *Auditor) choose() (chosen []sealedSlice) {
	var all []sealedSlice
	total, rows := int64(0), int64(0)
	for _, r := range a.sealed() {
		all = append(all, slicesOf(*a.shards[r.shard].seal)...)
	}
	for _, s := range all {
		total += s.Rows
	}
	if chosen = all; total > comparedAtOnce && !a.c.Deep {
		from := rand.IntN(len(all))
		chosen = slices.Concat(all[from:], all[:from])
	}
	for i, s := range chosen {
		if rows += s.Rows; rows > comparedAtOnce && i > 0 && !a.c.Deep {
			chosen, rows = chosen[:i], rows-s.Rows
			break
		}
	}
	a.covered.Compared = rows
	return chosen
}

// values compares the fingerprints that a table has in slices.
func (a *Auditor) values(ctx context.Context, table int, chosen []sealedSlice) error {
	got, err := a.prove(ctx, tables()[table], chosen)
	for i, s := range chosen {
		if err == nil && got[i] != s.Slice {
			a.doubt(s.shard, table)
		}
	}
	return err
}

// prove is what a table has in slices.
func (a *Auditor) prove(ctx context.Context, place Place, chosen []sealedSlice) ([]rawzone.Slice, error) {
	runs := make([]stretch, len(chosen))
	for i, s := range chosen {
		runs[i] = s.stretch
	}
	join, bind, err := a.asked(place, runs)
	if err != nil {
		return nil, err
	}
	got := slices.Repeat([]rawzone.Slice{{Print: "0"}}, len(chosen))
	err = a.query(ctx, func(scan func(...any) error) error {
		var n int64
		var s rawzone.Slice
		if err := scan(&n, &s.Rows, &s.Print); err != nil {
			return err
		}
		got[n] = s
		return nil
	}, `SELECT l."N", COUNT(*), `+total(Fingerprint(a.c.Schema, "t"))+join, bind)
	if err != nil {
		return nil, fmt.Errorf("compare the sealed values of %s: %w", a.table(place), err)
	}
	return got, nil
}

// sealSays reports whether a table is right about an ordinal whose object is gone: the other one is not what was sealed.
func (s *shard) sealSays(ordinal int64, table int) bool {
	return ordinal <= s.gone && !s.off[table] && s.off[1-table]
}

const alikeSealed = "both tables have other values than those that were sealed: at least one row of these"

// alike names what both tables have alike and the seal has not. The objects say which rows these are, as far as they are there.
// Records that were replayed from quarantine since have changed the rows rightly, and are no fault.
func (a *Auditor) alike(ctx context.Context, s *shard, all []Finding) ([]Finding, error) {
	seal, found := a.seals.Of(a.chain(s))
	if !found || !s.off[0] || !s.off[1] || slices.ContainsFunc(all, func(f Finding) bool { return f.Kind != Pending && f.First <= s.gone }) {
		return all, nil
	}
	parts := slicesOf(seal)
	now, err := a.prove(ctx, Streaming, parts)
	if err != nil {
		return nil, err
	}
	for i, p := range parts {
		want, _ := s.want(p.first, p.last)
		if now[i] == p.Slice || now[i].Rows == want && want != p.Rows {
			continue
		}
		look := &inspection{Auditor: a, shard: s}
		for at, o := range s.objects {
			if p.first <= o.ordinal && o.ordinal <= p.last {
				if err := look.add(ctx, at, false); err != nil {
					return nil, err
				}
			}
		}
		if err := look.flush(ctx); err != nil {
			return nil, err
		}
		if len(look.found) == 0 {
			for _, place := range tables() {
				look.found = append(look.found, Finding{Kind: Altered, Place: place, Shard: s.id, First: p.first, Last: p.last, Count: 1, Note: alikeSealed})
			}
		}
		all = append(all, look.found...)
	}
	return all, nil
}

// tell adds the shards to a proof. Retired ones in which nothing is wrong are only counted.
func (a *Auditor) tell(p *Proof) {
	for _, id := range slices.Sorted(maps.Keys(a.shards)) {
		s := a.shards[id]
		t := *s.tally
		if s.seal == nil || !s.seal.Retired || s.Ledger.Ordinal > s.seal.Ordinal || t.Missing+t.Doubled+t.Altered+t.Foreign+t.Pending > 0 {
			p.Shards = append(p.Shards, t)
			continue
		}
		a.covered.Retired++
		a.covered.Closed.add(t)
	}
	if a.covered.Opened = slices.Sorted(maps.Keys(a.opened)); len(a.seals.Chains) > 0 {
		p.Sealed = &a.covered
	}
}
