package schemafile

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/snowstream/snowstream/record"
)

// schema reads the whole document.
func (p *parser) schema(n *yaml.Node) record.Schema {
	var s record.Schema
	keys := p.mapping(n, "a schema", "columns", "unknown", "duplicates", "lineage", "payload", "encoding", "explode", "envelope", "control", "folder", "keys", "order by", "delete when")
	if keys == nil {
		return s
	}
	if unknown := keys["unknown"]; unknown != nil {
		s.Unknown, s.Rest = p.unknown(unknown)
	}
	if duplicates := keys["duplicates"]; duplicates != nil {
		s.LastOne = p.choice(duplicates, "duplicates", "quarantine", "last") == "last"
	}
	places := newPlaces(p)
	if lineage := keys["lineage"]; lineage != nil {
		s.Origin = p.origin(lineage, places)
	}
	p.wrapping(keys, &s)
	if folder := keys["folder"]; folder != nil {
		s.Folder = p.folder(folder)
	}
	columns := keys["columns"]
	switch {
	case columns == nil:
		p.add(n, "the schema has no columns: name at least one field under `columns:`")
	case columns.Kind != yaml.SequenceNode || len(columns.Content) == 0:
		p.add(columns, "columns is a list with a `- field: ...` for each column, not %s", emptyOr(columns))
	case len(columns.Content) > MaxColumns:
		p.add(columns.Content[MaxColumns], "this is column %d: a schema has at most %d", MaxColumns+1, MaxColumns)
	default:
		s.Columns = p.columns(columns.Content, places, keys["unknown"], s.Rest)
	}
	p.state(keys, &s)
	return s
}

func emptyOr(n *yaml.Node) string {
	if n.Kind == yaml.SequenceNode {
		return "an empty list"
	}
	return kindOf(n)
}

// origin reads the lineage columns that are not in every table.
func (p *parser) origin(n *yaml.Node, places *places) (o record.Origin) {
	for _, word := range p.list(n, "lineage") {
		one := record.OriginOf(p.choice(word, "lineage", record.OriginWords()...))
		if o&one != 0 {
			p.add(word, "lineage names %s twice", word.Value)
			continue
		}
		o |= one
		for _, c := range one.Columns() {
			places.takeColumn(word, c.Name)
		}
	}
	return o
}

// columns reads the list. rest is the column of unknown fields, "" if there is none, and unknown where it is named.
func (p *parser) columns(items []*yaml.Node, places *places, unknown *yaml.Node, rest string) []record.Column {
	columns := make([]record.Column, len(items))
	for i, item := range items {
		columns[i] = p.column(item, places)
	}
	if rest != "" {
		places.takeColumn(unknown, rest)
	}
	return columns
}

func (p *parser) column(n *yaml.Node, places *places) record.Column {
	var c record.Column
	keys := p.mapping(n, "a column", "field", "column", "type", "required", "forms", "zone", "accept", "nonfinite")
	if keys == nil {
		return c
	}
	if field := keys["field"]; field == nil {
		p.add(n, "the column has no field: say which JSON field goes into it")
	} else if c.Path = p.path(field); c.Path != nil {
		places.takePath(field, c)
	}
	c.Name = p.columnName(keys, c.Path, places)
	if kind := keys["type"]; kind == nil {
		p.add(n, "the column has no type: %s", either(typeWords()))
	} else if p.kind(kind, &c) {
		p.reading(n, keys, &c)
	}
	if required := keys["required"]; required != nil {
		c.Required = p.choice(required, "required", "true", "false") == "true"
	}
	return c
}

// columnName is the name that is given, or else the field's own.
func (p *parser) columnName(keys map[string]*yaml.Node, path []string, places *places) string {
	at, name, ok := keys["column"], "", true
	if at != nil {
		name, ok = p.name(at, "column")
	} else if path != nil {
		at, name = keys["field"], ColumnName(path)
	}
	if ok && at != nil {
		places.takeColumn(at, name)
	}
	return name
}

// path reads a field: names with dots between them, or a list of names.
func (p *parser) path(n *yaml.Node) []string {
	if n.Kind != yaml.SequenceNode {
		text, ok := p.name(n, "field")
		if !ok {
			return nil
		}
		path := strings.Split(text, ".")
		for _, name := range path {
			if name == "" {
				p.add(n, "field %.60q has an empty name in it: if that is meant, write it as a list of names", text)
				return nil
			}
		}
		return path
	}
	if len(n.Content) == 0 {
		p.add(n, "field is an empty list: it needs a name for each level")
		return nil
	}
	path := make([]string, len(n.Content))
	for i, item := range n.Content {
		var ok bool
		if path[i], ok = p.name(item, "an item of field"); !ok {
			return nil
		}
	}
	return path
}

// unknown reads the policy for fields without a column.
func (p *parser) unknown(n *yaml.Node) (record.Policy, string) {
	if n.Kind == yaml.MappingNode {
		keys := p.mapping(n, "unknown", "variant")
		column := keys["variant"]
		if column == nil {
			p.add(n, "unknown as a mapping is {variant: COLUMN}")
			return record.Keep, ""
		}
		rest, ok := p.name(column, "variant")
		if ok && rest == "" {
			p.add(column, "variant needs the name of a column")
		}
		return record.Keep, rest
	}
	switch p.choice(n, "unknown", record.Ignore.String(), record.Keep.String(), record.Refuse.String()) {
	case record.Keep.String():
		return record.Keep, Rest
	case record.Refuse.String():
		return record.Refuse, ""
	}
	return record.Ignore, ""
}

func (p *parser) folder(n *yaml.Node) record.Folder {
	var f record.Folder
	keys := p.mapping(n, "folder", "label", "field")
	if keys != nil {
		f.Label, f.Field = p.folderPart(n, keys, "label"), p.folderPart(n, keys, "field")
	}
	return f
}

func (p *parser) folderPart(n *yaml.Node, keys map[string]*yaml.Node, key string) string {
	value := keys[key]
	if value == nil {
		p.add(n, "folder has no %s: it needs both, as in {label: sensor, field: sensorId}", key)
		return ""
	}
	text, ok := p.name(value, key)
	if ok && text == "" {
		p.add(value, "%s is empty", key)
	}
	return text
}
