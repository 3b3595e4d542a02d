package snowpipe

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Compression is how rows travel.
type Compression string

// The compressions that the service takes.
const (
	Zstd Compression = "zstd"
	Gzip Compression = "gzip"
)

// packer compresses rows. It is safe for concurrent use and keeps its compressors from call to call.
type packer struct {
	how   Compression
	zstd  *zstd.Encoder
	gzips *sync.Pool
}

func newPacker(how Compression) (packer, error) {
	p := packer{how: how}
	var err error
	switch how {
	case "":
		p.how = Zstd
		fallthrough
	case Zstd:
		// One thread a call; a window as large as what zstd must be able to read everywhere.
		p.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(2), zstd.WithWindowSize(1<<20))
	case Gzip:
		p.gzips = &sync.Pool{New: func() any { return new(gzip.Writer) }}
	default:
		err = fmt.Errorf("compression %q: it can be %s or %s", how, Zstd, Gzip)
	}
	return p, err
}

// pack appends the compressed text to dst.
func (p packer) pack(dst, text []byte) ([]byte, error) {
	if p.how == Zstd {
		return p.zstd.EncodeAll(text, dst), nil
	}
	out := bytes.NewBuffer(dst)
	z := p.gzips.Get().(*gzip.Writer)
	defer p.gzips.Put(z)
	z.Reset(out)
	if _, err := z.Write(text); err != nil {
		return nil, fmt.Errorf("compress rows: %w", err)
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("compress rows: %w", err)
	}
	return out.Bytes(), nil
}
