package warehouse

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/snowstream/snowstream/local/warehouse/engine"
)

// announce sends an S3 event for keys to the pipes' queue, as the bucket does.
func (st *stack) announce(bucket string, keys ...string) {
	st.t.Helper()
	var records []string
	for _, key := range keys {
		records = append(records, fmt.Sprintf(`{"eventVersion":"2.1","eventSource":"aws:s3","eventName":"ObjectCreated:Put","s3":{"bucket":{"name":%q},"object":{"key":%q,"size":1}}}`, bucket, url.QueryEscape(key)))
	}
	if status, body := st.send(`{"Records":[`+strings.Join(records, ",")+`]}`, testKeyID); status != http.StatusOK {
		st.t.Fatalf("SendMessage: %d %s", status, body)
	}
}

func (st *stack) send(message, keyID string) (int, string) {
	st.t.Helper()
	body, _ := json.Marshal(map[string]string{"QueueUrl": "http://sqs/000000000000/" + st.server.pipes.QueueName(), "MessageBody": message})
	req, _ := http.NewRequest("POST", st.http.URL+"/", strings.NewReader(string(body)))
	req.Header.Set("X-Amz-Target", "AmazonSQS.SendMessage")
	if keyID != "" {
		req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+keyID+"/20260101/us-east-1/sqs/aws4_request, Signature=00")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		st.t.Fatal(err)
	}
	defer res.Body.Close()
	answer, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(answer)
}

const header = "sensorId,currentTemperature,status,_SHARD,_ORDINAL\n"

func TestPipe(t *testing.T) {
	st := newStack(t)
	db := st.connect()
	landing(t, db)
	count := func(want string) {
		t.Helper()
		st.idle()
		wantLines(t, db, "SELECT COUNT(*) FROM micro", want)
	}
	st.bucket.put("kinesiscsv/a b=1.csv", header+"1,64,OK,s,1\n2,65,\"\",s,2\n")
	st.bucket.put("kinesiscsv/c.csv", header+"3,66,,s,3\n")
	st.announce(testBucket, "kinesiscsv/a b=1.csv")
	count("2")
	// Repeats, changes of order, foreign buckets, other paths and test events change nothing.
	st.announce(testBucket, "kinesiscsv/c.csv", "kinesiscsv/a b=1.csv", "kinesiscsv/c.csv")
	st.announce("other", "kinesiscsv/a b=1.csv")
	st.announce(testBucket, "quarantine/x.csv", "kinesiscsv/folder/")
	for _, message := range []string{`{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"raw"}`, `no json`, `{"Records":[{"eventVersion":"2.1","eventName":"ObjectRemoved:Delete"}]}`} {
		if status, body := st.send(message, testKeyID); status != http.StatusOK {
			t.Errorf("%s: %d %s", message, status, body)
		}
	}
	count("3")
	// A name is loaded once, whatever it holds later.
	st.bucket.put("kinesiscsv/c.csv", header+"9,99,NEW,s,9\n")
	st.announce(testBucket, "kinesiscsv/c.csv")
	count("3")
	wantLines(t, db, "SELECT sensorid, status FROM micro ORDER BY 1", "1|OK", "2|", "3|<nil>")
	if status, _ := st.send(`{}`, ""); status != http.StatusForbidden {
		t.Errorf("unsigned message: status %d", status)
	}
}

func TestPipeFailures(t *testing.T) {
	st := newStack(t)
	db := st.connect()
	landing(t, db)
	st.bucket.put("kinesiscsv/bad.csv", header+"1,64,OK,s,1\nx,64,OK,s,2\n")
	st.bucket.put("kinesiscsv/good.csv", header+"2,64,OK,s,3\n")
	st.bucket.fail(4)
	st.announce(testBucket, "kinesiscsv/bad.csv", "kinesiscsv/gone.csv", "kinesiscsv/good.csv")
	st.idle()
	wantLines(t, db, "SELECT sensorid FROM micro", "2")
	history := `SELECT FILE_NAME, STATUS, ROW_COUNT, ROW_PARSED, FIRST_ERROR_MESSAGE, FIRST_ERROR_LINE_NUMBER, FIRST_ERROR_COLUMN_NAME, PIPE_NAME
		FROM TABLE(INFORMATION_SCHEMA.COPY_HISTORY(TABLE_NAME => 'MICRO', START_TIME => DATEADD(hour, -1, CURRENT_TIMESTAMP()))) ORDER BY 1`
	wantLines(t, db, history,
		`bad.csv|Load failed|0|2|Numeric value 'x' is not recognized|3|"MICRO"["SENSORID":1]|SNOWSTREAM_PIPE`,
		`gone.csv|Load failed|0|0|Remote file 'gone.csv' was not found.|<nil>|<nil>|SNOWSTREAM_PIPE`,
		`good.csv|Loaded|1|1|<nil>|<nil>|<nil>|SNOWSTREAM_PIPE`)
	status := lines(t, db, "SELECT SYSTEM$PIPE_STATUS('DB.S.SNOWSTREAM_PIPE')")[0]
	for _, want := range []string{`"executionState":"RUNNING"`, `"pendingFileCount":0`, `"lastIngestedFilePath":"good.csv"`, `"notificationChannelName":"arn:aws:sqs:`} {
		if !strings.Contains(status, want) {
			t.Errorf("status lacks %s: %s", want, status)
		}
	}
}

// TestPipeBrokenConnection: a body that ends too early is S3's trouble, not the file's. Taken for damage, the file would
// be given up for good, because its name is remembered.
func TestPipeBrokenConnection(t *testing.T) {
	st := newStack(t)
	db := st.connect()
	landing(t, db)
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	for i := range 2000 {
		fmt.Fprintf(w, "%s%d,64,OK,s,%d\n", map[bool]string{true: header}[i == 0], i, i)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	st.bucket.put("kinesiscsv/plain.csv", header+"9001,64,OK,s,9001\n9002,64,OK,s,9002\n")
	st.bucket.put("kinesiscsv/packed.csv.gz", packed.String())
	st.bucket.cut(6)
	st.announce(testBucket, "kinesiscsv/plain.csv", "kinesiscsv/packed.csv.gz")
	st.idle()
	wantLines(t, db, "SELECT COUNT(*) FROM micro", "2002")
}

func TestPipeLife(t *testing.T) {
	st := newStack(t)
	db := st.connect()
	landing(t, db)
	exec(t, db, "ALTER PIPE snowstream_pipe SET PIPE_EXECUTION_PAUSED = TRUE")
	st.bucket.put("kinesiscsv/1.csv", header+"1,64,OK,s,1\n")
	st.announce(testBucket, "kinesiscsv/1.csv")
	st.idle()
	wantLines(t, db, "SELECT COUNT(*) FROM micro", "0")
	if status := lines(t, db, "SELECT SYSTEM$PIPE_STATUS('snowstream_pipe')")[0]; !strings.Contains(status, `"PAUSED"`) || !strings.Contains(status, `"pendingFileCount":1`) {
		t.Errorf("status %s", status)
	}
	exec(t, db, "SELECT SYSTEM$PIPE_FORCE_RESUME('snowstream_pipe')")
	st.idle()
	wantLines(t, db, "SELECT COUNT(*) FROM micro", "1")
	// REFRESH sends what neither the pipe nor COPY knows.
	st.bucket.put("kinesiscsv/2.csv", header+"2,64,OK,s,2\n")
	st.bucket.put("kinesiscsv/3.csv", header+"3,64,OK,s,3\n")
	exec(t, db, "COPY INTO micro FROM @snowstream_stage MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE FILES = ('2.csv')")
	wantLines(t, db, "ALTER PIPE snowstream_pipe REFRESH", "3.csv|SENT")
	st.idle()
	wantLines(t, db, "SELECT COUNT(*) FROM micro", "3")
	wantLines(t, db, "ALTER PIPE snowstream_pipe REFRESH MODIFIED_AFTER = '2020-01-01T00:00:00Z'")
	// A replaced pipe has forgotten: what COPY has not loaded comes again.
	exec(t, db, "CREATE OR REPLACE PIPE DB.S.SNOWSTREAM_PIPE AUTO_INGEST = TRUE AS COPY INTO DB.S.MICRO FROM @DB.S.SNOWSTREAM_STAGE MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE")
	st.announce(testBucket, "kinesiscsv/1.csv")
	st.idle()
	wantLines(t, db, "SELECT COUNT(*) FROM micro", "4")
	wantError(t, db, 2, "CREATE PIPE p AS COPY INTO micro FROM @snowstream_stage MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE ON_ERROR = ABORT_STATEMENT")
	wantError(t, db, 2003, "CREATE PIPE p AS COPY INTO nowhere FROM @snowstream_stage")
}

// A copy of the folder taken while the server runs is what a kill leaves behind.
func TestReopen(t *testing.T) {
	st := newStack(t)
	db := st.connect()
	landing(t, db)
	exec(t, db, "ALTER PIPE snowstream_pipe SET PIPE_EXECUTION_PAUSED = TRUE")
	for i := range 20 {
		exec(t, db, "INSERT INTO micro (sensorid) VALUES (?)", i)
	}
	st.bucket.put("kinesiscsv/1.csv", header+"100,64,OK,s,1\n")
	st.announce(testBucket, "kinesiscsv/1.csv")
	tx, err := db.BeginTx(ctx(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	exec(t, tx, "INSERT INTO micro (sensorid) VALUES (1000)")
	killed := t.TempDir()
	files, err := filepath.Glob(filepath.Join(st.config.Dir, engine.DatabaseFile+"*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		body, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(killed, filepath.Base(name)), body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	second := newStack(t, func(c *Config) { c.Dir, c.S3Endpoint = killed, st.bucket.http.URL })
	db = second.connect()
	wantLines(t, db, "SELECT COUNT(*) FROM micro", "20")
	exec(t, db, "ALTER PIPE snowstream_pipe SET PIPE_EXECUTION_PAUSED = FALSE")
	second.idle()
	wantLines(t, db, "SELECT MAX(sensorid), COUNT(*) FROM micro", "100|21")
	second.announce(testBucket, "kinesiscsv/1.csv")
	second.idle()
	wantLines(t, db, "SELECT COUNT(*) FROM micro", "21")
	second.http.CloseClientConnections()
	second.server.Close()
	second.http.Close()
	second.open()
	wantLines(t, second.connect(), "SELECT COUNT(*) FROM micro", "21")
}

// A column comes to both tables while pipes load and batches are merged: nothing is lost or loaded twice, and rows from
// before have NULL in it.
func TestColumnAddedWhileLoading(t *testing.T) {
	st := newStack(t)
	db := st.connect()
	landing(t, db)
	exec(t, db, "CREATE TABLE streaming (sensorid INT, status STRING, _shard STRING, _ordinal INT, _arrived_at TIMESTAMP_NTZ)")
	const files = 40
	var running sync.WaitGroup
	running.Go(func() {
		for i := range files {
			head, extra := header, ""
			if i%2 == 1 {
				head, extra = "EXTRA,"+header, "7,"
			}
			key := fmt.Sprintf("kinesiscsv/%03d.csv", i)
			st.bucket.put(key, head+fmt.Sprintf("%s%d,64,OK,s,%d\n", extra, i, i))
			st.announce(testBucket, key)
		}
	})
	running.Go(func() {
		for i := range files {
			payload := fmt.Sprintf(`[["%d","OK","s","%d","2026-01-02 03:04:05"]]`, i, i)
			if _, err := db.ExecContext(ctx(t), upsertText, payload, i); err != nil {
				t.Errorf("merge %d: %v", i, err)
			}
		}
	})
	for _, table := range []string{"micro", "streaming", "micro"} {
		exec(t, db, "ALTER TABLE "+table+" ADD COLUMN IF NOT EXISTS extra INT")
	}
	running.Wait()
	st.idle()
	for _, table := range []string{"micro", "streaming"} {
		wantLines(t, db, "SELECT COUNT(*), COUNT(DISTINCT sensorid) FROM "+table, fmt.Sprintf("%d|%d", files, files))
	}
	wantLines(t, db, "SELECT COUNT(extra) FROM streaming", "0")
	// What is announced after the change has the column, also while the pipe is busy.
	for i := range 20 {
		column := fmt.Sprintf("late%d", i)
		st.bucket.put(fmt.Sprintf("kinesiscsv/busy%d.csv", i), header+"2000,64,OK,s,2000\n")
		st.announce(testBucket, fmt.Sprintf("kinesiscsv/busy%d.csv", i))
		exec(t, db, "ALTER TABLE micro ADD COLUMN "+column+" INT")
		st.bucket.put("kinesiscsv/"+column, strings.ToUpper(column)+","+header+"5,3000,64,OK,s,3000\n")
		st.announce(testBucket, "kinesiscsv/"+column)
	}
	st.idle()
	for i := range 20 {
		wantLines(t, db, fmt.Sprintf("SELECT COUNT(late%d) FROM micro", i), "1")
	}
	st.bucket.put("kinesiscsv/last.csv", "EXTRA,unknown,"+header+"9,x,1000,64,OK,s,1000\n")
	st.announce(testBucket, "kinesiscsv/last.csv")
	st.idle()
	wantLines(t, db, "SELECT extra FROM micro WHERE sensorid = 1000", "9")
	wantError(t, db, 1430, "ALTER TABLE micro ADD COLUMN extra INT")
}

// A NULL in a NOT NULL column is an error of its row: the pipe skips the file and says so.
func TestNullRefusedByPipe(t *testing.T) {
	st := newStack(t)
	db := st.connect()
	exec(t, db, "CREATE TABLE strict (a INT NOT NULL, b INT)")
	exec(t, db, "CREATE STAGE st URL = 's3://raw/'")
	exec(t, db, `CREATE PIPE p AUTO_INGEST = TRUE AS COPY INTO strict FROM @st/in/ FILE_FORMAT = (TYPE = CSV PARSE_HEADER = TRUE ERROR_ON_COLUMN_COUNT_MISMATCH = FALSE) MATCH_BY_COLUMN_NAME = CASE_SENSITIVE`)
	st.bucket.put("in/null.csv", "A,B\n1,2\n,3\n")
	st.bucket.put("in/lacks.csv", "B\n3\n")
	st.bucket.put("in/good.csv", "A\n4\n")
	st.announce(testBucket, "in/null.csv", "in/lacks.csv", "in/good.csv")
	st.idle()
	wantLines(t, db, "SELECT * FROM strict", "4|<nil>")
	wantLines(t, db, `SELECT FILE_NAME, STATUS, FIRST_ERROR_MESSAGE, FIRST_ERROR_LINE_NUMBER, FIRST_ERROR_COLUMN_NAME FROM TABLE(INFORMATION_SCHEMA.COPY_HISTORY(TABLE_NAME => 'STRICT', START_TIME => DATEADD(hour, -1, CURRENT_TIMESTAMP()))) ORDER BY 1`,
		"in/good.csv|Loaded|<nil>|<nil>|<nil>", `in/lacks.csv|Load failed|NULL result in a non-nullable column|2|"STRICT"["A":1]`, `in/null.csv|Load failed|NULL result in a non-nullable column|3|"STRICT"["A":1]`)
	exec(t, db, "CREATE TABLE counted (a INT, b INT)")
	wantError(t, db, 100080, "COPY INTO counted FROM @st/in/good.csv FILE_FORMAT = (TYPE = CSV PARSE_HEADER = TRUE) MATCH_BY_COLUMN_NAME = CASE_SENSITIVE")
}
