package kinesis

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

type streamModeDetails struct{ StreamMode string }

type createStreamInput struct {
	StreamName         string
	ShardCount         *int64
	StreamModeDetails  *streamModeDetails
	MaxRecordSizeInKiB *int64
	// WarmThroughputMiBps is kept and shown; the limits per shard stay as they are.
	WarmThroughputMiBps *int64
	Tags                map[string]string
}

// check validates the request and returns the stream to make, without name folder and shards.
func (in *createStreamInput) check() (r streamRecord, shards int, err error) {
	var bad violations
	bad.required(in.StreamName, "streamName")
	bad.add(in.StreamName == "" || validStreamName(in.StreamName), nil, "streamName",
		"Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+ and have length between 1 and 128")
	bad.between(in.ShardCount, "shardCount", 1, maxShards)
	bad.between(in.MaxRecordSizeInKiB, "maxRecordSizeInKiB", defaultRecordKiB, maxRecordKiB)
	bad.between(in.WarmThroughputMiBps, "warmThroughputMiBps", 0, maxWarmMiBps)
	mode := provisioned
	switch {
	case in.StreamModeDetails != nil:
		mode = in.StreamModeDetails.StreamMode
	case in.ShardCount == nil:
		mode = onDemand
	}
	bad.add(mode == provisioned || mode == onDemand, nil, "streamModeDetails.streamMode",
		"Member must satisfy enum value set: [PROVISIONED, ON_DEMAND]")
	if err := bad.err(); err != nil {
		return r, 0, err
	}
	shards = onDemandShards
	switch {
	case mode == onDemand && in.ShardCount != nil:
		return r, 0, invalidArgument("ShardCount must not be given for an ON_DEMAND stream.")
	case mode == provisioned && in.ShardCount == nil:
		return r, 0, invalidArgument("ShardCount must be given for a PROVISIONED stream.")
	case mode == provisioned:
		shards = int(*in.ShardCount)
	}
	if err := checkTags(in.Tags); err != nil {
		return r, 0, err
	}
	r = streamRecord{Name: in.StreamName, Mode: mode, RetentionHours: defaultRetention, MaxRecordKiB: defaultRecordKiB, Tags: in.Tags}
	if in.WarmThroughputMiBps != nil {
		r.WarmMiBps = int(*in.WarmThroughputMiBps)
	}
	if in.MaxRecordSizeInKiB != nil {
		r.MaxRecordKiB = int(*in.MaxRecordSizeInKiB)
	}
	return r, shards, nil
}

func (s *Server) createStream(in *createStreamInput) error {
	r, shards, err := in.check()
	if err != nil {
		return err
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	if _, err := s.find(r.Name); err == nil {
		return inUse("Stream %s under account %s already exists.", r.Name, s.cfg.AccountID)
	}
	now := time.Now()
	r.Created = now.UnixMilli()
	for i := range shards {
		r.Shards = append(r.Shards, shardRecord{
			Number: i, Start: evenStart(i, shards), End: lastHashKey(),
			Parent: noShard, Adjacent: noShard, Epoch: epochOf(now), Opened: r.Created,
		})
		if i > 0 {
			r.Shards[i-1].End = r.Shards[i].Start.before()
		}
	}
	dir, err := s.makeStreamDir(&r)
	if err != nil {
		return fmt.Errorf("create stream %s: %w", r.Name, err)
	}
	if err := writeStream(s.fs, dir, r); err != nil {
		return fmt.Errorf("create stream %s: %w", r.Name, err)
	}
	st, err := s.openStream(dir)
	if err != nil {
		return fmt.Errorf("create stream %s: %w", r.Name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.streams[r.Name] = st
	return nil
}

// makeStreamDir makes the folder of a new stream. A name that is taken belongs to a stream of that name made in the same
// millisecond, or to one that differs in case on a disk that ignores it: then the new one counts as made a little later.
func (s *Server) makeStreamDir(r *streamRecord) (string, error) {
	for {
		dir := filepath.Join(s.streamsDir(), fmt.Sprintf("%s@%d", r.Name, r.Created))
		err := s.fs.Mkdir(dir)
		if errors.Is(err, fs.ErrExist) {
			r.Created++
			for i := range r.Shards {
				r.Shards[i].Epoch = epochOf(time.UnixMilli(r.Created))
			}
			continue
		}
		if err == nil {
			err = s.fs.SyncDir(s.streamsDir())
		}
		return dir, err
	}
}

type deleteStreamInput struct {
	target
	EnforceConsumerDeletion bool
}

// deleteStream removes stream.json first: from then on the stream is gone, whatever is left of its folder.
func (s *Server) deleteStream(in *deleteStreamInput) error {
	name, err := s.streamName(in.target)
	if err != nil {
		return err
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	st, err := s.find(name)
	if err != nil {
		return err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	if len(st.Consumers) > 0 && !in.EnforceConsumerDeletion {
		return inUse("Stream %s has %d registered consumers: deregister them, or set EnforceConsumerDeletion.", name, len(st.Consumers))
	}
	err = s.fs.Remove(filepath.Join(st.dir, "stream.json"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("delete stream %s: %w", name, err)
	}
	s.mu.Lock()
	delete(s.streams, name)
	s.mu.Unlock()
	st.failed = s.streamNotFound(name)
	if err := errors.Join(s.fs.SyncDir(st.dir), st.close(), s.fs.RemoveAll(st.dir)); err != nil {
		return fmt.Errorf("delete stream %s: %w", name, err)
	}
	return nil
}

// checkTags validates tags to be set.
func checkTags(tags map[string]string) error {
	if len(tags) > maxTags {
		return invalidArgument("Failed to set tags: at most %d tags are allowed on a stream.", maxTags)
	}
	var bad violations
	for key, value := range maps.All(tags) {
		n := utf8.RuneCountInString(key)
		bad.add(n >= 1 && n <= 128, nil, "tags", "Map keys must have length between 1 and 128")
		bad.add(utf8.RuneCountInString(value) <= 256, nil, "tags", "Map values must have length less than or equal to 256")
	}
	if err := bad.err(); err != nil {
		return err
	}
	for key, value := range tags {
		switch {
		case strings.HasPrefix(strings.ToLower(key), "aws:"):
			return invalidArgument("Tag keys that begin with aws: are reserved.")
		case strings.ContainsFunc(key, noTag) || strings.ContainsFunc(value, noTag):
			return invalidArgument("Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . : / = + - %% @.")
		}
	}
	return nil
}

// noTag tells a character that no tag may hold.
func noTag(c rune) bool {
	return !unicode.IsLetter(c) && !unicode.IsNumber(c) && !unicode.IsSpace(c) && !unicode.IsMark(c) && !strings.ContainsRune("_.:/=+-%@", c)
}
