package dialect_test

import (
	"database/sql"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/snowstream/snowstream/local/warehouse/dialect"
)

// TestNestedCalls: a call in a call in a call is planned in time that grows with their number, whatever the function.
func TestNestedCalls(t *testing.T) {
	db := openDuckDB(t)
	fixtures(t, db)
	const deep = 12
	for _, form := range []string{
		"TO_VARCHAR(%s)", "TO_BOOLEAN(TO_VARCHAR(%s))", "COALESCE(%s, '0')::VARCHAR", "TO_NUMBER(TO_VARCHAR(%s), 38, 2)", "TO_VARIANT(%s)", "TO_DOUBLE(TO_VARCHAR(%s))",
		"TO_ARRAY(%s)", "ARRAY_CONSTRUCT(%s)", "OBJECT_CONSTRUCT('a', %s)", "GET(TO_VARIANT(%s), 'a')", "TYPEOF(%s)", "ARRAY_SIZE(%s)", "DIV0(%s, 2)", "MOD(%s, 7)", "7 %% (%s)", "(%s) / 2",
		"TRUNC(%s, 1)", "SUBSTR(%s, 1, 3)", "SPLIT_PART(%s, '.', 1)", "REGEXP_SUBSTR(%s, '.*')", "GREATEST(%s, 1)", "LEAST(TO_VARIANT(%s), 1::VARIANT)", "CONCAT_WS('', %s, 'x')",
		"(%s)::VARCHAR(100)", "TRY_CAST(TO_VARCHAR(%s) AS VARCHAR(100))", "WIDTH_BUCKET(%s, 0, 9, 3)", "'a' || (%s)", "(%s)::BINARY",
		"TO_VARIANT(%s) = 1",
	} {
		text := "id"
		for range deep {
			text = fmt.Sprintf(form, text)
		}
		s, err := dialect.Parse("SELECT "+text+" FROM t", session)
		if err != nil {
			t.Errorf("%s: %v", form, err)
			continue
		}
		sql := s.(*dialect.Query).SQL
		if outside := regexp.MustCompile(`"(SELECT|[^"]*id[^"]*)"`).ReplaceAllString(sql, ""); len(outside) > deep*1000 {
			t.Errorf("%s: %d bytes", form, len(outside))
			continue
		}
		if _, err := db.Exec("EXPLAIN " + sql); err != nil && !strings.Contains(err.Error(), "Binder Error") {
			t.Errorf("%s: %v", form, err)
		}
	}
}

// TestBooleanOfText: the texts that are a BOOLEAN, and no other.
func TestBooleanOfText(t *testing.T) {
	db := openDuckDB(t)
	for _, text := range []string{
		"true", "T", "yes", "Y", "on", "1", "false", "F", "NO", "n", "oFF", "0", ` "true" `, `"0`, " t", "", " ", "2", "-1", "1.0", "null", "truth", "\u00a0true", "yes\n", "TRUE ", "\x01", "İ", "ON",
	} {
		var is [2]sql.NullBool
		var failed [2]bool
		for i, macro := range []string{"boolean", "boolean_of_text"} {
			failed[i] = db.QueryRow("SELECT snowflake."+macro+"(CAST($1 AS VARCHAR))", text).Scan(&is[i]) != nil
		}
		if is[0] != is[1] || failed[0] != failed[1] {
			t.Errorf("%q: %v and %v, failed %v", text, is[0], is[1], failed)
		}
	}
	var null sql.NullBool
	if err := db.QueryRow("SELECT snowflake.boolean_of_text(NULL)").Scan(&null); err != nil || null.Valid {
		t.Errorf("NULL: %v, %v", null, err)
	}
}

// TestOnce: an argument that is computed gives what a column of the same value gives, in each function and type.
func TestOnce(t *testing.T) {
	db := openDuckDB(t)
	fixtures(t, db)
	run(t, db, "create table kinds (k int, i int, n number(20,4), s string, b boolean, m timestamp_ntz(6), t timestamp_ntz(9), z timestamp_tz, v variant, d date, c time, f float, x binary)")
	run(t, db, `insert into kinds select 1, -7, 1.5000, ' true', true, '1969-12-31 23:59:59.5', '2024-01-31 10:20:30.123456789', '2024-01-31 10:20:30+02:00', parse_json('{"a":[1,"x",null]}'), '2024-02-29', '23:59:59.999999', 1e300, 'AB00'::binary`)
	run(t, db, `insert into kinds select 2, 0, 0, '2024-01-31 10:20:30 +02:00', false, '9999-12-31', '1677-09-22', '0001-01-01', parse_json('"0"'), '0001-01-01', '00:00:00', 3, ''::binary`)
	run(t, db, `insert into kinds select 3, 2, 3, '5', true, '2000-01-01', '2000-01-01', '2000-01-01', parse_json('[5]'), '2000-01-01', '12:00:00', -0.1, '41'::binary`)
	run(t, db, "insert into kinds (k) values (4)")
	for _, column := range strings.Split("i n s b m t z v d c f x", " ") {
		for _, form := range []string{
			"%s::varchar", "%s::varchar(3)", "%s::boolean", "%s::variant", "%s::date", "%s::time(3)", "%s::timestamp_ntz", "%s::timestamp_tz", "%s::number(38,2)", "%s::binary", "try_cast(%s as boolean)",
			"to_char(%s, 'YYYY-MM-DD HH24:MI:SS.FF9')", "%s:a[0]::string", "typeof(to_variant(%s))", "array_construct(%s)", "object_construct('a', %s)", "to_array(%s)", "%s = 5::variant",
			"dateadd('month', 1, %s)", "dateadd('ns', 1, %s)", "add_months(%s, 1)", "date_trunc('day', %s)", "%s %% 2", "%s / 7", "trunc(%s, 1)", "div0(5, %s)", "substr(%s, 2, 2)", "split_part(%s, '-', 1)",
			"greatest(%s, 1)", "concat_ws('-', %s, 'y')", "regexp_substr(%s, '[0-9]+')", "date_part('nanosecond', %s)", "last_day(%s)", "array_size(%s)",
			"convert_timezone('UTC', 'Europe/Berlin', %s)", "initcap(%s)", "%s::number(38,0)", "get(%s, 'a')",
		} {
			for k := 1; k <= 4; k++ {
				var got [2]string
				for i, argument := range []string{column, "any_value(" + column + ")"} {
					s, err := dialect.Parse(fmt.Sprintf("select "+form+" from kinds where k = %d", argument, k), session)
					if err != nil {
						got[i] = err.Error()
						continue
					}
					if got[i], err = texts(db, s.(*dialect.Query)); err != nil {
						got[i] = "refused"
					}
				}
				if got[0] != got[1] {
					t.Errorf("%s of row %d: %s, computed %s", fmt.Sprintf(form, column), k, got[0], got[1])
				}
			}
		}
	}
}
