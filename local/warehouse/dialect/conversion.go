package dialect

import (
	"strconv"
	"strings"
)

// conversion writes TO_type and TRY_TO_type.
func (p *parser) conversion(t token, name string, a []expression) (expression, bool) {
	target, try := strings.CutPrefix(name, "TRY_TO_")
	if !try {
		var found bool
		if target, found = strings.CutPrefix(name, "TO_"); !found {
			if name == "DATE" || name == "TIME" {
				target = name
			} else {
				return expression{}, false
			}
		}
	}
	switch target {
	case "NUMBER", "DECIMAL", "NUMERIC":
		return p.toNumber(t, a, try), true
	case "CHAR", "VARCHAR":
		return p.toText(t, a), !try
	case "DATE", "TIME", "TIMESTAMP", "TIMESTAMP_NTZ", "TIMESTAMP_LTZ", "TIMESTAMP_TZ":
		return p.toMoment(t, target, a, try), true
	case "DOUBLE", "BOOLEAN":
		p.checkArity(t, builtin{least: 1, most: 1}, len(a))
		return p.castTo(a[0], namedType(target), try), true
	case "BINARY":
		p.checkArity(t, builtin{least: 1, most: 2}, len(a))
		if len(a) == 2 && !strings.EqualFold(a[1].text, "HEX") {
			p.fail(unsupported(t, "TO_BINARY with another format than HEX"))
		}
		return p.castTo(a[0], namedType(target), try), true
	}
	return expression{}, false
}

// toNumber writes TO_NUMBER(x [, precision [, scale]]).
func (p *parser) toNumber(t token, a []expression, try bool) expression {
	p.checkArity(t, builtin{least: 1, most: 3}, len(a))
	sizes := []int{38, 0}
	for i, e := range a[1:] {
		n, err := strconv.Atoi(e.text)
		if !e.literal || e.kind != kindNumber || err != nil {
			p.fail(unsupported(t, t.folded+" with a format"))
		}
		sizes[i] = n
	}
	if sizes[0] < 1 || sizes[0] > 38 || sizes[1] > sizes[0] {
		p.fail(unexpected(t))
	}
	number := Type{Base: "NUMBER", Precision: sizes[0], Scale: sizes[1]}
	number.name()
	return p.castTo(a[0], number, try)
}

// toText writes TO_CHAR(x [, format]). A format is for dates and times only.
func (p *parser) toText(t token, a []expression) expression {
	p.checkArity(t, builtin{least: 1, most: 2}, len(a))
	if len(a) == 1 {
		return p.castTo(a[0], namedType("VARCHAR"), false)
	}
	operand := a[0].sql
	if a[0].kind == kindText || a[0].kind == kindBind || a[0].kind == kindNull {
		operand = exactMoment(a[0])
	}
	return atom(call("format", operand, Literal(p.format(t, a[1]))), kindText)
}

// format is the strftime form of a literal format.
func (p *parser) format(t token, e expression) string {
	format, ok := dateFormat(e.text)
	if !e.literal || e.kind != kindText || !ok {
		p.fail(unsupported(t, t.folded+" with this format"))
	}
	return format
}

// toMoment writes TO_DATE, TO_TIME and TO_TIMESTAMP with and without a format or a scale.
func (p *parser) toMoment(t token, target string, a []expression, try bool) expression {
	p.checkArity(t, builtin{least: 1, most: 2}, len(a))
	goal := namedType(target)
	if len(a) == 1 {
		if try && a[0].kind != kindText {
			a[0] = atom(a[0].asText(), kindText)
		}
		return p.castTo(a[0], goal, try)
	}
	if a[1].kind == kindNumber && a[1].literal {
		scale, err := strconv.Atoi(a[1].text)
		if err != nil || scale > 9 {
			p.fail(unexpected(t))
		}
		unit := "1"
		if scale > 0 {
			unit = "0." + strings.Repeat("0", scale-1) + "1"
		}
		return p.castTo(atom("(CAST("+a[0].sql+" AS DECIMAL(28,0)) * CAST("+unit+" AS DECIMAL(10,9)))", kindNumber), goal, false)
	}
	if strings.EqualFold(a[1].text, "AUTO") {
		return p.toMoment(t, target, a[:1], try)
	}
	parse := "strptime("
	if try {
		parse = "try_strptime("
	}
	parsed := parse + a[0].asText() + ", " + Literal(p.format(t, a[1])) + ")"
	return atom("CAST("+parsed+" AS "+goal.DuckDB+")", kindOther)
}
