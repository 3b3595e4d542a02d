package streaming

import (
	"bytes"
	"compress/gzip"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/snowstream/snowstream/local/warehouse/dialect"
)

func TestLife(t *testing.T) {
	r := newRig(t)
	r.account.table(t, "T", "ID NUMBER NOT NULL, NAME VARCHAR(5), V VARIANT, AT TIMESTAMP_NTZ, H TIME, D DATE, F FLOAT, B BOOLEAN, X BINARY, Z TIMESTAMP_TZ, P NUMBER(9,2), E NUMBER(38,4)")
	next, committed := r.mustOpen("T", "C1")
	if committed != nil {
		t.Errorf("a new channel has committed %v", committed)
	}
	next = r.mustAppend("T", "C1", next, "2", `{"id":1,"name":"a","v":{"b":[1, 2]},"at":"2026-01-02T03:04:05.123456789","h":"01:02:03.5","d":"2026-01-02","f":0.5,"b":"on","x":"YWJj",`+
		`"z":"2026-01-02T03:04:05+02:00","p":-1.5,"e":123456789012345678901234.00005}`+"\r\n\n"+`{"ID":"2","NAME":"b"}`)
	r.mustAppend("T", "C1", next, "3", `{"id":3}`)
	status := r.committed("T", "C1", "3")
	if status["rows_inserted"] != 3.0 || status["rows_error_count"] != 0.0 || status["channel_status_code"] != "SUCCESS" {
		t.Errorf("status: %v", status)
	}
	const more = ",NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL"
	if got, want := r.rows(`SELECT * FROM "DB.S"."T" ORDER BY "ID"`), "1,a,{\"b\":[1,2]},2026-01-02 03:04:05.123456789,01:02:03.5,2026-01-02,0.5,true,abc,2026-01-02 01:04:05+00,-1.50,123456789012345678901234.0001\n2,b,NULL,NULL"+more+"\n3,NULL,NULL,NULL"+more; got != want {
		t.Errorf("rows:\n%s\nwant\n%s", got, want)
	}
	if code, out := r.call(http.MethodDelete, pipePath("T")+"/channels/C1", nil, nil); code != http.StatusOK {
		t.Errorf("drop: %d %v", code, out)
	}
	if r.status("T", "C1") != nil {
		t.Error("the channel is still there")
	}
}

// TestUsedTokenDropsItsRows: the service answers 200 and says nothing.
func TestUsedTokenDropsItsRows(t *testing.T) {
	r := newRig(t)
	r.account.table(t, "T", "ID NUMBER")
	first, _ := r.mustOpen("T", "C")
	second := r.mustAppend("T", "C", first, "1", `{"id":1}`)
	if again := r.mustAppend("T", "C", first, "1", `{"id":1}`); again != second {
		t.Errorf("the same append again gives token %s, not the present one, %s", again, second)
	}
	r.mustAppend("T", "C", first, "9", `{"id":99}`)
	r.mustAppend("T", "C", second, "2", `{"id":2}`)
	r.committed("T", "C", "2")
	if got := r.rows(`SELECT "ID" FROM "DB.S"."T" ORDER BY 1`); got != "1\n2" {
		t.Errorf("rows: %s", got)
	}
}

func TestReopeningVoidsTokensAndDropsWhatIsNotCommitted(t *testing.T) {
	r := newRigOn(t, openAccount(t, t.TempDir()), Config{Tick: time.Hour})
	r.account.table(t, "T", "ID NUMBER")
	old, _ := r.mustOpen("T", "C")
	old = r.mustAppend("T", "C", old, "1", `{"id":1}`)
	if err := r.server.commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	old = r.mustAppend("T", "C", old, "2", `{"id":2}`)
	if code, out := r.open("T", "C", `{"fail_on_uncommitted_rows":true}`); code != http.StatusConflict || out["code"] != codeUncommitted {
		t.Errorf("open with rows to commit: %d %v", code, out)
	}
	next, committed := r.mustOpen("T", "c") // URLs do not tell capital letters from small ones
	if committed != "1" {
		t.Errorf("committed after the reopening: %v", committed)
	}
	if code, out := r.append("T", "C", old, "3", `{"id":3}`); code != http.StatusBadRequest || out["code"] != codeStale {
		t.Errorf("an append with a token from before: %d %v", code, out)
	}
	r.mustAppend("T", "C", next, "2", `{"id":2}`)
	if err := r.server.commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := r.rows(`SELECT "ID" FROM "DB.S"."T" ORDER BY 1`); got != "1\n2" {
		t.Errorf("rows: %s", got)
	}
	if r.status("T", "c") != nil {
		t.Error("the status takes another spelling than the first opening's")
	}
}

// TestRestart: what is committed stays, with its token and its counters; what is not is gone, and no token passes the gap.
func TestRestart(t *testing.T) {
	a := openAccount(t, t.TempDir())
	a.table(t, "T", "ID NUMBER")
	r := newRigOn(t, a, Config{Tick: time.Hour})
	next, _ := r.mustOpen("T", "C")
	next = r.mustAppend("T", "C", next, "2", "{\"id\":1}\n{\"id\":true}")
	if err := r.server.commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	lost := r.mustAppend("T", "C", next, "3", `{"id":3}`)
	r = newRigOn(t, a, Config{Tick: testTick}) // the first server is not closed: it was killed
	status := r.status("T", "C")
	if status["last_committed_offset_token"] != "2" || status["rows_error_count"] != 1.0 || status["rows_inserted"] != 1.0 {
		t.Errorf("after the restart: %v", status)
	}
	if code, out := r.append("T", "C", lost, "4", `{"id":4}`); code != http.StatusConflict || out["code"] != codeGap {
		t.Errorf("an append behind what was lost: %d %v", code, out)
	}
	r.mustAppend("T", "C", next, "3", `{"id":3}`) // nothing lies between
	if status := r.committed("T", "C", "3"); status["rows_inserted"] != 2.0 {
		t.Errorf("counters: %v", status)
	}
}

// TestRejectedRows: the token moves past them, the counters tell, and the error table has them.
func TestRejectedRows(t *testing.T) {
	r := newRig(t)
	p := r.account.table(t, "T", "ID NUMBER(3,0) NOT NULL, V VARIANT")
	p.ErrorLogging = true
	next, _ := r.mustOpen("T", "C")
	r.mustAppend("T", "C", next, "7", strings.Join([]string{`{"id":1}`, `[1]`, `"x"`, `{"id":1000}`, `{"v":1}`, `{"id":2,"id":3}`, `{"id":2`, `{"id":4,"v":{"a":1,"a":2}}`, `{"id":5}`}, "\n"))
	status := r.committed("T", "C", "7")
	if status["rows_inserted"] != 2.0 || status["rows_error_count"] != 7.0 || status["rows_parsed"] != 9.0 || status["last_error_offset_upper_bound"] != "7" {
		t.Errorf("status: %v", status)
	}
	if message, _ := status["last_error_message"].(string); message == "" || status["last_error_timestamp_ms"] == nil || strings.Contains(message, "a") && strings.Contains(message, `"a"`) {
		t.Errorf("message: %q", message)
	}
	if got := r.rows(`SELECT message, column_name, channel, token, data FROM "warehouse"."error_rows" WHERE data = '{"v":1}'`); got != `NULL result in a non-nullable column,ID,C,7,{"v":1}` {
		t.Errorf("error row: %s", got)
	}
	r.mustOpen("T", "C")
	if status := r.status("T", "C"); status["rows_error_count"] != 7.0 {
		t.Errorf("the count does not survive the reopening: %v", status)
	}
	r.call(http.MethodDelete, pipePath("T")+"/channels/C", nil, nil)
	if _, committed := r.mustOpen("T", "C"); committed != nil || r.status("T", "C")["rows_error_count"] != 0.0 {
		t.Errorf("a dropped channel is remembered: %v", committed)
	}
}

// TestNoTokenFitsAChannelMadeAnew, and none is taken that was made up.
func TestNoTokenFitsAChannelMadeAnew(t *testing.T) {
	r := newRig(t)
	r.account.table(t, "T", "ID NUMBER")
	old, _ := r.mustOpen("T", "C")
	r.call(http.MethodDelete, pipePath("T")+"/channels/C", nil, nil)
	if code, out := r.append("T", "C", old, "1", `{"id":1}`); code != http.StatusConflict || out["code"] != codeNoChannel {
		t.Errorf("an append to a dropped channel: %d %v", code, out)
	}
	r.mustOpen("T", "C")
	if code, out := r.append("T", "C", old, "1", `{"id":1}`); code != http.StatusBadRequest || out["code"] != codeStale {
		t.Errorf("an append with the token of a channel that was dropped: %d %v", code, out)
	}
	for _, token := range []string{"", "x", "1_2", "1_-1_0", "1_1_1_1", "99999999999999999999_1_0"} {
		if code, out := r.append("T", "C", token, "1", `{"id":1}`); code != http.StatusBadRequest || out["code"] != codeBadToken {
			t.Errorf("token %q: %d %v", token, code, out)
		}
	}
}

func TestPackedRows(t *testing.T) {
	r := newRig(t)
	r.account.table(t, "T", "ID NUMBER")
	next, _ := r.mustOpen("T", "C")
	var gz bytes.Buffer
	w := gzip.NewWriter(&gz)
	_, _ = w.Write([]byte(`{"id":1}`))
	w.Close()
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct {
		encoding string
		body     []byte
		want     int
	}{
		{"gzip", gz.Bytes(), 200}, {"zstd", encoder.EncodeAll([]byte(`{"id":2}`), nil), 200}, {"gzip", []byte("no"), 400}, {"zstd", []byte("no"), 400},
		{"br", []byte("no"), 415}, {"", bytes.Repeat([]byte(" "), maxWire+1), 413}, {"zstd", encoder.EncodeAll(bytes.Repeat([]byte(" "), maxBody+1), nil), 413},
	} {
		code, out := r.call(http.MethodPost, rowsPath("T", "C", next, strconv.Itoa(i)), map[string]string{"Content-Encoding": c.encoding}, c.body)
		if code != c.want {
			t.Errorf("%s: %d %v", c.encoding, code, out)
		}
		if code == http.StatusOK {
			next = out["next_continuation_token"].(string)
		}
	}
	r.committed("T", "C", "1")
}

func TestInvalidate(t *testing.T) {
	r := newRig(t)
	p := r.account.table(t, "T", "ID NUMBER")
	next, _ := r.mustOpen("T", "C")
	if err := r.server.Invalidate(t.Context(), p, "c"); !errors.Is(err, ErrNoChannel) {
		t.Errorf("another spelling: %v", err)
	}
	if err := r.server.Invalidate(t.Context(), p, "C"); err != nil {
		t.Fatal(err)
	}
	if status := r.status("T", "C"); status["channel_status_code"] != codeMustReopen {
		t.Errorf("status: %v", status)
	}
	if code, out := r.append("T", "C", next, "1", `{"id":1}`); code != http.StatusConflict || out["code"] != codeMustReopen {
		t.Errorf("append: %d %v", code, out)
	}
	next, _ = r.mustOpen("T", "C")
	r.mustAppend("T", "C", next, "1", `{"id":1}`)
	r.committed("T", "C", "1")
}

// TestTableThatIsMadeAnew: a channel belongs to the table that it was opened for.
func TestTableThatIsMadeAnew(t *testing.T) {
	r := newRig(t)
	p := r.account.table(t, "T", "ID NUMBER")
	next, _ := r.mustOpen("T", "C")
	next = r.mustAppend("T", "C", next, "1", `{"id":1}`)
	r.committed("T", "C", "1")
	r.account.table(t, "T", "ID NUMBER")
	if code, _ := r.append("T", "C", next, "2", `{"id":2}`); code != http.StatusConflict {
		t.Errorf("append to the channel of the old table: %d", code)
	}
	if _, committed := r.mustOpen("T", "C"); committed != nil {
		t.Errorf("the new table's channel has committed %v", committed)
	}
	r.account.mu.Lock()
	delete(r.account.pipes, p.Name)
	r.account.mu.Unlock()
	if code, out := r.open("T", "C", "{}"); code != http.StatusNotFound || out["code"] != codeNoPipe {
		t.Errorf("open without a table: %d %v", code, out)
	}
	if err := r.server.tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := r.rows(`SELECT * FROM "warehouse"."channels"`); got != "" {
		t.Errorf("channels without a table are remembered: %s", got)
	}
}

// TestFailedCommit: it is tried again, whole, and nothing is doubled.
func TestFailedCommit(t *testing.T) {
	r := newRig(t)
	r.account.table(t, "T", "ID NUMBER")
	next, _ := r.mustOpen("T", "C")
	failures := 3
	r.account.mu.Lock()
	r.account.fail = func() error {
		if failures == 0 {
			return nil
		}
		failures--
		return errors.New("the disk is full")
	}
	r.account.mu.Unlock()
	next = r.mustAppend("T", "C", next, "1", `{"id":1}`)
	r.mustAppend("T", "C", next, "2", `{"id":2}`)
	status := r.committed("T", "C", "2")
	if got := r.rows(`SELECT "ID" FROM "DB.S"."T" ORDER BY 1`); got != "1\n2" || status["rows_inserted"] != 2.0 {
		t.Errorf("rows: %s, status %v", got, status)
	}
}

// TestRowThatOnlyTheDatabaseRefuses is rejected alone.
func TestRowThatOnlyTheDatabaseRefuses(t *testing.T) {
	r := newRig(t)
	p := r.account.table(t, "T", "ID NUMBER(9,0), N NUMBER(2,0)")
	p.Select = &dialect.CopySelect{Items: `CAST("$1"->>'id' AS DECIMAL(9,0)), CAST("$1"->>'n' AS DECIMAL(2,0))`, Where: `"$1"->>'id' <> '4'`}
	next, _ := r.mustOpen("T", "C")
	r.mustAppend("T", "C", next, "5", strings.Join([]string{`{"id":1,"n":1}`, `{"id":2,"n":"two"}`, `{"id":3,"n":300}`, `{"id":4,"n":4}`, `{"id":5,"n":5}`}, "\n"))
	status := r.committed("T", "C", "5")
	if got := r.rows(`SELECT * FROM "DB.S"."T" ORDER BY 1`); got != "1,1\n5,5" || status["rows_error_count"] != 2.0 {
		t.Errorf("rows: %s, status %v", got, status)
	}
}

func TestElastic(t *testing.T) {
	r := newRigOn(t, openAccount(t, t.TempDir()), Config{Tick: time.Hour})
	r.account.table(t, "T", "ID NUMBER")
	if r.status("T", "ELASTIC")["channel_status_code"] != "SUCCESS" {
		t.Error("a pipe has no ELASTIC")
	}
	path := strings.Replace(pipePath("T"), "/v2/streaming/", "/v2/streaming/data/", 1) + "/channels/ELASTIC/rows?requestId=1&retryCount=0"
	for _, path := range []string{path, "/v2/streaming/data/databases/DB/schemas/S/tables/t/rows?requestId=2"} {
		if code, out := r.call(http.MethodPost, path, nil, []byte(`{"id":1}`)); code != http.StatusOK || out["message"] != "OK" || out["next_continuation_token"] == nil {
			t.Errorf("%s: %d %v", path, code, out)
		}
	}
	if got := r.rows(`SELECT count(*) FROM "DB.S"."T"`); got != "2" {
		t.Errorf("%s rows are durable with the answer", got)
	}
	if code, _ := r.open("T", "ELASTIC", "{}"); code != http.StatusBadRequest {
		t.Errorf("open: %d", code)
	}
}

func TestLogin(t *testing.T) {
	r := newRig(t)
	r.account.table(t, "T", "ID NUMBER")
	for _, header := range []map[string]string{
		{"Authorization": ""}, {"Authorization": "Bearer wrong"}, {"X-Snowflake-Authorization-Token-Type": "OAUTH"},
	} {
		if code, out := r.call(http.MethodPut, pipePath("T")+"/channels/C", header, nil); code != http.StatusUnauthorized || out["code"] == nil {
			t.Errorf("%v: %d %v", header, code, out)
		}
	}
	form := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	code, out := r.call(http.MethodPost, "/oauth/token", form, []byte("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&scope=127.0.0.1"))
	text, _ := out["text"].(string)
	if code != http.StatusOK || strings.Count(text, ".") != 2 {
		t.Fatalf("token: %d %v", code, out)
	}
	scoped := map[string]string{"Authorization": "Bearer " + text, "X-Snowflake-Authorization-Token-Type": "OAUTH"}
	if code, out := r.call(http.MethodPut, pipePath("T")+"/channels/C", scoped, nil); code != http.StatusOK {
		t.Errorf("open with the scoped token: %d %v", code, out)
	}
	if code, out := r.call(http.MethodGet, "/v2/streaming/hostname", nil, nil); code != http.StatusOK || out["text"] != "127.0.0.1" {
		t.Errorf("hostname: %d %v", code, out)
	}
	if code, _ := r.call(http.MethodPost, "/oauth/token", form, []byte("grant_type=password")); code != http.StatusBadRequest {
		t.Errorf("another grant: %d", code)
	}
	if code, out := r.call(http.MethodPost, pipePath("T")+":pipe-info", nil, []byte(`{"generate_new_token":true}`)); code != http.StatusOK || out["encryption_info"] == nil {
		t.Errorf("pipe-info: %d %v", code, out)
	}
}

func TestFaults(t *testing.T) {
	r := newRig(t)
	r.account.table(t, "T", "ID NUMBER")
	next, _ := r.mustOpen("T", "C")
	for fault, want := range map[Fault]int{Throttled: 429, Unavailable: 503, Gone: 410, LostAnswer: 0} {
		r.server.Faults.Set(fault, true)
		if code, _ := r.append("T", "C", next, "1", `{"id":1}`); code != want {
			t.Errorf("%s: %d", fault, code)
		}
		r.server.Faults.Set(fault, false)
	}
	r.committed("T", "C", "1") // the one whose answer was lost
	next = r.mustAppend("T", "C", next, "1", `{"id":1}`)
	r.server.Faults.Set(RejectedRows, true)
	next = r.mustAppend("T", "C", next, "2", `{"id":2}`)
	if status := r.committed("T", "C", "2"); status["rows_error_count"] != 1.0 {
		t.Errorf("rejected on purpose: %v", status)
	}
	r.server.Faults.Set(RejectedRows, false)
	r.server.Faults.Set(Stall, true)
	r.mustAppend("T", "C", next, "3", `{"id":3}`)
	time.Sleep(3 * testTick)
	if status := r.status("T", "C"); status["last_committed_offset_token"] != "2" {
		t.Errorf("a stalled commit: %v", status)
	}
	r.server.Faults.Set(Stall, false)
	r.committed("T", "C", "3")
	r.server.Faults.Set(Expiry, true)
	for deadline := time.Now().Add(time.Minute); r.status("T", "C") != nil; time.Sleep(testTick) {
		if time.Now().After(deadline) {
			t.Fatal("the channel does not expire")
		}
	}
	if r.server.Faults.Set("none", true) {
		t.Error("a fault that does not exist is set")
	}
}

// TestManyAtOnce: appends, openings and commits beside one another lose and double nothing.
func TestManyAtOnce(t *testing.T) {
	r := newRig(t)
	r.account.table(t, "T", "ID NUMBER")
	const channels, appends = 8, 30
	var all sync.WaitGroup
	for n := range channels {
		all.Go(func() {
			name := "C" + strconv.Itoa(n)
			_, out := r.open("T", name, "{}")
			next := out["next_continuation_token"].(string)
			for i := 0; i < appends; {
				code, out := r.append("T", name, next, strconv.Itoa(i), `{"id":`+strconv.Itoa(n*appends+i)+`}`)
				if code != http.StatusOK {
					t.Errorf("append: %d %v", code, out)
					return
				}
				next = out["next_continuation_token"].(string)
				i++
				if i%10 == 0 { // start over from what is committed
					_, out = r.open("T", name, "{}")
					next = out["next_continuation_token"].(string)
					i = 0
					if token, ok := out["channel_status"].(map[string]any)["last_committed_offset_token"].(string); ok {
						last, _ := strconv.Atoi(token)
						i = last + 1
					}
				}
			}
		})
	}
	all.Wait()
	for n := range channels {
		r.committed("T", "C"+strconv.Itoa(n), strconv.Itoa(appends-1))
	}
	if got := r.rows(`SELECT count(*), count(DISTINCT "ID") FROM "DB.S"."T"`); got != "240,240" {
		t.Errorf("rows and distinct rows: %s", got)
	}
}
