package record

import (
	"bytes"
	"slices"
)

// shape is how the last record of an event that was read member by member looks: the text between its five changing
// values. A record with the same text in between and five values of the same kinds is the same JSON, so nothing else of
// it has to be looked at. The text is a copy, because the shape outlives the event: the first record of the next event
// fits it, too.
type shape struct {
	text  []byte
	slots []slot
	// end is the text behind the last value.
	end        []byte
	arn, shard string
}

// slot is one changing value and the text in front of it.
type slot struct {
	before []byte
	what   what
}

// what a changing value is.
type what uint8

const (
	partitionKey what = iota
	sequenceNumber
	payloadData
	arrivalTime
	eventID
)

// learn takes a record, which starts at offset start of its event, for the shape of those to come. A record that is
// written in an unusual way is none.
func (s *shape) learn(text []byte, start int, e *envelope, arn, shard string) {
	s.slots = s.slots[:0]
	values := [...]field{partitionKey: e.key, sequenceNumber: e.sequence, payloadData: e.data, arrivalTime: e.arrival, eventID: e.id}
	order := []what{partitionKey, sequenceNumber, payloadData, arrivalTime, eventID}
	slices.SortFunc(order, func(a, b what) int { return values[a].from - values[b].from })
	for _, v := range values {
		if !v.bare {
			return
		}
	}
	s.text = append(s.text[:0], text...)
	at := 0
	for _, w := range order {
		from := values[w].from - start
		s.slots = append(s.slots, slot{s.text[at:from], w})
		at = from + len(values[w].text)
	}
	s.end, s.arn, s.shard = s.text[at:], arn, shard
}

// like reads the record that the scanner stands before by the shape. If it does not fit, the scanner stays where it is.
func (r *EventReader) like() bool {
	s := &r.shape
	if len(s.slots) == 0 {
		return false
	}
	var key, sequence, data, id []byte
	var arrived int64
	rest := r.scan.data[r.scan.at:]
	for i := range s.slots {
		before := s.slots[i].before
		if len(rest) < len(before) || string(rest[:len(before)]) != string(before) {
			return false
		}
		rest = rest[len(before):]
		n := 0
		switch s.slots[i].what {
		case partitionKey:
			n = bare(rest)
			key = rest[:n]
		case sequenceNumber:
			n = digits(rest)
			sequence = rest[:n]
		case payloadData:
			n = max(bytes.IndexByte(rest, '"'), 0)
			data = rest[:n]
		case arrivalTime:
			if arrived, n = decimalSeconds(rest); n == 0 {
				return false
			}
		case eventID:
			if n = len(s.shard) + 1 + len(sequence); len(sequence) == 0 || n > len(rest) {
				n = bare(rest)
			}
			id = rest[:n]
		}
		rest = rest[n:]
	}
	if !bytes.HasPrefix(rest, s.end) || !isIDOf(id, s.shard, sequence) {
		return false
	}
	decoded, ok := r.decode(data)
	if !ok {
		return false
	}
	r.scan.at = len(r.scan.data) - len(rest) + len(s.end)
	r.add(s.arn, s.shard, key, sequence, decoded, arrived)
	return true
}

// isIDOf reports whether id is the shard's and the sequence number's eventID.
func isIDOf(id []byte, shard string, sequence []byte) bool {
	n := len(shard)
	return len(sequence) > 0 && len(sequence) <= 128 && len(id) == n+1+len(sequence) &&
		string(id[:n]) == shard && id[n] == ':' && string(id[n+1:]) == string(sequence)
}
