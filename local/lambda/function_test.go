package lambda

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	awslambda "github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"go.uber.org/goleak"
)

// The test binary is its own function: with this variable in its environment it speaks the Runtime API.
const roleVariable = "TEST_FUNCTION_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case "":
		goleak.VerifyTestMain(m)
	case "script":
		awslambda.Start(script)
	case "batch":
		awslambda.Start(batch)
	case "host":
		runHost()
	case "broken":
		fmt.Println("cannot start")
		os.Exit(3)
	}
}

// order is an event that tells the script function what to do.
type order struct {
	Do   string        `json:"do"`
	Text string        `json:"text"`
	Size int           `json:"size"`
	For  time.Duration `json:"for"`
}

func script(ctx context.Context, o order) (any, error) {
	if out := os.Getenv("OUT"); out != "" {
		lc, _ := lambdacontext.FromContext(ctx)
		note(out, o.Do+" "+lc.AwsRequestID)
	}
	switch o.Do {
	case "echo":
		deadline, _ := ctx.Deadline()
		lc, _ := lambdacontext.FromContext(ctx)
		return map[string]any{
			"text": o.Text, "pid": os.Getpid(), "request": lc.AwsRequestID, "arn": lc.InvokedFunctionArn,
			"client": lc.ClientContext.Custom, "left": time.Until(deadline).Seconds(), "env": os.Environ(),
		}, nil
	case "error":
		return nil, errors.New("as told")
	case "panic":
		panic("as told")
	case "exit":
		os.Exit(o.Size)
	case "sleep":
		time.Sleep(o.For)
	case "hang":
		note(o.Text, fmt.Sprint(os.Getpid()))
		time.Sleep(o.For)
	case "spawn": // leaves a process behind that holds on to stdout
		cmd := exec.Command("sleep", "300")
		cmd.Stdout = os.Stdout
		if err := cmd.Start(); err != nil {
			return nil, err
		}
		note(o.Text, fmt.Sprint(os.Getpid()), fmt.Sprint(cmd.Process.Pid))
		time.Sleep(o.For)
	case "print":
		for i := range o.Size {
			fmt.Printf("line %d %s\n", i, o.Text)
		}
	case "fill":
		return strings.Repeat("x", o.Size), nil
	}
	return "done", nil
}

func note(path string, lines ...string) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	if _, err := f.WriteString(strings.Join(lines, "\n") + "\n"); err != nil {
		panic(err)
	}
}

// handed is one line that the batch function writes for each event it gets.
type handed struct {
	Records []string
	Bytes   int
}

// batch notes the records it gets, and then fails as the file RULES says: "error TEXT" fails the whole batch that holds
// a record TEXT, "item TEXT" reports it, "answer JSON" answers so.
func batch(ctx context.Context, raw json.RawMessage) (any, error) {
	var event events.KinesisEvent
	if err := json.Unmarshal(raw, &event); err != nil {
		return nil, err
	}
	line := handed{Bytes: len(raw)}
	sequences := map[string]string{}
	for _, r := range event.Records {
		text := string(r.Kinesis.Data[:min(len(r.Kinesis.Data), 40)])
		line.Records = append(line.Records, text)
		sequences[text] = r.Kinesis.SequenceNumber
	}
	text, _ := json.Marshal(line)
	note(os.Getenv("OUT"), string(text))
	rules, _ := os.ReadFile(os.Getenv("RULES"))
	failures := []map[string]string{}
	for rule := range strings.Lines(string(rules)) {
		kind, text, _ := strings.Cut(strings.TrimSpace(rule), " ")
		sequence, there := sequences[text]
		switch {
		case kind == "answer":
			return json.RawMessage(text), nil
		case kind == "error" && there:
			return nil, errors.New("as ruled")
		case kind == "item" && there:
			failures = append(failures, map[string]string{"itemIdentifier": sequence})
		case kind == "sleep":
			time.Sleep(time.Second)
		}
	}
	return map[string]any{"batchItemFailures": failures}, nil
}

// host is a server with its clients, as a test uses it.
type host struct {
	*Server
	t      testing.TB
	cfg    Config
	api    *sdk.Client
	out    string
	rules  string
	http   *httptest.Server
	closed bool
}

func (h *host) close() {
	if !h.closed {
		h.closed = true
		h.http.Close()
		if err := h.Close(); err != nil {
			h.t.Error(err)
		}
	}
}

func (h *host) reopen() *host { h.close(); return open(h.t, h.cfg) }

// testConfig has the functions "script" and "batch", with their notes under dir.
func testConfig(t testing.TB, kinesis, s3 string) Config {
	dir := t.TempDir()
	env := func(role string) map[string]string {
		return map[string]string{roleVariable: role, "OUT": filepath.Join(dir, "out"), "RULES": filepath.Join(dir, "rules")}
	}
	return Config{
		Dir: filepath.Join(dir, "state"), Region: "us-east-1", AccountID: "000000000000",
		KinesisEndpoint: kinesis, S3Endpoint: s3, AccessKeyID: "id", SecretAccessKey: "secret",
		RetryDelay: 20 * time.Millisecond,
		Functions: []Function{
			{Name: "script", Command: []string{os.Args[0]}, Environment: env("script"), Timeout: 20 * time.Second, ReservedConcurrency: 2, MemoryMB: 256},
			{Name: "batch", Command: []string{os.Args[0]}, Environment: env("batch"), Timeout: 20 * time.Second},
			{Name: "broken", Command: []string{os.Args[0]}, Environment: env("broken")},
			{Name: "absent", Command: []string{"/nonexistent/program"}},
		},
	}
}

func open(t testing.TB, cfg Config) *host {
	t.Helper()
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	api := sdk.New(sdk.Options{
		Region: cfg.Region, BaseEndpoint: aws.String(srv.URL), Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""), HTTPClient: &http.Client{Transport: transport},
	})
	dir := filepath.Dir(cfg.Dir)
	h := &host{Server: s, t: t, cfg: cfg, api: api, http: srv, out: filepath.Join(dir, "out"), rules: filepath.Join(dir, "rules")}
	t.Cleanup(h.close)
	return h
}

func (h *host) invoke(fn string, o order, change ...func(*sdk.InvokeInput)) (*sdk.InvokeOutput, error) {
	payload, _ := json.Marshal(o)
	in := &sdk.InvokeInput{FunctionName: aws.String(fn), Payload: payload}
	for _, c := range change {
		c(in)
	}
	return h.api.Invoke(h.t.Context(), in)
}

func (h *host) mustInvoke(fn string, o order, change ...func(*sdk.InvokeInput)) *sdk.InvokeOutput {
	h.t.Helper()
	out, err := h.invoke(fn, o, change...)
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

// notes are the lines that the functions wrote.
func (h *host) notes() []string {
	text, err := os.ReadFile(h.out)
	if err != nil && !os.IsNotExist(err) {
		h.t.Fatal(err)
	}
	return strings.Fields(strings.ReplaceAll(string(text), " ", "_"))
}

// rule replaces the batch function's rules, whole: a half written file would be another rule.
func (h *host) rule(rules ...string) {
	h.t.Helper()
	if err := os.WriteFile(h.rules+".new", []byte(strings.Join(rules, "\n")), 0o600); err != nil {
		h.t.Fatal(err)
	}
	if err := os.Rename(h.rules+".new", h.rules); err != nil {
		h.t.Fatal(err)
	}
}

// eventually polls until check is true.
func eventually(t *testing.T, what string, check func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !check() {
		if time.Now().After(deadline) {
			t.Fatalf("not within 30 s: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }

func errorType(t *testing.T, out *sdk.InvokeOutput) string {
	t.Helper()
	var document struct{ ErrorType, ErrorMessage string }
	if out.FunctionError == nil || *out.FunctionError != "Unhandled" {
		t.Fatalf("function error is %v, payload %s", aws.ToString(out.FunctionError), out.Payload)
	}
	if err := json.Unmarshal(out.Payload, &document); err != nil {
		t.Fatal(err)
	}
	return document.ErrorType
}

func TestInvoke(t *testing.T) {
	h := open(t, testConfig(t, "", ""))
	type echo struct {
		Text, Request, Arn string
		Pid                int
		Left               float64
		Client             map[string]string
		Env                []string
	}
	var first, second echo
	t.Setenv("SECRET_OF_THE_PARENT", "canary")
	client := base64.StdEncoding.EncodeToString([]byte("{\"custom\":\n{\"a\":\"b\"}}"))
	out := h.mustInvoke("script", order{Do: "echo", Text: "grüß <dich> & \u2028"}, func(in *sdk.InvokeInput) { in.ClientContext = &client })
	if err := json.Unmarshal(out.Payload, &first); err != nil {
		t.Fatal(err)
	}
	if out.StatusCode != 200 || aws.ToString(out.ExecutedVersion) != "$LATEST" || out.FunctionError != nil {
		t.Errorf("status %d, version %v, error %v", out.StatusCode, out.ExecutedVersion, out.FunctionError)
	}
	if first.Text != "grüß <dich> & \u2028" || first.Client["a"] != "b" || first.Arn != "arn:aws:lambda:us-east-1:000000000000:function:script" {
		t.Errorf("echo %+v", first)
	}
	if first.Left < 15 || first.Left > 20 || len(first.Request) != 36 {
		t.Errorf("%.2f s left, request %q", first.Left, first.Request)
	}
	for _, want := range []string{"AWS_LAMBDA_FUNCTION_NAME=script", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256", "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=id", "AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/script"} {
		if !slices.Contains(first.Env, want) {
			t.Errorf("environment lacks %s", want)
		}
	}
	if strings.Contains(strings.Join(first.Env, " "), "canary") {
		t.Error("the parent's environment reached the function")
	}
	for _, name := range []string{"script", first.Arn, first.Arn + ":$LATEST", "000000000000:function:script"} {
		if err := json.Unmarshal(h.mustInvoke(name, order{Do: "echo"}).Payload, &second); err != nil || second.Pid != first.Pid {
			t.Errorf("%s: process %d, then %d: %v", name, first.Pid, second.Pid, err)
		}
	}
	h.close()
	if alive(first.Pid) {
		t.Error("the process outlived its host")
	}
}

func TestInvokeFailures(t *testing.T) {
	h := open(t, testConfig(t, "", ""))
	for _, tc := range []struct {
		fn   string
		o    order
		want string
	}{
		{"script", order{Do: "error"}, "errorString"},
		{"script", order{Do: "panic"}, "string"},
		{"script", order{Do: "exit"}, "Runtime.ExitError"},
		{"script", order{Do: "exit", Size: 2}, "Runtime.ExitError"},
		{"script", order{Do: "fill", Size: maxSyncBytes}, "Function.ResponseSizeTooLarge"},
		{"broken", order{}, "Runtime.ExitError"},
		{"absent", order{}, "Runtime.InvalidEntrypoint"},
	} {
		if got := errorType(t, h.mustInvoke(tc.fn, tc.o)); got != tc.want {
			t.Errorf("%s %s: %s, want %s", tc.fn, tc.o.Do, got, tc.want)
		}
	}
	if out := h.mustInvoke("script", order{Do: "fill", Size: maxSyncBytes - 2}); len(out.Payload) != maxSyncBytes {
		t.Errorf("largest response has %d bytes, error %v", len(out.Payload), aws.ToString(out.FunctionError))
	}
	stats := h.Stats().Functions
	i := slices.IndexFunc(stats, func(s FunctionStats) bool { return s.Name == "script" })
	if s := stats[i]; s.Invocations != 6 || s.Errors != 5 || s.Running != 0 || s.Processes != 1 {
		t.Errorf("stats %+v", s)
	}
}

func TestRefusals(t *testing.T) {
	h := open(t, testConfig(t, "", ""))
	var (
		notFound *types.ResourceNotFoundException
		large    *types.RequestTooLargeException
		invalid  *types.InvalidParameterValueException
		content  *types.InvalidRequestContentException
	)
	event := func(in *sdk.InvokeInput) { in.InvocationType = types.InvocationTypeEvent }
	payload := func(text string) func(*sdk.InvokeInput) {
		return func(in *sdk.InvokeInput) { in.Payload = []byte(text) }
	}
	for _, tc := range []struct {
		name   string
		fn     string
		want   any
		change []func(*sdk.InvokeInput)
	}{
		{"unknown", "nobody", &notFound, nil},
		{"other account", "arn:aws:lambda:us-east-1:111111111111:function:script", &notFound, nil},
		{"version", "script:7", &notFound, nil},
		{"alias", "script", &notFound, []func(*sdk.InvokeInput){func(in *sdk.InvokeInput) { in.Qualifier = aws.String("PROD") }}},
		{"sync too large", "script", &large, []func(*sdk.InvokeInput){payload(`"` + strings.Repeat("x", maxSyncBytes-1) + `"`)}},
		{"async too large", "script", &large, []func(*sdk.InvokeInput){event, payload(`"` + strings.Repeat("x", maxAsyncBytes-1) + `"`)}},
		{"not JSON", "script", &content, []func(*sdk.InvokeInput){payload("{")}},
		{"client context", "script", &content, []func(*sdk.InvokeInput){func(in *sdk.InvokeInput) { in.ClientContext = aws.String("%") }}},
		{"kind", "script", &invalid, []func(*sdk.InvokeInput){func(in *sdk.InvokeInput) { in.InvocationType = "Later" }}},
	} {
		if _, err := h.invoke(tc.fn, order{}, tc.change...); !errors.As(err, tc.want) {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
	if out := h.mustInvoke("script", order{}, func(in *sdk.InvokeInput) { in.InvocationType = types.InvocationTypeDryRun }); out.StatusCode != 204 {
		t.Errorf("dry run answers %d", out.StatusCode)
	}
	_, err := h.api.DeleteFunction(t.Context(), &sdk.DeleteFunctionInput{FunctionName: aws.String("script")})
	if !errors.As(err, &invalid) || !strings.Contains(err.Error(), "DeleteFunction") {
		t.Errorf("DeleteFunction: %v", err)
	}
	resp, err := http.Post(h.http.URL+"/2015-03-31/functions/script/invocations", "application/json", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("without Authorization: %d", resp.StatusCode)
	}
}

func TestDescribe(t *testing.T) {
	h := open(t, testConfig(t, "", ""))
	out, err := h.api.GetFunction(t.Context(), &sdk.GetFunctionInput{FunctionName: aws.String("script")})
	if err != nil {
		t.Fatal(err)
	}
	if c := out.Configuration; *c.FunctionName != "script" || *c.Timeout != 20 || *c.MemorySize != 256 || *out.Concurrency.ReservedConcurrentExecutions != 2 {
		t.Errorf("%+v", c)
	}
	if c, err := h.api.GetFunctionConfiguration(t.Context(), &sdk.GetFunctionConfigurationInput{FunctionName: aws.String("batch")}); err != nil || c.State != types.StateActive {
		t.Errorf("%+v, %v", c, err)
	}
	var names []string
	pages := sdk.NewListFunctionsPaginator(h.api, &sdk.ListFunctionsInput{MaxItems: aws.Int32(3)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range page.Functions {
			names = append(names, *f.FunctionName)
		}
	}
	if want := []string{"absent", "batch", "broken", "script"}; !slices.Equal(names, want) {
		t.Errorf("functions %v", names)
	}
}

// A time-out kills the whole process group and frees the slot for a fresh process.
func TestTimeoutKills(t *testing.T) {
	cfg := testConfig(t, "", "")
	cfg.Functions[0].Timeout, cfg.Functions[0].ReservedConcurrency = 700*time.Millisecond, 1
	h := open(t, cfg)
	pids := filepath.Join(t.TempDir(), "pids")
	out := h.mustInvoke("script", order{Do: "spawn", Text: pids, For: time.Hour})
	if got := errorType(t, out); got != "Sandbox.Timedout" || !strings.Contains(string(out.Payload), "Task timed out after 0.70 seconds") {
		t.Errorf("%s", out.Payload)
	}
	text, err := os.ReadFile(pids)
	if err != nil {
		t.Fatal(err)
	}
	var own, child int
	fmt.Sscan(string(text), &own, &child)
	if own == 0 || alive(own) {
		t.Errorf("process %d still lives", own)
	}
	// Nobody may reap the orphan here, so a zombie counts as dead.
	eventually(t, "the process left behind is dead", func() bool { return !alive(child) || zombie(child) })
	if out := h.mustInvoke("script", order{Do: "echo"}); out.FunctionError != nil {
		t.Errorf("after the time-out: %s", out.Payload)
	}
	if s := h.Stats().Functions[3]; s.Timeouts != 1 || s.Errors != 1 || s.Processes != 1 {
		t.Errorf("%+v", s)
	}
}

func zombie(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || bytes.Contains(stat, []byte(") Z "))
}

func TestConcurrency(t *testing.T) {
	h := open(t, testConfig(t, "", ""))
	var busy sync.WaitGroup
	for range 2 {
		busy.Go(func() { h.mustInvoke("script", order{Do: "sleep", For: 2 * time.Second}) })
	}
	eventually(t, "two calls run", func() bool { return h.Stats().Functions[3].Running == 2 })
	var throttled *types.TooManyRequestsException
	if _, err := h.invoke("script", order{Do: "echo"}); !errors.As(err, &throttled) || throttled.Reason == "" {
		t.Errorf("third call: %v", err)
	}
	busy.Wait()
	if _, err := h.invoke("script", order{Do: "echo"}); err != nil {
		t.Error(err)
	}
	if s := h.Stats().Functions[3]; s.Throttles != 1 || s.Processes != 2 || s.Invocations != 3 {
		t.Errorf("%+v", s)
	}
}

func TestLogTail(t *testing.T) {
	h := open(t, testConfig(t, "", ""))
	tail := func(in *sdk.InvokeInput) { in.LogType = types.LogTypeTail }
	for _, tc := range []struct {
		o        order
		has, not string
	}{
		{order{Do: "print", Text: "first", Size: 3}, "START RequestId", "xxxx"},
		{order{Do: "print", Text: "second", Size: 500}, "line 499 second", "first"},
		{order{Do: "panic"}, "Runtime.ExitError", "second"},
	} {
		if tc.o.Do == "panic" {
			tc.has = "as told"
		}
		out := h.mustInvoke("script", tc.o, tail)
		text, err := base64.StdEncoding.DecodeString(aws.ToString(out.LogResult))
		if err != nil || len(text) > logTailBytes {
			t.Fatalf("%d bytes, %v", len(text), err)
		}
		if log := string(text); !strings.Contains(log, tc.has) || strings.Contains(log, tc.not) || !strings.Contains(log, "REPORT RequestId") {
			t.Errorf("%s: %s", tc.o.Do, log)
		}
	}
	if h.mustInvoke("script", order{Do: "echo"}).LogResult != nil {
		t.Error("a log came unasked")
	}
	for range 12 {
		h.mustInvoke("script", order{Do: "print", Text: strings.Repeat("y", 1000), Size: 1000})
	}
	files, err := filepath.Glob(filepath.Join(h.cfg.Dir, "logs", "script.log*"))
	if err != nil || len(files) != 2 {
		t.Fatalf("%v %v", files, err)
	}
	for _, name := range files {
		if info, err := os.Stat(name); err != nil || info.Size() > logFileBytes {
			t.Errorf("%s: %d bytes, %v", name, info.Size(), err)
		}
	}
}

// An answer for a call that is over, or for another call, changes nothing.
func TestLateAnswer(t *testing.T) {
	c := &child{calls: make(chan *call), ready: make(chan struct{}, 1)}
	api := httptest.NewServer(c.runtimeAPI(&function{}))
	defer api.Close()
	post := func(path string) int {
		resp, err := http.Post(api.URL+runtimePath+path, "application/json", strings.NewReader(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	defer http.DefaultClient.CloseIdleConnections()
	current := &call{id: "new", done: make(chan struct{})}
	c.current = current
	for path, want := range map[string]int{"/invocation/old/response": 400, "/invocation/old/error": 400, "/init/error": 202} {
		if got := post(path); got != want {
			t.Errorf("%s: %d", path, got)
		}
	}
	if current.payload != nil {
		t.Error("another call's answer was taken")
	}
	if got := post("/invocation/new/response"); got != 202 || string(current.payload) != "{}" {
		t.Errorf("%d %s", got, current.payload)
	}
	if got := post("/invocation/new/response"); got != 400 {
		t.Errorf("second answer: %d", got)
	}
}

func TestCloseBreaksOffNothingShort(t *testing.T) {
	h := open(t, testConfig(t, "", ""))
	done := make(chan error, 1)
	go func() {
		_, err := h.invoke("script", order{Do: "sleep", For: 500 * time.Millisecond})
		done <- err
	}()
	eventually(t, "the call runs", func() bool { return h.Stats().Functions[3].Running == 1 })
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Errorf("a short call was broken off: %v", err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := h.invoke("script", order{}); err == nil {
		t.Error("a closed host answers")
	}
	if s := h.Stats().Functions[3]; s.Processes != 0 {
		t.Errorf("%+v", s)
	}
}

func TestOpenRefuses(t *testing.T) {
	one := func(change func(*Function)) func(*Config) { return func(c *Config) { change(&c.Functions[0]) } }
	for name, change := range map[string]func(*Config){
		"no dir":          func(c *Config) { c.Dir = "" },
		"name":            one(func(f *Function) { f.Name = "a b" }),
		"twice":           one(func(f *Function) { f.Name = "batch" }),
		"no command":      one(func(f *Function) { f.Command = nil }),
		"reserved":        one(func(f *Function) { f.Environment = map[string]string{"AWS_LAMBDA_RUNTIME_API": "x"} }),
		"timeout":         one(func(f *Function) { f.Timeout = time.Hour }),
		"retries":         one(func(f *Function) { f.MaximumRetryAttempts = aws.Int(3) }),
		"age":             one(func(f *Function) { f.MaximumEventAge = time.Second }),
		"destination":     one(func(f *Function) { f.OnFailure = "arn:aws:sqs:us-east-1:000000000000:q" }),
		"own destination": one(func(f *Function) { f.OnFailure = "arn:aws:lambda:us-east-1:000000000000:function:script" }),
		"no such":         one(func(f *Function) { f.OnFailure = "arn:aws:lambda:us-east-1:000000000000:function:nobody" }),
	} {
		cfg := testConfig(t, "", "")
		change(&cfg)
		if s, err := Open(cfg); err == nil {
			s.Close()
			t.Errorf("%s: opened", name)
		}
	}
}

// TestKill: a call in flight fails as after a crash, and the next one has another process.
func TestKill(t *testing.T) {
	h := open(t, testConfig(t, "", ""))
	pids := filepath.Join(t.TempDir(), "pids")
	ended := make(chan *sdk.InvokeOutput, 1)
	go func() {
		defer close(ended)
		out, err := h.invoke("script", order{Do: "spawn", Text: pids, For: time.Hour})
		if err != nil {
			t.Error(err)
			return
		}
		ended <- out
	}()
	eventually(t, "the call has begun", func() bool { text, err := os.ReadFile(pids); return err == nil && len(text) > 0 })
	if n := h.Kill("script"); n != 1 {
		t.Errorf("killed %d processes", n)
	}
	if out := <-ended; out != nil && errorType(t, out) != "Runtime.ExitError" {
		t.Errorf("%s", out.Payload)
	}
	if out := h.mustInvoke("script", order{Do: "echo"}); out.FunctionError != nil {
		t.Errorf("after the kill: %s", out.Payload)
	}
	if n := h.Kill("script") + h.Kill("nobody"); n != 1 {
		t.Errorf("killed %d idle processes", n)
	}
	// A call may still meet the process on its way out.
	eventually(t, "a call succeeds", func() bool { return h.mustInvoke("script", order{Do: "echo"}).FunctionError == nil })
}
