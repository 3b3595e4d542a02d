package snowpipe

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
)

var testKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// quick repeats without making tests wait.
var quick = Retry{Tries: 4, First: time.Millisecond, Longest: 5 * time.Millisecond}

func dial(t *testing.T, s *service, change ...func(*Config)) *Client {
	t.Helper()
	cfg := Config{URL: s.URL, Login: KeyPair("myorg-acc.eu-west-1", "loader", "LOADER_ROLE", testKey()), Retry: quick}
	for _, c := range change {
		c(&cfg)
	}
	client, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func batchOf(t testing.TB, rows ...string) *Batch {
	t.Helper()
	var b Batch
	for i, r := range rows {
		if err := b.Add([]byte(r), fmt.Sprintf("%020d", i+1)); err != nil {
			t.Fatal(err)
		}
	}
	return &b
}

// TestAsTheOfficialSDK lives the same life as the official SDK did when it was recorded, and compares call by call.
func TestAsTheOfficialSDK(t *testing.T) {
	text, err := os.ReadFile("testdata/official-1.9.1.json")
	if err != nil {
		t.Fatal(err)
	}
	type call struct {
		Method, Path string
		Query        [][2]string
		Header       map[string]string
		Body         string
	}
	var recording struct{ Life map[string][]call }
	if err := json.Unmarshal(text, &recording); err != nil {
		t.Fatal(err)
	}
	rows := []string{`{"A":1,"B":"x","C":null,"D":true,"E":1.5}`, `{"A":2,"B":"é\n"}`}
	named := func(t *testing.T, client *Client) {
		pipe := client.DefaultPipe("DB", "S", "T")
		ch, err := pipe.Open(t.Context(), "CHAN-1", OpenOptions{Wait: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if err := ch.Append(t.Context(), batchOf(t, rows...)); err != nil {
			t.Fatal(err)
		}
		if _, err := ch.Wait(t.Context(), func(c string) bool { return c == "00000000000000000002" }); err != nil {
			t.Fatal(err)
		}
		if _, err := pipe.Open(t.Context(), "CHAN-1", OpenOptions{Wait: time.Second}); err != nil {
			t.Fatal(err)
		}
		if err := pipe.Drop(t.Context(), "CHAN-1", false); err != nil {
			t.Fatal(err)
		}
	}
	for name, life := range map[string]func(*testing.T, *Client){
		"key": named, "pat": named,
		"elastic": func(t *testing.T, client *Client) {
			if n, err := client.Elastic("DB", "S", "T").Append(t.Context(), batchOf(t, `{"A":1}`, `{"A":2}`)); n != 2 || err != nil {
				t.Fatal(n, err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t)
			s.on("/rows", reply{status: 503, body: `{"code":"X","message":"busy"}`})
			life(t, dial(t, s, func(c *Config) {
				if name == "pat" {
					c.Login = ProgrammaticAccessToken("secret", "LOADER_ROLE")
				}
			}))
			var ours, theirs []call
			for _, c := range s.of("") {
				o := call{Method: c.method, Path: c.path, Query: c.query, Header: map[string]string{}, Body: string(c.body)}
				for i, q := range o.Query {
					switch q[0] {
					case "requestId":
						o.Query[i][1] = ""
					case "continuationToken": // each stub's own
						o.Query[i][1] = "tok0"
					}
				}
				for _, h := range []string{"x-snowflake-authorization-token-type", "accept", "content-type", "content-encoding", "x-snowflake-session"} {
					if v := c.header.Get(h); v != "" {
						o.Header[h] = v
					}
				}
				ours = append(ours, o)
			}
			for _, c := range recording.Life[name] {
				switch {
				case strings.HasSuffix(c.Path, ":pipe-info"):
					continue // where big batches go as files: this client cuts them instead
				case strings.HasSuffix(c.Path, ":bulk-channel-status") && name == "elastic":
					continue // the SDK looks at the channel first; nothing depends on it
				}
				delete(c.Header, "x-snowflake-uncompressed-content-length") // one byte more: the SDK ends with a blank line
				if strings.HasSuffix(c.Path, "/rows") {
					c.Body = strings.TrimSuffix(c.Body, "\n")
				}
				theirs = append(theirs, c)
			}
			if diff := cmp.Diff(theirs, ours); diff != "" {
				t.Errorf("the official SDK's calls (-) and ours (+):\n%s", diff)
			}
		})
	}
}

func TestKeyPairToken(t *testing.T) {
	token, err := KeyPair("myorg-acc.eu-west-1", "loader", "R", testKey()).Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var claims jwt.MapClaims
	if _, err := jwt.ParseWithClaims(token.Text, &claims, func(*jwt.Token) (any, error) { return &testKey().PublicKey, nil }); err != nil {
		t.Fatal(err)
	}
	if iss, _ := claims.GetIssuer(); !strings.HasPrefix(iss, "MYORG-ACC.LOADER.SHA256:") || claims["scp"] != "session:role:R" {
		t.Errorf("claims %v", claims)
	}
	for _, source := range []TokenSource{KeyPair("a", "u", "", nil), KeyPair("", "u", "", testKey()), ProgrammaticAccessToken("", "")} {
		if _, err := source.Token(t.Context()); err == nil {
			t.Errorf("%T makes a token of nothing", source)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	login := ProgrammaticAccessToken("x", "")
	for name, cfg := range map[string]Config{
		"no URL": {Login: login}, "no scheme": {URL: "acc.snowflakecomputing.com", Login: login}, "plain http": {URL: "http://acc.snowflakecomputing.com", Login: login},
		"ftp": {URL: "ftp://acc", Login: login}, "a path": {URL: "https://acc/x", Login: login}, "a user": {URL: "https://u:p@acc", Login: login},
		"no login": {URL: "https://acc"}, "application": {URL: "https://acc", Login: login, Application: "a b"}, "compression": {URL: "https://acc", Login: login, Compression: "br"},
	} {
		if _, err := New(cfg); err == nil || strings.Contains(err.Error(), "u:p") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRetryKeepsTheCall has an append fail in all ways that may be repeated: the id and the bytes stay, the count goes up.
func TestRetryKeepsTheCall(t *testing.T) {
	for name, failure := range map[string]reply{
		"busy": {status: 503}, "throttled": {status: 429, body: `{"code":"ReceiverSaturated"}`}, "a proxy's 404": {status: 404, body: "<html>"},
		"code in a 400": {status: 400, body: `{"error_code":"ERR_GENERAL_EXCEPTION_RETRY_REQUEST"}`}, "no answer": {hold: true}, "token": {status: 401},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t)
			client := dial(t, s, func(c *Config) {
				if failure.hold {
					c.Retry.Timeout = 200 * time.Millisecond
				}
			})
			ch, err := client.DefaultPipe("DB", "S", "T").Open(t.Context(), "C", OpenOptions{})
			if err != nil {
				t.Fatal(err)
			}
			s.on("/rows", failure)
			if err := ch.Append(t.Context(), batchOf(t, `{"A":1}`)); err != nil {
				t.Fatal(err)
			}
			calls := s.of("/rows")
			if len(calls) != 2 {
				t.Fatalf("%d calls", len(calls))
			}
			a, b := calls[0], calls[1]
			if a.value("requestId") == "" || a.value("requestId") != b.value("requestId") || !bytes.Equal(a.wire, b.wire) ||
				a.value("continuationToken") != b.value("continuationToken") || a.value("retryCount") != "0" || b.value("retryCount") != "1" {
				t.Errorf("first %v, then %v", a.query, b.query)
			}
			if renewed := a.header.Get("Authorization") != b.header.Get("Authorization"); renewed != (failure.status == 401) {
				t.Errorf("a new token: %v", renewed)
			}
		})
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
		want   Action
	}{
		{400, `{"code":"STALE_CONTINUATION_TOKEN_SEQUENCER","message":"m"}`, OpenAgain},
		{409, `{"code":"ERR_CHANNEL_HAS_INVALID_ROW_SEQUENCER"}`, OpenAgain},
		{404, `{"code":"ERR_CHANNEL_DOES_NOT_EXIST_OR_IS_NOT_AUTHORIZED"}`, OpenAgain},
		{409, `{}`, OpenAgain},
		{410, ``, NewClient},
		{400, `"InvalidClientException"`, NewClient},
		{404, `{"code":"ERR_TABLE_DOES_NOT_EXIST_NOT_AUTHORIZED"}`, GiveUp},
		{500, `{"code":"ERR_PIPE_DOES_NOT_EXIST_OR_NOT_AUTHORIZED"}`, GiveUp},
		{401, ``, GiveUp}, {403, `{"code":"390318"}`, GiveUp}, {400, `{"code":40}`, GiveUp}, {413, ``, GiveUp}, {404, `{"code":"X"}`, GiveUp}, {501, ``, GiveUp}, {302, ``, GiveUp},
		{503, ``, OpenAgain}, {429, ``, OpenAgain}, // an append whose outcome stays unknown
	} {
		s := serve(t)
		client := dial(t, s)
		pipe := client.DefaultPipe("DB", "S", "T")
		ch, err := pipe.Open(t.Context(), "C", OpenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for range quick.Tries {
			s.on("/rows", reply{status: c.status, body: c.body})
		}
		b := batchOf(t, `{"A":"hunter2"}`)
		err = ch.Append(t.Context(), b)
		if ActionOf(err) != c.want {
			t.Errorf("%d %s: %v, want %v", c.status, c.body, err, c.want)
		}
		if next := ch.Append(t.Context(), b); ActionOf(next) != c.want || len(s.of("/rows")) > quick.Tries {
			t.Errorf("%d %s: the channel is not void: %v", c.status, c.body, next)
		}
	}
}

func TestUncommittedRows(t *testing.T) {
	refusal := reply{status: 409, body: `{"code":"ERR_CHANNEL_HAS_UNCOMMITTED_DATA"}`}
	refusals := make([]reply, 1000)
	for i := range refusals {
		refusals[i] = refusal
	}
	s := serve(t)
	pipe := dial(t, s).DefaultPipe("DB", "S", "T")
	s.on("/C", refusal, refusal)
	if _, err := pipe.Open(t.Context(), "C", OpenOptions{Wait: time.Minute}); err != nil || len(s.of("/C")) != 3 {
		t.Errorf("rows that become committed: %v after %d calls", err, len(s.of("/C")))
	}
	s.on("/K", refusals...)
	if _, err := pipe.Open(t.Context(), "K", OpenOptions{Wait: 20 * time.Millisecond, Keep: true}); CodeOf(err) != CodeUncommitted || ActionOf(err) != TryAgain {
		t.Errorf("kept: %v", err)
	}
	s.on("/D", refusal)
	if _, err := pipe.Open(t.Context(), "D", OpenOptions{Wait: time.Nanosecond}); err != nil {
		t.Errorf("dropped: %v", err)
	}
	last := s.of("/D")
	if len(last) != 2 || string(last[0].body) != `{"fail_on_uncommitted_rows":true}` || string(last[1].body) != `{"fail_on_uncommitted_rows":false}` {
		t.Errorf("%d calls, the first %s", len(last), last[0].body)
	}
}

func TestBadStatusAtOpen(t *testing.T) {
	s := serve(t)
	s.on("/C", reply{status: 200, body: `{"next_continuation_token":"t","channel_status":{"channel_status_code":"ERR_PIPE_DOES_NOT_EXIST"}}`},
		reply{status: 200, body: `{"next_continuation_token":"t","channel_status":{"channel_status_code":"ERR_CHANNEL_MUST_BE_REOPENED"}}`},
		reply{status: 200, body: `{}`})
	pipe := dial(t, s).DefaultPipe("DB", "S", "T")
	for _, want := range []Action{GiveUp, TryAgain, TryAgain} {
		if _, err := pipe.Open(t.Context(), "C", OpenOptions{}); err == nil || ActionOf(err) != want {
			t.Errorf("open: %v, want %v", err, want)
		}
	}
}

func TestRetryAfterAndContext(t *testing.T) {
	s := serve(t)
	pipe := dial(t, s).DefaultPipe("DB", "S", "T")
	s.on(":bulk-channel-status", reply{status: 429, header: map[string]string{"Retry-After": "1"}})
	began := time.Now()
	if _, err := pipe.Statuses(t.Context(), "C"); err != nil || time.Since(began) < time.Second {
		t.Errorf("Retry-After: %v after %v", err, time.Since(began))
	}
	s.on(":bulk-channel-status", reply{status: 429, header: map[string]string{"Retry-After": "3600"}})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	began = time.Now()
	if _, err := pipe.Statuses(ctx, "C"); ActionOf(err) != TryAgain || time.Since(began) > 30*time.Second {
		t.Errorf("a pause longer than the context: %v after %v", err, time.Since(began))
	}
	s.on(":bulk-channel-status", reply{hold: true})
	ctx, cancel = context.WithCancel(t.Context())
	go func() {
		for len(s.of(":bulk-channel-status")) < 4 {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	if _, err := pipe.Statuses(ctx, "C"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	for text, want := range map[string]time.Duration{"": 0, "7": 7 * time.Second, "x": 0, "-1": 0, "99999999": longestWish, "Mon, 02 Jan 2006 15:04:15 GMT": 10 * time.Second} {
		now := time.Date(2006, 1, 2, 15, 4, 5, 0, time.UTC)
		if got := retryAfter(http.Header{"Retry-After": {text}}, now); got != want {
			t.Errorf("Retry-After %q is %v, want %v", text, got, want)
		}
	}
}

// TestToken has the token kept while it is good, renewed before its end, and asked for once by many.
func TestToken(t *testing.T) {
	s := serve(t)
	pipe := dial(t, s).DefaultPipe("DB", "S", "T")
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			if _, err := pipe.Statuses(t.Context(), "C"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n, hosts := len(s.of("/oauth/token")), len(s.of("/hostname")); n != 1 || hosts != 1 {
		t.Errorf("%d tokens and %d hosts for 16 callers", n, hosts)
	}
	s.life = -time.Second // the next ones are over before they come
	pipe = dial(t, s).DefaultPipe("DB", "S", "T")
	for range 3 {
		if _, err := pipe.Statuses(t.Context(), "C"); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(s.of("/oauth/token")); n != 4 {
		t.Errorf("%d tokens, want one more for each call", n)
	}
	now := time.Unix(1_767_366_245, 0)
	for life, want := range map[time.Duration]time.Duration{time.Hour: 59 * time.Minute, 75 * time.Second: 37500 * time.Millisecond} {
		for _, end := range []int64{now.Add(life).Unix(), now.Add(life).UnixMilli()} {
			claims := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"exp":%d}`, end))
			if got, err := parseScoped([]byte("a."+claims+".b"), now); err != nil || got.renew.Sub(now) != want {
				t.Errorf("a token of %v is renewed after %v, want %v: %v", life, got.renew.Sub(now), want, err)
			}
		}
	}
}

// TestDeadConnections has the service end all connections between two calls, as when a process stood still for long.
func TestDeadConnections(t *testing.T) {
	s := serve(t)
	client := dial(t, s)
	ch, err := client.DefaultPipe("DB", "S", "T").Open(t.Context(), "C", OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		s.CloseClientConnections()
		client.lastUse.Store(time.Now().Add(-time.Hour).UnixNano())
		if err := ch.Append(t.Context(), batchOf(t, `{"A":1}`)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(s.of("/rows")); n != 5 {
		t.Errorf("%d requests for 5 appends", n)
	}
}

func TestNoSecretInAnError(t *testing.T) {
	s := serve(t)
	pipe := dial(t, s, func(c *Config) { c.Login = ProgrammaticAccessToken("pat-hunter2", "") }).DefaultPipe("DB", "S", "T")
	ch, err := pipe.Open(t.Context(), "C", OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s.on("/rows", reply{status: 400, body: `{"code":"BAD","message":"row {\"A\":\"hunter2\"} is bad"}`})
	errs := []error{ch.Append(t.Context(), batchOf(t, `{"A":"hunter2"}`))}
	s.on("/oauth/token", reply{status: 400, body: `{"code":"394304","message":"token pat-hunter2 is not valid"}`})
	s.on(":bulk-channel-status", reply{status: 401})
	_, err = pipe.Statuses(t.Context(), "C")
	errs = append(errs, err)
	_, err = ProgrammaticAccessToken("", "").Token(t.Context())
	errs = append(errs, err, new(Batch).Add([]byte(`hunter2`), ""))
	s.Close()
	_, err = pipe.Statuses(t.Context(), "C")
	for _, err := range append(errs, err) {
		if err == nil || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "c2VjcmV0") {
			t.Errorf("%v", err)
		}
	}
	if !strings.Contains(errs[1].Error(), "394304") {
		t.Errorf("the login's code is not told: %v", errs[1])
	}
}

// TestCut sends rows that do not compress: three and a bit appends, each with its own tokens, and nothing lost between.
func TestCut(t *testing.T) {
	for _, how := range []Compression{Zstd, Gzip} {
		s := serve(t)
		ch, err := dial(t, s, func(c *Config) { c.Compression = how }).DefaultPipe("DB", "S", "T").Open(t.Context(), "C", OpenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var b Batch
		noise := make([]byte, 24<<10)
		const rows = 400
		for i := range rows {
			_, _ = rand.Read(noise)
			if err := b.Add(fmt.Appendf(nil, `{"N":%d,"A":"%s"}`, i, base64.StdEncoding.EncodeToString(noise)), fmt.Sprintf("%020d", i)); err != nil {
				t.Fatal(err)
			}
		}
		b.Cover(fmt.Sprintf("%020d", rows+5))
		if err := ch.Append(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
		next, calls := 0, s.of("/rows")
		for i, c := range calls {
			if len(c.wire) > MaxWire || c.value("startOffsetToken") != fmt.Sprintf("%020d", next) {
				t.Errorf("%s append %d: %d bytes, starts at %s, want %d", how, i, len(c.wire), c.value("startOffsetToken"), next)
			}
			next += bytes.Count(c.body, []byte("\n"))
			want := fmt.Sprintf("%020d", next-1)
			if i == len(calls)-1 {
				want = fmt.Sprintf("%020d", rows+5)
			}
			if c.value("endOffsetToken") != want {
				t.Errorf("%s append %d ends at %s, want %s", how, i, c.value("endOffsetToken"), want)
			}
			if i > 0 && (c.value("continuationToken") == calls[i-1].value("continuationToken") || c.header.Get("X-Snowflake-Session") == "") {
				t.Errorf("%s append %d has not the answer's token or session", how, i)
			}
		}
		if next != rows || len(calls) < 2 {
			t.Errorf("%s: %d rows in %d appends", how, next, len(calls))
		}
		_, _ = rand.Read(noise)
		big := make([]byte, 6<<20)
		_, _ = rand.Read(big)
		before := len(s.of("/rows"))
		if err := ch.Append(t.Context(), batchOf(t, `{"A":"`+base64.StdEncoding.EncodeToString(big)+`"}`)); err == nil || len(s.of("/rows")) != before {
			t.Errorf("a row of 8 MB: %v", err)
		}
		if err := ch.Append(t.Context(), batchOf(t, `{"A":1}`)); err != nil {
			t.Errorf("a row that is too long made the channel void: %v", err)
		}
	}
}

func TestBatch(t *testing.T) {
	var b Batch
	for _, bad := range []string{"", "[1]", `"x"`, "{", "{\n}", "{}{", "null"} {
		if err := b.Add([]byte(bad), "1"); err == nil && bad != "{}{" {
			t.Errorf("%q is taken for a row", bad)
		}
	}
	b.Reset()
	if err := b.Add([]byte(" {}\r\n"), ""); err != nil || b.Len() != 1 || b.Size() != 3 {
		t.Errorf("%v: %d rows, %d bytes", err, b.Len(), b.Size())
	}
	if b.Reset(); b.Len() != 0 || b.Size() != 0 {
		t.Error("Reset leaves something")
	}
	ch := &Channel{}
	if err := ch.Append(t.Context(), &b); err == nil {
		t.Error("an empty batch is taken")
	}
}

func TestStatuses(t *testing.T) {
	s := serve(t)
	pipe := dial(t, s).DefaultPipe("DB", "S", "T")
	names := []string{"missing"}
	for i := range 250 {
		names = append(names, fmt.Sprintf("C%d", i))
	}
	all, err := pipe.Statuses(t.Context(), names...)
	if err != nil || len(all) != 250 || len(s.of(":bulk-channel-status")) != 3 {
		t.Fatalf("%d channels, %v, %d requests", len(all), err, len(s.of(":bulk-channel-status")))
	}
	if c := all["C7"]; c.Channel != "C7" || c.RowErrors != 1 || c.LastErrorMessage != "too long" || c.Committed || c.Err() != nil {
		t.Errorf("%+v", c)
	}
	if _, ok := all["missing"]; ok {
		t.Error("a channel that does not exist has a status")
	}
	ch := &Channel{pipe: pipe, name: "missing"}
	if _, err := ch.Wait(t.Context(), func(string) bool { return false }); ActionOf(err) != OpenAgain {
		t.Errorf("a channel that is gone: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	ch.name = "C"
	if _, err := ch.Wait(ctx, func(string) bool { return false }); ActionOf(err) != TryAgain || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a context that ends: %v", err)
	}
}

func TestNamesAreEscaped(t *testing.T) {
	s := serve(t)
	if _, err := dial(t, s).Pipe("a/b", "c d", "p?q").Open(t.Context(), "x/y#z", OpenOptions{}); err != nil {
		t.Fatal(err)
	}
	if n := len(s.of("/v2/streaming/databases/a%2Fb/schemas/c%20d/pipes/p%3Fq/channels/x%2Fy%23z")); n != 1 {
		t.Errorf("paths: %v", s.of("")[2].path)
	}
}
