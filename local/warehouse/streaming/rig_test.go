package streaming

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/snowstream/snowstream/local/warehouse/dialect"
)

// account is a warehouse with one schema, DB.S, over a DuckDB file.
type account struct {
	db *sql.DB

	mu    sync.Mutex
	pipes map[dialect.Name]*Pipe
	last  int64
	// fail, if set, is what the next transactions fail with.
	fail func() error
}

const goodToken = "right"

func (a *account) KeyUser(string) string { return "LOADER" }

func (a *account) AccessTokenUser(token string) string {
	if token == goodToken {
		return "LOADER"
	}
	return ""
}

func (a *account) Pipe(name dialect.Name) (*Pipe, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := a.pipes[name]
	if p == nil {
		return nil, ErrNoPipe
	}
	return p, nil
}

func (a *account) Sink(conn driver.Conn, query, table string, types []duckdb.TypeInfo, names []string) (Sink, error) {
	return duckdb.NewQueryAppender(conn, query, table, types, names)
}

func (a *account) Transaction(ctx context.Context, work func(ctx context.Context, conn *sql.Conn) error) error {
	conn, err := a.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, "BEGIN"); err != nil {
		return err
	}
	err = work(ctx, conn)
	a.mu.Lock()
	fail := a.fail
	a.mu.Unlock()
	if err == nil && fail != nil {
		err = fail()
	}
	if err == nil {
		_, err = conn.ExecContext(ctx, "COMMIT")
	}
	if err != nil {
		_, rolled := conn.ExecContext(ctx, "ROLLBACK")
		return errors.Join(err, rolled)
	}
	return nil
}

// table makes a table in DB.S of columns such as "A NUMBER(38,0) NOT NULL", with its default pipe.
func (a *account) table(t testing.TB, name string, columns string) *Pipe {
	t.Helper()
	parsed, err := dialect.Parse("CREATE OR REPLACE TABLE "+dialect.Quote(name)+" ("+columns+")", dialect.Env{Database: "DB", Schema: "S"})
	if err != nil {
		t.Fatal(err)
	}
	create := parsed.(*dialect.CreateTable)
	for _, statement := range []string{"DROP TABLE IF EXISTS " + create.Name.DuckDB(), create.SQL} {
		if _, err := a.db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last++
	p := &Pipe{ID: a.last, Name: DefaultPipe(create.Name), Table: create.Name, TableID: a.last, Columns: create.Columns}
	a.pipes[p.Name] = p
	return p
}

func openAccount(t testing.TB, dir string) *account {
	t.Helper()
	connector, err := duckdb.NewConnector(filepath.Join(dir, "test.duckdb")+"?threads=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	a := &account{db: sql.OpenDB(connector), pipes: map[dialect.Name]*Pipe{}}
	t.Cleanup(func() { a.db.Close() })
	for _, statement := range []string{"SET GLOBAL TimeZone = 'UTC'", `CREATE SCHEMA IF NOT EXISTS "warehouse"`, `CREATE SCHEMA IF NOT EXISTS "DB.S"`} {
		if _, err := a.db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

// rig is a server with its client.
type rig struct {
	t       testing.TB
	account *account
	server  *Server
	web     *httptest.Server
}

const testTick = 20 * time.Millisecond

func newRig(t testing.TB) *rig {
	return newRigOn(t, openAccount(t, t.TempDir()), Config{Tick: testTick})
}

func newRigOn(t testing.TB, a *account, cfg Config) *rig {
	t.Helper()
	cfg.Account = a
	cfg.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	server, err := Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, account: a, server: server, web: httptest.NewServer(server)}
	t.Cleanup(func() { r.web.Close(); server.Close() })
	return r
}

// call sends a request and returns the status and the JSON object of the answer.
func (r *rig) call(method, path string, header map[string]string, body []byte) (int, map[string]any) {
	r.t.Helper()
	request, err := http.NewRequest(method, r.web.URL+path, bytes.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+goodToken)
	request.Header.Set("X-Snowflake-Authorization-Token-Type", "PROGRAMMATIC_ACCESS_TOKEN")
	for name, value := range header {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	var out map[string]any
	if json.Unmarshal(text, &out) != nil {
		out = map[string]any{"text": string(text)}
	}
	return response.StatusCode, out
}

func pipePath(table string) string {
	return "/v2/streaming/databases/db/schemas/s/pipes/" + url.PathEscape(table+"-STREAMING")
}

func (r *rig) open(table, channel, body string) (int, map[string]any) {
	r.t.Helper()
	return r.call(http.MethodPut, pipePath(table)+"/channels/"+url.PathEscape(channel), nil, []byte(body))
}

// mustOpen returns the continuation token and the committed offset token.
func (r *rig) mustOpen(table, channel string) (next string, committed any) {
	r.t.Helper()
	code, out := r.open(table, channel, "{}")
	if code != http.StatusOK {
		r.t.Fatalf("open: %d %v", code, out)
	}
	return out["next_continuation_token"].(string), out["channel_status"].(map[string]any)["last_committed_offset_token"]
}

func rowsPath(table, channel, token, end string) string {
	return strings.Replace(pipePath(table), "/v2/streaming/", "/v2/streaming/data/", 1) + "/channels/" + url.PathEscape(channel) + "/rows?" +
		url.Values{"continuationToken": {token}, "startOffsetToken": {""}, "endOffsetToken": {end}, "requestId": {"r"}}.Encode()
}

func (r *rig) append(table, channel, token, end, rows string) (int, map[string]any) {
	r.t.Helper()
	return r.call(http.MethodPost, rowsPath(table, channel, token, end), nil, []byte(rows))
}

func (r *rig) mustAppend(table, channel, token, end, rows string) string {
	r.t.Helper()
	code, out := r.append(table, channel, token, end, rows)
	if code != http.StatusOK {
		r.t.Fatalf("append: %d %v", code, out)
	}
	return out["next_continuation_token"].(string)
}

func (r *rig) status(table, channel string) map[string]any {
	r.t.Helper()
	body, err := json.Marshal(map[string]any{"channel_names": []string{channel}})
	if err != nil {
		r.t.Fatal(err)
	}
	code, out := r.call(http.MethodPost, pipePath(table)+":bulk-channel-status", nil, body)
	if code != http.StatusOK {
		r.t.Fatalf("status: %d %v", code, out)
	}
	found, _ := out["channel_statuses"].(map[string]any)[channel].(map[string]any)
	return found
}

// committed waits until a channel's committed offset token is end.
func (r *rig) committed(table, channel, end string) map[string]any {
	r.t.Helper()
	var last map[string]any
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(testTick / 2) {
		if last = r.status(table, channel); last["last_committed_offset_token"] == end {
			return last
		}
	}
	r.t.Fatalf("channel %s has not committed %s: %v", channel, end, last)
	return nil
}

// rows are the rows of a query, cells joined by commas.
func (r *rig) rows(query string) string {
	r.t.Helper()
	rows, err := r.account.db.Query("SELECT CAST(COLUMNS(*) AS VARCHAR) FROM (" + query + ")")
	if err != nil {
		r.t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		r.t.Fatal(err)
	}
	var out []string
	for rows.Next() {
		cells := make([]sql.NullString, len(columns))
		into := make([]any, len(columns))
		for i := range cells {
			into[i] = &cells[i]
		}
		if err := rows.Scan(into...); err != nil {
			r.t.Fatal(err)
		}
		var texts []string
		for _, c := range cells {
			if !c.Valid {
				c.String = "NULL"
			}
			texts = append(texts, c.String)
		}
		out = append(out, strings.Join(texts, ","))
	}
	if err := rows.Err(); err != nil {
		r.t.Fatal(err)
	}
	return strings.Join(out, "\n")
}
