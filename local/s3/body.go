package s3

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/rclone/gofakes3"
)

const (
	headerSHA256  = "X-Amz-Content-Sha256"
	headerDecoded = "X-Amz-Decoded-Content-Length"
	headerTrailer = "X-Amz-Trailer"
	// checksumPrefix starts the headers and trailers of checksums: x-amz-checksum-<algorithm>.
	checksumPrefix = "X-Amz-Checksum-"
	// crc64NVME is the reversed polynomial of CRC-64/NVME.
	crc64NVME = 0x9a6c9329ac4bc9b5
)

// digest is one checksum that a client promises of its bytes.
type digest struct {
	name string // canonical header name
	want []byte // nil until the trailer that carries it has been read
	hash.Hash
}

func (d *digest) matches() bool { return d.want != nil && bytes.Equal(d.Sum(nil), d.want) }

// newHash returns the hash of a checksum header, or nil for one this server does not know.
func newHash(header string) hash.Hash {
	switch strings.ToLower(strings.TrimPrefix(header, checksumPrefix)) {
	case "crc32":
		return crc32.NewIEEE()
	case "crc32c":
		return crc32.New(crc32.MakeTable(crc32.Castagnoli))
	case "crc64nvme":
		return crc64.New(crc64.MakeTable(crc64NVME))
	case "sha1":
		return sha1.New()
	case "sha256":
		return sha256.New()
	}
	return nil
}

// newDigest makes the digest of a checksum header; encoded is its value, or "" if a trailer brings it.
func newDigest(header, encoded string) (*digest, error) {
	header = http.CanonicalHeaderKey(header)
	sum := newHash(header)
	if sum == nil {
		return nil, refuse(gofakes3.ErrNotImplemented, "the checksum "+header+" is not supported; "+
			"use crc32, crc32c, crc64nvme, sha1 or sha256")
	}
	d := &digest{name: header, Hash: sum}
	if encoded == "" {
		return d, nil
	}
	return d, d.expect(encoded)
}

func (d *digest) expect(encoded string) error {
	want, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(want) != d.Size() {
		return refuse(gofakes3.ErrInvalidRequest, "the value of "+d.name+" is not a checksum of that kind in base64")
	}
	d.want = want
	return nil
}

// checksumHeaders returns the digests of the x-amz-checksum-* headers.
func checksumHeaders(h http.Header) ([]*digest, error) {
	var digests []*digest
	for name, values := range h {
		if !strings.HasPrefix(name, checksumPrefix) || len(values) == 0 {
			continue
		}
		switch strings.TrimPrefix(name, checksumPrefix) {
		case "Algorithm", "Type", "Mode":
			continue
		}
		d, err := newDigest(name, values[0])
		if err != nil {
			return nil, err
		}
		digests = append(digests, d)
	}
	return digests, nil
}

// body is a request's content on its way in. It takes off the framing and checks length and checksums when the last
// byte has been read; reading to the end without an error is the proof that the content is what the client sent.
//
// The library checks less: it stops at the declared length, before the trailers, and ignores the checksums of parts.
type body struct {
	src      io.Reader
	closer   io.Closer
	framing  *chunked // nil for a plain body
	size     int64    // declared length of the content; -1 if unknown
	read     int64
	digests  []*digest
	finished error // the outcome, once known: io.EOF or what is wrong
}

// newBody wraps a request's body. checksums tells that x-amz-checksum-* headers speak of the body; when a multipart
// upload is completed they speak of the object.
func newBody(r *http.Request, checksums bool) (*body, error) {
	b := &body{src: r.Body, closer: r.Body, size: r.ContentLength}
	if checksums {
		digests, err := checksumHeaders(r.Header)
		if err != nil {
			return nil, err
		}
		b.digests = digests
	}
	if encoded := r.Header.Get("Content-MD5"); encoded != "" {
		d := &digest{name: "Content-MD5", Hash: md5.New()}
		if d.expect(encoded) != nil {
			return nil, refuse(gofakes3.ErrInvalidDigest, "Content-MD5 is not an MD5 in base64")
		}
		b.digests = append(b.digests, d)
	}
	return b, b.addPayload(r)
}

// addPayload reads x-amz-content-sha256: the digest of a plain body, or the kind of framing.
func (b *body) addPayload(r *http.Request) error {
	switch payload := r.Header.Get(headerSHA256); payload {
	case "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER":
		return b.addFraming(r)
	case "", "UNSIGNED-PAYLOAD":
		return nil
	default:
		want, err := hex.DecodeString(payload)
		if err != nil || len(want) != sha256.Size {
			return refuse(gofakes3.ErrNotImplemented, "x-amz-content-sha256 names a kind of body that is not supported")
		}
		b.digests = append(b.digests, &digest{name: headerSHA256, want: want, Hash: sha256.New()})
		return nil
	}
}

func (b *body) addFraming(r *http.Request) error {
	size, err := strconv.ParseInt(r.Header.Get(headerDecoded), 10, 64)
	if err != nil || size < 0 {
		return refuse(gofakes3.ErrMissingContentLength, "an aws-chunked body needs x-amz-decoded-content-length")
	}
	b.framing = newChunked(r.Body)
	b.src, b.size = b.framing, size
	for name := range strings.SplitSeq(r.Header.Get(headerTrailer), ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		d, err := newDigest(name, "")
		if err != nil {
			return err
		}
		b.digests = append(b.digests, d)
	}
	return nil
}

func (b *body) Read(p []byte) (int, error) {
	if b.finished != nil {
		return 0, b.finished
	}
	n, err := b.src.Read(p)
	b.read += int64(n)
	for _, d := range b.digests {
		_, _ = d.Write(p[:n])
	}
	switch {
	case b.size >= 0 && b.read > b.size:
		b.finished = refuse(gofakes3.ErrIncompleteBody, "the body is longer than its declared length")
	case err == io.EOF:
		b.finished = b.verify()
	case err != nil:
		b.finished = refuse(gofakes3.ErrIncompleteBody, "the body ended early or is not framed as announced; send it again")
	}
	return n, b.finished
}

// verify runs at the end of the body. It returns io.EOF if all is well.
func (b *body) verify() error {
	if b.size >= 0 && b.read != b.size {
		return refuse(gofakes3.ErrIncompleteBody, "the body is shorter than its declared length; send it again")
	}
	for _, d := range b.digests {
		if d.want == nil {
			if err := d.expect(b.framing.trailers[strings.ToLower(d.name)]); err != nil {
				return err
			}
		}
		if !d.matches() {
			return refuse(gofakes3.ErrBadDigest, "the body does not match its "+d.name+"; send it again")
		}
	}
	return io.EOF
}

// finish reads what the library left unread: nothing, or the trailers. It returns nil if the content is proven.
func (b *body) finish() error {
	if b == nil {
		return nil
	}
	rest := make([]byte, 512)
	for {
		if _, err := b.Read(rest); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// checksums calls set for each verified x-amz-checksum-* value.
func (b *body) checksums(set func(header, value string)) {
	if b == nil {
		return
	}
	for _, d := range b.digests {
		if strings.HasPrefix(d.name, checksumPrefix) {
			set(d.name, base64.StdEncoding.EncodeToString(d.want))
		}
	}
}

func (b *body) Close() error { return b.closer.Close() }

// plain rewrites the headers of a framed request so that the library sees the content alone. Without framing it drops
// x-amz-decoded-content-length, which the library would cut the body at.
func (b *body) plain(r *http.Request) {
	r.Body = b
	r.Header.Del(headerDecoded)
	if b.framing == nil {
		return
	}
	r.Header.Set(headerSHA256, "UNSIGNED-PAYLOAD")
	r.Header.Del(headerTrailer)
	r.Header.Set("Content-Length", strconv.FormatInt(b.size, 10))
	r.ContentLength, r.TransferEncoding = b.size, nil
}
