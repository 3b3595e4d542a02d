package log

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io/fs"
	"path/filepath"

	"github.com/snowstream/snowstream/local/kinesis/disk"
)

// proofName is the file beside the segments that says how far the log was acknowledged.
const proofName = "acknowledged"

const (
	proofMagic = 0x314b4341 // "ACK1"
	proofBytes = 32
	// proofSlots are written in turn, each in a sector of its own: a torn or damaged one leaves the one before it.
	proofSlots  = 2
	proofSector = 512
)

// proof is how far a log was acknowledged: that many bytes of the segment that begins with record base, which hold the
// records before end.
type proof struct{ base, bytes, end int64 }

func (p proof) less(q proof) bool { return p.end < q.end || p.end == q.end && p.bytes < q.bytes }

// prove notes that all up to the end of the last block is synced, before anybody is told. The note itself is not synced:
// a killed process leaves it, and a power cut an older one, which is as true. So an error here costs nothing but that
// an older note stands; the next commit tries again.
func (l *Log) prove(p proof) {
	if l.proofFile == nil {
		name := filepath.Join(l.cfg.Dir, proofName)
		f, err := l.cfg.FS.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			f, err = l.cfg.FS.Create(name)
		}
		if err != nil {
			return
		}
		l.proofFile = f
	}
	var slot [proofBytes]byte
	binary.LittleEndian.PutUint32(slot[:], proofMagic)
	binary.LittleEndian.PutUint64(slot[8:], uint64(p.base))
	binary.LittleEndian.PutUint64(slot[16:], uint64(p.bytes))
	binary.LittleEndian.PutUint64(slot[24:], uint64(p.end))
	binary.LittleEndian.PutUint32(slot[4:], crc32.Checksum(slot[8:], castagnoli))
	if _, err := l.proofFile.WriteAt(slot[:], l.proofs%proofSlots*proofSector); err == nil {
		l.proofs++
	}
}

// readProof returns the furthest readable note; without one, that nothing was acknowledged.
func readProof(fsys disk.FS, dir string) (proof, error) {
	data, err := disk.ReadFile(fsys, filepath.Join(dir, proofName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return proof{}, err
	}
	var best proof
	for at := 0; at+proofBytes <= len(data); at += proofSector {
		slot := data[at : at+proofBytes]
		if binary.LittleEndian.Uint32(slot) != proofMagic || binary.LittleEndian.Uint32(slot[4:]) != crc32.Checksum(slot[8:], castagnoli) {
			continue
		}
		p := proof{
			base: int64(binary.LittleEndian.Uint64(slot[8:])), bytes: int64(binary.LittleEndian.Uint64(slot[16:])),
			end: int64(binary.LittleEndian.Uint64(slot[24:])),
		}
		if best.less(p) {
			best = p
		}
	}
	return best, nil
}
