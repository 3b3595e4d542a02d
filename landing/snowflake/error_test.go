package snowflake

import (
	"strings"
	"testing"

	sf "github.com/snowflakedb/gosnowflake/v2"
)

// TestReasons: what is said of a definition is shown, what may quote a row's value is not.
func TestReasons(t *testing.T) {
	for _, c := range []struct {
		query string
		args  []any
		shown bool
	}{
		{"CREATE TABLE t (a NUMBER)", nil, true},
		{"  alter table t add column b NUMBER", nil, true},
		{"SHOW TABLES", nil, true},
		{"DESC TABLE t", nil, true},
		{"CREATE TABLE t AS\nselect * FROM s", nil, false},
		{"CREATE TABLE t (a NUMBER)", []any{1}, false},
		{"SELECT 1", nil, false},
		{"COPY INTO t FROM @s", nil, false},
		{"MERGE INTO t USING s ON TRUE WHEN MATCHED THEN DELETE", nil, false},
		{"CREATED", nil, false},
	} {
		err := safe(&sf.SnowflakeError{Number: 2025, Message: "duplicate column name '%s'", MessageArgs: []any{"CANARY"}}, harmless(c.query, c.args))
		if got := strings.Contains(err.Error(), "duplicate column name 'CANARY'"); got != c.shown {
			t.Errorf("%q with %d values: %v", c.query, len(c.args), err)
		}
		if !strings.Contains(err.Error(), "002025") {
			t.Errorf("%q: no number in %v", c.query, err)
		}
	}
}
