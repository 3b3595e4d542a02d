package audit

import (
	"strings"

	"github.com/snowstream/snowstream/landing/schema"
	"github.com/snowstream/snowstream/record"
)

// fingerprint is the SQL of a row's MD5 over all columns of the schema and its identity within the shard. Each column
// becomes a text without commas, so that the borders between columns can be told: texts and variants, which may be
// long, their own MD5, and NULL a hyphen, which no value is. Timestamps become numbers, because the text of a cast
// depends on the session. Snowflake and the local warehouse read it alike, and no value leaves the database for it.
func fingerprint(s record.Schema, table string) string {
	var parts []string
	for _, c := range s.TableColumns() {
		name := table + "." + schema.Quote(c.Name)
		switch {
		case c.Name == "_SHARD" || c.Name == "_SEQUENCE":
			continue
		case c.Type == record.String:
			parts = append(parts, "COALESCE(MD5("+name+"), '-')")
		case c.Type == record.Variant:
			parts = append(parts, "COALESCE(MD5(TO_JSON("+name+")), '-')")
		case c.Type == record.Timestamp:
			parts = append(parts, "COALESCE(DATE_PART(epoch_second, "+name+") || '.' || DATE_PART(nanosecond, "+name+"), '-')")
		case c.Type == record.Date:
			parts = append(parts, "COALESCE(TO_VARCHAR("+name+", 'YYYY-MM-DD'), '-')")
		case c.Type == record.Time:
			parts = append(parts, "COALESCE(TO_VARCHAR("+name+", 'HH24:MI:SS.FF6'), '-')")
		case c.Type == record.Float:
			// The text of a float may leave out its last digits, so what it leaves out follows: the difference is exact.
			text := name + "::VARCHAR"
			parts = append(parts, "COALESCE("+text+" || '/' || ("+name+" - "+text+"::FLOAT)::VARCHAR, '-')")
		default:
			parts = append(parts, "COALESCE("+name+"::VARCHAR, '-')")
		}
	}
	return "MD5(" + strings.Join(parts, " || ',' || ") + " || ',' || " + table + `."_SEQUENCE")`
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
