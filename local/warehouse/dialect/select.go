package dialect

import "strings"

// items reads the list of a SELECT.
func (p *parser) items() rows {
	var list, names []string
	starred := false
	for {
		if sql, ok := p.star(); ok {
			list, starred = append(list, sql), true
		} else {
			sql, name := p.item()
			list, names = append(list, sql), append(names, name)
		}
		if !p.operator(",") || p.is("FROM") {
			break
		}
	}
	if starred {
		names = nil
	}
	return rows{sql: strings.Join(list, ", "), columns: names}
}

// item reads an expression with its alias, or gives it the name that Snowflake would.
func (p *parser) item() (sql, name string) {
	first := p.at
	e := p.expression()
	written := p.since(first)
	if alias, ok := p.alias(); ok {
		return e.sql + " AS " + Quote(alias), alias
	}
	if e.name != "" {
		return e.sql, e.name
	}
	name = columnName(written)
	return e.sql + " AS " + Quote(name), name
}

// columnName is the name of an item without alias: its text in capitals, quoted names kept.
func columnName(text string) string {
	parts := strings.Split(text, `"`)
	for i := 0; i < len(parts); i += 2 {
		parts[i] = strings.ToUpper(parts[i])
	}
	return strings.Join(parts, `"`)
}

// alias reads [AS] name.
func (p *parser) alias() (string, bool) {
	if p.words("AS") {
		return p.identifier(), true
	}
	t := p.peek()
	if t.class == classQuoted || t.class == classWord && !isReserved(t) && !strings.Contains(clauses, " "+t.folded+" ") {
		return p.identifier(), true
	}
	return "", false
}

// star reads * or t.* with what follows it.
func (p *parser) star() (string, bool) {
	n := 0
	for t := p.ahead(n); t.class == classWord || t.class == classQuoted; t = p.ahead(n) {
		if dot := p.ahead(n + 1); dot.class != classOperator || dot.text != "." {
			return "", false
		}
		n += 2
	}
	if t := p.ahead(n); t.class != classOperator || t.text != "*" {
		return "", false
	}
	sql := "*"
	if n > 0 {
		sql = Quote(p.foldedAt(n-2)) + ".*"
	}
	p.at += n + 1
	return sql + p.starOptions(), true
}

// foldedAt is the folded name n tokens on.
func (p *parser) foldedAt(n int) string {
	if t := p.ahead(n); t.class == classWord {
		return t.folded
	}
	return p.ahead(n).text
}

// starOptions reads ILIKE, EXCLUDE, REPLACE and RENAME.
func (p *parser) starOptions() string {
	sql := ""
	if p.words("ILIKE") {
		sql += " ILIKE " + Literal(p.str())
	}
	if p.words("EXCLUDE") {
		names := []string{}
		if p.isOperator("(") {
			names = p.identifiers()
		} else {
			names = append(names, p.identifier())
		}
		sql += " EXCLUDE (" + quoted(names) + ")"
	}
	if p.words("REPLACE") {
		sql += " REPLACE (" + p.pairs(func() string { return p.expression().sql }) + ")"
	}
	if p.words("RENAME") {
		sql += " RENAME (" + p.pairs(func() string { return Quote(p.identifier()) }) + ")"
	}
	return sql
}

// pairs reads (x AS name, …), or one x AS name without brackets.
func (p *parser) pairs(left func() string) string {
	brackets := p.operator("(")
	var list []string
	for {
		sql := left()
		p.mustWords("AS")
		list = append(list, sql+" AS "+Quote(p.identifier()))
		if !brackets || !p.operator(",") {
			break
		}
	}
	if brackets {
		p.mustOperator(")")
	}
	return strings.Join(list, ", ")
}
