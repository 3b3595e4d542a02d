package datalake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/rawzone"
)

// piece is how many bytes of an object are read at once.
const piece = 4 << 20

// Rows reads an object of rows, unpacked as its name says, a piece at a time: memory holds a piece and a row, however long the
// object is. Rows that cannot be unpacked are rawzone.ErrDamaged.
func (l *Lake) Rows(ctx context.Context, key string) (*record.CSVReader, error) {
	p := &pieces{ctx: ctx, lake: l, key: key, total: -1}
	in := io.Reader(p)
	if compression := rawzone.CompressionOf(key); compression != rawzone.None {
		if err := p.fetch(); err != nil { // whoever unpacks takes any error for damage
			return nil, err
		}
		unpacked, err := unpacker(compression, p)
		if err != nil {
			return nil, p.why(err)
		}
		in = unpacked
	}
	rows, err := record.ReadCSV(in, p.why)
	if err != nil {
		return nil, fmt.Errorf("object %s: %w", key, err)
	}
	return rows, nil
}

// pieces reads an object by ranges. Each request is a short one, which the SDK repeats; a long one would be cut off while the
// rows are on their way to the table.
type pieces struct {
	ctx  context.Context
	lake *Lake
	key  string
	// at is how far the object was read, total its size, -1 before the first piece, and etag its version.
	at, total int64
	etag      string
	left      []byte
	err       error
}

// why is the error of a read: a request that failed, or, if none has, damage.
func (p *pieces) why(err error) error {
	if p.err != nil {
		return p.err
	}
	return fmt.Errorf("read object %s from bucket %s: %w: %v", p.key, p.lake.bucket, rawzone.ErrDamaged, err)
}

// Read reads on.
func (p *pieces) Read(into []byte) (int, error) {
	if len(p.left) == 0 {
		if p.at == p.total {
			return 0, io.EOF
		}
		if err := p.fetch(); err != nil {
			return 0, err
		}
	}
	n := copy(into, p.left)
	p.left = p.left[n:]
	return n, nil
}

// fetch reads the next piece. A body that breaks off is asked for again.
func (p *pieces) fetch() error {
	var err error
	for try := 1; try <= attempts; try++ {
		if err = p.once(); err == nil || !errors.Is(err, errBody) || p.ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		p.err = fmt.Errorf("read object %s from bucket %s: %w", p.key, p.lake.bucket, err)
	}
	return p.err
}

var errBody = errors.New("the answer broke off")

func (p *pieces) once() error {
	in := &s3.GetObjectInput{Bucket: &p.lake.bucket, Key: &p.key, Range: aws.String(fmt.Sprintf("bytes=%d-%d", p.at, p.at+piece-1))}
	if p.etag != "" {
		in.IfMatch = &p.etag
	}
	out, err := p.lake.api.GetObject(p.ctx, in)
	if err != nil {
		return err
	}
	defer out.Body.Close()
	data := make([]byte, max(0, aws.ToInt64(out.ContentLength)))
	if _, err := io.ReadFull(out.Body, data); err != nil {
		return fmt.Errorf("%w: %w", errBody, err)
	}
	_, size, whole := strings.Cut(aws.ToString(out.ContentRange), "/")
	total, err := strconv.ParseInt(size, 10, 64)
	switch {
	case !whole && p.at == 0: // all of it: nobody has looked at the range
		total = int64(len(data))
	case err != nil, len(data) == 0:
		return fmt.Errorf("bytes %d on were asked for, and the answer has %q", p.at, aws.ToString(out.ContentRange))
	}
	p.left, p.total, p.etag = data, total, aws.ToString(out.ETag)
	p.at += int64(len(data))
	return nil
}
