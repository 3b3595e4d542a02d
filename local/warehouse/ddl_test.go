package warehouse

import (
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"testing"

	sf "github.com/snowflakedb/gosnowflake/v2"
)

func TestDefinitions(t *testing.T) {
	st := newStack(t)
	db := st.connect()
	db.SetMaxOpenConns(1)
	wantLines(t, db, "CREATE TABLE t (a int NOT NULL, b VARCHAR(10) DEFAULT 'x', c NUMBER(10,2)) CLUSTER BY (a) COMMENT = 'first'", "Table T successfully created.")
	wantLines(t, db, "CREATE TABLE IF NOT EXISTS t (z int)", "T already exists, statement succeeded.")
	exec(t, db, "INSERT INTO t (a) VALUES (1)")
	wantLines(t, db, "SELECT * FROM t", "1|x|<nil>")
	exec(t, db, "ALTER TABLE t ADD COLUMN d TIMESTAMP_NTZ")
	exec(t, db, "ALTER TABLE t RENAME COLUMN b TO bb")
	exec(t, db, "ALTER TABLE t DROP COLUMN c")
	wantLines(t, db, "DESC TABLE t", "A|NUMBER(38,0)|COLUMN|N|<nil>|N|N|<nil>|<nil>|<nil>|<nil>|<nil>",
		"BB|VARCHAR(10)|COLUMN|Y|'x'|N|N|<nil>|<nil>|<nil>|<nil>|<nil>", "D|TIMESTAMP_NTZ(9)|COLUMN|Y|<nil>|N|N|<nil>|<nil>|<nil>|<nil>|<nil>")
	exec(t, db, "CREATE VIEW v AS SELECT a, COUNT(*) AS n FROM t GROUP BY a")
	wantLines(t, db, "SELECT * FROM v", "1|1")
	exec(t, db, "CREATE TABLE copy CLONE t")
	exec(t, db, "CREATE TABLE twin LIKE t")
	exec(t, db, "CREATE OR REPLACE TABLE made AS SELECT a, 'text' AS s FROM t")
	wantLines(t, db, "SELECT (SELECT COUNT(*) FROM copy), (SELECT COUNT(*) FROM twin), (SELECT s FROM made)", "1|0|text")
	exec(t, db, "CREATE TEMPORARY TABLE passing (a int)")
	tables := lines(t, db, "SHOW TABLES LIKE '%T%' IN SCHEMA db.s")
	if len(tables) != 2 || !strings.Contains(tables[0], "|T|DB|S|TABLE|first|LINEAR(a)|1|") {
		t.Errorf("tables %q", tables)
	}
	exec(t, db, "ALTER TABLE copy RENAME TO copied")
	wantError(t, db, 2003, "SELECT * FROM copy")
	wantLines(t, db, "SELECT COUNT(*) FROM copied", "1")
	wantLines(t, db, "SELECT TABLE_NAME, TABLE_TYPE FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = 'S' AND TABLE_NAME IN ('T', 'V') ORDER BY 1", "T|BASE TABLE", "V|VIEW")
	wantLines(t, db, "DROP TABLE twin", "TWIN successfully dropped.")
	wantError(t, db, 2003, "DROP TABLE twin")
	wantLines(t, db, "DROP TABLE IF EXISTS twin", "Drop statement executed successfully (TWIN already dropped).")
	wantError(t, db, 2020, "INSERT INTO made VALUES (1)")
	exec(t, db, "CREATE DATABASE other")
	exec(t, db, "CREATE TABLE other.public.far (a int)")
	wantLines(t, db, "SELECT CURRENT_DATABASE(), COUNT(*) FROM far", "OTHER|0")
	exec(t, db, "DROP DATABASE other")
	wantError(t, db, 2003, "SELECT * FROM other.public.far")
	exec(t, db, "CREATE WAREHOUSE IF NOT EXISTS load_wh WAREHOUSE_SIZE = 'XSMALL' AUTO_SUSPEND = 60")
	exec(t, db, "CREATE ROLE IF NOT EXISTS writer")
	exec(t, db, "GRANT SELECT, INSERT ON TABLE db.s.t TO ROLE writer")
	if got := lines(t, db, "SHOW GRANTS TO ROLE writer"); len(got) != 2 {
		t.Errorf("grants %q", got)
	}
	if got := lines(t, db, "SHOW WAREHOUSES"); len(got) != 2 {
		t.Errorf("warehouses %q", got)
	}
	for _, kind := range []string{"DATABASES", "SCHEMAS", "STAGES", "PIPES", "FILE FORMATS", "INTEGRATIONS", "ROLES", "USERS", "COLUMNS", "VARIABLES", "VIEWS", "LOCKS", "TRANSACTIONS"} {
		lines(t, db, "SHOW "+kind)
	}
	db.Close()
	again := st.connect()
	waitFor(t, func() bool { return len(lines(t, again, "SHOW TABLES LIKE 'PASSING'")) == 0 })
}

// Describing an answer runs nothing.
func TestDescribeOnly(t *testing.T) {
	st := newStack(t)
	db := st.connect()
	exec(t, db, "CREATE TABLE t (a int, v VARIANT)")
	token := st.loginToken()
	for text, want := range map[string]string{
		"SELECT a, v FROM t WHERE a = ?": "A fixed V variant", "INSERT INTO t VALUES (1, NULL)": "number of rows inserted fixed", "DROP TABLE t": "status text",
	} {
		answer := st.post("/queries/v1/query-request?requestId="+rand.Text(), token, map[string]any{"sqlText": text, "describeOnly": true})
		var got []string
		for _, c := range answer["data"].(map[string]any)["rowtype"].([]any) {
			got = append(got, fmt.Sprint(c.(map[string]any)["name"], " ", c.(map[string]any)["type"]))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: columns %q, want %q", text, got, want)
		}
	}
	wantLines(t, db, "SELECT COUNT(*) FROM t", "0")
}

func TestAutocommitOff(t *testing.T) {
	st := newStack(t)
	off := "false"
	db := st.connect(func(c *sf.Config) { c.Params["AUTOCOMMIT"] = &off })
	db.SetMaxOpenConns(1)
	other := st.connect()
	exec(t, db, "CREATE TABLE t (a int)")
	exec(t, db, "INSERT INTO t VALUES (1)")
	wantLines(t, other, "SELECT COUNT(*) FROM t", "0")
	exec(t, db, "COMMIT")
	wantLines(t, other, "SELECT COUNT(*) FROM t", "1")
	exec(t, db, "DELETE FROM t")
	db.Close() // closing the session rolls back
	waitFor(t, func() bool { return lines(t, other, "SELECT COUNT(*) FROM t")[0] == "1" })
	exec(t, other, "UPDATE t SET a = 2")
}

// Writers of all kinds at once: nobody fails, nothing is lost.
func TestConcurrentWriters(t *testing.T) {
	st := newStack(t)
	db := st.connect()
	landing(t, db)
	exec(t, db, "ALTER TABLE micro ADD COLUMN extra VARCHAR")
	var wait sync.WaitGroup
	const rounds = 10
	run := func(f func(i int) error) {
		wait.Go(func() {
			for i := range rounds {
				if err := f(i); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for w := range 2 {
		run(func(i int) error {
			_, err := db.ExecContext(ctx(t), "INSERT INTO micro (sensorid, _shard) VALUES (?, 'insert')", w*rounds+i)
			return err
		})
		run(func(i int) error {
			_, err := db.ExecContext(ctx(t), `MERGE INTO micro t USING (SELECT column1 AS o FROM VALUES (?)) s ON t._shard = 'merge' AND t._ordinal = s.o
				WHEN NOT MATCHED THEN INSERT (_shard, _ordinal) VALUES ('merge', s.o)`, i)
			return err
		})
	}
	run(func(i int) error {
		key := fmt.Sprintf("kinesiscsv/%d.csv", i)
		st.bucket.put(key, header+fmt.Sprintf("%d,64,OK,pipe,%d\n", i, i))
		st.announce(testBucket, key)
		return nil
	})
	run(func(i int) error {
		_, err := db.ExecContext(ctx(t), fmt.Sprintf("CREATE OR REPLACE VIEW v%d AS SELECT * FROM micro", i))
		return err
	})
	wait.Wait()
	st.idle()
	wantLines(t, db, "SELECT _shard, COUNT(*) FROM micro GROUP BY _shard ORDER BY 1", fmt.Sprint("insert|", 2*rounds), fmt.Sprint("merge|", rounds), fmt.Sprint("pipe|", rounds))
}

// A file whose rows do not fit in memory between checking and loading is read twice.
func TestLargeFile(t *testing.T) {
	st := newStack(t)
	db := st.connect()
	exec(t, db, "CREATE STAGE st URL = 's3://raw/'")
	exec(t, db, "CREATE TABLE t (a VARCHAR)")
	st.bucket.put("big.csv", strings.Repeat(strings.Repeat("x", 1023)+"\n", 40000))
	exec(t, db, "COPY INTO t FROM @st/big.csv FILE_FORMAT = (TYPE = CSV)")
	wantLines(t, db, "SELECT COUNT(*), SUM(LENGTH(a)) FROM t", fmt.Sprint("40000|", 40000*1023))
	if n := st.bucket.reads["big.csv"]; n != 2 {
		t.Errorf("the file was read %d times, want 2", n)
	}
}
