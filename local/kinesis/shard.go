package kinesis

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/snowstream/snowstream/local/kinesis/log"
)

const (
	// segmentSpan is how much longer than its retention a record may lie on disk.
	segmentSpan = time.Hour
	// segmentReserve is by how much the log of a busy shard grows at once.
	segmentReserve = 1 << 20
	noShard        = -1
)

// shardRecord is a shard in stream.json. Times are in ms since 1970.
type shardRecord struct {
	Number int
	Start  hashKey // first and last hash key
	End    hashKey
	// Parent and Adjacent are the numbers of the shards this one was split or merged from, or noShard.
	Parent   int
	Adjacent int
	Epoch    uint64
	Opened   int64
	Closed   int64 `json:",omitzero"` // 0 while the shard takes records
	// Count is the number of records stored, final once Closed is set.
	Count int64 `json:",omitzero"`
	// Expired shards are closed and past retention: only the count is left of them.
	Expired bool `json:",omitzero"`
}

func (r *shardRecord) open() bool { return r.Closed == 0 }

func (r *shardRecord) id() string { return shardID(r.Number) }

func shardID(number int) string { return fmt.Sprintf("shardId-%012d", number) }

// shard is a shard being served. The stream's mu covers shardRecord; the rest looks after itself.
type shard struct {
	shardRecord
	stream *stream
	log    *log.Log // nil once expired
	limits shardLimits
	name   string // id, made once
	slot   int    // place in stream.open
}

// sequence is the sequence number of the record with a log index.
func (r *shardRecord) sequence(index int64) sequence {
	return sequence{epoch: r.Epoch, index: uint64(index) + 1, low: lowBits{lo: uint64(r.Number)}}
}

// indexFor returns the log index of the first record whose number is at or, with after, above a sequence number. The
// number may lie between two records; ok is false if it cannot be one of the shard. end is the index after the last
// record.
func (r *shardRecord) indexFor(n sequence, after bool, end int64) (index int64, ok bool) {
	last := uint64(end)
	if !r.open() {
		last++ // the end of a closed shard is a number too
	}
	if n.epoch != r.Epoch || n.index > last {
		return 0, false
	}
	own := lowBits{lo: uint64(r.Number)}
	index = int64(n.index) - 1
	if own.less(n.low) || (after && own == n.low) {
		index++
	}
	return max(0, min(index, end)), true
}

// count is the number of records ever stored.
func (sh *shard) count() int64 {
	if sh.open() {
		return sh.log.End()
	}
	return sh.Count
}

// parseShardID reads the id of a shard.
func parseShardID(id string) (number int, ok bool) {
	digits := strings.TrimPrefix(id, "shardId-") // the service takes "0" and "shardId-0", too
	if len(digits) > 12 || strings.HasPrefix(digits, "+") {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 31)
	return int(n), err == nil
}

// openShard opens the log of a shard that has not expired.
func (s *Server) openShard(st *stream, r shardRecord) (*shard, error) {
	sh := &shard{shardRecord: r, stream: st, name: r.id(), limits: shardLimits{off: s.cfg.Unlimited}}
	dir := filepath.Join(st.dir, sh.name)
	if r.Expired {
		return sh, s.fs.RemoveAll(dir)
	}
	l, found, err := log.Open(log.Config{
		FS:          s.fs,
		Dir:         dir,
		SegmentSpan: segmentSpan.Milliseconds(),
		Reserve:     segmentReserve,
	})
	if err != nil {
		return nil, err
	}
	sh.log = l
	if found.Cut > 0 {
		s.log.Warn("cut off an unfinished write", "stream", st.Name, "shard", sh.name, "bytes", found.Cut)
	}
	if found.Damage != nil {
		s.log.Error("acknowledged records are damaged", "stream", st.Name, "shard", sh.name, "error", found.Damage)
	}
	if !r.open() && l.End() != r.Count {
		s.log.Error("closed shard has lost records", "stream", st.Name, "shard", sh.name, "stored", r.Count, "found", l.End())
	}
	return sh, nil
}
