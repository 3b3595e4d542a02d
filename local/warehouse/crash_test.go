package warehouse

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"net"
	"net/http"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	sf "github.com/snowflakedb/gosnowflake/v2"

	"github.com/snowstream/snowstream/local/warehouse/engine"

	bound "github.com/snowstream/snowstream/internal/child"
)

// serveEnv tells the test binary to be a server in the folder that it names, until it is killed.
const serveEnv = "WAREHOUSE_TEST_SERVE"

// serve is the child of TestKill: it prints its address once it is open.
func serve(dir string) error {
	server, err := Open(crashConfig(dir))
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	return http.Serve(listener, server)
}

func crashConfig(dir string) Config {
	return Config{Dir: dir, Account: testAccount, Region: "us-east-1", AccountID: "000000000000",
		Users: []User{{Name: "tester", Password: "right", DefaultRole: "LOADER", DefaultWarehouse: "WH", Database: "DB", Schema: "S"}}}
}

// child is a server in a process of its own.
type child struct {
	process *os.Process
	db      *sql.DB
	wait    func() error
}

func startChild(t *testing.T, dir string) *child {
	t.Helper()
	cmd := bound.Bind(osexec.Command(os.Args[0]))
	cmd.Env = append(os.Environ(), serveEnv+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	port, wrong := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || wrong != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		t.Fatalf("the server in a child process did not start: %q, %v", line, err)
	}
	cfg := sf.Config{Account: testAccount, User: "tester", Password: "right", Host: "127.0.0.1", Port: port, Protocol: "http", DisableOCSPChecks: true,
		//lint:ignore SA1019 a killed server would be tried for minutes, and there is no newer setting
		LoginTimeout: time.Second, RequestTimeout: time.Second,
		MaxRetryCount: 1, ServerSessionKeepAlive: true, Params: map[string]*string{}}
	return &child{cmd.Process, sql.OpenDB(sf.NewConnector(sf.SnowflakeDriver{}, cfg)), cmd.Wait}
}

// kill is kill -9, at once.
func (c *child) kill() {
	_ = c.process.Kill()
	_ = c.wait()
}

// What was acknowledged before a kill is there after it, whole; what was not, is there whole or not at all.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	const writers, perInsert = 3, 50
	acknowledged := map[int]bool{}
	for round := range 5 {
		c := startChild(t, dir)
		exec(t, c.db, "CREATE TABLE IF NOT EXISTS t (batch INT, n INT, s VARCHAR)")
		ctx, cancel := context.WithCancel(t.Context())
		var mu sync.Mutex
		var running sync.WaitGroup
		reached := make(chan struct{})
		enough := 5 + 7*round
		count := 0
		for w := range writers {
			running.Go(func() {
				for i := 0; ; i++ {
					batch := round*100000 + w*10000 + i
					_, err := c.db.ExecContext(ctx, `INSERT INTO t SELECT ?, seq4(), REPEAT('x', 1000) FROM TABLE(GENERATOR(ROWCOUNT => 50))`, batch)
					if err != nil {
						return
					}
					mu.Lock()
					acknowledged[batch] = true
					if count++; count == enough {
						close(reached)
					}
					mu.Unlock()
				}
			})
		}
		select {
		case <-reached:
		case <-time.After(30 * time.Second):
			t.Error("the server acknowledged nothing for 30 s")
		}
		c.kill()
		cancel() // only now: nothing but the kill ends a statement
		running.Wait()
		_ = c.db.Close()
		checkBatches(t, dir, acknowledged, perInsert)
	}
	if len(acknowledged) < 50 {
		t.Errorf("only %d inserts were acknowledged", len(acknowledged))
	}
}

// checkBatches opens the folder in this process and counts.
func checkBatches(t *testing.T, dir string, acknowledged map[int]bool, size int) {
	t.Helper()
	server, err := Open(crashConfig(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	rows, err := server.engine.DB.QueryContext(t.Context(), `SELECT batch::INTEGER, count(*), count(DISTINCT n) FROM "DB.S"."T" GROUP BY batch`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	found := map[int]bool{}
	for rows.Next() {
		var batch, n, distinct int
		if err := rows.Scan(&batch, &n, &distinct); err != nil {
			t.Fatal(err)
		}
		found[batch] = true
		if n != size || distinct != size {
			t.Errorf("batch %d has %d rows, %d of them different, instead of %d", batch, n, distinct, size)
		}
	}
	for batch := range acknowledged {
		if !found[batch] {
			t.Errorf("batch %d was acknowledged and is gone", batch)
		}
	}
}

func TestDamagedDatabase(t *testing.T) {
	dir := t.TempDir()
	server, err := Open(crashConfig(dir))
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, engine.DatabaseFile)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	flipped := append([]byte(nil), whole...)
	for i := 4096; i < len(flipped); i += 512 {
		flipped[i] ^= 0x40
	}
	for name, damaged := range map[string][]byte{"cut off": whole[:len(whole)/2], "no database": []byte(strings.Repeat("nonsense", 4096)), "flipped bits": flipped, "short": whole[:100]} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, damaged, 0o600); err != nil {
				t.Fatal(err)
			}
			server, err := Open(crashConfig(dir))
			if err == nil {
				server.Close()
				t.Fatal("a damaged file was opened")
			}
			for _, want := range []string{path, "damaged", "move the file away"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not say %q: %v", want, err)
				}
			}
		})
	}
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if server, err = Open(crashConfig(dir)); err != nil {
		t.Fatal(err)
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
}

// The functions of package variant are no part of the database: what mentions them must not keep it from opening.
func TestReopenWithVariants(t *testing.T) {
	st := newStack(t)
	db := st.connect()
	exec(t, db, `CREATE TABLE t (n INT, v VARIANT DEFAULT PARSE_JSON('{"b": 1.0, "a": []}'), at TIMESTAMP_NTZ DEFAULT '2026-01-02 03:04:05.123456789'::TIMESTAMP_NTZ)`)
	exec(t, db, `CREATE VIEW w AS SELECT v:b AS b, f.index FROM t, TABLE(FLATTEN(v)) f`)
	dir := t.TempDir()
	c := startChild(t, dir)
	exec(t, c.db, `CREATE TABLE t (n INT, v VARIANT DEFAULT PARSE_JSON('[1.0]'))`)
	exec(t, c.db, `CREATE VIEW w AS SELECT v[0] AS b FROM t`)
	c.kill()
	_ = c.db.Close()
	killed, err := Open(crashConfig(dir))
	if err != nil {
		t.Fatal(err)
	}
	if err := killed.Close(); err != nil {
		t.Error(err)
	}
	st.close()
	st.open()
	db = st.connect()
	exec(t, db, "INSERT INTO t (n) VALUES (1)")
	wantLines(t, db, "SELECT TO_JSON(v), at FROM t", `{"a":[],"b":1.0}|2026-01-02T03:04:05.123456789Z`)
	wantLines(t, db, "SELECT b FROM w", "1.0", "1.0")
}
