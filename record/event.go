package record

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Run are consecutive records of one shard, in the shard's order.
type Run struct {
	// ARN is the stream's, Stream the name in it.
	ARN, Stream, Shard string
	Records            []Record
}

// EventReader reads the events in which Lambda hands Kinesis records to a function. Its zero value is ready; it is used for many
// events, by one goroutine.
//
// It reads an event in one pass. All records of an event look alike but for five values, so a record is first compared
// with the one before it (shape), and read member by member only where that does not fit. What it accepts is the same
// either way.
type EventReader struct {
	scan  scanner
	shape shape
	// records, runs and data are kept from event to event: what Read returns points into them.
	records []Record
	runs    []Run
	starts  []int
	data    []byte
	// text holds the strings of one event. Nothing is ever written over: positions outlive the event.
	text     strings.Builder
	textSize int
}

var errNoEvent = errors.New("the invocation's payload is not a Kinesis event: invoke this function through an event source mapping")

// Read takes an event apart. The runs, their records and the records' data are valid until the next call; strings stay.
//
// An event that is no Kinesis event fails as a whole, because nothing in it has an identity under which it could be
// quarantined; the error holds nothing of it. Members that are not known are checked as JSON and skipped; a name that
// comes twice makes an event as ambiguous as a payload.
func (r *EventReader) Read(event []byte) ([]Run, error) {
	r.scan = scanner{data: event, text: r.scan.text[:0]}
	r.records, r.runs, r.starts, r.data = r.records[:0], r.runs[:0], r.starts[:0], r.data[:0]
	r.text = strings.Builder{}
	r.text.Grow(r.textSize + r.textSize/8)
	if err := r.top(); err != nil {
		return nil, err
	}
	r.textSize = r.text.Len()
	for i, from := range r.starts {
		to := len(r.records)
		if i+1 < len(r.starts) {
			to = r.starts[i+1]
		}
		r.runs[i].Records = r.records[from:to:to]
	}
	return r.runs, nil
}

// top reads the event's own object.
func (r *EventReader) top() error {
	s := &r.scan
	if s.space(); s.at == len(s.data) || s.data[s.at] != '{' {
		return errNoEvent
	}
	var m members
	for {
		name, more, code := s.member(&m, 0)
		if code != OK {
			return errNoEvent
		}
		if !more {
			break
		}
		if string(name) == "Records" {
			if err := r.list(); err != nil {
				return err
			}
		} else if _, code := s.value(1); code != OK {
			return errNoEvent
		}
	}
	if s.space(); s.at != len(s.data) {
		return errNoEvent
	}
	return nil
}

// list reads the records. null is an empty list.
func (r *EventReader) list() error {
	if !r.scan.take('[') {
		if t, code := r.scan.value(1); code != OK || t.kind != kindNull {
			return errNoEvent
		}
		return nil
	}
	if r.scan.take(']') {
		return nil
	}
	for {
		r.scan.space()
		if !r.like() {
			if err := r.strict(); err != nil {
				return err
			}
		}
		if n := len(r.records); n-r.starts[len(r.starts)-1] > 1 && CompareSequence(r.records[n-2].Sequence, r.records[n-1].Sequence) >= 0 {
			return fmt.Errorf("record %d of the event comes before the one in front of it: a shard's records must be in order", n-1)
		}
		if r.scan.take(']') {
			return nil
		}
		if !r.scan.take(',') {
			return errNoEvent
		}
	}
}

// envelope is what is read of one record of an event.
type envelope struct {
	key, sequence, data, arrival, id, source field
}

// field is a member's value: its text, empty for null, and where it stands in the event.
type field struct {
	text []byte
	from int
	// bare says that the text stands there as it is.
	bare bool
}

// strict reads the record that the scanner stands before, whatever the order of its members, and learns its shape.
func (r *EventReader) strict() error {
	var e envelope
	start := r.scan.at
	r.scan.text = r.scan.text[:0]
	code := r.members(2, func(name []byte) (*field, kind) {
		switch string(name) {
		case "eventID":
			return &e.id, kindString
		case "eventSourceARN":
			return &e.source, kindString
		case "kinesis":
			return nil, kindObject
		}
		return nil, kindNull
	}, func(name []byte) (*field, kind) {
		switch string(name) {
		case "partitionKey":
			return &e.key, kindString
		case "sequenceNumber":
			return &e.sequence, kindString
		case "data":
			return &e.data, kindString
		case "approximateArrivalTimestamp":
			return &e.arrival, kindNumber
		}
		return nil, kindNull
	})
	if code != OK {
		return errNoEvent
	}
	shard, sequence, ok := strings.Cut(string(e.id.text), ":")
	arn := string(e.source.text)
	_, stream, named := strings.Cut(arn, ":stream/")
	if !ok || !named || stream == "" || !plain([]byte(shard)) || !isSequence([]byte(sequence)) || sequence != string(e.sequence.text) {
		return fmt.Errorf("record %d of the event has no usable eventID, eventSourceARN and sequenceNumber", len(r.records))
	}
	arrived, ok := arrival(e.arrival.text)
	if !ok {
		return fmt.Errorf("record %d of the event has no usable approximateArrivalTimestamp", len(r.records))
	}
	data, ok := r.decode(e.data.text)
	if !ok { // perhaps base64 with line ends, which the standard library reads
		var err error
		data, err = base64.StdEncoding.AppendDecode(nil, e.data.text)
		ok = err == nil
	}
	if !ok {
		return fmt.Errorf("record %d of the event has no base64 in its data", len(r.records))
	}
	r.add(arn, shard, e.key.text, e.sequence.text, data, arrived)
	r.shape.learn(r.scan.data[start:r.scan.at], start, &e, arn, shard)
	return nil
}

// members reads an object whose members are wanted as want says: into a field, or skipped where there is none. A
// member of kindObject is such an object itself, with inner for want.
func (r *EventReader) members(depth int, want, inner func(name []byte) (*field, kind)) Code {
	s := &r.scan
	if s.space(); s.at == len(s.data) || s.data[s.at] != '{' {
		return NotObject
	}
	var m members
	for {
		name, more, code := s.member(&m, depth)
		if code != OK || !more {
			return code
		}
		into, kind := want(name)
		if kind == kindObject {
			code = r.members(depth+1, inner, nil)
		} else {
			code = s.field(into, kind, depth+1)
		}
		if code != OK {
			return code
		}
	}
}

// field reads a value, which must be null or of a kind, into a field if there is one.
func (s *scanner) field(into *field, kind kind, depth int) Code {
	t, code := s.value(depth)
	if code != OK || into == nil || t.kind == kindNull {
		return code
	}
	if t.kind != kind {
		return WrongType
	}
	*into = field{text: t.raw, from: s.at - len(t.raw), bare: true}
	if kind == kindString {
		*into = field{text: t.text, from: s.at - len(t.raw) + 1, bare: len(t.raw) == len(t.text)+2}
	}
	return OK
}

// isSequence reports whether text is a sequence number: it goes into the CSV and into names as it is.
func isSequence(text []byte) bool { return len(text) > 0 && len(text) <= 128 && allDigits(text) }

// decode appends what text is the base64 of to the event's data and returns it, if it is plain base64.
func (r *EventReader) decode(text []byte) ([]byte, bool) {
	from := len(r.data)
	out, ok := appendBase64(r.data, text)
	if cap(out) != cap(r.data) {
		r.data = out
	}
	r.data = r.data[:len(out)]
	return out[from:len(out):len(out)], ok
}

// lastSecond is the end of the year 9999, the last that a timestamp can show.
const lastSecond = 253402300799

// arrival turns epoch seconds with a fraction into milliseconds, which is what Kinesis gives; rounding to them undoes
// what a float added on the way. Without a value it is 0.
func arrival(text []byte) (milliseconds int64, ok bool) {
	if len(text) == 0 {
		return 0, true
	}
	if milliseconds, n := decimalSeconds(text); n == len(text) {
		return milliseconds, true
	}
	seconds, err := strconv.ParseFloat(string(text), 64)
	if err != nil || seconds < 0 || seconds >= lastSecond+1 {
		return 0, false
	}
	return int64(math.Round(seconds * 1000)), true
}

// decimalSeconds reads seconds with up to three decimal places, as JSON writes numbers, and returns how many bytes of
// text they are; 0 where text starts with something else.
func decimalSeconds(text []byte) (milliseconds int64, n int) {
	if len(text) >= 8 {
		if v := binary.LittleEndian.Uint64(text); eightDigits(v) {
			milliseconds, n = numberOf(v), 8
		}
	}
	for n < len(text) && text[n]-'0' <= 9 && n < 12 {
		milliseconds = milliseconds*10 + int64(text[n]-'0')
		n++
	}
	if n == 0 || text[0] == '0' && n > 1 || milliseconds > lastSecond {
		return 0, 0
	}
	milliseconds *= 1000
	if n+1 >= len(text) || text[n] != '.' || text[n+1]-'0' > 9 {
		return milliseconds, n
	}
	n++
	if rest := text[n:]; len(rest) >= 3 && rest[1]-'0' <= 9 && rest[2]-'0' <= 9 {
		return milliseconds + int64(rest[0]-'0')*100 + int64(rest[1]-'0')*10 + int64(rest[2]-'0'), n + 3
	}
	for unit := int64(100); unit > 0 && n < len(text) && text[n]-'0' <= 9; unit /= 10 {
		milliseconds += int64(text[n]-'0') * unit
		n++
	}
	return milliseconds, n
}

// add appends a record, and starts a run where its shard is another one. The records that are kept have no refusal and
// no sub-sequence, and what has not changed is not written again: writing a pointer costs while garbage is collected.
func (r *EventReader) add(arn, shard string, key, sequence, data []byte, arrived int64) {
	if n := len(r.runs); n == 0 || r.runs[n-1].Shard != shard || r.runs[n-1].ARN != arn {
		_, stream, _ := strings.Cut(arn, ":stream/")
		r.runs = append(r.runs, Run{ARN: arn, Stream: stream, Shard: shard})
		r.starts = append(r.starts, len(r.records))
	}
	from := r.text.Len()
	r.text.Write(sequence)
	r.text.Write(key)
	text := r.text.String()[from:]
	if len(r.records) == cap(r.records) {
		r.records = slices.Grow(r.records, 1)
	}
	r.records = r.records[:len(r.records)+1]
	one := &r.records[len(r.records)-1]
	if one.Shard != shard {
		one.Shard = shard
	}
	one.Sequence, one.PartitionKey, one.Data, one.ArrivedAt = text[:len(sequence)], text[len(sequence):], data, time.UnixMilli(arrived).UTC()
}
