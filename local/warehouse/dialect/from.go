package dialect

import (
	"slices"
	"strings"
)

// from reads the list behind FROM.
func (p *parser) from() string {
	var text strings.Builder
	text.WriteString(p.joined())
	for n := 0; p.operator(","); n++ {
		if n > maxChain {
			p.fail(unsupported(p.peek(), "over 900 tables in one FROM"))
		}
		text.WriteString(", " + p.joined())
	}
	return text.String()
}

// joined reads a table and the joins behind it.
func (p *parser) joined() string {
	var text strings.Builder
	text.WriteString(p.table())
	for n := 0; ; n++ {
		if n > maxDepth {
			p.fail(unsupported(p.peek(), "over 100 joins in one FROM"))
		}
		join := p.join()
		if join == "" {
			return text.String()
		}
		text.WriteString(" " + join + " " + p.table())
		switch {
		case p.words("ON"):
			text.WriteString(" ON " + p.expression().sql)
		case p.words("USING"):
			text.WriteString(" USING (" + quoted(p.identifiers()) + ")")
		case join == "JOIN":
			text.WriteString(" ON TRUE")
		}
	}
}

// join takes the words of a join.
func (p *parser) join() string {
	at := p.at
	words := ""
	if p.words("NATURAL") {
		words = "NATURAL "
	}
	switch {
	case p.words("CROSS"):
		words += "CROSS "
	case p.words("INNER"):
	case p.isAny("LEFT", "RIGHT", "FULL"):
		words += p.take().folded + " "
		p.words("OUTER")
	}
	if p.is("ASOF") {
		p.fail(unsupported(p.peek(), "ASOF JOIN"))
	}
	if !p.words("JOIN") {
		if p.at != at {
			p.fail(unexpected(p.peek()))
		}
		return ""
	}
	return words + "JOIN"
}

// table reads one source of rows with its alias.
func (p *parser) table() string {
	p.enter()
	defer p.leave()
	lateral := ""
	if p.words("LATERAL") {
		lateral = "LATERAL "
	}
	t := p.peek()
	switch {
	case p.is("VALUES"):
		sql, width, _ := p.values()
		return "(" + sql + ")" + p.tableAlias("VALUES", valueColumns(width))
	case p.is("TABLE") && p.ahead(1).text == "(":
		p.at += 2
		sql, name := p.tableFunction()
		p.mustOperator(")")
		return sql + p.tableAlias(name, nil)
	case p.is("ERROR_TABLE") && p.ahead(1).text == "(":
		return p.errorTable() + p.tableAlias("ERROR_TABLE", nil)
	case lateral != "" && t.class == classWord && p.ahead(1).text == "(":
		sql, name := p.tableFunction()
		return sql + p.tableAlias(name, nil)
	case t.class == classStage, t.class == classString && strings.HasPrefix(t.text, "@"):
		return p.staged(t)
	case p.operator("("):
		return p.bracketed(lateral)
	}
	return p.named()
}

// bracketed reads a subquery or joins in brackets.
func (p *parser) bracketed(lateral string) string {
	if p.is("VALUES") {
		sql, width, _ := p.values()
		p.mustOperator(")")
		return "(" + sql + ")" + p.tableAlias("VALUES", valueColumns(width))
	}
	if p.startsQuery() {
		q := p.query()
		p.mustOperator(")")
		return lateral + "(" + q.sql + ")" + p.tableAlias("", nil) + p.sample()
	}
	sql := p.from()
	p.mustOperator(")")
	return "(" + sql + ")"
}

// named reads a table, a view or a common table expression.
func (p *parser) named() string {
	t := p.peek()
	if isReserved(t) {
		p.fail(unexpected(t))
	}
	parts := p.parts()
	if p.isOperator("(") {
		p.fail(unsupported(t, "table function "+parts[len(parts)-1]+" without TABLE( )"))
	}
	if p.isAny("AT", "BEFORE", "CHANGES", "PIVOT", "UNPIVOT", "MATCH_RECOGNIZE") {
		p.fail(unsupported(p.peek(), p.peek().folded))
	}
	name := parts[len(parts)-1]
	if len(parts) == 1 && slices.Contains(p.scopes, name) {
		return Quote(name) + p.tableAlias("", nil) + p.sample()
	}
	if len(parts) > 1 && parts[len(parts)-2] == "INFORMATION_SCHEMA" {
		return p.informationSchema(t, parts) + p.tableAlias(name, nil)
	}
	n := p.complete(t, parts)
	p.read(n)
	alias := ""
	if n.Session != 0 {
		alias = n.Object // DuckDB has it under another name
	}
	return n.DuckDB() + p.tableAlias(alias, nil) + p.sample()
}

// informationSchema is the server's view, filtered to one database.
func (p *parser) informationSchema(t token, parts []string) string {
	n := p.complete(t, parts)
	view, filter := "", "TABLE_CATALOG"
	switch n.Object {
	case "TABLES":
		view = TablesView
	case "VIEWS":
		view = ViewsView
	case "COLUMNS":
		view = ColumnsView
	case "SCHEMATA":
		view, filter = SchemataView, "CATALOG_NAME"
	case "DATABASES":
		view, filter = DatabasesView, ""
	case "STAGES":
		view, filter = StagesView, "STAGE_CATALOG"
	case "PIPES":
		view, filter = PipesView, "PIPE_CATALOG"
	case "FILE_FORMATS":
		view, filter = FileFormatsView, "FILE_FORMAT_CATALOG"
	case "LOAD_HISTORY":
		view, filter = LoadHistoryView, "CATALOG_NAME"
	default:
		p.fail(unsupported(t, "INFORMATION_SCHEMA."+n.Object))
	}
	if filter == "" {
		return "(SELECT * FROM " + view + ")"
	}
	return "(SELECT * FROM " + view + " WHERE " + Quote(filter) + " = " + Literal(n.Database) + ")"
}

// tableAlias reads [AS] name [(columns)] and writes it, or the given one.
func (p *parser) tableAlias(name string, columns []string) string {
	if alias, ok := p.alias(); ok {
		name = alias
		if p.isOperator("(") {
			columns = p.identifiers()
		}
	}
	switch {
	case name == "":
		return ""
	case columns == nil:
		return " AS " + Quote(name)
	}
	return " AS " + Quote(name) + "(" + quoted(columns) + ")"
}

// sample reads SAMPLE or TABLESAMPLE.
func (p *parser) sample() string {
	t := p.peek()
	if !p.isAny("SAMPLE", "TABLESAMPLE") {
		return ""
	}
	p.at++
	method := "bernoulli"
	switch {
	case p.isAny("BERNOULLI", "ROW"):
		p.at++
	case p.isAny("SYSTEM", "BLOCK"):
		p.at++
		method = "system"
	}
	p.mustOperator("(")
	n := p.take()
	if n.class != classNumber {
		p.fail(unexpected(n))
	}
	unit := " PERCENT"
	if p.words("ROWS") {
		method, unit = "reservoir", " ROWS"
	}
	p.mustOperator(")")
	if p.isAny("SEED", "REPEATABLE") {
		p.fail(unsupported(t, "SAMPLE with a seed"))
	}
	return " TABLESAMPLE " + method + "(" + n.text + unit + ")"
}
