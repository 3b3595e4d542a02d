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
	gzip  gzip.Reader
	zstd  *zstd.Decoder
	// out is what the last Unpack returned, unless that were its own records.
	out []record.Record
}

// New returns an unpacker of the payloads that a schema, which has passed Check, describes.
func New(schema record.Schema) (*Unpacker, error) {
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(2*record.MaxPayload))
	if err != nil {
		return nil, fmt.Errorf("make a zstd decoder: %w", err)
	}
	u := &Unpacker{schema: schema, explode: schema.Exploded(), zstd: z}
	u.wraps = schema.Payload != record.Document || u.explode != nil || schema.Base64
	return u, nil
}

// Unpack returns the records inside records, which are not changed. It stops behind the record with which the unpacked
// payloads reach limit bytes. What it returns is valid until the next call; where there is nothing to take apart, it is
// the front of records itself.
func (u *Unpacker) Unpack(records []record.Record, limit int) []record.Record {
	size := 0
	for i := range records {
		if u.packed(records[i].Data) {
			return u.from(records, i, size, limit)
		}
		if size += len(records[i].Data); size >= limit {
			return records[:i+1]
		}
	}
	return records
}

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

// from is Unpack once the records in front of the i-th, size bytes of payload, have turned out to be plain.
func (u *Unpacker) from(records []record.Record, i, size, limit int) []record.Record {
	out := append(u.out[:0], records[:i]...)
	for ; i < len(records) && size < limit; i++ {
		from := len(out)
		out = u.Append(out, records[i])
		for _, one := range out[from:] {
			size += len(one.Data)
		}
	}
	u.out = out
	return out
}

// Append appends the records inside r to dst: at least one.
func (u *Unpacker) Append(dst []record.Record, r record.Record) []record.Record {
	if !aggregate.Is(r.Data) {
		return u.payload(dst, r)
	}
	users, err := aggregate.Decode(r.Data)
	if err != nil {
		r.Refused = record.BadAggregate
		return append(dst, r)
	}
	from := len(dst)
	for _, user := range users {
		one := r
		one.PartitionKey, one.Data = user.PartitionKey, user.Data
		one.Subsequence = int64(len(dst) - from)
		dst = u.payload(dst, one)
	}
	return dst
}

// payload appends what one payload holds, numbered from the record's own sub-sequence number on.
func (u *Unpacker) payload(dst []record.Record, r record.Record) []record.Record {
	data, rest, code := u.layers(r.Data)
	if code != record.OK {
		r.Refused = code
		return append(dst, r)
	}
	if isRegistered(data) {
		r.Refused = record.SchemaRegistry
		return append(dst, r)
	}
	from := len(dst)
	add := func(data []byte, refused record.Code) {
		one := r
		one.Data, one.Refused = data, refused
		one.Subsequence = r.Subsequence + int64(len(dst)-from)
		dst = append(dst, one)
	}
	for document := range u.split(data) {
		u.rows(document, add)
	}
	if len(dst) == from {
		add(data, record.OK) // nothing but blanks: one record, which is then refused as empty
	}
	if len(rest) > 0 {
		r.Data, r.Subsequence = rest, r.Subsequence+int64(len(dst)-from)
		return u.payload(dst, r) // shorter than what it was behind
	}
	return dst
}

// rows adds the records that a document becomes.
func (u *Unpacker) rows(document []byte, add func(data []byte, refused record.Code)) {
	path := u.explode
	if path == nil && u.schema.Payload == record.Auto && record.IsCloudWatchLogs(document) {
		path = record.CloudWatchLogsEvents()
	}
	if path == nil {
		add(document, record.OK)
		return
	}
	rows, refused := explode(document, path)
	if refused != record.OK {
		add(document, refused)
		return
	}
	for row := range rows {
		add(row, record.OK)
	}
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
