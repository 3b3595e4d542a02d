// Package handoff is what travels from SnowflakeOrchestrator to SnowflakeUpsert: the payload of one invocation and its
// answer. It is pure; both functions agree on it.
//
//	{"object":"kinesiscsv/…","rows":100,"csv":"SENSORID,…\n6,64,OK,…\n"}   rows with the object they lie in
//	{"object":"kinesiscsv/…","rows":100}                                   the same, to be read from the object
//	{"content":[{"sensorId":6,"currentTemperature":64,"status":"OK"}]}     what the original orchestrator sends
//
// The csv is the object's own text, so that the streaming table is filled from the same bytes as the micro-batch table.
package handoff

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/snowstream/snowstream/record/jsontext"
)

// MaxInline is the most bytes an invocation's payload may have to carry its rows itself. AWS takes 6 MiB in a
// synchronous invocation (6,291,456 bytes); beyond our limit the message points to the object instead.
const MaxInline = 5 << 20

// maxKey is the most bytes that an object's key takes in JSON: S3 allows 1,024 bytes, of which each may take six.
const maxKey = 6*1024 + 2

// Message asks Upsert to bring rows into the streaming table.
type Message struct {
	// Object is the key of the object of rows.
	Object string `json:"object,omitempty"`
	// Rows is how many rows there are: whoever reads fewer must not report success.
	Rows int `json:"rows,omitempty"`
	// CSV are the rows with their header line. Empty means: read Object.
	CSV string `json:"csv,omitempty"`
	// Content are plain records, one JSON object each, without identity: the form of the original system.
	Content []json.RawMessage `json:"content,omitempty"`
}

// Answer is what Upsert reports of a Message.
type Answer struct {
	// Rows is how many rows were looked at; it equals the message's Rows.
	Rows int `json:"rows"`
	// Inserted is how many of them were new to the table.
	Inserted int64 `json:"inserted"`
	// Quarantined counts records of Content that could not become rows.
	Quarantined int `json:"quarantined,omitempty"`
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
	switch {
	case (m.Object == "") == (m.Content == nil):
		return Message{}, errors.New(`the payload needs either "object" or "content"`)
	case m.Object != "" && m.Rows < 1:
		return Message{}, fmt.Errorf(`the payload for object %s says no "rows"`, m.Object)
	}
	return m, nil
}

// cut reads a message as Encode writes it, with its rows. ok is false for any other, right or wrong.
func cut(payload []byte) (m Message, ok bool) {
	rest, ok := bytes.CutPrefix(payload, []byte(`{"object":`))
	if !ok {
		return Message{}, false
	}
	end := bytes.Index(rest, []byte(`,"rows":`))
	if end < 0 || end > maxKey {
		return Message{}, false
	}
	object, after, ok := jsontext.Cut(rest[:end:end])
	if !ok || len(object) == 0 || len(after) > 0 {
		return Message{}, false
	}
	number, rest, ok := bytes.Cut(rest[end+len(`,"rows":`):], []byte(`,"csv":`))
	rows, err := strconv.Atoi(string(number))
	if !ok || err != nil || rows < 1 || number[0] == '0' || number[0] == '+' {
		return Message{}, false
	}
	csv, after, ok := jsontext.Cut(rest)
	if !ok || string(after) != "}" {
		return Message{}, false
	}
	return Message{Object: string(object), Rows: rows, CSV: string(csv)}, true
}
