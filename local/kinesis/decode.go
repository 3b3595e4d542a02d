package kinesis

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds the nesting of values that are skipped.
const maxDepth = 100

// scanner reads the JSON of a put in place, without copying or allocating: the general decoder costs ten times as much
// as storing the records. Once something is wrong it stays failed and all further calls do nothing. It accepts raw
// control characters in strings; otherwise it is strict.
type scanner struct {
	buf    []byte // owned: strings with escapes are unescaped in place
	at     int
	failed bool
}

func (s *scanner) fail() { s.failed = true }

// peek returns the next byte that is not space, 0 at the end.
func (s *scanner) peek() byte {
	for s.at < len(s.buf) {
		switch c := s.buf[s.at]; c {
		case ' ', '\t', '\r', '\n':
			s.at++
		default:
			return c
		}
	}
	return 0
}

// take moves over the next byte if it is c.
func (s *scanner) take(c byte) bool {
	if s.failed || s.peek() != c {
		return false
	}
	s.at++
	return true
}

func (s *scanner) want(c byte) {
	if !s.take(c) {
		s.fail()
	}
}

// word moves over a literal.
func (s *scanner) word(w string) bool {
	s.peek()
	if s.failed || !bytes.HasPrefix(s.buf[s.at:], []byte(w)) {
		return false
	}
	s.at += len(w)
	return true
}

// object calls field for each key; it must read the value.
func (s *scanner) object(field func(key []byte)) {
	s.want('{')
	if s.take('}') {
		return
	}
	for !s.failed {
		key := s.text()
		if key == nil {
			s.fail()
			return
		}
		s.want(':')
		field(key)
		if s.take('}') {
			return
		}
		s.want(',')
	}
}

// array calls element for each one; it must read the value.
func (s *scanner) array(element func()) {
	s.want('[')
	if s.take(']') {
		return
	}
	for !s.failed {
		element()
		if s.take(']') {
			return
		}
		s.want(',')
	}
}

// text reads a string; nil stands for null.
func (s *scanner) text() []byte {
	if !s.take('"') {
		if !s.word("null") {
			s.fail()
		}
		return nil
	}
	rest := s.buf[s.at:]
	end := bytes.IndexByte(rest, '"')
	if end < 0 {
		s.fail()
		return nil
	}
	if bytes.IndexByte(rest[:end], '\\') >= 0 {
		return s.unescape()
	}
	s.at += end + 1
	return rest[:end:end]
}

// unescape reads the rest of a string that has escapes.
func (s *scanner) unescape() []byte {
	start, to := s.at, s.at
	for s.at < len(s.buf) {
		c := s.buf[s.at]
		s.at++
		switch c {
		case '"':
			return s.buf[start:to:to]
		case '\\':
			var r rune
			if r = s.escape(); s.failed {
				return nil
			}
			to += utf8.EncodeRune(s.buf[to:], r) // shorter than its escape
		default:
			s.buf[to] = c
			to++
		}
	}
	s.fail()
	return nil
}

// escape reads what follows a backslash. Half a surrogate pair is no character.
func (s *scanner) escape() rune {
	if s.at == len(s.buf) {
		s.fail()
		return 0
	}
	c := s.buf[s.at]
	s.at++
	switch c {
	case '"', '\\', '/':
		return rune(c)
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'u':
		return s.unicode()
	}
	s.fail()
	return 0
}

func (s *scanner) unicode() rune {
	r := s.hex()
	if !utf16.IsSurrogate(r) {
		return r
	}
	if !bytes.HasPrefix(s.buf[s.at:], []byte(`\u`)) {
		s.fail()
		return 0
	}
	s.at += 2
	r = utf16.DecodeRune(r, s.hex())
	if r == utf8.RuneError {
		s.fail()
	}
	return r
}

func (s *scanner) hex() rune {
	if s.at+4 > len(s.buf) {
		s.fail()
		return 0
	}
	n, err := strconv.ParseUint(string(s.buf[s.at:s.at+4]), 16, 16)
	if err != nil {
		s.fail()
	}
	s.at += 4
	return rune(n)
}

// boolean reads true, false or null.
func (s *scanner) boolean() bool {
	if s.word("true") {
		return true
	}
	if !s.word("false") && !s.word("null") {
		s.fail()
	}
	return false
}

// skip moves over any value.
func (s *scanner) skip() { s.skipDeep(0) }

func (s *scanner) skipDeep(depth int) {
	if depth > maxDepth {
		s.fail()
	}
	if s.failed {
		return
	}
	switch c := s.peek(); {
	case c == '{':
		s.object(func([]byte) { s.skipDeep(depth + 1) })
	case c == '[':
		s.array(func() { s.skipDeep(depth + 1) })
	case c == '"':
		s.text()
	case c == '-' || (c >= '0' && c <= '9'):
		s.number()
	default:
		if !s.word("null") {
			s.boolean()
		}
	}
}

// number moves over a number.
func (s *scanner) number() {
	start := s.at
	for s.at < len(s.buf) && bytes.IndexByte([]byte("+-.0123456789Ee"), s.buf[s.at]) >= 0 {
		s.at++
	}
	if !json.Valid(s.buf[start:s.at]) {
		s.fail()
	}
}

// end fails unless only space is left.
func (s *scanner) end() {
	if s.peek() != 0 || s.at < len(s.buf) {
		s.fail()
	}
}

// putEntry is one record of a put. Its bytes belong to the call.
type putEntry struct {
	key, data    []byte
	explicitHash []byte // nil unless given
	dataBad      bool   // not base64
}

// field reads the value of an entry's key, unless the key is not an entry's. The payload goes into arena.
func (e *putEntry) field(s *scanner, key []byte, arena *[]byte) bool {
	switch string(key) {
	case "Data":
		e.decode(s.text(), arena)
	case "PartitionKey":
		e.key = s.text()
	case "ExplicitHashKey":
		e.explicitHash = s.text()
	default:
		return false
	}
	return true
}

// decode undoes base64 behind what arena holds already; arena has room for the whole request and is never moved.
func (e *putEntry) decode(text []byte, arena *[]byte) {
	e.data, e.dataBad = nil, false
	if text == nil {
		return
	}
	start := len(*arena)
	grown, err := base64.StdEncoding.AppendDecode(*arena, text)
	e.dataBad = err != nil
	*arena = grown
	e.data = grown[start:len(grown):len(grown)]
}

// decodePut reads the request of PutRecord or PutRecords from body, which it changes.
func (c *call) decodePut() error {
	s := scanner{buf: c.body}
	c.arena = c.arena[:0]
	if cap(c.arena) < len(c.body) {
		c.arena = make([]byte, 0, len(c.body))
	}
	c.entries, c.listed = c.entries[:0], false
	var single putEntry
	s.object(func(key []byte) {
		if single.field(&s, key, &c.arena) {
			return
		}
		switch string(key) {
		case "StreamName":
			c.target.StreamName = string(s.text())
		case "StreamARN":
			c.target.StreamARN = string(s.text())
		case "SequenceNumberForOrdering":
			c.orderAfter = string(s.text())
		case "DryRun":
			c.dryRun = s.boolean()
		case "Records":
			c.entries, c.listed = c.entries[:0], true
			s.array(func() { c.decodeEntry(&s) })
		default:
			s.skip()
		}
	})
	s.end()
	if s.failed {
		return unreadable("The request is not the JSON of a put, at byte %d.", s.at)
	}
	if !c.listed {
		c.entries = append(c.entries, single)
	}
	return nil
}

// decodeEntry reads one element of Records. Further ones than a call may have are counted, not kept.
func (c *call) decodeEntry(s *scanner) {
	var e putEntry
	s.object(func(key []byte) {
		if !e.field(s, key, &c.arena) {
			s.skip()
		}
	})
	if len(c.entries) <= maxRecordsCall {
		c.entries = append(c.entries, e)
	}
}
