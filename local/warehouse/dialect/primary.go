package dialect

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// primary reads a literal, a column, a call, a subquery or an expression in brackets.
func (p *parser) primary() expression {
	t := p.peek()
	switch t.class {
	case classString:
		p.at++
		return p.textLiteral(t)
	case classNumber:
		p.at++
		return expression{sql: t.text, kind: kindNumber, level: levelAtom, literal: true, text: t.text}
	case classBind:
		p.at++
		p.marks++
		return p.bind(t, p.marks)
	case classVariable:
		p.at++
		return p.variableLiteral(t)
	case classField:
		p.at++
		return p.field(t, "")
	case classQuoted:
		return p.column()
	case classWord:
		return p.wordPrimary()
	case classOperator:
		return p.operatorPrimary(t)
	}
	p.fail(unexpected(t))
	return expression{}
}

func (p *parser) textLiteral(t token) expression {
	if strings.ContainsRune(t.text, 0) {
		p.fail(unsupported(t, "NUL character in a text"))
	}
	return expression{sql: Literal(t.text), kind: kindText, level: levelAtom, literal: true, text: t.text}
}

func (p *parser) bind(t token, number int) expression {
	if p.bare {
		p.fail(unsupported(t, "bind in this place"))
	}
	return expression{sql: bindMark + strconv.Itoa(number) + bindMark, kind: kindBind, level: levelAtom, text: strconv.Itoa(number)}
}

// numbered reads the number of a :n bind.
func (p *parser) numbered() expression {
	p.at++
	t := p.take()
	number := 0
	for _, c := range []byte(t.text) {
		if number = number*10 + int(c-'0'); !isDigit(c) || number > 1<<16 {
			p.fail(unexpected(t))
		}
	}
	if number == 0 {
		p.fail(unexpected(t))
	}
	return p.bind(t, number)
}

// variable is the one token of a session variable's value.
func (p *parser) variable(t token) token {
	value, ok := p.env.Variables[t.text]
	if !ok {
		p.fail(compilation(t, 1, "02000", "Session variable '$"+clip(t.text)+"' does not exist"))
	}
	tokens := newParser(value, p.env).tokens
	if len(tokens) == 2 {
		return tokens[0]
	}
	return token{class: classOperator, text: value, start: -1}
}

// variableLiteral writes the value of a session variable as a literal.
func (p *parser) variableLiteral(t token) expression {
	text, ok := p.env.Variables[t.text]
	if !ok {
		p.variable(t)
	}
	inner := newParser(text, Env{})
	inner.bare = true
	value := inner.sign()
	inner.end()
	if !value.literal && value.level != levelSign && value.kind != kindNull && value.kind != kindOther {
		p.fail(unsupported(t, "session variable that is no literal"))
	}
	return value
}

// field reads $n: of a file in a COPY, elsewhere of what stands in FROM, where table is its alias, quoted, or "".
func (p *parser) field(t token, table string) expression {
	number := 0
	for _, c := range []byte(t.text) {
		if number = number*10 + int(c-'0'); number > 10000 {
			p.fail(unexpected(t))
		}
	}
	if number == 0 {
		p.fail(unexpected(t))
	}
	sql := fmt.Sprintf(`"$%d"`, number)
	switch {
	case p.file != nil:
		p.file.Fields = max(p.file.Fields, number)
	case table != "":
		sql = table + "." + sql
	case !p.readsStage():
		sql = fmt.Sprintf("#%d", number)
	}
	p.fields = max(p.fields, number)
	return atom(sql, kindUnknown)
}

func (p *parser) operatorPrimary(t token) expression {
	switch t.text {
	case "(":
		return p.brackets()
	case ":":
		if p.ahead(1).class == classNumber {
			return p.numbered()
		}
	case "[":
		p.at++
		return p.listOf("]", "ARRAY_CONSTRUCT")
	case "{":
		p.fail(unsupported(t, "object constant {…}; use OBJECT_CONSTRUCT"))
	}
	p.fail(unexpected(t))
	return expression{}
}

// listOf reads expressions up to a closing bracket as the arguments of a function.
func (p *parser) listOf(closing, function string) expression {
	var arguments []expression
	for !p.isOperator(closing) {
		arguments = append(arguments, p.expression())
		if !p.operator(",") {
			break
		}
	}
	t := p.peek()
	p.mustOperator(closing)
	return p.apply(t, function, arguments)
}

// brackets reads (query), (expression) or a row (a, b).
func (p *parser) brackets() expression {
	p.mustOperator("(")
	if p.startsQuery() {
		q := p.query()
		p.mustOperator(")")
		return atom("("+q.sql+")", kindUnknown)
	}
	first := p.expression()
	if p.operator(")") {
		inner := first
		inner.name = ""
		if inner.level < levelAtom {
			inner.sql, inner.level = "("+inner.sql+")", levelAtom
		}
		return inner
	}
	items := []string{first.sql}
	for p.operator(",") {
		items = append(items, p.expression().sql)
	}
	p.mustOperator(")")
	return atom("("+strings.Join(items, ", ")+")", kindOther)
}

// reserved are the words that can be neither a column nor an alias.
const reserved = " ALL ALTER AND ANY AS BETWEEN BY CASE CAST CHECK COLUMN CONNECT CONSTRAINT CREATE CROSS CURRENT DELETE DISTINCT DROP ELSE EXCEPT EXISTS" +
	" FALSE FOLLOWING FOR FROM FULL GRANT GROUP HAVING ILIKE IN INCREMENT INNER INSERT INTERSECT INTO IS JOIN LATERAL LEFT LIKE MINUS" +
	" NATURAL NOT NULL OF ON OR ORDER QUALIFY REGEXP REVOKE RIGHT RLIKE ROW ROWS SAMPLE SELECT SET SOME START TABLE TABLESAMPLE THEN TO" +
	" TRIGGER TRUE TRY_CAST UNION UNIQUE UPDATE USING VALUES WHEN WHENEVER WHERE WITH "

// clauses are the further words that start a clause where an alias without AS could stand.
const clauses = " ASOF AT BEFORE CHANGES FETCH LIMIT MATCH_RECOGNIZE OFFSET PIVOT UNPIVOT WINDOW "

func isReserved(t token) bool {
	return t.class == classWord && strings.Contains(reserved, " "+t.folded+" ")
}

// wordPrimary reads what starts with a bare word.
func (p *parser) wordPrimary() expression {
	t := p.peek()
	opens := p.ahead(1).class == classOperator && p.ahead(1).text == "("
	switch t.folded {
	case "NULL":
		p.at++
		return atom("NULL", kindNull)
	case "TRUE", "FALSE":
		p.at++
		return atom(t.folded, kindOther)
	case "CASE":
		return p.caseOf()
	case "CAST", "TRY_CAST":
		return p.castCall()
	case "EXISTS":
		p.at++
		p.mustOperator("(")
		q := p.query()
		p.mustOperator(")")
		return atom("EXISTS ("+q.sql+")", kindOther)
	case "INTERVAL":
		if p.ahead(1).class == classString {
			return p.interval()
		}
	case "DATE", "TIME", "TIMESTAMP", "TIMESTAMP_NTZ", "TIMESTAMP_LTZ", "TIMESTAMP_TZ":
		if p.ahead(1).class == classString {
			p.at++
			return p.castTo(p.textLiteral(p.take()), namedType(t.folded), false)
		}
	case "CURRENT_TIMESTAMP", "CURRENT_DATE", "CURRENT_TIME", "LOCALTIMESTAMP", "LOCALTIME", "CURRENT_USER":
		if !opens {
			p.at++
			return p.apply(t, t.folded, nil)
		}
	}
	if opens && !isReserved(t) || opens && (t.folded == "LEFT" || t.folded == "RIGHT" || t.folded == "INSERT" || t.folded == "LIKE" || t.folded == "ILIKE" || t.folded == "RLIKE") {
		return p.call()
	}
	if isReserved(t) {
		p.fail(unexpected(t))
	}
	return p.column()
}

// column reads a column, with the table or alias before it. A database or a schema before
// that only repeats what FROM says, and is dropped.
func (p *parser) column() expression {
	if strings.HasPrefix(p.peek().folded, "METADATA$") {
		return p.metadataColumn()
	}
	parts := []string{p.identifier()}
	for p.isOperator(".") {
		next := p.ahead(1)
		switch {
		case next.class == classField:
			p.at += 2
			return p.field(next, Quote(parts[len(parts)-1]))
		case next.class == classWord && strings.HasPrefix(next.folded, "METADATA$"):
			p.at++
			return p.metadataColumn()
		case next.class != classWord && next.class != classQuoted:
			p.at++
			p.fail(unexpected(p.peek()))
		}
		p.at++
		if p.ahead(1).class == classOperator && p.ahead(1).text == "(" {
			p.fail(unsupported(next, "function of a schema: "+next.text))
		}
		parts = append(parts, p.identifier())
	}
	if len(parts) > 4 {
		p.fail(unsupported(p.peek(), "column name of over four parts"))
	}
	name := parts[len(parts)-1]
	parts = parts[max(0, len(parts)-2):]
	for i := range parts {
		parts[i] = Quote(parts[i])
	}
	return expression{sql: strings.Join(parts, "."), level: levelAtom, name: name}
}

// metadataColumn reads a METADATA$ column of a staged file.
func (p *parser) metadataColumn() expression {
	t := p.take()
	if !isMetadata(t.folded) {
		p.fail(unsupported(t, t.text))
	}
	used := &p.metadata
	if p.file != nil {
		used = &p.file.Metadata
	}
	if !slices.Contains(*used, t.folded) {
		*used = append(*used, t.folded)
	}
	return expression{sql: Quote(t.folded), level: levelAtom, name: t.folded}
}

func isMetadata(name string) bool {
	switch name {
	case "METADATA$FILENAME", "METADATA$FILE_ROW_NUMBER", "METADATA$FILE_CONTENT_KEY", "METADATA$FILE_LAST_MODIFIED", "METADATA$START_SCAN_TIME":
		return true
	}
	return false
}

func (p *parser) caseOf() expression {
	p.mustWords("CASE")
	sql := "CASE"
	if !p.is("WHEN") {
		sql += " " + p.expression().sql
	}
	if !p.is("WHEN") {
		p.fail(unexpected(p.peek()))
	}
	for p.words("WHEN") {
		sql += " WHEN " + p.expression().sql
		p.mustWords("THEN")
		sql += " THEN " + p.expression().sql
	}
	if p.words("ELSE") {
		sql += " ELSE " + p.expression().sql
	}
	p.mustWords("END")
	return atom(sql+" END", kindUnknown)
}

// interval reads INTERVAL '3 days, 2 hours'.
func (p *parser) interval() expression {
	p.at++
	t := p.take()
	var sum []string
	days := true
	for _, item := range strings.Split(t.text, ",") {
		words := strings.Fields(item)
		if len(words) == 1 {
			words = append(words, "SECOND")
		}
		amount, unit := words, ""
		if len(words) == 2 {
			unit = units(strings.ToUpper(words[1]))
		}
		if unit == "" || strings.Trim(strings.TrimPrefix(amount[0], "-"), "0123456789") != "" {
			p.fail(unsupported(t, "INTERVAL '"+t.text+"'"))
		}
		days = days && slices.Contains([]string{"year", "quarter", "month", "week", "day"}, unit)
		sum = append(sum, "INTERVAL "+Literal(amount[0]+" "+unit))
	}
	if len(sum) == 1 {
		return expression{sql: sum[0], kind: kindOther, level: levelAtom, interval: true, days: days}
	}
	return expression{sql: "(" + strings.Join(sum, " + ") + ")", kind: kindOther, level: levelAtom, interval: true, days: days}
}

// castCall reads CAST(x AS type) and TRY_CAST(x AS type).
func (p *parser) castCall() expression {
	try := p.take().folded == "TRY_CAST"
	p.mustOperator("(")
	e := p.expression()
	p.mustWords("AS")
	t := p.dataType()
	p.mustOperator(")")
	return p.castTo(e, t, try)
}
