package warehouse

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	sf "github.com/snowflakedb/gosnowflake/v2"

	"github.com/snowstream/snowstream/local/warehouse/engine"
)

func TestResults(t *testing.T) {
	st := newStack(t)
	db := st.connect()
	tests := []struct{ expression, kind, want string }{
		{"1::NUMBER(38,0)", "FIXED", "1"},
		{"9007199254740993", "FIXED", "9007199254740993"},
		{"'99999999999999999999999999999999999999'::NUMBER(38,0)::VARCHAR", "TEXT", "99999999999999999999999999999999999999"},
		{"'-12.30'::NUMBER(10,2)::VARCHAR", "TEXT", "-12.30"},
		{"1.5::FLOAT", "REAL", "1.5"},
		{"'it''s'", "TEXT", "it's"},
		{"''", "TEXT", ""},
		{"NULL::VARCHAR", "TEXT", "<nil>"},
		{"TRUE", "BOOLEAN", "1"},
		{"'2024-02-29'::DATE", "DATE", "2024-02-29T00:00:00Z"},
		{"'1969-12-31'::DATE", "DATE", "1969-12-31T00:00:00Z"},
		{"'12:34:56.789'::TIME", "TIME", "0001-01-01T12:34:56.789Z"},
		{"'2024-02-29 12:34:56.123456'::TIMESTAMP_NTZ", "TIMESTAMP_NTZ", "2024-02-29T12:34:56.123456Z"},
		{"'1960-01-01 00:00:00.25'::TIMESTAMP_NTZ", "TIMESTAMP_NTZ", "1960-01-01T00:00:00.25Z"},
		{"PARSE_JSON('{\"a\":9007199254740993}'):a::NUMBER(38,0)", "FIXED", "9007199254740993"},
		{"PARSE_JSON('{\"a\":12345678901234567890.5}')", "VARIANT", "{\n  \"a\": 12345678901234567890.5\n}"},
	}
	for _, test := range tests {
		wantLines(t, db, "SELECT "+test.expression, test.want)
		rows, err := db.QueryContext(ctx(t), "SELECT "+test.expression)
		if err != nil {
			t.Fatal(err)
		}
		types, err := rows.ColumnTypes()
		if err != nil {
			t.Fatal(err)
		}
		if got := types[0].DatabaseTypeName(); got != test.kind {
			t.Errorf("%s: type %s, want %s", test.expression, got, test.kind)
		}
		rows.Close()
	}
}

func TestBinds(t *testing.T) {
	st := newStack(t)
	db := st.connect()
	exec(t, db, `CREATE TABLE b (i NUMBER(38,0), f FLOAT, s VARCHAR, y BOOLEAN, d DATE, ti TIME, n TIMESTAMP_NTZ, z TIMESTAMP_LTZ, x BINARY)`)
	at := time.Date(2024, 2, 29, 12, 34, 56, 123456000, time.UTC)
	insert := `INSERT INTO b VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`
	exec(t, db, insert, int64(9007199254740993), 1.5, "a\r\n'\"\\", true, sf.DataTypeDate, at, sf.DataTypeTime, at, sf.DataTypeTimestampNtz, at, sf.DataTypeTimestampLtz, at, sf.DataTypeBinary, []byte{0, 255})
	exec(t, db, insert, nil, nil, "", nil, nil, nil, nil, nil, nil)
	wantLines(t, db, "SELECT i::VARCHAR, f, s, y, d, ti, n, x FROM b ORDER BY i NULLS LAST",
		"9007199254740993|1.5|a\r\n'\"\\|1|2024-02-29T00:00:00Z|0001-01-01T12:34:56.123456Z|2024-02-29T12:34:56.123456Z|\x00\xff",
		"<nil>|<nil>||<nil>|<nil>|<nil>|<nil>|<nil>")
	var got time.Time
	if err := db.QueryRowContext(ctx(t), "SELECT z FROM b WHERE i = ?", int64(9007199254740993)).Scan(&got); err != nil || !got.Equal(at) {
		t.Errorf("timestamp_ltz %v (%v), want %v", got, err, at)
	}
	wantError(t, db, 2049, "SELECT ? + ?", 1)
}

func TestArrayBinds(t *testing.T) {
	st := newStack(t)
	db := st.connect()
	exec(t, db, "CREATE TABLE a (i NUMBER(38,0), f FLOAT, s VARCHAR)")
	const n = 3000
	is, fs, ss := make([]int, n), make([]float64, n), make([]any, n)
	for i := range n {
		is[i], fs[i], ss[i] = i, float64(i)+123456.789, fmt.Sprint("s", i)
	}
	ss[1], ss[2] = nil, ""
	var arrays []any
	for _, a := range []any{&is, &fs, &ss} {
		bound, err := sf.Array(a)
		if err != nil {
			t.Fatal(err)
		}
		arrays = append(arrays, bound)
	}
	res := exec(t, db, "INSERT INTO a VALUES (?, ?, ?)", arrays...)
	if changed, _ := res.RowsAffected(); changed != n {
		t.Errorf("rows affected %d, want %d", changed, n)
	}
	wantLines(t, db, "SELECT COUNT(*), COUNT(s), MIN(f)::VARCHAR, SUM(i) FROM a", fmt.Sprintf("%d|%d|123456.789|%d", n, n-1, n*(n-1)/2))
}

func TestChunks(t *testing.T) {
	st := newStack(t)
	db := st.connect()
	exec(t, db, "CREATE TABLE big AS SELECT SEQ4() AS n, REPEAT('x', 100) AS s FROM TABLE(GENERATOR(ROWCOUNT => 100000))")
	rows, err := db.QueryContext(ctx(t), "SELECT n, s FROM big ORDER BY n")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	n := 0
	for ; rows.Next(); n++ {
		var i int
		var s string
		if err := rows.Scan(&i, &s); err != nil || i != n || len(s) != 100 {
			t.Fatalf("row %d is %d with %d characters (%v)", n, i, len(s), err)
		}
	}
	if n != 100000 || rows.Err() != nil {
		t.Errorf("%d rows (%v)", n, rows.Err())
	}
}

func TestErrors(t *testing.T) {
	st := newStack(t)
	db := st.connect()
	exec(t, db, "CREATE TABLE t (a int NOT NULL, b VARCHAR)")
	tests := []struct {
		number int
		state  string
		text   string
	}{
		{1003, "42000", "SELEC 1"},
		{2003, "42S02", "SELECT * FROM nowhere"},
		{2003, "42S02", "INSERT INTO nowhere VALUES (1)"},
		{904, "42000", "SELECT nothing FROM t"},
		{100038, "22018", "SELECT 'x'::NUMBER(38,0)"},
		{100072, "22000", "INSERT INTO t VALUES (NULL, 'x')"},
		{2002, "42710", "CREATE TABLE t (a int)"},
		{2140, "42601", "SELECT read_text('/etc/passwd')"},
	}
	for _, test := range tests {
		if err := wantError(t, db, test.number, test.text); err != nil && err.SQLState != test.state {
			t.Errorf("%s: SQL state %s, want %s", test.text, err.SQLState, test.state)
		}
	}
}

func TestSeveralStatements(t *testing.T) {
	st := newStack(t)
	db := st.connect()
	exec(t, db, "CREATE TABLE m (a int)")
	many := sf.WithMultiStatement(ctx(t), 3)
	res, err := db.ExecContext(many, "INSERT INTO m VALUES (?); INSERT INTO m VALUES (2), (?); SELECT COUNT(*) FROM m", 1, 3)
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := res.RowsAffected(); n != 3 {
		t.Errorf("rows affected %d, want 3", n)
	}
	rows, err := db.QueryContext(sf.WithMultiStatement(ctx(t), 0), "SELECT MIN(a) FROM m; SELECT MAX(a) FROM m")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var got []int
	for more := true; more; more = rows.NextResultSet() {
		for rows.Next() {
			var n int
			if err := rows.Scan(&n); err != nil {
				t.Fatal(err)
			}
			got = append(got, n)
		}
	}
	if !slices.Equal(got, []int{1, 3}) {
		t.Errorf("results %v, want 1 and 3", got)
	}
	wantError(t, db, 8, "SELECT 1; SELECT 2")
}

func TestAsync(t *testing.T) {
	st := newStack(t)
	db := st.connect()
	exec(t, db, "CREATE TABLE a (n int)")
	ids := make(chan string, 1)
	res, err := db.ExecContext(sf.WithQueryIDChan(sf.WithAsyncMode(ctx(t)), ids), "INSERT INTO a SELECT SEQ4() FROM TABLE(GENERATOR(ROWCOUNT => 1000))")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1000 {
		t.Errorf("rows affected %d (%v), want 1000", n, err)
	}
	rows, err := db.QueryContext(sf.WithAsyncMode(ctx(t)), "SELECT COUNT(*) FROM a")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var n int
	if !rows.Next() || rows.Scan(&n) != nil || n != 1000 {
		t.Errorf("count %d", n)
	}
	conn, err := db.Conn(ctx(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	err = conn.Raw(func(raw any) error {
		status, err := raw.(sf.SnowflakeConnection).GetQueryStatus(ctx(t), <-ids)
		if err == nil && !strings.HasPrefix(status.SQLText, "INSERT INTO a") {
			err = fmt.Errorf("status %+v", status)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// A statement that outlives its request is polled for, in both modes of the driver.
func TestPolling(t *testing.T) {
	st := newStack(t, func(c *Config) { c.answerWait = 20 * time.Millisecond })
	db := st.connect()
	text := "SELECT COUNT(*) FROM TABLE(GENERATOR(ROWCOUNT => 30000)) a, TABLE(GENERATOR(ROWCOUNT => 20000)) b"
	wantLines(t, db, text, "600000000")
	rows, err := db.QueryContext(sf.WithAsyncMode(ctx(t)), text)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var n int
	if !rows.Next() || rows.Scan(&n) != nil || n != 600000000 {
		t.Errorf("count %d (%v)", n, rows.Err())
	}
}

func TestAbort(t *testing.T) {
	st := newStack(t)
	db := st.connect()
	short, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	_, err := db.QueryContext(short, "SELECT COUNT(*) FROM TABLE(GENERATOR(ROWCOUNT => 1000000)) a, TABLE(GENERATOR(ROWCOUNT => 1000000)) b")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("error %v", err)
	}
	waitFor(t, func() bool { return st.server.engine.DB.Stats().InUse == 0 })
	wantLines(t, db, "SELECT 1", "1")
}

// post sends a raw request as the driver does.
func (st *stack) post(path, token string, body any) map[string]any {
	st.t.Helper()
	encoded, _ := json.Marshal(body)
	req, _ := http.NewRequest("POST", st.http.URL+path, bytes.NewReader(encoded))
	req.Header.Set("Authorization", `Snowflake Token="`+token+`"`)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		st.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, _ := io.ReadAll(res.Body)
	var answer map[string]any
	if err := json.Unmarshal(raw, &answer); err != nil {
		st.t.Fatalf("%s: %s", path, raw)
	}
	return answer
}

func (st *stack) loginToken() string {
	answer := st.post("/session/v1/login-request", "", map[string]any{"data": map[string]any{"LOGIN_NAME": "tester", "PASSWORD": "right"}})
	return answer["data"].(map[string]any)["token"].(string)
}

// A request that is sent again under its request id gets the first answer and does not run again, also while it runs.
func TestRepeatedRequest(t *testing.T) {
	st := newStack(t)
	db := st.connect()
	exec(t, db, "CREATE TABLE r (a int)")
	token := st.loginToken()
	body := map[string]any{"sqlText": "INSERT INTO r VALUES (1)"}
	var wait sync.WaitGroup
	answers := make([]string, 8)
	for i := range answers {
		wait.Go(func() {
			answer := st.post("/queries/v1/query-request?requestId=one&request_guid="+fmt.Sprint(i), token, body)
			answers[i] = fmt.Sprint(answer["data"].(map[string]any)["queryId"])
		})
	}
	wait.Wait()
	slices.Sort(answers)
	if len(slices.Compact(answers)) != 1 {
		t.Errorf("query ids %q, want one", answers)
	}
	wantLines(t, db, "SELECT COUNT(*) FROM r", "1")
	st.post("/queries/v1/query-request?requestId=two", token, body)
	wantLines(t, db, "SELECT COUNT(*) FROM r", "2")
	if answer := st.post("/queries/v1/query-request?requestId=three", "wrong", body); answer["code"] != "390104" {
		t.Errorf("answer to a wrong token %v", answer)
	}
}

func TestTransactions(t *testing.T) {
	st := newStack(t)
	db := st.connect()
	exec(t, db, "CREATE TABLE t (a int, b VARCHAR)")
	begin := func() *sql.Tx {
		tx, err := db.BeginTx(ctx(t), nil)
		if err != nil {
			t.Fatal(err)
		}
		return tx
	}
	tx := begin()
	exec(t, tx, "INSERT INTO t VALUES (1, 'x')")
	wantLines(t, db, "SELECT COUNT(*) FROM t", "0")
	wantLines(t, tx, "SELECT COUNT(*) FROM t", "1")
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	wantLines(t, db, "SELECT COUNT(*) FROM t", "0")
	// A failed statement leaves the transaction open and what was done before intact.
	tx = begin()
	exec(t, tx, "INSERT INTO t VALUES (1, 'x')")
	wantError(t, tx, 2003, "SELECT * FROM nowhere")
	wantError(t, tx, 100038, "INSERT INTO t VALUES (2, 'y'), ('z'::NUMBER(38,0), 'z')")
	exec(t, tx, "INSERT INTO t VALUES (3, 'y')")
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	wantLines(t, db, "SELECT a FROM t ORDER BY a", "1", "3")
	// DDL commits.
	tx = begin()
	exec(t, tx, "INSERT INTO t VALUES (4, 'z')")
	exec(t, tx, "CREATE TABLE u (a int)")
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	wantLines(t, db, "SELECT COUNT(*) FROM t", "3")
}

const mergeText = `MERGE INTO t USING (SELECT column1 AS a, column2 AS b FROM VALUES (?, ?)) s ON t.a = s.a
	WHEN MATCHED THEN UPDATE SET b = s.b WHEN NOT MATCHED THEN INSERT (a, b) VALUES (s.a, s.b)`

// Two MERGEs into one table wait for each other, and the second sees what the first has done.
func TestMerges(t *testing.T) {
	st := newStack(t)
	db := st.connect()
	exec(t, db, "CREATE TABLE t (a int, b int)")
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for i := range 10 {
				if _, err := db.ExecContext(ctx(t), mergeText, i, i); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	wantLines(t, db, "SELECT COUNT(*), COUNT(DISTINCT a) FROM t", "10|10")
	wantLines(t, db, strings.NewReplacer("?, ?", "1, 2").Replace(mergeText), "0|1")
	if n, _ := exec(t, db, mergeText, 77, 1).RowsAffected(); n != 1 {
		t.Errorf("rows affected %d, want 1", n)
	}
	wantError(t, db, 100090, "MERGE INTO t USING (SELECT column1 AS a FROM VALUES (1), (1)) s ON t.a = s.a WHEN MATCHED THEN UPDATE SET b = 5")
	tx, err := db.BeginTx(ctx(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	exec(t, tx, mergeText, 1, 100)
	done := make(chan error, 1)
	go func() {
		_, err := db.ExecContext(ctx(t), mergeText, 1, 200)
		done <- err
	}()
	waitFor(t, func() bool {
		held := st.server.engine.Locks.List()
		return len(held) == 1 && held[0].Waiting == 1
	})
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	wantLines(t, db, "SELECT b FROM t WHERE a = 1", "200")
}

func TestWaiterLimit(t *testing.T) {
	st := newStack(t)
	db := st.connect()
	exec(t, db, "CREATE TABLE t (a int, b int)")
	tx, err := db.BeginTx(ctx(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	exec(t, tx, mergeText, 1, 1)
	results := make(chan error, engine.MaxWaiters+1)
	for range engine.MaxWaiters + 1 {
		go func() {
			_, err := db.ExecContext(ctx(t), mergeText, 1, 2)
			results <- err
		}()
	}
	var snow *sf.SnowflakeError
	if err := <-results; !errors.As(err, &snow) || snow.Number != 625 {
		t.Errorf("error %v, want 625", err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	for range engine.MaxWaiters {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}
