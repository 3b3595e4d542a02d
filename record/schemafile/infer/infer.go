// Package infer proposes a schema from sample records, with comments on what it saw.
//
// It reads records one by one and keeps counts for each field, not records, so its memory is bounded whatever it
// reads: at most maxFields fields, maxWidth in one object, maxLevels deep. An object beyond that is proposed as one
// variant column. The proposal takes every record that it was made from; whether it fits the next one is for its
// reader to judge, and the comments say what to judge by.
package infer

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/snowstream/snowstream/record"
	"github.com/snowstream/snowstream/record/unpack"
)

const (
	maxFields  = 1000
	maxWidth   = 250
	maxLevels  = 8
	maxName    = 4 << 10   // bytes of a field's name
	maxNames   = 128 << 10 // bytes of all paths, which a schema file must hold
	maxRefused = 10        // refused lines that are named
)

// Observer sees records and proposes a schema for them. One goroutine uses it.
type Observer struct {
	records int64
	root    *node
	fields  int
	// names are the bytes of the paths of all fields.
	names int
	// wrapping is what stands around the records, unpacker takes that apart; control counts what the envelope's system sends.
	wrapping record.Schema
	unpacker *unpack.Unpacker
	control  int64
	// documents, arrays and several count the lines by how they hold records; single takes each for one document.
	single                     *unpack.Unpacker
	documents, arrays, several int64
	// left says that the top level has more fields than are proposed.
	left    bool
	refused map[record.Code]int64
	named   []refusal
	// checks refuses what does not even fit variants; candidates know what strings may be.
	checks     *record.Decoder
	candidates []*record.Decoder
	// floats knows which numbers a binary64 holds.
	floats *record.Decoder
}

// refusal is a line that is no record.
type refusal struct {
	line int64
	code record.Code
}

// node is what was seen of one field.
type node struct {
	path                                                        []string
	length                                                      int // bytes of the path
	present, nulls, booleans, numbers, strings, arrays, objects int64
	number                                                      numbers
	text                                                        texts
	// lists counts the arrays of nothing but objects, longest is the most elements of one.
	lists   int64
	longest int
	// children are the fields of the objects seen here, in the order of their first appearance; none if closed.
	children []*node
	byName   map[string]*node
	// closed objects are too wide or too deep to be columns.
	closed bool
}

// New returns an Observer that has seen nothing.
func New() *Observer {
	single, _ := unpack.New(record.Schema{}) // the limits that it sets are valid
	return &Observer{
		single:  single,
		root:    &node{},
		refused: map[record.Code]int64{},
		checks: record.NewDecoder(record.Schema{
			Columns: []record.Column{{Path: []string{"\x00"}, Name: "NONE", Type: record.Variant}}, Unknown: record.Keep, Rest: "ALL",
		}),
		candidates: decoders(),
		floats:     record.NewDecoder(record.Schema{Columns: []record.Column{{Path: []string{"t"}, Name: "T", Type: record.Float}}}),
	}
}

// Add looks at the records in a line of the sample, as a payload of payload: auto holds them, and in the envelope that the
// first record has. One that would be quarantined even if all of it went into a variant column is counted and does not shape
// the proposal.
func (o *Observer) Add(line int64, payload []byte) {
	before := o.records
	if o.unpacker == nil {
		o.start(payload)
	}
	for _, r := range o.unpacker.Append(nil, record.Record{Data: payload}) {
		code := r.Refused
		document := r.Data
		if code == record.OK {
			document, code = o.wrapping.Open(document)
		}
		if code.Aside() {
			o.control++
			continue
		}
		if code == record.OK {
			if _, reason := o.checks.Decode(document); reason != nil {
				code = reason.Code
			}
		}
		if code != record.OK {
			o.Refuse(line, code)
			continue
		}
		o.records++
		d := json.NewDecoder(bytes.NewReader(document))
		d.UseNumber()
		o.value(d, o.root, 0)
	}
	if o.records > before {
		o.seePayload(payload)
	}
}

// start takes the envelope of the first record for that of all.
func (o *Observer) start(payload []byte) {
	plain, _ := unpack.New(record.Schema{Payload: record.Auto, Envelope: record.IoT}) // splits, and explodes nothing
	if first := plain.Append(nil, record.Record{Data: payload}); plain != nil && len(first) > 0 {
		o.wrapping.Envelope = record.EnvelopeOf(first[0].Data)
	}
	o.wrapping.Payload = record.Auto
	o.unpacker, _ = unpack.New(o.wrapping) // the limits that it sets are valid
	if o.wrapping.Envelope == record.NoEnvelope {
		o.wrapping.Payload = record.Document
	}
}

// seePayload counts how the lines with records hold them: as one document if that is what a stream with payload: document
// would take them for.
func (o *Observer) seePayload(payload []byte) {
	kind := &o.documents
	for _, r := range o.single.Append(nil, record.Record{Data: payload}) {
		if bytes.HasPrefix(bytes.TrimSpace(r.Data), []byte("[")) {
			kind = &o.arrays
		} else if _, reason := o.checks.Decode(r.Data); r.Refused != record.OK || reason != nil {
			kind = &o.several
		}
	}
	*kind++
}

// Refuse counts a line that cannot be a record.
func (o *Observer) Refuse(line int64, code record.Code) {
	o.refused[code]++
	if len(o.named) < maxRefused {
		o.named = append(o.named, refusal{line, code})
	}
}

// Records is how many records were seen, without the refused ones.
func (o *Observer) Records() int64 { return o.records }

// value reads the next value, which is checked already, and notes it at n. A nil n is a place that is not watched.
func (o *Observer) value(d *json.Decoder, n *node, depth int) {
	if n == nil {
		var skipped json.RawMessage
		_ = d.Decode(&skipped)
		return
	}
	token, _ := d.Token()
	n.present++
	switch token := token.(type) {
	case nil:
		n.nulls++
	case bool:
		n.booleans++
	case json.Number:
		n.numbers++
		n.number.see(token.String())
		if _, reason := o.floats.Decode([]byte(`{"t":` + token.String() + `}`)); reason != nil {
			n.number.noFloats++
		}
	case string:
		n.strings++
		o.seeText(&n.text, token)
	case json.Delim:
		if token == '[' {
			n.arrays++
			n.seeElements(d)
		} else {
			n.objects++
			o.object(d, n, depth)
		}
		_, _ = d.Token()
	}
}

// seeElements reads the elements of an array.
func (n *node) seeElements(d *json.Decoder) {
	objects, count := true, 0
	for ; d.More(); count++ {
		var element json.RawMessage
		_ = d.Decode(&element)
		objects = objects && len(element) > 0 && element[0] == '{'
	}
	if count > 0 && objects {
		n.lists++
		n.longest = max(n.longest, count)
	}
}

func (o *Observer) object(d *json.Decoder, n *node, depth int) {
	for d.More() {
		name, _ := d.Token()
		o.value(d, o.child(n, name.(string), depth), depth+1)
	}
}

// child is the field with that name, nil if it is not watched.
func (o *Observer) child(n *node, name string, depth int) *node {
	if n.closed {
		return nil
	}
	if c := n.byName[name]; c != nil {
		return c
	}
	if len(n.children) < maxWidth && o.fields < maxFields && depth < maxLevels && len(name) <= maxName && o.names+n.length+len(name) <= maxNames {
		if n.byName == nil {
			n.byName = map[string]*node{}
		}
		c := &node{path: append(n.path[:len(n.path):len(n.path)], strings.Clone(name)), length: n.length + len(name)}
		n.byName[c.path[len(c.path)-1]] = c
		n.children = append(n.children, c)
		o.fields++
		o.names += c.length
		return c
	}
	if n == o.root {
		o.left = true // a record is no column: what has no place is left to the policy for unknown fields
		return nil
	}
	fields, names := n.below()
	o.fields, o.names = o.fields-fields, o.names-names
	n.closed, n.children, n.byName = true, nil, nil
	return nil
}

// below counts the fields under n, and the bytes of their paths.
func (n *node) below() (fields, names int) {
	for _, c := range n.children {
		f, l := c.below()
		fields, names = fields+f+1, names+l+c.length
	}
	return fields, names
}
