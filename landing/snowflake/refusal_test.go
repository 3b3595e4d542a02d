package snowflake

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/snowstream/snowstream/record"
)

// TestRowFault is the table of Snowflake's error numbers by class, with where each was found: "docs" is a page of
// docs.snowflake.com, "seen" an error text that users of the drivers have published.
func TestRowFault(t *testing.T) {
	for _, c := range []struct {
		number int
		state  string
		row    bool
		source string
	}{
		{100035, "22007", true, "seen: Timestamp '…' is not recognized"},
		{100037, "22018", true, "docs, BOOLAND_AGG: Boolean value '…' is not recognized"},
		{100038, "22018", true, "docs, INSERT: DML operation to table … failed on column …: Numeric value '…' is not recognized"},
		{100039, "22003", true, "docs, TO_DECIMAL: Numeric value '…' is out of range"},
		{100040, "22007", true, "seen: Date '…' is not recognized"},
		{100046, "22003", true, "seen: Number out of representable range"},
		{100069, "22P02", true, "docs, BCR-1779: Error parsing JSON: document is too large"},
		{100071, "22000", true, "seen: Failed to cast variant value … to …"},
		{100072, "22000", true, "seen: NULL result in a non-nullable column"},
		{100074, "54000", true, "seen: User character length limit (…) exceeded by string"},
		{100078, "22000", true, "docs: String '…' is too long and would be truncated"},
		{100082, "22000", true, "docs, BCR-1779: Max LOB size exceeded, actual size of parsed column is …"},

		{2, "0A000", false, "docs: unsupported feature"},
		{603, "40000", false, "seen: SQL execution internal error, processing aborted by error 300010"},
		{604, "57014", false, "seen: SQL execution canceled"},
		{606, "57P03", false, "seen: no active warehouse selected in the current session"},
		{625, "57014", false, "seen: statement waits behind too many others for a lock"},
		{630, "57014", false, "seen: statement reached its statement or warehouse timeout"},
		{904, "42000", false, "docs: invalid identifier"},
		{1003, "42000", false, "docs: syntax error"},
		{2003, "42S02", false, "docs: object does not exist or not authorized"},
		{3001, "42501", false, "docs: insufficient privileges"},
		{90073, "22000", false, "docs, resource monitors: the warehouse cannot be resumed, quota exceeded; its state is of class 22"},
		{90105, "22000", false, "seen: the session has no current database; class 22 too"},
		{91003, "22000", false, "seen: failure using stage area; class 22 too"},
		{100067, "54000", false, "docs: the driver does not support the length in a result column"},
		{100090, "42P18", false, "docs, MERGE: duplicate row detected during DML action: the statement's fault"},
		{100132, "P0000", false, "docs, stored procedures: JavaScript execution error"},
		{100183, "P0000", false, "seen: a handler's error"},
		{370001, "XX000", false, "seen: internal error"},
		{390114, "08001", false, "docs: the session's token has expired"},
		{394304, "", false, "seen: authentication"},
		{0, "", false, "no number at all"},
		{100078, "", false, "a known number, but not with its class"},
		{100078, "57014", false, "a known number, but not with its class"},
	} {
		err := fmt.Errorf("merge 100 rows: %w", &Error{Number: c.number, SQLState: c.state, message: "the value is hunter2"})
		reason, got := RowFault(err)
		if got != c.row {
			t.Errorf("%06d (%s), %s: the row's fault %v, want %v", c.number, c.state, c.source, got, c.row)
		}
		if got && (reason.Code != record.RefusedByDestination || reason.Number != c.number || reason.Message == "" || reason.Message == "the value is hunter2") {
			t.Errorf("%06d: reason %+v", c.number, reason)
		}
	}
	for _, err := range []error{nil, errors.New("connection reset by peer"), context.DeadlineExceeded, context.Canceled} {
		if _, got := RowFault(err); got {
			t.Errorf("%v is taken for the row's fault", err)
		}
	}
}
