package warehouse

import (
	"path/filepath"
	"slices"
	"testing"
)

// A Parquet file of all types comes in by a SELECT and by the columns' names, with every digit, and a damaged one is refused.
// testdata/types.parquet was written by PyArrow.
func TestParquet(t *testing.T) {
	st := newStack(t)
	db := st.connect()
	path, err := filepath.Abs("testdata/types.parquet")
	if err != nil {
		t.Fatal(err)
	}
	exec(t, db, "CREATE STAGE files FILE_FORMAT = (TYPE = PARQUET)")
	exec(t, db, "PUT file://"+path+" @files")
	wantLines(t, db, "LIST @files PATTERN = '.*gz'") // Parquet is not compressed once more
	columns := `n int, "Text" string, d number(38,2), f float, b boolean, day date, at timestamp_ntz(6), raw binary, list variant, u number(20)`
	rows := []string{
		"1|a|1.50|0.1|1|2024-02-29T00:00:00Z|2024-01-02T03:04:05.123456Z|00ff|[\n  1,\n  2\n]|18446744073709551615",
		"2|b\n\"c|-12345678901234567890123456789012345.67|inf|0|1969-12-31T00:00:00Z|1969-12-31T23:59:59Z|616263|[]|0",
		"<nil>|<nil>|<nil>|<nil>|<nil>|<nil>|<nil>|<nil>|<nil>|<nil>",
	}
	exec(t, db, "CREATE TABLE by_name ("+columns+")")
	exec(t, db, "COPY INTO by_name FROM @files FILE_FORMAT = (TYPE = PARQUET BINARY_AS_TEXT = FALSE) MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE")
	exec(t, db, "CREATE TABLE by_select ("+columns+")")
	exec(t, db, `COPY INTO IDENTIFIER(?) FROM (SELECT $1:N::int, $1:"Text"::string, $1:D::number(38,2), $1:F::float, $1:B::boolean, $1:DAY::date, $1:AT::timestamp_ntz(6),
		$1:RAW::binary, $1:LIST, $1:U::number(20) FROM @files) FILE_FORMAT = (TYPE = PARQUET BINARY_AS_TEXT = FALSE) ON_ERROR = ?`, "BY_SELECT", "ABORT_STATEMENT")
	exec(t, db, "CREATE TABLE plain ("+columns+")")
	exec(t, db, `COPY INTO plain FROM (SELECT $1:N, $1:"Text", $1:D, $1:F, $1:B, $1:DAY, $1:AT, $1:RAW, $1:LIST, $1:U FROM @files) FORCE = TRUE FILE_FORMAT = (TYPE = PARQUET BINARY_AS_TEXT = FALSE)`)
	for _, table := range []string{"by_name", "by_select", "plain"} {
		if got := lines(t, db, "SELECT n, \"Text\", d, f, b, day, at, lower(raw::string), list, u FROM IDENTIFIER(?) ORDER BY n NULLS LAST", table); !slices.Equal(got, rows) {
			t.Errorf("%s: %q", table, got)
		}
	}
	exec(t, db, "CREATE TABLE documents (v variant)")
	exec(t, db, "COPY INTO documents FROM @files/types.parquet")
	wantLines(t, db, "SELECT count(*), sum(v:N::int) FROM documents", "3|3")
	wantError(t, db, 2, "COPY INTO by_name FROM @files")
	exec(t, db, "PUT 'file://"+filepath.Join(filepath.Dir(path), "../parquet_test.go")+"' @files/no.parquet AUTO_COMPRESS = FALSE")
	wantError(t, db, 100182, "COPY INTO documents FROM @files/no.parquet")
}
