package warehouse

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/snowstream/snowstream/local/warehouse/dialect"
)

// TestStagedEqualsGeneral runs the pipeline's own statement, with columns of all types, both ways: neither may be lost, and
// both give the same rows. The statement is read from the pipeline's golden file, so that a change there shows here.
func TestStagedEqualsGeneral(t *testing.T) {
	for _, name := range []string{"all", "sensor"} {
		golden, err := os.ReadFile("../../landing/schema/testdata/" + name + ".sql")
		if err != nil {
			t.Fatal(err)
		}
		var create, merge string
		for statement := range strings.SplitSeq(string(golden), ";\n") {
			statement = strings.TrimSpace(statement)
			if strings.HasPrefix(statement, "CREATE TABLE") && strings.Contains(statement, "_STREAMING") {
				create = statement
			}
			if strings.HasPrefix(statement, "MERGE") {
				merge = strings.TrimSuffix(statement, ";")
			}
		}
		parsed, err := dialect.Parse(merge, dialect.Env{})
		if err != nil {
			t.Fatal(err)
		}
		m := parsed.(*dialect.Merge)
		if m.Staged == nil {
			t.Fatalf("%s.sql: the MERGE has lost its quick way", name)
		}
		st := newStack(t)
		db := st.connect()
		exec(t, db, `CREATE DATABASE IF NOT EXISTS "SNOWSTREAM"`)
		exec(t, db, `CREATE SCHEMA IF NOT EXISTS "SNOWSTREAM"."LANDING"`)
		exec(t, db, create)
		payload := stagedPayload(t, name)
		id, release, ok := st.server.engine.Staging.Stage(payload, m.Staged.Width)
		if !ok {
			t.Fatal("the rows are not staged")
		}
		defer release()
		general := "CREATE TABLE general AS SELECT * FROM " + m.Target.DuckDB()
		text, rest := m.Staged.Text("variant_rows("+strconv.FormatInt(id, 10)+")", []any{int64(1), int64(1) << 60})
		if len(rest) != 0 {
			t.Errorf("%s: the ordinals are not written into the text: %s", name, text)
		}
		const want = 2
		n := 0
		rows, err := st.server.engine.DB.Query(m.SQL, payload, int64(1), int64(1)<<60)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			n++
		}
		if err := rows.Close(); err != nil || n != want {
			t.Fatalf("%s: the general way inserts %d rows, %v", name, n, err)
		}
		for _, statement := range []string{general, "DELETE FROM " + m.Target.DuckDB()} {
			if _, err := st.server.engine.DB.Exec(statement); err != nil {
				t.Fatal(err)
			}
		}
		done, err := st.server.engine.DB.Exec(text)
		if err != nil {
			t.Fatalf("%s: DuckDB does not take the quick way: %v", name, err)
		}
		if n, _ := done.RowsAffected(); n != want {
			t.Errorf("%s: the quick way inserts %d rows", name, n)
		}
		var same, both int
		err = st.server.engine.DB.QueryRow("SELECT (SELECT count(*) FROM (SELECT * FROM general INTERSECT SELECT * FROM "+m.Target.DuckDB()+")), count(*) FROM general").Scan(&same, &both)
		if err != nil || same != want || both != want {
			t.Errorf("%s: %d of %d rows are the same, %v", name, same, both, err)
		}
	}
}

func stagedPayload(t *testing.T, name string) string {
	t.Helper()
	tail := func(ordinal string) []any {
		return []any{"shardId-000000000000", "495", "0", ordinal, "2026-01-02 03:04:05.678"}
	}
	row, empty := []any{"6", "64", "a\"b\n"}, []any{"-7", "0", ""}
	if name == "all" {
		row = []any{"12345678901234567890123456789012345678", "-1.25", "é\"\n", "true", "2026-01-02 03:04:05.123456789", "2500-01-02 03:04:05.123456", `{"a":[1,2.50]}`, `{}`}
		empty = []any{"1", nil, nil, nil, nil, nil, nil, nil}
	}
	first, second := append(row, tail("1")...), append(empty, tail("2")...)
	payload, err := json.Marshal([][]any{first, second, first})
	if err != nil {
		t.Fatal(err)
	}
	return string(payload)
}
