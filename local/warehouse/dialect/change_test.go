package dialect_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/snowstream/snowstream/local/warehouse/dialect"
)

// content is the rows of a query of this dialect.
func content(t *testing.T, db *sql.DB, text string) string {
	t.Helper()
	s, err := dialect.Parse(text, session)
	if err != nil {
		t.Fatal(err)
	}
	got, err := texts(db, s.(*dialect.Query))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return got
}

func TestChanges(t *testing.T) {
	db := openDuckDB(t)
	run(t, db, `CREATE TABLE t (id NUMBER(10,2) NOT NULL DEFAULT 1 + 1 COMMENT 'key', s VARCHAR(5), PRIMARY KEY (id)) CLUSTER BY (id)`)
	run(t, db, `CREATE TABLE x (id INT, s STRING)`)
	for _, step := range []struct{ text, want string }{
		{`INSERT INTO t (s) VALUES ('a'), ('b')`, "2.00|a / 2.00|b"},
		{`UPDATE t SET id = id + 1, t.s = 'c' WHERE s = 'b'`, "2.00|a / 3.00|c"},
		{`INSERT INTO x SELECT id, 'n' || id::INT FROM t`, "2.00|a / 3.00|c"},
		{`UPDATE t a SET s = b.s FROM x b WHERE a.id = b.id AND b.id = 2`, "2.00|n2 / 3.00|c"},
		{`DELETE FROM t USING x WHERE t.id = x.id AND x.id = 3`, "2.00|n2"},
		{`MERGE INTO t USING x ON t.id = x.id WHEN MATCHED THEN UPDATE SET t.s = 'm' WHEN NOT MATCHED THEN INSERT (id, s) VALUES (x.id, x.s)`, "2.00|m / 3.00|n3"},
		{`MERGE INTO t USING (SELECT * FROM VALUES (2, 'y') AS v(id, s)) v ON t.id = v.id WHEN MATCHED AND v.s = 'y' THEN DELETE WHEN MATCHED THEN UPDATE SET s = v.s`, "3.00|n3"},
		{`ALTER TABLE t ADD COLUMN c INT DEFAULT 5, d STRING`, "3.00|n3|5|NULL"},
		{`ALTER TABLE t ADD e BOOLEAN NOT NULL DEFAULT TRUE`, "3.00|n3|5|NULL|true"},
		{`ALTER TABLE t DROP COLUMN d, e`, "3.00|n3|5"},
		{`ALTER TABLE t RENAME COLUMN c TO "c d"`, "3.00|n3|5"},
		{`ALTER TABLE t ALTER COLUMN "c d" SET DATA TYPE NUMBER(10,1)`, "3.00|n3|5.0"},
		{`TRUNCATE TABLE t`, ""},
	} {
		run(t, db, step.text)
		if got := content(t, db, "SELECT * FROM t ORDER BY 1, 2"); got != step.want {
			t.Fatalf("%s\n got  %s\n want %s", step.text, got, step.want)
		}
	}
	run(t, db, `CREATE TABLE y (a INT, b) AS SELECT '7', 'x'`)
	run(t, db, `CREATE VIEW w (k) AS SELECT a + 1 FROM y`)
	if got := content(t, db, "SELECT a, b, k, typeof(1) FROM y, w"); got != "7|x|8|INTEGER" {
		t.Errorf("CREATE TABLE AS and view give %s", got)
	}
	if s, err := dialect.Parse("INSERT INTO t (s) VALUES ('abcdef')", session); err != nil {
		t.Error(err)
	} else if _, err := db.Exec(s.(*dialect.Insert).SQL); err == nil {
		t.Error("a text longer than its column is stored")
	}
}

func TestDuplicateChecks(t *testing.T) {
	db := openDuckDB(t)
	run(t, db, `CREATE TABLE t (id INT, s STRING)`)
	run(t, db, `INSERT INTO t VALUES (1, 'a'), (2, 'b')`)
	const twice = "(SELECT * FROM VALUES (1, 'x'), (1, 'y'), (3, 'z'), (3, 'z') AS v(id, s)) v"
	for text, want := range map[string]int{
		"MERGE INTO t USING " + twice + " ON t.id = v.id WHEN MATCHED THEN UPDATE SET s = v.s":                                        1,
		"MERGE INTO t USING " + twice + " ON t.id = v.id AND v.s = 'x' WHEN MATCHED THEN UPDATE SET s = v.s":                          0,
		"MERGE INTO t USING " + twice + " ON t.id = v.id WHEN MATCHED AND v.s = 'x' THEN UPDATE SET s = v.s":                          0,
		"MERGE INTO t USING " + twice + " ON t.id = v.id WHEN MATCHED AND v.s = 'x' THEN UPDATE SET s = v.s WHEN MATCHED THEN DELETE": 1,
		"MERGE INTO t USING " + twice + " ON t.id = v.id WHEN MATCHED THEN DELETE":                                                    -1,
		"MERGE INTO t USING " + twice + " ON t.id = v.id WHEN NOT MATCHED THEN INSERT VALUES (v.id, v.s)":                             -1,
	} {
		s, err := dialect.Parse(text, session)
		if err != nil {
			t.Fatal(err)
		}
		check := s.(*dialect.Merge).DuplicateCheck
		got := -1
		if check != nil {
			if err := db.QueryRow(check.SQL).Scan(&got); err != nil {
				t.Fatalf("%s: %v", check.SQL, err)
			}
		}
		if got != want {
			t.Errorf("%s: %d duplicates, want %d", text, got, want)
		}
	}
	s, err := dialect.Parse("UPDATE t SET s = v.s FROM "+twice+" WHERE t.id = v.id", session)
	if err != nil {
		t.Fatal(err)
	}
	var got int
	if err := db.QueryRow(s.(*dialect.Update).DuplicateCheck.SQL).Scan(&got, new(int)); err != nil || got != 1 {
		t.Errorf("UPDATE FROM: %d duplicates, error %v", got, err)
	}
}

// upsert is the statement of the streaming path.
const upsert = `MERGE INTO "DB"."S"."T" AS t USING (
  SELECT f.value[0]::STRING::NUMBER(38,0) AS "SENSORID", f.value[1]::STRING AS "STATUS", f.value[2]::STRING AS "_SHARD",
    f.value[3]::STRING::NUMBER(38,0) AS "_ORDINAL", f.value[4]::STRING::TIMESTAMP_NTZ AS "_ARRIVED_AT"
  FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?))) AS f
  QUALIFY ROW_NUMBER() OVER (PARTITION BY "_SHARD", "_ORDINAL" ORDER BY 1) = 1
) AS s ON t."_SHARD" = s."_SHARD" AND t."_ORDINAL" = s."_ORDINAL" AND t."_ORDINAL" >= ?
WHEN NOT MATCHED THEN INSERT ("SENSORID", "STATUS", "_SHARD", "_ORDINAL", "_ARRIVED_AT")
  VALUES (s."SENSORID", s."STATUS", s."_SHARD", s."_ORDINAL", s."_ARRIVED_AT")`

func TestUpsert(t *testing.T) {
	db := openDuckDB(t)
	run(t, db, `CREATE TABLE t (sensorid int, status string, "_SHARD" string, "_ORDINAL" number(38,0), "_ARRIVED_AT" timestamp_ntz)`)
	const count = 2000
	var source [][]any
	for i := range count {
		source = append(source, []any{"12345678901234567890123456789012345678", nil, "shardId-000000000000", fmt.Sprint(i + 1), "2026-11-22 20:26:18.123"})
	}
	source[1][1] = "it's \"quoted\",\n\\ and é\u0007"
	source[2][1] = ""
	source = append(source, source[5]) // delivered twice in one batch
	payload, err := json.Marshal(source)
	if err != nil {
		t.Fatal(err)
	}
	s, err := dialect.Parse(upsert, session)
	if err != nil {
		t.Fatal(err)
	}
	m := s.(*dialect.Merge)
	if !m.Inserts || m.Updates || m.Deletes || m.DuplicateCheck != nil || len(m.Binds) != 2 {
		t.Errorf("read as %+v", m)
	}
	for round, want := range []int{count, 0} {
		started := time.Now()
		rows, err := db.Query(m.SQL, string(payload), "1")
		if err != nil {
			t.Fatalf("%s\n%v", m.SQL, err)
		}
		got := 0
		for ; rows.Next(); got++ {
			var action string
			if err := rows.Scan(&action); err != nil || action != "INSERT" {
				t.Fatal(action, err)
			}
		}
		if err := rows.Close(); err != nil || got != want {
			t.Fatalf("round %d: %d rows, want %d, error %v", round, got, want, err)
		}
		t.Logf("round %d: %v", round, time.Since(started))
	}
	got := content(t, db, `SELECT COUNT(*), COUNT(DISTINCT "_ORDINAL"), MIN(sensorid), MAX("_ARRIVED_AT"), COUNT(status) FROM t`)
	if got != "2000|2000|12345678901234567890123456789012345678|2026-11-22 20:26:18.123|2" {
		t.Error(got)
	}
	if got := content(t, db, `SELECT status FROM t WHERE status IS NOT NULL ORDER BY "_ORDINAL"`); !strings.HasPrefix(got, source[1][1].(string)+" / ") {
		t.Errorf("%q", got)
	}
}

func TestPreludeMayRunTwice(t *testing.T) {
	db := openDuckDB(t)
	for _, s := range dialect.Prelude() {
		if _, err := db.Exec(s); err != nil {
			t.Errorf("%s: %v", s, err)
		}
	}
}
