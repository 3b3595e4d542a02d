package dialect

import (
	"fmt"
	"strings"
)

// tableOptions are the properties of a table that are recorded.
const tableOptions = "DATA_RETENTION_TIME_IN_DAYS MAX_DATA_EXTENSION_TIME_IN_DAYS CHANGE_TRACKING DEFAULT_DDL_COLLATION ENABLE_SCHEMA_EVOLUTION ERROR_LOGGING" +
	" STAGE_FILE_FORMAT STAGE_COPY_OPTIONS ROW_TIMESTAMP COMMENT"

// createTable reads CREATE TABLE after the word TABLE.
func (p *parser) createTable(c *CreateTable) Statement {
	t := p.peek()
	c.IfNotExists = p.ifNotExists()
	c.Name = p.relation(c.Temporary)
	switch {
	case p.words("LIKE"):
		source := p.object()
		c.Like = &source
	case p.words("CLONE"):
		source := p.object()
		c.Clone = &source
	case p.isOperator("("):
		c.Columns = p.columnDefinitions()
	}
	p.tableProperties(t, c)
	if p.words("AS") {
		c.As = p.topQuery()
	}
	if c.Columns == nil && c.As == nil && c.Like == nil && c.Clone == nil {
		p.fail(unexpected(p.peek()))
	}
	c.SQL = p.tableSQL(t, c)
	return c
}

// tableProperties reads CLUSTER BY, COPY GRANTS and NAME = value in any order.
func (p *parser) tableProperties(t token, c *CreateTable) {
	for {
		switch {
		case p.words("CLUSTER", "BY"):
			p.words("LINEAR")
			c.ClusterBy = p.clusterKeys()
		case p.words("COPY", "GRANTS"), p.words("COPY", "TAGS"):
		case p.optionFollows():
			c.Options = append(c.Options, p.options()...)
		default:
			p.known(t, "TABLE", c.Options, tableOptions)
			c.Comment, c.Options = comment(c.Options)
			return
		}
	}
}

// clusterKeys reads (expression, …) as written.
func (p *parser) clusterKeys() []string {
	p.mustOperator("(")
	var keys []string
	for {
		first := p.at
		p.expression()
		keys = append(keys, p.since(first))
		if !p.operator(",") {
			break
		}
	}
	p.mustOperator(")")
	return keys
}

// columnDefinitions reads (column type …, constraint …).
func (p *parser) columnDefinitions() []Column {
	p.mustOperator("(")
	var list []Column
	for {
		if p.isAny("CONSTRAINT", "PRIMARY", "UNIQUE", "FOREIGN") && p.tableConstraint(list) {
			if !p.operator(",") {
				break
			}
			continue
		}
		list = append(list, p.columnDefinition())
		if !p.operator(",") {
			break
		}
	}
	p.mustOperator(")")
	return list
}

// tableConstraint reads PRIMARY KEY (…), UNIQUE (…) or FOREIGN KEY (…) REFERENCES …. None is
// enforced; a column of that name is told apart by what follows.
func (p *parser) tableConstraint(columns []Column) bool {
	at := p.at
	if p.words("CONSTRAINT") {
		p.identifier()
	}
	var names []string
	primary := false
	switch {
	case p.is("PRIMARY", "KEY"), p.is("UNIQUE") && p.ahead(1).text == "(":
		primary = p.words("PRIMARY", "KEY")
		p.words("UNIQUE")
		names = p.identifiers()
	case p.words("FOREIGN", "KEY"):
		p.identifiers()
		p.references()
	default:
		p.at = at
		return false
	}
	p.constraintProperties()
	for _, name := range names {
		for i := range columns {
			if columns[i].Name == name {
				columns[i].PrimaryKey = columns[i].PrimaryKey || primary
				columns[i].Unique = columns[i].Unique || !primary
				columns[i].NotNull = columns[i].NotNull || primary
			}
		}
	}
	return true
}

func (p *parser) references() {
	p.mustWords("REFERENCES")
	p.object()
	if p.isOperator("(") {
		p.identifiers()
	}
}

// constraintProperties reads the words that say a constraint is not enforced.
func (p *parser) constraintProperties() {
	for p.isAny("ENFORCED", "DEFERRABLE", "INITIALLY", "DEFERRED", "IMMEDIATE", "ENABLE", "DISABLE", "VALIDATE", "NOVALIDATE", "RELY", "NORELY") ||
		p.is("NOT", "ENFORCED") || p.is("NOT", "DEFERRABLE") {
		p.at++
	}
}

// columnDefinition reads one column.
func (p *parser) columnDefinition() Column {
	c := Column{Name: p.identifier()}
	if t := p.peek(); t.class == classOperator && (t.text == "," || t.text == ")") {
		return c // CREATE TABLE t (a, b) AS SELECT: the query gives the type
	}
	c.Type = p.dataType()
	for p.columnProperty(&c) {
	}
	return c
}

// columnProperty reads one of the words behind a column's type.
func (p *parser) columnProperty(c *Column) bool {
	t := p.peek()
	switch {
	case p.words("NOT", "NULL"):
		c.NotNull = true
	case p.words("NULL"):
	case p.words("DEFAULT"):
		p.columnDefault(c)
	case p.words("COMMENT"):
		p.operator("=")
		c.Comment = p.str()
	case p.words("CONSTRAINT"):
		p.identifier()
	case p.words("PRIMARY", "KEY"):
		c.PrimaryKey, c.NotNull = true, true
	case p.words("UNIQUE"):
		c.Unique = true
	case p.is("REFERENCES"):
		p.references()
	case p.is("FOREIGN", "KEY"):
		p.at += 2
		p.references()
	case p.isAny("AUTOINCREMENT", "IDENTITY", "COLLATE", "MASKING", "PROJECTION", "TAG", "WITH", "AS", "CHECK"):
		p.fail(unsupported(t, t.folded+" of a column"))
	default:
		at := p.at
		p.constraintProperties()
		return p.at > at
	}
	return true
}

func (p *parser) columnDefault(c *Column) {
	first := p.at
	p.bare = true
	e := p.additive()
	p.bare = false
	c.Default = p.since(first)
	c.DefaultSQL = e.sql
}

// definition is a column for DuckDB. Keys are not enforced by Snowflake, lengths are. Every MERGE reads the key, and
// unpacking a compressed number of more than 18 digits takes longer than all the rest of it: such a column stays as it is.
func (c Column) definition() string {
	sql := Quote(c.Name) + " " + c.Type.DuckDB
	if c.DefaultSQL != "" {
		sql += " DEFAULT " + c.DefaultSQL
	}
	if c.NotNull {
		sql += " NOT NULL"
	}
	if c.PrimaryKey && c.Type.Base == "NUMBER" && c.Type.Precision > 18 {
		sql += " USING COMPRESSION uncompressed"
	}
	if c.Type.Base == "VARCHAR" && c.Type.Length < maxLength {
		sql += fmt.Sprintf(" CHECK (length(%s) <= %d)", Quote(c.Name), c.Type.Length)
	}
	return sql
}

// tableSQL is the CREATE TABLE for DuckDB.
func (p *parser) tableSQL(t token, c *CreateTable) string {
	if c.Like != nil || c.Clone != nil {
		return ""
	}
	sql := "CREATE TABLE " + c.Name.DuckDB()
	if c.As == nil {
		list := make([]string, len(c.Columns))
		for i, column := range c.Columns {
			if column.Type.Base == "" {
				p.fail(compilation(t, 1003, "42000", "Column "+clip(column.Name)+" has no type."))
			}
			list[i] = column.definition()
		}
		return sql + " (" + strings.Join(list, ", ") + ")"
	}
	if c.Columns == nil {
		return sql + " AS " + c.As.SQL
	}
	names, casts := make([]string, len(c.Columns)), make([]string, len(c.Columns))
	for i, column := range c.Columns {
		names[i] = Quote(column.Name)
		casts[i] = names[i]
		if column.Type.Base != "" {
			casts[i] = "CAST(" + names[i] + " AS " + column.Type.DuckDB + ") AS " + names[i]
		}
	}
	return sql + " AS SELECT " + strings.Join(casts, ", ") + " FROM (" + c.As.SQL + `) AS "source"(` + strings.Join(names, ", ") + ")"
}

// alterTable reads ALTER TABLE or ALTER VIEW after its name.
func (p *parser) alterTable(a *AlterTable) Statement {
	t := p.peek()
	prefix := "ALTER TABLE " + a.Name.DuckDB() + " "
	switch {
	case p.words("RENAME", "TO"):
		p.renameTo(a, prefix)
	case p.words("RENAME", "COLUMN"):
		r := RenameColumn{From: p.identifier()}
		p.mustWords("TO")
		r.To = p.identifier()
		a.RenameColumn = &r
		a.SQL = []string{prefix + "RENAME COLUMN " + Quote(r.From) + " TO " + Quote(r.To)}
	case p.words("ADD"):
		p.addColumns(a, prefix)
	case p.words("DROP", "CLUSTERING", "KEY"):
		a.Unset = []string{"CLUSTERING KEY"}
	case p.words("DROP"):
		p.dropColumns(a, prefix)
	case p.isAny("ALTER", "MODIFY"):
		p.at++
		p.words("COLUMN")
		a.AlterColumn = p.alterColumn()
		a.SQL = a.AlterColumn.sql(prefix)
	case p.words("CLUSTER", "BY"):
		a.ClusterBy = p.clusterKeys()
	case p.words("SET"):
		a.Set = p.options()
		p.known(t, "TABLE", a.Set, tableOptions)
	case p.words("UNSET"):
		a.Unset = p.unsetNames()
	default:
		p.fail(unsupported(t, "ALTER TABLE "+t.shown()))
	}
	return a
}

func (p *parser) renameTo(a *AlterTable, prefix string) {
	to := p.permanent()
	to.Session = a.Name.Session
	a.RenameTo = &to
	if a.View {
		prefix = strings.Replace(prefix, "TABLE", "VIEW", 1)
	}
	if to.Database == a.Name.Database && to.Schema == a.Name.Schema {
		a.SQL = []string{prefix + "RENAME TO " + Quote(to.DuckDBObject())}
	}
}

// addColumns reads ADD [COLUMN] [IF NOT EXISTS] column type, ….
func (p *parser) addColumns(a *AlterTable, prefix string) {
	if p.isAny("CONSTRAINT", "PRIMARY", "UNIQUE", "FOREIGN", "ROW", "SEARCH") {
		p.fail(unsupported(p.peek(), "ALTER TABLE ADD "+p.peek().folded))
	}
	p.words("COLUMN")
	a.AddIfNotExists = p.ifNotExists()
	for {
		c := p.columnDefinition()
		if c.Type.Base == "" {
			p.fail(unexpected(p.peek()))
		}
		a.AddColumns = append(a.AddColumns, c)
		a.SQL = append(a.SQL, c.addition(prefix, a.AddIfNotExists)...)
		if !p.operator(",") {
			return
		}
		p.words("COLUMN")
	}
}

// addition adds a column in DuckDB, which takes NOT NULL only as a second step and a CHECK
// not at all.
func (c Column) addition(prefix string, ifNotExists bool) []string {
	sql := prefix + "ADD COLUMN "
	if ifNotExists {
		sql += "IF NOT EXISTS "
	}
	sql += Quote(c.Name) + " " + c.Type.DuckDB
	if c.DefaultSQL != "" {
		sql += " DEFAULT " + c.DefaultSQL
	}
	if !c.NotNull {
		return []string{sql}
	}
	return []string{sql, prefix + "ALTER COLUMN " + Quote(c.Name) + " SET NOT NULL"}
}

func (p *parser) dropColumns(a *AlterTable, prefix string) {
	if p.isAny("CONSTRAINT", "PRIMARY", "UNIQUE", "FOREIGN", "ROW", "SEARCH") {
		p.fail(unsupported(p.peek(), "ALTER TABLE DROP "+p.peek().folded))
	}
	p.words("COLUMN")
	a.DropIfExists = p.ifExists()
	exists := ""
	if a.DropIfExists {
		exists = "IF EXISTS "
	}
	for {
		name := p.identifier()
		a.DropColumns = append(a.DropColumns, name)
		a.SQL = append(a.SQL, prefix+"DROP COLUMN "+exists+Quote(name))
		if !p.operator(",") {
			return
		}
	}
}

// alterColumn reads what is changed of one column.
func (p *parser) alterColumn() *AlterColumn {
	a := &AlterColumn{Name: p.identifier()}
	yes, no := true, false
	switch {
	case p.words("SET", "DATA", "TYPE"), p.words("TYPE"):
		t := p.dataType()
		a.Type = &t
	case p.words("SET", "NOT", "NULL"):
		a.NotNull = &yes
	case p.words("DROP", "NOT", "NULL"):
		a.NotNull = &no
	case p.words("DROP", "DEFAULT"):
		a.DropDefault = true
	case p.words("COMMENT"):
		p.operator("=")
		text := p.str()
		a.Comment = &text
	default:
		p.fail(unsupported(p.peek(), "ALTER COLUMN "+p.peek().shown()))
	}
	return a
}

// sql is the change for DuckDB.
func (a *AlterColumn) sql(prefix string) []string {
	prefix += "ALTER COLUMN " + Quote(a.Name) + " "
	switch {
	case a.Type != nil:
		return []string{prefix + "SET DATA TYPE " + a.Type.DuckDB}
	case a.NotNull != nil && *a.NotNull:
		return []string{prefix + "SET NOT NULL"}
	case a.NotNull != nil:
		return []string{prefix + "DROP NOT NULL"}
	case a.DropDefault:
		return []string{prefix + "DROP DEFAULT"}
	}
	return nil
}

// unsetNames reads UNSET name, ….
func (p *parser) unsetNames() []string {
	names := []string{p.identifier()}
	for p.operator(",") {
		names = append(names, p.identifier())
	}
	return names
}
