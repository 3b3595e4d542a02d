package snowflake

import (
	"errors"
	"strings"

	"github.com/snowstream/snowstream/record"
)

// rowFaults are the error numbers with which Snowflake refuses a value, and what each means in words that hold no value.
// The list is closed: a number that is not on it is never the row's fault. It was put together from Snowflake's
// documentation and release notes, and from error texts that users of its drivers have published; refusal_test.go has
// the source of each, and of those that look alike and are something else.
var rowFaults = map[int]string{
	100035: "a time is not recognized or out of range",
	100037: "a value is not a boolean",
	100038: "a value is not a number",
	100039: "a number is out of range for its column",
	100040: "a value is not a date",
	100046: "a number is out of range for its column",
	100069: "a text is not JSON, or the document is too large",
	100071: "a VARIANT cannot be cast to its column",
	100072: "NULL in a column that takes none",
	100074: "a text has more characters than its column takes",
	100078: "a text is too long for its column",
	100082: "a value is larger than the largest that a column holds",
}

// RowFault tells whether err says that a row cannot be taken as it is, however often it comes: the destination has
// refused a value of it. Time-outs, locks, rights, missing objects, outages and everything unknown are not the row's fault.
// The reason has the error's number and no piece of the row.
func RowFault(err error) (record.Reason, bool) {
	var refused *Error
	if !errors.As(err, &refused) {
		return record.Reason{}, false
	}
	message, ok := rowFaults[refused.Number]
	// Class 22 is "data exception". A known number with another class is not what we know.
	if !ok || !strings.HasPrefix(refused.SQLState, "22") && refused.SQLState != "54000" {
		return record.Reason{}, false
	}
	return record.Reason{Code: record.RefusedByDestination, Number: refused.Number, SQLState: refused.SQLState, Message: message}, true
}
