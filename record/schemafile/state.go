package schemafile

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/snowstream/snowstream/record"
)

// state reads what makes a row the current one of its key. Columns are named as in the tables or by their fields.
func (p *parser) state(keys map[string]*yaml.Node, s *record.Schema) {
	if n := keys["keys"]; n != nil {
		for _, item := range p.list(n, "keys") {
			s.State.Keys = append(s.State.Keys, p.key(item, *s))
		}
	}
	if n := keys["order by"]; n != nil {
		for _, item := range p.list(n, "order by") {
			s.State.Order = append(s.State.Order, p.reference(item, "order by", *s))
		}
	}
	if n := keys["delete when"]; n != nil {
		s.State.Deleted = p.matches(n, *s)
	}
	p.blame(s.CheckState(), keys, "delete when", "order by", "keys")
}

// key reads one key: a column, or several of which the first that is not NULL counts.
func (p *parser) key(n *yaml.Node, s record.Schema) (columns []string) {
	if n.Kind != yaml.MappingNode {
		return []string{p.reference(n, "a key", s)}
	}
	if first := p.mapping(n, "a key of several columns", "first")["first"]; first != nil {
		for _, item := range p.list(first, "first") {
			columns = append(columns, p.reference(item, "a key", s))
		}
	}
	return columns
}

// matches reads the columns and values that tell a deletion.
func (p *parser) matches(n *yaml.Node, s record.Schema) (out []record.Match) {
	if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		p.add(n, "delete when is columns with the values that tell a deletion, such as {op: [d]}, not %s", kindOf(n))
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		m := record.Match{Column: p.reference(n.Content[i], "delete when", s)}
		for _, value := range p.list(n.Content[i+1], "the values that tell a deletion") {
			if text, ok := p.name(value, "a value of delete when"); ok {
				m.Values = append(m.Values, text)
			}
		}
		out = append(out, m)
	}
	return out
}

// reference finds the column that is meant: by its name, or by its field with dots between the names.
func (p *parser) reference(n *yaml.Node, what string, s record.Schema) string {
	text, ok := p.name(n, what)
	if !ok {
		return ""
	}
	var found []string
	for _, c := range s.TableColumns() {
		if c.Name == text {
			return text
		}
		if len(c.Path) > 0 && c.Field() == text {
			found = append(found, c.Name)
		}
	}
	switch {
	case len(found) == 1:
		return found[0]
	case len(found) > 1:
		p.add(n, "%s: %q is the field of columns %s and %s: name the column", what, text, found[0], found[1])
	case len(s.Columns) > 0: // or the columns are the problem
		var known []string
		for _, c := range s.DataColumns() {
			known = append(known, c.Name)
		}
		if len(known) > 10 {
			known = append(known[:10], "another column")
		}
		p.add(n, "%s: no column has the name or the field %.60q: it may be %s", what, text, either(known))
	}
	return ""
}

// state writes what makes a row the current one of its key.
func (w *writer) state(s record.State) {
	if len(s.Keys) > 0 {
		var keys []string
		for _, columns := range s.Keys {
			if len(columns) == 1 {
				keys = append(keys, quote(columns[0]))
			} else {
				keys = append(keys, "{first: "+quotedList(columns)+"}")
			}
		}
		fmt.Fprintf(w, "keys: [%s]\n", strings.Join(keys, ", "))
	}
	if len(s.Order) > 0 {
		fmt.Fprintf(w, "order by: %s\n", quotedList(s.Order))
	}
	if len(s.Deleted) > 0 {
		var matches []string
		for _, m := range s.Deleted {
			matches = append(matches, quote(m.Column)+": "+quotedList(m.Values))
		}
		fmt.Fprintf(w, "delete when: {%s}\n", strings.Join(matches, ", "))
	}
}

// StateText says for people what the current state is, "" if none is asked for.
func StateText(s record.State) string {
	if s.IsZero() {
		return ""
	}
	var keys []string
	for _, columns := range s.Keys {
		keys = append(keys, either(columns))
	}
	text := "The current row of each " + strings.Join(keys, " with ") + " is the newest by "
	if len(s.Order) > 0 {
		text += strings.Join(s.Order, ", ") + ", then by "
	}
	text += "its place in the stream"
	var gone []string
	for _, m := range s.Deleted {
		gone = append(gone, m.Column+" is "+either(m.Values))
	}
	if gone != nil {
		text += "; there is none if in that row " + strings.Join(gone, " and ")
	}
	return text + "."
}
