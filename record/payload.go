package record

// Payload is how a payload holds records. Whatever it is, each record in it gets a sub-sequence number of its own, dense and
// in the order of the payload, and one that is no row goes to quarantine alone.
type Payload uint8

// The payloads.
const (
	Document       Payload = iota // one JSON object
	Lines                         // one record a line; blank lines are none
	Concatenated                  // records one behind the other, with or without white space
	Array                         // one array of records
	CloudWatchLogs                // what a CloudWatch Logs subscription sends: a row for each log event
	Auto                          // any of the above, as each payload begins
)

var payloadNames = [...]string{"document", "lines", "concatenated", "array", "cloudwatch-logs", "auto"}

// String is the payload's name in a schema file.
func (p Payload) String() string { return payloadNames[p] }

// Payloads are all payloads, in the order of their constants.
func Payloads() []Payload {
	out := make([]Payload, len(payloadNames))
	for i := range out {
		out[i] = Payload(i)
	}
	return out
}

// Member calls yield with each member of the JSON object that text is, in order, until yield returns false: its name with
// escapes undone, and the bytes of its value. All of the object is checked like a payload's; it reports what is wrong with
// it, NotObject for another value. What yield gets is valid until it returns; value is a piece of text.
func Member(text []byte, yield func(name string, value []byte) bool) Code {
	s := scanner{data: text}
	if s.space(); s.at == len(text) {
		return Empty
	}
	if text[s.at] != '{' {
		if _, code := s.value(0); code != OK {
			return code
		}
		return NotObject
	}
	var m members
	for {
		name, more, code := s.member(&m, 0)
		if code != OK {
			return code
		}
		if !more {
			break
		}
		v, code := s.value(1)
		if code != OK {
			return code
		}
		if !yield(string(name), v.raw) {
			return OK
		}
	}
	if s.space(); s.at != len(text) {
		return NotJSON
	}
	return OK
}
