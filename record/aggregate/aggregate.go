// Package aggregate is the format in which the Kinesis Producer Library (KPL) packs many user records into one Kinesis
// record: four magic bytes, a protobuf message, and the MD5 of that message.
//
//	F3 89 9A C2 | message | MD5(message)
//
//	message      1: partition keys, 2: explicit hash keys, 3: records       each repeated
//	record       1: index of its partition key, 2: index of its explicit hash key (optional), 3: data, 4: tags
//
// [Is] tells an aggregated record from a plain one, [Decode] unpacks it, [Encoder] packs it. The message is read and
// written by hand: it has five fields, and unknown ones are skipped as protobuf asks for. Order is kept: the place of
// a user record in the message is its sub-sequence number.
//
// Kinesis knows nothing of this. An aggregated record lands in the shard of its own partition key, so whoever packs
// takes user records of one shard only.
package aggregate

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"fmt"
)

// Magic is what an aggregated record starts with.
const Magic = "\xf3\x89\x9a\xc2"

// Overhead is what an aggregated record has besides its message, in bytes.
const Overhead = len(Magic) + md5.Size

// UserRecord is one record as its producer meant it.
type UserRecord struct {
	PartitionKey string
	// ExplicitHashKey is a decimal 128-bit number that replaces the partition key's hash, or "".
	ExplicitHashKey string
	Data            []byte
}

// Fault is what is wrong with a record that starts like an aggregated one.
type Fault int

// The faults. A plain record that happens to start with the magic bytes has a BadChecksum.
const (
	// BadChecksum: the MD5 is not that of the message, or there is no room for one.
	BadChecksum Fault = iota + 1
	// BadMessage: the message is not protobuf, or its fields have other types.
	BadMessage
	// BadIndex: a record has no partition key, or names one that the message does not hold.
	BadIndex
	// Empty: the message has no records.
	Empty
)

// Error says why a record cannot be unpacked.
type Error struct {
	Fault  Fault
	Reason string
}

func (e *Error) Error() string { return "unpack an aggregated record: " + e.Reason }

// Is reports whether data starts like an aggregated record. Only Decode can tell whether it is one.
func Is(data []byte) bool {
	return len(data) >= Overhead && string(data[:len(Magic)]) == Magic
}

// Decode unpacks an aggregated record. The data of its user records points into data. A failure is an *[Error], and
// then no record is returned: half of an aggregated record is never taken for the whole.
func Decode(data []byte) ([]UserRecord, error) {
	if !Is(data) {
		return nil, &Error{BadChecksum, "it does not start with the magic bytes, or is too short"}
	}
	message := data[len(Magic) : len(data)-md5.Size]
	if sum := md5.Sum(message); !bytes.Equal(sum[:], data[len(data)-md5.Size:]) {
		return nil, &Error{BadChecksum, "its MD5 is not that of its content"}
	}
	var m contents
	if err := m.read(message); err != nil {
		return nil, err
	}
	return m.userRecords()
}

// contents is the message before its indexes are resolved.
type contents struct {
	keys, hashKeys []string
	records        []packed
}

// packed is one record of a message. An index of -1 is missing.
type packed struct {
	key, hashKey int64
	data         []byte
}

func (m *contents) read(b []byte) error {
	return fields(b, func(number int, _ uint64, content []byte) error {
		switch {
		case number > 3:
			return nil
		case content == nil:
			return &Error{BadMessage, fmt.Sprintf("field %d of the message is a number", number)}
		case number == 1:
			m.keys = append(m.keys, string(content))
		case number == 2:
			m.hashKeys = append(m.hashKeys, string(content))
		default:
			p := packed{key: -1, hashKey: -1}
			if err := p.read(content); err != nil {
				return err
			}
			m.records = append(m.records, p)
		}
		return nil
	})
}

func (p *packed) read(b []byte) error {
	return fields(b, func(number int, n uint64, content []byte) error {
		switch {
		case number > 3:
			return nil
		case (number == 3) != (content != nil):
			return &Error{BadMessage, fmt.Sprintf("field %d of a record has another type", number)}
		case number == 1:
			p.key = index(n)
		case number == 2:
			p.hashKey = index(n)
		default:
			p.data = content
		}
		return nil
	})
}

// index keeps an index that no table can have from wrapping around to one that it has.
func index(n uint64) int64 { return int64(min(n, 1<<62)) }

func (m *contents) userRecords() ([]UserRecord, error) {
	if len(m.records) == 0 {
		return nil, &Error{Empty, "it holds no records"}
	}
	out := make([]UserRecord, len(m.records))
	for i, p := range m.records {
		if p.key < 0 || p.key >= int64(len(m.keys)) {
			return nil, &Error{BadIndex, fmt.Sprintf("record %d has partition key %d of %d", i, p.key, len(m.keys))}
		}
		if p.hashKey >= int64(len(m.hashKeys)) {
			return nil, &Error{BadIndex, fmt.Sprintf("record %d has explicit hash key %d of %d", i, p.hashKey, len(m.hashKeys))}
		}
		out[i] = UserRecord{PartitionKey: m.keys[p.key], Data: p.data}
		if p.hashKey >= 0 {
			out[i].ExplicitHashKey = m.hashKeys[p.hashKey]
		}
	}
	return out, nil
}

// The protobuf wire types.
const (
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
	wireFixed32 = 5
)

// fields calls visit for each field of a protobuf message: with its number, and with its value if that is a number,
// or else its content, which is then not nil.
func fields(b []byte, visit func(number int, n uint64, content []byte) error) error {
	for len(b) > 0 {
		tag, size := binary.Uvarint(b)
		if size <= 0 || tag>>3 == 0 || tag>>3 > 1<<29-1 {
			return &Error{BadMessage, "a field has no valid tag"}
		}
		b = b[size:]
		n, content, used := field(tag&7, b)
		if used < 0 {
			return &Error{BadMessage, fmt.Sprintf("field %d is cut off or of an unknown type", tag>>3)}
		}
		b = b[used:]
		if err := visit(int(tag>>3), n, content); err != nil {
			return err
		}
	}
	return nil
}

// field reads one value and tells how many bytes it took, or -1.
func field(wire uint64, b []byte) (n uint64, content []byte, used int) {
	switch wire {
	case wireVarint:
		if n, used = binary.Uvarint(b); used > 0 {
			return n, nil, used
		}
	case wireFixed64:
		if len(b) >= 8 {
			return binary.LittleEndian.Uint64(b), nil, 8
		}
	case wireFixed32:
		if len(b) >= 4 {
			return uint64(binary.LittleEndian.Uint32(b)), nil, 4
		}
	case wireBytes:
		length, size := binary.Uvarint(b)
		if size > 0 && length <= uint64(len(b)-size) {
			end := size + int(length)
			return 0, b[size:end:end], end
		}
	}
	return 0, nil, -1
}
