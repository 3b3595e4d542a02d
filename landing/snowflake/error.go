package snowflake

import (
	"errors"
	"fmt"
	"regexp"

	sf "github.com/snowflakedb/gosnowflake/v2"
)

// Error is a statement that Snowflake refused. Its text has the numbers. It has Snowflake's message only where that cannot
// quote values from rows: a definition without bound values, and a session that could not be opened. For all others the
// query id leads to the message in Snowflake's query history.
type Error struct {
	// Number is Snowflake's error number, such as 2003 for an object that does not exist.
	Number   int
	SQLState string
	QueryID  string
	message  string
	// shown says that the message is part of the text.
	shown bool
}

// Error names the refusal by its numbers.
func (e *Error) Error() string {
	text := fmt.Sprintf("Snowflake refused it with error %06d (SQLSTATE %s)", e.Number, e.SQLState)
	if e.QueryID != "" {
		text += ", query " + e.QueryID
	}
	if e.shown && e.message != "" {
		text += ": " + e.message
	}
	return text
}

// Hidden is what Snowflake said and the text does not show. It may hold values from the statement: show it to the person
// who wrote the statement, never to a log. It is empty where the text has the message.
func (e *Error) Hidden() string {
	if e.shown {
		return ""
	}
	return e.message
}

// definitions are the first words of statements that name things and read no rows.
var definitions = regexp.MustCompile(`(?i)^\s*(CREATE|ALTER|DROP|UNDROP|SHOW|DESC|DESCRIBE|GRANT|REVOKE|USE|COMMENT)\b`)

// reads are the words with which a definition reads rows after all.
var reads = regexp.MustCompile(`(?i)\bSELECT\b`)

// harmless reports whether what Snowflake says of a statement cannot hold a value from a row.
func harmless(query string, args []any) bool {
	return len(args) == 0 && definitions.MatchString(query) && !reads.MatchString(query)
}

// safe replaces the driver's error, whose text quotes the statement's values. shown says that it cannot hold any.
func safe(err error, shown bool) error {
	var e *sf.SnowflakeError
	if !errors.As(err, &e) {
		return err
	}
	message := e.Message
	if len(e.MessageArgs) > 0 {
		message = fmt.Sprintf(e.Message, e.MessageArgs...)
	}
	return &Error{Number: e.Number, SQLState: e.SQLState, QueryID: e.QueryID, message: message, shown: shown}
}
