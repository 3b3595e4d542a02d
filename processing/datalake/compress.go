package datalake

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/snowstream/snowstream/record/rawzone"
)

const (
	// maxUnpacked is more than the rows of an object ever are: what unpacks to more was not written by a Lake.
	maxUnpacked = 1 << 30
	// maxWindow is the most that a zstd stream may ask its reader to remember, as much as Snowflake's and zstd's own do.
	maxWindow = 128 << 20
	// maxKept is the largest buffer that is kept for the next object.
	maxKept = 8 << 20
)

// contentType is that of an object of rows. Content-Encoding stays empty: an HTTP client would unpack the object on its
// way, and whoever goes by its name would try to unpack it once more.
func contentType(c rawzone.Compression) string {
	switch c {
	case rawzone.Gzip:
		return "application/gzip"
	case rawzone.Zstd:
		return "application/zstd"
	}
	return "text/csv; charset=utf-8; header=present"
}

// write puts an object of rows, compressed as its name says. S3's checksum is of the bytes as they lie there; both formats
// hold one of the rows, which is checked when they are unpacked.
func (l *Lake) write(ctx context.Context, in *s3.PutObjectInput, csv []byte) error {
	compression := rawzone.CompressionOf(*in.Key)
	in.Bucket, in.ContentType = &l.bucket, aws.String(contentType(compression))
	if compression == rawzone.None {
		in.Body = bytes.NewReader(csv)
		_, err := l.api.PutObject(ctx, in)
		return err
	}
	p := l.packer()
	packed, err := p.pack(compression, csv)
	if err != nil {
		return err
	}
	in.Body = bytes.NewReader(packed)
	// After an error the transport may still be reading the buffer, so it is not used again.
	if _, err = l.api.PutObject(ctx, in); err == nil {
		l.keep(p)
	}
	return err
}

// packer compresses one object at a time. What it returns is valid until the next one.
type packer struct {
	gzip *gzip.Writer
	zstd *zstd.Encoder
	out  []byte
}

func (l *Lake) packer() *packer {
	select {
	case p := <-l.idle:
		return p
	default:
		return &packer{}
	}
}

func (l *Lake) keep(p *packer) {
	if cap(p.out) > maxKept {
		p.out = nil
	}
	select {
	case l.idle <- p:
	default:
	}
}

// pack compresses as fast as each format can: gzip at level 1, zstd at its fastest.
func (p *packer) pack(c rawzone.Compression, csv []byte) (packed []byte, err error) {
	if c == rawzone.Zstd {
		return p.packZstd(csv)
	}
	if p.gzip == nil {
		if p.gzip, err = gzip.NewWriterLevel(nil, gzip.BestSpeed); err != nil {
			return nil, err
		}
	}
	out := bytes.NewBuffer(p.out[:0])
	p.gzip.Reset(out)
	if _, err := p.gzip.Write(csv); err != nil {
		return nil, err
	}
	if err := p.gzip.Close(); err != nil {
		return nil, err
	}
	p.out = out.Bytes()
	return p.out, nil
}

func (p *packer) packZstd(csv []byte) (packed []byte, err error) {
	if p.zstd == nil {
		if p.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1)); err != nil {
			return nil, err
		}
	}
	p.out = p.zstd.EncodeAll(csv, p.out[:0])
	return p.out, nil
}

// unpack is the reverse of pack, and takes what any other program makes of the same rows.
func unpack(c rawzone.Compression, packed []byte) (csv []byte, err error) {
	if len(packed) == 0 {
		return nil, io.ErrUnexpectedEOF // to zstd nothing is no frame, and fine
	}
	in, err := unpacker(c, bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	csv, err = io.ReadAll(io.LimitReader(in, maxUnpacked+1))
	if err == nil && len(csv) > maxUnpacked {
		err = errors.New("they unpack to more than 1 GiB")
	}
	return csv, err
}

// unpacker unpacks what it reads.
func unpacker(c rawzone.Compression, packed io.Reader) (io.Reader, error) {
	if c == rawzone.Zstd {
		return zstd.NewReader(packed, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
	}
	return gzip.NewReader(packed)
}
