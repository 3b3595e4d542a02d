// Package unpack takes one Kinesis record apart into the records that its producer meant: KPL aggregation, then layers of
// compression and base64, then what the schema says a payload is, such as lines or an array, then the array that it wants a
// row an element of.
//
// What is inside gets sub-sequence numbers 0, 1, 2, … in order, so each record has an identity of its own. What cannot
// be taken apart stays one record with the reason, and its bytes as Kinesis held them: half of an aggregate is never
// taken for the whole.
package unpack

import (
	"fmt"
	"iter"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/aggregate"
)

// Unpacker takes records apart. It is made once and used for many records, by one goroutine.
type Unpacker struct {
	schema record.Schema
	// explode is the path to the array that becomes rows, nil if there is none.
	explode []string
	// wraps says that any payload may be more than a record.
	wraps bool
	// most is the longest payload that is unpacked, in bytes; see Bound.
	most int
	// whole says which payloads are left packed; see Leave.
	whole func(record.Position) bool
	gzip  gzip.Reader
	zstd  *zstd.Decoder
	// spare are buffers of payloads that nobody holds any more: one layer is unpacked from one into the other.
	spare [2][]byte
}

// New returns an unpacker of the payloads that a schema, which has passed Check, describes.
func New(schema record.Schema) (*Unpacker, error) {
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(2*record.MaxPayload))
	if err != nil {
		return nil, fmt.Errorf("make a zstd decoder: %w", err)
	}
	u := &Unpacker{schema: schema, explode: schema.Exploded(), zstd: z, most: record.MaxPayload}
	u.wraps = schema.Payload != record.Document || u.explode != nil || schema.Base64
	return u, nil
}

// Bound refuses payloads that unpack to more bytes than that as OverMemory, before they are too large for any column.
func (u *Unpacker) Bound(most int) { u.most = min(most, record.MaxPayload) }

// Leave has the compressed payloads at these positions refused as OverMemory, whatever they unpack to: a process with less
// memory did, and the numbers of what follows rest on it.
func (u *Unpacker) Leave(whole func(record.Position) bool) { u.whole = whole }

// packed reports whether a payload may be more than a record, or another one than it looks.
func (u *Unpacker) packed(data []byte) bool {
	if u.wraps || len(data) == 0 {
		return u.wraps
	}
	switch data[0] {
	case gzipMagic[0], zstdMagic[0], zlibMagic, aggregate.Magic[0], registered:
		return true
	}
	return false
}

// Append appends the records inside r to dst: at least one.
func (u *Unpacker) Append(dst []record.Record, r record.Record) []record.Record {
	c := u.Cursor([]record.Record{r})
	defer c.Close()
	for one := c.Peek(); one != nil; one = c.Peek() {
		u.spare = [2][]byte{} // dst holds what lies there
		dst = append(dst, *one)
		c.Next()
	}
	return dst
}

// payload yields what one payload holds, numbered from the record's own sub-sequence number on. The data of each record is
// valid until the next one.
func (u *Unpacker) payload(r record.Record, most int, yield func(record.Record) bool) {
	n := int64(0)
	give := func(data []byte, refused record.Code) bool {
		one := r
		one.Data, one.Refused, one.Subsequence = data, refused, r.Subsequence+n
		n++
		return yield(one)
	}
	for rest := r.Data; len(rest) > 0 || n == 0; {
		one := r
		one.Data, one.Subsequence = rest, r.Subsequence+n
		var data []byte
		var code record.Code
		if data, rest, code = u.open(one, most); code != record.OK {
			give(data, code)
			return
		}
		before := n
		for document := range u.split(data) {
			if !u.rows(document, give) {
				return
			}
		}
		if n == before && !give(data, record.OK) { // nothing but blanks: one record, which is then refused as empty
			return
		}
	}
}

// open takes the layers off a record's payload. rest is what stands behind it, a payload of its own, and shorter. What cannot
// be opened stays as it is, with the reason, and payloads that unpack to more than most bytes cannot.
func (u *Unpacker) open(r record.Record, most int) (data, rest []byte, code record.Code) {
	if u.whole != nil && isCompressed(r.Data) && u.whole(r.Position) {
		return r.Data, nil, record.OverMemory
	}
	data, rest, code = u.layers(r.Data, most)
	if code == record.OK && isRegistered(data) {
		code = record.SchemaRegistry
	}
	if code != record.OK {
		return r.Data, nil, code
	}
	return data, rest, record.OK
}

// rows gives the records that a document becomes, as long as they are wanted.
func (u *Unpacker) rows(document []byte, give func(data []byte, refused record.Code) bool) bool {
	path := u.explode
	if path == nil && u.schema.Payload == record.Auto && record.IsCloudWatchLogs(document) {
		path = record.CloudWatchLogsEvents()
	}
	if path == nil {
		return give(document, record.OK)
	}
	rows, refused := explode(document, path)
	if refused != record.OK {
		return give(document, refused)
	}
	for row := range rows {
		if !give(row, record.OK) {
			return false
		}
	}
	return true
}

// split takes a payload apart into documents.
func (u *Unpacker) split(data []byte) iter.Seq[[]byte] {
	whole := func(yield func([]byte) bool) { yield(data) }
	switch u.schema.Payload {
	case record.Lines:
		return lines(data)
	case record.Concatenated:
		return documents(data)
	case record.Array:
		if list, ok := elements(data); ok {
			return list
		}
	case record.Auto:
		return automatic(data)
	}
	return whole
}

// automatic decides by how a payload begins: an array is its elements, an object one of several, a line each if the first
// line is whole.
func automatic(data []byte) iter.Seq[[]byte] {
	if list, ok := elements(data); ok {
		return list
	}
	if !isLines(data) {
		return documents(data)
	}
	return func(yield func([]byte) bool) {
		for line := range lines(data) {
			for document := range documents(line) {
				if !yield(document) {
					return
				}
			}
		}
	}
}

// registered is the first byte of what isRegistered looks for.
const registered = '\x03'

// isRegistered reports whether data begins with the header that AWS Glue Schema Registry's serializers write: version 3, a
// byte for the compression, and the 16 bytes of a schema version's UUID.
func isRegistered(data []byte) bool {
	return len(data) >= 18 && data[0] == registered && (data[1] == 0 || data[1] == 5)
}
