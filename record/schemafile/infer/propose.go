package infer

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/schemafile"
)

// Propose returns the text of a schema file that takes all records seen, commented. It fails if no record with a field
// was seen.
func (o *Observer) Propose() ([]byte, error) {
	if len(o.root.children) == 0 && o.left {
		return nil, fmt.Errorf("there is no schema to propose: the fields of the %d records have names of more than %d bytes; write a schema with one of them by hand", o.records, maxName)
	}
	if len(o.root.children) == 0 {
		return nil, fmt.Errorf("there is no schema to propose: none of the %d lines is a JSON object with a field%s",
			o.records+o.total(), o.refusals())
	}
	p := proposal{records: o.records, taken: map[string]bool{}}
	for _, c := range record.Lineage() {
		p.taken[c.Name] = true
	}
	for _, n := range o.root.children {
		p.add(n)
	}
	p.schema.Envelope = o.wrapping.Envelope
	switch {
	case o.arrays == 0 && o.several == 0:
	case o.documents == 0 && o.several == 0:
		p.schema.Payload = record.Array
	case o.arrays == 0:
		p.schema.Payload = record.Concatenated
	default:
		p.schema.Payload = record.Auto
	}
	p.schema.Unknown, p.schema.Rest = record.Keep, p.unique(schemafile.Rest)
	p.notes.Head, p.notes.Foot = o.head(), o.foot()
	text := schemafile.FormatWith(p.schema, p.notes)
	if _, err := schemafile.Parse(text); err != nil {
		return nil, fmt.Errorf("the records' fields make no schema: %w", err)
	}
	return text, nil
}

// proposal is a schema in the making.
type proposal struct {
	records int64
	schema  record.Schema
	notes   schemafile.Notes
	taken   map[string]bool
}

// add proposes a column for a field, or columns for the fields of an object.
func (p *proposal) add(n *node) {
	if n.objects > 0 && n.objects+n.nulls == n.present && len(n.children) > 0 {
		for _, c := range n.children {
			p.add(c)
		}
		return
	}
	c, about := n.column()
	c.Path, c.Name = n.path, p.unique(schemafile.ColumnName(n.path))
	c.Required = n.present == p.records && n.nulls == 0
	p.schema.Columns = append(p.schema.Columns, c)
	p.notes.Columns = append(p.notes.Columns, []string{n.counts(p.records) + ": " + about})
}

// maxColumn leaves room for a number behind a cut name.
const maxColumn = 240

// unique is the name, or one like it that no other column has.
func (p *proposal) unique(name string) string {
	if len(name) > maxColumn {
		name = name[:maxColumn]
	}
	free := name
	for i := 2; p.taken[free]; i++ {
		free = name + "_" + strconv.Itoa(i)
	}
	p.taken[free] = true
	return free
}

// counts says how often a field was there.
func (n *node) counts(records int64) string {
	text := fmt.Sprintf("in %d of %d records", n.present, records)
	if n.nulls > 0 {
		text += fmt.Sprintf(", null in %d", n.nulls)
	}
	return text
}

// column is the type for what was seen, and why.
func (n *node) column() (record.Column, string) {
	variant := record.Column{Type: record.Variant}
	switch n.present - n.nulls {
	case 0:
		return variant, "nothing but null"
	case n.booleans:
		return record.Column{Type: record.Boolean}, "true or false"
	case n.arrays:
		if n.lists > 0 {
			return variant, fmt.Sprintf("arrays, in %d records of up to %d objects: `explode:` with the path of this field makes each of them a row", n.lists, n.longest)
		}
		return variant, "arrays"
	case n.objects:
		if n.closed {
			return variant, "objects with more fields or levels, or longer names, than make sense as columns"
		}
		return variant, "objects without fields"
	case n.strings:
		return n.text.column()
	case n.numbers:
		return n.numeric()
	}
	var kinds []string
	for _, k := range []struct {
		name  string
		count int64
	}{{"true or false", n.booleans}, {"numbers", n.numbers}, {"strings", n.strings}, {"arrays", n.arrays}, {"objects", n.objects}} {
		if k.count > 0 {
			kinds = append(kinds, fmt.Sprintf("%s in %d", k.name, k.count))
		}
	}
	return variant, "a mixture, " + strings.Join(kinds, ", ")
}

func (n *node) numeric() (record.Column, string) {
	if form, ok := n.form(); ok {
		about := fmt.Sprintf("numbers that are times between 2000 and 2100 in %s since 1970", form)
		if speaksOfTime(n.path[len(n.path)-1]) {
			return record.Column{Type: record.Timestamp, Forms: []record.Form{form}}, about + ", as the name suggests"
		}
		c, exact := n.number.column()
		return c, exact + "; all of them could be times, then the type is timestamp(" + string(form) + ")"
	}
	return n.number.column()
}

// form is how the numbers are written if all of them are plausible times.
func (n *node) form() (record.Form, bool) {
	for i, unit := range units {
		if n.number.times[i] == n.numbers && n.number.scale <= unit.scale {
			return unit.form, true
		}
	}
	return "", false
}

// binary is from how many decimal places on numbers look like binary ones that were printed.
const binary = 12

// column is a type for all the numbers. It has all of the 38 digits: they cost nothing until they are used. The decimal places are those seen, because
// each of them takes one from the digits before the point.
func (n numbers) column() (record.Column, string) {
	scale := max(n.scale, n.written)
	if n.whole+scale > record.MaxDigits {
		scale = n.scale
	}
	about := fmt.Sprintf("numbers with up to %d digits before the point and %d behind it", n.whole, scale)
	switch {
	case n.whole+scale > record.MaxDigits:
		return record.Column{Type: record.Variant}, about + ", more than a number column holds"
	case scale == 0:
		return record.Column{Type: record.Integer}, fmt.Sprintf("integers of up to %d digits", max(n.whole, 1))
	case scale >= binary && n.noFloats == 0:
		return record.Column{Type: record.Float}, about + fmt.Sprintf(", all of them binary floating point that was printed; for exact decimals the type is number(%d,%d)", record.MaxDigits, scale)
	case scale >= binary:
		about += ": a value with more decimal places is quarantined, a variant takes up to 38 digits"
	default:
		about += "; a value with more decimal places is quarantined"
	}
	return record.Column{Type: record.Number, Precision: record.MaxDigits, Scale: scale}, about
}

func (o *Observer) total() int64 {
	var total int64
	for _, count := range o.refused {
		total += count
	}
	return total
}

// refusals names the lines that are no records, the first ones of them by their number.
func (o *Observer) refusals() string {
	if len(o.named) == 0 {
		return ""
	}
	var lines []string
	for _, r := range o.named {
		lines = append(lines, fmt.Sprintf("line %d %s", r.line, r.code))
	}
	if more := o.total() - int64(len(lines)); more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return " (" + strings.Join(lines, ", ") + ")"
}

// head says what the proposal rests on.
func (o *Observer) head() []string {
	head := []string{fmt.Sprintf("Proposed by `snowstream schema infer` from %d records.", o.records)}
	if len(o.refused) > 0 {
		var codes []string
		for _, code := range slices.Sorted(maps.Keys(o.refused)) {
			codes = append(codes, fmt.Sprintf("%s %d", code, o.refused[code]))
		}
		head = append(head, fmt.Sprintf("Lines that would be quarantined under any schema that keeps all fields: %s%s.", strings.Join(codes, ", "), o.refusals()))
	}
	if n := o.refused[record.DuplicateField]; n > 0 {
		head = append(head, fmt.Sprintf("In %d of them a name comes twice in an object: `duplicates: last` takes the last one of each, and their record.", n))
	}
	if e := o.wrapping.Envelope; e != record.NoEnvelope {
		head = append(head, fmt.Sprintf("The first record is in the envelope of %s, so all are read as such. %d control records were seen; they are set aside.", e, o.control))
	}
	if o.arrays > 0 || o.several > 0 {
		head = append(head, fmt.Sprintf("Lines that were one document: %d, an array: %d, several documents: %d. In the stream a payload is what a line is here.", o.documents, o.arrays, o.several))
	}
	return append(head, "required: true stands where a field was in every record and never null: take it away where that was chance.")
}

func (o *Observer) foot() []string {
	foot := []string{"Fields that the sample did not have are kept in one column. The alternatives are ignore and quarantine."}
	if o.left {
		foot = append(foot, fmt.Sprintf("So are fields that it had: more than %d, or with names of more than %d bytes, are not proposed.", maxWidth, maxName))
	}
	return foot
}
