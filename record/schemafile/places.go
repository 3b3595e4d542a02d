package schemafile

import (
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/snowstream/snowstream/record"
)

// The bounds of record.Schema.Check, which cannot say where in a file they were broken.
const (
	maxName   = 255
	maxLevels = 63
)

// places knows which columns and which fields are taken and in which line, 0 for what every table has.
type places struct {
	parser *parser
	// columns are the names that are taken, by their folded case.
	columns map[string]named
	fields  *branch
}

// named is a column's name and the line that it stands in.
type named struct {
	name string
	line int
}

// branch is a level of the payload: the names in it that lead to columns.
type branch struct {
	line  int
	leaf  bool
	below map[string]*branch
}

func newPlaces(p *parser) *places {
	taken := &places{parser: p, columns: map[string]named{}, fields: &branch{}}
	for _, c := range record.Lineage() {
		taken.columns[record.FoldCase(c.Name)] = named{name: c.Name}
	}
	return taken
}

// takeColumn notes a column's name, or reports why it cannot be one.
func (t *places) takeColumn(at *yaml.Node, name string) {
	first, taken := t.columns[record.FoldCase(name)]
	switch {
	case name == "" || utf8.RuneCountInString(name) > maxName || strings.ContainsRune(name, 0):
		t.parser.add(at, "%.60q is not a column name: give it one of 1 to %d characters with `column:`", name, maxName)
	case taken && first.line == 0:
		t.parser.add(at, "column %s would collide with the column %s that every table has: give it another name with `column:`", name, first.name)
	case taken && first.name == name:
		t.parser.add(at, "column %s is here twice, first in line %d: give one of them another name with `column:`", name, first.line)
	case taken:
		t.parser.add(at, "column %s differs only in case from %s in line %d: not every part on the way to the tables keeps them apart; give one of them another name with `column:`",
			name, first.name, first.line)
	default:
		t.columns[record.FoldCase(name)] = named{name, at.Line}
	}
}

// takePath notes a column's field, or reports which other field holds it or is held by it.
func (t *places) takePath(at *yaml.Node, c record.Column) {
	if len(c.Path) > maxLevels {
		t.parser.add(at, "the field is %d levels deep: at most %d are read", len(c.Path), maxLevels)
		return
	}
	b := t.fields
	for i, name := range c.Path {
		next := b.below[name]
		last := i == len(c.Path)-1
		if next != nil && (next.leaf || last) {
			t.parser.add(at, "field %.60q overlaps with the one in line %d: a value goes into one column", c.Field(), next.line)
			return
		}
		if next == nil {
			next = &branch{line: at.Line, leaf: last, below: map[string]*branch{}}
			if b.below == nil {
				b.below = map[string]*branch{}
			}
			b.below[name] = next
		}
		b = next
	}
}
