package kinesis

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/snowstream/snowstream/local/kinesis/log"
)

// maxKeyRunes is the longest partition key in characters.
const maxKeyRunes = 256

// placed says what became of an entry: the shard's batch it is the next of, or that the shard's limits refused it.
type placed struct {
	batch   int32
	refused bool
}

// batch is what one put stores in one shard.
type batch struct {
	shard   *shard
	entries []log.Entry
	number  counter // sequence number of the first entry that is not answered yet
	commit  log.Commit
	err     error
}

// putRecords serves PutRecords, putRecord PutRecord.
func (s *Server) putRecords(c *call) error {
	if err := s.decodePut(c); err != nil {
		return err
	}
	var bad violations
	bad.add(c.listed, "null", "records", "Member must not be null")
	bad.add(!c.listed || len(c.entries) > 0, nil, "records", "Member must have length greater than or equal to 1")
	bad.add(len(c.entries) <= maxRecordsCall, nil, "records", "Member must have length less than or equal to %d", maxRecordsCall)
	if err := bad.err(); err != nil {
		return err
	}
	if err := s.store(c); err != nil {
		return err
	}
	if c.cbor {
		return s.answerRecordsCBOR(c)
	}
	c.answerRecords(s)
	return nil
}

// decodePut reads the request of a put.
func (s *Server) decodePut(c *call) error {
	if c.cbor {
		return s.decodeCBORPut(c)
	}
	return c.decodePut()
}

func (s *Server) putRecord(c *call) error {
	if err := s.decodePut(c); err != nil {
		return err
	}
	if c.listed {
		return unreadable("PutRecord takes no Records; use PutRecords.")
	}
	if c.orderAfter != "" && !decimalNumber(c.orderAfter) {
		return &apiError{"ValidationException",
			"1 validation error detected: Value at 'sequenceNumberForOrdering' failed to satisfy constraint: Member must satisfy regular expression pattern: 0|([1-9]\\d{0,128})"}
	}
	if err := s.store(c); err != nil {
		return err
	}
	b := &c.batches[c.placed[0].batch]
	switch {
	case c.placed[0].refused:
		return s.rateExceeded(b.shard)
	case b.err != nil:
		return s.notStored(b)
	}
	if c.cbor {
		out := b.stored()
		out.EncryptionType = noEncryption
		return s.encode(c, out)
	}
	c.out = append(c.out, '{')
	c.out = b.appendStored(c.out)
	c.out = append(c.out, `,"EncryptionType":"NONE"}`...)
	return nil
}

// store checks the entries, stores what the limits let pass, and waits until that is durable.
func (s *Server) store(c *call) error {
	if c.dryRun {
		return invalidArgument("DryRun is not supported by this server.")
	}
	st, err := s.stream(c.target)
	if err != nil {
		return err
	}
	if err := s.queue(c, st); err != nil {
		return err
	}
	for i := range c.batches {
		b := &c.batches[i]
		if b.err == nil && len(b.entries) > 0 {
			b.err = b.commit.Wait()
		}
		if b.err != nil {
			s.log.Error("records not stored", "stream", st.Name, "shard", b.shard.name, "records", len(b.entries), "error", b.err)
		}
	}
	return nil
}

// queue checks, places and appends the entries. From routing to appending the shards stay as they are.
func (s *Server) queue(c *call, st *stream) error {
	st.mu.RLock()
	defer st.mu.RUnlock()
	if st.failed != nil {
		return st.failed
	}
	if err := c.check(st.MaxRecordKiB << 10); err != nil {
		return err
	}
	if c.orderAfter != "" && !st.ordered(c.orderAfter) {
		return invalidArgument("ExclusiveMinimumSequenceNumber %s used in PutRecord on stream %s under account %s is invalid.", c.orderAfter, st.Name, s.cfg.AccountID)
	}
	c.place(st, time.Now())
	for i := range c.batches {
		b := &c.batches[i]
		if len(b.entries) == 0 {
			continue
		}
		var first int64
		first, b.commit, b.err = b.shard.log.Append(b.entries)
		b.number.set(b.shard.sequence(first))
	}
	return nil
}

// ordered says whether text can be the number of a record of the stream; the caller holds mu.
func (st *stream) ordered(text string) bool {
	n, ours := parseSequence(text)
	return ours && slices.ContainsFunc(st.shards, func(sh *shard) bool {
		_, ok := sh.indexFor(n, false, sh.count())
		return ok && n.low == lowBits{lo: uint64(sh.Number)}
	})
}

// check validates all entries: one that is wrong refuses the whole call, as the service does.
func (c *call) check(maxRecord int) error {
	total := 0
	for i := range c.entries {
		e := &c.entries[i]
		total += len(e.key) + len(e.data)
		if err := e.check(maxRecord); len(err) > 0 {
			return c.locate(err, i).err()
		}
		if e.explicitHash != nil {
			if _, ok := parseHashKey(e.explicitHash); !ok {
				return invalidArgument("Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was %s", e.explicitHash)
			}
		}
		if e.dataBad {
			return unreadable("Data of record %d is not base64.", i+1)
		}
	}
	if total > maxBytesCall {
		return invalidArgument("Records size exceeds %d MB limit", maxBytesCall>>20)
	}
	return nil
}

// locate makes the field names those of an element of Records.
func (c *call) locate(bad violations, i int) violations {
	if c.listed {
		for n := range bad {
			bad[n] = "Record " + strconv.Itoa(i+1) + " of 'records': " + bad[n]
		}
	}
	return bad
}

func (e *putEntry) check(maxRecord int) (bad violations) {
	if e.data == nil && !e.dataBad {
		bad.add(false, "null", "data", "Member must not be null")
	}
	if n := utf8.RuneCount(e.key); n < 1 || n > maxKeyRunes || !utf8.Valid(e.key) {
		bad.add(false, nil, "partitionKey", "Member must have length between 1 and %d characters of UTF-8", maxKeyRunes)
	}
	if size := len(e.data) + len(e.key); size > maxRecord {
		bad.add(false, nil, "data", "Member must have length less than or equal to %d together with the partition key", maxRecord)
	}
	if e.explicitHash != nil && !hashKeyDigits(e.explicitHash) {
		bad.add(false, nil, "explicitHashKey", "Member must satisfy regular expression pattern: 0|([1-9]\\d{0,38})")
	}
	return bad
}

// place assigns every entry to its shard's batch, or refuses it if the shard has spent its limits. The caller holds the
// stream's mu.
func (c *call) place(st *stream, now time.Time) {
	c.reset(len(st.open))
	arrival := now.UnixMilli()
	for i := range c.entries {
		e := &c.entries[i]
		sh := st.open[0]
		if len(st.open) > 1 { // an only shard has the whole ring
			sh = st.route(e.hashKey())
		}
		p := placed{batch: int32(c.batchFor(sh))}
		p.refused = !sh.limits.put(now, len(e.key)+len(e.data))
		c.placed = append(c.placed, p)
		if !p.refused {
			b := &c.batches[p.batch]
			b.entries = append(b.entries, log.Entry{Key: e.key, Data: e.data, Arrival: arrival})
		}
	}
}

// hashKey is where on the ring a valid entry lies.
func (e *putEntry) hashKey() hashKey {
	if key, explicit := parseHashKey(e.explicitHash); explicit {
		return key
	}
	return hashOf(e.key)
}

// reset forgets the last put but keeps its memory.
func (c *call) reset(shards int) {
	c.placed, c.batches = c.placed[:0], c.batches[:0]
	if cap(c.batchOf) < shards {
		c.batchOf = make([]int, shards)
	}
	c.batchOf = c.batchOf[:shards]
	for i := range c.batchOf {
		c.batchOf[i] = -1
	}
}

// batchFor returns the number of a shard's batch.
func (c *call) batchFor(sh *shard) int {
	if n := c.batchOf[sh.slot]; n >= 0 {
		return n
	}
	n := len(c.batches)
	if n < cap(c.batches) {
		c.batches = c.batches[:n+1]
		c.batches[n] = batch{shard: sh, entries: c.batches[n].entries[:0]}
	} else {
		c.batches = append(c.batches, batch{shard: sh})
	}
	c.batchOf[sh.slot] = n
	return n
}

// appendStored appends the answer's fields for the next stored entry of a batch.
func (b *batch) appendStored(out []byte) []byte {
	out = append(out, `"SequenceNumber":"`...)
	out = append(out, b.number.text[:]...)
	b.number.next()
	out = append(out, `","ShardId":"`...)
	out = append(out, b.shard.name...)
	return append(out, '"')
}

// answerRecords writes the answer to PutRecords: one result an entry, in order.
func (c *call) answerRecords(s *Server) {
	failed := 0
	out := append(c.out, `{"EncryptionType":"NONE","Records":[`...)
	for i, p := range c.placed {
		if i > 0 {
			out = append(out, ',')
		}
		b := &c.batches[p.batch]
		switch {
		case p.refused:
			failed++
			out = appendFailed(out, s.rateExceeded(b.shard))
		case b.err != nil:
			failed++
			out = appendFailed(out, s.notStored(b))
		default:
			out = append(out, '{')
			out = b.appendStored(out)
			out = append(out, '}')
		}
	}
	out = append(out, `],"FailedRecordCount":`...)
	out = strconv.AppendInt(out, int64(failed), 10)
	c.out = append(out, '}')
}

func appendFailed(out []byte, err *apiError) []byte {
	out = append(out, `{"ErrorCode":"`...)
	out = append(out, err.Code...)
	out = append(out, `","ErrorMessage":"`...)
	out = append(out, err.Message...) // our own words, stream names and ids: nothing to escape
	return append(out, `"}`...)
}

// notStored is the answer for entries whose log refused them.
func (s *Server) notStored(b *batch) *apiError {
	if errors.Is(b.err, log.ErrFull) {
		return &apiError{codeInternal, fmt.Sprintf("No space is left for shard %s; make space and try again.", b.shard.name)}
	}
	return internal()
}
