package dialect

import (
	"fmt"
	"slices"
	"strings"
)

// tableFunction reads the call inside TABLE( ) or behind LATERAL and gives the name that it
// has without an alias.
func (p *parser) tableFunction() (sql, name string) {
	t := p.peek()
	parts := p.functionName()
	name = parts[len(parts)-1]
	if len(parts) == 1 && name == "RESULT_SCAN" {
		return p.resultScan(), name
	}
	if len(parts) == 1 && name == "INFER_SCHEMA" {
		return p.inferSchema(t), name
	}
	arguments := p.namedArguments()
	switch {
	case len(parts) == 1 && name == "FLATTEN":
		return p.flatten(t, arguments), name
	case len(parts) == 1 && name == "GENERATOR":
		return p.generator(t, arguments), name
	case len(parts) > 1 && parts[len(parts)-2] == "INFORMATION_SCHEMA" && name == "COPY_HISTORY":
		return p.copyHistory(t, parts, arguments), name
	}
	p.fail(unsupported(t, "table function "+strings.Join(parts, ".")))
	return "", ""
}

// errorTable reads ERROR_TABLE(name): the rows that a table with ERROR_LOGGING did not take. A row that is no JSON is a text.
func (p *parser) errorTable() string {
	p.at++
	p.mustOperator("(")
	n := p.object()
	p.mustOperator(")")
	p.reads = append(p.reads, n)
	return fmt.Sprintf(`(SELECT r.noted AS "TIMESTAMP", CAST(NULL AS VARCHAR) AS "QUERY_ID", CAST(r.code AS DECIMAL(38,0)) AS "ERROR_CODE",
		json_object('channel_name', r.channel, 'column_name', r.column_name, 'error_message', r.message, 'offset_token_upper_bound', r.token,
			'pipe_name', r.pipe, 'service', 'snowpipe_streaming') AS "ERROR_METADATA",
		CASE WHEN json_valid(r.data) THEN CAST(r.data AS JSON) ELSE to_json(r.data) END AS "ERROR_DATA"
		FROM "warehouse"."error_rows" r JOIN "warehouse"."objects" o ON o.id = r.table_id
		WHERE o.kind = 'TABLE' AND o.db = %s AND o.sch = %s AND o.name = %s)`, Literal(n.Database), Literal(n.Schema), Literal(n.Object))
}

// functionName reads a dotted name in front of a bracket.
func (p *parser) functionName() []string {
	parts := []string{p.identifier()}
	for p.operator(".") {
		parts = append(parts, p.identifier())
	}
	return parts
}

// argument is one argument of a table function.
type argument struct {
	name  string // folded; "" for one that is known by its place
	value expression
}

// namedArguments reads (name => value, …).
func (p *parser) namedArguments() []argument {
	p.mustOperator("(")
	var list []argument
	for !p.isOperator(")") {
		a := argument{}
		if next := p.ahead(1); next.class == classOperator && next.text == "=>" {
			a.name = p.identifier()
			p.at++
		}
		a.value = p.expression()
		list = append(list, a)
		if !p.operator(",") {
			break
		}
	}
	p.mustOperator(")")
	return list
}

// arranged gives the arguments in the order of names, and refuses others. Those without a name
// take the places in order.
func (p *parser) arranged(t token, list []argument, names ...string) []expression {
	result := make([]expression, len(names))
	for i, a := range list {
		place := i
		if a.name != "" {
			place = slices.Index(names, a.name)
		}
		if place < 0 || place >= len(names) || result[place].sql != "" {
			p.fail(compilation(t, 1, "42601", "Invalid argument '"+clip(a.name)+"' of "+t.text+"."))
		}
		result[place] = a.value
	}
	return result
}

// flatten writes FLATTEN as a lateral subquery over the elements of a variant. SEQ is always 1: nothing
// of ours needs the number of the input row.
func (p *parser) flatten(t token, list []argument) string {
	a := p.arranged(t, list, "INPUT", "PATH", "OUTER", "RECURSIVE", "MODE")
	if a[0].sql == "" {
		p.fail(compilation(t, 1, "42601", "FLATTEN needs the argument INPUT."))
	}
	if a[3].sql != "" && a[3].sql != "FALSE" {
		p.fail(unsupported(t, "FLATTEN with RECURSIVE"))
	}
	input := atom(call("variant", a[0].sql), kindVariant)
	if a[0].kind == kindVariant {
		input = a[0]
	}
	prefix := "''"
	if a[1].sql != "" {
		if !a[1].literal {
			p.fail(unsupported(t, "FLATTEN with a PATH that is no literal"))
		}
		if a[1].text != "" {
			input = step(input, p.pathOf(t, a[1].text))
			prefix = Literal(a[1].text)
		}
	}
	where := p.flattenMode(t, a[4])
	join := ""
	if a[2].sql == "TRUE" {
		join = "(SELECT 1) LEFT JOIN "
		where = strings.Replace(where, " WHERE ", " ON ", 1)
		if where == "" {
			where = " ON TRUE"
		}
	} else if a[2].sql != "" && a[2].sql != "FALSE" {
		p.fail(unsupported(t, "FLATTEN with an OUTER that is no literal"))
	}
	return "LATERAL (" + flattenSQL(input.sql, prefix, join, where) + ")"
}

// flattenSQL names the input once, because it may be long to compute. Elements and keys are lists of the same length,
// which UNNEST walks in step.
func flattenSQL(input, prefix, join, where string) string {
	return `SELECT 1 AS "SEQ", "each".key AS "KEY", snowflake.flatten_path(` + prefix + `, coalesce("each".key, CAST("each".position AS VARCHAR)), "each".is_array) AS "PATH"` +
		`, CASE WHEN "each".is_array THEN "each".position END AS "INDEX", CAST("each".value AS JSON) AS "VALUE", CAST("each".this AS JSON) AS "THIS" FROM ` + join +
		`(SELECT this, starts_with(this, '[') AS is_array, unnest(variant_elements(this)) AS value, unnest(variant_keys(this)) AS key` +
		`, CAST(generate_subscripts(variant_elements(this), 1) - 1 AS BIGINT) AS position FROM (SELECT CAST(` + input + ` AS VARCHAR) AS this)) AS "each"` + where
}

// flattenMode is the condition of MODE.
func (p *parser) flattenMode(t token, mode expression) string {
	switch strings.ToUpper(mode.text) {
	case "", "BOTH":
		if mode.sql == "" || mode.literal {
			return ""
		}
	case "ARRAY":
		return ` WHERE "each".is_array`
	case "OBJECT":
		return ` WHERE NOT "each".is_array`
	}
	p.fail(unsupported(t, "FLATTEN with this MODE"))
	return ""
}

// pathOf turns a path in a text, a.b[0], into a JSON path without its $.
func (p *parser) pathOf(t token, text string) string {
	inner := newParser("x:"+text, p.env)
	inner.bare = true
	if strings.HasPrefix(text, "[") {
		inner = newParser("x:a"+text, p.env)
		inner.bare = true
	}
	e := inner.postfix()
	inner.end()
	if e.base != `"X"` {
		p.fail(unsupported(t, "path '"+text+"'"))
	}
	path := strings.TrimPrefix(e.pathText, "$")
	if strings.HasPrefix(text, "[") {
		path = strings.TrimPrefix(path, `."a"`)
	}
	return path
}

// generator writes GENERATOR(ROWCOUNT => n). Its rows have no use but their number.
func (p *parser) generator(t token, list []argument) string {
	a := p.arranged(t, list, "ROWCOUNT", "TIMELIMIT")
	if a[1].sql != "" {
		p.fail(unsupported(t, "GENERATOR with TIMELIMIT"))
	}
	if !a[0].literal || strings.Trim(a[0].text, "0123456789") != "" {
		p.fail(unsupported(t, "GENERATOR with a ROWCOUNT that is no literal"))
	}
	return "(SELECT 1 FROM range(" + a[0].text + "))"
}

// copyHistory writes COPY_HISTORY as the server's view with the conditions that its
// arguments mean.
func (p *parser) copyHistory(t token, parts []string, list []argument) string {
	a := p.arranged(t, list, "TABLE_NAME", "START_TIME", "END_TIME")
	if !a[0].literal {
		p.fail(unsupported(t, "COPY_HISTORY with a TABLE_NAME that is no literal"))
	}
	inner := newParser(a[0].text, p.env)
	n := inner.object()
	inner.end()
	if len(parts) == 3 && strings.Count(a[0].text, ".") < 2 {
		n.Database = parts[0]
	}
	sql := fmt.Sprintf(`(SELECT * FROM %s WHERE "TABLE_CATALOG_NAME" = %s AND "TABLE_SCHEMA_NAME" = %s AND "TABLE_NAME" = %s`,
		CopyHistoryView, Literal(n.Database), Literal(n.Schema), Literal(n.Object))
	for i, operator := range []string{">=", "<="} {
		if limit := a[i+1]; limit.sql != "" {
			sql += ` AND "LAST_LOAD_TIME" ` + operator + " " + p.castTo(limit, namedType("TIMESTAMP_LTZ"), false).sql
		}
	}
	return sql + ")"
}
