package dialect

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// variable is the name that an argument has where it would be written more than once. No name of a user has a colon.
const variable = `"let:x"`

// quotedText matches a literal.
var quotedText = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`'(?:[^']|'')*'`) })

// column matches a column's name alone.
var column = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^"(?:[^"]|"")*"(?:\."(?:[^"]|"")*"|\.[a-z]+\d+)*$`)
})

// isConstant says whether no column and no query stands in a text.
func isConstant(sql string) bool {
	outside := quotedText().ReplaceAllString(sql, "")
	return !strings.Contains(outside, `"`) && !strings.Contains(outside, "(SELECT ")
}

// once writes text that needs its arguments more than once. DuckDB's planner walks an expression as often as it is
// written, so in nested calls the work would multiply at each level, and it looks for parts that several columns share,
// which takes the square of their number. An argument that is more than a name is therefore computed in front, as
// the one element of a list. Constants are written as they are: the DEFAULT of a column may have no variables.
func once(arguments []string, write func(arguments []string) string) string {
	if !slices.ContainsFunc(arguments, func(a string) bool { return !isConstant(a) && !column().MatchString(a) }) {
		return write(arguments)
	}
	inner := slices.Clone(arguments)
	var places []int
	for i, a := range arguments {
		if !isConstant(a) {
			places = append(places, i)
		}
	}
	value := ""
	if len(places) == 1 {
		value, inner[places[0]] = arguments[places[0]], variable
	} else {
		var fields []string
		for n, i := range places {
			field := "f" + strconv.Itoa(n)
			fields = append(fields, "'"+field+"': "+arguments[i])
			inner[i] = variable + "." + field
		}
		value = "{" + strings.Join(fields, ", ") + "}"
	}
	return "list_transform([" + value + "], lambda " + variable + ": " + write(inner) + ")[1]"
}

// call writes the call of a macro of Prelude.
func call(macro string, arguments ...string) string {
	written := func(arguments []string) string {
		return "snowflake." + macro + "(" + strings.Join(arguments, ", ") + ")"
	}
	if repeating()[macro] {
		return once(arguments, written)
	}
	return written(arguments)
}

// repeating are the macros that use an argument more than once, by themselves or by those that they call. DuckDB looks at the
// arguments of a macro with types once more to choose.
var repeating = sync.OnceValue(func() map[string]bool {
	found := map[string]bool{}
	for line := range strings.Lines(strings.TrimSpace(macros)) {
		head, body, _ := strings.Cut(line, ") AS ")
		name, parameters, _ := strings.Cut(head, "(")
		for parameter := range strings.SplitSeq(parameters, ", ") {
			word := regexp.MustCompile(`(?:^|[^.\w])` + regexp.QuoteMeta(parameter) + `\b`)
			if strings.Contains(parameter, " ") || len(word.FindAllString(quotedText().ReplaceAllString(body, ""), -1)) > 1 {
				found[name] = true
			}
		}
		for _, called := range regexp.MustCompile(`snowflake\.(\w+)\(`).FindAllStringSubmatch(body, -1) {
			found[name] = found[name] || found[called[1]]
		}
	}
	return found
})
