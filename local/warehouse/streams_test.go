package warehouse

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/snowstream/snowstream/local/warehouse/catalog"
)

const streamToken = "a-token"

// newStreams is a stack whose commits of streamed rows are seldom: tests flush.
func newStreams(t *testing.T) *stack {
	return newStack(t, func(c *Config) {
		c.Users[0].AccessToken = streamToken
		c.StreamTick = time.Hour
	})
}

// stream sends one request of Snowpipe Streaming.
func (st *stack) stream(method, path, body string) (int, map[string]any) {
	st.t.Helper()
	r, err := http.NewRequest(method, st.http.URL+path, bytes.NewReader([]byte(body)))
	if err != nil {
		st.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+streamToken)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		st.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		st.t.Fatal(err)
	}
	out := map[string]any{}
	_ = json.Unmarshal(text, &out)
	return answer.StatusCode, out
}

const streamPipes = "/v2/streaming/databases/DB/schemas/S/pipes/"

// openChannel returns the continuation token.
func (st *stack) openChannel(pipe, channel string) string {
	st.t.Helper()
	code, out := st.stream(http.MethodPut, streamPipes+pipe+"/channels/"+channel, "{}")
	if code != http.StatusOK {
		st.t.Fatalf("open %s of %s: %d %v", channel, pipe, code, out)
	}
	return out["next_continuation_token"].(string)
}

// appendRows appends and commits.
func (st *stack) appendRows(pipe, channel, token, end, rows string) (next string) {
	st.t.Helper()
	code, out := st.stream(http.MethodPost, strings.Replace(streamPipes, "/v2/streaming/", "/v2/streaming/data/", 1)+pipe+"/channels/"+channel+"/rows?"+
		url.Values{"continuationToken": {token}, "endOffsetToken": {end}}.Encode(), rows)
	if code != http.StatusOK {
		st.t.Fatalf("append to %s of %s: %d %v", channel, pipe, code, out)
	}
	if err := st.server.streams.Flush(st.t.Context()); err != nil {
		st.t.Fatal(err)
	}
	return out["next_continuation_token"].(string)
}

func TestStreamedRows(t *testing.T) {
	st := newStreams(t)
	db := st.connect()
	exec(t, db, `CREATE TABLE T (ID NUMBER NOT NULL, N VARCHAR DEFAULT 'none', V VARIANT) ERROR_LOGGING = TRUE`)
	next := st.openChannel("T-STREAMING", "C1")
	st.appendRows("T-STREAMING", "C1", next, "10", `{"id":1,"v":null}`+"\n"+`{"n":"no id"}`+"\n"+`{"ID":12345678901234567890123456789012345678,"n":null}`+"\n"+`{"id":`)
	wantLines(t, db, "SELECT ID, N, V FROM T ORDER BY ID", "1|none|null", "12345678901234567890123456789012345678|<nil>|<nil>")
	wantLines(t, db, "SELECT ERROR_CODE, ERROR_METADATA:error_message, ERROR_METADATA:offset_token_upper_bound::VARCHAR, ERROR_DATA::VARCHAR FROM ERROR_TABLE(T) WHERE error_metadata:service = 'snowpipe_streaming' ORDER BY 1",
		`100069|"Error parsing JSON"|10|{"id":`, `100072|"NULL result in a non-nullable column"|10|{"n":"no id"}`)
	wantError(t, db, 2003, "SELECT * FROM ERROR_TABLE(NO_SUCH)")
}

func TestShowAndInvalidateChannels(t *testing.T) {
	st := newStreams(t)
	db := st.connect()
	exec(t, db, "CREATE TABLE T (ID NUMBER)")
	exec(t, db, "CREATE TABLE U (ID NUMBER)")
	next := st.openChannel("T-STREAMING", "C1")
	st.openChannel("U-STREAMING", "C2")
	st.appendRows("T-STREAMING", "C1", next, "10", `{"id":1}`)
	shown := func(text string) (names []string) {
		for _, line := range lines(t, db, text) {
			cells := strings.Split(line, "|")
			names = append(names, strings.Join(append(cells[1:5], cells[7:]...), "|"))
		}
		return names
	}
	one := "C1|DB|S|T|10|PIPE|T-STREAMING"
	two := "C2|DB|S|U|<nil>|PIPE|U-STREAMING"
	for text, want := range map[string][]string{
		"SHOW CHANNELS": {one, two}, "SHOW CHANNELS IN TABLE T": {one}, `SHOW CHANNELS IN PIPE "U-STREAMING"`: {two}, "SHOW CHANNELS LIKE 'c_' IN ACCOUNT LIMIT 1": {one},
		"SHOW CHANNELS LIKE 'x%'": nil, "SHOW CHANNELS IN SCHEMA DB.S": {one, two},
	} {
		if got := shown(text); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	wantLines(t, db, `SELECT SYSTEM$STREAMING_CHANNEL_INVALIDATE('db.s."T-STREAMING"', 'C1')`, "SUCCESS")
	_, out := st.stream(http.MethodPost, streamPipes+"T-STREAMING:bulk-channel-status", `{"channel_names":["C1"]}`)
	if code := out["channel_statuses"].(map[string]any)["C1"].(map[string]any)["channel_status_code"]; code != "ERR_CHANNEL_MUST_BE_REOPENED" {
		t.Errorf("status: %v", code)
	}
	wantError(t, db, 2003, `SELECT SYSTEM$STREAMING_CHANNEL_INVALIDATE('db.s."T-STREAMING"', 'c1')`)
	wantError(t, db, 2003, `SELECT SYSTEM$STREAMING_CHANNEL_INVALIDATE('db.s."V-STREAMING"', 'C1')`)
}

// TestTruncateAndDrop: TRUNCATE keeps channels with their tokens, DROP TABLE ends them.
func TestTruncateAndDrop(t *testing.T) {
	st := newStreams(t)
	db := st.connect()
	exec(t, db, "CREATE TABLE T (ID NUMBER)")
	next := st.openChannel("T-STREAMING", "C")
	next = st.appendRows("T-STREAMING", "C", next, "1", `{"id":1}`)
	exec(t, db, "TRUNCATE TABLE T")
	st.appendRows("T-STREAMING", "C", next, "2", `{"id":2}`)
	wantLines(t, db, "SELECT ID FROM T", "2")
	exec(t, db, "ALTER TABLE T ADD COLUMN N VARCHAR")
	next = st.openChannel("T-STREAMING", "C")
	st.appendRows("T-STREAMING", "C", next, "3", `{"id":3,"n":"new"}`)
	wantLines(t, db, "SELECT ID, N FROM T ORDER BY 1", "2|<nil>", "3|new")
	exec(t, db, "DROP TABLE T")
	if code, out := st.stream(http.MethodPost, streamPipes+"T-STREAMING:bulk-channel-status", `{"channel_names":["C"]}`); code != http.StatusNotFound || !strings.HasPrefix(out["code"].(string), "ERR_PIPE_DOES_NOT_EXIST") {
		t.Errorf("status of a dropped table's channel: %d %v", code, out)
	}
	exec(t, db, "CREATE TABLE T (ID NUMBER)")
	if code, out := st.stream(http.MethodPost, streamPipes+"T-STREAMING:bulk-channel-status", `{"channel_names":["C"]}`); code != http.StatusOK || len(out["channel_statuses"].(map[string]any)) != 0 {
		t.Errorf("status of a table made anew: %d %v", code, out)
	}
}

func TestPipesOverAStreamingSource(t *testing.T) {
	st := newStreams(t)
	db := st.connect()
	exec(t, db, "CREATE TABLE T (ID NUMBER NOT NULL, NAME VARCHAR(5), AT TIMESTAMP_NTZ)")
	exec(t, db, `CREATE PIPE P AS COPY INTO T (NAME, ID) FROM (SELECT $1:name::VARCHAR, $1:deep.id::NUMBER FROM TABLE(DATA_SOURCE(TYPE => 'STREAMING')) WHERE $1:keep::BOOLEAN)`)
	exec(t, db, `CREATE PIPE Q AS COPY INTO T FROM TABLE(DATA_SOURCE(TYPE => 'STREAMING')) MATCH_BY_COLUMN_NAME = CASE_SENSITIVE`)
	next := st.openChannel("P", "C")
	st.appendRows("P", "C", next, "1", `{"name":"a","deep":{"id":1},"keep":true}`+"\n"+`{"name":"b","deep":{"id":"x"},"keep":true}`+"\n"+`{"name":"c","deep":{"id":3},"keep":false}`)
	next = st.openChannel("q", "C")
	st.appendRows("Q", "C", next, "1", `{"ID":7,"NAME":"q","name":"other"}`+"\n"+`{"id":8}`)
	wantLines(t, db, "SELECT ID, NAME, AT FROM T ORDER BY ID", "1|a|<nil>", "7|q|<nil>")
	for text, number := range map[string]int{
		"COPY INTO T FROM TABLE(DATA_SOURCE(TYPE => 'STREAMING')) MATCH_BY_COLUMN_NAME = CASE_SENSITIVE":                        2,
		"CREATE PIPE R AS COPY INTO T FROM TABLE(DATA_SOURCE(TYPE => 'STREAMING'))":                                             1003,
		"CREATE PIPE R AS COPY INTO T FROM (SELECT $1:a FROM TABLE(DATA_SOURCE(TYPE => 'STREAMING')))":                          2020,
		"CREATE PIPE R AS COPY INTO T (ID) FROM (SELECT $2 FROM TABLE(DATA_SOURCE(TYPE => 'STREAMING')))":                       904,
		"CREATE PIPE R AS COPY INTO NO_SUCH FROM TABLE(DATA_SOURCE(TYPE => 'STREAMING')) MATCH_BY_COLUMN_NAME = CASE_SENSITIVE": 2003,
		"CREATE PIPE R AS COPY INTO T FROM TABLE(DATA_SOURCE(TYPE => 'FILES')) MATCH_BY_COLUMN_NAME = CASE_SENSITIVE":           2,
		"ALTER PIPE P REFRESH": 2,
	} {
		wantError(t, db, number, text)
	}
	if got := lines(t, db, "SHOW PIPES LIKE 'P'"); len(got) != 1 || !strings.HasSuffix(got[0], "|STREAMING") {
		t.Errorf("SHOW PIPES: %q", got)
	}
	if got := lines(t, db, "SELECT SYSTEM$PIPE_STATUS('P')"); !strings.Contains(got[0], `"executionState":"RUNNING"`) {
		t.Errorf("pipe status: %q", got)
	}
}

// TestKeyPairTimes: the SDKs of Snowpipe Streaming have a login's times in milliseconds, everybody else in seconds.
func TestKeyPairTimes(t *testing.T) {
	key := newKey(t)
	st := newStack(t, func(c *Config) { c.Users[0].PublicKey = &key.PublicKey })
	print, err := catalog.Fingerprint(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for _, c := range []struct {
		name    string
		iat     int64
		exp     int64
		accepts bool
	}{
		{"seconds", now.Unix(), now.Add(time.Hour).Unix(), true}, {"milliseconds", now.UnixMilli(), now.Add(time.Hour).UnixMilli(), true},
		{"ended seconds", now.Add(-2 * time.Hour).Unix(), now.Add(-time.Hour).Unix(), false},
		{"ended milliseconds", now.Add(-2 * time.Hour).UnixMilli(), now.Add(-time.Hour).UnixMilli(), false},
	} {
		token, err := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
			"iss": "SNOWSTREAM.TESTER." + print, "sub": "SNOWSTREAM.TESTER", "iat": c.iat, "exp": c.exp,
		}).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		if user := st.server.front.KeyUser(token); (user == "tester") != c.accepts {
			t.Errorf("%s: user %q", c.name, user)
		}
	}
}
