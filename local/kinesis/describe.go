package kinesis

import (
	"math"
	"strconv"
	"time"
)

const (
	defaultShardPage  = 1000
	defaultStreamPage = 100
	maxPage           = 10_000
)

// epochTime is a time in ms since 1970, on the wire seconds with a fraction.
type epochTime int64

func (t epochTime) MarshalJSON() ([]byte, error) { return appendEpoch(nil, int64(t)), nil }

// UnmarshalJSON reads a number of seconds, and rounds to ms.
func (t *epochTime) UnmarshalJSON(data []byte) error {
	seconds, err := strconv.ParseFloat(string(data), 64)
	if err != nil || math.Abs(seconds) > 1e12 {
		return strconv.ErrRange
	}
	*t = epochTime(math.Round(seconds * 1000))
	return nil
}

// appendEpoch appends milliseconds, which must not be negative, as seconds with a fraction.
func appendEpoch(buf []byte, ms int64) []byte {
	buf = strconv.AppendInt(buf, ms/1000, 10)
	rest := ms % 1000
	return append(buf, '.', byte('0'+rest/100), byte('0'+rest/10%10), byte('0'+rest%10))
}

type hashKeyRange struct{ StartingHashKey, EndingHashKey hashKey }

type sequenceNumberRange struct {
	StartingSequenceNumber string
	EndingSequenceNumber   string `json:",omitempty"`
}

type shardOutput struct {
	ShardId               string
	ParentShardId         string `json:",omitempty"`
	AdjacentParentShardId string `json:",omitempty"`
	HashKeyRange          hashKeyRange
	SequenceNumberRange   sequenceNumberRange
}

func (r *shardRecord) output() shardOutput {
	out := shardOutput{
		ShardId:             r.id(),
		HashKeyRange:        hashKeyRange{r.Start, r.End},
		SequenceNumberRange: sequenceNumberRange{StartingSequenceNumber: r.sequence(-1).String()},
	}
	if r.Parent != noShard {
		out.ParentShardId = shardID(r.Parent)
	}
	if r.Adjacent != noShard {
		out.AdjacentParentShardId = shardID(r.Adjacent)
	}
	if !r.open() {
		out.SequenceNumberRange.EndingSequenceNumber = r.sequence(r.Count).String()
	}
	return out
}

type describeStreamInput struct {
	target
	ExclusiveStartShardId string
	Limit                 *int64
}

type enhancedMetrics struct{ ShardLevelMetrics []string }

// streamSettings is what both descriptions of a stream share.
type streamSettings struct {
	StreamName, StreamARN, StreamStatus string
	StreamModeDetails                   streamModeDetails
	RetentionPeriodHours                int
	StreamCreationTimestamp             epochTime
	EnhancedMonitoring                  []enhancedMetrics
	EncryptionType                      string
	KeyId                               string          `json:",omitempty"`
	WarmThroughput                      *warmThroughput `json:",omitempty"`
}

type warmThroughput struct{ TargetMiBps, CurrentMiBps int }

type streamDescription struct {
	streamSettings
	Shards        []shardOutput
	HasMoreShards bool
}

type describeStreamOutput struct{ StreamDescription streamDescription }

// settings are the stream's; the caller holds mu.
func (st *stream) settings() streamSettings {
	out := streamSettings{
		StreamName: st.Name, StreamARN: st.arn(), StreamStatus: "ACTIVE",
		StreamModeDetails:       streamModeDetails{st.Mode},
		RetentionPeriodHours:    st.RetentionHours,
		StreamCreationTimestamp: epochTime(st.Created),
		EnhancedMonitoring:      []enhancedMetrics{{ShardLevelMetrics: append([]string{}, st.Metrics...)}},
		EncryptionType:          noEncryption,
		KeyId:                   st.KeyID,
	}
	if st.KeyID != "" {
		out.EncryptionType = "KMS"
	}
	if st.WarmMiBps > 0 {
		out.WarmThroughput = &warmThroughput{st.WarmMiBps, st.WarmMiBps}
	}
	return out
}

func (s *Server) describeStream(in *describeStreamInput) (out describeStreamOutput, err error) {
	var bad violations
	bad.between(in.Limit, "limit", 1, maxPage)
	after, ok := noShard, true
	if in.ExclusiveStartShardId != "" {
		after, ok = parseShardID(in.ExclusiveStartShardId)
		bad.add(ok, nil, "exclusiveStartShardId", "Member must be the id of a shard")
	}
	if err := bad.err(); err != nil {
		return out, err
	}
	st, err := s.stream(in.target)
	if err != nil {
		return out, err
	}
	st.mu.RLock()
	defer st.mu.RUnlock()
	out.StreamDescription.streamSettings = st.settings()
	page, more := st.listShards(after, limitOr(in.Limit, defaultStreamPage), func(*shard) bool { return true })
	out.StreamDescription.Shards, out.StreamDescription.HasMoreShards = page, more
	return out, nil
}

func limitOr(limit *int64, otherwise int) int {
	if limit == nil {
		return otherwise
	}
	return int(*limit)
}

// listShards lists at most limit shards with numbers above after that match and have not expired; the caller holds mu.
func (st *stream) listShards(after, limit int, match func(*shard) bool) (page []shardOutput, more bool) {
	page = []shardOutput{}
	for _, sh := range st.shards[min(after+1, len(st.shards)):] {
		if sh.Expired || !match(sh) {
			continue
		}
		if len(page) == limit {
			return page, true
		}
		page = append(page, sh.output())
	}
	return page, false
}

type describeStreamSummaryInput struct{ target }

type streamDescriptionSummary struct {
	streamSettings
	OpenShardCount, ConsumerCount, MaxRecordSizeInKiB int
}

type describeStreamSummaryOutput struct{ StreamDescriptionSummary streamDescriptionSummary }

func (s *Server) describeStreamSummary(in *describeStreamSummaryInput) (out describeStreamSummaryOutput, err error) {
	st, err := s.stream(in.target)
	if err != nil {
		return out, err
	}
	st.mu.RLock()
	defer st.mu.RUnlock()
	out.StreamDescriptionSummary = streamDescriptionSummary{
		streamSettings: st.settings(), OpenShardCount: len(st.open), ConsumerCount: len(st.Consumers), MaxRecordSizeInKiB: st.MaxRecordKiB,
	}
	return out, nil
}

type listStreamsInput struct {
	ExclusiveStartStreamName string
	Limit                    *int64
	NextToken                string
}

type streamSummary struct {
	StreamName, StreamARN, StreamStatus string
	StreamModeDetails                   streamModeDetails
	StreamCreationTimestamp             epochTime
}

type listStreamsOutput struct {
	StreamNames     []string
	StreamSummaries []streamSummary
	HasMoreStreams  bool
	NextToken       string `json:",omitempty"`
}

func (s *Server) listStreams(in *listStreamsInput) (out listStreamsOutput, err error) {
	var bad violations
	bad.between(in.Limit, "limit", 1, maxPage)
	if err := bad.err(); err != nil {
		return out, err
	}
	after := in.ExclusiveStartStreamName
	if in.NextToken != "" {
		t, err := s.pageToken(in.NextToken, tokenStreams)
		if err != nil {
			return out, err
		}
		after = t.Stream
	}
	out.StreamNames, out.StreamSummaries = []string{}, []streamSummary{}
	for _, st := range s.all() {
		if st.Name <= after {
			continue
		}
		if len(out.StreamNames) == limitOr(in.Limit, defaultStreamPage) {
			out.HasMoreStreams = true
			out.NextToken, err = s.seal(token{Kind: tokenStreams, Issued: time.Now().UnixMilli(), Stream: out.StreamNames[len(out.StreamNames)-1]})
			return out, err
		}
		out.StreamNames = append(out.StreamNames, st.Name)
		out.StreamSummaries = append(out.StreamSummaries, st.summary())
	}
	return out, nil
}

func (st *stream) summary() streamSummary {
	st.mu.RLock()
	defer st.mu.RUnlock()
	return streamSummary{st.Name, st.arn(), "ACTIVE", streamModeDetails{st.Mode}, epochTime(st.Created)}
}

// pageToken reads a token for the next page.
func (s *Server) pageToken(text string, kind byte) (token, error) {
	t, ok := s.unseal(text, kind)
	switch {
	case !ok:
		return t, invalidArgument("NextToken is invalid.")
	case t.expired(time.Now()):
		return t, &apiError{"ExpiredNextTokenException", "NextToken has expired: it is good for 5 minutes."}
	}
	return t, nil
}

type shardFilter struct {
	Type      string
	ShardId   string     `json:",omitempty"`
	Timestamp *epochTime `json:",omitempty"`
}

type listShardsInput struct {
	target
	ExclusiveStartShardId   string
	MaxResults              *int64
	NextToken               string
	ShardFilter             *shardFilter
	StreamCreationTimestamp *epochTime
}

type listShardsOutput struct {
	Shards    []shardOutput
	NextToken string `json:",omitempty"`
}

// check validates the request and returns where listing starts.
func (in *listShardsInput) check() (after int, err error) {
	var bad violations
	bad.between(in.MaxResults, "maxResults", 1, maxPage)
	after, ok := noShard, true
	if in.ExclusiveStartShardId != "" {
		after, ok = parseShardID(in.ExclusiveStartShardId)
		bad.add(ok, nil, "exclusiveStartShardId", "Member must be the id of a shard")
	}
	if f := in.ShardFilter; f != nil {
		f.check(&bad)
	}
	return after, bad.err()
}

func (f *shardFilter) check(bad *violations) {
	switch f.Type {
	case "AT_LATEST", "AT_TRIM_HORIZON", "FROM_TRIM_HORIZON":
	case "AFTER_SHARD_ID":
		_, ok := parseShardID(f.ShardId)
		bad.add(ok, nil, "shardFilter.shardId", "Member must be the id of a shard with AFTER_SHARD_ID")
	case "AT_TIMESTAMP", "FROM_TIMESTAMP":
		bad.add(f.Timestamp != nil, "null", "shardFilter.timestamp", "Member must not be null with %s", f.Type)
	default:
		bad.add(false, nil, "shardFilter.type",
			"Member must satisfy enum value set: [AFTER_SHARD_ID, AT_TRIM_HORIZON, FROM_TRIM_HORIZON, AT_LATEST, AT_TIMESTAMP, FROM_TIMESTAMP]")
	}
}

// match returns the filter as a function; a nil filter lets all pass. The caller holds the stream's mu.
func (f *shardFilter) match(st *stream, now time.Time) func(*shard) bool {
	oldest := epochTime(max(st.horizon(now), st.Created))
	at := func(t epochTime) func(*shard) bool {
		return func(sh *shard) bool {
			return epochTime(sh.Opened) <= t && (sh.shardRecord.open() || epochTime(sh.Closed) >= t)
		}
	}
	switch {
	case f == nil || f.Type == "FROM_TRIM_HORIZON":
		return func(*shard) bool { return true }
	case f.Type == "AT_LATEST":
		return func(sh *shard) bool { return sh.shardRecord.open() }
	case f.Type == "AFTER_SHARD_ID":
		after, _ := parseShardID(f.ShardId)
		return func(sh *shard) bool { return sh.Number > after }
	case f.Type == "AT_TRIM_HORIZON":
		return at(oldest)
	case f.Type == "AT_TIMESTAMP":
		return at(*f.Timestamp)
	}
	return func(sh *shard) bool { return sh.shardRecord.open() || epochTime(sh.Closed) >= *f.Timestamp }
}

func (s *Server) listShards(in *listShardsInput) (out listShardsOutput, err error) {
	after, err := in.check()
	if err != nil {
		return out, err
	}
	var st *stream
	if in.NextToken == "" {
		st, err = s.stream(in.target)
	} else {
		st, after, err = s.resumeListing(in)
	}
	if err != nil {
		return out, err
	}
	now := time.Now()
	st.mu.RLock()
	defer st.mu.RUnlock()
	page, more := st.listShards(after, limitOr(in.MaxResults, defaultShardPage), in.ShardFilter.match(st, now))
	out.Shards = page
	if more {
		last, _ := parseShardID(page[len(page)-1].ShardId)
		out.NextToken, err = s.seal(token{
			Kind: tokenShards, Issued: now.UnixMilli(), Stream: st.Name, Created: st.Created, Shard: last, Filter: in.ShardFilter,
		})
	}
	return out, err
}

// resumeListing takes stream, position and filter from the token.
func (s *Server) resumeListing(in *listShardsInput) (*stream, int, error) {
	if in.StreamName != "" || in.ExclusiveStartShardId != "" || in.ShardFilter != nil || in.StreamCreationTimestamp != nil {
		return nil, 0, invalidArgument("NextToken and StreamName, ExclusiveStartShardId, ShardFilter or StreamCreationTimestamp cannot be provided together.")
	}
	t, err := s.pageToken(in.NextToken, tokenShards)
	if err != nil {
		return nil, 0, err
	}
	st, err := s.find(t.Stream)
	if err == nil && st.Created != t.Created {
		err = s.streamNotFound(t.Stream)
	}
	in.ShardFilter = t.Filter
	return st, t.Shard, err
}
