package dialect

import "strings"

// alter reads ALTER after its first word.
func (p *parser) alter() Statement {
	if p.is("SESSION") {
		return p.alterSession()
	}
	t := p.peek()
	kind := p.mustKind("ALTER")
	exists := p.ifExists()
	if kind == "USER" && p.is("SET") {
		// ALTER USER SET … is about the session's own user.
		return p.alterAccount(&AccountStatement{Verb: "ALTER", Kind: kind, Name: Name{Object: p.env.User}})
	}
	name := p.nameOf(kind)
	switch kind {
	case "TABLE", "VIEW":
		return p.alterTable(&AlterTable{Name: name, IfExists: exists, View: kind == "VIEW"})
	case "PIPE":
		return p.alterPipe(t, &AlterPipe{Name: name, IfExists: exists})
	case "WAREHOUSE", "ROLE", "USER", "NETWORK POLICY", "RESOURCE MONITOR":
		return p.alterAccount(&AccountStatement{Verb: "ALTER", Kind: kind, Name: name, IfExists: exists})
	}
	a := &AlterObject{Kind: kind, Name: name, IfExists: exists}
	switch {
	case p.words("RENAME", "TO"):
		to := p.nameOf(kind)
		a.RenameTo = &to
	case p.words("SET"):
		a.Set = p.options()
		if len(a.Set) == 0 {
			p.fail(unexpected(p.peek()))
		}
	case p.words("UNSET"):
		a.Unset = p.unsetNames()
	default:
		p.fail(unsupported(p.peek(), "ALTER "+kind+" "+p.peek().shown()))
	}
	return a
}

func (p *parser) alterSession() Statement {
	p.mustWords("SESSION")
	a := &AlterSession{}
	switch {
	case p.words("SET"):
		if a.Set = p.options(); len(a.Set) == 0 {
			p.fail(unexpected(p.peek()))
		}
	case p.words("UNSET"):
		a.Unset = p.unsetNames()
	default:
		p.fail(unexpected(p.peek()))
	}
	return a
}

func (p *parser) alterPipe(t token, a *AlterPipe) Statement {
	switch {
	case p.words("REFRESH"):
		a.Refresh = &Refresh{}
		for _, o := range p.options() {
			switch o.Name {
			case "PREFIX":
				a.Refresh.Prefix = o.Value.Text
			case "MODIFIED_AFTER":
				a.Refresh.ModifiedAfter = o.Value.Text
			default:
				p.known(t, "PIPE", Options{o}, "")
			}
		}
	case p.words("SET"):
		p.setPipe(t, a)
	case p.words("UNSET", "COMMENT"):
		a.Comment = new(string)
	default:
		p.fail(unsupported(p.peek(), "ALTER PIPE "+p.peek().shown()))
	}
	return a
}

func (p *parser) setPipe(t token, a *AlterPipe) {
	options := p.options()
	if len(options) != 1 {
		p.fail(unsupported(t, "ALTER PIPE SET of other than one property"))
	}
	o := options[0]
	switch o.Name {
	case "PIPE_EXECUTION_PAUSED":
		paused, ok := o.Value.Bool()
		if !ok {
			p.fail(badValue(t, o))
		}
		a.Paused = &paused
	case "COMMENT":
		a.Comment = &o.Value.Text
	default:
		p.known(t, "PIPE", options, "")
	}
}

// alterAccount reads what is changed of an account object.
func (p *parser) alterAccount(a *AccountStatement) Statement {
	t := p.peek()
	if t.class != classWord {
		p.fail(unexpected(t))
	}
	p.at++
	a.Action = t.folded
	switch a.Action {
	case "SET":
		options := p.options()
		p.knownAccount(t, a.Kind, options)
		a.Comment, a.Options = comment(options)
	case "UNSET":
		a.Unset = p.unsetNames()
	case "SUSPEND":
	case "RESUME":
		if p.words("IF") {
			p.mustWords("SUSPENDED")
		}
	case "ABORT":
		p.mustWords("ALL", "QUERIES")
	case "RENAME":
		p.mustWords("TO")
		a.Options = Options{{Name: "RENAME", Value: Value{Text: p.single()}}}
	default:
		p.fail(unsupported(t, "ALTER "+a.Kind+" "+t.shown()))
	}
	return a
}

// comment reads COMMENT [IF EXISTS] ON kind name IS 'text'.
func (p *parser) comment() Statement {
	a := &AccountStatement{Verb: "COMMENT"}
	a.IfExists = p.ifExists()
	p.mustWords("ON")
	if p.words("COLUMN") {
		t := p.peek()
		parts := p.columnParts()
		if len(parts) < 2 {
			p.fail(unexpected(t))
		}
		last := len(parts) - 1
		a.Kind, a.Name = "COLUMN", p.complete(t, parts[:last])
		a.Options = Options{{Name: "COLUMN", Value: Value{Text: parts[last]}}}
	} else {
		a.Kind = p.mustKind("COMMENT ON")
		a.Name = p.nameOf(a.Kind)
	}
	p.mustWords("IS")
	a.Comment = p.str()
	return a
}

// columnParts reads a column's name with its table.
func (p *parser) columnParts() []string {
	parts := []string{p.part()}
	for p.operator(".") && len(parts) < 4 {
		parts = append(parts, p.part())
	}
	return parts
}

// grant reads GRANT and REVOKE, which are only recorded.
func (p *parser) grant(verb string) Statement {
	a := &AccountStatement{Verb: verb}
	if p.words("ROLE") {
		a.Kind, a.Name = "ROLE", Name{Object: p.single()}
	} else {
		p.words("GRANT", "OPTION", "FOR")
		a.Privileges = p.privileges()
		p.mustWords("ON")
		p.grantedObject(a)
	}
	if verb == "GRANT" {
		p.mustWords("TO")
	} else {
		p.mustWords("FROM")
	}
	a.GranteeKind = "ROLE"
	if p.isAny("ROLE", "USER") {
		a.GranteeKind = p.take().folded
	}
	a.Grantee = p.single()
	p.words("WITH", "GRANT", "OPTION")
	for p.isAny("COPY", "REVOKE", "CURRENT", "GRANTS", "CASCADE", "RESTRICT") {
		p.at++
	}
	return a
}

// privileges reads words up to ON: CREATE TABLE, USAGE.
func (p *parser) privileges() []string {
	var list []string
	for {
		var words []string
		for p.peek().class == classWord && !p.is("ON") {
			words = append(words, p.take().folded)
		}
		if len(words) == 0 {
			p.fail(unexpected(p.peek()))
		}
		list = append(list, strings.Join(words, " "))
		if !p.operator(",") {
			return list
		}
	}
}

// grantedObject reads what the right is about: ACCOUNT, a kind and a name, or all or future
// objects of a schema or database.
func (p *parser) grantedObject(a *AccountStatement) {
	if p.words("ACCOUNT") {
		a.Kind = "ACCOUNT"
		return
	}
	if p.isAny("ALL", "FUTURE") {
		prefix := p.take().folded
		t := p.take()
		if t.class != classWord {
			p.fail(unexpected(t))
		}
		a.Kind = prefix + " " + t.folded
		if t.folded == "FILE" || t.folded == "NETWORK" {
			a.Kind += " " + p.take().folded
		}
		p.mustWords("IN")
		kind := p.mustKind("GRANT ON ALL … IN")
		a.Name = p.nameOf(kind)
		return
	}
	a.Kind = p.mustKind("GRANT ON")
	a.Name = p.nameOf(a.Kind)
}
