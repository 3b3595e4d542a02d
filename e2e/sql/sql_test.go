// Package sql holds statements against the answers that Snowflake's pages document for them, and runs them on the local
// warehouse through the official driver.
//
// A file of testdata has statements behind "> ", each with its rows behind "= ", cells separated by |, or with the number
// of its error behind "! ". "page: " names the page that documents what follows.
package sql

import (
	"database/sql"
	"errors"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/snowflakedb/gosnowflake/v2"

	"github.com/snowstream/snowstream/local/warehouse"
)

func TestMain(m *testing.M) {
	os.Setenv("SNOWFLAKE_DISABLE_PLATFORM_DETECTION", "true")
	_ = gosnowflake.GetLogger().SetLogLevel("off")
	os.Exit(m.Run())
}

// example is a statement with what it must answer.
type example struct {
	line      int
	page      string
	statement string
	rows      []string
	refused   int // the number of the error; 0 for none
}

func read(t *testing.T, path string) (examples []example) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	page := ""
	for i, line := range strings.Split(string(text), "\n") {
		kind, rest, _ := strings.Cut(line, " ")
		last := max(len(examples)-1, 0)
		switch kind {
		case "page:":
			page = rest
		case ">":
			examples = append(examples, example{line: i + 1, page: page, statement: rest})
		case "=":
			examples[last].rows = append(examples[last].rows, strings.ReplaceAll(rest, `\n`, "\n"))
		case "!":
			if examples[last].refused, err = strconv.Atoi(rest); err != nil {
				t.Fatalf("%s:%d: %v", path, i+1, err)
			}
		case "", "#":
		default:
			t.Fatalf("%s:%d: a line starts with one of page: > = ! #", path, i+1)
		}
	}
	return examples
}

func connect(t *testing.T) *sql.DB {
	t.Helper()
	server, err := warehouse.Open(warehouse.Config{
		Dir: t.TempDir(), Account: "a", Region: "us-east-1", AccountID: "000000000000",
		Users: []warehouse.User{{Name: "U", Password: "a password", DefaultRole: "R", DefaultWarehouse: "W", Database: "D", Schema: "S"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(server)
	u, err := url.Parse(front.URL)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(gosnowflake.NewConnector(gosnowflake.SnowflakeDriver{}, gosnowflake.Config{
		Account: "a", User: "U", Password: "a password", Protocol: "http", Host: u.Hostname(), Port: port, DisableOCSPChecks: true,
	}))
	db.SetMaxOpenConns(1)
	t.Cleanup(func() {
		db.Close()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		front.Close()
	})
	return db
}

// answer is what a statement answers, a line for each row, or the number of its error.
func answer(t *testing.T, db *sql.DB, statement string) (lines []string, refused int) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), statement)
	var own *gosnowflake.SnowflakeError
	switch {
	case errors.As(err, &own):
		return []string{own.Message}, own.Number
	case err != nil:
		t.Fatalf("%s: %v", statement, err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	cells, into := make([]sql.NullString, len(names)), make([]any, len(names))
	for i := range cells {
		into[i] = &cells[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		texts := make([]string, len(cells))
		for i, cell := range cells {
			texts[i] = cell.String
			if !cell.Valid {
				texts[i] = "NULL"
			}
		}
		lines = append(lines, strings.Join(texts, "|"))
	}
	if rows.Err() != nil {
		t.Fatalf("%s: %v", statement, rows.Err())
	}
	return lines, 0
}

// TestStatements runs the files. What is identical, refused as documented or by name, and different is summed up; nothing
// may be different.
func TestStatements(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.sql")
	if err != nil || len(paths) == 0 {
		t.Fatalf("files of statements: %d, %v", len(paths), err)
	}
	db := connect(t)
	identical, refused, different := 0, 0, 0
	for _, path := range paths {
		for _, e := range read(t, path) {
			lines, number := answer(t, db, e.statement)
			switch {
			case number != e.refused || number == 0 && strings.Join(lines, "\n") != strings.Join(e.rows, "\n"):
				different++
				t.Errorf("%s:%d (%s)\n%s\ngot  %q, error %d\nwant %q, error %d", path, e.line, e.page, e.statement, lines, number, e.rows, e.refused)
			case number != 0:
				refused++
			default:
				identical++
			}
		}
	}
	t.Logf("%d statements are identical, %d refused as written, %d different", identical, refused, different)
}
