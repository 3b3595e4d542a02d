package dialect

import (
	"slices"
	"strings"
)

// change is the part that all statements which change rows share.
func (p *parser) change(sql string, target Name, columns []string) Change {
	text, binds := finish(sql)
	return Change{SQL: text, Binds: binds, Target: target, Reads: p.reads, Columns: columns}
}

// insert reads INSERT [OVERWRITE] INTO table [(columns)] and its source.
func (p *parser) insert() Statement {
	if p.isAny("ALL", "FIRST") {
		p.fail(unsupported(p.peek(), "INSERT "+p.peek().folded))
	}
	overwrite := p.words("OVERWRITE")
	p.mustWords("INTO")
	p.words("TABLE")
	target := p.object()
	var columns []string
	sql := "INSERT INTO " + target.DuckDB()
	if p.isOperator("(") && !p.startsQuery() {
		columns = p.identifiers()
		sql += " (" + quoted(columns) + ")"
	}
	s := &Insert{Overwrite: overwrite}
	if t := p.peek(); p.is("VALUES") {
		text, width, count := p.values()
		if columns != nil && width != len(columns) {
			p.fail(compilation(t, 2057, "21S01", "Insert value list does not match column list: the rows and the list of columns differ in length."))
		}
		sql += " " + text
		s.Rows = count
	} else {
		sql += " " + p.query().sql
	}
	s.Change = p.change(sql, target, columns)
	return s
}

// assignments reads column = value, … and gives them without the target's alias.
func (p *parser) assignments() (list, columns []string) {
	for {
		column := p.identifier()
		if p.operator(".") {
			column = p.identifier()
		}
		p.mustOperator("=")
		value := "DEFAULT"
		if !p.words("DEFAULT") {
			value = p.expression().sql
		}
		list, columns = append(list, Quote(column)+" = "+value), append(columns, column)
		if !p.operator(",") {
			return list, columns
		}
	}
}

// aliased reads a target with its alias, and gives its text and the name to qualify with.
func (p *parser) aliased() (target Name, sql, qualifier string) {
	target = p.object()
	sql, qualifier = target.DuckDB(), Quote(target.Object)
	if alias, ok := p.alias(); ok {
		sql, qualifier = sql+" AS "+Quote(alias), Quote(alias)
	} else if target.Session != 0 {
		sql += " AS " + qualifier // DuckDB has it under another name
	}
	return target, sql, qualifier
}

// update reads UPDATE table SET … [FROM …] [WHERE …].
func (p *parser) update() Statement {
	target, text, qualifier := p.aliased()
	p.mustWords("SET")
	list, columns := p.assignments()
	sql := "UPDATE " + text + " SET " + strings.Join(list, ", ")
	from, where := "", ""
	if p.words("FROM") {
		from = p.from()
		sql += " FROM " + from
	}
	if p.words("WHERE") {
		where = " WHERE " + p.expression().sql
	}
	s := &Update{Change: p.change(sql+where, target, columns)}
	if from != "" {
		s.DuplicateCheck = p.finished(rows{
			sql: "SELECT count(*), coalesce(CAST(sum(n - 1) AS BIGINT), 0) FROM (SELECT count(*) AS n FROM " + text + ", " + from + where + " GROUP BY " + qualifier + ".rowid HAVING count(*) > 1)",
		})
	}
	return s
}

// delete reads DELETE FROM table [USING …] [WHERE …].
func (p *parser) delete() Statement {
	p.mustWords("FROM")
	target, text, _ := p.aliased()
	sql := "DELETE FROM " + text
	if p.words("USING") {
		sql += " USING " + p.from()
	}
	if p.words("WHERE") {
		sql += " WHERE " + p.expression().sql
	}
	return &Delete{Change: p.change(sql, target, nil)}
}

func (p *parser) truncate() Statement {
	p.words("TABLE")
	s := &Truncate{IfExists: p.ifExists()}
	target := p.object()
	s.Change = p.change("DELETE FROM "+target.DuckDB(), target, nil)
	return s
}

// when is one clause of a MERGE.
type when struct {
	matched   bool
	condition string // of AND, "" if none
	action    string // UPDATE, DELETE or INSERT
	sql       string // behind THEN
	columns   []string
}

// merge reads MERGE INTO target USING source ON condition WHEN ….
func (p *parser) merge() Statement {
	p.mustWords("INTO")
	target, text, qualifier := p.aliased()
	p.mustWords("USING")
	source := p.table()
	p.mustWords("ON")
	on := p.expression().sql
	var clauses []when
	for p.words("WHEN") {
		clauses = append(clauses, p.when())
	}
	if clauses == nil {
		p.fail(unexpected(p.peek()))
	}
	s := &Merge{}
	sql := "MERGE INTO " + text + " USING " + source + " ON " + on
	for _, c := range clauses {
		sql += c.text()
		s.Inserts = s.Inserts || c.action == "INSERT"
		s.Updates = s.Updates || c.action == "UPDATE"
		s.Deletes = s.Deletes || c.action == "DELETE"
		for _, column := range c.columns {
			if !slices.Contains(s.Columns, column) {
				s.Columns = append(s.Columns, column)
			}
		}
	}
	s.Change = p.change(sql+" RETURNING merge_action", target, s.Columns)
	if s.Updates {
		s.DuplicateCheck = p.finished(rows{sql: duplicates(text, qualifier, source, on, clauses)})
	} else if !s.Deletes {
		s.Staged = staged(sql)
	}
	return s
}

// when reads one clause after the word WHEN.
func (p *parser) when() when {
	c := when{matched: !p.words("NOT")}
	p.mustWords("MATCHED")
	if p.words("BY") {
		p.fail(unsupported(p.peek(), "MERGE WHEN NOT MATCHED BY"))
	}
	if p.words("AND") {
		c.condition = p.expression().sql
	}
	p.mustWords("THEN")
	t := p.take()
	c.action = t.folded
	switch {
	case c.matched && c.action == "UPDATE":
		p.mustWords("SET")
		var list []string
		list, c.columns = p.assignments()
		c.sql = "UPDATE SET " + strings.Join(list, ", ")
	case c.matched && c.action == "DELETE":
		c.sql = "DELETE"
	case !c.matched && c.action == "INSERT":
		c.sql = "INSERT"
		if p.isOperator("(") {
			c.columns = p.identifiers()
			c.sql += " (" + quoted(c.columns) + ")"
		}
		p.mustWords("VALUES")
		row := p.row()
		if c.columns != nil && len(row) != len(c.columns) {
			p.fail(compilation(t, 2057, "21S01", "Insert value list does not match column list: the values and the list of columns differ in length."))
		}
		c.sql += " VALUES (" + strings.Join(row, ", ") + ")"
	default:
		p.fail(unexpected(t))
	}
	return c
}

// text is the clause for DuckDB.
func (c when) text() string {
	sql := " WHEN "
	if !c.matched {
		sql += "NOT "
	}
	sql += "MATCHED"
	if c.condition != "" {
		sql += " AND (" + c.condition + ")"
	}
	return sql + " THEN " + c.sql
}

// duplicates counts the target rows that more than one source row would change, if one of them
// updates. Rows that are only deleted may match as often as they like.
func duplicates(target, qualifier, source, on string, clauses []when) string {
	action := "CASE"
	for _, c := range clauses {
		if !c.matched {
			continue
		}
		condition := "TRUE"
		if c.condition != "" {
			condition = c.condition
		}
		action += " WHEN " + condition + " THEN " + Literal(c.action)
	}
	action += " END"
	return "SELECT count(*) FROM (SELECT 1 FROM " + target + " JOIN " + source + " ON " + on + " GROUP BY " + qualifier +
		".rowid HAVING count(" + action + ") > 1 AND bool_or(" + action + " = 'UPDATE'))"
}
