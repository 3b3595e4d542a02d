package warehouse

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"database/sql"
	"encoding/xml"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	sf "github.com/snowflakedb/gosnowflake/v2"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(serveEnv); dir != "" {
		fmt.Fprintln(os.Stderr, serve(dir))
		os.Exit(1)
	}
	os.Setenv("SNOWFLAKE_DISABLE_PLATFORM_DETECTION", "true")
	_ = sf.GetLogger().SetLogLevel("off")
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

const (
	testAccount = "snowstream"
	testBucket  = "raw"
	testKeyID   = "AKIATEST"
)

// stack is a warehouse, the bucket that its stages read, and what talks to both.
type stack struct {
	t      testing.TB
	server *Server
	http   *httptest.Server
	bucket *bucket
	config Config
}

// newStack starts a warehouse in a fresh folder. change may alter its configuration.
func newStack(t testing.TB, change ...func(*Config)) *stack {
	t.Helper()
	st := &stack{t: t, bucket: newBucket(t)}
	st.config = Config{
		Dir: t.TempDir(), Account: testAccount, S3Endpoint: st.bucket.http.URL, Region: "us-east-1", AccessKeyID: testKeyID, SecretAccessKey: "secret",
		AccountID: "000000000000",
		Users:     []User{{Name: "tester", Password: "right", DefaultRole: "LOADER", DefaultWarehouse: "WH", Database: "DB", Schema: "S"}},
	}
	for _, c := range change {
		c(&st.config)
	}
	st.open()
	t.Cleanup(func() { st.close() })
	return st
}

func (st *stack) open() {
	st.t.Helper()
	server, err := Open(st.config)
	if err != nil {
		st.t.Fatal(err)
	}
	st.server = server
	st.http = httptest.NewServer(server)
}

func (st *stack) close() {
	st.t.Helper()
	st.http.CloseClientConnections()
	if err := st.server.Close(); err != nil {
		st.t.Error(err)
	}
	st.http.Close()
}

// driverConfig is what a user of the official driver writes.
func (st *stack) driverConfig() sf.Config {
	host, port, _ := net.SplitHostPort(strings.TrimPrefix(st.http.URL, "http://"))
	number, _ := strconv.Atoi(port)
	return sf.Config{
		Account: testAccount, User: "tester", Password: "right", Host: host, Port: number, Protocol: "http", DisableOCSPChecks: true,
		LoginTimeout: 5 * time.Second, //lint:ignore SA1019 a refused login would be tried for minutes, and there is no newer setting
		Params:       map[string]*string{},
	}
}

// connect opens a pool of the official driver.
func (st *stack) connect(change ...func(*sf.Config)) *sql.DB {
	st.t.Helper()
	cfg := st.driverConfig()
	for _, c := range change {
		c(&cfg)
	}
	db := sql.OpenDB(sf.NewConnector(sf.SnowflakeDriver{}, cfg))
	st.t.Cleanup(func() { db.Close() })
	return db
}

func ctx(t testing.TB) context.Context {
	c, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return c
}

type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func exec(t testing.TB, db execer, text string, args ...any) sql.Result {
	t.Helper()
	res, err := db.ExecContext(ctx(t), text, args...)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return res
}

// lines is an answer as text: cells joined by |, NULL as <nil>.
func lines(t testing.TB, db execer, text string, args ...any) []string {
	t.Helper()
	rows, err := db.QueryContext(ctx(t), text, args...)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for rows.Next() {
		cells, into := make([]any, len(names)), make([]any, len(names))
		for i := range cells {
			into[i] = &cells[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		var parts []string
		for _, cell := range cells {
			switch v := cell.(type) {
			case []byte:
				parts = append(parts, string(v))
			case time.Time:
				parts = append(parts, v.Format(time.RFC3339Nano))
			default:
				parts = append(parts, fmt.Sprint(v))
			}
		}
		all = append(all, strings.Join(parts, "|"))
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return all
}

func wantLines(t testing.TB, db execer, text string, want ...string) {
	t.Helper()
	if got := lines(t, db, text); !slices.Equal(got, want) {
		t.Errorf("%s\n got %q\nwant %q", text, got, want)
	}
}

// wantError runs a statement that must fail with one of Snowflake's numbers.
func wantError(t testing.TB, db execer, number int, text string, args ...any) *sf.SnowflakeError {
	t.Helper()
	rows, err := db.QueryContext(ctx(t), text, args...)
	if err == nil {
		rows.Close()
		t.Errorf("%s: no error, want %d", text, number)
		return nil
	}
	var snow *sf.SnowflakeError
	if !errors.As(err, &snow) || snow.Number != number {
		t.Errorf("%s: error %v, want number %d", text, err, number)
	}
	return snow
}

func newKey(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// bucket is a stand-in for S3: GetObject and ListObjectsV2 of one bucket, no signatures checked.
type bucket struct {
	http *httptest.Server

	mu       sync.Mutex
	objects  map[string]stored
	failures int // requests to fail with 503
	cuts     int // reads to break off in the middle of the body
	reads    map[string]int
}

type stored struct {
	body     []byte
	modified time.Time
}

func newBucket(t testing.TB) *bucket {
	b := &bucket{objects: map[string]stored{}, reads: map[string]int{}}
	b.http = httptest.NewServer(b)
	t.Cleanup(b.http.Close)
	return b
}

func (b *bucket) put(key string, body string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.objects[key] = stored{[]byte(body), time.Now().UTC()}
}

// fail answers the next requests with 503.
func (b *bucket) fail(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures = n
}

func (b *bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failures > 0 {
		b.failures--
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	path, _ := url.PathUnescape(strings.TrimPrefix(r.URL.EscapedPath(), "/"+testBucket))
	if r.URL.Query().Get("list-type") == "2" {
		b.list(w, r.URL.Query().Get("prefix"))
		return
	}
	if r.Method == http.MethodDelete {
		delete(b.objects, strings.TrimPrefix(path, "/"))
		w.WriteHeader(http.StatusNoContent)
		return
	}
	object, ok := b.objects[strings.TrimPrefix(path, "/")]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `<Error><Code>NoSuchKey</Code><Message>gone</Message></Error>`)
		return
	}
	b.reads[strings.TrimPrefix(path, "/")]++
	w.Header().Set("ETag", etagOf(object.body))
	w.Header().Set("Content-Length", strconv.Itoa(len(object.body)))
	w.Header().Set("Last-Modified", object.modified.Format(http.TimeFormat))
	if b.cuts > 0 {
		b.cuts--
		_, _ = w.Write(object.body[:len(object.body)/2])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(object.body)
}

// cut breaks the next reads off in the middle.
func (b *bucket) cut(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cuts = n
}

func etagOf(body []byte) string {
	return fmt.Sprintf(`"%x-%d"`, len(body), slices.Max(append(body, 0)))
}

func (b *bucket) list(w http.ResponseWriter, prefix string) {
	type content struct {
		Key          string
		LastModified string
		ETag         string
		Size         int
	}
	var answer struct {
		XMLName     xml.Name `xml:"ListBucketResult"`
		IsTruncated bool
		Contents    []content
	}
	for key, o := range b.objects {
		if strings.HasPrefix(key, prefix) {
			answer.Contents = append(answer.Contents, content{key, o.modified.Format(time.RFC3339), etagOf(o.body), len(o.body)})
		}
	}
	slices.SortFunc(answer.Contents, func(a, b content) int { return strings.Compare(a.Key, b.Key) })
	w.Header().Set("Content-Type", "application/xml")
	_ = xml.NewEncoder(w).Encode(answer)
}
