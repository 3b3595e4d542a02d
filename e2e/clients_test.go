package e2e

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/snowflakedb/gosnowflake/v2"
)

// outside is a program of the user's own: it has the official SDKs and the official driver, and the settings that
// `snowstream local` prints.
type outside struct {
	settings
	kinesis *kinesis.Client
	s3      *awss3.Client
	lambda  *lambda.Client
	db      *sql.DB
}

func join(t *testing.T, s settings) outside {
	t.Helper()
	who := credentials.NewStaticCredentialsProvider("local", "local", "")
	u, err := url.Parse(s.Snowflake)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	if err := gosnowflake.GetLogger().SetLogLevel("off"); err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(gosnowflake.NewConnector(gosnowflake.SnowflakeDriver{}, gosnowflake.Config{
		Account: s.Account, User: s.User, Password: s.Password, Protocol: "http", Host: u.Hostname(), Port: port,
		Database: s.Database, Schema: s.Schema, DisableOCSPChecks: true,
	}))
	t.Cleanup(func() { db.Close() })
	return outside{
		settings: s, db: db,
		kinesis: kinesis.New(kinesis.Options{BaseEndpoint: &s.Kinesis, Region: s.Region, Credentials: who}),
		s3:      awss3.New(awss3.Options{BaseEndpoint: &s.S3, Region: s.Region, Credentials: who}),
		lambda:  lambda.New(lambda.Options{BaseEndpoint: &s.Lambda, Region: s.Region, Credentials: who}),
	}
}

// number runs a query for one number.
func (o outside) number(t *testing.T, query string, args ...any) (n int64) {
	t.Helper()
	if err := o.db.QueryRowContext(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// until polls until the query gives the number.
func (o outside) until(t *testing.T, want int64, query string) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for got := int64(-1); got != want; time.Sleep(50 * time.Millisecond) {
		if got = o.number(t, query); time.Now().After(deadline) {
			t.Fatalf("%s gives %d after a minute, want %d", query, got, want)
		}
	}
}

// TestOfficialClients joins a running stack from outside: puts records, finds them in both tables, and the object that
// they lie in. Some of the records are bad; they delay nothing and land in quarantine.
func TestOfficialClients(t *testing.T) {
	dir := t.TempDir()
	l := start(t, dir, "--rate", "1", "--batch-window", "1s")
	o := join(t, l.ready(t, dir))
	ctx := t.Context()
	poison := []string{"", "not JSON", `{"sensorId":64.7,"currentTemperature":1,"status":"OK"}`, "{\"sensorId\":1,\"currentTemperature\":1,\"status\":\"\xff\"}", `{"sensorId":1,"status":"OK"}`, `[]`}
	hostile := []string{"a,b", `say "hi"`, "two\r\nlines", `\N`, "", " blanks ", "=cmd", "é😀"}
	var entries []types.PutRecordsRequestEntry
	add := func(data string) {
		entries = append(entries, types.PutRecordsRequestEntry{Data: []byte(data), PartitionKey: aws.String("mine")})
	}
	for i, status := range hostile {
		add(fmt.Sprintf(`{"sensorId": 777, "currentTemperature": %d, "status": %s}`, i, strconv.Quote(status)))
	}
	for _, data := range poison[1:] {
		add(data)
	}
	put, err := o.kinesis.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: &o.Stream, Records: entries})
	if err != nil || *put.FailedRecordCount != 0 {
		t.Fatalf("put records: %v", err)
	}
	for _, table := range []string{"KINESIS_SENSORS_STREAMING", "KINESIS_SENSORS_MICROBATCH"} {
		o.until(t, int64(len(hostile)), "SELECT COUNT(*) FROM "+table+" WHERE sensorid = 777")
		for i, status := range hostile {
			var got string
			if err := o.db.QueryRowContext(ctx, "SELECT status FROM "+table+" WHERE sensorid = ? AND currenttemperature = ?", 777, i).Scan(&got); err != nil || got != status {
				t.Errorf("%s has %q for %q, %v", table, got, status, err)
			}
		}
	}
	o.findObject(t, *put.Records[0].SequenceNumber)
	if err := l.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	r := l.finish(t)
	r.complete(t)
	if r.Quarantined != int64(len(poison)-1) {
		t.Errorf("%d in quarantine, want %d", r.Quarantined, len(poison)-1)
	}
}

// findObject looks for the object of rows that holds the sequence number.
func (o outside) findObject(t *testing.T, sequence string) {
	t.Helper()
	pages := awss3.NewListObjectsV2Paginator(o.s3, &awss3.ListObjectsV2Input{Bucket: &o.Bucket, Prefix: aws.String("kinesiscsv/sensor-")})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, object := range page.Contents {
			out, err := o.s3.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: &o.Bucket, Key: object.Key})
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(out.Body)
			out.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(text), sequence) && strings.HasPrefix(string(text), "SENSORID,CURRENTTEMPERATURE,STATUS,_SHARD,") {
				return
			}
		}
	}
	t.Errorf("no object in the raw zone holds %s", sequence)
}

// TestPastedStatements runs what users of the original system bring along.
func TestPastedStatements(t *testing.T) {
	dir := t.TempDir()
	l := start(t, dir, "--records", "1000000", "--rate", "20", "--batch-window", "1s")
	o := join(t, l.ready(t, dir))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, statement := range []string{
		"// the landing zone of the pilot\nuse database SNOWSTREAM;",
		`create schema if not exists "SNOWSTREAM"."PILOT"`,
		`create or replace TABLE "SNOWSTREAM"."PILOT"."KINESIS_SENSORS_MICROBATCH" (sensorid int, currenttemperature int, status string)`,
		`create or replace TABLE "SNOWSTREAM"."PILOT"."KINESIS_SENSORS_STREAMING" (sensorid int, currenttemperature int, status string) -- pilot`,
		`CREATE OR REPLACE FILE FORMAT "SNOWSTREAM"."PILOT"."CSV" type = 'CSV' field_delimiter = ',' skip_header = 1`,
		`create or replace stage "SNOWSTREAM"."PILOT"."PILOTSTAGE" url = 's3://snowstream-raw/' storage_integration = SNOWSTREAM_S3`,
		`INSERT INTO "SNOWSTREAM"."PILOT"."KINESIS_SENSORS_STREAMING" VALUES (6, 64, 'OK')`,
	} {
		if _, err := o.db.ExecContext(ctx, statement); err != nil && !strings.Contains(statement, "stage") {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	rows, err := o.db.QueryContext(ctx, `SELECT 'streaming' AS "ingestion way", COUNT(*) AS "num records" FROM "SNOWSTREAM"."PILOT"."KINESIS_SENSORS_STREAMING"
UNION
SELECT 'micro-batch' AS "ingestion way", COUNT(*) AS "num records" FROM "SNOWSTREAM"."PILOT"."KINESIS_SENSORS_MICROBATCH";`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if names, err := rows.Columns(); err != nil || strings.Join(names, "|") != "ingestion way|num records" {
		t.Errorf("columns %q, %v", names, err)
	}
	got := map[string]int{}
	for rows.Next() {
		var way string
		var n int
		if err := rows.Scan(&way, &n); err != nil {
			t.Fatal(err)
		}
		got[way] = n
	}
	if len(got) != 2 || got["streaming"] != 1 || got["micro-batch"] != 0 {
		t.Errorf("%v, %v", got, rows.Err())
	}
	out, err := o.lambda.Invoke(ctx, &lambda.InvokeInput{FunctionName: aws.String("SnowflakeUpsert"),
		Payload: []byte(`{"content": [ {"sensorId": 6, "currentTemperature": 64, "status": "OK"}, {"sensorId": 888, "currentTemperature": 65, "status": "WARN"} ]}`)})
	if err != nil || out.FunctionError != nil || !strings.Contains(string(out.Payload), `"inserted":2`) {
		t.Errorf("the original's payload: %s, %v", out.Payload, err)
	}
	if n := o.number(t, "SELECT COUNT(*) FROM SNOWSTREAM.LANDING.KINESIS_SENSORS_STREAMING WHERE sensorid = 888"); n != 1 {
		t.Errorf("%d rows of the original's payload", n)
	}
	if err := l.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	l.finish(t).complete(t)
}
