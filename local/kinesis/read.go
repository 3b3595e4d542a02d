package kinesis

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/snowstream/snowstream/local/kinesis/log"
)

type getShardIteratorInput struct {
	target
	ShardId                string
	ShardIteratorType      string
	StartingSequenceNumber string
	Timestamp              *epochTime
	DryRun                 bool
}

type getShardIteratorOutput struct{ ShardIterator string }

func (in *getShardIteratorInput) check(now time.Time) error {
	var bad violations
	bad.required(in.ShardId, "shardId")
	switch in.ShardIteratorType {
	case "TRIM_HORIZON", "LATEST", "AT_TIMESTAMP":
	case "AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER":
		bad.add(in.StartingSequenceNumber == "" || decimalNumber(in.StartingSequenceNumber), nil, "startingSequenceNumber",
			"Member must satisfy regular expression pattern: 0|([1-9]\\d{0,128})")
	default:
		bad.add(false, nil, "shardIteratorType",
			"Member must satisfy enum value set: [AFTER_SEQUENCE_NUMBER, LATEST, AT_TIMESTAMP, AT_SEQUENCE_NUMBER, TRIM_HORIZON]")
	}
	if err := bad.err(); err != nil {
		return err
	}
	switch {
	case in.DryRun:
		return invalidArgument("DryRun is not supported by this server.")
	case in.StartingSequenceNumber != "" && !strings.HasSuffix(in.ShardIteratorType, "_SEQUENCE_NUMBER"):
		return invalidArgument("StartingSequenceNumber must not be given with ShardIteratorType %s.", in.ShardIteratorType)
	case in.ShardIteratorType == "AT_TIMESTAMP" && in.Timestamp == nil:
		return invalidArgument("Must either specify timestamp or shardIteratorType must not be AT_TIMESTAMP.")
	case in.ShardIteratorType == "AT_TIMESTAMP" && int64(*in.Timestamp) > now.UnixMilli():
		return invalidArgument("The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. timestampInMillis: %d, currentTimestampInMillis: %d",
			*in.Timestamp, now.UnixMilli())
	}
	return nil
}

func (s *Server) getShardIterator(in *getShardIteratorInput) (out getShardIteratorOutput, err error) {
	now := time.Now()
	if err := in.check(now); err != nil {
		return out, err
	}
	st, err := s.stream(in.target)
	if err != nil {
		return out, err
	}
	st.mu.RLock()
	defer st.mu.RUnlock()
	sh, err := st.shard(in.ShardId)
	if err != nil {
		return out, err
	}
	if !sh.limits.iterate(now) {
		return out, s.rateExceeded(sh)
	}
	index, err := s.position(in, sh)
	if err != nil {
		return out, err
	}
	out.ShardIterator, err = s.iterator(st, sh.Number, index, now)
	return out, err
}

// position returns the index of the first record that the iterator asked for reads.
func (s *Server) position(in *getShardIteratorInput, sh *shard) (int64, error) {
	switch in.ShardIteratorType {
	case "TRIM_HORIZON":
		return sh.log.Start(), nil
	case "LATEST":
		return sh.log.End(), nil
	case "AT_TIMESTAMP":
		return sh.log.Since(int64(*in.Timestamp))
	}
	n, ours := parseSequence(in.StartingSequenceNumber)
	index, ok := sh.indexFor(n, in.ShardIteratorType == "AFTER_SEQUENCE_NUMBER", sh.log.End())
	if !ours || !ok {
		return 0, invalidArgument("StartingSequenceNumber %s used in GetShardIterator on shard %s in stream %s under account %s is invalid because it did not come from this stream.",
			in.StartingSequenceNumber, sh.name, sh.stream.Name, s.cfg.AccountID)
	}
	return index, nil
}

// iterator seals a position; the caller holds the stream's mu.
func (s *Server) iterator(st *stream, shard int, index int64, now time.Time) (string, error) {
	return s.seal(token{
		Kind: tokenIterator, Issued: now.UnixMilli(), Stream: st.Name, Created: st.Created, Shard: shard, Index: index,
	})
}

type getRecordsInput struct {
	ShardIterator string
	StreamARN     string
	Limit         *int64
	DryRun        bool
}

type childShard struct {
	ShardId      string
	ParentShards []string
	HashKeyRange hashKeyRange
}

// reading is a GetRecords call, or an event of a subscription, under way.
type reading struct {
	server  *Server
	call    *call
	limit   int
	most    int   // bytes; one record may exceed it
	horizon int64 // arrivals before it are past retention

	from  shardRecord // the shard as it was when reading began
	count int
	bytes int
	// waiting is the arrival of the first record that did not fit; 0 if there is none.
	waiting int64
	failed  error // a record could not be written into the answer
}

func (s *Server) getRecords(c *call) error {
	var in getRecordsInput
	if err := s.decode(c, &in); err != nil {
		return err
	}
	now := time.Now()
	t, err := s.checkRead(&in, now)
	if err != nil {
		return err
	}
	st, err := s.find(t.Stream)
	if err == nil && st.Created != t.Created {
		err = s.streamNotFound(t.Stream)
	}
	if err != nil {
		return err
	}
	sh, r, children, err := st.beginRead(t, now)
	if err != nil {
		return err
	}
	if !sh.limits.read(now) {
		return s.rateExceeded(sh)
	}
	r.call, r.limit, r.most = c, limitOr(in.Limit, maxRecordsRead), maxBytesRead
	r.open(c)
	next, err := sh.log.Scan(t.Index, r.visit)
	sh.limits.pay(r.bytes)
	if err := s.readFailed(sh, r, err); err != nil {
		return err
	}
	rest := recordsRest{MillisBehindLatest: r.behind(now)}
	if !r.from.open() && next >= r.from.Count {
		rest.ChildShards = children
	} else if iterator, err := s.iterator(st, t.Shard, next, now); err != nil {
		return err
	} else {
		rest.NextShardIterator = &iterator
	}
	return r.close(c, rest)
}

// recordsRest is what the answer to GetRecords holds behind the records.
type recordsRest struct {
	MillisBehindLatest int64
	NextShardIterator  *string
	ChildShards        []childShard `json:",omitempty"`
}

// open begins the answer, or an event, with its list of records; visit appends to it and close goes on behind it.
func (r *reading) open(c *call) {
	if c.cbor {
		const name = "\x67Records"
		c.out = append(append(c.out, cborMap), name...)
		c.out = append(c.out, cborArray)
		return
	}
	c.out = append(c.out, `{"Records":[`...)
}

// close ends the list of records and appends the members of rest.
func (r *reading) close(c *call, rest any) error {
	if r.failed != nil {
		return r.failed
	}
	if c.cbor {
		text, err := r.server.appendCBOR(nil, rest)
		if err != nil {
			return err
		}
		// A map of up to 23 members has a head of one byte.
		c.out = append(append(append(c.out, cborEnd), text[1:]...), cborEnd)
		return nil
	}
	text, err := json.Marshal(rest)
	if err != nil {
		return err
	}
	c.out = append(append(c.out, `],`...), text[1:]...)
	return nil
}

// checkRead validates the request and opens its iterator.
func (s *Server) checkRead(in *getRecordsInput, now time.Time) (token, error) {
	var bad violations
	bad.required(in.ShardIterator, "shardIterator")
	bad.between(in.Limit, "limit", 1, maxRecordsRead)
	if err := bad.err(); err != nil {
		return token{}, err
	}
	// A shell leaves its quotes around what the command line prints; the service takes that.
	t, ok := s.unseal(strings.Trim(in.ShardIterator, `"`), tokenIterator)
	switch {
	case in.DryRun:
		return t, invalidArgument("DryRun is not supported by this server.")
	case !ok:
		return t, invalidArgument("Invalid ShardIterator.")
	case t.expired(now):
		return t, expiredIterator(time.UnixMilli(t.Issued), now)
	case in.StreamARN != "" && in.StreamARN != s.arn(t.Stream):
		return t, invalidArgument("StreamARN %s and the ShardIterator's stream %s differ.", in.StreamARN, t.Stream)
	}
	return t, nil
}

// beginRead notes what reading a shard depends on. If the shard closes meanwhile, the next call finds its end.
func (st *stream) beginRead(t token, now time.Time) (*shard, *reading, []childShard, error) {
	st.mu.RLock()
	defer st.mu.RUnlock()
	if st.failed != nil {
		return nil, nil, nil, st.failed
	}
	sh, err := st.shard(shardID(t.Shard))
	if err != nil {
		return nil, nil, nil, err
	}
	return sh, &reading{server: st.server, horizon: st.horizon(now), from: sh.shardRecord}, st.children(sh), nil
}

// children lists the shards that a closed shard was split or merged into; the caller holds mu.
func (st *stream) children(parent *shard) []childShard {
	if parent.shardRecord.open() {
		return nil
	}
	children := []childShard{}
	for _, sh := range st.shards[parent.Number+1:] {
		if sh.Parent != parent.Number && sh.Adjacent != parent.Number {
			continue
		}
		child := childShard{sh.name, []string{shardID(sh.Parent)}, hashKeyRange{sh.Start, sh.End}}
		if sh.Adjacent != noShard {
			child.ParentShards = append(child.ParentShards, shardID(sh.Adjacent))
		}
		children = append(children, child)
	}
	return children
}

// visit takes a record into the answer, or says that it is full.
func (r *reading) visit(rec log.Record) bool {
	if rec.Arrival < r.horizon {
		return true
	}
	size := len(rec.Key) + len(rec.Data)
	if r.count == r.limit || (r.count > 0 && r.bytes+size > r.most) {
		r.waiting = rec.Arrival
		return false
	}
	r.append(rec)
	r.count++
	r.bytes += size
	return r.failed == nil
}

// append writes a record into the answer.
func (r *reading) append(rec log.Record) {
	out := r.call.out
	if r.call.cbor {
		r.call.out, r.failed = r.server.appendCBOR(out, recordOutput{
			r.from.sequence(rec.Index).String(), epochTime(rec.Arrival), rec.Data, string(rec.Key),
		})
		return
	}
	if r.count > 0 {
		out = append(out, ',')
	}
	out = append(out, `{"SequenceNumber":"`...)
	out = r.from.sequence(rec.Index).appendTo(out)
	out = append(out, `","ApproximateArrivalTimestamp":`...)
	out = appendEpoch(out, rec.Arrival)
	out = append(out, `,"Data":"`...)
	out = base64.StdEncoding.AppendEncode(out, rec.Data)
	out = append(out, `","PartitionKey":`...)
	out = appendText(out, rec.Key)
	r.call.out = append(out, '}')
}

// behind is how far the reader is behind the tip in ms: 0 only there.
func (r *reading) behind(now time.Time) int64 {
	if r.waiting == 0 {
		return 0
	}
	return max(1, now.UnixMilli()-r.waiting)
}

// readFailed decides about an error of reading. Records before a damaged place are served; the next call meets it.
func (s *Server) readFailed(sh *shard, r *reading, err error) error {
	if err == nil {
		return nil
	}
	sh.stream.mu.RLock()
	gone := sh.stream.failed
	sh.stream.mu.RUnlock()
	var damage *log.DamageError
	switch {
	case gone != nil:
		return gone
	case errors.As(err, &damage) && r.count > 0:
		r.waiting = 1
		return nil
	}
	return err
}

// appendText appends a JSON string.
func appendText(out, text []byte) []byte {
	out = append(out, '"')
	for _, c := range text {
		switch {
		case c == '"' || c == '\\':
			out = append(out, '\\', c)
		case c < ' ':
			const digits = "0123456789abcdef"
			out = append(out, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		default:
			out = append(out, c)
		}
	}
	return append(out, '"')
}
