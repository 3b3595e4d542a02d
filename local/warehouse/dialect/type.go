package dialect

import (
	"fmt"
	"strconv"
	"strings"
)

// Sizes that Snowflake takes when the text gives none.
const (
	maxLength = 16777216
	maxBinary = 8388608
)

// dataType reads a type with its sizes.
func (p *parser) dataType() Type {
	t := p.take()
	if t.class != classWord {
		p.fail(unexpected(t))
	}
	name, from := t.folded, p.at
	switch {
	case name == "DOUBLE" && p.words("PRECISION"):
	case (name == "CHAR" || name == "NCHAR" || name == "CHARACTER") && p.words("VARYING"):
		name = "VARCHAR"
	case name == "TIMESTAMP" && p.words("WITHOUT", "TIME", "ZONE"):
	case name == "TIMESTAMP" && p.words("WITH", "LOCAL", "TIME", "ZONE"):
		name = "TIMESTAMP_LTZ"
	case name == "TIMESTAMP" && p.words("WITH", "TIME", "ZONE"):
		name = "TIMESTAMP_TZ"
	}
	result := namedType(name)
	if result.Base == "" {
		p.fail(compilation(t, 2, "0A000", "Unsupported data type '"+clip(t.text)+"'."))
	}
	result.Alias = t.folded
	for _, word := range p.tokens[from:p.at] {
		result.Alias += " " + word.folded
	}
	if p.operator("(") {
		p.sizes(t, name, &result)
	}
	result.name()
	return result
}

// namedType gives a type without sizes by any of its names; Base is empty for an unknown one.
func namedType(name string) Type {
	t := Type{Base: name}
	switch name {
	case "NUMBER", "DECIMAL", "DEC", "NUMERIC", "INT", "INTEGER", "BIGINT", "SMALLINT", "TINYINT", "BYTEINT":
		t = Type{Base: "NUMBER", Precision: 38}
	case "FLOAT", "FLOAT4", "FLOAT8", "DOUBLE", "REAL":
		t = Type{Base: "FLOAT", DuckDB: "DOUBLE"}
	case "VARCHAR", "STRING", "TEXT", "NVARCHAR", "NVARCHAR2", "CHAR_VARYING":
		t = Type{Base: "VARCHAR", Length: maxLength, DuckDB: "VARCHAR"}
	case "CHAR", "CHARACTER", "NCHAR":
		t = Type{Base: "VARCHAR", Length: 1, DuckDB: "VARCHAR"}
	case "BINARY", "VARBINARY":
		t = Type{Base: "BINARY", Length: maxBinary, DuckDB: "BLOB"}
	case "BOOLEAN":
		t.DuckDB = "BOOLEAN"
	case "DATE":
		t.DuckDB = "DATE"
	case "TIME":
		t.DuckDB, t.Scale = "TIME", 9
	case "TIMESTAMP_NTZ", "TIMESTAMP", "DATETIME", "TIMESTAMPNTZ":
		t = Type{Base: "TIMESTAMP_NTZ", Scale: 9}
	case "TIMESTAMP_LTZ", "TIMESTAMPLTZ":
		t = Type{Base: "TIMESTAMP_LTZ", Scale: 9, DuckDB: "TIMESTAMPTZ"}
	case "TIMESTAMP_TZ", "TIMESTAMPTZ":
		t = Type{Base: "TIMESTAMP_TZ", Scale: 9, DuckDB: "TIMESTAMPTZ"}
	case "VARIANT", "OBJECT", "ARRAY":
		t.DuckDB = "JSON"
	default:
		return Type{}
	}
	t.name()
	return t
}

// sizes reads (n) or (n, m) after a type.
func (p *parser) sizes(at token, name string, t *Type) {
	first := p.whole()
	switch t.Base {
	case "NUMBER":
		if name != "NUMBER" && name != "DECIMAL" && name != "DEC" && name != "NUMERIC" {
			p.fail(unexpected(at))
		}
		t.Precision = first
		if p.operator(",") {
			t.Scale = p.whole()
		}
		if t.Precision < 1 || t.Precision > 38 || t.Scale > t.Precision || t.Scale > 37 {
			p.fail(compilation(at, 1003, "42000", fmt.Sprintf("Invalid precision or scale: NUMBER(%d,%d). Precision is 1 to 38, scale 0 to 37 and at most the precision.", t.Precision, t.Scale)))
		}
	case "VARCHAR", "BINARY":
		if first < 1 || first > maxLength*8 || t.Base == "BINARY" && first > maxBinary*8 {
			p.fail(compilation(at, 1003, "42000", fmt.Sprintf("Invalid length %d of %s.", first, t.Base)))
		}
		t.Length = first
	case "TIME", "TIMESTAMP_NTZ", "TIMESTAMP_LTZ", "TIMESTAMP_TZ":
		if first > 9 {
			p.fail(compilation(at, 1003, "42000", fmt.Sprintf("Invalid scale %d of %s: 0 to 9.", first, t.Base)))
		}
		t.Scale = first
	default:
		p.fail(unsupported(at, t.Base+" with a size or element type"))
	}
	p.mustOperator(")")
}

// whole takes a whole number.
func (p *parser) whole() int {
	t := p.take()
	n, err := strconv.Atoi(t.text)
	if t.class != classNumber || err != nil || n < 0 {
		p.fail(unexpected(t))
	}
	return n
}

// name sets the canonical name, and the DuckDB type where that depends on the sizes.
//
// No type of DuckDB holds both nanoseconds and the years 1 to 9999. So the number of digits decides, which the author of
// a table can choose: up to six give microseconds and all years, more give nanoseconds from 1677-09-22 to 2262-04-11 and
// an error for any other time.
func (t *Type) name() {
	switch t.Base {
	case "NUMBER":
		t.DuckDB = fmt.Sprintf("DECIMAL(%d,%d)", t.Precision, t.Scale)
		t.Name = fmt.Sprintf("NUMBER(%d,%d)", t.Precision, t.Scale)
	case "VARCHAR", "BINARY":
		t.Name = fmt.Sprintf("%s(%d)", t.Base, t.Length)
	case "TIMESTAMP_NTZ":
		t.DuckDB = "TIMESTAMP"
		if t.Scale > 6 {
			t.DuckDB = "TIMESTAMP_NS"
		}
		t.Name = fmt.Sprintf("%s(%d)", t.Base, t.Scale)
	case "TIME", "TIMESTAMP_LTZ", "TIMESTAMP_TZ":
		t.Name = fmt.Sprintf("%s(%d)", t.Base, t.Scale)
	default:
		t.Name = t.Base
	}
}

// castTo writes a cast. Where the kind of the operand is not known, a macro that is chosen by its
// DuckDB type does what Snowflake does for that type.
func (p *parser) castTo(e expression, t Type, try bool) expression {
	operator := "CAST"
	if try {
		operator = "TRY_CAST"
	}
	switch t.Base {
	case "VARCHAR":
		sql := e.asText()
		if t.Length < maxLength && try {
			sql = once([]string{sql}, func(a []string) string {
				return fmt.Sprintf("CASE WHEN length(%s) <= %d THEN %s END", a[0], t.Length, a[0])
			})
		} else if t.Length < maxLength {
			sql = call("fit", sql, strconv.Itoa(t.Length))
		}
		return atom(sql, kindText)
	case "VARIANT", "OBJECT", "ARRAY":
		return atom(call("variant", e.sql), kindVariant)
	case "BINARY":
		if try {
			return atom(call("try_unhex", e.asText()), kindOther)
		}
		return atom(call("unhex", e.asText()), kindOther)
	case "TIMESTAMP_NTZ", "TIMESTAMP_LTZ", "TIMESTAMP_TZ", "DATE", "BOOLEAN", "TIME":
		return cut(p.castByMacro(e, t, operator), t)
	}
	operand := e.sql
	if e.kind == kindVariant {
		operand = e.asText()
	}
	if e.kind == kindText && (!e.literal || strings.Contains(e.text, "_")) && !strings.HasPrefix(e.sql, "snowflake.get_text(") {
		operand = "replace(" + operand + ", '_', '?')" // DuckDB takes digits with underscores between
	}
	if e.kind == kindVariant || e.kind == kindText && !e.literal {
		return atom(numberOfText(operator, operand, t), kindNumber)
	}
	return atom(operator+"("+operand+" AS "+t.DuckDB+")", kindNumber)
}

// cut takes away the digits of a fraction that a time of fewer than six cannot have. Those of more are DuckDB's own.
func cut(e expression, t Type) expression {
	if t.Base == "DATE" || t.Base == "BOOLEAN" || t.Scale >= 6 {
		return e
	}
	e.sql = call("cut", e.sql, "1"+strings.Repeat("0", 6-t.Scale))
	return e
}

// numberOfText casts a text to a NUMBER. DuckDB's cast of a text to a decimal of over 18 digits takes 13 microseconds, a
// hundred times as long as the ways around it: over HUGEINT, which rounds and fails alike, and over 18 digits where the
// text has no more.
func numberOfText(operator, operand string, t Type) string {
	direct := operator + "(" + operand + " AS " + t.DuckDB + ")"
	switch {
	case t.Precision <= 18 || t.Base != "NUMBER":
		return direct
	case t.Scale == 0:
		return operator + "(" + operator + "(" + operand + " AS HUGEINT) AS " + t.DuckDB + ")"
	case t.Scale > 17 || len(operand) > 1000:
		return direct
	}
	short := fmt.Sprintf("-?[0-9]{1,%d}([.][0-9]{1,%d})?", 18-t.Scale, t.Scale)
	return once([]string{operand}, func(a []string) string {
		return fmt.Sprintf("CASE WHEN regexp_full_match(%s, '%s') THEN CAST(CAST(%s AS DECIMAL(18,%d)) AS %s) ELSE %s(%s AS %s) END",
			a[0], short, a[0], t.Scale, t.DuckDB, operator, a[0], t.DuckDB)
	})
}

// castByMacro casts to the types whose texts Snowflake reads more freely than DuckDB.
func (p *parser) castByMacro(e expression, t Type, operator string) expression {
	operand := e.sql
	switch e.kind {
	case kindVariant:
		if t.Base != "BOOLEAN" || operator != "CAST" {
			operand = e.asText()
		}
	case kindBind:
		return atom(operator+"("+operand+" AS "+t.DuckDB+")", kindOther)
	}
	macro := map[string]string{"TIMESTAMP": "timestamp_ntz", "TIMESTAMP_NS": "timestamp_ns", "TIMESTAMPTZ": "timestamp_tz",
		"DATE": "date", "BOOLEAN": "boolean", "TIME": "time"}[t.DuckDB]
	if operator == "TRY_CAST" || e.kind == kindText || e.kind == kindNull || e.kind == kindVariant {
		if t.Base == "BOOLEAN" && operator == "CAST" {
			if e.kind == kindText {
				return atom(call("boolean_of_text", operand), kindOther)
			}
			return atom(call("boolean", operand), kindOther)
		}
		switch t.DuckDB {
		case "TIMESTAMPTZ":
			operand = stamp(e, operand)
		case "TIMESTAMP", "TIMESTAMP_NS":
			operand = wall(e, operand)
		}
		return atom(operator+"("+operand+" AS "+t.DuckDB+")", kindOther).inZone(t.DuckDB == "TIMESTAMPTZ")
	}
	if e.zoned && (t.DuckDB == "TIMESTAMP" || t.DuckDB == "TIMESTAMP_NS") {
		return atom("CAST(timezone('UTC', "+operand+") AS "+t.DuckDB+")", kindOther) // what the macro does, planned in a fraction of its time
	}
	return atom(call(macro, operand), kindOther).inZone(t.DuckDB == "TIMESTAMPTZ")
}

// stamp joins the zone offset of a text to its time: DuckDB takes what follows a space for the
// name of a zone.
func stamp(e expression, operand string) string {
	if !e.literal {
		return call("stamp", operand)
	}
	if i := strings.LastIndexByte(e.text, ' '); i >= 0 && i+1 < len(e.text) && (e.text[i+1] == '+' || e.text[i+1] == '-') {
		return Literal(e.text[:i] + e.text[i+1:])
	}
	return operand
}

// wall drops the zone of a text: TIMESTAMP_NTZ is what the clock on the wall shows, while DuckDB would convert to UTC.
func wall(e expression, operand string) string {
	if e.literal && !strings.ContainsAny(e.text, "Z+") && strings.Count(e.text, "-") < 3 {
		return operand
	}
	return call("wall", operand)
}
