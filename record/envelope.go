package record

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"unicode/utf8"
)

// Envelope is the form in which another system wraps the records that it sends. A schema that names one reads its columns from
// what the envelope holds, and tells the system's own messages from data.
type Envelope uint8

// The envelopes.
const (
	NoEnvelope  Envelope = iota
	DMS                  // AWS DMS: data, metadata and before-image, as they are
	Debezium             // Debezium: before, after, source, op and ts_ms, without a schema around them
	DynamoDB             // Kinesis Data Streams for DynamoDB: dynamodb.Keys, NewImage and OldImage as plain JSON
	EventBridge          // Amazon EventBridge: detail and the fields beside it, as they are
	CloudWatch           // CloudWatch Logs: a row for each of logEvents
	Firehose             // Firehose's requests: a row for each of records, with its data decoded
	IoT                  // AWS IoT: messages and shadows as they are
)

var envelopeNames = [...]string{"none", "dms", "debezium", "dynamodb", "eventbridge", "cloudwatch-logs", "firehose", "iot"}

// String is the envelope's name in a schema file.
func (e Envelope) String() string { return envelopeNames[e] }

// Envelopes are all envelopes, in the order of their constants.
func Envelopes() []Envelope {
	out := make([]Envelope, len(envelopeNames))
	for i := range out {
		out[i] = Envelope(i)
	}
	return out
}

// hasControl reports whether the envelope's system sends messages of its own.
func (e Envelope) hasControl() bool {
	return e == DMS || e == Debezium || e == CloudWatch || e == IoT
}

// Control says where the messages of an envelope's own system go.
type Control uint8

// The places.
const (
	// Aside: they take an ordinal and lie beside what is in quarantine, told apart by control_record and tombstone.
	Aside Control = iota
	// Rows: they become rows, with NULL in the columns that they have no value for. A tombstone, which is empty, stays aside.
	Rows
)

var controlNames = [...]string{"aside", "rows"}

// String is the place's name in a schema file.
func (c Control) String() string { return controlNames[c] }

// CloudWatchLogsEvents is the path to the log events of a CloudWatch Logs message.
func CloudWatchLogsEvents() []string { return []string{"logEvents"} }

// IsCloudWatchLogs reports whether a document is what a CloudWatch Logs subscription sends.
func IsCloudWatchLogs(document []byte) bool {
	m, code := membersOf(document, "messageType", "logGroup", "logEvents")
	return code == OK && m[0] != nil && m[1] != nil && m[2] != nil
}

// EnvelopeOf recognises an envelope by what no other document has; NoEnvelope where that is not sure, as for AWS IoT, whose
// messages have no mark.
func EnvelopeOf(document []byte) Envelope {
	m, code := membersOf(document, "metadata", "payload", "op", "source", "dynamodb", "eventName", "detail-type", "detail", "records", "requestId", "deliveryStreamArn")
	if code != OK {
		return NoEnvelope
	}
	switch {
	case IsCloudWatchLogs(document):
		return CloudWatch
	case isObject(m[4]) && m[5] != nil:
		return DynamoDB
	case m[6] != nil && m[7] != nil && m[3] != nil:
		return EventBridge
	case len(m[8]) > 0 && m[8][0] == '[' && (m[9] != nil || m[10] != nil):
		return Firehose
	case isObject(m[0]):
		if kind, _ := membersOf(m[0], "record-type", "operation"); kind[0] != nil && kind[1] != nil {
			return DMS
		}
	case isObject(m[1]), m[2] != nil && isObject(m[3]):
		if _, code := openDebezium(document); code != WrongEnvelope {
			return Debezium
		}
	}
	return NoEnvelope
}

// membersOf are the values of an object's members with these names, nil for those that are not there.
func membersOf(object []byte, names ...string) ([][]byte, Code) {
	values := make([][]byte, len(names))
	code := Member(object, func(name string, value []byte) bool {
		for i, n := range names {
			if n == name {
				values[i] = value
			}
		}
		return true
	})
	return values, code
}

// enveloped reports whether payloads are opened before they are decoded.
func (s Schema) enveloped() bool {
	return s.Envelope != NoEnvelope || s.Payload == CloudWatchLogs || s.Payload == Auto
}

// Open returns the document that a payload's envelope holds, or why there is none.
func (s Schema) Open(payload []byte) ([]byte, Code) {
	envelope := s.Envelope
	if envelope == NoEnvelope && (s.Payload == CloudWatchLogs || IsCloudWatchLogs(payload)) {
		envelope = CloudWatch
	}
	if envelope == Debezium && isNothing(payload) {
		return payload, Tombstone
	}
	if envelope == NoEnvelope || len(payload) > MaxPayload {
		return payload, OK
	}
	payload, code := s.whole(payload)
	if code != OK {
		return payload, code
	}
	opened, code := map[Envelope]func([]byte) ([]byte, Code){
		DMS: openDMS, Debezium: openDebezium, DynamoDB: openDynamoDB, EventBridge: openEventBridge, CloudWatch: openCloudWatch,
		Firehose: s.openFirehose, IoT: openIoT,
	}[envelope](payload)
	if code == ControlRecord && s.Control == Rows {
		code = OK
	}
	return opened, code
}

// whole checks all of an object, in which the schema may let names come twice.
func (s Schema) whole(object []byte) ([]byte, Code) {
	all := func(string, []byte) bool { return true }
	code := Member(object, all)
	if code == DuplicateField && s.LastOne {
		object = lastOnes(object)
		code = Member(object, all)
	}
	return object, code
}

// isNothing reports whether a payload is empty or null.
func isNothing(payload []byte) bool {
	text := bytes.Trim(payload, " \t\r\n")
	return len(text) == 0 || string(text) == "null"
}

func isObject(value []byte) bool { return len(value) > 0 && value[0] == '{' }

// text is what a JSON string says, "" for another value.
func text(value []byte) string {
	if len(value) == 0 || value[0] != '"' {
		return ""
	}
	s := scanner{data: value}
	content, code := s.str()
	if code != OK {
		return ""
	}
	return string(content)
}

func openDMS(payload []byte) ([]byte, Code) {
	top, _ := membersOf(payload, "metadata")
	if !isObject(top[0]) {
		return payload, WrongEnvelope
	}
	metadata, _ := membersOf(top[0], "record-type")
	switch text(metadata[0]) {
	case "data":
		return payload, OK
	case "control":
		return payload, ControlRecord
	}
	return payload, WrongEnvelope
}

func openDebezium(payload []byte) ([]byte, Code) {
	wrapped, _ := membersOf(payload, "schema", "payload")
	if wrapped[0] != nil && wrapped[1] != nil {
		if payload = wrapped[1]; isNothing(payload) {
			return payload, Tombstone
		}
		if !isObject(payload) {
			return payload, WrongEnvelope
		}
	}
	m, _ := membersOf(payload, "op", "before", "after", "source", "ts_ms", "ddl", "tableChanges", "status", "id")
	op, before, after, source := text(m[0]), m[1], m[2], m[3]
	switch {
	case op == "t" || op == "m": // a truncation and a message of the database have no row
		return payload, ControlRecord
	case op != "" && (before != nil || after != nil) && source != nil:
		return payload, OK
	case m[5] != nil || m[6] != nil: // a change of the database's schema
		return payload, ControlRecord
	case op == "" && text(m[7]) != "" && m[8] != nil && before == nil && after == nil: // the border of a transaction
		return payload, ControlRecord
	case op == "" && m[4] != nil && before == nil && after == nil && source == nil: // a heartbeat
		return payload, ControlRecord
	}
	return payload, WrongEnvelope
}

func openEventBridge(payload []byte) ([]byte, Code) {
	m, _ := membersOf(payload, "detail-type", "source", "detail")
	if text(m[0]) == "" || text(m[1]) == "" || m[2] == nil {
		return payload, WrongEnvelope
	}
	return payload, OK
}

func openCloudWatch(payload []byte) ([]byte, Code) {
	m, _ := membersOf(payload, "messageType", "logEvents")
	switch text(m[0]) {
	case "DATA_MESSAGE":
		return payload, OK
	case "CONTROL_MESSAGE":
		return payload, ControlRecord
	}
	return payload, WrongEnvelope
}

// openIoT tells the lifecycle events of AWS IoT, which are about clients, from what the clients say.
func openIoT(payload []byte) ([]byte, Code) {
	m, _ := membersOf(payload, "eventType", "clientId", "versionNumber", "sessionIdentifier")
	switch text(m[0]) {
	case "connected", "disconnected", "subscribed", "unsubscribed":
		if m[1] != nil && (m[2] != nil || m[3] != nil) {
			return payload, ControlRecord
		}
	}
	return payload, OK
}

// openFirehose puts what the data of the record is the base64 of into its place: an object as such, other text as a string.
func (s Schema) openFirehose(payload []byte) ([]byte, Code) {
	top, _ := membersOf(payload, "records")
	if !isObject(top[0]) {
		return payload, WrongEnvelope
	}
	one, _ := membersOf(top[0], "data")
	if len(one[0]) == 0 || one[0][0] != '"' {
		return payload, WrongEnvelope
	}
	data, err := base64.StdEncoding.DecodeString(text(one[0]))
	if err != nil {
		return payload, BadEncoding
	}
	if data = bytes.Trim(data, " \t\r\n"); len(data) == 0 || data[0] != '{' {
		if !utf8.Valid(data) {
			return payload, NotUTF8
		}
		if data, err = json.Marshal(string(data)); err != nil {
			return payload, BadEncoding
		}
	} else {
		var code Code
		if data, code = s.whole(data); code != OK {
			return payload, code // broken JSON would break what is around it
		}
	}
	at := cap(payload) - cap(one[0])
	return bytes.Join([][]byte{payload[:at], data, payload[at+len(one[0]):]}, nil), OK
}
