package dialect

import "strings"

func boolean(sql string) expression {
	return expression{sql: sql, kind: kindOther, level: levelCompare}
}

// comparison reads one operand and the predicates after it.
func (p *parser) comparison() expression {
	left := p.additive()
	for n := 0; ; n++ {
		if n > maxChain {
			p.fail(unsupported(p.peek(), "over 900 operators in a row"))
		}
		if operator := p.comparator(); operator != "" {
			left = p.compared(left, operator)
			continue
		}
		next, ok := p.predicate(left)
		if !ok {
			return left
		}
		left = p.bounded(next)
	}
}

func (p *parser) comparator() string {
	t := p.peek()
	if t.class != classOperator {
		return ""
	}
	switch t.text {
	case "=", "<>", "<", ">", "<=", ">=":
		p.at++
		return t.text
	case "!=":
		p.at++
		return "<>"
	}
	return ""
}

// compared writes left operator right. A variant takes the type of the other side.
func (p *parser) compared(left expression, operator string) expression {
	if p.isAny("ANY", "ALL", "SOME") {
		p.fail(unsupported(p.peek(), operator+" "+p.peek().folded))
	}
	right := p.additive()
	a, b := aligned(left, right), aligned(right, left)
	return boolean(a.at(levelConcat) + " " + operator + " " + b.at(levelConcat))
}

// aligned gives e in the type that a comparison with other needs.
//
// DuckDB does not compare a time in nanoseconds with one in a zone. All zones are UTC here, so the zone is dropped
// where the other side may have none.
func aligned(e, other expression) expression {
	if e.zoned && !other.zoned && other.kind != kindText && other.kind != kindBind && other.kind != kindNull {
		return atom("("+e.at(levelPostfix)+" AT TIME ZONE 'UTC')", kindOther)
	}
	if e.kind != kindVariant {
		if other.kind == kindVariant && (e.kind == kindNumber || e.kind == kindUnknown) {
			return atom(call("key", e.sql), kindText)
		}
		return e
	}
	switch other.kind {
	case kindText:
		return atom(e.asText(), kindText)
	case kindNumber:
		return atom("variant_number_key(CAST("+e.sql+" AS VARCHAR))", kindText)
	case kindVariant:
		return atom("variant_key(CAST("+e.sql+" AS VARCHAR))", kindText)
	case kindUnknown:
		return atom(call("key_beside", e.sql, other.sql), kindText)
	}
	return e
}

// predicate reads IS, IN, BETWEEN, LIKE and their like behind an operand.
func (p *parser) predicate(left expression) (expression, bool) {
	if p.words("IS") {
		return p.isPredicate(left), true
	}
	at := p.at
	not := ""
	if p.words("NOT") {
		not = "NOT "
	}
	switch {
	case p.words("IN"):
		return p.in(left, not), true
	case p.words("BETWEEN"):
		return p.between(left, not), true
	case p.isAny("LIKE", "ILIKE"):
		return p.like(left, not, p.take().folded), true
	case p.isAny("RLIKE", "REGEXP"):
		p.at++
		pattern := p.additive()
		return atom(not+"regexp_full_match("+left.asText()+", "+pattern.asText()+")", kindOther).loose(not), true
	}
	p.at = at
	return left, false
}

// loose lowers the level of a text that starts with NOT.
func (e expression) loose(not string) expression {
	if not != "" {
		e.level = levelNot
	}
	return e
}

func (p *parser) isPredicate(left expression) expression {
	not := p.keyword("NOT")
	if not != "" {
		not += " "
	}
	operand := left.at(levelConcat)
	switch {
	case p.words("NULL"):
		return boolean(operand + " IS " + not + "NULL")
	case p.isAny("TRUE", "FALSE"):
		return boolean(operand + " IS " + not + p.take().folded)
	case p.words("DISTINCT", "FROM"):
		right := p.additive()
		return boolean(operand + " IS " + not + "DISTINCT FROM " + right.at(levelConcat))
	}
	p.fail(unexpected(p.peek()))
	return left
}

func (p *parser) in(left expression, not string) expression {
	p.mustOperator("(")
	if p.startsQuery() {
		q := p.query()
		p.mustOperator(")")
		return boolean(left.at(levelConcat) + " " + not + "IN (" + q.sql + ")")
	}
	var items []string
	operand := left
	for {
		item := p.expression()
		operand = aligned(left, item)
		if item.zoned || left.kind == kindVariant {
			item = aligned(item, left)
		}
		items = append(items, item.sql)
		if !p.operator(",") {
			break
		}
	}
	p.mustOperator(")")
	return boolean(operand.at(levelConcat) + " " + not + "IN (" + strings.Join(items, ", ") + ")")
}

func (p *parser) between(left expression, not string) expression {
	low := p.additive()
	p.mustWords("AND")
	high := p.additive()
	operand := aligned(left, low)
	if low.zoned || left.kind == kindVariant {
		low = aligned(low, left)
	}
	if high.zoned || left.kind == kindVariant {
		high = aligned(high, left)
	}
	return boolean(operand.at(levelConcat) + " " + not + "BETWEEN " + low.at(levelConcat) + " AND " + high.at(levelConcat))
}

func (p *parser) like(left expression, not, operator string) expression {
	if p.isAny("ANY", "ALL") {
		return p.likeAny(left, not, operator)
	}
	pattern := p.additive()
	sql := atom(left.asText(), kindText).sql + " " + not + operator + " " + pattern.at(levelConcat)
	if p.words("ESCAPE") {
		sql += " ESCAPE " + p.additive().at(levelConcat)
	}
	return boolean(sql)
}

// likeAny writes LIKE ANY (a, b) as a chain of LIKE.
func (p *parser) likeAny(left expression, not, operator string) expression {
	joint := " OR "
	if p.take().folded == "ALL" {
		joint = " AND "
	}
	p.mustOperator("(")
	text := left.asText()
	var each []string
	for {
		each = append(each, text+" "+operator+" "+p.expression().at(levelConcat))
		p.repeatable(left, len(each)+1)
		if !p.operator(",") {
			break
		}
	}
	p.mustOperator(")")
	e := atom(not+"("+strings.Join(each, joint)+")", kindOther)
	return e.loose(not)
}
