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

// TestCursor: what it gives is what Append gives, from any record on, and what is plain stays where it is.
func TestCursor(t *testing.T) {
	list := func(data ...string) (out []record.Record) {
		for i, d := range data {
			out = append(out, record.Record{Position: record.Position{Sequence: fmt.Sprint(i)}, PartitionKey: "p", Data: []byte(d)})
		}
		return out
	}
	for _, schema := range []record.Schema{schemaOf(false), schemaOf(true)} {
		for _, in := range [][]record.Record{
			nil, list("a", "b", ""), list("a", aggregated(t, "b", "c"), "d"), list(gzipped(t, "aaaa\nbb"), zstded(t, "b"), "c"),
			list("a", "\x1f\x8b", "(", "\xf3"), list(aggregated(t, "a", gzipped(t, "b\nc\n"), gzipped(t, "d")+zlibbed(t, "e"), "f"), gzipped(t, "g\nh")),
		} {
			u, err := New(schema)
			if err != nil {
				t.Fatal(err)
			}
			var want []record.Record
			for _, r := range in {
				want = u.Append(want, r)
			}
			for from := range max(1, len(want)) {
				first := in
				c := u.Cursor(in)
				if from > 0 { // what is behind a record that has landed
					last := want[from-1]
					for len(first) > 0 && first[0].Sequence != last.Sequence {
						first = first[1:]
					}
					if c, err = u.Rest(first, last.Subsequence, u.Cursor(nil).Numbering()); err != nil {
						t.Fatal(err)
					}
				}
				got := ""
				for r := c.Peek(); r != nil; r = c.Peek() {
					if again := c.Peek(); again != r {
						t.Fatal("Peek moves on")
					}
					got += show([]record.Record{*r}) + " "
					c.Next()
				}
				if got = strings.TrimSpace(got); got != show(want[min(from, len(want)):]) {
					t.Errorf("%s from record %d on:\n%s, want\n%s", show(in), from, got, show(want[min(from, len(want)):]))
				}
				c.Close()
			}
			if len(in) > 0 && !u.packed(in[0].Data) && u.Cursor(in).Peek() != &in[0] {
				t.Errorf("%s: the first record was copied", show(in))
			}
		}
	}
}

// TestBound: what unpacks to more than a bound is kept packed; a part of a record goes on as it was begun, and one that cannot is
// refused.
func TestBound(t *testing.T) {
	lines, err := New(schemaOf(true))
	if err != nil {
		t.Fatal(err)
	}
	big := gzipped(t, strings.Repeat("x\n", 600))
	data := record.Record{PartitionKey: "p", Data: []byte(aggregated(t, "a", big, gzipped(t, "b\nc")))}
	data.Sequence = "7"
	lines.Bound(1000)
	small, numbering := lines.Append(nil, data), lines.Cursor(nil).Numbering()
	if len(small) != 4 || small[1].Refused != record.OverMemory || string(small[1].Data) != big {
		t.Fatal(show(small))
	}
	lines.Bound(1 << 30)
	if all := lines.Append(nil, data); len(all) != 603 {
		t.Fatalf("%d records", len(all))
	}
	c, err := lines.Rest([]record.Record{data, {PartitionKey: "q", Data: []byte(big)}}, 0, numbering)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	n := 0
	for ; c.Peek() != nil; c.Next() {
		n++
	}
	if n != 3+600 {
		t.Errorf("%d records behind the first one, want 3 and 600", n)
	}
	document, err := New(schemaOf(false))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := document.Rest([]record.Record{data}, 0, numbering); err != ErrNumbering {
		t.Errorf("a record that began as %s goes on as %s: %v", numbering, document.Cursor(nil).Numbering(), err)
	}
	lines.Leave(func(p record.Position) bool { return p.Subsequence == 1 })
	if again := lines.Append(nil, data); show(again) != show(small) {
		t.Errorf("left packed: %s, want %s", show(again), show(small))
	}
}
