//go:build cgo

package main

import (
	"bytes"
	"database/sql"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/snowflakedb/gosnowflake/v2"

	"github.com/snowstream/snowstream/local/warehouse"
)

// TestSQLRuns sends the DDL as it is printed to the local warehouse, twice, because every statement may run again.
func TestSQLRuns(t *testing.T) {
	t.Setenv("SNOWFLAKE_DISABLE_PLATFORM_DETECTION", "true")
	file := filepath.Join(t.TempDir(), "schema.yaml")
	text := `{"columns":[{"field":"a.b","type":"integer","required":true},{"field":"c","column":"it's \"c\"","type":"number(5,2)"},
		{"field":"d","type":"timestamp(seconds)"},{"field":"e","type":"boolean"},{"field":"f","type":"variant"}],"unknown":"variant"}`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{"sensor": {"schema", "sql"}, "file": {"schema", "sql", file}} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if code := run(t.Context(), args, &out, io.Discard); code != exitOK {
				t.Fatalf("exit code %d", code)
			}
			db := newWarehouse(t)
			for range 2 {
				for statement := range strings.SplitSeq(strings.TrimSuffix(out.String(), ";\n"), ";\n\n") {
					if _, err := db.ExecContext(t.Context(), statement); err != nil {
						t.Fatalf("%s: %v", statement, err)
					}
				}
			}
			var n int
			if err := db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM SNOWSTREAM.LANDING.KINESIS_SENSORS_MICROBATCH`).Scan(&n); err != nil || n != 0 {
				t.Errorf("the micro-batch table: %d rows, %v", n, err)
			}
		})
	}
}

// newWarehouse starts a local warehouse and opens a session with the official driver.
func newWarehouse(t *testing.T) *sql.DB {
	t.Helper()
	server, err := warehouse.Open(warehouse.Config{
		Dir: t.TempDir(), Account: "snowstream", Region: "us-east-1", AccessKeyID: "AKIATEST", SecretAccessKey: "secret", AccountID: "000000000000",
		S3Endpoint: "http://127.0.0.1:1", // nothing is loaded
		Users:      []warehouse.User{{Name: "tester", Password: "right", DefaultRole: "LOADER", DefaultWarehouse: "WH", Database: "DB", Schema: "S"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	listening := httptest.NewServer(server)
	host, port, err := net.SplitHostPort(listening.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(gosnowflake.NewConnector(gosnowflake.SnowflakeDriver{}, gosnowflake.Config{
		Account: "snowstream", User: "tester", Password: "right", Host: host, Port: number, Protocol: "http", DisableOCSPChecks: true,
	}))
	t.Cleanup(func() {
		db.Close()
		listening.CloseClientConnections()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		listening.Close()
	})
	return db
}
