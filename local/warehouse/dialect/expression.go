package dialect

import "strings"

// kind is what the text alone tells of an expression's type. Where it says nothing, the
// macros of Prelude choose by DuckDB's type.
type kind int

const (
	kindUnknown kind = iota
	kindText
	kindNumber
	kindVariant
	kindOther
	kindBind // its type is whatever the client sends
	kindNull
)

// level is how tightly the outermost operator of an expression's DuckDB text binds.
type level int

const (
	levelOr level = iota + 1
	levelAnd
	levelNot
	levelCompare
	levelConcat
	levelAdd
	levelMultiply
	levelSign
	levelPostfix
	levelAtom
)

// expression is DuckDB text with what is known of it.
type expression struct {
	sql   string
	kind  kind
	level level
	// name is the answer column that Snowflake makes of a plain column; else "".
	name string
	// base and path are set for a step into a variant: sql is get(base, pathText).
	base, pathText string
	// literal is set for a literal, text its value.
	literal bool
	// zoned is set for what is known to be a time with a zone, interval for INTERVAL.
	zoned, interval bool
	// days is set for an INTERVAL of whole days or longer units.
	days bool
	text string
}

func atom(sql string, k kind) expression { return expression{sql: sql, kind: k, level: levelAtom} }

func (e expression) inZone(zoned bool) expression {
	e.zoned = zoned
	return e
}

// at gives the text, in brackets if it binds more loosely than the place needs.
func (e expression) at(least level) string {
	if e.level < least {
		return "(" + e.sql + ")"
	}
	return e.sql
}

// asText is the expression as Snowflake turns it into text.
func (e expression) asText() string {
	switch e.kind {
	case kindText:
		return e.sql
	case kindBind, kindNull:
		return "CAST(" + e.sql + " AS VARCHAR)"
	}
	if e.base != "" && e.pathText != "" {
		return call("get_text", e.base, Literal(e.pathText))
	}
	return call("text", e.sql)
}

// asWide is a left operand of arithmetic: a whole literal, which DuckDB would compute with in
// 32 bits, gets the width it has in Snowflake.
func (e expression) asWide() expression {
	if e.literal && e.kind == kindNumber && !strings.ContainsAny(e.text, ".eE") {
		return atom("CAST("+e.sql+" AS DECIMAL(38,0))", kindNumber)
	}
	return e.asNumber()
}

// asNumber is an operand of arithmetic: a variant becomes a DOUBLE.
func (e expression) asNumber() expression {
	if e.kind == kindVariant {
		return atom("CAST("+e.asText()+" AS DOUBLE)", kindNumber)
	}
	if e.kind == kindNull {
		return atom("CAST(NULL AS DECIMAL(38,0))", kindNumber)
	}
	return e
}

func (p *parser) expression() expression {
	p.enter()
	defer p.leave()
	return p.bounded(p.or())
}

// maxOutput bounds the DuckDB text of one expression. Some functions need an argument's text more than
// once; nested, they would double it at each level.
const maxOutput = 2 << 20

func (p *parser) bounded(e expression) expression {
	p.repeatable(e, 1)
	return e
}

// repeatable refuses to write an expression so many times that its text is out of bounds.
func (p *parser) repeatable(e expression, times int) {
	if len(e.sql) > maxOutput/max(times, 1) {
		p.fail(unsupported(p.peek(), "expression over 2 MB when written out"))
	}
}

// chain reads operand (operator operand)* where next takes an operator and gives its DuckDB form.
func (p *parser) chain(lv level, operand func() expression, next func() string) expression {
	first := operand()
	operator := next()
	if operator == "" {
		return first
	}
	var sql strings.Builder
	sql.WriteString(first.at(lv))
	for n := 0; operator != ""; operator = next() {
		if n++; n > maxChain {
			p.fail(unsupported(p.peek(), "over 900 operators in a row"))
		}
		sql.WriteString(" " + operator + " ")
		sql.WriteString(operand().at(lv + 1))
	}
	return expression{sql: sql.String(), kind: kindOther, level: lv}
}

func (p *parser) or() expression {
	return p.chain(levelOr, p.and, func() string { return p.keyword("OR") })
}

func (p *parser) and() expression {
	return p.chain(levelAnd, p.not, func() string { return p.keyword("AND") })
}

// keyword takes a keyword and gives it, or "".
func (p *parser) keyword(w string) string {
	if p.words(w) {
		return w
	}
	return ""
}

func (p *parser) not() expression {
	if p.is("NOT") {
		p.enter()
		defer p.leave()
		p.at++
		return expression{sql: "NOT " + p.not().at(levelNot), kind: kindOther, level: levelNot}
	}
	return p.comparison()
}

// additive reads +, - and ||, which share a level in Snowflake.
func (p *parser) additive() expression {
	left := p.multiplicative()
	for n := 0; ; n++ {
		switch {
		case n > maxChain:
			p.fail(unsupported(p.peek(), "over 900 operators in a row"))
		case p.isOperator("+"), p.isOperator("-"):
			operator := p.take().text
			right := p.multiplicative().asNumber()
			if right.interval {
				left = shifted(left, operator, right)
				continue
			}
			left = expression{sql: left.asWide().at(levelAdd) + " " + operator + " " + right.at(levelMultiply), level: levelAdd}
		case p.operator("||"):
			right := p.multiplicative()
			if left.literal && right.literal && left.kind == kindText && right.kind == kindText {
				left = p.textLiteral(token{text: left.text + right.text})
				continue
			}
			texts := []string{left.concatenated(levelAdd), right.concatenated(levelAdd)}
			for p.operator("||") {
				if n++; n > maxChain {
					p.fail(unsupported(p.peek(), "over 900 operators in a row"))
				}
				texts = append(texts, p.multiplicative().concatenated(levelAdd))
			}
			left = joined(texts)
		default:
			return left
		}
	}
}

// joined joins texts with ||, in halves: DuckDB's planner walks all that is below an operator for each one, so a long
// row of them would cost it the square of its length.
func joined(texts []string) expression {
	if len(texts) == 1 {
		return atom(texts[0], kindText)
	}
	half := (len(texts) + 1) / 2
	return expression{sql: joined(texts[:half]).at(levelConcat) + " || " + joined(texts[half:]).at(levelAdd), kind: kindText, level: levelConcat}
}

// concatenated is the expression as text beside ||.
func (e expression) concatenated(least level) string {
	if e.kind == kindText {
		return e.at(least)
	}
	return e.asText()
}

func (p *parser) multiplicative() expression {
	left := p.sign()
	for n := 0; ; n++ {
		switch {
		case n > maxChain:
			p.fail(unsupported(p.peek(), "over 900 operators in a row"))
		case p.operator("%"):
			right := p.sign().asNumber()
			left = atom(call("modulo", left.asWide().sql, right.sql), kindNumber)
		case p.isOperator("*"):
			operator := p.take().text
			right := p.sign().asNumber()
			left = expression{sql: left.asWide().at(levelMultiply) + " " + operator + " " + right.at(levelSign), kind: kindNumber, level: levelMultiply}
		case p.operator("/"):
			right := p.sign().asNumber()
			left = atom(call("divide", left.asWide().sql, right.sql), kindNumber)
		default:
			return left
		}
	}
}

func (p *parser) sign() expression {
	if !p.isOperator("-") && !p.isOperator("+") {
		return p.postfix()
	}
	p.enter()
	defer p.leave()
	operator := p.take().text
	operand := p.sign().asNumber()
	return expression{sql: operator + operand.at(levelPostfix), kind: operand.kind, level: levelSign}
}

// postfix reads a primary and the casts and variant steps behind it.
func (p *parser) postfix() expression {
	e := p.primary()
	for n := 0; ; n++ {
		next := p.ahead(1)
		switch {
		case n > maxChain:
			p.fail(unsupported(p.peek(), "over 900 operators in a row"))
		case p.operator("::"):
			e = p.castTo(e, p.dataType(), false)
		case p.isOperator(":") && (next.class == classWord || next.class == classQuoted):
			p.at++
			e = step(e, memberPath(p.take()))
		case p.isOperator("[") && e.base == "" && (e.literal || e.kind == kindNumber):
			p.fail(unexpected(p.peek()))
		case p.operator("["):
			e = p.element(e)
		case p.isOperator(".") && e.base != "":
			p.at++
			t := p.take()
			if t.class != classWord && t.class != classQuoted {
				p.fail(unexpected(t))
			}
			e = step(e, memberPath(t))
		case p.is("COLLATE"), p.is("AT", "TIME", "ZONE"):
			p.fail(unsupported(p.peek(), p.peek().folded))
		default:
			return e
		}
	}
}

// memberPath is the JSON path of an object's member. Its case counts.
func memberPath(t token) string {
	return `."` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(t.text) + `"`
}

// element reads the index of base[index] after the bracket.
func (p *parser) element(e expression) expression {
	t := p.peek()
	index := p.expression()
	p.mustOperator("]")
	switch {
	case t.class == classNumber && index.literal && !strings.ContainsAny(index.text, ".eE"):
		return step(e, "["+index.text+"]")
	case index.literal && index.kind == kindText:
		return step(e, memberPath(token{text: index.text}))
	}
	return atom(call("element", e.sql, index.sql), kindVariant)
}

// step goes one step into a variant. Steps of constants gather in one path.
func step(e expression, path string) expression {
	base, whole := e.sql, "$"+path
	if e.base != "" {
		base, whole = e.base, e.pathText+path
	}
	return expression{
		sql: call("get", base, Literal(whole)), kind: kindVariant, level: levelAtom,
		base: base, pathText: whole,
	}
}
