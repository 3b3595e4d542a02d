package warehouse

import (
	"os"
	"path/filepath"
	"testing"
)

// Queries read stages, what Parquet files hold, and earlier answers of the session.
func TestSources(t *testing.T) {
	st := newStack(t)
	db := st.connect()
	db.SetMaxOpenConns(1)
	path := filepath.Join(t.TempDir(), "a.csv")
	if err := os.WriteFile(path, []byte("1,x\n2,y\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	parquet, err := filepath.Abs("testdata/types.parquet")
	if err != nil {
		t.Fatal(err)
	}
	exec(t, db, "CREATE FILE FORMAT rows_of TYPE = CSV")
	exec(t, db, "CREATE FILE FORMAT frames TYPE = PARQUET")
	exec(t, db, "PUT file://"+path+" @~/rows")
	exec(t, db, "PUT file://"+parquet+" @~/frames")
	wantLines(t, db, "SELECT $2, $1::int + 1, METADATA$FILENAME FROM @~/rows (FILE_FORMAT => 'rows_of') ORDER BY $1 DESC", "y|3|rows/a.csv.gz", "x|2|rows/a.csv.gz")
	wantLines(t, db, "SELECT t.$1, t.$3 FROM @~/rows AS t WHERE t.$2 = 'x'", "1|<nil>")
	wantLines(t, db, `SELECT $1:N::int, $1:"Text"::string FROM @~/frames (FILE_FORMAT => frames) WHERE $1:N = 1`, "1|a")
	wantLines(t, db, "SELECT $1, $2 FROM VALUES (1, 'a'), (2, 'b') ORDER BY $1", "1|a", "2|b")
	wantLines(t, db, "SELECT column_name, type FROM TABLE(INFER_SCHEMA(LOCATION => '@~/frames', FILE_FORMAT => 'frames')) ORDER BY order_id",
		"N|NUMBER(38, 0)", "Text|TEXT", "D|NUMBER(38, 2)", "F|REAL", "B|BOOLEAN", "DAY|DATE", "AT|TIMESTAMP_NTZ", "RAW|TEXT", "LIST|VARIANT", "U|NUMBER(38, 0)")
	exec(t, db, "CREATE TABLE copied AS SELECT $1::int AS n, $2 AS s FROM @~/rows")
	exec(t, db, "INSERT INTO copied SELECT $1::int + 10, $2 FROM @~/rows")
	wantLines(t, db, "SELECT n, s FROM copied ORDER BY n", "1|x", "2|y", "11|x", "12|y")
	wantError(t, db, 2, "CREATE VIEW v AS SELECT $1 FROM @~/rows")
	wantError(t, db, 100182, "SELECT $1 FROM @~/rows (FILE_FORMAT => frames)")

	const all = `SELECT 1.50, 'x', TRUE, 0.1::float, '1969-12-31'::date, '2024-01-02 03:04:05.123456789'::timestamp_ntz, '01:02:03.5'::time, to_binary('00ff'), parse_json('{"a":1}'), NULL`
	answer := lines(t, db, all)
	wantLines(t, db, "SELECT * FROM TABLE(RESULT_SCAN(LAST_QUERY_ID()))", answer...)
	wantLines(t, db, "SELECT r.* FROM TABLE(RESULT_SCAN(LAST_QUERY_ID())) r WHERE 1 = 1", answer...)
	if got := lines(t, db, "SELECT LAST_QUERY_ID()"); len(got[0]) != 36 {
		t.Errorf("the id of the last statement: %q", got)
	}
	exec(t, db, "SHOW TABLES LIKE 'COPIED'")
	wantLines(t, db, `SELECT "name", "rows" FROM TABLE(RESULT_SCAN(LAST_QUERY_ID()))`, "COPIED|4")
	exec(t, db, "SELECT SEQ4() AS n, 'a rather long text ' || n AS t FROM TABLE(GENERATOR(ROWCOUNT => 50000))")
	wantLines(t, db, "SELECT count(*), count(DISTINCT n), max(t) FROM TABLE(RESULT_SCAN(LAST_QUERY_ID()))", "50000|50000|a rather long text 9999")
	wantError(t, db, 612, "SELECT * FROM TABLE(RESULT_SCAN('01a22e58-6e95-7cff-a872-417fc3bd5765'))")
}
