package schemafile

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/snowstream/snowstream/record"
)

// schema reads the whole document.
func (p *parser) schema(n *yaml.Node) record.Schema {
	var s record.Schema
	keys := p.mapping(n, "a schema", "columns", "unknown", "payload", "folder")
	if keys == nil {
		return s
	}
	if unknown := keys["unknown"]; unknown != nil {
		s.Unknown, s.Rest = p.unknown(unknown)
	}
	if payload := keys["payload"]; payload != nil {
		s.Lines = p.choice(payload, "payload", "document", "lines") == "lines"
	}
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
		s.Columns = p.columns(columns.Content, keys["unknown"], s.Rest)
	}
	return s
}

func emptyOr(n *yaml.Node) string {
	if n.Kind == yaml.SequenceNode {
		return "an empty list"
	}
	return kindOf(n)
}

// columns reads the list. rest is the column of unknown fields, "" if there is none, and unknown where it is named.
func (p *parser) columns(items []*yaml.Node, unknown *yaml.Node, rest string) []record.Column {
	places := newPlaces(p)
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
	keys := p.mapping(n, "a column", "field", "column", "type", "required")
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
		p.add(n, "the column has no type: %s", either(typeWords))
	} else {
		p.kind(kind, &c)
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

// typeWords are the types as they are written, with the parameters that they take.
var typeWords = []string{"integer", "number(p,s)", "string", "boolean", "timestamp", "variant"}

// typeNames are the types alone, in the order of record's constants.
var typeNames = []string{"integer", "number", "string", "boolean", "timestamp", "variant"}

// kind reads a type into the column.
func (p *parser) kind(n *yaml.Node, c *record.Column) {
	text, ok := p.name(n, "type")
	if !ok {
		return
	}
	word, parameters, has := strings.Cut(text, "(")
	word = strings.TrimSpace(word)
	if has {
		if parameters, ok = strings.CutSuffix(strings.TrimSpace(parameters), ")"); !ok {
			p.add(n, "type %.60q has no closing bracket", text)
			return
		}
	}
	for t := record.Integer; t <= record.Variant; t++ {
		if word == t.String() {
			c.Type = t
			p.parameters(n, c, parameters, has)
			return
		}
	}
	p.add(n, "there is no type %.60q: %s", text, suggestType(word))
}

// parameters reads what stands in a type's brackets.
func (p *parser) parameters(n *yaml.Node, c *record.Column, text string, has bool) {
	switch {
	case c.Type == record.Number && !has:
		p.add(n, "number needs its digits: number(p,s) has at most p digits, s of them behind the point; for whole numbers there is integer")
	case c.Type == record.Number:
		p.number(n, c, text)
	case c.Type == record.Timestamp && has:
		word, digits, more := strings.Cut(text, ",")
		word, digits = strings.TrimSpace(word), strings.TrimSpace(digits)
		if c.Micros = digits == "6"; more && !c.Micros && digits != "9" {
			p.add(n, "a timestamp has 9 decimal places of a second and the years 1678 to 2261, or 6 and the years 1 to 9999, not %.60q", digits)
			return
		}
		for m := record.RFC3339; m <= record.Milliseconds; m++ {
			if word == m.String() {
				c.Moment = m
				return
			}
		}
		p.add(n, "a timestamp is not written in %.60q: %s", word, Suggest(word, []string{"rfc3339", "seconds", "milliseconds"}))
	case has:
		p.add(n, "%s takes nothing in brackets", c.Type)
	}
}

func (p *parser) number(n *yaml.Node, c *record.Column, text string) {
	precision, scale, _ := strings.Cut(text, ",")
	var err1, err2 error
	c.Precision, err1 = strconv.Atoi(strings.TrimSpace(precision))
	c.Scale, err2 = strconv.Atoi(strings.TrimSpace(scale))
	if err1 != nil || err2 != nil {
		p.add(n, "number(%.60s) is not number(p,s) with two whole numbers, such as number(10,2)", text)
		return
	}
	if c.Precision < 1 || c.Precision > record.MaxDigits || c.Scale < 0 || c.Scale > min(c.Precision, record.MaxDigits-1) {
		p.add(n, "number(%d,%d) is not a Snowflake number: p is 1 to %d, s is 0 to p and at most %d",
			c.Precision, c.Scale, record.MaxDigits, record.MaxDigits-1)
	}
}

// suggestType knows what other systems call the types.
func suggestType(word string) string {
	switch strings.ToLower(word) {
	case "int", "bigint", "smallint", "tinyint", "long", "short":
		return "did you mean integer?"
	case "decimal", "numeric", "float", "double", "real", "fixed":
		return "did you mean number(p,s)? It has exact decimals, p digits in all, s of them behind the point"
	case "text", "varchar", "char", "uuid", "binary":
		return "did you mean string?"
	case "bool":
		return "did you mean boolean?"
	case "date", "time", "datetime", "timestamp_ntz", "timestamp_tz", "timestamp_ltz":
		return "did you mean timestamp?"
	case "json", "jsonb", "object", "array", "map", "struct", "list":
		return "did you mean variant?"
	}
	return Suggest(word, typeNames)
}
