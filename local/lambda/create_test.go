package lambda

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"
)

const role = "arn:aws:iam::000000000000:role/function"

// packed is a zip of files by name, all of which may be run.
func packed(files map[string]string) []byte {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for name, text := range files {
		header := &zip.FileHeader{Name: name, Method: zip.Deflate}
		header.SetMode(0o755)
		w, err := z.CreateHeader(header)
		if err == nil {
			_, err = w.Write([]byte(text))
		}
		if err != nil {
			panic(err)
		}
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return out.Bytes()
}

// program is a package whose bootstrap becomes this test's program, and says which version of itself it is.
func program(version string) []byte {
	return packed(map[string]string{"bootstrap": "#!/bin/sh\nVERSION=" + version + " exec '" + os.Args[0] + "'\n"})
}

// newInput creates a function "mine" that is this test's function "script".
func newInput(change ...func(*sdk.CreateFunctionInput)) *sdk.CreateFunctionInput {
	in := &sdk.CreateFunctionInput{
		FunctionName: aws.String("mine"), Runtime: types.RuntimeProvidedal2023, Handler: aws.String("bootstrap"), Role: aws.String(role),
		Code: &types.FunctionCode{ZipFile: program("1")}, Timeout: aws.Int32(20),
		Environment: &types.Environment{Variables: map[string]string{roleVariable: "script"}},
	}
	for _, c := range change {
		c(in)
	}
	return in
}

func (h *host) create(change ...func(*sdk.CreateFunctionInput)) *sdk.CreateFunctionOutput {
	h.t.Helper()
	out, err := h.api.CreateFunction(h.t.Context(), newInput(change...))
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

// env is the environment that the script function was started with.
func (h *host) env(fn string) map[string]string {
	h.t.Helper()
	out := h.mustInvoke(fn, order{Do: "echo"})
	var echo struct{ Env []string }
	if err := json.Unmarshal(out.Payload, &echo); err != nil || out.FunctionError != nil {
		h.t.Fatalf("%s: %s, %v", fn, out.Payload, err)
	}
	env := map[string]string{}
	for _, line := range echo.Env {
		name, value, _ := strings.Cut(line, "=")
		env[name] = value
	}
	return env
}

// packages counts what lies in the folder of packages.
func (h *host) packages() int {
	entries, err := os.ReadDir(filepath.Join(h.cfg.Dir, "code"))
	if err != nil {
		h.t.Fatal(err)
	}
	return len(entries)
}

func TestCreateFunction(t *testing.T) {
	cfg := testConfig(t, "", "")
	cfg.CreatedEnvironment = map[string]string{"AWS_ENDPOINT_URL_S3": "http://local", "OVER": "account"}
	h := open(t, cfg)
	ctx := t.Context()
	made := h.create(func(in *sdk.CreateFunctionInput) {
		in.Environment.Variables["OVER"] = "mine"
		in.Tags = map[string]string{"a": "1"}
		in.Description = aws.String("what I do")
	})
	if aws.ToString(made.FunctionArn) != "arn:aws:lambda:us-east-1:000000000000:function:mine" || made.State != types.StateActive ||
		made.CodeSize != int64(len(program("1"))) || len(aws.ToString(made.CodeSha256)) != 44 || *made.MemorySize != 128 ||
		made.Environment.Variables["OVER"] != "mine" || made.Architectures[0] != types.ArchitectureX8664 {
		t.Errorf("%+v", made)
	}
	env := h.env("mine")
	for name, want := range map[string]string{
		"VERSION": "1", "OVER": "mine", "AWS_ENDPOINT_URL_S3": "http://local", "_HANDLER": "bootstrap", "AWS_LAMBDA_FUNCTION_NAME": "mine",
		"AWS_EXECUTION_ENV": "AWS_Lambda_provided.al2023", "PWD": env["LAMBDA_TASK_ROOT"],
	} {
		if env[name] != want {
			t.Errorf("%s is %q, want %q", name, env[name], want)
		}
	}
	if _, err := h.api.TagResource(ctx, &sdk.TagResourceInput{Resource: made.FunctionArn, Tags: map[string]string{"b": "2"}}); err != nil {
		t.Error(err)
	}
	_, err := h.api.UpdateFunctionConfiguration(ctx, &sdk.UpdateFunctionConfigurationInput{
		FunctionName: aws.String("mine"), MemorySize: aws.Int32(512), RevisionId: made.RevisionId,
		Environment: &types.Environment{Variables: map[string]string{roleVariable: "script", "NEW": "1"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if env = h.env("mine"); env["NEW"] != "1" || env["OVER"] != "account" || env["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] != "512" || env["VERSION"] != "1" {
		t.Errorf("after the update of the configuration: %v", env)
	}
	if _, err := h.api.UpdateFunctionCode(ctx, &sdk.UpdateFunctionCodeInput{FunctionName: made.FunctionArn, ZipFile: program("2")}); err != nil {
		t.Fatal(err)
	}
	if env = h.env("mine"); env["VERSION"] != "2" || env["NEW"] != "1" {
		t.Errorf("after the update of the code: %v", env)
	}
	eventually(t, "the first package is gone", func() bool { return h.packages() == 2 })
	h = h.reopen()
	if env = h.env("mine"); env["VERSION"] != "2" || env["NEW"] != "1" {
		t.Errorf("after a restart: %v", env)
	}
	out, err := h.api.GetFunction(ctx, &sdk.GetFunctionInput{FunctionName: aws.String("mine")})
	if err != nil || out.Code == nil || *out.Configuration.Description != "what I do" || !maps.Equal(out.Tags, map[string]string{"a": "1", "b": "2"}) {
		t.Errorf("%+v, %v", out, err)
	}
	versions, err := h.api.ListVersionsByFunction(ctx, &sdk.ListVersionsByFunctionInput{FunctionName: aws.String("mine")})
	if err != nil || len(versions.Versions) != 1 || *versions.Versions[0].FunctionArn != *made.FunctionArn+":$LATEST" {
		t.Errorf("%+v, %v", versions, err)
	}
	signing, err := h.api.GetFunctionCodeSigningConfig(ctx, &sdk.GetFunctionCodeSigningConfigInput{FunctionName: aws.String("mine")})
	if err != nil || signing.CodeSigningConfigArn != nil {
		t.Errorf("%+v, %v", signing, err)
	}
	list, err := h.api.ListFunctions(ctx, &sdk.ListFunctionsInput{})
	if err != nil || len(list.Functions) != 5 {
		t.Errorf("%d functions, %v", len(list.Functions), err)
	}
	account, err := h.api.GetAccountSettings(ctx, &sdk.GetAccountSettingsInput{})
	if err != nil || account.AccountUsage.TotalCodeSize != int64(len(program("2"))) {
		t.Errorf("%+v, %v", account.AccountUsage, err)
	}
	if _, err := h.api.DeleteFunction(ctx, &sdk.DeleteFunctionInput{FunctionName: aws.String("mine")}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the second package is gone", func() bool { return h.packages() == 0 })
	h = h.reopen()
	var missing *types.ResourceNotFoundException
	if _, err := h.invoke("mine", order{}); !errors.As(err, &missing) {
		t.Errorf("after its deletion: %v", err)
	}
	h.create()
}

// A call in flight ends on what it began with, also when its function is changed twice, or deleted.
func TestChangeFunctionInFlight(t *testing.T) {
	h := open(t, testConfig(t, "", ""))
	h.create()
	ctx := t.Context()
	update := func(version string) {
		t.Helper()
		if _, err := h.api.UpdateFunctionCode(ctx, &sdk.UpdateFunctionCodeInput{FunctionName: aws.String("mine"), ZipFile: program(version)}); err != nil {
			t.Fatal(err)
		}
	}
	for _, change := range []struct {
		name string
		do   func()
	}{
		{"the code", func() { update("2") }},
		{"the configuration, then the code", func() {
			_, err := h.api.UpdateFunctionConfiguration(ctx, &sdk.UpdateFunctionConfigurationInput{FunctionName: aws.String("mine"), Timeout: aws.Int32(30)})
			if err != nil {
				t.Fatal(err)
			}
			update("3")
		}},
		{"deletion", func() {
			if _, err := h.api.DeleteFunction(ctx, &sdk.DeleteFunctionInput{FunctionName: aws.String("mine")}); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		begun := filepath.Join(t.TempDir(), "begun")
		over := make(chan struct{})
		go func() {
			defer close(over)
			out, err := h.invoke("mine", order{Do: "hang", Text: begun, For: time.Second})
			if err != nil || out.FunctionError != nil || string(out.Payload) != `"done"` {
				t.Errorf("%s: %+v, %v", change.name, out, err)
			}
		}()
		eventually(t, "the call has begun", func() bool { _, err := os.Stat(begun); return err == nil })
		fn := h.functions.get("mine")
		change.do()
		if _, err := fn.invoke(h.calls, "late", []byte("{}"), ""); !errors.Is(err, errReplaced) {
			t.Errorf("%s: whoever had found the function just before calls it still: %v", change.name, err)
		}
		for inFlight := true; inFlight; {
			if _, err := os.Stat(fn.Command[0]); err != nil {
				t.Errorf("%s: while the call is in flight: %v", change.name, err)
				break
			}
			select {
			case <-over:
				inFlight = false
			case <-time.After(20 * time.Millisecond):
			}
		}
		<-over
	}
	eventually(t, "all packages are gone", func() bool { return h.packages() == 0 })
}

func TestCreateFunctionFromBucket(t *testing.T) {
	objects := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/code/mine.zip" || r.URL.Query().Get("versionId") != "v1" {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>")
			return
		}
		w.Write(program("s3"))
	}))
	defer objects.Close()
	h := open(t, testConfig(t, "", objects.URL))
	from := func(key string) func(*sdk.CreateFunctionInput) {
		return func(in *sdk.CreateFunctionInput) {
			in.Code = &types.FunctionCode{S3Bucket: aws.String("code"), S3Key: &key, S3ObjectVersion: aws.String("v1")}
		}
	}
	var invalid *types.InvalidParameterValueException
	_, err := h.api.CreateFunction(t.Context(), newInput(from("other.zip")))
	if !errors.As(err, &invalid) || !strings.Contains(err.Error(), "S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist.") {
		t.Errorf("%v", err)
	}
	h.create(from("mine.zip"))
	if env := h.env("mine"); env["VERSION"] != "s3" {
		t.Errorf("%v", env)
	}
}

func TestCreateFunctionRefuses(t *testing.T) {
	h := open(t, testConfig(t, "", ""))
	for name, tc := range map[string]struct {
		change func(*sdk.CreateFunctionInput)
		want   string
	}{
		"no name":        {func(in *sdk.CreateFunctionInput) { in.FunctionName = aws.String("a b") }, "FunctionName"},
		"long name":      {func(in *sdk.CreateFunctionInput) { in.FunctionName = aws.String(strings.Repeat("n", 65)) }, "FunctionName"},
		"taken":          {func(in *sdk.CreateFunctionInput) { in.FunctionName = aws.String("script") }, "ResourceConflictException: Function already exist"},
		"runtime":        {func(in *sdk.CreateFunctionInput) { in.Runtime = types.RuntimeNodejs20x }, "nodejs20.x"},
		"no runtime":     {func(in *sdk.CreateFunctionInput) { in.Runtime = "" }, "Runtime and Handler"},
		"no Python":      {func(in *sdk.CreateFunctionInput) { in.Runtime = types.RuntimePython312 }, "no python3"},
		"handler":        {func(in *sdk.CreateFunctionInput) { in.Handler = aws.String("a b") }, "Handler"},
		"role":           {func(in *sdk.CreateFunctionInput) { in.Role = aws.String("root") }, "Role"},
		"timeout":        {func(in *sdk.CreateFunctionInput) { in.Timeout = aws.Int32(901) }, "Timeout"},
		"no timeout":     {func(in *sdk.CreateFunctionInput) { in.Timeout = aws.Int32(0) }, "Timeout"},
		"memory":         {func(in *sdk.CreateFunctionInput) { in.MemorySize = aws.Int32(127) }, "MemorySize"},
		"much memory":    {func(in *sdk.CreateFunctionInput) { in.MemorySize = aws.Int32(10241) }, "MemorySize"},
		"description":    {func(in *sdk.CreateFunctionInput) { in.Description = aws.String(strings.Repeat("d", 257)) }, "Description"},
		"environment":    {func(in *sdk.CreateFunctionInput) { in.Environment.Variables["LONG"] = strings.Repeat("v", 4096) }, "4KB"},
		"reserved":       {func(in *sdk.CreateFunctionInput) { in.Environment.Variables["AWS_LAMBDA_RUNTIME_API"] = "x" }, "AWS_LAMBDA_RUNTIME_API"},
		"reserved, too":  {func(in *sdk.CreateFunctionInput) { in.Environment.Variables["AWS_REGION"] = "x" }, "AWS_REGION"},
		"variable":       {func(in *sdk.CreateFunctionInput) { in.Environment.Variables["_x"] = "x" }, `"_x"`},
		"tags":           {func(in *sdk.CreateFunctionInput) { in.Tags = map[string]string{"aws:x": ""} }, "aws:"},
		"no code":        {func(in *sdk.CreateFunctionInput) { in.Code = &types.FunctionCode{} }, "source for function code"},
		"both codes":     {func(in *sdk.CreateFunctionInput) { in.Code.S3Bucket = aws.String("b") }, "source for function code"},
		"half a bucket":  {func(in *sdk.CreateFunctionInput) { in.Code = &types.FunctionCode{S3Bucket: aws.String("b")} }, "go together"},
		"an image":       {func(in *sdk.CreateFunctionInput) { in.Code.ImageUri = aws.String("i") }, "ImageUri"},
		"image config":   {func(in *sdk.CreateFunctionInput) { in.ImageConfig = &types.ImageConfig{} }, "ImageConfig"},
		"no zip":         {func(in *sdk.CreateFunctionInput) { in.Code.ZipFile = []byte("zip") }, "could not unzip"},
		"path traversal": {func(in *sdk.CreateFunctionInput) { in.Code.ZipFile = packed(map[string]string{"../x": ""}) }, "leads out"},
		"large zip":      {func(in *sdk.CreateFunctionInput) { in.Code.ZipFile = make([]byte, 50<<20+1) }, "ZipFile must be smaller"},
		"large request":  {func(in *sdk.CreateFunctionInput) { in.Code.ZipFile = make([]byte, 53<<20) }, "RequestEntityTooLargeException"},
		"publish":        {func(in *sdk.CreateFunctionInput) { in.Publish = true }, "Publish"},
		"layers":         {func(in *sdk.CreateFunctionInput) { in.Layers = []string{"l"} }, "Layers"},
		"tracing": {func(in *sdk.CreateFunctionInput) {
			in.TracingConfig = &types.TracingConfig{Mode: types.TracingModeActive}
		}, "TracingConfig"},
		"a log group": {func(in *sdk.CreateFunctionInput) { in.LoggingConfig = &types.LoggingConfig{LogGroup: aws.String("g")} }, "LogGroup"},
		"storage": {func(in *sdk.CreateFunctionInput) {
			in.EphemeralStorage = &types.EphemeralStorage{Size: aws.Int32(1024)}
		}, "EphemeralStorage"},
		"dead letters": {func(in *sdk.CreateFunctionInput) {
			in.DeadLetterConfig = &types.DeadLetterConfig{TargetArn: aws.String("q")}
		}, "DeadLetterConfig"},
		"a VPC":         {func(in *sdk.CreateFunctionInput) { in.VpcConfig = &types.VpcConfig{SubnetIds: []string{"s"}} }, "VpcConfig"},
		"architectures": {func(in *sdk.CreateFunctionInput) { in.Architectures = []types.Architecture{"mips"} }, "Architectures"},
	} {
		if _, err := h.api.CreateFunction(t.Context(), newInput(tc.change)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %.300v", name, err)
		}
	}
	if n := h.packages(); n != 0 {
		t.Errorf("%d packages of functions that were refused", n)
	}
	h.create(func(in *sdk.CreateFunctionInput) { // what asks for nothing but the defaults
		in.TracingConfig, in.EphemeralStorage = &types.TracingConfig{Mode: types.TracingModePassThrough}, &types.EphemeralStorage{Size: aws.Int32(512)}
		in.VpcConfig, in.PackageType, in.Architectures = &types.VpcConfig{}, types.PackageTypeZip, []types.Architecture{types.ArchitectureArm64}
	})
	ctx, mine, script := t.Context(), aws.String("mine"), aws.String("script")
	for name, tc := range map[string]struct {
		call func() error
		want string
	}{
		"twice": {func() error { _, err := h.api.CreateFunction(ctx, newInput()); return err }, "already exist"},
		"bad configuration": {func() error {
			_, err := h.api.UpdateFunctionConfiguration(ctx, &sdk.UpdateFunctionConfigurationInput{FunctionName: mine, Timeout: aws.Int32(0)})
			return err
		}, "Timeout"},
		"stale": {func() error {
			_, err := h.api.UpdateFunctionConfiguration(ctx, &sdk.UpdateFunctionConfigurationInput{FunctionName: mine, RevisionId: mine})
			return err
		}, "PreconditionFailedException"},
		"bad code": {func() error {
			_, err := h.api.UpdateFunctionCode(ctx, &sdk.UpdateFunctionCodeInput{FunctionName: mine, ZipFile: []byte("x")})
			return err
		}, "could not unzip"},
		"dry run": {func() error {
			_, err := h.api.UpdateFunctionCode(ctx, &sdk.UpdateFunctionCodeInput{FunctionName: mine, ZipFile: program("2"), DryRun: true})
			return err
		}, "DryRun"},
		"qualifier": {func() error {
			_, err := h.api.DeleteFunction(ctx, &sdk.DeleteFunctionInput{FunctionName: mine, Qualifier: aws.String("$LATEST")})
			return err
		}, "$LATEST version cannot be deleted"},
		"configured code": {func() error {
			_, err := h.api.UpdateFunctionCode(ctx, &sdk.UpdateFunctionCodeInput{FunctionName: script, ZipFile: program("2")})
			return err
		}, "UpdateFunctionCode of script"},
		"configured": {func() error {
			_, err := h.api.UpdateFunctionConfiguration(ctx, &sdk.UpdateFunctionConfigurationInput{FunctionName: script})
			return err
		}, "UpdateFunctionConfiguration of script"},
		"configured one": {func() error {
			_, err := h.api.DeleteFunction(ctx, &sdk.DeleteFunctionInput{FunctionName: script})
			return err
		}, "DeleteFunction of script"},
		"configured tags": {func() error {
			_, err := h.api.TagResource(ctx, &sdk.TagResourceInput{Resource: aws.String("arn:aws:lambda:us-east-1:000000000000:function:script"), Tags: map[string]string{"a": "b"}})
			return err
		}, "TagResource of script"},
		"nobody": {func() error {
			_, err := h.api.DeleteFunction(ctx, &sdk.DeleteFunctionInput{FunctionName: aws.String("nobody")})
			return err
		}, "ResourceNotFoundException"},
	} {
		if err := tc.call(); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if env := h.env("mine"); env["VERSION"] != "1" || h.packages() != 2 {
		t.Errorf("refusals changed something: %v, %d packages", env, h.packages())
	}
}

// A mapping outlives its function: it is waited for by no drain, and goes on with the next one of that name, in order.
func TestMappingOfDeletedFunction(t *testing.T) {
	k, told := newKinesis(t, shard0), &said{}
	cfg := testConfig(t, k.URL, "")
	cfg.Say = told.say
	h := open(t, cfg)
	env := func(in *sdk.CreateFunctionInput) { in.Environment.Variables = cfg.Functions[1].Environment }
	h.create(env)
	h.mapping(func(in *sdk.CreateEventSourceMappingInput) { in.FunctionName = aws.String("mine") })
	k.put(shard0, numbers(0, 3)...)
	soon(t, h)
	if _, err := h.api.DeleteFunction(t.Context(), &sdk.DeleteFunctionInput{FunctionName: aws.String("mine")}); err != nil {
		t.Fatal(err)
	}
	k.put(shard0, numbers(3, 5)...)
	soon(t, h)
	told.once(t, "their function mine does not exist")
	h = h.reopen()
	soon(t, h)
	h.create(env)
	eventually(t, "the records arrive", func() bool { return h.shard(shard0).Records == 2 })
	soon(t, h)
	if got := h.records(); !slices.Equal(got, numbers(0, 5)) {
		t.Errorf("handed over %v", got)
	}
}

// Events of a function that was deleted are dropped, and wait for nobody.
func TestEventsOfDeletedFunction(t *testing.T) {
	h := open(t, testConfig(t, "", ""))
	h.create()
	later := func(in *sdk.InvokeInput) { in.InvocationType = types.InvocationTypeEvent }
	h.mustInvoke("mine", order{Do: "echo"}, later)
	soon(t, h)
	fn := h.functions.get("mine")
	if _, err := h.api.DeleteFunction(t.Context(), &sdk.DeleteFunctionInput{FunctionName: aws.String("mine")}); err != nil {
		t.Fatal(err)
	}
	if err := h.queue.add(fn.Name, "late", []byte("{}")); err != nil { // a request that had found it just before
		t.Fatal(err)
	}
	soon(t, h)
	if q := h.Stats().Queue; q.Delivered != 1 || q.Discarded != 1 || q.Depth != 0 {
		t.Errorf("%+v", q)
	}
}

// makeFunctions creates functions, changes and deletes them until it is killed, and notes what was acknowledged.
func makeFunctions(s *Server, acks string) {
	srv := httptest.NewServer(s)
	api := sdk.New(sdk.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(srv.URL), Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""),
	})
	ctx := context.Background()
	try := func(name, version string, err error) {
		if err != nil {
			panic(err)
		}
		note(acks, name+" "+version)
	}
	for {
		name := fmt.Sprintf("f%d", rand.N(1_000_000))
		_, err := api.CreateFunction(ctx, newInput(func(in *sdk.CreateFunctionInput) { in.FunctionName = &name }))
		try(name, "1", err)
		for _, version := range []string{"2", "3"} {
			note(acks, name+" begun-"+version)
			_, err := api.UpdateFunctionCode(ctx, &sdk.UpdateFunctionCodeInput{FunctionName: &name, ZipFile: program(version)})
			try(name, version, err)
		}
		if rand.N(2) == 0 {
			note(acks, name+" begun-deleted")
			_, err := api.DeleteFunction(ctx, &sdk.DeleteFunctionInput{FunctionName: &name})
			try(name, "deleted", err)
		}
	}
}

// Killed at any moment, a host has what it acknowledged, or what it had begun; and no package beside.
func TestKilledHostKeepsFunctions(t *testing.T) {
	h := open(t, testConfig(t, "", ""))
	h.close()
	acks := filepath.Join(t.TempDir(), "acks")
	t.Setenv("ACKS", acks)
	for range 6 {
		cmd := startHost(t, h.cfg, "")
		time.Sleep(150*time.Millisecond + rand.N(200*time.Millisecond)) // the moment of the kill, not a wait
		cmd.Process.Kill()
		cmd.Wait()
	}
	text, err := os.ReadFile(acks)
	if err != nil {
		t.Fatal(err)
	}
	done, begun := map[string]string{}, map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, what, _ := strings.Cut(strings.TrimSpace(line), " ")
		if started, ok := strings.CutPrefix(what, "begun-"); ok {
			begun[name] = started
		} else {
			done[name] = what
		}
	}
	if len(done) < 6 {
		t.Fatalf("only %d functions were made", len(done))
	}
	h = h.reopen()
	there := 0
	for name, want := range done {
		got := "deleted"
		if h.functions.get(name) != nil {
			got, there = h.env(name)["VERSION"], there+1
		}
		if got != want && got != begun[name] {
			t.Errorf("%s is %s, acknowledged %s, begun %s", name, got, want, begun[name])
		}
	}
	unacknowledged := len(h.functions.list()) - len(h.cfg.Functions) - there
	if unacknowledged > 6 || h.packages() != 2*(there+unacknowledged) {
		t.Errorf("%d functions, %d unacknowledged, %d files of packages", there, unacknowledged, h.packages())
	}
	t.Logf("%d functions were acknowledged, %d are there, %d were not acknowledged", len(done), there, unacknowledged)
}

// A package that is damaged on disk is said by name, not run.
func TestDamagedPackage(t *testing.T) {
	h := open(t, testConfig(t, "", ""))
	h.create()
	h.close()
	files, err := filepath.Glob(filepath.Join(h.cfg.Dir, "code", "*.zip"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	if err := os.Truncate(files[0], 100); err != nil {
		t.Fatal(err)
	}
	if s, err := Open(h.cfg); err == nil || !strings.Contains(err.Error(), files[0]) || !strings.Contains(err.Error(), "mine.json") {
		t.Errorf("%v, %v", s, err)
	}
}

// TestPythonFunction runs functions in Python by the client of the Runtime API that comes with the host.
func TestPythonFunction(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("not run: it needs python3 on the PATH")
	}
	cfg := testConfig(t, "", "")
	cfg.Python = python
	h := open(t, cfg)
	const source = `
import logging, os, sys, helper
log = logging.getLogger()
log.setLevel(logging.INFO)
def lambda_handler(event, context):
    if event.get("do") == "error":
        raise ValueError("as told: grüß")
    if event.get("do") == "marshal":
        return {1, 2}
    if event.get("do") == "exit":
        os._exit(2)
    log.info("seen %s", event["text"])
    return {"text": event["text"], "helper": helper.NAME, "request": context.aws_request_id, "arn": context.invoked_function_arn,
            "left": context.get_remaining_time_in_millis(), "memory": context.memory_limit_in_mb, "custom": context.client_context.custom,
            "cwd": os.path.exists("app.py"), "pid": os.getpid()}
`
	files := packed(map[string]string{"app.py": source, "helper.py": "NAME = 'beside'", "broken.py": "import nothing_like_it", "syntax.py": "def"})
	ctx := t.Context()
	h.create(func(in *sdk.CreateFunctionInput) {
		in.Runtime, in.Handler, in.Code.ZipFile = types.RuntimePython312, aws.String("app.lambda_handler"), files
		in.Environment.Variables = map[string]string{"MINE": "1"}
	})
	client := base64.StdEncoding.EncodeToString([]byte(`{"custom":{"a":"b"}}`))
	ask := func(payload string) *sdk.InvokeOutput {
		t.Helper()
		out, err := h.api.Invoke(ctx, &sdk.InvokeInput{FunctionName: aws.String("mine"), Payload: []byte(payload), ClientContext: &client, LogType: types.LogTypeTail})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	type answer struct {
		Text, Helper, Request, Arn, Memory string
		Left, Pid                          int
		Cwd                                bool
		Custom                             map[string]string
	}
	var first, second answer
	out := ask(`{"text": "grüß \ud83d\ude00"}`)
	if err := json.Unmarshal(out.Payload, &first); err != nil || out.FunctionError != nil {
		t.Fatalf("%s, %v", out.Payload, err)
	}
	if first.Text != "grüß 😀" || first.Helper != "beside" || len(first.Request) != 36 || first.Memory != "128" || first.Custom["a"] != "b" || !first.Cwd ||
		first.Left < 15_000 || first.Left > 20_000 || !strings.HasSuffix(first.Arn, ":function:mine") {
		t.Errorf("%+v", first)
	}
	if log, err := base64.StdEncoding.DecodeString(aws.ToString(out.LogResult)); err != nil || !strings.Contains(string(log), "[INFO]\t") ||
		!strings.Contains(string(log), "Z\t"+first.Request+"\tseen grüß 😀") {
		t.Errorf("log %s, %v", log, err)
	}
	for do, want := range map[string]string{"error": "ValueError", "marshal": "Runtime.MarshalError"} {
		out := ask(`{"do": "` + do + `"}`)
		if got := errorType(t, out); got != want || do == "error" && (!strings.Contains(string(out.Payload), "as told: gr") || !strings.Contains(string(out.Payload), "lambda_handler")) {
			t.Errorf("%s: %s", do, out.Payload)
		}
	}
	if err := json.Unmarshal(ask(`{"text": "again"}`).Payload, &second); err != nil || second.Pid != first.Pid {
		t.Errorf("an error ended the process: %+v, %v", second, err)
	}
	if got := errorType(t, ask(`{"do": "exit"}`)); got != "Runtime.ExitError" {
		t.Errorf("exit: %s", got)
	}
	for handler, want := range map[string]string{
		"broken.f": "Runtime.ImportModuleError", "absent.f": "Runtime.ImportModuleError", "syntax.f": "Runtime.UserCodeSyntaxError",
		"app.absent": "Runtime.HandlerNotFound", "app": "Runtime.MalformedHandlerName",
	} {
		if _, err := h.api.UpdateFunctionConfiguration(ctx, &sdk.UpdateFunctionConfigurationInput{FunctionName: aws.String("mine"), Handler: &handler}); err != nil {
			t.Fatal(err)
		}
		if got := errorType(t, ask(`{}`)); got != want {
			t.Errorf("%s: %s, want %s", handler, got, want)
		}
	}
	// Without a Python the function is there, and its calls say what is missing.
	h.close()
	h.cfg.Python = ""
	t.Setenv("PATH", t.TempDir())
	h = open(t, h.cfg)
	if out := h.mustInvoke("mine", order{}); errorType(t, out) != "Runtime.InvalidEntrypoint" || !strings.Contains(string(out.Payload), "python3") {
		t.Errorf("without a Python: %s", out.Payload)
	}
	var api smithy.APIError
	if _, err := h.api.CreateFunction(ctx, newInput(func(in *sdk.CreateFunctionInput) {
		in.FunctionName, in.Runtime = aws.String("other"), types.RuntimePython312
	})); !errors.As(err, &api) || !strings.Contains(api.ErrorMessage(), "no python3 on its PATH") {
		t.Errorf("%v", err)
	}
}

// A page in a browser on this machine must not have a function created.
func TestPagesAreRefused(t *testing.T) {
	h := open(t, testConfig(t, "", ""))
	for name, change := range map[string]func(*http.Request){
		"from an origin":    func(r *http.Request) { r.Header.Set("Origin", "http://page.example") },
		"to a rebound name": func(r *http.Request) { r.Host = "page.example" },
		"":                  func(*http.Request) {},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.http.URL+"/2015-03-31/functions/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=id/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=0")
		change(r)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if want := map[bool]int{true: http.StatusOK, false: http.StatusForbidden}[name == ""]; answer.StatusCode != want {
			t.Errorf("%q: status %d, want %d", name, answer.StatusCode, want)
		}
	}
}
