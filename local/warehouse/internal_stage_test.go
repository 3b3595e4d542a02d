package warehouse

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	sf "github.com/snowflakedb/gosnowflake/v2"
)

// Files go to user, table, named and temporary stages and come back as they were, and COPY loads them once.
func TestPutAndGet(t *testing.T) {
	st := newStack(t)
	db := st.connect()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	first := write("first one.csv", "1,a\n2,b\n")
	write("part-1.csv", "3,c\n")
	write("part-2.csv", "4,d\n")
	exec(t, db, "CREATE TABLE items (n int, s string)")
	exec(t, db, "CREATE STAGE named FILE_FORMAT = (TYPE = CSV)")
	exec(t, db, "CREATE TEMPORARY STAGE passing")
	for _, stage := range []string{"@~", "@~/deep/path", "@%items", "@named", "@passing", "@DB.S.named/below"} {
		got := lines(t, db, "PUT 'file://"+first+"' "+stage)
		if want := "first one.csv.gz"; len(got) != 1 || !strings.Contains(got[0], want) || !strings.Contains(got[0], "|UPLOADED|") {
			t.Fatalf("put to %s: %q", stage, got)
		}
		if got := lines(t, db, "PUT 'file://"+first+"' "+stage); !strings.Contains(got[0], "|SKIPPED|") {
			t.Errorf("put again to %s: %q", stage, got)
		}
		back := t.TempDir()
		if got := lines(t, db, "GET "+stage+"/first 'file://"+back+"'"); len(got) != 1 {
			t.Errorf("a path that is the beginning of a name answers %q", got)
		}
		exec(t, db, "PUT file://"+dir+"/part-*.csv "+stage+" AUTO_COMPRESS = FALSE OVERWRITE = TRUE PARALLEL = 2;")
		if got := lines(t, db, "GET "+stage+" file://"+back+" PATTERN = '.*part-.*'"); len(got) != 2 || !strings.Contains(got[0], "|DOWNLOADED|") {
			t.Fatalf("get from %s: %q", stage, got)
		}
		for name, want := range map[string]string{"part-1.csv": "3,c\n", "part-2.csv": "4,d\n"} {
			if got, err := os.ReadFile(filepath.Join(back, name)); string(got) != want {
				t.Errorf("%s from %s: %q, %v", name, stage, got, err)
			}
		}
	}
	// A shorter file takes the place of a longer one.
	write("part-2.csv", "5,")
	exec(t, db, "PUT file://"+dir+"/part-2.csv @named AUTO_COMPRESS=FALSE OVERWRITE=TRUE")
	named := lines(t, db, "LIST @named PATTERN = '.*part-2.*'")
	if len(named) != 2 || !strings.HasPrefix(named[1], "named/part-2.csv|2|") {
		t.Errorf("list: %q", named)
	}
	wantLines(t, db, "COPY INTO items FROM @named/part-1", "named/part-1.csv|LOADED|1|1|1|0|<nil>|<nil>|<nil>|<nil>")
	wantLines(t, db, "COPY INTO items FROM @named/part-1", "Copy executed with 0 files processed.")
	exec(t, db, "COPY INTO items PURGE = TRUE")
	wantLines(t, db, "SELECT count(*), sum(n) FROM items", "5|13")
	wantLines(t, db, "LIST @%items")
	wantLines(t, db, "REMOVE @~/deep", "deep/path/first one.csv.gz|removed", "deep/path/part-1.csv|removed", "deep/path/part-2.csv|removed")
	if got := lines(t, db, "LS @~"); len(got) != 3 {
		t.Errorf("what is left: %q", got)
	}
	wantError(t, db, 1003, "LIST @~/../stage-1")
	wantError(t, db, 2003, "PUT 'file://"+first+"' @nowhere")

	// A new stage of the same name is empty, and what a stage held goes with it.
	exec(t, db, "CREATE OR REPLACE STAGE named")
	wantLines(t, db, "LIST @named")
	exec(t, db, "CREATE OR REPLACE TABLE items (n int)")
	if err := st.server.files.Sweep(st.server.catalog); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(st.config.Dir, "stages", "*", "*"))
	for _, path := range left {
		if strings.Contains(path, "table-") || strings.Contains(path, "below") {
			t.Errorf("the files of something that is gone are there: %s, %v", path, err)
		}
	}

	// Streams need no file.
	if _, err := db.ExecContext(sf.WithFilePutStream(ctx(t), bytes.NewBufferString("7,x\n")), "PUT file://stream.csv @named AUTO_COMPRESS=TRUE"); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := db.ExecContext(sf.WithFileGetStream(ctx(t), &out), "GET @named/stream.csv.gz file://"+t.TempDir()); err != nil || !bytes.HasPrefix(out.Bytes(), []byte("\x1f\x8b")) {
		t.Errorf("a stream: %q, %v", out.String(), err)
	}
}
