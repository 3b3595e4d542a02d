package dialect_test

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"

	_ "github.com/duckdb/duckdb-go/v2"

	"github.com/snowstream/snowstream/local/warehouse/dialect"
	"github.com/snowstream/snowstream/local/warehouse/variant"
)

// session is the session that the tests read statements in.
var session = dialect.Env{
	Database: "DB", Schema: "S", User: "ADA", Role: "LOADER", Warehouse: "WH", Account: "LOCAL", Session: "7", Version: "9.0.0",
	Variables: map[string]string{"LOW": "2", "WORD": "'it''s'"},
}

// openDuckDB gives an empty database with the prelude, the schema DB.S and what the server is
// said to provide.
func openDuckDB(t testing.TB) *sql.DB {
	t.Helper()
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(variant.Register(conn, func() func(int) error { return func(int) error { return nil } }), conn.Close()); err != nil {
		t.Fatal(err)
	}
	statements := append([]string{"SET TimeZone = 'UTC'", `CREATE SCHEMA "DB.S"`}, dialect.Prelude()...)
	statements = append(statements,
		`CREATE VIEW `+dialect.TablesView+` AS SELECT 'DB' AS "TABLE_CATALOG", 'S' AS "TABLE_SCHEMA", 'T' AS "TABLE_NAME" UNION ALL SELECT 'OTHER', 'S', 'U'`,
		`CREATE VIEW `+dialect.CopyHistoryView+` AS SELECT 'DB' AS "TABLE_CATALOG_NAME", 'S' AS "TABLE_SCHEMA_NAME", 'T' AS "TABLE_NAME", 'a.csv' AS "FILE_NAME", TIMESTAMPTZ '2026-01-02 00:00:00Z' AS "LAST_LOAD_TIME"`,
		"SET enable_external_access = false",
	)
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	return db
}

// texts runs a rewritten query and gives its rows as text, cells joined by |.
func texts(db *sql.DB, q *dialect.Query, binds ...any) (string, error) {
	arguments := make([]any, len(q.Binds))
	for i, number := range q.Binds {
		arguments[i] = binds[number-1]
	}
	rows, err := db.Query("SELECT COLUMNS(*)::VARCHAR FROM ("+q.SQL+")", arguments...)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return "", err
	}
	var lines []string
	for rows.Next() {
		cells := make([]sql.NullString, len(columns))
		targets := make([]any, len(columns))
		for i := range cells {
			targets[i] = &cells[i]
		}
		if err := rows.Scan(targets...); err != nil {
			return "", err
		}
		line := make([]string, len(cells))
		for i, c := range cells {
			line[i] = "NULL"
			if c.Valid {
				line[i] = c.String
			}
		}
		lines = append(lines, strings.Join(line, "|"))
	}
	return strings.Join(lines, " / "), rows.Err()
}

// run parses and runs a statement that is no query.
func run(t *testing.T, db *sql.DB, text string) {
	t.Helper()
	s, err := dialect.Parse(text, session)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	var list []string
	switch s := s.(type) {
	case *dialect.CreateTable:
		list = []string{s.SQL}
	case *dialect.CreateView:
		list = []string{s.SQL}
	case *dialect.AlterTable:
		list = s.SQL
	case *dialect.Insert:
		list = []string{s.SQL}
	case *dialect.Update:
		list = []string{s.SQL}
	case *dialect.Delete:
		list = []string{s.SQL}
	case *dialect.Truncate:
		list = []string{s.SQL}
	case *dialect.Merge:
		list = []string{s.SQL}
	default:
		t.Fatalf("%s: %T", text, s)
	}
	for _, statement := range list {
		if _, err := db.Exec(statement); err != nil {
			t.Fatalf("%s\n-> %s\n%v", text, statement, err)
		}
	}
}

// fixtures makes the tables that the query table reads.
func fixtures(t *testing.T, db *sql.DB) {
	t.Helper()
	for _, text := range []string{
		`create table t (id int, name string, price number(10,2), seen timestamp_ntz, day date, v variant, ok boolean, f float)`,
		`insert into t select 1, 'a', 1.50, '2024-01-31 10:20:30.5', '2024-01-31', parse_json('{"a":{"b":[1,"x",null]},"n":9007199254740993,"big":12345678901234567890123456789012345678,"t":"2024-05-06T07:08:09Z","Key":"k"}'), true, 0.5`,
		`insert into t select 2, 'b', 2.25, '2024-02-01 00:00:00', '2024-02-01', parse_json('[10, 20, "z"]'), false, 1.5`,
		`insert into t (id, name) values (3, null)`,
		`create table exact (id int, n timestamp_ntz(9), m timestamp_ntz(6), v variant)`,
		`insert into exact select 1, '2024-01-31T10:20:30.123456789', '9999-12-31', parse_json('{"i":-99999999999999999999999999999999999999, "e":[1.10, {"f": 1.00}], "d":0.1234567890123456789012345678901234567}')`,
		`insert into exact (id, n) values (2, '1969-12-31 23:59:59.9999995')`,
	} {
		run(t, db, text)
	}
}

func TestQueriesGiveWhatSnowflakeGives(t *testing.T) {
	db := openDuckDB(t)
	fixtures(t, db)
	for _, c := range queries {
		t.Run(c.text, func(t *testing.T) {
			s, err := dialect.Parse(c.text, session)
			if err != nil {
				t.Fatal(err)
			}
			q, ok := s.(*dialect.Query)
			if !ok {
				t.Fatalf("read as %T", s)
			}
			got, err := texts(db, q, c.binds...)
			if err != nil {
				got = "error " + firstLine(err)
			}
			if got != c.want && !(strings.HasPrefix(c.want, "error") && strings.HasPrefix(got, "error") && strings.Contains(got, strings.TrimPrefix(c.want, "error "))) {
				t.Errorf("rows\n got  %s\n want %s\n text %s", got, c.want, q.SQL)
			}
		})
	}
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

type queryCase struct {
	text  string
	binds []any
	want  string
}

func q(text, want string, binds ...any) queryCase { return queryCase{text, binds, want} }

var queries = []queryCase{
	// literals, arithmetic, comparison
	q(`SELECT 7/2, 1/4, 6/3`, "3.500000|0.250000|2.000000"),
	q(`SELECT 1/0`, "error Division by zero"),
	q(`SELECT 1 + 2 * 3, (1 + 2) * 3, 10 - 4 - 3, -2, - -2, 7 % 3`, "7|9|3|-2|2|1"),
	q(`SELECT 2147483647 + 1, 2147483647 * 2147483647`, "2147483648|4611686014132420609"),
	q(`SELECT 'a''b', 'a\'b', 'tab\there', $$raw 'x' \n$$, 'é\u00e9'`, "a'b|a'b|tab\there|raw 'x' \\n|éé"),
	q(`SELECT 'a' || 1 || 'b', 'x' || NULL`, "a1b|NULL"),
	q(`SELECT 1 <> 2, 1 != 1, 3 BETWEEN 1 AND 5, 2 NOT IN (1, 3), NOT TRUE OR TRUE AND FALSE`, "true|false|true|true|false"),
	q(`SELECT NULL IS NULL, 1 IS NOT DISTINCT FROM NULL, EQUAL_NULL(NULL, NULL)`, "true|false|true"),
	q(`SELECT 'abc' LIKE 'a%', 'ABC' ILIKE 'a_c', 'a%' LIKE 'a^%' ESCAPE '^', 'ab' NOT LIKE 'b%', 'x' LIKE ANY ('a%', 'x%')`, "true|true|true|true|true"),
	q(`SELECT 'abc' RLIKE 'b', REGEXP_LIKE('abc', 'a.c'), REGEXP_REPLACE('a1b22', '[0-9]+', '#'), REGEXP_SUBSTR('a1b22', '[0-9]+'), REGEXP_COUNT('a1b22', '[0-9]')`, "false|true|a#b#|1|3"),
	q(`SELECT $low + 1, $word`, "3|it's"),
	q(`SELECT ?, ?`, "x|NULL", "x", nil),
	q(`SELECT :2, :1, :2`, "b|a|b", "a", "b"),
	// names
	q(`select ID, "ID", t.id, db.s.t.id from T where Id = 1`, "1|1|1|1"),
	q(`SELECT count(*) FROM t`, "3"),
	q(`SELECT x."Mixed Case" FROM (SELECT 1 AS "Mixed Case") x`, "1"),
	q(`WITH c AS (SELECT id FROM t), d(k) AS (SELECT id FROM c) SELECT sum(k) FROM d`, "6"),
	q(`WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 4) SELECT count(*) FROM r`, "4"),
	// casts
	q(`SELECT '2.5'::NUMBER, 2.5::INT, -2.5::INT, CAST('1.25' AS NUMBER(5,1)), TRY_CAST('x' AS INT), '7'::FLOAT`, "3|3|-3|1.3|NULL|7.0"),
	q(`SELECT '12345678901234567890123456789012345678'::NUMBER(38,0), 0.1::NUMBER(38,37)`, "12345678901234567890123456789012345678|0.1000000000000000000000000000000000000"),
	q(`SELECT 'yes'::BOOLEAN, 'off'::BOOLEAN, 1::BOOLEAN, TRUE::STRING, 1.50::STRING`, "true|false|true|true|1.50"),
	q(`SELECT 'abc'::VARCHAR(3), TRY_CAST('abcd' AS VARCHAR(3))`, "abc|NULL"),
	q(`SELECT 'abcd'::VARCHAR(3)`, "error too long"),
	q(`SELECT id::STRING || '!', name::VARCHAR, price::STRING, seen::STRING, day::STRING, f::STRING FROM t WHERE id = 1`, "1!|a|1.50|2024-01-31 10:20:30.500|2024-01-31|0.5"),
	q(`SELECT '2024-01-02'::DATE, '2024-01-02T03:04:05.123456'::TIMESTAMP_NTZ, '2024-01-02 03:04:05 +02:00'::TIMESTAMP_TZ, '10:11:12'::TIME`, "2024-01-02|2024-01-02 03:04:05.123456|2024-01-02 01:04:05+00|10:11:12"),
	// nanoseconds, and years that have only microseconds
	q(`SELECT '2024-01-31 10:20:30.123456789'::TIMESTAMP_NTZ, '9999-12-31 23:59:59.999999'::TIMESTAMP_NTZ(6), '0001-01-01'::TIMESTAMP_NTZ(3), '2024-01-31T10:20:30.123456789+05:00'::TIMESTAMP_NTZ`, "2024-01-31 10:20:30.123456789|9999-12-31 23:59:59.999999|0001-01-01 00:00:00|2024-01-31 10:20:30.123456789"),
	q(`SELECT '9999-12-31'::TIMESTAMP_NTZ`, "error to INT64"),
	q(`SELECT n, DATEADD(day, 1, n), DATEADD(month, 1, n), DATEADD(nanosecond, 2, n), n - INTERVAL '1 hour', DATE_TRUNC(second, n), n::TIMESTAMP_NTZ FROM exact WHERE id = 1`,
		"2024-01-31 10:20:30.123456789|2024-02-01 10:20:30.123456789|2024-02-29 10:20:30.123456789|2024-01-31 10:20:30.123456791|2024-01-31 09:20:30.123456789|2024-01-31 10:20:30|2024-01-31 10:20:30.123456789"),
	q(`SELECT n, DATEADD(hour, 1, n), DATE_TRUNC(second, n), DATE_PART(nanosecond, n) FROM exact WHERE id = 2`, "1969-12-31 23:59:59.9999995|1970-01-01 00:59:59.9999995|1969-12-31 23:59:59|999999500"),
	q(`SELECT DATEDIFF(nanosecond, '2024-01-31 10:20:30.123456780', n), DATE_PART(nanosecond, n), DATE_PART(epoch_nanosecond, n), TO_CHAR(n, 'SS.FF9'), n::STRING FROM exact WHERE id = 1`, "9|123456789|1706696430123456789|30.123456789|2024-01-31 10:20:30.123"),
	q(`SELECT id FROM exact WHERE n = '2024-01-31 10:20:30.123456789' AND n > '2024-01-31 10:20:30.123456788'::TIMESTAMP_NTZ AND n < '2025-01-01'::DATE AND n < CURRENT_TIMESTAMP() AND CURRENT_TIMESTAMP > n
		AND n BETWEEN '2024-01-01' AND CURRENT_TIMESTAMP() AND n > DATEADD(year, -100, CURRENT_TIMESTAMP()) AND n NOT IN (CURRENT_TIMESTAMP())`, "1"),
	q(`SELECT MAX(n), MIN(n), COUNT(DISTINCT n), MAX(m) FROM exact`, "2024-01-31 10:20:30.123456789|1969-12-31 23:59:59.9999995|2|9999-12-31 00:00:00"),
	q(`SELECT TO_TIMESTAMP_NTZ(1700000000.123456789), TO_TIMESTAMP(1700000000123456789, 9), TO_TIMESTAMP('2024-01-02 03:04:05.123456789', 'YYYY-MM-DD HH24:MI:SS.FF9')`, "2023-11-14 22:13:20.123456789|2023-11-14 22:13:20.123456789|2024-01-02 03:04:05.123456789"),
	// variants, to the last digit
	q(`SELECT v:d, v:d::NUMBER(38,37), v:i::NUMBER(38,0), v:e[1]:f::STRING, v:e FROM exact WHERE id = 1`, `0.1234567890123456789012345678901234567|0.1234567890123456789012345678901234567|-99999999999999999999999999999999999999|1.00|[1.10,{"f":1.00}]`),
	q(`SELECT f.value, f.key, f.index, f.path FROM exact, TABLE(FLATTEN(v)) f WHERE id = 1 AND f.key IN ('d', 'i') ORDER BY 2`, `0.1234567890123456789012345678901234567|d|NULL|d / -99999999999999999999999999999999999999|i|NULL|i`),
	q(`SELECT f.value FROM exact, TABLE(FLATTEN(v:e)) f WHERE id = 1 ORDER BY f.index`, `1.10 / {"f":1.00}`),
	q(`SELECT PARSE_JSON(' {"b": 1, "a" : [ 1.0 ] } ') = PARSE_JSON('{"a":[1.0],"b":1}'), PARSE_JSON(' '), PARSE_JSON('null')`, "true|NULL|null"),
	q(`SELECT v:d::NUMBER(38,10), v:e[0]::NUMBER(20,2), v:i::STRING::NUMBER(38,0), '-0.00000000005'::STRING::NUMBER(38,10), TRY_CAST(v:e::STRING AS NUMBER(38,10)), TRY_CAST('x' || id AS NUMBER(38,0)) FROM exact WHERE id = 1`,
		"0.1234567890|1.10|-99999999999999999999999999999999999999|-0.0000000001|NULL|NULL"),
	q(`SELECT '1e3'::STRING::NUMBER(38,2), v:e[0]::STRING::NUMBER(38,0), PARSE_JSON('[12345678901234567890.12345678, 12345678.5, -1e2]')[0]::NUMBER(38,8), PARSE_JSON('[-12345678.5]')[0]::NUMBER(38,8), PARSE_JSON('[-1e2]')[0]::NUMBER(38,8) FROM exact WHERE id = 1`,
		"1000.00|1|12345678901234567890.12345678|-12345678.50000000|-100.00000000"),
	q(`SELECT ARRAY_CONSTRUCT(v:d, NULL, 'x', 1.25), OBJECT_CONSTRUCT('z', v:d, 'a', v:e), OBJECT_CONSTRUCT_KEEP_NULL('k', NULL), ARRAY_CONSTRUCT(), OBJECT_KEYS(v) FROM exact WHERE id = 1`,
		`[0.1234567890123456789012345678901234567,null,"x",1.25]|{"a":[1.10,{"f":1.00}],"z":0.1234567890123456789012345678901234567}|{"k":null}|[]|["d","e","i"]`),
	q(`SELECT ARRAY_AGG(v:d), ARRAY_AGG(n) FROM exact WHERE id = 1`, `[0.1234567890123456789012345678901234567]|["2024-01-31 10:20:30.123456789"]`),
	q(`SELECT PARSE_JSON('{"a":1,"a":2}')`, "error duplicate object attribute"),
	// variants
	q(`SELECT v:a.b[0], v:a.b[1]::STRING, v:a.b[2]::STRING, v:a.b[2]::NUMBER, v:"Key"::STRING, v:key FROM t WHERE id = 1`, "1|x|NULL|NULL|k|NULL"),
	q(`SELECT v:n::NUMBER, v:big::NUMBER(38,0), v['n']::INT, v:t::TIMESTAMP_NTZ, v:n::STRING FROM t WHERE id = 1`, "9007199254740993|12345678901234567890123456789012345678|9007199254740993|2024-05-06 07:08:09|9007199254740993"),
	q(`SELECT v[0] + 1, v[1] = 20, v[2] = 'z', v[id - 1]::INT, ARRAY_SIZE(v), GET(v, 1)::INT FROM t WHERE id = 2`, "11.0|true|true|20|3|20"),
	q(`SELECT f.value::STRING, f.index, f.key, f.path FROM t, LATERAL FLATTEN(INPUT => t.v) f WHERE t.id = 2 ORDER BY f.index`, "10|0|NULL|[0] / 20|1|NULL|[1] / z|2|NULL|[2]"),
	q(`SELECT f.key FROM t, TABLE(FLATTEN(t.v)) f WHERE t.id = 1 ORDER BY 1`, "Key / a / big / n / t"),
	q(`SELECT t.id, f.value FROM t, LATERAL FLATTEN(INPUT => v, OUTER => TRUE) f WHERE id > 1 ORDER BY id, f.index`, "2|10 / 2|20 / 2|\"z\" / 3|NULL"),
	q(`SELECT value::STRING FROM t, LATERAL FLATTEN(INPUT => v, PATH => 'a.b') WHERE id = 1 ORDER BY index`, "1 / x / NULL"),
	q(`SELECT f.value[0]::STRING::NUMBER(38,0) AS id, f.value[1]::STRING AS s FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?))) AS f QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY 1) = 1 ORDER BY 1`, "9007199254740993|x / 9007199254740994|NULL", `[["9007199254740993","x"],["9007199254740993","x"],["9007199254740994",null]]`),
	q(`SELECT TRY_PARSE_JSON('{'), PARSE_JSON('{"a":1}'):a::INT, TO_JSON(PARSE_JSON('[1]')), TYPEOF(PARSE_JSON('[1]'))`, "NULL|1|[1]|ARRAY"),
	q(`SELECT OBJECT_CONSTRUCT('a', 1, 'b', NULL, 'c', 'x'), ARRAY_CONSTRUCT(1, 'a'), TO_VARIANT('a')::STRING, 'a'::VARIANT`, `{"a":1,"c":"x"}|[1,"a"]|a|"a"`),
	q(`SELECT UPPER(v:a.b[1]), LENGTH(v:"Key") FROM t WHERE id = 1`, "X|1"),
	// null functions and choices
	q(`SELECT IFF(1 > 2, 'a', 'b'), NVL(NULL, 1), NVL2(NULL, 1, 2), ZEROIFNULL(NULL), NULLIFZERO(0), COALESCE(NULL, 3), DECODE(2, 1, 'x', 2, 'y', 'z'), DECODE(NULL, NULL, 'n'), IFNULL(NULL, 4), NULLIF(1, 1)`, "b|1|2|0|NULL|3|y|n|4|NULL"),
	q(`SELECT GREATEST(1, NULL), LEAST(2, 1), CASE WHEN 1 = 2 THEN 'a' ELSE 'b' END, CASE 3 WHEN 3 THEN 'c' END`, "NULL|1|b|c"),
	// numbers
	q(`SELECT DIV0(1, 0), SQUARE(3), BITAND(6, 3), ABS(-2), MOD(7, 3), ROUND(2.5), ROUND(2.345, 2), TRUNC(2.789, 1), CEIL(1.2), FLOOR(-1.2), SIGN(-3), POWER(2, 3)`, "0.000000|9.0|2|2|1|3|2.35|2.7|2|-2|-1|8.0"),
	q(`SELECT TO_NUMBER('12.5'), TO_NUMBER('12.55', 10, 1), TO_DECIMAL('3'), TRY_TO_NUMBER('x'), TO_DOUBLE('1.5'), TO_BOOLEAN('n')`, "13|12.6|3|NULL|1.5|false"),
	// texts
	q(`SELECT SPLIT_PART('a,b,c', ',', 2), SPLIT_PART('a,b,c', ',', -1), CONTAINS('abc', 'b'), STARTSWITH('abc', 'b'), ENDSWITH('abc', 'c'), CONCAT('a', 'b'), CONCAT('a', NULL)`, "b|c|true|false|true|ab|NULL"),
	q(`SELECT UPPER('a'), LENGTH('abc'), SUBSTR('hello', 2, 3), SUBSTR('hello', -3), LEFT('hello', 2), RIGHT('hello', 2), TRIM('  a '), LPAD('7', 3, '0'), REPLACE('aba', 'a'), INITCAP('ab cd'), POSITION('b', 'ab'), CHARINDEX('b', 'ab')`, "A|3|ell|llo|he|lo|a|007|b|Ab Cd|2|2"),
	q(`SELECT MD5('a'), SHA2('a')`, "0cc175b9c0f1b6a831c399e269772661|ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"),
	// dates
	q(`SELECT DATEADD(day, 1, '2024-01-31'::DATE), DATEADD('month', 1, '2024-01-31'::DATE), DATEADD(hour, -1, '2024-01-01 00:30:00'::TIMESTAMP), DATEADD(year, 1, day), DATEADD(minute, 5, seen) FROM t WHERE id = 1`, "2024-02-01|2024-02-29|2023-12-31 23:30:00|2025-01-31|2024-01-31 10:25:30.5"),
	q(`SELECT DATEDIFF(year, '2023-12-31', '2024-01-01'), DATEDIFF('month', '2024-01-31', '2024-02-01'), DATEDIFF(week, '2024-01-07', '2024-01-08'), DATEDIFF(hour, '2024-01-01 00:59:59', '2024-01-01 01:00:00'), TIMESTAMPDIFF(second, seen, '2024-01-31 10:20:31') FROM t WHERE id = 1`, "1|1|1|1|1"),
	q(`SELECT DATE_TRUNC('month', day), DATE_TRUNC(hour, seen), TRUNC(2.5), YEAR(day), MONTH(seen), EXTRACT(day FROM day), DATE_PART('hour', seen), DATE_PART(epoch_second, seen), LAST_DAY(day), DAYOFWEEK(day), DAYNAME(day) FROM t WHERE id = 1`, "2024-01-01|2024-01-31 10:00:00|2|2024|1|31|10|1706696430|2024-01-31|3|Wed"),
	q(`SELECT TO_DATE('2024-01-02'), TO_DATE('02/01/2024', 'DD/MM/YYYY'), TO_TIMESTAMP('2024-01-02 03:04:05'), TO_TIMESTAMP_NTZ(1700000000), TO_TIMESTAMP(1700000000123, 3), TO_CHAR('2024-01-02'::DATE, 'YYYY/MM/DD'), TO_CHAR(12)`, "2024-01-02|2024-01-02|2024-01-02 03:04:05|2023-11-14 22:13:20|2023-11-14 22:13:20.123|2024/01/02|12"),
	q(`SELECT CURRENT_TIMESTAMP IS NOT NULL, CURRENT_TIMESTAMP() > '2020-01-01', SYSDATE() > '2020-01-01'::TIMESTAMP, CURRENT_DATE > '2020-01-01', DATEADD(day, -1, CURRENT_TIMESTAMP()) < CURRENT_TIMESTAMP()`, "true|true|true|true|true"),
	q(`SELECT CURRENT_DATABASE(), CURRENT_SCHEMA(), CURRENT_USER(), CURRENT_ROLE(), CURRENT_WAREHOUSE(), CURRENT_VERSION(), CURRENT_ACCOUNT(), CURRENT_SESSION(), CURRENT_REGION()`, "DB|S|ADA|LOADER|WH|9.0.0|LOCAL|7|NULL"),
	// sources
	q(`SELECT * FROM VALUES (1, 'a'), (2, 'b')`, "1|a / 2|b"),
	q(`SELECT column1, $low, v.column2 FROM (VALUES (1, 'a')) AS v`, "1|2|a"),
	q(`SELECT a FROM VALUES (1), (2) AS x(a) WHERE a > 1`, "2"),
	q(`SELECT a.id, b.name FROM t a LEFT OUTER JOIN t b ON a.id = b.id AND b.id = 1 ORDER BY a.id`, "1|a / 2|NULL / 3|NULL"),
	q(`SELECT count(*) FROM t a CROSS JOIN t b, t c`, "27"),
	q(`SELECT id FROM t JOIN (SELECT 2 AS id) u USING (id)`, "2"),
	q(`SELECT SEQ4() FROM TABLE(GENERATOR(ROWCOUNT => 3)) ORDER BY 1`, "0 / 1 / 2"),
	q(`SELECT COUNT(*) FROM t SAMPLE (100)`, "3"),
	q(`SELECT table_name FROM information_schema.tables WHERE table_schema = 'S'`, "T"),
	q(`SELECT file_name FROM TABLE(information_schema.copy_history(TABLE_NAME => 'T', START_TIME => '2026-01-01'::timestamp_ltz))`, "a.csv"),
	q(`SELECT file_name FROM TABLE(db.information_schema.copy_history(table_name => 'db.s.t', start_time => dateadd(hours, -1, '2027-01-01'::timestamp_ltz)))`, ""),
	// clauses
	q(`SELECT name, COUNT(*) AS n FROM t GROUP BY name HAVING n > 0 ORDER BY name DESC`, "NULL|1 / b|1 / a|1"),
	q(`SELECT name FROM t ORDER BY name LIMIT 1 OFFSET 1`, "b"),
	q(`SELECT TOP 2 id FROM t ORDER BY id DESC`, "3 / 2"),
	q(`SELECT id FROM t ORDER BY ALL FETCH FIRST 1 ROWS ONLY`, "1"),
	q(`SELECT ok, SUM(id) FROM t GROUP BY ALL ORDER BY ALL`, "false|2 / true|1 / NULL|3"),
	q(`SELECT * EXCLUDE (seen, day, v, ok, f) RENAME (name AS label) FROM t WHERE id = 1`, "1|a|1.50"),
	q(`SELECT t.* ILIKE '%ice' FROM t WHERE id = 1`, "1.50"),
	q(`SELECT id FROM t WHERE EXISTS (SELECT 1 FROM t u WHERE u.id = t.id + 1) ORDER BY id`, "1 / 2"),
	q(`SELECT id FROM t WHERE id IN (SELECT MAX(id) FROM t)`, "3"),
	q(`SELECT 1 UNION SELECT 1 UNION ALL SELECT 2 ORDER BY 1`, "1 / 2"),
	q(`SELECT column1 FROM VALUES (1), (2), (3) MINUS SELECT 2 ORDER BY 1`, "1 / 3"),
	q(`(SELECT 1 AS a) INTERSECT (SELECT 1)`, "1"),
	q(`SELECT id, ROW_NUMBER() OVER (ORDER BY id DESC) AS r FROM t QUALIFY r = 1`, "3|1"),
	q(`SELECT FIRST_VALUE(id) OVER (ORDER BY id), LAST_VALUE(id) OVER (ORDER BY id), LAG(id) OVER (ORDER BY id), SUM(id) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM t ORDER BY id LIMIT 2`, "1|3|NULL|1 / 1|3|1|3"),
	q(`SELECT LAST_VALUE(name) IGNORE NULLS OVER (ORDER BY id) FROM t LIMIT 1`, "b"),
	// aggregates
	q(`SELECT SUM(id), AVG(id), MIN(name), MAX(price), COUNT(name), COUNT(DISTINCT ok, id), COUNT_IF(id > 1), MEDIAN(id), APPROX_COUNT_DISTINCT(id) FROM t`, "6|2.000000|a|2.25|2|2|2|2.0|3"),
	q(`SELECT LISTAGG(name, ',') WITHIN GROUP (ORDER BY name DESC), LISTAGG(DISTINCT name) FROM t WHERE id < 2`, "a|a"),
	q(`SELECT LISTAGG(name, ',') WITHIN GROUP (ORDER BY id DESC) FROM t`, "b,a"),
	q(`SELECT PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY id), APPROX_PERCENTILE(id, 0.5), ARRAY_AGG(id) WITHIN GROUP (ORDER BY id DESC) FROM t`, "2.0|2.0|[3,2,1]"),
	q(`SELECT MAX_BY(name, id), BOOLOR_AGG(ok), ANY_VALUE(1), STDDEV(id) FROM t`, "NULL|true|1|1.0"),
}

func TestColumnNames(t *testing.T) {
	for text, want := range map[string]string{
		`SELECT count(*), sensorid, "a"+1, t.x, t."y", 1 AS z, 'Ab' "Q r" FROM t`: `[COUNT(*) SENSORID "a"+1 X y Z Q r]`,
		`SELECT *, 1 FROM t`:                 `[]`,
		`SELECT f.value[0]::string FROM t f`: `[F.VALUE[0]::STRING]`,
		`VALUES (1, 2)`:                      `[COLUMN1 COLUMN2]`,
	} {
		s, err := dialect.Parse(text, session)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(s.(*dialect.Query).Columns); got != want {
			t.Errorf("%s: columns %s, want %s", text, got, want)
		}
	}
}
