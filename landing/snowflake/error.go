package snowflake

import (
	"errors"
	"fmt"

	sf "github.com/snowflakedb/gosnowflake/v2"
)

// Error is a statement that Snowflake refused. Its text has the numbers and not Snowflake's message, which may quote
// values from the rows; the query id leads to it in Snowflake's query history.
type Error struct {
	// Number is Snowflake's error number, such as 2003 for an object that does not exist.
	Number   int
	SQLState string
	QueryID  string
	message  string
}

// Error names the refusal by its numbers.
func (e *Error) Error() string {
	text := fmt.Sprintf("Snowflake refused it with error %06d (SQLSTATE %s)", e.Number, e.SQLState)
	if e.QueryID != "" {
		text += ", query " + e.QueryID
	}
	return text
}

// Message is what Snowflake said. It may hold values from the statement: show it to the person who wrote the
// statement, never to a log.
func (e *Error) Message() string { return e.message }

// safe replaces the driver's error, whose text quotes the statement's values.
func safe(err error) error {
	var e *sf.SnowflakeError
	if !errors.As(err, &e) {
		return err
	}
	message := e.Message
	if len(e.MessageArgs) > 0 {
		message = fmt.Sprintf(e.Message, e.MessageArgs...)
	}
	return &Error{Number: e.Number, SQLState: e.SQLState, QueryID: e.QueryID, message: message}
}
