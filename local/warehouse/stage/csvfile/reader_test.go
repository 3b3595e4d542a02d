package csvfile

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// readAll reads every record; bad ones become a single field that starts with "!".
func readAll(t testing.TB, text string, format Format) [][]string {
	t.Helper()
	r := NewReader(strings.NewReader(text), format)
	var records [][]string
	for range len(text) + 2 {
		fields, err := r.Next()
		if errors.Is(err, io.EOF) {
			return records
		}
		var bad *Error
		if errors.As(err, &bad) {
			records = append(records, []string{"!" + bad.Message})
			if err := r.Skip(); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		var record []string
		for _, f := range fields {
			if f.Null {
				record = append(record, "<NULL>")
			} else {
				record = append(record, f.Text)
			}
		}
		records = append(records, record)
	}
	t.Fatal("the reader does not end")
	return nil
}

// ours is the format of the raw zone's files.
func ours() Format {
	f := Default()
	f.Enclosure, f.EscapeUnenclosed, f.NullIf = '"', 0, nil
	return f
}

func with(f Format, change func(*Format)) Format {
	change(&f)
	return f
}

func TestRecords(t *testing.T) {
	tests := []struct {
		name   string
		format Format
		text   string
		want   [][]string
	}{
		{"plain", ours(), "6,64,OK\n7,65,FAIL\n", [][]string{{"6", "64", "OK"}, {"7", "65", "FAIL"}}},
		{"no newline at the end", ours(), "a,b", [][]string{{"a", "b"}}},
		{"crlf ends records", ours(), "a,b\r\nc,d\r\n", [][]string{{"a", "b"}, {"c", "d"}}},
		{"a lone CR is data", ours(), "a\rb,c\n", [][]string{{"a\rb", "c"}}},
		{"line ends inside quotes stay", ours(), "\"a\r\nb\",\"c\nd\",\"e\rf\"\n", [][]string{{"a\r\nb", "c\nd", "e\rf"}}},
		{"doubled quotes", ours(), `"say ""hi""",""""` + "\n", [][]string{{`say "hi"`, `"`}}},
		{"empty and enclosed empty", ours(), `,"",x` + "\n", [][]string{{"<NULL>", "", "x"}}},
		{"empty kept", with(ours(), func(f *Format) { f.EmptyAsNull = false }), ",\n", [][]string{{"", ""}}},
		{"backslash N is text", ours(), `\N,"\N"` + "\n", [][]string{{`\N`, `\N`}}},
		{"default null and escape", Default(), `\N,a\,b,c\\d,x\ty` + "\n", [][]string{{"<NULL>", "a,b", `c\d`, "x\ty"}}},
		{"quotes are data without an enclosure", Default(), `"a","b"` + "\n", [][]string{{`"a"`, `"b"`}}},
		{"quote inside a plain field", ours(), `a"b",c` + "\n", [][]string{{`a"b"`, "c"}}},
		{"text behind the closing quote", ours(), "\"a\"b,c\nd,e\n", [][]string{{"!Found character 'b' instead of field delimiter ','"}, {"d", "e"}}},
		{"open quote at the end", ours(), "a,\"b\n", [][]string{{"!End of file reached inside an enclosed field"}}},
		{"escape in quotes", with(ours(), func(f *Format) { f.Escape = '\\' }), `"a\"b\\","c"` + "\n", [][]string{{`a"b\`, "c"}}},
		{"trim", with(ours(), func(f *Format) { f.TrimSpace = true }), "  a ,  \" b \"  ,c\n", [][]string{{"a", " b ", "c"}}},
		{"blank lines are records", ours(), "a\n\nb\n", [][]string{{"a"}, {"<NULL>"}, {"b"}}},
		{"blank lines skipped", with(ours(), func(f *Format) { f.SkipBlankLines = true }), "a\n\n\r\nb\n", [][]string{{"a"}, {"b"}}},
		{"long delimiters", with(ours(), func(f *Format) { f.FieldDelimiter, f.RecordDelimiter = "||", "<>" }), "a|b||c<>d\n||e<>", [][]string{{"a|b", "c"}, {"d\n", "e"}}},
		{"no field delimiter", with(ours(), func(f *Format) { f.FieldDelimiter = "" }), "a,b\n", [][]string{{"a,b"}}},
		{"byte order mark", ours(), "\xef\xbb\xbfa,b\n", [][]string{{"a", "b"}}},
		{"NUL and formulas are data", ours(), "a\x00b,=cmd()\n", [][]string{{"a\x00b", "=cmd()"}}},
		{"bad UTF-8", ours(), "a\xffb\nc\n", [][]string{{"!Invalid UTF8 detected in a string"}, {"c"}}},
		{"bad UTF-8 replaced", with(ours(), func(f *Format) { f.ReplaceInvalid = true }), "a\xffb\n", [][]string{{"a\uFFFDb"}}},
		{"null words", with(ours(), func(f *Format) { f.NullIf = []string{"NULL", ""} }), `NULL,"NULL",x,""` + "\n", [][]string{{"<NULL>", "<NULL>", "x", "<NULL>"}}},
		{"nothing", ours(), "", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, readAll(t, test.text, test.format)); diff != "" {
				t.Errorf("records of %q (-want +got):\n%s", test.text, diff)
			}
		})
	}
}

func TestErrorPosition(t *testing.T) {
	r := NewReader(strings.NewReader("a,b\n\"x\ny\",\"c\"d\n"), ours())
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	_, err := r.Next()
	var bad *Error
	if !errors.As(err, &bad) {
		t.Fatalf("error %v, want *Error", err)
	}
	if bad.Line != 3 || bad.Character != 7 || bad.Field != 1 || bad.Number != 100016 {
		t.Errorf("line %d character %d field %d number %d, want 3 7 1 100016", bad.Line, bad.Character, bad.Field, bad.Number)
	}
}

func write(record []string) string {
	var b strings.Builder
	for i, field := range record {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`"` + strings.ReplaceAll(field, `"`, `""`) + `"`)
	}
	return b.String() + "\r\n"
}

// Whatever is written with quotes is read back byte for byte.
func FuzzRoundTrip(f *testing.F) {
	f.Add("a", "b\r\nc")
	f.Add("\"", "")
	f.Fuzz(func(t *testing.T, a, b string) {
		a, b = strings.ToValidUTF8(a, ""), strings.ToValidUTF8(b, "")
		want := [][]string{{a, b}, {b, a}}
		got := readAll(t, write(want[0])+write(want[1]), ours())
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

// No input makes the reader hang, panic or return more than it read.
func FuzzReader(f *testing.F) {
	f.Add("a,\"b\n", byte('"'), byte('\\'), true)
	f.Add("\\", byte(0), byte('\\'), false)
	f.Fuzz(func(t *testing.T, text string, enclosure, escape byte, trim bool) {
		format := Default()
		format.Enclosure, format.Escape, format.TrimSpace, format.ReplaceInvalid = enclosure, escape, trim, true
		size := 0
		for _, record := range readAll(t, text, format) {
			size += len(record)
		}
		if size > 2*len(text)+2 {
			t.Errorf("%d fields from %d bytes", size, len(text))
		}
	})
}
