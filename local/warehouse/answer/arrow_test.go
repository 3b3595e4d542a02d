package answer

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/google/go-cmp/cmp"
)

// streamRows reads a stream back, each row as the texts of its values.
func streamRows(t *testing.T, stream []byte) (rows []string, schema *arrow.Schema) {
	t.Helper()
	reader, err := ipc.NewReader(bytes.NewReader(stream))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Release()
	for reader.Next() {
		record := reader.RecordBatch()
		for i := range int(record.NumRows()) {
			row := ""
			for _, column := range record.Columns() {
				row += column.ValueStr(i) + "|"
			}
			rows = append(rows, row)
		}
	}
	if reader.Err() != nil {
		t.Fatal(reader.Err())
	}
	return rows, reader.Schema()
}

func TestArrow(t *testing.T) {
	columns := []Column{Fixed("N", 38, 0), Fixed("WIDE", 38, 2), {Name: "B", Type: "boolean"}, {Name: "R", Type: "real"}, {Name: "D", Type: "date"},
		Scaled("T", "time", 9), Scaled("S", "timestamp_ntz", 9), Scaled("Z", "timestamp_tz", 9), {Name: "X", Type: "binary"}, Text("TEXT")}
	text := func(cells ...string) (row []*string) {
		for _, cell := range cells {
			row = append(row, &cell)
		}
		return row
	}
	spool := &Spool{Dir: t.TempDir(), Key: "key", Result: &Result{}, Arrow: true}
	if err := spool.Start(columns); err != nil {
		t.Fatal(err)
	}
	for _, row := range [][]*string{
		text("1", "123456789012345678901234567890123456.78", "1", "1.5", "-1", "45296.789000000", "-0.500000000", "0.000000000 1500", "00ff", "é"),
		text("-1", "0.01", "0", "inf", "0", "0.000000000", "1.000000001", "-1.250000000 1440", "", ""),
		make([]*string, len(columns)),
	} {
		if err := spool.Row(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := spool.Flush(); err != nil {
		t.Fatal(err)
	}
	got, schema := streamRows(t, spool.Result.Inline)
	want := []string{
		`1|123456789012345678901234567890123456.78|true|1.5|1969-12-31|45296789000000|{"epoch":-1,"fraction":500000000}|{"epoch":0,"fraction":0,"timezone":1500}|AP8=|é|`,
		`-1|0.01|false|+Inf|1970-01-01|0|{"epoch":1,"fraction":1}|{"epoch":-2,"fraction":750000000,"timezone":1440}|||`,
		`(null)|(null)|(null)|(null)|(null)|(null)|(null)|(null)|(null)|(null)|`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if scale, _ := schema.Field(1).Metadata.GetValue("scale"); scale != "2" || schema.Field(0).Type.ID() != arrow.INT64 {
		t.Errorf("scale %q, type %s", scale, schema.Field(0).Type)
	}
}

// TestArrowChunks: all rows of an answer in several chunks arrive, in order, and an answer without rows has no stream.
func TestArrowChunks(t *testing.T) {
	const rows = 100_000
	spool := &Spool{Dir: t.TempDir(), Key: "key", Result: &Result{}, Arrow: true}
	if err := spool.Start([]Column{Fixed("N", 38, 0), Text("T")}); err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		n, long := fmt.Sprint(i), fmt.Sprintf("%0100d", i)
		if err := spool.Row([]*string{&n, &long}); err != nil {
			t.Fatal(err)
		}
	}
	if err := spool.Flush(); err != nil {
		t.Fatal(err)
	}
	all, _ := streamRows(t, spool.Result.Inline)
	for _, c := range spool.Result.Chunks {
		packed, err := os.ReadFile(filepath.Join(spool.Dir, c.Name))
		if err != nil {
			t.Fatal(err)
		}
		unzip, err := gzip.NewReader(bytes.NewReader(packed))
		if err != nil {
			t.Fatal(err)
		}
		var plain bytes.Buffer
		if _, err := plain.ReadFrom(unzip); err != nil {
			t.Fatal(err)
		}
		got, _ := streamRows(t, plain.Bytes())
		if len(got) != c.Rows {
			t.Errorf("%s says %d rows and has %d", c.Name, c.Rows, len(got))
		}
		all = append(all, got...)
	}
	if len(all) != rows || len(spool.Result.Chunks) < 2 {
		t.Fatalf("%d rows, %d chunks", len(all), len(spool.Result.Chunks))
	}
	for i, row := range all {
		if want := fmt.Sprintf("%d|%0100d|", i, i); row != want {
			t.Fatalf("row %d is %s", i, row)
		}
	}
	empty := &Spool{Dir: t.TempDir(), Key: "key", Result: &Result{}, Arrow: true}
	if err := empty.Start([]Column{Text("T")}); err != nil {
		t.Fatal(err)
	}
	if err := empty.Flush(); err != nil {
		t.Fatal(err)
	}
	if empty.Result.Inline == nil || len(empty.Result.Inline) != 0 {
		t.Errorf("an answer without rows has the stream %q", empty.Result.Inline)
	}
}

// The Go driver adds the fraction of a negative number of seconds to them.
func TestRoundDown(t *testing.T) {
	for text, want := range map[string]string{"-0.500000000": "-1.500000000", "-1.250000000 1440": "-2.750000000 1440", "-3.000000000": "-3.000000000"} {
		if got := *roundDown(text); got != want {
			t.Errorf("%s gives %s, want %s", text, got, want)
		}
	}
}
