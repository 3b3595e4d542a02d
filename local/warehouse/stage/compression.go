package stage

import (
	"bufio"
	"io"
	"path"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// maxWindow is the most that a zstd file may ask its reader to keep in memory; zstd's own programs refuse more, too.
const maxWindow = 128 << 20

// notCompressed is the error of a file that cannot be decompressed.
const notCompressed = 100076

// compressionOf is how a file is compressed: as the format says, and with AUTO as its name says, or its first bytes where the
// name says nothing.
func compressionOf(format, key string, start []byte) string {
	if format != "AUTO" {
		return format
	}
	switch path.Ext(key) {
	case ".gz":
		return "GZIP"
	case ".zst":
		return "ZSTD"
	}
	switch {
	case strings.HasPrefix(string(start), "\x1f\x8b"):
		return "GZIP"
	case strings.HasPrefix(string(start), "\x28\xb5\x2f\xfd"):
		return "ZSTD"
	}
	return "NONE"
}

// unpacked is a file's content, decompressed as it is read: however much a file unpacks to, one window of it is in memory.
type unpacked struct {
	io.Reader
	from *remoteBody
	name string
	// end gives the decompressor's memory back.
	end func()
}

// unpack reads the file behind a body, which belongs to what is returned, also if that is an error.
func unpack(body *remoteBody, format, key string) (*unpacked, error) {
	buffered := bufio.NewReaderSize(body, 64<<10)
	start, _ := buffered.Peek(4)
	u := &unpacked{Reader: buffered, from: body, name: path.Base(key), end: func() {}}
	var err error
	switch compressionOf(format, key, start) {
	case "GZIP":
		u.Reader, err = gzip.NewReader(buffered)
	case "ZSTD":
		var z *zstd.Decoder
		z, err = zstd.NewReader(buffered, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err == nil && len(start) == 0 {
			err = io.ErrUnexpectedEOF // to the library nothing is no frame, and fine
		}
		if z != nil {
			u.Reader, u.end = z, z.Close
		}
	}
	if err == nil {
		return u, nil
	}
	defer u.Close()
	if body.broke != nil {
		return nil, body.broke
	}
	return nil, u.damaged()
}

// Read fails with a *badFile where the file is damaged, and with a *lostConnection where it did not arrive.
func (u *unpacked) Read(p []byte) (int, error) {
	n, err := u.Reader.Read(p)
	switch {
	case err == nil || err == io.EOF:
	case u.from.broke != nil:
		err = u.from.broke
	default:
		err = u.damaged()
	}
	return n, err
}

func (u *unpacked) damaged() *BadFile {
	return &BadFile{notCompressed, "Data is corrupted, not able to decompress file: '" + u.name + "'"}
}

// Close ends the reading, of the whole file or of a part.
func (u *unpacked) Close() error {
	u.end()
	return u.from.Close()
}

// remoteBody remembers what went wrong on the way: the end of a broken connection looks like that of a damaged file.
type remoteBody struct {
	io.ReadCloser
	broke *LostConnection
}

func (b *remoteBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		b.broke = &LostConnection{err}
		err = b.broke
	}
	return n, err
}

// LostConnection hides its cause from errors.Is on purpose.
type LostConnection struct{ cause error }

func (l *LostConnection) Error() string {
	return "the connection to the bucket broke: " + l.cause.Error()
}
