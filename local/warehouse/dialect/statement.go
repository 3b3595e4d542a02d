package dialect

import (
	"slices"
	"strconv"
)

// statement reads one statement by its first word.
func (p *parser) statement() Statement {
	t := p.peek()
	if p.startsQuery() {
		if f, ok := p.systemFunction(); ok {
			return f
		}
		return p.topQuery()
	}
	if t.class != classWord {
		p.fail(unexpected(t))
	}
	if t.folded != "END" {
		p.at++
	}
	switch t.folded {
	case "INSERT":
		return p.insert()
	case "UPDATE":
		return p.update()
	case "DELETE":
		return p.delete()
	case "TRUNCATE":
		return p.truncate()
	case "MERGE":
		return p.merge()
	case "COPY":
		return p.copyInto(t)
	case "CREATE":
		return p.create()
	case "ALTER":
		return p.alter()
	case "DROP":
		return p.drop()
	case "DESC", "DESCRIBE":
		return p.describe()
	case "SHOW":
		return p.show()
	case "USE":
		return p.use()
	case "LIST", "LS":
		return &List{Stage: p.stagePlace(), Pattern: p.pattern()}
	case "REMOVE", "RM":
		return &Remove{Stage: p.stagePlace(), Pattern: p.pattern()}
	case "PUT", "GET":
		return p.transfer(t)
	case "GRANT", "REVOKE":
		return p.grant(t.folded)
	case "COMMENT":
		return p.comment()
	}
	return p.control(t)
}

// control reads the statements about session and transaction.
func (p *parser) control(t token) Statement {
	switch t.folded {
	case "SET":
		return p.set()
	case "UNSET":
		if p.isOperator("(") {
			return &Unset{Names: p.identifiers()}
		}
		return &Unset{Names: []string{p.identifier()}}
	case "BEGIN":
		if !p.words("TRANSACTION") {
			p.words("WORK")
		}
		return &Begin{Name: p.transactionName()}
	case "START":
		p.mustWords("TRANSACTION")
		return &Begin{Name: p.transactionName()}
	case "COMMIT":
		p.words("WORK")
		return &Commit{}
	case "ROLLBACK":
		p.words("WORK")
		return &Rollback{}
	case "EXPLAIN", "CALL", "EXECUTE", "UNDROP", "DECLARE", "LET", "IF", "FOR", "RETURN":
		p.fail(unsupported(t, t.folded))
	}
	p.fail(unexpected(t))
	return nil
}

func (p *parser) transactionName() string {
	if p.words("NAME") {
		return p.identifier()
	}
	return ""
}

// systemFunction reads SELECT SYSTEM$NAME(literals) when nothing else stands there.
func (p *parser) systemFunction() (*SystemFunction, bool) {
	t := p.ahead(1)
	if !p.is("SELECT") || t.class != classWord || len(t.folded) < 8 || t.folded[:7] != "SYSTEM$" {
		return nil, false
	}
	p.at += 2
	f := &SystemFunction{Name: t.folded}
	p.mustOperator("(")
	for !p.isOperator(")") {
		text, bind := p.systemArgument()
		f.Args, f.Binds = append(f.Args, text), append(f.Binds, bind)
		if !p.operator(",") {
			break
		}
	}
	p.mustOperator(")")
	f.Column = columnName(p.since(1))
	if alias, ok := p.alias(); ok {
		f.Column = alias
	}
	if next := p.peek(); next.class != classEnd && next.text != ";" {
		p.fail(unsupported(next, f.Name+" with anything beside it; use SELECT "+f.Name+"(…) alone"))
	}
	return f, true
}

// systemArgument reads a literal, a session variable or a bind.
func (p *parser) systemArgument() (text string, bind int) {
	t := p.peek()
	if t.class == classWord && (t.folded == "TRUE" || t.folded == "FALSE" || t.folded == "NULL") {
		p.at++
		return t.folded, 0
	}
	e := p.sign()
	switch {
	case e.literal:
		return e.text, 0
	case e.kind == kindBind:
		bind, _ = strconv.Atoi(e.text)
		return "", bind
	case e.kind == kindNumber && e.level == levelSign:
		return e.sql, 0
	}
	p.fail(unsupported(t, "system function of something that is no literal"))
	return "", 0
}

// set reads SET name = expression and SET (a, b) = (x, y).
func (p *parser) set() Statement {
	s := &Set{}
	if p.isOperator("(") {
		s.Names = p.identifiers()
		p.mustOperator("=")
		p.mustOperator("(")
	} else {
		s.Names = []string{p.identifier()}
		p.mustOperator("=")
	}
	sql := "SELECT "
	for i, name := range s.Names {
		if i > 0 {
			p.mustOperator(",")
			sql += ", "
		}
		sql += p.expression().sql + " AS " + Quote(name)
	}
	if len(s.Names) > 1 {
		p.mustOperator(")")
	}
	s.Query = p.finished(rows{sql: sql, columns: s.Names})
	return s
}

// use reads USE DATABASE, SCHEMA, WAREHOUSE, ROLE, and USE name for a database or schema.
func (p *parser) use() Statement {
	switch {
	case p.words("SECONDARY", "ROLES"):
		return &Use{Kind: "SECONDARY ROLES", Name: Name{Object: p.identifier()}}
	case p.words("SCHEMA"):
		return &Use{Kind: "SCHEMA", Name: p.schemaName()}
	case p.words("DATABASE"):
		return &Use{Kind: "DATABASE", Name: p.databaseName()}
	case p.isAny("WAREHOUSE", "ROLE"):
		return &Use{Kind: p.take().folded, Name: Name{Object: p.single()}}
	}
	t := p.peek()
	parts := p.parts()
	switch len(parts) {
	case 1:
		return &Use{Kind: "DATABASE", Name: Name{Database: parts[0]}}
	case 2:
		return &Use{Kind: "SCHEMA", Name: Name{Database: parts[0], Schema: parts[1]}}
	}
	p.fail(unexpected(t))
	return nil
}

// accountKinds are the objects that live in no database.
func accountKind(kind string) bool {
	return slices.Contains([]string{"WAREHOUSE", "ROLE", "USER", "INTEGRATION", "NETWORK POLICY", "RESOURCE MONITOR"}, kind)
}

// kind reads the kind of an object, in one or two words; "" if there is none that is known.
func (p *parser) kind() string {
	two := [][2]string{{"FILE", "FORMAT"}, {"NETWORK", "POLICY"}, {"RESOURCE", "MONITOR"}}
	for _, words := range two {
		if p.words(words[0], words[1]) {
			return words[0] + " " + words[1]
		}
	}
	if p.is("STORAGE", "INTEGRATION") || p.is("NOTIFICATION", "INTEGRATION") {
		p.at++
	}
	if p.isAny("TABLE", "VIEW", "SCHEMA", "DATABASE", "STAGE", "PIPE", "INTEGRATION", "WAREHOUSE", "ROLE", "USER") {
		return p.take().folded
	}
	return ""
}

// mustKind is kind, with anything else refused by name.
func (p *parser) mustKind(verb string) string {
	t := p.peek()
	kind := p.kind()
	if kind == "" {
		if t.class != classWord {
			p.fail(unexpected(t))
		}
		p.fail(unsupported(t, verb+" "+t.folded))
	}
	return kind
}

// nameOf reads a name as its kind of object has it.
func (p *parser) nameOf(kind string) Name {
	switch {
	case accountKind(kind):
		return Name{Object: p.single()}
	case kind == "DATABASE":
		return p.databaseName()
	case kind == "SCHEMA":
		return p.schemaName()
	}
	if kind == "TABLE" || kind == "VIEW" {
		return p.object()
	}
	return p.permanent()
}

func (p *parser) ifExists() bool    { return p.words("IF", "EXISTS") }
func (p *parser) ifNotExists() bool { return p.words("IF", "NOT", "EXISTS") }

func (p *parser) drop() Statement {
	d := &Drop{Kind: p.mustKind("DROP")}
	d.IfExists = p.ifExists()
	d.Name = p.nameOf(d.Kind)
	if p.words("CASCADE") {
		d.Cascade = true
	} else {
		p.words("RESTRICT")
	}
	return d
}

func (p *parser) describe() Statement {
	at := p.at
	kind := p.kind()
	if next := p.peek(); kind == "" || next.class == classEnd || next.class == classOperator {
		p.at, kind = at, "TABLE" // DESC name
	}
	d := &Describe{Kind: kind, Name: p.nameOf(kind)}
	if p.words("TYPE") { // COLUMNS is what an answer tells anyhow
		p.operator("=")
		if t := p.peek(); kind != "TABLE" && kind != "VIEW" || !p.words("COLUMNS") {
			p.fail(unsupported(t, "DESCRIBE "+kind+" with TYPE "+t.folded))
		}
	}
	return d
}
