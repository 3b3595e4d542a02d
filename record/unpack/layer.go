package unpack

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"slices"

	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"

	"github.com/snowstream/snowstream/record"
)

// The magic numbers with which compressed payloads start. No JSON document can. A zlib header is two bytes: the first is 78
// for all but small windows, and together they are a multiple of 31.
const (
	gzipMagic = "\x1f\x8b"
	zstdMagic = "\x28\xb5\x2f\xfd"
	zlibMagic = '\x78'
)

// maxLayers is how many layers of compression and base64 are taken off one payload.
const maxLayers = 5

func isZlib(data []byte) bool {
	return len(data) >= 2 && data[0] == zlibMagic && (int(data[0])<<8|int(data[1]))%31 == 0
}

func isCompressed(data []byte) bool {
	return bytes.HasPrefix(data, []byte(gzipMagic)) || bytes.HasPrefix(data, []byte(zstdMagic)) || isZlib(data)
}

// layers takes one layer after the other off a payload. rest is what stands behind the compressed bytes of the outermost
// one, without blanks and zeros: a payload of its own. out is valid until the next call.
func (u *Unpacker) layers(data []byte, most int) (out, rest []byte, code record.Code) {
	encoded := u.schema.Base64
	for n := 0; ; n++ {
		var more []byte
		switch {
		case isCompressed(data):
			out, more, code = u.decompress(u.spare[n%2][:0], data, most)
			if cap(out) > cap(u.spare[n%2]) {
				u.spare[n%2] = out
			}
			data = out
		case encoded && !isJSON(data):
			encoded = false
			data, code = decodeBase64(data)
		default:
			return data, rest, record.OK
		}
		switch {
		case code != record.OK:
			return nil, nil, code
		case n == maxLayers:
			return nil, nil, record.BadCompression
		case n == 0:
			rest = more
		case len(more) > 0:
			return nil, nil, record.BadCompression
		}
	}
}

// isJSON reports whether data begins like an object or an array, which no base64 does: a record that comes back from
// quarantine was decoded before.
func isJSON(data []byte) bool {
	data = bytes.TrimLeft(data, blank)
	return len(data) > 0 && (data[0] == '{' || data[0] == '[')
}

// decodeBase64 reads base64 in either alphabet, with or without padding and line ends.
func decodeBase64(data []byte) ([]byte, record.Code) {
	text := bytes.Map(func(r rune) rune {
		switch r {
		case '-':
			return '+'
		case '_':
			return '/'
		case ' ', '\t', '\r', '\n':
			return -1
		}
		return r
	}, data)
	out, err := base64.RawStdEncoding.Strict().DecodeString(string(bytes.TrimRight(text, "=")))
	if err != nil || len(text)-len(bytes.TrimRight(text, "=")) > 2 {
		return nil, record.BadEncoding
	}
	return out, record.OK
}

// decompress takes one layer of compression off, into a buffer, and returns what stands behind it.
func (u *Unpacker) decompress(buffer, data []byte, most int) (out, rest []byte, code record.Code) {
	in := bytes.NewReader(data)
	switch {
	case bytes.HasPrefix(data, []byte(gzipMagic)):
		return u.gunzip(buffer, in, most)
	case isZlib(data):
		z, err := zlib.NewReader(in)
		if err != nil {
			return buffer, nil, record.BadCompression
		}
		out, code = read(buffer, z, most)
		return out, remainder(in), code
	}
	if u.zstd.Reset(in) != nil {
		return buffer, nil, record.BadCompression
	}
	out, code = read(buffer, u.zstd, most)
	return out, nil, code
}

// gunzip reads one gzip member after the other, as gzip does, and leaves what is none.
func (u *Unpacker) gunzip(out []byte, in *bytes.Reader, most int) (_, rest []byte, code record.Code) {
	for {
		if u.gzip.Reset(in) != nil {
			return out, nil, record.BadCompression
		}
		u.gzip.Multistream(false)
		if out, code = read(out, &u.gzip, most); code != record.OK {
			return out, nil, code
		}
		if rest = remainder(in); !bytes.HasPrefix(rest, []byte(gzipMagic)) {
			return out, rest, record.OK
		}
		in = bytes.NewReader(rest)
	}
}

// remainder is what a reader has left, without blanks and zeros in front: writers pad with these.
func remainder(in *bytes.Reader) []byte {
	if in.Len() == 0 {
		return nil
	}
	left := make([]byte, in.Len())
	_, _ = in.Read(left)
	return bytes.TrimLeft(left, blank+"\x00")
}

// read appends all that a decompressor gives to out, as far as a payload may be long.
func read(out []byte, in io.Reader, most int) ([]byte, record.Code) {
	for {
		if len(out) == cap(out) {
			out = slices.Grow(out, max(512, min(len(out), most+1-len(out)))) // to the double, and never far beyond the most
		}
		n, err := in.Read(out[len(out):cap(out)])
		out = out[:len(out)+n]
		switch {
		case errors.Is(err, zstd.ErrDecoderSizeExceeded), errors.Is(err, zstd.ErrWindowSizeExceeded), len(out) > record.MaxPayload:
			return out, record.TooLarge
		case len(out) > most:
			return out, record.OverMemory
		case err == io.EOF:
			return out, record.OK
		case err != nil:
			return out, record.BadCompression
		}
	}
}
