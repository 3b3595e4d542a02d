// Package unpack takes one Kinesis record apart into the records that its producer meant: KPL aggregation, then gzip or
// zstd, then, if the schema says so, lines.
//
// What is inside gets sub-sequence numbers 0, 1, 2, … in order, so each record has an identity of its own. What cannot
// be taken apart stays one record with the reason, and its bytes as Kinesis held them: half of an aggregate is never
// taken for the whole.
package unpack

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/aggregate"
)

// The magic numbers with which compressed payloads start. No JSON document can.
const (
	gzipMagic = "\x1f\x8b"
	zstdMagic = "\x28\xb5\x2f\xfd"
)

// Unpacker takes records apart. It is made once and used for many records, by one goroutine.
type Unpacker struct {
	lines bool
	gzip  gzip.Reader
	zstd  *zstd.Decoder
	// out is what the last Unpack returned, unless that were its own records.
	out []record.Record
}

// New returns an unpacker. With lines, a payload is several JSON documents, one a line.
func New(lines bool) (*Unpacker, error) {
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(2*record.MaxPayload))
	if err != nil {
		return nil, fmt.Errorf("make a zstd decoder: %w", err)
	}
	return &Unpacker{lines: lines, zstd: z}, nil
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

// packed reports whether a payload may be more than a record.
func (u *Unpacker) packed(data []byte) bool {
	return u.lines || len(data) > 0 && (data[0] == gzipMagic[0] || data[0] == zstdMagic[0]) || aggregate.Is(data)
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
	data, code := u.decompress(r.Data)
	if code != record.OK {
		r.Refused = code
		return append(dst, r)
	}
	r.Data = data
	if !u.lines {
		return append(dst, r)
	}
	from := len(dst)
	for line := range bytes.Lines(data) {
		if line = bytes.TrimRight(line, " \t\r\n"); len(line) == 0 {
			continue
		}
		one := r
		one.Data = line
		one.Subsequence = r.Subsequence + int64(len(dst)-from)
		dst = append(dst, one)
	}
	if len(dst) == from {
		return append(dst, r) // nothing but blank lines: one record, which is then refused as empty
	}
	return dst
}

func (u *Unpacker) decompress(data []byte) ([]byte, record.Code) {
	var in io.Reader
	switch {
	case bytes.HasPrefix(data, []byte(gzipMagic)):
		if u.gzip.Reset(bytes.NewReader(data)) != nil {
			return nil, record.BadCompression
		}
		in = &u.gzip
	case bytes.HasPrefix(data, []byte(zstdMagic)):
		if u.zstd.Reset(bytes.NewReader(data)) != nil {
			return nil, record.BadCompression
		}
		in = u.zstd
	default:
		return data, record.OK
	}
	out, err := io.ReadAll(io.LimitReader(in, record.MaxPayload+1))
	switch {
	case errors.Is(err, zstd.ErrDecoderSizeExceeded), errors.Is(err, zstd.ErrWindowSizeExceeded), len(out) > record.MaxPayload:
		return nil, record.TooLarge
	case err != nil:
		return nil, record.BadCompression
	}
	return out, record.OK
}
