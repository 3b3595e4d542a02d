// Package handoff is what travels from SnowflakeOrchestrator to SnowflakeUpsert: the payload of one invocation and its
// answer. It is pure; both functions agree on it.
//
//	{"object":"kinesiscsv/…","rows":100,"csv":"SENSORID,…\n6,64,OK,…\n"}   rows with the object they lie in
//	{"object":"kinesiscsv/…","rows":100}                                   the same, to be read from the object
//	{"object":"kinesiscsv/…","rows":100,"without":[7]}                     the same, but for a row that was put aside
//	{"object":"kinesiscsv/…","only":[0]}                                   bring none of them, and answer when no channel may still commit any
//	{"object":"kinesiscsv/…","vacant":[8],"place":{…}}                     ask whether the table has a row where there must be none
//	{"sweep":true}                                                         look after what was appended; an EventBridge schedule does the same
//	{"sweep":true,"look":true}                                             how far all shards are; this changes nothing
//	{"content":[{"sensorId":6,"currentTemperature":64,"status":"OK"}]}     what the original orchestrator sends
//
// The csv is the object's own text, so that the streaming table is filled from the same bytes as the micro-batch table.
package handoff

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/jsontext"
	"github.com/snowstream/snowstream/record/rawzone"
)

// MaxInline is the most bytes an invocation's payload may have to carry its rows itself. AWS takes 6 MiB in a
// synchronous invocation (6,291,456 bytes); beyond our limit the message points to the object instead.
const MaxInline = 5 << 20

// maxHead is more than all but the rows takes: two keys of 1,024 bytes, of which each may take six, and numbers.
const maxHead = 64 << 10

// Message asks Upsert to bring rows into the streaming table.
type Message struct {
	// Object is the key of the object of rows.
	Object string `json:"object,omitempty"`
	// Rows is how many rows there are: whoever reads fewer must not report success.
	Rows int `json:"rows,omitempty"`
	// Place is where the object stands in its shard, for a row path that depends on the order. Without it the rows are merged.
	Place *Place `json:"place,omitempty"`
	// Sweep asks for nothing but that what was appended and has not become visible is appended again, of all shards.
	Sweep bool `json:"sweep,omitempty"`
	// Look changes a sweep into a question: how far all shards are.
	Look bool `json:"look,omitempty"`
	// Source is "aws.events" in the event of a schedule, which asks for a sweep.
	Source string `json:"source,omitempty"`
	// CSV are the rows with their header line. Empty means: read Object.
	CSV string `json:"csv,omitempty"`
	// Without are ordinals of rows that were put aside: they must not be brought.
	Without []int64 `json:"without,omitempty"`
	// Only are the ordinals of the rows to bring, if not all. Rows is then how many these are; none means only to wait until no
	// channel may still commit rows of the object.
	Only []int64 `json:"only,omitempty"`
	// Vacant are ordinals of the object that have no row, because their records are in quarantine: the table must not have one
	// either. It needs Place, and comes with or without Rows.
	Vacant []int64 `json:"vacant,omitempty"`
	// Content are plain records, one JSON object each, without identity: the form of the original system.
	Content []json.RawMessage `json:"content,omitempty"`
}

// Place is where an object stands in the chain of its shard's objects.
type Place struct {
	Stream     string `json:"stream"`
	Generation string `json:"generation,omitempty"`
	Shard      string `json:"shard"`
	// First and Last are the ordinals of the object's range, rejected records included.
	First int64 `json:"first"`
	Last  int64 `json:"last"`
	// Previous is the object in front of it, Object.Previous.
	Previous string `json:"previous,omitempty"`
	// Fresh says that this very call has created the object, so that nobody can have handed it over before.
	Fresh bool `json:"fresh,omitempty"`
	// Channel is what the ledger knows of the shard's channel.
	Channel *rawzone.Channel `json:"channel,omitempty"`
}

// Chain is what the object belongs to.
func (p Place) Chain() rawzone.Chain {
	return rawzone.Chain{Stream: p.Stream, Generation: p.Generation, Shard: p.Shard}
}

// Pending is how far a shard's rows have become visible.
type Pending struct {
	Shard string `json:"shard"`
	// Committed is the ordinal up to which rows are visible, Last that of the last row that was handed over.
	Committed int64 `json:"committed"`
	Last      int64 `json:"last"`
	// Rejected counts the rows that the table did not take in the life of the shard's channel.
	Rejected int64 `json:"rejected,omitempty"`
	// Message is what the service says of the last of them. It may quote the row: it is for a person, never for a log.
	Message string `json:"message,omitempty"`
	// Again says that rows did not become visible and were appended again, Error why a shard could not be looked at.
	Again bool   `json:"again,omitempty"`
	Error string `json:"error,omitempty"`
}

// Answer is what Upsert reports of a Message.
type Answer struct {
	// Rows is how many rows were looked at; it equals the message's Rows.
	Rows int `json:"rows"`
	// Inserted is how many of them were new to the table.
	Inserted int64 `json:"inserted"`
	// Channel is what is known of the shard's channel now: also where rows are merged, of a shard that had one.
	Channel *rawzone.Channel `json:"channel,omitempty"`
	// Note says that nothing was done yet: the ledger has to hold Channel first, which says that rows go another way from here on. Then
	// the message comes once more.
	Note bool `json:"note,omitempty"`
	// Pending are the shards of a sweep.
	Pending []Pending `json:"pending,omitempty"`
	// Quarantined counts records of Content that could not become rows.
	Quarantined int `json:"quarantined,omitempty"`
	// Refused are rows that the table does not take; all others that were looked at are there.
	Refused []record.Refusal `json:"refused,omitempty"`
	// Taken is a row of another record under one of the object's ordinals: the object's own row is not there, and cannot come.
	Taken *record.Taken `json:"taken,omitempty"`
	// More says that there were too many of them to look at all rows: put these aside, and come again without them.
	More bool `json:"more,omitempty"`
}

// Complete returns an error if not all of a message's rows were looked at, or other rows stand in their places.
func (a Answer) Complete(m Message) error {
	if a.Taken != nil {
		return a.Taken
	}
	if a.Note {
		return fmt.Errorf("upsert of %s wants the ledger to note first that its rows go another way than before", m.Object)
	}
	if a.Rows != m.Rows && !a.More {
		return fmt.Errorf("upsert of %s looked at %d of %d rows", m.Object, a.Rows, m.Rows)
	}
	return nil
}

// Encode writes a message, inline if it fits and as a pointer to its object if it does not.
func Encode(m Message) ([]byte, error) {
	if len(m.CSV) > MaxInline {
		m.CSV = ""
	}
	payload, err := encode(m)
	if err == nil && len(payload) > MaxInline && m.CSV != "" {
		m.CSV = ""
		return encode(m)
	}
	return payload, err
}

// encode writes the JSON. The rows are most of it, and they are UTF-8 with few characters that JSON escapes, so they are
// put in by hand, in one pass.
func encode(m Message) ([]byte, error) {
	rows := m.CSV
	byHand := rows != "" && m.Content == nil && utf8.ValidString(rows)
	if byHand {
		m.CSV = ""
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false) // <, > and & would take six bytes each
	if err := e.Encode(m); err != nil {
		return nil, fmt.Errorf("encode the hand-over of %s: %w", m.Object, err)
	}
	text := bytes.TrimSuffix(out.Bytes(), []byte("\n"))
	if !byHand {
		return text, nil
	}
	payload := make([]byte, 0, len(text)+len(rows)+len(rows)/32+32)
	payload = append(payload, text[:len(text)-1]...)
	if len(text) > len("{}") {
		payload = append(payload, ',')
	}
	return append(jsontext.Append(append(payload, `"csv":`...), rows), '}'), nil
}

// Decode reads a message. The error names what is wrong and never what was in it.
func Decode(payload []byte) (Message, error) {
	m, own := cut(payload)
	if own {
		return m, nil
	}
	if err := json.Unmarshal(payload, &m); err != nil {
		return Message{}, errors.New(`the payload is not a JSON object with "object" or "content"`)
	}
	m.Sweep = m.Sweep || m.Source == "aws.events"
	switch {
	case m.Sweep && m.Object == "" && m.Content == nil:
		return m, nil
	case (m.Object == "") == (m.Content == nil):
		return Message{}, errors.New(`the payload needs either "object" or "content"`)
	case m.Object != "" && m.Rows < 1 && len(m.Only) == 0 && (len(m.Vacant) == 0 || m.CSV != ""):
		return Message{}, fmt.Errorf(`the payload for object %s says no "rows"`, m.Object)
	case len(m.Vacant) > 0 && m.Place == nil:
		return Message{}, fmt.Errorf(`the payload for object %s says "vacant" and no "place"`, m.Object)
	}
	return m, nil
}

// cut reads a message as Encode writes it, with its rows. ok is false for any other, right or wrong.
func cut(payload []byte) (m Message, ok bool) {
	if !bytes.HasPrefix(payload, []byte(`{"object":`)) {
		return Message{}, false
	}
	end := bytes.Index(payload[:min(len(payload), maxHead)], []byte(`,"csv":`)) // in no string: its quotes would be escaped
	if end < 0 {
		return Message{}, false
	}
	csv, after, ok := jsontext.Cut(payload[end+len(`,"csv":`):])
	if !ok || string(after) != "}" {
		return Message{}, false
	}
	if json.Unmarshal(append(bytes.Clone(payload[:end]), '}'), &m) != nil || m.Object == "" || m.Rows < 1 || m.CSV != "" || m.Content != nil || m.Sweep {
		return Message{}, false
	}
	m.CSV = string(csv)
	return m, true
}
