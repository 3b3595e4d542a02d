package dialect

import (
	"strings"
)

// units gives DuckDB's name for a date or time part by any of Snowflake's names, "" if unknown.
func units(word string) string {
	switch word {
	case "YEAR", "Y", "YY", "YYY", "YYYY", "YR", "YEARS", "YRS":
		return "year"
	case "QUARTER", "Q", "QTR", "QTRS", "QUARTERS":
		return "quarter"
	case "MONTH", "MM", "MON", "MONS", "MONTHS":
		return "month"
	case "WEEK", "W", "WK", "WEEKOFYEAR", "WOY", "WY", "WEEKS", "WEEKISO", "WEEK_ISO", "WEEKOFYEARISO", "WEEKOFYEAR_ISO":
		return "week"
	case "DAY", "D", "DD", "DAYS", "DAYOFMONTH":
		return "day"
	case "HOUR", "H", "HH", "HR", "HOURS", "HRS":
		return "hour"
	case "MINUTE", "M", "MI", "MIN", "MINUTES", "MINS":
		return "minute"
	case "SECOND", "S", "SEC", "SECONDS", "SECS":
		return "second"
	case "MILLISECOND", "MS", "MSEC", "MILLISECONDS":
		return "millisecond"
	case "MICROSECOND", "US", "USEC", "MICROSECONDS":
		return "microsecond"
	case "NANOSECOND", "NS", "NSEC", "NANOSEC", "NSECOND", "NANOSECONDS":
		return "nanosecond"
	}
	return ""
}

// unitOf reads a date part given as a bare word or a text.
func (p *parser) unitOf(t token, e expression) string {
	word := strings.ToUpper(e.text)
	if e.name != "" && e.level == levelAtom && !strings.Contains(e.sql, ".") {
		word = e.name
	}
	unit := units(word)
	if unit == "" {
		p.fail(compilation(t, 1, "22023", "'"+clip(word)+"' is not a valid date/time component for function "+t.folded+"."))
	}
	return unit
}

// extract reads EXTRACT(part FROM x) after its bracket.
func (p *parser) extract() expression {
	t := p.take()
	word := t.folded
	if t.class == classString {
		word = strings.ToUpper(t.text)
	}
	p.mustWords("FROM")
	e := p.expression()
	p.mustOperator(")")
	return p.datePart(t, word, e)
}

// dateCall writes the functions of dates and times.
func (p *parser) dateCall(t token, name string, a []expression) (expression, bool) {
	switch name {
	case "DATEADD", "TIMEADD", "TIMESTAMPADD":
		p.checkArity(t, builtin{least: 3, most: 3}, len(a))
		return dateAdd(p.unitOf(t, a[0]), a[1], a[2]), true
	case "DATEDIFF", "TIMEDIFF", "TIMESTAMPDIFF":
		p.checkArity(t, builtin{least: 3, most: 3}, len(a))
		return dateDiff(p.unitOf(t, a[0]), a[1], a[2]), true
	case "DATE_TRUNC":
		p.checkArity(t, builtin{least: 2, most: 2}, len(a))
		unit := p.unitOf(t, a[0])
		if unit == "nanosecond" {
			return p.castTo(a[1], namedType("TIMESTAMP_NTZ"), false), true
		}
		return atom(call("date_trunc", Literal(unit), a[1].sql), kindOther).inZone(a[1].zoned), true
	case "CONVERT_TIMEZONE":
		return p.convertZone(t, a), true
	case "TIME_SLICE":
		p.fail(unsupported(t, name))
	case "DATE_PART":
		p.checkArity(t, builtin{least: 2, most: 2}, len(a))
		word := strings.ToUpper(a[0].text)
		if a[0].name != "" {
			word = a[0].name
		}
		return p.datePart(t, word, a[1]), true
	case "ADD_MONTHS":
		p.checkArity(t, builtin{least: 2, most: 2}, len(a))
		return atom(call("months_added", a[1].sql, a[0].sql), kindOther), true
	case "LAST_DAY":
		p.checkArity(t, builtin{least: 1, most: 1}, len(a))
		return atom("last_day("+moment(a[0])+")", kindOther), true
	case "MONTHS_BETWEEN":
		p.fail(unsupported(t, name))
	case "DATE_FROM_PARTS", "DATEFROMPARTS":
		p.checkArity(t, builtin{least: 3, most: 3}, len(a))
		return atom("CAST(make_date(CAST("+a[0].sql+" AS INTEGER), 1, 1) + to_months(CAST("+a[1].sql+" AS INTEGER) - 1) + to_days(CAST("+a[2].sql+" AS INTEGER) - 1) AS DATE)", kindOther), true
	case "YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND", "DAYOFMONTH", "DAYOFWEEK", "DAYOFYEAR", "DAYOFWEEKISO",
		"WEEKISO", "WEEKOFYEAR", "YEAROFWEEK", "YEAROFWEEKISO":
		p.checkArity(t, builtin{least: 1, most: 1}, len(a))
		return p.datePart(t, name, a[0]), true
	}
	return expression{}, false
}

// convertZone writes CONVERT_TIMEZONE(source, target, ntz), which is a clock's time in another zone, and
// CONVERT_TIMEZONE(target, x), which is the same instant with the target's offset: UTC alone, because no offset is kept here.
func (p *parser) convertZone(t token, a []expression) expression {
	p.checkArity(t, builtin{least: 2, most: 3}, len(a))
	if len(a) == 2 {
		if zone := strings.ToUpper(a[0].text); !a[0].literal || zone != "UTC" && zone != "ETC/UTC" && zone != "GMT" {
			p.fail(unsupported(t, "CONVERT_TIMEZONE with two arguments and another zone than UTC: give the source's zone, too"))
		}
		return p.castTo(a[1], namedType("TIMESTAMP_TZ"), false)
	}
	p.repeatable(a[2], 2)
	at := exactMoment(a[2])
	return atom(once([]string{at, a[0].asText(), a[1].asText()}, func(v []string) string {
		return "snowflake.with_ns(" + v[0] + ", timezone(" + v[2] + ", timezone(" + v[1] + ", snowflake.floor_us(" + v[0] + "))))"
	}), kindOther)
}

// moment is the expression as a DuckDB TIMESTAMP, whatever its type.
func moment(e expression) string {
	if e.kind == kindText || e.kind == kindBind || e.kind == kindNull {
		return "CAST(" + e.sql + " AS TIMESTAMP)"
	}
	return call("moment", e.sql)
}

// exactMoment is moment with nanoseconds, and their range of years.
func exactMoment(e expression) string {
	if e.kind == kindText || e.kind == kindBind || e.kind == kindNull {
		return "CAST(" + e.sql + " AS TIMESTAMP_NS)"
	}
	return call("moment_ns", e.sql)
}

// datePart writes one part of a date or time as a number.
func (p *parser) datePart(t token, word string, e expression) expression {
	part := ""
	switch word {
	case "DAYOFWEEK", "WEEKDAY", "DOW", "DW":
		part = "dow"
	case "DAYOFWEEKISO", "WEEKDAY_ISO", "DOW_ISO", "DW_ISO", "DAYOFWEEK_ISO":
		part = "isodow"
	case "DAYOFYEAR", "YEARDAY", "DOY", "DY":
		part = "doy"
	case "YEAROFWEEK", "YEAROFWEEKISO":
		part = "isoyear"
	case "EPOCH_SECOND", "EPOCH", "EPOCH_SECONDS":
		return atom("(epoch_us("+moment(e)+") // 1000000)", kindNumber)
	case "EPOCH_MILLISECOND", "EPOCH_MILLISECONDS":
		return atom("epoch_ms("+moment(e)+")", kindNumber)
	case "EPOCH_MICROSECOND", "EPOCH_MICROSECONDS":
		return atom("epoch_us("+moment(e)+")", kindNumber)
	case "EPOCH_NANOSECOND", "EPOCH_NANOSECONDS":
		return atom("epoch_ns("+exactMoment(e)+")", kindNumber)
	default:
		part = units(word)
	}
	switch part {
	case "", "millisecond", "microsecond":
		p.fail(compilation(t, 1, "22023", "'"+clip(word)+"' is not a valid date/time component for function DATE_PART."))
	case "nanosecond":
		return atom("((epoch_ns("+exactMoment(e)+") % 1000000000 + 1000000000) % 1000000000)", kindNumber)
	}
	return atom("date_part("+Literal(part)+", "+moment(e)+")", kindNumber)
}

// dateAdd writes DATEADD. The macros keep a DATE a DATE for days and longer parts.
func dateAdd(unit string, n, e expression) expression {
	count := "CAST(round(" + n.asNumber().sql + ") AS BIGINT)"
	if n.kind == kindBind {
		count = "CAST(" + n.sql + " AS BIGINT)"
	}
	macro, factor := "add_microseconds", ""
	switch unit {
	case "year":
		macro, factor = "add_months", " * 12"
	case "quarter":
		macro, factor = "add_months", " * 3"
	case "month":
		macro = "add_months"
	case "week":
		macro, factor = "add_days", " * 7"
	case "day":
		macro = "add_days"
	case "hour":
		factor = " * 3600000000"
	case "minute":
		factor = " * 60000000"
	case "second":
		factor = " * 1000000"
	case "millisecond":
		factor = " * 1000"
	case "nanosecond":
		macro = "add_nanoseconds"
	}
	operand := e.sql
	if e.kind == kindText || e.kind == kindBind || e.kind == kindNull {
		operand = moment(e)
	}
	return atom(call(macro, count+factor, operand), kindOther).inZone(e.zoned)
}

// shifted writes a time plus or minus an interval. DuckDB's own operator would drop the nanoseconds.
func shifted(e expression, operator string, interval expression) expression {
	operand := e.sql
	if e.kind == kindText || e.kind == kindBind || e.kind == kindNull {
		operand = moment(e)
	}
	amount := interval.at(levelMultiply)
	if operator == "-" {
		amount = "-" + interval.at(levelPostfix)
	}
	macro := "shift"
	if interval.days {
		macro = "shift_days"
	}
	sum := atom(call(macro, operand, amount), kindOther).inZone(e.zoned)
	sum.interval, sum.days = e.interval, e.days && interval.days
	return sum
}

// dateDiff counts boundaries. DuckDB counts whole weeks, so Mondays are counted as days.
func dateDiff(unit string, from, to expression) expression {
	a, b := moment(from), moment(to)
	switch unit {
	case "week":
		return atom("(date_diff('day', date_trunc('week', "+a+"), date_trunc('week', "+b+")) // 7)", kindNumber)
	case "nanosecond":
		return atom("(epoch_ns("+exactMoment(to)+") - epoch_ns("+exactMoment(from)+"))", kindNumber)
	}
	return atom("date_diff("+Literal(unit)+", "+a+", "+b+")", kindNumber)
}

// dateFormat turns a Snowflake format into one for strftime and strptime; ok is false when it has a
// part that these cannot do.
func dateFormat(format string) (result string, ok bool) {
	// Longer names first: the first that fits is taken.
	parts := []string{
		"YYYY", "%Y", "YY", "%y", "MMMM", "%B", "MON", "%b", "MM", "%m", "DD", "%d", "DY", "%a", "HH24", "%H", "HH12", "%I",
		"HH", "%H", "AM", "%p", "PM", "%p", "MI", "%M", "SS", "%S", "FF3", "%g", "FF6", "%f", "FF9", "%n", "FF", "%n", "TZHTZM", "%z", "TZH:TZM", "%z", "UTC", "UTC",
	}
	var out strings.Builder
	for format != "" {
		if format[0] == '"' {
			end := strings.IndexByte(format[1:], '"')
			if end < 0 {
				return "", false
			}
			out.WriteString(strings.ReplaceAll(format[1:1+end], "%", "%%"))
			format = format[end+2:]
			continue
		}
		size := 0
		for i := 0; i < len(parts) && size == 0; i += 2 {
			if n := len(parts[i]); len(format) >= n && strings.EqualFold(format[:n], parts[i]) {
				out.WriteString(parts[i+1])
				size = n
			}
		}
		if size == 0 {
			c := format[0] | 0x20
			if c >= 'a' && c <= 'z' && format[0] != 'T' && format[0] != 'Z' || c == '%' || isDigit(format[0]) {
				return "", false
			}
			out.WriteByte(format[0])
			size = 1
		}
		format = format[size:]
	}
	return out.String(), true
}
