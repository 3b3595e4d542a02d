// Package fault is what went wrong in Snowflake's words: a number, a SQLSTATE and a message, for the reader's errors and
// the database's too.
//
// Every room may use it. It knows the reader of SQL and the database's error type, nothing else.
package fault

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/snowstream/snowstream/local/warehouse/dialect"
)

// Error is an error in Snowflake's words: what the driver turns into a SnowflakeError.
type Error struct {
	Number   int
	SQLState string
	Message  string
}

func (f *Error) Error() string {
	return fmt.Sprintf("%06d (%s): %s", f.Number, f.SQLState, f.Message)
}

func New(number int, state, format string, args ...any) *Error {
	return &Error{Number: number, SQLState: state, Message: fmt.Sprintf(format, args...)}
}

func NotExist(kind, name string) *Error {
	return New(2003, "02000", "SQL compilation error:\n%s '%s' does not exist or not authorized.", Title(kind), name)
}

func AlreadyExists(name string) *Error {
	return New(2002, "42710", "SQL compilation error:\nObject '%s' already exists.", name)
}

func Unsupported(what string) *Error {
	return New(2, "0A000", "Unsupported feature '%s'.", what)
}

// Title is an object kind as Snowflake's messages write it: Table, File format.
func Title(kind string) string {
	if kind == "" {
		return "Object"
	}
	return kind[:1] + strings.ToLower(kind[1:])
}

// Translate finds Snowflake's number for any error of a statement. Messages of DuckDB are kept in part, since they
// name the column or the value that the author of the statement must look at.
func Translate(err error) *Error {
	var own *Error
	var parsed *dialect.Error
	var engine *duckdb.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &own):
		return own
	case errors.As(err, &parsed):
		return New(parsed.Number, parsed.SQLState, "%s", parsed.Message)
	case errors.Is(err, context.DeadlineExceeded):
		return New(630, "57014", "Statement reached its statement or warehouse timeout and was canceled.")
	case errors.Is(err, context.Canceled):
		return New(604, "57014", "SQL execution canceled")
	case errors.As(err, &engine):
		return translateEngine(engine)
	}
	return New(370001, "XX000", "Internal error: %v", err)
}

// notBoolean is how DuckDB says that a text is no BOOLEAN.
var notBoolean = regexp.MustCompile(`Could not convert string ('(?s:.*)') to BOOL`)

// beyondNanoseconds is how DuckDB says that a time does not fit into 64 bits of nanoseconds.
var beyondNanoseconds = regexp.MustCompile(`to Timestamp\(NS\)|convert string '[0-9]{4}-[0-9]{2}-[0-9]{2}[^']*' to INT64`)

func translateEngine(err *duckdb.Error) *Error {
	text := firstLine(err.Msg)
	if beyondNanoseconds.MatchString(text) {
		return New(100035, "22007", "Timestamp is out of range: TIMESTAMP_NTZ(9) holds 1677-09-22 to 2262-04-11 here. Use TIMESTAMP_NTZ(6) for other years. %s", text)
	}
	if strings.Contains(text, "hex digit") {
		return New(100115, "22000", "A text is not a legal hex-encoded value: %s", text)
	}
	if strings.Contains(text, "Division by zero") {
		return New(100051, "22012", "Division by zero")
	}
	switch err.Type {
	case duckdb.ErrorTypeParser, duckdb.ErrorTypeSyntax:
		return New(1003, "42000", "SQL compilation error:\n%s", text)
	case duckdb.ErrorTypeCatalog:
		return New(2003, "42S02", "SQL compilation error:\nObject does not exist or not authorized. %s", text)
	case duckdb.ErrorTypeBinder:
		if strings.Contains(text, "values were supplied") {
			return New(2020, "21S01", "SQL compilation error:\nInsert value list does not match column list. %s", text)
		}
		if strings.Contains(text, "column") || strings.Contains(text, "not found") {
			return New(904, "42000", "SQL compilation error: error\ninvalid identifier. %s", text)
		}
		return New(2023, "22000", "SQL compilation error:\n%s", text)
	case duckdb.ErrorTypeConversion, duckdb.ErrorTypeMismatchType, duckdb.ErrorTypeInvalidType:
		if m := notBoolean.FindStringSubmatch(text); m != nil {
			return New(100037, "22018", "Boolean value %s is not recognized", m[1])
		}
		return New(100038, "22018", "Value is not recognized: %s", text)
	case duckdb.ErrorTypeOutOfRange, duckdb.ErrorTypeDecimal:
		return New(100046, "22003", "Number out of representable range: %s", text)
	case duckdb.ErrorTypeDivideByZero:
		return New(100051, "22012", "Division by zero")
	case duckdb.ErrorTypeConstraint:
		return New(100072, "22000", "NULL result in a non-nullable column: %s", text)
	case duckdb.ErrorTypeInvalidInput:
		return New(100069, "22P02", "Invalid input: %s", text)
	case duckdb.ErrorTypeInterrupt:
		return New(604, "57014", "SQL execution canceled")
	case duckdb.ErrorTypeTransaction:
		return New(625, "57014", "The statement met a concurrent change of the same rows: repeat it. %s", text)
	case duckdb.ErrorTypeOutOfMemory:
		return New(604, "57014", "The statement needs more memory than this warehouse has: %s", text)
	case duckdb.ErrorTypeNotImplemented, duckdb.ErrorTypePermission:
		return Unsupported(text)
	}
	return New(370001, "XX000", "Internal error: %s", text)
}

// firstLine drops the statement text and the caret that DuckDB appends.
func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
