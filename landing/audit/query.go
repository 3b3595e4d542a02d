package audit

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/snowstream/snowstream/landing/schema"
)

// columns of an aggregate, in the order in which scanAggregate reads them.
func (a *Auditor) aggregates(table string) string {
	return `COUNT(*), COUNT(DISTINCT ` + table + `."_ORDINAL"), COUNT(DISTINCT ` + table + `."_SEQUENCE" || '/' || ` + table + `."_SUBSEQUENCE"), MIN(` +
		table + `."_ORDINAL"), MAX(` + table + `."_ORDINAL"), SUM(` + table + `."_ORDINAL"), ` + total(Fingerprint(a.c.Schema, table))
}

func (g *aggregate) into() []any {
	return []any{&g.rows, &g.ordinals, &g.identities, &g.lowest, &g.highest, &g.sum, &g.print}
}

// group is the part of a table that belongs to a shard: the run that its ledger covers, or what lies outside of it.
type group struct {
	shard   string
	outside bool
}

// maxGroups bounds how many shards one audit looks at; those with a ledger come first.
const maxGroups = 20000

// whole aggregates a table by shard, each split by what the ledgers cover; earlier counts the rows of other generations than
// the ledgers', by generation. It is the one query that reads all rows that no seal covers.
func (a *Auditor) whole(ctx context.Context, place Place, shards map[string]*shard) (out map[group]aggregate, earlier map[string]int64, err error) {
	ledgers := make([][4]any, 0, len(shards))
	for id, s := range shards {
		ledgers = append(ledgers, [4]any{id, s.first(), s.Ledger.Ordinal, s.from() - 1})
	}
	bind, err := json.Marshal(ledgers)
	if err != nil {
		return nil, nil, err
	}
	where := a.unsealed("t")
	if place == Streaming {
		where += ` AND NOT STARTSWITH(t."_SHARD", 'request-')` // rows of Upsert's plain form: they are no part of the stream
	}
	out, earlier = map[group]aggregate{}, map[string]int64{}
	err = a.query(ctx, func(scan func(...any) error) error {
		var g group
		var sum aggregate
		var other sql.NullString
		err := scan(append([]any{&g.shard, &g.outside, &other}, sum.into()...)...)
		if other.Valid {
			earlier[other.String] += sum.rows
		} else {
			out[g] = sum
		}
		return err
	}, fmt.Sprintf(`SELECT t."_SHARD", CASE WHEN t."_ORDINAL" BETWEEN l."FIRST" AND l."LANDED" THEN FALSE ELSE TRUE END,
  CASE WHEN %s THEN NULL ELSE COALESCE(t."_GENERATION", '') END, %s
FROM %s AS t LEFT JOIN (
  SELECT f.value[0]::STRING AS "LEDGER", f.value[1]::NUMBER(38,0) AS "FIRST", f.value[2]::NUMBER(38,0) AS "LANDED",
    f.value[3]::NUMBER(38,0) AS "SEALED" FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?))) AS f
) AS l ON t."_SHARD" = l."LEDGER" WHERE %s GROUP BY 1, 2, 3 ORDER BY 2, 1 LIMIT %d`, a.numbered("t"), a.aggregates("t"), a.table(place), where, maxGroups), string(bind))
	if err != nil {
		return nil, nil, fmt.Errorf("count the rows of %s: %w", a.table(place), err)
	}
	return out, earlier, nil
}

// buckets aggregates a run of ordinals by pieces of the same width; the map is by each piece's first ordinal.
func (a *Auditor) buckets(ctx context.Context, place Place, id string, first, last, width int64) (map[int64]aggregate, error) {
	out := map[int64]aggregate{}
	err := a.query(ctx, func(scan func(...any) error) error {
		var from int64
		var sum aggregate
		err := scan(append([]any{&from}, sum.into()...)...)
		out[from] = sum
		return err
	}, fmt.Sprintf(`SELECT t."_ORDINAL" - MOD(t."_ORDINAL" - %d, %d), %s FROM %s AS t
WHERE t."_SHARD" = ? AND t."_ORDINAL" BETWEEN ? AND ? GROUP BY 1`, first, width, a.aggregates("t"), a.from(place)), id, first, last)
	if err != nil {
		return nil, fmt.Errorf("count the rows of %s from ordinal %d to %d: %w", a.table(place), first, last, err)
	}
	return out, nil
}

// maxRows bounds what one query may fetch; a run that doubled rows make longer is cut further before it is fetched.
const maxRows = 4 * leaf

// rows fetches identities and fingerprints of a run of ordinals, in their order.
func (a *Auditor) rows(ctx context.Context, place Place, id string, first, last int64) (out []row, err error) {
	err = a.query(ctx, func(scan func(...any) error) error {
		var r row
		err := scan(&r.ordinal, &r.sequence, &r.subsequence, &r.print)
		out = append(out, r)
		return err
	}, fmt.Sprintf(`SELECT t."_ORDINAL", t."_SEQUENCE", t."_SUBSEQUENCE", %s FROM %s AS t
WHERE t."_SHARD" = ? AND t."_ORDINAL" BETWEEN ? AND ? ORDER BY 1, 2, 3, 4 LIMIT %d`,
		Fingerprint(a.c.Schema, "t"), a.from(place), maxRows), id, first, last)
	if err != nil {
		return nil, fmt.Errorf("read the rows of %s from ordinal %d to %d: %w", a.table(place), first, last, err)
	}
	return out, nil
}

const repeatedNote = "one record under several ordinals: the raw zone has it so"

// repeated finds records that stand under more than one ordinal.
func (a *Auditor) repeated(ctx context.Context, place Place, s *shard) (out []Finding, err error) {
	err = a.query(ctx, func(scan func(...any) error) error {
		f := Finding{Kind: Doubled, Place: place, Shard: s.id, Note: repeatedNote}
		err := scan(&f.FirstSequence, &f.First, &f.Last, &f.Count)
		f.LastSequence = f.FirstSequence
		out = append(out, f)
		return err
	}, `SELECT "_SEQUENCE", MIN("_ORDINAL"), MAX("_ORDINAL"), COUNT(DISTINCT "_ORDINAL") - 1 FROM `+a.from(place)+`
WHERE "_SHARD" = ? AND "_ORDINAL" BETWEEN ? AND ? GROUP BY "_SEQUENCE", "_SUBSEQUENCE" HAVING COUNT(DISTINCT "_ORDINAL") > 1 ORDER BY 2 LIMIT 100`,
		s.id, s.from(), s.Ledger.Ordinal)
	if err != nil {
		return nil, fmt.Errorf("look for repeated records in %s: %w", a.table(place), err)
	}
	return out, nil
}

// maxBind bounds the text of one bind.
const maxBind = 4 << 20

// prints asks for the fingerprints that rows of the raw zone would have in a table.
func (a *Auditor) prints(ctx context.Context, rows []rawRow) (map[int64]row, error) {
	out := make(map[int64]row, len(rows))
	for batch := range inBinds(rows) {
		some, err := a.printed(ctx, schema.Rows(a.c.Schema), batch)
		for _, r := range some {
			out[r.ordinal] = r
		}
		if err != nil {
			return nil, fmt.Errorf("compute the fingerprints of %d rows of the raw zone: %w", len(batch), err)
		}
	}
	return out, nil
}

// printed asks for the fingerprints of bound rows, as a query of landing/schema takes them.
func (a *Auditor) printed(ctx context.Context, source string, rows []rawRow) (out []row, err error) {
	err = a.query(ctx, func(scan func(...any) error) error {
		var r row
		err := scan(&r.ordinal, &r.sequence, &r.subsequence, &r.print)
		out = append(out, r)
		return err
	}, fmt.Sprintf(`SELECT t."_ORDINAL", t."_SEQUENCE", t."_SUBSEQUENCE", %s FROM (
%s
) AS t`, Fingerprint(a.c.Schema, "t"), source), bindOf(rows))
	return out, err
}

// inBinds cuts rows into pieces that fit into one bind.
func inBinds(rows []rawRow) func(yield func([]rawRow) bool) {
	return func(yield func([]rawRow) bool) {
		for len(rows) > 0 {
			n, size := 0, 0
			for n < len(rows) && n < leaf && (n == 0 || size+rows[n].size <= maxBind) {
				size += rows[n].size
				n++
			}
			if !yield(rows[:n:n]) {
				return
			}
			rows = rows[n:]
		}
	}
}

// bindOf is rows as schema.Rows takes them.
func bindOf(rows []rawRow) string {
	text := []byte{'['}
	for i, r := range rows {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(text, r.cells...)
	}
	return string(append(text, ']'))
}

func (a *Auditor) table(place Place) string {
	if place == Streaming {
		return a.c.Names.In(a.c.Names.Streaming)
	}
	return a.c.Names.In(a.c.Names.Microbatch)
}

// query counts what an audit costs.
func (a *Auditor) query(ctx context.Context, each func(scan func(...any) error) error, text string, args ...any) error {
	a.cost.Queries++
	return a.c.Session.Query(ctx, func(scan func(...any) error) error {
		a.cost.Rows++
		return each(scan)
	}, text, args...)
}

// tables are both.
func tables() []Place { return []Place{Streaming, Microbatch} }
