package dialect

import (
	"strconv"
	"strings"
)

// Name is the complete, folded name of an object: unquoted parts are in capitals, quoted
// parts as written. For account objects only Object is set, for databases only Database, for
// schemas only Database and Schema.
//
// Session is of a temporary table the session that has it, 0 for everything else: a temporary table hides another one
// of the same name, which stays.
type Name struct {
	Database, Schema, Object string
	Session                  int64
}

// String is the quoted form that Snowflake reads: "DB"."SCHEMA"."OBJECT", without absent parts.
func (n Name) String() string {
	var parts []string
	for _, part := range []string{n.Database, n.Schema, n.Object} {
		if part != "" {
			parts = append(parts, Quote(part))
		}
	}
	return strings.Join(parts, ".")
}

// DuckDB is the name there: "DB.SCHEMA"."OBJECT".
func (n Name) DuckDB() string {
	return Quote(n.DuckDBSchema()) + "." + Quote(n.DuckDBObject())
}

// DuckDBObject is the name of the table or view there, unquoted. That of a temporary table has a part that no name of
// a user can have, because Parse takes no colon.
func (n Name) DuckDBObject() string {
	if n.Session == 0 {
		return n.Object
	}
	return n.Object + ":" + strconv.FormatInt(n.Session, 10)
}

// DuckDBSchema is the name of the DuckDB schema that stands for DATABASE.SCHEMA, unquoted.
// It is unambiguous because Parse lets no part have a dot.
func (n Name) DuckDBSchema() string { return n.Database + "." + n.Schema }

// Quote gives an identifier in double quotes, which is right in both languages.
func Quote(identifier string) string {
	return `"` + strings.ReplaceAll(identifier, `"`, `""`) + `"`
}

// Literal gives a text in single quotes for DuckDB, where a backslash is a plain character.
func Literal(text string) string {
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}

// part takes one part of an object's name.
//
// Characters with a meaning in paths are refused: DuckDB takes an unknown table for a file
// when its dotted name looks like one.
func (p *parser) part() string {
	t := p.peek()
	name := p.identifier()
	if t.class == classQuoted && strings.ContainsAny(name, "./\\*?[]{}:") {
		p.fail(unsupported(t, "one of . / \\ * ? [ ] { } : in the name of an object"))
	}
	return name
}

// parts takes a dotted name of up to three parts. The middle one may be absent (db..object,
// which means PUBLIC). IDENTIFIER('name') stands for a name.
func (p *parser) parts() []string {
	if p.is("IDENTIFIER") && p.ahead(1).class == classOperator && p.ahead(1).text == "(" {
		return p.identifierCall()
	}
	first := p.peek()
	parts := []string{p.part()}
	for p.operator(".") {
		if p.isOperator(".") && len(parts) == 1 {
			parts = append(parts, "PUBLIC")
			continue
		}
		parts = append(parts, p.part())
	}
	if len(parts) > 3 {
		p.fail(unexpected(first))
	}
	return parts
}

// boundText takes a bind that stands for a name, a place or an option, if one is next, and gives its text.
func (p *parser) boundText() (string, bool) {
	t, number := p.peek(), 0
	switch {
	case t.class == classBind:
		p.at++
		p.marks++
		number = p.marks
	case p.isOperator(":") && p.ahead(1).class == classNumber:
		e := p.numbered()
		number, _ = strconv.Atoi(e.text)
	default:
		return "", false
	}
	if number > len(p.env.Binds) {
		p.fail(compilation(t, 2049, "42601", "Bind variable "+t.shown()+" not set."))
	}
	return p.env.Binds[number-1], true
}

// identifierCall takes IDENTIFIER('name'), IDENTIFIER($variable) or IDENTIFIER(?).
func (p *parser) identifierCall() []string {
	p.at += 2
	if text, ok := p.boundText(); ok {
		p.mustOperator(")")
		return p.nested(text, (*parser).parts)
	}
	t := p.take()
	text := t.text
	switch t.class {
	case classString:
	case classVariable:
		value := p.variable(t)
		if value.class != classString {
			p.fail(unexpected(t))
		}
		text = value.text
	default:
		p.fail(unexpected(t))
	}
	p.mustOperator(")")
	return p.nested(text, (*parser).parts)
}

// nested reads a text that stands in a literal, and all of it, as a name.
func (p *parser) nested(text string, read func(*parser) []string) []string {
	inner := newParser(text, p.env)
	result := read(inner)
	inner.end()
	return result
}

// object takes the name of an object that lives in a schema and completes it.
func (p *parser) object() Name {
	t := p.peek()
	return p.complete(t, p.parts())
}

// permanent takes the name of an object that hides nothing and is hidden by nothing.
func (p *parser) permanent() Name {
	n := p.object()
	n.Session = 0
	return n
}

// relation takes the name of a table or view that a statement makes.
func (p *parser) relation(temporary bool) Name {
	n := p.permanent()
	if temporary {
		n.Session = p.env.SessionID
	}
	return n
}

// complete fills in the session's database and schema.
func (p *parser) complete(t token, parts []string) Name {
	n := Name{Database: p.env.Database, Schema: p.env.Schema, Object: parts[len(parts)-1]}
	switch len(parts) {
	case 2:
		n.Schema = parts[0]
	case 3:
		n.Database, n.Schema = parts[0], parts[1]
	}
	if n.Database == "" {
		p.fail(&Error{Number: 90105, SQLState: "22000", Line: t.line, Column: t.column,
			Message: "Cannot perform operation. This session does not have a current database. Call 'USE DATABASE', or use a qualified name."})
	}
	if n.Schema == "" {
		p.fail(&Error{Number: 90106, SQLState: "22000", Line: t.line, Column: t.column,
			Message: "Cannot perform operation. This session does not have a current schema. Call 'USE SCHEMA', or use a qualified name."})
	}
	if p.env.Temporary[n] {
		n.Session = p.env.SessionID
	}
	return n
}

// schemaName takes the name of a schema and completes it.
func (p *parser) schemaName() Name {
	t := p.peek()
	parts := p.parts()
	if len(parts) > 2 {
		p.fail(unexpected(t))
	}
	n := p.complete(t, append(parts, "-"))
	n.Object = ""
	return n
}

// databaseName takes the name of a database.
func (p *parser) databaseName() Name { return Name{Database: p.single()} }

// single takes a name that can have only one part.
func (p *parser) single() string {
	t := p.peek()
	parts := p.parts()
	if len(parts) != 1 {
		p.fail(unexpected(t))
	}
	return parts[0]
}

// Plain is the name as messages write it, without quotes.
func (n Name) Plain() string { return strings.ReplaceAll(n.String(), `"`, "") }

// Last is the last part of the name.
func (n Name) Last() string {
	switch {
	case n.Object != "":
		return n.Object
	case n.Schema != "":
		return n.Schema
	}
	return n.Database
}

// Fold is an identifier from outside SQL text: capitals unless quoted, or the default when empty.
func Fold(name, fallback string) string {
	if name == "" {
		name = fallback
	}
	if len(name) >= 2 && name[0] == '"' && name[len(name)-1] == '"' {
		return strings.ReplaceAll(name[1:len(name)-1], `""`, `"`)
	}
	return strings.ToUpper(name)
}

// SplitName splits a name at the dots outside of quotes.
func SplitName(text string) []string {
	var parts []string
	start, quoted := 0, false
	for i := range len(text) {
		switch {
		case text[i] == '"':
			quoted = !quoted
		case text[i] == '.' && !quoted:
			parts = append(parts, Fold(text[start:i], ""))
			start = i + 1
		}
	}
	return append(parts, Fold(text[start:], ""))
}
