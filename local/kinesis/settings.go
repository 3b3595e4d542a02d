package kinesis

import (
	"maps"
	"math"
	"slices"
	"strings"
)

// nothing is the request of an operation that needs none.
type nothing struct{}

type retentionInput struct {
	target
	RetentionPeriodHours *int64
}

func (s *Server) increaseRetention(in *retentionInput) error {
	return s.setRetention(in, func(st *stream, hours int) error {
		if hours < st.RetentionHours {
			return invalidArgument("Requested retention period (%d hours) for stream %s can not be shorter than existing retention period (%d hours). Use DecreaseRetentionPeriod API.",
				hours, st.Name, st.RetentionHours)
		}
		return nil
	})
}

func (s *Server) decreaseRetention(in *retentionInput) error {
	return s.setRetention(in, func(st *stream, hours int) error {
		if hours > st.RetentionHours {
			return invalidArgument("Requested retention period (%d hours) for stream %s can not be longer than existing retention period (%d hours). Use IncreaseRetentionPeriod API.",
				hours, st.Name, st.RetentionHours)
		}
		return nil
	})
}

func (s *Server) setRetention(in *retentionInput, allow func(*stream, int) error) error {
	var bad violations
	bad.add(in.RetentionPeriodHours != nil, "null", "retentionPeriodHours", "Member must not be null")
	bad.between(in.RetentionPeriodHours, "retentionPeriodHours", 1, math.MaxInt32)
	if err := bad.err(); err != nil {
		return err
	}
	hours := int(*in.RetentionPeriodHours)
	switch {
	case hours < defaultRetention:
		return invalidArgument("Minimum allowed retention period is %d hours. Requested retention period (%d hours) is too short.", defaultRetention, hours)
	case hours > maxRetention:
		return invalidArgument("Maximum allowed retention period is %d hours. Requested retention period (%d hours) is too long.", maxRetention, hours)
	}
	return s.change(in.target, func(st *stream) error {
		if err := allow(st, hours); err != nil {
			return err
		}
		next := st.streamRecord
		next.RetentionHours = hours
		return st.save(next)
	})
}

type maxRecordSizeInput struct {
	target
	MaxRecordSizeInKiB *int64
}

func (s *Server) updateMaxRecordSize(in *maxRecordSizeInput) error {
	var bad violations
	bad.add(in.MaxRecordSizeInKiB != nil, "null", "maxRecordSizeInKiB", "Member must not be null")
	bad.between(in.MaxRecordSizeInKiB, "maxRecordSizeInKiB", defaultRecordKiB, maxRecordKiB)
	if err := bad.err(); err != nil {
		return err
	}
	return s.change(in.target, func(st *stream) error {
		next := st.streamRecord
		next.MaxRecordKiB = int(*in.MaxRecordSizeInKiB)
		return st.save(next)
	})
}

type streamModeInput struct {
	target
	StreamModeDetails *streamModeDetails
}

// updateStreamMode notes the mode; the shards stay as they are.
func (s *Server) updateStreamMode(in *streamModeInput) error {
	var bad violations
	ok := in.StreamModeDetails != nil &&
		(in.StreamModeDetails.StreamMode == provisioned || in.StreamModeDetails.StreamMode == onDemand)
	bad.add(ok, nil, "streamModeDetails.streamMode", "Member must satisfy enum value set: [PROVISIONED, ON_DEMAND]")
	if err := bad.err(); err != nil {
		return err
	}
	return s.change(in.target, func(st *stream) error {
		next := st.streamRecord
		next.Mode = in.StreamModeDetails.StreamMode
		return st.save(next)
	})
}

type tagsInput struct {
	target
	ResourceARN string // the other API's name for StreamARN
	Tags        map[string]string
	TagKeys     []string
}

// resource splits the ARN of the resource API: the stream, and the consumer of it that is meant, if any.
func (in *tagsInput) resource() (t target, consumer string) {
	stream, _, isConsumer := strings.Cut(in.ResourceARN, "/consumer/")
	if isConsumer {
		return target{StreamARN: stream}, in.ResourceARN
	}
	return in.about(), ""
}

// about is the stream that either API means.
func (in *tagsInput) about() target {
	if in.ResourceARN != "" {
		return target{StreamARN: in.ResourceARN}
	}
	return in.target
}

func (s *Server) addTags(in *tagsInput) error {
	if err := checkTags(in.Tags); err != nil {
		return err
	}
	return s.changeTags(in, func(tags map[string]string) { maps.Copy(tags, in.Tags) })
}

func (s *Server) removeTags(in *tagsInput) error {
	return s.changeTags(in, func(tags map[string]string) {
		for _, key := range in.TagKeys {
			delete(tags, key)
		}
	})
}

func (s *Server) changeTags(in *tagsInput, edit func(map[string]string)) error {
	about, consumer := in.resource()
	return s.change(about, func(st *stream) error {
		next := st.streamRecord
		tags, err := st.tags(consumer)
		if err != nil {
			return err
		}
		if tags = maps.Clone(tags); tags == nil {
			tags = map[string]string{}
		}
		edit(tags)
		if err := checkTags(tags); err != nil {
			return err
		}
		if consumer == "" {
			next.Tags = tags
			return st.save(next)
		}
		next.Consumers = slices.Clone(st.Consumers)
		for i := range next.Consumers {
			if st.consumerARN(next.Consumers[i]) == consumer {
				next.Consumers[i].Tags = tags
			}
		}
		return st.save(next)
	})
}

// tags are the stream's own, or those of a consumer by its ARN; the caller holds mu.
func (st *stream) tags(consumer string) (map[string]string, error) {
	if consumer == "" {
		return st.Tags, nil
	}
	for _, c := range st.Consumers {
		if st.consumerARN(c) == consumer {
			return c.Tags, nil
		}
	}
	return nil, notFound("Consumer %s not found.", consumer)
}

type listTagsInput struct {
	target
	ResourceARN          string
	ExclusiveStartTagKey string
	Limit                *int64
}

type tagOutput struct{ Key, Value string }

type listTagsOutput struct {
	Tags        []tagOutput
	HasMoreTags bool
}

func (s *Server) listTags(in *listTagsInput) (out listTagsOutput, err error) {
	var bad violations
	bad.between(in.Limit, "limit", 1, maxTags)
	if err := bad.err(); err != nil {
		return out, err
	}
	about, consumer := (&tagsInput{target: in.target, ResourceARN: in.ResourceARN}).resource()
	st, err := s.stream(about)
	if err != nil {
		return out, err
	}
	st.mu.RLock()
	defer st.mu.RUnlock()
	tags, err := st.tags(consumer)
	if err != nil {
		return out, err
	}
	out.Tags = []tagOutput{}
	for _, key := range slices.SortedFunc(maps.Keys(tags), strings.Compare) {
		switch {
		case key <= in.ExclusiveStartTagKey:
		case len(out.Tags) == limitOr(in.Limit, maxTags):
			out.HasMoreTags = true
			return out, nil
		default:
			out.Tags = append(out.Tags, tagOutput{key, tags[key]})
		}
	}
	return out, nil
}

type describeLimitsOutput struct {
	ShardLimit, OpenShardCount, OnDemandStreamCount, OnDemandStreamCountLimit int
}

func (s *Server) describeLimits(*nothing) (describeLimitsOutput, error) {
	out := describeLimitsOutput{ShardLimit: maxShards, OnDemandStreamCountLimit: 50}
	for _, st := range s.all() {
		st.mu.RLock()
		out.OpenShardCount += len(st.open)
		if st.Mode == onDemand {
			out.OnDemandStreamCount++
		}
		st.mu.RUnlock()
	}
	return out, nil
}
