package aggregate

import (
	"crypto/md5"
	"encoding/binary"
)

// Encoder packs user records into one aggregated record after the other. The zero value is ready; it is not for use
// by several goroutines at once.
type Encoder struct {
	keys, hashKeys map[string]int
	// tables are the fields of the keys, records those of the records: protobuf lets them stand apart.
	tables, records []byte
	count           int
}

// Add packs a record and its keys. It copies them.
func (e *Encoder) Add(r UserRecord) {
	if e.keys == nil {
		e.keys, e.hashKeys = map[string]int{}, map[string]int{}
	}
	key := e.index(e.keys, 1, r.PartitionKey)
	body := 1 + uvarintSize(uint64(key)) + 1 + uvarintSize(uint64(len(r.Data))) + len(r.Data)
	hashKey := 0
	if r.ExplicitHashKey != "" {
		hashKey = e.index(e.hashKeys, 2, r.ExplicitHashKey)
		body += 1 + uvarintSize(uint64(hashKey))
	}
	e.records = append(e.records, 3<<3|wireBytes)
	e.records = binary.AppendUvarint(e.records, uint64(body))
	e.records = append(e.records, 1<<3|wireVarint)
	e.records = binary.AppendUvarint(e.records, uint64(key))
	if r.ExplicitHashKey != "" {
		e.records = append(e.records, 2<<3|wireVarint)
		e.records = binary.AppendUvarint(e.records, uint64(hashKey))
	}
	e.records = append(e.records, 3<<3|wireBytes)
	e.records = binary.AppendUvarint(e.records, uint64(len(r.Data)))
	e.records = append(e.records, r.Data...)
	e.count++
}

// index is a key's place in its table, in which it is entered if it is new.
func (e *Encoder) index(table map[string]int, field byte, key string) int {
	i, known := table[key]
	if !known {
		i = len(table)
		table[key] = i
		e.tables = append(e.tables, field<<3|wireBytes)
		e.tables = binary.AppendUvarint(e.tables, uint64(len(key)))
		e.tables = append(e.tables, key...)
	}
	return i
}

// Len is the number of records packed since the last Reset.
func (e *Encoder) Len() int { return e.count }

// Size is the size of the aggregated record, in bytes.
func (e *Encoder) Size() int { return Overhead + len(e.tables) + len(e.records) }

// Grown is an upper bound of Size after one more Add of r.
func (e *Encoder) Grown(r UserRecord) int {
	const most = binary.MaxVarintLen32 + 1 // of a tag and a number
	return e.Size() + len(r.PartitionKey) + len(r.ExplicitHashKey) + len(r.Data) + 6*most
}

// Append appends the aggregated record to dst. With no record packed it appends nothing.
func (e *Encoder) Append(dst []byte) []byte {
	if e.count == 0 {
		return dst
	}
	dst = append(dst, Magic...)
	start := len(dst)
	dst = append(dst, e.tables...)
	dst = append(dst, e.records...)
	sum := md5.Sum(dst[start:])
	return append(dst, sum[:]...)
}

// Reset starts the next aggregated record.
func (e *Encoder) Reset() {
	clear(e.keys)
	clear(e.hashKeys)
	e.tables, e.records, e.count = e.tables[:0], e.records[:0], 0
}

func uvarintSize(n uint64) int {
	size := 1
	for n >= 0x80 {
		n >>= 7
		size++
	}
	return size
}
