package datalake

import (
	"bytes"
	stdgzip "compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/klauspost/compress/zstd"

	"github.com/snowstream/snowstream/record/rawzone"
)

// rows are the CSV of n rows, about 40 bytes each.
func rows(n int) []byte {
	out := []byte("SENSORID,STATUS,_SHARD,_ORDINAL\n")
	for i := range n {
		out = fmt.Appendf(out, "%d,OK,shardId-000000000000,%d\n", i*i%97, i)
	}
	return out
}

// TestPack: what one compressor makes of one object after another, other programs read.
func TestPack(t *testing.T) {
	var p packer
	for _, n := range []int{0, 1, 100, 50_000, 3} {
		want := rows(n)
		for _, c := range []rawzone.Compression{rawzone.Gzip, rawzone.Zstd} {
			packed, err := p.pack(c, want)
			if err != nil {
				t.Fatal(err)
			}
			if n > 3 && len(packed) > len(want)/2 {
				t.Errorf("%d bytes became %d with %s", len(want), len(packed), c)
			}
			for name, read := range map[string]func([]byte) ([]byte, error){
				"ours":   func(b []byte) ([]byte, error) { return unpack(c, b) },
				"theirs": func(b []byte) ([]byte, error) { return theirs(c, b) },
			} {
				if got, err := read(packed); err != nil || !bytes.Equal(got, want) {
					t.Errorf("%d rows with %s, read by %s: %d of %d bytes, %v", n, c, name, len(got), len(want), err)
				}
			}
		}
	}
}

func theirs(c rawzone.Compression, packed []byte) ([]byte, error) {
	if c == rawzone.Zstd {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		return d.DecodeAll(packed, nil)
	}
	r, err := stdgzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// TestPackAllocates: from the second object on nothing is made anew but a few small things.
func TestPackAllocates(t *testing.T) {
	var p packer
	csv := rows(5000)
	for _, c := range []rawzone.Compression{rawzone.Gzip, rawzone.Zstd} {
		if n := testing.AllocsPerRun(20, func() {
			if _, err := p.pack(c, csv); err != nil {
				t.Fatal(err)
			}
		}); n > 2 {
			t.Errorf("%s: %.0f allocations an object", c, n)
		}
	}
}

// store is S3 as far as these tests go: it keeps what was put and gives it back.
type store struct {
	body    []byte
	headers http.Header
	refuse  int
}

func (s *store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case s.refuse > 0:
		w.WriteHeader(s.refuse)
	case r.Method == http.MethodPut:
		s.body, _ = io.ReadAll(r.Body)
		s.headers = r.Header.Clone()
	default:
		_, _ = w.Write(s.body)
	}
}

func newLake(t *testing.T, s *store) *Lake {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return New(s3.New(s3.Options{
		BaseEndpoint: &server.URL, Region: "us-east-1", UsePathStyle: true, Credentials: aws.AnonymousCredentials{}, RetryMaxAttempts: 1,
	}), "raw")
}

// TestObjectsByName: the name decides how an object is packed, its type says so, and no header makes a client unpack it.
func TestObjectsByName(t *testing.T) {
	s := &store{}
	l := newLake(t, s)
	want := rows(100)
	for name, c := range map[string]struct{ magic, kind string }{
		"kinesiscsv/a.csv":     {"SENSORID", "text/csv; charset=utf-8; header=present"},
		"kinesiscsv/a.csv.gz":  {"\x1f\x8b", "application/gzip"},
		"kinesiscsv/a.csv.zst": {"\x28\xb5\x2f\xfd", "application/zstd"},
	} {
		for how, put := range map[string]func() error{
			"create": func() error {
				_, err := l.Create(t.Context(), name, want, map[string]string{"rows": "100"})
				return err
			},
			"restore": func() error { return l.Restore(t.Context(), name, want, map[string]string{"rows": "100"}) },
		} {
			if err := put(); err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(string(s.body), c.magic) || s.headers.Get("Content-Type") != c.kind || s.headers.Get("Content-Encoding") != "" {
				t.Errorf("%s %s: %q %v", how, name, s.body[:4], s.headers)
			}
			if conditional := s.headers.Get("If-None-Match") == "*"; conditional != (how == "create") {
				t.Errorf("%s %s: If-None-Match %v", how, name, conditional)
			}
			if got, err := l.Read(t.Context(), name); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s %s: %v", how, name, err)
			}
		}
	}
	s.body = []byte("{}")
	if got, err := l.Read(t.Context(), "ledger/a.json"); err != nil || string(got) != "{}" {
		t.Errorf("%s, %v", got, err)
	}
}

// TestKeptCompressor: the compressor of an object that was written is the next one's; that of a call which failed is not,
// since something may still be reading its buffer.
func TestKeptCompressor(t *testing.T) {
	s := &store{}
	l := newLake(t, s)
	write := func() *packer {
		_, err := l.Create(t.Context(), "kinesiscsv/a.csv.gz", rows(10), nil)
		if (err != nil) != (s.refuse == http.StatusForbidden) {
			t.Fatal(err)
		}
		select {
		case p := <-l.idle:
			l.idle <- p
			return p
		default:
			return nil
		}
	}
	first := write()
	if first == nil || write() != first {
		t.Error("the compressor was not kept")
	}
	for _, s.refuse = range []int{http.StatusForbidden, 0} {
		if next := write(); (next == nil) != (s.refuse > 0) || next == first {
			t.Errorf("after %d the compressor is %p, the first was %p", s.refuse, next, first)
		}
	}
}

// FuzzUnpack: whatever lies there, it is read or refused; what is read packs and reads again as the same.
func FuzzUnpack(f *testing.F) {
	var p packer
	for _, c := range []rawzone.Compression{rawzone.Gzip, rawzone.Zstd} {
		packed, err := p.pack(c, rows(20))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(bytes.Clone(packed))
		f.Add(bytes.Clone(packed[:len(packed)/2]))
		packed[len(packed)/3] ^= 4
		f.Add(bytes.Clone(packed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, c := range []rawzone.Compression{rawzone.Gzip, rawzone.Zstd} {
			csv, err := unpack(c, text)
			if err != nil {
				continue
			}
			packed, err := p.pack(c, csv)
			if err != nil {
				t.Fatal(err)
			}
			if again, err := unpack(c, packed); err != nil || !bytes.Equal(again, csv) {
				t.Errorf("%s: %v", c, err)
			}
		}
	})
}

// TestDamaged: of an object that was cut or changed nothing is believed.
func TestDamaged(t *testing.T) {
	var p packer
	s := &store{}
	l := newLake(t, s)
	for _, c := range []rawzone.Compression{rawzone.Gzip, rawzone.Zstd} {
		packed, err := p.pack(c, rows(300))
		if err != nil {
			t.Fatal(err)
		}
		whole := bytes.Clone(packed)
		for i := range 60 {
			at := i * len(whole) / 60
			flipped := bytes.Clone(whole)
			flipped[at] ^= 0x11
			for what, body := range map[string][]byte{"cut": whole[:at], "flipped": flipped} {
				s.body = body
				got, err := l.Read(t.Context(), "kinesiscsv/a.csv"+c.Extension())
				if err == nil && !bytes.Equal(got, rows(300)) {
					t.Errorf("%s %s at %d: %d bytes were believed", c, what, at, len(got))
				}
				if err == nil && what == "cut" {
					t.Errorf("%s cut at %d was believed", c, at)
				}
			}
		}
	}
}
