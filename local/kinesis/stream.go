package kinesis

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/snowstream/snowstream/local/kinesis/disk"
)

const (
	provisioned  = "PROVISIONED"
	onDemand     = "ON_DEMAND"
	noEncryption = "NONE"

	defaultRetention = 24 // hours
	maxRetention     = 8760
	defaultRecordKiB = 1024
	maxRecordKiB     = 10_240
	onDemandShards   = 4
	maxShards        = 10_000
	maxTags          = 50
	maxConsumers     = 20
	maxWarmMiBps     = 10_240
)

// streamRecord is the content of stream.json: everything about a stream but its records.
type streamRecord struct {
	Name           string
	Created        int64 // ms since 1970
	Mode           string
	RetentionHours int
	MaxRecordKiB   int
	Tags           map[string]string
	// What is kept and shown, and has no effect here.
	WarmMiBps int      `json:",omitempty"`
	KeyID     string   `json:",omitempty"` // of the encryption; empty is none
	Metrics   []string `json:",omitempty"` // of each shard
	// Policies by the ARN of the resource: the stream, or one of its consumers.
	Policies map[string]string `json:",omitempty"`
	Shards   []shardRecord     // by number, without gaps
	// Consumers in the order of their registration.
	Consumers []consumerRecord `json:",omitempty"`
}

// stream is a stream being served.
type stream struct {
	server *Server
	dir    string

	// mu covers all below. Puts hold it for reading while they queue records, so that whoever holds it for writing sees
	// every record of a shard queued or none of it.
	mu sync.RWMutex
	streamRecord
	shards []*shard // by number
	open   []*shard // that take records, by hash key
	failed error    // a change of stream.json may or may not have happened
}

// find returns a stream by name.
func (s *Server) find(name string) (*stream, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if st := s.streams[name]; st != nil {
		return st, nil
	}
	return nil, s.streamNotFound(name)
}

func (st *stream) arn() string { return st.server.arn(st.Name) }

func (s *Server) arn(name string) string {
	return fmt.Sprintf("arn:aws:kinesis:%s:%s:stream/%s", s.cfg.Region, s.cfg.AccountID, name)
}

// target is how a request names its stream: by name, by ARN, or both.
type target struct {
	StreamName string
	StreamARN  string
}

// stream finds the stream of a request.
func (s *Server) stream(t target) (*stream, error) {
	name, err := s.streamName(t)
	if err != nil {
		return nil, err
	}
	return s.find(name)
}

func (s *Server) streamName(t target) (string, error) {
	var bad violations
	bad.add(t.StreamName == "" || validStreamName(t.StreamName), nil, "streamName",
		"Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+ and have length between 1 and 128")
	named, isStream := strings.CutPrefix(t.StreamARN, s.arn(""))
	other, ofStream := afterStream(t.StreamARN)
	bad.add(t.StreamARN == "" || (ofStream && validStreamName(other)), nil, "streamARN",
		"Member must satisfy regular expression pattern: arn:aws.*:kinesis:.*:\\d{12}:.*stream/\\S+")
	if err := bad.err(); err != nil {
		return "", err
	}
	switch {
	case t.StreamName == "" && t.StreamARN == "":
		return "", invalidArgument("Either StreamName or StreamARN must be given.")
	case t.StreamARN == "":
		return t.StreamName, nil
	case !isStream:
		return "", notFound("Stream %s not found: this server has account %s and region %s.", t.StreamARN, s.cfg.AccountID, s.cfg.Region)
	case t.StreamName != "" && t.StreamName != named:
		return "", invalidArgument("StreamName %s and StreamARN %s name different streams.", t.StreamName, t.StreamARN)
	}
	return named, nil
}

// afterStream returns the stream name in an ARN of any account and region.
func afterStream(arn string) (name string, ok bool) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != "kinesis" {
		return "", false
	}
	return strings.CutPrefix(parts[5], "stream/")
}

func validStreamName(name string) bool {
	if name == "" || len(name) > 128 {
		return false
	}
	return strings.IndexFunc(name, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '.' && c != '-'
	}) < 0
}

// save makes a new state of the stream durable and then current. The caller holds mu for writing. If it is not known
// what a power cut would leave, the stream stops for good.
func (st *stream) save(next streamRecord) error {
	if st.failed != nil {
		return st.failed
	}
	err := writeStream(st.server.fs, st.dir, next)
	if disk.Unknown(err) {
		st.failed = err
	}
	if err != nil {
		return fmt.Errorf("change stream %s: %w", st.Name, err)
	}
	st.streamRecord = next
	return nil
}

// streamFile is stream.json: the checksum is that of the bytes of Stream.
type streamFile struct {
	CRC32C uint32
	Stream json.RawMessage
}

func checksum(data []byte) uint32 { return crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli)) }

func writeStream(fsys disk.FS, dir string, r streamRecord) error {
	body, err := json.Marshal(r)
	if err != nil {
		return err
	}
	data, err := json.Marshal(streamFile{checksum(body), body})
	if err != nil {
		return err
	}
	return disk.WriteFile(fsys, filepath.Join(dir, "stream.json"), data)
}

func readStream(fsys disk.FS, dir string) (r streamRecord, err error) {
	name := filepath.Join(dir, "stream.json")
	data, err := disk.ReadFile(fsys, name)
	if err != nil {
		return r, fmt.Errorf("read stream: %w", err)
	}
	var f streamFile
	if err := json.Unmarshal(data, &f); err != nil {
		return r, fmt.Errorf("damaged %s: %w; restore it from a copy or delete its folder", name, err)
	}
	if checksum(f.Stream) != f.CRC32C {
		return r, fmt.Errorf("damaged %s: checksum does not match; restore it from a copy or delete its folder", name)
	}
	return r, json.Unmarshal(f.Stream, &r)
}

// openStream opens the stream in a folder; fs.ErrNotExist if it has no stream.json.
func (s *Server) openStream(dir string) (*stream, error) {
	r, err := readStream(s.fs, dir)
	if err != nil {
		return nil, err
	}
	st := &stream{server: s, dir: dir, streamRecord: r}
	if err := st.openShards(); err != nil {
		return nil, errors.Join(err, st.close())
	}
	return st, nil
}

// openShards opens the shards that are in Shards and not open yet, and takes over what changed in the others. The caller
// holds mu for writing, or the stream is new.
func (st *stream) openShards() error {
	for i, r := range st.Shards {
		if i < len(st.shards) {
			st.shards[i].shardRecord = r
			continue
		}
		sh, err := st.server.openShard(st, r)
		if err != nil {
			return fmt.Errorf("open shard %s of stream %s: %w", r.id(), st.Name, err)
		}
		st.shards = append(st.shards, sh)
	}
	st.open = nil
	for _, sh := range st.shards {
		if sh.shardRecord.open() {
			st.open = append(st.open, sh)
		}
	}
	slices.SortFunc(st.open, func(a, b *shard) int {
		if a.Start.less(b.Start) {
			return -1
		}
		return 1
	})
	for i, sh := range st.open {
		sh.slot = i
	}
	return nil
}

// route returns the shard that takes a hash key; the caller holds mu.
func (st *stream) route(k hashKey) *shard {
	low, high := 0, len(st.open)-1
	for low < high {
		middle := (low + high + 1) / 2
		if k.less(st.open[middle].Start) {
			high = middle - 1
		} else {
			low = middle
		}
	}
	return st.open[low]
}

// shard finds a shard that still holds records or takes them; the caller holds mu.
func (st *stream) shard(id string) (*shard, error) {
	number, ok := parseShardID(id)
	if !ok || number >= len(st.shards) || st.shards[number].Expired {
		return nil, notFound("Shard %s in stream %s under account %s does not exist", id, st.Name, st.server.cfg.AccountID)
	}
	return st.shards[number], nil
}

// horizon is the oldest arrival in ms that retention still covers; the caller holds mu.
func (st *stream) horizon(now time.Time) int64 {
	return now.UnixMilli() - int64(st.RetentionHours)*time.Hour.Milliseconds()
}

// trim deletes what is past retention: old segments, and closed shards as a whole.
func (st *stream) trim(now time.Time) error {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.failed != nil {
		return nil // reported when it failed
	}
	horizon := st.horizon(now)
	next := st.streamRecord
	next.Shards = slices.Clone(st.Shards)
	var gone []*shard
	var errs []error
	for i, sh := range st.shards {
		switch {
		case sh.Expired:
		case !sh.shardRecord.open() && sh.Closed < horizon:
			next.Shards[i].Expired = true
			gone = append(gone, sh)
		default:
			_, err := sh.log.Trim(horizon)
			errs = append(errs, err)
		}
	}
	if len(gone) == 0 {
		return errors.Join(errs...)
	}
	if err := st.save(next); err != nil {
		return errors.Join(append(errs, err)...)
	}
	for _, sh := range gone {
		sh.Expired = true
		errs = append(errs, sh.log.Close(), st.server.fs.RemoveAll(filepath.Join(st.dir, sh.name)))
	}
	return errors.Join(errs...)
}

// close closes all logs; no request may use the stream any more.
func (st *stream) close() error {
	var errs []error
	for _, sh := range st.shards {
		if sh.log != nil {
			errs = append(errs, sh.log.Close())
		}
	}
	return errors.Join(errs...)
}
