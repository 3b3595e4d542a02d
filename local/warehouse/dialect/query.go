package dialect

import (
	"fmt"
	"strings"
)

// rows is the DuckDB text of something that answers rows, with the names of its
// columns; nil when a star is involved.
type rows struct {
	sql     string
	columns []string
}

// startsQuery tells whether a query starts here, maybe in further brackets.
func (p *parser) startsQuery() bool {
	for n := 0; ; n++ {
		t := p.ahead(n)
		if t.class == classOperator && t.text == "(" {
			continue
		}
		return t.class == classWord && (t.folded == "SELECT" || t.folded == "WITH" || t.folded == "VALUES" && n == 0)
	}
}

// topQuery reads a query that is a statement or the source of one.
func (p *parser) topQuery() *Query { return p.finished(p.query()) }

// query reads [WITH …] selects and set operations [ORDER BY …] [LIMIT …].
func (p *parser) query() rows {
	p.enter()
	defer p.leave()
	outer := p.scopes
	defer func() { p.scopes = outer }()
	with := p.with()
	body, tail := p.setOperations()
	order := p.orderBy()
	limit := p.limit()
	if limit != "" && tail != "" {
		p.fail(unsupported(p.peek(), "TOP together with LIMIT"))
	}
	body.sql = with + body.sql + order + tail + limit
	return body
}

// with reads common table expressions and puts their names in scope.
func (p *parser) with() string {
	if !p.words("WITH") {
		return ""
	}
	recursive := p.words("RECURSIVE")
	var list []string
	for {
		name := p.identifier()
		text := Quote(name)
		if p.isOperator("(") {
			text += "(" + quoted(p.identifiers()) + ")"
		}
		p.mustWords("AS")
		if recursive {
			p.scopes = append(p.scopes[:len(p.scopes):len(p.scopes)], name)
		}
		p.mustOperator("(")
		q := p.query()
		p.mustOperator(")")
		if !recursive {
			p.scopes = append(p.scopes[:len(p.scopes):len(p.scopes)], name)
		}
		list = append(list, text+" AS ("+q.sql+")")
		if !p.operator(",") {
			break
		}
	}
	if recursive {
		return "WITH RECURSIVE " + strings.Join(list, ", ") + " "
	}
	return "WITH " + strings.Join(list, ", ") + " "
}

// quoted writes names for a list.
func quoted(names []string) string {
	list := make([]string, len(names))
	for i, n := range names {
		list[i] = Quote(n)
	}
	return strings.Join(list, ", ")
}

// setOperations reads terms joined by UNION and its like. The tail is the LIMIT of a
// SELECT TOP that stands alone, which goes behind ORDER BY.
func (p *parser) setOperations() (result rows, tail string) {
	result, tail = p.term()
	for n := 0; ; n++ {
		operation := p.setOperation()
		if operation == "" {
			return result, tail
		}
		if n > maxDepth {
			p.fail(unsupported(p.peek(), "over 100 set operations in one query"))
		}
		if tail != "" {
			result.sql, tail = "("+result.sql+tail+")", ""
		}
		next, nextTail := p.term()
		if nextTail != "" {
			next.sql = "(" + next.sql + nextTail + ")"
		}
		result.sql += " " + operation + " " + next.sql
	}
}

// setOperation takes the words between two terms.
func (p *parser) setOperation() string {
	t := p.peek()
	if !p.isAny("UNION", "INTERSECT", "EXCEPT", "MINUS") {
		return ""
	}
	p.at++
	operation := t.folded
	if operation == "MINUS" {
		operation = "EXCEPT"
	}
	switch {
	case p.is("ALL") && operation != "UNION":
		p.fail(unsupported(p.peek(), t.folded+" ALL"))
	case p.words("ALL"):
		operation += " ALL"
	case p.words("DISTINCT"):
	}
	if p.words("BY", "NAME") {
		operation += " BY NAME"
	}
	return operation
}

// term reads one SELECT, a VALUES list or a query in brackets.
func (p *parser) term() (rows, string) {
	switch {
	case p.operator("("):
		q := p.query()
		p.mustOperator(")")
		q.sql = "(" + q.sql + ")"
		return q, ""
	case p.is("VALUES"):
		sql, width, _ := p.values()
		names := valueColumns(width)
		return rows{sql: "SELECT * FROM (" + sql + `) AS "VALUES"(` + quoted(names) + ")", columns: names}, ""
	case p.is("SELECT"):
		return p.selectTerm()
	}
	p.fail(unexpected(p.peek()))
	return rows{}, ""
}

// values reads VALUES (…), (…) and gives their width and number.
func (p *parser) values() (sql string, width, count int) {
	p.mustWords("VALUES")
	var text strings.Builder
	text.WriteString("VALUES ")
	for {
		t := p.peek()
		row := p.row()
		if count == 0 {
			width = len(row)
		}
		if len(row) != width {
			p.fail(compilation(t, 1, "42601", "Invalid expression: the rows of VALUES differ in length."))
		}
		if count > 0 {
			text.WriteString(", ")
		}
		count++
		text.WriteString("(" + strings.Join(row, ", ") + ")")
		if !p.operator(",") {
			return text.String(), width, count
		}
	}
}

// row reads one row of VALUES.
func (p *parser) row() []string {
	p.mustOperator("(")
	var items []string
	for {
		if p.words("DEFAULT") {
			items = append(items, "DEFAULT")
		} else {
			items = append(items, p.expression().sql)
		}
		if !p.operator(",") {
			break
		}
	}
	p.mustOperator(")")
	return items
}

// valueColumns are the names Snowflake gives the columns of VALUES.
func valueColumns(width int) []string {
	names := make([]string, width)
	for i := range names {
		names[i] = fmt.Sprintf("COLUMN%d", i+1)
	}
	return names
}

// selectTerm reads SELECT … up to QUALIFY.
func (p *parser) selectTerm() (rows, string) {
	p.mustWords("SELECT")
	sql := "SELECT "
	switch {
	case p.words("DISTINCT"):
		sql += "DISTINCT "
	case p.words("ALL"):
	}
	tail := ""
	if p.is("TOP") && p.ahead(1).class == classNumber {
		p.at++
		tail = fmt.Sprintf(" LIMIT %d", p.whole())
	}
	result := p.items()
	sql += result.sql
	if p.is("INTO") {
		p.fail(unsupported(p.peek(), "SELECT INTO"))
	}
	if p.words("FROM") {
		sql += " FROM " + p.from()
	}
	if p.words("WHERE") {
		sql += " WHERE " + p.expression().sql
	}
	sql += p.groupBy()
	if p.words("HAVING") {
		sql += " HAVING " + p.expression().sql
	}
	if p.words("QUALIFY") {
		sql += " QUALIFY " + p.expression().sql
	}
	if p.isAny("CONNECT", "START", "PIVOT", "UNPIVOT", "MATCH_RECOGNIZE", "WINDOW", "FOR") {
		p.fail(unsupported(p.peek(), p.peek().folded))
	}
	result.sql = sql
	return result, tail
}

func (p *parser) groupBy() string {
	if !p.words("GROUP", "BY") {
		return ""
	}
	if p.words("ALL") {
		return " GROUP BY ALL"
	}
	var list []string
	for {
		list = append(list, p.grouping())
		if !p.operator(",") {
			return " GROUP BY " + strings.Join(list, ", ")
		}
	}
}

// grouping reads one expression of GROUP BY, or ROLLUP, CUBE and GROUPING SETS.
func (p *parser) grouping() string {
	switch {
	case p.words("GROUPING", "SETS"):
		p.mustOperator("(")
		var sets []string
		for {
			sets = append(sets, p.groupingSet())
			if !p.operator(",") {
				break
			}
		}
		p.mustOperator(")")
		return "GROUPING SETS (" + strings.Join(sets, ", ") + ")"
	case p.isAny("ROLLUP", "CUBE") && p.ahead(1).text == "(":
		return p.take().folded + " " + p.groupingSet()
	}
	return p.expression().sql
}

// groupingSet reads (a, b), () or a.
func (p *parser) groupingSet() string {
	if !p.operator("(") {
		return p.expression().sql
	}
	var list []string
	for !p.isOperator(")") {
		list = append(list, p.expression().sql)
		if !p.operator(",") {
			break
		}
	}
	p.mustOperator(")")
	return "(" + strings.Join(list, ", ") + ")"
}

// orderBy reads ORDER BY with a leading space, or "".
func (p *parser) orderBy() string {
	if !p.words("ORDER", "BY") {
		return ""
	}
	if p.words("ALL") {
		return " ORDER BY ALL" + p.direction()
	}
	var list []string
	for {
		e := p.expression()
		if e.kind == kindVariant {
			e.sql = "variant_key(CAST(" + e.sql + " AS VARCHAR))"
		}
		list = append(list, e.sql+p.direction())
		if !p.operator(",") {
			return " ORDER BY " + strings.Join(list, ", ")
		}
	}
}

// direction reads ASC or DESC and NULLS. In Snowflake NULL is the highest value.
func (p *parser) direction() string {
	direction, nulls := "", "LAST"
	switch {
	case p.words("ASC"):
	case p.words("DESC"):
		direction, nulls = " DESC", "FIRST"
	}
	switch {
	case p.words("NULLS", "FIRST"):
		nulls = "FIRST"
	case p.words("NULLS", "LAST"):
		nulls = "LAST"
	}
	return direction + " NULLS " + nulls
}

// limit reads LIMIT and OFFSET, or OFFSET and FETCH.
func (p *parser) limit() string {
	sql := ""
	if p.words("LIMIT") {
		sql += " LIMIT " + p.primary().sql
	}
	if p.words("OFFSET") {
		sql += " OFFSET " + p.primary().sql
		if p.isAny("ROW", "ROWS") {
			p.at++
		}
	}
	if p.words("FETCH") {
		if p.isAny("FIRST", "NEXT") {
			p.at++
		}
		sql = " LIMIT " + p.primary().sql + sql
		if p.isAny("ROW", "ROWS") {
			p.at++
		}
		p.words("ONLY")
	}
	return sql
}
