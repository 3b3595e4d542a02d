package warehouse

import (
	"bytes"
	"compress/gzip"
	"database/sql"
	"fmt"
	"strings"
	"testing"
)

// landing makes what the project's deployment makes: integration, format, stage, table and pipe.
func landing(t testing.TB, db *sql.DB) {
	t.Helper()
	for _, text := range []string{
		`CREATE STORAGE INTEGRATION IF NOT EXISTS SNOWSTREAM_S3 TYPE = EXTERNAL_STAGE STORAGE_PROVIDER = 'S3' ENABLED = TRUE
			STORAGE_AWS_ROLE_ARN = 'arn:aws:iam::000000000000:role/dev-snowflake-storage' STORAGE_ALLOWED_LOCATIONS = ('s3://raw/kinesiscsv/')`,
		`CREATE FILE FORMAT IF NOT EXISTS DB.S.SNOWSTREAM_CSV TYPE = CSV PARSE_HEADER = TRUE ERROR_ON_COLUMN_COUNT_MISMATCH = FALSE FIELD_OPTIONALLY_ENCLOSED_BY = '"'
			ESCAPE = NONE ESCAPE_UNENCLOSED_FIELD = NONE NULL_IF = () EMPTY_FIELD_AS_NULL = TRUE ENCODING = 'UTF8'`,
		`CREATE STAGE IF NOT EXISTS DB.S.SNOWSTREAM_STAGE URL = 's3://raw/kinesiscsv/' STORAGE_INTEGRATION = SNOWSTREAM_S3
			FILE_FORMAT = (FORMAT_NAME = 'DB.S.SNOWSTREAM_CSV')`,
		`CREATE TABLE IF NOT EXISTS DB.S.MICRO (sensorid int, currenttemperature int, status string, _shard string, _ordinal int)`,
		`CREATE PIPE IF NOT EXISTS DB.S.SNOWSTREAM_PIPE AUTO_INGEST = TRUE AS COPY INTO DB.S.MICRO FROM @DB.S.SNOWSTREAM_STAGE MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE`,
	} {
		exec(t, db, text)
	}
}

func TestHandshake(t *testing.T) {
	st := newStack(t)
	db := st.connect()
	landing(t, db)
	landing(t, db)
	integration := strings.Join(lines(t, db, "DESC INTEGRATION SNOWSTREAM_S3"), "\n")
	for _, want := range []string{"STORAGE_AWS_IAM_USER_ARN|String|arn:aws:iam::000000000000:user/", "STORAGE_AWS_EXTERNAL_ID|String|SNOWSTREAM_SFCRole=2_", "STORAGE_ALLOWED_LOCATIONS|List|s3://raw/kinesiscsv/|[]"} {
		if !strings.Contains(integration, want) {
			t.Errorf("integration lacks %s:\n%s", want, integration)
		}
	}
	wantLines(t, db, "SELECT SYSTEM$VALIDATE_STORAGE_INTEGRATION('SNOWSTREAM_S3', 's3://raw/kinesiscsv/', 'probe.txt', 'list')", `{"actions":{"LIST":{"status":"success"}},"status":"success"}`)
	var refused = lines(t, db, "SELECT SYSTEM$VALIDATE_STORAGE_INTEGRATION('SNOWSTREAM_S3', 's3://other/', 'probe.txt', 'list')")
	if !strings.Contains(refused[0], `"failure"`) {
		t.Errorf("validation of a foreign bucket: %q", refused)
	}
	pipes := lines(t, db, "SHOW PIPES LIKE 'SNOWSTREAM_PIPE' IN SCHEMA DB.S")
	if len(pipes) != 1 || !strings.Contains(pipes[0], "|arn:aws:sqs:us-east-1:000000000000:sf-snowpipe-") {
		t.Errorf("pipes %q", pipes)
	}
	wantError(t, db, 3153, "CREATE STAGE wrong URL = 's3://raw/else/' STORAGE_INTEGRATION = SNOWSTREAM_S3")
	wantError(t, db, 2, "CREATE FILE FORMAT f TYPE = AVRO")
	if got := lines(t, db, "DESC TABLE micro"); len(got) != 5 || !strings.HasPrefix(got[0], "SENSORID|NUMBER(38,0)|COLUMN|Y|") {
		t.Errorf("table %q", got)
	}
	wantLines(t, db, "SELECT COLUMN_NAME, DATA_TYPE, NUMERIC_PRECISION FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_NAME = 'MICRO' AND ORDINAL_POSITION < 4 ORDER BY ORDINAL_POSITION",
		"SENSORID|NUMBER|38", "CURRENTTEMPERATURE|NUMBER|38", "STATUS|TEXT|<nil>")
}

// What people have pasted for years must go on working.
func TestPastedStatements(t *testing.T) {
	st := newStack(t)
	db := st.connect()
	for _, text := range []string{
		`create or replace TABLE "DB"."S"."KINESIS_SENSORS_MICROBATCH" (sensorid int, currenttemperature int, status string)`,
		`create or replace TABLE "DB"."S"."KINESIS_SENSORS_STREAMING" (sensorid int, currenttemperature int, status string)`,
		`CREATE OR REPLACE FILE FORMAT CSV TYPE = 'CSV' SKIP_HEADER = 1`,
		`CREATE STAGE STAGE1 URL = 's3://raw/'`,
		"// the pipe\nCREATE OR REPLACE PIPE \"DB\".\"S\".\"KINESIS\" auto_ingest=true AS COPY INTO \"DB\".\"S\".\"KINESIS_SENSORS_MICROBATCH\" FROM @STAGE1/kinesiscsv/\nFILE_FORMAT = (FORMAT_NAME = 'CSV');",
		`INSERT INTO "DB"."S"."KINESIS_SENSORS_STREAMING" VALUES (6, 64, 'OK')`,
	} {
		exec(t, db, text)
	}
	st.bucket.put("kinesiscsv/sensor-6", "sensorId,currentTemperature,status\n6,64,OK\n7,65,WARN\n")
	exec(t, db, `ALTER PIPE kinesis REFRESH`)
	st.idle()
	wantLines(t, db, `SELECT 'streaming' AS "ingestion way", COUNT(*) AS "num records" FROM "DB"."S"."KINESIS_SENSORS_STREAMING"
		UNION SELECT 'micro-batch' AS "ingestion way", COUNT(*) AS "num records" FROM "DB"."S"."KINESIS_SENSORS_MICROBATCH" ORDER BY 1`, "micro-batch|2", "streaming|1")
}

func (st *stack) idle() {
	st.t.Helper()
	if err := st.server.Idle(ctx(st.t)); err != nil {
		st.t.Fatal(err)
	}
}

func zipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return b.String()
}

func TestCopy(t *testing.T) {
	st := newStack(t)
	db := st.connect()
	exec(t, db, "CREATE STAGE st URL = 's3://raw/'")
	plain := `FILE_FORMAT = (TYPE = CSV FIELD_OPTIONALLY_ENCLOSED_BY = '"' ESCAPE_UNENCLOSED_FIELD = NONE NULL_IF = ())`
	tests := []struct {
		name, columns, file, options string
		want                         []string
		number                       int
	}{
		{"torture", "a VARCHAR, b VARCHAR", "\"x\r\ny\",\"say \"\"hi\"\"\"\n\\N,\"\"\n,=cmd\n\"é\rz\",\"a\\b\"\n", plain, []string{"x\r\ny|say \"hi\"", `\N|`, "<nil>|=cmd", "é\rz|a\\b"}, 0},
		{"numbers", "a NUMBER(38,0), b NUMBER(10,2)", "9007199254740993,1.005\n99999999999999999999999999999999999999,-0.005\n1e3, 2\n64.5,64.49\n", plain,
			[]string{"9007199254740993|1.01", "99999999999999999999999999999999999999|-0.01", "1000|2.00", "65|64.49"}, 0},
		{"types", "a BOOLEAN, b DATE, c TIMESTAMP_NTZ, d FLOAT, e VARIANT, f BINARY", "yes,2024-02-29,2024-02-29T12:00:00.5Z,1e-3,\"{\"\"k\"\": 1.10}\",00ff\n", plain,
			[]string{"1|2024-02-29T00:00:00Z|2024-02-29T12:00:00.5Z|0.001|{\n  \"k\": 1.10\n}|\x00\xff"}, 0},
		{"gzip", "a int", zipped("1\n2\n"), plain, []string{"1", "2"}, 0},
		{"not a number", "a int", "1\nx\n", plain, nil, 100038},
		{"out of range", "a NUMBER(3,0)", "1000\n", plain, nil, 100039},
		{"too few columns", "a int, b int", "1\n", plain, nil, 100080},
		{"not null", "a int NOT NULL", "\"\"\n", plain + " ON_ERROR = ABORT_STATEMENT", nil, 100038},
		{"continue", "a int", "1\nx\n3\n", plain + " ON_ERROR = CONTINUE", []string{"1", "3"}, 0},
		{"skip file", "a int", "1\nx\n3\n", plain + " ON_ERROR = SKIP_FILE", nil, 0},
		{"skip file after two", "a int", "1\nx\n3\n", plain + " ON_ERROR = SKIP_FILE_2", []string{"1", "3"}, 0},
		{"skip file by percent", "a int", "1\nx\n3\n", plain + " ON_ERROR = 'SKIP_FILE_30%'", nil, 0},
		{"by name", "a int, b VARCHAR, c int", "C,x,a\n3,9,1\n", `FILE_FORMAT = (TYPE = CSV PARSE_HEADER = TRUE) MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE`, []string{"1|<nil>|3"}, 0},
		{"by exact name", "a int, c int", "C,a\n3,1\n", `FILE_FORMAT = (TYPE = CSV PARSE_HEADER = TRUE) MATCH_BY_COLUMN_NAME = CASE_SENSITIVE`, []string{"<nil>|3"}, 0},
		{"header without names", "a int", "a\n1\n", "FILE_FORMAT = (TYPE = CSV PARSE_HEADER = TRUE)", nil, 1003},
		{"json", "v VARIANT", "{\"a\": 9007199254740993}\n[1]", "FILE_FORMAT = (TYPE = JSON)", []string{"{\n  \"a\": 9007199254740993\n}", "[\n  1\n]"}, 0},
		{"json by name", "a int, b VARCHAR", `[{"A": 12345678901234567890, "b": "x\ny", "c": 1}, {"b": null}]`,
			"FILE_FORMAT = (TYPE = JSON STRIP_OUTER_ARRAY = TRUE) MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE", []string{"12345678901234567890|x\ny", "<nil>|<nil>"}, 0},
		{"unknown option", "a int", "1\n", "FILE_FORMAT = (TYPE = CSV FANCY = TRUE)", nil, 1420},
	}
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			folder := fmt.Sprintf("case%d", i)
			st.bucket.put(folder+"/file", test.file)
			exec(t, db, "CREATE OR REPLACE TABLE t ("+test.columns+")")
			text := "COPY INTO t FROM @st/" + folder + "/ " + test.options
			if test.number != 0 {
				wantError(t, db, test.number, text)
			} else {
				exec(t, db, text)
			}
			wantLines(t, db, "SELECT * FROM t", test.want...)
		})
	}
}

func TestCopyHistory(t *testing.T) {
	st := newStack(t)
	db := st.connect()
	exec(t, db, "CREATE STAGE st URL = 's3://raw/in/' FILE_FORMAT = (TYPE = CSV)")
	exec(t, db, "CREATE TABLE t (a int)")
	st.bucket.put("in/x/1.csv", "1\n")
	st.bucket.put("in/x/2.csv", "2\n2\n")
	copyText := "COPY INTO t FROM @st/x/"
	wantLines(t, db, "SELECT 1", "1")
	if got := lines(t, db, copyText+" FILES = ('1.csv')"); len(got) != 1 || got[0] != "s3://raw/in/x/1.csv|LOADED|1|1|1|0|<nil>|<nil>|<nil>|<nil>" {
		t.Errorf("copy %q", got)
	}
	if got := lines(t, db, copyText); len(got) != 1 || !strings.HasPrefix(got[0], "s3://raw/in/x/2.csv|LOADED|2|2") {
		t.Errorf("second copy %q", got)
	}
	wantLines(t, db, copyText, "Copy executed with 0 files processed.")
	st.bucket.put("in/x/1.csv", "1234\n")
	exec(t, db, copyText)
	wantLines(t, db, "SELECT a FROM t ORDER BY a", "1", "2", "2", "1234")
	exec(t, db, copyText+" FORCE = TRUE PATTERN = '.*2[.]csv'")
	wantLines(t, db, "SELECT COUNT(*) FROM t", "6")
	exec(t, db, "TRUNCATE TABLE t")
	exec(t, db, copyText)
	wantLines(t, db, "SELECT COUNT(*) FROM t", "3")
	st.bucket.put("in/y/3.csv", "3\n")
	exec(t, db, "COPY INTO t FROM @st/y/ PURGE = TRUE")
	if got := lines(t, db, "LIST @st"); len(got) != 2 || !strings.HasPrefix(got[0], "s3://raw/in/x/1.csv|5|") {
		t.Errorf("list %q", got)
	}
	wantLines(t, db, `SELECT FILE_NAME, STAGE_LOCATION, ROW_COUNT, STATUS, PIPE_NAME FROM TABLE(INFORMATION_SCHEMA.COPY_HISTORY(TABLE_NAME => 'T', START_TIME => DATEADD(hour, -1, CURRENT_TIMESTAMP())))
		ORDER BY LAST_LOAD_TIME LIMIT 1`, "x/1.csv|s3://raw/in/|1|Loaded|<nil>")
}
