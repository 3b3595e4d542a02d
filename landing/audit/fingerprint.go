package audit

import (
	"slices"
	"strings"

	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/record"
)

// Fingerprint is the SQL of a row's MD5 over all columns of the schema and its identity within the shard. Each column
// becomes a text without commas, so that the borders between columns can be told: texts and variants, which may be
// long, their own MD5, and NULL a hyphen, which no value is. Snowflake and the local warehouse read it alike, and no value
// leaves the database for it.
func Fingerprint(s record.Schema, table string) string {
	var parts []string
	for _, c := range s.TableColumns() {
		if c.Name == "_SHARD" || c.Name == "_SEQUENCE" {
			continue
		}
		value := table + "." + schema.Quote(c.Name)
		text := schema.Text(c, value)
		switch c.Type {
		case record.String, record.Variant:
			text = "MD5(" + text + ")"
		case record.Float:
			// The text of a float may leave out its last digits, so what it leaves out follows: the difference is exact.
			text += " || '/' || (" + value + " - " + text + "::FLOAT)::VARCHAR"
		}
		parts = append(parts, "COALESCE("+text+", '-')")
	}
	return fold(append(parts, table+`."_SEQUENCE"`))
}

// width is how many texts are joined in one expression. A longer one costs the warehouse's planner more than its length
// tells, so the parts of wide schemas are folded, each to its own MD5.
const width = 32

// fold is the SQL of one MD5 over texts.
func fold(texts []string) string {
	if len(texts) > width {
		var folded []string
		for part := range slices.Chunk(texts, width) {
			folded = append(folded, fold(part))
		}
		return fold(folded)
	}
	return "MD5(" + strings.Join(texts, " || ',' || ") + ")"
}

// identity is the SQL of the MD5 over a row's place alone; see identityOf.
func identity(table string) string {
	return "MD5(" + table + `."_SEQUENCE" || '/' || ` + table + `."_SUBSEQUENCE" || '/' || ` + table + `."_ORDINAL")`
}

// digits of an MD5 go into a total: 18 digits in each of 10^12 rows fit in the 38 that a sum may have.
const digits = "18"

// total is the SQL that adds MD5s up. A sum does not depend on the order of the rows, and other than an exclusive or it
// does not forget a row that is there twice. Hexadecimal letters become digits, which keeps more than 58 of the bits
// and needs no function that only one dialect has.
func total(md5 string) string {
	return "COALESCE(SUM(TRANSLATE(LEFT(" + md5 + ", " + digits + "), 'abcdef', '012345')::NUMBER(" + digits + ",0)), 0)"
}
