package stage

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

func packedGzip(text string) string {
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	_, _ = zip.Write([]byte(text))
	_ = zip.Close()
	return out.String()
}

func packedZstd(text string) string {
	zip, err := zstd.NewWriter(nil)
	if err != nil {
		panic(err)
	}
	return string(zip.EncodeAll([]byte(text), nil))
}

// TestUnpackStreams: what a file unpacks to is never in memory as a whole.
func TestUnpackStreams(t *testing.T) {
	const size, most = 256 << 20, 32 << 20
	bomb := strings.Repeat("\n", size)
	for name, packed := range map[string]string{"GZIP": packedGzip(bomb), "ZSTD": packedZstd(bomb)} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		u, err := unpack(bodyOf(strings.NewReader(packed)), name, "")
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, u); n != size || err != nil {
			t.Fatalf("%s: %d, %v", name, n, err)
		}
		if err := u.Close(); err != nil {
			t.Fatal(err)
		}
		if runtime.ReadMemStats(&after); after.TotalAlloc-before.TotalAlloc > most {
			t.Errorf("%s: %d bytes were allocated", name, after.TotalAlloc-before.TotalAlloc)
		}
	}
}

func bodyOf(r io.Reader) *remoteBody { return &remoteBody{ReadCloser: io.NopCloser(r)} }

// TestUnpackBroken: wherever the connection breaks, it is the connection's fault.
func TestUnpackBroken(t *testing.T) {
	reset := errors.New("reset")
	text := strings.Repeat("a,b\n1,2\n", 50_000) + "\x00\xff"
	for name, packed := range map[string]string{"GZIP": packedGzip(text), "ZSTD": packedZstd(text), "NONE": text} {
		for at := 0; at < len(packed); at += 1 + len(packed)/50 {
			u, err := unpack(bodyOf(io.MultiReader(strings.NewReader(packed[:at]), failing{reset})), name, "")
			if err == nil {
				_, err = io.Copy(io.Discard, u)
			}
			var lost *LostConnection
			if !errors.As(err, &lost) {
				t.Fatalf("%s cut at %d: %v", name, at, err)
			}
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func FuzzUnpack(f *testing.F) {
	f.Add("plain.gz", []byte("a,b\n1,2\n"))
	f.Add("cut.zst", []byte(packedZstd(strings.Repeat("a,b\n", 1000))[:20]))
	f.Add("x.gz", []byte(packedGzip("a\n1\n")))
	f.Add("x.zst", []byte(packedZstd("a\n1\n")))
	f.Fuzz(func(t *testing.T, name string, body []byte) {
		u, err := unpack(bodyOf(bytes.NewReader(body)), "AUTO", name)
		if err == nil {
			_, err = io.Copy(io.Discard, io.LimitReader(u, 16<<20))
			err = errors.Join(err, u.Close())
		}
		var bad *BadFile
		if err != nil && !errors.As(err, &bad) {
			t.Errorf("%v", err)
		}
	})
}
