// Package archtest keeps the drawing's arrows: who may import whom, who owns which heavy dependency, and who may end
// the process. It parses the files itself, so a bad import fails at once and not when a cache expires.
package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/snowstream/snowstream"

// arrows says for each folder what of ours it may import. The longest prefix counts; a folder without one is not in
// the drawing yet and fails.
var arrows = []struct {
	folder  string
	imports []string
	why     string
}{
	{"record", []string{"record"}, "record is what all boxes agree on: it stays pure, so that it can be fuzzed and trusted"},
	{"producer", []string{"record", "producer"}, "columns meet only in record"},
	{"listener", []string{"record", "listener"}, "columns meet only in record"},
	{"processing", []string{"record", "processing"}, "columns meet only in record"},
	{"landing", []string{"record", "landing", "snowpipe"}, "columns meet only in record; the client of Snowpipe Streaming is a library"},
	{"snowpipe", []string{"snowpipe"}, "a public client of Snowpipe Streaming: it knows the service and nothing of ours"},
	{"local/kinesis", []string{"local/kinesis"}, "local services meet over the real wire, or a local pass would mean nothing"},
	{"local/s3", []string{"local/s3"}, "local services meet over the real wire, or a local pass would mean nothing"},
	{"local/lambda", []string{"local/lambda"}, "local services meet over the real wire, or a local pass would mean nothing"},
	{"local/warehouse/fault", []string{"local/warehouse/dialect"}, "errors in Snowflake's words are for every room: they know the reader of SQL, which has errors of its own"},
	{"local/warehouse/answer", []string{"local/warehouse/fault"}, "an answer is columns, rows and files: whoever makes one and whoever sends one agree on it"},
	{"local/warehouse/number", []string{"local/warehouse/number"}, "arithmetic of decimals is pure, so that it can be fuzzed"},
	{"local/warehouse/variant", []string{"local/warehouse/number", "local/warehouse/variant"}, "a VARIANT is text by rules of its own, which the engine registers"},
	{"local/warehouse/dialect", []string{"local/warehouse/dialect", "local/warehouse/variant"}, "reading SQL is a function of the text and the session's names: it stays pure, so that it can be fuzzed"},
	{"local/warehouse/engine", []string{"local/warehouse/answer", "local/warehouse/dialect", "local/warehouse/fault", "local/warehouse/variant"}, "the engine runs SQL of DuckDB and knows no object of Snowflake: what is durable together is decided above it"},
	{"local/warehouse/catalog", []string{"local/warehouse/dialect", "local/warehouse/engine", "local/warehouse/fault"}, "objects commit together with their tables: they know the engine and no statement"},
	{"local/warehouse/session", []string{"local/warehouse/catalog", "local/warehouse/dialect", "local/warehouse/engine", "local/warehouse/fault"}, "a session is settings and a transaction; what a statement does in it is not its business"},
	{"local/warehouse/stage/csvfile", []string{"local/warehouse/stage/csvfile"}, "a file format is bytes to fields, pure"},
	{"local/warehouse/stage", []string{"local/warehouse/catalog", "local/warehouse/dialect", "local/warehouse/engine", "local/warehouse/fault", "local/warehouse/stage", "local/warehouse/variant"}, "files become values here, and rows only in the pipe room: nothing here may write a table"},
	{"local/warehouse/pipe", []string{"local/warehouse/answer", "local/warehouse/catalog", "local/warehouse/dialect", "local/warehouse/engine", "local/warehouse/fault", "local/warehouse/stage"}, "a file is loaded in one transaction with its history: a pipe has no session"},
	{"local/warehouse/show", []string{"local/warehouse/answer", "local/warehouse/catalog", "local/warehouse/dialect", "local/warehouse/engine", "local/warehouse/fault", "local/warehouse/session", "local/warehouse/stage"}, "what is shown is read from the catalog: nothing here changes it"},
	{"local/warehouse/statement", []string{"local/warehouse/answer", "local/warehouse/catalog", "local/warehouse/dialect", "local/warehouse/engine", "local/warehouse/fault", "local/warehouse/pipe", "local/warehouse/session", "local/warehouse/show", "local/warehouse/stage"}, "a statement calls the rooms below and knows no HTTP, so that every way in does the same"},
	{"local/warehouse/streaming", []string{"local/warehouse/dialect", "local/warehouse/fault", "local/warehouse/variant"}, "rows, offset token and counters are one transaction, which the warehouse around it gives: streaming knows no session and no statement"},
	{"local/warehouse/wire", []string{"local/warehouse/answer", "local/warehouse/catalog", "local/warehouse/dialect", "local/warehouse/engine", "local/warehouse/fault", "local/warehouse/session", "local/warehouse/statement"}, "the wire turns requests into statements and answers into JSON: files and pipes are reached by a statement only"},
	{"local/warehouse", []string{"local/warehouse"}, "local services meet over the real wire, or a local pass would mean nothing"},
	{"dashboard", []string{"record", "dashboard"}, "the dashboard observes: what it shows and what it may change is given to it by a command"},
	{"deploy/cost", []string{"deploy/cost"}, "an estimate is arithmetic over a table"},
	{"deploy/cloudformation", []string{"deploy/cloudformation"}, "the template is text, and what runs it knows AWS and nothing of the pipeline"},
	{"deploy/bundle", []string{"deploy/bundle"}, "the functions are built from their source, never linked in: deploy creates what the pipeline needs and never runs it"},
	{"deploy", []string{"record", "deploy", "landing/schema", "landing/microbatch"}, "a deployment creates what the pipeline needs and never runs it: of the landing zone it needs the statements and the pipe"},
	{"cmd", []string{""}, "commands join the boxes"},
	{"examples", nil, "an example is files for people"},
	{"e2e", []string{""}, "whole-system tests see everything"},
	{"bench", nil, "it only starts the module in bench/measure, whose peers never enter the product's go.mod"},
	{"release", nil, "it packs what is built, and its libraries never enter the product's go.mod"},
	{"internal/plainbody", nil, "it mends a library and knows no box"},
	{"internal/loopback", nil, "it looks at a request, whatever service that is for"},
	{"internal/archtest", nil, "this test needs nothing"},
	{"internal/child", nil, "it only ties a program to the test that starts it"},
	{"internal/long", nil, "it only says which tests run"},
	{"internal/ministack", []string{"internal/child"}, "it starts a program, for any test"},
	{"internal/chromium", nil, "the driver of the browser knows no page"},
}

// mended are what any box may use: libraries put right, and the guard of a server on loopback.
var mended = []string{"internal/plainbody", "internal/loopback"}

// drivers are for tests, of any box.
var drivers = []string{"internal/child", "internal/chromium", "internal/long", "internal/ministack"}

// formats are the libraries that a package of record may use: each reads a format that is not ours, from bytes to values.
var formats = map[string][]string{
	"record/schemafile": {"go.yaml.in/yaml/v3"},
	"record/unpack":     {"github.com/klauspost/compress"},
}

// owners says who may import a heavy dependency in code that ships.
var owners = []struct {
	dependency string
	folders    []string
}{
	{"github.com/snowflakedb/gosnowflake", []string{"landing/snowflake"}},
	{"github.com/duckdb/duckdb-go", []string{"local/warehouse/engine", "local/warehouse/fault", "local/warehouse/pipe", "local/warehouse/stage", "local/warehouse/streaming", "local/warehouse/variant"}},
	{"github.com/rclone/gofakes3", []string{"local/s3"}},
	{"github.com/fxamacker/cbor", []string{"local/kinesis"}},
	{"github.com/aws/aws-sdk-go-v2/service/kinesis", []string{"listener", "local/lambda", "cmd"}},
	{"github.com/aws/aws-sdk-go-v2/service/cloudformation", []string{"deploy/cloudformation", "cmd"}},
	{"github.com/aws/aws-sdk-go-v2/service/s3", []string{"processing/datalake", "local/lambda", "local/warehouse/stage", "deploy", "cmd"}},
	{"github.com/aws/aws-sdk-go-v2/service/lambda", []string{"processing/invoke", "cmd"}},
	{"github.com/aws/aws-sdk-go-v2/service/secretsmanager", []string{"deploy", "cmd"}},
	{"github.com/aws/aws-lambda-go", []string{"cmd"}},
	{"github.com/brianvoe/gofakeit", []string{"producer/template"}},
	{"github.com/prometheus/client_golang", []string{"dashboard"}},
	{"github.com/chromedp", []string{"internal/chromium"}},
	{"github.com/spf13/cobra", []string{"cmd"}},
	{"github.com/youmark/pkcs8", []string{"cmd"}},
	{"github.com/charmbracelet", []string{"cmd"}},
}

// lambdas is all that the deployed functions may reach, directly or not.
var lambdas = []string{"record", "processing", "landing", "snowpipe", "cmd/internal/function", "internal/plainbody"}

// file is one parsed source file.
type file struct {
	path, folder string
	test         bool
	syntax       *ast.File
	ours, others []string
}

func source(t *testing.T) []file {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	var out []file
	err = fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && name != "." || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if _, err := os.Stat(filepath.Join(root, name, "go.mod")); d.IsDir() && name != "." && err == nil {
			return fs.SkipDir // a module of its own, with dependencies of its own
		}
		if path.Ext(name) != ".go" {
			return nil
		}
		syntax, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, name), nil, parser.ParseComments)
		if err != nil {
			return err
		}
		f := file{path: name, folder: path.Dir(name), test: strings.HasSuffix(name, "_test.go"), syntax: syntax}
		for _, i := range syntax.Imports {
			imported := strings.Trim(i.Path.Value, `"`)
			if rest, ok := strings.CutPrefix(imported, module+"/"); ok {
				f.ours = append(f.ours, rest)
			} else {
				f.others = append(f.others, imported)
			}
		}
		out = append(out, f)
		return nil
	})
	if err != nil || len(out) < 10 {
		t.Fatalf("read the module's source: %d files, %v", len(out), err)
	}
	return out
}

// within reports whether folder is one of the roots or lies below one. The root "" holds everything.
func within(folder string, roots []string) bool {
	return slices.ContainsFunc(roots, func(root string) bool {
		return root == "" || folder == root || strings.HasPrefix(folder, root+"/")
	})
}

func TestArrows(t *testing.T) {
	for _, f := range source(t) {
		i := slices.IndexFunc(arrows, func(a struct {
			folder  string
			imports []string
			why     string
		}) bool {
			return within(f.folder, []string{a.folder})
		})
		if i < 0 {
			t.Errorf("%s: the folder %s is not in the drawing: give it an arrow in internal/archtest first", f.path, f.folder)
			continue
		}
		for _, imported := range f.ours {
			if within(imported, mended) || f.test && within(imported, drivers) {
				continue
			}
			if !within(imported, arrows[i].imports) {
				t.Errorf("%s imports %s: %s", f.path, imported, arrows[i].why)
			}
			if within(imported, []string{"cmd"}) && !within(f.folder, []string{"cmd", "e2e"}) {
				t.Errorf("%s imports %s: nothing imports a command", f.path, imported)
			}
		}
		if !f.test && within(f.folder, []string{"record"}) {
			for _, imported := range f.others {
				if strings.Contains(imported, ".") && !within(imported, formats[f.folder]) {
					t.Errorf("%s imports %s: %s", f.path, imported, arrows[0].why)
				}
			}
		}
	}
}

func TestOwners(t *testing.T) {
	for _, f := range source(t) {
		for _, imported := range f.others {
			for _, o := range owners {
				if !f.test && within(imported, []string{o.dependency, o.dependency + "/v2"}) && !within(f.folder, o.folders) {
					t.Errorf("%s imports %s: only %s may, so that it can be replaced in one place", f.path, imported, strings.Join(o.folders, ", "))
				}
			}
		}
	}
}

// TestLambdasStaySmall follows the imports of the deployed functions.
func TestLambdasStaySmall(t *testing.T) {
	imports := map[string][]string{}
	for _, f := range source(t) {
		if !f.test {
			imports[f.folder] = append(imports[f.folder], f.ours...)
		}
	}
	for _, start := range []string{"cmd/orchestrator-lambda", "cmd/upsert-lambda"} {
		if len(imports[start]) == 0 {
			t.Errorf("%s imports nothing: has it moved?", start)
		}
		seen, queue := map[string]bool{}, slices.Clone(imports[start])
		for len(queue) > 0 {
			folder := queue[0]
			queue = queue[1:]
			if seen[folder] {
				continue
			}
			seen[folder] = true
			queue = append(queue, imports[folder]...)
			if !within(folder, lambdas) {
				t.Errorf("%s reaches %s: a function holds the record path and nothing else", start, folder)
			}
		}
	}
}

// TestOnlyMainExits: a box that ends the process takes the others' unfinished work with it.
func TestOnlyMainExits(t *testing.T) {
	for _, f := range source(t) {
		if f.test || within(f.folder, []string{"cmd", "bench"}) && path.Base(f.path) == "main.go" {
			continue
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := s.X.(*ast.Ident); ok && (x.Name == "os" && s.Sel.Name == "Exit" || x.Name == "log" && strings.HasPrefix(s.Sel.Name, "Fatal")) {
				t.Errorf("%s calls %s.%s: only main ends the process", f.path, x.Name, s.Sel.Name)
			}
			return true
		})
	}
}

// TestHouse: each package says what it is for, no code runs before main, and no name is a drawer for anything.
func TestHouse(t *testing.T) {
	described, folders := map[string]bool{}, map[string]string{}
	for _, f := range source(t) {
		if f.test && f.folder != "internal/archtest" {
			continue
		}
		folders[f.folder] = f.path
		if doc := f.syntax.Doc.Text(); strings.HasPrefix(doc, "Package ") || strings.HasPrefix(doc, "Command ") {
			described[f.folder] = true
		}
		if slices.Contains([]string{"util", "utils", "common", "helpers", "models", "types", "manager", "pkg", "shared", "base"}, f.syntax.Name.Name) {
			t.Errorf("%s: package %s: a folder is a box of the drawing", f.path, f.syntax.Name.Name)
		}
		for _, d := range f.syntax.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s has init(): nothing happens before main", f.path)
			}
		}
	}
	for folder := range folders {
		if !described[folder] && folder != "e2e" {
			t.Errorf("%s: the package has no comment that says what it is for", folder)
		}
	}
}
