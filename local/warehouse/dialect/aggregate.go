package dialect

import (
	"fmt"
	"strings"
)

// count reads COUNT(*), COUNT(x) and COUNT(DISTINCT a, b).
func (p *parser) count(t token) expression {
	if p.operator("*") {
		p.mustOperator(")")
		return atom("count(*)", kindNumber)
	}
	distinct := p.words("DISTINCT")
	list, _ := p.arguments(builtin{})
	p.checkArity(t, builtin{least: 1, most: -1}, len(list))
	sql := list[0].sql
	if len(list) > 1 {
		sql = "CASE WHEN " + anyNull(operands(list)) + " THEN NULL ELSE " + fill("struct_pack({*})", named(list)) + " END"
	}
	if distinct {
		sql = "DISTINCT " + sql
	}
	return atom("count("+sql+")", kindNumber)
}

// named gives arguments the names that a row value needs.
func named(list []expression) []expression {
	result := make([]expression, len(list))
	for i, e := range list {
		result[i] = atom(fmt.Sprintf("c%d := %s", i+1, e.sql), kindOther)
	}
	return result
}

// collected reads the aggregates that may have WITHIN GROUP (ORDER BY …).
func (p *parser) collected(t token) expression {
	distinct := ""
	if p.words("DISTINCT") {
		distinct = "DISTINCT "
	}
	a, _ := p.arguments(builtin{})
	if strings.HasPrefix(t.folded, "PERCENTILE") {
		return p.percentile(t, a)
	}
	order := ""
	if p.words("WITHIN", "GROUP") {
		p.mustOperator("(")
		order = p.orderBy()
		p.mustOperator(")")
	}
	p.checkArity(t, builtin{least: 1, most: 2}, len(a))
	if t.folded == "LISTAGG" || t.folded == "STRING_AGG" {
		separator := "''"
		if len(a) == 2 {
			separator = a[1].sql
		}
		e := p.over(atom("string_agg("+distinct+a[0].asText()+", "+separator+order+")", kindText), useAggregate)
		return atom("coalesce("+e.sql+", '')", kindText)
	}
	e := p.over(atom("list("+distinct+a[0].sql+order+") FILTER (WHERE "+a[0].at(levelConcat)+" IS NOT NULL)", kindOther), useAggregate)
	return atom("coalesce(snowflake.array_of("+e.sql+"), CAST('[]' AS JSON))", kindVariant)
}

// percentile reads WITHIN GROUP (ORDER BY x). The continuous one is computed in DOUBLE, because
// DuckDB would round it to the scale of a DECIMAL.
func (p *parser) percentile(t token, a []expression) expression {
	p.checkArity(t, builtin{least: 1, most: 1}, len(a))
	p.mustWords("WITHIN", "GROUP")
	p.mustOperator("(")
	p.mustWords("ORDER", "BY")
	value, share := p.expression().sql, a[0].sql
	if strings.HasPrefix(p.direction(), " DESC") {
		share = "1 - " + a[0].at(levelMultiply)
	}
	p.mustOperator(")")
	if t.folded == "PERCENTILE_DISC" {
		return p.over(atom("quantile_disc("+value+", "+share+")", kindNumber), useAggregate)
	}
	return p.over(atom("quantile_cont(CAST("+value+" AS DOUBLE), "+share+")", kindNumber), useAggregate)
}

// average writes AVG as the quotient that it is, with the scale of one.
func (p *parser) average(t token) expression {
	distinct := p.keyword("DISTINCT")
	a, _ := p.arguments(builtin{})
	p.checkArity(t, builtin{least: 1, most: 1}, len(a))
	p.repeatable(a[0], 2)
	x := strings.TrimSpace(distinct + " " + a[0].asNumber().sql)
	window := p.over(atom("", kindNumber), useAggregate).sql
	return atom(call("divide", "sum("+x+")"+window, "count("+x+")"+window), kindNumber)
}

// position reads POSITION('a', x) and POSITION('a' IN x).
func (p *parser) position(t token) expression {
	needle := p.additive()
	if !p.words("IN") {
		p.mustOperator(",")
	}
	text := p.additive()
	p.mustOperator(")")
	return p.apply(t, "POSITION", []expression{needle, text})
}

// over reads OVER (…) behind a function that may or must have it.
func (p *parser) over(e expression, use byte) expression {
	t := p.peek()
	if !p.words("OVER") {
		if use != useAggregate {
			p.fail(unexpected(t))
		}
		return e
	}
	p.mustOperator("(")
	var parts []string
	if p.words("PARTITION", "BY") {
		var list []string
		for {
			list = append(list, p.expression().sql)
			if !p.operator(",") {
				break
			}
		}
		parts = append(parts, "PARTITION BY "+strings.Join(list, ", "))
	}
	if order := p.orderBy(); order != "" {
		parts = append(parts, strings.TrimSpace(order))
	}
	frame := p.frame()
	if frame == "" && use == useWhole {
		frame = "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING"
	}
	if frame != "" {
		parts = append(parts, frame)
	}
	p.mustOperator(")")
	e.sql += " OVER (" + strings.Join(parts, " ") + ")"
	return e
}

// frame reads ROWS or RANGE.
func (p *parser) frame() string {
	if !p.isAny("ROWS", "RANGE") {
		return ""
	}
	sql := p.take().folded
	if !p.words("BETWEEN") {
		return sql + " " + p.bound()
	}
	sql += " BETWEEN " + p.bound()
	p.mustWords("AND")
	return sql + " AND " + p.bound()
}

// bound reads one end of a frame.
func (p *parser) bound() string {
	sql := ""
	switch {
	case p.words("CURRENT", "ROW"):
		return "CURRENT ROW"
	case p.words("UNBOUNDED"):
		sql = "UNBOUNDED"
	default:
		sql = p.additive().at(levelConcat)
	}
	if !p.isAny("PRECEDING", "FOLLOWING") {
		p.fail(unexpected(p.peek()))
	}
	return sql + " " + p.take().folded
}
