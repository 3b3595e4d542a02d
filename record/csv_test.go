package record

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"
)

func TestAppendField(t *testing.T) {
	for _, tt := range []struct {
		value Value
		want  string
	}{
		{Value{Null: true}, ``},
		{Value{Text: []byte("")}, `""`},
		{Value{Text: []byte("OK")}, `OK`},
		{Value{Text: []byte("a b")}, `a b`},
		{Value{Text: []byte(" a")}, `" a"`},
		{Value{Text: []byte("a ")}, `"a "`},
		{Value{Text: []byte(`\N`)}, `"\N"`},
		{Value{Text: []byte(`say "hi"`)}, `"say ""hi"""`},
		{Value{Text: []byte("=cmd")}, `"=cmd"`},
		{Value{Text: []byte("a\r\nb")}, "\"a\r\nb\""},
		{Value{Text: []byte("-64.70")}, `-64.70`},
	} {
		if got := appendField(nil, tt.value); string(got) != tt.want {
			t.Errorf("%q: %s, want %s", tt.value.Text, got, tt.want)
		}
	}
}

// hostile are the pieces that a CSV reader somewhere takes for something else. Plain random strings hardly ever hit
// them, so values are put together from these.
var hostile = []string{"", ",", `"`, `""`, "\r", "\n", "\r\n", `\N`, `\`, " ", "\t", "=cmd", "'", "NULL", "\x00", "é", "😀", "0", "a", "\ufeff", "#", "--"}

func hostileValue() *rapid.Generator[Value] {
	return rapid.Custom(func(t *rapid.T) Value {
		if rapid.IntRange(0, 5).Draw(t, "null") == 0 {
			return Value{Null: true}
		}
		var text []byte
		for _, piece := range rapid.SliceOfN(rapid.SampledFrom(hostile), 0, 6).Draw(t, "pieces") {
			text = append(text, piece...)
		}
		return Value{Text: text}
	})
}

func TestCSVRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		columns := rapid.IntRange(1, 4).Draw(t, "columns")
		rows := rapid.SliceOfN(rapid.SliceOfN(hostileValue(), columns, columns), 0, 5).Draw(t, "rows")
		text := AppendCSVHeader(nil, everything().Columns[:columns])
		for _, row := range rows {
			for i, v := range row {
				if i > 0 {
					text = append(text, ',')
				}
				text = appendField(text, v)
			}
			text = append(text, '\n')
		}
		r, err := NewCSVReader(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			got, err := r.Next()
			if err != nil || show(got) != show(row) {
				t.Fatalf("%q read as %s, %v; want %s", text, show(got), err, show(row))
			}
		}
		if _, err := r.Next(); err != io.EOF {
			t.Fatalf("after the last row: %v", err)
		}
	})
}

func TestCSVReaderRefuses(t *testing.T) {
	for _, text := range []string{"", "A", "A,B", "A\n1", "A\n\"x", "A\n\"x\"y\n", "A\n1,2\n", "A,B\n1\n", "A\na\"b\n", "A\n x\n", "A\n\"a\"\"b"} {
		r, err := NewCSVReader([]byte(text))
		if err == nil {
			_, err = r.Next()
		}
		if err == nil || err == io.EOF {
			t.Errorf("%q was read", text)
		}
	}
}

// FuzzCSVReader checks that what is read is written back as the same bytes: the format has one spelling.
func FuzzCSVReader(f *testing.F) {
	f.Add([]byte("\n"))
	f.Add([]byte("A,B\n1,\"x\"\"\n\"\n,\"\"\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := NewCSVReader(text)
		if err != nil {
			return
		}
		var again []byte
		for i, name := range r.Header() {
			if i > 0 {
				again = append(again, ',')
			}
			again = appendField(again, Value{Text: []byte(name), Null: name == ""})
		}
		again = append(again, '\n')
		for {
			row, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				return
			}
			for i, v := range row {
				if i > 0 {
					again = append(again, ',')
				}
				again = appendField(again, v)
			}
			again = append(again, '\n')
		}
		piecewise(t, again)
		if reread, err := NewCSVReader(again); err != nil || len(reread.Header()) != len(r.Header()) {
			t.Fatalf("%q became %q: %v", text, again, err)
		}
	})
}

// piecewise compares a text that is read from a source with the same text that is at hand.
func piecewise(t *testing.T, text []byte) {
	t.Helper()
	why := func(err error) error { return fmt.Errorf("read: %w", err) }
	for _, source := range []io.Reader{iotest.OneByteReader(bytes.NewReader(text)), iotest.DataErrReader(bytes.NewReader(text))} {
		whole, err := NewCSVReader(text)
		if err != nil {
			t.Fatal(err)
		}
		parts, err := ReadCSV(source, why)
		if err != nil || !slices.Equal(parts.Header(), whole.Header()) {
			t.Fatalf("header of %q: %q, %v", text, parts.Header(), err)
		}
		for {
			want, end := whole.Next()
			got, err := parts.Next()
			if fmt.Sprint(got) != fmt.Sprint(want) || (err == nil) != (end == nil) || whole.Size() != parts.Size() || end == nil && !bytes.Equal(whole.Line(), parts.Line()) {
				t.Fatalf("%q: %v %v, want %v %v", text, got, err, want, end)
			}
			if end != nil {
				break
			}
		}
	}
	if text[0] == '\n' { // the header ends before the source fails
		return
	}
	if broken, err := ReadCSV(iotest.TimeoutReader(iotest.OneByteReader(bytes.NewReader(text))), why); err == nil || !errors.Is(err, iotest.ErrTimeout) {
		t.Fatalf("%q from a source that fails: %v, %v", text, broken, err)
	}
}

// TestReadCSV: rows of any length, and one that never ends.
func TestReadCSV(t *testing.T) {
	for _, size := range []int{0, 1, 100, 65535, 65536, 65537, 200_000} {
		field := strings.Repeat("\"\"\n", size/3) + strings.Repeat("x", size%3)
		piecewise(t, []byte("A,B\n\""+field+"\",1\n2,\""+field+"\"\n"))
	}
	endless := io.MultiReader(strings.NewReader("A\n\""), iotest.DataErrReader(io.LimitReader(sameByte{}, 2*maxLine)))
	r, err := ReadCSV(endless, func(err error) error { return err })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); err == nil || cap(r.data) > 2*maxLine {
		t.Errorf("a row without an end was read, into %d bytes: %v", cap(r.data), err)
	}
}

type sameByte struct{}

func (sameByte) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '1'
	}
	return len(p), nil
}

func TestCut(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.FixedZone("", 3600))
	records := []Record{
		{Position: Position{"shardId-000000000000", "49590338", 0}, ArrivedAt: at, Data: []byte(`{"sensorId":6,"currentTemperature":64,"status":"OK"}`)},
		{Position: Position{"shardId-000000000000", "49590339", 0}, ArrivedAt: at, Data: []byte(`{"sensorId":6}`)},
		{Position: Position{"shardId-000000000000", "49590340", 0}, ArrivedAt: at, Data: []byte(`{"sensorId":7,"currentTemperature":1,"status":"a,b"}`)},
		{Position: Position{"shardId-000000000000", "49590340", 1}, ArrivedAt: at, Data: []byte(`{"sensorId":8,"currentTemperature":2,"status":""}`)},
	}
	b := NewDecoder(Sensor()).Cut(records, "g0000000aaaaaaaa", 41)
	want := `SENSORID,CURRENTTEMPERATURE,STATUS,_SHARD,_SEQUENCE,_SUBSEQUENCE,_ORDINAL,_ARRIVED_AT,_GENERATION
6,64,OK,shardId-000000000000,49590338,0,41,2026-01-02 02:04:05.678,g0000000aaaaaaaa
7,1,"a,b",shardId-000000000000,49590340,0,43,2026-01-02 02:04:05.678,g0000000aaaaaaaa
8,2,"",shardId-000000000000,49590340,1,44,2026-01-02 02:04:05.678,g0000000aaaaaaaa
`
	if string(b.CSV) != want {
		t.Errorf("CSV:\n%s\nwant:\n%s", b.CSV, want)
	}
	if b.FirstOrdinal != 41 || b.LastOrdinal != 44 || b.Records != 3 || b.Rows != 3 || b.Folder != "6" || b.First != records[0].Position || b.Last != records[3].Position {
		t.Errorf("batch %+v", b)
	}
	if len(b.Rejected) != 1 || b.Rejected[0].Ordinal != 42 || b.Rejected[0].Generation != "g0000000aaaaaaaa" || b.Rejected[0].Reason.Code != MissingField || !bytes.Equal(b.Rejected[0].Data, records[1].Data) {
		t.Errorf("rejected %+v", b.Rejected)
	}
}

func TestCompareSequence(t *testing.T) {
	order := []string{"", "9", "10", "11", "100", "49590338271490256608559692538361571095921575989136588898"}
	for i, a := range order {
		for j, b := range order {
			if got := CompareSequence(a, b); got != map[bool]int{true: 1}[i > j]-map[bool]int{true: 1}[i < j] {
				t.Errorf("%q against %q: %d", a, b, got)
			}
		}
	}
}

func BenchmarkCut(b *testing.B) {
	records := make([]Record, 100)
	for i := range records {
		records[i] = Record{Position: Position{"shardId-000000000000", "49590338271490256608559692538361571095921575989136588898", 0}, ArrivedAt: time.Now(), Data: []byte(`{"sensorId": 6, "currentTemperature": 64, "status": "OK"}`)}
	}
	d := NewDecoder(Sensor())
	b.ReportAllocs()
	for b.Loop() {
		d.Cut(records, "", 1)
	}
}
