package unpack

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"

	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/aggregate"
)

func gzipped(t testing.TB, data string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(data)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func zlibbed(t testing.TB, data string) string {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	if _, err := w.Write([]byte(data)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func zstded(t testing.TB, data string) string {
	e, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(e.EncodeAll([]byte(data), nil))
}

func aggregated(t testing.TB, data ...string) string {
	var e aggregate.Encoder
	for i, d := range data {
		e.Add(aggregate.UserRecord{PartitionKey: fmt.Sprintf("key%d", i), Data: []byte(d)})
	}
	return string(e.Append(nil))
}

// schemaOf takes payloads as one document, or as lines.
func schemaOf(lines bool) record.Schema {
	s := record.Sensor()
	if lines {
		s.Payload = record.Lines
	}
	return s
}

// show writes what is inside a record: key, sub-sequence number, data or the reason.
func show(records []record.Record) string {
	var parts []string
	for _, r := range records {
		what := string(r.Data)
		if r.Refused != record.OK {
			what = "!" + string(r.Refused)
		}
		parts = append(parts, fmt.Sprintf("%s/%d:%s", r.PartitionKey, r.Subsequence, what))
	}
	return strings.Join(parts, " ")
}

func TestAppend(t *testing.T) {
	bomb := strings.Repeat(" ", record.MaxPayload+1)
	damaged := []byte(aggregated(t, "a", "b"))
	damaged[10] ^= 1
	tests := []struct{ name, data, document, lines string }{
		{"plain", "{}", "k/0:{}", "k/0:{}"},
		{"empty", "", "k/0:", "k/0:"},
		{"lines", "{}\n[]\r\n\n 1", "k/0:{}\n[]\r\n\n 1", "k/0:{} k/1:[] k/2: 1"},
		{"blank lines", "\n \r\n", "k/0:\n \r\n", "k/0:\n \r\n"},
		{"gzip", gzipped(t, "{}\n{}\n"), "k/0:{}\n{}\n", "k/0:{} k/1:{}"},
		{"two gzip members", gzipped(t, "{") + gzipped(t, "}"), "k/0:{}", "k/0:{}"},
		{"gzip cut", gzipped(t, "{}")[:15], "k/0:!bad_compression", "k/0:!bad_compression"},
		{"gzip and more", gzipped(t, "{}") + "x", "k/0:{} k/1:x", "k/0:{} k/1:x"},
		{"gzip and padding", gzipped(t, "{}") + "\x00\x00\r\n", "k/0:{}", "k/0:{}"},
		{"gzip, a line end and gzip", gzipped(t, "{") + "\n" + gzipped(t, "}"), "k/0:{}", "k/0:{}"},
		{"gzip and zstd", gzipped(t, "{}") + zstded(t, "[]"), "k/0:{} k/1:[]", "k/0:{} k/1:[]"},
		{"gzip and half of a member", gzipped(t, "{}") + gzipped(t, "[]")[:12], "k/0:!bad_compression", "k/0:!bad_compression"},
		{"gzip of gzip", gzipped(t, zstded(t, gzipped(t, "{}"))), "k/0:{}", "k/0:{}"},
		{"too many layers", gzipped(t, gzipped(t, gzipped(t, gzipped(t, gzipped(t, gzipped(t, "{}")))))), "k/0:!bad_compression", "k/0:!bad_compression"},
		{"inner gzip and more", gzipped(t, gzipped(t, "{}")+"x"), "k/0:!bad_compression", "k/0:!bad_compression"},
		{"zlib", zlibbed(t, "{}\n{}"), "k/0:{}\n{}", "k/0:{} k/1:{}"},
		{"zlib cut", zlibbed(t, "{}")[:8], "k/0:!bad_compression", "k/0:!bad_compression"},
		{"zlib and more", zlibbed(t, "{}") + "{}", "k/0:{} k/1:{}", "k/0:{} k/1:{}"},
		{"zlib bomb", zlibbed(t, bomb), "k/0:!too_large", "k/0:!too_large"},
		{"x and no zlib", "xx", "k/0:xx", "k/0:xx"},
		{"Glue Schema Registry", "\x03\x00" + strings.Repeat("u", 16) + "data", "k/0:!schema_registry", "k/0:!schema_registry"},
		{"aggregate of gzip and more", aggregated(t, gzipped(t, "a")+"b", "c"), "key0/0:a key0/1:b key1/2:c", "key0/0:a key0/1:b key1/2:c"},
		{"gzip magic only", "\x1f\x8b", "k/0:!bad_compression", "k/0:!bad_compression"},
		{"gzip bomb", gzipped(t, bomb), "k/0:!too_large", "k/0:!too_large"},
		{"zstd", zstded(t, "{}"), "k/0:{}", "k/0:{}"},
		{"zstd cut", zstded(t, "{\"a\":1}")[:9], "k/0:!bad_compression", "k/0:!bad_compression"},
		{"zstd bomb", zstded(t, bomb), "k/0:!too_large", "k/0:!too_large"},
		{"aggregate", aggregated(t, "{}", "x\ny", ""), "key0/0:{} key1/1:x\ny key2/2:", "key0/0:{} key1/1:x key1/2:y key2/3:"},
		{"aggregate of gzip", aggregated(t, gzipped(t, "a\nb"), gzipped(t, "c")[:12], "d"), "key0/0:a\nb key1/1:!bad_compression key2/2:d", "key0/0:a key0/1:b key1/2:!bad_compression key2/3:d"},
		{"damaged aggregate", string(damaged), "k/0:!bad_aggregate", "k/0:!bad_aggregate"},
	}
	for _, tt := range tests {
		for lines, want := range map[bool]string{false: tt.document, true: tt.lines} {
			u, err := New(schemaOf(lines))
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // what one record was must not show in the next
				if got := show(u.Append(nil, record.Record{PartitionKey: "k", Data: []byte(tt.data)})); got != want {
					t.Errorf("%s, lines %v:\n got %.100q\nwant %.100q", tt.name, lines, got, want)
				}
			}
		}
	}
}

// TestRefusedKeepsItsBytes: what cannot be unpacked goes to quarantine as Kinesis held it.
func TestRefusedKeepsItsBytes(t *testing.T) {
	u, err := New(record.Sensor())
	if err != nil {
		t.Fatal(err)
	}
	data := gzipped(t, "{}")[:15]
	if got := u.Append(nil, record.Record{Data: []byte(data)}); string(got[0].Data) != data {
		t.Errorf("%q became %q", data, got[0].Data)
	}
}

func FuzzAppend(f *testing.F) {
	for _, seed := range []string{"{}\n{}", gzipped(f, "{}"), zstded(f, "{}"), aggregated(f, "{}", "x")} {
		f.Add([]byte(seed), true)
		f.Add([]byte(seed), false)
	}
	f.Fuzz(func(t *testing.T, data []byte, lines bool) {
		u, err := New(schemaOf(lines))
		if err != nil {
			t.Fatal(err)
		}
		got := u.Append(nil, record.Record{Data: data})
		if len(got) == 0 {
			t.Fatal("a record vanished")
		}
		for i, r := range got {
			if r.Subsequence != int64(i) {
				t.Fatalf("record %d has sub-sequence number %d", i, r.Subsequence)
			}
		}
	})
}

// TestUnpack: what is plain stays where it is, and an object ends behind the record that fills it.
func TestUnpack(t *testing.T) {
	u, err := New(record.Sensor())
	if err != nil {
		t.Fatal(err)
	}
	list := func(data ...string) (out []record.Record) {
		for i, d := range data {
			out = append(out, record.Record{Position: record.Position{Sequence: fmt.Sprint(i)}, PartitionKey: "p", Data: []byte(d)})
		}
		return out
	}
	for _, tt := range []struct {
		in    []record.Record
		limit int
		want  string
		same  bool
	}{
		{list("a", "b", ""), 100, "p/0:a p/0:b p/0:", true},
		{list("aa", "bb", "c"), 4, "p/0:aa p/0:bb", true},
		{list("a", aggregated(t, "b", "c"), "d"), 100, "p/0:a key0/0:b key1/1:c p/0:d", false},
		{list("a", aggregated(t, "b", "c"), "d"), 2, "p/0:a key0/0:b key1/1:c", false},
		{list(gzipped(t, "aaaa"), zstded(t, "b"), "c"), 5, "p/0:aaaa p/0:b", false},
		{list("a", "\x1f\x8b", "(", "\xf3"), 100, "p/0:a p/0:!bad_compression p/0:( p/0:\xf3", false},
		{nil, 1, "", true},
	} {
		for range 2 { // the second time with what the first one left behind
			got := u.Unpack(tt.in, tt.limit)
			if show(got) != tt.want {
				t.Errorf("%s with %d: %s, want %s", show(tt.in), tt.limit, show(got), tt.want)
			}
			if same := len(got) == 0 || &got[0] == &tt.in[0]; same != tt.same {
				t.Errorf("%s: the same slice: %v", show(tt.in), same)
			}
		}
	}
}
