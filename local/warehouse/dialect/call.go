package dialect

import (
	"fmt"
	"slices"
	"strings"
)

// call reads name(arguments) and what may follow an aggregate.
func (p *parser) call() expression {
	t := p.take()
	p.mustOperator("(")
	name := t.folded
	switch name {
	case "COUNT":
		return p.over(p.count(t), useAggregate)
	case "AVG":
		return p.average(t)
	case "LISTAGG", "STRING_AGG", "ARRAY_AGG", "ARRAYAGG", "PERCENTILE_CONT", "PERCENTILE_DISC":
		return p.collected(t)
	case "EXTRACT":
		return p.extract()
	case "POSITION":
		return p.position(t)
	case "FLATTEN", "GENERATOR", "RESULT_SCAN":
		p.fail(unsupported(t, name+" outside of FROM TABLE( )"))
	}
	if strings.HasPrefix(name, "SYSTEM$") {
		p.fail(unsupported(t, name+" with anything beside it; use SELECT "+name+"(…) alone"))
	}
	f, plain := builtinTable()[name]
	distinct := f.use == useAggregate && p.words("DISTINCT")
	arguments, nulls := p.arguments(f)
	if !plain {
		return p.apply(t, name, arguments)
	}
	nulls = p.nulls(f, nulls)
	p.checkArity(t, f, len(arguments))
	template := f.template
	if by := map[string]string{"MAX": "arg_max", "MIN": "arg_min"}[name]; by != "" && arguments[0].kind == kindVariant {
		f.kind, template = kindVariant, by+"({1}, variant_key(CAST({1} AS VARCHAR)))"
	}
	if name == "COALESCE" || name == "IFNULL" || name == "NVL" || name == "NULLIF" {
		f.kind = common(arguments)
	}
	sql := filledOnce(f, template, arguments)
	if distinct {
		sql = strings.Replace(sql, "(", "(DISTINCT ", 1)
	}
	if nulls != "" {
		sql = strings.TrimSuffix(sql, ")") + " " + nulls + ")"
	}
	e := atom(sql, f.kind).inZone(f.zoned)
	if f.use == useScalar {
		return e
	}
	return p.over(e, f.use)
}

// arguments reads the arguments up to the bracket, with IGNORE NULLS inside it.
func (p *parser) arguments(f builtin) (list []expression, nulls string) {
	for !p.isOperator(")") {
		list = append(list, p.expression())
		nulls = p.nulls(f, nulls)
		if !p.operator(",") {
			break
		}
	}
	p.mustOperator(")")
	return list, nulls
}

// nulls reads IGNORE NULLS or RESPECT NULLS.
func (p *parser) nulls(f builtin, before string) string {
	if f.use != useWindow && f.use != useWhole {
		return before
	}
	switch {
	case p.words("IGNORE", "NULLS"):
		return "IGNORE NULLS"
	case p.words("RESPECT", "NULLS"):
		return ""
	}
	return before
}

func (p *parser) checkArity(t token, f builtin, n int) {
	if n < f.least {
		p.fail(compilation(t, 938, "22023", fmt.Sprintf("not enough arguments for function [%s], expected %d, got %d", clip(t.folded), f.least, n)))
	}
	if f.most >= 0 && n > f.most {
		p.fail(compilation(t, 939, "22023", fmt.Sprintf("too many arguments for function [%s], expected %d, got %d", clip(t.folded), f.most, n)))
	}
}

// apply writes a scalar function by name: one of the table, of the dates, of the
// conversions or of those below.
func (p *parser) apply(t token, name string, a []expression) expression {
	if f, ok := builtinTable()[name]; ok {
		p.checkArity(t, f, len(a))
		return atom(filledOnce(f, f.template, a), f.kind).inZone(f.zoned)
	}
	if e, ok := p.context(name, a); ok {
		return e
	}
	if e, ok := p.dateCall(t, name, a); ok {
		return e
	}
	if e, ok := p.conversion(t, name, a); ok {
		return e
	}
	if e, ok := p.special(t, name, a); ok {
		return e
	}
	if slices.Contains(refused(), name) {
		p.fail(unsupported(t, name))
	}
	p.fail(compilation(t, 2140, "42601", "Unknown function "+clip(name)))
	return expression{}
}

// refused are functions of Snowflake that are known and not offered.
func refused() []string {
	return []string{"HASH", "HASH_AGG", "LAST_QUERY_ID", "GET_DDL", "OBJECT_INSERT", "OBJECT_DELETE", "ARRAY_CAT", "ARRAY_SLICE", "XMLGET",
		"PARSE_XML", "CHECK_JSON", "ENCRYPT", "DECRYPT", "HLL", "RATIO_TO_REPORT", "CONDITIONAL_TRUE_EVENT", "REGEXP_INSTR", "REGEXP_SUBSTR_ALL", "TO_GEOGRAPHY"}
}

// context gives the session's values as literals.
func (p *parser) context(name string, a []expression) (expression, bool) {
	if len(a) != 0 {
		return expression{}, false
	}
	value := ""
	switch name {
	case "CURRENT_DATABASE":
		value = p.env.Database
	case "CURRENT_SCHEMA":
		value = p.env.Schema
	case "CURRENT_USER":
		value = p.env.User
	case "CURRENT_ROLE":
		value = p.env.Role
	case "CURRENT_WAREHOUSE":
		value = p.env.Warehouse
	case "CURRENT_ACCOUNT", "CURRENT_ACCOUNT_NAME":
		value = p.env.Account
	case "LAST_QUERY_ID":
		value = p.env.LastQuery
	case "CURRENT_SESSION":
		value = p.env.Session
	case "CURRENT_VERSION":
		value = p.env.Version
	case "CURRENT_REGION":
		value = p.env.Region
	default:
		return expression{}, false
	}
	if value == "" {
		return atom("CAST(NULL AS VARCHAR)", kindText), true
	}
	return atom(Literal(value), kindText), true
}

// special writes the functions that no template can express.
func (p *parser) special(t token, name string, a []expression) (expression, bool) {
	switch name {
	case "CONCAT", "CONCAT_WS":
		return p.concat(t, name, a), true
	case "GREATEST", "LEAST":
		p.checkArity(t, builtin{least: 1, most: -1}, len(a))
		if slices.ContainsFunc(a, func(e expression) bool { return e.kind == kindVariant }) {
			return p.mostVariant(name, a), true
		}
		return atom(once(operands(a), func(a []string) string {
			return "CASE WHEN " + anyNull(a) + " THEN NULL ELSE " + strings.ToLower(name) + "(" + strings.Join(a, ", ") + ") END"
		}), kindUnknown), true
	case "DECODE":
		p.checkArity(t, builtin{least: 3, most: -1}, len(a))
		p.repeatable(a[0], len(a))
		return decode(a), true
	case "TRUNC", "TRUNCATE":
		p.checkArity(t, builtin{least: 1, most: 2}, len(a))
		switch {
		case len(a) == 1:
			return atom("trunc("+a[0].asNumber().sql+")", kindNumber), true
		case a[1].kind == kindText:
			return p.apply(t, "DATE_TRUNC", []expression{a[1], a[0]}), true
		}
		return atom(call("trunc", a[0].asNumber().sql, a[1].sql), kindNumber), true
	case "SHA2", "SHA2_HEX":
		p.checkArity(t, builtin{least: 1, most: 2}, len(a))
		if len(a) == 2 && a[1].text != "256" {
			p.fail(unsupported(t, "SHA2 of another size than 256"))
		}
		return atom("sha256("+a[0].asText()+")", kindText), true
	case "ARRAY_CONSTRUCT":
		return arrayConstruct(a), true
	case "OBJECT_CONSTRUCT", "OBJECT_CONSTRUCT_KEEP_NULL":
		return p.objectConstruct(t, a, name != "OBJECT_CONSTRUCT"), true
	case "GET", "GET_PATH":
		p.checkArity(t, builtin{least: 2, most: 2}, len(a))
		return p.get(t, name, a), true
	}
	return expression{}, false
}

// mostVariant writes GREATEST and LEAST of variants, which compare as values.
func (p *parser) mostVariant(name string, a []expression) expression {
	sign := "1"
	if name == "LEAST" {
		sign = "-1"
	}
	sql := a[0].sql
	for _, e := range a[1:] {
		sql = call("variant_most", sql, e.sql, sign)
	}
	return atom(sql, kindVariant)
}

// operands are the texts of expressions as they stand beside an operator.
func operands(a []expression) []string {
	texts := make([]string, len(a))
	for i, e := range a {
		texts[i] = e.at(levelConcat)
	}
	return texts
}

func anyNull(texts []string) string { return strings.Join(texts, " IS NULL OR ") + " IS NULL" }

// concat writes CONCAT, which is NULL when one argument is.
func (p *parser) concat(t token, name string, a []expression) expression {
	p.checkArity(t, builtin{least: 1, most: -1}, len(a))
	texts := make([]string, len(a))
	for i, e := range a {
		texts[i] = e.concatenated(levelAdd)
	}
	if name == "CONCAT" {
		return atom("("+strings.Join(texts, " || ")+")", kindText)
	}
	return atom(once(texts, func(a []string) string {
		return "CASE WHEN " + anyNull(a) + " THEN NULL ELSE concat_ws(" + strings.Join(a, ", ") + ") END"
	}), kindText)
}

// decode writes DECODE(x, a, b, …, otherwise) as CASE; NULL equals NULL there.
func decode(a []expression) expression {
	sql := "CASE"
	i := 1
	for ; i+1 < len(a); i += 2 {
		sql += " WHEN " + a[0].at(levelConcat) + " IS NOT DISTINCT FROM " + a[i].at(levelConcat) + " THEN " + a[i+1].sql
	}
	if i < len(a) {
		sql += " ELSE " + a[i].sql
	}
	return atom(sql+" END", kindUnknown)
}

// arrayConstruct joins the texts of the elements: DuckDB's json_array would read their numbers through floats.
func arrayConstruct(a []expression) expression {
	elements := make([]string, len(a))
	for i, e := range a {
		elements[i] = "coalesce(" + call("json_text", e.sql) + ", 'null')"
	}
	if len(a) == 0 {
		return atom("CAST('[]' AS JSON)", kindVariant)
	}
	return atom("CAST('[' || concat_ws(',', "+strings.Join(elements, ", ")+") || ']' AS JSON)", kindVariant)
}

// objectConstruct leaves out pairs whose value is NULL, unless they are kept. JSON null stays, which
// json_merge_patch would drop, so each pair is chosen by itself.
func (p *parser) objectConstruct(t token, a []expression, keep bool) expression {
	if len(a)%2 != 0 {
		p.checkArity(t, builtin{least: len(a) + 1, most: -1}, len(a))
	}
	if len(a) == 0 {
		return atom("json_object()", kindVariant)
	}
	pairs := make([]string, 0, len(a)/2)
	for i := 0; i < len(a); i += 2 {
		value := call("json_text", a[i+1].sql)
		if keep {
			value = "coalesce(" + value + ", 'null')"
		}
		pairs = append(pairs, "to_json("+a[i].asText()+") || ':' || "+value)
	}
	return atom("snowflake.parse_json('{' || concat_ws(',', "+strings.Join(pairs, ", ")+") || '}')", kindVariant)
}

// get writes GET(variant, index or key) and GET_PATH(variant, 'a.b[0]').
func (p *parser) get(t token, name string, a []expression) expression {
	switch {
	case name == "GET_PATH" && a[1].literal && a[1].kind == kindText:
		return step(a[0], p.pathOf(t, a[1].text))
	case name == "GET" && a[1].literal && a[1].kind == kindText:
		return step(a[0], memberPath(token{text: a[1].text}))
	case name == "GET" && a[1].literal:
		return step(a[0], "["+a[1].text+"]")
	case name == "GET":
		return atom(call("element", a[0].sql, a[1].sql), kindVariant)
	}
	p.fail(unsupported(t, "GET_PATH with a path that is no literal"))
	return expression{}
}
