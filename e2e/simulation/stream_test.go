package simulation

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/snowstream/snowstream/record/rawzone"
)

// streamName is the stream.
const (
	streamName = "kdEntry"
	streamARN  = "arn:aws:kinesis:us-east-1:000000000000:stream/" + streamName
)

// stream is what Kinesis has accepted, in shards.
type stream struct {
	w      *world
	shards []*shard
	// accepted counts user records, keys those that have found a shard.
	accepted, keys int
	sequence       uint64
	created        time.Time
	// arrival is Kinesis' clock, which does not always go forward.
	arrival time.Time
}

// shard is an ordered part of the stream. Its children take over its keys, and begin once its last record
// has been processed.
type shard struct {
	id      string
	records []kinesisRecord
	// users are the user records in all of them. Each that lands gets the shard's next ordinal.
	users    []*user
	keys     []int
	parents  []*shard
	children []*shard
	drained  bool
	// gone says that the stream does not list it any more.
	gone bool
	// givenUp are the batches that the mapping has given up. Records in front of horizon can be read no more.
	givenUp [][]kinesisRecord
	horizon int
	// running counts the orchestrators that are at work on it.
	running int
}

// skip notes that the mapping went past records that it never saw succeed.
func skip(records []kinesisRecord) {
	for _, r := range records {
		for _, u := range r.users {
			u.skipped = true
		}
	}
}

// expire moves the horizon.
func (s *shard) expire(horizon int) {
	for _, r := range s.records[s.horizon:max(s.horizon, horizon)] {
		for _, u := range r.users {
			u.expired = true
		}
	}
	s.horizon = max(s.horizon, horizon)
}

type kinesisRecord struct {
	sequence string
	key      string
	arrival  time.Time
	data     []byte
	users    []*user
}

// user is a record as a producer meant it, and what must become of it. The wanted row is made together with the
// payload, not from it.
type user struct {
	number   int
	shard    string
	sequence string
	sub      int
	// skipped says that the mapping went past it, expired that nobody can read it any more.
	skipped, expired bool
	// appended says that somebody brought it after it was given up.
	appended bool
	key      string
	arrival  time.Time
	data     []byte
	// want are the row's columns; nil means quarantine, for the reason code.
	want row
	code string
	// mends says that the wider schema takes it; mended is its row then.
	mended row
	// refused says how the tables take the row: they do, they do not before they are widened, or not for a time.
	refused refusal
}

func (u *user) id() string { return fmt.Sprintf("%s/%s/%d", u.shard, u.sequence, u.sub) }

// newStream makes all records of a run. They are all there from the start: when they are processed is up to the mapping.
func newStream(w *world) *stream {
	// Sequence numbers get one digit longer on the way, as text they would then sort wrongly.
	s := &stream{w: w, sequence: 1e18 - w.random.Uint64N(40_000), arrival: time.Now(), created: time.Now()}
	w.faulty = true
	defer func() { w.faulty = false }()
	half := keys / (1 + w.random.IntN(2))
	s.fill(s.open(half), s.open(keys-half))
	if w.hit(resharded) {
		s.reshard()
	}
	return s
}

// keys are few, so that each has many records whose order counts.
const keys = 6

// open adds a shard that takes the next n keys, or that take its parents' next n.
func (s *stream) open(n int, parents ...*shard) *shard {
	c := &shard{id: fmt.Sprintf("shardId-%012d", len(s.shards)), parents: parents}
	for _, p := range parents {
		p.children = append(p.children, c)
		take := min(n, len(p.keys))
		c.keys, p.keys, n = append(c.keys, p.keys[:take]...), p.keys[take:], n-take
	}
	for ; len(parents) == 0 && n > 0; n-- {
		c.keys = append(c.keys, s.keys)
		s.keys++
	}
	s.shards = append(s.shards, c)
	return c
}

// reshard splits the first shard in two, and then merges one of those with a shard beside it.
func (s *stream) reshard() {
	first := s.shards[0]
	n := len(first.keys) / 2
	left, right := s.open(n, first), s.open(len(first.keys)-n, first)
	beside := s.shards[1]
	s.fill(left, right, beside)
	s.fill(left, s.open(keys, right, beside))
}

// fill puts records into the open shards.
func (s *stream) fill(open ...*shard) {
	for range 40 + s.w.random.IntN(80) {
		k := s.w.random.IntN(keys)
		for _, to := range open {
			if slices.Contains(to.keys, k) {
				s.put(to, fmt.Sprint("key-", k))
			}
		}
	}
}

func (s *stream) put(to *shard, key string) {
	w := s.w
	s.arrival = s.arrival.Add(w.between(0, time.Second))
	if w.hit(clockBack) {
		s.arrival = s.arrival.Add(-w.between(0, time.Hour))
	}
	users, data := w.payload(key)
	times := 1
	if w.hit(putTwice) {
		times = 2 // two records, for all that anybody can know
	}
	for range times {
		s.accept(to, key, users, data)
	}
}

func (s *stream) accept(to *shard, key string, users []user, data []byte) {
	s.sequence += 1 + s.w.random.Uint64N(1000)
	r := kinesisRecord{sequence: strconv.FormatUint(s.sequence, 10), key: key, arrival: s.arrival.Truncate(time.Millisecond), data: data}
	for sub, u := range users {
		s.accepted++
		u.number, u.shard, u.sequence, u.sub, u.arrival = s.accepted, to.id, r.sequence, sub, r.arrival
		u.want, u.mended = u.withLineage(u.want), u.withLineage(u.mended)
		to.users = append(to.users, &u)
		r.users = append(r.users, &u)
	}
	to.records = append(to.records, r)
}

// withLineage adds the columns that both tables have behind the user's.
func (u *user) withLineage(r row) row {
	if r == nil {
		return nil
	}
	out := row{
		"_SHARD": {text: u.shard}, "_SEQUENCE": {text: u.sequence}, "_SUBSEQUENCE": {text: fmt.Sprint(u.sub)},
		"_GENERATION": {null: true}, "_ARRIVED_AT": {text: u.arrival.UTC().Format("2006-01-02 15:04:05.999999999")},
	}
	for name, v := range r {
		out[name] = v
	}
	return out
}

// event is the Kinesis event of a batch, as Lambda writes it.
func event(shard string, batch []kinesisRecord) []byte {
	var b strings.Builder
	b.WriteString(`{"Records":[`)
	for i, r := range batch {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":%q,"sequenceNumber":%q,"data":%q,"approximateArrivalTimestamp":%d.%03d},`+
			`"eventSource":"aws:kinesis","eventID":"%s:%s","eventSourceARN":%q}`,
			r.key, r.sequence, base64.StdEncoding.EncodeToString(r.data), r.arrival.UnixMilli()/1000, r.arrival.UnixMilli()%1000,
			shard, r.sequence, streamARN)
	}
	b.WriteString("]}")
	return []byte(b.String())
}

// describe is what the function asks the stream.
func (s *stream) describe(context.Context, string) (time.Time, error) {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	return s.created, nil
}

// chain is the one in which a shard goes on: what the registry says, which everybody reads alike.
func (w *world) chain(shard string) rawzone.Chain {
	r, err := rawzone.DecodeRegistry(w.bucket.objects[rawzone.RegistryKey(streamName)].body, streamName)
	if err != nil {
		return rawzone.Chain{Stream: streamName, Shard: shard}
	}
	chains := r.Chains(shard)
	for _, c := range chains {
		if _, there := w.bucket.objects[c.LedgerKey()]; there {
			return c
		}
	}
	return chains[len(chains)-1]
}
