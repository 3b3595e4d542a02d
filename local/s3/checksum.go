package s3

import (
	"context"
	"encoding/base64"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strings"

	"github.com/rclone/gofakes3"
)

// How the checksum of a multipart upload is made: of the whole object, or of the checksums of its parts.
const (
	headerSumType      = checksumPrefix + "Type"
	headerSumAlgorithm = checksumPrefix + "Algorithm"
	sumFull            = "FULL_OBJECT"
	sumComposite       = "COMPOSITE"
)

// sumHeader is the header of an algorithm's checksums.
func sumHeader(algorithm string) string {
	return http.CanonicalHeaderKey(checksumPrefix + strings.ToLower(algorithm))
}

// sumsXML are checksums as documents name them.
type sumsXML struct {
	CRC32     string `xml:"ChecksumCRC32,omitempty"`
	CRC32C    string `xml:"ChecksumCRC32C,omitempty"`
	CRC64NVME string `xml:"ChecksumCRC64NVME,omitempty"`
	SHA1      string `xml:"ChecksumSHA1,omitempty"`
	SHA256    string `xml:"ChecksumSHA256,omitempty"`
}

func (s *sumsXML) field(algorithm string) *string {
	switch strings.ToLower(algorithm) {
	case "crc32":
		return &s.CRC32
	case "crc32c":
		return &s.CRC32C
	case "crc64nvme":
		return &s.CRC64NVME
	case "sha1":
		return &s.SHA1
	}
	return &s.SHA256
}

// algorithms are those whose checksums are known, as their headers end.
var algorithms = []string{"Crc32", "Crc32c", "Crc64nvme", "Sha1", "Sha256"} // never changed

// sumsOf reads the checksums that are kept with an object or a part.
func sumsOf(metadata map[string]exact) (sums sumsXML) {
	for _, algorithm := range algorithms {
		*sums.field(algorithm) = string(metadata[checksumPrefix+algorithm])
	}
	return sums
}

// sumType is how an object's checksums are made; empty where it has none.
func (o *object) sumType() string {
	if kind := string(o.Metadata[headerSumType]); kind != "" {
		return kind
	}
	if sumsOf(o.Metadata) != (sumsXML{}) {
		return sumFull
	}
	return ""
}

// readUploadSums reads which checksums the parts of an upload will have.
func (c *call) readUploadSums(h http.Header) error {
	algorithm, kind := h.Get(headerSumAlgorithm), h.Get(headerSumType)
	h.Del(headerSumType)
	if algorithm == "" {
		if kind != "" {
			return refuse(gofakes3.ErrInvalidRequest, "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.")
		}
		return nil
	}
	if newHash(sumHeader(algorithm)) == nil {
		return refuse(gofakes3.ErrInvalidRequest, "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]")
	}
	c.algorithm = strings.ToUpper(algorithm)
	whole := c.algorithm == "CRC64NVME"
	switch {
	case kind == "" && whole:
		kind = sumFull
	case kind == "":
		kind = sumComposite
	case kind != sumFull && kind != sumComposite:
		return refuse(gofakes3.ErrInvalidRequest, "Value for x-amz-checksum-type header is invalid.")
	case kind == sumFull && strings.HasPrefix(c.algorithm, "SHA"), kind == sumComposite && whole:
		return refuse(gofakes3.ErrInvalidRequest, fmt.Sprintf("The %s checksum type cannot be used with the %s checksum algorithm.", kind, strings.ToLower(algorithm)))
	}
	c.sumType = kind
	return nil
}

// hashes makes checksums of a stream on its way.
type hashes map[string]hash.Hash // by header

func newHashes(headers ...string) hashes {
	h := hashes{}
	for _, header := range headers {
		h[header] = newHash(header)
	}
	return h
}

func (h hashes) tee(r io.Reader) io.Reader {
	for _, sum := range h {
		r = io.TeeReader(r, sum)
	}
	return r
}

func (h hashes) value(header string) string {
	return base64.StdEncoding.EncodeToString(h[header].Sum(nil))
}

// keepSums notes the checksums of a part: those that came with it, or for a part that is copied the one of its upload.
func (u *upload) keepSums(part *object, c *call, made hashes) error {
	part.Metadata = map[string]exact{}
	c.body.checksums(func(header, value string) { part.Metadata[header] = exact(value) })
	for header := range made {
		part.Metadata[header] = exact(made.value(header))
	}
	if u.record.Algorithm == "" || part.Metadata[sumHeader(u.record.Algorithm)] != "" {
		return nil
	}
	have := "null"
	for _, algorithm := range algorithms {
		if part.Metadata[checksumPrefix+algorithm] != "" {
			have = strings.ToLower(algorithm)
		}
	}
	return refuse(gofakes3.ErrInvalidRequest, "Checksum Type mismatch occurred, expected checksum Type: "+strings.ToLower(u.record.Algorithm)+", actual checksum Type: "+have)
}

// checkPartSums compares the checksums that a completion names with those of the part.
func (u *upload) checkPartSums(wanted completedPart, part *object) error {
	have := sumsOf(part.Metadata)
	for _, algorithm := range algorithms {
		if want := *wanted.field(algorithm); want != "" && want != *have.field(algorithm) {
			return invalidPart(wanted.Number)
		}
	}
	if u.record.SumType == sumComposite && *wanted.field(u.record.Algorithm) == "" {
		return refuse(gofakes3.ErrInvalidRequest, fmt.Sprintf("The upload was created using a %s checksum. The complete request must include the "+
			"checksum for each part. It was missing for part %d in the request.", strings.ToLower(u.record.Algorithm), wanted.Number))
	}
	return nil
}

func invalidPart(number int) error {
	return refuse(gofakes3.ErrInvalidPart, fmt.Sprintf("One or more of the specified parts could not be found. The part may not have been "+
		"uploaded, or the specified entity tag or checksum may not match that of part %d.", number))
}

// compositeSum is the checksum of the checksums of the parts.
func (u *upload) compositeSum(parts []completedPart) (string, error) {
	header := sumHeader(u.record.Algorithm)
	sum := newHash(header)
	for _, p := range parts {
		raw, err := base64.StdEncoding.DecodeString(string(u.parts[p.Number].Metadata[header]))
		if err != nil {
			return "", errDamaged
		}
		_, _ = sum.Write(raw)
	}
	return fmt.Sprintf("%s-%d", base64.StdEncoding.EncodeToString(sum.Sum(nil)), len(parts)), nil
}

// objectHashes are the checksums of the whole object that a completion needs.
func (c *call) objectHashes(u *upload) (hashes, error) {
	if kind := c.sumType; kind != "" && u.record.SumType != "" && kind != u.record.SumType {
		return nil, refuse(gofakes3.ErrInvalidRequest, "The upload was created using the "+u.record.SumType+" checksum mode. The complete request must use the same checksum mode.")
	}
	var headers []string
	if u.record.SumType == sumFull {
		headers = append(headers, sumHeader(u.record.Algorithm))
	}
	for header := range c.objectSums {
		if u.record.SumType != sumComposite {
			headers = append(headers, header)
		} else if header != sumHeader(u.record.Algorithm) {
			return nil, refuse(gofakes3.ErrInvalidRequest, "the upload was created with another checksum than "+header)
		}
	}
	return newHashes(headers...), nil
}

// setSums gives an object the checksums of its upload, and compares them with what the completion promised.
func (u *upload) setSums(c *call, o *object, parts []completedPart, made hashes) error {
	for header := range made {
		o.Metadata[header] = exact(made.value(header))
	}
	if len(made) > 0 {
		o.Metadata[headerSumType] = sumFull
	}
	if u.record.SumType == sumComposite {
		sum, err := u.compositeSum(parts)
		if err != nil {
			return err
		}
		o.Metadata[sumHeader(u.record.Algorithm)], o.Metadata[headerSumType] = exact(sum), sumComposite
		for _, p := range parts {
			o.PartSums = append(o.PartSums, string(u.parts[p.Number].Metadata[sumHeader(u.record.Algorithm)]))
		}
	}
	for header, want := range c.objectSums {
		have, _, _ := strings.Cut(string(o.Metadata[header]), "-")
		if base, _, _ := strings.Cut(want, "-"); base != have {
			return refuse(gofakes3.ErrBadDigest, "the parts together do not match "+header)
		}
	}
	return nil
}

// copySums are the checksums that a copy gets: the one that is asked for, or those of its source, made anew of its bytes.
func (c *call) copySums(src *object) hashes {
	if c.algorithm != "" {
		return newHashes(sumHeader(c.algorithm))
	}
	var headers []string
	for _, algorithm := range algorithms {
		if header := checksumPrefix + algorithm; src.Metadata[header] != "" {
			headers = append(headers, header)
		}
	}
	return newHashes(headers...)
}

// finishUpload tells the library that an upload has ended without it.
func (b *backend) finishUpload(u *upload) {
	_ = b.library.ForgetMultipartUpload(context.Background(), u.record.Bucket, string(u.record.Key), gofakes3.UploadID(u.id))
}
