package dialect

import "fmt"

// Error is a statement refused, in Snowflake's words and numbers.
type Error struct {
	// Number is Snowflake's: 1003 syntax, 2 unsupported, 2140 unknown function, 938 wrong
	// number of arguments, 1420 unknown property, 90105 no current database.
	Number   int
	SQLState string // five characters
	Message  string // the complete message
	// Line (from 1) and Column (from 0, in characters) say where; both 0 if nowhere.
	Line, Column int
}

// Error gives number, SQL state and message.
func (e *Error) Error() string { return fmt.Sprintf("%06d (%s): %s", e.Number, e.SQLState, e.Message) }

// syntaxError is number 1003; what goes on after "at position n".
func syntaxError(line, column int, what string) *Error {
	return &Error{
		Number: 1003, SQLState: "42000", Line: line, Column: column,
		Message: fmt.Sprintf("SQL compilation error:\nsyntax error line %d at position %d %s.", line, column, what),
	}
}

func unexpected(t token) *Error {
	return syntaxError(t.line, t.column, "unexpected '"+clip(t.shown())+"'")
}

// unsupported refuses a feature by name.
func unsupported(t token, feature string) *Error {
	return &Error{
		Number: 2, SQLState: "0A000", Line: t.line, Column: t.column,
		Message: fmt.Sprintf("Unsupported feature '%s'. (line %d, position %d)", clip(feature), t.line, t.column),
	}
}

// compilation is an error of meaning at a token.
func compilation(t token, number int, state, what string) *Error {
	return &Error{
		Number: number, SQLState: state, Line: t.line, Column: t.column,
		Message: fmt.Sprintf("SQL compilation error: error line %d at position %d\n%s", t.line, t.column, what),
	}
}

// clip shortens what a message quotes, because a text may be long.
func clip(s string) string {
	const limit = 60
	if runes := []rune(s); len(runes) > limit {
		return string(runes[:limit]) + "…"
	}
	return s
}
