package s3

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"strconv"
	"time"
)

// An object is one file, so that its bytes, its metadata and the notification it owes become durable by one rename:
//
//	the object's bytes | footer as JSON | footer length, 4 bytes | CRC-32C of the footer, 4 bytes | trailerMagic
//
// Integers are big-endian. The footer stands last because sizes and checksums are known only when the body has been
// read; `tail -c 2000 file` shows it.
const (
	trailerMagic = "snowobj1"
	trailerSize  = 8 + int64(len(trailerMagic))
	// blockSize is how much of an object one checksum covers, and so how much a small range read has to check.
	blockSize = 1 << 20
	// maxFooter bounds the memory a damaged length can ask for; 5 TiB of object need 28 MiB of checksums.
	maxFooter = 64 << 20
)

// errDamaged is a file at rest that does not match its checksums.
var errDamaged = errors.New("the stored bytes do not match their checksum")

// object is the footer of an object's file.
type object struct {
	Key      exact     `json:"key"`
	Size     int64     `json:"size"`
	ETag     string    `json:"etag"` // without quotes; MD5 in hex, for multipart uploads with "-" and the number of parts
	Modified time.Time `json:"modified"`
	// Sequence grows with every write of the server, over restarts too.
	Sequence uint64 `json:"sequence,omitempty"`
	// Versioned is set for every version but the null version of its key, and Marker for a delete marker.
	Versioned bool             `json:"versioned,omitempty"`
	Marker    bool             `json:"marker,omitempty"`
	Metadata  map[string]exact `json:"metadata,omitempty"` // header names in canonical form
	Tags      []tag            `json:"tags,omitempty"`     // that it was written with; see backend.tags
	Parts     []int64          `json:"parts,omitempty"`    // sizes of the parts of a multipart upload
	// PartSums are the checksums of the parts, where the object's is made of them.
	PartSums []string `json:"partSums,omitempty"`
	Upload   string   `json:"upload,omitempty"` // id of the multipart upload that made it
	Notice   *notice  `json:"notice,omitempty"` // the notification it owes; the outbox knows if it was delivered
	Blocks   []byte   `json:"blocks,omitempty"` // CRC-32C of each blockSize bytes, 4 bytes each
	Shown    string   `json:"-"`                // id of the version in answers; "" in a bucket that never had versions
}

// exact is text of any bytes. JSON strings cannot hold bytes that are not UTF-8, so it is stored with Go's escapes.
type exact string

func (e exact) MarshalText() ([]byte, error) {
	quoted := strconv.AppendQuoteToASCII(nil, string(e))
	return quoted[1 : len(quoted)-1], nil
}

func (e *exact) UnmarshalText(text []byte) error {
	s, err := strconv.Unquote(`"` + string(text) + `"`)
	*e = exact(s)
	return err
}

// fileName is the name of a key's file: keys may hold any byte, "..", or a path part longer than a file name may be;
// a digest holds none of these, and no two keys share one.
func fileName(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

func castagnoli(p []byte) uint32 { return crc32.Checksum(p, crc32.MakeTable(crc32.Castagnoli)) }

// staged is an object's bytes in a temporary file, not visible to anyone yet.
type staged struct {
	file   *os.File
	size   int64
	md5    [md5.Size]byte
	blocks []byte
}

func (s *staged) discard() { discard(s.file) }

// etag is the ETag of an object that was written in one piece.
func (s *staged) etag() string { return hex.EncodeToString(s.md5[:]) }

// blockSums makes the checksums of a stream's blocks.
type blockSums struct {
	sums   []byte
	sum    uint32
	filled int // bytes of the current block
}

func (b *blockSums) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		n := min(len(rest), blockSize-b.filled)
		b.sum = crc32.Update(b.sum, crc32.MakeTable(crc32.Castagnoli), rest[:n])
		b.filled += n
		if b.filled == blockSize {
			b.close()
		}
		rest = rest[n:]
	}
	return len(p), nil
}

// close ends the current block, if it has begun.
func (b *blockSums) close() {
	if b.filled > 0 {
		b.sums = binary.BigEndian.AppendUint32(b.sums, b.sum)
		b.sum, b.filled = 0, 0
	}
}

// stage copies r to its end into a temporary file. The caller discards or publishes it.
func (d *disk) stage(r io.Reader) (*staged, error) {
	f, err := d.create()
	if err != nil {
		return nil, err
	}
	s := &staged{file: f}
	sum, blocks := md5.New(), &blockSums{}
	if s.size, err = io.Copy(io.MultiWriter(sum, blocks, f), r); err != nil {
		s.discard()
		return nil, err
	}
	blocks.close()
	s.blocks = blocks.sums
	sum.Sum(s.md5[:0])
	return s, nil
}

// seal writes the footer behind the bytes; o gets the size and the checksums.
func (s *staged) seal(o *object) error {
	o.Size, o.Blocks = s.size, s.blocks
	footer, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("encode the footer: %w", err)
	}
	sum := castagnoli(footer)
	tail := binary.BigEndian.AppendUint32(footer, uint32(len(footer)))
	tail = binary.BigEndian.AppendUint32(tail, sum)
	if _, err := s.file.Write(append(tail, trailerMagic...)); err != nil {
		return fmt.Errorf("write the footer: %w", err)
	}
	return nil
}

// readFooter reads and checks the footer of an object's file.
func readFooter(f *os.File) (*object, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("look at an object: %w", err)
	}
	// One read gets the whole footer of all but the largest objects: opening a server reads every one.
	tail := make([]byte, min(info.Size(), 8<<10))
	if _, err := f.ReadAt(tail, info.Size()-int64(len(tail))); err != nil {
		return nil, fmt.Errorf("read a footer: %w", err)
	}
	length, sum, ok := cutTrailer(tail)
	if !ok || length > maxFooter || length+trailerSize > info.Size() {
		return nil, errDamaged
	}
	start := info.Size() - trailerSize - length
	footer := make([]byte, length)
	if _, err := f.ReadAt(footer, start); err != nil {
		return nil, fmt.Errorf("read a footer: %w", err)
	}
	var o object
	if castagnoli(footer) != sum || json.Unmarshal(footer, &o) != nil {
		return nil, errDamaged
	}
	if o.Size != start || int64(len(o.Blocks)) != (o.Size+blockSize-1)/blockSize*4 {
		return nil, errDamaged
	}
	return &o, nil
}

func cutTrailer(tail []byte) (length int64, sum uint32, ok bool) {
	if int64(len(tail)) < trailerSize || !bytes.HasSuffix(tail, []byte(trailerMagic)) {
		return 0, 0, false
	}
	end := tail[int64(len(tail))-trailerSize:]
	return int64(binary.BigEndian.Uint32(end)), binary.BigEndian.Uint32(end[4:]), true
}

// openObject opens an object's file and reads its footer. A missing file is fs.ErrNotExist.
func openObject(path string) (*os.File, *object, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	o, err := readFooter(f)
	if err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	return f, o, nil
}

// verify checks the blocks that hold the given range against their checksums. It reads them before anything is
// served, because an error found half-way can no longer be told to the client.
func (o *object) verify(f io.ReaderAt, start, length int64) error {
	if length == 0 {
		return nil
	}
	buffer := make([]byte, min(blockSize, o.Size))
	for block := start / blockSize; block*blockSize < start+length; block++ {
		part := buffer[:min(blockSize, o.Size-block*blockSize)]
		if _, err := f.ReadAt(part, block*blockSize); err != nil {
			return fmt.Errorf("read an object: %w", err)
		}
		if castagnoli(part) != binary.BigEndian.Uint32(o.Blocks[4*block:]) {
			return errDamaged
		}
	}
	return nil
}
