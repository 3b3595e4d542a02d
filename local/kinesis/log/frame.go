package log

import (
	"encoding/binary"
	"hash/crc32"
)

const (
	blockMagic  = 0x314b4c42 // "BLK1"; larger than any frame length
	blockHeader = 24
	frameHeader = 8  // length and checksum
	frameFixed  = 10 // arrival and length of key
	// maxFrame bounds a frame's length field. The largest record Kinesis allows is 10 MiB with its key.
	maxFrame = 12 << 20
	// maxKey is the largest partition key in bytes: 256 characters of up to 4.
	maxKey = 1024
)

// castagnoli is constant after start-up; the hardware computes this polynomial.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Entry is a record to store. Data and key together are at most 11 MiB, the key at most 1,024 bytes.
type Entry struct {
	Key, Data []byte
	// Arrival is in milliseconds since 1970. It may run backwards.
	Arrival int64
}

// Record is a stored record.
type Record struct {
	Entry
	Index int64
}

// fits says whether an entry is within the limits.
func (e *Entry) fits() bool {
	return len(e.Key) <= maxKey && frameFixed+len(e.Key)+len(e.Data) <= maxFrame
}

// appendFrame appends the frame of an entry that fits.
func appendFrame(buf []byte, index int64, e *Entry) []byte {
	start := len(buf)
	buf = binary.LittleEndian.AppendUint32(buf, uint32(frameFixed+len(e.Key)+len(e.Data)))
	buf = append(buf, 0, 0, 0, 0)
	buf = binary.LittleEndian.AppendUint64(buf, uint64(e.Arrival))
	buf = binary.LittleEndian.AppendUint16(buf, uint16(len(e.Key)))
	buf = append(buf, e.Key...)
	buf = append(buf, e.Data...)
	binary.LittleEndian.PutUint32(buf[start+4:], frameSum(index, buf[start+frameHeader:]))
	return buf
}

// frameSum is the checksum over the frame behind the header, begun with the record's index: for one content any two
// indexes that differ in their lower half give different sums.
func frameSum(index int64, body []byte) uint32 {
	return crc32.Update(uint32(index)^uint32(index>>32), castagnoli, body)
}

// parseFrame reads the frame that fills buf, and says what is wrong with it if it is not that of the record index. The
// record's bytes are those of buf.
func parseFrame(buf []byte, index int64) (rec Record, reason string) {
	body := buf[frameHeader:]
	if binary.LittleEndian.Uint32(buf[4:]) != frameSum(index, body) {
		return rec, "checksum of record does not match"
	}
	keyLen := int(binary.LittleEndian.Uint16(body[8:]))
	if keyLen > len(body)-frameFixed {
		return rec, "key is longer than its record"
	}
	rec.Index = index
	rec.Arrival = int64(binary.LittleEndian.Uint64(body))
	rec.Key = body[frameFixed : frameFixed+keyLen : frameFixed+keyLen]
	rec.Data = body[frameFixed+keyLen : len(body) : len(body)]
	return rec, ""
}

// putBlockHeader fills the first bytes of a block that goes to offset.
func putBlockHeader(buf []byte, offset, first int64) {
	binary.LittleEndian.PutUint32(buf, blockMagic)
	binary.LittleEndian.PutUint64(buf[8:], uint64(offset))
	binary.LittleEndian.PutUint64(buf[16:], uint64(first))
	binary.LittleEndian.PutUint32(buf[4:], crc32.Checksum(buf[8:blockHeader], castagnoli))
}

// parseBlockHeader returns the index of a block's first record if buf starts with the block header of that offset.
func parseBlockHeader(buf []byte, offset int64) (first int64, ok bool) {
	if len(buf) < blockHeader ||
		binary.LittleEndian.Uint32(buf) != blockMagic ||
		binary.LittleEndian.Uint32(buf[4:]) != crc32.Checksum(buf[8:blockHeader], castagnoli) ||
		binary.LittleEndian.Uint64(buf[8:]) != uint64(offset) {
		return 0, false
	}
	first = int64(binary.LittleEndian.Uint64(buf[16:]))
	return first, first >= 0
}
