package warehouse

import (
	"fmt"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

func zstded(text string) string {
	e, err := zstd.NewWriter(nil)
	if err != nil {
		panic(err)
	}
	return string(e.EncodeAll([]byte(text), nil))
}

// damaged are files whose names or formats promise what their bytes do not hold.
func damaged() map[string]string {
	rows := header
	for i := range 3000 {
		rows += fmt.Sprintf("%d,64,OK,s%d,%d\n", i, i*i, i)
	}
	flip := func(text string, at int) string {
		out := []byte(text)
		out[at] ^= 0x20
		return string(out)
	}
	g, z := zipped(rows), zstded(rows)
	return map[string]string{
		"cut.csv.gz": g[:len(g)/2], "flipped.csv.gz": flip(g, len(g)/2), "sum.csv.gz": flip(g, len(g)-6), "empty.csv.gz": "",
		"plain.csv.gz": rows, "zstd.csv.gz": z, "tail.csv.gz": g + "tail", "head.csv.gz": g[:5],
		"cut.csv.zst": z[:len(z)/2], "flipped.csv.zst": flip(z, len(z)/2), "sum.csv.zst": flip(z, len(z)-2), "empty.csv.zst": "",
		"plain.csv.zst": rows, "gzip.csv.zst": g, "tail.csv.zst": z + "tail", "head.csv.zst": z[:5],
	}
}

func TestCopyCompressed(t *testing.T) {
	st := newStack(t)
	db := st.connect()
	exec(t, db, "CREATE STAGE st URL = 's3://raw/'")
	exec(t, db, "CREATE TABLE t (a int)")
	text := "1\n2\n"
	for i, c := range []struct{ name, body, compression string }{
		{"f.csv.gz", zipped(text), "AUTO"}, {"f.csv.zst", zstded(text), "AUTO"}, {"f.csv", text, "AUTO"},
		{"f", zipped(text), "AUTO"}, {"f", zstded(text), "AUTO"},
		{"f.csv", zipped(text), "GZIP"}, {"f.csv", zstded(text), "ZSTD"}, {"f.csv.gz", text, "NONE"},
		{"f.csv.gz", zipped("1\n") + zipped("2\n"), "AUTO"}, {"f.csv.zst", zstded("1\n") + zstded("2\n"), "AUTO"},
	} {
		st.bucket.put(fmt.Sprintf("%d/%s", i, c.name), c.body)
		exec(t, db, fmt.Sprintf("COPY INTO t FROM @st/%d/ FILE_FORMAT = (TYPE = CSV COMPRESSION = %s)", i, c.compression))
		wantLines(t, db, "SELECT COUNT(*), SUM(a) FROM t", "2|3")
		exec(t, db, "TRUNCATE TABLE t")
	}
	for i, c := range []struct{ body, compression string }{{text, "GZIP"}, {text, "ZSTD"}, {zstded(text), "GZIP"}, {zipped(text), "ZSTD"}} {
		st.bucket.put(fmt.Sprintf("bad%d/f.csv", i), c.body)
		wantError(t, db, 100076, fmt.Sprintf("COPY INTO t FROM @st/bad%d/ FILE_FORMAT = (TYPE = CSV COMPRESSION = %s)", i, c.compression))
	}
	wantError(t, db, 2, "COPY INTO t FROM @st/0/ FILE_FORMAT = (TYPE = CSV COMPRESSION = BROTLI)")
	wantLines(t, db, "SELECT COUNT(*) FROM t", "0")
}

// TestCopyDamaged: of a file that cannot be decompressed to its end no row is loaded, whatever the statement forgives.
func TestCopyDamaged(t *testing.T) {
	st := newStack(t)
	db := st.connect()
	exec(t, db, "CREATE STAGE st URL = 's3://raw/'")
	exec(t, db, "CREATE TABLE t (v VARIANT)")
	for name, body := range damaged() {
		st.bucket.put(name, body)
		for _, format := range []string{"TYPE = CSV", "TYPE = CSV SKIP_HEADER = 1", "TYPE = JSON"} {
			text := "COPY INTO t FROM @st/" + name + " FORCE = TRUE FILE_FORMAT = (" + format + ") ON_ERROR = "
			if got := lines(t, db, text+"CONTINUE"); len(got) != 1 || !strings.Contains(got[0], "LOAD_FAILED|") || strings.Contains(got[0], "not JSON") {
				t.Errorf("%s as %s: %q", name, format, got)
			}
			if _, err := db.Exec(text + "ABORT_STATEMENT"); err == nil {
				t.Errorf("%s as %s: no error", name, format)
			}
		}
	}
	wantLines(t, db, "SELECT COUNT(*) FROM t", "0")
}

// TestPipeDamaged: damaged files fail by themselves, and those beside them load.
func TestPipeDamaged(t *testing.T) {
	st := newStack(t)
	db := st.connect()
	landing(t, db)
	var keys []string
	for name, body := range damaged() {
		st.bucket.put("kinesiscsv/"+name, body)
		keys = append(keys, "kinesiscsv/"+name)
	}
	long := header + `1,64,"` + strings.Repeat("x", 80<<20)
	st.bucket.put("kinesiscsv/long.csv.zst", zstded(long))
	st.bucket.put("kinesiscsv/good.csv", header+"1,64,OK,s,1\n")
	st.bucket.put("kinesiscsv/good.csv.gz", zipped(header+"2,64,OK,s,2\n"))
	st.bucket.put("kinesiscsv/good.csv.zst", zstded(header+"3,64,OK,s,3\n"))
	st.bucket.put("kinesiscsv/void.csv.zst", zstded(header))
	st.announce(testBucket, append(keys, "kinesiscsv/long.csv.zst", "kinesiscsv/good.csv", "kinesiscsv/good.csv.gz", "kinesiscsv/good.csv.zst", "kinesiscsv/void.csv.zst")...)
	st.idle()
	wantLines(t, db, "SELECT sensorid FROM micro ORDER BY 1", "1", "2", "3")
	wantLines(t, db, `SELECT STATUS, COUNT(*), SUM(ROW_COUNT) FROM TABLE(INFORMATION_SCHEMA.COPY_HISTORY(TABLE_NAME => 'MICRO', START_TIME => DATEADD(hour, -1, CURRENT_TIMESTAMP())))
		GROUP BY 1 ORDER BY 1`, fmt.Sprintf("Load failed|%d|0", len(keys)+1), "Loaded|4|3")
	if status := lines(t, db, "SELECT SYSTEM$PIPE_STATUS('DB.S.SNOWSTREAM_PIPE')")[0]; !strings.Contains(status, `"pendingFileCount":0`) || !strings.Contains(status, `"RUNNING"`) {
		t.Errorf("status %s", status)
	}
}
